import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FamilyIndex } from '../bgp/family.ts';
import { formatAddress, formatLanes, formatPrefix, parseAddress, parsePrefix } from '../bgp/ip.ts';
import { type Attributes, localBlock, RibBench } from '../test/support/rib.ts';
import { FibDesired, type FibEntry, type FibOptions, type FibSink } from './fib.ts';
import type { Resolution } from './next-hop.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC } from './peer-table.ts';
import { ACCEPT_ALL, type Policy, type Statement } from './policy/policy.ts';
import { compiled } from './policy/test-support.ts';
import { NOT_INSTALLED_REASON_NAMES } from './reason.ts';

const PREFIX = '198.51.100.0/24';

/** A kernel that only remembers what it was told. */
class FakeKernel implements FibSink {
  readonly routes = new Map<string, string>();
  readonly calls: string[] = [];

  replace(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number, entry: FibEntry): void {
    const prefix = `${formatLanes(family, a, b, c, d)}/${length}`;
    this.routes.set(prefix, text(entry));
    this.calls.push(`${prefix} ${text(entry)}`);
  }

  remove(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number): void {
    const prefix = `${formatLanes(family, a, b, c, d)}/${length}`;
    if (!this.routes.delete(prefix)) throw new Error(`${prefix} removed in vain`);
    this.calls.push(`${prefix} removed`);
  }
}

function text(entry: FibEntry): string {
  const hops = entry.hops.map((hop) => {
    const gateway = hop.gateway === null ? 'dev' : `via ${formatAddress(hop.gateway)} dev`;
    return `${gateway} ${hop.interfaceIndex}${hop.onlink ? ' onlink' : ''}`;
  });
  return [entry.type === 'blackhole' ? 'blackhole' : hops.join(' + '), `metric ${entry.metric}`].join(' ');
}

class Scene {
  /** Gateways by address; others are connected through interface 2, 203.0.113.0/24 is nowhere. */
  readonly gateways = new Map<string, string>();
  readonly bench = new RibBench({
    decision: { alwaysCompareMed: false, multipathRelax: false, multipath: true },
    resolver: (family, a, b, c, d): Resolution | null => {
      const address = formatLanes(family, a, b, c, d);
      if (address.startsWith('203.0.113.')) return null;
      const gateway = this.gateways.get(address);
      if (gateway === undefined) return { cost: 0, gateway: null, interfaceIndex: 2 };
      return { cost: 0, gateway: parseAddress(gateway), interfaceIndex: 3 };
    },
  });
  readonly interfaces = new Map<string, number>();
  readonly kernel = new FakeKernel();
  readonly fib: FibDesired;

  constructor(options: Partial<Omit<FibOptions, 'policies'>> = {}, policy: Policy = ACCEPT_ALL) {
    this.fib = new FibDesired(this.bench.rib, {
      interfaceIndex: (name) => this.interfaces.get(name) ?? 0,
      interfaceName: () => '',
    });
    this.configure(options, policy);
  }

  configure(options: Partial<Omit<FibOptions, 'policies'>> = {}, policy: Policy = ACCEPT_ALL): void {
    const both = compiled(policy, 'kernel');
    this.fib.configure({ policies: [both, both], defaultMetric: null, maxPaths: 8, ...options });
  }

  local(source: number, prefix: string, block: Uint8Array): void {
    const { family, a, b, c, d, length } = parsePrefix(prefix)!;
    this.bench.rib.setLocalPath(source, family, a, b, c, d, length, block);
  }

  drain(): Record<string, string> {
    this.bench.settle();
    while (this.fib.drain(10, this.kernel));
    return Object.fromEntries(this.kernel.routes);
  }

  reason(prefix: string): string {
    const { family } = parsePrefix(prefix)!;
    return NOT_INSTALLED_REASON_NAMES[this.fib.explain(family, this.bench.handle(prefix))];
  }
}

