/** What exactly changes in a step of a plan, as short texts: values before and after, statements of policies by name. */

import { FAMILY_NAMES } from '../bgp/family.ts';
import type { Policy } from '../rib/policy/policy.ts';
import type { DesiredPeer, DesiredState } from './desired-state.ts';
import type { Change } from './diff.ts';
import { same } from './same.ts';

type PolicyByFamily = { readonly 'ipv4-unicast': Policy; readonly 'ipv6-unicast': Policy };

function isPolicyByFamily(value: unknown): value is PolicyByFamily {
  if (typeof value !== 'object' || value === null) return false;
  const policy: unknown = Reflect.get(value, 'ipv4-unicast');
  return typeof policy === 'object' && policy !== null && 'statements' in policy;
}

/** Names of statements that are new (`+`), gone (`-`) or say something else than before (`~`). */
function policyDetail(field: string, before: PolicyByFamily, after: PolicyByFamily): string {
  const marks = new Set<string>();
  for (const family of FAMILY_NAMES) {
    const old = new Map(before[family].statements.map((one) => [one.name, one]));
    const now = new Map(after[family].statements.map((one) => [one.name, one]));
    for (const [name, statement] of now) {
      const known = old.get(name);
      if (known === undefined) marks.add(`+ ${name}`);
      else if (!same(known, statement)) marks.add(`~ ${name}`);
    }
    for (const name of old.keys()) if (!now.has(name)) marks.add(`- ${name}`);
  }
  return `${field}: ${marks.size === 0 ? 'order of statements' : [...marks].join(', ')}`;
}

function show(field: string, value: unknown): string {
  if (field === 'password') return value === null ? 'none' : '(hidden)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function fieldDetails(fields: readonly string[], before: object, after: object): string[] {
  return fields.flatMap((field) => {
    const [old, now]: [unknown, unknown] = [Reflect.get(before, field), Reflect.get(after, field)];
    if (old === undefined && now === undefined) return [];
    if (isPolicyByFamily(old) && isPolicyByFamily(now)) return [policyDetail(field, old, now)];
    return [`${field}: ${show(field, old)} -> ${show(field, now)}`];
  });
}

/** The state before the whole plan, with its peers by session name. */
export interface StateBefore {
  readonly state: DesiredState;
  readonly peers: ReadonlyMap<string, DesiredPeer>;
}

export function detailsOf(change: Change, { state: running, peers }: StateBefore): string[] {
  switch (change.kind) {
    case 'peer-restart':
    case 'peer-adjust':
    case 'peer-policy':
    case 'peer-rename': {
      const { session, policy } = change.peer;
      const old = peers.get(change.kind === 'peer-rename' ? change.replaced : session.name);
      if (old === undefined) return [];
      return fieldDetails(change.fields, { ...old.session, ...old.policy }, { ...session, ...policy });
    }
    case 'kernel':
      return fieldDetails(change.fields, running.kernel, change.kernel);
    case 'decision':
      return fieldDetails(Object.keys(change.decision), running.decision, change.decision);
    case 'identity':
      return fieldDetails(['routerId', 'localAs'], running, change.identity);
    case 'log-level':
      return fieldDetails(['logLevel'], running, change);
    default:
      return [];
  }
}
