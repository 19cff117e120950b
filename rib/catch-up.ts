/**
 * What one member of an update group has to be sent apart from the others: because it is new, asked for a refresh
 * (RFC 2918), was too slow for the shared log, or came over from another group. While it catches up it does not read
 * the log; when it knows what the group's Adj-RIB-Out says, it reads on with the others.
 *
 * One or two bits per prefix, whatever happens: `pending` (its state is not the group's, or must be said again) and
 * `known` (it may have a path of the prefix). Nothing is sent for a prefix that is dirty in the group: that would be
 * outdated at once.
 *
 * A prefix that is both is held, so that its handle still means the same prefix when the withdrawal is written. A known
 * prefix that is not pending is held by the Adj-RIB-Out.
 */

import type { AdjRibOut } from './adj-rib-out.ts';
import { DirtySet } from './dirty-set.ts';
import type { EncodingRules } from './export-hook.ts';
import { LostOutput } from './lost-output.ts';
import { AUDIENCE_ALL } from './output-log.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import type { UpdateBatch } from './update-batch.ts';

/** Prefixes that one pass looks at before it lets others work. */
const PASS_PREFIXES = 2048;

export class CatchUp {
  /** When done the member is to be told that its refresh is complete (RFC 7313). */
  endsRefresh: boolean;
  readonly #peer: PeerIndex;
  readonly #prefixes: PrefixTable;
  readonly #pending: DirtySet;
  readonly #known: DirtySet;
  /** ADD-PATH: paths of known prefixes that the member may have otherwise than the group says. */
  readonly #unsure: Map<PrefixHandle, Set<number>>;
  /** ADD-PATH: of known prefixes only the paths in #unsure are sent, not all. */
  readonly #onlyUnsure: boolean;
  #lost: LostOutput | null;
  #cursor: PrefixHandle;

  private constructor(peer: PeerIndex, prefixes: PrefixTable, onlyUnsure: boolean) {
    this.endsRefresh = false;
    this.#peer = peer;
    this.#prefixes = prefixes;
    this.#pending = new DirtySet();
    this.#known = new DirtySet();
    this.#unsure = new Map();
    this.#onlyUnsure = onlyUnsure;
    this.#lost = null;
    this.#cursor = 0;
  }

  /** A member that knows nothing yet. */
  static ofNewMember(peer: PeerIndex, prefixes: PrefixTable, ribOut: AdjRibOut): CatchUp {
    const catchUp = new CatchUp(peer, prefixes, false);
    catchUp.#pending.fill(ribOut.prefixEnd);
    return catchUp;
  }

  /** A member that knows what the group says and wants all of it again. */
  static ofRefresh(peer: PeerIndex, prefixes: PrefixTable, ribOut: AdjRibOut, endsRefresh: boolean): CatchUp {
    const catchUp = new CatchUp(peer, prefixes, false);
    catchUp.endsRefresh = endsRefresh;
    for (let prefix = 1, end = ribOut.prefixEnd; prefix < end; prefix++) {
      if (ribOut.isToldTo(peer, prefix)) catchUp.#doubt(prefix);
    }
    return catchUp;
  }

  /** A member that knows what the group says, but for what is in UPDATEs that it will not get. */
  static ofLostOutput(
    peer: PeerIndex,
    prefixes: PrefixTable,
    ribOut: AdjRibOut,
    pieces: Uint8Array[],
    rules: EncodingRules,
  ): CatchUp {
    const catchUp = new CatchUp(peer, prefixes, false);
    for (let prefix = 1, end = ribOut.prefixEnd; prefix < end; prefix++) {
      if (ribOut.isToldTo(peer, prefix)) catchUp.#known.add(prefix);
    }
    catchUp.#lost = new LostOutput(pieces, rules, prefixes);
    catchUp.#lost.reportTo((prefix, pathId) => catchUp.#noteLost(prefix, pathId));
    return catchUp;
  }

