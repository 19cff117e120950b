/**
 * Communities as text and back: standard (RFC 1997), large (RFC 8092), extended (RFC 4360, RFC 5668) and IPv6-specific
 * extended (RFC 5701). Text is what configuration, policy, API and CLI use. Formatting never loses anything: an
 * extended community that has no short text of its own is printed in hexadecimal.
 */

import { formatIpv4, parseIpv4 } from '../../ip.ts';
import { toHex, uint32 } from '../octets.ts';

/** `65001:100`. */
export function formatCommunity(value: number): string {
  return `${value >>> 16}:${value & 0xffff}`;
}

/** Unsigned value of `aa:nn`, or -1 when the text is none. */
export function parseCommunity(text: string): number {
  const parts = parseNumbers(text, 2, 0xffff);
  return parts === null ? -1 : parts[0] * 65536 + parts[1];
}

/** `65001:1:2`. */
export function formatLargeCommunity(globalAdministrator: number, data1: number, data2: number): string {
  return `${globalAdministrator}:${data1}:${data2}`;
}

/** The three unsigned 32-bit parts of `aa:nn:mm`, or null when the text is none. */
export function parseLargeCommunity(text: string): readonly [number, number, number] | null {
  const parts = parseNumbers(text, 3, 0xffffffff);
  return parts === null ? null : [parts[0], parts[1], parts[2]];
}

/** An extended community as its upper and lower 32 bits, unsigned. */
export interface ExtendedCommunity {
  readonly high: number;
  readonly low: number;
}

/** Types of RFC 4360 §3 and RFC 5668 whose value is an administrator and a number. */
const TYPE_TWO_OCTET_AS = 0x00;
const TYPE_IPV4_ADDRESS = 0x01;
const TYPE_FOUR_OCTET_AS = 0x02;

const SUBTYPE_NAMES: Readonly<Record<number, string>> = { 2: 'rt', 3: 'ro' };
const SUBTYPES: Readonly<Record<string, number>> = { rt: 2, ro: 3 };

/** `rt:65001:100`, `rt:10.0.0.1:100`, `ro:...` (route target and route origin), else `0x` and 16 digits. */
export function formatExtendedCommunity({ high, low }: ExtendedCommunity): string {
  const name = SUBTYPE_NAMES[(high >>> 16) & 255];
  if (name !== undefined) {
    const type = high >>> 24;
    const administrator = ((high & 0xffff) * 65536 + (low >>> 16)) >>> 0;
    if (type === TYPE_TWO_OCTET_AS) return `${name}:${high & 0xffff}:${low}`;
    if (type === TYPE_IPV4_ADDRESS) return `${name}:${formatIpv4(administrator)}:${low & 0xffff}`;
    // A small AS number in the four-octet form is another community than the two-octet form of the same numbers.
    if (type === TYPE_FOUR_OCTET_AS && administrator > 0xffff) return `${name}:${administrator}:${low & 0xffff}`;
  }
  return `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
}

/** The community that `formatExtendedCommunity` prints like this, or null when there is none. */
export function parseExtendedCommunity(text: string): ExtendedCommunity | null {
  if (/^0x[0-9a-fA-F]{16}$/.test(text))
    return { high: Number.parseInt(text.slice(2, 10), 16), low: Number.parseInt(text.slice(10), 16) };
  const match = /^(rt|ro):([0-9.]+):([0-9]+)$/.exec(text);
  if (match === null) return null;
  const subtype = SUBTYPES[match[1]] << 16;
  const number = parseNumber(match[3], 0xffffffff);
  if (number < 0) return null;
  if (match[2].includes('.')) {
    const address = parseIpv4(match[2]);
    return address < 0 || number > 0xffff ? null : withAdministrator(TYPE_IPV4_ADDRESS, subtype, address, number);
  }
  const as = parseNumber(match[2], 0xffffffff);
  if (as < 0) return null;
  if (as <= 0xffff) return { high: ((TYPE_TWO_OCTET_AS << 24) | subtype | as) >>> 0, low: number };
  return number > 0xffff ? null : withAdministrator(TYPE_FOUR_OCTET_AS, subtype, as, number);
}

function withAdministrator(type: number, subtype: number, administrator: number, number: number): ExtendedCommunity {
  return {
    high: ((type << 24) | subtype | (administrator >>> 16)) >>> 0,
    low: (((administrator & 0xffff) << 16) | number) >>> 0,
  };
}

/** Decimal number without sign or leading zeros, at most `max`; -1 when it is none. */
function parseNumber(text: string, max: number): number {
  if (!/^(0|[1-9][0-9]{0,9})$/.test(text)) return -1;
  const value = Number(text);
  return value > max ? -1 : value;
}

function parseNumbers(text: string, count: number, max: number): number[] | null {
  const parts = text.split(':').map((part) => parseNumber(part, max));
  return parts.length === count && parts.every((part) => part >= 0) ? parts : null;
}

/** The standard communities in [start, end), whose length is a multiple of 4. */
export function decodeCommunities(octets: Uint8Array, start: number, end: number): string[] {
  const list: string[] = [];
  for (let at = start; at < end; at += 4) list.push(formatCommunity(uint32(octets, at)));
  return list;
}

/** The large communities in [start, end), whose length is a multiple of 12. */
export function decodeLargeCommunities(octets: Uint8Array, start: number, end: number): string[] {
  const list: string[] = [];
  for (let at = start; at < end; at += 12)
    list.push(formatLargeCommunity(uint32(octets, at), uint32(octets, at + 4), uint32(octets, at + 8)));
  return list;
}

/** The extended communities in [start, end), whose length is a multiple of 8. */
export function decodeExtendedCommunities(octets: Uint8Array, start: number, end: number): string[] {
  const list: string[] = [];
  for (let at = start; at < end; at += 8)
    list.push(formatExtendedCommunity({ high: uint32(octets, at), low: uint32(octets, at + 4) }));
  return list;
}

/** The IPv6-specific extended communities in [start, end), whose length is a multiple of 20: `0x` and 40 digits. */
export function decodeIpv6ExtendedCommunities(octets: Uint8Array, start: number, end: number): string[] {
  const list: string[] = [];
  for (let at = start; at < end; at += 20) list.push(`0x${toHex(octets, at, at + 20)}`);
  return list;
}
