/**
 * Runs a compiled policy over one route. Nothing is allocated: the route and everything that the policy changes live
 * in one reused EvaluationContext, and attribute edits are only noted (as a program number, see EditPrograms);
 * rib/attribute-edit.ts writes them when the verdict is to accept and the result is not cached.
 *
 * Matches see what earlier actions of the same pass have done. On export to an external peer AS path matches and
 * prepends see our own AS in front of the path already, as Calico's filters do: `prepend [a, b]` leads to
 * `a b OURS ...`.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { ATTRIBUTE_AS_PATH } from '../../bgp/iana.ts';
import type { IpAddress } from '../../bgp/ip.ts';
import { SET_HAS_MED, SOURCE_BGP, SOURCE_KERNEL } from '../attribute-columns.ts';
import type { AttributeStore, SetHandle } from '../attribute-store.ts';
import type { NextHopTable } from '../next-hop.ts';
import type { PeerIndex } from '../peer-table.ts';
import { asPathHolds, asPathMatchesMask, asPathStartsWith } from './as-path.ts';
import {
  COMMUNITY_ATTRIBUTE_CODE,
  COMMUNITY_OCTETS,
  type Community,
  elementIsWithin,
  isWithin,
  sameCommunity,
  valueHasCommunity,
} from './community.ts';
import {
  ACTION_ADD_COMMUNITY,
  ACTION_COMPUTE,
  ACTION_NORMALISE_PRIORITY,
  ACTION_PREPEND_AS_PATH,
  ACTION_REMOVE_ALL_COMMUNITIES,
  ACTION_REMOVE_COMMUNITIES_IN,
  ACTION_REMOVE_COMMUNITY,
  ACTION_SET_LOCAL_PREF,
  ACTION_SET_MED,
  ACTION_SET_METRIC,
  ACTION_SET_NEXT_HOP,
  ACTION_SET_PREFERENCE,
  ACTION_SET_TUNNEL,
  type CompiledAction,
  type CompiledMatch,
  type CompiledPolicy,
  type CompiledStatement,
  MATCH_AS_PATH_HOLDS,
  MATCH_AS_PATH_LENGTH,
  MATCH_AS_PATH_MASK,
  MATCH_AS_PATH_PREFIX,
  MATCH_COMMUNITY,
  MATCH_COMMUNITY_IN,
  MATCH_INTERFACE,
  MATCH_LEARNED_FROM,
  MATCH_LOCAL_PREF,
  MATCH_MED,
  MATCH_MED_PRESENT,
  MATCH_METRIC,
  MATCH_NEXT_HOP,
  MATCH_PEER_TYPE,
  MATCH_PREFIX,
  MATCH_SOURCE,
  NEXT_HOP_DEFAULT,
  NUMBER_LOCAL_PREF,
  NUMBER_MED,
  VERDICT_NEXT,
  type Verdict,
} from './compiled.ts';

/** Calico's highest route priority: LOCAL_PREF is this minus the priority. */
export const MAX_PRIORITY = 0x7fffffff;

/** What policies look up outside the route. */
export interface PolicyServices {
  readonly store: AttributeStore;
  readonly nextHops: NextHopTable;
  /** Name of a network interface; empty when there is none with that index. */
  interfaceName(index: number): string;
  /** Session name of a peer. */
  peerName(peer: PeerIndex): string;
}

/** The route under evaluation and what the policy made of it. One per user, reused for every route. */
export class EvaluationContext {
  readonly services: PolicyServices;

  // The route: set these before evaluate().
  family: FamilyIndex = 0;
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  length = 0;
  set: SetHandle = 0;
  /** Peer that the route was learned from. */
  sourcePeer: PeerIndex = 0;
  /** The session that the policy is attached to has a peer of our own AS. */
  isInternal = false;
  /** AS that will stand in front of the AS path (export to external peers); 0: none. */
  ownAsInFront = 0;

