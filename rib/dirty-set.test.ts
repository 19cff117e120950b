import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DirtySet } from './dirty-set.ts';

function drain(set: DirtySet): number[] {
  const out: number[] = [];
  for (let handle = set.take(); handle >= 0; handle = set.take()) out.push(handle);
  return out;
}

describe('DirtySet', () => {
  test('each handle is in the set once, however often it is added', () => {
    const set = new DirtySet();
    expect([set.add(5), set.add(5), set.add(70_000), set.add(5)]).toEqual([true, false, true, false]);
    expect(set.count).toBe(2);
    expect(drain(set)).toEqual([5, 70_000]);
    expect(set.count).toBe(0);
  });

  test('a handle that is added again behind the cursor waits for the next round', () => {
    const set = new DirtySet();
    for (const handle of [10, 20, 30]) set.add(handle);
    expect(set.take()).toBe(10);
    set.add(10);
    expect(set.rounds).toBe(0);
    expect(drain(set)).toEqual([20, 30, 10]);
    expect(set.rounds).toBe(1);
  });

  test.each([0, 1, 2, 31, 32, 33, 64, 1023, 1024, 1025, 40_000])('fill(%i) adds every handle below it but 0', (end) => {
    const set = new DirtySet();
    set.add(3);
    set.fill(end);
    const expected = new Set([3]);
    for (let handle = 1; handle < end; handle++) expected.add(handle);
    expect(set.count).toBe(expected.size);
    expect(drain(set)).toEqual([...expected].sort((a, b) => a - b));
  });

  test('behaves as a set of integers does', () => {
    const handle = fc.oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 3_000_000 }));
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), handle }),
      fc.record({ kind: fc.constant('delete' as const), handle }),
      fc.record({ kind: fc.constant('next' as const), handle }),
      fc.record({ kind: fc.constant('take' as const), handle }),
      fc.record({ kind: fc.constant('addAll' as const), handle }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const set = new DirtySet();
        const model = new Set<number>();
        for (const { kind, handle: at } of steps) {
          if (kind === 'add') expect(set.add(at)).toBe(!model.has(at) && model.add(at).has(at));
          else if (kind === 'delete') expect(set.delete(at)).toBe(model.delete(at));
          else if (kind === 'next') {
            const above = [...model].filter((other) => other >= at);
            expect(set.next(at)).toBe(above.length === 0 ? -1 : Math.min(...above));
          } else if (kind === 'take') {
            const taken = set.take();
            expect(taken < 0 ? model.size === 0 : model.delete(taken)).toBe(true);
          } else {
            const other = new DirtySet();
            for (const extra of [at, at + 1, at * 2]) {
              other.add(extra);
              model.add(extra);
            }
            set.addAll(other);
          }
          expect(set.count).toBe(model.size);
          expect(set.has(at)).toBe(model.has(at));
        }
        expect(drain(set).sort((a, b) => a - b)).toEqual([...model].sort((a, b) => a - b));
      }),
    );
  });
});
