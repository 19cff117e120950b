/**
 * Canonical attribute blocks as plain values and back: what the API shows of a route, and how originated routes and
 * tests make a block. A canonical block holds attributes in ascending code order with specified flags, four-octet AS
 * numbers, and MP_REACH_NLRI reduced to its next hop (update-reader.ts).
 */

import { FAMILY_AFI, FAMILY_NAMES, type FamilyName, familyIndex, familyOf, SAFI_UNICAST } from '../family.ts';
import {
  ATTRIBUTE_AGGREGATOR,
  ATTRIBUTE_AIGP,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_ATOMIC_AGGREGATE,
  ATTRIBUTE_CLUSTER_LIST,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ONLY_TO_CUSTOMER,
  ATTRIBUTE_ORIGIN,
  ATTRIBUTE_ORIGINATOR_ID,
  FLAG_PARTIAL,
} from '../iana.ts';
import { attributeEnd, attributeValueStart } from './attribute/frame.ts';
import { decodeNextHops } from './attribute/next-hop.ts';
import { type AggregatorValue, ATTRIBUTE_TABLE, type Origin } from './attribute/table.ts';
import type { AsPathSegment, AttributeValue } from './message-types.ts';
import { fromHex, OctetWriter, toHex, uint16 } from './octets.ts';
import { Scratch } from './scratch.ts';
import { CANONICAL_CONTEXT } from './update-context.ts';

/** Next hop of MP_REACH_NLRI. */
export interface MultiprotocolNextHop {
  readonly family: FamilyName;
  /** One address, or a global and a link-local one (RFC 2545 §3). */
  readonly addresses: readonly string[];
}

/** An attribute that is only passed on. */
export interface OtherAttribute {
  readonly code: number;
  readonly flags: number;
  /** Hexadecimal. */
  readonly octets: string;
}

/** Attributes of a route; absent ones are absent. */
export interface PathAttributes {
  readonly origin?: Origin;
  readonly asPath?: readonly AsPathSegment[];
  /** NEXT_HOP of IPv4 routes. */
  readonly nextHop?: string;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: AggregatorValue;
  /** `65001:100` */
  readonly communities?: readonly string[];
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  readonly mpNextHop?: MultiprotocolNextHop;
  /** `rt:65001:100`, `ro:65001:100` or `0x` and 16 digits. */
  readonly extendedCommunities?: readonly string[];
  /** `0x` and 40 digits. */
  readonly ipv6ExtendedCommunities?: readonly string[];
  /** Accumulated metric in decimal (64 bits), or `0x` and the attribute's octets. */
  readonly aigp?: string;
  /** `65001:1:2` */
  readonly largeCommunities?: readonly string[];
  /** AS number, RFC 9234. */
  readonly onlyToCustomer?: number;
  readonly others?: readonly OtherAttribute[];
  /** Codes of the attributes above that passed a speaker which did not know them (RFC 4271 §5, Partial bit). */
  readonly partial?: readonly number[];
}

/** Where each attribute of the table stands in PathAttributes. */
const PROPERTIES: Readonly<Record<number, keyof PathAttributes>> = {
  [ATTRIBUTE_ORIGIN]: 'origin',
  [ATTRIBUTE_AS_PATH]: 'asPath',
  [ATTRIBUTE_NEXT_HOP]: 'nextHop',
  [ATTRIBUTE_MULTI_EXIT_DISC]: 'med',
  [ATTRIBUTE_LOCAL_PREF]: 'localPref',
  [ATTRIBUTE_ATOMIC_AGGREGATE]: 'atomicAggregate',
  [ATTRIBUTE_AGGREGATOR]: 'aggregator',
  [ATTRIBUTE_COMMUNITIES]: 'communities',
  [ATTRIBUTE_ORIGINATOR_ID]: 'originatorId',
  [ATTRIBUTE_CLUSTER_LIST]: 'clusterList',
  [ATTRIBUTE_MP_REACH_NLRI]: 'mpNextHop',
  [ATTRIBUTE_EXTENDED_COMMUNITIES]: 'extendedCommunities',
  [ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES]: 'ipv6ExtendedCommunities',
  [ATTRIBUTE_AIGP]: 'aigp',
  [ATTRIBUTE_LARGE_COMMUNITIES]: 'largeCommunities',
  [ATTRIBUTE_ONLY_TO_CUSTOMER]: 'onlyToCustomer',
};

