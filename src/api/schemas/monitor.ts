/** What the probes are told. */

import * as z from 'zod';
import { READY_POLICIES } from '../../health/readiness.ts';

export const Live = z.strictObject({ live: z.literal(true) });

export const UnmetCondition = z.strictObject({
  condition: z.enum(['configuration', 'listener', 'kernel', 'recovery', 'peers']),
  detail: z.string(),
  peer: z.string().optional().describe('of a session that is waited for'),
  state: z.string().optional(),
  lastError: z.string().optional(),
});

export const Readiness = z.strictObject({
  ready: z.boolean(),
  policy: z.enum(READY_POLICIES),
  unmet: z.array(UnmetCondition),
});
