/**
 * The one table of path attributes. Each row says what an attribute is called, which flags it must have, from whom it
 * is accepted, what makes it malformed, what is done then (RFC 7606 §7 unless the row says otherwise), and how its
 * value becomes a plain value and octets again. Canonicaliser, full decoder and encoder all work from these rows.
 */

import {
  ATTRIBUTE_AGGREGATOR,
  ATTRIBUTE_AIGP,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_AS4_AGGREGATOR,
  ATTRIBUTE_AS4_PATH,
  ATTRIBUTE_ATOMIC_AGGREGATE,
  ATTRIBUTE_CLUSTER_LIST,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  ATTRIBUTE_LENGTH_ERROR,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ONLY_TO_CUSTOMER,
  ATTRIBUTE_ORIGIN,
  ATTRIBUTE_ORIGINATOR_ID,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
  INVALID_ORIGIN,
  MALFORMED_AS_PATH,
  OPTIONAL_ATTRIBUTE_ERROR,
  OTHER_OPTIONAL_ATTRIBUTES,
} from '../../iana.ts';
import { formatIpv4, parseIpv4 } from '../../ip.ts';
import { TREATMENT_ATTRIBUTE_DISCARD, TREATMENT_RESET, TREATMENT_WITHDRAW, type Treatment } from '../error.ts';
import type { AsPathSegment, AttributeValue, MultiprotocolValue } from '../message-types.ts';
import { fromHex, type OctetWriter, uint16, uint32 } from '../octets.ts';
import type { UpdateContext } from '../update-context.ts';
import { aigpProblem, decodeAigp, writeAigp } from './aigp.ts';
import { asPathProblem, decodeAsPath, writeAsPath } from './as-path.ts';
import {
  decodeCommunities,
  decodeExtendedCommunities,
  decodeIpv6ExtendedCommunities,
  decodeLargeCommunities,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from './community.ts';
import {
  decodeMpReach,
  decodeMpUnreach,
  mpReachProblem,
  mpUnreachProblem,
  writeMpReach,
  writeMpUnreach,
} from './multiprotocol.ts';
import { encodeAddress } from './next-hop.ts';

export interface AggregatorValue {
  readonly as: number;
  readonly address: string;
}

/** One row of the table; V is the attribute's plain value. */
export interface AttributeDescriptor<V extends AttributeValue = AttributeValue> {
  readonly code: number;
  readonly name: string;
  /** The Optional and Transitive bits that the specification gives it. */
  readonly flags: number;
  /** RFC 7606 approach to a value that `problem` refuses. */
  readonly onMalformed: Treatment;
  /** RFC 4271 §6.3 subcode for that. */
  readonly subcode: number;
  /** Approach to wrong Optional or Transitive bits; treat-as-withdraw by RFC 7606 §3 c). */
  readonly onWrongFlags: Treatment;
  /** Where it may come from; from elsewhere it is dropped unread. */
  readonly acceptedFrom: 'anyone' | 'internal' | 'internal-or-confederation' | 'two-octet-speakers';
  /** What being dropped for `acceptedFrom` counts as: null is silence, as with any optional non-transitive attribute. */
  readonly whenNotAccepted: Treatment | null;
  /** What is wrong with the value in [start, end), or null. Allocates nothing when nothing is. */
  problem(octets: Uint8Array, start: number, end: number, context: UpdateContext): string | null;
  /** The value, when `problem` found nothing. */
  decode(octets: Uint8Array, start: number, end: number, context: UpdateContext): V;
  write(writer: OctetWriter, value: V, asn4: boolean): void;
}

const WELL_KNOWN = FLAG_TRANSITIVE;
const OPTIONAL_NON_TRANSITIVE = FLAG_OPTIONAL;
const OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE;

type Row<V extends AttributeValue> = Pick<
  AttributeDescriptor<V>,
  'code' | 'name' | 'flags' | 'problem' | 'decode' | 'write'
> &
  Partial<AttributeDescriptor<V>>;

function row<V extends AttributeValue>(given: Row<V>): AttributeDescriptor<V> {
  return {
    onMalformed: TREATMENT_WITHDRAW,
    subcode: given.flags === WELL_KNOWN ? ATTRIBUTE_LENGTH_ERROR : OPTIONAL_ATTRIBUTE_ERROR,
    onWrongFlags: TREATMENT_WITHDRAW,
    acceptedFrom: 'anyone',
    whenNotAccepted: null,
    ...given,
  };
}

function exactLength(expected: number): (octets: Uint8Array, start: number, end: number) => string | null {
  return (_octets, start, end) => (end - start === expected ? null : `its length is ${end - start}, not ${expected}`);
}

/** RFC 7606 §7.8, §7.10, §7.14, §7.15 and RFC 8092 §6: a list has at least one whole element. */
function wholeElements(size: number): (octets: Uint8Array, start: number, end: number) => string | null {
  return (_octets, start, end) =>
    end > start && (end - start) % size === 0
      ? null
      : `its length ${end - start} is not a multiple of ${size} greater than 0`;
}

const ORIGIN_NAMES = ['igp', 'egp', 'incomplete'] as const;
export type Origin = (typeof ORIGIN_NAMES)[number];

const origin = row<string>({
  code: ATTRIBUTE_ORIGIN, // RFC 4271 §5.1.1; RFC 7606 §7.1
  name: 'ORIGIN',
  flags: WELL_KNOWN,
  subcode: INVALID_ORIGIN,
  problem: (octets, start, end) =>
    end - start !== 1
      ? `its length is ${end - start}, not 1`
      : octets[start] > 2
        ? `its value ${octets[start]} is undefined`
        : null,
  decode: (octets, start) => ORIGIN_NAMES[octets[start]],
  write: (writer, value) => writer.uint8(Math.max(0, (ORIGIN_NAMES as readonly string[]).indexOf(value))),
});

const asPath = row<readonly AsPathSegment[]>({
  code: ATTRIBUTE_AS_PATH, // RFC 4271 §5.1.2; RFC 7606 §7.2
  name: 'AS_PATH',
  flags: WELL_KNOWN,
  subcode: MALFORMED_AS_PATH,
  problem: (octets, start, end, context) =>
    asPathProblem(octets, start, end, context.asn4 ? 4 : 2, context.isConfederationMember),
  decode: (octets, start, end, context) => decodeAsPath(octets, start, end, context.asn4 ? 4 : 2),
  write: (writer, value, asn4) => writeAsPath(writer, value, asn4 ? 4 : 2),
});

const nextHop = row<string>({
  code: ATTRIBUTE_NEXT_HOP, // RFC 4271 §5.1.3; RFC 7606 §7.3
  name: 'NEXT_HOP',
  flags: WELL_KNOWN,
  problem: exactLength(4),
  decode: (octets, start) => formatIpv4(uint32(octets, start)),
  write: (writer, value) => writer.bytes(encodeAddress(value)),
});

const uint32Value = {
  problem: exactLength(4),
  decode: (octets: Uint8Array, start: number): number => uint32(octets, start),
  write: (writer: OctetWriter, value: number): void => {
    writer.uint32(value);
  },
};

const multiExitDisc = row<number>({
  code: ATTRIBUTE_MULTI_EXIT_DISC, // RFC 4271 §5.1.4; RFC 7606 §7.4
  name: 'MULTI_EXIT_DISC',
  flags: OPTIONAL_NON_TRANSITIVE,
  ...uint32Value,
});

const localPref = row<number>({
  code: ATTRIBUTE_LOCAL_PREF, // RFC 4271 §5.1.5; RFC 7606 §7.5
  name: 'LOCAL_PREF',
  flags: WELL_KNOWN,
  acceptedFrom: 'internal-or-confederation',
  whenNotAccepted: TREATMENT_ATTRIBUTE_DISCARD,
  ...uint32Value,
});

const atomicAggregate = row<true>({
  code: ATTRIBUTE_ATOMIC_AGGREGATE, // RFC 4271 §5.1.6; RFC 7606 §7.6
  name: 'ATOMIC_AGGREGATE',
  flags: WELL_KNOWN,
  onMalformed: TREATMENT_ATTRIBUTE_DISCARD,
  problem: exactLength(0),
  decode: () => true,
  write: () => undefined,
});

function aggregatorProblem(octets: Uint8Array, start: number, end: number, asOctets: 2 | 4): string | null {
  if (end - start !== asOctets + 4) return `its length is ${end - start}, not ${asOctets + 4}`;
  const as = asOctets === 4 ? uint32(octets, start) : uint16(octets, start);
  return as === 0 ? 'its AS is 0 (RFC 7607)' : null;
}

function decodeAggregator(octets: Uint8Array, start: number, asOctets: 2 | 4): AggregatorValue {
  return {
    as: asOctets === 4 ? uint32(octets, start) : uint16(octets, start),
    address: formatIpv4(uint32(octets, start + asOctets)),
  };
}

function writeAggregator(writer: OctetWriter, value: AggregatorValue, asOctets: 2 | 4): void {
  if (asOctets === 4) writer.uint32(value.as);
  else writer.uint16(value.as);
  writer.bytes(encodeAddress(value.address));
}

const aggregator = row<AggregatorValue>({
  code: ATTRIBUTE_AGGREGATOR, // RFC 4271 §5.1.7; RFC 7606 §7.7
  name: 'AGGREGATOR',
  flags: OPTIONAL_TRANSITIVE,
  onMalformed: TREATMENT_ATTRIBUTE_DISCARD,
  problem: (octets, start, end, context) => aggregatorProblem(octets, start, end, context.asn4 ? 4 : 2),
  decode: (octets, start, _end, context) => decodeAggregator(octets, start, context.asn4 ? 4 : 2),
  write: (writer, value, asn4) => writeAggregator(writer, value, asn4 ? 4 : 2),
});

const communities = row<readonly string[]>({
  code: ATTRIBUTE_COMMUNITIES, // RFC 1997; RFC 7606 §7.8
  name: 'COMMUNITIES',
  flags: OPTIONAL_TRANSITIVE,
  problem: wholeElements(4),
  decode: decodeCommunities,
  write: (writer, value) => {
    for (const text of value) writer.uint32(parseCommunity(text));
  },
});

const originatorId = row<string>({
  code: ATTRIBUTE_ORIGINATOR_ID, // RFC 4456 §8; RFC 7606 §7.9
  name: 'ORIGINATOR_ID',
  flags: OPTIONAL_NON_TRANSITIVE,
  acceptedFrom: 'internal',
  whenNotAccepted: TREATMENT_ATTRIBUTE_DISCARD,
  problem: exactLength(4),
  decode: (octets, start) => formatIpv4(uint32(octets, start)),
  write: (writer, value) => writer.uint32(parseIpv4(value)),
});

const clusterList = row<readonly string[]>({
  code: ATTRIBUTE_CLUSTER_LIST, // RFC 4456 §8; RFC 7606 §7.10
  name: 'CLUSTER_LIST',
  flags: OPTIONAL_NON_TRANSITIVE,
  acceptedFrom: 'internal',
  whenNotAccepted: TREATMENT_ATTRIBUTE_DISCARD,
  problem: wholeElements(4),
  decode: (octets, start, end) => {
    const list: string[] = [];
    for (let at = start; at < end; at += 4) list.push(formatIpv4(uint32(octets, at)));
    return list;
  },
  write: (writer, value) => {
    for (const clusterId of value) writer.uint32(parseIpv4(clusterId));
  },
});

const mpReachNlri = row<MultiprotocolValue>({
  code: ATTRIBUTE_MP_REACH_NLRI, // RFC 4760 §3; RFC 7606 §7.11
  name: 'MP_REACH_NLRI',
  flags: OPTIONAL_NON_TRANSITIVE,
  onMalformed: TREATMENT_RESET,
  problem: mpReachProblem,
  decode: decodeMpReach,
  write: writeMpReach,
});

const mpUnreachNlri = row<MultiprotocolValue>({
  code: ATTRIBUTE_MP_UNREACH_NLRI, // RFC 4760 §4; RFC 7606 §7.12
  name: 'MP_UNREACH_NLRI',
  flags: OPTIONAL_NON_TRANSITIVE,
  onMalformed: TREATMENT_RESET,
  problem: mpUnreachProblem,
  decode: decodeMpUnreach,
  write: writeMpUnreach,
});

const extendedCommunities = row<readonly string[]>({
  code: ATTRIBUTE_EXTENDED_COMMUNITIES, // RFC 4360 §2; RFC 7606 §7.14
  name: 'EXTENDED_COMMUNITIES',
  flags: OPTIONAL_TRANSITIVE,
  problem: wholeElements(8),
  decode: decodeExtendedCommunities,
  write: (writer, value) => {
    for (const text of value) {
      const community = parseExtendedCommunity(text);
      if (community !== null) writer.uint32(community.high).uint32(community.low);
    }
  },
});

// RFC 6793 §3, §6: AS4_* means something from two-octet speakers only, and never costs more than itself.
const fromTwoOctetSpeakers = {
  flags: OPTIONAL_TRANSITIVE,
  onMalformed: TREATMENT_ATTRIBUTE_DISCARD,
  onWrongFlags: TREATMENT_ATTRIBUTE_DISCARD,
  acceptedFrom: 'two-octet-speakers',
  whenNotAccepted: TREATMENT_ATTRIBUTE_DISCARD,
} as const;

const as4Path = row<readonly AsPathSegment[]>({
  code: ATTRIBUTE_AS4_PATH,
  name: 'AS4_PATH',
  ...fromTwoOctetSpeakers,
  // RFC 6793 §3: confederation segments are not an error here; the merge drops them.
  problem: (octets, start, end) => (end === start ? 'it is empty' : asPathProblem(octets, start, end, 4, true)),
  decode: (octets, start, end) => decodeAsPath(octets, start, end, 4),
  write: (writer, value) => writeAsPath(writer, value, 4),
});

const as4Aggregator = row<AggregatorValue>({
  code: ATTRIBUTE_AS4_AGGREGATOR,
  name: 'AS4_AGGREGATOR',
  ...fromTwoOctetSpeakers,
  problem: (octets, start, end) => aggregatorProblem(octets, start, end, 4),
  decode: (octets, start) => decodeAggregator(octets, start, 4),
  write: (writer, value) => writeAggregator(writer, value, 4),
});

const ipv6ExtendedCommunities = row<readonly string[]>({
  code: ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES, // RFC 5701; RFC 7606 §7.15
  name: 'IPV6_EXTENDED_COMMUNITIES',
  flags: OPTIONAL_TRANSITIVE,
  problem: wholeElements(20),
  decode: decodeIpv6ExtendedCommunities,
  write: (writer, value) => {
    for (const text of value) writer.bytes(fromHex(text.slice(2)) ?? new Uint8Array(0));
  },
});

const aigp = row<string>({
  code: ATTRIBUTE_AIGP, // RFC 7311 §3.4; from elsewhere as if unrecognised: §3.3
  name: 'AIGP',
  flags: OPTIONAL_NON_TRANSITIVE,
  onMalformed: TREATMENT_ATTRIBUTE_DISCARD,
  onWrongFlags: TREATMENT_ATTRIBUTE_DISCARD,
  acceptedFrom: 'internal-or-confederation',
  problem: aigpProblem,
  decode: decodeAigp,
  write: writeAigp,
});

const largeCommunities = row<readonly string[]>({
  code: ATTRIBUTE_LARGE_COMMUNITIES, // RFC 8092 §3, §6
  name: 'LARGE_COMMUNITIES',
  flags: OPTIONAL_TRANSITIVE,
  problem: wholeElements(12),
  decode: decodeLargeCommunities,
  write: (writer, value) => {
    for (const text of value) for (const part of parseLargeCommunity(text) ?? []) writer.uint32(part);
  },
});

const onlyToCustomer = row<number>({
  code: ATTRIBUTE_ONLY_TO_CUSTOMER, // RFC 9234 §5
  name: 'ONLY_TO_CUSTOMER',
  flags: OPTIONAL_TRANSITIVE,
  ...uint32Value,
});

const ROWS: readonly AttributeDescriptor[] = [
  origin,
  asPath,
  nextHop,
  multiExitDisc,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  mpReachNlri,
  mpUnreachNlri,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  ipv6ExtendedCommunities,
  aigp,
  largeCommunities,
  onlyToCustomer,
];

/** Rows by attribute code; undefined for attributes that are passed on or dropped by their flags alone. */
export const ATTRIBUTE_TABLE: ReadonlyArray<AttributeDescriptor | undefined> = Array.from({ length: 256 }, (_, code) =>
  ROWS.find((descriptor) => descriptor.code === code),
);

/** Registry name of an attribute, or `UNKNOWN`. */
export function attributeName(code: number): string {
  return ATTRIBUTE_TABLE[code]?.name ?? OTHER_OPTIONAL_ATTRIBUTES[code] ?? 'UNKNOWN';
}

/** Whether a peer of this kind may send the attribute. */
export function isAcceptedFrom(descriptor: AttributeDescriptor, context: UpdateContext): boolean {
  switch (descriptor.acceptedFrom) {
    case 'anyone':
      return true;
    case 'internal':
      return context.isInternal;
    case 'internal-or-confederation':
      return context.isInternal || context.isConfederationMember;
    case 'two-octet-speakers':
      return !context.asn4;
  }
}
