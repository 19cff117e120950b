/** Which configuration was read last, and which is in force, as an event. */

import type { Condition, DesiredState } from '../../../confd/desired-state.ts';
import type { SpeakerEvent } from './hub.ts';

export interface Revisions {
  readonly desiredRevision: string;
  readonly running: DesiredState | null;
  readonly desiredConditions: readonly Condition[];
}

export function revisionEvent({ desiredRevision, running, desiredConditions }: Revisions): SpeakerEvent {
  const applied = running?.revision ?? '';
  return { kind: 'revision', data: { desired: desiredRevision, applied, refused: desiredConditions.length } };
}
