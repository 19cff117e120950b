/**
 * Which CalicoNodeStatus objects there are, listed and watched: calls back with each object of a list or event, and with
 * names that are gone. A server that is away, has forgotten our position, has no such kind or does not let us read it is
 * asked again later, with jitter because 5,000 nodes do the same.
 */

import type { Timers } from '../../confd/datastore/datastore.ts';
import type { ApiClient } from '../../confd/datastore/kubernetes/api-client.ts';
import { type ApiFailure, classify } from '../../confd/datastore/kubernetes/api-failure.ts';
import { asRecord, nameOf } from './resource.ts';

export interface FollowerCallbacks {
  readonly changed: (object: unknown) => void;
  readonly removed: (name: string) => void;
  readonly failed: (failure: ApiFailure) => void;
}

export type FollowedClient = Pick<ApiClient, 'list' | 'watch'>;

const PAGE = 500;
const WATCH_SECONDS = 480;
const RETRY_MS = 2_000;
const RETRY_LAST_MS = 64_000;
/** The kind is not installed, or not for us: nothing that changes by the second. */
const ABSENT_MS = 120_000;

export class ObjectFollower {
  readonly #client: FollowedClient;
  readonly #path: string;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #callbacks: FollowerCallbacks;
  readonly #known = new Set<string>();
  #cancel: () => void = () => {};
  #failures = 0;
  #isStopped = false;

  constructor(
    client: FollowedClient,
    path: string,
    surroundings: { readonly timers: Timers; readonly random: () => number },
    callbacks: FollowerCallbacks,
  ) {
    this.#client = client;
    this.#path = path;
    this.#timers = surroundings.timers;
    this.#random = surroundings.random;
    this.#callbacks = callbacks;
  }

  start(): void {
    this.#list('', new Set());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #list(continueAt: string, seen: Set<string>): void {
    const query = `limit=${PAGE}${continueAt === '' ? '' : `&continue=${encodeURIComponent(continueAt)}`}`;
    this.#cancel = this.#client.list(`${this.#path}?${query}`, 'application/json', {
      item: (object) => {
        seen.add(nameOf(object));
        this.#tell(object);
      },
      done: (metadata) => {
        if (metadata.continueToken !== '') return this.#list(metadata.continueToken, seen);
        this.#failures = 0;
        for (const name of [...this.#known]) if (!seen.has(name)) this.#forget(name);
        this.#watch(metadata.resourceVersion);
      },
      failed: (failure) => this.#again(failure),
    });
  }

  #watch(from: string): void {
    let position = from;
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}`;
    this.#cancel = this.#client.watch(
      `${this.#path}?${query}&resourceVersion=${encodeURIComponent(position)}`,
      'application/json',
      {
        opened: () => {
          this.#failures = 0;
        },
        event: ({ type, object }) => {
          const { resourceVersion } = asRecord(asRecord(object).metadata);
          if (typeof resourceVersion === 'string') position = resourceVersion;
          if (type === 'DELETED') this.#forget(nameOf(object));
          else if (type !== 'BOOKMARK') this.#tell(object);
        },
        ended: () => this.#later(RETRY_MS * this.#random(), () => this.#watch(position)),
        failed: (failure) => this.#again(failure),
      },
    );
  }

  #tell(object: unknown): void {
    this.#known.add(nameOf(object));
    this.#callbacks.changed(object);
  }

  #forget(name: string): void {
    this.#known.delete(name);
    this.#callbacks.removed(name);
  }

  #again(failure: ApiFailure): void {
    this.#callbacks.failed(failure);
    const kind = classify(failure);
    const backoff = Math.min(RETRY_LAST_MS, RETRY_MS * 2 ** this.#failures++);
    const wait = kind === 'missing' || kind === 'refused' ? ABSENT_MS : backoff;
    const asked = (failure.retryAfterSeconds ?? 0) * 1000;
    this.#later(Math.max(asked, wait * (0.5 + this.#random())), () => this.#list('', new Set()));
  }

  #later(milliseconds: number, then: () => void): void {
    if (this.#isStopped) return;
    this.#cancel = this.#timers.schedule(milliseconds, then);
  }
}
