/**
 * Next hops: NEXT_HOP (RFC 4271 §5.1.3) and the field of MP_REACH_NLRI (RFC 4760 §3, RFC 2545 §3, RFC 8950 §3). Which
 * lengths are right for a family, and which addresses can never be a next hop (RFC 4271 §6.3: "a valid IP host
 * address"). Whether an address is reachable is the RIB's question.
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../../family.ts';
import { addressFromOctets, addressOctets, formatAddress, parseAddress } from '../../ip.ts';
import { uint32 } from '../octets.ts';

/** True when a next hop of `length` octets may stand in an MP_REACH_NLRI of the family. */
export function isNextHopLength(family: FamilyIndex, length: number, extendedNextHop: boolean): boolean {
  if (family === FAMILY_IPV4 && length === 4) return true;
  // Global address, or global and link-local address.
  return (length === 16 || length === 32) && (family === FAMILY_IPV6 || extendedNextHop);
}

/** Why the IPv4 address at `offset` can be no host's, or null: unspecified, loopback, multicast, class E. */
export function ipv4NextHopProblem(octets: Uint8Array, offset: number): string | null {
  const first = octets[offset];
  if (first !== 127 && first < 224 && (first !== 0 || uint32(octets, offset) !== 0)) return null;
  return `${formatAddress(addressFromOctets(FAMILY_IPV4, octets, offset))} is not the address of a host`;
}

/** Why the IPv6 address at `offset` can be no host's, or null: unspecified, loopback, multicast. */
export function ipv6NextHopProblem(octets: Uint8Array, offset: number): string | null {
  const isHost = octets[offset] !== 0xff && (octets[offset] !== 0 || !isUnspecifiedOrLoopback(octets, offset));
  return isHost
    ? null
    : `${formatAddress(addressFromOctets(FAMILY_IPV6, octets, offset))} is not the address of a host`;
}

function isUnspecifiedOrLoopback(octets: Uint8Array, offset: number): boolean {
  return (
    uint32(octets, offset) === 0 &&
    uint32(octets, offset + 4) === 0 &&
    uint32(octets, offset + 8) === 0 &&
    uint32(octets, offset + 12) <= 1
  );
}

/**
 * Problem of the address that counts in a next hop field of 4, 16 or 32 octets. A session over loopback addresses
 * (tests, labs without privileges) has them as next hops too.
 *
 * Of 32 octets the first address counts, except that RFC 2545 has no form for a speaker without a global address:
 * BIRD then sends `::` before the link-local one, and everybody takes the latter.
 */
export function nextHopProblem(octets: Uint8Array, start: number, end: number, isOverLoopback: boolean): string | null {
  if (isOverLoopback && isLoopback(octets, start, end)) return null;
  if (end - start === 4) return ipv4NextHopProblem(octets, start);
  const isLinkLocalOnly =
    end - start === 32 &&
    isUnspecifiedOrLoopback(octets, start) &&
    octets[start + 15] === 0 &&
    isLinkLocal(octets, start + 16);
  return isLinkLocalOnly ? null : ipv6NextHopProblem(octets, start);
}

/** fe80::/10. */
function isLinkLocal(octets: Uint8Array, offset: number): boolean {
  return octets[offset] === 0xfe && octets[offset + 1] >>> 6 === 2;
}

function isLoopback(octets: Uint8Array, start: number, end: number): boolean {
  if (end - start === 4) return octets[start] === 127;
  return isUnspecifiedOrLoopback(octets, start) && octets[start + 15] === 1;
}

/** Addresses of a next hop field; empty when its length is not that of one or two addresses. */
export function decodeNextHops(octets: Uint8Array, start: number, end: number): string[] {
  switch (end - start) {
    case 4:
      return [formatAddress(addressFromOctets(FAMILY_IPV4, octets, start))];
    case 16:
      return [formatAddress(addressFromOctets(FAMILY_IPV6, octets, start))];
    case 32:
      return [
        formatAddress(addressFromOctets(FAMILY_IPV6, octets, start)),
        formatAddress(addressFromOctets(FAMILY_IPV6, octets, start + 16)),
      ];
    default:
      return [];
  }
}

/** Octets of one address in text. Text that is no address gives none. */
export function encodeAddress(text: string): Uint8Array {
  const address = parseAddress(text);
  return address === null ? new Uint8Array(0) : addressOctets(address);
}
