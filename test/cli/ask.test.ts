/** The commands that ask a daemon beyond `show peers` and `show routes`: as people run them, against the bundle. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { View } from '../../src/api/schema.ts';
import { LocalDaemon, shell } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const [SPEAKER, EAST, AWAY] = [1, 2, 3].map(loopbackAddress);
let daemon: LocalDaemon;
let east: SocketSpeaker;

beforeAll(async () => {
  daemon = await LocalDaemon.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    peers: [
      { name: 'east', address: EAST, as: 65_001, passive: true, import: 'accept-all', export: 'accept-all' },
      { name: 'away', address: AWAY, as: 65_002, port: 1 },
    ],
    originate: [{ prefix: '192.0.2.0/24' }],
  });
  east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
  east.send(updateOctets(65_001, EAST, ['10.1.0.0/16', '10.1.2.0/24', '198.51.100.0/24']));
  await waitUntil(
    'the east is read',
    DEADLINE_MS,
    () => daemon.list('/v1/peers/east/received'),
    ({ length }) => length === 3,
  );
});
afterAll(async () => {
  east.close();
  await daemon.stop();
});

const run = async (...args: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await daemon.cli(...args);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
};

describe('show', () => {
  test.each<[string, readonly string[], RegExp]>([
    [
      'one peer',
      ['show', 'peer', 'east'],
      /^state +Established for .*\n(.*\n)*capabilities +both +multiprotocol 1\/1$/m,
    ],
    ['what is accepted', ['show', 'accepted', 'east', '10.1.2.0/24'], /^> {2}10\.1\.2\.0\/24 .* 65001 +igp$/m],
    [
      'what is received of a part',
      ['show', 'received', 'east', '10.1.0.0/16', '--match', 'longer'],
      /10\.1\.0\.0\/16 .*\n.*10\.1\.2\.0\/24/,
    ],
    [
      'by AS',
      ['show', 'routes', '--origin-as', '65001', '--match', 'longer', '10.0.0.0/8'],
      /10\.1\.0\.0\/16 .*\n.*10\.1\.2\.0\/24/,
    ],
    ['by source', ['show', 'routes', '--source', 'static'], /^> {2}192\.0\.2\.0\/24 +static/m],
    ['next hops', ['show', 'next-hops'], /^NEXT HOP +REACHED.*\n(.*\n)*127\.\S+ +yes/m],
    ['policies', ['show', 'policies'], /^import of away, east\npolicy accept-all\n {2}otherwise accept$/m],
    ['update groups', ['show', 'update-groups'], /^ipv4-unicast .* 1 +east$/m],
    ['what is originated', ['show', 'originated'], /^192\.0\.2\.0\/24 +originate/m],
    ['interfaces without a kernel', ['show', 'interfaces'], /^the kernel is not used$/m],
    [
      'why a route is best',
      ['explain', 'route', '10.1.2.3'],
      /^10\.1\.2\.3 is routed by 10\.1\.2\.0\/24: best is from east \(only path\)$/m,
    ],
    ['why a peer is told', ['explain', 'advertised', '192.0.2.0/24', 'east'], /^east is told 192\.0\.2\.0\/24$/m],
    [
      'why the kernel has it not',
      ['explain', 'kernel', '192.0.2.0/24'],
      /^192\.0\.2\.0\/24 is not wanted in the kernel/,
    ],
    ['why a peer is down', ['explain', 'peer', 'away'], /^ {2}hint: port closed: nothing listens on /m],
  ])('%s', async (_, args, expected) => {
    expect(await run(...args)).toMatch(expected);
    const json = await run(...args, '--json');
    for (const line of json.startsWith('{\n') ? [json] : json.split('\n').filter((one) => one !== '')) JSON.parse(line);
  });

  test('pages: stdout has the list, stderr how to go on', async () => {
    const first = await daemon.cli('show', 'routes', '--limit', '3', '--json');
    const cursor = /^there is more: --cursor (\S+)\n$/.exec(first.stderr)?.[1];
    const rest = await daemon.cli('show', 'routes', '--limit', '3', '--json', '--cursor', cursor ?? '');
    expect(rest.stderr).toBe('');
    const prefixes = `${first.stdout}${rest.stdout}`
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as View<'Route'>).prefix);
    expect(prefixes.sort()).toEqual(['10.1.0.0/16', '10.1.2.0/24', '192.0.2.0/24', '198.51.100.0/24']);
  });

  test('--watch asks again', async () => {
    const line = `timeout 8 $PEREGRINE show peers --watch --socket ${daemon.socketPath} | grep -m 2 ^east`;
    const { stdout } = await shell(line);
    expect(stdout.match(/^east .* Established/gm)?.length).toBe(2);
  });

  test.each<[string, readonly string[], string]>([
    ['a thing that there is not', ['show', 'weather'], 'wanted: peregrine show status, peers, peer, routes,'],
    ['no thing', ['show'], 'wanted: peregrine show status'],
    ['no peer', ['show', 'peer'], 'wanted: peregrine show peer PEER'],
    ['a filter where there is none', ['show', 'peers', '--as', '1'], '--as is not an option of show peers'],
    ['a filter twice', ['show', 'routes', '--community', '1:1', '--community', '1:2'], '--community is given twice'],
    ['a filter that is none', ['show', 'routes', '--as', 'x'], 'query.as: wanted 0 to 4294967295'],
    ['--longest of nothing', ['show', 'routes', '--longest'], '--longest needs a PREFIX'],
    ['explain of nothing', ['explain'], 'wanted: peregrine explain route, advertised, kernel or peer'],
    [
      'explain advertised without a peer',
      ['explain', 'advertised', '::/0'],
      'wanted: peregrine explain advertised PREFIX PEER',
    ],
    ['an owner that is missing', ['originate', '10.0.0.0/8'], '--owner NAME is needed'],
    [
      'a lease that is none',
      ['originate', '10.0.0.0/8', '--owner', 'x', '--lease', 'long'],
      '--lease long: wanted seconds',
    ],
    ['a level that is none', ['peer', 'east', 'log-level', 'loud'], 'body.level: wanted debug, info, warn or error'],
  ])('%s is refused', async (_, args, expected) => {
    const { status, stdout, stderr } = await daemon.cli(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`peregrine: ${expected}`);
  });
});

test('a prefix of an agent comes and goes', async () => {
  const text = await run(
    'originate',
    '203.0.113.0/24',
    '--owner',
    'dns',
    '--lease',
    '60',
    '--community',
    '65000:1',
    '--community',
    '65000:1:2',
  );
  expect(text).toMatch(/^203\.0\.113\.0\/24 is originated for dns until \S+, unless it is renewed\n$/);
  expect(await run('show', 'routes', '203.0.113.0/24')).toMatch(
    /from static \(agent dns\), best\n(.*\n)* +communities 65000:1\n +large 65000:1:2/,
  );
  expect(await run('withdraw', '203.0.113.0/24', '--owner', 'dns')).toBe('withdrew 203.0.113.0/24 of agent dns\n');
  expect(await run('show', 'routes', '203.0.113.0/24')).toBe('no route for 203.0.113.0/24\n');
});

test('the log level of a peer', async () => {
  expect(await run('peer', 'east', 'log-level', 'debug')).toBe('east is logged from debug on\n');
  expect(await run('peer', 'east', 'log-level', 'default')).toBe('east is logged like everything else\n');
});

test('events are a line each', async () => {
  const following = shell(
    `timeout 20 $PEREGRINE events --initial --kinds peer,route --socket ${daemon.socketPath} | grep -m 1 '203.0.113.0/24 has no'`,
  );
  // Again and again, as nobody says when the other process listens.
  let isDone = false;
  const found = following.finally(() => {
    isDone = true;
  });
  for (let n = 0; n < 60 && !isDone; n++) {
    await run('originate', '203.0.113.0/24', '--owner', 'dns');
    await run('withdraw', '--owner', 'dns');
  }
  expect((await found).stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} route {4}203\.0\.113\.0\/24 has no best path\n$/);
});
