/** Matches that several policies are made of. */

import { FAMILY_ADDRESS_BITS, familyIndex } from '../../bgp/family.ts';
import type { Match } from '../../rib/policy/policy.ts';
import { familyOfText, prefixFromText } from '../model/values.ts';

/** Prefixes that lie in one of the CIDRs or equal it. */
export function insideMatch(cidrs: readonly string[]): Match {
  return {
    kind: 'prefix',
    ranges: cidrs.map((prefix) => ({
      prefix,
      minLength: prefixFromText(prefix).length,
      maxLength: FAMILY_ADDRESS_BITS[familyIndex(familyOfText(prefix))],
    })),
    negate: false,
  };
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
