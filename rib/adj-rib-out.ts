/**
 * Adj-RIB-Out of an update group (RFC 4271 3.2): what its members have been told, or will have once they have read the
 * group's log. For every prefix (with ADD-PATH: for every path of it) the outgoing attribute set and the peer whose path
 * it is; that peer is the one member that has not been told.
 *
 * Six octets per prefix. With ADD-PATH the paths of a prefix are a linked list of slots, found by path identifier.
 * Holds its attribute sets, and the prefixes that it has anything for.
 */

import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { grownCapacity, grownUint16, grownUint32 } from './columns.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';

/** Place of an advertised path; without ADD-PATH the prefix handle. 0: none. */
export type Slot = number;

export class AdjRibOut {
  readonly addPath: boolean;
  /** Advertised paths. */
  count: number;
  /** By slot; 0: the slot is free. */
  sentSet: Uint32Array;
  /** By slot: the peer that the path came from. */
  sentFrom: Uint16Array;
  /** ADD-PATH only, by slot. */
  sentPathId: Uint32Array;
  readonly #store: AttributeStore;
  readonly #prefixes: PrefixTable;
  /** By peer: how many of the advertised paths are its own. */
  #countFrom: Uint32Array;
  /** ADD-PATH only: by prefix, by slot, first free slot, highest slot used + 1. */
  #first: Uint32Array;
  #next: Uint32Array;
  #free: Slot;
  #end: Slot;
  #disposedTo: number;

  constructor(addPath: boolean, store: AttributeStore, prefixes: PrefixTable) {
    this.addPath = addPath;
    this.count = 0;
    this.#store = store;
    this.#prefixes = prefixes;
    this.sentSet = new Uint32Array(0);
    this.sentFrom = new Uint16Array(0);
    this.sentPathId = new Uint32Array(0);
    this.#countFrom = new Uint32Array(grownCapacity(1));
    this.#first = new Uint32Array(0);
    this.#next = new Uint32Array(0);
    this.#free = 0;
    this.#end = 1;
    this.#disposedTo = 1;
  }

