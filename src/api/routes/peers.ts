/** Peers: their sessions, their Adj-RIBs, what can be done to them. */

import * as z from 'zod';
import { PEER_ACTIONS, type PeerAction } from '../peer-actions.ts';
import { PeerParams, PeerRouteQuery, RouteQuery } from '../requests.ts';
import { type ApiRoute, documentRoute, listRoute } from '../route.ts';

const LogLevelBody = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error']).nullable().describe('null: as much as about everything'),
});

export const peerRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/peers',
    operationId: 'listPeers',
    tag: 'peers',
    summary: 'Every session with its state, counters, what was negotiated, why it is down',
    list: 'Peer',
    handle: ({ source }) => source.peers(),
  }),
  documentRoute({
    method: 'GET',
    path: '/v1/peers/{peer}',
    operationId: 'getPeer',
    tag: 'peers',
    summary: 'One session, with its timers and the capabilities of both OPENs',
    refusals: [404],
    params: PeerParams,
    document: 'PeerDetail',
    handle: ({ source, params }) => source.peer(params.peer),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/peers/{peer}/received',
    operationId: 'listReceived',
    tag: 'routes',
    summary: 'What the peer sent, before policy, and why a path is not eligible',
    refusals: [404],
    params: PeerParams,
    query: PeerRouteQuery,
    list: 'Received',
    handle: ({ source, params, query }) => source.received(params.peer, query),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/peers/{peer}/advertised',
    operationId: 'listAdvertised',
    tag: 'routes',
    summary: 'What the peer was told',
    refusals: [404],
    params: PeerParams,
    query: RouteQuery,
    list: 'Advertised',
    handle: ({ source, params, query }) => source.advertised(params.peer, query),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/peers/{peer}/accepted',
    operationId: 'listAccepted',
    tag: 'routes',
    summary: 'What is left of it after import policy, with the attributes that the policy made',
    refusals: [404],
    params: PeerParams,
    query: PeerRouteQuery,
    list: 'Accepted',
    handle: ({ source, params, query }) => source.accepted(params.peer, query),
  }),
  documentRoute({
    method: 'PUT',
    path: '/v1/peers/{peer}/log-level',
    operationId: 'setPeerLogLevel',
    tag: 'actions',
    summary: 'How much is logged about this peer, until the daemon or the peer ends',
    refusals: [404],
    params: PeerParams,
    body: LogLevelBody,
    document: 'Done',
    handle: ({ source, params, body }) => source.setPeerLogLevel(params.peer, body.level),
  }),
  ...Object.entries(PEER_ACTIONS).map(([action, summary]) =>
    documentRoute({
      method: 'POST',
      path: `/v1/peers/{peer}/${action}`,
      operationId: operationIdOf(action),
      tag: 'actions',
      summary,
      refusals: [404, 409],
      params: PeerParams,
      document: 'Done',
      handle: ({ source, params }) => source.act(params.peer, action as PeerAction),
    }),
  ),
];

/** `refresh-in` is refreshInPeer. */
function operationIdOf(action: string): string {
  return `${action.replace(/-(\w)/, (_, letter: string) => letter.toUpperCase())}Peer`;
}
