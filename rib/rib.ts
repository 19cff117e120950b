/**
 * The facade of the RIB: peers and their sessions, UPDATEs in, best paths out to consumers. It owns the tables, decides
 * when paths become stale, are removed or looked at again, and spreads that work over slices: every method returns at
 * once, `runSlice` does the rest.
 *
 * RFC 4271 3.2, 9.1; RFC 4724 4.2 and RFC 8538 (helper side of graceful restart), RFC 9494 4.2 (long-lived), RFC 7313 4
 * (enhanced route refresh), RFC 4486 (prefix limit, counted here, enforced by the session).
 */

import { FAMILY_IPV4, FAMILY_IPV6, FAMILY_NAMES, type FamilyIndex } from '../bgp/family.ts';
import { type IpAddress, parseIpv4 } from '../bgp/ip.ts';
import type { NegotiatedSession } from '../bgp/negotiated.ts';
import { AdjRibIn, type ReceiveOutcome } from './adj-rib-in.ts';
import { AttributeStore } from './attribute-store.ts';
import { DECISION_DEFAULTS, Decision, type DecisionOptions } from './decision.ts';
import { ImportEvaluation } from './import-evaluation.ts';
import { LocRib } from './loc-rib.ts';
import { ALWAYS_RESOLVABLE, type NextHopResolver, NextHopTable } from './next-hop.ts';
import type { PathRow, PathTable } from './paths.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import {
  FIRST_BGP_PEER,
  type PeerIndex,
  type PeerState,
  PeerTable,
  type RibPeer,
  type SessionEnds,
} from './peer-table.ts';
import { ACCEPT_ALL_IMPORT, type PolicyCompiler } from './policy-hook.ts';
import type { PrefixConsumer } from './prefix-consumer.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import { ELIGIBLE, INELIGIBLE_REASON_COUNT } from './reason.ts';
import { RowWalk } from './row-walk.ts';
import { TREATMENT_OK, type UpdateSource } from './update-source.ts';

export type { ReceiveOutcome } from './adj-rib-in.ts';
export type { DecisionOptions } from './decision.ts';

const FAMILIES: readonly FamilyIndex[] = [FAMILY_IPV4, FAMILY_IPV6];
const NOTHING: readonly [boolean, boolean] = [false, false];
/** Next hops resolved, and sets swept, between two looks at the clock. */
const NEXT_HOPS_PER_CHECK = 64;
const SETS_PER_CHECK = 512;

export interface RibOptions {
  /** Our BGP Identifier, unsigned: compared with ORIGINATOR_ID; the cluster id unless a peer has its own. */
  readonly bgpIdentifier: number;
  readonly decision: DecisionOptions;
  readonly resolver: NextHopResolver;
  /** null: every import policy accepts everything. It may need the RIB's tables: hand in a function of the RIB. */
  readonly policyCompiler: ((rib: Rib) => PolicyCompiler) | null;
  /** Random number of the process for the hashes. */
  readonly seed: number;
  /** False: whoever drives it says when, by sweepStale. */
  readonly sweepsAtEndOfRib: boolean;
}

/** Paths of one peer in one family. */
export interface PathCounters {
  readonly received: number;
  readonly eligible: number;
  readonly best: number;
  /** Not announced again since the session ended or a refresh began. */
  readonly stale: number;
  /** Indexed by IneligibleReason; [0] is `eligible`. */
  readonly byReason: readonly number[];
  /** Since the peer was added. */
  readonly announced: number;
  readonly withdrawn: number;
}

/** Fields of a policy that only what is told to the peer depends on. */
const EXPORT_FIELDS: ReadonlySet<keyof PeerPolicyConfig> = new Set([
  'exportPolicy',
  'nextHopMode',
  'tellsLinkLocal',
  'removePrivateAs',
]);

/** Whether a peer's paths come out the same under both. Policies are compared by identity. */
function isSameForImport(a: PeerPolicyConfig, b: PeerPolicyConfig): boolean {
  return (Object.keys(a) as (keyof PeerPolicyConfig)[]).every((field) => {
    if (field === 'importPolicy') return FAMILY_NAMES.every((family) => a[field][family] === b[field][family]);
    return EXPORT_FIELDS.has(field) || a[field] === b[field];
  });
}

