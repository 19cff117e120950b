/**
 * How the datastore as a whole is doing, from how each kind is doing (section 7.1 of Calico's semantics), and what
 * people are told. Pure.
 *
 * Without nodes, peers, filters, pools or blocks nothing may be derived, whatever the reason. Services and Secrets add to
 * what is there: they are waited for at the start, but that we may not read them keeps nothing else from working.
 */

import type { Condition } from '../../desired-state.ts';
import type { DatastorePhase } from '../datastore.ts';
import type { ReflectorHealth } from './reflector-state.ts';

export interface KindStatus {
  /** `bgppeers.crd.projectcalico.org` */
  readonly name: string;
  readonly health: ReflectorHealth;
  readonly message: string;
  /** The message is about the server, whatever kind is asked for. */
  readonly concernsServer: boolean;
  /** Nothing works without it. */
  readonly isEssential: boolean;
  /** It was listed once, or is known not to be had. */
  readonly hasOutcome: boolean;
  /** Its trouble has lasted for several attempts. */
  readonly isLasting: boolean;
}

export interface PhaseVerdict {
  readonly phase: DatastorePhase;
  readonly message: string;
}

function blocks(kind: KindStatus, hasBeenInSync: boolean): boolean {
  if (kind.isEssential) return kind.health !== 'synced' && kind.health !== 'missing';
  return !hasBeenInSync && !kind.hasOutcome;
}

/** Who may not read which kinds, in one sentence each; what the server did not say in its usual words stays as it is. */
function explainRefusals(kinds: readonly KindStatus[]): string[] {
  const byUser = new Map<string, string[]>();
  const others: string[] = [];
  for (const { name, message, concernsServer } of kinds) {
    const user = /\bUser "([^"]+)" cannot (?:get|list|watch) resource/.exec(message)?.[1];
    if (user !== undefined) byUser.set(user, [...(byUser.get(user) ?? []), name]);
    else others.push(concernsServer ? message : `${name}: ${message}`);
  }
  const sentences = [...byUser].map(([user, names]) => {
    const who = user === 'system:anonymous' ? 'who comes without credentials' : `user "${user}"`;
    return `${who} may not read ${[...new Set(names)].join(', ')}: list and watch are needed`;
  });
  return [...sentences, ...others];
}

/** The reasons, without repeating what all have in common. */
function explain(kinds: readonly KindStatus[]): string {
  const messages = new Set(kinds.map((kind) => kind.message));
  const isRefused = kinds[0].health === 'refused';
  if (!isRefused && messages.size === 1 && kinds.length > 1) return kinds[0].message;
  const reasons = isRefused
    ? explainRefusals(kinds)
    : kinds.map((kind) => (kind.concernsServer ? kind.message : `${kind.name}: ${kind.message}`));
  const distinct = [...new Set(reasons)];
  const shown = distinct.slice(0, 3);
  return `${shown.join('; ')}${distinct.length > shown.length ? `; and ${distinct.length - shown.length} more kinds` : ''}`;
}

export function judge(kinds: readonly KindStatus[], hasBeenInSync: boolean): PhaseVerdict {
  const blocking = kinds.filter((kind) => blocks(kind, hasBeenInSync));
  const refused = blocking.filter((kind) => kind.health === 'refused');
  if (refused.length > 0) return { phase: 'unreachable', message: explain(refused) };
  // A server that is just starting asks for a moment; one that is away is asked three times within a second.
  const interrupted = blocking.filter((kind) => kind.health === 'interrupted' && (hasBeenInSync || kind.isLasting));
  if (interrupted.length > 0) return { phase: 'unreachable', message: explain(interrupted) };
  if (blocking.length === 0) return { phase: 'in-sync', message: '' };
  const listing = `listing ${[...new Set(blocking.map((kind) => kind.name))].join(', ')}`;
  return { phase: hasBeenInSync ? 'resyncing' : 'starting', message: listing };
}

/** What is wrong although it keeps nothing else from working. */
export function conditionsOf(kinds: readonly KindStatus[]): Condition[] {
  return kinds.flatMap((kind): Condition[] => {
    const report = (severity: Condition['severity'], message: string): Condition[] => [
      { resource: kind.name, field: '', message, severity },
    ];
    switch (kind.health) {
      case 'missing':
        return report('warning', 'not known to the API server: counts as empty, and is looked for again');
      case 'refused':
        return report('error', `cannot be read (list and watch are needed): ${kind.message}`);
      case 'interrupted':
        return kind.isEssential || !kind.isLasting ? [] : report('warning', `cannot be followed now: ${kind.message}`);
      default:
        return [];
    }
  });
}
