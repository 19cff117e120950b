/**
 * Which routes the kernel should have (RFC 4271 3.2, "Routing Table"): best paths and their multipath sets through the
 * kernel policy, with next hops resolved. Routes that came out of the kernel, and connected ones, never go back.
 *
 * Pulled: `drain` hands out the difference to what it has handed out before, a limited number of changes at a time. What
 * waits is one bit per prefix. Four octets per prefix say what was handed out last.
 */

import { FAMILY_COUNT, FAMILY_IPV4, type FamilyIndex } from '../bgp/family.ts';
import type { Prefix } from '../bgp/ip.ts';
import { SOURCE_BGP, SOURCE_DIRECT, SOURCE_KERNEL } from './attribute-columns.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { grownCapacity, grownUint32 } from './columns.ts';
import { DirtySet } from './dirty-set.ts';
import { type FibEntry, FibEntryBuilder, type FibEntryHandle, FibEntryTable } from './fib-entries.ts';
import type { NextHopHandle, NextHopTable } from './next-hop.ts';
import type { PathRow, PathTable } from './paths.ts';
import type { PeerTable } from './peer-table.ts';
import { type CompiledPolicy, VERDICT_ACCEPT } from './policy/compiled.ts';
import { EvaluationContext, evaluate } from './policy/evaluate.ts';
import { explainPolicy, type PolicyExplanation } from './policy/explain.ts';
import type { PrefixConsumer } from './prefix-consumer.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import {
  INSTALLED,
  NOT_INSTALLED_CONNECTED,
  NOT_INSTALLED_FROM_KERNEL,
  NOT_INSTALLED_NEXT_HOP,
  NOT_INSTALLED_NO_BEST_PATH,
  NOT_INSTALLED_POLICY,
  type NotInstalledReason,
} from './reason.ts';

export type { FibEntry, FibHop } from './fib-entries.ts';

/** Takes the changes: the kernel's back end. Lanes as in bgp/ip.ts. */
export interface FibSink {
  replace(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number, entry: FibEntry): void;
  remove(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number): void;
}

/** What the FIB reads; Rib is one. */
export interface ForwardingSource {
  readonly sets: AttributeStore;
  readonly nextHops: NextHopTable;
  readonly peers: PeerTable;
  readonly prefixes: readonly [PrefixTable, PrefixTable];
  readonly paths: readonly [PathTable, PathTable];
  addConsumer(consumer: PrefixConsumer): void;
  /** Rows of the multipath set, best first; returns how many. */
  multipath(family: FamilyIndex, prefix: PrefixHandle, rows: Uint32Array, limit: number): number;
}

export interface FibServices {
  /** 0: there is no such interface. */
  interfaceIndex(name: string): number;
  /** Empty: there is no such interface. */
  interfaceName(index: number): string;
}

export interface FibOptions {
  /** By family index. */
  readonly policies: readonly [CompiledPolicy, CompiledPolicy];
  /** Metric of routes that policy leaves without one; null: the kernel's default. */
  readonly defaultMetric: number | null;
  /** Next hops of one route. */
  readonly maxPaths: number;
}

/** Kernel route type of a local path that drops packets (RTN_BLACKHOLE). */
const ROUTE_TYPE_BLACKHOLE = 6;
/** Prefixes that a drain looks at, as a multiple of the changes that it may make. */
const LOOKS_PER_CHANGE = 4;

export class FibDesired implements PrefixConsumer {
  readonly wantsAllPaths = false;
  readonly wantsForwarding = true;
  readonly #source: ForwardingSource;
  readonly #services: FibServices;
  readonly #evaluation: EvaluationContext;
  readonly #entries: FibEntryTable;
  readonly #dirty: readonly [DirtySet, DirtySet];
  /** By family and prefix: what was handed out last; 0: nothing. */
  readonly #handedOut: [Uint32Array, Uint32Array];
  readonly #counts: [number, number];
  #options: FibOptions | null;
  #builder: FibEntryBuilder;
  #rows: Uint32Array;
  /** Why the last #wanted was 0. */
  #reason: NotInstalledReason;

