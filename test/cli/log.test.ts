/** What the daemon's log says, and what it never says: as users run it, at level debug. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const PASSWORD = 'open-sesame-4711';
const [SPEAKER, EAST, LOCKED] = [1, 2, 3].map(loopbackAddress);
let daemon: LocalDaemon;

const config = (password: string) => ({
  routerId: SPEAKER,
  as: 65_000,
  peers: [
    { name: 'east', address: EAST, as: 65_001, passive: true },
    { name: 'locked', address: LOCKED, as: 65_002, password, connectRetryTimeSeconds: 1 },
  ],
});
const lines = (msgid: string, peer: string) =>
  daemon.log().filter((line) => line.msgid === msgid && line.peer === peer);
const line = (msgid: string, peer: string, count = 1) =>
  waitUntil(
    `${msgid} of ${peer}`,
    DEADLINE_MS,
    () => Promise.resolve(lines(msgid, peer)),
    ({ length }) => length >= count,
  ).then((found) => found[count - 1]);

beforeAll(async () => {
  daemon = await LocalDaemon.start(SPEAKER, config(PASSWORD));
});
afterAll(() => daemon.stop());

test('the end of a session is one line with the reasons of both sides', async () => {
  const east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
  await line('PEER_UP', 'east');
  await daemon.cli('peer', 'east', 'reset');
  const ours = await line('PEER_DOWN', 'east');
  expect(ours).toMatchObject({ sent: expect.stringMatching(/^6\/4 Cease/), received: null });
  east.close();

  const again = await waitUntil(
    'it comes back',
    DEADLINE_MS,
    () => SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 }).catch(() => null),
    (speaker) => speaker !== null,
  );
  await line('PEER_UP', 'east', 2);
  again?.close();
  const theirs = await line('PEER_DOWN', 'east', 2);
  expect(theirs).toMatchObject({ sent: null, received: null, tcp: expect.any(String) });
});

test('no password is in it: not at debug, not in a dump by signal, not after a change', async () => {
  daemon.process.signal('SIGUSR1');
  await waitUntil(
    'the dump',
    DEADLINE_MS,
    () => Promise.resolve(daemon.log()),
    (all) => all.some(({ msgid, peer }) => msgid === 'DUMP' && peer === 'locked'),
  );
  await daemon.reload(config(`${PASSWORD}-2`));
  await waitUntil(
    'an attempt',
    DEADLINE_MS,
    () => Promise.resolve(lines('PEER_ATTEMPT', 'locked')),
    ({ length }) => length > 0,
  );
  expect(daemon.process.log()).not.toContain('sesame');
  expect((await daemon.cli('show', 'recent', '--json')).stdout).not.toContain('sesame');
});

test('a peer whose name is nearly right is named', async () => {
  const { status, stderr } = await daemon.cli('show', 'peer', 'esat');
  expect(status).toBe(1);
  expect(stderr).toContain('there is no peer "esat"; there are: east, locked; did you mean east?');
});

test('what comes again is counted, and told when the process ends', async () => {
  const unusable = { listen: [{ address: '203.0.113.250', port: 11_979 }] };
  for (const description of ['a', 'b', 'c']) {
    const [east, locked] = config(PASSWORD).peers;
    await daemon.reload({ ...config(PASSWORD), ...unusable, peers: [{ ...east, description }, locked] });
  }
  await daemon.stop();
  const failures = daemon.log().filter(({ msgid }) => msgid === 'LISTEN_FAILED');
  expect(failures.map(({ repeated }) => repeated)).toEqual([undefined, 2]);
});
