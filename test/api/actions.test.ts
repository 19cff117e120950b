/** Prefixes of agents and log levels over the API. What else can be done to a peer is in resources.test.ts. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AdvertisedView, RouteView, View } from '../../src/api/schema.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 10_000;
const [SPEAKER, EAST] = [1, 2].map(loopbackAddress);
let api: InProcessSpeaker;
let east: SocketSpeaker;

beforeAll(async () => {
  api = await InProcessSpeaker.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    peers: [{ name: 'east', address: EAST, as: 65_001, passive: true, export: 'accept-all' }],
    originate: [{ prefix: '192.0.2.0/24' }],
  });
  east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
});
afterAll(async () => {
  east.close();
  await api.stop();
});

const told = (prefixes: readonly string[]): Promise<unknown> =>
  waitUntil(
    `told ${prefixes.join(' ')}`,
    DEADLINE_MS,
    () => api.list<AdvertisedView>('/v1/peers/east/advertised'),
    (views) => JSON.stringify(views.map(({ prefix }) => prefix)) === JSON.stringify(prefixes),
  );

test('an agent has a prefix originated: peers are told, it is shown with its origin, and goes when the agent says so', async () => {
  const body = { prefix: '198.51.100.0/24', communities: ['65000:9'], leaseSeconds: 60 };
  const { status, text } = await api.ask('PUT', '/v1/originated/dns', body);
  expect([status, JSON.parse(text)]).toMatchObject([
    200,
    { owner: 'dns', prefix: body.prefix, leaseSeconds: 60, inForce: true },
  ]);
  await told(['192.0.2.0/24', '198.51.100.0/24']);
  const originated = await api.list<View<'Originated'>>('/v1/originated');
  expect(originated.map(({ prefix, owner, origin }) => [prefix, owner, origin])).toEqual([
    ['192.0.2.0/24', null, expect.any(String)],
    ['198.51.100.0/24', 'dns', 'agent dns'],
  ]);
  const [route] = await api.list<RouteView>(`/v1/routes?prefix=${body.prefix}`);
  expect(route.paths[0]).toMatchObject({
    source: 'static',
    origin: 'agent dns',
    attributes: { communities: ['65000:9'] },
  });
  expect((await api.ask('DELETE', `/v1/originated/dns?prefix=${body.prefix}`)).text).toContain(
    'withdrew 198.51.100.0/24 of agent dns',
  );
  await told(['192.0.2.0/24']);
});

test('a dead agent is forgotten with its lease', async () => {
  const { status, text } = await api.ask('PUT', '/v1/originated/dns', { prefix: '198.51.100.0/24', leaseSeconds: 1 });
  expect([status, (JSON.parse(text) as View<'Originated'>).inForce]).toEqual([200, true]);
  await waitUntil(
    'it is gone',
    DEADLINE_MS,
    () => api.list('/v1/originated'),
    ({ length }) => length === 1,
  );
  await told(['192.0.2.0/24']);
});

test.each<[string, string, unknown, number, RegExp]>([
  ['the prefix of the configuration', 'dns', { prefix: '192.0.2.0/24' }, 409, /by the configuration/],
  ['no prefix', 'dns', {}, 400, /body.prefix: wanted text/],
  ['nothing at all', 'dns', undefined, 400, /body/],
  ['another field', 'dns', { prefix: '::/0', nextHop: '::1' }, 400, /body: Unrecognized key: "nextHop"/],
  ['a lease of no time', 'dns', { prefix: '::/0', leaseSeconds: 0 }, 400, /body.leaseSeconds: wanted at least 1/],
  ['a name that is none', 'a b', { prefix: '::/0' }, 400, /params.owner: wanted 1 to 64 letters/],
])('%s is refused', async (_, owner, body, status, detail) => {
  const answer = await api.ask('PUT', `/v1/originated/${encodeURIComponent(owner)}`, body);
  expect(answer.status).toBe(status);
  expect((JSON.parse(answer.text) as View<'Problem'>).detail).toMatch(detail);
});

test('the log level of a peer', async () => {
  const set = async (level: string | null): Promise<string> =>
    (JSON.parse((await api.ask('PUT', '/v1/peers/east/log-level', { level })).text) as View<'Done'>).done;
  expect(await set('debug')).toBe('east is logged from debug on');
  expect((await api.get<View<'PeerDetail'>>('/v1/peers/east')).logLevel).toBe('debug');
  expect(await set(null)).toBe('east is logged like everything else');
  expect((await api.ask('PUT', '/v1/peers/east/log-level', { level: 'loud' })).text).toContain(
    'wanted debug, info, warn or error',
  );
  expect((await api.ask('PUT', '/v1/peers/no/log-level', { level: null })).status).toBe(404);
});
