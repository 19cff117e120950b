/**
 * Attribute sets interned by content: the canonical octets of a path's attributes (without NLRI) are its identity, so
 * a set that arrives again costs a hash and a comparison, and equal sets are equal integers. Parsed once per set
 * (attribute-parser.ts) into columns; the octets stay for passing on and for everything that is not a column.
 *
 * A set is counted by its holders. At 0 it is put in a queue and lives at least until the next sweep(), so that code
 * may intern first and retain later within one slice of work. The hash grows by splitting a bucket per insertion.
 */

import { Arena } from './arena.ts';
import { AttributeColumns } from './attribute-columns.ts';
import {
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  parseAttributes,
  uint32At,
} from './attribute-parser.ts';
import { grownCapacity, grownUint32 } from './columns.ts';
import type { NextHopTable } from './next-hop.ts';

/** 0: none. */
export type SetHandle = number;

/** Validity bits: the octets were checked as coming from a peer of this kind (with 4-octet AS numbers). */
export const VALID_FROM_INTERNAL = 1;
export const VALID_FROM_EXTERNAL = 2;
/** In `validity`: the handle waits in the queue of the sweep. */
const QUEUED = 128;
const FIRST_BUCKETS = 256;
/** Of one set in the columns. */
const OCTETS_PER_SET = 70;

export class AttributeStore extends AttributeColumns {
  readonly nextHops: NextHopTable;
  /** Highest handle ever used + 1. */
  end: number;
  /** Sets alive, including those that wait for the sweep. */
  count: number;
  readonly #arena: Arena;
  #free: SetHandle;
  #buckets: Uint32Array;
  #roundBuckets: number;
  #splitBuckets: number;
  readonly #seed: number;
  /** Handles whose count has fallen to 0. */
  #queue: Uint32Array;
  #queued: number;

  /** @param seed random number of the process, so that peers cannot aim at one hash chain */
  constructor(nextHops: NextHopTable, seed = 0) {
    super();
    this.nextHops = nextHops;
    this.end = 1;
    this.count = 0;
    this.#arena = new Arena();
    this.#free = 0;
    this.#buckets = new Uint32Array(grownCapacity(FIRST_BUCKETS));
    this.#roundBuckets = FIRST_BUCKETS;
    this.#splitBuckets = 0;
    this.#seed = seed | 0;
    this.#queue = new Uint32Array(grownCapacity(1));
    this.#queued = 0;
  }

  /** Octets of all sets; replaced when it grows. A set's are [offset[handle], offset[handle] + length[handle]). */
  get arena(): Uint8Array {
    return this.#arena.octets;
  }

  /** The set with these octets when it has been validated for that kind of peer, else 0. */
  find(octets: Uint8Array, start: number, end: number, validityBit: number): SetHandle {
    const handle = this.#lookup(octets, start, end, this.#hash(octets, start, end));
    return handle !== 0 && (this.validity[handle] & validityBit) !== 0 ? handle : 0;
  }

