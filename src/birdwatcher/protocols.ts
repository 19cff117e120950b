/** Peers as the protocols of a BIRD. Alice-LG takes its neighbours from this: only state `up` is a session to it. */

import type { FamilyName } from '../../bgp/family.ts';
import type { PeerView } from '../api/schema.ts';
import { shortTime } from './answers.ts';

/** null: both together. */
export type FamilyChoice = FamilyName | null;

export function tableName(family: FamilyChoice): string {
  return family === null ? 'master' : family === 'ipv4-unicast' ? 'master4' : 'master6';
}

export function isMeant({ families }: PeerView, family: FamilyChoice): boolean {
  return family === null || families[family] !== undefined;
}

export function protocolState({ state }: PeerView): 'up' | 'start' | 'down' {
  if (state === 'Established') return 'up';
  return state === 'Idle' ? 'down' : 'start';
}

/** When the peer came into its state. */
export function stateSinceMs({ stateSeconds }: PeerView, nowMs: number): number {
  return nowMs - stateSeconds * 1000;
}

interface RouteCounts {
  readonly accepted: number;
  readonly filtered: number;
  /** What the peer sent and what was accepted of it: with `filtered`, Alice-LG has what was received. */
  readonly imported: number;
  readonly exported: number;
  readonly preferred: number;
}

export function routeCounts({ families }: PeerView, family: FamilyChoice): RouteCounts {
  const sum = { received: 0, accepted: 0, best: 0, advertised: 0 };
  for (const [name, counters] of Object.entries(families)) {
    if (counters === undefined || (family !== null && name !== family)) continue;
    sum.received += counters.received;
    sum.accepted += counters.accepted;
    sum.best += counters.best;
    sum.advertised += counters.advertised;
  }
  const { received, accepted, best, advertised } = sum;
  const filtered = Math.max(0, received - accepted);
  return { accepted, filtered, imported: accepted, exported: advertised, preferred: best };
}

function dottedQuad(identifier: number): string {
  return [24, 16, 8, 0].map((shift) => (identifier >>> shift) & 255).join('.');
}

/** One protocol of `/protocols`. */
export function protocolOf(peer: PeerView, family: FamilyChoice, nowMs: number): object {
  const { name, description, address, peerAs, localAs, localAddress, state, lastError, negotiated, type } = peer;
  return {
    protocol: name,
    bird_protocol: 'BGP',
    table: tableName(family),
    state: protocolState(peer),
    state_changed: shortTime(stateSinceMs(peer, nowMs)),
    connection: state,
    bgp_state: state,
    description: description === '' ? name : description,
    neighbor_address: address,
    neighbor_as: peerAs,
    local_as: localAs,
    session: `${type === 'ebgp' ? 'external' : 'internal'}${negotiated?.asn4 === true ? ' AS4' : ''}`,
    ...(negotiated === null ? {} : { neighbor_id: dottedQuad(negotiated.peerBgpIdentifier) }),
    ...(localAddress === null ? {} : { source_address: localAddress }),
    ...(lastError === null ? {} : { last_error: lastError.text }),
    preference: 100,
    routes: routeCounts(peer, family),
    route_changes: {},
  };
}

/** One protocol of `/protocols/short`. */
export function shortProtocolOf(peer: PeerView, family: FamilyChoice, nowMs: number): object {
  return {
    proto: 'BGP',
    table: tableName(family),
    state: protocolState(peer),
    since: shortTime(stateSinceMs(peer, nowMs)),
    info: peer.state,
  };
}
