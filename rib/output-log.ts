/**
 * The encoded UPDATEs of one update group, written once and read by all its members: a chain of chunks with runs of
 * whole messages ("segments"), each run meant for all members, for all but one (split horizon: a peer does not hear
 * its own paths back) or for one only.
 *
 * A reader is a cursor. What it gets are views of the chunks, cut between messages only; written octets never change
 * and a chunk is never used again, so the views stay good for as long as a socket needs them. A chunk that every cursor
 * has left is dropped and goes when the last view of it goes.
 */

/** Everybody. */
export const AUDIENCE_ALL = 0;
/**
 * Who hears a segment: 0 all, n everybody but peer n, -n only peer n.
 */
export type Audience = number;

/** Small enough for many groups, large enough that a write of a few of them keeps a socket busy. */
const CHUNK_OCTETS = 64 * 1024;
const LARGE_CHUNK_OCTETS = 256 * 1024;
/** Above this a message does not fit well into the ordinary chunk. */
const LARGE_MESSAGE_OCTETS = 4096;
const FIRST_SEGMENTS = 16;
/** Message length field: behind the marker (RFC 4271 4.1). */
const LENGTH_OFFSET = 16;

export class OutputChunk {
  readonly octets: Uint8Array;
  /** Octets written so far. */
  used: number;
  /** Position in the whole log of the first octet. */
  readonly position: number;
  segmentCount: number;
  /** Where each segment ends; it begins where the one before it ends. */
  segmentEnd: Uint32Array;
  segmentAudience: Int32Array;
  /** Cursors that stand in this chunk. */
  cursors: number;
  next: OutputChunk | null;

  constructor(octets: number, position: number) {
    this.octets = new Uint8Array(octets);
    this.used = 0;
    this.position = position;
    this.segmentCount = 0;
    this.segmentEnd = new Uint32Array(FIRST_SEGMENTS);
    this.segmentAudience = new Int32Array(FIRST_SEGMENTS);
    this.cursors = 0;
    this.next = null;
  }
}

/** Where one member has got to. Stands between two messages always. */
export interface LogCursor {
  chunk: OutputChunk;
  segment: number;
  /** In the chunk's octets. */
  offset: number;
}

export class OutputLog {
  /** Octets ever written. */
  end: number;
  #head: OutputChunk;
  #tail: OutputChunk;
  readonly #chunkOctets: number;

  constructor(maxMessageOctets: number) {
    this.#chunkOctets = maxMessageOctets > LARGE_MESSAGE_OCTETS ? LARGE_CHUNK_OCTETS : CHUNK_OCTETS;
    this.end = 0;
    // Nothing is reserved before the first message: most groups of a family stay silent for long.
    this.#head = new OutputChunk(0, 0);
    this.#tail = this.#head;
  }

  /** Octets that are kept for the cursor that is furthest behind. */
  get retainedOctets(): number {
    return this.end - this.#head.position;
  }

