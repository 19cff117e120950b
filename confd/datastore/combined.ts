/**
 * A datastore together with what this host adds to it, as one datastore: workloads that are BGP peers are known to Felix
 * on their node only (section 3.8 of Calico's semantics).
 *
 * Nothing is said to be in sync before both have been looked at once (section 7.1). Afterwards only the datastore
 * counts: a directory of this host that cannot be read any more leaves what is known of it as it was, which is a
 * condition and no reason to hold everything else up.
 */

import type { Condition } from '../desired-state.ts';
import { formatKey } from '../model/resource.ts';
import type { ResourceBatch, ResourceEvent } from '../resource-store.ts';
import type { Datastore, DatastoreListener, DatastoreStatus } from './datastore.ts';

export class CombinedDatastore implements Datastore {
  readonly #main: Datastore;
  readonly #local: Datastore;
  readonly #localKeys = new Set<string>();
  #listener: DatastoreListener | null = null;
  #mainConditions: readonly Condition[] = [];
  #localConditions: readonly Condition[] = [];
  /** Why what is known of the host may be old. */
  #localFailure: readonly Condition[] = [];
  /** What the host had to say before the datastore said anything. */
  #early: ResourceEvent[] = [];
  #hasDelivered = false;
  #isLocalKnown = false;
  #said = '';

  constructor(main: Datastore, local: Datastore) {
    this.#main = main;
    this.#local = local;
  }

  get description(): string {
    return this.#main.description;
  }

  get status(): DatastoreStatus {
    const { phase, message } = this.#main.status;
    const revision = this.#revision(this.#main.status.revision);
    if (phase !== 'in-sync' || this.#isLocalKnown) return { phase, message, revision };
    return { phase: 'starting', message: `reading ${this.#local.description}`, revision };
  }

  start(listener: DatastoreListener): void {
    if (this.#listener !== null) throw new Error('A datastore is started once');
    this.#listener = listener;
    this.#main.start({
      changed: (batch) => this.#mainChanged(batch),
      statusChanged: () => this.#tellStatus(),
    });
    this.#local.start({
      changed: (batch) => this.#localChanged(batch),
      statusChanged: (status) => this.#localStatusChanged(status),
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#main.stop(), this.#local.stop()]);
  }

  #mainChanged(batch: ResourceBatch): void {
    this.#mainConditions = batch.conditions;
    this.#hasDelivered = true;
    const events = [...this.#early, ...batch.events];
    this.#early = [];
    this.#deliver(events, batch.revision);
  }

  #localChanged(batch: ResourceBatch): void {
    for (const event of batch.events) {
      const key = formatKey(event.type === 'set' ? event.resource : event.key);
      if (event.type === 'deleted') this.#localKeys.delete(key);
      else this.#localKeys.add(key);
    }
    this.#localConditions = batch.conditions;
    if (this.#hasDelivered) this.#deliver(batch.events, this.#main.status.revision);
    else this.#early.push(...batch.events);
  }

  #localStatusChanged(status: DatastoreStatus): void {
    if (status.phase === 'starting' || status.phase === 'resyncing') return;
    const wasFailing = this.#localFailure.length > 0;
    this.#localFailure = status.phase === 'unreachable' ? [this.#failure(status.message)] : [];
    if (this.#hasDelivered && (wasFailing || this.#localFailure.length > 0)) {
      this.#deliver([], this.#main.status.revision);
    }
    this.#isLocalKnown = true;
    this.#tellStatus();
  }

  #failure(message: string): Condition {
    return {
      resource: this.#local.description,
      field: '',
      message: `${message}: local workload peers stay as they are`,
      severity: 'error',
    };
  }

  #deliver(events: readonly ResourceEvent[], mainRevision: string): void {
    const conditions = [...this.#mainConditions, ...this.#localFailure, ...this.#localConditions];
    this.#listener?.changed({ events, revision: this.#revision(mainRevision), conditions });
  }

  /** The datastore's, and as long as there are local workloads, theirs. */
  #revision(mainRevision: string): string {
    return this.#localKeys.size === 0 ? mainRevision : `${mainRevision}+${this.#local.status.revision}`;
  }

  #tellStatus(): void {
    const { status } = this;
    const said = `${status.phase} ${status.message}`;
    if (said === this.#said) return;
    this.#said = said;
    this.#listener?.statusChanged(status);
  }
}
