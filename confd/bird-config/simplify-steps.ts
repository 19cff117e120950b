/** Steps that follow each other are put together, and Calico's way to write priorities is recognised. */

import type { Action } from '../../rib/policy/policy.ts';
import { type Condition, not } from './condition.ts';
import type { Step } from './program.ts';

const MAX_PRIORITY = 0x7fffffff;

export function simplifySteps(steps: readonly Step[]): Step[] {
  const result: Step[] = [];
  for (const given of steps) {
    const step = simplifyStep(given);
    if (step === null) continue;
    const last = result.at(-1);
    if (last?.kind === 'do' && step.kind === 'do' && last.verdict === 'next') {
      const name = last.actions.length === 0 ? step.name : last.name;
      const actions = withoutOverwritten([...last.actions, ...step.actions]);
      result[result.length - 1] = { ...step, name, actions };
    } else result.push(step);
  }
  return result;
}

function simplifyStep(step: Step): Step | null {
  if (step.kind === 'block') {
    const body = simplifySteps(step.body);
    return body.length === 0 ? null : { ...step, body };
  }
  if (step.kind !== 'if') return step;
  const consequence = simplifySteps(step.consequence);
  const otherwise = simplifySteps(step.otherwise);
  if (consequence.length === 0 && otherwise.length === 0) return null;
  const priority = priorityStep(step.condition, consequence, otherwise);
  if (priority !== null) return priority;
  if (consequence.length > 0) return { ...step, consequence, otherwise };
  return { ...step, condition: not(step.condition), consequence: otherwise, otherwise: [] };
}

/** A number that is set and set again before anything looks at it was not worth setting. */
function withoutOverwritten(actions: readonly Action[]): Action[] {
  return actions.filter((action, i) => {
    if (action.kind !== 'set-metric' && action.kind !== 'set-local-pref' && action.kind !== 'set-med') return true;
    const target = action.kind.slice('set-'.length);
    const next = actions[i + 1];
    if (next === undefined) return true;
    if (next.kind === 'compute') return next.target !== target || next.from === target;
    return next.kind !== action.kind;
  });
}

/** The one action that steps are; null when they are anything else. */
function onlyAction(steps: readonly Step[]): Action | null {
  const [step] = steps;
  if (steps.length !== 1 || step.kind !== 'do' || step.verdict !== 'next' || step.actions.length !== 1) return null;
  return step.actions[0];
}

function isPriority(action: Action | null, target: 'metric' | 'local-pref'): boolean {
  return (
    action?.kind === 'compute' &&
    action.target === target &&
    action.from === (target === 'metric' ? 'local-pref' : 'metric') &&
    action.sign === -1 &&
    action.offset === MAX_PRIORITY
  );
}

/**
 * `if source = RTS_BGP then krt_metric = MAX - bgp_local_pref; else { if !defined(krt_metric) then krt_metric = N;
 * bgp_local_pref = MAX - krt_metric; }` is what `normalise-priority` says in one action.
 */
function priorityStep(condition: Condition, consequence: readonly Step[], otherwise: readonly Step[]): Step | null {
  if (condition.kind !== 'match' || condition.match.kind !== 'source' || condition.match.negate) return null;
  if (condition.match.sources.join() !== 'bgp' || !isPriority(onlyAction(consequence), 'metric')) return null;
  const [first, second] = otherwise;
  if (otherwise.length !== 2 || first.kind !== 'if' || first.otherwise.length > 0) return null;
  const { condition: undefinedMetric } = first;
  const asksMetric =
    undefinedMetric.kind === 'match' &&
    undefinedMetric.match.kind === 'metric' &&
    undefinedMetric.match.negate === true;
  const normal = onlyAction(first.consequence);
  if (!asksMetric || normal?.kind !== 'set-metric' || normal.value > MAX_PRIORITY) return null;
  if (!isPriority(onlyAction([second]), 'local-pref')) return null;
  return {
    kind: 'do',
    actions: [{ kind: 'normalise-priority', normal: normal.value }],
    verdict: 'next',
    name: 'priority to LOCAL_PREF',
  };
}
