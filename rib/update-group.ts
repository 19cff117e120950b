/**
 * Peers that are told the same in the same words: one Adj-RIB-Out and one encoded stream for all of them
 * (RFC 4271 3.2, 9.2). Decides when to encode, who reads the shared stream and who is sent things apart.
 *
 * - Encoding is pulled: only when a member has little left to read. What waits is one bit per prefix. When only one
 *   member has little left, prefixes of which it would hear nothing are put aside until another one asks.
 * - The log is bounded. Members that are more than half of the bound behind when it is reached are cut: they are sent
 *   the present state of what they have missed, apart from the others (catch-up.ts).
 * - End-of-RIB (RFC 4724 2) goes to each member when all that waited at its joining has been encoded for it, or, if it
 *   is held back (RFC 4724 4.1), all that waited when it was let go.
 */

import { AdjRibOut } from './adj-rib-out.ts';
import { Advertiser, type GroupTables, Listeners } from './advertiser.ts';
import { CatchUp } from './catch-up.ts';
import { DirtySet } from './dirty-set.ts';
import { type GroupSettings, groupKey } from './export-hook.ts';
import { GroupMember } from './group-member.ts';
import { OutputLog } from './output-log.ts';
import type { PathRow } from './paths.ts';
import type { PeerIndex } from './peer-table.ts';
import type { NotAdvertisedReason } from './reason.ts';
import {
  BEGIN_OF_ROUTE_REFRESH,
  END_OF_ROUTE_REFRESH,
  endOfRibMessage,
  routeRefreshMessage,
  UpdatePacker,
} from './update-packer.ts';

/** One pass: what is encoded together shares messages, so the more the better; some milliseconds at most. */
const PASS_PREFIXES = 16_384;
const PASS_OCTETS = 256 * 1024;
/** Passes that a change of group may cost at once. */
const LITTLE_PASSES = 4;
/** Prefixes between two looks at the clock. */
const PREFIXES_PER_CHECK = 512;
/** Prefixes of something disposed of that are released in one go. */
const DISPOSAL_PREFIXES = 4096;
/** Octets of lost output that are read back in one go. */
const LOST_PASS_OCTETS = 32 * 1024;
/** Nobody. */
const NO_PEER: PeerIndex = 0;

/** How much may be encoded ahead of those who read. */
export interface OutputLimits {
  /** Encoded octets that a group keeps for members that are slow to read. */
  readonly logOctets: number;
  /** A member with less than this to read makes the group encode more. */
  readonly lowWaterOctets: number;
}

/** Something whose memory is given back in slices. */
export interface Disposable {
  /** False: there is more. */
  dispose(prefixes: number): boolean;
}

export class UpdateGroup implements Disposable {
  key: string;
  settings: GroupSettings;
  readonly log: OutputLog;
  readonly members: Map<PeerIndex, GroupMember>;
  readonly ribOut: AdjRibOut;
  /** Prefixes whose export has to be looked at again. */
  readonly dirty: DirtySet;
  /** More such prefixes, of which `asideFor`, the only member that was asking, will hear nothing. */
  readonly #aside: DirtySet;
  #asideFor: PeerIndex;
  #isAsideNext: boolean;
  readonly #tables: GroupTables;
  readonly #packer: UpdatePacker;
  readonly #listeners: Listeners;
  readonly #advertiser: Advertiser;
  readonly #limits: OutputLimits;
  /** What is written for one member; views of it go to that member's queue at once. */
  #privateLog: OutputLog | null;
  readonly #catchingUp: GroupMember[];
  #nextToCatchUp: number;
  #endOfRibsOwed: number;
  /** The one member that asks for more, or NO_PEER when there are none or several. */
  #soleReader: PeerIndex;
  /** Members may have something to read that they have not been told of. */
  #hasNews: boolean;
  readonly #disposables: Disposable[];

  /** @param ribOut what future members have been told already; null: nothing */
  constructor(settings: GroupSettings, tables: GroupTables, ribOut: AdjRibOut | null, limits: OutputLimits) {
    const decider = settings.createDecider();
    this.key = groupKey(settings);
    this.settings = settings;
    this.log = new OutputLog(settings.encoding.maxMessageOctets);
    this.members = new Map();
    this.ribOut = ribOut ?? new AdjRibOut(settings.encoding.addPath, tables.sets, tables.prefixes);
    this.dirty = new DirtySet();
    this.#aside = new DirtySet();
    this.#asideFor = NO_PEER;
    this.#isAsideNext = false;
    this.#tables = tables;
    this.#packer = new UpdatePacker(tables.sets, tables.prefixes, settings.encoding);
    this.#listeners = new Listeners();
    this.#advertiser = new Advertiser(tables, this.ribOut, this.#packer, this.#listeners, decider);
    this.#limits = limits;
    this.#privateLog = null;
    this.#catchingUp = [];
    this.#nextToCatchUp = 0;
    this.#endOfRibsOwed = 0;
    this.#soleReader = NO_PEER;
    this.#hasNews = false;
    this.#disposables = [];
    this.markAllDirty();
  }

