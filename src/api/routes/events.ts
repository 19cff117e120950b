/** Changes as they happen: server-sent events. */

import * as z from 'zod';
import { EventStream } from '../event-stream.ts';
import { isRefusal } from '../refusal.ts';
import { Flag, routeFilters } from '../requests.ts';
import { type ApiRoute, rawRoute } from '../route.ts';

const KINDS = ['peer', 'revision', 'kernel', 'route'] as const;
const WANTED = `wanted some of ${KINDS.join(', ')}, with commas between`;

const EventsQuery = z.strictObject({
  kinds: z
    .string()
    .refine((text) => text.split(',').every((word) => (KINDS as readonly string[]).includes(word)), WANTED)
    .transform((text) => text.split(','))
    .optional()
    .describe('`peer`, `revision`, `kernel`, `route`, with commas between; without it all but `route`'),
  peer: z.string().optional().describe('changes of the state of this peer only'),
  initial: Flag.describe('begins with the present state'),
  ...routeFilters,
});

export const eventRoutes: readonly ApiRoute[] = [
  rawRoute({
    method: 'GET',
    path: '/v1/events',
    operationId: 'followEvents',
    tag: 'events',
    summary: 'State of peers, revision, kernel routes that failed or were disturbed, best paths: as they change',
    refusals: [404, 409],
    query: EventsQuery,
    type: 'text/event-stream',
    isStream: true,
    handle: ({ source, query }, reply) => {
      const { kinds = ['peer', 'revision', 'kernel'], initial = false, ...rest } = query;
      const stream = new EventStream();
      const refused = source.follow({ ...rest, kinds, initial }, stream);
      if (isRefusal(refused)) {
        stream.destroy();
        return refused;
      }
      reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no');
      return stream;
    },
  }),
];
