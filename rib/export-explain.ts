/**
 * Why one path is told to one peer, or not: every rule of export in the order in which export-rules.ts asks them, with
 * its verdict, and the export policy statement by statement. For people; slow.
 */

import { SOURCE_BGP } from './attribute-columns.ts';
import type { ExportContext, ExportTables } from './export-rules.ts';
import type { PathRow } from './paths.ts';
import { explainPolicy, type PolicyExplanation } from './policy/explain.ts';
import {
  ADVERTISED,
  NOT_ADVERTISED_BLACKHOLE,
  NOT_ADVERTISED_CLUSTER_LOOP,
  NOT_ADVERTISED_DRAINED,
  NOT_ADVERTISED_IBGP_TO_IBGP,
  NOT_ADVERTISED_LEARNED_FROM_PEER,
  NOT_ADVERTISED_LLGR_STALE,
  NOT_ADVERTISED_NEXT_HOP,
  NOT_ADVERTISED_NO_ADVERTISE,
  NOT_ADVERTISED_NO_BEST_PATH,
  NOT_ADVERTISED_NO_EXPORT,
  NOT_ADVERTISED_NO_EXPORT_SUBCONFED,
  NOT_ADVERTISED_POLICY,
  NOT_ADVERTISED_REASON_NAMES,
  NOT_ADVERTISED_ROUTE_LEAK,
  NOT_ADVERTISED_TOO_LONG,
  type NotAdvertisedReason,
} from './reason.ts';

interface ExportRule {
  readonly refusal: NotAdvertisedReason;
  readonly rule: string;
  readonly reference: string;
  /** Which paths it is asked about: all, our own, those learned by BGP, and of these towards external or internal peers. */
  readonly scope: 'all' | 'own' | 'bgp' | 'external' | 'internal';
}

/** In the order of ExportContext. */
const RULES: readonly ExportRule[] = [
  {
    refusal: NOT_ADVERTISED_LEARNED_FROM_PEER,
    rule: 'a path does not go back to the peer that it was learned from',
    reference: 'RFC 4271 9.2',
    scope: 'all',
  },
  {
    refusal: NOT_ADVERTISED_NO_BEST_PATH,
    rule: 'only paths that may be selected are told',
    reference: 'RFC 4271 9.1.3',
    scope: 'all',
  },
  {
    refusal: NOT_ADVERTISED_DRAINED,
    rule: 'a service address is not told while the speaker is drained',
    reference: '',
    scope: 'own',
  },
  { refusal: NOT_ADVERTISED_NO_ADVERTISE, rule: 'NO_ADVERTISE is told nobody', reference: 'RFC 1997', scope: 'bgp' },
  {
    refusal: NOT_ADVERTISED_LLGR_STALE,
    rule: 'long-lived stale paths are told only to peers that know LLGR',
    reference: 'RFC 9494 4.3',
    scope: 'bgp',
  },
  { refusal: NOT_ADVERTISED_NO_EXPORT, rule: 'NO_EXPORT stays in the AS', reference: 'RFC 1997', scope: 'external' },
  {
    refusal: NOT_ADVERTISED_NO_EXPORT_SUBCONFED,
    rule: 'NO_EXPORT_SUBCONFED stays in the AS',
    reference: 'RFC 1997',
    scope: 'external',
  },
  {
    refusal: NOT_ADVERTISED_BLACKHOLE,
    rule: 'BLACKHOLE stays in the AS',
    reference: 'RFC 7999 3.2',
    scope: 'external',
  },
  {
    refusal: NOT_ADVERTISED_ROUTE_LEAK,
    rule: 'a path with Only to Customer goes to customers only',
    reference: 'RFC 9234 5',
    scope: 'external',
  },
  {
    refusal: NOT_ADVERTISED_IBGP_TO_IBGP,
    rule: 'an internal path goes to internal peers only by reflection',
    reference: 'RFC 4456 6',
    scope: 'internal',
  },
  {
    refusal: NOT_ADVERTISED_CLUSTER_LOOP,
    rule: 'a path is not reflected into a cluster that it has passed',
    reference: 'RFC 4456 8',
    scope: 'internal',
  },
  { refusal: NOT_ADVERTISED_POLICY, rule: 'export policy', reference: '', scope: 'all' },
  {
    refusal: NOT_ADVERTISED_NEXT_HOP,
    rule: 'there is a next hop that the peer can use',
    reference: 'RFC 4271 5.1.3, RFC 8950',
    scope: 'all',
  },
  {
    refusal: NOT_ADVERTISED_TOO_LONG,
    rule: 'attributes and prefix fit into one message',
    reference: 'RFC 4271 4, RFC 8654',
    scope: 'all',
  },
];

/** Reasons that have a rule here, for the test that none is forgotten. */
export const EXPLAINED_REASONS: readonly NotAdvertisedReason[] = RULES.map(({ refusal }) => refusal);

export type RuleVerdict = 'passed' | 'refused' | 'not-applicable' | 'not-reached';

export interface ExplainedRule {
  readonly rule: string;
  readonly reference: string;
  readonly verdict: RuleVerdict;
}

export interface ExportExplanation {
  /** What is told or why not, in words. */
  readonly reason: string;
  readonly isTold: boolean;
  readonly rules: readonly ExplainedRule[];
  /** Null when a rule before it has refused the path. */
  readonly policy: PolicyExplanation | null;
}

/**
 * @param context rules of the peer, not the ones that its update group works with
 * @param reason what UpdateGroups.explain says of the path
 */
export function explainExport(
  tables: ExportTables,
  context: ExportContext,
  row: PathRow,
  reason: NotAdvertisedReason,
): ExportExplanation {
  const { settings } = context;
  const set = tables.paths[settings.family].rowEffective[row];
  const isOwn = set !== 0 && tables.sets.source[set] !== SOURCE_BGP;
  const at = RULES.findIndex(({ refusal }) => refusal === reason);
  const policyAt = RULES.findIndex(({ refusal }) => refusal === NOT_ADVERTISED_POLICY);
  const rules = RULES.map(({ rule, reference, scope }, index): ExplainedRule => {
    const applies = isAsked(scope, isOwn, settings.isInternal);
    if (index === at) return { rule, reference, verdict: 'refused' };
    if (reason !== ADVERTISED && index > at) return { rule, reference, verdict: 'not-reached' };
    return { rule, reference, verdict: applies ? 'passed' : 'not-applicable' };
  });
  let policy: PolicyExplanation | null = null;
  if (set !== 0 && (reason === ADVERTISED || at >= policyAt)) {
    // Loads the path into the context's evaluation.
    const exported = context.explainPath(row);
    if (exported !== 0) {
      tables.sets.retain(exported);
      tables.sets.release(exported);
    }
    policy = explainPolicy(settings.policy, context.evaluation);
  }
  return { reason: NOT_ADVERTISED_REASON_NAMES[reason], isTold: reason === ADVERTISED, rules, policy };
}

function isAsked(scope: ExportRule['scope'], isOwn: boolean, isInternal: boolean): boolean {
  if (scope === 'all') return true;
  if (isOwn) return scope === 'own';
  return scope === 'bgp' || scope === (isInternal ? 'internal' : 'external');
}