  // What the policy made of it: valid after evaluate().
  /** Position of the deciding statement; -1: `otherwise` decided. */
  statement = -1;
  /** Edits of the attributes; 0: none. */
  program = 0;
  localPref = 0;
  hasNewLocalPref = false;
  /** -1: no MED. */
  med = 0;
  hasNewMed = false;
  metric = 0;
  hasMetric = false;
  /** -1: that of the source. */
  preference = -1;
  /** One of the NEXT_HOP_ constants. */
  nextHopAction = NEXT_HOP_DEFAULT;
  nextHopAddress: IpAddress | null = null;
  /** Device to send through; empty: none. */
  tunnel = '';
  /** AS numbers that will stand in front of the path, ours included, leftmost first. */
  front = new Uint32Array(16);
  frontCount = 0;

  constructor(services: PolicyServices) {
    this.services = services;
  }
}

/** Loads the route's own values into the outputs: the start of evaluate(), for explain.ts. */
export function beginEvaluation(policy: CompiledPolicy, context: EvaluationContext): void {
  policy.programs.trim();
  const store = context.services.store;
  const set = context.set;
  context.statement = -1;
  context.program = 0;
  context.localPref = store.localPref[set];
  context.hasNewLocalPref = false;
  context.med = (store.flags[set] & SET_HAS_MED) !== 0 ? store.med[set] : -1;
  context.hasNewMed = false;
  context.metric = store.metric[set];
  // Only routes that came out of the kernel have a metric of their own.
  context.hasMetric = store.source[set] === SOURCE_KERNEL;
  context.preference = -1;
  context.nextHopAction = NEXT_HOP_DEFAULT;
  context.nextHopAddress = null;
  context.tunnel = '';
  context.frontCount = 0;
  if (context.ownAsInFront !== 0) {
    context.front[0] = context.ownAsInFront;
    context.frontCount = 1;
  }
}

/** Evaluates the route in `context`; its outputs say what was changed. */
export function evaluate(policy: CompiledPolicy, context: EvaluationContext): Verdict {
  beginEvaluation(policy, context);
  const statements = policy.statements;
  for (let i = 0; i < statements.length; i++) {
    const statement = statements[i];
    if (!allMatch(policy, statement, context)) continue;
    const actions = statement.actions;
    for (let j = 0; j < actions.length; j++) runAction(policy, actions[j], context);
    if (statement.verdict !== VERDICT_NEXT) {
      context.statement = i;
      return statement.verdict as Verdict;
    }
    i += statement.skip;
  }
  return policy.otherwise;
}

function allMatch(policy: CompiledPolicy, statement: CompiledStatement, context: EvaluationContext): boolean {
  const matches = statement.matches;
  for (let i = 0; i < matches.length; i++) {
    const match = matches[i];
    if (kindHolds(policy, match, context) === match.negate) return false;
  }
  return true;
}

/** Whether one match holds for the route as it is now. */
export function matchHolds(policy: CompiledPolicy, match: CompiledMatch, context: EvaluationContext): boolean {
  return kindHolds(policy, match, context) !== match.negate;
}

function kindHolds(policy: CompiledPolicy, match: CompiledMatch, context: EvaluationContext): boolean {
  const store = context.services.store;
  switch (match.kind) {
    case MATCH_PREFIX:
      return match.prefixes.has(context.family, context.a, context.b, context.c, context.d, context.length);
    case MATCH_SOURCE:
      return (match.sources & (1 << store.source[context.set])) !== 0;
    case MATCH_PEER_TYPE:
      return match.isInternal === context.isInternal;
    case MATCH_INTERFACE:
      return globMatches(match.pattern, outgoingInterface(context));
    case MATCH_COMMUNITY:
      return carriesCommunity(policy, match.community, context);
    case MATCH_COMMUNITY_IN:
      return carriesCommunityIn(policy, match.community, match.upTo, context);
    case MATCH_AS_PATH_HOLDS:
    case MATCH_AS_PATH_PREFIX:
      return asPathMatches(match, context);
    case MATCH_AS_PATH_MASK:
      return asPathMatches(match, context);
    case MATCH_AS_PATH_LENGTH: {
      const length = store.asPathLength[context.set] + context.frontCount;
      return length >= match.min && length <= match.max;
    }
    case MATCH_METRIC:
      return context.hasMetric && context.metric >= match.min && context.metric <= match.max;
    case MATCH_LOCAL_PREF:
      return context.localPref >= match.min && context.localPref <= match.max;
    case MATCH_MED: {
      const med = Math.max(context.med, 0);
      return med >= match.min && med <= match.max;
    }
    case MATCH_MED_PRESENT:
      return context.med >= 0;
    case MATCH_NEXT_HOP:
      return nextHopMatches(match, context);
    case MATCH_LEARNED_FROM:
      return match.peers.has(context.services.peerName(context.sourcePeer));
    default:
      return false;
  }
}

