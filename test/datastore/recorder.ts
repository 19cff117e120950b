/**
 * What a datastore says, written down, with the rules of confd/datastore/datastore.ts checked at every call: nothing
 * before start has returned, nothing after stop, no event that changes nothing, no revision that is missing.
 */

import type { Datastore, DatastoreListener, DatastorePhase, DatastoreStatus } from '../../confd/datastore/datastore.ts';
import { formatKey, type Resource } from '../../confd/model/resource.ts';
import { type ResourceBatch, type ResourceEvent, ResourceStore, type Resources } from '../../confd/resource-store.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;

/** One follower of one datastore, as the daemon is one. */
export class Recorder implements DatastoreListener {
  readonly batches: ResourceBatch[] = [];
  readonly phases: DatastorePhase[] = [];
  /** Broken rules, in words; empty in a test that passes. */
  readonly violations: string[] = [];
  readonly #datastore: Datastore;
  readonly #store = new ResourceStore();
  readonly #contents = new Map<string, string>();
  #isOpen = false;

  constructor(datastore: Datastore) {
    this.#datastore = datastore;
  }

  start(): void {
    this.#datastore.start(this);
    this.#isOpen = true;
  }

  async stop(): Promise<void> {
    await this.#datastore.stop();
    this.#isOpen = false;
  }

  get status(): DatastoreStatus {
    return this.#datastore.status;
  }

  /** All events so far, in order. */
  get events(): readonly ResourceEvent[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  get resources(): Resources {
    return this.#store.snapshot();
  }

  changed(batch: ResourceBatch): void {
    if (!this.#isOpen) this.violations.push('a batch before start had returned or after stop');
    if (batch.revision === '') this.violations.push('a batch without revision');
    for (const event of batch.events) this.#checkEvent(event);
    this.batches.push(batch);
    this.#store.apply(batch);
  }

  statusChanged(status: DatastoreStatus): void {
    if (!this.#isOpen) this.violations.push('a status before start had returned or after stop');
    if (status.phase === 'in-sync' && status.message !== '') this.violations.push(`in sync, but "${status.message}"`);
    if (status.phase !== 'in-sync' && status.message === '') this.violations.push(`${status.phase} without a reason`);
    if (status.phase === 'in-sync' && status.revision === '') this.violations.push('in sync without a revision');
    this.phases.push(status.phase);
  }

  /** Waits until the resources are as `isWanted` says. */
  async sees(what: string, isWanted: (resources: Resources) => boolean): Promise<void> {
    await waitUntil(
      what,
      DEADLINE_MS,
      () => summary(this.resources),
      () => isWanted(this.resources),
    );
  }

  async reaches(phase: DatastorePhase): Promise<void> {
    await waitUntil(
      `the phase ${phase}`,
      DEADLINE_MS,
      () => this.status,
      (status) => status.phase === phase,
    );
  }

  #checkEvent(event: ResourceEvent): void {
    const key = formatKey(event.type === 'set' ? event.resource : event.key);
    const before = this.#contents.get(key);
    if (event.type === 'deleted') {
      if (before === undefined) this.violations.push(`${key} was deleted, but nobody knew it`);
      this.#contents.delete(key);
      return;
    }
    const content = JSON.stringify(event);
    if (content === before) this.violations.push(`${key} was said twice with the same content`);
    this.#contents.set(key, content);
  }
}

/** Resources as `Kind/name` to the field that the tests of datastores vary. */
export function summary(resources: Resources): { readonly [key: string]: string | number | null } {
  const all: Resource[] = [
    ...resources.nodes.values(),
    ...resources.bgpConfigurations.values(),
    ...resources.bgpPeers.values(),
    ...resources.bgpFilters.values(),
    ...resources.ipPools.values(),
    ...resources.blockAffinities.values(),
  ];
  const entries = all.map((resource): [string, string | number | null] => [formatKey(resource), essence(resource)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function essence(resource: Resource): string | number | null {
  switch (resource.kind) {
    case 'Node':
      return resource.asNumber;
    case 'BGPConfiguration':
      return resource.listenPort;
    case 'BGPPeer':
      return resource.asNumber;
    case 'BGPFilter':
      return resource.importV4.length;
    case 'IPPool':
      return resource.cidr;
    case 'BlockAffinity':
      return `${resource.node} ${resource.cidr} ${resource.state}`;
    default:
      return '';
  }
}
