/**
 * The paths of one family, and which of them is best: Adj-RIB-In and Loc-RIB in one set of rows (RFC 4271 3.2). Keeps
 * the best path at the head of each prefix's list, incrementally: a changed path is compared with the best one, and
 * all paths are only looked at when the best one got worse or the change can matter to MED elimination.
 * Tells consumers what changed; counts paths per peer.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { grownCapacity, grownFloat64, grownUint8, grownUint32 } from './columns.ts';
import type { Decision } from './decision.ts';
import type { ImportEvaluation } from './import-evaluation.ts';
import type { NlriBatch } from './nlri-batch.ts';
import { EPOCH_MASK, type PathRow, PathTable, ROW_EPOCH_SHIFT } from './paths.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PrefixConsumer } from './prefix-consumer.ts';
import { type PrefixHandle, PrefixTable } from './prefix-table.ts';
import { ELIGIBLE } from './reason.ts';

/** Row length of reasonCount. */
const REASON_SLOTS = 16;
const REASON_SHIFT = 4;

export class LocRib {
  readonly family: FamilyIndex;
  readonly prefixes: PrefixTable;
  readonly paths: PathTable;
  /** By peer: paths held, best ones, stale ones, and how many were ever announced and withdrawn. */
  received: Uint32Array;
  bestCount: Uint32Array;
  staleCount: Uint32Array;
  announcedCount: Float64Array;
  withdrawnCount: Float64Array;
  /** By peer: see ROW_EPOCH_SHIFT. */
  epoch: Uint8Array;
  /** By peer * 16 + IneligibleReason. */
  #reasonCount: Uint32Array;
  readonly #sets: AttributeStore;
  readonly #decision: Decision;
  #consumers: readonly PrefixConsumer[] = [];
  #forwardingConsumers: readonly PrefixConsumer[] = [];
  #allPathsConsumers: readonly PrefixConsumer[] = [];
  /** Row before the one that findRow returned. */
  #previous: PathRow;

  constructor(family: FamilyIndex, sets: AttributeStore, decision: Decision, seed: number) {
    const capacity = grownCapacity(1);
    this.family = family;
    this.prefixes = new PrefixTable(family, seed);
    this.paths = new PathTable();
    this.received = new Uint32Array(capacity);
    this.bestCount = new Uint32Array(capacity);
    this.staleCount = new Uint32Array(capacity);
    this.announcedCount = new Float64Array(capacity);
    this.withdrawnCount = new Float64Array(capacity);
    this.epoch = new Uint8Array(capacity);
    this.#reasonCount = new Uint32Array(capacity * REASON_SLOTS);
    this.#sets = sets;
    this.#decision = decision;
    this.#previous = 0;
  }

  setConsumers(consumers: readonly PrefixConsumer[]): void {
    this.#consumers = consumers;
    this.#forwardingConsumers = consumers.filter((consumer) => consumer.wantsForwarding && !consumer.wantsAllPaths);
    this.#allPathsConsumers = consumers.filter((consumer) => consumer.wantsAllPaths);
  }

  /** Makes room for the counters of a peer. */
  addPeer(peer: PeerIndex): void {
    if (peer >= this.received.length) {
      const capacity = grownCapacity(peer + 1);
      this.received = grownUint32(this.received, capacity);
      this.bestCount = grownUint32(this.bestCount, capacity);
      this.staleCount = grownUint32(this.staleCount, capacity);
      this.announcedCount = grownFloat64(this.announcedCount, capacity);
      this.withdrawnCount = grownFloat64(this.withdrawnCount, capacity);
      this.epoch = grownUint8(this.epoch, capacity);
      this.#reasonCount = grownUint32(this.#reasonCount, capacity * REASON_SLOTS);
    }
    this.announcedCount[peer] = 0;
    this.withdrawnCount[peer] = 0;
  }

  /** Paths of the peer that have this reason; reason 0: eligible ones. */
  countByReason(peer: PeerIndex, reason: number): number {
    return this.#reasonCount[(peer << REASON_SHIFT) + reason];
  }

  /** Best path of the prefix; 0: none. */
  best(prefix: PrefixHandle): PathRow {
    const head = this.prefixes.head[prefix];
    return this.paths.rowEffective[head] === 0 ? 0 : head;
  }

