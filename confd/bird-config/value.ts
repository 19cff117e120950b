/** What an expression of a filter is, as far as it is known without a route. */

import type { MaskItem, SetItem } from './ast.ts';
import type { Attribute, Condition } from './condition.ts';

/** Numbers of a route that a filter can read; `zero` is a number that may be undefined, and is 0 otherwise. */
export type Measure = 'local-pref' | 'med' | 'metric' | 'path-length' | 'net-length' | 'zero';

export type Value =
  | { readonly kind: 'number'; readonly value: number }
  /** offset + sign * measure, as unsigned 32-bit number; undefined where `defined` does not hold. */
  | {
      readonly kind: 'measure';
      readonly measure: Measure;
      readonly sign: 1 | -1;
      readonly offset: number;
      readonly defined: Condition;
    }
  | { readonly kind: 'bool'; readonly condition: Condition }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ip'; readonly address: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'enum'; readonly name: string }
  /** Canonical text, as rib/policy has it. */
  | { readonly kind: 'community'; readonly type: CommunityKind; readonly text: string }
  | { readonly kind: 'set'; readonly items: readonly SetItem[] }
  | { readonly kind: 'mask'; readonly items: readonly MaskItem[] }
  | { readonly kind: 'empty' }
  /** An attribute that is no number. */
  | { readonly kind: 'attribute'; readonly name: string; readonly defined: Condition }
  | { readonly kind: 'path-end'; readonly end: 'first' | 'last'; readonly defined: Condition }
  /** A variable that was never given a value. */
  | { readonly kind: 'nothing' };

export type CommunityKind = 'standard' | 'large' | 'extended';

/** What part of a route a value depends on, besides its condition. */
export function attributeOfValue(value: Value): Attribute | null {
  switch (value.kind) {
    case 'measure':
      if (value.measure === 'path-length') return 'as-path';
      // What `zero` stands for is the MED.
      if (value.measure === 'zero') return 'med';
      return value.measure === 'net-length' ? null : value.measure;
    case 'path-end':
      return 'as-path';
    case 'attribute':
      if (value.name === 'bgp_path') return 'as-path';
      if (value.name === 'bgp_next_hop') return 'next-hop';
      return /community$/.test(value.name) ? 'communities' : null;
    default:
      return null;
  }
}

/** What a value is, for messages. */
export function describeValue(value: Value): string {
  switch (value.kind) {
    case 'measure':
      return 'a number of the route';
    case 'attribute':
      return value.name;
    case 'path-end':
      return `the ${value.end} AS of the path`;
    case 'bool':
      return 'a condition';
    case 'nothing':
      return 'a variable without value';
    default:
      return `a ${value.kind}`;
  }
}

/** Text of a community, or null when its numbers are none. */
export function communityText(ec: string | null, numbers: readonly number[]): string | null {
  if (ec === 'generic') {
    return `0x${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
  }
  if (ec !== null) return `${ec}:${numbers.join(':')}`;
  if (numbers.length === 2 && numbers.some((number) => number > 0xffff)) return null;
  return numbers.join(':');
}

export function communityKind(ec: string | null, count: number): CommunityKind {
  if (ec !== null) return 'extended';
  return count === 3 ? 'large' : 'standard';
}