  constructor(source: ForwardingSource, services: FibServices) {
    this.#source = source;
    this.#services = services;
    this.#evaluation = new EvaluationContext({
      store: source.sets,
      nextHops: source.nextHops,
      interfaceName: (index) => services.interfaceName(index),
      peerName: (peer) => source.peers.nameOf(peer),
    });
    this.#entries = new FibEntryTable();
    this.#dirty = [new DirtySet(), new DirtySet()];
    this.#handedOut = [new Uint32Array(0), new Uint32Array(0)];
    this.#counts = [0, 0];
    this.#options = null;
    this.#builder = new FibEntryBuilder(1);
    this.#rows = new Uint32Array(1);
    this.#reason = INSTALLED;
    source.addConsumer(this);
  }

  prefixChanged(family: FamilyIndex, prefix: PrefixHandle): void {
    // configure() looks at everything, so nothing is missed before it.
    if (this.#options !== null) this.#dirty[family].add(prefix);
  }

  pathRemoved(): void {}

  /** Until it is called the first time nothing is wanted. Everything is looked at again. */
  configure(options: FibOptions): void {
    this.#options = options;
    const maxPaths = Math.max(1, options.maxPaths);
    this.#builder = new FibEntryBuilder(maxPaths);
    this.#rows = new Uint32Array(maxPaths);
    this.reevaluate();
  }

  /** Interfaces have come, gone or changed names: everything is looked at again. */
  reevaluate(): void {
    for (let family = 0; family < FAMILY_COUNT; family++) {
      this.#dirty[family].fill(this.#source.prefixes[family].end);
    }
  }

  /** Prefixes that wait to be looked at. */
  get waitingCount(): number {
    return this.#dirty[0].count + this.#dirty[1].count;
  }

  /** Routes handed out, by family index. */
  get counts(): readonly [number, number] {
    return this.#counts;
  }

  /** Hands out at most `maxChanges` changes; true: there is more. */
  drain(maxChanges: number, sink: FibSink): boolean {
    if (this.#options === null) return false;
    let changes = 0;
    let looks = maxChanges * LOOKS_PER_CHANGE;
    for (let family = 0; family < FAMILY_COUNT; family++) {
      const dirty = this.#dirty[family];
      while (dirty.count > 0) {
        if (changes >= maxChanges || looks-- <= 0) return true;
        if (this.#update(family as FamilyIndex, dirty.take(), sink)) changes++;
      }
    }
    return false;
  }

  /** What was handed out last for every prefix, as it should be in the kernel by now. */
  *desired(family: FamilyIndex): Generator<{ readonly prefix: Prefix; readonly entry: FibEntry }> {
    const handedOut = this.#handedOut[family];
    for (let prefix = 1; prefix < handedOut.length; prefix++) {
      const entry = this.#entries.entry(handedOut[prefix]);
      if (entry !== null) yield { prefix: this.#source.prefixes[family].describe(prefix), entry };
    }
  }

  /** What was handed out last for the prefix. */
  entryOf(family: FamilyIndex, prefix: PrefixHandle): FibEntry | null {
    return this.#entries.entry(this.#handedOut[family][prefix] ?? 0);
  }

  /** Why the best path of the prefix is not (to be) in the kernel; INSTALLED when it is. */
  explain(family: FamilyIndex, prefix: PrefixHandle): NotInstalledReason {
    const wanted = this.#wanted(family, prefix);
    if (wanted === 0) return this.#reason;
    this.#entries.retain(wanted);
    this.#entries.release(wanted);
    return INSTALLED;
  }

  /** How the kernel policy decides about the best path of the prefix; null: it is not asked. Slow. */
  explainPolicy(family: FamilyIndex, prefix: PrefixHandle): PolicyExplanation | null {
    const reason = this.explain(family, prefix);
    const options = this.#options;
    if (
      options === null ||
      (reason !== INSTALLED && reason !== NOT_INSTALLED_POLICY && reason !== NOT_INSTALLED_NEXT_HOP)
    )
      return null;
    // The evaluation is still loaded with the best path.
    return explainPolicy(options.policies[family], this.#evaluation);
  }

  /** True when there was something to hand out. */
  #update(family: FamilyIndex, prefix: PrefixHandle, sink: FibSink): boolean {
    const table = this.#source.prefixes[family];
    if (prefix >= this.#handedOut[family].length) {
      this.#handedOut[family] = grownUint32(this.#handedOut[family], grownCapacity(table.end));
    }
    const handedOut = this.#handedOut[family];
    const before = handedOut[prefix];
    // A handle without paths that nothing was handed out for may stand for no prefix at all.
    if (before === 0 && table.head[prefix] === 0) return false;
    const wanted = this.#wanted(family, prefix);
    if (wanted === before) return false;
    const isIpv4 = family === FAMILY_IPV4;
    const a = table.laneA[prefix];
    const b = isIpv4 ? 0 : table.laneB[prefix];
    const c = isIpv4 ? 0 : table.laneC[prefix];
    const d = isIpv4 ? 0 : table.laneD[prefix];
    const length = table.length[prefix];
    handedOut[prefix] = wanted;
    const entry = this.#entries.entry(wanted);
    if (entry === null) {
      sink.remove(family, a, b, c, d, length);
      this.#counts[family]--;
    } else {
      this.#entries.retain(wanted);
      if (before === 0) {
        table.hold(prefix);
        this.#counts[family]++;
      }
      sink.replace(family, a, b, c, d, length, entry);
    }
    if (before !== 0) this.#entries.release(before);
    if (entry === null) table.release(prefix);
    return true;
  }

  /** The entry that the prefix should have by its best path, or 0 with #reason. */
  #wanted(family: FamilyIndex, prefix: PrefixHandle): FibEntryHandle {
    const { paths, prefixes, sets } = this.#source;
    const row = prefixes[family].head[prefix];
    const set = row === 0 ? 0 : paths[family].rowEffective[row];
    if (set === 0 || this.#options === null) return this.#refuse(NOT_INSTALLED_NO_BEST_PATH);
    const source = sets.source[set];
    if (source === SOURCE_KERNEL) return this.#refuse(NOT_INSTALLED_FROM_KERNEL);
    if (source === SOURCE_DIRECT) return this.#refuse(NOT_INSTALLED_CONNECTED);
    if (!this.#passesPolicy(family, prefix, row, set, this.#options)) return this.#refuse(NOT_INSTALLED_POLICY);
    const evaluation = this.#evaluation;
    const metric = evaluation.hasMetric ? evaluation.metric : (this.#options.defaultMetric ?? 0);
    const builder = this.#builder;
    if (source !== SOURCE_BGP && sets.routeType[set] === ROUTE_TYPE_BLACKHOLE) {
      builder.begin(true, metric);
      return this.#entries.intern(builder);
    }
    builder.begin(false, metric);
    const count = this.#source.multipath(family, prefix, this.#rows, this.#rows.length);
    if (count <= 1) this.#addPath(family, row, set);
    else this.#addPaths(family, prefix, count, this.#options);
    return builder.hops === 0 ? this.#refuse(NOT_INSTALLED_NEXT_HOP) : this.#entries.intern(builder);
  }

  /**
   * Of the paths of a multipath route, only those that pass the policy themselves, each through the tunnel that the policy
   * sets for it. The best path comes last: what the evaluation holds afterwards is about that.
   */
  #addPaths(family: FamilyIndex, prefix: PrefixHandle, count: number, options: FibOptions): void {
    const { rowEffective } = this.#source.paths[family];
    for (let i = count - 1; i >= 0; i--) {
      const row = this.#rows[i];
      const set = rowEffective[row];
      if (this.#passesPolicy(family, prefix, row, set, options)) this.#addPath(family, row, set);
    }
  }

  #refuse(reason: NotInstalledReason): FibEntryHandle {
    this.#reason = reason;
    return 0;
  }

  #passesPolicy(family: FamilyIndex, prefix: PrefixHandle, row: PathRow, set: SetHandle, options: FibOptions): boolean {
    const table = this.#source.prefixes[family];
    const evaluation = this.#evaluation;
    evaluation.family = family;
    evaluation.a = table.laneA[prefix];
    if (family !== FAMILY_IPV4) {
      evaluation.b = table.laneB[prefix];
      evaluation.c = table.laneC[prefix];
      evaluation.d = table.laneD[prefix];
    }
    evaluation.length = table.length[prefix];
    evaluation.set = set;
    evaluation.sourcePeer = this.#source.paths[family].rowPeer[row];
    return evaluate(options.policies[family], evaluation) === VERDICT_ACCEPT;
  }

  /** A tunnel takes the packets to the BGP next hop itself; while its device does not exist they go the ordinary way. */
  #addPath(family: FamilyIndex, row: PathRow, set: SetHandle): void {
    const { nextHops, sets } = this.#source;
    const { tunnel } = this.#evaluation;
    const nextHop = sets.nextHop[set];
    const isIpv4Hop = nextHop !== 0 && nextHops.family[nextHop] === FAMILY_IPV4;
    if (tunnel !== '' && isIpv4Hop && nextHops.resolvable[nextHop] !== 0) {
      const device = this.#services.interfaceIndex(tunnel);
      if (device !== 0) {
        this.#builder.addHop(FAMILY_IPV4, nextHops.laneA[nextHop], 0, 0, 0, device, true);
        return;
      }
    }
    this.#addResolvedHop(family, row);
  }

  #addResolvedHop(family: FamilyIndex, row: PathRow): void {
    const { nextHops, paths, sets } = this.#source;
    const set = paths[family].rowEffective[row];
    const nextHop = sets.nextHop[set];
    if (nextHop === 0) {
      // A local path straight out of an interface.
      const own = sets.interfaceIndex[set];
      if (own !== 0) this.#builder.addHop(null, 0, 0, 0, 0, own, false);
      return;
    }
    if (nextHops.resolvable[nextHop] === 0) return;
    this.#builder.addHop(
      nextHops.gatewayFamily[nextHop] === FAMILY_IPV4 ? 0 : 1,
      nextHops.gatewayA[nextHop],
      nextHops.gatewayB[nextHop],
      nextHops.gatewayC[nextHop],
      nextHops.gatewayD[nextHop],
      this.#interfaceOf(family, row, set, nextHop),
      false,
    );
  }

  /** A link-local next hop is on the link that the peer is on (RFC 2545 2). */
  #interfaceOf(family: FamilyIndex, row: PathRow, set: SetHandle, nextHop: NextHopHandle): number {
    const { nextHops, paths, peers, sets } = this.#source;
    const resolved = nextHops.interfaceIndex[nextHop];
    if (resolved !== 0 || !nextHops.isLinkLocal(nextHop)) return resolved;
    const own = sets.interfaceIndex[set];
    return own !== 0 ? own : (peers.get(paths[family].rowPeer[row])?.ends?.interfaceIndex ?? 0);
  }
}
