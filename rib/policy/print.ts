/**
 * Policies as text for people: `show policy`, explain and logs. The words for prefixes are those of the stand-alone
 * configuration: `P` exactly, `P le N`, `P ge N le M`.
 */

import { parsePrefix } from '../../bgp/ip.ts';
import type { Action, Match, Policy, PrefixRange, Statement } from './policy.ts';

function formatRange(range: PrefixRange): string {
  const length = parsePrefix(range.prefix)?.length ?? -1;
  if (range.minLength > range.maxLength) return `${range.prefix} of no length`;
  if (range.minLength === length && range.maxLength === length) return range.prefix;
  const from = range.minLength <= length ? '' : ` ge ${range.minLength}`;
  return `${range.prefix}${from} le ${range.maxLength}`;
}

/** Long lists are cut for explain and logs; Infinity prints all. */
function list(items: readonly string[], limit: number): string {
  if (items.length <= limit) return `{${items.join(', ')}}`;
  return `{${items.slice(0, limit).join(', ')}, and ${items.length - limit} more}`;
}

function interval(min: number, max: number): string {
  return min === max ? `is ${min}` : `in ${min}..${max}`;
}

/** One match in words. @param limit how many members of a list are written out */
export function formatMatch(match: Match, limit = Number.POSITIVE_INFINITY): string {
  const words = formatKind(match, limit);
  // Prefixes have their own way to say it.
  return match.negate && match.kind !== 'prefix' ? `not (${words})` : words;
}

function formatKind(match: Match, limit: number): string {
  switch (match.kind) {
    case 'prefix':
      return `prefix ${match.negate ? 'not ' : ''}in ${list(match.ranges.map(formatRange), limit)}`;
    case 'source':
      return `source in ${list(match.sources, limit)}`;
    case 'peer-type':
      return `peer is ${match.peerType}`;
    case 'interface':
      return `interface like ${JSON.stringify(match.pattern)}`;
    case 'community':
      return `community ${match.community}`;
    case 'as-path-prefix':
      return `AS path starts with ${match.asns.join(' ')}`;
    case 'community-in':
      return `community in ${match.from}..${match.to}`;
    case 'as-path-holds':
      return `AS path holds ${list(
        match.ranges.map(({ min, max }) => (min === max ? String(min) : `${min}..${max}`)),
        limit,
      )}`;
    case 'as-path-mask':
      return `AS path is ${match.mask.join(' ') || 'empty'}`;
    case 'as-path-length':
      return `AS path length ${interval(match.min, match.max)}`;
    case 'metric':
      return `metric ${interval(match.min, match.max)}`;
    case 'local-pref':
      return `LOCAL_PREF ${interval(match.min, match.max)}`;
    case 'med':
      return `MED ${interval(match.min, match.max)}`;
    case 'med-present':
      return 'MED is present';
    case 'next-hop':
      return `next hop in ${list(match.prefixes, limit)}`;
    case 'learned-from':
      return `learned from ${list(match.peers, limit)}`;
  }
}

/** One action in words. */
export function formatAction(action: Action): string {
  switch (action.kind) {
    case 'set-local-pref':
      return `set LOCAL_PREF ${action.value}`;
    case 'set-med':
      return action.value === null ? 'remove MED' : `set MED ${action.value}`;
    case 'set-metric':
      return `set metric ${action.value}`;
    case 'normalise-priority':
      return `normalise priority (normal ${action.normal})`;
    case 'compute': {
      const names = { 'local-pref': 'LOCAL_PREF', med: 'MED', metric: 'metric' };
      const { target, from, sign, offset } = action;
      if (sign === -1) return `set ${names[target]} ${offset} - ${names[from]}`;
      // Arithmetic wraps: a great number is a small one to subtract.
      const isLess = offset > 0x7fffffff;
      return `set ${names[target]} ${names[from]} ${isLess ? '-' : '+'} ${isLess ? 2 ** 32 - offset : offset}`;
    }
    case 'set-preference':
      return `set preference ${action.value}`;
    case 'set-next-hop':
      return `set next hop ${action.value}`;
    case 'add-community':
      return `add community ${action.community}`;
    case 'remove-community':
      return action.community === 'all' ? 'remove all communities' : `remove community ${action.community}`;
    case 'remove-communities-in':
      return `remove communities ${action.from}..${action.to}`;
    case 'prepend-as-path':
      return `prepend ${action.asns.join(' ')}`;
    case 'set-tunnel':
      return `send through ${action.interfaceName}`;
  }
}

function formatStatement(statement: Statement): string {
  const conditions = statement.matches.map((match) => formatMatch(match));
  const when = conditions.length === 0 ? 'always' : `if ${conditions.join('\n     and ')}`;
  const skip = statement.skip ?? 0;
  const verdict = skip === 0 ? statement.verdict : `pass over the next ${skip === 1 ? 'one' : skip}`;
  const then = [...statement.actions.map(formatAction), verdict].join(', ');
  return `  ${statement.name}:\n    ${when}\n    then ${then}`;
}

/** The whole policy, one statement after the other. */
export function printPolicy(policy: Policy): string {
  return [
    `policy ${policy.name}`,
    ...policy.statements.map((statement) => formatStatement(statement)),
    `  otherwise ${policy.otherwise}`,
    '',
  ].join('\n');
}