export class Rib {
  /** Unsigned. */
  bgpIdentifier: number;
  readonly peers: PeerTable;
  readonly nextHops: NextHopTable;
  readonly sets: AttributeStore;
  readonly decision: Decision;
  /** By family index. */
  readonly families: readonly [LocRib, LocRib];
  readonly prefixes: readonly [PrefixTable, PrefixTable];
  readonly paths: readonly [PathTable, PathTable];
  readonly #evaluation: ImportEvaluation;
  readonly #adjRibIn: AdjRibIn;
  readonly #walks: readonly [RowWalk, RowWalk];
  readonly #compiler: PolicyCompiler | null;
  readonly #sweepsAtEndOfRib: boolean;
  readonly #consumers: PrefixConsumer[] = [];
  readonly #retired: PeerIndex[] = [];
  /** Next hop to resolve again; 0: none. */
  #resolveFrom = 0;

  constructor(options: Partial<RibOptions> & Pick<RibOptions, 'bgpIdentifier'>) {
    const seed = options.seed ?? 0;
    this.bgpIdentifier = options.bgpIdentifier;
    this.#sweepsAtEndOfRib = options.sweepsAtEndOfRib ?? true;
    this.peers = new PeerTable();
    this.nextHops = new NextHopTable(options.resolver ?? ALWAYS_RESOLVABLE);
    this.sets = new AttributeStore(this.nextHops, seed);
    this.decision = new Decision(this.sets, this.nextHops, this.peers, options.decision ?? DECISION_DEFAULTS);
    this.families = [
      new LocRib(FAMILY_IPV4, this.sets, this.decision, seed),
      new LocRib(FAMILY_IPV6, this.sets, this.decision, seed),
    ];
    this.prefixes = [this.families[0].prefixes, this.families[1].prefixes];
    this.paths = [this.families[0].paths, this.families[1].paths];
    this.#evaluation = new ImportEvaluation(this.sets, this.nextHops, options.bgpIdentifier);
    this.#adjRibIn = new AdjRibIn(this.sets, this.#evaluation, this.families);
    this.#walks = [this.#newWalk(FAMILY_IPV4), this.#newWalk(FAMILY_IPV6)];
    this.#compiler = options.policyCompiler?.(this) ?? null;
  }

