/**
 * A peering as the three passes over BGPPeers, and the mesh, find it: everything about one session that depends on
 * resources, before the own node's point of view (source address, type, passivity) is applied by sessions.ts.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { BgpPeerResource } from '../model/bgp-peer.ts';
import type { NodeResource } from '../model/node.ts';
import type { Resource } from '../model/resource.ts';
import type { SecretKeyRef } from '../model/secret.ts';
import { bgpAddress, type DeriveContext } from './context.ts';

/** Decides the name of the session and the passive side (section 3.1 and 3.4 of Calico's semantics). */
export type PeerOrigin = 'Mesh' | 'Global' | 'Node';

export interface PeerEntry {
  readonly origin: PeerOrigin;
  /** Who asked for it, for descriptions and conditions. */
  readonly source: Pick<Resource, 'kind' | 'name'>;
  readonly family: FamilyName;
  /** Canonical text. */
  readonly address: string;
  /** 0: 179, and not part of the name. */
  readonly port: number;
  readonly peerAs: number;
  /** 0: the node's own. */
  readonly localAs: number;
  /** Null: not known (not a node, or given by address). */
  readonly clusterId: string | null;
  /** The peer is known to be a node of this cluster, so that both sides apply the same passive rule. */
  readonly isCalicoNode: boolean;
  readonly usesNodeAddress: boolean;
  /** 0: off. */
  readonly ttlSecurityHops: number;
  readonly password: SecretKeyRef | null;
  readonly restartTimeSeconds: number | null;
  readonly keepaliveTimeSeconds: number | null;
  readonly nextHopMode: 'Auto' | 'Self' | 'Keep' | null;
  readonly keepsOriginalNextHop: boolean;
  readonly allowOwnAs: number;
  /** Names of BGPFilters, in order. */
  readonly filters: readonly string[];
  readonly reachableBy: string | null;
}

type CommonPart = Pick<
  PeerEntry,
  | 'origin'
  | 'source'
  | 'usesNodeAddress'
  | 'ttlSecurityHops'
  | 'password'
  | 'restartTimeSeconds'
  | 'keepaliveTimeSeconds'
  | 'nextHopMode'
  | 'keepsOriginalNextHop'
  | 'filters'
  | 'reachableBy'
>;

/** What every entry of a BGPPeer takes from it, whoever is at the other end. */
export function commonPart(peer: BgpPeerResource, origin: PeerOrigin): CommonPart {
  return {
    origin,
    source: peer,
    usesNodeAddress: peer.sourceAddress === 'UseNodeIP',
    ttlSecurityHops: peer.ttlSecurity,
    password: peer.password,
    restartTimeSeconds: peer.maxRestartTimeSeconds,
    keepaliveTimeSeconds: peer.keepaliveTimeSeconds,
    nextHopMode: peer.nextHopMode,
    keepsOriginalNextHop: peer.keepOriginalNextHop,
    filters: peer.filters,
    reachableBy: peer.peerIp === null ? null : peer.reachableBy,
  };
}

/**
 * Entries towards a node, one per address that it has in `families`. Local AS and own-AS allowance are not taken over,
 * and the entry is not marked as a node's: such sessions are never automatically passive (section 3.3).
 */
export function entriesTowardsNode(
  context: DeriveContext,
  node: NodeResource,
  families: readonly FamilyName[],
  common: CommonPart,
): PeerEntry[] {
  const entries: PeerEntry[] = [];
  for (const family of families) {
    const own = bgpAddress(node, family);
    if (own === null) continue;
    entries.push({
      ...common,
      family,
      address: own.address,
      port: withoutDefaultPort(context.listenPortOf(node)),
      peerAs: context.asOf(node),
      localAs: 0,
      clusterId: node.routeReflectorClusterId,
      isCalicoNode: false,
      allowOwnAs: 0,
    });
  }
  return entries;
}

/** 179 said explicitly is the same as not said: it is in neither keys nor names. */
export function withoutDefaultPort(port: number): number {
  return port === 179 ? 0 : port;
}
