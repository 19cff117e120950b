/** The Loc-RIB. */

import * as z from 'zod';
import { Flag } from '../requests.ts';
import { type ApiRoute, listRoute } from '../route.ts';

const RouteQuery = z.strictObject({
  family: z.string().optional().describe('`ipv4-unicast` or `ipv6-unicast`'),
  prefix: z.string().optional().describe('that prefix only; of an address, the prefix that routes it'),
  longest: Flag.describe('also a shorter prefix that covers `prefix`, the most specific one there is'),
});

export const routeRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/routes',
    operationId: 'listRoutes',
    tag: 'routes',
    summary: 'Every prefix with all its paths, the best first, and the step at which each other one lost',
    query: RouteQuery,
    list: 'Route',
    handle: ({ source, query }) => source.routes(query),
  }),
];
