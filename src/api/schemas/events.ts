/** What the event stream tells: the data of each kind of event, which is the name after `event:`. */

import * as z from 'zod';
import { Count, FamilyName, Time } from './common.ts';
import { Path } from './routes.ts';

export const PeerEvent = z.object({
  at: Time,
  peer: z.string(),
  from: z.string().nullable().describe('state before; null: this is how it is as the stream begins'),
  to: z.string(),
  reason: z.string().nullable().describe('why it went down'),
});

export const RevisionEvent = z.object({
  at: Time,
  desired: z.string(),
  applied: z.string(),
  refused: Count.describe('how many conditions there are: what was refused of the configuration'),
});

export const KernelEvent = z.object({
  at: Time,
  what: z.enum(['failed', 'disturbed', 'resynced']),
  prefix: z.string().nullable(),
  text: z.string(),
});

export const RouteEvent = z.object({
  prefix: z.string(),
  family: FamilyName,
  best: Path.nullable().describe('the best path; null: there is none any more, or none that the filter means'),
});

export const LostEvent = z.object({
  lost: Count.describe('events that were dropped because the reader is too slow; ask for the state anew'),
});

/** What stands after `event:`, with its data. */
export const Event = z.union([PeerEvent, RevisionEvent, KernelEvent, RouteEvent, LostEvent]);