  /** How many epochs of its peer ago the path was announced; 0: it is current. */
  age(row: PathRow): number {
    return (this.epoch[this.paths.rowPeer[row]] - (this.paths.rowFlags[row] >>> ROW_EPOCH_SHIFT)) & EPOCH_MASK;
  }

  /** The peer's path for the prefix; 0: none. */
  findRow(prefix: PrefixHandle, peer: PeerIndex, pathId: number): PathRow {
    const paths = this.paths;
    const rowPeer = paths.rowPeer;
    const rowNext = paths.rowNext;
    let previous: PathRow = 0;
    let row = this.prefixes.head[prefix];
    if (paths.rowPathId.length === 0) {
      if (pathId !== 0) return 0;
      while (row !== 0 && rowPeer[row] !== peer) {
        previous = row;
        row = rowNext[row];
      }
    } else {
      while (row !== 0 && (rowPeer[row] !== peer || (paths.rowPathId[row] | 0) !== (pathId | 0))) {
        previous = row;
        row = rowNext[row];
      }
    }
    this.#previous = previous;
    return row;
  }

  /** Takes in a path with the result of its evaluation: new, or in place of what the peer said before. */
  announce(prefix: PrefixHandle, peer: PeerIndex, pathId: number, set: SetHandle, result: ImportEvaluation): void {
    const known = this.findRow(prefix, peer, pathId);
    if (known !== 0) {
      this.#refresh(known, peer);
      this.replace(known, set, result);
      return;
    }
    const paths = this.paths;
    const row = paths.allocate(prefix, peer, pathId);
    const effective = result.effective;
    const refCount = this.#sets.refCount;
    paths.rowSet[row] = set;
    paths.rowEffective[row] = effective;
    if (result.reason !== ELIGIBLE) paths.rowReason[row] = result.reason;
    paths.rowPreference[row] = result.preference;
    if (this.epoch[peer] !== 0) paths.rowFlags[row] = this.epoch[peer] << ROW_EPOCH_SHIFT;
    refCount[set]++;
    if (effective !== 0) refCount[effective]++;
    if (result.parked !== 0) this.#park(row, result.parked);
    this.received[peer]++;
    this.#reasonCount[(peer << REASON_SHIFT) + result.reason]++;
    const head = this.prefixes.head[prefix];
    if (head === 0) {
      this.prefixes.head[prefix] = row;
      if (effective === 0) return;
      this.bestCount[peer]++;
      this.#notifyBest(prefix);
    } else this.#insert(prefix, row, head);
  }

  /** `announce` for each prefix of the batch. */
  announceAll(batch: NlriBatch, peer: PeerIndex, set: SetHandle, result: ImportEvaluation): void {
    const { handle, pathId, count } = batch;
    for (let i = 0; i < count; i++) this.announce(handle[i], peer, pathId[i], set, result);
  }

  /** `withdraw` for each prefix of the batch that is in the table; returns how many paths there were. */
  withdrawAll(batch: NlriBatch, peer: PeerIndex): number {
    const { handle, pathId, count } = batch;
    let withdrawn = 0;
    for (let i = 0; i < count; i++) {
      if (handle[i] !== 0 && this.withdraw(handle[i], peer, pathId[i])) withdrawn++;
    }
    return withdrawn;
  }

  /** Withdraws the peer's path; false: there was none. */
  withdraw(prefix: PrefixHandle, peer: PeerIndex, pathId: number): boolean {
    const row = this.findRow(prefix, peer, pathId);
    if (row === 0) return false;
    this.#remove(row, prefix, this.#previous);
    return true;
  }

  /** Removes a path that is in the table. */
  remove(row: PathRow): void {
    const prefix = this.paths.rowPrefix[row];
    let previous: PathRow = 0;
    for (let at = this.prefixes.head[prefix]; at !== row; at = this.paths.rowNext[at]) previous = at;
    this.#remove(row, prefix, previous);
  }

