/**
 * What a prefix should look like in the kernel, interned by content: a hundred thousand routes through a few hundred
 * next hops are a few hundred entries, equal entries are equal integers, and comparing what is wanted with what was
 * handed out costs one comparison. Counted by the prefixes that have them.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { IpAddress } from '../bgp/ip.ts';
import { grownCapacity, grownUint32 } from './columns.ts';

/** 0: none. */
export type FibEntryHandle = number;

export interface FibHop {
  /** Null: the destination is directly reachable through the interface. May be IPv6 for an IPv4 route (RFC 8950). */
  readonly gateway: IpAddress | null;
  /** 0 lets the kernel find the interface of the gateway. */
  readonly interfaceIndex: number;
  /** The gateway counts as reachable on the interface although no connected prefix covers it. */
  readonly onlink: boolean;
  /** Share of the traffic in a multipath route. */
  readonly weight: number;
}

/** A route without its prefix. One object per content: it may be kept and compared by identity. */
export interface FibEntry {
  readonly type: 'unicast' | 'blackhole';
  /** Kernel route priority; 0 is the kernel's default. */
  readonly metric: number;
  /** Empty for `blackhole`, one or more for `unicast`. */
  readonly hops: readonly FibHop[];
}

/** Words of a hop: gateway family or NO_GATEWAY, four lanes, interface, onlink. */
const HOP_WORDS = 7;
const NO_GATEWAY = 255;
const HEAD_WORDS = 2;
const TYPE_UNICAST = 0;
const TYPE_BLACKHOLE = 1;

/** An entry under construction: fill it, then `intern` it. */
export class FibEntryBuilder {
  readonly words: Uint32Array;
  hops: number;
  readonly #maxHops: number;

  constructor(maxHops: number) {
    this.#maxHops = maxHops;
    this.words = new Uint32Array(HEAD_WORDS + maxHops * HOP_WORDS);
    this.hops = 0;
  }

  begin(isBlackhole: boolean, metric: number): void {
    this.words[0] = isBlackhole ? TYPE_BLACKHOLE : TYPE_UNICAST;
    this.words[1] = metric;
    this.hops = 0;
  }

