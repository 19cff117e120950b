/**
 * Tracked next hops: every NEXT_HOP that some attribute set names, with what the resolver last said about it
 * (RFC 4271 9.1.2.1). Handles are small integers, 0 = no next hop. Resolution itself (connected prefixes, kernel
 * routes) is injected; a link-local next hop is always resolvable, through the interface of the peer that sent it.
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../bgp/family.ts';
import { formatLanes, type IpAddress } from '../bgp/ip.ts';
import { grownCapacity, grownUint8, grownUint32 } from './columns.ts';

/** 0: none. */
export type NextHopHandle = number;

export interface Resolution {
  /** Interior cost to the next hop. */
  readonly cost: number;
  /** Where packets go: null when the next hop is directly connected. */
  readonly gateway: IpAddress | null;
  /** 0: unknown. */
  readonly interfaceIndex: number;
}

/** Answers how an address is reached at the moment; null: it is not. */
export type NextHopResolver = (family: FamilyIndex, a: number, b: number, c: number, d: number) => Resolution | null;

/** For route reflectors that do not look at the kernel: every next hop counts as resolvable, at cost 0. */
export const ALWAYS_RESOLVABLE: NextHopResolver = () => ({ cost: 0, gateway: null, interfaceIndex: 0 });

export class NextHopTable {
  capacity: number;
  /** Highest handle in use + 1. */
  end: number;
  /** Attribute sets that name it. */
  refCount: Uint32Array;
  family: Uint8Array;
  laneA: Uint32Array;
  laneB: Uint32Array;
  laneC: Uint32Array;
  laneD: Uint32Array;
  /** Low 64 bits of the link-local address that came with a global one (RFC 2545 3); both 0: none. */
  linkLocalC: Uint32Array;
  linkLocalD: Uint32Array;
  /** 1 when an address can be reached; always 1 for link-local ones. */
  resolvable: Uint8Array;
  cost: Uint32Array;
  /** 1: the next hop is a neighbour, gateway lanes repeat its address. */
  directlyConnected: Uint8Array;
  gatewayFamily: Uint8Array;
  gatewayA: Uint32Array;
  gatewayB: Uint32Array;
  gatewayC: Uint32Array;
  gatewayD: Uint32Array;
  /** 0: unknown; of link-local next hops the interface of the peer. */
  interfaceIndex: Uint32Array;
  /** 1: an address of this router itself (RFC 4271 5.1.3). */
  isOwnAddress: Uint8Array;
  /** 1: its resolution has changed and the paths that use it have not been looked at again. */
  changed: Uint8Array;

  /** Tracked next hops. */
  count: number;
  /** Hash chains over the lanes. */
  #buckets: Uint32Array;
  #chain: Uint32Array;
  #free: NextHopHandle[] = [];
  #resolver: NextHopResolver;
  #own = new Set<string>();

  constructor(resolver: NextHopResolver = ALWAYS_RESOLVABLE) {
    this.#resolver = resolver;
    const capacity = grownCapacity(1);
    this.capacity = capacity;
    this.end = 1;
    this.count = 0;
    this.#buckets = new Uint32Array(capacity);
    this.#chain = new Uint32Array(capacity);
    this.refCount = new Uint32Array(capacity);
    this.family = new Uint8Array(capacity);
    this.laneA = new Uint32Array(capacity);
    this.laneB = new Uint32Array(capacity);
    this.laneC = new Uint32Array(capacity);
    this.laneD = new Uint32Array(capacity);
    this.linkLocalC = new Uint32Array(capacity);
    this.linkLocalD = new Uint32Array(capacity);
    this.resolvable = new Uint8Array(capacity);
    this.cost = new Uint32Array(capacity);
    this.directlyConnected = new Uint8Array(capacity);
    this.gatewayFamily = new Uint8Array(capacity);
    this.gatewayA = new Uint32Array(capacity);
    this.gatewayB = new Uint32Array(capacity);
    this.gatewayC = new Uint32Array(capacity);
    this.gatewayD = new Uint32Array(capacity);
    this.interfaceIndex = new Uint32Array(capacity);
    this.isOwnAddress = new Uint8Array(capacity);
    this.changed = new Uint8Array(capacity);
  }

