/**
 * What a datastore back end is to the rest of the daemon: something that is started once, hands over batches of
 * resource changes in order, says when it has delivered everything there is, and goes on delivering. etcd, Kubernetes
 * and a directory of files fit behind it (sections 1.3.2, 1.4.5 and 7.1 of Calico's semantics).
 *
 * Rules that every back end keeps:
 * - Batches that precede a status are delivered before it. `in-sync` is said only after the first complete listing,
 *   and again after every complete re-listing; nothing may be derived before the first `in-sync`.
 * - While a back end is not `in-sync` it deletes nothing: a half-read listing must not tear anything down. When the
 *   datastore returns, the deletes are computed against the complete listing.
 * - Within one kind, changes come in the order of the datastore. A batch is acted upon as a whole.
 */

import type { ResourceBatch } from '../resource-store.ts';

export type DatastorePhase =
  /** Before the first complete listing. */
  | 'starting'
  /** Everything known was delivered, changes arrive as they happen. */
  | 'in-sync'
  /** Connected, but listing anew: what was delivered still stands. */
  | 'resyncing'
  /** The datastore cannot be reached; what was delivered still stands. */
  | 'unreachable';

export interface DatastoreStatus {
  readonly phase: DatastorePhase;
  /** Why it is not in sync, for people; empty when it is. */
  readonly message: string;
  /** Last revision that was delivered. */
  readonly revision: string;
}

export interface DatastoreListener {
  changed(batch: ResourceBatch): void;
  statusChanged(status: DatastoreStatus): void;
}

export interface Datastore {
  /** `directory:/etc/peregrine`, for status and logs. */
  readonly description: string;
  readonly status: DatastoreStatus;
  /** Begins listing and watching. Calls the listener from its own turns, never before this returns. */
  start(listener: DatastoreListener): void;
  /** Stops for good: no call to the listener after the promise is resolved. */
  stop(): Promise<void>;
}

/** Timers, injected so that tests decide when time passes. */
export interface Timers {
  /** Runs `callback` once after `milliseconds`; the result cancels it. */
  schedule(milliseconds: number, callback: () => void): () => void;
}
