/**
 * NLRI decoded some prefixes ahead of the tables (RFC 4271 4.3, RFC 4760 5, RFC 7911 3), so that the tables can be read
 * ahead for all of them. In a table of a million scattered prefixes every look-up waits for memory; waiting for dozens at
 * once takes hardly longer than waiting for one. Syntax has been checked by the reader of the message.
 */

/** Prefixes as columns; lanes are signed and masked to the length. */
export interface PrefixBatch {
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly c: Int32Array;
  readonly d: Int32Array;
  readonly length: Uint8Array;
  readonly count: number;
  /** For the prefix table to write. */
  readonly hash: Int32Array;
  readonly handle: Int32Array;
}

const CAPACITY = 64;

export class NlriBatch implements PrefixBatch {
  readonly a = new Int32Array(CAPACITY);
  readonly b = new Int32Array(CAPACITY);
  readonly c = new Int32Array(CAPACITY);
  readonly d = new Int32Array(CAPACITY);
  readonly length = new Uint8Array(CAPACITY);
  readonly hash = new Int32Array(CAPACITY);
  readonly handle = new Int32Array(CAPACITY);
  /** 0 without ADD-PATH. */
  readonly pathId = new Int32Array(CAPACITY);
  count = 0;

  /** Decodes from `at` until the batch is full or `end` is reached; returns where to go on. */
  fill(octets: Uint8Array, at: number, end: number, hasPathId: boolean, isWide: boolean): number {
    let next = at;
    let count = 0;
    for (; next < end && count < CAPACITY; count++) {
      let pathId = 0;
      if (hasPathId) {
        pathId = int32At(octets, next);
        next += 4;
      }
      const length = octets[next++];
      this.pathId[count] = pathId;
      this.length[count] = length;
      this.a[count] = prefixLane(octets, next, length);
      this.b[count] = isWide && length > 32 ? prefixLane(octets, next + 4, length - 32) : 0;
      this.c[count] = isWide && length > 64 ? prefixLane(octets, next + 8, length - 64) : 0;
      this.d[count] = isWide && length > 96 ? prefixLane(octets, next + 12, length - 96) : 0;
      next += (length + 7) >>> 3;
    }
    this.count = count;
    return next;
  }
}

/** Four octets, signed. */
function int32At(octets: Uint8Array, at: number): number {
  return (octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3];
}

/** The first `length` bits (32 at most) from `at`, as a signed lane; what follows them is not looked at. */
function prefixLane(octets: Uint8Array, at: number, length: number): number {
  if (length > 24) return length < 32 ? int32At(octets, at) & (-1 << (32 - length)) : int32At(octets, at);
  if (length === 24) return (octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8);
  if (length === 0) return 0;
  let lane = octets[at] << 24;
  if (length > 8) lane |= octets[at + 1] << 16;
  if (length > 16) lane |= octets[at + 2] << 8;
  return lane & (-1 << (32 - length));
}