  /** The set with these canonical octets (1 to 65535), new when there is none. Columns may be replaced. */
  intern(octets: Uint8Array, start: number, end: number): SetHandle {
    const hash = this.#hash(octets, start, end);
    const known = this.#lookup(octets, start, end, hash);
    if (known !== 0) return known;
    let handle = this.#free;
    if (handle !== 0) {
      this.#free = this.chain[handle];
    } else {
      handle = this.end;
      if (handle >= this.growth.dueAt) this.growColumn();
      this.end = handle + 1;
    }
    const length = end - start;
    const offset = this.#arena.allocate(length);
    const arena = this.#arena.octets;
    for (let i = 0; i < length; i++) arena[offset + i] = octets[start + i];
    this.offset[handle] = offset;
    this.length[handle] = length;
    this.hash[handle] = hash;
    this.refCount[handle] = 0;
    this.validity[handle] = 0;
    parseAttributes(this, handle, arena, offset, offset + length, this.nextHops);
    if (this.nextHop[handle] !== 0) this.nextHops.retain(this.nextHop[handle]);
    const bucket = this.#bucketOf(hash);
    this.chain[handle] = this.#buckets[bucket];
    this.#buckets[bucket] = handle;
    this.count++;
    if (this.count > this.#roundBuckets + this.#splitBuckets) this.#splitNextBucket();
    this.#enqueue(handle);
    return handle;
  }

  /** Notes that the octets were validated for this kind of peer: `find` will return the set from now on. */
  markValid(handle: SetHandle, validityBit: number): void {
    this.validity[handle] |= validityBit;
  }

  retain(handle: SetHandle): void {
    this.refCount[handle]++;
  }

  retainMany(handle: SetHandle, holders: number): void {
    this.refCount[handle] += holders;
  }

  release(handle: SetHandle): void {
    if (--this.refCount[handle] === 0 && (this.validity[handle] & QUEUED) === 0) this.#enqueue(handle);
  }

  releaseMany(handle: SetHandle, holders: number): void {
    this.refCount[handle] -= holders;
    if (this.refCount[handle] === 0 && (this.validity[handle] & QUEUED) === 0) this.#enqueue(handle);
  }

  /** Frees sets that nobody holds, looking at no more than `budget` of them; returns how many are left to look at. */
  sweep(budget: number): number {
    for (let i = 0; i < budget && this.#queued > 0; i++) {
      const handle = this.#queue[--this.#queued];
      this.validity[handle] &= ~QUEUED;
      if (this.refCount[handle] === 0) this.#remove(handle);
    }
    return this.#queued;
  }

  /** Sets that wait for the sweep. */
  get sweepable(): number {
    return this.#queued;
  }

  /** Octets at rest of all sets: arena and columns in use. */
  get octetsUsed(): number {
    return this.#arena.usedOctets + this.end * OCTETS_PER_SET + this.#buckets.length * 4;
  }

  /** Where in the arena the attribute's flags octet is, or -1 when the set has no such attribute. */
  attributeOffset(handle: SetHandle, code: number): number {
    const arena = this.#arena.octets;
    const end = this.offset[handle] + this.length[handle];
    for (let at = this.offset[handle]; at < end; ) {
      if (arena[at + 1] === code) return at;
      at += (arena[at] & 0x10) !== 0 ? 4 + ((arena[at + 2] << 8) | arena[at + 3]) : 3 + arena[at + 2];
    }
    return -1;
  }

  /** Of an attribute at `at` (from attributeOffset): where its value starts. */
  valueStart(at: number): number {
    return at + ((this.#arena.octets[at] & 0x10) !== 0 ? 4 : 3);
  }

  /** Of an attribute at `at`: octets of its value. */
  valueLength(at: number): number {
    const arena = this.#arena.octets;
    return (arena[at] & 0x10) !== 0 ? (arena[at + 2] << 8) | arena[at + 3] : arena[at + 2];
  }

  /** The set's octets as a view of the arena, valid until the next intern. */
  octetsOf(handle: SetHandle): Uint8Array {
    return this.#arena.octets.subarray(this.offset[handle], this.offset[handle] + this.length[handle]);
  }

  hasCommunity(handle: SetHandle, community: number): boolean {
    return this.#hasEntry(handle, ATTRIBUTE_COMMUNITIES, 4, community, 0, 0);
  }

  /** @param high first four octets @param low last four */
  hasExtendedCommunity(handle: SetHandle, high: number, low: number): boolean {
    return this.#hasEntry(handle, ATTRIBUTE_EXTENDED_COMMUNITIES, 8, high, low, 0);
  }

  hasLargeCommunity(handle: SetHandle, globalAdministrator: number, data1: number, data2: number): boolean {
    return this.#hasEntry(handle, ATTRIBUTE_LARGE_COMMUNITIES, 12, globalAdministrator, data1, data2);
  }

  /** How often an AS occurs in AS_PATH, in segments of every type. */
  countAs(handle: SetHandle, as: number): number {
    const attribute = this.attributeOffset(handle, ATTRIBUTE_AS_PATH);
    if (attribute < 0) return 0;
    const arena = this.#arena.octets;
    let at = this.valueStart(attribute);
    const end = at + this.valueLength(attribute);
    let occurrences = 0;
    while (at < end) {
      const segmentEnd = at + 2 + arena[at + 1] * 4;
      for (at += 2; at < segmentEnd; at += 4) if (uint32At(arena, at) === as) occurrences++;
    }
    return occurrences;
  }

  #hasEntry(handle: SetHandle, code: number, size: number, x: number, y: number, z: number): boolean {
    const attribute = this.attributeOffset(handle, code);
    if (attribute < 0) return false;
    const arena = this.#arena.octets;
    let at = this.valueStart(attribute);
    for (const end = at + this.valueLength(attribute); at < end; at += size) {
      if (uint32At(arena, at) !== x) continue;
      if (size > 4 && uint32At(arena, at + 4) !== y) continue;
      if (size > 8 && uint32At(arena, at + 8) !== z) continue;
      return true;
    }
    return false;
  }

  #lookup(octets: Uint8Array, start: number, end: number, hash: number): SetHandle {
    const hashes = this.hash;
    const chain = this.chain;
    const arena = this.#arena.octets;
    const length = end - start;
    for (let handle = this.#buckets[this.#bucketOf(hash)]; handle !== 0; handle = chain[handle]) {
      if (hashes[handle] !== hash || this.length[handle] !== length) continue;
      const offset = this.offset[handle];
      let i = 0;
      while (i < length && arena[offset + i] === octets[start + i]) i++;
      if (i === length) return handle;
    }
    return 0;
  }

  /** Unsigned; four octets a round. */
  #hash(octets: Uint8Array, start: number, end: number): number {
    let hash = this.#seed ^ (end - start);
    let at = start;
    for (const whole = end - 3; at < whole; at += 4) {
      const word = octets[at] | (octets[at + 1] << 8) | (octets[at + 2] << 16) | (octets[at + 3] << 24);
      hash = Math.imul(hash ^ word, 0x21f0aaad);
      hash ^= hash >>> 15;
    }
    for (; at < end; at++) hash = Math.imul(hash ^ octets[at], 0x735a2d97) ^ (hash >>> 13);
    hash = Math.imul(hash ^ (hash >>> 16), 0x735a2d97);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#roundBuckets * 2 - 1);
    return bucket < this.#roundBuckets + this.#splitBuckets ? bucket : bucket & (this.#roundBuckets - 1);
  }

