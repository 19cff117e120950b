/**
 * Our view of etcd's content, kept up to date over one connection after another: list once at one revision, watch from
 * there, and resume the watch on the next connection after the last event taken over.
 *
 * What was missed between two connections is gathered until etcd says that it was everything, and then delivered as
 * one batch. A new listing is made when history is compacted, and when the store is another one than before: its id
 * changed, or its revision or raft term went back, as after the restore of a backup.
 */

import type { ResourceEvent } from '../../resource-store.ts';
import type { Timers } from '../datastore.ts';
import { type EtcdClient, isCompacted } from './client.ts';
import type { MessageStream } from './connection.ts';
import type { GrpcFailure } from './grpc.ts';
import { keyAfter, type WatchedRange } from './keys.ts';
import { decodeWatchResponse, encodeWatchProgressRequest, type ResponseHeader } from './messages.ts';
import { Mirror } from './mirror.ts';
import { WatchCursor } from './watch-cursor.ts';

export interface ViewOptions {
  /** Entries of one answer to a listing. */
  readonly pageLimit: number;
  /** Changes that come within this time are one batch. */
  readonly gatherMs: number;
  /** This long without events, and etcd's word for it, mean that everything missed has come. */
  readonly quietMs: number;
  /** What was missed is delivered after this time even if more keeps coming. */
  readonly catchUpLimitMs: number;
  /** How long etcd may take to set up the watches. */
  readonly callTimeoutMs: number;
  readonly timers: Timers;
}

export interface ViewListener {
  /** `isComplete`: a whole listing was compared; it is said even when it brings no events. */
  deliver(events: readonly ResourceEvent[], revision: number, isComplete: boolean): void;
  /** A new listing begins, although there was one before. */
  relisting(reason: string): void;
  /** Everything that was missed is delivered. */
  caughtUp(): void;
}

/** How a watch ended. */
type WatchEnd =
  | { readonly type: 'compacted'; readonly revision: number }
  | { readonly type: 'failed'; readonly failure: GrpcFailure };

/** A listing that is overtaken by compaction so often is tried again on another connection. */
const MAX_LISTINGS = 3;

export class EtcdView {
  /** Grows with everything that was taken over: a connection that made it grow was not for nothing. */
  progress = 0;
  readonly #ranges: readonly WatchedRange[];
  readonly #options: ViewOptions;
  readonly #listener: ViewListener;
  readonly #mirror: Mirror;
  readonly #cursor: WatchCursor;
  /** The store that was listed, with the highest revision and term seen of it; null: none was. */
  #store: ResponseHeader | null = null;
  /** Taken over and not delivered yet. */
  #pending: ResourceEvent[] = [];
  #pendingRevision = 0;
  #cancelFlush: (() => void) | null = null;

  constructor(node: string, ranges: readonly WatchedRange[], options: ViewOptions, listener: ViewListener) {
    this.#ranges = ranges;
    this.#options = options;
    this.#listener = listener;
    this.#mirror = new Mirror(node);
    this.#cursor = new WatchCursor(ranges);
  }

  /** Follows etcd until the connection of `client` is of no more use, and tells why it is not. */
  async follow(client: EtcdClient): Promise<GrpcFailure> {
    const [first] = this.#ranges;
    // Goes through the leader: proves that this member is part of the cluster, and tells how far the store is.
    const probe = await client.range({ range: first, limit: 0, revision: 0, isCountOnly: true }, first.prefix);
    if (!probe.ok) return probe.failure;
    const { header } = probe.value;
    const change = this.#store === null ? '' : differenceOf(this.#store, header);
    if (change !== null) {
      if (change !== '') this.#listener.relisting(change);
      const failure = await this.#list(client, false);
      if (failure !== null) return failure;
    }
    for (;;) {
      const end = await this.#watch(client, header.revision);
      if (end.type === 'failed') return end.failure;
      this.#listener.relisting(`history before revision ${end.revision} is compacted`);
      const failure = await this.#list(client, true);
      if (failure !== null) return failure;
    }
  }

  /** No delivery any more. */
  stop(): void {
    this.#cancelFlush?.();
  }

