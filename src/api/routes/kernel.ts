/** Towards the kernel, and what routes depend on. */

import { type ApiRoute, listRoute } from '../route.ts';

export const kernelRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/kernel',
    operationId: 'listKernelRoutes',
    tag: 'kernel',
    summary: 'Routes that were given to the kernel, and which of them it refused',
    list: 'KernelRoute',
    handle: ({ source }) => source.kernel(),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/next-hops',
    operationId: 'listNextHops',
    tag: 'kernel',
    summary: 'Every next hop that some route names, and how it is reached',
    list: 'NextHop',
    handle: ({ source }) => source.nextHops(),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/interfaces',
    operationId: 'listInterfaces',
    tag: 'kernel',
    summary: 'Interfaces and their addresses, as the kernel told; none when the kernel is not used',
    list: 'Interface',
    handle: ({ source }) => source.interfaces(),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/policies',
    operationId: 'listPolicies',
    tag: 'configuration',
    summary: 'Every policy in force, and what it is used for',
    list: 'Policy',
    handle: ({ source }) => source.policies(),
  }),
  listRoute({
    method: 'GET',
    path: '/v1/update-groups',
    operationId: 'listUpdateGroups',
    tag: 'peers',
    summary: 'Peers that are told the same, and how far behind they are',
    list: 'UpdateGroup',
    handle: ({ source }) => source.updateGroups(),
  }),
];
