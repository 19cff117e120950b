/**
 * What sort of peer one is. Every node of a full mesh has all the others as peers: a series for each of them, from each
 * of them, is nodes squared. So only external peers have series of their own unless more is asked for; the others are
 * summed up by their sort.
 */

import type { PeerView } from '../api/schema.ts';

export type PeerKind = 'mesh' | 'internal' | 'external' | 'workload';
export const PEER_KINDS: readonly PeerKind[] = ['mesh', 'internal', 'external', 'workload'];

/** `mesh` and `workload` are told by the names that Calico gives (section 3.4 of its semantics). */
export function peerKind(peer: Pick<PeerView, 'name' | 'type'>): PeerKind {
  if (peer.name.startsWith('Mesh_')) return 'mesh';
  if (peer.name.startsWith('Local_Workload_')) return 'workload';
  return peer.type === 'ebgp' ? 'external' : 'internal';
}

/** Which peers have series of their own. */
export const PEER_DETAILS = ['external', 'all', 'none'] as const;
export type PeerDetail = (typeof PEER_DETAILS)[number];

/** More peers than this get no series of their own, whatever was asked for; `peregrine_metrics_peers_omitted` says so. */
export const MAX_DETAILED_PEERS = 1000;

export interface DetailedPeers {
  readonly shown: readonly PeerView[];
  readonly omitted: number;
}

export function detailedPeers(peers: readonly PeerView[], detail: PeerDetail): DetailedPeers {
  const wanted = detail === 'none' ? [] : peers.filter((peer) => detail === 'all' || peerKind(peer) === 'external');
  return { shown: wanted.slice(0, MAX_DETAILED_PEERS), omitted: Math.max(0, wanted.length - MAX_DETAILED_PEERS) };
}
