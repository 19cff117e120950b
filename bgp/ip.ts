/**
 * IP addresses and prefixes as plain numbers: up to four unsigned 32-bit lanes, most significant first.
 *
 * An IPv4 address uses lane `a` only. Text is canonical: dotted quad for IPv4, RFC 5952 for IPv6 (as Go and
 * inet_ntop print it), because Calico decides which side connects by comparing these texts.
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from './family.ts';

/** An address of either family. All lanes are unsigned 32-bit integers; b, c, d are 0 for IPv4. */
export interface IpAddress {
  readonly family: FamilyIndex;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** An address block. Bits beyond `length` are zero. */
export interface Prefix extends IpAddress {
  readonly length: number;
}

function address(family: FamilyIndex, a: number, b: number, c: number, d: number): IpAddress {
  return { family, a: a >>> 0, b: b >>> 0, c: c >>> 0, d: d >>> 0 };
}

/** The dotted quad in `text` as an unsigned 32-bit integer, or -1 when it is not one (no leading zeros). */
export function parseIpv4(text: string): number {
  let value = 0;
  let octet = -1;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (octet < 0 || dots === 3) return -1;
      value = value * 256 + octet;
      octet = -1;
      digits = 0;
      dots++;
    } else if (code >= 48 && code <= 57) {
      if (digits > 0 && octet === 0) return -1;
      octet = Math.max(octet, 0) * 10 + (code - 48);
      digits++;
      if (octet > 255) return -1;
    } else return -1;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/** The eight 16-bit groups of an IPv6 text, or null when it is not one. Zone suffixes are refused. */
function parseIpv6Groups(text: string): number[] | null {
  let source = text;
  const lastColon = source.lastIndexOf(':');
  if (lastColon < 0) return null;
  if (source.indexOf('.', lastColon) >= 0) {
    const v4 = parseIpv4(source.slice(lastColon + 1));
    if (v4 < 0) return null;
    source = `${source.slice(0, lastColon + 1)}${Math.floor(v4 / 65536).toString(16)}:${(v4 % 65536).toString(16)}`;
  }
  const gap = source.indexOf('::');
  if (gap !== source.lastIndexOf('::')) return null;
  const part = (side: string): number[] | null => {
    if (side === '') return [];
    const groups: number[] = [];
    for (const group of side.split(':')) {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      groups.push(Number.parseInt(group, 16));
    }
    return groups;
  };
  if (gap < 0) {
    const groups = part(source);
    return groups !== null && groups.length === 8 ? groups : null;
  }
  const head = part(source.slice(0, gap));
  const tail = part(source.slice(gap + 2));
  if (head === null || tail === null || head.length + tail.length > 7) return null;
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** An address from text, or null when it is not one. */
export function parseAddress(text: string): IpAddress | null {
  if (!text.includes(':')) {
    const value = parseIpv4(text);
    return value < 0 ? null : address(FAMILY_IPV4, value, 0, 0, 0);
  }
  const g = parseIpv6Groups(text);
  if (g === null) return null;
  return address(FAMILY_IPV6, g[0] * 65536 + g[1], g[2] * 65536 + g[3], g[4] * 65536 + g[5], g[6] * 65536 + g[7]);
}

/** Unsigned 32-bit integer as dotted quad: IPv4 addresses, BGP Identifiers, cluster ids. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** Canonical IPv6 text (RFC 5952; an IPv4-mapped address keeps its dotted tail). */
export function formatIpv6(a: number, b: number, c: number, d: number): string {
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${formatIpv4(d)}`;
  const groups = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff];
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      bestStart = i;
      bestLength = length;
    }
    i += length;
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return bestStart < 0 ? hex(0, 8) : `${hex(0, bestStart)}::${hex(bestStart + bestLength, 8)}`;
}

export function formatLanes(family: FamilyIndex, a: number, b: number, c: number, d: number): string {
  return family === FAMILY_IPV4 ? formatIpv4(a) : formatIpv6(a, b, c, d);
}

export function formatAddress(value: IpAddress): string {
  return formatLanes(value.family, value.a, value.b, value.c, value.d);
}

/** Mask of lane `index` (0..3) for a prefix of `length` bits, unsigned. */
export function laneMask(length: number, index: number): number {
  const bits = length - index * 32;
  return bits <= 0 ? 0 : bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

/** The prefix of `length` bits that contains the address. */
export function prefixOf(value: IpAddress, length: number): Prefix {
  return {
    family: value.family,
    a: (value.a & laneMask(length, 0)) >>> 0,
    b: (value.b & laneMask(length, 1)) >>> 0,
    c: (value.c & laneMask(length, 2)) >>> 0,
    d: (value.d & laneMask(length, 3)) >>> 0,
    length,
  };
}

/** A prefix from `address/length` (host bits are cleared) or a bare address (a host prefix); null when it is neither. */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/');
  const value = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (value === null) return null;
  const bits = value.family === FAMILY_IPV4 ? 32 : 128;
  if (slash < 0) return prefixOf(value, bits);
  const lengthText = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return null;
  const length = Number(lengthText);
  return length > bits ? null : prefixOf(value, length);
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/** True when `inner` lies inside `outer` or equals it. */
export function prefixContains(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family &&
    outer.length <= inner.length &&
    (inner.a & laneMask(outer.length, 0)) >>> 0 === outer.a &&
    (inner.b & laneMask(outer.length, 1)) >>> 0 === outer.b &&
    (inner.c & laneMask(outer.length, 2)) >>> 0 === outer.c &&
    (inner.d & laneMask(outer.length, 3)) >>> 0 === outer.d
  );
}

export function sameAddress(x: IpAddress, y: IpAddress): boolean {
  return x.family === y.family && x.a === y.a && x.b === y.b && x.c === y.c && x.d === y.d;
}

/** The address as network-order octets: 4 for IPv4, 16 for IPv6. */
export function addressOctets(value: IpAddress): Uint8Array {
  const lanes = value.family === FAMILY_IPV4 ? [value.a] : [value.a, value.b, value.c, value.d];
  const octets = new Uint8Array(lanes.length * 4);
  for (let i = 0; i < lanes.length; i++) {
    octets[i * 4] = lanes[i] >>> 24;
    octets[i * 4 + 1] = (lanes[i] >>> 16) & 255;
    octets[i * 4 + 2] = (lanes[i] >>> 8) & 255;
    octets[i * 4 + 3] = lanes[i] & 255;
  }
  return octets;
}

/** The address whose network-order octets start at `offset`. */
export function addressFromOctets(family: FamilyIndex, octets: Uint8Array, offset = 0): IpAddress {
  const lane = (i: number): number =>
    ((octets[i] << 24) | (octets[i + 1] << 16) | (octets[i + 2] << 8) | octets[i + 3]) >>> 0;
  return family === FAMILY_IPV4
    ? address(family, lane(offset), 0, 0, 0)
    : address(family, lane(offset), lane(offset + 4), lane(offset + 8), lane(offset + 12));
}
