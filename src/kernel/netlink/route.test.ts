import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../../../bgp/family.ts';
import { addressFromOctets, formatAddress, formatPrefix, parsePrefix, prefixOf } from '../../../bgp/ip.ts';
import { LITTLE_ENDIAN } from '../../net/socket-address.ts';
import type { FibHop } from '../fib.ts';
import { type RouteContent, sameContent } from '../route-plan.ts';
import { RTM_DELROUTE, RTM_NEWROUTE } from './constants.ts';
import { NetlinkReader, NetlinkWriter } from './message.ts';
import { type DecodedRoute, decodeRoute, encodeRoute, routeMessageOctets } from './route.ts';

/** What Linux 6.18 answered to RTM_GETROUTE after the `ip route add` in the first column. */
const RECORDED: readonly [string, string, string][] = [
  [
    '10.1.0.0/16 via 192.0.2.9 proto bird metric 1024',
    '4400000018002200070000002e11000002100000fe0c00010000000008000f00fe000000080001000a010000080006000004000008000500c00002090800040003000000',
    '10.1.0.0/16 type 1 proto 12 table 254 metric 1024 [192.0.2.9 if 3 x1]',
  ],
  [
    'blackhole 10.2.0.0/26 proto bird',
    '2c00000018002200070000002e110000021a0000fe0c00060000000008000f00fe000000080001000a020000',
    '10.2.0.0/26 type 6 proto 12 table 254 metric 0',
  ],
  [
    '10.3.0.0/16 proto bird nexthop via 192.0.2.9 weight 1 nexthop via 198.51.100.9 dev t1 onlink weight 20',
    '5000000018002200070000002e11000002100000fe0c00010000000008000f00fe000000080001000a03000024000900100000000300000008000500c0000209100004130500000008000500c6336409',
    '10.3.0.0/16 type 1 proto 12 table 254 metric 0 [192.0.2.9 if 3 x1] [198.51.100.9 if 5 x20 onlink]',
  ],
  [
    '10.4.0.0/16 via 203.0.113.1 dev t0 onlink proto bird',
    '3c00000018002200070000002e11000002100000fe0c00010400000008000f00fe000000080001000a04000008000500cb0071010800040003000000',
    '10.4.0.0/16 type 1 proto 12 table 254 metric 0 [203.0.113.1 if 3 x1 onlink]',
  ],
  [
    '10.5.0.0/16 via inet6 fe80::9 dev t0 proto bird (RFC 8950)',
    '4c00000018002200070000002e11000002100000fe0c00010000000008000f00fe000000080001000a050000160012000a00fe80000000000000000000000000000900000800040003000000',
    '10.5.0.0/16 type 1 proto 12 table 254 metric 0 [fe80::9 if 3 x1]',
  ],
  [
    '10.6.0.1 dev t1 proto boot scope link metric 512',
    '3c00000018002200070000002e11000002200000fe03fd010000000008000f00fe000000080001000a06000108000600000200000800040005000000',
    '10.6.0.1/32 type 1 proto 3 table 254 metric 512 [- if 5 x1]',
  ],
  [
    'default via 192.0.2.254 table 1000 proto static',
    '3400000018002200070000002e11000002000000fc0400010000000008000f00e803000008000500c00002fe0800040003000000',
    '0.0.0.0/0 type 1 proto 4 table 1000 metric 0 [192.0.2.254 if 3 x1]',
  ],
  [
    '2001:db8:a::/48 via 2001:db8::9 proto bird metric 1024',
    '8800000018002200070000002e1100000a300000fe0c00010000000008000f00fe0000001400010020010db8000a0000000000000000000008000600000400001400050020010db8000000000000000000000009080004000300000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000',
    '2001:db8:a::/48 type 1 proto 12 table 254 metric 1024 [2001:db8::9 if 3 x1]',
  ],
  [
    'blackhole 2001:db8:b::/48 proto bird',
    '7400000018002200070000002e1100000a300000fe0c00060000000008000f00fe0000001400010020010db8000b000000000000000000000800060000040000080004000100000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000',
    '2001:db8:b::/48 type 6 proto 12 table 254 metric 1024',
  ],
  [
    '2001:db8:c::/48 proto bird nexthop via 2001:db8::9 weight 1 nexthop via 2001:db8:1::9 weight 3',
    'a800000018002200070000002e1100000a300000fe0c00010000000008000f00fe0000001400010020010db8000c0000000000000000000008000600000400003c0009001c000000030000001400050020010db80000000000000000000000091c000002050000001400050020010db800010000000000000000000924000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000',
    '2001:db8:c::/48 type 1 proto 12 table 254 metric 1024 [2001:db8::9 if 3 x1] [2001:db8:1::9 if 5 x3]',
  ],
  [
    '2001:db8:d::/48 via fe80::1 dev t0 onlink proto bird',
    '8800000018002200070000002e1100000a300000fe0c00010400000008000f00fe0000001400010020010db8000d00000000000000000000080006000004000014000500fe800000000000000000000000000001080004000300000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000',
    '2001:db8:d::/48 type 1 proto 12 table 254 metric 1024 [fe80::1 if 3 x1 onlink]',
  ],
];

function decode(octets: Uint8Array): (DecodedRoute | null)[] {
  const reader = new NetlinkReader();
  const routes = [];
  reader.open(octets, octets.length);
  while (reader.nextMessage()) routes.push(decodeRoute(reader));
  return routes;
}

