/**
 * birdwatcher's JSON of a running daemon, read with the eyes of Alice-LG: its fields, its types (it stops with a panic where
 * one is another), its layouts of time. docs/alice-lg.md says which version that was.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalDaemon, peregrine } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 20_000;
const PORT = 29_184;
const [SPEAKER, TOR, CLOSED, QUIET] = [1, 2, 3, 4].map(loopbackAddress);
/** 65000:1 and NO_EXPORT. */
const COMMUNITIES = Buffer.from([0xc0, 8, 8, 0xfd, 0xe8, 0, 1, 0xff, 0xff, 0xff, 0x01]);

type Json = { readonly [field: string]: unknown };

/** A policy that takes all but these. */
function without(prefix: string): object {
  // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
  return { statements: [{ match: { prefix }, then: 'reject' }], otherwise: 'accept' };
}

/** server_time_short of Alice-LG, `2006-01-02 15:04:05`, in UTC. */
function shortTimeMs(value: unknown): number {
  expect(value).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  return Date.parse(`${(value as string).replace(' ', 'T')}Z`);
}

/** parseAPIStatus: every answer has it. */
function checkEnvelope(answer: Json): void {
  const api = answer.api as Json;
  expect(api.Version).toBeTypeOf('string');
  expect(api.result_from_cache).toBe(false);
  const cachedAt = (api.cache_status as Json).cached_at as Json;
  for (const time of [answer.ttl, cachedAt.date]) {
    // server_time, RFC 3339 with a zone.
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    expect(Math.abs(Date.parse(time as string) - Date.now())).toBeLessThan(60_000);
  }
}

interface BirdRoute extends Json {
  readonly network: string;
  readonly gateway: string;
  readonly learnt_from: string;
  readonly from_protocol: string;
  readonly primary: boolean;
  readonly bgp: Json;
}

/** parseRouteData. */
function checkRoute(route: BirdRoute): void {
  expect(shortTimeMs(route.age)).toBeLessThanOrEqual(Date.now());
  for (const name of ['network', 'gateway', 'interface', 'from_protocol', 'learnt_from']) {
    expect(route[name], name).toBeTypeOf('string');
  }
  expect(route.metric).toBeTypeOf('number');
  expect(route.primary).toBeTypeOf('boolean');
  for (const word of [...(route.type as unknown[]), ...(route.bgp.as_path as unknown[])])
    expect(word).toBeTypeOf('string');
  for (const as of route.bgp.as_path as string[]) expect(as).toMatch(/^\d+$/);
  for (const name of ['local_pref', 'med', 'origin', 'next_hop']) {
    expect(['string', 'undefined'], name).toContain(typeof route.bgp[name]);
  }
  for (const name of ['communities', 'large_communities']) {
    for (const community of (route.bgp[name] ?? []) as unknown[][]) {
      for (const part of community) expect(Number.isInteger(part), name).toBe(true);
    }
  }
  for (const community of (route.bgp.ext_communities ?? []) as unknown[][]) expect(community).toHaveLength(3);
}