  /** The handle of a next hop, tracked (and resolved) from now on; `retain` it to keep it. */
  intern(
    family: FamilyIndex,
    a: number,
    b: number,
    c: number,
    d: number,
    linkLocalC = 0,
    linkLocalD = 0,
  ): NextHopHandle {
    let bucket = this.#bucketOf(a, b, c, d, linkLocalD);
    for (let known = this.#buckets[bucket]; known !== 0; known = this.#chain[known]) {
      if (
        this.laneA[known] === a &&
        this.laneB[known] === b &&
        this.laneC[known] === c &&
        this.laneD[known] === d &&
        this.linkLocalC[known] === linkLocalC &&
        this.linkLocalD[known] === linkLocalD &&
        this.family[known] === family
      ) {
        return known;
      }
    }
    const handle = this.#free.pop() ?? this.end++;
    if (handle >= this.capacity) {
      this.#grow(handle + 1);
      bucket = this.#bucketOf(a, b, c, d, linkLocalD);
    }
    this.#chain[handle] = this.#buckets[bucket];
    this.#buckets[bucket] = handle;
    this.count++;
    this.refCount[handle] = 0;
    this.family[handle] = family;
    this.laneA[handle] = a;
    this.laneB[handle] = b;
    this.laneC[handle] = c;
    this.laneD[handle] = d;
    this.linkLocalC[handle] = linkLocalC;
    this.linkLocalD[handle] = linkLocalD;
    this.isOwnAddress[handle] = this.#own.has(formatLanes(family, a, b, c, d)) ? 1 : 0;
    this.#resolve(handle);
    this.changed[handle] = 0;
    return handle;
  }

  retain(handle: NextHopHandle): void {
    this.refCount[handle]++;
  }

