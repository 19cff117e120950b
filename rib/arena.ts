/**
 * Octet storage with stable offsets: blocks are rounded up to 8 octets, freed blocks are kept in one list per size and
 * given out again first. Nothing is ever moved, so there is no pause for compaction; when the last block is freed the
 * arena starts from the beginning. Grows by grownCapacity, that is by committing pages of a reservation.
 */

import { grownUint8 } from './columns.ts';

const UNIT_BITS = 3;
const UNIT = 1 << UNIT_BITS;
/** Reservations: what is copied in a step stays small, later steps double. */
const STEPS: readonly number[] = [1 << 14, 1 << 19, 1 << 23, 1 << 26];

export class Arena {
  octets: Uint8Array;
  /** First octet that has never been given out (since the arena was last empty). */
  #top: number;
  #liveOctets: number;
  /** By size in units: offset + 1 of the first free block, whose first four octets hold the next one's. */
  readonly #freeBySize: Uint32Array;

  constructor() {
    this.octets = new Uint8Array(STEPS[0]);
    this.#top = 0;
    this.#liveOctets = 0;
    this.#freeBySize = new Uint32Array((65536 >> UNIT_BITS) + 1);
  }

  get liveOctets(): number {
    return this.#liveOctets;
  }

  /** Octets that were touched: live ones and the free lists. */
  get usedOctets(): number {
    return this.#top;
  }

  /** Room for 1 to 65535 octets; `octets` may be replaced. */
  allocate(length: number): number {
    const units = (length + UNIT - 1) >> UNIT_BITS;
    this.#liveOctets += units << UNIT_BITS;
    const free = this.#freeBySize[units];
    if (free !== 0) {
      const offset = free - 1;
      const octets = this.octets;
      this.#freeBySize[units] =
        ((octets[offset] << 24) | (octets[offset + 1] << 16) | (octets[offset + 2] << 8) | octets[offset + 3]) >>> 0;
      return offset;
    }
    const offset = this.#top;
    const top = offset + (units << UNIT_BITS);
    if (top > this.octets.length) this.octets = grownUint8(this.octets, grownSize(top));
    this.#top = top;
    return offset;
  }

  /** Gives back what `allocate(length)` returned. */
  free(offset: number, length: number): void {
    const units = (length + UNIT - 1) >> UNIT_BITS;
    this.#liveOctets -= units << UNIT_BITS;
    if (this.#liveOctets === 0) {
      this.#top = 0;
      this.#freeBySize.fill(0);
      return;
    }
    const octets = this.octets;
    const next = this.#freeBySize[units];
    octets[offset] = next >>> 24;
    octets[offset + 1] = next >>> 16;
    octets[offset + 2] = next >>> 8;
    octets[offset + 3] = next;
    this.#freeBySize[units] = offset + 1;
  }
}

function grownSize(needed: number): number {
  for (const step of STEPS) if (needed <= step) return step;
  let size = STEPS[STEPS.length - 1];
  while (size < needed) size *= 2;
  return size;
}
