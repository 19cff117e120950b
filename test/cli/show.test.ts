/** `peregrine show` and `peregrine peer` against a running daemon with peers, as a user types them. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdvertisedView, PeerView, ReceivedView, RouteView, StatusView } from '../../src/api/schema.ts';
import { LocalDaemon, shell } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { messageOctets, UPDATE, updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { manyRoutes } from '../support/update-octets.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const MANY = 30_000;
const [DAEMON, EAST, WEST, AWAY, MASSES] = [1, 2, 3, 4, 5].map(loopbackAddress);

let daemon: LocalDaemon;
let east: SocketSpeaker;
let west: SocketSpeaker;

/** An eBGP UPDATE for 2001:db8:e::/48 with a long AS_PATH, communities of all kinds, MED and an unknown attribute. */
function richUpdate(): Buffer {
  const asPath = Buffer.alloc(2 + 30 * 4);
  asPath.set([2, 30]);
  for (let n = 0; n < 30; n++) asPath.writeUInt32BE(4_200_000_000 + n, 2 + n * 4);
  asPath.writeUInt32BE(65_001, 2);
  const communities = Buffer.alloc(20 * 4);
  for (let n = 0; n < 20; n++) communities.writeUInt32BE(65_001 * 65_536 + n, n * 4);
  const large = Buffer.alloc(12);
  for (const [n, value] of [65_001, 2, 3].entries()) large.writeUInt32BE(value, n * 4);
  const nextHop = Buffer.from('20010db8000e00000000000000000001', 'hex');
  const attributes = Buffer.concat([
    Buffer.from([0x40, 1, 1, 2]),
    Buffer.from([0x40, 2, asPath.length]),
    asPath,
    Buffer.from([0x80, 4, 4, 0, 0, 0, 77]),
    Buffer.from([0xc0, 8, communities.length]),
    communities,
    Buffer.from([0x80, 14, 28, 0, 2, 1, 16]),
    nextHop,
    Buffer.from([0, 48, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0e]),
    Buffer.from([0xc0, 16, 8, 0, 2, 0xfd, 0xe9, 0, 0, 0, 7]),
    Buffer.from([0xc0, 32, 12]),
    large,
    Buffer.from([0xc0, 99, 2, 0xab, 0xcd]),
  ]);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(attributes.length, 2);
  return messageOctets(UPDATE, Buffer.concat([head, attributes]));
}

beforeAll(async () => {
  const families = ['ipv4-unicast', 'ipv6-unicast'];
  daemon = await LocalDaemon.start(DAEMON, {
    routerId: DAEMON,
    as: 65_000,
    peers: [
      { name: 'east', address: EAST, as: 65_001, passive: true, families },
      { name: 'west', address: WEST, as: 65_002, passive: true, families, import: 'no-tests' },
      { name: 'away', address: AWAY, as: 65_000, localAddress: DAEMON, port: 11_978, connectRetryTimeSeconds: 1 },
      { name: 'masses', address: MASSES, as: 65_003, passive: true, import: 'reject-all' },
    ],
    policies: {
      'no-tests': {
        // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
        statements: [{ match: { prefix: '203.0.113.0/24' }, then: 'reject' }],
        otherwise: 'accept',
      },
    },
    originate: [{ prefix: '192.0.2.0/24', communities: ['65000:1'] }],
  });
  east = await SocketSpeaker.establish({ localAddress: EAST, address: DAEMON, as: 65_001 });
  west = await SocketSpeaker.establish({ localAddress: WEST, address: DAEMON, as: 65_002 });
  east.send(updateOctets(65_001, EAST, ['198.51.100.0/24', '10.0.0.0/8']));
  east.send(richUpdate());
  await waitUntil(
    'the routes of the east',
    DEADLINE_MS,
    () => daemon.list<ReceivedView>('/v1/peers/east/received'),
    (views) => views.length === 3,
  );
  west.send(updateOctets(65_002, WEST, ['198.51.100.0/24', '203.0.113.0/24']));
  await waitUntil(
    'the routes of the west',
    DEADLINE_MS,
    () => daemon.list<ReceivedView>('/v1/peers/west/received'),
    (views) => views.length === 2,
  );
});
afterAll(async () => {
  east.close();
  west.close();
  await daemon.stop();
});

