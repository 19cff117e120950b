/**
 * Where in etcd's history each watched range is, and what the responses of a watch stream mean for that. Pure.
 *
 * A range resumes at the revision after the last event that was taken over, never at the revision of a header: headers
 * speak of the whole store, and events before it may still be on their way when a stream breaks. Only the note that
 * etcd sends for one watch by itself, when that watch is up to date, moves a range without an event. A note that was
 * asked for does not: before etcd 3.4.25 and 3.5.8 it may overtake events.
 *
 * Fragments of a response are put together before anything of them counts, because the events of one transaction, all
 * of one revision, may be in several of them.
 */

import { encodeWatchCreateRequest, type KeyEvent, type KeyRange, type WatchResponse } from './messages.ts';

export type WatchOutcome =
  /** Taken note of. */
  | { readonly type: 'nothing' }
  /** The watches of all ranges exist. */
  | { readonly type: 'created' }
  /** Events in order, none of which was seen before. */
  | { readonly type: 'events'; readonly events: readonly KeyEvent[] }
  /** The answer to a request for progress. */
  | { readonly type: 'progress'; readonly revision: number }
  /** What should come next is no longer in etcd's history: only a new listing helps. */
  | { readonly type: 'compacted'; readonly revision: number }
  /** The watch is over; what it is resumed at is known. */
  | { readonly type: 'broken'; readonly reason: string };

const NOTHING: WatchOutcome = { type: 'nothing' };
/** The watch id of responses that concern the whole stream. */
const WHOLE_STREAM = -1;

export class WatchCursor {
  readonly #ranges: readonly KeyRange[];
  /** By range: the first revision that is still wanted. */
  #next: number[];
  /** By range: its watch on the present stream. */
  #watchIds: number[] = [];
  readonly #fragments = new Map<number, KeyEvent[]>();

  constructor(ranges: readonly KeyRange[]) {
    this.#ranges = ranges;
    this.#next = ranges.map(() => 0);
  }

  /** All ranges were listed at `revision`. */
  listed(revision: number): void {
    this.#next = this.#ranges.map(() => revision + 1);
  }

  /** Every event up to `revision` was taken over. */
  isPast(revision: number): boolean {
    return this.#next.every((next) => next > revision);
  }

  /** The requests that begin a new stream. The answers come in the same order. */
  begin(): Uint8Array[] {
    this.#watchIds = [];
    this.#fragments.clear();
    return this.#ranges.map((range, i) => encodeWatchCreateRequest(range, this.#next[i]));
  }

  accept(response: WatchResponse): WatchOutcome {
    const { watchId, header } = response;
    if (response.isCancelled) {
      return response.compactRevision > 0
        ? { type: 'compacted', revision: response.compactRevision }
        : { type: 'broken', reason: response.cancelReason || 'etcd ended the watch without a reason' };
    }
    if (response.isCreated) {
      this.#watchIds.push(watchId);
      return this.#watchIds.length === this.#ranges.length ? { type: 'created' } : NOTHING;
    }
    if (watchId === WHOLE_STREAM) return { type: 'progress', revision: header.revision };
    const range = this.#watchIds.indexOf(watchId);
    if (range < 0) return { type: 'broken', reason: `etcd answered for watch ${watchId}, which nobody asked for` };
    if (response.isFragment || this.#fragments.has(watchId)) return this.#acceptFragment(range, response);
    if (response.events.length > 0) return this.#take(range, response.events);
    this.#next[range] = Math.max(this.#next[range], header.revision + 1);
    return NOTHING;
  }

  #acceptFragment(range: number, response: WatchResponse): WatchOutcome {
    const events = this.#fragments.get(response.watchId) ?? [];
    for (const event of response.events) events.push(event);
    this.#fragments.set(response.watchId, events);
    if (response.isFragment) return NOTHING;
    this.#fragments.delete(response.watchId);
    return this.#take(range, events);
  }

  #take(range: number, events: readonly KeyEvent[]): WatchOutcome {
    const wanted = this.#next[range];
    const fresh = events.filter((event) => event.entry.modRevision >= wanted);
    for (const { entry } of fresh) this.#next[range] = Math.max(this.#next[range], entry.modRevision + 1);
    return fresh.length > 0 ? { type: 'events', events: fresh } : NOTHING;
  }
}
