/** Every resource of the control API against a running speaker with two peers, and every refusal with its status. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type {
  AdvertisedView,
  PeerView,
  ProblemView,
  ReceivedView,
  RouteView,
  StatusView,
} from '../../src/api/schema.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { messageOctets, UPDATE, updateOctets } from '../support/raw-speaker.ts';
import { fourOctetAs, multiprotocol, SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 10_000;
const OUR_AS = 65_000;
const ROUTE_REFRESH_TYPE = 5;
const [SPEAKER, EAST, WEST, AWAY] = [1, 2, 3, 4].map(loopbackAddress);

let api: InProcessSpeaker;
let east: SocketSpeaker;
let west: SocketSpeaker;

function connectEast(): Promise<SocketSpeaker> {
  return SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
}

beforeAll(async () => {
  api = await InProcessSpeaker.start(SPEAKER, {
    routerId: SPEAKER,
    as: OUR_AS,
    policies: {
      // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
      'no-tests': { statements: [{ match: { prefix: '203.0.113.0/24' }, then: 'reject' }], otherwise: 'accept' },
    },
    peers: [
      {
        name: 'east',
        address: EAST,
        as: 65_001,
        passive: true,
        import: 'no-tests',
        description: 'the sunny side',
        idleHold: { minSeconds: 1, maxSeconds: 1 },
      },
      { name: 'west', address: WEST, as: 65_002, passive: true },
      { name: 'away', address: AWAY, as: OUR_AS, passive: true, families: ['ipv4-unicast', 'ipv6-unicast'] },
    ],
    originate: [
      { prefix: '192.0.2.0/24', communities: ['65000:1', '65000:2:3'] },
      { prefix: '2001:db8::/32' },
      { prefix: '10.0.0.0/8' },
    ],
  });
  // Without route refresh, and with nothing of its own.
  const capabilities = [multiprotocol(1), fourOctetAs(65_002)];
  west = await SocketSpeaker.establish({ localAddress: WEST, address: SPEAKER, as: 65_002, capabilities });
  east = await connectEast();
});
afterAll(async () => {
  east.close();
  west.close();
  await api.stop();
});

beforeEach(async () => {
  east.send(updateOctets(65_001, EAST, ['198.51.100.0/24', '203.0.113.0/24', '10.1.0.0/16']));
  await waitUntil(
    'all routes of the east are there',
    DEADLINE_MS,
    () => api.list<ReceivedView>('/v1/peers/east/received'),
    (views) => views.length === 3,
  );
});

describe('resources', () => {
  test('status says who we are, what runs and how many', async () => {
    const status = await api.get<StatusView>('/v1/status');
    expect(status).toMatchObject({
      version: 'test',
      nodeName: null,
      routerId: SPEAKER,
      localAs: OUR_AS,
      datastore: { kind: 'file:test.yaml', inSync: true, detail: '' },
      peers: { configured: 3, established: 2 },
      tables: { 'ipv4-unicast': { prefixes: 5, paths: 5 }, 'ipv6-unicast': { prefixes: 1, paths: 1 } },
      kernel: { backend: 'none', installed: 0, failed: 0, stale: 0 },
      conditions: [],
    });
    expect(status.appliedRevision).toBe(status.desiredRevision);
    expect(Date.parse(status.startedAt)).toBeLessThanOrEqual(Date.now());
    expect(status.uptimeSeconds).toBeGreaterThanOrEqual(0);
    expect(status.memory.rssOctets).toBeGreaterThan(1024 * 1024);
  });

  test('peers come sorted by name, with session, counters and what a session that is down waits for', async () => {
    const peers = await api.list<PeerView>('/v1/peers');
    expect(peers.map((peer) => peer.name)).toEqual(['away', 'east', 'west']);
    const [away, eastern] = peers;
    expect(eastern).toMatchObject({
      description: 'the sunny side',
      address: EAST,
      type: 'ebgp',
      peerAs: 65_001,
      state: 'Established',
      waitingFor: null,
      families: { 'ipv4-unicast': { received: 3, accepted: 2, best: 2 } },
    });
    expect(eastern.negotiated).toMatchObject({ peerAs: 65_001, holdTimeSeconds: 90, routeRefresh: true });
    expect(eastern.messages.octetsReceived).toBeGreaterThan(0);
    expect(away).toMatchObject({ type: 'ibgp', state: 'Active', waitingFor: 'the peer to connect', negotiated: null });
    expect(away.families).toEqual({
      'ipv4-unicast': { received: 0, accepted: 0, best: 0, advertised: 0 },
      'ipv6-unicast': { received: 0, accepted: 0, best: 0, advertised: 0 },
    });
  });

  test('routes lists all families in the order of their prefixes, the reason beside what is not best', async () => {
    const routes = await api.list<RouteView>('/v1/routes');
    expect(routes.map(({ prefix }) => prefix)).toEqual([
      ...['10.0.0.0/8', '10.1.0.0/16', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'],
    ]);
    const paths = new Map(routes.map(({ prefix, paths: [path] }) => [prefix, path]));
    expect(paths.get('198.51.100.0/24')).toMatchObject({ source: 'east', best: true, eligible: true, reason: null });
    expect(paths.get('198.51.100.0/24')?.attributes).toMatchObject({ asPath: '65001', origin: 'igp', nextHop: EAST });
    expect(paths.get('203.0.113.0/24')).toMatchObject({ source: 'east', best: false, eligible: false });
    expect(paths.get('203.0.113.0/24')?.reason).toMatch(/policy/);
    expect(paths.get('192.0.2.0/24')).toMatchObject({
      source: 'static',
      attributes: { communities: ['65000:1'], largeCommunities: ['65000:2:3'], nextHop: null },
    });
  });

  test.each([
    ['one family', 'family=ipv6-unicast', ['2001:db8::/32']],
    ['exactly that prefix', 'prefix=10.1.0.0/16', ['10.1.0.0/16']],
    ['no other prefix than that', 'prefix=10.1.1.0/24', []],
    ['what an address is routed by', 'prefix=10.1.2.3', ['10.1.0.0/16']],
    ['what an IPv6 address is routed by', 'prefix=2001:db8::1', ['2001:db8::/32']],
    ['with longest, the most specific one that covers a prefix', 'prefix=10.1.1.0/24&longest=true', ['10.1.0.0/16']],
    ['with longest, that very prefix', 'prefix=10.1.0.0/16&longest=true', ['10.1.0.0/16']],
    ['with longest, a shorter one that covers it', 'prefix=10.0.0.0/12&longest=true', ['10.0.0.0/8']],
    ['with longest, none inside the prefix', 'prefix=10.0.0.0/7&longest=true', []],
    ['nothing where nothing covers it', 'prefix=172.16.0.1', []],
    ['a prefix of the family that is asked for', 'prefix=10.0.0.0/8&family=ipv4-unicast', ['10.0.0.0/8']],
  ])('routes finds %s (%s)', async (_, query, expected) => {
    const { status, headers } = await api.ask('GET', `/v1/routes?${query}`);
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    const routes = await api.list<RouteView>(`/v1/routes?${query}`);
    expect(routes.map((route) => route.prefix)).toEqual(expected);
  });

  test('received is what a peer sent, before policy', async () => {
    const views = await api.list<ReceivedView>('/v1/peers/east/received');
    const verdicts = views.map(({ prefix, eligible }) => `${prefix} ${eligible}`).sort();
    expect(verdicts).toEqual(['10.1.0.0/16 true', '198.51.100.0/24 true', '203.0.113.0/24 false']);
    expect(await api.list('/v1/peers/west/received')).toEqual([]);
  });

  test('advertised is what a peer was told, with our AS and next hop', async () => {
    const views = await waitUntil(
      'the west is told',
      DEADLINE_MS,
      () => api.list<AdvertisedView>('/v1/peers/west/advertised'),
      (list) => list.length === 4,
    );
    const told = views.map(({ prefix, source, attributes: { asPath, nextHop } }) => [prefix, source, asPath, nextHop]);
    expect(told).toEqual([
      ['10.0.0.0/8', 'static', '65000', SPEAKER],
      ['10.1.0.0/16', 'east', '65000 65001', SPEAKER],
      ['192.0.2.0/24', 'static', '65000', SPEAKER],
      ['198.51.100.0/24', 'east', '65000 65001', SPEAKER],
    ]);
    const own = await api.list<AdvertisedView>('/v1/peers/east/advertised');
    expect(
      own.map((view) => view.prefix),
      'not its own routes',
    ).toEqual(['10.0.0.0/8', '192.0.2.0/24']);
    expect(await api.list('/v1/peers/away/advertised')).toEqual([]);
  });

  test('kernel is empty without a kernel', async () => {
    expect(await api.list('/v1/kernel')).toEqual([]);
  });
});

describe('actions', () => {
  const act = async (peer: string, action: string): Promise<string> => {
    const { status, text } = await api.ask('POST', `/v1/peers/${peer}/${action}`);
    expect(status, text).toBe(200);
    return (JSON.parse(text) as { done: string }).done;
  };
  const stateOf = async (name: string): Promise<PeerView> =>
    (await api.list<PeerView>('/v1/peers')).find((peer) => peer.name === name) as PeerView;
  const becomes = (name: string, state: string): Promise<PeerView> =>
    waitUntil(
      `${name} is ${state}`,
      DEADLINE_MS,
      () => stateOf(name),
      (peer) => peer.state === state,
    );

  test('refresh-in asks the peer for its routes again', async () => {
    const before = east.count(ROUTE_REFRESH_TYPE);
    expect(await act('east', 'refresh-in')).toBe('asked east to send its routes again');
    await waitUntil(
      'ROUTE-REFRESH',
      DEADLINE_MS,
      () => east.count(ROUTE_REFRESH_TYPE),
      (count) => count === before + 1,
    );
    // RFC 2918: AFI 1, SAFI 1.
    expect([...east.of(ROUTE_REFRESH_TYPE).at(-1)!.body]).toEqual([0, 1, 0, 1]);
  });

  test('refresh-out sends everything again over the same session', async () => {
    const before = west.count(UPDATE);
    expect(await act('west', 'refresh-out')).toBe('sending all routes to west again');
    await waitUntil(
      'UPDATEs again',
      DEADLINE_MS,
      () => west.count(UPDATE),
      (count) => count > before,
    );
    expect((await stateOf('west')).sessionsEstablished).toBe(1);
  });

  test('reset ends the session with Cease / Administrative Reset, and the peer may come back', async () => {
    expect(await act('east', 'reset')).toBe('reset the session with east');
    expect(await east.notification()).toBe('6/4');
    await east.closed();
    expect(await stateOf('east')).toMatchObject({ lastError: { code: 6, subcode: 4 }, negotiated: null });
    expect(await api.list('/v1/peers/east/received')).toEqual([]);
    east = await waitUntil('east is back', DEADLINE_MS, connectEast, () => true);
    expect((await becomes('east', 'Established')).sessionsEstablished).toBe(2);
  });

  test('disable ends it with Cease / Administrative Shutdown and lets nobody in until enable', async () => {
    expect(await act('east', 'disable')).toMatch(/^disabled east/);
    expect(await east.notification()).toBe('6/2');
    expect(await becomes('east', 'Idle')).toMatchObject({ waitingFor: 'disabled' });
    await expect(connectEast()).rejects.toThrow();
    expect(await act('east', 'enable')).toBe('enabled east');
    east = await waitUntil('east is back', DEADLINE_MS, connectEast, () => true);
    await becomes('east', 'Established');
  });
});

describe('refusals are RFC 9457 problems', () => {
  test.each([
    [
      'a path that is not under a version',
      'GET',
      '/status',
      404,
      'Not found',
      /there is no \/status; there are GET \/v1/,
    ],
    ['the root', 'GET', '/', 404, 'Not found', /there is no \//],
    ['an unknown resource', 'GET', '/v1/rib', 404, 'Not found', /there is no \/v1\/rib/],
    ['a resource with something behind it', 'GET', '/v1/status/x', 404, 'Not found', /\/v1\/status\/x/],
    ['an unknown peer', 'GET', '/v1/peers/no', 404, 'Not found', /no peer "no"; there are: away, east, west/],
    ['an unknown list of a peer', 'GET', '/v1/peers/east/x', 404, 'Not found', /GET \/v1\/peers\/{peer}\/received/],
    [
      'received of an unknown peer',
      'GET',
      '/v1/peers/no/received',
      404,
      'Not found',
      /no peer "no"; there are: away, east, west/,
    ],
    ['advertised of an unknown peer', 'GET', '/v1/peers/no/advertised', 404, 'Not found', /no peer "no"/],
    ['an action on an unknown peer', 'POST', '/v1/peers/no/reset', 404, 'Not found', /no peer "no"/],
    [
      'an unknown action',
      'POST',
      '/v1/peers/east/frobnicate',
      404,
      'Not found',
      /POST \/v1\/peers\/{peer}\/refresh-in/,
    ],
    ['an action by GET', 'GET', '/v1/peers/east/reset', 405, 'Method not allowed', /only POST/],
    ['a list by POST', 'POST', '/v1/peers/east/received', 405, 'Method not allowed', /only GET/],
    ['status by DELETE', 'DELETE', '/v1/status', 405, 'Method not allowed', /DELETE is not possible/],
    ['an unknown parameter', 'GET', '/v1/routes?prefx=::/0', 400, 'Bad request', /query: Unrecognized key: "prefx"/],
    [
      'a flag that is none',
      'GET',
      '/v1/routes?longest=maybe',
      400,
      'Bad request',
      /query.longest: wanted true or false/,
    ],
    ['an unknown family', 'GET', '/v1/routes?family=ipv5', 400, 'Bad request', /wanted ipv4-unicast or ipv6-unicast/],
    ['a prefix that is none', 'GET', '/v1/routes?prefix=10.0.0.0/33', 400, 'Bad request', /not a prefix or address/],
    [
      'a prefix of the other family',
      'GET',
      '/v1/routes?prefix=::/0&family=ipv4-unicast',
      400,
      'Bad request',
      /not of the family/,
    ],
    ['a path that is not well-formed', 'GET', '/v1/peers/%zz/received', 400, 'Bad request', /not well-formed/],
    [
      'refresh-in of a peer without a session',
      'POST',
      '/v1/peers/away/refresh-in',
      409,
      'Conflict',
      /away has no session/,
    ],
    [
      'refresh-in of a peer that does not know it',
      'POST',
      '/v1/peers/west/refresh-in',
      409,
      'Conflict',
      /west does not know/,
    ],
  ])('%s: %s %s is %d', async (_, method, path, status, title, detail) => {
    const answer = await api.ask(method, path);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const problem = JSON.parse(answer.text) as ProblemView;
    expect(problem).toEqual({ type: 'about:blank', title, status, detail: expect.stringMatching(detail) });
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.headers.allow).toMatch(/^(GET|POST)$/);
  });

  test('a peer that misbehaves is shown with the reason, and what it sent is gone', async () => {
    const octets = messageOctets(UPDATE, Buffer.from([0, 1, 0, 0]));
    east.send(octets);
    expect(await east.notification()).toMatch(/^3\//);
    const peers = await waitUntil(
      'the error is shown',
      DEADLINE_MS,
      () => api.list<PeerView>('/v1/peers'),
      (list) => list[1].lastError?.code === 3,
    );
    expect(peers[1].lastError).toMatchObject({ kind: 'notification-sent', subcode: 1 });
    expect(await api.list('/v1/peers/east/received')).toEqual([]);
    east = await waitUntil('east is back', 20_000, connectEast, () => true);
  });
});