  /** Makes room for all prefixes of the table; called before a pass, so that the columns stay the same during it. */
  reserve(): void {
    const end = this.#prefixes.end;
    if (this.addPath) {
      if (end > this.#first.length) this.#first = grownUint32(this.#first, grownCapacity(end));
    } else if (end > this.sentSet.length) {
      const capacity = grownCapacity(end);
      this.sentSet = grownUint32(this.sentSet, capacity);
      this.sentFrom = grownUint16(this.sentFrom, capacity);
    }
  }

  /** First prefix handle that certainly has nothing advertised. */
  get prefixEnd(): PrefixHandle {
    return Math.min(this.#prefixes.end, this.addPath ? this.#first.length : this.sentSet.length);
  }

  /** First advertised path of the prefix. */
  first(prefix: PrefixHandle): Slot {
    if (this.addPath) return prefix < this.#first.length ? this.#first[prefix] : 0;
    return prefix < this.sentSet.length && this.sentSet[prefix] !== 0 ? prefix : 0;
  }

  /** Next advertised path of the same prefix. */
  next(slot: Slot): Slot {
    return this.addPath ? this.#next[slot] : 0;
  }

  /** 0 without ADD-PATH. */
  pathIdOf(slot: Slot): number {
    return this.addPath ? this.sentPathId[slot] : 0;
  }

  /** The advertised path with that identifier. */
  find(prefix: PrefixHandle, pathId: number): Slot {
    let slot = this.first(prefix);
    while (slot !== 0 && this.pathIdOf(slot) !== pathId) slot = this.next(slot);
    return slot;
  }

  /** A path of the prefix that was not advertised is from now on. */
  add(prefix: PrefixHandle, pathId: number, set: SetHandle, from: PeerIndex): void {
    let slot = prefix;
    if (this.addPath) {
      slot = this.#allocate();
      this.sentPathId[slot] = pathId;
      this.#next[slot] = this.#first[prefix];
      if (this.#first[prefix] === 0) this.#prefixes.hold(prefix);
      this.#first[prefix] = slot;
    } else {
      this.#prefixes.hold(prefix);
    }
    this.sentSet[slot] = set;
    this.sentFrom[slot] = from;
    this.#store.retain(set);
    this.#countUp(from);
    this.count++;
  }

  /** An advertised path gets other attributes or comes from another peer. */
  replace(slot: Slot, set: SetHandle, from: PeerIndex): void {
    const before = this.sentSet[slot];
    if (before !== set) {
      this.#store.retain(set);
      this.#store.release(before);
      this.sentSet[slot] = set;
    }
    const source = this.sentFrom[slot];
    if (source !== from) {
      this.#countFrom[source]--;
      this.#countUp(from);
      this.sentFrom[slot] = from;
    }
  }

  /** A path is no longer advertised. True: nothing of the prefix is, the caller has to release the prefix. */
  remove(prefix: PrefixHandle, slot: Slot): boolean {
    this.#store.release(this.sentSet[slot]);
    this.#countFrom[this.sentFrom[slot]]--;
    this.sentSet[slot] = 0;
    this.count--;
    if (!this.addPath) return true;
    let at = this.#first[prefix];
    if (at === slot) this.#first[prefix] = this.#next[slot];
    else {
      while (this.#next[at] !== slot) at = this.#next[at];
      this.#next[at] = this.#next[slot];
    }
    this.#next[slot] = this.#free;
    this.#free = slot;
    return this.#first[prefix] === 0;
  }

  /** How many of the advertised paths a member is told: all but its own. */
  countFor(peer: PeerIndex): number {
    return this.count - (peer < this.#countFrom.length ? this.#countFrom[peer] : 0);
  }

  /** True when the member is told some path of the prefix. */
  isToldTo(peer: PeerIndex, prefix: PrefixHandle): boolean {
    for (let slot = this.first(prefix); slot !== 0; slot = this.next(slot)) {
      if (this.sentFrom[slot] !== peer) return true;
    }
    return false;
  }

  /** The set that the member is told for the path identifier (0 without ADD-PATH), or 0. */
  setToldTo(peer: PeerIndex, prefix: PrefixHandle, pathId: number): SetHandle {
    const slot = this.find(prefix, pathId);
    return slot !== 0 && this.sentFrom[slot] !== peer ? this.sentSet[slot] : 0;
  }

  /** A copy that holds the same sets and prefixes. */
  clone(): AdjRibOut {
    const copy = new AdjRibOut(this.addPath, this.#store, this.#prefixes);
    copy.count = this.count;
    // Only what is in use is copied: the rest of a column has no memory behind it yet.
    const slots = this.addPath ? this.#end : this.prefixEnd;
    copy.sentSet = grownUint32(this.sentSet.subarray(0, slots), this.sentSet.length);
    copy.sentFrom = grownUint16(this.sentFrom.subarray(0, slots), this.sentFrom.length);
    copy.sentPathId = grownUint32(this.sentPathId.subarray(0, slots), this.sentPathId.length);
    copy.#countFrom = this.#countFrom.slice();
    copy.#first = grownUint32(this.#first.subarray(0, this.prefixEnd), this.#first.length);
    copy.#next = grownUint32(this.#next.subarray(0, slots), this.#next.length);
    copy.#free = this.#free;
    copy.#end = this.#end;
    for (let prefix = 1, end = this.prefixEnd; prefix < end; prefix++) {
      const first = this.first(prefix);
      if (first !== 0) this.#prefixes.hold(prefix);
      for (let slot = first; slot !== 0; slot = this.next(slot)) this.#store.retain(this.sentSet[slot]);
    }
    return copy;
  }

  /** Gives sets and prefixes back, `prefixes` of them at a time; false: there are more. Nothing else works afterwards. */
  dispose(prefixes: number): boolean {
    const end = this.prefixEnd;
    const stop = Math.min(end, this.#disposedTo + prefixes);
    let prefix = this.#disposedTo;
    for (; prefix < stop; prefix++) {
      const first = this.first(prefix);
      if (first === 0) continue;
      for (let slot = first; slot !== 0; slot = this.next(slot)) this.#store.release(this.sentSet[slot]);
      this.#prefixes.release(prefix);
    }
    this.#disposedTo = prefix;
    if (prefix < end) return false;
    this.sentSet = new Uint32Array(0);
    this.sentFrom = new Uint16Array(0);
    this.sentPathId = new Uint32Array(0);
    this.#first = new Uint32Array(0);
    this.#next = new Uint32Array(0);
    return true;
  }

  #countUp(from: PeerIndex): void {
    if (from >= this.#countFrom.length) this.#countFrom = grownUint32(this.#countFrom, grownCapacity(from + 1));
    this.#countFrom[from]++;
  }

  #allocate(): Slot {
    let slot = this.#free;
    if (slot !== 0) {
      this.#free = this.#next[slot];
      return slot;
    }
    slot = this.#end++;
    if (slot >= this.sentSet.length) {
      const capacity = grownCapacity(slot + 1);
      this.sentSet = grownUint32(this.sentSet, capacity);
      this.sentFrom = grownUint16(this.sentFrom, capacity);
      this.sentPathId = grownUint32(this.sentPathId, capacity);
      this.#next = grownUint32(this.#next, capacity);
    }
    return slot;
  }
}
