/**
 * What a peer is told about a path: whether it may hear it at all, what export policy makes of it, and the attributes
 * that leave. One ExportContext per update group and family; split horizon (a peer never hears its own paths) is the
 * group's, because it differs between members.
 *
 * 1. Who may hear it: RFC 1997 (well-known communities), RFC 4456 6 and 8 (reflection), RFC 7999 3.2 (BLACKHOLE stays
 *    in the AS), RFC 9234 5 (OTC), RFC 9494 4.3 (LLGR_STALE).
 * 2. Export policy. It sees our AS in front of the path on external sessions (Calico's order).
 * 3. Outgoing attributes, in outgoing-attributes.ts.
 *
 * Results are cached per (set, source peer): nothing else than the prefix and the outgoing interface can make a
 * difference, and only if the policy looks at them; then the rewritten set is still cached per edit.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import { ATTRIBUTE_CLUSTER_LIST } from '../bgp/iana.ts';
import type { IpAddress } from '../bgp/ip.ts';
import type { BgpRole } from '../bgp/session-config.ts';
import { uint32 } from '../bgp/wire/octets.ts';
import {
  SET_BLACKHOLE,
  SET_HAS_CLUSTER_LIST,
  SET_HAS_OTC,
  SET_LLGR_STALE,
  SET_NO_ADVERTISE,
  SET_NO_EXPORT,
  SET_NO_EXPORT_SUBCONFED,
  SET_SERVICE,
  SOURCE_BGP,
} from './attribute-columns.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import type { ExportDecider } from './export-hook.ts';
import type { NextHopTable } from './next-hop.ts';
import { OutgoingAttributes } from './outgoing-attributes.ts';
import type { PathRow, PathTable } from './paths.ts';
import type { PeerIndex, PeerState, PeerTable } from './peer-table.ts';
import { type CompiledPolicy, isCacheable, VERDICT_ACCEPT } from './policy/compiled.ts';
import { EvaluationContext, evaluate, type PolicyServices } from './policy/evaluate.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import {
  ADVERTISED,
  NOT_ADVERTISED_BLACKHOLE,
  NOT_ADVERTISED_CLUSTER_LOOP,
  NOT_ADVERTISED_DRAINED,
  NOT_ADVERTISED_IBGP_TO_IBGP,
  NOT_ADVERTISED_LLGR_STALE,
  NOT_ADVERTISED_NO_ADVERTISE,
  NOT_ADVERTISED_NO_BEST_PATH,
  NOT_ADVERTISED_NO_EXPORT,
  NOT_ADVERTISED_NO_EXPORT_SUBCONFED,
  NOT_ADVERTISED_POLICY,
  NOT_ADVERTISED_ROUTE_LEAK,
  type NotAdvertisedReason,
} from './reason.ts';
import { SetCache } from './set-cache.ts';

/**
 * What a peer is told of a node that is being drained: `avoid`, every route with GRACEFUL_SHUTDOWN (RFC 8326) and in
 * last place; `withdraw-services`, and service addresses no more.
 */
export type DrainExport = 'none' | 'avoid' | 'withdraw-services';

/** Everything about a group of peers that decides what they are told; equal settings, equal export. */
export interface ExportSettings {
  readonly family: FamilyIndex;
  /** The peers are in our own AS (as this session has it). */
  readonly isInternal: boolean;
  readonly localAs: number;
  /** 0: the members are in several. Only removePrivateAs looks at it. */
  readonly peerAs: number;
  readonly isRouteReflectorClient: boolean;
  /** Unsigned. */
  readonly clusterId: number;
  readonly nextHopMode: 'auto' | 'self' | 'keep';
  /** Our end of the session: the next hop `self` where its family fits. */
  readonly localAddress: IpAddress;
  /** More of our addresses, best first, for routes that localAddress cannot be the next hop of. */
  readonly otherAddresses: readonly IpAddress[];
  /** Our link-local address on the link that we share with the peers; null: no shared link. */
  readonly localLinkLocal: IpAddress | null;
  /** RFC 8950 negotiated. */
  readonly extendedNextHop: boolean;
  /** The peers know long-lived graceful restart. */
  readonly isLlgrAware: boolean;
  /** Our role, RFC 9234; null: none. */
  readonly role: BgpRole | null;
  readonly removePrivateAs: boolean;
  readonly drain: DrainExport;
  readonly policy: CompiledPolicy;
}

