/** The daemon in one page, and the description of this API. */

import { type ApiRoute, documentRoute } from '../route.ts';

export const statusRoutes: readonly ApiRoute[] = [
  documentRoute({
    method: 'GET',
    path: '/v1/status',
    operationId: 'getStatus',
    tag: 'status',
    summary: 'Versions, revision, tables, kernel, event loop delay, memory, what was refused',
    document: 'Status',
    handle: ({ source }) => source.status(),
  }),
];
