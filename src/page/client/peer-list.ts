/** Which peers are meant, and what a row says of them. Nothing of the document here. */

import type { PeerView } from './api.ts';

export interface PeerFilter {
  /** Every word must be found in name, description, address, AS or reason. */
  readonly text: string;
  readonly state: string;
  readonly type: string;
}

export function isUp({ state }: PeerView): boolean {
  return state === 'Established';
}

export function peerMatches(peer: PeerView, { text, state, type }: PeerFilter): boolean {
  if (state === 'up' && !isUp(peer)) return false;
  if (state === 'down' && isUp(peer)) return false;
  if (state !== '' && state !== 'up' && state !== 'down' && peer.state !== state) return false;
  if (type !== '' && kindOf(peer) !== type) return false;
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return true;
  const { name, description, address, peerAs } = peer;
  const hay = `${name} ${description} ${address} as${peerAs} ${whyDown(peer)}`.toLowerCase();
  return words.every((word) => hay.includes(word));
}

/** What a peer is in a network of Calico: a top-of-rack router, a client of ours, or a node of the mesh. */
export type PeerKind = 'ebgp' | 'client' | 'ibgp';

export const KIND_NAMES: Readonly<Record<PeerKind, string>> = {
  ebgp: 'External (eBGP)',
  client: 'Route reflector client',
  ibgp: 'Internal (iBGP)',
};

export function kindOf({ type, routeReflectorClient }: PeerView): PeerKind {
  if (type === 'ebgp') return 'ebgp';
  return routeReflectorClient ? 'client' : 'ibgp';
}

/** The same in a narrow column. */
export const SHORT_KIND_NAMES: Readonly<Record<PeerKind, string>> = {
  ebgp: 'eBGP',
  client: 'iBGP client',
  ibgp: 'iBGP',
};

/** Sums over all families. */
export function totals({ families }: PeerView): {
  received: number;
  accepted: number;
  best: number;
  advertised: number;
} {
  const sum = { received: 0, accepted: 0, best: 0, advertised: 0 };
  for (const family of Object.values(families)) {
    if (family === undefined) continue;
    sum.received += family.received;
    sum.accepted += family.accepted;
    sum.best += family.best;
    sum.advertised += family.advertised;
  }
  return sum;
}

/** Empty while the session is up. */
export function whyDown(peer: PeerView): string {
  if (isUp(peer)) return '';
  return peer.lastError?.text ?? peer.waitingFor ?? '';
}

/** Names with numbers in them as people sort them. */
export const byName = new Intl.Collator('en', { numeric: true }).compare;
