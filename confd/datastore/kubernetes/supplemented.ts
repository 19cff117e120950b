/**
 * A datastore whose Calico resources are kept elsewhere (etcd), together with what only the Kubernetes API has: the
 * Secrets that hold passwords, Services and EndpointSlices (section 1.1 of Calico's semantics).
 *
 * Nothing is in sync before both are: a session must not start without the password that it asks for. After that only
 * the main datastore decides; trouble with the API is a condition, and what was known stands. What the main datastore
 * says waits a moment for a Secret that it is the first to refer to.
 */

import type { Condition } from '../../desired-state.ts';
import type { BgpConfigurationResource } from '../../model/bgp-configuration.ts';
import type { BgpPeerResource } from '../../model/bgp-peer.ts';
import type { NodeResource } from '../../model/node.ts';
import type { ResourceBatch, ResourceEvent } from '../../resource-store.ts';
import type { Datastore, DatastoreListener, DatastoreStatus, Timers } from '../datastore.ts';
import { SYSTEM_TIMERS } from '../system-timers.ts';
import { KUBERNETES_TUNING } from './kubernetes.ts';
import type { NeedySources } from './needs.ts';

/** The Kubernetes API as a supplement: a `KubernetesDatastore` that was told to be one. */
export interface Supplement extends Datastore {
  /** Follows what is needed now; in sync only after this was called once. */
  need(sources: NeedySources): void;
  /** Something that was asked for is not known yet. */
  readonly isAwaiting: boolean;
}

export class SupplementedDatastore implements Datastore {
  readonly #main: Datastore;
  readonly #supplement: Supplement;
  readonly #node: string;
  readonly #timers: Timers;
  readonly #peers = new Map<string, BgpPeerResource>();
  readonly #configurations = new Map<string, BgpConfigurationResource>();
  #ownNode: NodeResource | null = null;
  #listener: DatastoreListener | null = null;
  #pending: ResourceEvent[] = [];
  #hasPending = false;
  #cancelHold: (() => void) | null = null;
  #mainConditions: readonly Condition[] = [];
  #supplementConditions: readonly Condition[] = [];
  #hasBeenInSync = false;
  #said = '';
  #isStopped = false;

  constructor(main: Datastore, supplement: Supplement, node: string, timers: Timers = SYSTEM_TIMERS) {
    this.#main = main;
    this.#supplement = supplement;
    this.#node = node;
    this.#timers = timers;
  }

  get description(): string {
    return this.#main.description;
  }

  get status(): DatastoreStatus {
    const main = this.#main.status;
    const supplement = this.#supplement.status;
    const revision = supplement.revision === '' ? main.revision : `${main.revision}+${supplement.revision}`;
    if (main.phase !== 'in-sync' || this.#hasBeenInSync || supplement.phase === 'in-sync') return { ...main, revision };
    const phase = supplement.phase === 'unreachable' ? 'unreachable' : 'starting';
    return { phase, message: `${this.#supplement.description}: ${supplement.message}`, revision };
  }

  start(listener: DatastoreListener): void {
    if (this.#listener !== null) throw new Error('A datastore is started once');
    this.#listener = listener;
    this.#main.start({
      changed: (batch) => this.#mainChanged(batch),
      statusChanged: () => this.#mainStatusChanged(),
    });
    this.#supplement.start({
      changed: (batch) => this.#supplementChanged(batch),
      statusChanged: () => this.#tellStatus(),
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelHold?.();
    await Promise.all([this.#main.stop(), this.#supplement.stop()]);
  }

  #mainChanged(batch: ResourceBatch): void {
    let asks = false;
    for (const event of batch.events) asks = this.#note(event) || asks;
    this.#mainConditions = batch.conditions;
    this.#add(batch.events);
    if (this.#main.status.phase !== 'in-sync') return this.#deliver();
    if (asks) this.#need();
    this.#deliverSoon();
  }

  #mainStatusChanged(): void {
    // From the first complete listing on it is known what is needed.
    if (this.#main.status.phase === 'in-sync') this.#need();
    this.#deliver();
    this.#tellStatus();
  }

  #supplementChanged(batch: ResourceBatch): void {
    this.#supplementConditions = batch.conditions;
    this.#add(batch.events);
    this.#deliver();
  }

  /** Keeps what says what is needed. True when this does. */
  #note(event: ResourceEvent): boolean {
    const { kind, name } = event.type === 'set' ? event.resource : event.key;
    // A refusal leaves the last good form in force.
    if (event.type === 'refused') return false;
    if (event.type === 'deleted') {
      if (kind === 'Node' && name === this.#node) this.#ownNode = null;
      else if (kind === 'BGPPeer') return this.#peers.delete(name);
      else if (kind === 'BGPConfiguration') return this.#configurations.delete(name);
      return kind === 'Node' && name === this.#node;
    }
    const { resource } = event;
    if (resource.kind === 'BGPPeer') this.#peers.set(name, resource);
    else if (resource.kind === 'BGPConfiguration') this.#configurations.set(name, resource);
    else if (resource.kind === 'Node' && name === this.#node) this.#ownNode = resource;
    else return false;
    return true;
  }

  #need(): void {
    this.#supplement.need({
      ownNode: this.#ownNode,
      peers: [...this.#peers.values()],
      configurations: [...this.#configurations.values()],
    });
  }

  #add(events: readonly ResourceEvent[]): void {
    this.#pending.push(...events);
    this.#hasPending = true;
  }

  /** At once, unless something that was asked for is still to come. */
  #deliverSoon(): void {
    if (!this.#hasBeenInSync || !this.#supplement.isAwaiting) return this.#deliver();
    this.#cancelHold ??= this.#timers.schedule(KUBERNETES_TUNING.holdMs, () => this.#deliver());
  }

  #deliver(): void {
    this.#cancelHold?.();
    this.#cancelHold = null;
    if (this.#isStopped || !this.#hasPending || this.#main.status.revision === '') return;
    const events = this.#pending;
    this.#pending = [];
    this.#hasPending = false;
    const conditions = [...this.#mainConditions, ...this.#supplementConditions];
    this.#listener?.changed({ events, revision: this.status.revision, conditions });
  }

  #tellStatus(): void {
    const { status } = this;
    if (status.phase === 'in-sync') this.#hasBeenInSync = true;
    const said = `${status.phase} ${status.message}`;
    if (this.#isStopped || said === this.#said) return;
    this.#said = said;
    this.#listener?.statusChanged(status);
  }
}
