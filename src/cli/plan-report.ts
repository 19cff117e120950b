/** `peregrine plan` for people: the steps as an aligned table, and what they cost together. */

import type { Plan, PlanStep } from '../../confd/plan.ts';
import { type Column, formatCount, formatTable } from './table.ts';

const COLUMNS: readonly Column<PlanStep>[] = [
  { title: 'STEP', align: 'right', value: (one) => String(one.step) },
  { title: 'IMPACT', value: (one) => one.impact },
  { title: 'CHANGE', value: (one) => one.kind },
  { title: 'SUBJECT', value: (one) => one.subject },
  { title: 'REASON', value: (one) => one.reason },
  { title: 'WHAT', value: (one) => one.details.join('; ') },
];

function summary({ steps, counts }: Plan): string {
  if (steps.length === 0) return 'Nothing would change.';
  const { hitless, soft, reset } = counts;
  const sessions = reset === 0 ? 'no session ends' : `${formatCount(reset, 'session')} would end`;
  return `${formatCount(steps.length, 'step')}: ${hitless} hitless, ${soft} soft, ${reset} reset; ${sessions}`;
}

export function formatPlan(plan: Plan): string {
  const lines = [`node ${plan.node ?? '?'}, from revision ${plan.from} to ${plan.to}`];
  if (plan.withheld !== null) lines.push(`Nothing would be done: ${plan.withheld}; what runs goes on running.`);
  else {
    lines.push(summary(plan));
    if (plan.steps.length > 0) lines.push('', formatTable(COLUMNS, plan.steps));
  }
  if (plan.newConditions.length > 0) {
    lines.push('', `Newly refused or doubtful (${plan.newConditions.length})`);
    for (const { severity, resource, field, message } of plan.newConditions) {
      lines.push(`  ${severity}: ${resource}${field === '' ? '' : ` ${field}`}: ${message}`);
    }
  }
  return lines.join('\n');
}
