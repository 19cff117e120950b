/**
 * Work over all paths of a family that must not block: removing what a peer left behind, evaluating again after a
 * change of policy or next hops. One cursor goes round the rows and does for each whatever is pending for its peer; a
 * task is done when the cursor has gone all the way round since it was given. Two octets per row are read to find a
 * peer's rows, so a full round over a million paths takes a millisecond or two, and no list per peer is kept.
 */

import type { AttributeStore } from './attribute-store.ts';
import { grownCapacity, grownUint8 } from './columns.ts';
import type { ImportEvaluation } from './import-evaluation.ts';
import type { LocRib } from './loc-rib.ts';
import type { NextHopTable } from './next-hop.ts';
import { EPOCH_MASK, type PathRow, ROW_EPOCH_SHIFT, ROW_LLGR } from './paths.ts';
import { FIRST_BGP_PEER, type PeerIndex, type PeerTable } from './peer-table.ts';

/** Remove paths announced before the sweep mark. */
const TASK_SWEEP = 1;
/** Evaluate import again. */
const TASK_EVALUATE = 2;
/** Paths announced before the long-lived mark become long-lived stale. */
const TASK_LONG_LIVED = 4;
/** Select the best path of their prefixes again. */
const TASK_SELECT = 8;

/** Per peer, epochs that mean something: `older` paths are the ones that were last announced before it. */
const MARK_SWEEP = 0;
const MARK_LONG_LIVED = 1;
/** The end of the session whose paths are retained. */
const MARK_RETAINED = 2;
/** The beginning of a refresh. */
const MARK_REFRESH = 3;
const MARKS = 4;
const NO_MARK = -1;

/** A position of the cursor is LAP times its rounds plus the row. */
const LAP = 2 ** 32;

/** Rows looked at, and rows worked on, between two looks at the clock. */
const ROWS_PER_CHECK = 4096;
const CHANGES_PER_CHECK = 64;
/** An epoch has 16 values: before they run out, the peer's paths are renumbered. */
const EPOCHS_BEFORE_RENUMBER = EPOCH_MASK - 1;

export class RowWalk {
  readonly #rib: LocRib;
  readonly #sets: AttributeStore;
  readonly #nextHops: NextHopTable;
  readonly #peers: PeerTable;
  readonly #evaluation: ImportEvaluation;
  #cursor: PathRow;
  #laps: number;
  /** By peer: TASK bits; by peer * MARKS + MARK: epochs or NO_MARK; by peer: where its round is over. */
  #tasks: Uint8Array;
  #marks: Int8Array;
  readonly #finishAt: Map<PeerIndex, number>;
  /** -1: no next hop has changed. */
  #nextHopsFinishAt: number;
  /** By peer: epochs that its rows may be spread over. */
  #epochs: Uint8Array;

  constructor(
    rib: LocRib,
    sets: AttributeStore,
    nextHops: NextHopTable,
    peers: PeerTable,
    evaluation: ImportEvaluation,
  ) {
    const capacity = grownCapacity(1);
    this.#rib = rib;
    this.#sets = sets;
    this.#nextHops = nextHops;
    this.#peers = peers;
    this.#evaluation = evaluation;
    this.#cursor = 1;
    this.#laps = 0;
    this.#tasks = new Uint8Array(capacity);
    this.#marks = new Int8Array(capacity * MARKS).fill(NO_MARK);
    this.#finishAt = new Map();
    this.#nextHopsFinishAt = -1;
    this.#epochs = new Uint8Array(capacity);
  }

  get isPending(): boolean {
    return this.#finishAt.size > 0 || this.#nextHopsFinishAt >= 0;
  }

  /** True while something is pending for the peer. */
  isPendingFor(peer: PeerIndex): boolean {
    return this.#finishAt.has(peer);
  }

  get isNextHopWorkPending(): boolean {
    return this.#nextHopsFinishAt >= 0;
  }

