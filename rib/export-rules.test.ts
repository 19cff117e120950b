import { describe, expect, test } from 'vitest';
import { ATTRIBUTE_ORIGIN, FLAG_TRANSITIVE } from '../bgp/iana.ts';
import type { PathAttributes } from '../bgp/wire/path-attributes.ts';
import type { ExportSettings } from './export-rules.ts';
import { address, CLUSTER, ExportBench, LOCAL_AS, type Told } from './export-test-support.ts';
import type { Action } from './policy/policy.ts';
import { compiled, only, type TestRoute } from './policy/test-support.ts';

const seq = (...asns: number[]) => [{ type: 'sequence' as const, asns }];

const FROM_EXTERNAL: PathAttributes = {
  origin: 'egp',
  asPath: seq(65010, 65011),
  nextHop: '192.0.2.1',
  med: 30,
  communities: ['65010:1'],
};
const FROM_INTERNAL: PathAttributes = { ...FROM_EXTERNAL, localPref: 300 };
const PREFIX = '198.51.100.0/24';

const INTERNAL: Partial<ExportSettings> = { isInternal: true, peerAs: LOCAL_AS };
const CLIENT: Partial<ExportSettings> = { ...INTERNAL, isRouteReflectorClient: true };
const EXTERNAL: Partial<ExportSettings> = {};

type From = 'external' | 'internal' | 'client' | 'otherLocalAs';

/** What a group with these settings is told about a path with these attributes from such a peer. */
function told(from: From, attributes: PathAttributes, settings: Partial<ExportSettings>, text = PREFIX): Told {
  const bench = new ExportBench();
  const peer =
    from === 'external'
      ? bench.addPeer('source', 65010)
      : bench.addPeer('source', from === 'otherLocalAs' ? 64999 : LOCAL_AS, {
          client: from === 'client',
          localAs: from === 'otherLocalAs' ? 64999 : LOCAL_AS,
        });
  return bench.tell(bench.group(settings), bench.addPath({ prefix: text, attributes }, peer));
}

function toldLocal(route: Partial<TestRoute>, settings: Partial<ExportSettings>): Told {
  const bench = new ExportBench();
  return bench.tell(bench.group(settings), bench.addPath({ prefix: PREFIX, source: 'static', ...route }));
}

const SPLIT = 'internal path to an internal peer, neither is a route reflector client';

