import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attributes, LOCAL_AS, localBlock, type PeerText, prefixValue, RibBench } from '../test/support/rib.ts';
import { DECISION_DEFAULTS, type DecisionOptions } from './decision.ts';
import type { NextHopResolver } from './next-hop.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC } from './peer-table.ts';
import { describePrefix } from './rib-view.ts';

const PREFIX = '198.51.100.0/24';
const LLGR_STALE = 0xffff0006;

/** Cost is the last octet of the next hop. */
const costByAddress: NextHopResolver = (_family, a) => ({ cost: a & 255, gateway: null, interfaceIndex: 1 });

interface Contender {
  readonly peer?: Partial<PeerText>;
  readonly attributes?: Attributes;
}

function contest(winner: Contender, loser: Contender, options: Partial<DecisionOptions> = {}) {
  const results = [true, false].map((winnerFirst) => {
    const bench = new RibBench({ resolver: costByAddress, decision: { ...DECISION_DEFAULTS, ...options } });
    const winning = bench.peer({ name: 'winner', ...winner.peer });
    const losing = bench.peer({ name: 'loser', ...loser.peer });
    const steps = [
      () => bench.announce(winning, PREFIX, winner.attributes),
      () => bench.announce(losing, PREFIX, loser.attributes),
    ];
    if (!winnerFirst) steps.reverse();
    for (const step of steps) step();
    const view = describePrefix(bench.rib, 0, bench.handle(PREFIX));
    return { best: view.paths[0].peer, because: view.bestBecause, worse: view.paths[1].worseBecause };
  });
  expect(results[0]).toEqual(results[1]);
  return results[0];
}

