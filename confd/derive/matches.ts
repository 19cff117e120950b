/** Matches that several policies are made of. */

import { FAMILY_ADDRESS_BITS, familyIndex } from '../../bgp/family.ts';
import type { Match, PrefixRange } from '../../rib/policy/policy.ts';
import { familyOfText, prefixFromText } from '../model/values.ts';

/** A CIDR and everything in it. */
export function insideRange(cidr: string): PrefixRange {
  const bits = FAMILY_ADDRESS_BITS[familyIndex(familyOfText(cidr))];
  return { prefix: cidr, minLength: prefixFromText(cidr).length, maxLength: bits };
}

/** Prefixes that lie in one of the CIDRs or equal it. */
export function insideMatch(cidrs: readonly string[]): Match {
  return { kind: 'prefix', ranges: cidrs.map(insideRange), negate: false };
}

/** Prefixes that equal one of the CIDRs. */
export function exactMatch(cidrs: readonly string[]): Match {
  return {
    kind: 'prefix',
    ranges: cidrs.map((prefix) => {
      const { length } = prefixFromText(prefix);
      return { prefix, minLength: length, maxLength: length };
    }),
    negate: false,
  };
}
