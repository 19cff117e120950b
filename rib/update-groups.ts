/**
 * All update groups: which peer is in which group of each family, and the way in and out for the speaker. Decides when
 * groups are made, shared and given up; what is sent is the groups' own business (update-group.ts).
 *
 * How the speaker uses it: `join` when a session is up, `leave` when it is down; `runEncodeSlice` as long as it returns
 * true, between other work; `forEachReady` then says whose sockets have something new to write; `nextOutput` hands it
 * out. The pieces are views of buffers that several peers share: they must not be written to, and may be kept as long
 * as the socket needs them (they are never used for anything else; the garbage collector takes them).
 */

import { FAMILY_COUNT, FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../bgp/family.ts';
import type { GroupTables } from './advertiser.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { type GroupSettings, groupKey } from './export-hook.ts';
import type { PathRow, PathTable } from './paths.ts';
import type { PeerIndex } from './peer-table.ts';
import type { PrefixConsumer } from './prefix-consumer.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import { NOT_ADVERTISED_LEARNED_FROM_PEER, NOT_ADVERTISED_NO_BEST_PATH, type NotAdvertisedReason } from './reason.ts';
import { UpdateBatch } from './update-batch.ts';
import { type Disposable, type OutputLimits, UpdateGroup } from './update-group.ts';

/** What update groups read and whom they tell that they listen; Rib is one. */
export interface ExportSource {
  readonly sets: AttributeStore;
  readonly prefixes: readonly [PrefixTable, PrefixTable];
  readonly paths: readonly [PathTable, PathTable];
  addConsumer(consumer: PrefixConsumer): void;
  removeConsumer(consumer: PrefixConsumer): void;
}

const DEFAULT_LIMITS: OutputLimits = { logOctets: 8 * 1024 * 1024, lowWaterOctets: 256 * 1024 };
/** Prefixes of a given up group that are released in one go. */
const DISPOSAL_PREFIXES = 8192;

/** New settings of a peer's family. */
export interface Regrouping {
  readonly peer: PeerIndex;
  readonly settings: GroupSettings;
}

/** A path that a peer has been told, or will have when it has read all that is waiting for it. */
export interface AdvertisedPath {
  readonly prefix: PrefixHandle;
  /** 0 without ADD-PATH. */
  readonly pathId: number;
  /** Outgoing attributes. */
  readonly set: SetHandle;
  /** Peer that the path was learned from. */
  readonly from: PeerIndex;
}

/** A group for API and metrics. */
export interface GroupSummary {
  readonly key: string;
  readonly family: FamilyIndex;
  readonly members: readonly PeerIndex[];
  /** Members that are sent things apart from the others at the moment. */
  readonly catchingUp: number;
  /** Paths told to the group. */
  readonly advertised: number;
  /** Prefixes that wait to be looked at. */
  readonly waiting: number;
  /** Encoded octets kept for slow members. */
  readonly retainedOctets: number;
}

export class UpdateGroups {
  readonly #source: ExportSource;
  readonly #tables: readonly [GroupTables, GroupTables];
  readonly #limits: OutputLimits;
  /** By family. */
  readonly #groups: readonly [UpdateGroup[], UpdateGroup[]];
  readonly #groupOfPeer: readonly [Map<PeerIndex, UpdateGroup>, Map<PeerIndex, UpdateGroup>];
  readonly #bestPathGroups: readonly [UpdateGroup[], UpdateGroup[]];
  readonly #addPathGroups: readonly [UpdateGroup[], UpdateGroup[]];
  readonly #bestPathConsumer: PrefixConsumer;
  readonly #allPathsConsumer: PrefixConsumer;
  readonly #disposables: Disposable[];
  /** Where the next slice begins, so that no group waits for another one. */
  #turn: number;

  constructor(source: ExportSource, limits: OutputLimits = DEFAULT_LIMITS) {
    const batch = new UpdateBatch();
    const tables = (family: FamilyIndex): GroupTables => ({
      sets: source.sets,
      prefixes: source.prefixes[family],
      paths: source.paths[family],
      batch,
    });
    this.#source = source;
    this.#tables = [tables(FAMILY_IPV4), tables(FAMILY_IPV6)];
    this.#limits = limits;
    this.#groups = [[], []];
    this.#groupOfPeer = [new Map(), new Map()];
    this.#bestPathGroups = [[], []];
    this.#addPathGroups = [[], []];
    this.#bestPathConsumer = consumerOf(this.#bestPathGroups, false);
    this.#allPathsConsumer = consumerOf(this.#addPathGroups, true);
    this.#disposables = [];
    this.#turn = 0;
  }

  /**
   * The session of a peer is up and this family was negotiated: the peer is sent the table, then End-of-RIB.
   * @param marksRefresh enhanced route refresh (RFC 7313) was negotiated
   * @param holdsEndOfRib End-of-RIB waits for `releaseEndOfRib`
   */
  join(peer: PeerIndex, settings: GroupSettings, marksRefresh: boolean, holdsEndOfRib = false): void {
    const { family } = settings.encoding;
    this.#leaveFamily(peer, family);
    const group =
      this.#find(settings) ?? this.#add(new UpdateGroup(settings, this.#tables[family], null, this.#limits));
    group.join(peer, marksRefresh, holdsEndOfRib);
    this.#groupOfPeer[family].set(peer, group);
  }

  /** End-of-RIB that is held back may go, after what waits now. */
  releaseEndOfRib(peer: PeerIndex, family: FamilyIndex): void {
    this.#groupOfPeer[family].get(peer)?.releaseEndOfRib(peer);
  }

  /** The session of a peer is down. What it was to be sent is forgotten. */
  leave(peer: PeerIndex): void {
    for (let family = 0; family < FAMILY_COUNT; family++) this.#leaveFamily(peer, family as FamilyIndex);
  }

  /**
   * Export settings have changed while sessions are up: the peers are sent the differences only. Changes that belong
   * together are best given together: a group whose members all change alike just goes on under new settings.
   */
  regroup(changes: readonly Regrouping[]): void {
    const moves = new Map<UpdateGroup, Map<string, Regrouping[]>>();
    for (const change of changes) {
      const group = this.#groupOfPeer[change.settings.encoding.family].get(change.peer);
      const key = groupKey(change.settings);
      if (group === undefined || group.key === key) continue;
      const byKey = moves.get(group) ?? new Map<string, Regrouping[]>();
      moves.set(group, byKey);
      const together = byKey.get(key);
      if (together === undefined) byKey.set(key, [change]);
      else together.push(change);
    }
    for (const [group, byKey] of moves) {
      for (const together of byKey.values()) {
        const { settings } = together[0];
        if (
          together.length === group.members.size &&
          this.#find(settings) === null &&
          isSameEncoding(group, settings)
        ) {
          group.reconfigure(settings);
        } else for (const { peer } of together) this.#move(peer, group, settings);
      }
    }
  }

  /** Something that export depends on has changed outside the tables: what this peer is told is looked at again. */
  reexport(peer: PeerIndex): void {
    for (const groups of this.#groupOfPeer) groups.get(peer)?.markAllDirty();
  }

  /** As `reexport`, for all peers. */
  reexportAll(): void {
    for (const groups of this.#groups) for (const group of groups) group.markAllDirty();
  }

  /** The peer has sent ROUTE-REFRESH: it gets the whole family again, marked by BoRR and EoRR if it knows them. */
  requestFullRefresh(peer: PeerIndex, family: FamilyIndex): void {
    this.#groupOfPeer[family].get(peer)?.requestRefresh(peer);
  }

  /** Encodes until `deadline()` is true or nothing is left to do for those who can take it; true: there is more. */
  runEncodeSlice(deadline: () => boolean): boolean {
    let idle = 0;
    let total = this.#groups[0].length + this.#groups[1].length;
    while (idle < total) {
      const turn = this.#turn++ % total;
      const ipv4 = this.#groups[0].length;
      const group = turn < ipv4 ? this.#groups[0][turn] : this.#groups[1][turn - ipv4];
      if (group.hasWork()) {
        group.encodePass(deadline);
        idle = 0;
        if (deadline()) return true;
      } else idle++;
    }
    total = this.#disposables.length;
    while (total > 0) {
      if (this.#disposables[0].dispose(DISPOSAL_PREFIXES)) this.#disposables.shift();
      total = this.#disposables.length;
      if (deadline()) return total > 0;
    }
    return false;
  }

  /** Calls back, once each, for the peers that had been handed out everything and have new output. */
  forEachReady(ready: (peer: PeerIndex) => void): void {
    for (const groups of this.#groups) for (const group of groups) group.notifyReady(ready);
  }

  hasOutput(peer: PeerIndex): boolean {
    for (const groups of this.#groupOfPeer) {
      const group = groups.get(peer);
      if (group?.members.get(peer)?.hasOutput(group.log)) return true;
    }
    return false;
  }

  /**
   * What the peer is to be sent next, up to `maxOctets` (but one message at least): whole messages in order, as views
   * of shared buffers. Counts as sent once it is handed out.
   */
  nextOutput(peer: PeerIndex, maxOctets: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let taken = 0;
    for (const groups of this.#groupOfPeer) {
      const group = groups.get(peer);
      if (group === undefined || taken >= maxOctets) continue;
      const member = group.members.get(peer);
      if (member !== undefined) taken += member.take(group.log, maxOctets - taken, pieces);
    }
    return pieces;
  }

  /** Paths that the peer is told. */
  advertisedCount(peer: PeerIndex, family: FamilyIndex): number {
    return this.#groupOfPeer[family].get(peer)?.ribOut.countFor(peer) ?? 0;
  }

  /** What the peer is told about one prefix. */
  advertised(peer: PeerIndex, family: FamilyIndex, prefix: PrefixHandle): AdvertisedPath[] {
    const told: AdvertisedPath[] = [];
    const ribOut = this.#groupOfPeer[family].get(peer)?.ribOut;
    if (ribOut === undefined) return told;
    for (let slot = ribOut.first(prefix); slot !== 0; slot = ribOut.next(slot)) {
      const from = ribOut.sentFrom[slot];
      if (from !== peer) told.push({ prefix, pathId: ribOut.pathIdOf(slot), set: ribOut.sentSet[slot], from });
    }
    return told;
  }

  /** Why the peer is not told this path; ADVERTISED when it is. */
  explain(peer: PeerIndex, family: FamilyIndex, row: PathRow): NotAdvertisedReason {
    const group = this.#groupOfPeer[family].get(peer);
    if (group === undefined || row === 0) return NOT_ADVERTISED_NO_BEST_PATH;
    const paths = this.#source.paths[family];
    if (paths.rowPeer[row] === peer) return NOT_ADVERTISED_LEARNED_FROM_PEER;
    if (paths.rowEffective[row] === 0) return NOT_ADVERTISED_NO_BEST_PATH;
    return group.explain(row);
  }

  summaries(): GroupSummary[] {
    return [...this.#groups[0], ...this.#groups[1]].map((group) => ({
      key: group.key,
      family: group.settings.encoding.family,
      members: [...group.members.keys()],
      catchingUp: group.catchingUpCount,
      advertised: group.ribOut.count,
      waiting: group.waitingCount,
      retainedOctets: group.log.retainedOctets,
    }));
  }

  #find(settings: GroupSettings): UpdateGroup | null {
    const key = groupKey(settings);
    return this.#groups[settings.encoding.family].find((group) => group.key === key) ?? null;
  }

  #add(group: UpdateGroup): UpdateGroup {
    const { family, addPath } = group.settings.encoding;
    const consumer = addPath ? this.#allPathsConsumer : this.#bestPathConsumer;
    const groups = addPath ? this.#addPathGroups : this.#bestPathGroups;
    if (groups[0].length + groups[1].length === 0) this.#source.addConsumer(consumer);
    groups[family].push(group);
    this.#groups[family].push(group);
    return group;
  }

  #leaveFamily(peer: PeerIndex, family: FamilyIndex): void {
    const group = this.#groupOfPeer[family].get(peer);
    if (group === undefined) return;
    this.#groupOfPeer[family].delete(peer);
    group.leave(peer);
    this.#giveUpIfEmpty(group);
  }

  #move(peer: PeerIndex, from: UpdateGroup, settings: GroupSettings): void {
    const { family } = settings.encoding;
    const member = from.release(peer);
    if (member === null) return;
    let to = this.#find(settings);
    if (to === null) {
      // The new group begins with what the old one has told, so that it sends only what is different.
      const ribOut = from.ribOut.clone();
      to = this.#add(new UpdateGroup(settings, this.#tables[family], ribOut, this.#limits));
      to.adopt(member);
    } else {
      to.takeOver(member, from.ribOut);
    }
    this.#groupOfPeer[family].set(peer, to);
    this.#giveUpIfEmpty(from);
  }

  #giveUpIfEmpty(group: UpdateGroup): void {
    if (group.members.size > 0) return;
    const { family, addPath } = group.settings.encoding;
    const groups = addPath ? this.#addPathGroups : this.#bestPathGroups;
    remove(groups[family], group);
    remove(this.#groups[family], group);
    if (groups[0].length + groups[1].length === 0) {
      this.#source.removeConsumer(addPath ? this.#allPathsConsumer : this.#bestPathConsumer);
    }
    this.#disposables.push(group);
  }
}

/** Marks a changed prefix in every group of its family. */
function consumerOf(groups: readonly [UpdateGroup[], UpdateGroup[]], wantsAllPaths: boolean): PrefixConsumer {
  return {
    wantsAllPaths,
    wantsForwarding: false,
    prefixChanged(family: FamilyIndex, prefix: PrefixHandle): void {
      const ofFamily = groups[family];
      for (let i = 0; i < ofFamily.length; i++) ofFamily[i].dirty.add(prefix);
    },
    // Paths are known by row number, and the prefix is marked whenever one of its rows goes or comes.
    pathRemoved(): void {},
  };
}

/** Settings of one session never differ in this, as it is negotiated; only then may a group keep its log. */
function isSameEncoding(group: UpdateGroup, settings: GroupSettings): boolean {
  const before = group.settings.encoding;
  const after = settings.encoding;
  return (
    before.maxMessageOctets === after.maxMessageOctets &&
    before.addPath === after.addPath &&
    before.fourOctetAs === after.fourOctetAs &&
    before.extendedNextHop === after.extendedNextHop
  );
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