  addConsumer(consumer: PrefixConsumer): void {
    this.#consumers.push(consumer);
    for (const family of this.families) family.setConsumers([...this.#consumers]);
  }

  removeConsumer(consumer: PrefixConsumer): void {
    const at = this.#consumers.indexOf(consumer);
    if (at < 0) return;
    this.#consumers.splice(at, 1);
    for (const family of this.families) family.setConsumers([...this.#consumers]);
  }

  /** 0: there is a peer of that name, or there are too many. */
  addPeer(config: RibPeer): PeerIndex {
    const peer = this.peers.add(config, this.#clusterId(config.policy));
    if (peer === 0) return 0;
    for (const family of FAMILIES) {
      this.families[family].addPeer(peer);
      this.#walks[family].addPeer(peer);
    }
    const state = this.peers.get(peer);
    if (state !== null) this.#compilePolicies(state, 0);
    return peer;
  }

  /**
   * Takes over policy while the session stays as it is. When it decides about what comes from the peer, the peer's paths
   * are evaluated again in slices.
   */
  updatePeer(peer: PeerIndex, policy: PeerPolicyConfig): void {
    const state = this.peers.get(peer);
    if (state === null) return;
    const before = state.policy;
    this.peers.setPolicy(peer, policy, this.#clusterId(policy));
    if (isSameForImport(before, policy)) return;
    this.#compilePolicies(state, state.ends?.interfaceIndex ?? 0);
    this.reevaluate(peer);
  }

  /** Gives a peer another name; false: it is taken, or there is no such peer. */
  renamePeer(peer: PeerIndex, name: string): boolean {
    return this.peers.rename(peer, name);
  }

  /** Ends the session if there is one and forgets the peer when its last path is gone. */
  removePeer(peer: PeerIndex): void {
    if (this.peers.get(peer) === null) return;
    this.sessionDown(peer, [false, false]);
    this.peers.retire(peer);
    this.#retired.push(peer);
  }

  sessionUp(peer: PeerIndex, session: NegotiatedSession, ends: SessionEnds): void {
    const state = this.peers.get(peer);
    if (state === null) return;
    const oldInterface = state.ends?.interfaceIndex ?? 0;
    const isChanged = this.peers.sessionUp(peer, session, ends);
    if (ends.interfaceIndex !== oldInterface) this.#compilePolicies(state, ends.interfaceIndex);
    for (const family of FAMILIES) {
      if (isChanged) this.#walks[family].select(peer);
      // RFC 4724 4.2: without the F bit in the new OPEN there is nothing left to be patient for.
      if (!keepsForwarding(session, family)) this.sweepStale(peer, family);
    }
  }

  /**
   * @param retain families whose paths are kept as stale until End-of-RIB, sweepStale or the next loss
   * @param retainOlder and of these, the ones where paths that were stale before this loss are kept as well
   */
  sessionDown(peer: PeerIndex, retain: readonly [boolean, boolean], retainOlder = NOTHING): void {
    const state = this.peers.get(peer);
    if (state !== null) state.isUp = false;
    for (const family of FAMILIES)
      this.#walks[family].endSession(peer, retain[family], retain[family] && retainOlder[family]);
  }

  /**
   * Takes in an UPDATE. An End-of-RIB marker removes what is still stale after a restart.
   * @param treatment what reader.read() returned: TREATMENT_OK or TREATMENT_WITHDRAW
   * @returns an object that the next call overwrites
   */
  receiveUpdate(peer: PeerIndex, reader: UpdateSource, treatment: number = TREATMENT_OK): ReceiveOutcome {
    const state = this.peers.get(peer);
    const outcome = this.#adjRibIn.outcome;
    if (state === null) {
      outcome.announced = 0;
      outcome.withdrawn = 0;
      return outcome;
    }
    this.#adjRibIn.receive(state, reader, treatment);
    if (this.#sweepsAtEndOfRib && outcome.endOfRib !== -1) this.sweepStale(peer, outcome.endOfRib);
    return outcome;
  }

  /** Removes what the peer has not announced again since its session was lost: End-of-RIB or a timer says it is time. */
  sweepStale(peer: PeerIndex, family: FamilyIndex): void {
    this.#walks[family].sweepRetained(peer);
  }

  /** The restart timer is over but long-lived graceful restart goes on: stale paths get LLGR_STALE or go (NO_LLGR). */
  beginLongLivedStale(peer: PeerIndex, family: FamilyIndex): void {
    this.#walks[family].longLivedStale(peer);
  }

  /** True while paths of a lost session are kept: until End-of-RIB, sweepStale or the next loss. */
  isRetaining(peer: PeerIndex, family: FamilyIndex): boolean {
    return this.#walks[family].isRetaining(peer);
  }

  /** Beginning of a refresh (BoRR), or of a resync of a local source. */
  beginRefresh(peer: PeerIndex, family: FamilyIndex): void {
    this.#walks[family].beginRefresh(peer);
  }

  /** End of a refresh: what was not announced again since its beginning is removed. */
  endRefresh(peer: PeerIndex, family: FamilyIndex): void {
    this.#walks[family].endRefresh(peer);
  }

  /**
   * Adds or replaces a route of a local source (static, kernel, direct).
   * @param block canonical octets with attribute code 0; lanes beyond `length` are 0
   */
  setLocalPath(
    source: PeerIndex,
    family: FamilyIndex,
    a: number,
    b: number,
    c: number,
    d: number,
    length: number,
    block: Uint8Array,
  ): void {
    const rib = this.families[family];
    const set = this.sets.intern(block, 0, block.length);
    this.#evaluation.evaluateLocal(source, set);
    rib.announce(rib.prefixes.insert(a, b, c, d, length), source, 0, set, this.#evaluation);
    rib.announcedCount[source]++;
  }

  /** False: the source has no such route. */
  removeLocalPath(
    source: PeerIndex,
    family: FamilyIndex,
    a: number,
    b: number,
    c: number,
    d: number,
    length: number,
  ): boolean {
    const rib = this.families[family];
    const prefix = rib.prefixes.find(a, b, c, d, length);
    if (prefix === 0 || !rib.withdraw(prefix, source, 0)) return false;
    rib.withdrawnCount[source]++;
    return true;
  }

  /** Runs import policy on the peer's paths again, in slices. */
  reevaluate(peer: PeerIndex): void {
    for (const walk of this.#walks) walk.evaluate(peer);
  }

  /** Another BGP Identifier: reflection loops are looked for anew, and it is the cluster id of peers without their own. */
  setBgpIdentifier(bgpIdentifier: number): void {
    this.bgpIdentifier = bgpIdentifier;
    this.#evaluation.bgpIdentifier = bgpIdentifier;
    for (const state of this.peers.all()) {
      this.peers.setPolicy(state.index, state.policy, this.#clusterId(state.policy));
      this.reevaluate(state.index);
    }
  }

  /** Other rules for the decision process: every prefix is looked at again in slices. */
  setDecisionOptions(options: DecisionOptions): void {
    this.decision.options = options;
    for (const walk of this.#walks) {
      for (let source = 1; source < FIRST_BGP_PEER; source++) walk.select(source);
      for (const state of this.peers.all()) walk.select(state.index);
    }
  }

  /** Connected or kernel routes have changed: next hops are resolved again in slices. */
  resolutionChanged(): void {
    this.#resolveFrom = 1;
  }

  /** The addresses of this router, of both families; next hops among them are not usable. */
  setOwnAddresses(addresses: readonly IpAddress[]): void {
    if (this.nextHops.setOwnAddresses(addresses)) for (const walk of this.#walks) walk.nextHopsChanged();
  }

  /** Best path row of the prefix; 0: none. */
  best(family: FamilyIndex, prefix: PrefixHandle): PathRow {
    return this.families[family].best(prefix);
  }

  /** Rows of the multipath set, best first, into `rows`; returns how many (at most `limit`). */
  multipath(family: FamilyIndex, prefix: PrefixHandle, rows: Uint32Array, limit: number): number {
    const rib = this.families[family];
    return this.decision.multipath(rib.paths, rib.prefixes.head[prefix], rows, limit);
  }

  /** @param peer a peer or a local source */
  counters(peer: PeerIndex, family: FamilyIndex): PathCounters {
    const rib = this.families[family];
    const byReason: number[] = [];
    for (let reason = 0; reason < INELIGIBLE_REASON_COUNT; reason++) byReason.push(rib.countByReason(peer, reason));
    return {
      received: rib.received[peer],
      eligible: byReason[ELIGIBLE],
      best: rib.bestCount[peer],
      stale: rib.staleCount[peer],
      byReason,
      announced: rib.announcedCount[peer],
      withdrawn: rib.withdrawnCount[peer],
    };
  }

  /** True while runSlice has something to do. */
  get hasPendingWork(): boolean {
    return this.#resolveFrom !== 0 || this.#walks[0].isPending || this.#walks[1].isPending || this.sets.sweepable !== 0;
  }

  /**
   * Does pending work until it is done or `deadline()` is true, which is asked every few dozen microseconds; true:
   * there is more. Frees attribute sets that nobody holds, so no handle may be kept across it without `retain`.
   */
  runSlice(deadline: () => boolean): boolean {
    if (!this.#resolveNextHops(deadline)) return true;
    for (const walk of this.#walks) if (walk.run(deadline)) return true;
    if (!this.#walks[0].isNextHopWorkPending && !this.#walks[1].isNextHopWorkPending) this.nextHops.clearChanged();
    this.#freeRetired();
    while (this.sets.sweep(SETS_PER_CHECK) > 0) if (deadline()) return true;
    return false;
  }

  /** True: all next hops have been asked about. */
  #resolveNextHops(deadline: () => boolean): boolean {
    while (this.#resolveFrom !== 0) {
      const from = this.#resolveFrom;
      const to = from + NEXT_HOPS_PER_CHECK;
      if (this.nextHops.resolveRange(from, to) > 0) for (const walk of this.#walks) walk.nextHopsChanged();
      this.#resolveFrom = to < this.nextHops.end ? to : 0;
      if (deadline()) return this.#resolveFrom === 0;
    }
    return true;
  }

  #freeRetired(): void {
    for (let i = this.#retired.length - 1; i >= 0; i--) {
      const peer = this.#retired[i];
      if (this.families[0].received[peer] !== 0 || this.families[1].received[peer] !== 0) continue;
      this.peers.free(peer);
      this.#retired.splice(i, 1);
    }
  }

  #newWalk(family: FamilyIndex): RowWalk {
    return new RowWalk(this.families[family], this.sets, this.nextHops, this.peers, this.#evaluation);
  }

  #clusterId(policy: PeerPolicyConfig): number {
    const given = policy.clusterId === null ? -1 : parseIpv4(policy.clusterId);
    return given < 0 ? this.bgpIdentifier : given;
  }

  #compilePolicies(state: PeerState, interfaceIndex: number): void {
    const compiler = this.#compiler;
    for (const family of FAMILIES) {
      state.importPolicy[family] =
        compiler === null
          ? ACCEPT_ALL_IMPORT
          : compiler.compileImport(state.policy, family, {
              peer: state.index,
              name: state.name,
              isInternal: state.localAs === state.peerAs,
              localAs: state.localAs,
              peerAs: state.peerAs,
              interfaceIndex,
            });
    }
  }
}

/** Does the peer say in its new OPEN that it kept forwarding for the family (RFC 4724 3, RFC 9494 3)? */
function keepsForwarding(session: NegotiatedSession, family: FamilyIndex): boolean {
  if (!session.families[family]) return false;
  const lists = [session.gracefulRestart?.families, session.longLivedGracefulRestart?.families];
  return lists.some((list) => list?.some((entry) => entry.family === family && entry.forwardingPreserved) ?? false);
}
