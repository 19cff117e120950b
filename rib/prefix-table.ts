/**
 * The prefixes of one family: content to handle by a hash (slot-groups.ts), handle to content by columns. Decides
 * nothing about routes; `head` only says where the list of paths begins.
 *
 * Four neighbouring prefixes of one length are in the same group of the hash, because tables often come in address
 * order. A seed keeps peers from aiming at one group. Lanes may be handed in signed or unsigned: hot loops hand in
 * signed ones, which V8 passes without boxing.
 */

import { FAMILY_IPV4, type FamilyIndex } from '../bgp/family.ts';
import { laneMask, type Prefix } from '../bgp/ip.ts';
import { grownUint8, grownUint16, grownUint32, StaggeredGrowth, WIDE_STEPS } from './columns.ts';
import type { PrefixBatch } from './nlri-batch.ts';
import type { PathRow } from './paths.ts';
import { HANDLE_BITS, HASH_BITS, LINE_BITS, SlotGroups, tagOf } from './slot-groups.ts';

/** 0: none. */
export type PrefixHandle = number;

/** Neighbours in the same group, as a power of two: their hashes differ in the highest bits only. */
const NEIGHBOUR_BITS = 2;
const NEIGHBOUR_SHIFT = HASH_BITS - NEIGHBOUR_BITS;
/** In `length` of a handle that is not in use. */
const FREE = 255;
const COLUMNS = 7;
/** Prefixes whose groups are read ahead at a time. */
const RELEASE_RUN = 64;

/**
 * Holders that are counted. A prefix that has had so many at a time keeps its handle for good: to lose count would give the
 * handle to another prefix while somebody still means this one.
 */
export const MAX_HOLDERS = 65535;

export class PrefixTable {
  readonly family: FamilyIndex;
  capacity: number;
  /** Highest handle ever used + 1: `for (handle = 1; handle < end; handle++) if (isUsed(handle))`. */
  end: number;
  /** Prefixes in the table, also those that only a holder keeps. */
  count: number;
  /** Of a handle that is not in use: the next such handle. */
  laneA: Uint32Array;
  /** Lanes b to d are empty arrays for IPv4. */
  laneB: Uint32Array;
  laneC: Uint32Array;
  laneD: Uint32Array;
  length: Uint8Array;
  /** First path: the best one when its effective set is not 0; 0: no path. */
  head: Uint32Array;
  /** How many consumers have state for the prefix. */
  holds: Uint16Array;
  #free: PrefixHandle;
  readonly #growth: StaggeredGrowth;
  readonly #groups: SlotGroups;
  /** Of no meaning: it keeps reading ahead from being left out. */
  readAhead: number;
  /** Of one run of releaseAll. */
  readonly #removedHash = new Int32Array(RELEASE_RUN);
  readonly #removed = new Int32Array(RELEASE_RUN);
  readonly #seed: number;
  /** Prefixes by length. */
  readonly #lengthCount: Uint32Array;

  constructor(family: FamilyIndex, seed = 0) {
    this.family = family;
    this.#growth = new StaggeredGrowth(COLUMNS, WIDE_STEPS);
    const { capacity } = this.#growth;
    const wide = family === FAMILY_IPV4 ? 0 : capacity;
    this.capacity = capacity;
    this.end = 1;
    this.count = 0;
    this.laneA = new Uint32Array(capacity);
    this.laneB = new Uint32Array(wide);
    this.laneC = new Uint32Array(wide);
    this.laneD = new Uint32Array(wide);
    this.length = new Uint8Array(capacity);
    // Handle 0 is what words that say nothing stand for: it must not look like the prefix 0/0.
    this.length[0] = FREE;
    this.head = new Uint32Array(capacity);
    this.holds = new Uint16Array(capacity);
    this.#free = 0;
    this.#groups = new SlotGroups();
    this.readAhead = 0;
    this.#seed = seed | 0;
    this.#lengthCount = new Uint32Array(129);
  }

