/**
 * Canonical octets of an attribute set to columns, once per set. The octets have been validated (bgp/wire), so this
 * only walks: flags(1) code(1) length(1, or 2 with the extended-length flag) value.
 *
 * RFC 4271 4.3, 5.1; RFC 1997 (well-known communities), 4456 (ORIGINATOR_ID, CLUSTER_LIST), 2545 and 8950 (next hops in
 * MP_REACH_NLRI), 9494 and 8326 and 7999 (well-known communities with meaning here), 9234 (OTC). Code 0 is ours: the
 * origin of a locally made route.
 */

import { FAMILY_IPV4, FAMILY_IPV6 } from '../bgp/family.ts';
import {
  type AttributeColumns,
  SET_BLACKHOLE,
  SET_GRACEFUL_SHUTDOWN,
  SET_HAS_CLUSTER_LIST,
  SET_HAS_COMMUNITIES,
  SET_HAS_EXTENDED_COMMUNITIES,
  SET_HAS_LARGE_COMMUNITIES,
  SET_HAS_LOCAL_PREF,
  SET_HAS_MED,
  SET_HAS_ORIGINATOR_ID,
  SET_HAS_OTC,
  SET_LLGR_STALE,
  SET_NO_ADVERTISE,
  SET_NO_EXPORT,
  SET_NO_EXPORT_SUBCONFED,
  SET_NO_LLGR,
  SET_SERVICE,
} from './attribute-columns.ts';
import type { NextHopHandle, NextHopTable } from './next-hop.ts';

export const ATTRIBUTE_LOCAL_ORIGIN = 0;
/** Bit in octet 3 of its value: source, route type, two octets of bits, metric, interface. */
export const LOCAL_IS_SERVICE = 1;
export const ATTRIBUTE_ORIGIN = 1;
export const ATTRIBUTE_AS_PATH = 2;
export const ATTRIBUTE_NEXT_HOP = 3;
export const ATTRIBUTE_MULTI_EXIT_DISC = 4;
export const ATTRIBUTE_LOCAL_PREF = 5;
export const ATTRIBUTE_COMMUNITIES = 8;
export const ATTRIBUTE_ORIGINATOR_ID = 9;
export const ATTRIBUTE_CLUSTER_LIST = 10;
export const ATTRIBUTE_MP_REACH_NLRI = 14;
export const ATTRIBUTE_EXTENDED_COMMUNITIES = 16;
export const ATTRIBUTE_LARGE_COMMUNITIES = 32;
export const ATTRIBUTE_ONLY_TO_CUSTOMER = 35;

export const AS_SET = 1;
export const AS_SEQUENCE = 2;

/** Added to LOCAL_PREF in `rank` for sets without LLGR_STALE: any of them beats any stale one. */
const NOT_LLGR_STALE = 2 ** 32;
const DEFAULT_LOCAL_PREF = 100;

export function uint32At(octets: Uint8Array, at: number): number {
  return ((octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]) >>> 0;
}

