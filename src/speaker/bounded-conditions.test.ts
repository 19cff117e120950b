import { expect, test } from 'vitest';
import type { Condition } from '../../confd/desired-state.ts';
import { boundedConditions, MAX_CONDITIONS } from './bounded-conditions.ts';

const condition = (resource: string, severity: Condition['severity']): Condition => ({
  ...{ resource, field: '', message: 'wrong', severity },
});

test.each([0, 1, MAX_CONDITIONS])('%d conditions are what they are', (count) => {
  const conditions = Array.from({ length: count }, (_, i) => condition(`BGPPeer/${i}`, 'warning'));
  expect(boundedConditions(conditions)).toBe(conditions);
});

test.each([
  ['warning', 'warning'],
  ['error', 'error'],
] as const)('of more, the first, and how many are left out: %s', (rest, severity) => {
  const conditions = Array.from({ length: MAX_CONDITIONS + 7 }, (_, i) =>
    condition(`BGPPeer/${i}`, i < MAX_CONDITIONS ? 'warning' : rest),
  );
  const bounded = boundedConditions(conditions);
  expect(bounded).toHaveLength(MAX_CONDITIONS + 1);
  expect(bounded[MAX_CONDITIONS - 1].resource).toBe(`BGPPeer/${MAX_CONDITIONS - 1}`);
  expect(bounded[MAX_CONDITIONS]).toMatchObject({ severity, message: expect.stringContaining('7 more') });
});
