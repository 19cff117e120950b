/**
 * Follows Calico's resources for one node: datastore batches into the mirror, the mirror into a desired state, the
 * desired state into the speaker. Nothing is derived before the first complete listing, and a state that says nothing
 * (our node is missing) replaces none that runs.
 */

import { CombinedDatastore } from '../confd/datastore/combined.ts';
import type { Datastore, DatastoreStatus } from '../confd/datastore/datastore.ts';
import { openEndpointStatus } from '../confd/datastore/endpoint-status.ts';
import { type DatastoreSpec, openDatastore } from '../confd/datastore/open.ts';
import { IncrementalDeriver } from '../confd/derive/derive.ts';
import type { ResourceBatch } from '../confd/resource-store.ts';
import { calicoEnvironment } from './calico-environment.ts';
import type { Log } from './log/log.ts';
import type { Speaker } from './speaker/speaker.ts';

export interface FollowerOptions {
  readonly node: string;
  readonly spec: DatastoreSpec;
  readonly routerId: string | null;
  readonly kernelBackend: 'netlink' | 'none';
  readonly log: Log;
  readonly speaker: Speaker;
}

/** What is followed once the environment has been read. */
interface Source {
  readonly datastore: Datastore;
  readonly deriver: IncrementalDeriver;
}

export class DatastoreFollower {
  readonly #options: FollowerOptions;
  #source: Source | null = null;
  #inSync = false;
  #started = false;
  #generation = '';
  #failure: ((message: string | null) => void) | null = null;
  /** One derivation at a time; a change that comes meanwhile makes one more. */
  #deriving: Promise<void> = Promise.resolve();
  #isQueued = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Resolves when the speaker runs with a first state (null), or cannot run at all (the reason). */
  async start(): Promise<string | null> {
    const { node, spec, routerId, kernelBackend, speaker } = this.#options;
    const read = calicoEnvironment(process.env);
    if (!read.ok) return read.reason;
    const opened = await openDatastore(spec, node, process.env);
    if (!opened.ok) return opened.problems.join('; ');
    const { options, statusPathPrefix } = read.environment;
    const deriver = new IncrementalDeriver(node, { ...options, routerId: routerId ?? options.routerId, kernelBackend });
    const datastore = new CombinedDatastore(opened.datastore, openEndpointStatus(statusPathPrefix));
    const source = { datastore, deriver };
    this.#source = source;
    speaker.setSource(datastore.description);
    return new Promise((resolve) => {
      this.#failure = resolve;
      datastore.start({
        changed: (batch) => this.#changed(source, batch),
        statusChanged: (status) => this.#statusChanged(source, status),
      });
    });
  }

  async stop(): Promise<void> {
    await this.#source?.datastore.stop();
  }

  /** Derives again from what is known; the datastore itself follows its source without being asked. */
  async rescan(): Promise<void> {
    if (this.#source !== null && this.#inSync) this.#queue(this.#source);
    await this.#deriving;
  }

  #changed(source: Source, batch: ResourceBatch): void {
    this.#options.speaker.convergence.changed();
    source.deriver.apply(batch);
    if (this.#inSync) this.#queue(source);
  }

  #statusChanged(source: Source, status: DatastoreStatus): void {
    const { log, speaker } = this.#options;
    const inSync = status.phase === 'in-sync';
    speaker.setSourceStatus(inSync, status.message);
    if (inSync !== this.#inSync || !inSync) {
      log[status.phase === 'unreachable' ? 'warn' : 'info'](
        'DATASTORE',
        { phase: status.phase, revision: status.revision },
        status.message || 'in sync',
      );
    }
    this.#inSync = inSync;
    if (inSync) this.#queue(source);
    // The daemon is up and waits; a signal can end it, and the control socket says for what it waits.
    if (status.phase === 'unreachable') this.#settle(null);
  }

  #queue(source: Source): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#deriving = this.#deriving.then(async () => {
      this.#isQueued = false;
      await this.#apply(source.deriver);
    });
  }

  async #apply(deriver: IncrementalDeriver): Promise<void> {
    const { node, log, speaker } = this.#options;
    const changedAtMs = speaker.convergence.take();
    const desired = deriver.derive();
    this.#reportGeneration(deriver);
    speaker.setDesiredRevision(desired.revision, desired.conditions);
    if (desired.incomplete !== undefined) {
      log.warn(
        'DERIVE_INCOMPLETE',
        { node, revision: desired.revision },
        `nothing can be derived: ${desired.incomplete}`,
      );
      // The daemon is up and waits; the control socket says for what.
      this.#settle(null);
      return;
    }
    if (this.#started) {
      await speaker.apply(desired, changedAtMs);
      return;
    }
    this.#started = true;
    const failure = await speaker.start(desired);
    this.#settle(failure);
  }

  #reportGeneration({ generation: decision }: IncrementalDeriver): void {
    if (decision === null || decision.generation === this.#generation) return;
    this.#generation = decision.generation;
    const { generation, because } = decision;
    this.#options.log.info('CALICO_GENERATION', { generation }, `the rules of Calico ${generation} count: ${because}`);
  }

  #settle(failure: string | null): void {
    this.#failure?.(failure);
    this.#failure = null;
  }
}
