/** The file of `peregrine policy test`: routes, where they come from, and what is wanted to become of them. */

import * as z from 'zod';
import { parseAddress, parsePrefix } from '../../bgp/ip.ts';
import { parseCommunity } from '../../rib/policy/community.ts';

const uint32 = z.int().min(0).max(0xffffffff);
const verdict = z.enum(['accept', 'reject']);
const asPath = z
  .union([
    z.array(uint32),
    uint32.transform((as) => [as]),
    z.string().regex(/^(\d+( \d+)*)?$/, 'wanted AS numbers with spaces between'),
  ])
  .transform((value) => (typeof value === 'string' ? value.split(' ').filter(Boolean).map(Number) : value))
  .refine((asns) => asns.every((as) => as <= 0xffffffff), 'wanted AS numbers up to 4294967295');
const communities = z.array(
  z
    .string()
    .refine(
      (text) => parseCommunity(text) !== null,
      'wanted 65000:1, 65000:1:2, rt:65000:1 or a name such as no-export',
    ),
);
const address = z.string().refine((text) => parseAddress(text) !== null, 'wanted an address');

/** What must be so beside the verdict. What is not named may be anything. */
const wantedSchema = z
  .strictObject({
    verdict: verdict.default('accept'),
    /** Statement that decides, or `otherwise`. */
    by: z.string().optional(),
    localPref: uint32.nullable().optional(),
    med: uint32.nullable().optional(),
    asPath: asPath.optional(),
    nextHop: z.union([z.literal('self'), address]).optional(),
    communities: communities.optional(),
    /** Part of the reason why it is not accepted. */
    reason: z.string().optional(),
  })
  .refine(
    (wanted) => wanted.verdict === 'accept' || ATTRIBUTES.every((name) => wanted[name] === undefined),
    'a route that is rejected has no attributes to want',
  );
export const ATTRIBUTES = ['localPref', 'med', 'asPath', 'nextHop', 'communities'] as const;

const outcomeSchema = z.union(
  [verdict.transform((one): z.infer<typeof wantedSchema> => ({ verdict: one })), wantedSchema],
  'wanted accept, reject, or a mapping such as { verdict: accept, localPref: 200 }',
);
export type Wanted = z.infer<typeof wantedSchema>;

const routeSchema = z
  .strictObject({
    name: z.string().optional(),
    prefix: z.string().refine((text) => parsePrefix(text) !== null, 'wanted a prefix, such as 192.0.2.0/24'),
    /** A peer, or `static`, `kernel`, `direct`. */
    from: z.string(),
    asPath: asPath.optional(),
    nextHop: address.optional(),
    localPref: uint32.optional(),
    med: uint32.optional(),
    origin: z.enum(['igp', 'egp', 'incomplete']).default('igp'),
    communities: communities.default([]),
    interface: z.string().optional(),
    metric: uint32.optional(),
    import: outcomeSchema.optional(),
    /** By the name of the peer. */
    export: z.record(z.string(), outcomeSchema).optional(),
    kernel: outcomeSchema.optional(),
  })
  .refine(
    (route) => route.import !== undefined || route.export !== undefined || route.kernel !== undefined,
    'nothing is wanted of this route: wanted import, export or kernel',
  );
export type TestRoute = z.infer<typeof routeSchema>;

export const policyTestSchema = z.strictObject({
  /** Stand-alone file that the policies are from, relative to this one. */
  config: z.string().min(1).optional(),
  routes: z.array(routeSchema).min(1),
});
