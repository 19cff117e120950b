/**
 * MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4). An error inside either makes the NLRI of the UPDATE uncertain,
 * so it resets the session (RFC 7606 §5.3, §7.11). Attributes of families that were not negotiated are not looked into
 * beyond their AFI/SAFI: whatever they hold is ignored.
 */

import {
  FAMILY_ADDRESS_BITS,
  FAMILY_IPV4,
  FAMILY_IPV6,
  type FamilyIndex,
  familyOf,
  SAFI_UNICAST,
} from '../../family.ts';
import { parsePrefix } from '../../ip.ts';
import type { MultiprotocolValue, Nlri } from '../message-types.ts';
import { checkNlri, decodeNlri, NLRI_OK, NLRI_REASONS, writePrefix } from '../nlri.ts';
import { fromHex, type OctetWriter, toHex, uint16 } from '../octets.ts';
import type { UpdateContext } from '../update-context.ts';
import { decodeNextHops, encodeAddress, isNextHopLength } from './next-hop.ts';

const SAFI_MULTICAST = 2;

/* mp-reach := afi(2) safi(1) next-hop-length(1) next-hop(next-hop-length) reserved(1) nlri* */
/* mp-unreach := afi(2) safi(1) nlri* */

/** The family of the attribute value at `start`, or -1 when it is none of ours or was not negotiated. */
export function negotiatedFamilyAt(octets: Uint8Array, start: number, context: UpdateContext): FamilyIndex | -1 {
  const family = familyOf(uint16(octets, start), octets[start + 2]);
  return family !== -1 && context.families[family] ? family : -1;
}

/** What is wrong with the MP_REACH_NLRI value in [start, end), or null. */
export function mpReachProblem(octets: Uint8Array, start: number, end: number, context: UpdateContext): string | null {
  if (end - start < 3) return `its ${end - start} octets do not hold an AFI/SAFI`;
  const family = negotiatedFamilyAt(octets, start, context);
  if (family === -1) return null;
  if (end - start < 5) return `its ${end - start} octets do not hold a next hop`;
  const nextHopLength = octets[start + 3];
  const nlriStart = start + 5 + nextHopLength;
  if (nlriStart > end) return `a next hop of ${nextHopLength} octets exceeds the attribute`;
  if (!isNextHopLength(family, nextHopLength, context.extendedNextHop))
    return `a next hop of ${nextHopLength} octets does not suit the family`;
  return nlriProblem(family, octets, nlriStart, end, context);
}

/** What is wrong with the MP_UNREACH_NLRI value in [start, end), or null. */
export function mpUnreachProblem(
  octets: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
): string | null {
  if (end - start < 3) return `its ${end - start} octets do not hold an AFI/SAFI`;
  const family = negotiatedFamilyAt(octets, start, context);
  return family === -1 ? null : nlriProblem(family, octets, start + 3, end, context);
}

function nlriProblem(
  family: FamilyIndex,
  octets: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
): string | null {
  const result = checkNlri(octets, start, end, FAMILY_ADDRESS_BITS[family], context.addPathReceive[family]);
  return result === NLRI_OK ? null : `in its NLRI ${NLRI_REASONS[result]}`;
}

/** Value of an MP_REACH_NLRI in which `mpReachProblem` found nothing; of any family. */
export function decodeMpReach(
  octets: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
): MultiprotocolValue {
  const nextHopEnd = Math.min(end, start + 4 + (end - start > 3 ? octets[start + 3] : 0));
  const nextHopStart = Math.min(nextHopEnd, start + 4);
  return {
    afi: uint16(octets, start),
    safi: octets[start + 2],
    nextHops: decodeNextHops(octets, nextHopStart, nextHopEnd),
    nextHopOctets: toHex(octets, nextHopStart, nextHopEnd),
    ...decodeNlriField(octets, start, Math.min(end, nextHopEnd + 1), end, context),
  };
}

/** Value of an MP_UNREACH_NLRI in which `mpUnreachProblem` found nothing; of any family. */
export function decodeMpUnreach(
  octets: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
): MultiprotocolValue {
  return {
    afi: uint16(octets, start),
    safi: octets[start + 2],
    ...decodeNlriField(octets, start, start + 3, end, context),
  };
}

function decodeNlriField(
  octets: Uint8Array,
  familyOffset: number,
  start: number,
  end: number,
  context: UpdateContext,
): { readonly nlri: readonly Nlri[] } | { readonly nlriOctets: string } {
  const afi = uint16(octets, familyOffset);
  const safi = octets[familyOffset + 2];
  // Multicast NLRI looks like unicast NLRI; other families do not.
  const isPrefixes = (afi === 1 || afi === 2) && (safi === SAFI_UNICAST || safi === SAFI_MULTICAST);
  if (isPrefixes) {
    const family = afi === 1 ? FAMILY_IPV4 : FAMILY_IPV6;
    const hasPathIds = safi === SAFI_UNICAST && context.addPathReceive[family];
    if (checkNlri(octets, start, end, FAMILY_ADDRESS_BITS[family], hasPathIds) === NLRI_OK)
      return { nlri: decodeNlri(family, octets, start, end, hasPathIds) };
  }
  return { nlriOctets: toHex(octets, start, end) };
}

/** Appends an MP_REACH_NLRI value. `nextHops` are written when there are any, else `nextHopOctets`. */
export function writeMpReach(writer: OctetWriter, value: MultiprotocolValue): void {
  writer.uint16(value.afi).uint8(value.safi);
  const nextHops = value.nextHops ?? [];
  if (nextHops.length > 0) {
    const addresses = nextHops.map(encodeAddress);
    writer.uint8(addresses.reduce((length, address) => length + address.length, 0));
    for (const address of addresses) writer.bytes(address);
  } else {
    const octets = fromHex(value.nextHopOctets ?? '') ?? new Uint8Array(0);
    writer.uint8(octets.length).bytes(octets);
  }
  writer.uint8(0);
  writeNlriField(writer, value);
}

/** Appends an MP_UNREACH_NLRI value. */
export function writeMpUnreach(writer: OctetWriter, value: MultiprotocolValue): void {
  writer.uint16(value.afi).uint8(value.safi);
  writeNlriField(writer, value);
}

function writeNlriField(writer: OctetWriter, value: MultiprotocolValue): void {
  if (value.nlri !== undefined) writeNlri(writer, value.nlri);
  else writer.bytes(fromHex(value.nlriOctets ?? '') ?? new Uint8Array(0));
}

/** Appends prefixes in their text form, with path identifiers where they have one. Text that is no prefix is left out. */
export function writeNlri(writer: OctetWriter, list: readonly Nlri[]): void {
  for (const { prefix, pathId } of list) {
    const parsed = parsePrefix(prefix);
    if (parsed !== null) writePrefix(writer, parsed, pathId ?? null);
  }
}
