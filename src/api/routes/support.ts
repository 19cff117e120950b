/** For whoever has to find out what happened: recent lines of the log, and all that a replay needs. */

import { type ApiRoute, listRoute } from '../route.ts';

export const supportRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/recent',
    operationId: 'listRecentLines',
    tag: 'support',
    summary: 'The last lines of the log, also those that the level keeps out of it, the oldest first',
    list: 'RecentLine',
    handle: ({ source }) => source.recent(),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/messages',
    operationId: 'listRecordedMessages',
    tag: 'support',
    summary:
      'The last messages of peers as octets, the oldest first; none unless PEREGRINE_RECORD_MESSAGES says how much',
    list: 'RecordedMessage',
    handle: ({ source }) => source.messages(),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/support-dump',
    operationId: 'listSupportDump',
    tag: 'support',
    summary:
      'Configuration, sessions, kernel, Adj-RIB-In and recent lines without secrets, as `peregrine replay` reads them',
    access: 'write',
    list: 'DumpPart',
    handle: ({ source }) => source.supportDump(),
  }),
];