describe('each step of the decision process decides and says so', () => {
  test.each<[string, Contender, Contender, string]>([
    [
      'a path without LLGR_STALE beats a stale one with higher LOCAL_PREF',
      {},
      { attributes: { localPref: 200, communities: [LLGR_STALE] } },
      'not long-lived stale',
    ],
    [
      'higher LOCAL_PREF beats a shorter AS_PATH',
      { attributes: { localPref: 200, asPath: [65001, 65002, 65003] } },
      { attributes: { localPref: 199, asPath: [65001] } },
      'higher LOCAL_PREF',
    ],
    [
      'an absent LOCAL_PREF counts 100',
      { attributes: { localPref: 101, asPath: [65001, 65002] } },
      { attributes: {} },
      'higher LOCAL_PREF',
    ],
    [
      'LOCAL_PREF is compared as unsigned 32 bits',
      { attributes: { localPref: 4294967295 } },
      { attributes: { localPref: 2147483647 } },
      'higher LOCAL_PREF',
    ],
    [
      'a shorter AS_PATH beats a lower ORIGIN',
      { attributes: { asPath: [65001], origin: 2 } },
      { attributes: { asPath: [65001, 65002], origin: 0 } },
      'shorter AS_PATH',
    ],
    [
      'an AS_SET counts one, whatever it holds',
      { attributes: { asPath: [65001, [1, 2, 3, 4]] } },
      { attributes: { asPath: [65001, 65002, 65003] } },
      'shorter AS_PATH',
    ],
    [
      'very long AS_PATHs are still compared',
      { attributes: { asPath: new Array(1100).fill(65001), origin: 2 } },
      { attributes: { asPath: new Array(1101).fill(65001), origin: 0 } },
      'shorter AS_PATH',
    ],
    [
      'ORIGIN IGP beats EGP, before MED',
      { attributes: { origin: 0, med: 50 } },
      { attributes: { origin: 1, med: 5 } },
      'lower ORIGIN',
    ],
    [
      'lower MED wins between paths of one neighbour AS, before external over internal',
      { peer: { as: LOCAL_AS }, attributes: { med: 5 } },
      { attributes: { med: 50 } },
      'lower MULTI_EXIT_DISC',
    ],
    [
      'an absent MED is 0',
      { attributes: { nextHop: '192.0.2.9' } },
      { attributes: { med: 1 } },
      'lower MULTI_EXIT_DISC',
    ],
    [
      'MED is not compared between neighbour ASes: an external path beats an internal one',
      { attributes: { asPath: [65001], med: 50 } },
      { peer: { as: LOCAL_AS }, attributes: { asPath: [65002], med: 5 } },
      'external before internal',
    ],
    [
      'external beats internal before IGP cost',
      { attributes: { nextHop: '192.0.2.99' } },
      { peer: { as: LOCAL_AS }, attributes: { nextHop: '192.0.2.1' } },
      'external before internal',
    ],
    [
      'lower IGP cost beats a lower router id',
      { peer: { bgpIdentifier: '9.9.9.9' }, attributes: { nextHop: '192.0.2.1' } },
      { peer: { bgpIdentifier: '1.1.1.1' }, attributes: { nextHop: '192.0.2.2' } },
      'lower IGP cost to next hop',
    ],
    [
      'lower router id beats a lower peer address',
      { peer: { bgpIdentifier: '1.1.1.1', address: '192.0.2.200' } },
      { peer: { bgpIdentifier: '200.1.1.1', address: '192.0.2.100' } },
      'lower router id',
    ],
    [
      'ORIGINATOR_ID stands for the router id',
      { peer: { as: LOCAL_AS, bgpIdentifier: '9.9.9.9' }, attributes: { originatorId: '1.1.1.1' } },
      { peer: { as: LOCAL_AS, bgpIdentifier: '2.2.2.2' } },
      'lower router id',
    ],
    [
      'a shorter CLUSTER_LIST beats a lower peer address',
      {
        peer: { as: LOCAL_AS, address: '192.0.2.200' },
        attributes: { originatorId: '1.1.1.1', clusterList: ['7.7.7.7'] },
      },
      {
        peer: { as: LOCAL_AS, address: '192.0.2.100' },
        attributes: { originatorId: '1.1.1.1', clusterList: ['7.7.7.7', '8.8.8.8'] },
      },
      'shorter CLUSTER_LIST',
    ],
    [
      'the lower peer address is the last resort',
      { peer: { address: '192.0.2.100' } },
      { peer: { address: '192.0.2.200' } },
      'lower peer address',
    ],
    [
      'IPv4 peers come before IPv6 peers',
      { peer: { address: '203.0.113.1' } },
      { peer: { address: '::1' } },
      'lower peer address',
    ],
  ])('%s', (_sentence, winner, loser, reason) => {
    expect(contest(winner, loser)).toEqual({ best: 'winner', because: reason, worse: reason });
  });

  test('alwaysCompareMed compares MED between neighbour ASes', () => {
    const winner = { peer: { as: LOCAL_AS }, attributes: { asPath: [65002], med: 5 } };
    const loser = { attributes: { asPath: [65001], med: 50 } };
    expect(contest(winner, loser, { alwaysCompareMed: true }).because).toBe('lower MULTI_EXIT_DISC');
  });

  test('of two paths from one ADD-PATH peer the lower path id wins', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p', addPath: true });
    bench.announce(peer, PREFIX, {}, 9);
    bench.announce(peer, PREFIX, {}, 4);
    const view = describePrefix(bench.rib, 0, bench.handle(PREFIX));
    expect([view.paths.map((path) => path.pathId), view.bestBecause]).toEqual([[4, 9], 'lower path id']);
  });
});

describe('sources are compared before RFC 4271', () => {
  test('direct beats static beats BGP beats kernel', () => {
    const bench = new RibBench();
    const { family, a, b, c, d, length } = prefixValue(PREFIX);
    const order: Array<string | null> = [];
    bench.rib.setLocalPath(PEER_KERNEL, family, a, b, c, d, length, localBlock(2, 1024));
    order.push(bench.best(PREFIX));
    bench.announce(bench.peer({ name: 'bgp' }), PREFIX, {});
    order.push(bench.best(PREFIX));
    bench.rib.setLocalPath(PEER_STATIC, family, a, b, c, d, length, localBlock(1));
    order.push(bench.best(PREFIX));
    bench.rib.setLocalPath(PEER_DIRECT, family, a, b, c, d, length, localBlock(3));
    order.push(bench.best(PREFIX));
    expect(order).toEqual(['kernel', 'bgp', 'static', 'direct']);
    const view = describePrefix(bench.rib, 0, bench.handle(PREFIX));
    expect(view.bestBecause).toBe('higher preference of source');
  });
});