  /** Gives a path that is in the table another set or another result of evaluation. */
  replace(row: PathRow, set: SetHandle, result: ImportEvaluation): void {
    const paths = this.paths;
    const effective = result.effective;
    const old = paths.rowEffective[row];
    if (
      paths.rowSet[row] === set &&
      old === effective &&
      paths.rowPreference[row] === result.preference &&
      paths.rowReason[row] === result.reason &&
      paths.parkedOf(row) === result.parked
    ) {
      return;
    }
    const peer = paths.rowPeer[row];
    const prefix = paths.rowPrefix[row];
    const head = this.prefixes.head[prefix];
    const hadTie = row !== head && this.#decision.ties(paths, row, head);
    const isChanged = old !== effective || paths.rowPreference[row] !== result.preference;
    this.#exchange(row, peer, set, result);
    if (!isChanged) return;
    if (row === head) {
      if (old === 0) {
        if (effective !== 0) this.#promoteHead(prefix, peer);
      } else if (effective !== 0 && paths.rowNext[row] === 0) this.#notifyBest(prefix);
      else this.#settle(prefix, row, peer, true);
    } else if (hadTie || (effective !== 0 && this.#beatsHead(row, head))) {
      this.#settle(prefix, head, this.#bestPeer(head), false);
    } else this.#notifyOther(prefix, effective !== 0 && this.#decision.tied);
  }

  /** Selects again after something outside the rows (the cost of a next hop) has changed; consumers are told. */
  reselect(prefix: PrefixHandle): void {
    const head = this.prefixes.head[prefix];
    if (head !== 0) this.#settle(prefix, head, this.#bestPeer(head), false);
  }

  /** Row of the prefix's list that belongs in front gets there; called with its predecessor. */
  #moveToFront(prefix: PrefixHandle, row: PathRow, previous: PathRow): void {
    const next = this.paths.rowNext;
    next[previous] = next[row];
    next[row] = this.prefixes.head[prefix];
    this.prefixes.head[prefix] = row;
  }

