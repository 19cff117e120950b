/**
 * The prefixes of one family: content to handle by a chained hash, handle to content by columns. Decides nothing about
 * routes; `head` only says where the list of paths begins.
 *
 * The hash is a linear hash (Litwin): it grows by splitting one small group of buckets per few insertions, so there is
 * never a rehash of everything. Eight neighbouring prefixes of one length share a group, that is one or two cache
 * lines, because tables and withdrawals come in address order. A seed keeps peers from aiming at one chain. Lanes may
 * be handed in signed or unsigned: hot loops hand in signed ones, which V8 passes without boxing.
 */

import { FAMILY_IPV4, type FamilyIndex } from '../bgp/family.ts';
import { laneMask, type Prefix } from '../bgp/ip.ts';
import { grownCapacity, grownUint8, grownUint16, grownUint32, StaggeredGrowth, WIDE_STEPS } from './columns.ts';
import type { PrefixBatch } from './nlri-batch.ts';
import type { PathRow } from './paths.ts';

/** 0: none. */
export type PrefixHandle = number;

const GROUP_BITS = 3;
const GROUP_BUCKETS = 1 << GROUP_BITS;
const GROUP_MASK = GROUP_BUCKETS - 1;
const FIRST_GROUPS = 16;
/** In `length` of a handle that is not in use. */
const FREE = 255;
const COLUMNS = 8;

