/**
 * Comparisons of BIRD's filters as conditions over matches. An undefined value equals nothing and sorts before
 * everything, so `krt_metric < 1024` holds for a route without metric.
 */

import { FAMILY_ADDRESS_BITS, type FamilyName, familyIndex } from '../../bgp/family.ts';
import { formatPrefix, parseAddress, parsePrefix, prefixOf } from '../../bgp/ip.ts';
import type { Match, PrefixRange } from '../../rib/policy/policy.ts';
import type { SetItem } from './ast.ts';
import { ALWAYS, all, any, type Condition, isMatch, NEVER, not } from './condition.ts';
import type { Measure, Value } from './value.ts';

const UINT32_MAX = 0xffffffff;

type MeasureValue = Extract<Value, { kind: 'measure' }>;

/** Numbers from low to high, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The match that a measure itself lies in an interval. */
function measureIn(measure: Measure, { low, high }: Interval, family: FamilyName): Condition {
  switch (measure) {
    case 'local-pref':
    case 'metric':
    case 'med':
      return isMatch({ kind: measure, min: low, max: high });
    case 'path-length':
      return isMatch({ kind: 'as-path-length', min: low, max: high });
    case 'zero':
      return low === 0 ? ALWAYS : NEVER;
    case 'net-length': {
      const bits = FAMILY_ADDRESS_BITS[familyIndex(family)];
      if (low > bits) return NEVER;
      const prefix = family === 'ipv4-unicast' ? '0.0.0.0/0' : '::/0';
      return isMatch({
        kind: 'prefix',
        ranges: [{ prefix, minLength: low, maxLength: Math.min(high, bits) }],
        negate: false,
      });
    }
  }
}

/** `offset + sign * x in [low, high]`, in arithmetic that wraps, is one interval of x, or two. */
function valueIn(value: MeasureValue, { low, high }: Interval, family: FamilyName): Condition {
  if (low === 0 && high === UINT32_MAX) return ALWAYS;
  const { measure, sign, offset } = value;
  const from = (sign === 1 ? low - offset : offset - high) >>> 0;
  const to = (sign === 1 ? high - offset : offset - low) >>> 0;
  if (from <= to) return measureIn(measure, { low: from, high: to }, family);
  return any(
    measureIn(measure, { low: from, high: UINT32_MAX }, family),
    measureIn(measure, { low: 0, high: to }, family),
  );
}

/** `value OPERATOR number` for a number of the route. */
export function compareMeasure(value: MeasureValue, operator: string, number: number, family: FamilyName): Condition {
  const { defined } = value;
  const inside = (low: number, high: number): Condition => (low > high ? NEVER : valueIn(value, { low, high }, family));
  switch (operator) {
    case '=':
      return all(defined, inside(number, number));
    case '!=':
      return not(all(defined, inside(number, number)));
    case '<':
      return any(not(defined), inside(0, number - 1));
    case '<=':
      return any(not(defined), inside(0, number));
    case '>':
      return all(defined, inside(number + 1, UINT32_MAX));
    default:
      return all(defined, inside(number, UINT32_MAX));
  }
}

/** Whether the measure is one of the numbers of a set. */
export function measureInSet(value: MeasureValue, items: readonly SetItem[], family: FamilyName): Condition | null {
  const parts: Condition[] = [];
  for (const item of items) {
    if (item.kind !== 'numbers') return null;
    parts.push(valueIn(value, item, family));
  }
  return any(...parts);
}

/** The operator of `b OPERATOR a` when it is `a OPERATOR b`. */
export function mirrored(operator: string): string {
  const pairs: { readonly [operator: string]: string } = { '<': '>', '>': '<', '<=': '>=', '>=': '<=' };
  return pairs[operator] ?? operator;
}

export function compareNumbers(a: number, operator: string, b: number): boolean {
  switch (operator) {
    case '=':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}

function prefixMatch(ranges: readonly PrefixRange[]): Condition {
  return ranges.length === 0 ? NEVER : isMatch({ kind: 'prefix', ranges, negate: false });
}

function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}

export function netEquals(prefix: string): Condition {
  const length = lengthOf(prefix);
  return prefixMatch([{ prefix, minLength: length, maxLength: length }]);
}

/** The route's prefix is `prefix` or lies in it. */
export function netInside(prefix: string, family: FamilyName): Condition {
  const maxLength = FAMILY_ADDRESS_BITS[familyIndex(family)];
  return prefixMatch([{ prefix, minLength: lengthOf(prefix), maxLength }]);
}

/** The route's prefix is one of a set; null when it is no set of prefixes. */
export function netInSet(items: readonly SetItem[]): Condition | null {
  const ranges: PrefixRange[] = [];
  for (const item of items) {
    if (item.kind !== 'prefix') return null;
    const { prefix, low, high } = item;
    const own = lengthOf(prefix);
    if (high >= own) ranges.push({ prefix, minLength: Math.max(low, own), maxLength: high });
    // Shorter lengths mean the prefixes around it, of which there is one of each length.
    for (let length = low; length <= Math.min(high, own - 1); length++) {
      ranges.push({ prefix: shortened(prefix, length), minLength: length, maxLength: length });
    }
  }
  return prefixMatch(ranges);
}

function shortened(prefix: string, length: number): string {
  const parsed = parsePrefix(prefix);
  return parsed === null ? prefix : formatPrefix(prefixOf(parsed, length));
}

export function hostPrefix(address: string): string {
  return `${address}/${parseAddress(address)?.family === 0 ? 32 : 128}`;
}

/** The prefixes whose addresses a set of addresses and prefixes holds; null when it holds anything else. */
export function addressSet(items: readonly SetItem[]): string[] | null {
  const prefixes: string[] = [];
  for (const item of items) {
    if (item.kind === 'addresses' && item.low === item.high) prefixes.push(hostPrefix(item.low));
    else if (item.kind === 'prefix' && item.low === lengthOf(item.prefix)) prefixes.push(item.prefix);
    else return null;
  }
  return prefixes;
}

export function nextHopIn(prefixes: readonly string[]): Condition {
  return prefixes.length === 0 ? NEVER : isMatch({ kind: 'next-hop', prefixes });
}

/** A match that an AS occurs somewhere in the path, or at one of its ends. */
export function pathHolds(as: number, place: 'anywhere' | 'first' | 'last'): Match {
  if (place === 'first') return { kind: 'as-path-mask', mask: [as, '*'] };
  return { kind: 'as-path-mask', mask: place === 'last' ? ['*', as] : ['*', as, '*'] };
}