describe('who may hear a path (RFC 4271 9.2, RFC 4456 6)', () => {
  test.each<[string, From, Partial<ExportSettings>, true | string]>([
    ['external to external', 'external', EXTERNAL, true],
    ['external to internal', 'external', INTERNAL, true],
    ['external to client', 'external', CLIENT, true],
    ['internal to external', 'internal', EXTERNAL, true],
    ['non-client to non-client', 'internal', INTERNAL, SPLIT],
    ['non-client to client', 'internal', CLIENT, true],
    ['client to non-client', 'client', INTERNAL, true],
    ['client to client', 'client', CLIENT, true],
    ['internal of another local AS', 'otherLocalAs', INTERNAL, true],
  ])('%s', (_case, from, settings, expected) => {
    const answer = told(from, from === 'external' ? FROM_EXTERNAL : FROM_INTERNAL, settings);
    expect(typeof answer === 'string' ? answer : true).toBe(expected);
  });

  test.each<[string, Partial<PathAttributes>, Partial<ExportSettings>, true | string]>([
    ['NO_ADVERTISE to internal', { communities: ['no-advertise'] }, INTERNAL, 'NO_ADVERTISE'],
    ['NO_EXPORT to external', { communities: ['65535:65281'] }, EXTERNAL, 'NO_EXPORT'],
    ['NO_EXPORT to internal', { communities: ['65535:65281'] }, INTERNAL, true],
    ['NO_EXPORT_SUBCONFED to external', { communities: ['65535:65283'] }, EXTERNAL, 'NO_EXPORT_SUBCONFED'],
    ['NO_EXPORT_SUBCONFED to internal', { communities: ['65535:65283'] }, INTERNAL, true],
    [
      'BLACKHOLE to external (RFC 7999)',
      { communities: ['65535:666'] },
      EXTERNAL,
      'BLACKHOLE is not passed on to other ASes',
    ],
    ['BLACKHOLE to internal', { communities: ['65535:666'] }, INTERNAL, true],
    ['LLGR_STALE to a peer that knows LLGR', { communities: ['65535:6'] }, { ...INTERNAL, isLlgrAware: true }, true],
    [
      'LLGR_STALE to one that does not (RFC 9494)',
      { communities: ['65535:6'] },
      { ...INTERNAL, isLlgrAware: false },
      'long-lived stale and the peer does not know LLGR',
    ],
    ['OTC to our provider (RFC 9234)', { onlyToCustomer: 1 }, { role: 'customer' }, 'route leak (OTC, RFC 9234)'],
    ['OTC to a peer', { onlyToCustomer: 1 }, { role: 'peer' }, 'route leak (OTC, RFC 9234)'],
    ['OTC to a route server', { onlyToCustomer: 1 }, { role: 'rs-client' }, 'route leak (OTC, RFC 9234)'],
    ['OTC to a customer', { onlyToCustomer: 1 }, { role: 'provider' }, true],
    ['OTC to a peer without role', { onlyToCustomer: 1 }, EXTERNAL, true],
    ['no OTC to our provider', {}, { role: 'customer' }, true],
  ])('%s', (_case, attributes, settings, expected) => {
    const communities = attributes.communities?.map((text) => (text === 'no-advertise' ? '65535:65282' : text));
    const given = { ...FROM_EXTERNAL, ...attributes, ...(communities === undefined ? {} : { communities }) };
    const answer = told('external', given, settings);
    expect(typeof answer === 'string' ? answer : true).toBe(expected);
  });

  test('our own routes may carry NO_EXPORT for the neighbour', () => {
    expect(toldLocal({ attributes: { communities: ['65535:65281'] } }, EXTERNAL)).toMatchObject({
      communities: ['65535:65281'],
    });
  });

  test('a client does not hear what came through its own cluster', () => {
    const attributes = { ...FROM_INTERNAL, clusterList: ['10.9.9.9', CLUSTER] };
    expect(told('internal', attributes, CLIENT)).toBe('the cluster id of this client is in CLUSTER_LIST');
    expect(typeof told('internal', { ...attributes, clusterList: ['10.9.9.9'] }, CLIENT)).toBe('object');
    expect(typeof told('client', attributes, INTERNAL)).toBe('object');
  });

  test('a path that is not eligible', () => {
    const bench = new ExportBench();
    const row = bench.addPath({ prefix: PREFIX, attributes: FROM_EXTERNAL }, bench.addPeer('source', 65010));
    bench.paths[0].rowEffective[row] = 0;
    expect(bench.tell(bench.group(), row)).toBe('no best path');
    expect(bench.tell(bench.group(), 0)).toBe('no best path');
  });
});

