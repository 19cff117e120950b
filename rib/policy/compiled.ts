/**
 * What compile.ts makes of a policy: names resolved, texts parsed, prefixes sorted, so that evaluation only compares
 * integers. Every match has the same shape (unused fields are empty), which keeps the evaluator's call sites
 * monomorphic. Also the identity of a compiled policy's edits: see EditPrograms.
 */

import type { IpAddress } from '../../bgp/ip.ts';
import type { Community } from './community.ts';
import type { Policy } from './policy.ts';
import type { PrefixSet } from './prefix-set.ts';

/** Where a policy is attached: some actions mean something only in one place. */
export type PolicyUse = 'import' | 'export' | 'kernel';

export const VERDICT_REJECT = 0;
export const VERDICT_ACCEPT = 1;
export const VERDICT_NEXT = 2;
export type Verdict = typeof VERDICT_REJECT | typeof VERDICT_ACCEPT;

export const MATCH_PREFIX = 0;
export const MATCH_SOURCE = 1;
export const MATCH_PEER_TYPE = 2;
export const MATCH_INTERFACE = 3;
export const MATCH_COMMUNITY = 4;
export const MATCH_AS_PATH_PREFIX = 5;
export const MATCH_AS_PATH_LENGTH = 6;
export const MATCH_METRIC = 7;
export const MATCH_LOCAL_PREF = 8;
export const MATCH_MED = 9;
export const MATCH_NEXT_HOP = 10;
export const MATCH_LEARNED_FROM = 11;
export const MATCH_AS_PATH_MASK = 12;
export const MATCH_MED_PRESENT = 13;
export const MATCH_COMMUNITY_IN = 14;
export const MATCH_AS_PATH_HOLDS = 15;

/** Items of a compiled AS path mask that are no AS numbers. */
export const MASK_ANY_RUN = -1;
export const MASK_ANY_ONE = -2;

/** The numbers of a route that can be computed with. */
export const NUMBER_LOCAL_PREF = 0;
export const NUMBER_MED = 1;
export const NUMBER_METRIC = 2;

export interface CompiledMatch {
  readonly kind: number;
  readonly negate: boolean;
  readonly prefixes: PrefixSet;
  /** Bit n set: source n matches. */
  readonly sources: number;
  readonly isInternal: boolean;
  readonly pattern: string;
  readonly community: Community;
  /** The end of a range that `community` begins. */
  readonly upTo: Community;
  /** AS numbers; in a mask also the MASK_ items; of ranges both ends. */
  readonly asns: readonly number[];
  readonly min: number;
  readonly max: number;
  readonly peers: ReadonlySet<string>;
}

export const ACTION_SET_LOCAL_PREF = 0;
export const ACTION_SET_MED = 1;
export const ACTION_SET_METRIC = 2;
export const ACTION_NORMALISE_PRIORITY = 3;
export const ACTION_SET_PREFERENCE = 4;
export const ACTION_SET_NEXT_HOP = 5;
export const ACTION_ADD_COMMUNITY = 6;
export const ACTION_REMOVE_COMMUNITY = 7;
export const ACTION_REMOVE_ALL_COMMUNITIES = 8;
export const ACTION_PREPEND_AS_PATH = 9;
export const ACTION_SET_TUNNEL = 10;
export const ACTION_COMPUTE = 11;
export const ACTION_REMOVE_COMMUNITIES_IN = 12;

/** What policy wants done with the next hop. */
export const NEXT_HOP_DEFAULT = 0;
export const NEXT_HOP_SELF = 1;
export const NEXT_HOP_PEER = 2;
export const NEXT_HOP_UNCHANGED = 3;
export const NEXT_HOP_ADDRESS = 4;

export interface CompiledAction {
  readonly kind: number;
  /** Position among all actions of the policy. */
  readonly index: number;
  /** Has a say in the outgoing attributes, so it is part of the edit program. */
  readonly isEdit: boolean;
  readonly value: number;
  readonly community: Community;
  /** The end of a range that `community` begins. */
  readonly upTo: Community;
  readonly asns: readonly number[];
  readonly address: IpAddress | null;
  readonly interfaceName: string;
  /** What is computed: NUMBER_ constants; `value` is the offset. */
  readonly target: number;
  readonly from: number;
  readonly isSubtraction: boolean;
}

export interface CompiledStatement {
  readonly name: string;
  readonly matches: readonly CompiledMatch[];
  readonly actions: readonly CompiledAction[];
  readonly verdict: number;
  /** Statements to pass over when the verdict is VERDICT_NEXT. */
  readonly skip: number;
}

export interface CompiledPolicy {
  readonly policy: Policy;
  readonly use: PolicyUse;
  readonly statements: readonly CompiledStatement[];
  readonly otherwise: Verdict;
  /** Some match looks at the prefix. */
  readonly dependsOnPrefix: boolean;
  /** Some match looks at the outgoing interface, which changes without the attributes changing. */
  readonly dependsOnInterface: boolean;
  /** Some match looks at the session that the route came from. */
  readonly dependsOnSourcePeer: boolean;
  /** Accepts every route and changes none. */
  readonly acceptsAll: boolean;
  readonly programs: EditPrograms;
}

/** True when the verdict is a function of attribute set and source peer alone. */
export function isCacheable(policy: CompiledPolicy): boolean {
  return !policy.dependsOnPrefix && !policy.dependsOnInterface;
}

/**
 * Numbers for sequences of edit actions. Equal (attribute set, program) pairs give equal results, so callers cache the
 * rewritten set under that pair even where the verdict itself depends on the prefix. Program 0 changes nothing.
 * Numbers are never used again; when too many sequences have been seen, all are forgotten and get new numbers.
 */
export class EditPrograms {
  static readonly #LIMIT = 4096;
  /** Program n is at index n - #first: what it adds, and to which program. */
  #first = 1;
  #actions: CompiledAction[] = [];
  #parents: number[] = [];
  #transitions = new Map<number, number>();

  /** Called between evaluations: the only time when programs may be forgotten. */
  trim(): void {
    if (this.#actions.length < EditPrograms.#LIMIT) return;
    this.#first += this.#actions.length;
    this.#actions = [];
    this.#parents = [];
    this.#transitions.clear();
  }

  /** The program that is `program` followed by `action`. */
  extend(program: number, action: CompiledAction): number {
    const key = program * 65536 + action.index;
    const known = this.#transitions.get(key);
    if (known !== undefined) return known;
    const made = this.#first + this.#actions.length;
    this.#actions.push(action);
    this.#parents.push(program);
    this.#transitions.set(key, made);
    return made;
  }

  /** The last action of a program other than 0. */
  lastAction(program: number): CompiledAction {
    return this.#actions[program - this.#first];
  }

  /** The program without its last action. */
  withoutLast(program: number): number {
    return this.#parents[program - this.#first];
  }

  /** The actions of a program in the order in which they run. */
  sequence(program: number): CompiledAction[] {
    const actions: CompiledAction[] = [];
    for (let at = program; at !== 0; at = this.withoutLast(at)) actions.push(this.lastAction(at));
    return actions.reverse();
  }
}
