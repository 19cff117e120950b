/** BFD. */

import { type ApiRoute, listRoute } from '../route.ts';

export const bfdRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/bfd',
    operationId: 'listBfdSessions',
    tag: 'peers',
    summary: 'Every BFD session with its state, timers, counters and last diagnostic',
    list: 'BfdSession',
    handle: ({ source }) => source.bfd(),
  }),
];
