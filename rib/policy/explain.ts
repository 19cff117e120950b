/**
 * Why a policy decides as it does about one route: every statement tried, the outcome of each of its matches, the one
 * that decided and what was changed. Runs the evaluator's own matches and actions, so it cannot tell another story;
 * slow and allocating, for people only.
 */

import { formatAddress } from '../../bgp/ip.ts';
import { type CompiledPolicy, VERDICT_ACCEPT, VERDICT_NEXT, type Verdict } from './compiled.ts';
import { beginEvaluation, type EvaluationContext, matchHolds, runAction } from './evaluate.ts';
import { formatAction, formatMatch } from './print.ts';

/** How many members of a list explain writes out. */
const LIST_LIMIT = 4;

export interface ExplainedMatch {
  readonly match: string;
  readonly holds: boolean;
}

export interface ExplainedStatement {
  readonly statement: string;
  readonly applies: boolean;
  readonly matches: readonly ExplainedMatch[];
  /** Actions that ran: none when the statement does not apply. */
  readonly actions: readonly string[];
  readonly verdict: 'accept' | 'reject' | 'next';
}

export interface ExplainedChange {
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export interface PolicyExplanation {
  readonly policy: string;
  readonly verdict: 'accept' | 'reject';
  /** Name of the deciding statement, or `otherwise`. */
  readonly decidedBy: string;
  /** Statements tried, the deciding one last. */
  readonly statements: readonly ExplainedStatement[];
  readonly changes: readonly ExplainedChange[];
}

/** Evaluates the route in `context` as evaluate() does, and tells how. Leaves the context as evaluate() would. */
export function explainPolicy(policy: CompiledPolicy, context: EvaluationContext): PolicyExplanation {
  beginEvaluation(policy, context);
  const before = describe(context);
  const statements: ExplainedStatement[] = [];
  let verdict: Verdict = policy.otherwise;
  let decidedBy = 'otherwise';
  for (let index = 0; index < policy.statements.length; index++) {
    const statement = policy.statements[index];
    const source = policy.policy.statements[index];
    const matches = statement.matches.map((match, i) => ({
      match: formatMatch(source.matches[i], LIST_LIMIT),
      holds: matchHolds(policy, match, context),
    }));
    const applies = matches.every(({ holds }) => holds);
    if (applies) for (const action of statement.actions) runAction(policy, action, context);
    statements.push({
      statement: statement.name,
      applies,
      matches,
      actions: applies ? source.actions.map(formatAction) : [],
      verdict: source.verdict,
    });
    if (!applies) continue;
    if (statement.verdict === VERDICT_NEXT) {
      index += statement.skip;
      continue;
    }
    context.statement = index;
    verdict = statement.verdict === VERDICT_ACCEPT ? 1 : 0;
    decidedBy = statement.name;
    break;
  }
  return {
    policy: policy.policy.name,
    verdict: verdict === VERDICT_ACCEPT ? 'accept' : 'reject',
    decidedBy,
    statements,
    changes: differences(before, describe(context), policy, context),
  };
}

/** What a policy can change, as text. */
function describe(context: EvaluationContext): ReadonlyArray<readonly [string, string]> {
  const nextHopNames = ['unchanged', 'self', 'peer', 'unchanged', ''];
  return [
    ['LOCAL_PREF', String(context.localPref)],
    ['MED', context.med < 0 ? 'none' : String(context.med)],
    ['metric', context.hasMetric ? String(context.metric) : 'none'],
    ['preference', context.preference < 0 ? 'of the source' : String(context.preference)],
    [
      'next hop',
      context.nextHopAddress === null ? nextHopNames[context.nextHopAction] : formatAddress(context.nextHopAddress),
    ],
    ['prepended', [...context.front.subarray(0, context.frontCount)].join(' ') || 'nothing'],
    ['tunnel', context.tunnel === '' ? 'none' : context.tunnel],
  ];
}

function differences(
  before: ReadonlyArray<readonly [string, string]>,
  after: ReadonlyArray<readonly [string, string]>,
  policy: CompiledPolicy,
  context: EvaluationContext,
): ExplainedChange[] {
  const changes: ExplainedChange[] = [];
  for (const [i, [what, value]] of after.entries())
    if (before[i][1] !== value) changes.push({ what, before: before[i][1], after: value });
  for (const action of policy.programs.sequence(context.program)) {
    const text = communityChange(policy, action.index);
    if (text !== '') changes.push({ what: 'communities', before: '', after: text });
  }
  return changes;
}

/** Community actions have no single before and after; they are told as what was done. */
function communityChange(policy: CompiledPolicy, index: number): string {
  const action = policy.policy.statements.flatMap((statement) => statement.actions)[index];
  return /communit/.test(action.kind) ? formatAction(action) : '';
}
