/** The back end against a real kernel: learning links, addresses and other programs' routes. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formatAddress } from '../../bgp/ip.ts';
import type { Fib } from './fib.ts';
import { createFibNetlink } from './fib-netlink.ts';
import { namespaceProblem, TestNamespace } from './testing/namespace.ts';
import { type RecordingListener, recordingListener } from './testing/recording-listener.ts';

const problem = namespaceProblem();
if (problem !== null) console.warn(`Skipped: netlink tests in a namespace: ${problem}`);

describe.skipIf(problem !== null)('what the kernel tells', () => {
  let ns: TestNamespace;
  let fib: Fib;
  let listener: RecordingListener;

  beforeAll(() => {
    ns = TestNamespace.enter('view');
    ns.addInterface('t0', ['192.0.2.1/24', '2001:db8::1/64']);
    ns.addInterface('t1', ['198.51.100.1/24', '2001:db8:1::1/64']);
  });
  afterAll(() => ns.remove());
  beforeEach(async () => {
    listener = recordingListener();
    fib = createFibNetlink({ listener });
    await fib.start();
  });
  afterEach(() => {
    fib.close();
    for (const family of ['-4', '-6']) {
      for (const protocol of ['static', 'boot', '80', 'bird']) ns.ip(`${family} route flush proto ${protocol}`);
    }
  });

  /** Waits until the lines that match are exactly these (and stay so for a moment), then forgets all lines. */
  async function told(pattern: RegExp, expected: readonly string[]): Promise<void> {
    const matching = (): string[] => listener.lines.filter((line) => pattern.test(line));
    for (const end = performance.now() + 30_000; performance.now() < end; ) {
      if (matching().length >= expected.length) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(matching()).toEqual(expected);
    listener.take();
  }

  const index = (name: string): number => fib.interfaceIndex(name);

  test('at start: everything that is there, links first, then one resynced', () => {
    const lines = listener.take();
    expect(lines.filter((line) => line.startsWith('link'))).toEqual([
      'link lo up running mtu 65536',
      'link t0-peer up running mtu 1500',
      'link t0 up running mtu 1500',
      'link t1-peer up running mtu 1500',
      'link t1 up running mtu 1500',
    ]);
    expect(lines.filter((line) => line.includes('192.0.2') || line.includes('2001:'))).toEqual([
      'address 192.0.2.1/24 added',
      'address 2001:db8::1/64 added',
      'address 2001:db8:1::1/64 added',
    ]);
    expect(lines.at(-1)).toBe('resynced start');
    expect(lines.findIndex((line) => line.startsWith('address'))).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith('link')),
    );
    expect(fib.links().find((link) => link.loopback)?.name).toBe('lo');
    expect(fib.interfaceName(index('t1'))).toBe('t1');
    expect([fib.interfaceIndex('nowhere'), fib.interfaceName(4711)]).toEqual([0, '']);
  });

  test('links: new, renamed, MTU, carrier, down, removed', async () => {
    listener.take();
    ns.ip('link add t2 type veth peer name t2-peer');
    await told(/^link t2 /, ['link t2 down mtu 1500']);
    ns.ip('link set t2 name t3');
    await told(/^link t3 /, ['link t3 down mtu 1500']);
    ns.ip('link set t3 mtu 1400');
    await told(/^link t3 /, ['link t3 down mtu 1400']);
    ns.ip('link set t3 up');
    ns.ip('link set t2-peer up');
    await told(/^link t3 up running/, ['link t3 up running mtu 1400']);
    ns.ip('link set t2-peer down');
    await told(/^link t3 /, ['link t3 up mtu 1400']);
    ns.ip('link set t3 down');
    await told(/^link t3 /, ['link t3 down mtu 1400']);
    ns.ip('link del t3');
    await told(/^link t3 /, ['link t3 removed']);
    expect(index('t3')).toBe(0);
  });

  test('a port that leaves a bridge is not a link that goes away', async () => {
    ns.ip('link add t2 type veth peer name t2-peer');
    ns.ip('link add br0 type bridge');
    ns.ip('link set t2 master br0');
    ns.ip('link set t2 nomaster');
    ns.ip('link set t2 mtu 1300');
    await told(/^link t2 .*(removed|1300)/, ['link t2 down mtu 1300']);
    ns.ip('link del br0');
    ns.ip('link del t2');
  });

  test('addresses: added once, removed once, with their interface too', async () => {
    ns.ip('link add t2 type veth peer name t2-peer');
    listener.take();
    ns.ip('address add 203.0.113.1/24 dev t2');
    ns.ip('address add 2001:db8:2::1/64 dev t2 nodad');
    await told(/^address .*added/, ['address 203.0.113.1/24 added', 'address 2001:db8:2::1/64 added']);
    ns.ip('address del 203.0.113.1/24 dev t2');
    await told(/^address .*removed/, ['address 203.0.113.1/24 removed']);
    ns.ip('address add 10.9.0.1 peer 10.9.0.2/32 dev t2');
    await told(/^address .*added/, ['address 10.9.0.1/32 added']);
    const tunnel = fib.addresses().find((address) => address.interfaceIndex === index('t2') && address.peer !== null);
    expect(formatAddress(tunnel!.peer!)).toBe('10.9.0.2');
    ns.ip('link del t2');
    await told(/^(address|link t2 ).*removed/, [
      'address 10.9.0.1/32 removed',
      'address 2001:db8:2::1/64 removed',
      'link t2 removed',
    ]);
  });

  test.each<[string, string, string]>([
    [
      'unicast',
      '10.1.0.0/16 via 192.0.2.9 proto static metric 5',
      '10.1.0.0/16 unicast via 192.0.2.9 proto 4 metric 5',
    ],
    ['default', 'default via 192.0.2.9 proto dhcp', '0.0.0.0/0 unicast via 192.0.2.9 proto 16 metric 0'],
    ['blackhole', 'blackhole 10.1.0.0/26 proto 80', '10.1.0.0/26 blackhole proto 80 metric 0'],
    ['unreachable', 'unreachable 10.1.0.0/26 proto static', '10.1.0.0/26 unreachable proto 4 metric 0'],
    ['prohibit', 'prohibit 10.1.0.0/26 proto static', '10.1.0.0/26 prohibit proto 4 metric 0'],
    [
      'multipath',
      '10.1.0.0/16 proto static nexthop via 192.0.2.9 nexthop via 198.51.100.9',
      '10.1.0.0/16 unicast via 192.0.2.9 via 198.51.100.9 proto 4 metric 0',
    ],
    [
      'IPv6',
      '2001:db8:a::/48 via 2001:db8::9 proto static',
      '2001:db8:a::/48 unicast via 2001:db8::9 proto 4 metric 1024',
    ],
    ['IPv6 blackhole', 'blackhole 2001:db8:a::/48 proto static', '2001:db8:a::/48 blackhole proto 4 metric 1024'],
    [
      'IPv6 multipath',
      '2001:db8:a::/48 proto static nexthop via 2001:db8::9 nexthop via 2001:db8:1::9',
      '2001:db8:a::/48 unicast via 2001:db8:1::9 via 2001:db8::9 proto 4 metric 1024',
    ],
  ])('a foreign route is learned and lost: %s', async (_, route, expected) => {
    const prefix = expected.split(' ')[0];
    const family = prefix.includes(':') ? '-6 ' : '';
    ns.ip(`${family}route add ${route}`);
    await told(/^(learned|lost)/, [`learned ${expected}`]);
    // The same from a dump.
    await fib.resync();
    await told(/^(learned|lost)/, []);
    ns.ip(`${family}route del ${route}`);
    await told(/^lost/, [`lost ${prefix}`]);
  });

  test("a workload's device route, as Felix writes it", async () => {
    ns.ip('route add 10.65.0.2 dev t1 proto boot scope link metric 1024');
    await told(/^learned/, [`learned 10.65.0.2/32 unicast if ${index('t1')} proto 3 metric 1024`]);
    ns.ip('route change 10.65.0.2 dev t0 proto boot scope link metric 1024');
    await told(/^learned/, [`learned 10.65.0.2/32 unicast if ${index('t0')} proto 3 metric 1024`]);
  });

  test.each([
    ['connected routes', 'address add 203.0.113.1/24 dev t0', 'address del 203.0.113.1/24 dev t0'],
    ['our own', 'route add blackhole 10.1.0.0/16 proto bird', ''],
    ['protocol kernel', 'route add blackhole 10.1.0.0/16 proto kernel', 'route del blackhole 10.1.0.0/16 proto kernel'],
    ['protocol unspecified', 'route add blackhole 10.1.0.0/16 proto 0', 'route del blackhole 10.1.0.0/16'],
    ['with TOS', 'route add 10.1.0.0/16 tos 0x10 via 192.0.2.9 proto static', ''],
    ['other tables', 'route add 10.1.0.0/16 via 192.0.2.9 proto static table 99', 'route flush table 99'],
    ['local routes', 'route add local 10.1.0.1 dev lo table main', 'route del local 10.1.0.1 table main'],
    ['IPv4 loopback', 'route add blackhole 127.1.0.0/16 proto static', ''],
    ['IPv4 link-local', 'route add 169.254.0.0/16 dev t0 proto static', ''],
    ['IPv4 multicast', 'route add 239.1.0.0/16 dev t0 proto static', ''],
    ['IPv6 multicast', '-6 route add ff05::/16 dev t0 proto static', ''],
    ['IPv6 link-local', '-6 route add fe80:1::/64 dev t0 proto static', ''],
    [
      'a gateway that is ourselves',
      'route add 10.1.0.0/16 via 192.0.2.9 onlink dev t0 proto static',
      'address del 192.0.2.9/32 dev t1',
    ],
  ])('never learned: %s', async (what, add, clean) => {
    if (what.startsWith('a gateway')) {
      ns.ip(add);
      await told(/^learned/, ['learned 10.1.0.0/16 unicast via 192.0.2.9 proto 4 metric 0']);
      // Only now does the gateway become ours (the kernel refuses such routes itself).
      ns.ip('address add 192.0.2.9/32 dev t1');
      await told(/^(learned|lost)/, ['lost 10.1.0.0/16']);
    } else {
      ns.ip(add);
      await told(/^(learned|lost)/, []);
      await fib.resync();
      await told(/^(learned|lost)/, []);
    }
    if (clean !== '') ns.ip(clean);
  });

  test('of several routes to a prefix the one with the lowest metric is told', async () => {
    const P = '10.1.0.0/16';
    ns.ip(`route add ${P} via 192.0.2.9 proto static metric 10`);
    await told(/^(learned|lost)/, [`learned ${P} unicast via 192.0.2.9 proto 4 metric 10`]);
    ns.ip(`route add ${P} via 192.0.2.10 proto static metric 20`);
    await told(/^(learned|lost)/, []);
    ns.ip(`route add ${P} via 192.0.2.11 proto static metric 5`);
    await told(/^(learned|lost)/, [`learned ${P} unicast via 192.0.2.11 proto 4 metric 5`]);
    ns.ip(`route del ${P} metric 5`);
    await told(/^(learned|lost)/, [`learned ${P} unicast via 192.0.2.9 proto 4 metric 10`]);
    ns.ip(`route prepend ${P} via 192.0.2.12 proto static metric 10`);
    await told(/^(learned|lost)/, [`learned ${P} unicast via 192.0.2.12 proto 4 metric 10`]);
    ns.ip(`route replace ${P} via 192.0.2.13 proto static metric 10`);
    await told(/^(learned|lost)/, [`learned ${P} unicast via 192.0.2.13 proto 4 metric 10`]);
    ns.ip(`route flush exact ${P}`);
    await told(/^lost/, [`lost ${P}`]);
  });

  test('an IPv6 multipath route grows and shrinks hop by hop', async () => {
    const P = '2001:db8:a::/48';
    ns.ip(`-6 route add ${P} via 2001:db8::9 proto static`);
    await told(/^learned/, [`learned ${P} unicast via 2001:db8::9 proto 4 metric 1024`]);
    ns.ip(`-6 route append ${P} via 2001:db8:1::9 proto static`);
    await told(/^learned/, [`learned ${P} unicast via 2001:db8:1::9 via 2001:db8::9 proto 4 metric 1024`]);
    ns.ip(`-6 route del ${P} via 2001:db8::9 proto static`);
    await told(/^learned/, [`learned ${P} unicast via 2001:db8:1::9 proto 4 metric 1024`]);
    await fib.resync();
    await told(/^(learned|lost)/, []);
    ns.ip(`-6 route del ${P} via 2001:db8:1::9 proto static`);
    await told(/^lost/, [`lost ${P}`]);
  });

  test('routes that vanish silently with their interface are lost; dead hops of multipath routes are left out', async () => {
    ns.batch([
      'route add 10.1.0.0/16 via 198.51.100.9 proto static',
      'route add 10.2.0.0/16 via 192.0.2.9 proto static',
      'route add 10.3.0.0/16 proto static nexthop via 192.0.2.9 nexthop via 198.51.100.9',
    ]);
    await told(/^learned/, [
      'learned 10.1.0.0/16 unicast via 198.51.100.9 proto 4 metric 0',
      'learned 10.2.0.0/16 unicast via 192.0.2.9 proto 4 metric 0',
      'learned 10.3.0.0/16 unicast via 192.0.2.9 via 198.51.100.9 proto 4 metric 0',
    ]);
    ns.ip('link set t1 down');
    await told(/^(learned|lost)/, ['lost 10.1.0.0/16', 'learned 10.3.0.0/16 unicast via 192.0.2.9 proto 4 metric 0']);
    ns.ip('link set t1 up');
    await told(/^(learned|lost)/, ['learned 10.3.0.0/16 unicast via 192.0.2.9 via 198.51.100.9 proto 4 metric 0']);
    ns.ip('address replace 2001:db8:1::1/64 dev t1 nodad');
  });

  test('thousands of foreign changes: what we know in the end is what is there', async () => {
    const commands: string[] = [];
    for (let i = 0; i < 3000; i++)
      commands.push(`route replace 10.${i >> 8}.${i & 255}.0/24 via 192.0.2.9 proto static`);
    for (let i = 0; i < 3000; i += 3) commands.push(`route del 10.${i >> 8}.${i & 255}.0/24`);
    ns.batch(commands);
    await told(
      /^lost/,
      commands.filter((line) => line.includes('del')).map((line) => `lost ${line.split(' ')[2]}`),
    );
    await fib.resync();
    await told(/^(learned|lost)/, []);
  });
});