describe('attributes towards external peers', () => {
  test('AS in front, next hop self, no MED, no LOCAL_PREF', () => {
    expect(told('internal', FROM_INTERNAL, EXTERNAL)).toEqual({
      origin: 'egp',
      asPath: seq(LOCAL_AS, 65010, 65011),
      nextHop: '10.0.0.1',
      communities: ['65010:1'],
    });
  });

  test.each<
    [
      string,
      Partial<PathAttributes>,
      Partial<ExportSettings>,
      Partial<PathAttributes>,
      ReadonlyArray<keyof PathAttributes>,
    ]
  >([
    [
      'reflection attributes stay inside',
      { originatorId: '10.0.0.9', clusterList: ['10.0.0.8'] },
      EXTERNAL,
      {},
      ['originatorId', 'clusterList'],
    ],
    ['AIGP stays inside', { aigp: '7' }, EXTERNAL, {}, ['aigp']],
    [
      'non-transitive communities stay inside',
      { extendedCommunities: ['rt:1:1', '0x4000000000000001'] },
      EXTERNAL,
      { extendedCommunities: ['rt:1:1'] },
      [],
    ],
    [
      'unknown transitive attributes pass',
      { others: [{ code: 200, flags: 0xe0, octets: 'ff' }] },
      EXTERNAL,
      { others: [{ code: 200, flags: 0xe0, octets: 'ff' }] },
      [],
    ],
    [
      'ATOMIC_AGGREGATE and AGGREGATOR pass',
      { atomicAggregate: true, aggregator: { as: 1, address: '10.0.0.9' } },
      EXTERNAL,
      { atomicAggregate: true, aggregator: { as: 1, address: '10.0.0.9' } },
      [],
    ],
    [
      'confederation segments stay inside',
      { asPath: [{ type: 'confederation-sequence', asns: [1] }, ...seq(65010)] },
      EXTERNAL,
      { asPath: seq(LOCAL_AS, 65010) },
      [],
    ],
    [
      'an AS_SET keeps its place',
      { asPath: [{ type: 'set', asns: [1, 2] }] },
      EXTERNAL,
      { asPath: [...seq(LOCAL_AS), { type: 'set', asns: [1, 2] }] },
      [],
    ],
    [
      'private AS numbers go when asked, but not the peer itself',
      { asPath: seq(64513, 65010, 3356) },
      { removePrivateAs: true, peerAs: 65010 },
      { asPath: seq(LOCAL_AS, 65010, 3356) },
      [],
    ],
    [
      'private AS numbers stay otherwise',
      { asPath: seq(64513, 3356) },
      EXTERNAL,
      { asPath: seq(LOCAL_AS, 64513, 3356) },
      [],
    ],
    ['OTC put on towards a customer', {}, { role: 'provider' }, { onlyToCustomer: LOCAL_AS }, []],
    ['OTC put on towards a peer', {}, { role: 'peer' }, { onlyToCustomer: LOCAL_AS }, []],
    ['OTC put on towards clients of our route server', {}, { role: 'rs-server' }, { onlyToCustomer: LOCAL_AS }, []],
    ['OTC that is there stays', { onlyToCustomer: 9 }, { role: 'provider' }, { onlyToCustomer: 9 }, []],
    ['no OTC towards our provider', {}, { role: 'customer' }, {}, ['onlyToCustomer']],
    ['next hop kept on demand', {}, { nextHopMode: 'keep' }, { nextHop: '192.0.2.1' }, []],
  ])('%s', (_case, attributes, settings, expected, absent) => {
    const answer = told('internal', { ...FROM_INTERNAL, ...attributes }, settings);
    expect(answer).toMatchObject(expected);
    for (const key of absent) expect(answer).not.toHaveProperty(key);
  });

  test('an AS_PATH segment of 255 is not overfilled (RFC 4271 5.1.2)', () => {
    const full = Array.from({ length: 255 }, (_, i) => i + 1);
    expect(told('external', { ...FROM_EXTERNAL, asPath: seq(...full) }, EXTERNAL)).toMatchObject({
      asPath: [...seq(LOCAL_AS), ...seq(...full)],
    });
  });

  test('too long for any message', () => {
    const attributes = { ...FROM_EXTERNAL, others: [{ code: 200, flags: 0xc0, octets: '00'.repeat(65475) }] };
    expect(told('external', attributes, EXTERNAL)).toBe('attributes too long for a message');
  });
});