  /** A new row joins a list that is not empty. */
  #insert(prefix: PrefixHandle, row: PathRow, head: PathRow): void {
    const paths = this.paths;
    const isEligible = paths.rowEffective[row] !== 0;
    if (isEligible && this.#beatsHead(row, head)) {
      // In a list of two the pair decides; else other paths may be eliminated by MED, or eliminate this one.
      if (!this.#decision.tied || paths.rowNext[head] === 0) {
        const oldPeer = this.#bestPeer(head);
        paths.rowNext[row] = head;
        this.prefixes.head[prefix] = row;
        if (oldPeer !== 0) this.bestCount[oldPeer]--;
        this.#promoteHead(prefix, paths.rowPeer[row]);
        return;
      }
      paths.rowNext[row] = paths.rowNext[head];
      paths.rowNext[head] = row;
      this.#settle(prefix, head, paths.rowPeer[head], false);
      return;
    }
    paths.rowNext[row] = paths.rowNext[head];
    paths.rowNext[head] = row;
    if (isEligible) this.#notifyOther(prefix, this.#decision.tied);
  }

  /** True when the eligible `row` compares better than the head, or the head is not eligible. Sets decision.tied. */
  #beatsHead(row: PathRow, head: PathRow): boolean {
    if (this.paths.rowEffective[head] === 0) {
      this.#decision.tied = false;
      return true;
    }
    return this.#decision.compare(this.paths, row, head) < 0;
  }

  #bestPeer(head: PathRow): PeerIndex {
    return this.paths.rowEffective[head] === 0 ? 0 : this.paths.rowPeer[head];
  }

  #promoteHead(prefix: PrefixHandle, peer: PeerIndex): void {
    this.bestCount[peer]++;
    this.#notifyBest(prefix);
  }

  /**
   * Selects among all paths of a list that is not empty and tells consumers.
   * @param oldBest head before the change @param oldPeer its peer; 0: there was no best path
   * @param isChanged the best path itself was changed or removed
   */
  #settle(prefix: PrefixHandle, oldBest: PathRow, oldPeer: PeerIndex, isChanged: boolean): void {
    const head = this.prefixes.head[prefix];
    const best = this.#decision.selectBest(this.paths, head);
    if (best !== 0 && best !== head) {
      let previous = head;
      while (this.paths.rowNext[previous] !== best) previous = this.paths.rowNext[previous];
      this.#moveToFront(prefix, best, previous);
    }
    const peer = best === 0 ? 0 : this.paths.rowPeer[best];
    if (peer !== oldPeer) {
      if (oldPeer !== 0) this.bestCount[oldPeer]--;
      if (peer !== 0) this.bestCount[peer]++;
    }
    if (isChanged || (best !== 0 && best !== oldBest)) this.#notifyBest(prefix);
    else if (best !== 0) this.#notifyOther(prefix, true);
  }

  #remove(row: PathRow, prefix: PrefixHandle, previous: PathRow): void {
    const paths = this.paths;
    const sets = this.#sets;
    const head = this.prefixes.head[prefix];
    const peer = paths.rowPeer[row];
    const effective = paths.rowEffective[row];
    const hadTie = row !== head && this.#decision.ties(paths, row, head);
    if (previous === 0) this.prefixes.head[prefix] = paths.rowNext[row];
    else paths.rowNext[previous] = paths.rowNext[row];
    for (let i = 0; i < this.#allPathsConsumers.length; i++) {
      this.#allPathsConsumers[i].pathRemoved(this.family, prefix, row);
    }
    this.received[peer]--;
    if (this.age(row) !== 0) this.staleCount[peer]--;
    this.#reasonCount[(peer << REASON_SHIFT) + paths.rowReason[row]]--;
    sets.release(paths.rowSet[row]);
    if (effective !== 0) sets.release(effective);
    if (paths.rowParked.length !== 0 && paths.rowParked[row] !== 0) this.#park(row, 0);
    paths.free(row);
    if (this.prefixes.head[prefix] === 0) {
      if (effective !== 0) {
        this.bestCount[peer]--;
        this.#notifyBest(prefix);
      }
      this.prefixes.removeIfUnused(prefix);
    } else if (effective !== 0) {
      if (row === head) this.#settle(prefix, row, peer, true);
      else if (hadTie) this.#settle(prefix, head, this.#bestPeer(head), false);
      else this.#notifyOther(prefix, false);
    }
  }

  /** The path was announced again: it is not stale any more. */
  #refresh(row: PathRow, peer: PeerIndex): void {
    const flags = this.epoch[peer] << ROW_EPOCH_SHIFT;
    if (this.paths.rowFlags[row] === flags) return;
    if (this.age(row) !== 0) this.staleCount[peer]--;
    this.paths.rowFlags[row] = flags;
  }

  /** Writes set and result into the row, with the counts that hang on them. */
  #exchange(row: PathRow, peer: PeerIndex, set: SetHandle, result: ImportEvaluation): void {
    const paths = this.paths;
    const sets = this.#sets;
    const oldSet = paths.rowSet[row];
    const oldEffective = paths.rowEffective[row];
    const oldReason = paths.rowReason[row];
    if (set !== oldSet) {
      sets.retain(set);
      sets.release(oldSet);
      paths.rowSet[row] = set;
    }
    if (result.effective !== oldEffective) {
      if (result.effective !== 0) sets.retain(result.effective);
      if (oldEffective !== 0) sets.release(oldEffective);
      paths.rowEffective[row] = result.effective;
    }
    if (result.parked !== paths.parkedOf(row)) this.#park(row, result.parked);
    if (result.reason !== oldReason) {
      this.#reasonCount[(peer << REASON_SHIFT) + oldReason]--;
      this.#reasonCount[(peer << REASON_SHIFT) + result.reason]++;
      paths.rowReason[row] = result.reason;
    }
    paths.rowPreference[row] = result.preference;
  }

  #park(row: PathRow, set: SetHandle): void {
    const old = this.paths.parkedOf(row);
    if (set !== 0) this.#sets.retain(set);
    if (old !== 0) this.#sets.release(old);
    this.paths.setParked(row, set);
  }

  #notifyBest(prefix: PrefixHandle): void {
    const consumers = this.#consumers;
    for (let i = 0; i < consumers.length; i++) consumers[i].prefixChanged(this.family, prefix);
  }

  /** An eligible path that is not best has changed. @param maySharePackets it may be in the multipath set */
  #notifyOther(prefix: PrefixHandle, maySharePackets: boolean): void {
    const all = this.#allPathsConsumers;
    for (let i = 0; i < all.length; i++) all[i].prefixChanged(this.family, prefix);
    if (!maySharePackets) return;
    const forwarding = this.#forwardingConsumers;
    for (let i = 0; i < forwarding.length; i++) forwarding[i].prefixChanged(this.family, prefix);
  }
}
