/**
 * From BGPPeers to the peerings of the own node, in three passes (sections 3.3 and 3.5 of Calico's semantics):
 *
 * 1. peers without node and nodeSelector ("global"): they apply to every node,
 * 2. peers for particular nodes,
 * 3. reverse peerings: when a BGPPeer makes node A peer with node B, B gets the matching session.
 *
 * The first entry for an address and port wins, and a global entry keeps out any specific one, on every node. Calico
 * walks BGPPeers in random order; here it is by name.
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import type { BgpPeerResource } from '../model/bgp-peer.ts';
import type { NodeResource } from '../model/node.ts';
import type { PeerEndpoint } from '../model/values.ts';
import { selects } from '../selector.ts';
import { byName, type DeriveContext } from './context.ts';
import { commonPart, entriesTowardsNode, type PeerEntry, type PeerOrigin, withoutDefaultPort } from './peer-entry.ts';

function isGlobal(peer: BgpPeerResource): boolean {
  return peer.node === null && peer.nodeSelector === null;
}

class PeerCollector {
  readonly #context: DeriveContext;
  readonly #global = new Map<string, PeerEntry>();
  readonly #own = new Map<string, PeerEntry>();

  constructor(context: DeriveContext) {
    this.#context = context;
  }

  /** Global entries first, then those of the own node, each in order of name of their BGPPeers. */
  get entries(): PeerEntry[] {
    return [...this.#global.values(), ...this.#own.values()];
  }

  /** Adds an entry for every node (`Global`) or for the own node (`Node`), unless one that goes before it is there. */
  emit(entry: PeerEntry, direction: 'forward' | 'reverse'): void {
    const key = `${entry.address} ${entry.port}`;
    const map = entry.origin === 'Global' ? this.#global : this.#own;
    const winner = this.#global.get(key) ?? map.get(key);
    if (winner === undefined) map.set(key, entry);
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

/** Nodes that have the address and AS that a peerIP names, and listen on its port when it says one. */
function nodesBehind(context: DeriveContext, peer: BgpPeerResource, endpoint: PeerEndpoint): NodeResource[] {
  const peerAs = peer.asNumber === 0 ? context.globalAs : peer.asNumber;
  return context.nodesWithAddress(endpoint.address).filter((node) => {
    if (context.asOf(node) !== peerAs) return false;
    // Calico compares a given port with the cluster's even when the node has its own; a node listens on one port only.
    const listenPort = context.listenPortOf(node);
    return endpoint.port === 0 || listenPort === 0 || listenPort === endpoint.port;
  });
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
    isCalicoNode: context.nodesWithAddress(endpoint.address).length > 0,
    allowOwnAs: peer.numAllowedLocalAsNumbers,
  };
}

function appliesToOwnNode(context: DeriveContext, peer: BgpPeerResource): boolean {
  const { ownNode } = context;
  return peer.nodeSelector === null ? peer.node === ownNode.name : selects(peer.nodeSelector, ownNode.labels);
}

/** Nodes at the local side of a BGPPeer. */
function startsOf(context: DeriveContext, peer: BgpPeerResource): readonly NodeResource[] {
  if (peer.nodeSelector !== null) return context.nodesSelectedBy(peer.nodeSelector);
  if (peer.node === null) return context.nodes;
  const node = context.resources.nodes.get(peer.node);
  return node === undefined ? [] : [node];
}

function emitForward(context: DeriveContext, collector: PeerCollector, peer: BgpPeerResource): void {
  const origin = isGlobal(peer) ? 'Global' : 'Node';
  if (origin === 'Node' && !appliesToOwnNode(context, peer)) return;
  if (peer.localWorkloadSelector !== null) {
    // Their addresses come from the workload status files that Felix writes, which are not read yet.
    context.report(peer, 'spec.localWorkloadSelector', 'local workload peers are not supported yet: no session made');
  } else if (peer.peerSelector !== null) {
    for (const node of context.nodesSelectedBy(peer.peerSelector)) {
      for (const entry of entriesTowardsNode(context, node, FAMILY_NAMES, commonPart(peer, origin))) {
        collector.emit(entry, 'forward');
      }
    }
  } else if (peer.peerIp !== null) {
    const entry = entryForEndpoint(context, peer, peer.peerIp, origin);
    if (entry !== null) collector.emit(entry, 'forward');
  }
}

function emitReverse(context: DeriveContext, collector: PeerCollector, peer: BgpPeerResource): void {
  if (peer.reversePeering === 'Manual' || peer.localWorkloadSelector !== null) return;
  let ends: readonly NodeResource[] = [];
  let families: readonly FamilyName[] = FAMILY_NAMES;
  if (peer.peerSelector !== null) ends = context.nodesSelectedBy(peer.peerSelector);
  else if (peer.peerIp !== null) {
    ends = nodesBehind(context, peer, peer.peerIp);
    families = [peer.peerIp.family];
  }
  if (!ends.some((node) => node.name === context.ownNode.name)) return;
  for (const node of startsOf(context, peer)) {
    const entries = entriesTowardsNode(context, node, families, commonPart(peer, 'Node'));
    for (const entry of entries) {
      // The node presents the AS that its own side of the peering gives it. Calico expects the node's AS here, so that
      // a localASNumber never worked without a second, Manual, BGPPeer.
      const presentedAs = peer.peerSelector === null && peer.localAsNumber !== 0 ? peer.localAsNumber : entry.peerAs;
      collector.emit({ ...entry, peerAs: presentedAs }, 'reverse');
    }
  }
}

/** All explicit peerings of the own node, itself not yet left out. */
export function deriveExplicitPeers(context: DeriveContext): PeerEntry[] {
  const peers = byName(context.resources.bgpPeers);
  const collector = new PeerCollector(context);
  for (const peer of peers) if (isGlobal(peer)) emitForward(context, collector, peer);
  for (const peer of peers) if (!isGlobal(peer)) emitForward(context, collector, peer);
  for (const peer of peers) emitReverse(context, collector, peer);
  return collector.entries;
}
