/**
 * What one life of the daemon leaves for the next about its restart: which peers had sessions of graceful restart, and
 * whether there were kernel routes. It says whether this is a restart (R bit of RFC 4724 3), whether forwarding was
 * preserved (F bit), and whom it is worth waiting for. Whoever keeps it across lives (src/restart-state.ts) need not
 * succeed: everything works without, only less exactly.
 */

import type { BfdSnapshot } from '../../bgp/bfd/session.ts';

export interface RememberedRestart {
  /** Of the machine and network namespace: in another one nothing of our forwarding is left. */
  readonly place: string;
  /** By family index: we had routes in the kernel. */
  readonly hadKernelRoutes: readonly [boolean, boolean];
  /** Names of peers whose routes we had or still waited for, and that take part in graceful restart. */
  readonly peers: readonly string[];
  /** BFD sessions that were Up, by key (src/bfd/service.ts): the next life goes on with them. */
  readonly bfd: Readonly<Record<string, BfdSnapshot>>;
}

export interface RestartMemory {
  /** Of the earlier life; null: nothing is known of one. */
  readonly earlier: RememberedRestart | null;
  /** Where this life runs, as `place` above. */
  readonly place: string;
  /** Keeps it soon, beside what was said before. Nothing is kept before `peers` has been said. */
  remember(state: Partial<Omit<RememberedRestart, 'place'>>): void;
  /** Keeps what was said last; resolves when that is done or has failed. */
  flush(): Promise<void>;
  /** The peers have been told goodbye: the next life is no restart to them. */
  forget(): Promise<void>;
}

/** For speakers that keep nothing. */
export const NO_MEMORY: RestartMemory = {
  earlier: null,
  place: '',
  remember: () => {},
  flush: () => Promise.resolve(),
  forget: () => Promise.resolve(),
};

export interface StartCircumstances {
  /** Our routes that were found in the kernel, by family index. */
  readonly adopted: readonly [number, number];
  /** False: nothing of the forwarding is ours (kernel none, or routes are programmed by somebody else). */
  readonly programsRoutes: boolean;
  readonly earlier: RememberedRestart | null;
  readonly place: string;
}

/** R and F bits of the OPENs that follow a start. */
export function restartBits(start: StartCircumstances): {
  readonly isRestarting: boolean;
  readonly forwardingPreserved: readonly [boolean, boolean];
} {
  const { adopted, programsRoutes, earlier } = start;
  const isAdopting = adopted[0] + adopted[1] > 0;
  const isRestarting = earlier !== null || isAdopting;
  // Nothing that we do forwards, so nothing of it can be lost.
  if (!programsRoutes) return { isRestarting, forwardingPreserved: [true, true] };
  const isSamePlace = isAdopting || (earlier !== null && earlier.place === start.place);
  const isPreserved = (family: 0 | 1): boolean =>
    adopted[family] > 0 || (isSamePlace && earlier?.hadKernelRoutes[family] !== true);
  return { isRestarting, forwardingPreserved: [isPreserved(0), isPreserved(1)] };
}
