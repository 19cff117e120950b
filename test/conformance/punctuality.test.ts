/**
 * KEEPALIVEs go out on time while full tables come in and go out (RFC 4271 4.4 and 6.5): sessions with the shortest
 * hold time there is, beside one peer that loads 300,000 prefixes as fast as the socket takes them and then withdraws
 * all of them by closing, and beside a hundred that send all they have at once. The neighbours here close nothing by
 * themselves: what is judged is what the daemon sent.
 *
 * BFD packets (RFC 5880 6.8.7) are asked for sixty times as often: a second daemon watches the first one at 50 ms x 3, and
 * is watched by it, and neither may go down. docs/bfd.md says how often that fails on an overloaded machine. PEREGRINE_PUNCTUALITY_PREFIXES=1000000 is the long form.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { KEEPALIVE, UPDATE } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { manyRoutes } from '../support/update-octets.ts';
import { waitUntil } from '../support/wait-for.ts';

const OUR_AS = 64_999;
const PREFIXES = Number(process.env.PEREGRINE_PUNCTUALITY_PREFIXES ?? 300_000);
/** As a full table has them: five to fifteen prefixes an attribute set. */
const PREFIXES_PER_UPDATE = 6;
const HOLD_TIME_SECONDS = 3;
const DEADLINE_MS = 60_000;
const [DAEMON, FULL, QUIET, HEARING, WATCHING] = [1, 2, 3, 4, 5].map(loopbackAddress);
const BFD_INTERVAL_MS = 50;
const BFD_MULTIPLIER = 3;
const CROWD = 100;
const PREFIXES_OF_EACH = 20_000;
/** Long enough for what a hundred peers send to wait in the kernel, so that it is there all at once. */
const FREEZE_MS = 50;

let daemon: LocalDaemon;
let other: LocalDaemon | null = null;
afterEach(async () => {
  await daemon.stop();
  await other?.stop();
  other = null;
});

const peer = (name: string, address: string, as: number, more: object = {}) => ({
  ...{ name, address, as, passive: true, holdTimeSeconds: HOLD_TIME_SECONDS },
  ...more,
});

async function start(peers: readonly object[]): Promise<void> {
  daemon = await LocalDaemon.start(DAEMON, { routerId: DAEMON, as: OUR_AS, logLevel: 'warn', peers });
}

/** A neighbour that notes the longest time between two messages to it. */
async function listener(localAddress: string, as: number) {
  const seen = { lastMs: performance.now(), longestMs: 0 };
  const speaker = await SocketSpeaker.establish({
    localAddress,
    address: DAEMON,
    as,
    holdTimeSeconds: HOLD_TIME_SECONDS,
    keepsUpdates: false,
    onMessage: () => {
      const now = performance.now();
      seen.longestMs = Math.max(seen.longestMs, now - seen.lastMs);
      seen.lastMs = now;
    },
  });
  return { speaker, seen };
}

