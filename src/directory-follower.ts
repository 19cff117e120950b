/**
 * Follows a directory of Calico resources for one node: datastore batches into the mirror, the mirror into a desired
 * state, the desired state into the speaker. Nothing is derived before the first complete listing, and a state that
 * says nothing (our node is missing) replaces none that runs.
 */

import type { DatastoreStatus } from '../confd/datastore/datastore.ts';
import { DirectoryDatastore } from '../confd/datastore/directory.ts';
import { derive } from '../confd/derive/derive.ts';
import { DEFAULT_DERIVE_OPTIONS, type DeriveOptions } from '../confd/derive/options.ts';
import { type ResourceBatch, ResourceStore } from '../confd/resource-store.ts';
import type { Log } from './log/log.ts';
import type { Speaker } from './speaker/speaker.ts';

export interface FollowerOptions {
  readonly node: string;
  readonly path: string;
  readonly routerId: string | null;
  readonly kernelBackend: 'netlink' | 'none';
  readonly log: Log;
  readonly speaker: Speaker;
}

export class DirectoryFollower {
  readonly #options: FollowerOptions;
  readonly #derive: DeriveOptions;
  readonly #datastore: DirectoryDatastore;
  readonly #store = new ResourceStore();
  #inSync = false;
  #started = false;
  #failure: ((message: string | null) => void) | null = null;
  /** One derivation at a time; a change that comes meanwhile makes one more. */
  #deriving: Promise<void> = Promise.resolve();
  #isQueued = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#derive = { ...DEFAULT_DERIVE_OPTIONS, routerId: options.routerId, kernelBackend: options.kernelBackend };
    this.#datastore = new DirectoryDatastore(options.path);
  }

  /** Resolves when the speaker runs with a first state (null), or cannot run at all (the reason). */
  start(): Promise<string | null> {
    this.#options.speaker.setSource(this.#datastore.description);
    return new Promise((resolve) => {
      this.#failure = resolve;
      this.#datastore.start({
        changed: (batch) => this.#changed(batch),
        statusChanged: (status) => this.#statusChanged(status),
      });
    });
  }

  stop(): Promise<void> {
    return this.#datastore.stop();
  }

  /** Derives again from what is known; the datastore itself follows its directory without being asked. */
  async rescan(): Promise<void> {
    this.#queue();
    await this.#deriving;
  }

  #changed(batch: ResourceBatch): void {
    this.#store.apply(batch);
    if (this.#inSync) this.#queue();
  }

  #statusChanged(status: DatastoreStatus): void {
    const { log, speaker } = this.#options;
    const inSync = status.phase === 'in-sync';
    speaker.setSourceStatus(inSync, status.message);
    if (inSync !== this.#inSync || !inSync) {
      log[inSync ? 'info' : 'warn'](
        'DATASTORE',
        { phase: status.phase, revision: status.revision },
        status.message || 'in sync',
      );
    }
    this.#inSync = inSync;
    if (inSync) this.#queue();
  }

  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#deriving = this.#deriving.then(async () => {
      this.#isQueued = false;
      await this.#apply();
    });
  }

  async #apply(): Promise<void> {
    const { node, log, speaker } = this.#options;
    const desired = derive(this.#store.snapshot(), node, this.#derive);
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
      await speaker.apply(desired);
      return;
    }
    this.#started = true;
    const failure = await speaker.start(desired);
    this.#settle(failure);
  }

  #settle(failure: string | null): void {
    this.#failure?.(failure);
    this.#failure = null;
  }
}