describe('attributes towards internal peers', () => {
  test('an external path keeps next hop and MED, and gets LOCAL_PREF', () => {
    expect(told('external', FROM_EXTERNAL, INTERNAL)).toEqual({ ...FROM_EXTERNAL, localPref: 100 });
  });

  test('a reflected path gets ORIGINATOR_ID and CLUSTER_LIST, nothing else changes (RFC 4456 8, 10)', () => {
    expect(told('client', FROM_INTERNAL, INTERNAL)).toEqual({
      ...FROM_INTERNAL,
      originatorId: '10.0.0.77',
      clusterList: [CLUSTER],
    });
  });

  test('a path that was reflected before keeps its originator', () => {
    const given = { ...FROM_INTERNAL, originatorId: '10.0.0.9', clusterList: ['10.0.0.8'] };
    expect(told('client', given, CLIENT)).toEqual({ ...given, clusterList: [CLUSTER, '10.0.0.8'] });
  });

  test.each<
    [
      string,
      From,
      Partial<PathAttributes>,
      Partial<ExportSettings>,
      Partial<PathAttributes>,
      ReadonlyArray<keyof PathAttributes>,
    ]
  >([
    [
      'next hop self on demand, AIGP goes with it',
      'client',
      { aigp: '7' },
      { ...INTERNAL, nextHopMode: 'self' },
      { nextHop: '10.0.0.1' },
      ['aigp'],
    ],
    ['AIGP stays with the next hop', 'client', { aigp: '7' }, INTERNAL, { nextHop: '192.0.2.1', aigp: '7' }, []],
    [
      'confederation segments stay',
      'client',
      { asPath: [{ type: 'confederation-sequence', asns: [1] }] },
      INTERNAL,
      { asPath: [{ type: 'confederation-sequence', asns: [1] }] },
      [],
    ],
    [
      'non-transitive communities stay',
      'client',
      { extendedCommunities: ['0x4000000000000001'] },
      INTERNAL,
      { extendedCommunities: ['0x4000000000000001'] },
      [],
    ],
    ['another local AS is no reflection', 'otherLocalAs', {}, INTERNAL, {}, ['originatorId', 'clusterList']],
  ])('%s', (_case, from, attributes, settings, expected, absent) => {
    const answer = told(from, { ...FROM_INTERNAL, ...attributes }, settings);
    expect(answer).toMatchObject(expected);
    for (const key of absent) expect(answer).not.toHaveProperty(key);
  });
});

describe('our own routes (semantics 4.2)', () => {
  test.each<[string, Partial<TestRoute>, Partial<ExportSettings>, PathAttributes]>([
    ['a blackhole to internal', {}, INTERNAL, { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 100 }],
    ['a blackhole to external', {}, EXTERNAL, { origin: 'igp', asPath: seq(LOCAL_AS), nextHop: '10.0.0.1' }],
    [
      'a kernel route with gateway to internal',
      { source: 'kernel', attributes: { nextHop: '10.0.0.9' } },
      INTERNAL,
      { origin: 'igp', asPath: [], nextHop: '10.0.0.9', localPref: 100 },
    ],
    [
      'a kernel route with gateway to external',
      { source: 'kernel', attributes: { nextHop: '10.0.0.9' } },
      EXTERNAL,
      { origin: 'igp', asPath: seq(LOCAL_AS), nextHop: '10.0.0.1' },
    ],
    [
      'the same with next hop keep',
      { source: 'kernel', attributes: { nextHop: '10.0.0.9' } },
      { nextHopMode: 'keep' },
      { origin: 'igp', asPath: seq(LOCAL_AS), nextHop: '10.0.0.9' },
    ],
    [
      'the same with next hop self',
      { source: 'kernel', attributes: { nextHop: '10.0.0.9' } },
      { ...INTERNAL, nextHopMode: 'self' },
      { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 100 },
    ],
    [
      'an IPv6 gateway that the peer could not be told',
      { source: 'kernel', attributes: { mpNextHop: { family: 'ipv4-unicast', addresses: ['2001:db8::9'] } } },
      INTERNAL,
      { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 100 },
    ],
    [
      'a MED of our own',
      { attributes: { med: 5 } },
      EXTERNAL,
      { origin: 'igp', asPath: seq(LOCAL_AS), nextHop: '10.0.0.1', med: 5 },
    ],
  ])('%s', (_case, route, settings, expected) => {
    expect(toldLocal(route, settings)).toEqual(expected);
  });
});

test.each([
  ['internal', INTERNAL],
  ['external', EXTERNAL],
])('code 0, our own note about a local route, never leaves: %s', (_case, settings) => {
  const bench = new ExportBench();
  const row = bench.addPath({ prefix: PREFIX, source: 'kernel', metric: 5 });
  const sent = bench.sets.octetsOf(bench.group(settings).exportPath(row));
  expect([...sent.subarray(0, 4)]).toEqual([FLAG_TRANSITIVE, ATTRIBUTE_ORIGIN, 1, 0]);
});

