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
  // The first pass lets the table grow, which forgets.
  for (let pass = 0; pass < 2; pass++) for (const set of sets) cache.put(set, 1, 0, set, set);
  expect(sets.every((set) => cache.find(set, 1, 0) && cache.value === set)).toBe(true);
});
