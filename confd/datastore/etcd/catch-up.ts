/**
 * When has a resumed watch brought everything that was missed? Either every range is past the revision that the store
 * had at the beginning; or etcd, asked, says that all watches are up to date. Because etcd before 3.4.25 and 3.5.8 may
 * say so too early, nothing may have come for a while as well. Only how events are put into batches depends on it, and
 * the status; no event is lost when it errs.
 */

import type { Timers } from '../datastore.ts';
import type { MessageStream } from './connection.ts';
import { encodeWatchProgressRequest } from './messages.ts';
import type { WatchCursor } from './watch-cursor.ts';

export interface CatchUpOptions {
  /** This long without events, and etcd's word for it, mean that everything missed has come. */
  readonly quietMs: number;
  /** What was missed is delivered after this time even if more keeps coming. */
  readonly catchUpLimitMs: number;
  readonly timers: Timers;
}

/** Of one watch stream. Calls `done` once, unless it is stopped before. */
export class CatchUp {
  isDone = false;
  hasEvents = false;
  progressRevision = 0;
  readonly #options: CatchUpOptions;
  readonly #target: number;
  readonly #cursor: WatchCursor;
  readonly #stream: MessageStream;
  readonly #done: () => void;
  #waitedMs = 0;
  #cancel: () => void = () => {};

  constructor(options: CatchUpOptions, target: number, cursor: WatchCursor, stream: MessageStream, done: () => void) {
    this.#options = options;
    this.#target = target;
    this.#cursor = cursor;
    this.#stream = stream;
    this.#done = done;
  }

  start(): void {
    if (this.#cursor.isPast(this.#target)) return this.#finish();
    this.hasEvents = false;
    this.#stream.send(encodeWatchProgressRequest());
    this.#cancel = this.#options.timers.schedule(this.#options.quietMs, () => this.#check());
  }

  stop(): void {
    this.isDone = true;
    this.#cancel();
  }

  #check(): void {
    this.#waitedMs += this.#options.quietMs;
    const isQuiet = !this.hasEvents && this.progressRevision >= this.#target;
    // etcd before 3.4 answers no request for progress.
    if (isQuiet || this.#waitedMs >= this.#options.catchUpLimitMs) this.#finish();
    else this.start();
  }

  #finish(): void {
    this.stop();
    this.#done();
  }
}
