/**
 * Communities of all three kinds as numbers, and their texts.
 *
 * Standard (RFC 1997) `aa:nn` or a well-known name; large (RFC 8092) `aa:nn:mm`; extended (RFC 4360) `rt:aa:nn` and
 * `ro:aa:nn` with a two-octet AS, a four-octet AS (RFC 5668) or an IPv4 address in front, and `0x` with 16 hex digits
 * for everything else. Hot code compares the 32-bit words; texts exist only in configuration and output.
 */

import { formatIpv4, parseIpv4 } from '../../bgp/ip.ts';
import {
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  uint32At,
} from '../attribute-parser.ts';

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

/** One community as unsigned 32-bit words in wire order: one for standard, two for extended, three for large. */
export interface Community {
  readonly type: CommunityType;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
}

/** IANA's registry of well-known communities, as far as they have a meaning for a speaker or an operator. */
export const WELL_KNOWN_COMMUNITIES = {
  'graceful-shutdown': 0xffff0000, // RFC 8326
  'accept-own': 0xffff0001, // RFC 7611
  'llgr-stale': 0xffff0006, // RFC 9494
  'no-llgr': 0xffff0007, // RFC 9494
  blackhole: 0xffff029a, // RFC 7999
  'no-export': 0xffffff01, // RFC 1997
  'no-advertise': 0xffffff02, // RFC 1997
  'no-export-subconfed': 0xffffff03, // RFC 1997
  'no-peer': 0xffffff04, // RFC 3765
} as const;

const WELL_KNOWN_BY_NAME = new Map<string, number>(Object.entries(WELL_KNOWN_COMMUNITIES));

/** Subtypes of extended communities that have a name here (RFC 4360 sections 4 and 5). */
const EXTENDED_SUBTYPES: ReadonlyArray<readonly [string, number]> = [
  ['rt', 0x02],
  ['ro', 0x03],
];

function decimal(text: string, max: number): number {
  if (!/^[0-9]{1,10}$/.test(text)) return -1;
  const value = Number(text);
  return value <= max ? value : -1;
}

function parseExtended(subtype: number, administrator: string, assigned: string): Community | string {
  const address = parseIpv4(administrator);
  const as = address >= 0 ? -1 : decimal(administrator, 0xffffffff);
  if (address < 0 && as < 0) return `${administrator} is neither an AS number nor an IPv4 address`;
  const type = address >= 0 ? 0x01 : as <= 0xffff ? 0x00 : 0x02;
  const value = decimal(assigned, type === 0x00 ? 0xffffffff : 0xffff);
  if (value < 0) return `${assigned} does not fit behind ${administrator}: 0..${type === 0 ? 4294967295 : 65535}`;
  const head = (type << 24) | (subtype << 16);
  if (type === 0x00) return { type: COMMUNITY_EXTENDED, word0: (head | as) >>> 0, word1: value >>> 0, word2: 0 };
  const upper = address >= 0 ? address : as;
  return {
    type: COMMUNITY_EXTENDED,
    word0: (head | (upper >>> 16)) >>> 0,
    word1: (((upper & 0xffff) << 16) | value) >>> 0,
    word2: 0,
  };
}

/** The community in `text`, or why there is none in it. */
export function parseCommunity(text: string): Community | string {
  const known = WELL_KNOWN_BY_NAME.get(text);
  if (known !== undefined) return { type: COMMUNITY_STANDARD, word0: known, word1: 0, word2: 0 };
  if (/^0x[0-9a-fA-F]{16}$/.test(text))
    return {
      type: COMMUNITY_EXTENDED,
      word0: Number.parseInt(text.slice(2, 10), 16),
      word1: Number.parseInt(text.slice(10), 16),
      word2: 0,
    };
  const parts = text.split(':');
  if (parts.length === 3) {
    for (const [name, subtype] of EXTENDED_SUBTYPES)
      if (parts[0] === name) return parseExtended(subtype, parts[1], parts[2]);
    const words = parts.map((part) => decimal(part, 0xffffffff));
    if (words.some((word) => word < 0)) return 'each part of a large community must be 0..4294967295';
    return { type: COMMUNITY_LARGE, word0: words[0], word1: words[1], word2: words[2] };
  }
  if (parts.length === 2) {
    const upper = decimal(parts[0], 0xffff);
    const lower = decimal(parts[1], 0xffff);
    if (upper < 0 || lower < 0) return 'each part of a community must be 0..65535';
    return { type: COMMUNITY_STANDARD, word0: upper * 65536 + lower, word1: 0, word2: 0 };
  }
  return 'expected aa:nn, aa:nn:mm, rt:aa:nn, ro:aa:nn, 0x and 16 hex digits, or a well-known name';
}

/** Canonical text: what parseCommunity reads back to the same words. */
export function formatCommunity(community: Community): string {
  const { type, word0, word1, word2 } = community;
  if (type === COMMUNITY_STANDARD) return `${word0 >>> 16}:${word0 & 0xffff}`;
  if (type === COMMUNITY_LARGE) return `${word0}:${word1}:${word2}`;
  const subtype = (word0 >>> 16) & 0xff;
  const name = EXTENDED_SUBTYPES.find(([, code]) => code === subtype)?.[0];
  const upper = (((word0 & 0xffff) << 16) | (word1 >>> 16)) >>> 0;
  if (name !== undefined) {
    if (word0 >>> 24 === 0x00) return `${name}:${word0 & 0xffff}:${word1}`;
    if (word0 >>> 24 === 0x01) return `${name}:${formatIpv4(upper)}:${word1 & 0xffff}`;
    // A four-octet administrator that would read back as a two-octet one keeps its octets.
    if (word0 >>> 24 === 0x02 && upper > 0xffff) return `${name}:${upper}:${word1 & 0xffff}`;
  }
  return `0x${word0.toString(16).padStart(8, '0')}${word1.toString(16).padStart(8, '0')}`;
}

export function sameCommunity(x: Community, y: Community): boolean {
  return x.type === y.type && x.word0 === y.word0 && x.word1 === y.word1 && x.word2 === y.word2;
}

/** True when the attribute value in [start, end) holds the community. The value's length is a multiple of its size. */
export function valueHasCommunity(octets: Uint8Array, start: number, end: number, community: Community): boolean {
  const size = COMMUNITY_OCTETS[community.type];
  for (let at = start; at < end; at += size) {
    if (uint32At(octets, at) !== community.word0) continue;
    if (size === 4) return true;
    if (uint32At(octets, at + 4) !== community.word1) continue;
    if (size === 8 || uint32At(octets, at + 8) === community.word2) return true;
  }
  return false;
}
