/** The kernel of a replay: tells what was recorded, and takes every wish without a kernel behind it. */

import type { Fib, InterfaceAddress, KernelLink, KernelListener, KernelRoute } from '../kernel/fib.ts';
import { createFibNone } from '../kernel/fib-none.ts';

export interface RecordedKernel {
  readonly links: readonly KernelLink[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly KernelRoute[];
}

export function createReplayFib({ links, addresses, routes }: RecordedKernel, listener: KernelListener): Fib {
  return {
    ...createFibNone(),
    backend: 'netlink',
    start: () => {
      for (const link of links) listener.linkChanged(link);
      for (const address of addresses) listener.addressAdded(address);
      for (const route of routes) listener.routeLearned(route);
      return Promise.resolve({ adopted: [0, 0], learned: routes.length });
    },
    status: () => ({ state: 'pending', failure: null, rival: null }),
    links: () => [...links],
    addresses: () => [...addresses],
    interfaceIndex: (name) => links.find((link) => link.name === name)?.index ?? 0,
    interfaceName: (index) => links.find((link) => link.index === index)?.name ?? '',
  };
}