const statement = (parts: Partial<Statement>): Policy => ({
  name: 'kernel',
  statements: [{ name: 'one', matches: [], actions: [], verdict: 'accept', ...parts }],
  otherwise: 'accept',
});

/** A blackhole that we originate: code 0 with source static and route type 6. */
const blackhole = Uint8Array.from([0, 0, 12, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** A connected prefix on interface 7. */
const onInterface = Uint8Array.from([0, 0, 12, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);

describe('what the kernel should have', () => {
  test.each<[string, (scene: Scene) => void, Record<string, string>]>([
    [
      'a path whose next hop is a neighbour',
      (s) => announce(s, '1', PREFIX, { nextHop: '192.0.2.1' }),
      { [PREFIX]: 'via 192.0.2.1 dev 2 metric 0' },
    ],
    [
      'a path whose next hop is behind a gateway',
      (s) => {
        s.gateways.set('10.9.9.9', '192.0.2.254');
        announce(s, '1', PREFIX, { nextHop: '10.9.9.9' });
      },
      { [PREFIX]: 'via 192.0.2.254 dev 3 metric 0' },
    ],
    [
      'an IPv6 path',
      (s) => announce(s, '1', 'fd00:1::/64', { nextHop: '2001:db8::1' }),
      { 'fd00:1::/64': 'via 2001:db8::1 dev 2 metric 0' },
    ],
    [
      'an IPv6 path through a gateway on the link',
      (s) => {
        s.gateways.set('2001:db8::9', 'fe80::1');
        announce(s, '1', 'fd00:1::/64', { nextHop: '2001:db8::9' });
      },
      { 'fd00:1::/64': 'via fe80::1 dev 3 metric 0' },
    ],
    [
      'a prefix that we originate is a blackhole',
      (s) => s.local(PEER_STATIC, PREFIX, blackhole),
      { [PREFIX]: 'blackhole metric 0' },
    ],
    [
      'a static route through a gateway',
      (s) => s.local(PEER_STATIC, PREFIX, localBlock(1, 0, '192.0.2.9')),
      { [PREFIX]: 'via 192.0.2.9 dev 2 metric 0' },
    ],
    [
      'a static route out of an interface',
      (s) => s.local(PEER_STATIC, PREFIX, onInterface),
      { [PREFIX]: 'dev 7 metric 0' },
    ],
    [
      'nothing for a route that came out of the kernel',
      (s) => s.local(PEER_KERNEL, PREFIX, localBlock(2, 100, '192.0.2.9')),
      {},
    ],
    ['nothing for a connected prefix', (s) => s.local(PEER_DIRECT, PREFIX, localBlock(3)), {}],
    ['nothing while the next hop cannot be reached', (s) => announce(s, '1', PREFIX, { nextHop: '203.0.113.1' }), {}],
  ])('%s', (_sentence, prepare, routes) => {
    const scene = new Scene();
    prepare(scene);
    expect(scene.drain()).toEqual(routes);
    expect(scene.fib.counts[0] + scene.fib.counts[1]).toBe(Object.keys(routes).length);
  });

  test('equal paths are one route with several next hops, each once, whatever their order', () => {
    const scene = new Scene();
    for (const [id, nextHop] of [
      ['3', '192.0.2.3'],
      ['1', '192.0.2.2'],
      ['2', '192.0.2.2'],
    ] as const) {
      announce(scene, id, PREFIX, { nextHop });
    }
    expect(scene.drain()).toEqual({ [PREFIX]: 'via 192.0.2.2 dev 2 + via 192.0.2.3 dev 2 metric 0' });
    scene.bench.withdraw(scene.bench.rib.peers.indexOf('1'), PREFIX);
    scene.drain();
    expect(scene.kernel.calls).toHaveLength(1);
    scene.bench.withdraw(scene.bench.rib.peers.indexOf('2'), PREFIX);
    expect(scene.drain()).toEqual({ [PREFIX]: 'via 192.0.2.3 dev 2 metric 0' });
  });

  test('a link-local next hop is on the link that the peer is on', () => {
    const scene = new Scene();
    const peer = peerOf(scene, '1');
    const { session, ends } = scene.bench.rib.peers.get(peer)!;
    scene.bench.rib.sessionUp(peer, session!, { ...ends!, interfaceIndex: 5 });
    announce(scene, '1', 'fd00:1::/64', { nextHop: 'fe80::7' });
    expect(scene.drain()).toEqual({ 'fd00:1::/64': 'via fe80::7 dev 5 metric 0' });
  });

  test('no more next hops than are allowed', () => {
    const scene = new Scene({ maxPaths: 2 });
    for (const id of ['1', '2', '3', '4']) announce(scene, id, PREFIX, { nextHop: `192.0.2.${id}` });
    expect(scene.drain()[PREFIX].split('+')).toHaveLength(2);
  });

  test('another gateway for the same next hop is another route', () => {
    const scene = new Scene();
    announce(scene, '1', PREFIX, { nextHop: '10.9.9.9' });
    scene.drain();
    scene.gateways.set('10.9.9.9', '192.0.2.254');
    scene.bench.rib.resolutionChanged();
    expect(scene.drain()).toEqual({ [PREFIX]: 'via 192.0.2.254 dev 3 metric 0' });
  });

  test('only changes are handed out, as many at a time as are asked for', () => {
    const scene = new Scene();
    for (let i = 0; i < 25; i++) announce(scene, '1', `10.0.${i}.0/24`, {});
    expect([scene.fib.drain(10, scene.kernel), scene.kernel.calls.length]).toEqual([true, 10]);
    expect([scene.fib.drain(15, scene.kernel), scene.kernel.calls.length]).toEqual([false, 25]);
    for (let i = 0; i < 25; i++) announce(scene, '1', `10.0.${i}.0/24`, { med: 5 });
    scene.fib.reevaluate();
    scene.drain();
    expect(scene.kernel.calls).toHaveLength(25);
    expect([...scene.fib.desired(0)].map(({ prefix, entry }) => `${formatPrefix(prefix)} ${text(entry)}`)).toEqual(
      scene.kernel.calls,
    );
  });

  test('a prefix that goes and another that comes in its place are not taken for one another', () => {
    const scene = new Scene();
    announce(scene, '1', '10.0.0.0/24', {});
    scene.drain();
    scene.bench.withdraw(scene.bench.rib.peers.indexOf('1'), '10.0.0.0/24');
    announce(scene, '1', '10.7.0.0/24', {});
    expect(scene.drain()).toEqual({ '10.7.0.0/24': 'via 192.0.2.1 dev 2 metric 0' });
    expect(scene.bench.handle('10.0.0.0/24')).toBe(0);
  });
});

describe('kernel policy', () => {
  test.each<[string, Policy, Partial<FibOptions>, string]>([
    [
      'a metric from policy',
      statement({ actions: [{ kind: 'set-metric', value: 512 }] }),
      { defaultMetric: 77 },
      'via 192.0.2.1 dev 2 metric 512',
    ],
    ['the default metric where policy sets none', ACCEPT_ALL, { defaultMetric: 77 }, 'via 192.0.2.1 dev 2 metric 77'],
    [
      'a metric above 2^31',
      statement({ actions: [{ kind: 'set-metric', value: 0xfffffffe }] }),
      {},
      'via 192.0.2.1 dev 2 metric 4294967294',
    ],
  ])('%s', (_sentence, policy, options, expected) => {
    const scene = new Scene(options, policy);
    announce(scene, '1', PREFIX, { nextHop: '192.0.2.1' });
    expect(scene.drain()).toEqual({ [PREFIX]: expected });
  });

  test('a policy that rejects takes the routes away again', () => {
    const scene = new Scene();
    announce(scene, '1', PREFIX, {});
    scene.drain();
    scene.configure({}, statement({ verdict: 'reject' }));
    expect(scene.drain()).toEqual({});
    expect(scene.reason(PREFIX)).toBe('rejected by kernel policy');
  });

  test('a tunnel takes packets to the BGP next hop, once its device exists', () => {
    const tunnel = statement({ actions: [{ kind: 'set-tunnel', interfaceName: 'tunl0' }] });
    const scene = new Scene({}, tunnel);
    scene.gateways.set('10.9.9.9', '192.0.2.254');
    announce(scene, '1', PREFIX, { nextHop: '10.9.9.9' });
    announce(scene, '1', 'fd00:1::/64', { nextHop: '2001:db8::1' });
    const ipv6 = { 'fd00:1::/64': 'via 2001:db8::1 dev 2 metric 0' };
    expect(scene.drain()).toEqual({ [PREFIX]: 'via 192.0.2.254 dev 3 metric 0', ...ipv6 });
    scene.interfaces.set('tunl0', 9);
    scene.fib.reevaluate();
    expect(scene.drain()).toEqual({ [PREFIX]: 'via 10.9.9.9 dev 9 onlink metric 0', ...ipv6 });
    // So do several next hops.
    announce(scene, '2', PREFIX, { nextHop: '192.0.2.2' });
    expect(scene.drain()[PREFIX]).toBe('via 10.9.9.9 dev 9 onlink + via 192.0.2.2 dev 9 onlink metric 0');
    scene.interfaces.delete('tunl0');
    scene.fib.reevaluate();
    expect(scene.drain()[PREFIX]).toBe('via 192.0.2.2 dev 2 + via 192.0.2.254 dev 3 metric 0');
  });

  test('CrossSubnet with several next hops: a tunnel for those of other subnets only', () => {
    const policy: Policy = {
      name: 'kernel',
      statements: [
        {
          name: 'same subnet',
          matches: [{ kind: 'next-hop', prefixes: ['192.0.2.0/24'] }],
          actions: [],
          verdict: 'accept',
        },
        { name: 'IPIP', matches: [], actions: [{ kind: 'set-tunnel', interfaceName: 'tunl0' }], verdict: 'accept' },
      ],
      otherwise: 'accept',
    };
    const scene = new Scene({}, policy);
    scene.interfaces.set('tunl0', 9);
    scene.gateways.set('10.9.9.9', '192.0.2.254');
    scene.gateways.set('10.9.9.8', '192.0.2.254');
    announce(scene, '1', PREFIX, { nextHop: '10.9.9.9' });
    announce(scene, '2', PREFIX, { nextHop: '192.0.2.2' });
    expect(scene.drain()[PREFIX]).toBe('via 10.9.9.9 dev 9 onlink + via 192.0.2.2 dev 2 metric 0');
    announce(scene, '3', PREFIX, { nextHop: '10.9.9.8' });
    expect(scene.drain()[PREFIX]).toBe(
      'via 10.9.9.8 dev 9 onlink + via 10.9.9.9 dev 9 onlink + via 192.0.2.2 dev 2 metric 0',
    );
  });

  test('each path of a multipath route passes the policy for itself', () => {
    const policy: Policy = {
      name: 'kernel',
      statements: [
        {
          name: 'next hop is a WireGuard peer',
          matches: [{ kind: 'next-hop', prefixes: ['192.0.2.2/32'] }],
          actions: [],
          verdict: 'reject',
        },
        {
          name: 'IPIP',
          matches: [],
          actions: [{ kind: 'set-tunnel', interfaceName: 'tunl0' }],
          verdict: 'accept',
        },
      ],
      otherwise: 'accept',
    };
    const scene = new Scene({}, policy);
    scene.interfaces.set('tunl0', 9);
    announce(scene, '1', PREFIX, { nextHop: '192.0.2.1' });
    announce(scene, '2', PREFIX, { nextHop: '192.0.2.2' });
    announce(scene, '3', PREFIX, { nextHop: '192.0.2.3' });
    expect(scene.drain()[PREFIX]).toBe('via 192.0.2.1 dev 9 onlink + via 192.0.2.3 dev 9 onlink metric 0');
    // With one left it is a route like any other, tunnel and all.
    scene.bench.update(peerOf(scene, '3'), { withdrawn: [PREFIX] });
    expect(scene.drain()[PREFIX]).toBe('via 192.0.2.1 dev 9 onlink metric 0');
  });

  test.each<[string, (scene: Scene) => void]>([
    ['installed', (s) => announce(s, '1', PREFIX, {})],
    ['no best path', () => {}],
    ['no best path', (s) => announce(s, '1', PREFIX, { nextHop: '203.0.113.1' })],
    ['learned from the kernel', (s) => s.local(PEER_KERNEL, PREFIX, localBlock(2, 100, '192.0.2.9'))],
    ['directly connected', (s) => s.local(PEER_DIRECT, PREFIX, localBlock(3))],
    ['next hop not resolved to a gateway or interface', (s) => s.local(PEER_STATIC, PREFIX, localBlock(1))],
  ])('why a route is not there: %s', (reason, prepare) => {
    const scene = new Scene();
    prepare(scene);
    scene.drain();
    expect(scene.reason(PREFIX)).toBe(reason);
  });
});

test('after any history the kernel has what a fresh look at the best paths says, and nothing else is held', () => {
  const step = fc.record({
    kind: fc.constantFrom('announce', 'announce', 'withdraw', 'gateway', 'policy', 'drain'),
    peer: fc.constantFrom('1', '2', '3'),
    prefix: fc.integer({ min: 0, max: 7 }),
    nextHop: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const scene = new Scene();
      let policy: Policy = ACCEPT_ALL;
      for (const one of steps) {
        const prefix = `10.0.${one.prefix}.0/24`;
        const nextHop = one.nextHop === 5 ? '203.0.113.1' : `10.9.9.${one.nextHop}`;
        if (one.kind === 'announce') announce(scene, one.peer, prefix, { nextHop });
        else if (one.kind === 'withdraw') scene.bench.withdraw(peerOf(scene, one.peer), prefix);
        else if (one.kind === 'drain') scene.fib.drain(one.prefix, scene.kernel);
        else if (one.kind === 'gateway') {
          scene.gateways.set(nextHop, `192.0.2.${one.prefix}`);
          scene.bench.rib.resolutionChanged();
        } else {
          const ranges = [{ prefix, minLength: 24, maxLength: 24 }];
          policy = statement({ matches: [{ kind: 'prefix', ranges, negate: false }], verdict: 'reject' });
          scene.configure({}, policy);
        }
      }
      const routes = scene.drain();
      const fresh = new FibDesired(scene.bench.rib, { interfaceIndex: () => 0, interfaceName: () => '' });
      const both = compiled(policy, 'kernel');
      fresh.configure({ policies: [both, both], defaultMetric: null, maxPaths: 8 });
      const kernel = new FakeKernel();
      while (fresh.drain(1000, kernel));
      expect(new Map(Object.entries(routes))).toEqual(new Map(kernel.routes));
      scene.bench.rib.removeConsumer(fresh);
      scene.configure({}, statement({ verdict: 'reject' }));
      expect(scene.drain()).toEqual({});
    }),
    { numRuns: 60 },
  );
});

function peerOf(scene: Scene, name: string): number {
  const { bench } = scene;
  return (
    bench.rib.peers.indexOf(name) || bench.peer({ name, bgpIdentifier: `1.1.1.${name}`, address: `192.0.2.${name}` })
  );
}

function announce(scene: Scene, peer: string, prefix: string, attributes: Attributes): void {
  scene.bench.announce(peerOf(scene, peer), prefix, attributes);
}