/** Fills every parsed column of `handle`. */
export function parseAttributes(
  columns: AttributeColumns,
  handle: number,
  octets: Uint8Array,
  start: number,
  end: number,
  nextHops: NextHopTable,
): void {
  let flags = 0;
  let localPref = DEFAULT_LOCAL_PREF;
  let nextHop: NextHopHandle = 0;
  columns.med[handle] = 0;
  columns.asPathLength[handle] = 0;
  columns.origin[handle] = 0;
  columns.neighborAs[handle] = 0;
  columns.originatorId[handle] = 0;
  columns.clusterListLength[handle] = 0;
  columns.source[handle] = 0;
  columns.metric[handle] = 0;
  columns.interfaceIndex[handle] = 0;
  columns.routeType[handle] = 0;
  for (let at = start; at < end; ) {
    const extended = (octets[at] & 0x10) !== 0;
    const code = octets[at + 1];
    const length = extended ? (octets[at + 2] << 8) | octets[at + 3] : octets[at + 2];
    const value = at + (extended ? 4 : 3);
    at = value + length;
    switch (code) {
      case ATTRIBUTE_LOCAL_ORIGIN:
        columns.source[handle] = octets[value];
        columns.routeType[handle] = octets[value + 1];
        if ((octets[value + 3] & LOCAL_IS_SERVICE) !== 0) flags |= SET_SERVICE;
        columns.metric[handle] = uint32At(octets, value + 4);
        columns.interfaceIndex[handle] = uint32At(octets, value + 8);
        break;
      case ATTRIBUTE_ORIGIN:
        columns.origin[handle] = octets[value];
        break;
      case ATTRIBUTE_AS_PATH:
        parseAsPath(columns, handle, octets, value, at);
        break;
      case ATTRIBUTE_NEXT_HOP:
        nextHop = nextHops.intern(FAMILY_IPV4, uint32At(octets, value), 0, 0, 0);
        break;
      case ATTRIBUTE_MULTI_EXIT_DISC:
        columns.med[handle] = uint32At(octets, value);
        flags |= SET_HAS_MED;
        break;
      case ATTRIBUTE_LOCAL_PREF:
        localPref = uint32At(octets, value);
        flags |= SET_HAS_LOCAL_PREF;
        break;
      case ATTRIBUTE_COMMUNITIES:
        flags |= SET_HAS_COMMUNITIES | wellKnownCommunities(octets, value, at);
        break;
      case ATTRIBUTE_ORIGINATOR_ID:
        columns.originatorId[handle] = uint32At(octets, value);
        flags |= SET_HAS_ORIGINATOR_ID;
        break;
      case ATTRIBUTE_CLUSTER_LIST:
        columns.clusterListLength[handle] = length >> 2;
        flags |= SET_HAS_CLUSTER_LIST;
        break;
      case ATTRIBUTE_MP_REACH_NLRI:
        nextHop = internMpNextHop(octets, value, nextHops);
        break;
      case ATTRIBUTE_EXTENDED_COMMUNITIES:
        flags |= SET_HAS_EXTENDED_COMMUNITIES;
        break;
      case ATTRIBUTE_LARGE_COMMUNITIES:
        flags |= SET_HAS_LARGE_COMMUNITIES;
        break;
      case ATTRIBUTE_ONLY_TO_CUSTOMER:
        flags |= SET_HAS_OTC;
        break;
    }
  }
  columns.flags[handle] = flags;
  columns.localPref[handle] = localPref;
  columns.nextHop[handle] = nextHop;
  const pathLength = columns.asPathLength[handle];
  const stale = (flags & SET_LLGR_STALE) === 0 ? NOT_LLGR_STALE : 0;
  columns.rank[handle] =
    ((stale + localPref) * 16384 + 16383 - Math.min(pathLength, 16383)) * 4 + 2 - columns.origin[handle];
}

/** RFC 4271 9.1.2.2 a): an AS_SET counts as 1; RFC 5065 5.3: confederation segments are not counted. */
function parseAsPath(columns: AttributeColumns, handle: number, octets: Uint8Array, start: number, end: number): void {
  let total = 0;
  for (let at = start; at < end; ) {
    const type = octets[at];
    const count = octets[at + 1];
    if (type === AS_SEQUENCE) {
      if (total === 0 && count > 0) columns.neighborAs[handle] = uint32At(octets, at + 2);
      total += count;
    } else if (type === AS_SET) total++;
    at += 2 + count * 4;
  }
  columns.asPathLength[handle] = total;
}

/** afi(2) safi(1) length(1) next hop(4, 16, or 32 with a link-local one) reserved(1); RFC 2545 3, RFC 8950 4. */
function internMpNextHop(octets: Uint8Array, value: number, nextHops: NextHopTable): NextHopHandle {
  const length = octets[value + 3];
  const at = value + 4;
  if (length === 4) return nextHops.intern(FAMILY_IPV4, uint32At(octets, at), 0, 0, 0);
  if (length !== 16 && length !== 32) return 0;
  const a = uint32At(octets, at);
  const b = uint32At(octets, at + 4);
  const c = uint32At(octets, at + 8);
  const d = uint32At(octets, at + 12);
  if (length === 16) return nextHops.intern(FAMILY_IPV6, a, b, c, d);
  const linkLocalC = uint32At(octets, at + 24);
  const linkLocalD = uint32At(octets, at + 28);
  // Some speakers put the link-local address in both places, or nothing in the global one.
  if ((a | b | c | d) === 0) return nextHops.intern(FAMILY_IPV6, 0xfe800000, 0, linkLocalC, linkLocalD);
  return nextHops.intern(FAMILY_IPV6, a, b, c, d, linkLocalC, linkLocalD);
}

function wellKnownCommunities(octets: Uint8Array, start: number, end: number): number {
  let flags = 0;
  for (let at = start; at < end; at += 4) {
    if (octets[at] !== 0xff || octets[at + 1] !== 0xff) continue;
    switch ((octets[at + 2] << 8) | octets[at + 3]) {
      case 0x0000:
        flags |= SET_GRACEFUL_SHUTDOWN;
        break;
      case 0x0006:
        flags |= SET_LLGR_STALE;
        break;
      case 0x0007:
        flags |= SET_NO_LLGR;
        break;
      case 0x029a:
        flags |= SET_BLACKHOLE;
        break;
      case 0xff01:
        flags |= SET_NO_EXPORT;
        break;
      case 0xff02:
        flags |= SET_NO_ADVERTISE;
        break;
      case 0xff03:
        flags |= SET_NO_EXPORT_SUBCONFED;
        break;
    }
  }
  return flags;
}
