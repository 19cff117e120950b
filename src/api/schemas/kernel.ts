/** Routes that were given to the kernel. */

import * as z from 'zod';
import { Uint32 } from './common.ts';

export const KernelRoute = z.object({
  prefix: z.string(),
  type: z.enum(['unicast', 'blackhole']),
  metric: Uint32.nullable(),
  hops: z.array(z.object({ gateway: z.string().nullable(), interface: z.string(), onlink: z.boolean() })),
  state: z.enum(['installed', 'pending', 'failed']),
  reason: z.string().nullable(),
});