describe('next hops of both families', () => {
  const V6 = '2001:db8:1::/48';
  const ipv6 = (...addresses: string[]): PathAttributes => ({
    origin: 'igp',
    asPath: seq(65010),
    mpNextHop: { family: 'ipv6-unicast', addresses },
  });
  const NO_NEXT_HOP = 'no next hop that the peer can use';
  const over6 = { family: 1 as const, localAddress: address('2001:db8::1') };
  const over4 = { localAddress: address('10.0.0.1') };

  test.each<[string, Partial<ExportSettings>, readonly string[] | string]>([
    ['our IPv6 address', over6, ['2001:db8::1']],
    [
      'with the link-local one on a shared link',
      { ...over6, localLinkLocal: address('fe80::a:b:c:d') },
      ['2001:db8::1', 'fe80::a:b:c:d'],
    ],
    [
      'another IPv6 address over an IPv4 session',
      { ...over4, family: 1, otherAddresses: [address('10.0.0.3'), address('2001:db8::7')] },
      ['2001:db8::7'],
    ],
    ['none over an IPv4 session', { ...over4, family: 1 }, NO_NEXT_HOP],
    [
      'a global address before a link-local session address',
      {
        family: 1,
        localAddress: address('fe80::1'),
        otherAddresses: [address('2001:db8::7')],
        localLinkLocal: address('fe80::1'),
      },
      ['2001:db8::7', 'fe80::1'],
    ],
    [
      'only a link-local address',
      { family: 1, localAddress: address('fe80::1'), localLinkLocal: address('fe80::1') },
      ['fe80::1'],
    ],
    ['kept towards internal, without its link-local part (RFC 2545)', { ...over6, ...INTERNAL }, ['2001:db8::99']],
  ])('IPv6 routes: %s', (_case, settings, expected) => {
    const answer = told('external', ipv6('2001:db8::99', 'fe80::99'), settings, V6);
    expect(typeof answer === 'string' ? answer : answer.mpNextHop?.addresses).toEqual(expected);
    if (typeof answer !== 'string') expect(answer.mpNextHop?.family).toBe('ipv6-unicast');
  });

  test("our link-local address does not go with somebody else's address", () => {
    const policy = compiled(only({ actions: [{ kind: 'set-next-hop', value: '2001:db8::55' }] }), 'export');
    const settings = { ...over6, localLinkLocal: address('fe80::1'), policy };
    expect(told('external', ipv6('2001:db8::99'), settings, V6)).toMatchObject({
      mpNextHop: { addresses: ['2001:db8::55'] },
    });
  });

  test('a link-local next hop is of no use beyond the link', () => {
    expect(told('external', ipv6('fe80::99'), { ...over6, ...INTERNAL }, V6)).toMatchObject({
      mpNextHop: { addresses: ['2001:db8::1'] },
    });
  });

  const ipv4Over6: PathAttributes = {
    origin: 'igp',
    asPath: seq(65010),
    mpNextHop: { family: 'ipv4-unicast', addresses: ['2001:db8::99'] },
  };
  test.each<[string, PathAttributes, Partial<ExportSettings>, Partial<PathAttributes> | string]>([
    [
      'our IPv6 address where RFC 8950 was negotiated',
      FROM_EXTERNAL,
      { localAddress: address('2001:db8::1'), extendedNextHop: true },
      { mpNextHop: { family: 'ipv4-unicast', addresses: ['2001:db8::1'] } },
    ],
    [
      'an IPv4 address of ours where it was not',
      FROM_EXTERNAL,
      { localAddress: address('2001:db8::1'), otherAddresses: [address('10.0.0.7')] },
      { nextHop: '10.0.0.7' },
    ],
    ['nothing where it was not and we have none', FROM_EXTERNAL, { localAddress: address('2001:db8::1') }, NO_NEXT_HOP],
    [
      'IPv6 next hop kept',
      ipv4Over6,
      { ...INTERNAL, extendedNextHop: true },
      { mpNextHop: { family: 'ipv4-unicast', addresses: ['2001:db8::99'] } },
    ],
    ['IPv6 next hop for a peer without RFC 8950', ipv4Over6, INTERNAL, NO_NEXT_HOP],
    [
      'IPv4 next hop in MP_REACH_NLRI leaves as NEXT_HOP',
      { origin: 'igp', asPath: seq(65010), mpNextHop: { family: 'ipv4-unicast', addresses: ['192.0.2.1'] } },
      INTERNAL,
      { nextHop: '192.0.2.1' },
    ],
  ])('IPv4 routes: %s', (_case, attributes, settings, expected) => {
    const answer = told('external', attributes, settings);
    if (typeof expected === 'string') expect(answer).toBe(expected);
    else expect(answer).toMatchObject(expected);
    if (typeof answer !== 'string') expect('nextHop' in answer).toBe(!('mpNextHop' in answer));
  });
});

