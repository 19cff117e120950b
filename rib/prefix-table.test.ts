import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../bgp/family.ts';
import { formatPrefix, type Prefix, prefixContains, prefixOf } from '../bgp/ip.ts';
import { MAX_HOLDERS, PrefixTable } from './prefix-table.ts';

/** Few distinct values, so that prefixes nest and collide. */
const lane = fc.oneof(fc.constantFrom(0, 1, 0x80000000, 0xffffffff, 0x0a000000), fc.nat(0xffffffff));
const ipv4 = fc
  .tuple(lane, fc.integer({ min: 0, max: 32 }))
  .map(([a, length]) => prefixOf({ family: FAMILY_IPV4, a, b: 0, c: 0, d: 0 }, length));
const ipv6 = fc
  .tuple(lane, lane, lane, lane, fc.integer({ min: 0, max: 128 }))
  .map(([a, b, c, d, length]) => prefixOf({ family: FAMILY_IPV6, a, b, c, d }, length));
const FAMILIES: ReadonlyArray<[string, FamilyIndex, fc.Arbitrary<Prefix>]> = [
  ['IPv4', FAMILY_IPV4, ipv4],
  ['IPv6', FAMILY_IPV6, ipv6],
];

const insert = (table: PrefixTable, p: Prefix): number => table.insert(p.a, p.b, p.c, p.d, p.length);
const find = (table: PrefixTable, p: Prefix): number => table.find(p.a, p.b, p.c, p.d, p.length);

describe.each(FAMILIES)('%s', (_name, family, prefix) => {
  test('holds what a Map holds after any sequence of insertions and removals', () => {
    const step = fc.record({ prefix, isInsert: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.integer(), (steps, seed) => {
        const table = new PrefixTable(family, seed);
        const model = new Map<string, number>();
        for (const { prefix: p, isInsert } of steps) {
          const text = formatPrefix(p);
          expect(find(table, p)).toBe(model.get(text) ?? 0);
          if (isInsert) {
            const handle = insert(table, p);
            if (model.has(text)) expect(handle).toBe(model.get(text));
            else expect([...model.values()]).not.toContain(handle);
            model.set(text, handle);
            expect(formatPrefix(table.describe(handle))).toBe(text);
          } else {
            if (model.delete(text)) table.removeIfUnused(find(table, p));
          }
          expect(table.count).toBe(model.size);
        }
      }),
    );
  });

  test('the longest match is that of a search through everything', () => {
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 60 }), prefix, fc.integer({ min: 0, max: 128 }), (given, at, max) => {
        const table = new PrefixTable(family);
        for (const p of given) table.setHead(insert(table, p), 1);
        const host = prefixOf(at, family === FAMILY_IPV4 ? 32 : 128);
        const matching = given.filter((p) => p.length <= max && prefixContains(p, host));
        const longest = matching.reduce((length, p) => Math.max(length, p.length), -1);
        const found = table.longestMatch(host.a, host.b, host.c, host.d, max);
        if (longest < 0) expect(found).toBe(0);
        else expect(formatPrefix(table.describe(found))).toBe(formatPrefix(prefixOf(host, longest)));
      }),
    );
  });
});

test('a table that grows over several steps keeps every prefix under its handle', () => {
  const table = new PrefixTable(FAMILY_IPV4, 99);
  const total = 300_000;
  let wrong = 0;
  for (let i = 0; i < total; i++) if (table.insert(i << 8, 0, 0, 0, 24) !== i + 1) wrong++;
  for (let i = 0; i < total; i++) if (table.find((i << 8) >>> 0, 0, 0, 0, 24) !== i + 1) wrong++;
  expect([wrong, table.count]).toEqual([0, total]);
  expect(table.octetsPerPrefix).toBeLessThan(24);
  for (let i = 0; i < total; i++) table.removeIfUnused(i + 1);
  expect([table.count, table.find(0, 0, 0, 0, 24)]).toEqual([0, 0]);
});

test('lanes may be signed or unsigned', () => {
  const table = new PrefixTable(FAMILY_IPV6);
  const handle = table.insert(0xfd00_0000 | 0, 0xffff_ffff | 0, 0, 0, 64);
  expect(table.find(0xfd000000, 0xffffffff, 0, 0, 64)).toBe(handle);
  expect(table.describe(handle).a).toBe(0xfd000000);
});

test('a prefix that a consumer holds keeps its handle until the last holder lets go', () => {
  const table = new PrefixTable(FAMILY_IPV4);
  const handle = table.insert(0x0a000000, 0, 0, 0, 8);
  table.hold(handle);
  table.hold(handle);
  table.removeIfUnused(handle);
  expect(table.isUsed(handle)).toBe(true);
  table.release(handle);
  expect(table.find(0x0a000000, 0, 0, 0, 8)).toBe(handle);
  table.release(handle);
  expect([table.isUsed(handle), table.find(0x0a000000, 0, 0, 0, 8), table.count]).toEqual([false, 0, 0]);
});

test('a prefix without paths is no match', () => {
  const table = new PrefixTable(FAMILY_IPV4);
  table.setHead(table.insert(0x0a000000, 0, 0, 0, 8), 7);
  table.hold(table.insert(0x0a0a0000, 0, 0, 0, 16));
  expect(table.length[table.longestMatch(0x0a0a0a0a, 0, 0, 0)]).toBe(8);
});

test('a prefix with more holders than can be counted keeps its handle for good', () => {
  const table = new PrefixTable(FAMILY_IPV4, 1);
  const handle = table.insert(0x0a000000, 0, 0, 0, 8);
  for (let i = 0; i < MAX_HOLDERS + 10; i++) table.hold(handle);
  for (let i = 0; i < MAX_HOLDERS + 10; i++) table.release(handle);
  expect(table.isUsed(handle)).toBe(true);
  const other = table.insert(0x0b000000, 0, 0, 0, 8);
  for (let i = 0; i < MAX_HOLDERS - 1; i++) table.hold(other);
  for (let i = 0; i < MAX_HOLDERS - 1; i++) table.release(other);
  expect(table.isUsed(other)).toBe(false);
});