describe('Alice-LG', () => {
  let daemon: LocalDaemon;
  let tor: SocketSpeaker;
  let quiet: SocketSpeaker;

  async function ask(path: string, status = 200): Promise<Json> {
    const answer = await fetch(`http://${SPEAKER}:${PORT}${path}`);
    expect(answer.status, path).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/json');
    const json = (await answer.json()) as Json;
    checkEnvelope(json);
    return json;
  }

  async function routes(path: string): Promise<BirdRoute[]> {
    const list = (await ask(path)).routes as BirdRoute[];
    for (const route of list) checkRoute(route);
    return list;
  }

  const networks = (list: readonly BirdRoute[]): string[] => list.map(({ network }) => network).sort();

  beforeAll(async () => {
    daemon = await LocalDaemon.start(
      SPEAKER,
      {
        routerId: SPEAKER,
        as: 65_000,
        peers: [
          { name: 'tor', address: TOR, as: 65_001, passive: true, import: 'no-tens', description: 'top of rack' },
          { name: 'closed', address: CLOSED, as: 65_002, port: 1, families: ['ipv4-unicast', 'ipv6-unicast'] },
          { name: 'quiet', address: QUIET, as: 65_003, passive: true, export: 'no-hundreds' },
        ],
        originate: [{ prefix: '192.0.2.0/24' }, { prefix: '2001:db8:1::/48' }],
        policies: { 'no-tens': without('10.0.0.0/8 le 32'), 'no-hundreds': without('198.51.100.0/24') },
      },
      { arguments: ['--birdwatcher-listen', `${SPEAKER}:${PORT}`] },
    );
    tor = await SocketSpeaker.establish({ localAddress: TOR, address: SPEAKER, as: 65_001 });
    quiet = await SocketSpeaker.establish({ localAddress: QUIET, address: SPEAKER, as: 65_003 });
    tor.send(updateOctets(65_001, TOR, ['10.1.0.0/16', '10.2.0.0/16']));
    tor.send(updateOctets(65_001, TOR, ['203.0.113.0/24'], COMMUNITIES));
    tor.send(updateOctets(65_001, TOR, ['198.51.100.0/24']));
    const peer = () => daemon.peer('tor').then(({ families }) => families['ipv4-unicast']?.received);
    await waitUntil('the table is there', DEADLINE_MS, peer, (received) => received === 4);
    const told = () => daemon.list('/v1/peers/quiet/advertised');
    await waitUntil('quiet is told', DEADLINE_MS, told, ({ length }) => length === 1);
  });
  afterAll(async () => {
    tor?.close();
    quiet?.close();
    await daemon?.stop();
  });

  test('status', async () => {
    const status = (await ask('/status')).status as Json;
    expect(status).toMatchObject({ router_id: SPEAKER, message: 'Daemon is up and running' });
    expect(status.version).toBeTypeOf('string');
    expect(Math.abs(shortTimeMs(status.current_server) - Date.now())).toBeLessThan(60_000);
    expect(shortTimeMs(status.last_reboot)).toBeLessThanOrEqual(Date.now());
    expect(status.last_reconfig).toBeTypeOf('string');
  });

  test.each(['/protocols', '/protocols/bgp'])('%s: neighbours with their counters', async (path) => {
    const protocols = (await ask(path)).protocols as { readonly [name: string]: Json };
    expect(Object.keys(protocols).sort()).toEqual(['closed', 'quiet', 'tor']);
    for (const protocol of Object.values(protocols)) {
      expect(shortTimeMs(protocol.state_changed)).toBeLessThanOrEqual(Date.now() + 1000);
      expect(protocol.neighbor_as).toBeTypeOf('number');
      for (const name of ['protocol', 'table', 'state', 'description', 'neighbor_address']) {
        expect(protocol[name], name).toBeTypeOf('string');
      }
      for (const count of Object.values(protocol.routes as Json)) expect(count).toBeTypeOf('number');
    }
    expect(protocols.tor).toMatchObject({
      bird_protocol: 'BGP',
      state: 'up',
      neighbor_address: TOR,
      neighbor_as: 65_001,
      description: 'top of rack',
      routes: { imported: 2, filtered: 2, exported: 1, preferred: 2 },
    });
    expect(protocols.closed).toMatchObject({ last_error: expect.stringContaining('') });
    expect(protocols.closed.state).not.toBe('up');
  });

  test('/protocols/short', async () => {
    const protocols = (await ask('/protocols/short?uncached=true')).protocols as { readonly [name: string]: Json };
    expect(protocols.tor).toMatchObject({ proto: 'BGP', state: 'up', info: 'Established' });
    shortTimeMs(protocols.tor.since);
  });

  test.each([
    ['/routes/protocol/tor', ['198.51.100.0/24', '203.0.113.0/24']],
    ['/routes/filtered/tor', ['10.1.0.0/16', '10.2.0.0/16']],
    ['/routes/export/tor', ['192.0.2.0/24']],
    // NO_EXPORT, and what the policy keeps; its own routes are not listed.
    ['/routes/noexport/quiet', ['198.51.100.0/24', '203.0.113.0/24']],
    ['/routes/noexport/tor', []],
    [`/routes/peer/${TOR}`, ['198.51.100.0/24', '203.0.113.0/24']],
    [`/routes/peer?peer=${TOR}`, ['198.51.100.0/24', '203.0.113.0/24']],
    ['/routes/table/master', ['192.0.2.0/24', '198.51.100.0/24', '2001:db8:1::/48', '203.0.113.0/24']],
    ['/ipv6/routes/table/master', ['2001:db8:1::/48']],
    ['/ipv4/routes/table/master4', ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']],
    ['/routes/table/master/filtered', ['10.1.0.0/16', '10.2.0.0/16']],
    [`/routes/table/master/peer/${TOR}`, ['198.51.100.0/24', '203.0.113.0/24']],
    ['/routes/prefix?prefix=203.0.113.0/24', ['203.0.113.0/24']],
    ['/routes/prefix?prefix=203.0.113.0/25', []],
    ['/routes/prefix?prefix=203.0.113.9', ['203.0.113.0/24']],
    ['/route/net/203.0.113.9', ['203.0.113.0/24']],
    ['/route/net/203.0.113.9/table/master', ['203.0.113.0/24']],
    ['/route/net/203.0.113.0/mask/25', ['203.0.113.0/24']],
    ['/route/net/2001:db8:1::1', ['2001:db8:1::/48']],
    ['/routes/pipe/filtered/?table=master&pipe=none', []],
  ])('%s', async (path, wanted) => {
    expect(networks(await routes(path))).toEqual(wanted);
  });

  test('a route with what belongs to it', async () => {
    const [route] = await routes('/routes/prefix?prefix=203.0.113.0/24');
    expect(route).toMatchObject({
      gateway: TOR,
      learnt_from: TOR,
      from_protocol: 'tor',
      primary: true,
      type: ['BGP', 'univ'],
      bgp: {
        origin: 'IGP',
        as_path: ['65001'],
        next_hop: TOR,
        communities: [
          [65_000, 1],
          [65_535, 65_281],
        ],
      },
    });
  });

  test('what Alice-LG drops as a duplicate or as of another peer does not happen', async () => {
    const [received, filtered] = [await routes('/routes/protocol/tor'), await routes('/routes/filtered/tor')];
    const { gateway } = received[0];
    for (const route of [...received, ...filtered]) expect(route.gateway).toBe(gateway);
    expect(networks(received).filter((network) => networks(filtered).includes(network))).toEqual([]);
  });

  test('/routes/dump', async () => {
    const { imported, filtered } = (await ask('/routes/dump')) as { imported: BirdRoute[]; filtered: BirdRoute[] };
    expect([imported.length, filtered.length]).toEqual([4, 2]);
    for (const route of [...imported, ...filtered]) checkRoute(route);
  });

  test.each([
    // As Alice-LG asks when its `api` ends with a slash.
    ['//routes/count/protocol/tor', 2],
    ['/routes/count/protocol/tor', 2],
    ['/routes/count/primary/tor', 2],
    ['/routes/count/table/master', 6],
    ['/ipv6/routes/count/table/master6', 1],
    ['/routes/pipe/filtered/count?table=a&pipe=b&address=c', 0],
  ])('%s', async (path, wanted) => {
    expect((await ask(path)).routes).toBe(wanted);
  });

  test('symbols', async () => {
    expect((await ask('/symbols')).symbols).toEqual({
      'routing table': ['master'],
      protocol: ['closed', 'quiet', 'tor'],
    });
    expect((await ask('/symbols/tables')).symbols).toEqual(['master']);
    expect((await ask('/ipv6/symbols/protocols')).symbols).toEqual(['closed']);
  });

  test.each([
    ['/routes/protocol/nobody', 404, 'nobody'],
    ['/routes/table/other', 404, 'there is no table other'],
    ['/routes/prefix', 400, 'prefix'],
    ['/routes/prefix?prefix=10.0.0.0/33', 400, 'is not a prefix'],
    ['/routes/peer/192.0.2.99', 404, '192.0.2.99'],
    ['/ipv6/routes/protocol/tor', 404, 'ipv6-unicast'],
  ])('%s is refused in words', async (path, status, wanted) => {
    expect((await ask(path, status)).error).toContain(wanted);
  });

  test('it only reads, only under its own names, and does not listen unasked', async () => {
    expect((await fetch(`http://${SPEAKER}:${PORT}/status`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`http://${SPEAKER}:${PORT}/v1/peers`)).status).toBe(404);
    const refused = await peregrine(['run', '--config', daemon.configPath, '--birdwatcher-listen', '29184']);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('must say who is answered') });
  });
});
