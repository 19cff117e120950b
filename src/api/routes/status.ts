/** The daemon in one page, and the description of this API. */

import { type ApiRoute, documentRoute, rawRoute } from '../route.ts';

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
  rawRoute({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    tag: 'status',
    summary: 'This document',
    type: 'application/json',
    handle: async ({ source }) => {
      const [{ openApiDocument }, { ROUTES }] = await Promise.all([import('../openapi.ts'), import('./index.ts')]);
      return Buffer.from(`${JSON.stringify(openApiDocument(ROUTES, source.status().version), null, 2)}\n`);
    },
  }),
];
