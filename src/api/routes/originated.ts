/** Prefixes that other programs have originated, each owned by a named agent, with a lease if it wants one. */

import * as z from 'zod';
import { type ApiRoute, documentRoute, listRoute } from '../route.ts';

/** Longer leases are as good as none. */
const MAX_LEASE_SECONDS = 86_400;
const MAX_COMMUNITIES = 100;

const OwnerParams = z.strictObject({
  owner: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'wanted 1 to 64 letters, digits and ._-')
    .describe('name that the agent gives itself'),
});
const OriginateBody = z.strictObject({
  prefix: z.string(),
  communities: z.array(z.string()).max(MAX_COMMUNITIES).optional(),
  leaseSeconds: z
    .int()
    .min(1)
    .max(MAX_LEASE_SECONDS)
    .optional()
    .describe('the prefix goes when it is not asked for again within this time'),
  service: z.boolean().optional().describe('a service address: withdrawn while this speaker is drained'),
});
const WithdrawQuery = z.strictObject({ prefix: z.string().optional().describe('without it, all of this owner') });

export const originatedRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/originated',
    operationId: 'listOriginated',
    tag: 'routes',
    summary: 'Every prefix that this speaker originates, and who asked for it',
    list: 'Originated',
    handle: ({ source }) => source.originated(),
  }),
  documentRoute({
    method: 'PUT',
    path: '/v1/originated/{owner}',
    operationId: 'originate',
    tag: 'actions',
    summary: 'Originates a prefix for an agent, changes it, or renews its lease',
    refusals: [409],
    params: OwnerParams,
    body: OriginateBody,
    document: 'Originated',
    handle: ({ source, params, body }) => source.originate(params.owner, body),
  }),
  documentRoute({
    method: 'DELETE',
    path: '/v1/originated/{owner}',
    operationId: 'withdraw',
    tag: 'actions',
    summary: 'Withdraws a prefix of an agent, or all of them',
    refusals: [404, 409],
    params: OwnerParams,
    query: WithdrawQuery,
    document: 'Done',
    handle: ({ source, params, query }) => source.withdraw(params.owner, query.prefix),
  }),
];