test('sessions with a hold time of 3 s live through the load and the loss of 300,000 prefixes', async () => {
  await start([
    peer('full', FULL, 65_001, { holdTimeSeconds: 90, export: 'reject-all' }),
    peer('quiet', QUIET, 65_002, { export: 'reject-all' }),
    peer('hearing', HEARING, 65_003),
  ]);
  const quiet = await listener(QUIET, 65_002);
  const hearing = await listener(HEARING, 65_003);
  const full = await SocketSpeaker.establish({ localAddress: FULL, address: DAEMON, as: 65_001 });
  const octets = manyRoutes({ as: 65_001, nextHop: FULL, prefixes: PREFIXES, perUpdate: PREFIXES_PER_UPDATE });

  const startMs = performance.now();
  await full.sendAll(octets);
  await waitUntil(
    'everything is advertised to the hearing peer',
    DEADLINE_MS,
    async () => (await daemon.peer('hearing')).families['ipv4-unicast']?.advertised,
    (advertised) => advertised === PREFIXES,
  );
  const loadMs = performance.now() - startMs;
  full.close();
  await waitUntil(
    'everything is withdrawn',
    DEADLINE_MS,
    () => daemon.status(),
    ({ tables }) => tables['ipv4-unicast'].paths === 0,
  );
  // At least one KEEPALIVE interval more, so that a late one counts.
  const keepalives = quiet.speaker.count(KEEPALIVE);
  await waitUntil(
    'two more KEEPALIVEs',
    DEADLINE_MS,
    () => quiet.speaker.count(KEEPALIVE),
    (count) => count >= keepalives + 2,
  );

  for (const name of ['quiet', 'hearing']) {
    const { state, sessionsEstablished } = await daemon.peer(name);
    expect({ name, state, sessionsEstablished }).toEqual({ name, state: 'Established', sessionsEstablished: 1 });
  }
  for (const { seen } of [quiet, hearing]) expect(seen.longestMs).toBeLessThan(HOLD_TIME_SECONDS * 1000);
  expect(quiet.speaker.count(UPDATE), 'only the End-of-RIB').toBeLessThanOrEqual(1);
  const { eventLoopDelay } = await daemon.status();
  process.stdout.write(
    `${PREFIXES} prefixes in and out again in ${loadMs.toFixed(0)} ms; longest silence ` +
      `${quiet.seen.longestMs.toFixed(0)} ms (KEEPALIVEs only) and ${hearing.seen.longestMs.toFixed(0)} ms ` +
      `(with UPDATEs) of ${HOLD_TIME_SECONDS * 1000}; event loop delay p99 ${eventLoopDelay.p99Ms.toFixed(1)} ms, ` +
      `max ${eventLoopDelay.maxMs.toFixed(1)} ms\n`,
  );
  quiet.speaker.close();
  hearing.speaker.close();
});

test('and through a hundred peers that send 20,000 prefixes each at the same moment', async () => {
  const crowd = Array.from({ length: CROWD }, (_, n) => ({ address: loopbackAddress(10 + n), as: 65_100 + n }));
  const options = { holdTimeSeconds: 90, export: 'reject-all' };
  await start([
    peer('quiet', QUIET, 65_002, { export: 'reject-all' }),
    ...crowd.map(({ address, as }) => peer(`peer-${as}`, address, as, options)),
  ]);
  const tables = crowd.map(({ address: nextHop, as }) =>
    manyRoutes({ as, nextHop, prefixes: PREFIXES_OF_EACH, perUpdate: PREFIXES_PER_UPDATE }),
  );
  const speakers: SocketSpeaker[] = [];
  for (const { address: localAddress, as } of crowd) {
    speakers.push(await SocketSpeaker.establish({ localAddress, address: DAEMON, as }));
  }
  const quiet = await listener(QUIET, 65_002);

  daemon.process.freeze();
  const sent = speakers.map((speaker, n) => speaker.sendAll(tables[n]));
  await delay(FREEZE_MS);
  daemon.process.thaw();
  const startMs = performance.now();
  await Promise.all(sent);
  await waitUntil(
    'everything is in',
    DEADLINE_MS,
    () => daemon.status(),
    ({ tables: { 'ipv4-unicast': table } }) => table.paths === CROWD * PREFIXES_OF_EACH,
  );
  const loadMs = performance.now() - startMs;
  expect((await daemon.peer('quiet')).sessionsEstablished).toBe(1);
  expect(quiet.speaker.isClosed).toBe(false);
  expect(quiet.seen.longestMs).toBeLessThan(HOLD_TIME_SECONDS * 1000);
  const { eventLoopDelay } = await daemon.status();
  process.stdout.write(
    `${CROWD} peers with ${PREFIXES_OF_EACH} prefixes each in ${loadMs.toFixed(0)} ms; longest silence ` +
      `${quiet.seen.longestMs.toFixed(0)} ms of ${HOLD_TIME_SECONDS * 1000}; event loop delay ` +
      `p99 ${eventLoopDelay.p99Ms.toFixed(1)} ms, max ${eventLoopDelay.maxMs.toFixed(1)} ms\n`,
  );
  // RFC 4271 4.4: KEEPALIVEs go out every third of the hold time; a longer turn than that would miss one.
  expect(eventLoopDelay.maxMs).toBeLessThan((HOLD_TIME_SECONDS * 1000) / 3);
  for (const speaker of [...speakers, quiet.speaker]) speaker.close();
});