  addPeer(peer: PeerIndex): void {
    if (peer >= this.#tasks.length) {
      const capacity = grownCapacity(peer + 1);
      this.#tasks = grownUint8(this.#tasks, capacity);
      this.#epochs = grownUint8(this.#epochs, capacity);
      const marks = new Int8Array(capacity * MARKS).fill(NO_MARK);
      marks.set(this.#marks);
      this.#marks = marks;
    }
    this.#marks.fill(NO_MARK, peer * MARKS, (peer + 1) * MARKS);
    this.#tasks[peer] = 0;
    this.#epochs[peer] = 0;
  }

  /**
   * The session is lost. All paths are stale; they are removed, or retained until sweepRetained. What was stale before
   * this second loss is removed (RFC 4724 4.2), or retained with the rest.
   */
  endSession(peer: PeerIndex, isRetaining: boolean, isRetainingOlder: boolean): void {
    this.#marks[peer * MARKS + MARK_REFRESH] = NO_MARK;
    if (!isRetainingOlder) this.sweepRetained(peer);
    this.#beginEpoch(peer);
    const mark = peer * MARKS + MARK_RETAINED;
    this.#marks[mark] = this.#rib.epoch[peer];
    if (!isRetaining) this.sweepRetained(peer);
  }

  isRetaining(peer: PeerIndex): boolean {
    return this.#marks[peer * MARKS + MARK_RETAINED] !== NO_MARK;
  }

  /** Removes retained paths that were not announced again. */
  sweepRetained(peer: PeerIndex): void {
    this.#sweepBefore(peer, peer * MARKS + MARK_RETAINED);
  }

  /** Retained paths that were not announced again become long-lived stale. */
  longLivedStale(peer: PeerIndex): void {
    const epoch = this.#marks[peer * MARKS + MARK_RETAINED];
    if (epoch === NO_MARK || this.#rib.staleCount[peer] === 0) return;
    this.#marks[peer * MARKS + MARK_LONG_LIVED] = epoch;
    this.#add(peer, TASK_LONG_LIVED);
  }

  /** From now on it is remembered which paths the peer announces again. */
  beginRefresh(peer: PeerIndex): void {
    this.#beginEpoch(peer);
    this.#marks[peer * MARKS + MARK_REFRESH] = this.#rib.epoch[peer];
  }

  /** Removes paths that were not announced again since beginRefresh. */
  endRefresh(peer: PeerIndex): void {
    this.#sweepBefore(peer, peer * MARKS + MARK_REFRESH);
  }

  evaluate(peer: PeerIndex): void {
    if (this.#rib.received[peer] !== 0) this.#add(peer, TASK_EVALUATE);
  }

  /** What the decision process compares of the peer itself has changed. */
  select(peer: PeerIndex): void {
    if (this.#rib.received[peer] !== 0) this.#add(peer, TASK_SELECT);
  }

  /** Paths through next hops with `changed` set are evaluated and compared again. */
  nextHopsChanged(): void {
    this.#nextHopsFinishAt = this.#position + LAP;
  }

  /** Works until nothing is pending or `deadline()` is true; true: there is more to do. */
  run(deadline: () => boolean): boolean {
    const paths = this.#rib.paths;
    let changes = 0;
    while (this.isPending) {
      const isNextHopWork = this.#nextHopsFinishAt >= 0;
      const tasks = this.#tasks;
      const rowPeer = paths.rowPeer;
      const rowPrefix = paths.rowPrefix;
      const from = this.#cursor;
      const to = Math.min(from + ROWS_PER_CHECK, paths.end);
      let row = from;
      for (; row < to && changes < CHANGES_PER_CHECK; row++) {
        if (rowPrefix[row] === 0) continue;
        const task = tasks[rowPeer[row]];
        if ((task !== 0 || isNextHopWork) && this.#work(row, task, isNextHopWork)) changes++;
      }
      if (row >= paths.end) {
        row = 1;
        this.#laps++;
      }
      this.#cursor = row;
      this.#finish();
      changes = 0;
      if (deadline()) return this.isPending;
    }
    return false;
  }

  get #position(): number {
    return this.#laps * LAP + this.#cursor;
  }

  /** All paths of the peer are stale from now on. */
  #beginEpoch(peer: PeerIndex): void {
    const rib = this.#rib;
    if (rib.received[peer] === 0) return;
    if (++this.#epochs[peer] > EPOCHS_BEFORE_RENUMBER) this.#renumber(peer);
    rib.epoch[peer] = (rib.epoch[peer] + 1) & EPOCH_MASK;
    rib.staleCount[peer] = rib.received[peer];
  }

  /** Uses up the mark: paths older than it are to be removed. */
  #sweepBefore(peer: PeerIndex, mark: number): void {
    const epoch = this.#marks[mark];
    this.#marks[mark] = NO_MARK;
    if (epoch === NO_MARK || this.#rib.staleCount[peer] === 0) return;
    const sweep = peer * MARKS + MARK_SWEEP;
    // A sweep that is still going on and removes more goes on removing more.
    const isWider = this.#marks[sweep] === NO_MARK || this.#markAge(peer, mark, epoch) < this.#markAge(peer, sweep);
    if (isWider) this.#marks[sweep] = epoch;
    this.#add(peer, TASK_SWEEP);
  }

  /** Paths of a higher age are older than the mark. */
  #markAge(peer: PeerIndex, mark: number, epoch: number = this.#marks[mark]): number {
    return (this.#rib.epoch[peer] - epoch) & EPOCH_MASK;
  }

  #add(peer: PeerIndex, task: number): void {
    this.#tasks[peer] |= task;
    this.#finishAt.set(peer, this.#position + LAP);
  }

  #finish(): void {
    const position = this.#position;
    const { received, staleCount } = this.#rib;
    for (const [peer, finishAt] of this.#finishAt) {
      const isSwept = this.#tasks[peer] === TASK_SWEEP && staleCount[peer] === 0;
      if (finishAt > position && received[peer] !== 0 && !isSwept) continue;
      this.#finishAt.delete(peer);
      this.#tasks[peer] = 0;
      this.#marks[peer * MARKS + MARK_SWEEP] = NO_MARK;
      this.#marks[peer * MARKS + MARK_LONG_LIVED] = NO_MARK;
    }
    if (this.#nextHopsFinishAt >= 0 && this.#nextHopsFinishAt <= position) this.#nextHopsFinishAt = -1;
  }

  /** Does what is pending for the row; true when there was something. */
  #work(row: PathRow, task: number, isNextHopWork: boolean): boolean {
    const rib = this.#rib;
    const peer = rib.paths.rowPeer[row];
    const age = rib.age(row);
    if ((task & TASK_SWEEP) !== 0 && age > this.#markAge(peer, peer * MARKS + MARK_SWEEP)) {
      rib.remove(row);
      return true;
    }
    const isLongLived = (task & TASK_LONG_LIVED) !== 0 && age > this.#markAge(peer, peer * MARKS + MARK_LONG_LIVED);
    if (isLongLived) rib.paths.rowFlags[row] |= ROW_LLGR;
    const isChangedHop = isNextHopWork && this.#hasChangedNextHop(row);
    const isSelecting = isChangedHop || (task & TASK_SELECT) !== 0;
    const isEvaluating = isChangedHop || isLongLived || (task & TASK_EVALUATE) !== 0;
    if (!isSelecting && !isEvaluating) return false;
    const prefix = rib.paths.rowPrefix[row];
    if (isEvaluating && !this.#evaluateRow(row)) rib.remove(row);
    else if (isSelecting) rib.reselect(prefix);
    return true;
  }

  #hasChangedNextHop(row: PathRow): boolean {
    const paths = this.#rib.paths;
    const nextHop = this.#sets.nextHop;
    const changed = this.#nextHops.changed;
    const effective = paths.rowEffective[row];
    const set = effective !== 0 ? effective : paths.parkedOf(row) || paths.rowSet[row];
    return changed[nextHop[set]] !== 0;
  }

  /** Import once more, with what holds now. False: the path may not be kept (NO_LLGR). */
  #evaluateRow(row: PathRow): boolean {
    const rib = this.#rib;
    const { paths, prefixes } = rib;
    const evaluation = this.#evaluation;
    const set = paths.rowSet[row];
    const peer = paths.rowPeer[row];
    if (peer < FIRST_BGP_PEER) evaluation.evaluateLocal(peer, set);
    else {
      const state = this.#peers.get(peer);
      if (state === null) return true;
      if (!evaluation.begin(state, state.importPolicy[rib.family], set)) {
        const at = prefixes.describe(paths.rowPrefix[row]);
        evaluation.evaluatePrefix(at.a, at.b, at.c, at.d, at.length);
      }
      if ((paths.rowFlags[row] & ROW_LLGR) !== 0 && !evaluation.applyLongLivedStale()) return false;
    }
    rib.replace(row, set, evaluation);
    return true;
  }

  /**
   * Makes room in the peer's epochs: paths and marks keep their order among each other, everything between two marks
   * becomes one epoch. The only work on all rows that is done at once: two octets a row, once in a dozen losses.
   */
  #renumber(peer: PeerIndex): void {
    const rib = this.#rib;
    const paths = rib.paths;
    const current = rib.epoch[peer];
    const ages = [0];
    for (let mark = 0; mark < MARKS; mark++) {
      if (this.#marks[peer * MARKS + mark] !== NO_MARK) ages.push(this.#markAge(peer, peer * MARKS + mark));
    }
    const marksBelow = (age: number): number => new Set(ages.filter((other) => other < age)).size;
    for (let mark = 0; mark < MARKS; mark++) {
      const at = peer * MARKS + mark;
      if (this.#marks[at] !== NO_MARK) this.#marks[at] = (current - marksBelow(this.#markAge(peer, at))) & EPOCH_MASK;
    }
    const newAge = Uint8Array.from({ length: EPOCH_MASK + 1 }, (_, age) => marksBelow(age));
    for (let row = 1; row < paths.end; row++) {
      if (paths.rowPeer[row] !== peer || paths.rowPrefix[row] === 0) continue;
      const epoch = (current - newAge[rib.age(row)]) & EPOCH_MASK;
      paths.rowFlags[row] = (paths.rowFlags[row] & ROW_LLGR) | (epoch << ROW_EPOCH_SHIFT);
    }
    this.#epochs[peer] = MARKS + 2;
  }
}
