/**
 * The BGPPeers that matter to the own node, by how their peers are found: by selecting nodes, by address, among the
 * workloads of this host, and those of which the own node is the far end. Made anew when a BGPPeer or the own node
 * changes, so that a change of any other node costs only a look at the peers that could select it.
 */

import type { BgpPeerResource } from '../model/bgp-peer.ts';
import type { NodeResource } from '../model/node.ts';
import type { PeerEndpoint } from '../model/values.ts';
import { selects } from '../selector.ts';
import type { DeriveContext } from './context.ts';
import { byName } from './text-order.ts';

/** A BGPPeer without node and nodeSelector is every node's. */
export function isGlobal(peer: BgpPeerResource): boolean {
  return peer.node === null && peer.nodeSelector === null;
}

/** How the remote side of a BGPPeer is said; what is set last counts. */
export function remoteSide(peer: BgpPeerResource): 'workloads' | 'nodes' | 'endpoint' {
  if (peer.localWorkloadSelector !== null) return 'workloads';
  return peer.peerSelector === null ? 'endpoint' : 'nodes';
}

/** Whether a node is at the local side of a BGPPeer. */
export function isStart(peer: BgpPeerResource, node: NodeResource): boolean {
  if (peer.nodeSelector !== null) return selects(peer.nodeSelector, node.labels);
  return peer.node === null || peer.node === node.name;
}

/** Nodes that have the address and AS that a peerIP names, and listen on its port when it says one. */
export function nodesBehind(context: DeriveContext, peer: BgpPeerResource, endpoint: PeerEndpoint): NodeResource[] {
  const peerAs = peer.asNumber === 0 ? context.globalAs : peer.asNumber;
  return context.nodes.withAddress(endpoint.address).filter((node) => {
    if (context.asOf(node) !== peerAs) return false;
    // Calico compares a given port with the cluster's even when the node has its own; a node listens on one port only.
    const listenPort = context.listenPortOf(node);
    return endpoint.port === 0 || listenPort === 0 || listenPort === endpoint.port;
  });
}

/** Whether the own node is at the remote side, so that it needs the matching session. */
function isEnd(context: DeriveContext, peer: BgpPeerResource): boolean {
  const { ownNode } = context;
  if (peer.reversePeering === 'Manual' || peer.localWorkloadSelector !== null) return false;
  if (peer.peerSelector !== null) return selects(peer.peerSelector, ownNode.labels);
  return peer.peerIp !== null && nodesBehind(context, peer, peer.peerIp).some((node) => node.name === ownNode.name);
}

function push<K>(map: Map<K, BgpPeerResource[]>, key: K, peer: BgpPeerResource): void {
  const others = map.get(key);
  if (others === undefined) map.set(key, [peer]);
  else others.push(peer);
}

/** All lists are in order of name. */
export class PeerIndex {
  /** Peers of the own node that select nodes. */
  readonly selecting: readonly BgpPeerResource[];
  /** Peers of the own node at one address. */
  readonly byAddress: ReadonlyMap<string, readonly BgpPeerResource[]>;
  /** Peers of the own node among its workloads, by name. */
  readonly byWorkloadPeerName: ReadonlyMap<string, BgpPeerResource>;
  /** Peers whose remote side is the own node, and whose local side is one node, by its name. */
  readonly reverseOfNode: ReadonlyMap<string, readonly BgpPeerResource[]>;
  /** Peers whose remote side is the own node, and whose local side is chosen. */
  readonly reverseSelecting: readonly BgpPeerResource[];

  constructor(context: DeriveContext) {
    const selecting: BgpPeerResource[] = [];
    const byAddress = new Map<string, BgpPeerResource[]>();
    const byWorkloadPeerName = new Map<string, BgpPeerResource>();
    const reverseOfNode = new Map<string, BgpPeerResource[]>();
    const reverseSelecting: BgpPeerResource[] = [];
    for (const peer of byName(context.resources.bgpPeers.values())) {
      if (isStart(peer, context.ownNode)) {
        const side = remoteSide(peer);
        if (side === 'workloads') byWorkloadPeerName.set(peer.name, peer);
        else if (side === 'nodes') selecting.push(peer);
        else if (peer.peerIp !== null) push(byAddress, peer.peerIp.address, peer);
      }
      if (!isEnd(context, peer)) continue;
      if (peer.nodeSelector === null && peer.node !== null) push(reverseOfNode, peer.node, peer);
      else reverseSelecting.push(peer);
    }
    this.selecting = selecting;
    this.byAddress = byAddress;
    this.byWorkloadPeerName = byWorkloadPeerName;
    this.reverseOfNode = reverseOfNode;
    this.reverseSelecting = reverseSelecting;
  }
}
