/**
 * A set of prefix ranges that answers "does any of them hold this prefix" without allocation.
 *
 * Ranges are grouped by the length of their own prefix. A group is a sorted array of keys (the lanes) with, per key,
 * the set of accepted route lengths as bits. A route of length n is looked up by binary search in each group whose
 * length is at most n: configurations have a handful of distinct lengths, so thousands of ranges cost a few dozen
 * integer comparisons. Ranges of both families may be mixed; a route only meets those of its own.
 */

import { FAMILY_ADDRESS_BITS, FAMILY_COUNT, type FamilyIndex } from '../../bgp/family.ts';
import { laneMask, type Prefix } from '../../bgp/ip.ts';

export interface ParsedRange {
  readonly prefix: Prefix;
  readonly minLength: number;
  readonly maxLength: number;
}

/** Words of a bit set over the lengths 0..128. */
const LENGTH_WORDS = 5;

interface Group {
  readonly length: number;
  readonly maskA: number;
  readonly maskB: number;
  readonly maskC: number;
  readonly maskD: number;
  readonly count: number;
  /** Sorted keys: stride 1 for IPv4, 4 for IPv6. */
  readonly keys: Uint32Array;
  /** Accepted lengths, LENGTH_WORDS words per key. */
  readonly lengths: Uint32Array;
}

function compareLanes(x: Prefix, y: Prefix): number {
  return x.a - y.a || x.b - y.b || x.c - y.c || x.d - y.d;
}

function makeGroup(family: FamilyIndex, length: number, ranges: readonly ParsedRange[]): Group {
  const sorted = [...ranges].sort((x, y) => compareLanes(x.prefix, y.prefix));
  const stride = family === 0 ? 1 : 4;
  const keys = new Uint32Array(sorted.length * stride);
  const lengths = new Uint32Array(sorted.length * LENGTH_WORDS);
  let count = 0;
  let previous: Prefix | null = null;
  for (const { prefix, minLength, maxLength } of sorted) {
    if (previous === null || compareLanes(previous, prefix) !== 0) {
      keys.set(stride === 1 ? [prefix.a] : [prefix.a, prefix.b, prefix.c, prefix.d], count * stride);
      count++;
      previous = prefix;
    }
    for (let bits = minLength; bits <= maxLength; bits++)
      lengths[(count - 1) * LENGTH_WORDS + (bits >>> 5)] |= 1 << (bits & 31);
  }
  return {
    length,
    maskA: laneMask(length, 0),
    maskB: laneMask(length, 1),
    maskC: laneMask(length, 2),
    maskD: laneMask(length, 3),
    count,
    keys,
    lengths,
  };
}

function findIpv4(group: Group, a: number): number {
  const keys = group.keys;
  let low = 0;
  let high = group.count - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const key = keys[middle];
    if (key === a) return middle;
    if (key < a) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function findIpv6(group: Group, a: number, b: number, c: number, d: number): number {
  const keys = group.keys;
  let low = 0;
  let high = group.count - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = middle * 4;
    let order = keys[at] - a;
    if (order === 0) order = keys[at + 1] - b;
    if (order === 0) order = keys[at + 2] - c;
    if (order === 0) order = keys[at + 3] - d;
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Immutable set of prefix ranges of both families. */
export class PrefixSet {
  private readonly groups: ReadonlyArray<readonly Group[]>;
  /** False when no route at all can be in the set. */
  readonly isEmpty: boolean;

  constructor(ranges: readonly ParsedRange[]) {
    const groups: Group[][] = [];
    let total = 0;
    for (let family = 0; family < FAMILY_COUNT; family++) {
      const byLength = new Map<number, ParsedRange[]>();
      for (const range of ranges) {
        if (range.prefix.family !== family) continue;
        // Shorter routes than the prefix itself cannot lie inside it; a range with no lengths left holds nothing.
        const minLength = Math.max(range.minLength, range.prefix.length);
        const maxLength = Math.min(range.maxLength, FAMILY_ADDRESS_BITS[family]);
        if (minLength > maxLength) continue;
        const same = byLength.get(range.prefix.length) ?? [];
        same.push({ prefix: range.prefix, minLength, maxLength });
        byLength.set(range.prefix.length, same);
        total++;
      }
      groups.push(
        [...byLength.keys()].sort((x, y) => x - y).map((n) => makeGroup(family as FamilyIndex, n, byLength.get(n)!)),
      );
    }
    this.groups = groups;
    this.isEmpty = total === 0;
  }

  /** True when some range holds the prefix. Lanes are unsigned with bits beyond `length` zero; b, c, d are 0 for IPv4. */
  has(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number): boolean {
    const groups = this.groups[family];
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group.length > length) return false;
      const found =
        family === 0
          ? findIpv4(group, (a & group.maskA) >>> 0)
          : findIpv6(
              group,
              (a & group.maskA) >>> 0,
              (b & group.maskB) >>> 0,
              (c & group.maskC) >>> 0,
              (d & group.maskD) >>> 0,
            );
      if (found >= 0 && (group.lengths[found * LENGTH_WORDS + (length >>> 5)] & (1 << (length & 31))) !== 0)
        return true;
    }
    return false;
  }
}
