/** Shapes that several views share. Units are in the names; times are ISO 8601 UTC, durations whole seconds. */

import * as z from 'zod';

export const FamilyName = z.enum(['ipv4-unicast', 'ipv6-unicast']);
export const Uint32 = z.int().min(0).max(0xffffffff);
export const Count = z.int().min(0);
export const Time = z.iso.datetime();

/** RFC 9457. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('a sentence for people'),
  })
  .describe('RFC 9457 problem details');

/** What an action did, in words. */
export const Done = z.object({ done: z.string() });

export const Condition = z
  .object({
    resource: z.string().describe('`BGPPeer/tor` or `FILE:line:column`'),
    field: z.string(),
    message: z.string(),
    severity: z.enum(['error', 'warning']),
  })
  .describe('what was refused of the configuration, and why');

export const Attributes = z.object({
  origin: z.string(),
  asPath: z.string(),
  nextHop: z.string().nullable(),
  localPref: Uint32.nullable(),
  med: Uint32.nullable(),
  communities: z.array(z.string()),
  extendedCommunities: z.array(z.string()),
  largeCommunities: z.array(z.string()),
  originatorId: z.string().nullable(),
  clusterList: z.array(z.string()),
  aggregator: z.string().nullable(),
  atomicAggregate: z.boolean(),
  onlyToCustomer: Uint32.nullable(),
  other: z.array(z.string()).describe('everything else as `code: hex`'),
});