test('BFD at 50 ms x 3 stays up while they come and go, and then notices a silent peer in time', async () => {
  const bfd = { minTxMs: BFD_INTERVAL_MS, minRxMs: BFD_INTERVAL_MS, multiplier: BFD_MULTIPLIER };
  const watched = { name: 'daemon', address: DAEMON, localAddress: WATCHING, as: OUR_AS, port: LOOPBACK_PORT, bfd };
  other = await LocalDaemon.start(WATCHING, { routerId: WATCHING, as: 65_005, peers: [watched] });
  daemon = await LocalDaemon.start(DAEMON, {
    routerId: DAEMON,
    as: OUR_AS,
    peers: [
      peer('full', FULL, 65_001, { holdTimeSeconds: 90, export: 'reject-all' }),
      peer('watching', WATCHING, 65_005, { localAddress: DAEMON, bfd, export: 'reject-all' }),
    ],
  });
  const sessions = [
    { watcher: daemon, name: 'watching' },
    { watcher: other, name: 'daemon' },
  ];
  for (const { watcher, name } of sessions) {
    await waitUntil(
      `${name} is watched at the full rate`,
      DEADLINE_MS,
      () => watcher.peer(name),
      ({ state, bfd: view }) =>
        state === 'Established' && view?.state === 'Up' && view.detectionTimeMs === BFD_INTERVAL_MS * BFD_MULTIPLIER,
    );
  }

  const full = await SocketSpeaker.establish({ localAddress: FULL, address: DAEMON, as: 65_001 });
  const octets = manyRoutes({ as: 65_001, nextHop: FULL, prefixes: PREFIXES, perUpdate: PREFIXES_PER_UPDATE });
  const tableSize = (paths: number, what: string) =>
    waitUntil(
      what,
      DEADLINE_MS,
      () => daemon.status(),
      ({ tables }) => tables['ipv4-unicast'].paths === paths,
    );
  const startMs = performance.now();
  await full.sendAll(octets);
  await tableSize(PREFIXES, 'everything is in');
  const loadMs = performance.now() - startMs;
  full.close();
  await tableSize(0, 'everything is out again');
  for (const { watcher, name } of sessions) {
    const { bfd: view, sessionsEstablished } = await watcher.peer(name);
    expect({ name, timesUp: view?.timesUp, lastDown: view?.lastDown, sessionsEstablished }).toEqual({
      ...{ name, timesUp: 1, lastDown: null, sessionsEstablished: 1 },
    });
  }

  const silentAtMs = Date.now();
  other.process.freeze();
  const isDown = () => daemon.log().find(({ msgid }) => msgid === 'BFD_DOWN');
  const down = await waitUntil('the silence is noticed', DEADLINE_MS, isDown, (line) => line !== undefined);
  const detectedMs = Date.parse(String(down?.time)) - silentAtMs;
  other.process.thaw();
  const { eventLoopDelay } = await daemon.status();
  process.stdout.write(
    `BFD at ${BFD_INTERVAL_MS} ms x ${BFD_MULTIPLIER} through ${PREFIXES} prefixes in ${loadMs.toFixed(0)} ms (event loop ` +
      `delay max ${eventLoopDelay.maxMs.toFixed(1)} ms): never down; a silent peer was noticed after ${detectedMs} ms\n`,
  );
  // Counted from its last packet, which was sent up to an interval before.
  expect(detectedMs).toBeGreaterThan(BFD_INTERVAL_MS * (BFD_MULTIPLIER - 1) - 10);
});
