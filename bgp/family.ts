/**
 * Address families (AFI/SAFI pairs, RFC 4760) that Peregrine routes: IPv4 and IPv6 unicast.
 *
 * Hot code uses the small integers FAMILY_IPV4 and FAMILY_IPV6 as array indices; configuration, API and logs
 * use the names. Other families are never negotiated; what arrives for them is ignored by their own rules.
 */

export const FAMILY_IPV4 = 0;
export const FAMILY_IPV6 = 1;
export const FAMILY_COUNT = 2;

/** Index of a family, usable as array index. */
export type FamilyIndex = 0 | 1;

/** Name of a family in configuration, API and logs. */
export type FamilyName = 'ipv4-unicast' | 'ipv6-unicast';

export const FAMILY_NAMES: readonly [FamilyName, FamilyName] = ['ipv4-unicast', 'ipv6-unicast'];
export const FAMILY_AFI: readonly [number, number] = [1, 2];
export const SAFI_UNICAST = 1;

/** Octets of an address of each family. */
export const FAMILY_ADDRESS_OCTETS: readonly [number, number] = [4, 16];
/** Bits of an address of each family. */
export const FAMILY_ADDRESS_BITS: readonly [number, number] = [32, 128];

export function familyIndex(name: FamilyName): FamilyIndex {
  return name === 'ipv4-unicast' ? FAMILY_IPV4 : FAMILY_IPV6;
}

/** The family of an AFI/SAFI pair, or -1 when it is none of ours. */
export function familyOf(afi: number, safi: number): FamilyIndex | -1 {
  if (safi !== SAFI_UNICAST) return -1;
  return afi === 1 ? FAMILY_IPV4 : afi === 2 ? FAMILY_IPV6 : -1;
}
