import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HANDLE_BITS, HASH_BITS, LINE_BITS, SlotGroups } from './slot-groups.ts';

const HASH_MASK = (1 << HASH_BITS) - 1;

/** Handles whose words agree with the hash: what a search would look at. */
function candidates(groups: SlotGroups, hash: number): number[] {
  const level = groups.levelOf(hash);
  const shift = level + HANDLE_BITS;
  const tag = ((hash >>> level) << shift) & 0x7fffffff;
  const found: number[] = [];
  let words = groups.words;
  let at = (hash & ((1 << level) - 1)) << LINE_BITS;
  for (let left = 1 << LINE_BITS; left > 0 && words[at] !== 0; left--) {
    if (words[at] < 0) {
      at = (words[at] & 0x7fffffff) << LINE_BITS;
      words = groups.lines;
      left = (1 << LINE_BITS) + 1;
      continue;
    }
    if ((words[at] ^ tag) >>> shift === 0) found.push(words[at] & ((1 << shift) - 1));
    at++;
  }
  return found;
}

/** A table of dense handles with a model beside it; `check` asks for every handle that is or was in it. */
class Modelled {
  readonly groups = new SlotGroups();
  readonly hashOf = new Map<number, number>();
  readonly #free: number[] = [];
  #end = 1;

  add(hash: number): number {
    const handle = this.#free.pop() ?? this.#end++;
    this.groups.add(hash, handle);
    this.hashOf.set(handle, hash);
    return handle;
  }

  remove(handle: number): void {
    this.groups.remove(this.hashOf.get(handle) ?? 0, handle);
    this.hashOf.delete(handle);
    this.#free.push(handle);
  }

  /** Handles that are not found once, or found although they were removed. */
  wrong(): number[] {
    const expected = new Map<number, number[]>();
    for (const [handle, hash] of this.hashOf) expected.set(hash, [...(expected.get(hash) ?? []), handle]);
    const wrong: number[] = [];
    for (const [hash, handles] of expected) {
      const found = candidates(this.groups, hash).filter((handle) => this.hashOf.get(handle) === hash);
      if (found.length !== handles.length || handles.some((handle) => !found.includes(handle))) wrong.push(...handles);
    }
    return wrong;
  }
}

/** Spread as a hash should be; and crowded, so that groups need lines. */
const spread = fc.integer({ min: 0, max: HASH_MASK });
const crowded = fc.oneof(fc.constantFrom(0, 1, 32, 64, 0x400_0001), fc.integer({ min: 0, max: 3 }));

describe.each([
  ['well spread hashes', spread, 500],
  ['hashes that fall on few groups', crowded, 300],
  ['both', fc.oneof(spread, crowded), 500],
])('%s', (_name, hash, maxLength) => {
  test('every handle is found once, after any sequence of additions and removals', () => {
    const step = fc.record({ hash, removes: fc.nat(3), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength }), (steps) => {
        const table = new Modelled();
        for (const { hash: added, removes, pick } of steps) {
          if (removes > 0 || table.hashOf.size === 0) table.add(added);
          else table.remove([...table.hashOf.keys()][pick % table.hashOf.size]);
        }
        expect(table.wrong()).toEqual([]);
        expect(table.groups.count).toBe(table.hashOf.size);
      }),
      { numRuns: 60 },
    );
  });
});

test('handles are found and removed at every moment of the growth', () => {
  const table = new Modelled();
  const wrong: number[] = [];
  for (let i = 0; i < 6000; i++) {
    table.add(Math.imul(i, 0x9e3779b1) & HASH_MASK);
    // One in five goes while the groups split.
    if (i % 5 === 4) table.remove([...table.hashOf.keys()][0]);
    if (i % 37 === 0) wrong.push(...table.wrong());
  }
  expect(wrong).toEqual([]);
  expect(table.groups.level).toBeGreaterThanOrEqual(9);
});

test('handles with the same hash form a chain that can be taken apart from any end', () => {
  for (const from of ['first', 'last', 'middle'] as const) {
    const table = new Modelled();
    for (let i = 0; i < 100; i++) table.add(5);
    for (let left = 100; left > 0; left--) {
      const handles = [...table.hashOf.keys()];
      table.remove(handles[from === 'first' ? 0 : from === 'last' ? left - 1 : left >> 1]);
      expect(table.wrong()).toEqual([]);
    }
    expect([...table.groups.words].every((word) => word === 0)).toBe(true);
  }
});

test('lines are used again', () => {
  const table = new Modelled();
  const octets: number[] = [];
  for (let round = 0; round < 5; round++) {
    const handles: number[] = [];
    for (let i = 0; i < 100; i++) handles.push(table.add(7));
    octets.push(table.groups.octets);
    for (const handle of handles) table.remove(handle);
  }
  expect(new Set(octets).size).toBe(1);
});

test('no addition reads or writes more than a few groups, and the groups stay at their size between growths', () => {
  const groups = new SlotGroups();
  const total = 200_000;
  let mostSplits = 0;
  for (let handle = 1; handle <= total; handle++) {
    const before = (1 << groups.level) + groups.splitGroups;
    groups.add(Math.imul(handle, 0x9e3779b1) & HASH_MASK, handle);
    mostSplits = Math.max(mostSplits, (1 << groups.level) + groups.splitGroups - before);
  }
  expect(mostSplits).toBe(1);
  expect(groups.octets / total).toBeLessThan(12);
});
