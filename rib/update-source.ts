/**
 * What the RIB needs from a decoded UPDATE: the structural part of bgp/wire/update-reader.ts, so that tests and
 * benchmarks can hand in messages of their own. All NLRI ranges are already checked for syntax.
 */

import type { FamilyIndex } from '../bgp/family.ts';

export const TREATMENT_OK = 0;
export const TREATMENT_ATTRIBUTE_DISCARD = 1;
export const TREATMENT_WITHDRAW = 2;
export const TREATMENT_RESET = 3;

export interface UpdateSource {
  readonly octets: Uint8Array;
  readonly withdrawnStart: number;
  readonly withdrawnEnd: number;
  readonly nlriStart: number;
  readonly nlriEnd: number;
  readonly mpReachFamily: FamilyIndex | -1;
  readonly mpReachStart: number;
  readonly mpReachEnd: number;
  readonly mpUnreachFamily: FamilyIndex | -1;
  readonly mpUnreachStart: number;
  readonly mpUnreachEnd: number;
  readonly endOfRib: FamilyIndex | -1;
  readonly blockOctets: Uint8Array;
  readonly blockStart: number;
  readonly blockEnd: number;
  readonly blockIsVerbatimCanonical: boolean;
  selectBlock(carrier: 0 | 1): void;
  canonicalise(): number;
}