  release(handle: NextHopHandle): void {
    if (--this.refCount[handle] > 0) return;
    const bucket = this.#bucketOfHandle(handle);
    if (this.#buckets[bucket] === handle) this.#buckets[bucket] = this.#chain[handle];
    else {
      let at = this.#buckets[bucket];
      while (this.#chain[at] !== handle) at = this.#chain[at];
      this.#chain[at] = this.#chain[handle];
    }
    this.count--;
    this.changed[handle] = 0;
    this.#free.push(handle);
  }

  setResolver(resolver: NextHopResolver): void {
    this.#resolver = resolver;
  }

  /** The addresses of this router; next hops among them are not usable. Returns true when a tracked one changed. */
  setOwnAddresses(addresses: Iterable<IpAddress>): boolean {
    this.#own = new Set();
    for (const own of addresses) this.#own.add(formatLanes(own.family, own.a, own.b, own.c, own.d));
    let changed = false;
    for (let handle = 1; handle < this.end; handle++) {
      if (this.refCount[handle] === 0) continue;
      const isOwn = this.#own.has(this.format(handle)) ? 1 : 0;
      if (isOwn === this.isOwnAddress[handle]) continue;
      this.isOwnAddress[handle] = isOwn;
      this.changed[handle] = 1;
      changed = true;
    }
    return changed;
  }

  /** Asks the resolver again about [from, to); returns how many answers differ (their `changed` is set). */
  resolveRange(from: NextHopHandle, to: NextHopHandle): number {
    let changed = 0;
    for (let handle = from; handle < to && handle < this.end; handle++) {
      if (this.refCount[handle] === 0 || !this.#resolve(handle)) continue;
      this.changed[handle] = 1;
      changed++;
    }
    return changed;
  }

  /** Every path through a changed next hop has been looked at. */
  clearChanged(): void {
    this.changed.fill(0, 0, this.end);
  }

  format(handle: NextHopHandle): string {
    const family: FamilyIndex = this.family[handle] === FAMILY_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;
    return formatLanes(family, this.laneA[handle], this.laneB[handle], this.laneC[handle], this.laneD[handle]);
  }

  /** True when fe80::/10: only meaningful on the link that it was heard on. */
  isLinkLocal(handle: NextHopHandle): boolean {
    return this.family[handle] === FAMILY_IPV6 && this.laneA[handle] >>> 22 === 0x3fa;
  }

  /** Stores the resolver's answer; true when it is not what was known. */
  #resolve(handle: NextHopHandle): boolean {
    const family: FamilyIndex = this.family[handle] === FAMILY_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;
    const a = this.laneA[handle];
    const b = this.laneB[handle];
    const c = this.laneC[handle];
    const d = this.laneD[handle];
    const answer = this.isLinkLocal(handle)
      ? { cost: 0, gateway: null, interfaceIndex: 0 }
      : this.#resolver(family, a, b, c, d);
    const gateway = answer?.gateway ?? { family, a, b, c, d };
    const resolvable = answer === null ? 0 : 1;
    const cost = answer?.cost ?? 0;
    const direct = answer !== null && answer.gateway === null ? 1 : 0;
    const interfaceIndex = answer?.interfaceIndex ?? 0;
    const same =
      this.resolvable[handle] === resolvable &&
      this.cost[handle] === cost &&
      this.directlyConnected[handle] === direct &&
      this.interfaceIndex[handle] === interfaceIndex &&
      this.gatewayFamily[handle] === gateway.family &&
      this.gatewayA[handle] === gateway.a &&
      this.gatewayB[handle] === gateway.b &&
      this.gatewayC[handle] === gateway.c &&
      this.gatewayD[handle] === gateway.d;
    if (same) return false;
    this.resolvable[handle] = resolvable;
    this.cost[handle] = cost;
    this.directlyConnected[handle] = direct;
    this.interfaceIndex[handle] = interfaceIndex;
    this.gatewayFamily[handle] = gateway.family;
    this.gatewayA[handle] = gateway.a;
    this.gatewayB[handle] = gateway.b;
    this.gatewayC[handle] = gateway.c;
    this.gatewayD[handle] = gateway.d;
    return true;
  }

  /** There are as many buckets as the columns have room, so this only changes in #grow. */
  #bucketOf(a: number, b: number, c: number, d: number, linkLocalD: number): number {
    let hash = Math.imul(a, 0x21f0aaad) ^ Math.imul(b, 0x735a2d97);
    hash = Math.imul(hash ^ (hash >>> 15) ^ c, 0x21f0aaad) ^ Math.imul(d, 0x735a2d97) ^ linkLocalD;
    hash = Math.imul(hash ^ (hash >>> 16), 0x735a2d97);
    return (hash ^ (hash >>> 15)) & (this.capacity - 1);
  }

  #bucketOfHandle(handle: NextHopHandle): number {
    return this.#bucketOf(
      this.laneA[handle],
      this.laneB[handle],
      this.laneC[handle],
      this.laneD[handle],
      this.linkLocalD[handle],
    );
  }

  #grow(needed: number): void {
    const capacity = grownCapacity(needed);
    this.capacity = capacity;
    this.#buckets = new Uint32Array(capacity);
    this.#chain = new Uint32Array(capacity);
    // Only called when every handle below is in use.
    for (let handle = 1; handle < needed - 1; handle++) {
      const bucket = this.#bucketOfHandle(handle);
      this.#chain[handle] = this.#buckets[bucket];
      this.#buckets[bucket] = handle;
    }
    this.refCount = grownUint32(this.refCount, capacity);
    this.family = grownUint8(this.family, capacity);
    this.laneA = grownUint32(this.laneA, capacity);
    this.laneB = grownUint32(this.laneB, capacity);
    this.laneC = grownUint32(this.laneC, capacity);
    this.laneD = grownUint32(this.laneD, capacity);
    this.linkLocalC = grownUint32(this.linkLocalC, capacity);
    this.linkLocalD = grownUint32(this.linkLocalD, capacity);
    this.resolvable = grownUint8(this.resolvable, capacity);
    this.cost = grownUint32(this.cost, capacity);
    this.directlyConnected = grownUint8(this.directlyConnected, capacity);
    this.gatewayFamily = grownUint8(this.gatewayFamily, capacity);
    this.gatewayA = grownUint32(this.gatewayA, capacity);
    this.gatewayB = grownUint32(this.gatewayB, capacity);
    this.gatewayC = grownUint32(this.gatewayC, capacity);
    this.gatewayD = grownUint32(this.gatewayD, capacity);
    this.interfaceIndex = grownUint32(this.interfaceIndex, capacity);
    this.isOwnAddress = grownUint8(this.isOwnAddress, capacity);
    this.changed = grownUint8(this.changed, capacity);
  }
}
