/** Towards the kernel. */

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
];
