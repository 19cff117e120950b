/**
 * What the compliance suite needs of a datastore under test: a way to write into it that does not go through the
 * daemon's own code, and a way to make its life hard. Each back end brings one (directory.test.ts, etcd.test.ts ...).
 */

import type { Datastore } from '../../confd/datastore/datastore.ts';

export type StoredKind = 'Node' | 'BGPConfiguration' | 'BGPPeer' | 'BGPFilter' | 'IPPool' | 'BlockAffinity';

/** A resource as `calicoctl get -o json` prints it; the harness turns it into what its datastore holds. */
export interface StoredObject {
  readonly apiVersion: 'projectcalico.org/v3';
  readonly kind: StoredKind;
  readonly metadata: { readonly name: string; readonly labels?: { readonly [label: string]: string } };
  readonly spec: { readonly [field: string]: unknown };
}

export interface DatastoreHarness {
  /** A datastore as the daemon of node OWN_NODE would open it. Called several times in one harness. */
  open(): Datastore;

  /** Creates or replaces. Resolves when the datastore has taken it. Works while the daemon's side is disconnected. */
  put(object: StoredObject): Promise<void>;
  /** Many new ones, as fast as the datastore takes them. */
  putMany(objects: readonly StoredObject[]): Promise<void>;
  /** Deletes one that is there. `object` is what was last put. */
  remove(object: StoredObject): Promise<void>;
  /** Empties the datastore, and undoes disconnect. */
  clear(): Promise<void>;

  /** From now on the daemon cannot reach the datastore; what was open is broken. */
  disconnect(): Promise<void>;
  reconnect(): Promise<void>;

  /** Breaks what is open; the datastore can be reached again at once. */
  breakConnections(): Promise<void>;
  /** Ends the server without warning and starts it again with the same data. */
  restartServer(): Promise<void>;
  /** Makes changes up to now unavailable to those who were away (compaction): they have to list anew. */
  forgetHistory(): Promise<void>;

  close(): Promise<void>;
}

export interface DatastoreUnderTest {
  /** Why it cannot be tested here, or null. Skips, but fails when CI is set. */
  readonly missing: string | null;
  start(): Promise<DatastoreHarness>;
  /** `breakConnections` and `restartServer` mean something. */
  readonly hasServer: boolean;
  /** `forgetHistory` means something. */
  readonly hasHistory: boolean;
  /** It takes an IPPool with the CIDR `10.0.0.0/99`. */
  readonly takesBadValues: boolean;
  /** Each version of a resource is delivered, not only the last one of several quick ones. */
  readonly deliversEveryVersion: boolean;
  /** How many resources the listing test writes. */
  readonly bulkCount: number;
}

/** The node whose daemon opens the datastore. */
export const OWN_NODE = 'own-node';