describe('MED is deterministic (RFC 4271 9.1.2.2 c)', () => {
  // 65001/a loses to 65001/b on MED; 65002 beats b on IGP cost but would lose to a.
  const a: Attributes = { asPath: [65001], med: 20, nextHop: '192.0.2.1' };
  const b: Attributes = { asPath: [65001], med: 10, nextHop: '192.0.2.30' };
  const c: Attributes = { asPath: [65002], med: 99, nextHop: '192.0.2.20' };
  const paths: ReadonlyArray<[string, Attributes]> = [
    ['a', a],
    ['b', b],
    ['c', c],
  ];

  test.each([
    ['a b c', [0, 1, 2]],
    ['a c b', [0, 2, 1]],
    ['b a c', [1, 0, 2]],
    ['b c a', [1, 2, 0]],
    ['c a b', [2, 0, 1]],
    ['c b a', [2, 1, 0]],
  ])('arrival in the order %s makes no difference', (_sentence, order) => {
    const bench = new RibBench({ resolver: costByAddress });
    for (const i of order) bench.announce(bench.peer({ name: paths[i][0] }), PREFIX, paths[i][1]);
    expect(bench.best(PREFIX)).toBe('c');
    const view = describePrefix(bench.rib, 0, bench.handle(PREFIX));
    expect(view.paths.find((path) => path.peer === 'a')?.worseBecause).toBe('lower MULTI_EXIT_DISC');
  });

  test('withdrawing the path that eliminated the winner brings it back', () => {
    const bench = new RibBench({ resolver: costByAddress });
    const peers = paths.map(([name, attributes]) => {
      const peer = bench.peer({ name });
      bench.announce(peer, PREFIX, attributes);
      return peer;
    });
    bench.withdraw(peers[1], PREFIX);
    expect(bench.best(PREFIX)).toBe('a');
    bench.announce(peers[1], PREFIX, { ...b, localPref: 50 });
    expect(bench.best(PREFIX)).toBe('a');
    bench.announce(peers[1], PREFIX, b);
    expect(bench.best(PREFIX)).toBe('c');
  });
});

describe('multipath', () => {
  const rows = new Uint32Array(16);
  const members = (bench: RibBench, limit = 16): string[] => {
    const count = bench.rib.multipath(0, bench.handle(PREFIX), rows, limit);
    return [...rows.subarray(0, count)].map((row) => bench.rib.peers.nameOf(bench.rib.paths[0].rowPeer[row]));
  };
  const build = (options: Partial<DecisionOptions>, others: ReadonlyArray<[string, Contender]>): RibBench => {
    const bench = new RibBench({ resolver: costByAddress, decision: { ...DECISION_DEFAULTS, ...options } });
    for (const [name, { peer, attributes }] of [
      ['first', { peer: { bgpIdentifier: '1.1.1.1' } }] as [string, Contender],
      ...others,
    ]) {
      bench.announce(bench.peer({ name, bgpIdentifier: '3.3.3.3', ...peer }), PREFIX, attributes);
    }
    return bench;
  };

  test.each<[string, Partial<DecisionOptions>, Contender, boolean]>([
    ['equal up to IGP cost: a lower router id does not matter', {}, { peer: { bgpIdentifier: '2.2.2.2' } }, true],
    ['another IGP cost keeps a path out', {}, { attributes: { nextHop: '192.0.2.2' } }, false],
    ['a higher MED keeps a path out', {}, { attributes: { med: 1 } }, false],
    ['internal paths do not mix with external ones', {}, { peer: { as: LOCAL_AS } }, false],
    ['another neighbour AS keeps a path out', {}, { attributes: { asPath: [65002] } }, false],
    ['unless multipathRelax', { multipathRelax: true }, { attributes: { asPath: [65002] } }, true],
    ['multipath off leaves the best', { multipath: false }, {}, false],
  ])('%s', (_sentence, options, other, isMember) => {
    expect(members(build(options, [['other', other]]))).toEqual(isMember ? ['first', 'other'] : ['first']);
  });

  test('a path that lost on MED to another path of its AS stays out with multipathRelax', () => {
    const bench = build({ multipathRelax: true }, [
      ['loser', { attributes: { asPath: [65002], med: 9 } }],
      ['winner', { attributes: { asPath: [65002], med: 3 } }],
    ]);
    expect(members(bench)).toEqual(['first', 'winner']);
  });

  test('the best paths come first and the limit cuts the rest', () => {
    const bench = build({}, [
      ['d', { peer: { bgpIdentifier: '9.0.0.4' } }],
      ['b', { peer: { bgpIdentifier: '9.0.0.2' } }],
      ['c', { peer: { bgpIdentifier: '9.0.0.3' } }],
    ]);
    expect(members(bench)).toEqual(['first', 'b', 'c', 'd']);
    expect(members(bench, 3)).toEqual(['first', 'b', 'c']);
  });
});

