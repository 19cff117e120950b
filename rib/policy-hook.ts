/**
 * The one call that the RIB makes into import policy (rib/policy implements it). Rules without policy attached cost
 * nothing: `acceptsAll` is looked at once per UPDATE, `dependsOnPrefix === false` makes the verdict once per UPDATE
 * and lets it be cached per attribute set.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { SetHandle } from './attribute-store.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PolicyExplanation } from './policy/explain.ts';

/** A peer's import policy of one family, compiled. One per (peer, family); evaluation is not re-entrant. */
export interface ImportPolicy {
  readonly acceptsAll: boolean;
  readonly dependsOnPrefix: boolean;
  /** Preference among sources that the last accepted evaluation asked for; -1: the source's own. */
  readonly preference: number;
  /** Name of the statement that decided the last evaluation (explain, logs). */
  readonly statement: string;
  /** The set to use, possibly a new one made through the store with reference count 0, or 0: rejected. */
  evaluate(a: number, b: number, c: number, d: number, length: number, set: SetHandle): SetHandle;
  /** How it decides about the route, statement by statement; null: it has none. Slow. */
  explain(a: number, b: number, c: number, d: number, length: number, set: SetHandle): PolicyExplanation | null;
}

/** What a compiler of import policies is told about the peer. */
export interface ImportPeer {
  readonly peer: PeerIndex;
  readonly name: string;
  readonly isInternal: boolean;
  readonly localAs: number;
  readonly peerAs: number;
  readonly interfaceIndex: number;
}

export interface PolicyCompiler {
  compileImport(policy: PeerPolicyConfig, family: FamilyIndex, peer: ImportPeer): ImportPolicy;
}

/** Accepts everything unchanged. */
export const ACCEPT_ALL_IMPORT: ImportPolicy = {
  acceptsAll: true,
  dependsOnPrefix: false,
  preference: -1,
  statement: '',
  evaluate: (_a, _b, _c, _d, _length, set) => set,
  explain: () => null,
};
