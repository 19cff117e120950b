import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SortedTable } from './sorted-table.ts';

interface Entry {
  readonly key: string;
  readonly value: number;
}

const anyKey = fc.integer({ min: 0, max: 60 }).map(String);
const anyStep = fc.oneof(
  fc.record({ op: fc.constant('set' as const), key: anyKey, value: fc.nat(3) }),
  fc.record({ op: fc.constant('delete' as const), key: anyKey }),
  fc.record({ op: fc.constant('raise' as const), above: fc.nat(3) }),
  fc.record({ op: fc.constant('list' as const) }),
);

describe('a sorted table', () => {
  test('lists what it holds in order of key, and never changes a list that it gave', () => {
    // Large enough that single changes are patched in, and many at once are sorted anew.
    const start = Array.from({ length: 50 }, (_, i) => ({ key: String(i), value: 0 }));
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const table = new SortedTable<Entry>();
        const model = new Map<string, Entry>();
        for (const entry of start) {
          table.set(entry.key, entry);
          model.set(entry.key, entry);
        }
        const given: [list: readonly Entry[], text: string][] = [];
        for (const step of steps) {
          if (step.op === 'set') {
            const entry = { key: step.key, value: step.value };
            table.set(step.key, entry);
            model.set(step.key, entry);
          } else if (step.op === 'delete') {
            table.delete(step.key);
            model.delete(step.key);
          } else if (step.op === 'raise') {
            const raise = (one: Entry): Entry => (one.value > step.above ? { ...one, value: one.value + 1 } : one);
            table.replaceAll(raise);
            for (const [key, one] of model) model.set(key, raise(one));
          } else {
            const list = table.list();
            given.push([list, JSON.stringify(list)]);
          }
          expect(table.size).toBe(model.size);
        }
        const expected = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
        expect(table.list()).toEqual(expected);
        for (const { key } of expected) expect(table.get(key)).toEqual(model.get(key));
        for (const [list, text] of given) expect(JSON.stringify(list)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('gives the same list while nothing changes', () => {
    const table = new SortedTable<Entry>();
    const entry = { key: 'a', value: 1 };
    table.set('a', entry);
    const list = table.list();
    table.set('a', entry);
    table.delete('b');
    table.replaceAll((one) => one);
    expect(table.list()).toBe(list);
  });
});
