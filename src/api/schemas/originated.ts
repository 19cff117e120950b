/** Prefixes that this speaker originates, for its configuration and for other programs. */

import * as z from 'zod';
import { Time } from './common.ts';

export const Originated = z.object({
  prefix: z.string(),
  owner: z.string().nullable().describe('the agent that asked for it; null: the configuration'),
  origin: z.string().describe('who asked for it, in words'),
  communities: z.array(z.string()),
  service: z.boolean().describe('withdrawn while this speaker is drained'),
  leaseSeconds: z.int().nullable().describe('null: until it is withdrawn, or the daemon ends'),
  expiresAt: Time.nullable(),
  inForce: z.boolean().describe('false: the configuration originates the same prefix, which comes first'),
});
