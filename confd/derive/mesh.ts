/**
 * The node-to-node mesh (section 3.2 of Calico's semantics): every node with every other, except route reflectors.
 *
 * Calico expects a peer node without AS number of its own to have *our* AS rather than the cluster's, so that a node
 * with its own AS and one without never come up. Both ends must agree on the AS numbers for that to change, so in a
 * cluster with BIRD nodes nothing is lost by expecting what the peer really announces: the cluster's AS.
 */

import { FAMILY_NAMES } from '../../bgp/family.ts';
import { bgpAddress, type DeriveContext } from './context.ts';
import { type PeerEntry, withoutDefaultPort } from './peer-entry.ts';

export function deriveMesh(context: DeriveContext): PeerEntry[] {
  const { ownNode, configuration } = context;
  if (ownNode.routeReflectorClusterId !== null || configuration?.nodeToNodeMeshEnabled === false) return [];
  const entries: PeerEntry[] = [];
  for (const node of context.nodes) {
    if (node.routeReflectorClusterId !== null || node.name === ownNode.name) continue;
    for (const family of FAMILY_NAMES) {
      const address = bgpAddress(node, family)?.address;
      if (address === undefined) continue;
      entries.push({
        origin: 'Mesh',
        source: node,
        family,
        address,
        port: withoutDefaultPort(context.listenPortOf(node)),
        peerAs: context.asOf(node),
        localAs: 0,
        clusterId: null,
        isCalicoNode: true,
        usesNodeAddress: true,
        ttlSecurityHops: 0,
        password: configuration?.nodeMeshPassword ?? null,
        restartTimeSeconds: configuration?.nodeMeshMaxRestartTimeSeconds ?? null,
        keepaliveTimeSeconds: null,
        nextHopMode: null,
        keepsOriginalNextHop: false,
        allowOwnAs: 0,
        filters: [],
        reachableBy: null,
      });
    }
  }
  return entries;
}