describe('export policy', () => {
  const policyOf = (...actions: Action[]): Partial<ExportSettings> => ({
    policy: compiled(only({ actions }), 'export'),
  });

  test.each<[string, Partial<ExportSettings>, Partial<PathAttributes> | string]>([
    ['rejects', { policy: compiled(only({ verdict: 'reject' }), 'export') }, 'rejected by export policy'],
    ['sets MED that leaves', policyOf({ kind: 'set-med', value: 9 }), { med: 9 }],
    [
      'adds communities',
      policyOf({ kind: 'add-community', community: '1:2' }, { kind: 'add-community', community: '1:2:3' }),
      { communities: ['65010:1', '1:2'], largeCommunities: ['1:2:3'] },
    ],
    [
      'prepends before our AS, as Calico does',
      policyOf({ kind: 'prepend-as-path', asns: [1, 2] }),
      { asPath: seq(1, 2, LOCAL_AS, 65010, 65011) },
    ],
    ['sets a next hop', policyOf({ kind: 'set-next-hop', value: '192.0.2.77' }), { nextHop: '192.0.2.77' }],
    ['leaves the next hop', policyOf({ kind: 'set-next-hop', value: 'unchanged' }), { nextHop: '192.0.2.1' }],
    [
      'sets an IPv6 next hop that cannot be told',
      policyOf({ kind: 'set-next-hop', value: '2001:db8::1' }),
      'no next hop that the peer can use',
    ],
    [
      'sets LOCAL_PREF for internal peers',
      { ...INTERNAL, ...policyOf({ kind: 'set-local-pref', value: 7 }) },
      { localPref: 7 },
    ],
    [
      'self towards internal',
      { ...INTERNAL, ...policyOf({ kind: 'set-next-hop', value: 'self' }) },
      { nextHop: '10.0.0.1' },
    ],
    ['peer means self', { ...INTERNAL, ...policyOf({ kind: 'set-next-hop', value: 'peer' }) }, { nextHop: '10.0.0.1' }],
    ['removes MED', { ...INTERNAL, ...policyOf({ kind: 'set-med', value: null }) }, { localPref: 100 }],
  ])('%s', (_case, settings, expected) => {
    const answer = told('external', FROM_EXTERNAL, settings);
    if (typeof expected === 'string') expect(answer).toBe(expected);
    else expect(answer).toMatchObject(expected);
    if (_case === 'removes MED') expect(answer).not.toHaveProperty('med');
  });

  test('LOCAL_PREF set for external peers does not leave', () => {
    expect(told('external', FROM_EXTERNAL, policyOf({ kind: 'set-local-pref', value: 7 }))).not.toHaveProperty(
      'localPref',
    );
  });
});

