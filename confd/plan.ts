/**
 * What a change of configuration would do, before it is done: the steps of diff in their order, each with what it costs
 * and why, for people and programs. Passwords are compared, and never shown.
 */

import type { Condition, DesiredState } from './desired-state.ts';
import { type Change, diff, type Impact } from './diff.ts';
import { detailsOf } from './plan-details.ts';

export interface PlanStep {
  /** Counted from 1. */
  readonly step: number;
  readonly impact: Impact;
  readonly kind: Change['kind'];
  /** What it happens to: a session, a prefix, a listening socket, the kernel's routes, this speaker. */
  readonly subject: string;
  readonly reason: string;
  /** Values before and after, where there are both. */
  readonly details: readonly string[];
}

export interface Plan {
  readonly node: string | null;
  /** Revisions of the two states. */
  readonly from: string;
  readonly to: string;
  /** Why nothing would be done at all: the new state is not known. Null: the steps say what would be done. */
  readonly withheld: string | null;
  readonly steps: readonly PlanStep[];
  readonly counts: { readonly [I in Impact]: number };
  /** What is refused or doubtful in the new state and was not in the old one. */
  readonly newConditions: readonly Condition[];
}

function subjectOf(change: Change): string {
  switch (change.kind) {
    case 'listen-add':
    case 'listen-remove':
      return `${change.listen.address} port ${change.listen.port}`;
    case 'originate-add':
    case 'originate-replace':
      return change.route.prefix;
    case 'originate-remove':
      return change.prefix;
    case 'peer-add':
    case 'peer-restart':
    case 'peer-adjust':
    case 'peer-policy':
      return change.peer.session.name;
    case 'peer-replace':
    case 'peer-rename':
      return `${change.replaced}, ${change.peer.session.name}`;
    case 'peer-remove':
      return change.name;
    case 'kernel':
      return 'kernel routes';
    case 'decision':
    case 'identity':
    case 'drain':
    case 'log-level':
    case 'metadata':
      return 'this speaker';
  }
}

/** A condition but for the place in a file: the two states may come from different directories. */
function essence({ resource, field, message }: Condition): string {
  return JSON.stringify([resource, field, message.replace(/ \([^()]*:[0-9]+:[0-9]+\)$/, '')]);
}

/** The steps that would lead from one state to the other. */
export function plan(running: DesiredState, desired: DesiredState): Plan {
  const known = new Set(running.conditions.map(essence));
  const before = { state: running, peers: new Map(running.peers.map((peer) => [peer.session.name, peer])) };
  const withheld = desired.incomplete ?? null;
  // A new revision alone does nothing to anybody, and conditions are listed by themselves.
  const changes = withheld === null ? diff(running, desired).filter((change) => change.kind !== 'metadata') : [];
  const count = (impact: Impact): number => changes.filter((change) => change.impact === impact).length;
  return {
    node: desired.nodeName,
    from: running.revision,
    to: desired.revision,
    withheld,
    steps: changes.map((change, index) => ({
      step: index + 1,
      impact: change.impact,
      kind: change.kind,
      subject: subjectOf(change),
      reason: change.reason,
      details: detailsOf(change, before),
    })),
    counts: { hitless: count('hitless'), soft: count('soft'), reset: count('reset') },
    newConditions: desired.conditions.filter((one) => !known.has(essence(one))),
  };
}