  /** Lists all ranges at one revision and delivers what is new. */
  async #list(client: EtcdClient, trustsRevisions: boolean): Promise<GrpcFailure | null> {
    let failure: GrpcFailure | null = null;
    for (let attempt = 0; attempt < MAX_LISTINGS; attempt++) {
      failure = await this.#listOnce(client, trustsRevisions);
      if (failure === null || !isCompacted(failure)) break;
    }
    return failure;
  }

  async #listOnce(client: EtcdClient, trustsRevisions: boolean): Promise<GrpcFailure | null> {
    const relisting = this.#mirror.relist(trustsRevisions);
    let header: ResponseHeader | null = null;
    for (const range of this.#ranges) {
      let { start } = range;
      let hasMore = true;
      while (hasMore) {
        const page = await client.range(
          {
            range: { start, end: range.end },
            limit: this.#options.pageLimit,
            revision: header?.revision ?? 0,
            isCountOnly: false,
          },
          range.prefix,
        );
        if (!page.ok) return page.failure;
        const { entries } = page.value;
        header ??= page.value.header;
        relisting.add(entries);
        hasMore = page.value.hasMore && entries.length > 0;
        if (hasMore) start = keyAfter(entries[entries.length - 1].key);
      }
    }
    if (header === null) return null;
    this.#store = header;
    this.#cursor.listed(header.revision);
    this.progress++;
    this.#pending.push(...relisting.finish());
    this.#pendingRevision = header.revision;
    this.#flush(true);
    this.#listener.caughtUp();
    return null;
  }

  /** Watches from where the cursor is. Caught up is who has all events up to `target`. */
  #watch(client: EtcdClient, target: number): Promise<WatchEnd> {
    return new Promise((resolve) => {
      let isOver = false;
      const finish = (end: WatchEnd): void => {
        if (isOver) return;
        isOver = true;
        cancelTimeout();
        catchUp.stop();
        stream.close();
        resolve(end);
      };
      const fail = (message: string): void => finish({ type: 'failed', failure: { status: null, message } });
      const requests = this.#cursor.begin();
      const stream = client.watch({
        message: (octets) => {
          if (isOver) return;
          const response = decodeWatchResponse(octets);
          if (response === null) return fail('the answer to Watch cannot be read');
          this.#note(response.header);
          const outcome = this.#cursor.accept(response);
          switch (outcome.type) {
            case 'events':
              this.progress++;
              for (const event of outcome.events) {
                const change = this.#mirror.apply(event);
                if (change !== null) this.#pending.push(change);
                this.#pendingRevision = Math.max(this.#pendingRevision, event.entry.modRevision);
              }
              catchUp.hasEvents = true;
              this.#flushWithin(catchUp.isDone ? this.#options.gatherMs : this.#options.catchUpLimitMs);
              return;
            case 'created':
              cancelTimeout();
              return catchUp.start();
            case 'progress':
              catchUp.progressRevision = outcome.revision;
              return;
            case 'compacted':
              return finish(outcome);
            case 'broken':
              return fail(client.explainWatch(outcome.reason));
          }
        },
        ended: (failure) => {
          if (failure === null) fail('etcd ended the watch');
          else finish({ type: 'failed', failure });
        },
      });
      const catchUp = new CatchUp(this.#options, target, this.#cursor, stream, () => {
        this.progress++;
        this.#flush(false);
        this.#listener.caughtUp();
      });
      const { callTimeoutMs, timers } = this.#options;
      const cancelTimeout = timers.schedule(callTimeoutMs, () => fail(`no watch within ${callTimeoutMs} ms`));
      for (const request of requests) stream.send(request);
    });
  }

  #note(header: ResponseHeader): void {
    if (this.#store === null) return;
    const { revision, raftTerm } = this.#store;
    this.#store = {
      ...this.#store,
      revision: Math.max(revision, header.revision),
      raftTerm: Math.max(raftTerm, header.raftTerm),
    };
  }

  /** Delivers not later than this; an earlier appointment stands. */
  #flushWithin(milliseconds: number): void {
    this.#cancelFlush ??= this.#options.timers.schedule(milliseconds, () => this.#flush(false));
  }

  #flush(isComplete: boolean): void {
    this.#cancelFlush?.();
    this.#cancelFlush = null;
    const events = this.#pending;
    this.#pending = [];
    this.#listener.deliver(events, this.#pendingRevision, isComplete);
  }
}

/** Why `now` is another store than `before`, or null. */
function differenceOf(before: ResponseHeader, now: ResponseHeader): string | null {
  if (now.clusterId !== before.clusterId) return 'another etcd cluster answers than before';
  if (now.revision < before.revision) {
    return `the store went back from revision ${before.revision} to ${now.revision}: it was restored from a backup`;
  }
  if (now.raftTerm < before.raftTerm) {
    return `the store went back from raft term ${before.raftTerm} to ${now.raftTerm}: it was restored from a backup`;
  }
  return null;
}

/**
 * Finds out when a resumed watch has brought everything that was missed. Either every range is past the revision that
 * the store had at the beginning; or etcd, asked, says that all watches are up to date. Because old versions say so
 * too early, nothing may have come for a while as well.
 */
class CatchUp {
  isDone = false;
  hasEvents = false;
  progressRevision = 0;
  readonly #options: ViewOptions;
  readonly #target: number;
  readonly #cursor: WatchCursor;
  readonly #stream: MessageStream;
  readonly #done: () => void;
  #waitedMs = 0;
  #cancel: () => void = () => {};

  constructor(options: ViewOptions, target: number, cursor: WatchCursor, stream: MessageStream, done: () => void) {
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
