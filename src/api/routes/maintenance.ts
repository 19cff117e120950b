/** Drain, undrain and restart of the daemon as a whole. */

import * as z from 'zod';
import { type ApiRoute, documentRoute } from '../route.ts';

const DrainBody = z.strictObject({
  reason: z.string().min(1).max(128).optional(),
  closeAfterSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .nullable()
    .optional()
    .describe('when sessions end; null: they stay; without it as the daemon was started (30 s)'),
  text: z.string().max(128).optional().describe('shutdown communication of the Cease (RFC 9003)'),
});

export const maintenanceRoutes: readonly ApiRoute[] = [
  documentRoute({
    method: 'POST',
    path: '/v1/drain',
    operationId: 'drain',
    tag: 'actions',
    summary:
      'Has all peers prefer others (RFC 8326), withdraws service addresses, then ends sessions with Cease / Administrative Shutdown',
    body: DrainBody,
    document: 'Done',
    handle: ({ source, body }) => source.drain(body),
  }),
  documentRoute({
    method: 'POST',
    path: '/v1/undrain',
    operationId: 'undrain',
    tag: 'actions',
    summary: 'Ends a drain that was begun by hand; sessions begin again',
    refusals: [409],
    document: 'Done',
    handle: ({ source }) => source.undrain(),
  }),
  documentRoute({
    method: 'POST',
    path: '/v1/restart',
    operationId: 'restart',
    tag: 'actions',
    summary: 'Ends the process without a word to the peers, as SIGTERM does; whoever supervises it starts it again',
    refusals: [409],
    document: 'Done',
    handle: ({ source }) => source.restart(),
  }),
];
