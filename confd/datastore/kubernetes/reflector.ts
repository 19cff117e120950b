/**
 * One kind, listed and watched: does what reflector-state.ts says, with the API client, a timer and the mirror.
 *
 * What a listing brings is handed on when it is complete, what a watch brings at once.
 */

import type { ResourceEvent } from '../../resource-store.ts';
import type { Timers } from '../datastore.ts';
import type { ApiClient } from './api-client.ts';
import { type ApiFailure, transportFailure } from './api-failure.ts';
import type { Mirror, MirrorChange } from './mirror.ts';
import { objectVersion } from './object.ts';
import {
  INITIAL_REFLECTOR_STATE,
  type ReflectorAction,
  type ReflectorEvent,
  type ReflectorHealth,
  type ReflectorState,
  type ReflectorTuning,
  step,
} from './reflector-state.ts';
import { acceptOf, requestPath, type WatchTarget } from './target.ts';

export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly mirror: Mirror;
  /** Its number among the sources of the mirror. */
  readonly source: number;
  /** Asked for at each request: the API group may turn out to be another one. */
  readonly target: () => WatchTarget;
  readonly timers: Timers;
  readonly tuning: ReflectorTuning;
  /** Milliseconds of a clock that only runs forward. */
  readonly now: () => number;
  /** `resourceVersion`: up to which the events tell everything. */
  readonly onEvents: (events: readonly ResourceEvent[], resourceVersion: string) => void;
  readonly onHealth: (before: ReflectorHealth) => void;
}

/** How long an object that may have moved to another source is kept. */
const LINGER_MS = 2_000;
/** So many failures in a row are no passing trouble. */
const LASTING_FAILURES = 3;
/** An attempt that took so long before it failed was no passing trouble either. */
const LASTING_MS = 5_000;
/** A watch that goes on longer than it was asked for leads to a server that has forgotten it. */
const OVERTIME_MS = 60_000;

export class Reflector {
  readonly #options: ReflectorOptions;
  #state: ReflectorState = INITIAL_REFLECTOR_STATE;
  #cancelRequest: () => void = () => {};
  #cancelTimer: () => void = () => {};
  readonly #cancelLingering = new Set<() => void>();
  #hasListed = false;
  /** When the first of the attempts to list that have come to nothing was made; null: none. */
  #listingSinceMs: number | null = null;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  get health(): ReflectorHealth {
    return this.#state.health;
  }

  get message(): string {
    return this.#state.message;
  }

  get target(): WatchTarget {
    return this.#options.target();
  }

  /** Something definite was once known of the kind: what there is, or that it cannot be known. */
  get hasOutcome(): boolean {
    return this.#hasListed || this.#state.health === 'missing' || this.#state.health === 'refused';
  }

  get concernsServer(): boolean {
    return this.#state.concernsServer;
  }

  /** What is wrong does not go away by itself. */
  get isLasting(): boolean {
    const { failures } = this.#state;
    const since = this.#listingSinceMs;
    return (
      failures >= LASTING_FAILURES || (failures > 0 && since !== null && this.#options.now() - since >= LASTING_MS)
    );
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  connected(): void {
    this.#step({ type: 'connected' });
  }

  restart(from: 'cache' | 'store', message: string): void {
    this.#step({ type: 'restart', from, message });
  }

  stop(): void {
    this.#cancelRequest();
    this.#cancelTimer();
    for (const cancel of this.#cancelLingering) cancel();
  }

  #step(event: ReflectorEvent): void {
    const before = this.#state;
    const wasLasting = this.isLasting;
    const { state, actions } = step(before, event, this.#options.tuning);
    this.#state = state;
    for (const action of actions) this.#act(action);
    const { health, message } = this.#state;
    const isNews = before.health !== health || before.message !== message || wasLasting !== this.isLasting;
    if (isNews) this.#options.onHealth(before.health);
  }

  #act(action: ReflectorAction): void {
    const { mirror, source } = this.#options;
    switch (action.type) {
      case 'list':
        return this.#list(action);
      case 'watch':
        return this.#watch(action.resourceVersion, action.timeoutSeconds);
      case 'cancel-request':
        return this.#cancelRequest();
      case 'wait':
        this.#cancelTimer();
        this.#cancelTimer = this.#options.timers.schedule(action.milliseconds, () => this.#step({ type: 'timer' }));
        return;
      case 'begin-list':
        this.#cancelTimer();
        return mirror.beginList(source);
      case 'complete-list':
        this.#hasListed = true;
        this.#listingSinceMs = null;
        return this.#deliver(mirror.completeList(source), this.#state.resourceVersion);
      case 'clear':
        return this.#deliver(mirror.clear(source), '');
    }
  }

  #list(action: Extract<ReflectorAction, { readonly type: 'list' }>): void {
    const { client, mirror, source, now } = this.#options;
    const target = this.#options.target();
    this.#listingSinceMs ??= now();
    const path = requestPath(target, {
      limit: action.limit,
      continue: action.continueToken,
      resourceVersion: action.resourceVersion,
      resourceVersionMatch: action.resourceVersionMatch,
    });
    this.#cancelRequest = client.list(path, acceptOf(target, true), {
      item: (object) => mirror.addListed(source, target, object),
      done: (metadata) => this.#step({ type: 'page', ...metadata }),
      failed: (failure) => this.#fail(failure, 0),
    });
  }

  #watch(resourceVersion: string, timeoutSeconds: number): void {
    const { client, mirror, source, now } = this.#options;
    const target = this.#options.target();
    const path = requestPath(target, { watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds });
    const beganMs = now();
    let hadEvents = false;
    const cancelWatch = client.watch(path, acceptOf(target, false), {
      opened: () => this.#step({ type: 'watch-opened' }),
      event: ({ type, object }) => {
        hadEvents = true;
        const version = objectVersion(object);
        if (type !== 'BOOKMARK' && type !== 'ERROR') this.#deliver(mirror.apply(source, type, target, object), version);
        this.#step({ type: 'watch-progress', resourceVersion: version });
      },
      ended: () => {
        cancelDeadline();
        this.#step({ type: 'watch-ended', lastedMs: now() - beganMs, hadEvents });
      },
      failed: (failure) => {
        cancelDeadline();
        this.#fail(failure, now() - beganMs);
      },
    });
    const cancelDeadline = this.#options.timers.schedule(timeoutSeconds * 1_000 + OVERTIME_MS, () => {
      cancelWatch();
      this.#fail(transportFailure('the server did not end a watch in time'), now() - beganMs);
    });
    this.#cancelRequest = () => {
      cancelWatch();
      cancelDeadline();
    };
  }

  #fail(failure: ApiFailure, lastedMs: number): void {
    const { mirror, source } = this.#options;
    this.#step({ type: 'failed', failure, lastedMs, knowsObjects: mirror.hasObjects(source) });
  }

  #deliver({ events, lingering }: MirrorChange, resourceVersion: string): void {
    this.#options.onEvents(events, resourceVersion);
    for (const id of lingering) {
      const cancel = this.#options.timers.schedule(LINGER_MS, () => {
        this.#cancelLingering.delete(cancel);
        const event = this.#options.mirror.expire(id);
        if (event !== null) this.#options.onEvents([event], '');
      });
      this.#cancelLingering.add(cancel);
    }
  }
}