  /** The handle of a prefix whose host bits are 0, or 0 when it is not in the table. */
  find(a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    return this.family === FAMILY_IPV4
      ? this.#find4(this.#hash4(a, length), a | 0, length)
      : this.#find6(this.#hash6(a, b, c, d, length), a | 0, b | 0, c | 0, d | 0, length);
  }

  /** The handle of a prefix whose host bits are 0, new when it is not in the table. Columns may be replaced. */
  insert(a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    const isIpv4 = this.family === FAMILY_IPV4;
    const hash = isIpv4 ? this.#hash4(a, length) : this.#hash6(a, b, c, d, length);
    const known = isIpv4 ? this.#find4(hash, a | 0, length) : this.#find6(hash, a | 0, b | 0, c | 0, d | 0, length);
    return known !== 0 ? known : this.#add(hash, a, b, c, d, length);
  }

  /** `find` for each prefix of the batch, into batch.handle. */
  findAll(batch: PrefixBatch): void {
    this.#prepare(batch);
    const { a, b, c, d, length, hash, handle, count } = batch;
    const isIpv4 = this.family === FAMILY_IPV4;
    for (let i = 0; i < count; i++) {
      handle[i] = isIpv4
        ? this.#find4(hash[i], a[i], length[i])
        : this.#find6(hash[i], a[i], b[i], c[i], d[i], length[i]);
    }
  }

  /** `insert` for each prefix of the batch, into batch.handle. Columns may be replaced. */
  insertAll(batch: PrefixBatch): void {
    this.#prepare(batch);
    const { a, b, c, d, length, hash, handle, count } = batch;
    const isIpv4 = this.family === FAMILY_IPV4;
    for (let i = 0; i < count; i++) {
      const known = isIpv4
        ? this.#find4(hash[i], a[i], length[i])
        : this.#find6(hash[i], a[i], b[i], c[i], d[i], length[i]);
      handle[i] = known !== 0 ? known : this.#add(hash[i], a[i], b[i], c[i], d[i], length[i]);
    }
  }

