/**
 * The back end that never touches a kernel: for pure route reflectors and machines without rtnetlink. It accepts every
 * wish, learns nothing and loads no native code; the RIB then treats every next hop as resolvable.
 */

import { networkInterfaces } from 'node:os';
import type { Fib, FibCounters } from './fib.ts';

/** A Fib that forgets what it is told. */
export function createFibNone(): Fib {
  const counters: FibCounters = {
    installed: [0, 0],
    stale: 0,
    added: 0,
    changed: 0,
    deleted: 0,
    failed: 0,
    requests: 0,
    nextHopObjects: 0,
    restored: 0,
    resyncs: 0,
  };
  return {
    backend: 'none',
    start: () => Promise.resolve({ adopted: [0, 0], learned: 0 }),
    replace: () => {},
    remove: () => {},
    moreToCome: () => {},
    sweepStale: () => 0,
    resync: () => Promise.resolve(),
    settled: () => Promise.resolve(),
    status: () => ({ state: 'installed', failure: null, rival: null }),
    problem: () => null,
    failures: () => [],
    links: () => [],
    addresses: () => [],
    // Link-local peers need a scope even here; Node knows the scope of every IPv6 link-local address.
    interfaceIndex: (name) => {
      for (const address of networkInterfaces()[name] ?? []) {
        if (address.family === 'IPv6' && address.scopeid !== 0) return address.scopeid;
      }
      return 0;
    },
    interfaceName: (index) => {
      for (const [name, list] of Object.entries(networkInterfaces())) {
        for (const address of list ?? []) {
          if (address.family === 'IPv6' && address.scopeid === index) return name;
        }
      }
      return '';
    },
    counters: () => ({ ...counters, installed: [0, 0] }),
    close: () => {},
  };
}
