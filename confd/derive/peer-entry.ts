/**
 * A peering as the three passes over BGPPeers, and the mesh, find it: everything about one session that depends on
 * resources, before the own node's point of view (source address, type, passivity) is applied by sessions.ts.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { BfdConfig } from '../../bgp/session-config.ts';
import type { BgpPeerResource } from '../model/bgp-peer.ts';
import type { NodeResource } from '../model/node.ts';
import type { Resource } from '../model/resource.ts';
import type { SecretKeyRef } from '../model/secret.ts';
import type { WorkloadEndpointResource } from '../model/workload-endpoint.ts';
import type { DeriveContext } from './context.ts';
import { bgpAddress } from './node-index.ts';

/** Decides the name of the session and the passive side (section 3.1 and 3.4 of Calico's semantics). */
export type PeerOrigin = 'Mesh' | 'Global' | 'Node' | 'Local_Workload';

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
  readonly bfd: BfdConfig | null;
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
  | 'bfd'
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
    bfd: peer.bfd,
  };
}

/**
 * The entry towards a node that has an address in `family`. Local AS and own-AS allowance are not taken over, and the
 * entry is not marked as a node's: such sessions are never automatically passive (section 3.3).
 */
export function entryTowardsNode(
  context: DeriveContext,
  node: NodeResource,
  family: FamilyName,
  common: CommonPart,
): PeerEntry | null {
  const address = bgpAddress(node, family)?.address;
  if (address === undefined) return null;
  return {
    ...common,
    family,
    address,
    port: withoutDefaultPort(context.listenPortOf(node)),
    peerAs: context.asOf(node),
    localAs: 0,
    clusterId: node.routeReflectorClusterId,
    isCalicoNode: false,
    allowOwnAs: 0,
  };
}

/** The address of a workload in a family. */
export function workloadAddress(workload: WorkloadEndpointResource, family: FamilyName): string | null {
  return family === 'ipv4-unicast' ? workload.ipv4 : workload.ipv6;
}

/**
 * The entry towards a workload of this node, over the interface that leads to it (section 3.8): the workload connects,
 * to an address of ours that Felix made for the purpose, and nothing else that a BGPPeer can say applies.
 */
export function entryTowardsWorkload(peer: BgpPeerResource, address: string, family: FamilyName): PeerEntry {
  return {
    origin: 'Local_Workload',
    source: peer,
    family,
    address,
    port: 0,
    peerAs: peer.asNumber,
    localAs: peer.localAsNumber,
    clusterId: null,
    isCalicoNode: false,
    usesNodeAddress: false,
    ttlSecurityHops: 0,
    password: null,
    restartTimeSeconds: null,
    keepaliveTimeSeconds: null,
    nextHopMode: null,
    keepsOriginalNextHop: false,
    allowOwnAs: 0,
    filters: peer.filters,
    reachableBy: null,
    bfd: null,
  };
}

/** 179 said explicitly is the same as not said: it is in neither keys nor names. */
export function withoutDefaultPort(port: number): number {
  return port === 179 ? 0 : port;
}
