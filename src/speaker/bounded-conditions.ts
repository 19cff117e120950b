/** How many conditions are kept and shown: a datastore full of mistakes must not fill memory, API and log with them. */

import type { Condition } from '../../confd/desired-state.ts';

export const MAX_CONDITIONS = 1000;

/** The first of them, and how many more there are. */
export function boundedConditions(conditions: readonly Condition[]): readonly Condition[] {
  if (conditions.length <= MAX_CONDITIONS) return conditions;
  const left = conditions.length - MAX_CONDITIONS;
  const message = `${left} more conditions are not shown: correct these first`;
  const severity = conditions.slice(MAX_CONDITIONS).some((one) => one.severity === 'error') ? 'error' : 'warning';
  return [...conditions.slice(0, MAX_CONDITIONS), { resource: 'conditions', field: '', message, severity }];
}