describe('answers from the cache', () => {
  const byPrefix = compiled(
    {
      name: 'by prefix',
      statements: [
        {
          name: 'marked',
          matches: [
            { kind: 'prefix', ranges: [{ prefix: '10.1.0.0/16', minLength: 16, maxLength: 32 }], negate: false },
          ],
          actions: [{ kind: 'add-community', community: '1:1' }],
          verdict: 'accept',
        },
        {
          name: 'plain',
          matches: [
            { kind: 'prefix', ranges: [{ prefix: '10.2.0.0/16', minLength: 16, maxLength: 32 }], negate: false },
          ],
          actions: [],
          verdict: 'accept',
        },
      ],
      otherwise: 'reject',
    },
    'export',
  );

  test('one set, different prefixes', () => {
    const bench = new ExportBench();
    const peer = bench.addPeer('source', 65010);
    const group = bench.group({ policy: byPrefix });
    const rows = ['10.1.1.0/24', '10.2.1.0/24', '10.3.1.0/24', '10.1.2.0/24', '10.2.2.0/24'].map((text) =>
      bench.addPath({ prefix: text, attributes: FROM_EXTERNAL }, peer),
    );
    for (let round = 0; round < 2; round++) {
      const [marked, plain, rejected, markedToo, plainToo] = rows.map((row) => group.exportPath(row));
      expect(bench.attributesOf(marked).communities).toEqual(['65010:1', '1:1']);
      expect(bench.attributesOf(plain).communities).toEqual(['65010:1']);
      expect([rejected, markedToo, plainToo]).toEqual([0, marked, plain]);
    }
  });

  test('another identifier, kind or owner of the source peer is another answer', () => {
    const bench = new ExportBench();
    const peer = bench.addPeer('source', LOCAL_AS, { client: true });
    const row = bench.addPath({ prefix: PREFIX, attributes: FROM_INTERNAL }, peer);
    const group = bench.group(INTERNAL);
    expect(bench.tell(group, row)).toMatchObject({ originatorId: '10.0.0.77' });
    bench.peers.bgpIdentifier[peer] = 0x0a000001;
    expect(bench.tell(group, row)).toMatchObject({ originatorId: '10.0.0.1' });
    bench.peers.isClient[peer] = 0;
    expect(bench.tell(group, row)).toBe(SPLIT);
    expect(bench.tell(group, row)).toBe(SPLIT);
    bench.peers.isClient[peer] = 1;
    expect(bench.tell(group, row)).toMatchObject({ originatorId: '10.0.0.1' });
  });

  test('a handle that was given to another set has another answer', () => {
    const bench = new ExportBench();
    const peer = bench.addPeer('source', 65010);
    const group = bench.group();
    const row = bench.addPath({ prefix: PREFIX, attributes: FROM_EXTERNAL }, peer);
    expect(bench.tell(group, row)).toMatchObject({ origin: 'egp' });
    const set = bench.paths[0].rowEffective[row];
    bench.sets.release(set);
    while (bench.sets.sweep(100) > 0);
    const again = bench.addPath({ prefix: PREFIX, attributes: { ...FROM_EXTERNAL, origin: 'igp' } }, peer);
    expect(bench.paths[0].rowEffective[again]).toBe(set);
    expect(bench.tell(group, again)).toMatchObject({ origin: 'igp' });
  });

  test('an outgoing set that was freed is made again', () => {
    const bench = new ExportBench();
    const group = bench.group();
    const row = bench.addPath({ prefix: PREFIX, attributes: FROM_EXTERNAL }, bench.addPeer('source', 65010));
    const first = bench.tell(group, row);
    while (bench.sets.sweep(100) > 0);
    bench.addPath({ prefix: PREFIX, attributes: { origin: 'incomplete' } }, 4);
    expect(bench.tell(group, row)).toEqual(first);
  });

  test('explaining a path names the deciding statement', () => {
    const bench = new ExportBench();
    const peer = bench.addPeer('source', 65010);
    const group = bench.group({ policy: byPrefix });
    const row = bench.addPath({ prefix: '10.2.1.0/24', attributes: FROM_EXTERNAL }, peer);
    const set = group.exportPath(row);
    expect(group.explainPath(row)).toBe(set);
    expect(group.statement).toBe('plain');
    expect(group.explainPath(bench.addPath({ prefix: PREFIX, attributes: FROM_EXTERNAL }, peer))).toBe(0);
    expect(group.statement).toBe('');
  });
});