/** The tables that export reads; Rib has them under these names. */
export interface ExportTables {
  readonly peers: PeerTable;
  readonly nextHops: NextHopTable;
  readonly sets: AttributeStore;
  readonly prefixes: readonly [PrefixTable, PrefixTable];
  readonly paths: readonly [PathTable, PathTable];
}

/** In the cache: the verdict covers all prefixes. */
const ANY_PROGRAM = 0xffffffff;

/** Export rules of one group. Not re-entrant; `reason` and `statement` speak of the last path. */
export class ExportContext implements ExportDecider {
  readonly settings: ExportSettings;
  /** ADVERTISED, or why the last path is not told. */
  reason: NotAdvertisedReason = ADVERTISED;
  readonly #tables: ExportTables;
  readonly #evaluation: EvaluationContext;
  readonly #outgoing: OutgoingAttributes;
  readonly #cache: SetCache;
  readonly #isCacheable: boolean;
  /** What the tag of a source peer stands for: its state, identifier and kind at the time. */
  readonly #seenState: Array<PeerState | null | undefined> = [];
  readonly #seenBgpIdentifier: number[] = [];
  readonly #seenKind: number[] = [];
  readonly #tags: number[] = [];
  #lastTag = 0;

  constructor(tables: ExportTables, settings: ExportSettings, interfaceName: (index: number) => string) {
    this.settings = settings;
    this.#tables = tables;
    const services: PolicyServices = {
      store: tables.sets,
      nextHops: tables.nextHops,
      interfaceName,
      peerName: (peer) => tables.peers.nameOf(peer),
    };
    this.#evaluation = new EvaluationContext(services);
    this.#evaluation.family = settings.family;
    this.#evaluation.isInternal = settings.isInternal;
    this.#evaluation.ownAsInFront = settings.isInternal ? 0 : settings.localAs;
    this.#outgoing = new OutgoingAttributes(tables, settings);
    this.#cache = new SetCache(tables.sets);
    this.#isCacheable = isCacheable(settings.policy);
  }

  /** Name of the policy statement that decided about the last path that was not answered from the cache. */
  get statement(): string {
    const index = this.#evaluation.statement;
    return index < 0 ? '' : this.settings.policy.statements[index].name;
  }

  /** State of the last policy evaluation, for explaining it. */
  get evaluation(): EvaluationContext {
    return this.#evaluation;
  }

  /** The set to send for this path (reference count as `intern` leaves it), or 0: `reason` says why not. */
  exportPath(row: PathRow): SetHandle {
    const { paths } = this.#tables;
    const table = paths[this.settings.family];
    const set = table.rowEffective[row];
    if (row === 0 || set === 0) {
      this.reason = NOT_ADVERTISED_NO_BEST_PATH;
      return 0;
    }
    const peer = table.rowPeer[row];
    const tag = this.#tagOf(peer);
    const cache = this.#cache;
    if (this.#isCacheable) {
      if (!cache.find(set, tag, ANY_PROGRAM)) {
        const value = this.#decide(set, peer, tag, table.rowPrefix[row]);
        cache.put(set, tag, ANY_PROGRAM, value, this.reason);
        return value;
      }
      this.reason = cache.detail;
      return cache.value;
    }
    return this.#decide(set, peer, tag, table.rowPrefix[row]);
  }

  /** As exportPath, but never from the cache, so that `statement` and `evaluation` are those of this path. */
  explainPath(row: PathRow): SetHandle {
    const table = this.#tables.paths[this.settings.family];
    const set = table.rowEffective[row];
    if (row === 0 || set === 0) return this.exportPath(row);
    const peer = table.rowPeer[row];
    return this.#decide(set, peer, this.#tagOf(peer), table.rowPrefix[row]);
  }

