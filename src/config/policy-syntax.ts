/** Turns the policies of a stand-alone file into policy data (rib/policy/policy.ts). */

import { FAMILY_ADDRESS_BITS } from '../../bgp/family.ts';
import { formatPrefix, parsePrefix } from '../../bgp/ip.ts';
import type { Action, Match, Policy, PrefixRange, Statement } from '../../rib/policy/policy.ts';
import { type PolicyEntry, PREFIX_RANGE } from './schema.ts';

const UINT32_MAX = 0xffffffff;

/** The range that a shorthand such as `10.0.0.0/8 ge 16 le 24` means, or the reason why it means none. */
export function parsePrefixRange(text: string): PrefixRange | string {
  const match = PREFIX_RANGE.exec(text);
  const prefix = match === null ? null : parsePrefix(match[1]);
  if (match === null || prefix === null) return `"${text}" is not a prefix range`;
  const bits = FAMILY_ADDRESS_BITS[prefix.family];
  const orLonger = match[2] !== undefined;
  const ge = match[3] === undefined ? null : Number(match[3]);
  const le = match[4] === undefined ? null : Number(match[4]);
  const minLength = ge ?? prefix.length;
  const maxLength = orLonger ? bits : (le ?? (ge === null ? prefix.length : bits));
  if (minLength < prefix.length || maxLength > bits || minLength > maxLength) {
    return `"${text}": lengths must satisfy ${prefix.length} <= ge <= le <= ${bits}`;
  }
  return { prefix: formatPrefix(prefix), minLength, maxLength };
}

function ranges(texts: readonly string[], problems: string[]): PrefixRange[] {
  const result: PrefixRange[] = [];
  for (const text of texts) {
    const range = parsePrefixRange(text);
    if (typeof range === 'string') problems.push(range);
    else result.push(range);
  }
  return result;
}

function bounds(range: { min?: number | undefined; max?: number | undefined }): { min: number; max: number } {
  return { min: range.min ?? 0, max: range.max ?? UINT32_MAX };
}

type StatementEntry = PolicyEntry['statements'][number];

function matches(entry: StatementEntry['match'], problems: string[]): Match[] {
  const result: Match[] = [];
  if (entry.prefix) result.push({ kind: 'prefix', ranges: ranges(entry.prefix, problems), negate: false });
  if (entry.notPrefix) result.push({ kind: 'prefix', ranges: ranges(entry.notPrefix, problems), negate: true });
  if (entry.source) result.push({ kind: 'source', sources: entry.source });
  if (entry.peerType) result.push({ kind: 'peer-type', peerType: entry.peerType });
  if (entry.interface) result.push({ kind: 'interface', pattern: entry.interface });
  for (const community of entry.community ?? []) result.push({ kind: 'community', community });
  if (entry.asPathPrefix) result.push({ kind: 'as-path-prefix', asns: entry.asPathPrefix });
  if (entry.asPathLength) result.push({ kind: 'as-path-length', ...bounds(entry.asPathLength) });
  if (entry.metric) result.push({ kind: 'metric', ...bounds(entry.metric) });
  if (entry.localPref) result.push({ kind: 'local-pref', ...bounds(entry.localPref) });
  if (entry.med) result.push({ kind: 'med', ...bounds(entry.med) });
  if (entry.nextHop) {
    const prefixes = entry.nextHop.map((text) => {
      const prefix = parsePrefix(text);
      return prefix === null ? text : formatPrefix(prefix);
    });
    result.push({ kind: 'next-hop', prefixes });
  }
  if (entry.learnedFrom) result.push({ kind: 'learned-from', peers: entry.learnedFrom });
  return result;
}

function actions(entry: StatementEntry['set']): Action[] {
  const result: Action[] = [];
  if (entry.localPref !== undefined) result.push({ kind: 'set-local-pref', value: entry.localPref });
  if (entry.med !== undefined) result.push({ kind: 'set-med', value: entry.med });
  if (entry.metric !== undefined) result.push({ kind: 'set-metric', value: entry.metric });
  if (entry.preference !== undefined) result.push({ kind: 'set-preference', value: entry.preference });
  if (entry.nextHop !== undefined) result.push({ kind: 'set-next-hop', value: entry.nextHop });
  for (const community of entry.removeCommunity ?? []) result.push({ kind: 'remove-community', community });
  for (const community of entry.addCommunity ?? []) result.push({ kind: 'add-community', community });
  if (entry.prependAsPath) result.push({ kind: 'prepend-as-path', asns: entry.prependAsPath });
  return result;
}

/** A policy, with the problems that its prefix ranges have (statement index and text). */
export function policyOf(
  name: string,
  entry: PolicyEntry,
): { policy: Policy; problems: { statement: number; message: string }[] } {
  const problems: { statement: number; message: string }[] = [];
  const statements = entry.statements.map((statement, index): Statement => {
    const found: string[] = [];
    const result: Statement = {
      name: statement.name ?? `${index + 1}`,
      matches: matches(statement.match, found),
      actions: actions(statement.set),
      verdict: statement.then,
    };
    for (const message of found) problems.push({ statement: index, message });
    return result;
  });
  return { policy: { name, statements, otherwise: entry.otherwise }, problems };
}
