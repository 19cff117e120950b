/** The back end against a real kernel: other programs that delete and change our routes. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parsePrefix } from '../../bgp/ip.ts';
import type { FibEntry } from './fib.ts';
import { recordChosenWaits } from './testing/chosen-waits.ts';
import { FibScene, V4, V6 } from './testing/fib-scene.ts';
import { namespaceProblem } from './testing/namespace.ts';

const problem = namespaceProblem();
if (problem !== null) console.warn(`Skipped: netlink tests in a namespace: ${problem}`);

describe.skipIf(problem !== null)('own routes disturbed by others', () => {
  let scene: FibScene;
  let until: FibScene['until'];
  let kernel: FibScene['kernel'];
  let want: FibScene['want'];
  let unicast: FibScene['unicast'];
  let blackhole: FibScene['blackhole'];

  beforeAll(() => {
    scene = new FibScene('disturbed');
    ({ until, kernel, want, unicast, blackhole } = scene);
  });
  afterAll(() => scene.remove());
  beforeEach(() => scene.restart());
  afterEach(() => scene.clean());

  function learnedPrefixes(): Set<string> {
    return new Set(
      scene.listener.lines.filter((line) => line.startsWith('learned 10.7.')).map((line) => line.split(' ')[1]),
    );
  }

  test.each([
    ['IPv4 unicast', V4, () => unicast(5, '192.0.2.9')],
    ['IPv4 blackhole', V4, () => blackhole()],
    ['IPv4 multipath', V4, () => unicast(5, '192.0.2.9', '198.51.100.9')],
    ['IPv6 unicast', V6, () => unicast(5, '2001:db8::9')],
    ['IPv6 blackhole', V6, () => blackhole()],
    ['IPv6 multipath', V6, () => unicast(5, '2001:db8::9', '2001:db8:1::9')],
  ])('%s deleted: restored', async (_, prefix, entry) => {
    want(prefix, entry());
    await scene.fib.settled();
    const before = kernel(prefix);
    scene.ns.ip(
      `${prefix === V6 ? '-6 ' : ''}route del ${prefix === V4 && entry().type === 'blackhole' ? 'blackhole ' : ''}${prefix} proto bird`,
    );
    expect(kernel(prefix)).toEqual([]);
    await until('it is back', () => kernel(prefix).length > 0);
    await scene.fib.settled();
    expect(kernel(prefix)).toEqual(before);
    expect(scene.fib.counters()).toMatchObject({ restored: 1, failed: 0 });
  });

  test.each([
    ['gateway changed', V4, '192.0.2.9', `route replace ${V4} via 192.0.2.10 proto bird metric 5`, 'replaced'],
    [
      'second route with another metric',
      V4,
      '192.0.2.9',
      `route add ${V4} via 192.0.2.10 proto bird metric 6`,
      'added',
    ],
    ['second route behind ours', V4, '192.0.2.9', `route append ${V4} via 192.0.2.10 proto bird metric 5`, 'added'],
    ['second route before ours', V4, '192.0.2.9', `route prepend ${V4} via 192.0.2.10 proto bird metric 5`, 'added'],
    ['became a blackhole', V4, '192.0.2.9', `route replace blackhole ${V4} proto bird metric 5`, 'replaced'],
    ['MTU locked onto it', V4, '192.0.2.9', `route replace ${V4} via 192.0.2.9 proto bird metric 5 mtu 1300`, ''],
    [
      'IPv6 gateway changed',
      V6,
      '2001:db8::9',
      `-6 route replace ${V6} via 2001:db8::a proto bird metric 5`,
      'replaced',
    ],
    ['IPv6 hop added', V6, '2001:db8::9', `-6 route append ${V6} via 2001:db8::a proto bird metric 5`, 'replaced'],
    ['IPv6 second metric', V6, '2001:db8::9', `-6 route add ${V6} via 2001:db8::a proto bird metric 6`, 'added'],
    ['IPv6 became a blackhole', V6, '2001:db8::9', `-6 route replace blackhole ${V6} proto bird metric 5`, '?'],
    ['IPv6 device route', V6, '2001:db8::9', `-6 route replace ${V6} dev t1 proto bird metric 5`, '?'],
  ])('%s under our protocol number: put right within a second, and told', async (_, prefix, gateway, command, kind) => {
    want(prefix, unicast(5, gateway));
    for (const family of [0, 1] as const) scene.fib.sweepStale(family);
    await scene.fib.settled();
    const before = kernel(prefix);
    const waits = recordChosenWaits();
    onTestFinished(() => void waits.stop());
    scene.ns.ip(command);
    if (kind === '') {
      // What we say nothing about (MTU) is nobody's fault. What is told of last has come behind it.
      scene.ns.ip('route add 10.7.0.0/16 via 192.0.2.9 proto static');
      await until('the other is told', () => learnedPrefixes().size > 0);
      await scene.fib.settled();
      expect(kernel(prefix)[0]).toContain('mtu 1300');
      expect(scene.listener.lines).toHaveLength(1);
      return;
    }
    await until('it is told', () => scene.listener.lines.some((line) => line.startsWith('disturbed')));
    await scene.fib.settled();
    expect(waits.stop()).toBeLessThan(1000);
    expect(kernel(prefix)).toEqual(before);
    const told = scene.listener.lines.filter((line) => line.startsWith('disturbed'));
    if (kind === '?') return;
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(new RegExp(`^disturbed ${prefix} ${kind}: `));
    // Without reading the whole table again.
    expect(scene.fib.counters().resyncs).toBe(1);
  });

  const [A4, B4, C4] = ['192.0.2.9 dev t0', '192.0.2.10 dev t0', '198.51.100.9 dev t1'];
  const [A6, B6, C6] = ['2001:db8::9 dev t0', '2001:db8::a dev t0', '2001:db8:1::9 dev t1'];
  test.each<[string, string, string[], () => FibEntry, RegExp]>([
    [
      'the wish is the second one',
      V4,
      [`via ${A4} metric 5`, `via ${B4} metric 5`],
      () => unicast(5, B4),
      /192.0.2.10 /,
    ],
    [
      'another gateway',
      V4,
      [`via ${A4} metric 5`, `via ${B4} metric 6`],
      () => unicast(6, C4),
      /198.51.100.9 .*metric 6/,
    ],
    ['the wish is the second one', V6, ['blackhole metric 7', `via ${A6} metric 8`], () => unicast(8, A6), /via.* 8$/],
    [
      'half of the wish is the second one',
      V6,
      ['blackhole', `via ${A6} metric 1025`],
      () => unicast(1025, A6, C6),
      /2001:db8::9 .*2001:db8:1::9 /,
    ],
    [
      'gateways and a blackhole of one metric',
      V6,
      ['blackhole metric 7', `via ${A6} metric 7`, `via ${B6} metric 7`],
      () => unicast(7, B6, C6),
      /2001:db8::a .*2001:db8:1::9 /,
    ],
    [
      'no metric is 1024',
      V6,
      [`via ${A6} metric 7`, `via ${B6} metric 1024`],
      () => unicast(0, C6),
      /2001:db8:1::9 .*metric 1024$/,
    ],
    [
      'a blackhole where an unreachable route is',
      V6,
      [`via ${A6} metric 7`, 'unreachable metric 7'],
      () => blackhole(7),
      /^blackhole .*metric 7$/,
    ],
  ])(
    'of several leftovers for one prefix the nearest becomes the wish: %s (%s)',
    async (_, prefix, left, entry, shown) => {
      for (const route of left) {
        const [type, ...words] = route.startsWith('via') ? ['', ...route.split(' ')] : route.split(' ');
        const family = prefix === V6 ? '-6' : '-4';
        scene.ns.ip(
          [family, 'route', 'append', type, prefix, 'proto', 'bird', ...words].filter((word) => word).join(' '),
        );
      }
      let routes = scene.ns.ip(`${prefix === V6 ? '-6 ' : ''}route show exact ${prefix}`).match(/proto bird/g)!.length;
      await scene.restart();
      const events = await scene.ns.monitor('route');
      want(prefix, entry());
      for (const family of [0, 1] as const) scene.fib.sweepStale(family);
      await scene.fib.settled();
      expect(kernel(prefix)).toHaveLength(1);
      expect(kernel(prefix)[0].replace(/ dev lo/, '')).toMatch(shown);
      for (const line of (await events.stop()).filter((text) => text.includes(prefix))) {
        routes += line.startsWith('Deleted') ? -1 : 1;
        expect(routes).toBeGreaterThan(0);
      }
      await scene.fib.resync();
      expect(scene.fib.counters()).toMatchObject({ failed: 0, restored: 0, resyncs: 2, stale: 0 });
    },
  );

  test('routes for prefixes that we know nothing of, under our number: gone at once after the sweep', async () => {
    want(V4, unicast(5, '192.0.2.9'));
    for (const family of [0, 1] as const) scene.fib.sweepStale(family);
    await scene.fib.settled();
    scene.ns.ip('route add 10.99.0.0/16 via 192.0.2.77 proto bird metric 3');
    await until('it is told', () => scene.listener.lines.length > 0);
    expect(scene.listener.take()[0]).toMatch(
      /^disturbed 10\.99\.0\.0\/16 added: 10\.99\.0\.0\/16 unicast via 192\.0\.2\.77 /,
    );
    await scene.fib.settled();
    expect(kernel('10.99.0.0/16')).toEqual([]);
    expect(kernel(V4)).toHaveLength(1);
  });

  test('a hop deleted from our IPv6 multipath route comes back', async () => {
    want(V6, unicast(5, '2001:db8::9', '2001:db8:1::9'));
    await scene.fib.settled();
    scene.ns.ip(`-6 route del ${V6} via 2001:db8::9 proto bird`);
    await until('it is told', () => scene.listener.lines.some((line) => line.startsWith(`disturbed ${V6} deleted: `)));
    await scene.fib.settled();
    expect(kernel(V6)[0]).toMatch(/2001:db8::9.*|2001:db8:1::9.*/);
    expect(kernel(V6)[0].match(/nexthop/g)).toHaveLength(2);
    expect(scene.fib.counters().resyncs).toBe(1);
  });

  test('what nobody told us is found by the comparison from time to time', async () => {
    await scene.restart({ auditIntervalMs: 100 });
    want(V4, unicast(5, '198.51.100.9 dev t1'));
    await scene.fib.settled();
    // The kernel says nothing about IPv4 routes that go with their interface; here even the interface is soon back.
    scene.ns.batch(['link set t1 down', 'link set t1 up']);
    await until('a comparison', () => scene.listener.lines.filter((line) => line === 'resynced periodic').length > 1);
    await until('it is back', () => kernel(V4).length === 1);
    scene.ns.ip('address replace 2001:db8:1::1/64 dev t1 nodad');
  });

  test('someone fights us for a route: every round is answered in time, the fight stays slow', async () => {
    want(V4, unicast(5, '192.0.2.9'));
    await scene.fib.settled();
    for (let round = 0; round < 5; round++) {
      scene.ns.ip(`route del ${V4} proto bird`);
      await until('it is back', () => kernel(V4).length === 1);
    }
    expect(scene.listener.lines.filter((line) => line.startsWith(`disturbed ${V4} deleted`))).toHaveLength(5);
    expect(scene.fib.counters()).toMatchObject({ added: 6, restored: 5, resyncs: 1 });
  });

  test('status: who is in the way, who is preferred', async () => {
    scene.ns.ip(`route add ${V4} via 192.0.2.77 proto static metric 5`);
    want(V4, unicast(5, '192.0.2.9'));
    await scene.fib.settled();
    const status = () => scene.fib.status(parsePrefix(V4)!);
    expect(status()).toMatchObject({ state: 'failed', rival: { protocol: 4, metric: 5 } });
    want(V4, unicast(6, '192.0.2.9'));
    expect(status()).toMatchObject({ state: 'pending', rival: { metric: 5 } });
    await scene.fib.settled();
    expect(status()).toMatchObject({ state: 'installed', failure: null, rival: { protocol: 4, metric: 5 } });
    scene.ns.ip(`route del ${V4} via 192.0.2.77 proto static metric 5`);
    await until('it is known', () => status().rival === null);
  });

  test('lost notifications (ENOBUFS): everything is read again and put right', async () => {
    await scene.restart({ receiveBufferOctets: 1 });
    want(V4, unicast(5, '192.0.2.9'));
    await scene.fib.settled();
    const commands = Array.from(
      { length: 300 },
      (_, i) => `route add 10.7.${i >> 4}.${(i & 15) << 4}/28 via 192.0.2.9 proto static`,
    );
    scene.ns.batch([`route del ${V4} proto bird`, ...commands]);
    await until('a resync', () => scene.listener.lines.includes('resynced notifications-lost'));
    await scene.fib.settled();
    await until('all are learned', () => learnedPrefixes().size === 300);
    expect(kernel(V4)).toEqual([`${V4} via 192.0.2.9 dev t0 proto bird metric 5`]);
    expect(scene.fib.counters().restored).toBe(1);
  });
});
