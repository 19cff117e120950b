/** The back end against a real kernel: writing. What it learns is in kernel-view.test.ts. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parsePrefix } from '../../bgp/ip.ts';
import type { FibEntry } from './fib.ts';
import { createFibNetlink } from './fib-netlink.ts';
import { FibScene, V4, V6 } from './testing/fib-scene.ts';
import { namespaceProblem } from './testing/namespace.ts';

const problem = namespaceProblem();
if (problem !== null) console.warn(`Skipped: netlink tests in a namespace: ${problem}`);

describe.skipIf(problem !== null)('own routes in the kernel', () => {
  let scene: FibScene;
  let until: FibScene['until'];
  let kernel: FibScene['kernel'];
  let replace: FibScene['want'];
  let remove: FibScene['unwant'];
  let unicast: FibScene['unicast'];
  let blackhole: FibScene['blackhole'];

  beforeAll(() => {
    scene = new FibScene('fib');
    ({ until, kernel, want: replace, unwant: remove, unicast, blackhole } = scene);
  });
  afterAll(() => scene.remove());
  beforeEach(() => scene.restart());
  afterEach(() => scene.clean());

  test.each<[string, string, () => FibEntry, string[]]>([
    ['gateway', V4, () => unicast(1024, '192.0.2.9'), ['10.1.0.0/16 via 192.0.2.9 dev t0 proto bird metric 1024']],
    ['default route', '0.0.0.0/0', () => unicast(7, '192.0.2.9'), ['default via 192.0.2.9 dev t0 proto bird metric 7']],
    [
      'highest metric',
      V4,
      () => unicast(0xffffffff, '192.0.2.9'),
      [`${V4} via 192.0.2.9 dev t0 proto bird metric 4294967295`],
    ],
    ['device', '10.1.1.1/32', () => unicast(0, 'dev t1'), ['10.1.1.1 dev t1 proto bird scope link']],
    [
      'onlink',
      V4,
      () => unicast(0, '203.0.113.9 dev t1 onlink'),
      ['10.1.0.0/16 via 203.0.113.9 dev t1 proto bird onlink'],
    ],
    [
      'IPv6 next hop (RFC 8950)',
      V4,
      () => unicast(0, 'fe80::9 dev t0'),
      ['10.1.0.0/16 via inet6 fe80::9 dev t0 proto bird'],
    ],
    ['blackhole', '10.1.0.0/26', () => blackhole(), ['blackhole 10.1.0.0/26 proto bird']],
    [
      'multipath with weights and onlink',
      V4,
      () => unicast(5, '192.0.2.9 dev t0', '203.0.113.9 dev t1 onlink weight 20'),
      [
        `${V4} proto bird metric 5 nexthop via 192.0.2.9 dev t0 weight 1 nexthop via 203.0.113.9 dev t1 weight 20 onlink`,
      ],
    ],
    ['IPv6 gateway', V6, () => unicast(512, '2001:db8::9'), [`${V6} via 2001:db8::9 dev t0 proto bird metric 512`]],
    [
      'IPv6 default metric',
      V6,
      () => unicast(0, '2001:db8::9'),
      [`${V6} via 2001:db8::9 dev t0 proto bird metric 1024`],
    ],
    ['IPv6 device', V6, () => unicast(0, 'dev t1'), [`${V6} dev t1 proto bird metric 1024`]],
    [
      'IPv6 onlink',
      V6,
      () => unicast(0, 'fd00::9 dev t1 onlink'),
      [`${V6} via fd00::9 dev t1 proto bird metric 1024 onlink`],
    ],
    ['IPv6 link-local', V6, () => unicast(0, 'fe80::9 dev t1'), [`${V6} via fe80::9 dev t1 proto bird metric 1024`]],
    ['IPv6 blackhole', V6, () => blackhole(), [`blackhole ${V6} dev lo proto bird metric 1024`]],
    [
      'IPv6 multipath',
      V6,
      () => unicast(0, '2001:db8::9 dev t0', '2001:db8:1::9 dev t1 weight 3'),
      [
        `${V6} proto bird metric 1024 nexthop via 2001:db8::9 dev t0 weight 1 nexthop via 2001:db8:1::9 dev t1 weight 3`,
      ],
    ],
  ])('%s: installed as `ip route` shows it, then deleted', async (_, prefix, entry, expected) => {
    replace(prefix, entry());
    await scene.fib.settled();
    expect(scene.fib.failures()).toEqual([]);
    expect(kernel(prefix)).toEqual(expected);
    remove(prefix);
    await scene.fib.settled();
    expect(kernel(prefix)).toEqual([]);
    expect(scene.fib.counters()).toMatchObject({ installed: [0, 0], failed: 0, resyncs: 1 });
  });

  const CHANGES: [string, string, () => FibEntry][] = [
    ['another gateway', V4, () => unicast(5, '198.51.100.9')],
    ['another metric', V4, () => unicast(6, '192.0.2.9')],
    ['default metric', V4, () => unicast(0, '192.0.2.9')],
    ['multipath', V4, () => unicast(5, '192.0.2.9 dev t0', '198.51.100.9 dev t1')],
    ['more weight', V4, () => unicast(5, '192.0.2.9 dev t0', '198.51.100.9 dev t1 weight 3')],
    ['blackhole', V4, () => blackhole(5)],
    ['another gateway', V6, () => unicast(5, '2001:db8:1::9')],
    ['another metric', V6, () => unicast(6, '2001:db8::9')],
    ['multipath', V6, () => unicast(5, '2001:db8::9 dev t0', '2001:db8:1::9 dev t1')],
    ['multipath with a common hop', V6, () => unicast(5, '2001:db8::9 dev t0', '2001:db8::a dev t0')],
    ['more weight', V6, () => unicast(5, '2001:db8::9 dev t0 weight 3', '2001:db8:1::9 dev t1')],
    ['blackhole', V6, () => blackhole(5)],
    ['device', V6, () => unicast(5, 'dev t1')],
  ];

  test.each(CHANGES)(
    'change to and from %s (%s): one route at each end, no failure, no doubt',
    async (_, prefix, entry) => {
      const first = (): FibEntry => unicast(5, prefix === V4 ? '192.0.2.9' : '2001:db8::9');
      replace(prefix, entry());
      await scene.fib.settled();
      const direct = kernel(prefix);
      remove(prefix);
      replace(prefix, first());
      await scene.fib.settled();
      const before = kernel(prefix);
      replace(prefix, entry());
      await scene.fib.settled();
      expect(kernel(prefix).map(sortHops)).toEqual(direct.map(sortHops));
      replace(prefix, first());
      await scene.fib.settled();
      expect(kernel(prefix)).toEqual(before);
      await scene.fib.resync();
      expect(scene.fib.counters()).toMatchObject({ failed: 0, resyncs: 2, restored: 0 });
      expect(scene.fib.counters().installed[prefix === V4 ? 0 : 1]).toBe(1);
    },
  );

  test.each([
    ['IPv4', V4, '192.0.2.9', '198.51.100.9'],
    ['IPv6', V6, '2001:db8::9', '2001:db8:1::9'],
  ])('%s: while a next hop changes the prefix always has a route', async (_, prefix, one, other) => {
    replace(prefix, unicast(5, one));
    await scene.fib.settled();
    const events = await scene.ns.monitor('route');
    for (const gateway of [other, one, other, one]) {
      replace(prefix, unicast(5, gateway));
      await scene.fib.settled();
    }
    const lines = await events.stop();
    let routes = 1;
    for (const line of lines.filter((text) => text.includes(prefix))) {
      routes += line.startsWith('Deleted') ? -1 : 1;
      expect(routes).toBeGreaterThan(0);
    }
    expect(routes).toBe(1);
    expect(lines.length).toBeGreaterThanOrEqual(8);
  });

  test('wishes of one turn are one: only the last counts', async () => {
    for (let i = 1; i < 100; i++) replace(V4, unicast(i, '192.0.2.9'));
    await scene.fib.settled();
    expect(kernel(V4)).toEqual([`${V4} via 192.0.2.9 dev t0 proto bird metric 99`]);
    expect(scene.fib.counters()).toMatchObject({ added: 1, deleted: 0 });
  });

  test('wishes before the start wait for it', async () => {
    scene.fib.close();
    scene.fib = createFibNetlink({ listener: scene.listener });
    replace(V4, blackhole());
    expect(await scene.fib.start()).toEqual({ adopted: [0, 0], learned: 0 });
    await scene.fib.settled();
    expect(kernel(V4)).toEqual([`blackhole ${V4} proto bird`]);
  });

  test('a table beyond 255 and another protocol number', async () => {
    await scene.restart({ table: 1000, protocol: 77 });
    replace(V4, unicast(5, '192.0.2.9'));
    replace(V6, unicast(5, '2001:db8::9'));
    await scene.fib.settled();
    expect(kernel(V4, '1000')).toEqual([`${V4} via 192.0.2.9 dev t0 proto 77 metric 5`]);
    expect(kernel(V6, '1000')).toEqual([`${V6} via 2001:db8::9 dev t0 proto 77 metric 5`]);
    expect(kernel(V4)).toEqual([]);
    await scene.restart({ table: 1000, protocol: 77 });
    expect([scene.fib.sweepStale(0), scene.fib.sweepStale(1)]).toEqual([1, 1]);
    await scene.fib.settled();
    expect([kernel(V4, '1000'), kernel(V6, '1000')]).toEqual([[], []]);
  });

  test('without permission to program nothing is written and nothing adopted', async () => {
    scene.ns.ip(`route add blackhole ${V4} proto bird`);
    await scene.restart({ programRoutes: false });
    replace('10.2.0.0/16', blackhole());
    remove(V4);
    expect(scene.fib.sweepStale(0)).toBe(0);
    await scene.fib.settled();
    await scene.fib.resync();
    expect(kernel(V4)).toEqual([`blackhole ${V4} proto bird`]);
    expect(kernel('10.2.0.0/16')).toEqual([]);
  });

  describe('foreign routes', () => {
    test.each([
      ['IPv4', V4, '192.0.2.77', '192.0.2.9', 'dev t0 proto static metric 5'],
      ['IPv6', V6, '2001:db8::77', '2001:db8::9', 'dev t0 proto static metric 5'],
    ])(
      '%s, same prefix and metric: theirs stays, ours is a failure value until it is gone',
      async (_, prefix, theirs, ours, rest) => {
        scene.ns.ip(`route add ${prefix} via ${theirs} proto static metric 5`);
        const foreign = [`${prefix} via ${theirs} ${rest}`];
        replace(prefix, unicast(5, ours));
        await scene.fib.settled();
        expect(kernel(prefix)).toEqual(foreign);
        expect(scene.fib.failures()).toMatchObject([
          { reason: 'foreign-route-exists', errno: 17, prefix: parsePrefix(prefix) },
        ]);
        // Changing our mind, again and again, does not touch it either.
        replace(prefix, unicast(5, ours, theirs));
        await scene.fib.settled();
        await scene.fib.resync();
        await scene.fib.settled();
        expect(kernel(prefix)).toEqual(foreign);
        remove(prefix);
        await scene.fib.settled();
        expect(kernel(prefix)).toEqual(foreign);
        expect(scene.fib.failures()).toEqual([]);
        replace(prefix, unicast(5, ours));
        await scene.fib.settled();
        expect(scene.fib.failures()).toHaveLength(1);
        scene.ns.ip(`route del ${prefix} via ${theirs} proto static metric 5`);
        await until('our route takes the free place', () => kernel(prefix)[0]?.includes('proto bird') === true);
        await scene.fib.settled();
        expect(scene.fib.failures()).toEqual([]);
      },
    );

    test.each([
      ['IPv4', V4, '192.0.2.77', '192.0.2.9', '198.51.100.9'],
      ['IPv6', V6, '2001:db8::77', '2001:db8::9', '2001:db8:1::9'],
    ])(
      '%s, same prefix, another metric: both live, ours changes and goes alone',
      async (_, prefix, theirs, ours, next) => {
        scene.ns.ip(`route add ${prefix} via ${theirs} proto static metric 9`);
        const foreign = `${prefix} via ${theirs} dev t0 proto static metric 9`;
        replace(prefix, unicast(5, ours));
        await scene.fib.settled();
        expect(kernel(prefix)).toEqual([`${prefix} via ${ours} dev t0 proto bird metric 5`, foreign]);
        replace(prefix, unicast(5, next));
        await scene.fib.settled();
        expect(kernel(prefix)).toEqual([`${prefix} via ${next} dev t1 proto bird metric 5`, foreign]);
        // To their metric: refused, and theirs survives.
        replace(prefix, unicast(9, next));
        await scene.fib.settled();
        expect(kernel(prefix)).toEqual([foreign]);
        expect(scene.fib.failures()).toMatchObject([{ reason: 'foreign-route-exists' }]);
      },
    );

    test('IPv4: a route that somebody puts in front of ours with the same metric survives every change of ours', async () => {
      replace(V4, unicast(5, '192.0.2.9'));
      await scene.fib.settled();
      scene.ns.ip(`route prepend ${V4} via 192.0.2.77 proto static metric 5`);
      const foreign = `${V4} via 192.0.2.77 dev t0 proto static metric 5`;
      replace(V4, unicast(5, '198.51.100.9'));
      await scene.fib.settled();
      expect(kernel(V4)).toEqual([foreign, `${V4} via 198.51.100.9 dev t1 proto bird metric 5`]);
      remove(V4);
      await scene.fib.settled();
      expect(kernel(V4)).toEqual([foreign]);
    });

    test('IPv6: a hop that somebody appends to our multipath route survives every change of ours', async () => {
      replace(V6, unicast(5, '2001:db8::9', '2001:db8:1::9'));
      await scene.fib.settled();
      scene.ns.ip(`-6 route append ${V6} via 2001:db8::77 proto static metric 5`);
      replace(V6, unicast(5, '2001:db8::a'));
      await scene.fib.settled();
      expect(scene.ns.ip(`-6 route show exact ${V6}`)).toContain('2001:db8::77');
      remove(V6);
      await scene.fib.settled();
      await scene.fib.resync();
      await scene.fib.settled();
      expect(kernel(V6)).toEqual([`${V6} via 2001:db8::77 dev t0 proto static metric 5`]);
    });

    test('somebody replaces our route by theirs: they keep it, we report it', async () => {
      replace(V4, unicast(5, '192.0.2.9'));
      await scene.fib.settled();
      scene.ns.ip(`route replace ${V4} via 192.0.2.77 proto static metric 5`);
      await until('the loss is noticed', () => scene.fib.failures().length === 1);
      await scene.fib.settled();
      expect(kernel(V4)).toEqual([`${V4} via 192.0.2.77 dev t0 proto static metric 5`]);
      expect(scene.fib.failures()).toMatchObject([{ reason: 'foreign-route-exists' }]);
      scene.ns.ip(`route del ${V4} proto static metric 5`);
      await until('ours is back', () => kernel(V4)[0]?.includes('proto bird') === true);
    });
  });

  describe('refused by the kernel', () => {
    test.each<[string, string, () => FibEntry, string]>([
      ['gateway out of reach', V4, () => unicast(0, '203.0.113.9'), 'gateway-unreachable'],
      ['IPv6 gateway out of reach', V6, () => unicast(0, 'fd00::9'), 'gateway-unreachable'],
      [
        'no such interface',
        V4,
        () => unicast(0, '192.0.2.9 dev t0', '192.0.2.10 dev nowhere onlink'),
        'interface-unusable',
      ],
    ])('%s: a failure value; the other routes of the batch are fine', async (_, prefix, entry, reason) => {
      replace('10.8.0.0/16', blackhole());
      replace(prefix, entry());
      replace('10.9.0.0/16', blackhole());
      await scene.fib.settled();
      expect(scene.fib.failures()).toMatchObject([{ prefix: parsePrefix(prefix), reason }]);
      expect(scene.listener.take()[0]).toContain(`failed ${prefix} ${reason}`);
      expect(kernel('10.8.0.0/16').concat(kernel('10.9.0.0/16'))).toHaveLength(2);
      expect(scene.fib.counters().installed).toEqual([2, 0]);
      remove(prefix);
      await scene.fib.settled();
      expect(scene.fib.failures()).toEqual([]);
    });

    test('tried again as soon as an address makes the gateway reachable', async () => {
      replace(V4, unicast(0, '203.0.113.9'));
      await scene.fib.settled();
      expect(scene.fib.failures()).toHaveLength(1);
      scene.ns.ip('address add 203.0.113.1/24 dev t1');
      await until('it is there', () => kernel(V4).length === 1);
      await scene.fib.settled();
      expect(scene.fib.failures()).toEqual([]);
      scene.ns.ip('address del 203.0.113.1/24 dev t1');
    });

    test('a change that is refused takes the old route away and says so', async () => {
      replace(V4, unicast(5, '192.0.2.9'));
      await scene.fib.settled();
      replace(V4, unicast(5, '203.0.113.9'));
      await scene.fib.settled();
      expect(kernel(V4)).toEqual([]);
      expect(scene.fib.failures()).toHaveLength(1);
      expect(scene.fib.counters().installed).toEqual([0, 0]);
    });
  });

  test.each([
    ['known', ' dev t1'],
    ['left to the kernel', ''],
  ])('interface %s: when it goes down our IPv4 routes vanish silently; they come back with it', async (_, device) => {
    replace(V4, unicast(5, `198.51.100.9${device}`));
    replace('10.2.0.0/16', unicast(5, '192.0.2.9', `198.51.100.9${device}`));
    await scene.fib.settled();
    scene.ns.ip('link set t1 down');
    await until('the loss is noticed', () => scene.fib.failures().length > 0);
    expect(kernel(V4)).toEqual([]);
    scene.ns.ip('link set t1 up');
    await until('it is back', () => kernel(V4).length === 1);
    await scene.fib.settled();
    expect(scene.fib.failures()).toEqual([]);
    scene.ns.ip('address replace 2001:db8:1::1/64 dev t1 nodad');
  });

  test('an interface that loses its last IPv4 address takes our routes along silently', async () => {
    replace(V4, unicast(5, '198.51.100.9 dev t1'));
    await scene.fib.settled();
    scene.ns.ip('address del 198.51.100.1/24 dev t1');
    await until('the loss is noticed', () => scene.fib.failures().length === 1);
    scene.ns.ip('address add 198.51.100.1/24 dev t1');
    await until('it is back', () => kernel(V4).length === 1);
  });

  test('an interface that is removed takes our routes along; another one takes over at our wish', async () => {
    scene.ns.addInterface('t2', ['203.0.113.1/24']);
    await until('it is known', () => scene.fib.interfaceIndex('t2') > 0);
    replace(V4, unicast(5, '203.0.113.9 dev t2'));
    await scene.fib.settled();
    scene.ns.ip('link del t2');
    await until('the loss is noticed', () => scene.fib.failures().length === 1);
    replace(V4, unicast(5, '192.0.2.9 dev t0'));
    await scene.fib.settled();
    expect(kernel(V4)).toEqual([`${V4} via 192.0.2.9 dev t0 proto bird metric 5`]);
    expect(scene.fib.failures()).toEqual([]);
  });

  describe('restart', () => {
    test('routes stay at exit, are adopted, refreshed without being touched, and the rest is swept', async () => {
      const wanted: [string, () => FibEntry][] = [
        [V4, () => unicast(5, '192.0.2.9')],
        ['10.2.0.0/26', () => blackhole()],
        ['10.3.0.0/16', () => unicast(0, '198.51.100.9', '192.0.2.9')],
        [V6, () => unicast(0, '2001:db8::9', '2001:db8:1::9')],
      ];
      for (const [prefix, entry] of wanted) replace(prefix, entry());
      replace('10.4.0.0/16', unicast(5, '192.0.2.9'));
      replace('10.5.0.0/16', unicast(5, '192.0.2.9'));
      await scene.fib.settled();
      scene.ns.ip('route add blackhole 10.6.0.0/16 proto static');
      // Leftovers of BIRD: another type, and a second metric.
      scene.ns.ip('route add unreachable 10.7.0.0/16 proto bird');
      scene.ns.ip(`route add ${V4} via 192.0.2.9 proto bird metric 6`);
      scene.fib.close();
      scene.fib = createFibNetlink({ listener: scene.listener });
      expect(await scene.fib.start()).toEqual({ adopted: [6, 1], learned: 1 });
      expect(scene.fib.counters()).toMatchObject({ stale: 7, installed: [6, 1] });
      for (const [prefix, entry] of wanted) replace(prefix, entry());
      replace('10.4.0.0/16', unicast(5, '198.51.100.9'));
      await scene.fib.settled();
      // One append and two deletions: the changed route, and the second metric.
      expect(scene.fib.counters()).toMatchObject({ stale: 2, added: 0, changed: 1, deleted: 2 });
      expect(kernel('10.5.0.0/16')).toHaveLength(1);
      expect([scene.fib.sweepStale(0), scene.fib.sweepStale(1)]).toEqual([2, 0]);
      await scene.fib.settled();
      expect(kernel('10.5.0.0/16').concat(kernel('10.7.0.0/16'))).toEqual([]);
      expect(kernel(V4)).toEqual([`${V4} via 192.0.2.9 dev t0 proto bird metric 5`]);
      expect(kernel('10.4.0.0/16')).toEqual(['10.4.0.0/16 via 198.51.100.9 dev t1 proto bird metric 5']);
      expect(kernel('10.6.0.0/16')).toHaveLength(1);
      expect(scene.fib.counters()).toMatchObject({ failed: 0, installed: [4, 1] });
    });
  });

  test('closing in the midst of work ends quietly and leaves whole routes', async () => {
    for (let i = 0; i < 5000; i++) replace(`10.${i >> 8}.${i & 255}.0/24`, blackhole());
    await new Promise((resolve) => setImmediate(resolve));
    scene.fib.close();
    await scene.fib.settled();
    await new Promise((resolve) => setTimeout(resolve, 50));
    replace(V4, blackhole());
    await scene.restart();
    expect(scene.fib.counters().stale).toBeGreaterThan(0);
    scene.fib.sweepStale(0);
    await scene.fib.settled();
    expect(scene.ns.ip('route show proto bird')).toBe('');
  });

  test('100,000 routes', async () => {
    const entry = unicast(1024, '192.0.2.9 dev t0');
    const other = unicast(1024, '192.0.2.10 dev t0');
    const each = (set: (a: number) => void): void => {
      for (let i = 0; i < 100_000; i++) set(0x0b000000 + i * 256);
    };
    const timed = async (what: string, work: () => void): Promise<void> => {
      const start = performance.now();
      work();
      await scene.fib.settled();
      const elapsedMs = performance.now() - start;
      console.log(`${what}: 100,000 routes in ${elapsedMs.toFixed(0)} ms, ${Math.round(1e8 / elapsedMs)} routes/s`);
    };
    await timed('add', () => each((a) => scene.fib.replace(0, a, 0, 0, 0, 24, entry)));
    await timed('change', () => each((a) => scene.fib.replace(0, a, 0, 0, 0, 24, other)));
    const resyncStart = performance.now();
    await scene.fib.resync();
    console.log(`resync: 100,000 routes in ${(performance.now() - resyncStart).toFixed(0)} ms`);
    expect(scene.fib.counters()).toMatchObject({ installed: [100_000, 0], failed: 0, restored: 0 });
    await timed('delete', () => each((a) => scene.fib.remove(0, a, 0, 0, 0, 24)));
    expect(scene.fib.counters()).toMatchObject({ installed: [0, 0], failed: 0 });
    expect(scene.ns.ip('route show proto bird')).toBe('');
  });
});

/** The kernel lists hops in the order in which they came. */
function sortHops(line: string): string {
  const [head, ...hops] = line.split(' nexthop ');
  return [head, ...hops.sort()].join(' nexthop ');
}
