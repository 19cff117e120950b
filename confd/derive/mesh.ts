/**
 * The node-to-node mesh (section 3.2 of Calico's semantics): every node with every other, except route reflectors.
 *
 * Calico expects a peer node without AS number of its own to have *our* AS rather than the cluster's, so that a node
 * with its own AS and one without never come up. Both ends must agree on the AS numbers for that to change, so in a
 * cluster with BIRD nodes nothing is lost by expecting what the peer really announces: the cluster's AS.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { NodeResource } from '../model/node.ts';
import type { DeriveContext } from './context.ts';
import { type PeerEntry, withoutDefaultPort } from './peer-entry.ts';

/** Whether the own node takes part. */
function isInMesh(context: DeriveContext): boolean {
  return context.ownNode.routeReflectorClusterId === null && context.configuration?.nodeToNodeMeshEnabled !== false;
}

/** Mesh peerings with those of the nodes, who all have `address`, that take part in the mesh. */
export function meshEntries(
  context: DeriveContext,
  nodes: readonly NodeResource[],
  address: string,
  family: FamilyName,
): PeerEntry[] {
  const { ownNode, configuration } = context;
  if (!isInMesh(context)) return [];
  const others = nodes.filter((node) => node.routeReflectorClusterId === null && node.name !== ownNode.name);
  return others.map((node) => ({
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
    bfd: null,
  }));
}