  #splitNextBucket(): void {
    const from = this.#splitBuckets;
    const to = this.#roundBuckets + from;
    if (to >= this.#buckets.length) this.#buckets = grownUint32(this.#buckets, grownCapacity(to + 1));
    this.#splitBuckets = from + 1;
    let handle = this.#buckets[from];
    this.#buckets[from] = 0;
    while (handle !== 0) {
      const next = this.chain[handle];
      const bucket = this.#bucketOf(this.hash[handle]);
      this.chain[handle] = this.#buckets[bucket];
      this.#buckets[bucket] = handle;
      handle = next;
    }
    if (this.#splitBuckets === this.#roundBuckets) {
      this.#roundBuckets *= 2;
      this.#splitBuckets = 0;
    }
  }

  #enqueue(handle: SetHandle): void {
    if (this.#queued >= this.#queue.length) this.#queue = grownUint32(this.#queue, grownCapacity(this.#queued + 1));
    this.validity[handle] |= QUEUED;
    this.#queue[this.#queued++] = handle;
  }

  #remove(handle: SetHandle): void {
    const bucket = this.#bucketOf(this.hash[handle]);
    let at = this.#buckets[bucket];
    if (at === handle) this.#buckets[bucket] = this.chain[handle];
    else {
      while (this.chain[at] !== handle) at = this.chain[at];
      this.chain[at] = this.chain[handle];
    }
    if (this.nextHop[handle] !== 0) this.nextHops.release(this.nextHop[handle]);
    this.#arena.free(this.offset[handle], this.length[handle]);
    this.generation[handle]++;
    this.length[handle] = 0;
    this.chain[handle] = this.#free;
    this.#free = handle;
    this.count--;
  }
}
