/** What lists of routes show when they are asked for a part: filters, pages, the Adj-RIBs, and what routes depend on. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AcceptedView, AdvertisedView, ReceivedView, RouteView, View } from '../../src/api/schema.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 10_000;
const [SPEAKER, EAST, WEST] = [1, 2, 3].map(loopbackAddress);
const SENT = ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '198.51.100.0/24', '203.0.113.0/24'];
let api: InProcessSpeaker;
let east: SocketSpeaker;
let west: SocketSpeaker;

beforeAll(async () => {
  // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
  const refuse = { match: { prefix: '203.0.113.0/24' }, then: 'reject' };
  // biome-ignore lint/suspicious/noThenProperty: as above.
  const prefer = { set: { localPref: 300, addCommunity: ['65000:77', '65000:1:2'] }, then: 'accept' };
  api = await InProcessSpeaker.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    policies: { preferred: { statements: [refuse, prefer], otherwise: 'reject' } },
    peers: [
      { name: 'east', address: EAST, as: 65_001, passive: true, import: 'preferred', export: 'accept-all' },
      { name: 'west', address: WEST, as: 65_002, passive: true, import: 'accept-all', export: 'accept-all' },
    ],
    originate: [
      { prefix: '10.0.0.0/8', communities: ['65535:65281'] },
      { prefix: '2001:db8::/32' },
      { prefix: '2001:db8:1::/48' },
    ],
  });
  east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
  west = await SocketSpeaker.establish({ localAddress: WEST, address: SPEAKER, as: 65_002 });
  east.send(updateOctets(65_001, EAST, SENT));
  west.send(updateOctets(65_002, WEST, ['198.51.100.0/24']));
  await waitUntil(
    'the east is read',
    DEADLINE_MS,
    () => api.list('/v1/peers/east/received'),
    ({ length }) => length === SENT.length,
  );
  await waitUntil(
    'the west is read',
    DEADLINE_MS,
    () => api.list('/v1/peers/west/received'),
    ({ length }) => length === 1,
  );
});
afterAll(async () => {
  east.close();
  west.close();
  await api.stop();
});

const prefixes = async (path: string): Promise<string[]> =>
  (await api.list<{ readonly prefix: string }>(path)).map(({ prefix }) => prefix).sort();

describe('filters of routes', () => {
  test.each([
    ['prefix=10.1.2.0/24&match=exact', ['10.1.2.0/24']],
    ['prefix=10.1.2.5&match=exact', []],
    ['prefix=10.1.2.5', ['10.1.2.0/24']],
    ['prefix=10.1.2.200', ['10.1.2.128/25']],
    ['prefix=10.1.2.0/24&match=shorter', ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24']],
    ['prefix=10.1.2.200&match=shorter', ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25']],
    ['prefix=10.1.0.0/16&match=longer', ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25']],
    ['prefix=10.1.3.0/24&match=longer', []],
    ['prefix=2001:db8::/32&match=longer', ['2001:db8:1::/48', '2001:db8::/32']],
    ['prefix=::/0&match=longer', ['2001:db8:1::/48', '2001:db8::/32']],
    ['prefix=10.1.3.0/24&longest=true', ['10.1.0.0/16']],
    ['source=static&family=ipv4-unicast', ['10.0.0.0/8']],
    ['source=west', ['198.51.100.0/24']],
    ['source=direct', []],
    ['community=65000:77', ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '198.51.100.0/24']],
    ['community=65000:1:2&prefix=10.1.2.0/24&match=longer', ['10.1.2.0/24', '10.1.2.128/25']],
    ['community=no-export', ['10.0.0.0/8']],
    ['community=65000:78', []],
    ['as=65002', ['198.51.100.0/24']],
    ['as=65001&source=west', []],
    ['originAs=65001', ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '198.51.100.0/24', '203.0.113.0/24']],
    ['originAs=65003', []],
  ])('%s', async (query, expected) => {
    expect(await prefixes(`/v1/routes?${query}`)).toEqual(expected);
  });

  test('only paths that the filter means are shown', async () => {
    const [all] = await api.list<RouteView>('/v1/routes?prefix=198.51.100.0/24');
    expect(all.paths.map(({ source }) => source)).toEqual(['east', 'west']);
    const [some] = await api.list<RouteView>('/v1/routes?prefix=198.51.100.0/24&source=west');
    expect(some.paths.map(({ source, best }) => [source, best])).toEqual([['west', false]]);
  });

  test.each([
    ['match=longer', /need a prefix/],
    ['match=near&prefix=::/0', /query.match: wanted exact, longest, shorter or longer/],
    ['community=x', /community "x": wanted 65000:1/],
    ['as=4294967296', /query.as: wanted 0 to 4294967295/],
    ['limit=0', /query.limit: wanted 1 to 10000/],
    ['limit=ten', /query.limit: wanted 1 to 10000/],
    ['cursor=7', /cursor "7": wanted one that the page before gave/],
    ['source=nobody', /there is no source "nobody"/],
  ])('%s is refused', async (query, detail) => {
    const { status, text } = await api.ask('GET', `/v1/routes?${query}`);
    expect([400, 404]).toContain(status);
    expect((JSON.parse(text) as View<'Problem'>).detail).toMatch(detail);
  });
});

describe('the Adj-RIBs of a peer', () => {
  test('received is before policy, accepted after it', async () => {
    expect(await prefixes('/v1/peers/east/received')).toEqual(SENT);
    const accepted = await api.list<AcceptedView>('/v1/peers/east/accepted');
    expect(accepted.map(({ prefix }) => prefix).sort()).toEqual(SENT.slice(0, 4));
    for (const { attributes } of accepted) {
      expect(attributes).toMatchObject({ localPref: 300, communities: ['65000:77'], largeCommunities: ['65000:1:2'] });
    }
    const [received] = await api.list<ReceivedView>('/v1/peers/east/received?prefix=10.1.2.0/24');
    expect(received.attributes).toMatchObject({ localPref: null, communities: [] });
    const [lost] = await api.list<AcceptedView>('/v1/peers/west/accepted');
    expect(lost).toMatchObject({ prefix: '198.51.100.0/24', best: false, reason: 'higher LOCAL_PREF' });
  });

  test.each([
    ['received?prefix=10.1.0.0/16&match=longer', ['10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25']],
    ['received?prefix=10.1.2.1', ['10.1.2.0/24']],
    ['received?community=65000:77', []],
    ['accepted?community=65000:77&prefix=10.1.2.0/24', ['10.1.2.0/24']],
    ['accepted?as=65002', []],
    ['accepted?family=ipv6-unicast', []],
  ])('%s', async (path, expected) => expect(await prefixes(`/v1/peers/east/${path}`)).toEqual(expected));

  test('advertised, by where it was learned from', async () => {
    const ofEast = await waitUntil(
      'the west is told',
      DEADLINE_MS,
      () => api.list<AdvertisedView>('/v1/peers/west/advertised?source=east'),
      ({ length }) => length === 4,
    );
    expect(ofEast.map(({ prefix }) => prefix).sort()).toEqual(SENT.slice(0, 4));
    expect(await prefixes('/v1/peers/west/advertised?source=static&prefix=10.9.9.9')).toEqual(['10.0.0.0/8']);
  });
});

describe('pages', () => {
  const page = async (path: string): Promise<{ found: string[]; next: string | null; link: string | null }> => {
    const { text, headers } = await api.ask('GET', path);
    const found = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { prefix: string }).prefix);
    const link = /<(.*)>; rel="next"/.exec(String(headers.link ?? ''))?.[1] ?? null;
    return { found, next: (headers['next-cursor'] as string | undefined) ?? null, link };
  };
  const allOf = async (path: string): Promise<string[][]> => {
    const pages: string[][] = [];
    for (let next: string | null = path; next !== null; ) {
      const { found, link } = await page(next);
      pages.push(found);
      next = link;
    }
    return pages;
  };

  test.each([
    ['/v1/routes?', 8],
    ['/v1/routes?source=east&', 5],
    ['/v1/routes?prefix=10.1.2.200&match=shorter&', 4],
    ['/v1/peers/east/received?', 5],
    ['/v1/peers/east/accepted?', 4],
    ['/v1/peers/west/advertised?family=ipv4-unicast&', 5],
  ])('%slimit=N gives everything once, whatever N is', async (path, count) => {
    const whole = await waitUntil(
      'all is there',
      DEADLINE_MS,
      () => prefixes(path),
      ({ length }) => length === count,
    );
    for (const limit of [1, 2, 3, count, count + 1]) {
      const pages = await allOf(`${path}limit=${limit}`);
      expect(pages.flat().sort()).toEqual(whole);
      expect(pages.length).toBe(Math.ceil(count / limit));
      for (const one of pages.slice(0, -1)) expect(one.length).toBe(limit);
    }
  });

  test('what comes and goes meanwhile leaves the others where they are', async () => {
    const first = await page('/v1/routes?source=east&limit=2');
    expect(first.next).not.toBeNull();
    // The two that were shown go, and others come in their place.
    east.send(updateOctets(65_001, EAST, ['172.16.0.0/16', '172.17.0.0/16', '172.18.0.0/16']));
    await waitUntil(
      'they are there',
      DEADLINE_MS,
      () => prefixes('/v1/peers/east/received'),
      ({ length }) => length === 8,
    );
    const rest = await page(`/v1/routes?source=east&limit=100&cursor=${first.next}`);
    for (const prefix of SENT)
      expect([...first.found, ...rest.found].filter((one) => one === prefix)).toEqual([prefix]);
  });
});

describe('what routes depend on', () => {
  test('next hops', async () => {
    const hops = await api.list<View<'NextHop'>>('/v1/next-hops');
    expect(hops.map(({ address, reachable, own }) => [address, reachable, own]).sort()).toEqual(
      expect.arrayContaining([
        [EAST, true, false],
        [WEST, true, false],
      ]),
    );
  });

  test('policies, once for each use', async () => {
    const policies = await api.list<View<'Policy'>>('/v1/policies');
    const uses = policies
      .map(({ name, use, peers, peerNames }) => `${name} ${use} ${peers} ${peerNames.join(' ')}`.trim())
      .sort();
    expect(uses).toEqual(
      expect.arrayContaining(['accept-all export 2 east west', 'accept-all import 1 west', 'preferred import 1 east']),
    );
    expect(policies.find(({ name }) => name === 'preferred')?.text).toContain('203.0.113.0/24');
  });

  test('interfaces without a kernel', async () => expect(await api.list('/v1/interfaces')).toEqual([]));

  test('update groups', async () => {
    const groups = await api.list<View<'UpdateGroup'>>('/v1/update-groups');
    expect(groups.flatMap(({ members }) => members).sort()).toEqual(expect.arrayContaining(['east', 'west']));
  });

  test('one peer with its timers and the capabilities of both sides', async () => {
    const peer = await api.get<View<'PeerDetail'>>('/v1/peers/east');
    expect(peer).toMatchObject({
      name: 'east',
      enabled: true,
      disabledByHand: false,
      logLevel: null,
      lastDialFailure: null,
    });
    expect(peer.openReceived).toMatchObject({ as: 65_001, holdTimeSeconds: 90 });
    const kinds = (open: typeof peer.openSent): string[] => (open?.capabilities ?? []).map(({ kind }) => kind);
    expect(kinds(peer.openSent)).toEqual(expect.arrayContaining(['multiprotocol', 'route-refresh', 'four-octet-as']));
    expect(kinds(peer.openReceived)).toContain('four-octet-as');
    expect(peer.timers.map(({ timer }) => timer)).toEqual(expect.arrayContaining(['HoldTimer', 'KeepaliveTimer']));
    for (const { remainingSeconds } of peer.timers) expect(remainingSeconds).toBeLessThanOrEqual(480);
  });
});
