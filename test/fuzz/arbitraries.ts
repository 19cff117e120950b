/** Random values of the protocol for property tests: well-formed ones of every kind the codec knows. */

import fc from 'fast-check';
import { formatLanes, prefixOf } from '../../bgp/ip.ts';
import type { Capability } from '../../bgp/wire/capability.ts';
import type { AsPathSegment, Nlri, OpenMessage } from '../../bgp/wire/message-types.ts';
import { toHex } from '../../bgp/wire/octets.ts';
import type { PathAttributes } from '../../bgp/wire/path-attributes.ts';

export const uint8 = fc.nat({ max: 255 });
export const uint16 = fc.nat({ max: 65535 });
export const uint32 = fc.nat({ max: 4294967295 });
export const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
export const hex = (minOctets: number, maxOctets: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: minOctets, maxLength: maxOctets }).map((value) => toHex(value));

const afi = fc.constantFrom(1, 2, 25, 16388);
const safi = fc.constantFrom(1, 2, 4, 70, 128, 133);

/** Every kind of capability, `unknown` with codes that no known one has. */
export const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), afi, safi }),
  fc.constantFrom<Capability>(
    { kind: 'route-refresh' },
    { kind: 'extended-message' },
    { kind: 'enhanced-route-refresh' },
  ),
  fc.record({
    kind: fc.constant('extended-next-hop' as const),
    families: fc.array(fc.record({ afi, safi, nextHopAfi: afi }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('role' as const),
    role: fc.constantFrom('provider', 'rs-server', 'rs-client', 'customer', 'peer'),
  }),
  fc.record({
    kind: fc.constant('graceful-restart' as const),
    restarted: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSeconds: fc.nat({ max: 4095 }),
    families: fc.array(fc.record({ afi, safi, forwardingPreserved: fc.boolean() }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('four-octet-as' as const), as: fc.integer({ min: 1, max: 4294967295 }) }),
  fc.record({
    kind: fc.constant('add-path' as const),
    families: fc.array(
      fc
        .record({ afi, safi, receive: fc.boolean(), send: fc.boolean() })
        .filter(({ receive, send }) => receive || send),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  fc.record({
    kind: fc.constant('long-lived-graceful-restart' as const),
    families: fc.array(
      fc.record({ afi, safi, forwardingPreserved: fc.boolean(), staleTimeSeconds: fc.nat({ max: 0xffffff }) }),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    kind: fc.constant('fqdn' as const),
    hostName: fc.string({ maxLength: 20 }),
    domainName: fc.string({ maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant('software-version' as const), version: fc.string({ maxLength: 30 }) }),
  fc.record({ kind: fc.constant('unknown' as const), code: fc.integer({ min: 128, max: 255 }), octets: hex(0, 40) }),
);

export const openMessage: fc.Arbitrary<OpenMessage> = fc
  .record({
    myAs: fc.integer({ min: 1, max: 65535 }),
    holdTimeSeconds: uint16.filter((seconds) => seconds !== 1 && seconds !== 2),
    bgpIdentifier: fc.integer({ min: 1, max: 4294967295 }),
    capabilities: fc.array(capability, { maxLength: 30 }),
  })
  .map((open) => {
    let as = open.myAs;
    for (const offered of open.capabilities) if (offered.kind === 'four-octet-as') as = offered.as;
    return { type: 'open', version: 4, as, ...open };
  });

export const ipv4Text = uint32.map((value) => formatLanes(0, value, 0, 0, 0));
export const ipv6Text = fc.tuple(uint32, uint32, uint32, uint32).map(([a, b, c, d]) => formatLanes(1, a, b, c, d));

/** A next hop that a host can have. */
export const ipv4NextHop = fc
  .integer({ min: 0x01000000, max: 0xdfffffff })
  .filter((value) => value >>> 24 !== 127)
  .map((value) => formatLanes(0, value, 0, 0, 0));
export const ipv6NextHop = fc
  .tuple(fc.integer({ min: 0x20000000, max: 0xfeffffff }), uint32, uint32, uint32)
  .map(([a, b, c, d]) => formatLanes(1, a, b, c, d));

export const ipv4Nlri: fc.Arbitrary<Nlri> = fc
  .tuple(uint32, fc.nat({ max: 32 }))
  .map(([a, length]) => prefixOf({ family: 0, a, b: 0, c: 0, d: 0 }, length))
  .map(({ a, length }) => ({ prefix: `${formatLanes(0, a, 0, 0, 0)}/${length}` }));
export const ipv6Nlri: fc.Arbitrary<Nlri> = fc
  .tuple(uint32, uint32, uint32, uint32, fc.nat({ max: 128 }))
  .map(([a, b, c, d, length]) => prefixOf({ family: 1, a, b, c, d }, length))
  .map(({ a, b, c, d, length }) => ({ prefix: `${formatLanes(1, a, b, c, d)}/${length}` }));

/** The same prefixes with path identifiers. */
export const withPathId = (nlri: fc.Arbitrary<Nlri>): fc.Arbitrary<Nlri> =>
  fc.tuple(nlri, uint32).map(([{ prefix }, pathId]) => ({ prefix, pathId }));

export const asNumber = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

export const asPath = (max = 4294967295): fc.Arbitrary<AsPathSegment[]> =>
  fc.array(
    fc.record({
      type: fc.constantFrom('sequence' as const, 'sequence' as const, 'set' as const),
      asns: fc.array(asNumber(max), { minLength: 1, maxLength: 10 }),
    }),
    { maxLength: 4 },
  );

const communityText = fc.tuple(uint16, uint16).map(([high, low]) => `${high}:${low}`);
const largeCommunityText = fc.tuple(uint32, uint32, uint32).map((parts) => parts.join(':'));
export const extendedCommunityText = fc.oneof(
  fc.tuple(fc.constantFrom('rt', 'ro'), uint16, uint32).map((parts) => parts.join(':')),
  fc.tuple(fc.constantFrom('rt', 'ro'), ipv4Text, uint16).map((parts) => parts.join(':')),
  fc
    .tuple(fc.constantFrom('rt', 'ro'), fc.integer({ min: 65536, max: 4294967295 }), uint16)
    .map((parts) => parts.join(':')),
  hex(7, 7).map((digits) => `0x80${digits}`),
);

const aggregator = fc.record({ as: asNumber(4294967295), address: ipv4Text });

/** Attributes that an internal peer may send with IPv4 routes, all of them optional but the mandatory ones. */
export const classicAttributes: fc.Arbitrary<PathAttributes> = fc
  .record(
    {
      origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
      asPath: asPath(),
      nextHop: ipv4NextHop,
      med: uint32,
      localPref: uint32,
      atomicAggregate: fc.constant(true as const),
      aggregator,
      communities: fc.array(communityText, { minLength: 1, maxLength: 80 }),
      originatorId: ipv4Text,
      clusterList: fc.array(ipv4Text, { minLength: 1, maxLength: 5 }),
      extendedCommunities: fc.array(extendedCommunityText, { minLength: 1, maxLength: 6 }),
      ipv6ExtendedCommunities: fc.array(
        hex(20, 20).map((digits) => `0x${digits}`),
        { minLength: 1, maxLength: 3 },
      ),
      aigp: fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }).map(String),
      largeCommunities: fc.array(largeCommunityText, { minLength: 1, maxLength: 30 }),
      onlyToCustomer: uint32,
      others: fc
        .uniqueArray(
          fc.record({ code: fc.integer({ min: 200, max: 255 }), flags: fc.constant(0xe0), octets: hex(0, 200) }),
          { minLength: 1, maxLength: 3, selector: ({ code }) => code },
        )
        .map((list) => list.sort((x, y) => x.code - y.code)),
      partial: fc.constantFrom<number[]>([8], [16, 32]),
    },
    { requiredKeys: ['origin', 'asPath', 'nextHop'] },
  )
  .map(withMeaningfulPartial);

function withMeaningfulPartial(attributes: PathAttributes): PathAttributes {
  const present: Record<number, boolean> = {
    8: attributes.communities !== undefined,
    16: attributes.extendedCommunities !== undefined,
    32: attributes.largeCommunities !== undefined,
  };
  const { partial, ...rest } = attributes;
  const kept = (partial ?? []).filter((code) => present[code]);
  return kept.length === 0 ? rest : { ...rest, partial: kept };
}

/** Attributes that an internal peer may send with IPv6 routes. */
export const multiprotocolAttributes: fc.Arbitrary<PathAttributes> = fc
  .tuple(classicAttributes, fc.array(ipv6NextHop, { minLength: 1, maxLength: 2 }))
  .map(([{ nextHop: _, ...attributes }, addresses]) => ({
    ...attributes,
    mpNextHop: { family: 'ipv6-unicast' as const, addresses },
  }));