  /** A member that knew what `before` says, or was catching up with it, and is now to know what `after` says. */
  static ofMove(
    peer: PeerIndex,
    prefixes: PrefixTable,
    before: AdjRibOut,
    earlier: CatchUp | null,
    after: AdjRibOut,
  ): CatchUp {
    const catchUp = new CatchUp(peer, prefixes, earlier === null || earlier.#onlyUnsure);
    const end = Math.max(before.prefixEnd, after.prefixEnd);
    for (let prefix = 1; prefix < end; prefix++) {
      const isPending = earlier === null ? false : earlier.#pending.has(prefix);
      const isKnown = earlier === null ? before.isToldTo(peer, prefix) : earlier.#known.has(prefix);
      const differs = catchUp.#noteDifferences(prefix, before, after, isKnown);
      if (isKnown) catchUp.#known.add(prefix);
      if (!isPending && !differs) continue;
      catchUp.#pending.add(prefix);
      if (isKnown) prefixes.hold(prefix);
    }
    if (earlier !== null) {
      catchUp.endsRefresh = earlier.endsRefresh;
      catchUp.#lost = earlier.#lost;
      earlier.#lost = null;
      catchUp.#lost?.reportTo((prefix, pathId) => catchUp.#noteLost(prefix, pathId));
      for (const [prefix, pathIds] of earlier.#unsure) {
        for (const pathId of pathIds) catchUp.#noteUnsure(prefix, pathId);
      }
    }
    return catchUp;
  }

  /** Still reading what the member has lost; it gets nothing meanwhile. */
  get isReadingLost(): boolean {
    return this.#lost !== null;
  }

  get isDone(): boolean {
    return this.#pending.count === 0 && this.#lost === null;
  }

  /** Prefixes to go, an estimate from above. */
  get pendingCount(): number {
    return this.#pending.count;
  }

  /** The group is about to change what it says about a path of the prefix. */
  noteChange(prefix: PrefixHandle, pathId: number): void {
    const isKnown = this.#known.has(prefix);
    if (this.#pending.add(prefix) && isKnown) this.#prefixes.hold(prefix);
    if (pathId !== 0 && isKnown) this.#noteUnsure(prefix, pathId);
  }

  /** Reads on in the lost output; true when it is all read, `endOfRib` says whether the marker has to be sent again. */
  readLost(octets: number): { readonly done: boolean; readonly endOfRib: boolean } {
    const lost = this.#lost;
    if (lost === null) return { done: true, endOfRib: false };
    if (!lost.read(octets)) return { done: false, endOfRib: false };
    this.#lost = null;
    return { done: true, endOfRib: lost.endOfRib };
  }

  /** Puts the group's state of pending prefixes into the batch, up to `octets`; those in `dirty` are left for later. */
  fill(batch: UpdateBatch, ribOut: AdjRibOut, setOctets: Uint16Array, dirty: DirtySet, octets: number): void {
    for (let looked = 0; looked < PASS_PREFIXES && batch.octets < octets; looked++) {
      const prefix = this.#pending.next(this.#cursor);
      if (prefix < 0) {
        this.#cursor = 0;
        return;
      }
      this.#cursor = prefix + 1;
      if (dirty.has(prefix)) continue;
      this.#pending.delete(prefix);
      const isKnown = this.#known.has(prefix);
      if (ribOut.addPath) this.#fillPaths(batch, ribOut, setOctets, prefix, isKnown);
      else if (ribOut.isToldTo(this.#peer, prefix)) {
        const set = ribOut.sentSet[prefix];
        batch.announce(set, setOctets[set], AUDIENCE_ALL, prefix, 0);
        this.#known.add(prefix);
      } else if (isKnown) {
        batch.withdraw(AUDIENCE_ALL, prefix, 0);
        this.#known.delete(prefix);
      }
      if (isKnown) batch.releaseAfterwards(prefix);
    }
  }

  /** Gives back what is held, `prefixes` at a time; false: there is more. Nothing else works afterwards. */
  dispose(prefixes: number): boolean {
    this.#lost = null;
    for (let looked = 0; looked < prefixes; looked++) {
      const prefix = this.#pending.take();
      if (prefix < 0) return true;
      if (this.#known.has(prefix)) this.#prefixes.release(prefix);
    }
    return this.#pending.count === 0;
  }

  #fillPaths(
    batch: UpdateBatch,
    ribOut: AdjRibOut,
    setOctets: Uint16Array,
    prefix: PrefixHandle,
    isKnown: boolean,
  ): void {
    const unsure = this.#unsure.get(prefix);
    let isTold = false;
    for (let slot = ribOut.first(prefix); slot !== 0; slot = ribOut.next(slot)) {
      if (ribOut.sentFrom[slot] === this.#peer) continue;
      isTold = true;
      const pathId = ribOut.sentPathId[slot];
      const wasUnsure = unsure?.delete(pathId) ?? false;
      if (this.#onlyUnsure && isKnown && !wasUnsure) continue;
      const set = ribOut.sentSet[slot];
      batch.announce(set, setOctets[set], AUDIENCE_ALL, prefix, pathId);
    }
    if (unsure !== undefined) {
      for (const pathId of unsure) batch.withdraw(AUDIENCE_ALL, prefix, pathId);
      this.#unsure.delete(prefix);
    }
    if (isTold) this.#known.add(prefix);
    else this.#known.delete(prefix);
  }

  /** Marks a prefix as known and pending. */
  #doubt(prefix: PrefixHandle): void {
    const isNewlyKnown = this.#known.add(prefix);
    const isNewlyPending = this.#pending.add(prefix);
    if (isNewlyKnown || isNewlyPending) this.#prefixes.hold(prefix);
  }

  #noteLost(prefix: PrefixHandle, pathId: number): void {
    this.#doubt(prefix);
    if (pathId !== 0) this.#noteUnsure(prefix, pathId);
  }

  #noteUnsure(prefix: PrefixHandle, pathId: number): void {
    const pathIds = this.#unsure.get(prefix);
    if (pathIds === undefined) this.#unsure.set(prefix, new Set([pathId]));
    else pathIds.add(pathId);
  }

  /** True when the member is told other things about the prefix by the two; notes which paths if it knows some. */
  #noteDifferences(prefix: PrefixHandle, before: AdjRibOut, after: AdjRibOut, isKnown: boolean): boolean {
    const peer = this.#peer;
    if (!before.addPath) return before.setToldTo(peer, prefix, 0) !== after.setToldTo(peer, prefix, 0);
    let differs = false;
    for (let slot = before.first(prefix); slot !== 0; slot = before.next(slot)) {
      const pathId = before.sentPathId[slot];
      if (before.sentFrom[slot] === peer || after.setToldTo(peer, prefix, pathId) === before.sentSet[slot]) continue;
      if (isKnown) this.#noteUnsure(prefix, pathId);
      differs = true;
    }
    for (let slot = after.first(prefix); slot !== 0; slot = after.next(slot)) {
      const pathId = after.sentPathId[slot];
      if (after.sentFrom[slot] === peer || before.setToldTo(peer, prefix, pathId) === after.sentSet[slot]) continue;
      if (isKnown) this.#noteUnsure(prefix, pathId);
      differs = true;
    }
    return differs;
  }
}