describe('properties', () => {
  interface Random {
    internal: boolean;
    identifier: number;
    localPref: number;
    neighbor: number;
    med: number;
    cost: number;
  }
  const contender: fc.Arbitrary<Random> = fc.record({
    internal: fc.boolean(),
    identifier: fc.integer({ min: 1, max: 3 }),
    localPref: fc.constantFrom(100, 200),
    neighbor: fc.constantFrom(65001, 65002, 65003),
    med: fc.integer({ min: 0, max: 3 }),
    cost: fc.integer({ min: 1, max: 3 }),
  });

  const rank = (bench: RibBench, entries: ReadonlyArray<{ name: string; given: Random }>) => {
    for (const { name, given } of entries) {
      const peer = bench.peer({
        name,
        as: given.internal ? LOCAL_AS : 65001,
        bgpIdentifier: `1.1.1.${given.identifier}`,
        address: `192.0.2.${name.slice(1)}`,
      });
      bench.announce(peer, PREFIX, {
        localPref: given.localPref,
        asPath: [given.neighbor],
        med: given.med,
        nextHop: `192.0.2.${given.cost}`,
      });
    }
    return bench.best(PREFIX);
  };

  test('the best path does not depend on the order of arrival', () => {
    fc.assert(
      fc.property(fc.array(contender, { minLength: 1, maxLength: 7 }), fc.infiniteStream(fc.nat()), (given, picks) => {
        const entries = given.map((one, i) => ({ name: `p${i + 1}`, given: one }));
        const left = [...entries];
        const shuffled: typeof entries = [];
        for (const pick of picks) {
          if (left.length === 0) break;
          shuffled.push(...left.splice(pick % left.length, 1));
        }
        expect(rank(new RibBench({ resolver: costByAddress }), shuffled)).toBe(
          rank(new RibBench({ resolver: costByAddress }), entries),
        );
      }),
    );
  });

  test('with alwaysCompareMed the comparison is a total order', () => {
    fc.assert(
      fc.property(fc.array(contender, { minLength: 3, maxLength: 6 }), (given) => {
        const bench = new RibBench({
          resolver: costByAddress,
          decision: { ...DECISION_DEFAULTS, alwaysCompareMed: true },
        });
        rank(
          bench,
          given.map((one, i) => ({ name: `p${i + 1}`, given: one })),
        );
        const paths = bench.rib.paths[0];
        const rows: number[] = [];
        for (let row = bench.rib.prefixes[0].head[bench.handle(PREFIX)]; row !== 0; row = paths.rowNext[row])
          rows.push(row);
        const compare = (x: number, y: number): number => Math.sign(bench.rib.decision.compare(paths, x, y));
        for (const x of rows) {
          for (const y of rows) {
            if (x === y) continue;
            expect(compare(x, y)).toBe(-compare(y, x));
            expect(compare(x, y)).not.toBe(0);
            for (const z of rows) {
              if (z !== x && z !== y && compare(x, y) < 0 && compare(y, z) < 0) expect(compare(x, z)).toBe(-1);
            }
          }
        }
        expect(rows.every((row) => row === rows[0] || compare(rows[0], row) < 0)).toBe(true);
      }),
    );
  });
});
