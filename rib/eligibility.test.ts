import { describe, expect, test } from 'vitest';
import { parseAddress } from '../bgp/ip.ts';
import { type Attributes, LOCAL_AS, type PeerText, RibBench } from '../test/support/rib.ts';
import type { NextHopResolver } from './next-hop.ts';
import { describePrefix } from './rib-view.ts';

const PREFIX = '198.51.100.0/24';

describe('eligibility', () => {
  test.each<[string, Partial<PeerText>, Attributes, string | null]>([
    ['a plain external path is eligible', {}, {}, null],
    ['our AS in AS_PATH is a loop', {}, { asPath: [65001, LOCAL_AS] }, 'own AS in AS_PATH'],
    ['our AS in an AS_SET is a loop', {}, { asPath: [65001, [7, LOCAL_AS]] }, 'own AS in AS_PATH'],
    ['also from an internal peer', { as: LOCAL_AS }, { asPath: [65001, LOCAL_AS] }, 'own AS in AS_PATH'],
    ['allowOwnAs allows so many', { policy: { allowOwnAs: 1 } }, { asPath: [65001, LOCAL_AS] }, null],
    ['and not more', { policy: { allowOwnAs: 1 } }, { asPath: [LOCAL_AS, LOCAL_AS] }, 'own AS in AS_PATH'],
    [
      'our ORIGINATOR_ID is a loop',
      { as: LOCAL_AS },
      { originatorId: '10.255.0.1' },
      'ORIGINATOR_ID is our BGP Identifier',
    ],
    ['another ORIGINATOR_ID is not', { as: LOCAL_AS }, { originatorId: '10.255.0.2' }, null],
    [
      'our BGP Identifier is the cluster id',
      { as: LOCAL_AS },
      { clusterList: ['7.7.7.7', '10.255.0.1'] },
      'our cluster id in CLUSTER_LIST',
    ],
    [
      'the peer may have its own cluster id',
      { as: LOCAL_AS, policy: { clusterId: '7.7.7.7' } },
      { clusterList: ['7.7.7.7'] },
      'our cluster id in CLUSTER_LIST',
    ],
    [
      'another cluster is fine',
      { as: LOCAL_AS, policy: { clusterId: '7.7.7.7' } },
      { clusterList: ['10.255.0.1'] },
      null,
    ],
    [
      'our cluster id where that does not matter',
      { as: LOCAL_AS, policy: { clusterId: '7.7.7.7', usesOwnCluster: true } },
      { clusterList: ['7.7.7.7'] },
      null,
    ],
    ['an unresolvable next hop', {}, { nextHop: '203.0.113.9' }, 'next hop unresolvable'],
    ['a next hop that is ours', {}, { nextHop: '192.0.2.254' }, 'next hop is our own address'],
    ['a multicast next hop', {}, { nextHop: '224.0.0.1' }, 'next hop is not a usable address'],
    ['an unspecified next hop', {}, { nextHop: '0.0.0.0' }, 'next hop is not a usable address'],
    ['any first AS by default', {}, { asPath: [65009] }, null],
    [
      'the first AS when it is enforced',
      { enforceFirstAs: true },
      { asPath: [65009] },
      'first AS of AS_PATH is not the peer AS',
    ],
    ['OTC from a customer is a leak', { role: 'provider' }, { onlyToCustomer: 65001 }, 'route leak (OTC, RFC 9234)'],
    [
      'OTC from a route server client is a leak',
      { role: 'rs-server' },
      { onlyToCustomer: 65001 },
      'route leak (OTC, RFC 9234)',
    ],
    [
      'OTC of another AS from a peer is a leak',
      { role: 'peer' },
      { onlyToCustomer: 65002 },
      'route leak (OTC, RFC 9234)',
    ],
    ['OTC of the peer itself is not', { role: 'peer' }, { onlyToCustomer: 65001 }, null],
    ['OTC from a provider is not', { role: 'customer' }, { onlyToCustomer: 65002 }, null],
    ['OTC without roles is not looked at', {}, { onlyToCustomer: 65002 }, null],
  ])('%s', (_sentence, peerText, attributes, reason) => {
    const resolver: NextHopResolver = (_family, a) =>
      a >>> 8 === 0xc00002 ? { cost: 0, gateway: null, interfaceIndex: 1 } : null;
    const bench = new RibBench({ resolver });
    const own = parseAddress('192.0.2.254');
    if (own !== null) bench.rib.setOwnAddresses([own]);
    const peer = bench.peer({ name: 'p', ...peerText });
    bench.announce(peer, PREFIX, attributes);
    const [path] = describePrefix(bench.rib, 0, bench.handle(PREFIX)).paths;
    expect([path.ineligible, path.isEligible, bench.best(PREFIX)]).toEqual([
      reason,
      reason === null,
      reason === null ? 'p' : null,
    ]);
    const { received, eligible, best, stale } = bench.rib.counters(peer, 0);
    expect({ received, eligible, best, stale }).toEqual({
      received: 1,
      eligible: reason === null ? 1 : 0,
      best: reason === null ? 1 : 0,
      stale: 0,
    });
    expect(bench.rib.counters(peer, 0).byReason.reduce((sum, count) => sum + count)).toBe(1);
  });
});
