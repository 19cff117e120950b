/**
 * Looks at one prefix for one update group: compares what its members should hear now (best path, or with ADD-PATH all
 * eligible paths, through the export rules) with what the Adj-RIB-Out says that they have been told, and puts the
 * difference into the batch for those whom it concerns. Equal attribute sets are never sent again.
 *
 * RFC 4271 9.1.3 and 9.2; RFC 7911 2 (path identifiers: the number of the path's row + 1).
 */

import type { AdjRibOut, Slot } from './adj-rib-out.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import type { CatchUp } from './catch-up.ts';
import { grownCapacity } from './columns.ts';
import type { ExportDecider } from './export-hook.ts';
import { AUDIENCE_ALL, type Audience } from './output-log.ts';
import type { PathRow, PathTable } from './paths.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import { ADVERTISED, NOT_ADVERTISED_TOO_LONG, type NotAdvertisedReason } from './reason.ts';
import type { UpdateBatch } from './update-batch.ts';
import type { UpdatePacker } from './update-packer.ts';

/** The tables of one family, and scratch space that all groups share. */
export interface GroupTables {
  readonly sets: AttributeStore;
  readonly prefixes: PrefixTable;
  readonly paths: PathTable;
  readonly batch: UpdateBatch;
}

/** Who listens to a group. */
export class Listeners {
  /** Members that are sent things apart from the others at the moment. */
  readonly catchUps: CatchUp[];
  /** By peer: 1 when it reads the group's log. */
  #readsLog: Uint8Array;

  constructor() {
    this.catchUps = [];
    this.#readsLog = new Uint8Array(grownCapacity(1));
  }

  readsLog(peer: PeerIndex): boolean {
    return peer < this.#readsLog.length && this.#readsLog[peer] !== 0;
  }

  setReadsLog(peer: PeerIndex, reads: boolean): void {
    if (peer >= this.#readsLog.length) {
      const longer = new Uint8Array(grownCapacity(peer + 1));
      longer.set(this.#readsLog);
      this.#readsLog = longer;
    }
    this.#readsLog[peer] = reads ? 1 : 0;
  }
}

export class Advertiser {
  readonly #tables: GroupTables;
  readonly #ribOut: AdjRibOut;
  readonly #packer: UpdatePacker;
  readonly #listeners: Listeners;
  #decider: ExportDecider;
  /** ADD-PATH, by path identifier: where the prefix at hand has it in the Adj-RIB-Out; all 0 between prefixes. */
  #slotOfPathId: Uint32Array;

  constructor(
    tables: GroupTables,
    ribOut: AdjRibOut,
    packer: UpdatePacker,
    listeners: Listeners,
    decider: ExportDecider,
  ) {
    this.#tables = tables;
    this.#ribOut = ribOut;
    this.#packer = packer;
    this.#listeners = listeners;
    this.#decider = decider;
    this.#slotOfPathId = new Uint32Array(0);
  }

  setDecider(decider: ExportDecider): void {
    this.#decider = decider;
  }

  /** Makes room for everything that is in the tables; call before a run of `advertise`. */
  reserve(): void {
    this.#ribOut.reserve();
    if (this.#ribOut.addPath && this.#slotOfPathId.length <= this.#tables.paths.end) {
      this.#slotOfPathId = new Uint32Array(grownCapacity(this.#tables.paths.end + 1));
    }
  }

  /** Puts what has changed about the prefix into the batch and notes it as told. */
  advertise(prefix: PrefixHandle): void {
    if (this.#ribOut.addPath) {
      this.#advertiseAllPaths(prefix);
      return;
    }
    const row = this.#tables.prefixes.head[prefix];
    const set = row === 0 ? 0 : this.#exportedSet(prefix, row);
    const from = set === 0 ? 0 : this.#tables.paths.rowPeer[row];
    this.#change(prefix, 0, this.#ribOut.sentSet[prefix] === 0 ? 0 : prefix, set, from);
  }

