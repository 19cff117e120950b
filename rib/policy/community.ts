/**
 * Communities of all three kinds as policy sees them: one shape, unsigned 32-bit words in wire order, so that the
 * evaluator and the attribute editor compare integers whatever the kind. Texts are those of bgp/wire, and the names of
 * well-known communities.
 */

import {
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  WELL_KNOWN_COMMUNITY_NAMES,
} from '../../bgp/iana.ts';
import {
  formatExtendedCommunity,
  formatLargeCommunity,
  formatCommunity as formatStandardCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
  parseCommunity as parseStandardCommunity,
} from '../../bgp/wire/attribute/community.ts';
import { uint32 } from '../../bgp/wire/octets.ts';

export const COMMUNITY_STANDARD = 0;
export const COMMUNITY_LARGE = 1;
export const COMMUNITY_EXTENDED = 2;
export type CommunityType = typeof COMMUNITY_STANDARD | typeof COMMUNITY_LARGE | typeof COMMUNITY_EXTENDED;

/** Attribute codes that carry each type of community. */
export const COMMUNITY_ATTRIBUTE_CODE: readonly [number, number, number] = [
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
];
/** Octets of one community of each type. */
export const COMMUNITY_OCTETS: readonly [number, number, number] = [4, 12, 8];

/** One community: one word for standard, three for large, two for extended ones; the rest is 0. */
export interface Community {
  readonly type: CommunityType;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
}

const WELL_KNOWN_BY_NAME: ReadonlyMap<string, number> = new Map(
  [...WELL_KNOWN_COMMUNITY_NAMES].map(([value, name]) => [name, value]),
);

/** The standard community of this value. */
export function standardCommunity(value: number): Community {
  return { type: COMMUNITY_STANDARD, word0: value, word1: 0, word2: 0 };
}

/** The community in `text`, or null when there is none in it. */
export function parseCommunity(text: string): Community | null {
  const standard = WELL_KNOWN_BY_NAME.get(text) ?? parseStandardCommunity(text);
  if (standard >= 0) return standardCommunity(standard);
  const large = parseLargeCommunity(text);
  if (large !== null) return { type: COMMUNITY_LARGE, word0: large[0], word1: large[1], word2: large[2] };
  const extended = parseExtendedCommunity(text);
  if (extended === null) return null;
  return { type: COMMUNITY_EXTENDED, word0: extended.high, word1: extended.low, word2: 0 };
}

/** Canonical text: what parseCommunity reads back to the same words. */
export function formatCommunity({ type, word0, word1, word2 }: Community): string {
  if (type === COMMUNITY_STANDARD) return formatStandardCommunity(word0);
  if (type === COMMUNITY_LARGE) return formatLargeCommunity(word0, word1, word2);
  return formatExtendedCommunity({ high: word0, low: word1 });
}

export function sameCommunity(x: Community, y: Community): boolean {
  return x.type === y.type && x.word0 === y.word0 && x.word1 === y.word1 && x.word2 === y.word2;
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

/** True when each number of the community (words as above) is within those of `from` and `to`, which are of its type. */
export function isWithin(word0: number, word1: number, word2: number, from: Community, to: Community): boolean {
  if (from.type === COMMUNITY_STANDARD) {
    return (
      isBetween(word0 >>> 16, from.word0 >>> 16, to.word0 >>> 16) &&
      isBetween(word0 & 0xffff, from.word0 & 0xffff, to.word0 & 0xffff)
    );
  }
  return (
    isBetween(word0, from.word0, to.word0) &&
    isBetween(word1, from.word1, to.word1) &&
    isBetween(word2, from.word2, to.word2)
  );
}

/** Whether the element at `at`, of the type of `from`, is within the range. */
export function elementIsWithin(octets: Uint8Array, at: number, from: Community, to: Community): boolean {
  if (from.type === COMMUNITY_STANDARD) return isWithin(uint32(octets, at), 0, 0, from, to);
  return isWithin(uint32(octets, at), uint32(octets, at + 4), uint32(octets, at + 8), from, to);
}

/** True when the attribute value in [start, end) holds the community. The value's length is a multiple of its size. */
export function valueHasCommunity(octets: Uint8Array, start: number, end: number, community: Community): boolean {
  const size = COMMUNITY_OCTETS[community.type];
  for (let at = start; at < end; at += size) {
    if (uint32(octets, at) !== community.word0) continue;
    if (size === 4) return true;
    if (uint32(octets, at + 4) !== community.word1) continue;
    if (size === 8 || uint32(octets, at + 8) === community.word2) return true;
  }
  return false;
}
