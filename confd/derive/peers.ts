/**
 * From BGPPeers to the peerings of the own node with one address, in three passes (sections 3.3, 3.5 and 3.8 of
 * Calico's semantics):
 *
 * 1. peers without node and nodeSelector ("global"): they apply to every node,
 * 2. peers for particular nodes,
 * 3. reverse peerings: when a BGPPeer makes node A peer with node B, B gets the matching session.
 *
 * The first entry for an address and port wins, and a global entry keeps out any specific one, on every node. So
 * everything that can be in each other's way has one address, and one address can be looked at alone. Calico walks
 * BGPPeers in random order; here it is by name.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { BgpPeerResource } from '../model/bgp-peer.ts';
import type { NodeResource } from '../model/node.ts';
import { familyOfText, type PeerEndpoint } from '../model/values.ts';
import type { WorkloadEndpointResource } from '../model/workload-endpoint.ts';
import { selects } from '../selector.ts';
import type { DeriveContext } from './context.ts';
import {
  commonPart,
  entryTowardsNode,
  entryTowardsWorkload,
  type PeerEntry,
  type PeerOrigin,
  withoutDefaultPort,
} from './peer-entry.ts';
import { isGlobal, isStart, nodesBehind, type PeerIndex } from './peer-index.ts';
import { byName, compareText } from './text-order.ts';

/** Everything that may make a peering with one address. */
export interface PeeringSources {
  readonly context: DeriveContext;
  readonly index: PeerIndex;
  readonly address: string;
  /** Nodes with the address. */
  readonly nodes: readonly NodeResource[];
  /** Workloads of this host with the address. */
  readonly workloads: readonly WorkloadEndpointResource[];
}

class PeerCollector {
  readonly #context: DeriveContext;
  readonly #global = new Map<number, PeerEntry>();
  readonly #own = new Map<number, PeerEntry>();

  constructor(context: DeriveContext) {
    this.#context = context;
  }

  /** Global entries first, then those of the own node, each in the order in which they came. */
  get entries(): PeerEntry[] {
    return [...this.#global.values(), ...this.#own.values()];
  }

  /** Adds an entry, unless one that goes before it is there. */
  emit(entry: PeerEntry, scope: 'global' | 'own', direction: 'forward' | 'reverse'): void {
    const map = scope === 'global' ? this.#global : this.#own;
    const winner = this.#global.get(entry.port) ?? map.get(entry.port);
    if (winner === undefined) map.set(entry.port, entry);
    else if (direction === 'forward' && entry.source.name !== winner.source.name) this.#reportLoser(entry, winner);
  }

  #reportLoser(entry: PeerEntry, winner: PeerEntry): void {
    // A node that is meant to peer with a set that it belongs to always meets itself: nothing to report.
    const { ownNode } = this.#context;
    if (entry.address === ownNode.ipv4?.address || entry.address === ownNode.ipv6?.address) return;
    const port = entry.port === 0 ? '' : ` port ${entry.port}`;
    this.#context.report(
      entry.source,
      'spec',
      `peering with ${entry.address}${port} is already made by BGPPeer/${winner.source.name}, which goes first`,
      'warning',
    );
  }
}

/** The entry of a BGPPeer with peerIP, or null when nobody can be told apart behind it. */
function entryForEndpoint(
  context: DeriveContext,
  peer: BgpPeerResource,
  endpoint: PeerEndpoint,
  origin: PeerOrigin,
): PeerEntry | null {
  const node = nodesBehind(context, peer, endpoint)[0];
  if (peer.asNumber === 0 && node === undefined) {
    context.report(peer, 'spec.asNumber', `must be set: ${endpoint.address} is not a node of the cluster's AS`);
    return null;
  }
  const port = endpoint.port === 0 && node !== undefined ? context.listenPortOf(node) : endpoint.port;
  return {
    ...commonPart(peer, origin),
    family: endpoint.family,
    address: endpoint.address,
    port: withoutDefaultPort(port),
    peerAs: peer.asNumber === 0 ? context.globalAs : peer.asNumber,
    localAs: peer.localAsNumber,
    clusterId: null,
    isCalicoNode: context.nodes.withAddress(endpoint.address).length > 0,
    allowOwnAs: peer.numAllowedLocalAsNumbers,
  };
}

