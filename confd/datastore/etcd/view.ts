/**
 * Our view of etcd's content, kept up to date over one connection after another: list once at one revision, watch from
 * there, and resume the watch on the next connection after the last event taken over.
 *
 * What was missed between two connections is gathered until etcd says that it was everything, and then delivered as
 * one batch. A new listing is made when history is compacted, and when the store is another one than before
 * (store-identity.ts), as after the restore of a backup.
 */

import type { ResourceEvent } from '../../resource-store.ts';
import { CatchUp, type CatchUpOptions } from './catch-up.ts';
import { type EtcdClient, isCompacted } from './client.ts';
import { GRPC_STATUS, type GrpcFailure, type GrpcOutcome } from './grpc.ts';
import { keyAfter, type WatchedRange } from './keys.ts';
import { decodeWatchResponse, type KeyValue, type ResponseHeader } from './messages.ts';
import { Mirror } from './mirror.ts';
import { StoreIdentity } from './store-identity.ts';
import { WatchCursor } from './watch-cursor.ts';

export interface ViewOptions extends CatchUpOptions {
  /** Entries of one answer to a listing. */
  readonly pageLimit: number;
  /** Changes that come within this time are one batch. */
  readonly gatherMs: number;
  /** How long etcd may take to set up the watches. */
  readonly callTimeoutMs: number;
  /** A watch that brings nothing for so long, not even a note about progress, leads to nothing that lives. */
  readonly silenceMs: number;
}

/** The calls of EtcdClient that a view makes. */
export type ViewClient = Pick<EtcdClient, 'range' | 'watch' | 'explainWatch'>;

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
  readonly #store = new StoreIdentity();
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
  async follow(client: ViewClient): Promise<GrpcFailure> {
    const probe = await this.#probe(client);
    if (!probe.ok) return probe.failure;
    const { header, change } = probe.value;
    if (change !== null) {
      if (this.#store.isKnown) this.#listener.relisting(change);
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

  /**
   * Whether this is the store that was listed, and how far it is; `change` is what is different. The reads go through
   * the leader, which proves that this member is part of the cluster.
   */
  async #probe(client: ViewClient): Promise<GrpcOutcome<{ header: ResponseHeader; change: string | null }>> {
    const { anchor } = this.#store;
    if (anchor !== null) {
      const range = { start: anchor.key, end: new Uint8Array(0) };
      const past = await client.range({ range, limit: 1, revision: anchor.revision, isCountOnly: false }, 'one key');
      if (past.ok) {
        const { header, entries } = past.value;
        return { ok: true, value: { header, change: this.#store.changeSince(header, entries[0] ?? null) } };
      }
      // That revision is compacted, or not reached yet because the store went back: the rest tells.
      if (past.failure.status !== GRPC_STATUS.outOfRange) return past;
    }
    const [first] = this.#ranges;
    const present = await client.range({ range: first, limit: 0, revision: 0, isCountOnly: true }, first.prefix);
    if (!present.ok) return present;
    const { header } = present.value;
    return { ok: true, value: { header, change: this.#store.changeSince(header) } };
  }

  /** Lists all ranges at one revision and delivers what is new. */
  async #list(client: ViewClient, trustsRevisions: boolean): Promise<GrpcFailure | null> {
    let failure: GrpcFailure | null = null;
    for (let attempt = 0; attempt < MAX_LISTINGS; attempt++) {
      failure = await this.#listOnce(client, trustsRevisions);
      if (failure === null || !isCompacted(failure)) break;
    }
    return failure;
  }

  async #listOnce(client: ViewClient, trustsRevisions: boolean): Promise<GrpcFailure | null> {
    const relisting = this.#mirror.relist(trustsRevisions);
    let latest: KeyValue | null = null;
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
        for (const entry of entries) if (entry.modRevision > (latest?.modRevision ?? 0)) latest = entry;
        hasMore = page.value.hasMore && entries.length > 0;
        if (hasMore) start = keyAfter(entries[entries.length - 1].key);
      }
    }
    if (header === null) return null;
    this.#store.listed(header, latest);
    this.#cursor.listed(header.revision);
    this.progress++;
    this.#pending = [...this.#pending, ...relisting.finish()];
    this.#pendingRevision = header.revision;
    this.#flush(true);
    this.#listener.caughtUp();
    return null;
  }

  /** Watches from where the cursor is. Caught up is who has all events up to `target`. */
  #watch(client: ViewClient, target: number): Promise<WatchEnd> {
    return new Promise((resolve) => {
      let isOver = false;
      const finish = (end: WatchEnd): void => {
        if (isOver) return;
        isOver = true;
        cancelTimeout();
        cancelSilence();
        catchUp.stop();
        stream.close();
        resolve(end);
      };
      const fail = (message: string): void => finish({ type: 'failed', failure: { status: null, message } });
      const requests = this.#cursor.begin();
      const stream = client.watch({
        message: (octets) => {
          if (isOver) return;
          wasHeard = true;
          const response = decodeWatchResponse(octets);
          if (response === null) return fail('the answer to Watch cannot be read');
          this.#store.note(response.header);
          const outcome = this.#cursor.accept(response);
          switch (outcome.type) {
            case 'events':
              this.progress++;
              for (const event of outcome.events) {
                this.#store.took(event);
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
      const { callTimeoutMs, silenceMs, timers } = this.#options;
      // A proxy may go on answering PINGs for an etcd that is no longer behind it.
      let wasHeard = true;
      let cancelSilence = (): void => {};
      const listen = (): void => {
        if (!wasHeard) return fail(`nothing was heard of the watch for ${silenceMs / 1_000} s`);
        wasHeard = false;
        cancelSilence = timers.schedule(silenceMs, listen);
      };
      const cancelTimeout = timers.schedule(callTimeoutMs, () => fail(`no watch within ${callTimeoutMs / 1_000} s`));
      for (const request of requests) stream.send(request);
      listen();
    });
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
