/**
 * Network Layer Reachability Information of IPv4 and IPv6 unicast (RFC 4271 §4.3, RFC 4760 §5), with path identifiers
 * where ADD-PATH is used (RFC 7911 §3). `checkNlri` runs once over a field; loops after it need no checks.
 */

import type { FamilyIndex } from '../family.ts';
import { formatLanes, laneMask, type Prefix } from '../ip.ts';
import type { Nlri } from './message-types.ts';
import { type OctetWriter, uint32 } from './octets.ts';

/* nlri := path-id(4)? length-in-bits(1) prefix(ceil(length / 8)); bits beyond the length are irrelevant */

export const NLRI_OK = 0;
export const NLRI_PATH_ID_CUT_OFF = 1;
export const NLRI_PREFIX_TOO_LONG = 2;
export const NLRI_PREFIX_CUT_OFF = 3;

/** The result of `checkNlri` in words. */
export const NLRI_REASONS = [
  'nothing is wrong',
  'a path identifier is not followed by a prefix',
  'a prefix is longer than its address',
  'the last prefix is cut off',
] as const;

/** Syntax of the field [start, end): 0 when it holds whole prefixes, else one of the NLRI_ codes. */
export function checkNlri(
  octets: Uint8Array,
  start: number,
  end: number,
  addressBits: number,
  hasPathIds: boolean,
): number {
  const skip = hasPathIds ? 4 : 0;
  let at = start;
  while (at < end) {
    at += skip;
    if (at >= end) return NLRI_PATH_ID_CUT_OFF;
    const bits = octets[at];
    if (bits > addressBits) return NLRI_PREFIX_TOO_LONG;
    at += 1 + ((bits + 7) >>> 3);
  }
  return at === end ? NLRI_OK : NLRI_PREFIX_CUT_OFF;
}

/** Number of prefixes in a field that `checkNlri` found right. */
export function countNlri(octets: Uint8Array, start: number, end: number, hasPathIds: boolean): number {
  const skip = hasPathIds ? 4 : 0;
  let count = 0;
  for (let at = start; at < end; count++) {
    at += skip;
    at += 1 + ((octets[at] + 7) >>> 3);
  }
  return count;
}

/** The prefix at `offset`, where its length octet is, with bits beyond the length cleared. */
export function decodePrefix(family: FamilyIndex, octets: Uint8Array, offset: number): Prefix {
  const length = octets[offset];
  const last = offset + ((length + 7) >>> 3);
  const lanes = [0, 0, 0, 0];
  for (let lane = 0; lane < 4; lane++) {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const at = offset + 1 + lane * 4 + i;
      value = (value << 8) | (at <= last ? octets[at] : 0);
    }
    lanes[lane] = (value & laneMask(length, lane)) >>> 0;
  }
  return { family, a: lanes[0], b: lanes[1], c: lanes[2], d: lanes[3], length };
}

/** The prefixes of a field that `checkNlri` found right. */
export function decodeNlri(
  family: FamilyIndex,
  octets: Uint8Array,
  start: number,
  end: number,
  hasPathIds: boolean,
): Nlri[] {
  const list: Nlri[] = [];
  let at = start;
  while (at < end) {
    const pathId = hasPathIds ? uint32(octets, at) : 0;
    if (hasPathIds) at += 4;
    const { a, b, c, d, length } = decodePrefix(family, octets, at);
    const prefix = `${formatLanes(family, a, b, c, d)}/${length}`;
    list.push(hasPathIds ? { prefix, pathId } : { prefix });
    at += 1 + ((length + 7) >>> 3);
  }
  return list;
}

/** Appends a prefix; `pathId` only where ADD-PATH is sent. */
export function writePrefix(writer: OctetWriter, prefix: Prefix, pathId: number | null): void {
  if (pathId !== null) writer.uint32(pathId);
  writer.uint8(prefix.length);
  const count = (prefix.length + 7) >>> 3;
  for (let i = 0; i < count; i++) {
    const lane = i < 4 ? prefix.a : i < 8 ? prefix.b : i < 12 ? prefix.c : prefix.d;
    writer.uint8((lane >>> (24 - 8 * (i & 3))) & 255);
  }
}

/** Octets that a prefix of this length takes on the wire. */
export function prefixOctets(length: number, hasPathId: boolean): number {
  return (hasPathId ? 5 : 1) + ((length + 7) >>> 3);
}
