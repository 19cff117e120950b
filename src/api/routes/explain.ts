/** Why things are as they are. */

import * as z from 'zod';
import { PeerParams } from '../requests.ts';
import { type ApiRoute, documentRoute } from '../route.ts';

const PrefixQuery = z.strictObject({
  prefix: z.string().describe('a prefix, or an address: then the prefix that it is routed by'),
});

export const explainRoutes: readonly ApiRoute[] = [
  documentRoute({
    method: 'GET',
    path: '/v1/explain/route',
    operationId: 'explainRoute',
    tag: 'explain',
    summary: 'Every candidate for a prefix, whether it may be selected, and the step of the decision that decided',
    refusals: [404, 409],
    query: PrefixQuery,
    document: 'RouteExplanation',
    handle: ({ source, query }) => source.explainRoute(query.prefix),
  }),
  documentRoute({
    method: 'GET',
    path: '/v1/explain/advertised/{peer}',
    operationId: 'explainAdvertised',
    tag: 'explain',
    summary: 'Why the peer is told a prefix or not: each rule that ran and its verdict',
    refusals: [404, 409],
    params: PeerParams,
    query: PrefixQuery,
    document: 'AdvertisedExplanation',
    handle: ({ source, params, query }) => source.explainAdvertised(params.peer, query.prefix),
  }),
  documentRoute({
    method: 'GET',
    path: '/v1/explain/kernel',
    operationId: 'explainKernel',
    tag: 'explain',
    summary: "Why a prefix is in the kernel's table or not",
    refusals: [404, 409],
    query: PrefixQuery,
    document: 'KernelExplanation',
    handle: ({ source, query }) => source.explainKernel(query.prefix),
  }),
  documentRoute({
    method: 'GET',
    path: '/v1/explain/peer/{peer}',
    operationId: 'explainPeer',
    tag: 'explain',
    summary: 'What a session waits for, what is likely to be wrong, and what to do',
    refusals: [404, 409],
    params: PeerParams,
    document: 'PeerExplanation',
    handle: ({ source, params }) => source.explainPeer(params.peer),
  }),
];
