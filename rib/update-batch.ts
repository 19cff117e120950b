/**
 * What one encode pass is going to say, sorted into buckets: prefixes that are announced with the same attribute set to
 * the same audience end up in the same UPDATEs. Withdrawals go out before announcements.
 *
 * Buckets and lists are integers in arrays that are used again for every pass of every group.
 */

import type { SetHandle } from './attribute-store.ts';
import type { Audience, OutputLog } from './output-log.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import type { NlriLists, UpdatePacker } from './update-packer.ts';

const FIRST_ENTRIES = 1024;
const FIRST_BUCKETS = 256;
/** Message header and the two length fields of an UPDATE. */
const MESSAGE_OCTETS = 23;
/** Typical NLRI; the estimate need not be exact. */
const NLRI_OCTETS = 5;
/** In the place of a set: the bucket withdraws. */
const WITHDRAW = 0;

export class UpdateBatch implements NlriLists {
  /** About how long the messages will be. */
  octets: number;
  prefix: Uint32Array;
  pathId: Uint32Array;
  next: Uint32Array;
  #entries: number;
  #bucketCount: number;
  #bucketSet: Uint32Array;
  #bucketAudience: Int32Array;
  #bucketFirst: Uint32Array;
  #bucketLast: Uint32Array;
  #bucketSize: Uint32Array;
  #bucketSlot: Uint32Array;
  /** Open addressing by set and audience: bucket + 1, 0 for free slots; at most a quarter is in use. */
  #slots: Uint32Array;
  #released: Uint32Array;
  #releasedCount: number;

  constructor() {
    this.octets = 0;
    this.prefix = new Uint32Array(FIRST_ENTRIES);
    this.pathId = new Uint32Array(FIRST_ENTRIES);
    this.next = new Uint32Array(FIRST_ENTRIES);
    // Entry 0 means the end of a list.
    this.#entries = 1;
    this.#bucketCount = 0;
    this.#bucketSet = new Uint32Array(FIRST_BUCKETS);
    this.#bucketAudience = new Int32Array(FIRST_BUCKETS);
    this.#bucketFirst = new Uint32Array(FIRST_BUCKETS);
    this.#bucketLast = new Uint32Array(FIRST_BUCKETS);
    this.#bucketSize = new Uint32Array(FIRST_BUCKETS);
    this.#bucketSlot = new Uint32Array(FIRST_BUCKETS);
    this.#slots = new Uint32Array(FIRST_BUCKETS * 4);
    this.#released = new Uint32Array(FIRST_ENTRIES);
    this.#releasedCount = 0;
  }

  get isEmpty(): boolean {
    return this.#entries === 1 && this.#releasedCount === 0;
  }

  /** @param attributeOctets length of the set's attributes */
  announce(set: SetHandle, attributeOctets: number, audience: Audience, prefix: PrefixHandle, pathId: number): void {
    this.#append(set, attributeOctets, audience, prefix, pathId);
  }

  withdraw(audience: Audience, prefix: PrefixHandle, pathId: number): void {
    this.#append(WITHDRAW, 0, audience, prefix, pathId);
  }

  /** Gives up one hold on the prefix once its last withdrawal is written, which still needs its address. */
  releaseAfterwards(prefix: PrefixHandle): void {
    if (this.#releasedCount === this.#released.length) this.#released = doubled(this.#released);
    this.#released[this.#releasedCount++] = prefix;
  }

  /** Writes everything to the log and empties the batch. */
  flush(packer: UpdatePacker, log: OutputLog, prefixes: PrefixTable): void {
    for (let bucket = 0; bucket < this.#bucketCount; bucket++) {
      if (this.#bucketSet[bucket] !== WITHDRAW) continue;
      const audience = this.#bucketAudience[bucket];
      packer.writeWithdrawals(log, audience, this, this.#bucketFirst[bucket], this.#bucketSize[bucket]);
    }
    for (let bucket = 0; bucket < this.#bucketCount; bucket++) {
      const set = this.#bucketSet[bucket];
      this.#slots[this.#bucketSlot[bucket]] = 0;
      if (set === WITHDRAW) continue;
      const audience = this.#bucketAudience[bucket];
      packer.writeAnnouncements(log, audience, set, this, this.#bucketFirst[bucket], this.#bucketSize[bucket]);
    }
    prefixes.releaseAll(this.#released, this.#releasedCount);
    this.#releasedCount = 0;
    this.#bucketCount = 0;
    this.#entries = 1;
    this.octets = 0;
  }

  #append(set: SetHandle, attributeOctets: number, audience: Audience, prefix: PrefixHandle, pathId: number): void {
    const entry = this.#entries;
    if (entry === this.prefix.length) this.#growEntries();
    this.#entries = entry + 1;
    this.prefix[entry] = prefix;
    this.pathId[entry] = pathId;
    this.next[entry] = 0;
    this.octets += NLRI_OCTETS;
    // Neighbours in the table often share their attributes.
    let bucket = this.#bucketCount - 1;
    if (bucket < 0 || this.#bucketSet[bucket] !== set || this.#bucketAudience[bucket] !== audience) {
      bucket = this.#bucketOf(set, audience);
    }
    if (bucket < this.#bucketCount) {
      this.next[this.#bucketLast[bucket]] = entry;
      this.#bucketSize[bucket]++;
    } else {
      this.#bucketCount = bucket + 1;
      this.#bucketSet[bucket] = set;
      this.#bucketAudience[bucket] = audience;
      this.#bucketFirst[bucket] = entry;
      this.#bucketSize[bucket] = 1;
      this.octets += MESSAGE_OCTETS + attributeOctets;
    }
    this.#bucketLast[bucket] = entry;
  }

  /** The bucket for set and audience; the number of a new one (its slot taken) when there is none. */
  #bucketOf(set: SetHandle, audience: Audience): number {
    if (this.#bucketCount === this.#bucketSet.length) this.#growBuckets();
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = slotOf(set, audience) & mask;
    while (slots[slot] !== 0) {
      const bucket = slots[slot] - 1;
      if (this.#bucketSet[bucket] === set && this.#bucketAudience[bucket] === audience) return bucket;
      slot = (slot + 1) & mask;
    }
    slots[slot] = this.#bucketCount + 1;
    this.#bucketSlot[this.#bucketCount] = slot;
    return this.#bucketCount;
  }

  #growEntries(): void {
    this.prefix = doubled(this.prefix);
    this.pathId = doubled(this.pathId);
    this.next = doubled(this.next);
  }

  #growBuckets(): void {
    const audience = new Int32Array(this.#bucketAudience.length * 2);
    audience.set(this.#bucketAudience);
    this.#bucketAudience = audience;
    this.#bucketSet = doubled(this.#bucketSet);
    this.#bucketFirst = doubled(this.#bucketFirst);
    this.#bucketLast = doubled(this.#bucketLast);
    this.#bucketSize = doubled(this.#bucketSize);
    this.#bucketSlot = doubled(this.#bucketSlot);
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let bucket = 0; bucket < this.#bucketCount; bucket++) {
      let slot = slotOf(this.#bucketSet[bucket], this.#bucketAudience[bucket]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = bucket + 1;
      this.#bucketSlot[bucket] = slot;
    }
    this.#slots = slots;
  }
}

function slotOf(set: SetHandle, audience: Audience): number {
  const mixed = Math.imul(set, 0x9e3779b1) ^ Math.imul(audience, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

function doubled(column: Uint32Array): Uint32Array {
  const grown = new Uint32Array(column.length * 2);
  grown.set(column);
  return grown;
}