/** What a command prints, which must be all it says. */
async function show(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.cli(...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

async function json<T>(...args: readonly string[]): Promise<T[]> {
  const lines = (await show(...args, '--json')).split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as T);
}

/** The cells of a table in which only the last one of a row may be empty. */
function table(text: string): { titles: string[]; rows: string[][] } {
  const [titles, ...rows] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  return { titles, rows };
}

describe('show', () => {
  test('status is one page of names and values', async () => {
    const text = await show('show', 'status');
    expect(text).toMatch(/^peregrine {7}\d+\.\d+\.\d+, up \d+s \(since \d{4}-/);
    expect(text).toContain(`\nrouter id       ${DAEMON}, AS 65000\n`);
    expect(text).toContain('\npeers           2 of 4 established\n');
    expect(text).toContain('\ntables          ipv4-unicast: 4 prefixes, 5 paths\n');
    expect(text).toContain('\n                ipv6-unicast: 1 prefix, 1 path\n');
    expect(text).toMatch(/\nkernel {10}not used\n/);
    for (const line of text.trimEnd().split('\n')) expect(line.slice(14, 17)).toMatch(/^ {2}\S$/);
    const status = JSON.parse(await show('show', 'status', '--json')) as StatusView;
    expect(status.peers).toEqual({ configured: 4, established: 2 });
  });

  test('peers says for each what it does, and why it is down', async () => {
    const { titles, rows } = table(await show('show', 'peers'));
    expect(titles).toEqual([
      ...['PEER', 'ADDRESS', 'AS', 'TYPE', 'STATE', 'SINCE', 'RECEIVED', 'ACCEPTED', 'ADVERTISED', 'WHY DOWN'],
    ]);
    const byName = new Map(rows.map((cells) => [cells[0], cells]));
    expect(rows.map(([name]) => name)).toEqual(['away', 'east', 'masses', 'west']);
    expect(byName.get('masses')?.at(-1)).toBe('waits for the peer to connect');
    expect(byName.get('away')?.at(-1)).toMatch(/ECONNREFUSED|waits for/);
    expect(byName.get('away')?.[1]).toBe(`${AWAY} port 11978`);
    const peers = await json<PeerView>('show', 'peers');
    expect(peers.map(({ name }) => name)).toEqual(['away', 'east', 'masses', 'west']);
  });

  test('routes marks the best path of each prefix and says why the others are not', async () => {
    const text = await show('show', 'routes');
    const lines = text.split('\n').map((line) => line.replace(/ +/g, ' ').trim());
    expect(lines[0]).toBe('PREFIX SOURCE NEXT HOP AS PATH ORIGIN WHY NOT BEST ATTRIBUTES');
    expect(lines).toContain(`> 10.0.0.0/8 east ${EAST} 65001 igp`);
    expect(lines).toContain('> 192.0.2.0/24 static igp communities 65000:1');
    expect(lines).toContain(`> 198.51.100.0/24 east ${EAST} 65001 igp`);
    expect(lines.find((line) => line.startsWith(`west ${WEST} 65002 igp`))).toMatch(/ igp \S+/);
    expect(lines.find((line) => line.startsWith('x 203.0.113.0/24 west'))).toMatch(/polic/);
    // The long AS_PATH of the IPv6 route moves nobody else's columns.
    for (const line of text.split('\n').slice(0, 4)) expect(line.length).toBeLessThan(200);
  });

  test('routes PREFIX shows every attribute on a line of its own', async () => {
    const text = await show('show', 'routes', '2001:db8:e::1');
    const asPath = ['65001', ...Array.from({ length: 29 }, (_, n) => String(4_200_000_001 + n))].join(' ');
    const communities = Array.from({ length: 20 }, (_, n) => `65001:${n}`).join(' ');
    expect(text).toBe(`2001:db8:e::/48
> from east, best
    next hop 2001:db8:e::1, AS path ${asPath}, origin incomplete
    med 77
    communities ${communities}
    large 65001:2:3
    extended rt:65001:7
    99: abcd
`);
  });

  test.each([
    ['a prefix', ['198.51.100.0/24'], /^198\.51\.100\.0\/24\n> from east, best/],
    ['an address', ['10.1.2.3'], /^10\.0\.0\.0\/8\n/],
    ['a longer prefix with --longest', ['10.1.0.0/16', '--longest'], /^10\.0\.0\.0\/8\n/],
    ['a prefix without a route', ['10.1.0.0/16'], /^no route for 10\.1\.0\.0\/16\n$/],
    ['one family', ['--family', 'ipv6-unicast'], /^ +PREFIX.*\n> +2001:db8:e::\/48 [^\n]*\n$/],
  ])('routes finds %s', async (_, args, expected) => {
    expect(await show('show', 'routes', ...args)).toMatch(expected);
  });

  test('routes --json is one JSON value a line', async () => {
    const routes = await json<RouteView>('show', 'routes');
    expect(routes.map(({ prefix, paths }) => [prefix, paths.length])).toEqual([
      ['10.0.0.0/8', 1],
      ['192.0.2.0/24', 1],
      ['198.51.100.0/24', 2],
      ['203.0.113.0/24', 1],
      ['2001:db8:e::/48', 1],
    ]);
  });

  test('received has what was refused, with the reason, and no empty columns', async () => {
    const text = await show('show', 'received', 'west');
    expect(text.split('\n')[0]).toMatch(/^ +PREFIX +NEXT HOP +AS PATH +ORIGIN +REFUSED BECAUSE$/);
    expect(text).toMatch(/^x {2}203\.0\.113\.0\/24 .*polic/m);
    expect(text).toMatch(/^ {3}198\.51\.100\.0\/24 /m);
    expect(await json<ReceivedView>('show', 'received', 'west')).toHaveLength(2);
    expect(await show('show', 'received', 'away')).toBe('nothing received from away\n');
    expect(await show('show', 'received', 'away', '--json')).toBe('');
  });

  test('advertised has what a peer was told and from whom it is', async () => {
    const text = await show('show', 'advertised', 'west');
    expect(text.split('\n')[0]).toMatch(/^PREFIX +LEARNED FROM +NEXT HOP +AS PATH +ORIGIN +ATTRIBUTES$/);
    expect(text).toMatch(/^192\.0\.2\.0\/24 +static +\S+ +65000 +igp +communities 65000:1$/m);
    const views = await json<AdvertisedView>('show', 'advertised', 'west');
    expect(views.map((view) => view.prefix)).toEqual(['10.0.0.0/8', '192.0.2.0/24', '198.51.100.0/24']);
    expect(await show('show', 'advertised', 'away')).toBe('nothing advertised to away\n');
  });

  test('kernel without one is empty', async () => {
    expect(await show('show', 'kernel')).toBe('no routes were given to the kernel\n');
    expect(await show('show', 'kernel', '--json')).toBe('');
  });

  test.each([
    [
      'an unknown peer',
      ['show', 'received', 'south'],
      1,
      'there is no peer "south"; there are: away, east, masses, west',
    ],
    [
      'an unknown peer of an action',
      ['peer', 'south', 'reset'],
      1,
      'there is no peer "south"; there are: away, east, masses, west',
    ],
    ['nonsense for a prefix', ['show', 'routes', '10.0.0'], 2, '"10.0.0" is not a prefix or address'],
    [
      'an unknown family',
      ['show', 'routes', '--family', 'ipv5'],
      2,
      'family "ipv5": wanted ipv4-unicast or ipv6-unicast',
    ],
    [
      'a prefix of another family',
      ['show', 'routes', '::/0', '--family', 'ipv4-unicast'],
      2,
      '"::/0" is not of the family ipv4-unicast',
    ],
    ['a refresh without a session', ['peer', 'away', 'refresh-in'], 1, /^away has no session \(\w+\)$/],
  ])('%s is refused with one line', async (_, args, status, message) => {
    const outcome = await daemon.cli(...args);
    expect([outcome.status, outcome.stdout]).toEqual([status, '']);
    const [line, ...rest] = outcome.stderr.split('\n');
    expect(rest).toEqual(['']);
    expect(line.replace(/^peregrine: /, '')).toMatch(message);
  });
});

describe('peer', () => {
  test('an action says what was done, with --json as JSON', async () => {
    expect(await show('peer', 'east', 'refresh-in')).toBe('asked east to send its routes again\n');
    expect(await show('peer', 'east', 'refresh-out', '--json')).toBe('{"done":"sending all routes to east again"}\n');
  });

  test('disable shows as the reason, enable lets the peer back in', async () => {
    await show('peer', 'masses', 'disable');
    const row = async (): Promise<string> => (await show('show', 'peers')).split('\n')[3];
    expect(await row()).toMatch(/^masses .* Idle .* disabled$/);
    await show('peer', 'masses', 'enable');
    expect(await row()).toMatch(/^masses .* Active .* waits for the peer to connect$/);
  });
});

describe('long lists', () => {
  beforeAll(async () => {
    const masses = await SocketSpeaker.establish({ localAddress: MASSES, address: DAEMON, as: 65_003 });
    await masses.sendAll(manyRoutes({ as: 65_003, nextHop: MASSES, prefixes: MANY, perUpdate: 10 }));
    await waitUntil(
      'the masses are in',
      DEADLINE_MS,
      async () => (await daemon.peer('masses')).families['ipv4-unicast']?.received,
      (received) => received === MANY,
    );
  });

  test('have one header, and every line the same columns', async () => {
    const lines = (await show('show', 'received', 'masses')).trimEnd().split('\n');
    expect(lines).toHaveLength(MANY + 1);
    expect(lines.filter((line) => line.includes('PREFIX'))).toHaveLength(1);
    for (const line of lines.slice(1)) expect(line).toMatch(/^x {2}\d+\.\d+\.\d+\.0\/24 +\S+ +65003 \d+ \d+ +igp +\S/);
  });

  test.each([
    ['show routes', 'head -2'],
    ['show routes --json', 'head -1'],
    ['show received masses', 'head -1'],
  ])('%s | %s is quiet and no error', async (command, reader) => {
    const { status, stdout, stderr } = await shell(`$PEREGRINE ${command} --socket ${daemon.socketPath} | ${reader}`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toHaveLength(Number(reader.slice(-1)));
  });

  test('an output that cannot be written is an error', async () => {
    const { status, stderr } = await shell(`$PEREGRINE show routes --socket ${daemon.socketPath} > /dev/full`);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^peregrine: cannot write the output: .*ENOSPC.*\n$/);
  });
});
