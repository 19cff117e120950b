/**
 * Path rows of one family as struct of arrays. A row is one path from one source: it is Adj-RIB-In (the set as
 * received) and Loc-RIB candidate (the set after policy) at once. Rows of a prefix form a list that starts at
 * PrefixTable.head; the first one is the best path when its rowEffective is not 0.
 */

import type { SetHandle } from './attribute-store.ts';
import { grownUint8, grownUint16, grownUint32, StaggeredGrowth, WIDE_STEPS } from './columns.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PrefixHandle } from './prefix-table.ts';

/** 0: none. */
export type PathRow = number;

/** In rowFlags: kept beyond the restart time (RFC 9494), its effective set carries LLGR_STALE. */
export const ROW_LLGR = 1;
/**
 * In rowFlags, the upper half: the peer's epoch when it last announced the path. A peer's epoch goes up when its
 * session ends and when it begins a refresh, which makes all its paths stale at once without touching them.
 */
export const ROW_EPOCH_SHIFT = 4;
export const EPOCH_MASK = 15;

/** Preference among sources (before RFC 4271 9.1): higher wins. */
export const PREFERENCE_KERNEL = 10;
export const PREFERENCE_BGP = 100;
export const PREFERENCE_STATIC = 200;
export const PREFERENCE_DIRECT = 240;

const COLUMNS = 10;

export class PathTable {
  capacity: number;
  /** Highest row ever used + 1. */
  end: number;
  count: number;
  /** 0: the row is free. */
  rowPrefix: Uint32Array;
  /** As received, before policy. */
  rowSet: Uint32Array;
  /** After policy; 0: not eligible, rowReason says why. */
  rowEffective: Uint32Array;
  rowPeer: Uint16Array;
  rowFlags: Uint8Array;
  /** IneligibleReason. */
  rowReason: Uint8Array;
  rowPreference: Uint8Array;
  /** Next path of the prefix; of free rows the next free one. */
  rowNext: Uint32Array;
  /** ADD-PATH path identifier as received; empty array until the first one that is not 0 arrives. */
  rowPathId: Uint32Array;
  /**
   * What policy made of rowSet, kept while its next hop cannot be used so that the next hop stays tracked; only when it
   * differs from rowSet. Empty array until needed.
   */
  rowParked: Uint32Array;
  #free: PathRow;
  readonly #growth: StaggeredGrowth;

  constructor() {
    this.#growth = new StaggeredGrowth(COLUMNS, WIDE_STEPS);
    const { capacity } = this.#growth;
    this.capacity = capacity;
    this.end = 1;
    this.count = 0;
    this.rowPrefix = new Uint32Array(capacity);
    this.rowSet = new Uint32Array(capacity);
    this.rowEffective = new Uint32Array(capacity);
    this.rowPeer = new Uint16Array(capacity);
    this.rowFlags = new Uint8Array(capacity);
    this.rowReason = new Uint8Array(capacity);
    this.rowPreference = new Uint8Array(capacity);
    this.rowNext = new Uint32Array(capacity);
    this.rowPathId = new Uint32Array(0);
    this.rowParked = new Uint32Array(0);
    this.#free = 0;
  }

  /** A new row that is in no list yet, all 0 but for what is given. Columns must be fetched again afterwards. */
  allocate(prefix: PrefixHandle, peer: PeerIndex, pathId: number): PathRow {
    let row = this.#free;
    if (row !== 0) {
      this.#free = this.rowNext[row];
      // What is 0 already: see free. A row that was never used is 0 as a whole, and is not touched without need.
      this.rowFlags[row] = 0;
      this.rowReason[row] = 0;
      this.rowPreference[row] = 0;
      this.rowNext[row] = 0;
      if (this.rowParked.length !== 0) this.rowParked[row] = 0;
    } else {
      row = this.end;
      if (row >= this.#growth.dueAt) this.#growColumn();
      this.end = row + 1;
    }
    this.count++;
    this.rowPrefix[row] = prefix;
    this.rowPeer[row] = peer;
    if (pathId !== 0 && this.rowPathId.length === 0) this.rowPathId = new Uint32Array(this.#growth.target);
    if (this.rowPathId.length !== 0) this.rowPathId[row] = pathId;
    return row;
  }

  /** The row must be in no list, its sets released. */
  free(row: PathRow): void {
    this.rowPrefix[row] = 0;
    this.rowSet[row] = 0;
    this.rowEffective[row] = 0;
    this.rowNext[row] = this.#free;
    this.#free = row;
    this.count--;
  }

  /** 0 when the peer does not use ADD-PATH. */
  pathIdOf(row: PathRow): number {
    return this.rowPathId.length === 0 ? 0 : this.rowPathId[row];
  }

  parkedOf(row: PathRow): SetHandle {
    return this.rowParked.length === 0 ? 0 : this.rowParked[row];
  }

  setParked(row: PathRow, set: SetHandle): void {
    if (this.rowParked.length === 0) {
      if (set === 0) return;
      this.rowParked = new Uint32Array(this.#growth.target);
    }
    this.rowParked[row] = set;
  }

  /** Octets of one row at rest. */
  get octetsPerRow(): number {
    return 4 * 4 + 2 + 3 + (this.rowPathId.length === 0 ? 0 : 4) + (this.rowParked.length === 0 ? 0 : 4);
  }

  #growColumn(): void {
    const { target, dueAt: used } = this.#growth;
    switch (this.#growth.advance()) {
      case 0:
        this.rowPrefix = grownUint32(this.rowPrefix, target, used);
        break;
      case 1:
        this.rowSet = grownUint32(this.rowSet, target, used);
        break;
      case 2:
        this.rowEffective = grownUint32(this.rowEffective, target, used);
        break;
      case 3:
        this.rowPeer = grownUint16(this.rowPeer, target, used);
        break;
      case 4:
        this.rowFlags = grownUint8(this.rowFlags, target, used);
        break;
      case 5:
        this.rowReason = grownUint8(this.rowReason, target, used);
        break;
      case 6:
        this.rowPreference = grownUint8(this.rowPreference, target, used);
        break;
      case 7:
        this.rowNext = grownUint32(this.rowNext, target, used);
        break;
      case 8:
        if (this.rowPathId.length !== 0) this.rowPathId = grownUint32(this.rowPathId, target, used);
        break;
      case 9:
        if (this.rowParked.length !== 0) this.rowParked = grownUint32(this.rowParked, target, used);
        break;
    }
    this.capacity = this.#growth.capacity;
  }
}