/** The peerings that a BGPPeer of the own node makes with the address. */
function forwardEntries(sources: PeeringSources, peer: BgpPeerResource, family: FamilyName): (PeerEntry | null)[] {
  const { context, address, nodes, workloads } = sources;
  const origin = isGlobal(peer) ? 'Global' : 'Node';
  if (peer.localWorkloadSelector !== null) {
    const mine = workloads.filter((workload) => workload.bgpPeerName === peer.name);
    if (mine.length > 0 && peer.asNumber === 0) {
      context.report(peer, 'spec.asNumber', 'must be set with localWorkloadSelector: no session made');
      return [];
    }
    return mine.map(() => entryTowardsWorkload(peer, address, family));
  }
  const { peerSelector, peerIp } = peer;
  if (peerSelector !== null) {
    const selected = nodes.filter((node) => selects(peerSelector, node.labels));
    return selected.map((node) => entryTowardsNode(context, node, family, commonPart(peer, origin)));
  }
  return peerIp === null ? [] : [entryForEndpoint(context, peer, peerIp, origin)];
}

/** BGPPeers of the own node that may make a peering with the address, in order of name. */
function forwardPeers({ index, address, nodes, workloads }: PeeringSources): readonly BgpPeerResource[] {
  const selecting = nodes.length === 0 ? [] : index.selecting;
  const atAddress = index.byAddress.get(address) ?? [];
  const ofWorkloads = new Set<BgpPeerResource>();
  for (const { bgpPeerName } of workloads) {
    const peer = bgpPeerName === null ? undefined : index.byWorkloadPeerName.get(bgpPeerName);
    if (peer !== undefined) ofWorkloads.add(peer);
  }
  if (atAddress.length === 0 && ofWorkloads.size === 0) return selecting;
  return byName([...selecting, ...atAddress, ...ofWorkloads]);
}

/** The peerings that BGPPeers of other nodes, which have the address, make with the own node. */
function emitReverse(sources: PeeringSources, collector: PeerCollector, family: FamilyName): void {
  const { context, index, nodes } = sources;
  const pairs = nodes.flatMap((node) =>
    [
      ...index.reverseSelecting.filter((peer) => isStart(peer, node)),
      ...(index.reverseOfNode.get(node.name) ?? []),
    ].map((peer) => ({ peer, node })),
  );
  pairs.sort((a, b) => compareText(a.peer.name, b.peer.name) || compareText(a.node.name, b.node.name));
  for (const { peer, node } of pairs) {
    // A peerIP is of one family, and so is what answers it.
    if (peer.peerSelector === null && peer.peerIp?.family !== family) continue;
    const entry = entryTowardsNode(context, node, family, commonPart(peer, 'Node'));
    if (entry === null) continue;
    // The node presents the AS that its own side of the peering gives it. Calico expects the node's AS here, so that
    // a localASNumber never worked without a second, Manual, BGPPeer.
    const presentedAs = peer.peerSelector === null && peer.localAsNumber !== 0 ? peer.localAsNumber : entry.peerAs;
    collector.emit({ ...entry, peerAs: presentedAs }, 'own', 'reverse');
  }
}

/** All explicit peerings of the own node with an address, in order of precedence. */
export function explicitEntries(sources: PeeringSources): PeerEntry[] {
  const collector = new PeerCollector(sources.context);
  const family = familyOfText(sources.address);
  const forward = forwardPeers(sources);
  for (const scope of ['global', 'own'] as const) {
    for (const peer of forward) {
      if (isGlobal(peer) !== (scope === 'global')) continue;
      for (const entry of forwardEntries(sources, peer, family)) {
        if (entry !== null) collector.emit(entry, scope, 'forward');
      }
    }
  }
  emitReverse(sources, collector, family);
  return collector.entries;
}
