/**
 * Fills in the CalicoNodeStatus objects of this node, as calico-node's own reporter does: at once when one appears or its
 * specification changes, then every `updatePeriodSeconds`; nothing is written while nothing has changed. A conflict is
 * tried again with the newer object, three times in all.
 */

import type { Timers } from '../../confd/datastore/datastore.ts';
import type { ApiClient, ReadOutcome } from '../../confd/datastore/kubernetes/api-client.ts';
import type { ApiFailure } from '../../confd/datastore/kubernetes/api-failure.ts';
import type { Log } from '../log/log.ts';
import { type FollowedClient, ObjectFollower } from './follower.ts';
import { asRecord, nameOf, readRequest, type StatusClass, type StatusRequest, type StoredObject } from './resource.ts';
import type { BuiltStatus } from './status.ts';

const TRIES = 3;
/** Reports of many nodes that were started together drift apart by this share of the period. */
const JITTER = 0.1;

export interface ReporterOptions {
  readonly client: FollowedClient & Pick<ApiClient, 'read' | 'write'>;
  /** Of the collection. */
  readonly path: string;
  readonly node: string;
  readonly build: (classes: readonly StatusClass[]) => Promise<BuiltStatus>;
  readonly log: Log;
  readonly timers: Timers;
  readonly random: () => number;
  readonly wallMs: () => number;
}

interface Followed {
  request: StatusRequest;
  cancel: () => void;
  isReporting: boolean;
}

export class NodeStatusReporter {
  readonly #options: ReporterOptions;
  readonly #follower: ObjectFollower;
  readonly #followed = new Map<string, Followed>();
  /** What was said of each object last, so that it is said once. */
  readonly #said = new Map<string, string>();
  /** The CRD has a `status` sub-resource; older ones have not, and are written as a whole. */
  #hasSubresource = true;
  #isStopped = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#follower = new ObjectFollower(options.client, options.path, options, {
      changed: (object) => this.#changed(object),
      removed: (name) => this.#removed(name),
      failed: (failure) => this.#say('', `CalicoNodeStatus objects cannot be followed: ${failure.message}`),
    });
  }

  start(): void {
    this.#follower.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.#follower.stop();
    for (const { cancel } of this.#followed.values()) cancel();
  }

  #changed(object: unknown): void {
    const outcome = readRequest(object, this.#options.node);
    if (outcome.kind !== 'ours') {
      this.#removed(nameOf(object));
      if (outcome.kind === 'refused') this.#say(outcome.name, `CalicoNodeStatus ${outcome.name}: ${outcome.reason}`);
      return;
    }
    const { request } = outcome;
    const known = this.#followed.get(request.name);
    const isNews = known === undefined || known.request.generation !== request.generation;
    const followed = known ?? { request, cancel: () => {}, isReporting: false };
    followed.request = request;
    this.#followed.set(request.name, followed);
    if (!isNews) return;
    followed.cancel();
    this.#tick(followed);
  }

  #removed(name: string): void {
    this.#followed.get(name)?.cancel();
    this.#followed.delete(name);
    this.#said.delete(name);
  }

  #tick(followed: Followed): void {
    const { updatePeriodSeconds } = followed.request;
    if (updatePeriodSeconds > 0) {
      const spread = 1 + JITTER * (this.#options.random() - 0.5);
      followed.cancel = this.#options.timers.schedule(updatePeriodSeconds * 1000 * spread, () => this.#tick(followed));
    }
    if (!followed.isReporting) void this.#report(followed);
  }

  async #report(followed: Followed): Promise<void> {
    followed.isReporting = true;
    try {
      const { name, classes, generation } = followed.request;
      const { status, routesOmitted } = await this.#options.build(classes);
      if (routesOmitted > 0) {
        this.#say(name, `CalicoNodeStatus ${name}: too many routes for one object, ${routesOmitted} were left out`);
      }
      const failure = await this.#write(followed, status);
      if (failure !== null) this.#say(name, `CalicoNodeStatus ${name} cannot be written: ${failure.message}`);
      else if (routesOmitted === 0) this.#said.delete(name);
      // The specification changed while its old form was reported.
      if (followed.request.generation !== generation && !this.#isStopped) this.#tickAgain(followed);
    } finally {
      followed.isReporting = false;
    }
  }

  #tickAgain(followed: Followed): void {
    followed.cancel();
    followed.cancel = this.#options.timers.schedule(0, () => this.#tick(followed));
  }

  /** null: written, or nothing to write. */
  async #write(followed: Followed, status: object): Promise<ApiFailure | null> {
    const { client, path } = this.#options;
    const own = `${path}/${encodeURIComponent(followed.request.name)}`;
    let { object } = followed.request;
    for (let tries = 1; ; tries++) {
      if (this.#isStopped || isSame(object.status, status)) return null;
      const outcome = await this.#put(own, { ...object, status: { ...status, lastUpdated: this.#now() } });
      if (outcome.ok) {
        const { value } = outcome;
        // The watch tells it again, perhaps much later.
        if (nameOf(value) === followed.request.name)
          followed.request = { ...followed.request, object: value as StoredObject };
        return null;
      }
      if (outcome.failure.status !== 409 || tries === TRIES) return outcome.failure;
      const read = await client.read(own);
      if (!read.ok) return read.failure;
      object = read.value as StoredObject;
    }
  }

  async #put(own: string, object: object): Promise<ReadOutcome> {
    const write = { method: 'PUT', contentType: 'application/json', body: JSON.stringify(object) } as const;
    const { client } = this.#options;
    if (!this.#hasSubresource) return client.write(own, write);
    const outcome = await client.write(`${own}/status`, write);
    if (outcome.ok || outcome.failure.status !== 404) return outcome;
    // Either the object is gone, or its kind has no such sub-resource: writing the whole object tells.
    const whole = await client.write(own, write);
    if (whole.ok) this.#hasSubresource = false;
    return whole;
  }

  #now(): string {
    return new Date(this.#options.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  #say(name: string, message: string): void {
    if (this.#said.get(name) === message) return;
    this.#said.set(name, message);
    this.#options.log.warn('NODE_STATUS', name === '' ? {} : { resource: `CalicoNodeStatus/${name}` }, message);
  }
}

/** But for the time of the report. The server may order and default fields in its own way. */
function isSame(stored: unknown, built: object): boolean {
  const { lastUpdated: _, ...rest } = asRecord(stored);
  return canonical(rest) === canonical(built);
}

/** As JSON with sorted keys; empty lists and objects count as absent, as Go leaves them out. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  const parts = Object.entries(value)
    .map(([name, one]) => [name, canonical(one)] as const)
    .filter(([, text]) => text !== '[]' && text !== '{}' && text !== '')
    .sort(([x], [y]) => (x < y ? -1 : 1));
  return `{${parts.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}
