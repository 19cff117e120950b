import { beforeEach, describe, expect, test } from 'vitest';
import { formatAddress, type IpAddress, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import type { KernelLink, KernelRoute } from '../kernel/fib.ts';
import { INDIRECT_COST, Reachability } from './reachability.ts';

const ip = (text: string): IpAddress => parseAddress(text)!;
const link = (index: number, up = true): KernelLink => ({
  index,
  name: `eth${index}`,
  up,
  running: up,
  loopback: false,
  mtuOctets: 1500,
  master: 0,
  vrfTable: null,
});
const route = (
  prefix: string,
  gateway: string | null,
  interfaceIndex: number,
  type: KernelRoute['type'] = 'unicast',
): KernelRoute => ({
  prefix: parsePrefix(prefix)!,
  type,
  protocol: 3,
  metric: 0,
  hops:
    type === 'unicast'
      ? [{ gateway: gateway === null ? null : ip(gateway), interfaceIndex, onlink: false, weight: 1 }]
      : [],
});

describe('next-hop resolution through the kernel', () => {
  let view: Reachability;
  const resolve = (text: string): string => {
    const { family, a, b, c, d } = ip(text);
    const answer = view.resolve(family, a, b, c, d);
    if (answer === null) return 'unresolvable';
    return `${answer.gateway === null ? 'direct' : `via ${formatAddress(answer.gateway)}`} dev ${answer.interfaceIndex} cost ${answer.cost}`;
  };

  beforeEach(() => {
    view = new Reachability();
    view.setLink(link(2));
    view.addAddress({ interfaceIndex: 2, address: ip('10.0.0.1'), prefixLength: 24, peer: null });
    view.addAddress({ interfaceIndex: 2, address: ip('fd00::1'), prefixLength: 64, peer: null });
  });

  test.each([
    ['an address on a connected subnet is direct', '10.0.0.9', 'direct dev 2 cost 0'],
    ['IPv6 likewise', 'fd00::9', 'direct dev 2 cost 0'],
    ['an address that nothing covers', '192.0.2.1', 'unresolvable'],
  ])('%s', (_, address, expected) => expect(resolve(address)).toBe(expected));

  test('a default route makes everything resolvable through its gateway, at a higher cost', () => {
    view.learn(route('0.0.0.0/0', '10.0.0.254', 2));
    expect(resolve('192.0.2.1')).toBe(`via 10.0.0.254 dev 2 cost ${INDIRECT_COST}`);
  });

  test('the longest match counts, and a blackhole there makes unresolvable', () => {
    view.learn(route('0.0.0.0/0', '10.0.0.254', 2));
    view.learn(route('192.0.2.0/24', null, 0, 'blackhole'));
    expect(resolve('192.0.2.1')).toBe('unresolvable');
    view.lose(route('192.0.2.0/24', null, 0, 'blackhole'));
    expect(resolve('192.0.2.1')).toContain('via 10.0.0.254');
  });

  test('a route without gateway (a workload) is direct', () => {
    view.setLink(link(7));
    view.learn(route('192.168.1.2/32', null, 7));
    expect(resolve('192.168.1.2')).toBe('direct dev 7 cost 0');
  });

  test('an interface that goes down takes its subnet with it, and says that something changed', () => {
    view.takeChanged();
    view.setLink(link(2, false));
    expect(view.takeChanged()).toBe(true);
    expect(view.takeChanged()).toBe(false);
    expect(resolve('10.0.0.9')).toBe('unresolvable');
  });

  test('behind an interface that is down a less specific route leads on, as in the kernel', () => {
    view.setLink(link(3));
    view.addAddress({ interfaceIndex: 3, address: ip('198.51.100.1'), prefixLength: 24, peer: null });
    view.learn(route('0.0.0.0/0', '198.51.100.254', 3));
    expect(resolve('10.0.0.9')).toBe('direct dev 2 cost 0');
    view.setLink(link(2, false));
    expect(resolve('10.0.0.9')).toBe(`via 198.51.100.254 dev 3 cost ${INDIRECT_COST}`);
    // Without carrier the kernel keeps the connected route: nothing else leads there.
    view.setLink({ ...link(2), running: false });
    expect(resolve('10.0.0.9')).toBe('unresolvable');
    view.setLink(link(2));
    expect(resolve('10.0.0.9')).toBe('direct dev 2 cost 0');
  });

  test('VRF: its table sees the connected prefixes of its members only, other tables see none of them', () => {
    const red = { ...link(10), name: 'red', vrfTable: 100 };
    view.setLink(red);
    view.setLink({ ...link(3), master: 10 });
    view.addAddress({ interfaceIndex: 3, address: ip('10.0.0.1'), prefixLength: 25, peer: null });
    view.addAddress({ interfaceIndex: 3, address: ip('192.0.2.1'), prefixLength: 24, peer: null });
    const seen = (): string[] =>
      ['10.0.0.9', '192.0.2.9', '10.0.0.200'].map((address) => resolve(address).split(' cost')[0]);
    // Main: the /25 of the VRF does not hide the /24.
    expect(seen()).toEqual(['direct dev 2', 'unresolvable', 'direct dev 2']);
    view.takeChanged();
    view.setTable(100);
    expect(view.takeChanged()).toBe(true);
    expect(seen()).toEqual(['direct dev 3', 'direct dev 3', 'unresolvable']);
    // A table that belongs to no VRF is routed by from everywhere outside them.
    view.setTable(77);
    expect(seen()).toEqual(['direct dev 2', 'unresolvable', 'direct dev 2']);
    // A bridge is no VRF.
    view.setTable(254);
    view.setLink({ ...link(11), name: 'br0' });
    view.setLink({ ...link(2), master: 11 });
    expect(seen()[0]).toBe('direct dev 2');
    view.takeChanged();
    view.setLink({ ...link(3), master: 0 });
    expect(view.takeChanged()).toBe(true);
    expect(seen()).toEqual(['direct dev 3', 'direct dev 3', 'direct dev 2']);
  });

  test('a host route of ours counts only while its gateway is on a connected subnet', () => {
    view.setVia(parsePrefix('10.225.0.4/32')!, ip('10.0.0.254'));
    expect(resolve('10.225.0.4')).toBe(`via 10.0.0.254 dev 2 cost ${INDIRECT_COST}`);
    view.removeAddress({ interfaceIndex: 2, address: ip('10.0.0.1'), prefixLength: 24, peer: null });
    expect(resolve('10.225.0.4')).toBe('unresolvable');
  });

  test('one subnet on two interfaces survives the loss of one', () => {
    view.setLink(link(3));
    view.addAddress({ interfaceIndex: 3, address: ip('10.0.0.2'), prefixLength: 24, peer: null });
    view.setLink(link(2, false));
    expect(resolve('10.0.0.9')).toBe('direct dev 3 cost 0');
  });
});
