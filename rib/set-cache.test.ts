import { expect, test } from 'vitest';
import { encodeAttributes } from '../bgp/wire/path-attributes.ts';
import { AttributeStore } from './attribute-store.ts';
import { NextHopTable } from './next-hop.ts';
import { SetCache } from './set-cache.ts';

function storeOf(count: number): { store: AttributeStore; sets: number[] } {
  const store = new AttributeStore(new NextHopTable());
  const sets = Array.from({ length: count }, (_, med) => {
    const block = encodeAttributes({ med });
    const set = store.intern(block, 0, block.length);
    store.retain(set);
    return set;
  });
  return { store, sets };
}

function release(store: AttributeStore, set: number): void {
  store.release(set);
  while (store.sweep(1000) > 0);
}

test('answers for the same set, tag and program only', () => {
  const { store, sets } = storeOf(2);
  const cache = new SetCache(store);
  expect(cache.find(sets[0], 1, 0)).toBe(false);
  cache.put(sets[0], 1, 0, sets[1], 7);
  expect([cache.find(sets[0], 1, 0), cache.value, cache.detail]).toEqual([true, sets[1], 7]);
  expect([cache.find(sets[1], 1, 0), cache.find(sets[0], 2, 0), cache.find(sets[0], 1, 1)]).toEqual([
    false,
    false,
    false,
  ]);
});

test('knows that a set leads to nothing', () => {
  const { store, sets } = storeOf(1);
  const cache = new SetCache(store);
  cache.put(sets[0], 1, 0, 0, 9);
  expect([cache.find(sets[0], 1, 0), cache.value, cache.detail]).toEqual([true, 0, 9]);
});

test.each([
  ['the set', 0],
  ['the answer', 1],
])('forgets when %s is freed', (_case, freed) => {
  const { store, sets } = storeOf(2);
  const cache = new SetCache(store);
  cache.put(sets[0], 1, 0, sets[1], 0);
  release(store, sets[freed]);
  expect(cache.find(sets[0], 1, 0)).toBe(false);
});

test('gives every set a slot of its own while the store is small enough', () => {
  const { store, sets } = storeOf(5000);
  const cache = new SetCache(store);
  // It grows by what is pushed out.
  for (let pass = 0; pass < 4; pass++) for (const set of sets) cache.put(set, 1, 0, set, set);
  expect(sets.every((set) => cache.find(set, 1, 0) && cache.value === set)).toBe(true);
});

test('is as large as what is asked of it, not as the store', () => {
  const { store, sets } = storeOf(20_000);
  const few = new SetCache(store);
  const some = sets.filter((_, i) => i % 200 === 0);
  for (let round = 0; round < 50; round++) {
    for (const set of some) if (!few.find(set, 1, 0)) few.put(set, 1, 0, sets[0], 0);
  }
  // Every 200th handle shares its slot with others of them in a small table.
  expect(few.slots).toBeLessThanOrEqual(1024);
  const all = new SetCache(store);
  let misses = 0;
  for (let round = 0; round < 4; round++) {
    misses = 0;
    for (const set of sets) {
      if (all.find(set, 1, 0)) continue;
      misses++;
      all.put(set, 1, 0, sets[0], 0);
    }
  }
  expect(misses, 'everything has its place').toBe(0);
  expect(all.slots).toBe(32_768);
});

test('keeps its answers when it grows', () => {
  const { store, sets } = storeOf(2000);
  const cache = new SetCache(store);
  for (let i = 0; i < 300; i++) cache.put(sets[i], 1, 0, sets[i], i);
  const known = sets.slice(0, 300).filter((set) => cache.find(set, 1, 0));
  for (let i = 300; i < 800; i++) cache.put(sets[i], 1, 0, sets[i], i);
  expect(cache.slots).toBeGreaterThan(256);
  for (const set of known.slice(-100)) if (cache.find(set, 1, 0)) expect(cache.value).toBe(set);
});

test('answers under an old tag do not make it grow', () => {
  const { store, sets } = storeOf(600);
  const cache = new SetCache(store);
  for (let tag = 1; tag < 50; tag++) for (const set of sets.slice(0, 200)) cache.put(set, tag, 0, sets[0], 0);
  expect(cache.slots).toBe(256);
});
