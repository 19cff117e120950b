/** The Loc-RIB. */

import { RouteQuery } from '../requests.ts';
import { type ApiRoute, listRoute } from '../route.ts';

export const routeRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/routes',
    operationId: 'listRoutes',
    tag: 'routes',
    summary: 'Every prefix with all its paths, the best first, and the step at which each other one lost',
    refusals: [404],
    query: RouteQuery,
    list: 'Route',
    handle: ({ source, query }) => source.routes(query),
  }),
];