  /** Prefixes that wait to be looked at. */
  get waitingCount(): number {
    return this.dirty.count + this.#aside.count;
  }

  /** Members that are sent things apart from the others. */
  get catchingUpCount(): number {
    return this.#catchingUp.length;
  }

  /** Other settings, for all members alike: everything is looked at again and the differences are sent. */
  reconfigure(settings: GroupSettings): void {
    this.key = groupKey(settings);
    this.settings = settings;
    this.#advertiser.setDecider(settings.createDecider());
    this.markAllDirty();
  }

  markAllDirty(): void {
    this.dirty.fill(this.#tables.prefixes.end);
  }

  /** A peer whose session has come up. */
  join(peer: PeerIndex, marksRefresh: boolean, holdsEndOfRib: boolean): void {
    const member = new GroupMember(peer, marksRefresh);
    member.holdsEndOfRib = holdsEndOfRib;
    if (this.ribOut.count > 0) member.catchUp = CatchUp.ofNewMember(peer, this.#tables.prefixes, this.ribOut);
    this.adopt(member);
  }

  /** A member that has been told what `before` says (or is catching up with that). */
  takeOver(member: GroupMember, before: AdjRibOut): void {
    this.#encodeLittle();
    const earlier = member.catchUp;
    member.catchUp = CatchUp.ofMove(member.peer, this.#tables.prefixes, before, earlier, this.ribOut);
    if (earlier !== null) this.#disposables.push(earlier);
    this.adopt(member);
  }

  /** A member that has been told what this group's Adj-RIB-Out says (or is catching up with that). */
  adopt(member: GroupMember): void {
    this.members.set(member.peer, member);
    if (member.owesEndOfRib) this.#endOfRibsOwed++;
    member.joinedInRound = this.dirty.rounds;
    if (member.catchUp === null) this.#follow(member);
    else this.#startCatchUp(member, member.catchUp);
    this.#hasNews = true;
  }

  /** The member goes; what it has not read yet of the log comes along in its queue. */
  release(peer: PeerIndex): GroupMember | null {
    const member = this.members.get(peer);
    if (member === undefined) return null;
    if (member.catchUp !== null) this.#stopCatchUp(member);
    else this.#unfollow(member);
    member.leaveLog(this.log);
    this.members.delete(peer);
    if (member.owesEndOfRib) this.#endOfRibsOwed--;
    return member;
  }

  /** The peer's session is gone, and with it everything that it was to be sent. */
  leave(peer: PeerIndex): void {
    const catchUp = this.release(peer)?.catchUp;
    if (catchUp) this.#disposables.push(catchUp);
  }

  /** End-of-RIB may go to the member, after all that waits now. */
  releaseEndOfRib(peer: PeerIndex): void {
    const member = this.members.get(peer);
    if (member === undefined || !member.holdsEndOfRib) return;
    member.holdsEndOfRib = false;
    member.joinedInRound = this.dirty.rounds;
    if (this.#endOfRibsOwed > 0) this.#sendEndOfRibs();
  }

  /** ROUTE-REFRESH (RFC 2918): the member is sent everything again, after what it is being sent now. */
  requestRefresh(peer: PeerIndex): void {
    const member = this.members.get(peer);
    if (member === undefined) return;
    member.wantsRefresh = true;
    this.#beginRefreshIfDue(member);
  }

  /** True when `encodePass` has something to do now. */
  hasWork(): boolean {
    if (this.#disposables.length > 0) return true;
    if (this.waitingCount > 0 && this.#countReaders() > 0) {
      if (this.dirty.count > 0 || this.#soleReader !== this.#asideFor) return true;
    }
    for (const member of this.#catchingUp) if (this.#canCatchUp(member)) return true;
    return false;
  }

  /** One pass; ends early, but not without having done something, when `deadline()` is true. */
  encodePass(deadline: () => boolean): void {
    if (this.#disposables.length > 0 && this.#disposables[0].dispose(DISPOSAL_PREFIXES)) this.#disposables.shift();
    if (this.waitingCount > 0 && this.#countReaders() > 0) {
      this.#encodeShared(deadline);
      this.#cutSlowMembers();
    }
    if (this.#catchingUp.length > 0) this.#catchUpOne();
    if (this.#endOfRibsOwed > 0) this.#sendEndOfRibs();
  }

  /** Calls back for each member that had been handed out everything and has something to read again. */
  notifyReady(ready: (peer: PeerIndex) => void): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    for (const member of this.members.values()) {
      if (!member.isDrained || !member.hasOutput(this.log)) continue;
      member.isDrained = false;
      ready(member.peer);
    }
  }

  /** Why the path is not told to the members of the group, leaving aside whose it is. */
  explain(row: PathRow): NotAdvertisedReason {
    return this.#advertiser.explain(row);
  }

  /** Gives the memory of the group, which has no members, back. */
  dispose(prefixes: number): boolean {
    if (this.#disposables.length > 0) {
      if (this.#disposables[0].dispose(prefixes)) this.#disposables.shift();
      return false;
    }
    return this.ribOut.dispose(prefixes);
  }

  #encodeShared(deadline: () => boolean): void {
    const { batch, prefixes } = this.#tables;
    const sole = this.#soleReader;
    if (sole !== NO_PEER && this.#asideFor !== sole) {
      this.#takeBackAside();
      this.#asideFor = sole;
    }
    // What was put aside is taken up again as soon as another member asks too, and then in turns with what is new.
    this.#isAsideNext = sole === NO_PEER && this.#aside.count > 0 && (!this.#isAsideNext || this.dirty.count === 0);
    const waiting = this.#isAsideNext ? this.#aside : this.dirty;
    const advertiser = this.#advertiser;
    advertiser.reserve();
    for (let looked = 0; looked < PASS_PREFIXES && batch.octets < PASS_OCTETS; looked++) {
      const prefix = waiting.take();
      if (prefix < 0) break;
      if (sole !== NO_PEER && advertiser.isSilentFor(sole, prefix)) this.#aside.add(prefix);
      else advertiser.advertise(prefix);
      if (looked % PREFIXES_PER_CHECK === PREFIXES_PER_CHECK - 1 && deadline()) break;
    }
    if (batch.isEmpty) return;
    batch.flush(this.#packer, this.log, prefixes);
    this.#hasNews = true;
  }

  /** What waits, if it is little: so that a member that comes over is compared with what holds now. */
  #encodeLittle(): void {
    this.#takeBackAside();
    if (this.dirty.count > PASS_PREFIXES) return;
    this.#soleReader = NO_PEER;
    for (let pass = 0; pass < LITTLE_PASSES && this.dirty.count > 0; pass++) this.#encodeShared(() => false);
  }

  #takeBackAside(): void {
    this.dirty.addAll(this.#aside);
    this.#aside.clear();
  }

  /** One pass for the next member that is sent things apart. */
  #catchUpOne(): void {
    for (let tried = 0; tried < this.#catchingUp.length; tried++) {
      const member = this.#catchingUp[this.#nextToCatchUp++ % this.#catchingUp.length];
      const catchUp = member.catchUp;
      if (catchUp === null || !this.#canCatchUp(member)) continue;
      if (catchUp.isReadingLost) {
        if (catchUp.readLost(LOST_PASS_OCTETS).endOfRib && !member.owesEndOfRib) {
          member.owesEndOfRib = true;
          this.#endOfRibsOwed++;
        }
      } else {
        this.#fillQueue(member, catchUp);
      }
      if (catchUp.isDone) this.#finishCatchUp(member, catchUp);
      return;
    }
  }

  #fillQueue(member: GroupMember, catchUp: CatchUp): void {
    const { batch, prefixes, sets } = this.#tables;
    catchUp.fill(batch, this.ribOut, sets.length, this.dirty, PASS_OCTETS);
    if (batch.isEmpty) return;
    this.#privateLog ??= new OutputLog(this.settings.encoding.maxMessageOctets);
    const log = this.#privateLog;
    const cursor = log.openCursor();
    batch.flush(this.#packer, log, prefixes);
    const pieces: Uint8Array[] = [];
    log.read(cursor, member.peer, Number.MAX_SAFE_INTEGER, pieces);
    log.closeCursor(cursor);
    this.#enqueue(member, pieces);
  }

  #enqueue(member: GroupMember, pieces: readonly Uint8Array[]): void {
    member.enqueue(pieces);
    this.#hasNews = true;
  }

  #follow(member: GroupMember): void {
    member.cursor = this.log.openCursor();
    this.#listeners.setReadsLog(member.peer, true);
    if (this.#endOfRibsOwed > 0) this.#sendEndOfRibs();
    this.#beginRefreshIfDue(member);
  }

  #unfollow(member: GroupMember): void {
    this.#listeners.setReadsLog(member.peer, false);
  }

  #startCatchUp(member: GroupMember, catchUp: CatchUp): void {
    member.catchUp = catchUp;
    this.#catchingUp.push(member);
    this.#listeners.catchUps.push(catchUp);
    if (catchUp.isDone) this.#finishCatchUp(member, catchUp);
  }

  #stopCatchUp(member: GroupMember): void {
    const { catchUps } = this.#listeners;
    const at = this.#catchingUp.indexOf(member);
    this.#catchingUp.splice(at, 1);
    catchUps.splice(at, 1);
    if (this.#catchingUp.length === 0) this.#privateLog = null;
  }

  #finishCatchUp(member: GroupMember, catchUp: CatchUp): void {
    this.#stopCatchUp(member);
    member.catchUp = null;
    if (catchUp.endsRefresh) {
      this.#enqueue(member, [routeRefreshMessage(this.settings.encoding.family, END_OF_ROUTE_REFRESH)]);
    }
    this.#follow(member);
  }

  /** RFC 7313 4: not before End-of-RIB, and one refresh after the other. */
  #beginRefreshIfDue(member: GroupMember): void {
    if (!member.wantsRefresh || member.catchUp !== null) return;
    // Without marks a refresh ends nothing at the peer and need not wait for an End-of-RIB that is held back.
    if (member.owesEndOfRib && (member.marksRefresh || !member.holdsEndOfRib)) return;
    member.wantsRefresh = false;
    this.#unfollow(member);
    member.leaveLog(this.log);
    const { family } = this.settings.encoding;
    if (member.marksRefresh) this.#enqueue(member, [routeRefreshMessage(family, BEGIN_OF_ROUTE_REFRESH)]);
    const { prefixes } = this.#tables;
    this.#startCatchUp(member, CatchUp.ofRefresh(member.peer, prefixes, this.ribOut, member.marksRefresh));
    this.#hasNews = true;
  }

  #sendEndOfRibs(): void {
    for (const member of this.members.values()) {
      if (!member.owesEndOfRib || member.holdsEndOfRib || member.cursor === null) continue;
      // Prefixes that keep changing do not put it off: after two rounds all that waited has been encoded.
      const isEncoded = this.dirty.count === 0 || this.dirty.rounds >= member.joinedInRound + 2;
      if (!isEncoded || (this.#aside.count > 0 && this.#asideFor !== member.peer)) continue;
      this.log.append(endOfRibMessage(this.settings.encoding.family), -member.peer);
      member.owesEndOfRib = false;
      this.#endOfRibsOwed--;
      this.#hasNews = true;
      this.#beginRefreshIfDue(member);
    }
  }

  #cutSlowMembers(): void {
    if (this.log.retainedOctets <= this.#limits.logOctets) return;
    for (const member of this.members.values()) {
      const cursor = member.cursor;
      if (cursor === null || !this.log.skipToOwn(cursor, member.peer)) continue;
      if (this.log.distance(cursor) <= this.#limits.logOctets / 2) continue;
      this.#unfollow(member);
      const lost = member.dropLog(this.log);
      const { prefixes } = this.#tables;
      const { encoding } = this.settings;
      this.#startCatchUp(member, CatchUp.ofLostOutput(member.peer, prefixes, this.ribOut, lost, encoding));
    }
  }

  /** How many members ask for more, counted up to two; sets #soleReader. */
  #countReaders(): number {
    let readers = 0;
    this.#soleReader = NO_PEER;
    for (const member of this.members.values()) {
      if (!this.#isAsking(member)) continue;
      this.#soleReader = readers === 0 ? member.peer : NO_PEER;
      readers++;
      if (readers === 2) break;
    }
    return readers;
  }

  #isAsking(member: GroupMember): boolean {
    if (member.catchUp?.isReadingLost) return false;
    return member.backlogOctets(this.log) < this.#limits.lowWaterOctets;
  }

  #canCatchUp(member: GroupMember): boolean {
    return member.catchUp !== null && (member.catchUp.isReadingLost || this.#isAsking(member));
  }
}