  /** Hops are kept in the order of their words, each once, so that the same set is the same content. */
  addHop(
    gatewayFamily: FamilyIndex | null,
    a: number,
    b: number,
    c: number,
    d: number,
    interfaceIndex: number,
    onlink: boolean,
  ): void {
    if (this.hops === this.#maxHops) return;
    const words = this.words;
    let at = HEAD_WORDS + this.hops * HOP_WORDS;
    words[at] = gatewayFamily ?? NO_GATEWAY;
    words[at + 1] = a;
    words[at + 2] = b;
    words[at + 3] = c;
    words[at + 4] = d;
    words[at + 5] = interfaceIndex;
    words[at + 6] = onlink ? 1 : 0;
    for (; at > HEAD_WORDS; at -= HOP_WORDS) {
      const order = this.#compareHops(at - HOP_WORDS, at);
      if (order === 0) {
        words.copyWithin(at, at + HOP_WORDS, HEAD_WORDS + (this.hops + 1) * HOP_WORDS);
        return;
      }
      if (order < 0) break;
      for (let i = at; i < at + HOP_WORDS; i++) {
        const word = words[i];
        words[i] = words[i - HOP_WORDS];
        words[i - HOP_WORDS] = word;
      }
    }
    this.hops++;
  }

  get length(): number {
    return HEAD_WORDS + this.hops * HOP_WORDS;
  }

  #compareHops(x: number, y: number): number {
    for (let i = 0; i < HOP_WORDS; i++) {
      const difference = this.words[x + i] - this.words[y + i];
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

export class FibEntryTable {
  /** Entries in use. */
  count: number;
  #refCount: Uint32Array;
  #hash: Uint32Array;
  #chain: Uint32Array;
  #content: Array<Uint32Array | null>;
  #entries: Array<FibEntry | null>;
  #buckets: Uint32Array;
  #free: FibEntryHandle[];
  #end: number;

  constructor() {
    const capacity = grownCapacity(1);
    this.count = 0;
    this.#refCount = new Uint32Array(capacity);
    this.#hash = new Uint32Array(capacity);
    this.#chain = new Uint32Array(capacity);
    this.#content = [null];
    this.#entries = [null];
    this.#buckets = new Uint32Array(capacity);
    this.#free = [];
    this.#end = 1;
  }

  /** The entry with the builder's content; `retain` it to keep it. */
  intern(builder: FibEntryBuilder): FibEntryHandle {
    const { words, length } = builder;
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ words[i], 0x21f0aaad) ^ (hash >>> 15);
    hash = (hash ^ (hash >>> 16)) >>> 0;
    const bucket = hash & (this.#buckets.length - 1);
    for (let handle = this.#buckets[bucket]; handle !== 0; handle = this.#chain[handle]) {
      if (this.#hash[handle] === hash && isSameContent(this.#content[handle], words, length)) return handle;
    }
    return this.#add(words.slice(0, length), hash);
  }

  entry(handle: FibEntryHandle): FibEntry | null {
    return this.#entries[handle] ?? null;
  }

  retain(handle: FibEntryHandle): void {
    this.#refCount[handle]++;
  }

  release(handle: FibEntryHandle): void {
    if (--this.#refCount[handle] > 0) return;
    const bucket = this.#hash[handle] & (this.#buckets.length - 1);
    let at = this.#buckets[bucket];
    if (at === handle) this.#buckets[bucket] = this.#chain[handle];
    else {
      while (this.#chain[at] !== handle) at = this.#chain[at];
      this.#chain[at] = this.#chain[handle];
    }
    this.#content[handle] = null;
    this.#entries[handle] = null;
    this.#free.push(handle);
    this.count--;
  }

  #add(content: Uint32Array, hash: number): FibEntryHandle {
    const handle = this.#free.pop() ?? this.#end++;
    if (handle >= this.#refCount.length) this.#grow(handle + 1);
    this.#refCount[handle] = 0;
    this.#hash[handle] = hash;
    this.#content[handle] = content;
    this.#entries[handle] = entryOf(content);
    const bucket = hash & (this.#buckets.length - 1);
    this.#chain[handle] = this.#buckets[bucket];
    this.#buckets[bucket] = handle;
    this.count++;
    return handle;
  }

  #grow(needed: number): void {
    const capacity = grownCapacity(needed);
    this.#refCount = grownUint32(this.#refCount, capacity);
    this.#hash = grownUint32(this.#hash, capacity);
    this.#chain = grownUint32(this.#chain, capacity);
    this.#buckets = new Uint32Array(capacity);
    for (let handle = 1; handle < this.#end; handle++) {
      if (this.#content[handle] === null || this.#content[handle] === undefined) continue;
      const bucket = this.#hash[handle] & (capacity - 1);
      this.#chain[handle] = this.#buckets[bucket];
      this.#buckets[bucket] = handle;
    }
  }
}

function isSameContent(content: Uint32Array | null, words: Uint32Array, length: number): boolean {
  if (content === null || content.length !== length) return false;
  for (let i = 0; i < length; i++) if (content[i] !== words[i]) return false;
  return true;
}

function entryOf(content: Uint32Array): FibEntry {
  const hops: FibHop[] = [];
  for (let at = HEAD_WORDS; at < content.length; at += HOP_WORDS) {
    const family = content[at];
    const [a, b, c, d] = content.subarray(at + 1, at + 5);
    const gateway = family === NO_GATEWAY ? null : { family: family === 0 ? (0 as const) : (1 as const), a, b, c, d };
    hops.push({ gateway, interfaceIndex: content[at + 5], onlink: content[at + 6] === 1, weight: 1 });
  }
  return { type: content[0] === TYPE_BLACKHOLE ? 'blackhole' : 'unicast', metric: content[1], hops };
}