/** Name of the interface that the route leaves through at the moment; empty: none (blackhole, unresolved). */
function outgoingInterface(context: EvaluationContext): string {
  const { store, nextHops } = context.services;
  const set = context.set;
  const own = store.interfaceIndex[set];
  if (own !== 0) return context.services.interfaceName(own);
  const nextHop = store.nextHop[set];
  // 0 also while it does not resolve.
  const index = nextHop === 0 ? 0 : nextHops.interfaceIndex[nextHop];
  return index === 0 ? '' : context.services.interfaceName(index);
}

/** Shell glob with `*` and `?`, by backtracking to the last star. */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const code = p < pattern.length ? pattern.charCodeAt(p) : -1;
    if (code === 42 /* * */) {
      star = p++;
      resume = t;
    } else if (code === 63 /* ? */ || code === text.charCodeAt(t)) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (p < pattern.length && pattern.charCodeAt(p) === 42) p++;
  return p === pattern.length;
}

/** Whether the route carries the community now: the last edit that concerns it decides, else the set as it came. */
export function carriesCommunity(policy: CompiledPolicy, community: Community, context: EvaluationContext): boolean {
  const programs = policy.programs;
  for (let program = context.program; program !== 0; program = programs.withoutLast(program)) {
    const edit = programs.lastAction(program);
    if (edit.kind === ACTION_REMOVE_ALL_COMMUNITIES) return false;
    if (edit.kind === ACTION_ADD_COMMUNITY && sameCommunity(edit.community, community)) return true;
    if (edit.kind === ACTION_REMOVE_COMMUNITY && sameCommunity(edit.community, community)) return false;
    if (edit.kind === ACTION_REMOVE_COMMUNITIES_IN && edit.community.type === community.type) {
      const { word0, word1, word2 } = community;
      if (isWithin(word0, word1, word2, edit.community, edit.upTo)) return false;
    }
  }
  const store = context.services.store;
  const at = store.attributeOffset(context.set, COMMUNITY_ATTRIBUTE_CODE[community.type]);
  if (at < 0) return false;
  const start = store.valueStart(at);
  return valueHasCommunity(store.arena, start, start + store.valueLength(at), community);
}

/** Whether the route carries some community of the range now. */
function carriesCommunityIn(
  policy: CompiledPolicy,
  from: Community,
  to: Community,
  context: EvaluationContext,
): boolean {
  const programs = policy.programs;
  for (let program = context.program; program !== 0; program = programs.withoutLast(program)) {
    const { kind, community } = programs.lastAction(program);
    if (kind !== ACTION_ADD_COMMUNITY || community.type !== from.type) continue;
    const isInside = isWithin(community.word0, community.word1, community.word2, from, to);
    if (isInside && carriesCommunity(policy, community, context)) return true;
  }
  const store = context.services.store;
  const at = store.attributeOffset(context.set, COMMUNITY_ATTRIBUTE_CODE[from.type]);
  if (at < 0) return false;
  const size = COMMUNITY_OCTETS[from.type];
  const start = store.valueStart(at);
  const end = start + store.valueLength(at);
  for (let element = start; element < end; element += size) {
    if (elementIsWithin(store.arena, element, from, to) && isKept(policy, element, from.type, context)) return true;
  }
  return false;
}

/** Whether no edit takes away the community that the set has at `at`. */
function isKept(policy: CompiledPolicy, at: number, type: number, context: EvaluationContext): boolean {
  const programs = policy.programs;
  const { arena } = context.services.store;
  for (let program = context.program; program !== 0; program = programs.withoutLast(program)) {
    const { kind, community, upTo } = programs.lastAction(program);
    if (kind === ACTION_REMOVE_ALL_COMMUNITIES) return false;
    if (community.type !== type) continue;
    if (kind === ACTION_REMOVE_COMMUNITY) {
      if (valueHasCommunity(arena, at, at + COMMUNITY_OCTETS[community.type], community)) return false;
    } else if (kind === ACTION_REMOVE_COMMUNITIES_IN && elementIsWithin(arena, at, community, upTo)) return false;
  }
  return true;
}