  #decide(set: SetHandle, peer: PeerIndex, tag: number, prefix: PrefixHandle): SetHandle {
    const evaluation = this.#evaluation;
    evaluation.statement = -1;
    this.reason = this.#mayHear(set, peer);
    if (this.reason !== ADVERTISED) return 0;
    const table = this.#tables.prefixes[this.settings.family];
    evaluation.a = table.laneA[prefix];
    if (this.settings.family !== 0) {
      evaluation.b = table.laneB[prefix];
      evaluation.c = table.laneC[prefix];
      evaluation.d = table.laneD[prefix];
    }
    evaluation.length = table.length[prefix];
    evaluation.set = set;
    evaluation.sourcePeer = peer;
    if (evaluate(this.settings.policy, evaluation) !== VERDICT_ACCEPT) {
      this.reason = NOT_ADVERTISED_POLICY;
      return 0;
    }
    const cache = this.#cache;
    if (!this.#isCacheable && cache.find(set, tag, evaluation.program)) {
      this.reason = cache.detail;
      return cache.value;
    }
    const value = this.#outgoing.make(evaluation, this.#isReflected(set, peer));
    this.reason = this.#outgoing.reason;
    if (!this.#isCacheable) cache.put(set, tag, evaluation.program, value, this.reason);
    return value;
  }

  /** RFC 4456 8: internal to internal, that is through us as reflector. */
  #isReflected(set: SetHandle, peer: PeerIndex): boolean {
    const { peers, sets } = this.#tables;
    if (!this.settings.isInternal || sets.source[set] !== SOURCE_BGP || peers.isExternal[peer] !== 0) return false;
    // Two internal sessions with different local AS (localASNumber) are as far apart as two systems.
    const state = peers.get(peer);
    return state === null || state.localAs === this.settings.localAs;
  }

  /** RFC 1997, 4456, 7999, 9234, 9494: rules before policy, for paths learned by BGP; what we make ourselves is free. */
  #mayHear(set: SetHandle, peer: PeerIndex): NotAdvertisedReason {
    const { peers, sets } = this.#tables;
    const settings = this.settings;
    const flags = sets.flags[set];
    if (sets.source[set] !== SOURCE_BGP) {
      const isGone = settings.drain === 'withdraw-services' && (flags & SET_SERVICE) !== 0;
      return isGone ? NOT_ADVERTISED_DRAINED : ADVERTISED;
    }
    if ((flags & SET_NO_ADVERTISE) !== 0) return NOT_ADVERTISED_NO_ADVERTISE;
    if ((flags & SET_LLGR_STALE) !== 0 && !settings.isLlgrAware) return NOT_ADVERTISED_LLGR_STALE;
    if (!settings.isInternal) {
      if ((flags & SET_NO_EXPORT) !== 0) return NOT_ADVERTISED_NO_EXPORT;
      if ((flags & SET_NO_EXPORT_SUBCONFED) !== 0) return NOT_ADVERTISED_NO_EXPORT_SUBCONFED;
      if ((flags & SET_BLACKHOLE) !== 0) return NOT_ADVERTISED_BLACKHOLE;
      const { role } = settings;
      if ((flags & SET_HAS_OTC) !== 0 && (role === 'customer' || role === 'peer' || role === 'rs-client'))
        return NOT_ADVERTISED_ROUTE_LEAK;
      return ADVERTISED;
    }
    if (!this.#isReflected(set, peer)) return ADVERTISED;
    if (!settings.isRouteReflectorClient && peers.isClient[peer] === 0) return NOT_ADVERTISED_IBGP_TO_IBGP;
    if (settings.isRouteReflectorClient && (flags & SET_HAS_CLUSTER_LIST) !== 0 && this.#hasOurCluster(set))
      return NOT_ADVERTISED_CLUSTER_LOOP;
    return ADVERTISED;
  }

  #hasOurCluster(set: SetHandle): boolean {
    const { sets } = this.#tables;
    const at = sets.attributeOffset(set, ATTRIBUTE_CLUSTER_LIST);
    const start = sets.valueStart(at);
    const end = start + sets.valueLength(at);
    for (let i = start; i < end; i += 4) if (uint32(sets.arena, i) === this.settings.clusterId) return true;
    return false;
  }

  /** A number for the source peer as it is now: another one as soon as anything that export looks at has changed. */
  #tagOf(peer: PeerIndex): number {
    const { peers } = this.#tables;
    const state = peers.get(peer);
    const kind = peers.isExternal[peer] * 2 + peers.isClient[peer];
    if (
      this.#seenState[peer] === state &&
      this.#seenBgpIdentifier[peer] === peers.bgpIdentifier[peer] &&
      this.#seenKind[peer] === kind
    )
      return this.#tags[peer];
    this.#seenState[peer] = state;
    this.#seenBgpIdentifier[peer] = peers.bgpIdentifier[peer];
    this.#seenKind[peer] = kind;
    this.#tags[peer] = ++this.#lastTag;
    return this.#lastTag;
  }
}