  /**
   * Hashes, and reads what the search for each prefix will read first, so that the processor waits for all of it at once
   * and not for one after the other.
   */
  #prepare(batch: PrefixBatch): void {
    const { a, b, c, d, length, hash, count } = batch;
    const isIpv4 = this.family === FAMILY_IPV4;
    const groups = this.#groups;
    const words = groups.words;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const bits = length[i];
      const hashed = isIpv4 ? this.#hash4(a[i], bits) : this.#hash6(a[i], b[i], c[i], d[i], bits);
      hash[i] = hashed;
      read ^= words[(hashed & ((1 << groups.levelOf(hashed)) - 1)) << LINE_BITS];
    }
    this.readAhead = read;
  }

  /** Keeps the handle from being reused while a consumer has state for it. */
  hold(handle: PrefixHandle): void {
    if (this.holds[handle] < MAX_HOLDERS) this.holds[handle]++;
  }

  release(handle: PrefixHandle): void {
    const { holds } = this;
    if (holds[handle] === MAX_HOLDERS) return;
    if (--holds[handle] === 0 && this.head[handle] === 0) this.#remove(handle, this.#hashOf(handle));
  }

  /** `release` for each of the first `count` handles; reads ahead as `insertAll` does. */
  releaseAll(handles: Uint32Array, count: number): void {
    const { head, holds } = this;
    const groups = this.#groups;
    const words = groups.words;
    const hashes = this.#removedHash;
    const removed = this.#removed;
    for (let at = 0; at < count; ) {
      const to = Math.min(at + RELEASE_RUN, count);
      let removedCount = 0;
      let read = 0;
      for (; at < to; at++) {
        const handle = handles[at];
        if (holds[handle] === MAX_HOLDERS || --holds[handle] !== 0 || head[handle] !== 0) continue;
        const hash = this.#hashOf(handle);
        read ^= words[(hash & ((1 << groups.levelOf(hash)) - 1)) << LINE_BITS];
        hashes[removedCount] = hash;
        removed[removedCount++] = handle;
      }
      this.readAhead = read;
      for (let i = 0; i < removedCount; i++) this.#remove(removed[i], hashes[i]);
    }
  }

  /** Removes the prefix when it has neither path nor holder. */
  removeIfUnused(handle: PrefixHandle): void {
    if (this.head[handle] === 0 && this.holds[handle] === 0) this.#remove(handle, this.#hashOf(handle));
  }

  /** False for handles that stand for no prefix at the moment. */
  isUsed(handle: PrefixHandle): boolean {
    return handle > 0 && handle < this.end && this.length[handle] !== FREE;
  }

  /** The longest prefix with paths that contains the address and is not longer than maxLength; 0: none. */
  longestMatch(a: number, b: number, c: number, d: number, maxLength = 128): PrefixHandle {
    const bits = this.family === FAMILY_IPV4 ? 32 : 128;
    for (let length = Math.min(maxLength, bits); length >= 0; length--) {
      if (this.#lengthCount[length] === 0) continue;
      const handle = this.find(
        a & laneMask(length, 0),
        b & laneMask(length, 1),
        c & laneMask(length, 2),
        d & laneMask(length, 3),
        length,
      );
      if (handle !== 0 && this.head[handle] !== 0) return handle;
    }
    return 0;
  }

  /** The prefix as a value; not for hot code. */
  describe(handle: PrefixHandle): Prefix {
    const wide = this.family !== FAMILY_IPV4;
    return {
      family: this.family,
      a: this.laneA[handle],
      b: wide ? this.laneB[handle] : 0,
      c: wide ? this.laneC[handle] : 0,
      d: wide ? this.laneD[handle] : 0,
      length: this.length[handle],
    };
  }

  setHead(handle: PrefixHandle, row: PathRow): void {
    this.head[handle] = row;
  }

  /** Octets that the table needs per prefix at rest. */
  get octetsPerPrefix(): number {
    const columns = (this.family === FAMILY_IPV4 ? 4 : 16) + 1 + 4 + 2;
    return columns + (this.count === 0 ? 0 : this.#groups.octets / this.count);
  }

  #find4(hash: number, a: number, length: number): PrefixHandle {
    const { laneA } = this;
    const lengths = this.length;
    const groups = this.#groups;
    const level = groups.levelOf(hash);
    const tag = tagOf(hash, level);
    const shift = level + HANDLE_BITS;
    let words = groups.words;
    let at = (hash & ((1 << level) - 1)) << LINE_BITS;
    let end = at + (1 << LINE_BITS);
    while (at < end) {
      const word = words[at++];
      if ((word ^ tag) >>> shift === 0) {
        const handle = word & ((1 << shift) - 1);
        if ((laneA[handle] | 0) === a && lengths[handle] === length) return handle;
      }
      if (word === 0) return 0;
      if (word < 0) {
        words = groups.lines;
        at = word << LINE_BITS;
        end = at + (1 << LINE_BITS);
      }
    }
    return 0;
  }

  #find6(hash: number, a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    const groups = this.#groups;
    const level = groups.levelOf(hash);
    const tag = tagOf(hash, level);
    const shift = level + HANDLE_BITS;
    let words = groups.words;
    let at = (hash & ((1 << level) - 1)) << LINE_BITS;
    let end = at + (1 << LINE_BITS);
    while (at < end) {
      const word = words[at++];
      if ((word ^ tag) >>> shift === 0) {
        const handle = word & ((1 << shift) - 1);
        if (this.#is(handle, a, b, c, d, length)) return handle;
      }
      if (word === 0) return 0;
      if (word < 0) {
        words = groups.lines;
        at = word << LINE_BITS;
        end = at + (1 << LINE_BITS);
      }
    }
    return 0;
  }

  /** Lanes are signed. */
  #is(handle: PrefixHandle, a: number, b: number, c: number, d: number, length: number): boolean {
    if (this.length[handle] !== length || (this.laneA[handle] | 0) !== a) return false;
    return (this.laneB[handle] | 0) === b && (this.laneC[handle] | 0) === c && (this.laneD[handle] | 0) === d;
  }

  #hash4(a: number, length: number): number {
    const low = lowBits(a, length);
    return withNeighbours(mix((low >>> NEIGHBOUR_BITS) ^ (length << 26) ^ this.#seed), low);
  }

  #hash6(a: number, b: number, c: number, d: number, length: number): number {
    const low = lowBits(lastLane(a, b, c, d, length), length);
    let hash = this.#seed ^ (length << 24);
    if (length > 32) hash = mix(hash ^ a);
    if (length > 64) hash = mix(hash ^ b);
    if (length > 96) hash = mix(hash ^ c);
    return withNeighbours(mix(hash ^ (low >>> NEIGHBOUR_BITS)), low);
  }

  #hashOf(handle: PrefixHandle): number {
    return this.family === FAMILY_IPV4
      ? this.#hash4(this.laneA[handle] | 0, this.length[handle])
      : this.#hash6(
          this.laneA[handle] | 0,
          this.laneB[handle] | 0,
          this.laneC[handle] | 0,
          this.laneD[handle] | 0,
          this.length[handle],
        );
  }

  #add(hash: number, a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    let handle = this.#free;
    if (handle !== 0) {
      this.#free = this.laneA[handle];
    } else {
      handle = this.end;
      if (handle >= this.#growth.dueAt) this.#growColumn();
      this.end = handle + 1;
    }
    this.laneA[handle] = a;
    if (this.family !== FAMILY_IPV4) {
      this.laneB[handle] = b;
      this.laneC[handle] = c;
      this.laneD[handle] = d;
    }
    this.length[handle] = length;
    this.#groups.add(hash, handle);
    this.#lengthCount[length]++;
    this.count++;
    return handle;
  }

  #remove(handle: PrefixHandle, hash: number): void {
    this.#groups.remove(hash, handle);
    this.#lengthCount[this.length[handle]]--;
    this.length[handle] = FREE;
    this.laneA[handle] = this.#free;
    this.#free = handle;
    this.count--;
  }

  #growColumn(): void {
    const { target, dueAt: used } = this.#growth;
    switch (this.#growth.advance()) {
      case 0:
        this.laneA = grownUint32(this.laneA, target, used);
        break;
      case 1:
        if (this.laneB.length !== 0) this.laneB = grownUint32(this.laneB, target, used);
        break;
      case 2:
        if (this.laneC.length !== 0) this.laneC = grownUint32(this.laneC, target, used);
        break;
      case 3:
        if (this.laneD.length !== 0) this.laneD = grownUint32(this.laneD, target, used);
        break;
      case 4:
        this.length = grownUint8(this.length, target, used);
        break;
      case 5:
        this.head = grownUint32(this.head, target, used);
        break;
      case 6:
        this.holds = grownUint16(this.holds, target, used);
        break;
    }
    this.capacity = this.#growth.capacity;
  }
}

/** Spreads 32 bits over 32 bits, one to one. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return h ^ (h >>> 15);
}

/** HASH_BITS bits of `mixed`, the highest of them changed by what tells neighbours apart. */
function withNeighbours(mixed: number, low: number): number {
  return (mixed ^ (low << NEIGHBOUR_SHIFT)) & ((1 << HASH_BITS) - 1);
}

/** The lane that holds the last bit of the prefix. */
function lastLane(a: number, b: number, c: number, d: number, length: number): number {
  return length <= 32 ? a : length <= 64 ? b : length <= 96 ? c : d;
}

/** The prefix's bits in its last lane, shifted down: the lowest of them tell neighbours apart. */
function lowBits(lane: number, length: number): number {
  return length === 0 ? 0 : lane >>> ((128 - length) & 31);
}
