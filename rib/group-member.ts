/**
 * One peer in one update group: where it stands in the group's log, or what it is sent apart from the others, and what
 * else it is owed (End-of-RIB of RFC 4724, the end of a refresh of RFC 7313).
 *
 * What it reads comes in this order: its own queue, then the shared log. The queue never holds much: it is filled only
 * when it is short.
 */

import type { CatchUp } from './catch-up.ts';
import type { LogCursor, OutputLog } from './output-log.ts';
import type { PeerIndex } from './peer-table.ts';

export class GroupMember {
  readonly peer: PeerIndex;
  /** Null while it catches up. */
  cursor: LogCursor | null;
  catchUp: CatchUp | null;
  /** The initial table has not been announced as complete yet. */
  owesEndOfRib: boolean;
  /** End-of-RIB may not go yet: what it would end is not all known (RFC 4724 4.1). */
  holdsEndOfRib: boolean;
  /** Rounds of the group's dirty set when it joined, or when End-of-RIB was let go. */
  joinedInRound: number;
  /** A refresh was asked for that cannot begin yet. */
  wantsRefresh: boolean;
  /** BoRR and EoRR were negotiated. */
  marksRefresh: boolean;
  /** Everything has been handed out: the shell waits to hear of new output. */
  isDrained: boolean;
  /** Octets in the queue. */
  queuedOctets: number;
  #queue: Uint8Array[];

  constructor(peer: PeerIndex, marksRefresh: boolean) {
    this.peer = peer;
    this.cursor = null;
    this.catchUp = null;
    this.owesEndOfRib = true;
    this.holdsEndOfRib = false;
    this.joinedInRound = 0;
    this.wantsRefresh = false;
    this.marksRefresh = marksRefresh;
    this.isDrained = true;
    this.queuedOctets = 0;
    this.#queue = [];
  }

  enqueue(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#queue.push(piece);
      this.queuedOctets += piece.length;
    }
  }

  /** Octets that it has not taken yet, an estimate from above. */
  backlogOctets(log: OutputLog): number {
    const cursor = this.cursor;
    if (cursor === null || !log.skipToOwn(cursor, this.peer)) return this.queuedOctets;
    return this.queuedOctets + log.distance(cursor);
  }

  hasOutput(log: OutputLog): boolean {
    return this.queuedOctets > 0 || (this.cursor !== null && log.skipToOwn(this.cursor, this.peer));
  }

  /** Takes up to `maxOctets` (one message at least); returns how many. */
  take(log: OutputLog, maxOctets: number, into: Uint8Array[]): number {
    let taken = 0;
    let pieces = 0;
    while (pieces < this.#queue.length && taken < maxOctets) {
      const piece = this.#queue[pieces];
      if (piece.length > maxOctets - taken) {
        // The queue is only ever handed out from the front, so it may be cut within a message.
        into.push(piece.subarray(0, maxOctets - taken));
        this.#queue[pieces] = piece.subarray(maxOctets - taken);
        taken = maxOctets;
        break;
      }
      into.push(piece);
      taken += piece.length;
      pieces++;
    }
    if (pieces > 0) this.#queue.splice(0, pieces);
    this.queuedOctets -= taken;
    if (this.cursor !== null && taken < maxOctets) taken += log.read(this.cursor, this.peer, maxOctets - taken, into);
    this.isDrained = !this.hasOutput(log);
    return taken;
  }

  /** Moves all that is left for it in the log to the queue and leaves the log. */
  leaveLog(log: OutputLog): void {
    const pieces = this.dropLog(log);
    this.enqueue(pieces);
  }

  /** Leaves the log; returns what it would have read there. */
  dropLog(log: OutputLog): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    if (this.cursor === null) return pieces;
    log.read(this.cursor, this.peer, Number.MAX_SAFE_INTEGER, pieces);
    log.closeCursor(this.cursor);
    this.cursor = null;
    return pieces;
  }
}