export class PrefixTable {
  readonly family: FamilyIndex;
  capacity: number;
  /** Highest handle ever used + 1: `for (handle = 1; handle < end; handle++) if (isUsed(handle))`. */
  end: number;
  /** Prefixes in the table, also those that only a holder keeps. */
  count: number;
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
  /** By handle * 2: the hash; by handle * 2 + 1: the next prefix of the bucket, or the next free handle. */
  #nodes: Uint32Array;
  #free: PrefixHandle;
  readonly #growth: StaggeredGrowth;
  #buckets: Uint32Array;
  /** Groups at the start of this round of splits (a power of two), and how many of them have been split. */
  #roundGroups: number;
  #splitGroups: number;
  /** Of no meaning: it keeps the reads of `prefetch` from being left out. */
  prefetched: number;
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
    this.head = new Uint32Array(capacity);
    this.holds = new Uint16Array(capacity);
    this.#nodes = new Uint32Array(capacity * 2);
    this.#free = 0;
    this.#buckets = new Uint32Array(grownCapacity(FIRST_GROUPS * GROUP_BUCKETS));
    this.#roundGroups = FIRST_GROUPS;
    this.#splitGroups = 0;
    this.prefetched = 0;
    this.#seed = seed | 0;
    this.#lengthCount = new Uint32Array(129);
  }

  /** The handle of a prefix whose host bits are 0, or 0 when it is not in the table. */
  find(a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    const hash = this.family === FAMILY_IPV4 ? this.#hash4(a, length) : this.#hash6(a, b, c, d, length);
    const first = this.#buckets[this.#bucketOf(hash, lowBits(lastLane(a, b, c, d, length), length))];
    return this.family === FAMILY_IPV4
      ? this.#find4(first, hash, a | 0, length)
      : this.#find6(first, hash, a | 0, b | 0, c | 0, d | 0, length);
  }

  /** The handle of a prefix whose host bits are 0, new when it is not in the table. Columns may be replaced. */
  insert(a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    const isIpv4 = this.family === FAMILY_IPV4;
    const hash = isIpv4 ? this.#hash4(a, length) : this.#hash6(a, b, c, d, length);
    const bucket = this.#bucketOf(hash, lowBits(lastLane(a, b, c, d, length), length));
    const first = this.#buckets[bucket];
    const known = isIpv4
      ? this.#find4(first, hash, a | 0, length)
      : this.#find6(first, hash, a | 0, b | 0, c | 0, d | 0, length);
    if (known !== 0) return known;
    let handle = this.#free;
    if (handle !== 0) {
      this.#free = this.#nodes[handle * 2 + 1];
    } else {
      handle = this.end;
      if (handle >= this.#growth.dueAt) this.#growColumn();
      this.end = handle + 1;
    }
    this.laneA[handle] = a;
    if (!isIpv4) {
      this.laneB[handle] = b;
      this.laneC[handle] = c;
      this.laneD[handle] = d;
    }
    this.length[handle] = length;
    this.#nodes[handle * 2] = hash;
    this.#nodes[handle * 2 + 1] = first;
    this.#buckets[bucket] = handle;
    this.#lengthCount[length]++;
    this.count++;
    if (this.count > (this.#roundGroups + this.#splitGroups) << GROUP_BITS) this.#splitNextGroup();
    return handle;
  }

  /**
   * Reads what `insert` or `find` of these prefixes will read first, so that the processor waits for all of it at once
   * and not for one after the other. Lanes b to d are not looked at for IPv4.
   */
  prefetch(batch: PrefixBatch): void {
    const isIpv4 = this.family === FAMILY_IPV4;
    const { a, b, c, d, length, count } = batch;
    const buckets = this.#buckets;
    const nodes = this.#nodes;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const bits = length[i];
      const hash = isIpv4 ? this.#hash4(a[i], bits) : this.#hash6(a[i], b[i], c[i], d[i], bits);
      const low = lowBits(isIpv4 ? a[i] : lastLane(a[i], b[i], c[i], d[i], bits), bits);
      read ^= nodes[buckets[this.#bucketOf(hash, low)] * 2];
    }
    this.prefetched = read;
  }

  /** Keeps the handle from being reused while a consumer has state for it. */
  hold(handle: PrefixHandle): void {
    this.holds[handle]++;
  }

  release(handle: PrefixHandle): void {
    if (--this.holds[handle] === 0 && this.head[handle] === 0) this.#remove(handle);
  }

  /** Removes the prefix when it has neither path nor holder. */
  removeIfUnused(handle: PrefixHandle): void {
    if (this.head[handle] === 0 && this.holds[handle] === 0) this.#remove(handle);
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
    const buckets = (this.#roundGroups + this.#splitGroups) * GROUP_BUCKETS * 4;
    const columns = (this.family === FAMILY_IPV4 ? 4 : 16) + 1 + 4 + 2 + 8;
    return columns + (this.count === 0 ? 0 : buckets / this.count);
  }

  #find4(first: PrefixHandle, hash: number, a: number, length: number): PrefixHandle {
    const nodes = this.#nodes;
    let handle = first;
    while (
      handle !== 0 &&
      ((nodes[handle * 2] | 0) !== hash || (this.laneA[handle] | 0) !== a || this.length[handle] !== length)
    ) {
      handle = nodes[handle * 2 + 1];
    }
    return handle;
  }

  #find6(first: PrefixHandle, hash: number, a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    const nodes = this.#nodes;
    let handle = first;
    while (
      handle !== 0 &&
      ((nodes[handle * 2] | 0) !== hash ||
        (this.laneB[handle] | 0) !== b ||
        (this.laneA[handle] | 0) !== a ||
        (this.laneC[handle] | 0) !== c ||
        (this.laneD[handle] | 0) !== d ||
        this.length[handle] !== length)
    ) {
      handle = nodes[handle * 2 + 1];
    }
    return handle;
  }

  /** Signed; of all but the lowest bits of the prefix. */
  #hash4(a: number, length: number): number {
    return mix((lowBits(a, length) >>> GROUP_BITS) ^ (length << 26) ^ this.#seed);
  }

  #hash6(a: number, b: number, c: number, d: number, length: number): number {
    let hash = this.#seed ^ (length << 24);
    if (length > 32) hash = mix(hash ^ a);
    if (length > 64) hash = mix(hash ^ b);
    if (length > 96) hash = mix(hash ^ c);
    return mix(hash ^ (lowBits(lastLane(a, b, c, d, length), length) >>> GROUP_BITS));
  }

  /** The bucket within the group: by the lowest bits of the prefix, turned so that sparse tables spread too. */
  #bucketOf(hash: number, low: number): number {
    return (this.#groupOf(hash) << GROUP_BITS) | ((low ^ (hash >>> 29)) & GROUP_MASK);
  }

  #groupOf(hash: number): number {
    const round = this.#roundGroups;
    const group = hash & (round * 2 - 1);
    return group < round + this.#splitGroups ? group : group & (round - 1);
  }

  /** One step of growth: the next group of this round shares its prefixes with a new group at the end. */
  #splitNextGroup(): void {
    const from = this.#splitGroups;
    const to = this.#roundGroups + from;
    if ((to + 1) << GROUP_BITS > this.#buckets.length) {
      this.#buckets = grownUint32(this.#buckets, grownCapacity((to + 1) << GROUP_BITS));
    }
    this.#splitGroups = from + 1;
    const nodes = this.#nodes;
    const buckets = this.#buckets;
    for (let i = 0; i < GROUP_BUCKETS; i++) {
      let handle = buckets[(from << GROUP_BITS) + i];
      buckets[(from << GROUP_BITS) + i] = 0;
      while (handle !== 0) {
        const next = nodes[handle * 2 + 1];
        // The place within the group does not depend on the number of groups.
        const bucket = (this.#groupOf(nodes[handle * 2]) << GROUP_BITS) + i;
        nodes[handle * 2 + 1] = buckets[bucket];
        buckets[bucket] = handle;
        handle = next;
      }
    }
    if (this.#splitGroups === this.#roundGroups) {
      this.#roundGroups *= 2;
      this.#splitGroups = 0;
    }
  }

  #remove(handle: PrefixHandle): void {
    const nodes = this.#nodes;
    const length = this.length[handle];
    const lane = length <= 32 ? this.laneA : length <= 64 ? this.laneB : length <= 96 ? this.laneC : this.laneD;
    const bucket = this.#bucketOf(nodes[handle * 2], lowBits(lane[handle] | 0, length));
    let at = this.#buckets[bucket];
    if (at === handle) this.#buckets[bucket] = nodes[handle * 2 + 1];
    else {
      while (nodes[at * 2 + 1] !== handle) at = nodes[at * 2 + 1];
      nodes[at * 2 + 1] = nodes[handle * 2 + 1];
    }
    this.#lengthCount[length]--;
    this.length[handle] = FREE;
    nodes[handle * 2 + 1] = this.#free;
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
      case 7:
        this.#nodes = grownUint32(this.#nodes, target * 2, used * 2);
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

/** The lane that holds the last bit of the prefix. */
function lastLane(a: number, b: number, c: number, d: number, length: number): number {
  return length <= 32 ? a : length <= 64 ? b : length <= 96 ? c : d;
}

/** The prefix's bits in its last lane, shifted down: the lowest of them tell the neighbours of a group apart. */
function lowBits(lane: number, length: number): number {
  return length === 0 ? 0 : lane >>> ((128 - length) & 31);
}
