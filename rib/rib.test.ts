import { describe, expect, test } from 'vitest';
import { FakeUpdate, LOCAL_AS, localBlock, PEER_POLICY, prefixValue, RibBench } from '../test/support/rib.ts';
import type { NextHopResolver } from './next-hop.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import { PEER_KERNEL, PEER_STATIC } from './peer-table.ts';
import { ACCEPT_ALL_IMPORT, type ImportPolicy } from './policy-hook.ts';
import type { PrefixConsumer } from './prefix-consumer.ts';
import { describePrefix } from './rib-view.ts';

const PREFIX = '198.51.100.0/24';

const counters = (bench: RibBench, peer: number) => {
  const { received, eligible, best, stale } = bench.rib.counters(peer, 0);
  return { received, eligible, best, stale };
};

describe('consumers', () => {
  const recorder = (wants: Partial<PrefixConsumer>) => {
    const calls: string[] = [];
    const consumer: PrefixConsumer = {
      wantsAllPaths: false,
      wantsForwarding: false,
      prefixChanged: () => calls.push('changed'),
      pathRemoved: () => calls.push('removed'),
      ...wants,
    };
    return { calls, consumer };
  };

  test.each<[string, Partial<PrefixConsumer>, string[]]>([
    ['a consumer of best paths hears only of best paths', {}, ['new best', 'other best', 'best gone']],
    ['one of forwarding also of ties', { wantsForwarding: true }, ['new best', 'tie', 'other best', 'best gone']],
    [
      'one of all paths hears everything',
      { wantsAllPaths: true },
      ['new best', 'tie', 'worse', 'worse changes', 'worse goes', 'other best', 'best gone'],
    ],
  ])('%s', (_sentence, wants, heard) => {
    const { calls, consumer } = recorder(wants);
    const bench = new RibBench();
    bench.rib.addConsumer(consumer);
    const [one, two, three] = ['1', '2', '3'].map((id) => bench.peer({ name: id, bgpIdentifier: `1.1.1.${id}` }));
    const steps: Array<[string, () => void]> = [
      ['new best', () => bench.announce(one, PREFIX, {})],
      ['the same', () => bench.announce(one, PREFIX, {})],
      ['tie', () => bench.announce(two, PREFIX, {})],
      ['worse', () => bench.announce(three, PREFIX, { localPref: 50 })],
      ['worse changes', () => bench.announce(three, PREFIX, { localPref: 60 })],
      ['worse goes', () => bench.withdraw(three, PREFIX)],
      ['ineligible comes', () => bench.announce(three, PREFIX, { asPath: [LOCAL_AS] })],
      ['ineligible goes', () => bench.withdraw(three, PREFIX)],
      ['other best', () => bench.withdraw(one, PREFIX)],
      ['best gone', () => bench.withdraw(two, PREFIX)],
    ];
    const events: string[] = [];
    for (const [name, step] of steps) {
      calls.length = 0;
      step();
      if (calls.includes('changed')) events.push(name);
    }
    expect(events).toEqual(heard);
  });

  test('a consumer of all paths hears of a removed row before its number is given again', () => {
    const removed: Array<[number, number]> = [];
    const bench = new RibBench();
    bench.rib.addConsumer(
      recorder({
        wantsAllPaths: true,
        pathRemoved: (family, prefix, row) => removed.push([bench.rib.paths[family].rowPrefix[row], prefix]),
      }).consumer,
    );
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    const handle = bench.handle(PREFIX);
    bench.withdraw(peer, PREFIX);
    expect(removed).toEqual([[handle, handle]]);
  });

  test('a removed consumer hears nothing', () => {
    const { calls, consumer } = recorder({});
    const bench = new RibBench();
    bench.rib.addConsumer(consumer);
    bench.rib.removeConsumer(consumer);
    bench.announce(bench.peer({ name: 'p' }), PREFIX);
    expect(calls).toEqual([]);
  });
});