/** The values of the canonical block [start, end). */
export function decodeAttributes(octets: Uint8Array, start = 0, end = octets.length): PathAttributes {
  const values: Record<string, unknown> = {};
  const others: OtherAttribute[] = [];
  const partial: number[] = [];
  for (let at = start; at < end; at = attributeEnd(octets, at)) {
    const code = octets[at + 1];
    const valueStart = attributeValueStart(octets, at);
    const valueEnd = attributeEnd(octets, at);
    const property = PROPERTIES[code];
    if (property !== undefined && (octets[at] & FLAG_PARTIAL) !== 0) partial.push(code);
    if (code === ATTRIBUTE_MP_REACH_NLRI) values.mpNextHop = decodeMultiprotocolNextHop(octets, valueStart);
    else if (property !== undefined)
      values[property] = ATTRIBUTE_TABLE[code]?.decode(octets, valueStart, valueEnd, CANONICAL_CONTEXT);
    // Code 0 is what the RIB keeps about routes that are not of BGP.
    else if (code !== 0) others.push({ code, flags: octets[at], octets: toHex(octets, valueStart, valueEnd) });
  }
  if (others.length > 0) values.others = others;
  if (partial.length > 0) values.partial = partial;
  return values as PathAttributes;
}

function decodeMultiprotocolNextHop(octets: Uint8Array, valueStart: number): MultiprotocolNextHop {
  const family = familyOf(uint16(octets, valueStart), octets[valueStart + 2]);
  const nextHopStart = valueStart + 4;
  return {
    family: FAMILY_NAMES[family === -1 ? 0 : family],
    addresses: decodeNextHops(octets, nextHopStart, nextHopStart + octets[valueStart + 3]),
  };
}

/** The canonical block of these attributes. */
export function encodeAttributes(attributes: PathAttributes): Uint8Array {
  const scratch = new Scratch();
  for (let code = 1; code < 256; code++) {
    const descriptor = ATTRIBUTE_TABLE[code];
    const property = PROPERTIES[code];
    const other = attributes.others?.find((candidate) => candidate.code === code);
    if (descriptor !== undefined && property !== undefined && attributes[property] !== undefined) {
      const writer = new OctetWriter();
      if (code === ATTRIBUTE_MP_REACH_NLRI) writeMultiprotocolNextHop(writer, attributes, descriptor.write);
      else descriptor.write(writer, attributes[property] as AttributeValue, true);
      const partial = attributes.partial?.includes(code) === true ? FLAG_PARTIAL : 0;
      appendAttribute(scratch, descriptor.flags | partial, code, writer.take());
    } else if (other !== undefined) {
      appendAttribute(scratch, other.flags, code, fromHex(other.octets) ?? new Uint8Array(0));
    }
  }
  return scratch.octets.slice(0, scratch.length);
}

function writeMultiprotocolNextHop(
  writer: OctetWriter,
  { mpNextHop }: PathAttributes,
  write: (writer: OctetWriter, value: AttributeValue, asn4: boolean) => void,
): void {
  if (mpNextHop === undefined) return;
  const afi = FAMILY_AFI[familyIndex(mpNextHop.family)];
  write(writer, { afi, safi: SAFI_UNICAST, nextHops: mpNextHop.addresses, nlri: [] }, true);
}

function appendAttribute(scratch: Scratch, flags: number, code: number, value: Uint8Array): void {
  scratch.reserve(value.length + 4);
  scratch.attributeHeader(flags, code, value.length);
  scratch.append(value, 0, value.length);
}