function describeRoute(route: DecodedRoute | null): string {
  if (route === null) return 'null';
  const hops = route.hops.map(
    (hop) =>
      ` [${hop.gateway === null ? '-' : formatAddress(hop.gateway)} if ${hop.interfaceIndex} x${hop.weight}${hop.onlink ? ' onlink' : ''}]`,
  );
  return `${formatPrefix(route.prefix)} type ${route.type} proto ${route.protocol} table ${route.table} metric ${route.metric}${hops.join('')}`;
}

function encode(type: number, family: FamilyIndex, prefixText: string, content: RouteContent, table = 254): Uint8Array {
  const writer = new NetlinkWriter(routeMessageOctets(content.hops.length));
  const p = parsePrefix(prefixText)!;
  encodeRoute(writer, type, 0x601, 0x4d, { table, protocol: 12 }, family, p.a, p.b, p.c, p.d, p.length, content);
  return writer.octets.subarray(0, writer.length);
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

describe.runIf(LITTLE_ENDIAN)('octets of a little-endian kernel', () => {
  test.each(RECORDED)('%s', (_, octets, expected) => {
    expect(decode(Buffer.from(octets, 'hex')).map(describeRoute)).toEqual([expected]);
  });

  test.each<[string, Uint8Array, string]>([
    [
      // Sent to the kernel, which answered ENETUNREACH "Nexthop has invalid gateway": it understood all of it.
      'new unicast without interface',
      encode(RTM_NEWROUTE, FAMILY_IPV4, '11.0.0.0/8', {
        type: 'unicast',
        metric: 0,
        hops: [{ gateway: parsePrefix('9.9.9.9')!, interfaceIndex: 0, onlink: false, weight: 1 }],
      }),
      '2c000000180001064d0000000000000002080000fe0c000100000000080001000b0000000800050009090909',
    ],
    [
      'new blackhole with metric',
      encode(RTM_NEWROUTE, FAMILY_IPV4, '10.1.0.0/16', { type: 'blackhole', metric: 1024, hops: [] }),
      '2c000000180001064d0000000000000002100000fe0c000600000000080001000a0100000800060000040000',
    ],
    [
      'deletion: any scope; an IPv6 blackhole is told by its device; a table above 255 by its attribute',
      encode(RTM_DELROUTE, FAMILY_IPV6, '2001:db8::/32', { type: 'blackhole', metric: 7, hops: [] }, 1000),
      '48000000190001064d000000000000000a200000000cff06000000001400010020010db8000000000000000000000000' +
        '08000f00e803000008000600070000000800040001000000',
    ],
    [
      'device route: link scope',
      encode(RTM_NEWROUTE, FAMILY_IPV4, '10.6.0.1/32', {
        type: 'unicast',
        metric: 0,
        hops: [{ gateway: null, interfaceIndex: 5, onlink: false, weight: 1 }],
      }),
      '2c000000180001064d0000000000000002200000fe0cfd0100000000080001000a0600010800040005000000',
    ],
  ])('%s', (_, octets, expected) => {
    expect(hex(octets)).toBe(expected);
  });
});

const hop = (family: FamilyIndex): fc.Arbitrary<FibHop> =>
  fc.record({
    gateway: fc.option(
      fc
        .uint8Array({ minLength: 16, maxLength: 16 })
        .chain((octets) => fc.constantFrom(addressFromOctets(family, octets), addressFromOctets(FAMILY_IPV6, octets))),
    ),
    interfaceIndex: fc.nat(1000),
    onlink: fc.boolean(),
    weight: fc.integer({ min: 1, max: 256 }),
  });

const content = (family: FamilyIndex): fc.Arbitrary<RouteContent> =>
  fc.oneof(
    fc.record({
      type: fc.constantFrom('blackhole' as const, 'unreachable' as const, 'prohibit' as const),
      metric: fc.nat(0xffffffff),
      hops: fc.constant([]),
    }),
    fc.record({
      type: fc.constant('unicast' as const),
      metric: fc.nat(0xffffffff),
      hops: fc.array(hop(family), { minLength: 1, maxLength: 16 }),
    }),
  );

test.each([
  ['IPv4', FAMILY_IPV4],
  ['IPv6', FAMILY_IPV6],
] as const)('%s: what is encoded is decoded again, and fits the announced room', (_, family) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.nat(family === FAMILY_IPV4 ? 32 : 128),
      content(family),
      fc.integer({ min: 1, max: 100_000 }),
      (octets, length, wanted, table) => {
        const p = prefixOf(addressFromOctets(family, octets), length);
        const writer = new NetlinkWriter(routeMessageOctets(wanted.hops.length));
        encodeRoute(writer, RTM_NEWROUTE, 0, 1, { table, protocol: 12 }, family, p.a, p.b, p.c, p.d, length, wanted);
        const [route] = decode(writer.octets.subarray(0, writer.length));
        expect(route).toMatchObject({ prefix: p, table, protocol: 12, metric: wanted.metric });
        expect(route!.hops.map((hop) => hop.weight)).toEqual(wanted.hops.map((hop) => hop.weight));
        expect(sameContent(family, { ...route!, type: wanted.type }, wanted)).toBe(true);
      },
    ),
  );
});

test('arbitrary and truncated octets decode to something or null, never throw', () => {
  fc.assert(
    fc.property(fc.constantFrom(...RECORDED), fc.nat(200), fc.nat(255), fc.nat(200), ([, text], at, value, cut) => {
      const octets = Buffer.from(text, 'hex');
      if (at < octets.length) octets[at] = value;
      decode(octets.subarray(0, Math.max(0, octets.length - cut)));
    }),
  );
});