describe('next hops', () => {
  test('a change of resolution makes paths eligible, ineligible, better and worse', () => {
    const costs = new Map<number, number>([[1, 10]]);
    const resolver: NextHopResolver = (_family, a) => {
      const cost = costs.get(a & 255);
      return cost === undefined ? null : { cost, gateway: null, interfaceIndex: 1 };
    };
    const bench = new RibBench({ resolver });
    const one = bench.peer({ name: 'one' });
    const two = bench.peer({ name: 'two', bgpIdentifier: '9.9.9.9' });
    bench.announce(one, PREFIX, { nextHop: '192.0.2.1' });
    bench.announce(two, PREFIX, { nextHop: '192.0.2.2' });
    const bestAfter = (change: () => void): string | null => {
      change();
      bench.rib.resolutionChanged();
      bench.settle();
      return bench.best(PREFIX);
    };
    expect([
      bench.best(PREFIX),
      bestAfter(() => costs.set(2, 5)),
      bestAfter(() => costs.set(1, 4)),
      bestAfter(() => costs.delete(1)),
      bestAfter(() => costs.delete(2)),
      bestAfter(() => costs.set(1, 1)),
    ]).toEqual(['one', 'two', 'one', 'two', null, 'one']);
  });

  test('a forwarding consumer hears of another gateway although the best path stays', () => {
    let interfaceIndex = 1;
    const bench = new RibBench({ resolver: () => ({ cost: 0, gateway: null, interfaceIndex }) });
    const heard: string[] = [];
    for (const wantsForwarding of [true, false]) {
      bench.rib.addConsumer({
        wantsAllPaths: false,
        wantsForwarding,
        prefixChanged: () => heard.push(wantsForwarding ? 'fib' : 'group'),
        pathRemoved: () => {},
      });
    }
    bench.announce(bench.peer({ name: 'p' }), PREFIX);
    heard.length = 0;
    interfaceIndex = 2;
    bench.rib.resolutionChanged();
    bench.settle();
    expect(heard).toEqual(['fib']);
  });

  test('a static route waits for its gateway, kernel routes do not ask', () => {
    let isReachable = false;
    const bench = new RibBench({
      resolver: () => (isReachable ? { cost: 0, gateway: null, interfaceIndex: 1 } : null),
    });
    const p = prefixValue(PREFIX);
    bench.rib.setLocalPath(PEER_STATIC, 0, p.a, 0, 0, 0, p.length, localBlock(1, 0, '192.0.2.1'));
    expect(bench.best(PREFIX)).toBe(null);
    bench.rib.setLocalPath(PEER_KERNEL, 0, p.a, 0, 0, 0, p.length, localBlock(2, 0, '192.0.2.1'));
    expect(bench.best(PREFIX)).toBe('kernel');
    isReachable = true;
    bench.rib.resolutionChanged();
    bench.settle();
    expect(bench.best(PREFIX)).toBe('static');
    expect(bench.rib.removeLocalPath(PEER_STATIC, 0, p.a, 0, 0, 0, p.length)).toBe(true);
    expect(bench.rib.removeLocalPath(PEER_STATIC, 0, p.a, 0, 0, 0, p.length)).toBe(false);
    expect(bench.best(PREFIX)).toBe('kernel');
  });
});

describe('another BGP Identifier', () => {
  test('paths that we originated under it are loops now, those under the old one are not', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p', as: LOCAL_AS });
    bench.announce(peer, PREFIX, { originatorId: '9.9.9.9' });
    expect(bench.best(PREFIX)).toBe('p');
    bench.rib.setBgpIdentifier(0x09090909);
    bench.settle();
    expect(bench.best(PREFIX)).toBe(null);
    bench.rib.setBgpIdentifier(0x01010101);
    bench.settle();
    expect(bench.best(PREFIX)).toBe('p');
  });
});

