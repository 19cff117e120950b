import { expect, test } from 'vitest';
import type { AttributesView } from '../api/schema.ts';
import { birdRoute, communityPair, extendedTriple } from './route-form.ts';

test.each([
  ['65000:1', [65_000, 1]],
  ['no-export', [65_535, 65_281]],
  ['blackhole', [65_535, 666]],
])('community %s', (text, wanted) => {
  expect(communityPair(text)).toEqual(wanted);
});

test.each([
  ['rt:65000:1', ['rt', '65000', '1']],
  ['ro:192.0.2.1:7', ['ro', '192.0.2.1', '7']],
  ['0x0306000000000001', ['generic', '0x03060000', '0x00000001']],
])('extended community %s', (text, wanted) => {
  expect(extendedTriple(text)).toEqual(wanted);
});

test('a path with everything', () => {
  const attributes: AttributesView = {
    origin: 'incomplete',
    asPath: '65001 {65002 65003}',
    nextHop: '192.0.2.9',
    localPref: 200,
    med: 0,
    communities: ['65000:1'],
    extendedCommunities: ['rt:65000:1'],
    largeCommunities: ['65000:1:2'],
    originatorId: null,
    clusterList: [],
    aggregator: null,
    atomicAggregate: false,
    onlyToCustomer: null,
    other: [],
  };
  const origin = { protocol: 'tor', neighbour: '192.0.2.1', since: '2026-11-29 18:00:00' };
  expect(birdRoute('10.0.0.0/8', attributes, origin, true)).toEqual({
    network: '10.0.0.0/8',
    gateway: '192.0.2.1',
    interface: '',
    from_protocol: 'tor',
    age: '2026-11-29 18:00:00',
    learnt_from: '192.0.2.1',
    primary: true,
    metric: 100,
    type: ['BGP', 'univ'],
    bgp: {
      origin: 'Incomplete',
      as_path: ['65001', '65002', '65003'],
      next_hop: '192.0.2.9',
      local_pref: '200',
      med: '0',
      communities: [[65_000, 1]],
      large_communities: [[65_000, 1, 2]],
      ext_communities: [['rt', '65000', '1']],
    },
  });
});
