/** What Prometheus and the kubelet ask for: also served without the rest (src/monitor/server.ts). */

import * as z from 'zod';
import { READY_POLICIES } from '../../health/readiness.ts';
import { type ApiRoute, documentRoute, rawRoute } from '../route.ts';

const ReadyQuery = z.strictObject({
  peers: z.enum(READY_POLICIES).optional().describe('which sessions count: one of any, of external ones, all, none'),
});

export const monitorRoutes: readonly ApiRoute[] = [
  rawRoute({
    method: 'GET',
    path: '/metrics',
    operationId: 'getMetrics',
    tag: 'monitoring',
    summary: 'Figures in the text format of Prometheus',
    type: 'text/plain; version=0.0.4; charset=utf-8',
    handle: ({ source }) => source.metrics(),
  }),
  documentRoute({
    method: 'GET',
    path: '/live',
    operationId: 'getLive',
    tag: 'monitoring',
    access: null,
    summary: '200 as long as the event loop turns; never depends on peers or on the datastore',
    document: 'Live',
    handle: () => ({ live: true as const }),
  }),
  documentRoute({
    method: 'GET',
    path: '/ready',
    operationId: 'getReady',
    tag: 'monitoring',
    access: null,
    summary: '200 when this node may be given traffic, else 503; the body lists every condition that is not met',
    query: ReadyQuery,
    document: 'Readiness',
    otherStatuses: [503],
    statusOf: ({ ready }) => (ready ? 200 : 503),
    handle: ({ source, query }) => source.readiness(query.peers),
  }),
];