describe('import policy', () => {
  const withPolicy = (make: () => ImportPolicy): RibBench =>
    new RibBench({ policyCompiler: () => ({ compileImport: make }) });

  test('is asked once per UPDATE when it does not depend on the prefix', () => {
    let asked = 0;
    const bench = withPolicy(() => ({
      ...ACCEPT_ALL_IMPORT,
      acceptsAll: false,
      evaluate: (_a, _b, _c, _d, _length, set) => {
        asked++;
        return set;
      },
    }));
    bench.update(bench.peer({ name: 'p' }), { announced: ['10.0.0.0/8', '10.1.0.0/16', '10.2.0.0/16'] });
    expect(asked).toBe(1);
  });

  test('is asked per prefix, with unsigned lanes, when it does', () => {
    const seen: string[] = [];
    const bench = withPolicy(() => ({
      ...ACCEPT_ALL_IMPORT,
      acceptsAll: false,
      dependsOnPrefix: true,
      evaluate: (a, _b, _c, _d, length, set) => {
        seen.push(`${a}/${length}`);
        return length === 24 ? 0 : set;
      },
    }));
    const peer = bench.peer({ name: 'p' });
    bench.update(peer, { announced: [PREFIX, '224.0.0.0/4'] });
    expect(seen).toEqual([`${0xc6336400}/24`, `${0xe0000000}/4`]);
    const [path] = describePrefix(bench.rib, 0, bench.handle(PREFIX)).paths;
    expect([path.ineligible, bench.best('224.0.0.0/4')]).toEqual(['rejected by import policy', 'p']);
  });

  test('a change is worked off in slices, the session stays', () => {
    let isAccepting = true;
    const bench = withPolicy(() => ({
      ...ACCEPT_ALL_IMPORT,
      acceptsAll: false,
      evaluate: (_a, _b, _c, _d, _length, set) => (isAccepting ? set : 0),
    }));
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    isAccepting = false;
    bench.rib.updatePeer(peer, { ...PEER_POLICY, allowOwnAs: 1 });
    bench.settle();
    expect([bench.best(PREFIX), counters(bench, peer).received]).toEqual([null, 1]);
    isAccepting = true;
    bench.rib.reevaluate(peer);
    bench.settle();
    expect(bench.best(PREFIX)).toBe('p');
  });

  test.each<[sentence: string, change: Partial<PeerPolicyConfig>, isLookedAt: boolean]>([
    ['another import policy', { importPolicy: structuredClone(PEER_POLICY.importPolicy) }, true],
    ['another cluster id', { clusterId: '7.7.7.7' }, true],
    ['another export policy', { exportPolicy: structuredClone(PEER_POLICY.exportPolicy) }, false],
    ['another next-hop mode', { nextHopMode: 'self' }, false],
    ['nothing else', {}, false],
  ])('with %s the paths are evaluated again, or not', (_sentence, change, isLookedAt) => {
    let asked = 0;
    const bench = withPolicy(() => ({
      ...ACCEPT_ALL_IMPORT,
      acceptsAll: false,
      evaluate: (_a, _b, _c, _d, _length, set) => {
        asked++;
        return set;
      },
    }));
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    asked = 0;
    bench.rib.updatePeer(peer, { ...PEER_POLICY, ...change });
    bench.settle();
    expect(asked > 0).toBe(isLookedAt);
  });

  test('preference asked for by policy comes before everything', () => {
    const bench = withPolicy(() => ({ ...ACCEPT_ALL_IMPORT, acceptsAll: false, preference: 220 }));
    const p = prefixValue(PREFIX);
    bench.announce(bench.peer({ name: 'p' }), PREFIX, { localPref: 1 });
    bench.rib.setLocalPath(PEER_STATIC, 0, p.a, 0, 0, 0, p.length, localBlock(1));
    expect(bench.best(PREFIX)).toBe('p');
  });

  test('what policy made of a path stays tracked while its next hop is unresolvable', () => {
    let isReachable = false;
    const bench = new RibBench({
      resolver: (_family, a) => ((a & 255) === 1 || isReachable ? { cost: 0, gateway: null, interfaceIndex: 1 } : null),
      policyCompiler: (rib) => ({
        compileImport: () => ({
          ...ACCEPT_ALL_IMPORT,
          acceptsAll: false,
          evaluate: () => {
            const octets = new FakeUpdate({ attributes: { nextHop: '192.0.2.77' } }).blockOctets;
            return rib.sets.intern(octets, 0, octets.length);
          },
        }),
      }),
    });
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX, { nextHop: '192.0.2.1' });
    bench.settle();
    expect(bench.best(PREFIX)).toBe(null);
    isReachable = true;
    bench.rib.resolutionChanged();
    bench.settle();
    expect(bench.best(PREFIX)).toBe('p');
    bench.withdraw(peer, PREFIX);
    bench.settle();
    expect([bench.rib.sets.count, bench.rib.nextHops.count]).toEqual([0, 0]);
  });
});
