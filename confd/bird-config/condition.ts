/**
 * Conditions of a filter as a formula over matches of rib/policy. Negation stands at the matches only, constants are
 * folded away, so a formula is: always, never, one match, all of some, any of some.
 */

import type { Match } from '../../rib/policy/policy.ts';

export type Condition =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'match'; readonly match: Match }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] };

/** Parts of a route that filters change. */
export type Attribute =
  | 'metric'
  | 'local-pref'
  | 'med'
  | 'preference'
  | 'as-path'
  | 'communities'
  | 'next-hop'
  | 'tunnel';

export const ALWAYS: Condition = { kind: 'constant', value: true };
export const NEVER: Condition = { kind: 'constant', value: false };

export function isMatch(match: Match): Condition {
  return { kind: 'match', match };
}

export function all(...conditions: readonly Condition[]): Condition {
  return combine('all', conditions);
}

export function any(...conditions: readonly Condition[]): Condition {
  return combine('any', conditions);
}

function combine(kind: 'all' | 'any', conditions: readonly Condition[]): Condition {
  // What decides alone, and what does not count.
  const decisive = kind === 'any';
  const parts: Condition[] = [];
  for (const condition of conditions) {
    if (condition.kind === 'constant') {
      if (condition.value === decisive) return condition;
    } else if (condition.kind === kind) parts.push(...condition.of);
    else parts.push(condition);
  }
  if (parts.length === 0) return decisive ? NEVER : ALWAYS;
  return parts.length === 1 ? parts[0] : { kind, of: parts };
}

export function not(condition: Condition): Condition {
  switch (condition.kind) {
    case 'constant':
      return condition.value ? NEVER : ALWAYS;
    case 'match':
      return isMatch(negated(condition.match));
    default:
      return combine(condition.kind === 'all' ? 'any' : 'all', condition.of.map(not));
  }
}

export function negated(match: Match): Match {
  if (match.kind === 'prefix') return { ...match, negate: !match.negate };
  if (!match.negate) return { ...match, negate: true };
  const { negate: _positive, ...rest } = match;
  return rest as Match;
}

/** The changeable part of a route that a match looks at; null for what no filter changes. */
export function attributeOf(match: Match): Attribute | null {
  switch (match.kind) {
    case 'metric':
      return 'metric';
    case 'local-pref':
      return 'local-pref';
    case 'med':
    case 'med-present':
      return 'med';
    case 'as-path-mask':
    case 'as-path-prefix':
    case 'as-path-length':
    case 'as-path-holds':
      return 'as-path';
    case 'community':
    case 'community-in':
      return 'communities';
    case 'next-hop':
      return 'next-hop';
    default:
      return null;
  }
}

/** Everything changeable that a condition looks at. */
export function attributesOf(condition: Condition, into: Set<Attribute> = new Set()): Set<Attribute> {
  if (condition.kind === 'match') {
    const attribute = attributeOf(condition.match);
    if (attribute !== null) into.add(attribute);
  } else if (condition.kind !== 'constant') for (const part of condition.of) attributesOf(part, into);
  return into;
}

/**
 * The condition as alternatives of matches that all hold; null when it would take more than `limit` of them.
 * Always is one empty alternative, never is none.
 */
export function alternatives(condition: Condition, limit: number): Match[][] | null {
  switch (condition.kind) {
    case 'constant':
      return condition.value ? [[]] : [];
    case 'match':
      return [[condition.match]];
    case 'any': {
      const result: Match[][] = [];
      for (const part of condition.of) {
        const found = alternatives(part, limit);
        if (found === null || result.length + found.length > limit) return null;
        result.push(...found);
      }
      return result;
    }
    case 'all': {
      let result: Match[][] = [[]];
      for (const part of condition.of) {
        const found = alternatives(part, limit);
        if (found === null || result.length * found.length > limit) return null;
        result = result.flatMap((before) => found.map((one) => [...before, ...one]));
      }
      return result.map(withoutRepeats);
    }
  }
}

function withoutRepeats(matches: readonly Match[]): Match[] {
  if (matches.length < 2) return [...matches];
  return [...new Map(matches.map((match) => [JSON.stringify(match), match])).values()];
}
