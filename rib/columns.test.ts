import { expect, test } from 'vitest';
import { Arena } from './arena.ts';
import { grownCapacity, NARROW_STEPS, StaggeredGrowth, WIDE_STEPS } from './columns.ts';

test.each([
  ['wide steps, few columns', 3, WIDE_STEPS],
  ['wide steps, many columns', 64, WIDE_STEPS],
  ['narrow steps', 21, NARROW_STEPS],
])('every column is long enough for every handle, and no handle grows two: %s', (_sentence, columns, steps) => {
  const growth = new StaggeredGrowth(columns, steps);
  const capacities = new Array<number>(columns).fill(growth.capacity);
  let wrong = 0;
  for (let handle = 1; handle < 200_000; handle++) {
    if (handle >= growth.dueAt) {
      const target = growth.target;
      capacities[growth.advance()] = target;
    }
    if (handle >= growth.dueAt) wrong++;
    if (handle % 1000 === 0 || handle < 600) for (const capacity of capacities) if (capacity <= handle) wrong++;
    if (growth.capacity > Math.min(...capacities)) wrong++;
  }
  expect(wrong).toBe(0);
});

test('beyond the last step capacities double', () => {
  expect(grownCapacity((1 << 22) + 1)).toBe(1 << 23);
});

test('the arena gives freed blocks of a size out again and starts over when empty', () => {
  const arena = new Arena();
  const first = arena.allocate(60);
  const second = arena.allocate(57);
  const third = arena.allocate(10);
  arena.free(first, 60);
  arena.free(second, 57);
  expect([arena.allocate(58), arena.allocate(64)].sort()).toEqual([first, second].sort());
  const used = arena.usedOctets;
  expect(used).toBe(64 + 64 + 16);
  arena.free(first, 58);
  arena.free(second, 64);
  arena.free(third, 10);
  expect([arena.liveOctets, arena.usedOctets]).toEqual([0, 0]);
});
