import { expect, test } from 'vitest';
import { CounterSums } from './counter-sums.ts';

const thing = (key: string, count: number, sum = 'all') => ({ key, sum, count });

test('what is gone keeps counting in the sum, and what begins anew is added', () => {
  const sums = new CounterSums();
  expect(sums.of('all')).toBe(0);
  sums.update([thing('a', 5), thing('b', 2)]);
  expect(sums.of('all')).toBe(7);
  sums.update([thing('a', 6)]);
  expect(sums.of('all')).toBe(8);
  // b is back, as another one that has counted to 3; a was replaced by one that stands at 1.
  sums.update([thing('a', 1), thing('b', 3)]);
  expect(sums.of('all')).toBe(12);
});

test('sums are told apart', () => {
  const sums = new CounterSums();
  sums.update([thing('a', 1, 'x'), thing('b', 2, 'y')]);
  expect([sums.of('x'), sums.of('y'), sums.of('z')]).toEqual([1, 2, 0]);
});