function asPathMatches(match: CompiledMatch, context: EvaluationContext): boolean {
  const store = context.services.store;
  const at = store.attributeOffset(context.set, ATTRIBUTE_AS_PATH);
  const start = at < 0 ? 0 : store.valueStart(at);
  const end = at < 0 ? 0 : start + store.valueLength(at);
  if (match.kind === MATCH_AS_PATH_HOLDS) {
    return asPathHolds(context.front, context.frontCount, store.arena, start, end, match.asns);
  }
  if (match.kind === MATCH_AS_PATH_MASK) {
    return asPathMatchesMask(context.front, context.frontCount, store.arena, start, end, match.asns);
  }
  return asPathStartsWith(context.front, context.frontCount, store.arena, start, end, match.asns);
}

function nextHopMatches(match: CompiledMatch, context: EvaluationContext): boolean {
  const set = context.nextHopAddress;
  if (set !== null) return match.prefixes.has(set.family, set.a, set.b, set.c, set.d, set.family === 0 ? 32 : 128);
  const { store, nextHops } = context.services;
  const nextHop = store.nextHop[context.set];
  if (nextHop === 0) return false;
  const family = nextHops.family[nextHop] === 0 ? 0 : 1;
  return match.prefixes.has(
    family,
    nextHops.laneA[nextHop],
    nextHops.laneB[nextHop],
    nextHops.laneC[nextHop],
    nextHops.laneD[nextHop],
    family === 0 ? 32 : 128,
  );
}

/** Runs one action on the route as it is now. */
export function runAction(policy: CompiledPolicy, action: CompiledAction, context: EvaluationContext): void {
  switch (action.kind) {
    case ACTION_SET_LOCAL_PREF:
      context.localPref = action.value;
      context.hasNewLocalPref = true;
      break;
    case ACTION_SET_MED:
      context.med = action.value;
      context.hasNewMed = true;
      break;
    case ACTION_SET_METRIC:
      context.metric = action.value;
      context.hasMetric = true;
      break;
    case ACTION_NORMALISE_PRIORITY:
      if (context.services.store.source[context.set] === SOURCE_BGP) {
        context.metric = (MAX_PRIORITY - context.localPref) >>> 0;
        context.hasMetric = true;
        return;
      }
      if (!context.hasMetric) context.metric = action.value;
      context.hasMetric = true;
      context.localPref = (MAX_PRIORITY - context.metric) >>> 0;
      context.hasNewLocalPref = true;
      break;
    case ACTION_COMPUTE:
      compute(action, context);
      break;
    case ACTION_SET_PREFERENCE:
      context.preference = action.value;
      break;
    case ACTION_SET_NEXT_HOP:
      context.nextHopAction = action.value;
      context.nextHopAddress = action.address;
      break;
    case ACTION_PREPEND_AS_PATH:
      prependFront(context, action.asns);
      break;
    case ACTION_SET_TUNNEL:
      context.tunnel = action.interfaceName;
      break;
  }
  if (action.isEdit) context.program = policy.programs.extend(context.program, action);
}

function compute(action: CompiledAction, context: EvaluationContext): void {
  const { from, target } = action;
  const operand =
    from === NUMBER_LOCAL_PREF
      ? context.localPref
      : from === NUMBER_MED
        ? Math.max(context.med, 0)
        : context.hasMetric
          ? context.metric
          : 0;
  const value = (action.isSubtraction ? action.value - operand : action.value + operand) >>> 0;
  if (target === NUMBER_LOCAL_PREF) {
    context.localPref = value;
    context.hasNewLocalPref = true;
  } else if (target === NUMBER_MED) {
    context.med = value;
    context.hasNewMed = true;
  } else {
    context.metric = value;
    context.hasMetric = true;
  }
}

function prependFront(context: EvaluationContext, asns: readonly number[]): void {
  const count = context.frontCount + asns.length;
  if (count > context.front.length) {
    const grown = new Uint32Array(Math.max(count, context.front.length * 2));
    grown.set(context.front);
    context.front = grown;
  }
  context.front.copyWithin(asns.length, 0, context.frontCount);
  for (let i = 0; i < asns.length; i++) context.front[i] = asns[i];
  context.frontCount = count;
}
