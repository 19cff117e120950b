/**
 * What has to be read because of what was read: the Secrets that sessions of this node may take their passwords from,
 * and whether Services matter at all (sections 3.5, 3.10 and 4.7 of Calico's semantics). Pure.
 *
 * A Secret is read when a session of this node could use it, and no other: nobody should hold passwords of others. When
 * in doubt a peer is ours; derive decides what really becomes a session.
 */

import { type BgpConfigurationResource, DEFAULT_CONFIGURATION_NAME } from '../../model/bgp-configuration.ts';
import type { BgpPeerResource } from '../../model/bgp-peer.ts';
import type { NodeResource } from '../../model/node.ts';
import { selects } from '../../selector.ts';

/** Resources that say what else is needed. */
export interface NeedySources {
  /** Null: not known (yet), and then there are no sessions. */
  readonly ownNode: NodeResource | null;
  readonly peers: Iterable<BgpPeerResource>;
  readonly configurations: Iterable<BgpConfigurationResource>;
}

export interface Needs {
  /** Names of Secrets, in the one namespace where they may be. */
  readonly secrets: ReadonlySet<string>;
  readonly services: boolean;
}

function startsAt(peer: BgpPeerResource, node: NodeResource): boolean {
  if (peer.nodeSelector !== null) return selects(peer.nodeSelector, node.labels);
  return peer.node === null || peer.node === node.name;
}

/** The peering is made on the other side too. */
function endsAt(peer: BgpPeerResource, node: NodeResource): boolean {
  if (peer.reversePeering === 'Manual' || peer.localWorkloadSelector !== null) return false;
  if (peer.peerSelector !== null) return selects(peer.peerSelector, node.labels);
  const address = peer.peerIp?.address;
  return address !== undefined && (address === node.ipv4?.address || address === node.ipv6?.address);
}

/** `advertisesClusterIps`: the environment asks for it, whatever the resources say. */
export function needsOf(sources: NeedySources, advertisesClusterIps: boolean): Needs {
  const { ownNode } = sources;
  const secrets = new Set<string>();
  let services = advertisesClusterIps;
  const refer = (reference: { readonly name: string } | null): void => {
    if (reference !== null && reference.name !== '') secrets.add(reference.name);
  };
  for (const configuration of sources.configurations) {
    if (configuration.name !== DEFAULT_CONFIGURATION_NAME) continue;
    if (ownNode !== null) refer(configuration.nodeMeshPassword);
    const { serviceClusterIps, serviceExternalIps, serviceLoadBalancerIps } = configuration;
    services ||= serviceClusterIps.length + serviceExternalIps.length + serviceLoadBalancerIps.length > 0;
  }
  for (const peer of sources.peers) {
    if (ownNode !== null && (startsAt(peer, ownNode) || endsAt(peer, ownNode))) refer(peer.password);
  }
  return { secrets, services };
}
