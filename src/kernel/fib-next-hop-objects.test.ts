/** The back end against a real kernel: routes through next-hop objects. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parsePrefix } from '../../bgp/ip.ts';
import type { FibEntry } from './fib.ts';
import { recordChosenWaits } from './testing/chosen-waits.ts';
import { FibScene, V4, V6 } from './testing/fib-scene.ts';
import { namespaceProblem } from './testing/namespace.ts';

const problem = namespaceProblem();
if (problem !== null) console.warn(`Skipped: netlink tests in a namespace: ${problem}`);

describe.skipIf(problem !== null)('routes through next-hop objects', () => {
  let scene: FibScene;
  let until: FibScene['until'];
  let kernel: FibScene['kernel'];
  let want: FibScene['want'];
  let unwant: FibScene['unwant'];
  let unicast: FibScene['unicast'];
  let blackhole: FibScene['blackhole'];

  beforeAll(() => {
    scene = new FibScene('objects', { nextHopObjects: true });
    ({ until, kernel, want, unwant, unicast, blackhole } = scene);
  });
  afterAll(() => scene.remove());
  beforeEach(() => scene.restart());
  afterEach(() => {
    scene.clean();
    scene.ns.ip('link set t0-peer up');
    scene.ns.ip('link set t1-peer up');
  });

  const A = '192.0.2.9 dev t0';
  const B = '198.51.100.9 dev t1';

  /** The route without the number of its object. */
  const shown = (prefix: string): string[] =>
    kernel(prefix).map((line) =>
      sortHops(line.replace(/ nhid \d+/, '').replace(/(metric \d+) nexthop (\S+ \S+ \S+ \S+) weight 1$/, '$1 $2')),
    );
  const isObject = (prefix: string): boolean => kernel(prefix).every((line) => line.includes(' nhid '));
  const objects = (): string[] =>
    scene.ns
      .ip('nexthop show')
      .split('\n')
      .filter((line) => line !== '');
  const many = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => `10.${20 + (i >> 8)}.${i & 255}.0/24`);

  async function settledWith(...wishes: [readonly string[], () => FibEntry][]): Promise<number> {
    const before = scene.fib.counters().requests;
    for (const [prefixes, entry] of wishes) {
      const one = entry();
      for (const prefix of prefixes) want(prefix, one);
    }
    await scene.fib.settled();
    return scene.fib.counters().requests - before;
  }

  test.each<[string, string, () => FibEntry, string, boolean]>([
    ['gateway', V4, () => unicast(5, A), `${V4} via ${A} proto bird metric 5`, true],
    [
      'onlink',
      V4,
      () => unicast(0, '203.0.113.9 dev t1 onlink'),
      `${V4} via 203.0.113.9 dev t1 proto bird onlink`,
      true,
    ],
    ['RFC 8950', V4, () => unicast(0, 'fe80::9 dev t0'), `${V4} via inet6 fe80::9 dev t0 proto bird`, true],
    [
      'multipath',
      V4,
      () => unicast(5, A, '203.0.113.9 dev t1 onlink weight 20'),
      `${V4} proto bird metric 5 nexthop via 192.0.2.9 dev t0 weight 1 nexthop via 203.0.113.9 dev t1 weight 20 onlink`,
      true,
    ],
    [
      'IPv6',
      V6,
      () => unicast(5, '2001:db8::9 dev t0'),
      `${V6} proto bird metric 5 nexthop via 2001:db8::9 dev t0 weight 1`,
      true,
    ],
    [
      'IPv6 multipath',
      V6,
      () => unicast(5, '2001:db8::9 dev t0', '2001:db8:1::9 dev t1 weight 3'),
      `${V6} proto bird metric 5 nexthop via 2001:db8::9 dev t0 weight 1 nexthop via 2001:db8:1::9 dev t1 weight 3`,
      true,
    ],
    // These cannot be, or need not be, objects.
    ['blackhole', V4, () => blackhole(), `blackhole ${V4} proto bird`, false],
    ['device', V4, () => unicast(0, 'dev t1'), `${V4} dev t1 proto bird scope link`, false],
    ['interface left to the kernel', V4, () => unicast(0, '192.0.2.9'), `${V4} via 192.0.2.9 dev t0 proto bird`, false],
  ])('%s: shown with its hops; gone without a trace', async (_, prefix, entry, expected, isThroughObject) => {
    want(prefix, entry());
    await scene.fib.settled();
    expect(kernel(prefix).map((line) => line.replace(/ nhid \d+/, ''))).toEqual([expected]);
    expect(isObject(prefix)).toBe(isThroughObject);
    unwant(prefix);
    await scene.fib.settled();
    expect(kernel(prefix)).toEqual([]);
    expect(objects()).toEqual([]);
    expect(scene.fib.counters()).toMatchObject({ installed: [0, 0], failed: 0, resyncs: 1, nextHopObjects: 0 });
  });

  test('numbers are of our range and say our protocol; a table of its own has numbers of its own', async () => {
    want(V4, unicast(5, A));
    await scene.fib.settled();
    // 0x50000000 + 254 * 0x10000
    expect(objects().map((line) => line.replace(/ +$/, ''))).toEqual([
      'id 1358823425 via 192.0.2.9 dev t0 scope link proto bird',
      'id 1358823426 group 1358823425 proto bird',
    ]);
    await scene.restart({ table: 1000 });
    want(V4, unicast(5, A));
    await scene.fib.settled();
    expect(kernel(V4, '1000')[0]).toContain(`nhid ${0x50000000 + 1000 * 0x10000 + 2} `);
    expect(kernel(V4)).toHaveLength(1);
    unwant(V4);
    await scene.fib.settled();
    expect(objects()).toHaveLength(2);
  });

  test.each<[string, string, () => FibEntry]>([
    ['another gateway', V4, () => unicast(5, B)],
    ['another metric', V4, () => unicast(6, A)],
    ['multipath', V4, () => unicast(5, A, B)],
    ['more weight', V4, () => unicast(5, A, `${B} weight 3`)],
    ['blackhole', V4, () => blackhole(5)],
    ['device', V4, () => unicast(5, 'dev t1')],
    ['another gateway', V6, () => unicast(5, '2001:db8:1::9 dev t1')],
    ['another metric', V6, () => unicast(6, '2001:db8::9 dev t0')],
    ['multipath', V6, () => unicast(5, '2001:db8::9 dev t0', '2001:db8:1::9 dev t1')],
    ['blackhole', V6, () => blackhole(5)],
    ['device', V6, () => unicast(5, 'dev t1')],
  ])('change to and from %s (%s): never without a route', async (_, prefix, entry) => {
    const first = (): FibEntry => unicast(5, prefix === V4 ? A : '2001:db8::9 dev t0');
    want(prefix, entry());
    await scene.fib.settled();
    const direct = shown(prefix);
    unwant(prefix);
    want(prefix, first());
    await scene.fib.settled();
    const before = shown(prefix);
    const events = await scene.ns.monitor('route');
    want(prefix, entry());
    await scene.fib.settled();
    expect(shown(prefix)).toEqual(direct);
    want(prefix, first());
    await scene.fib.settled();
    expect(shown(prefix)).toEqual(before);
    let routes = 1;
    for (const line of (await events.stop()).filter((text) => text.includes(prefix))) {
      routes += line.startsWith('Deleted') ? -1 : 1;
      expect(routes).toBeGreaterThan(0);
    }
    // Before each IPv6 deletion by hops the table is not trusted any more.
    const hasOwnHops = prefix === V6 && !direct[0].includes(' via ');
    await scene.fib.resync();
    await scene.fib.settled();
    expect(scene.fib.counters()).toMatchObject({ failed: 0, restored: 0, ...(!hasOwnHops && { resyncs: 2 }) });
    expect(objects()).toHaveLength(2);
  });

  describe('a group moves as a whole', () => {
    test('10,000 routes change their gateway with one request and the making of its next hop', async () => {
      const prefixes = many(10_000);
      await settledWith([prefixes, () => unicast(5, A)]);
      const before = scene.fib.counters();
      expect(await settledWith([prefixes, () => unicast(5, B)])).toBe(3);
      // Of the three the last deletes the next hop that nobody needs any more.
      expect(objects()).toHaveLength(2);
      for (const prefix of [prefixes[0], prefixes[9999]])
        expect(shown(prefix)).toEqual([`${prefix} via ${B} proto bird metric 5`]);
      await scene.fib.resync();
      expect(scene.fib.counters()).toMatchObject({
        restored: 0,
        failed: 0,
        added: 10_000,
        changed: before.changed + 1,
      });
    });

    test('an ECMP set shrinks and grows with one request, for both families that use it', async () => {
      const prefixes = [...many(50), '2001:db8:a::/48', '2001:db8:b::/48'];
      const [one, other] = ['2001:db8::9 dev t0', '2001:db8:1::9 dev t1'];
      await settledWith([prefixes, () => unicast(5, one, other)]);
      expect(objects()).toHaveLength(3);
      expect(await settledWith([prefixes, () => unicast(5, one)])).toBe(2);
      expect(shown(prefixes[0])).toEqual([`${prefixes[0]} via inet6 ${one} proto bird metric 5`]);
      expect(await settledWith([prefixes, () => unicast(5, one, other)])).toBe(2);
      expect(kernel('2001:db8:b::/48')[0].match(/nexthop via/g)).toHaveLength(2);
      await scene.fib.resync();
      expect(scene.fib.counters()).toMatchObject({ restored: 0, failed: 0 });
    });

    test('those who want something else leave before', async () => {
      const prefixes = many(100);
      await settledWith([prefixes, () => unicast(5, A)]);
      const [few, most] = [prefixes.slice(0, 7), prefixes.slice(7)];
      const events = await scene.ns.monitor('route nexthop');
      const requests = await settledWith([few, () => unicast(5, '192.0.2.10 dev t0')], [most, () => unicast(5, B)]);
      // Next hop and group of the few, two for each of them; next hop and change of the group; one deletion.
      expect(requests).toBe(2 + 2 * few.length + 2 + 1);
      const lines = await events.stop();
      const lastLeft = lines.findLastIndex((line) => line.startsWith('Deleted 10.20.6.0/24'));
      const change = lines.findIndex(
        (line) => line.startsWith('id ') && line.includes('group') && lines.indexOf(line) > lastLeft,
      );
      expect([lastLeft >= 0, change > lastLeft]).toEqual([true, true]);
      expect(shown(few[0])).toEqual([`${few[0]} via 192.0.2.10 dev t0 proto bird metric 5`]);
      expect(shown(most[0])).toEqual([`${most[0]} via ${B} proto bird metric 5`]);
    });

    test('when some stay, the others go one by one', async () => {
      const prefixes = many(100);
      await settledWith([prefixes, () => unicast(5, A)]);
      expect(await settledWith([prefixes.slice(10), () => unicast(5, B)])).toBe(2 + 180);
      for (const prefix of prefixes) {
        const via = prefixes.indexOf(prefix) < 10 ? A : B;
        if (prefixes.indexOf(prefix) % 9 === 0)
          expect(shown(prefix)).toEqual([`${prefix} via ${via} proto bird metric 5`]);
      }
    });

    test('wishes that trickle in are waited for while more are to come, but not for long', async () => {
      const prefixes = many(100);
      await settledWith([prefixes, () => unicast(5, A)]);
      await scene.restart({ holdMovesMs: 3_600_000 });
      await settledWith([prefixes, () => unicast(5, A)]);
      const before = scene.fib.counters().requests;
      const entry = unicast(5, B);
      scene.fib.moreToCome(true);
      for (let i = 0; i < 100; i++) {
        want(prefixes[i], entry);
        if (i % 25 === 0) await delay(5);
      }
      scene.fib.moreToCome(false);
      await scene.fib.settled();
      expect(scene.fib.counters().requests - before).toBe(3);
      await scene.restart();
      await settledWith([prefixes, () => unicast(5, B)]);
      // Whoever never says that it was all is not waited for.
      scene.fib.moreToCome(true);
      for (let i = 0; i < 50; i++) want(prefixes[i], unicast(5, A));
      await scene.fib.settled();
      expect(shown(prefixes[0])).toEqual([`${prefixes[0]} via ${A} proto bird metric 5`]);
      expect(shown(prefixes[99])).toEqual([`${prefixes[99]} via ${B} proto bird metric 5`]);
    });

    test('routes that change their mind in between, and are deleted in between', async () => {
      const prefixes = many(60);
      await settledWith([prefixes, () => unicast(5, A)]);
      for (const prefix of prefixes) want(prefix, unicast(5, B));
      for (const prefix of prefixes.slice(0, 20)) want(prefix, unicast(5, A));
      for (const prefix of prefixes.slice(20, 40)) unwant(prefix);
      await scene.fib.settled();
      expect(prefixes.flatMap((prefix) => shown(prefix).map((line) => line.split(' ')[2]))).toEqual([
        ...Array(20).fill('192.0.2.9'),
        ...Array(20).fill('198.51.100.9'),
      ]);
      await scene.fib.resync();
      expect(scene.fib.counters()).toMatchObject({ restored: 0, failed: 0, installed: [40, 0] });
    });
  });

  describe('what happens to objects', () => {
    test.each([
      ['goes down', 'link set t1 down', 'link set t1 up'],
      ['loses its carrier', 'link set t1-peer down', 'link set t1-peer up'],
    ])('the interface %s: its routes vanish and come back, sets shrink and are made whole', async (_, down, up) => {
      const [single, shared] = [many(20), many(40).slice(20)];
      await settledWith([single, () => unicast(5, B)], [shared, () => unicast(5, A, B)]);
      scene.ns.ip(down);
      await until('the kernel took them', () => kernel(single[0]).length === 0);
      expect(shown(shared[0])).toEqual([`${shared[0]} via ${A} proto bird metric 5`]);
      scene.ns.ip(up);
      await until(
        'they are back',
        () => kernel(single[19]).length === 1 && kernel(shared[19])[0]?.includes('t1') === true,
      );
      await scene.fib.settled();
      expect(scene.fib.failures()).toEqual([]);
      expect(shown(single[0])).toEqual([`${single[0]} via ${B} proto bird metric 5`]);
      expect(scene.fib.counters().installed).toEqual([40, 0]);
      scene.ns.ip('address replace 2001:db8:1::1/64 dev t1 nodad');
    });

    test('somebody deletes the group, and the routes with it: restored within a second, and told', async () => {
      const prefixes = [...many(20), V6];
      await settledWith([many(20), () => unicast(5, A)], [[V6], () => unicast(5, '2001:db8::9 dev t0')]);
      for (const prefix of [prefixes[0], V6]) {
        const before = shown(prefix);
        const id = /nhid (\d+)/.exec(kernel(prefix)[0])?.[1];
        const waits = recordChosenWaits();
        onTestFinished(() => void waits.stop());
        scene.ns.ip(`nexthop del id ${id}`);
        expect(kernel(prefix)).toEqual([]);
        await until('it is back', () => kernel(prefix).length === 1);
        await scene.fib.settled();
        expect(waits.stop()).toBeLessThan(1000);
        expect(shown(prefix)).toEqual(before);
        expect(scene.listener.lines.some((line) => line.startsWith(`disturbed ${prefix} deleted`))).toBe(true);
      }
      expect(scene.fib.counters().installed).toEqual([20, 1]);
    });

    test.each([
      ['changes the group', (id: number) => `nexthop replace id ${id} group ${id - 1}`],
      ['deletes a next hop of it', (id: number) => `nexthop del id ${id - 2}`],
    ])('somebody %s: put right within a second, and told', async (_, command) => {
      const prefixes = many(20);
      await settledWith([prefixes, () => unicast(5, A, B)]);
      const before = shown(prefixes[0]);
      const id = Number(/nhid (\d+)/.exec(kernel(prefixes[0])[0])?.[1]);
      const waits = recordChosenWaits();
      onTestFinished(() => void waits.stop());
      scene.ns.ip(command(id));
      expect(shown(prefixes[0])).not.toEqual(before);
      await until('it is put right', () => shown(prefixes[0])[0] === before[0]);
      expect(waits.stop()).toBeLessThan(1000);
      await scene.fib.settled();
      expect(scene.listener.lines.filter((line) => line.startsWith('disturbed'))).toHaveLength(20);
      // All of them with one request, or two where the next hop had to be made again.
      expect(scene.fib.counters().requests).toBeLessThan(3 + 20 + 5);
    });

    test('somebody takes our routes off their object', async () => {
      await settledWith([[V4], () => unicast(5, A)]);
      const before = shown(V4);
      scene.ns.ip(`route replace ${V4} via 192.0.2.10 proto bird metric 5`);
      await until('it is put right', () => shown(V4)[0] === before[0]);
      await scene.fib.settled();
      expect(isObject(V4)).toBe(true);
      expect(scene.listener.lines.some((line) => line.startsWith(`disturbed ${V4} replaced: `))).toBe(true);
    });

    test.each<[string, string | null]>([
      ['goes another way', '2001:db8:1::9 dev t1'],
      ['is not wanted any more', null],
    ])('an IPv6 route through an object with one by hops beside it, left by an earlier run, %s', async (_, way) => {
      await settledWith([[V6], () => unicast(5, '2001:db8::9 dev t0')]);
      scene.fib.close();
      scene.ns.ip(`-6 route append ${V6} via 2001:db8::a dev t0 proto bird metric 5`);
      expect(
        kernel(V6)
          .join(' ')
          .match(/2001:db8::[9a] /g),
      ).toHaveLength(2);
      await scene.restart();
      if (way !== null) want(V6, unicast(5, way));
      for (const family of [0, 1] as const) scene.fib.sweepStale(family);
      await scene.fib.settled();
      expect(shown(V6)).toEqual(way === null ? [] : [`${V6} via ${way} proto bird metric 5`]);
      await scene.fib.resync();
      expect(scene.fib.counters()).toMatchObject({ failed: 0, restored: 0, installed: [0, way === null ? 0 : 1] });
    });

    test('a number that somebody else took is passed over', async () => {
      scene.ns.ip('nexthop add id 1358823425 via 192.0.2.77 dev t0 proto static');
      await settledWith([[V4], () => unicast(5, A)]);
      await scene.fib.settled();
      expect(shown(V4)).toEqual([`${V4} via ${A} proto bird metric 5`]);
      expect(objects()[0]).toMatch(/^id 1358823425 via 192.0.2.77 dev t0 scope link proto static/);
    });

    test('a next hop that the kernel does not accept: the route is a failure that says why, others are fine', async () => {
      await settledWith([[V4], () => unicast(5, '203.0.113.9 dev t1')], [['10.2.0.0/16'], () => unicast(5, A)]);
      expect(scene.fib.failures()).toMatchObject([{ prefix: parsePrefix(V4), reason: 'gateway-unreachable' }]);
      expect(isObject('10.2.0.0/16')).toBe(true);
      scene.ns.ip('address add 203.0.113.1/24 dev t1');
      await until('it is there', () => kernel(V4).length === 1);
      await scene.fib.settled();
      expect(isObject(V4)).toBe(true);
      scene.ns.ip('address del 203.0.113.1/24 dev t1');
    });
  });

  describe('restart', () => {
    async function prepared(): Promise<string[]> {
      const prefixes = many(30);
      await settledWith(
        [prefixes.slice(0, 20), () => unicast(5, A, B)],
        [prefixes.slice(20), () => unicast(5, A)],
        [[V6], () => unicast(5, '2001:db8::9 dev t0')],
      );
      return prefixes;
    }

    test('objects are adopted with their routes; what is wanted again costs nothing', async () => {
      const prefixes = await prepared();
      const before = objects();
      scene.fib.close();
      await scene.restart();
      expect(scene.fib.counters()).toMatchObject({ installed: [30, 1], stale: 31, nextHopObjects: before.length });
      // Nothing is taken away before the sweep.
      await scene.fib.settled();
      expect(objects()).toEqual(before);
      const requests = await settledWith(
        [prefixes.slice(0, 20), () => unicast(5, A, B)],
        [prefixes.slice(20, 25), () => unicast(5, A)],
        [[V6], () => unicast(5, '2001:db8::9 dev t0')],
      );
      expect(requests).toBe(0);
      expect([scene.fib.sweepStale(0), scene.fib.sweepStale(1)]).toEqual([5, 0]);
      await scene.fib.settled();
      expect(objects()).toEqual(before);
      // Adopted groups move as a whole, too.
      expect(await settledWith([prefixes.slice(0, 20), () => unicast(5, B)])).toBe(1);
    });

    test('what nobody wants any more is swept with its objects', async () => {
      await prepared();
      scene.fib.close();
      await scene.restart();
      expect([scene.fib.sweepStale(0), scene.fib.sweepStale(1)]).toEqual([30, 1]);
      await scene.fib.settled();
      expect(scene.ns.ip('route show proto bird')).toBe('');
      expect(objects()).toEqual([]);
    });

    test('switched off: adopted routes stay as they are, new and changed ones have hops of their own', async () => {
      const prefixes = await prepared();
      scene.fib.close();
      await scene.restart({ nextHopObjects: false });
      const [same, changed] = [prefixes.slice(0, 20), prefixes.slice(20)];
      await settledWith(
        [same, () => unicast(5, A, B)],
        [changed, () => unicast(5, B)],
        [[V6], () => unicast(5, '2001:db8:1::9 dev t1')],
      );
      expect([isObject(same[0]), isObject(changed[0]), isObject(V6)]).toEqual([true, false, false]);
      expect(shown(changed[0])).toEqual([`${changed[0]} via ${B} proto bird metric 5`]);
      expect(shown(V6)).toEqual([`${V6} via 2001:db8:1::9 dev t1 proto bird metric 5`]);
      expect(objects()).toHaveLength(3);
    });

    test('switched on: IPv4 routes move to objects when they change, IPv6 routes when they are made anew', async () => {
      await scene.restart({ nextHopObjects: false });
      await settledWith([[V4], () => unicast(5, A)], [[V6], () => unicast(5, '2001:db8::9 dev t0')]);
      scene.fib.close();
      await scene.restart();
      await settledWith([[V4], () => unicast(5, B)], [[V6], () => unicast(5, '2001:db8:1::9 dev t1')]);
      expect([isObject(V4), isObject(V6)]).toEqual([true, false]);
      unwant(V6);
      await scene.fib.settled();
      await settledWith([[V6], () => unicast(5, '2001:db8:1::9 dev t1')]);
      expect(isObject(V6)).toBe(true);
    });

    test('where the kernel would hide the hops from others (nexthop_compat_mode 0) no objects are made', async () => {
      scene.ns.exec('sysctl -qw net.ipv4.nexthop_compat_mode=0');
      scene.ns.ip('nexthop add id 77 via 192.0.2.77 dev t0 proto static');
      scene.ns.ip('route add 10.77.0.0/16 nhid 77 proto static');
      await scene.restart();
      await settledWith([[V4], () => unicast(5, A)]);
      expect(isObject(V4)).toBe(false);
      // What others route through objects is understood all the same.
      await scene.restart({ programRoutes: false });
      const status = [...scene.learnedAtStart].filter((line) => line.includes('10.77.0.0/16'));
      expect(status).toEqual(['learned 10.77.0.0/16 unicast via 192.0.2.77 proto 4 metric 0']);
      scene.ns.exec('sysctl -qw net.ipv4.nexthop_compat_mode=1');
    });
  });

  test('10,000 routes through one of two gateways, one fails: with and without objects', async () => {
    for (const nextHopObjects of [false, true]) {
      scene.clean();
      await scene.restart({ nextHopObjects });
      const [one, other] = [unicast(5, A), unicast(5, B)];
      const each = (entry: FibEntry): void => {
        for (let i = 0; i < 10_000; i++) scene.fib.replace(0, 0x0b000000 + i * 256, 0, 0, 0, 24, entry);
      };
      each(one);
      await scene.fib.settled();
      const before = scene.fib.counters().requests;
      const start = performance.now();
      each(other);
      await scene.fib.settled();
      const elapsedMs = performance.now() - start;
      const requests = scene.fib.counters().requests - before;
      console.log(
        `gateway fails, objects ${nextHopObjects ? 'on' : 'off'}: ${requests} requests, ${elapsedMs.toFixed(1)} ms`,
      );
      expect(requests).toBe(nextHopObjects ? 3 : 20_000);
      expect(shown('11.0.7.0/24')).toEqual([`11.0.7.0/24 via ${B} proto bird metric 5`]);
    }
  });
});

/** The kernel lists hops in the order in which they came. */
function sortHops(line: string): string {
  const [head, ...hops] = line.split(' nexthop ');
  return [head, ...hops.sort()].join(' nexthop ');
}