  /** True when nobody but `peer` can be the source of what is and was told of the prefix: it will hear nothing. */
  isSilentFor(peer: PeerIndex, prefix: PrefixHandle): boolean {
    const { paths, prefixes } = this.#tables;
    const ribOut = this.#ribOut;
    for (let slot = ribOut.first(prefix); slot !== 0; slot = ribOut.next(slot)) {
      if (ribOut.sentFrom[slot] !== peer) return false;
    }
    for (let row = prefixes.head[prefix]; row !== 0; row = ribOut.addPath ? paths.rowNext[row] : 0) {
      if (paths.rowPeer[row] !== peer && paths.rowEffective[row] !== 0) return false;
    }
    return true;
  }

  /** Why the path is not told to the members of the group, leaving aside whose it is. */
  explain(row: PathRow): NotAdvertisedReason {
    const set = this.#decider.exportPath(row);
    if (set === 0) return this.#decider.reason;
    return this.#packer.fits(set, this.#tables.paths.rowPrefix[row]) ? ADVERTISED : NOT_ADVERTISED_TOO_LONG;
  }

  /** 0: the path is not eligible, may not be told, or its attributes leave no room for the prefix in a message. */
  #exportedSet(prefix: PrefixHandle, row: PathRow): SetHandle {
    if (this.#tables.paths.rowEffective[row] === 0) return 0;
    const set = this.#decider.exportPath(row);
    return set !== 0 && this.#packer.fits(set, prefix) ? set : 0;
  }

  #advertiseAllPaths(prefix: PrefixHandle): void {
    const { paths, prefixes } = this.#tables;
    const ribOut = this.#ribOut;
    const slotOf = this.#slotOfPathId;
    for (let slot = ribOut.first(prefix); slot !== 0; slot = ribOut.next(slot)) slotOf[ribOut.sentPathId[slot]] = slot;
    for (let row = prefixes.head[prefix]; row !== 0; row = paths.rowNext[row]) {
      const pathId = row + 1;
      const slot = slotOf[pathId];
      slotOf[pathId] = 0;
      const set = this.#exportedSet(prefix, row);
      this.#change(prefix, pathId, slot, set, set === 0 ? 0 : paths.rowPeer[row]);
    }
    // What is left in slotOf has no row any more.
    for (let slot = ribOut.first(prefix); slot !== 0; ) {
      const next = ribOut.next(slot);
      const pathId = ribOut.sentPathId[slot];
      if (slotOf[pathId] === slot) {
        slotOf[pathId] = 0;
        this.#change(prefix, pathId, slot, 0, 0);
      }
      slot = next;
    }
  }

  /** @param slot where the path was told before, 0: it was not @param set what is to be told now, 0: nothing */
  #change(prefix: PrefixHandle, pathId: number, slot: Slot, set: SetHandle, from: PeerIndex): void {
    const ribOut = this.#ribOut;
    const before = slot === 0 ? 0 : ribOut.sentSet[slot];
    const source = slot === 0 ? 0 : ribOut.sentFrom[slot];
    if (before === set && source === from) return;
    const { batch, sets } = this.#tables;
    const catchUps = this.#listeners.catchUps;
    for (let i = 0; i < catchUps.length; i++) catchUps[i].noteChange(prefix, pathId);
    if (set === 0) {
      batch.withdraw(this.#allBut(source), prefix, pathId);
      if (ribOut.remove(prefix, slot)) batch.releaseAfterwards(prefix);
      return;
    }
    if (before === set) {
      // Another peer's path with the same outgoing attributes: only the two peers hear a difference.
      if (this.#listeners.readsLog(source)) batch.announce(set, sets.length[set], -source, prefix, pathId);
    } else {
      batch.announce(set, sets.length[set], this.#allBut(from), prefix, pathId);
    }
    if (before === 0) {
      ribOut.add(prefix, pathId, set, from);
      return;
    }
    if (source !== from && this.#listeners.readsLog(from)) batch.withdraw(-from, prefix, pathId);
    ribOut.replace(slot, set, from);
  }

  #allBut(peer: PeerIndex): Audience {
    return this.#listeners.readsLog(peer) ? peer : AUDIENCE_ALL;
  }
}