  /** The chunk to write the next message into, at its `used`, with room for `octets` at least. */
  reserve(octets: number): OutputChunk {
    const tail = this.#tail;
    if (tail.octets.length - tail.used >= octets) return tail;
    const chunk = new OutputChunk(Math.max(this.#chunkOctets, octets), this.end);
    tail.next = chunk;
    this.#tail = chunk;
    this.#dropRead();
    return chunk;
  }

  /** Makes what was written up to `used` of the reserved chunk part of the log. */
  commit(used: number, audience: Audience): void {
    const chunk = this.#tail;
    this.end += used - chunk.used;
    chunk.used = used;
    const last = chunk.segmentCount - 1;
    // A cursor at the end of the last segment still points at it, so that it may grow.
    if (last >= 0 && chunk.segmentAudience[last] === audience) {
      chunk.segmentEnd[last] = used;
      return;
    }
    if (chunk.segmentCount === chunk.segmentEnd.length) {
      const segmentEnd = new Uint32Array(chunk.segmentCount * 2);
      segmentEnd.set(chunk.segmentEnd);
      chunk.segmentEnd = segmentEnd;
      const segmentAudience = new Int32Array(chunk.segmentCount * 2);
      segmentAudience.set(chunk.segmentAudience);
      chunk.segmentAudience = segmentAudience;
    }
    chunk.segmentEnd[chunk.segmentCount] = used;
    chunk.segmentAudience[chunk.segmentCount] = audience;
    chunk.segmentCount++;
  }

  /** Copies whole messages into the log. */
  append(messages: Uint8Array, audience: Audience): void {
    const chunk = this.reserve(messages.length);
    chunk.octets.set(messages, chunk.used);
    this.commit(chunk.used + messages.length, audience);
  }

  /** A cursor that gets what is written from now on. */
  openCursor(): LogCursor {
    const tail = this.#tail;
    tail.cursors++;
    return { chunk: tail, segment: Math.max(0, tail.segmentCount - 1), offset: tail.used };
  }

  closeCursor(cursor: LogCursor): void {
    cursor.chunk.cursors--;
    this.#dropRead();
  }

  /** Octets between the cursor and the end of the log, whoever they are for. */
  distance(cursor: LogCursor): number {
    return this.end - cursor.chunk.position - cursor.offset;
  }

  /** Moves the cursor over what is not for `peer`; false when nothing for it is left. */
  skipToOwn(cursor: LogCursor, peer: number): boolean {
    for (;;) {
      const chunk = cursor.chunk;
      const segments = chunk.segmentCount;
      let segment = cursor.segment;
      while (segment < segments) {
        if (cursor.offset < chunk.segmentEnd[segment]) {
          if (isHeardBy(chunk.segmentAudience[segment], peer)) {
            cursor.segment = segment;
            return true;
          }
          cursor.offset = chunk.segmentEnd[segment];
        }
        if (segment + 1 === segments) break;
        segment++;
      }
      cursor.segment = segment;
      if (!this.#toNextChunk(cursor)) return false;
    }
  }

  /**
   * Takes up to `maxOctets` (but one message at least) of what `peer` is to hear, as views into the chunks, and moves
   * the cursor behind it. Returns the octets taken.
   */
  read(cursor: LogCursor, peer: number, maxOctets: number, into: Uint8Array[]): number {
    let taken = 0;
    while (this.skipToOwn(cursor, peer)) {
      const chunk = cursor.chunk;
      const start = cursor.offset;
      const room = maxOctets - taken;
      // Segments for this peer that follow one another are one view.
      let segment = cursor.segment;
      let end = chunk.segmentEnd[segment];
      while (
        end - start < room &&
        segment + 1 < chunk.segmentCount &&
        isHeardBy(chunk.segmentAudience[segment + 1], peer)
      ) {
        segment++;
        end = chunk.segmentEnd[segment];
      }
      if (end - start > room) {
        const from = segment > cursor.segment ? chunk.segmentEnd[segment - 1] : start;
        end = messageBoundary(chunk.octets, from, end, start + room);
        // Not even one message fits: it is taken only when it is the first.
        if (end === start) {
          if (taken > 0) return taken;
          end = start + messageOctets(chunk.octets, start);
        }
      }
      into.push(chunk.octets.subarray(start, end));
      taken += end - start;
      cursor.segment = segment;
      cursor.offset = end;
      if (taken >= maxOctets) return taken;
    }
    return taken;
  }

  #toNextChunk(cursor: LogCursor): boolean {
    const next = cursor.chunk.next;
    if (next === null) return false;
    cursor.chunk.cursors--;
    next.cursors++;
    cursor.chunk = next;
    cursor.segment = 0;
    cursor.offset = 0;
    this.#dropRead();
    return true;
  }

  /** Lets go of the chunks that no cursor stands in or before. */
  #dropRead(): void {
    let head = this.#head;
    while (head.cursors === 0 && head !== this.#tail && head.next !== null) head = head.next;
    this.#head = head;
  }
}

export function isHeardBy(audience: Audience, peer: number): boolean {
  return audience === AUDIENCE_ALL || (audience > 0 ? audience !== peer : audience === -peer);
}

function messageOctets(octets: Uint8Array, start: number): number {
  return (octets[start + LENGTH_OFFSET] << 8) | octets[start + LENGTH_OFFSET + 1];
}

/** The last end of a message in [from, end] that is not beyond `limit`, where `from` is one. */
function messageBoundary(octets: Uint8Array, from: number, end: number, limit: number): number {
  let at = from;
  while (at < end) {
    const next = at + messageOctets(octets, at);
    if (next > limit) break;
    at = next;
  }
  return at;
}
