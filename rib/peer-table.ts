/**
 * Peers as the RIB sees them: an index per peer (16 bits in every path), columns for what the decision process and
 * the export rules compare, and one object per peer for the rest. Indices 1 to 3 are the local sources: static,
 * kernel and direct; BGP peers come after them. An index is given again only when no path refers to it any more.
 */

import type { IpAddress } from '../bgp/ip.ts';
import type { NegotiatedSession } from '../bgp/negotiated.ts';
import { grownCapacity, grownUint8, grownUint32 } from './columns.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import { ACCEPT_ALL_IMPORT, type ImportPolicy } from './policy-hook.ts';

export type PeerIndex = number;

export const PEER_STATIC: PeerIndex = 1;
export const PEER_KERNEL: PeerIndex = 2;
export const PEER_DIRECT: PeerIndex = 3;
/** First index that a BGP peer can have. */
export const FIRST_BGP_PEER: PeerIndex = 4;
const MAX_PEERS = 65535;
const RESTING_INDICES = 1024;

/** What is known of a peer before its session is up. */
export interface RibPeer {
  /** Session name, unique. */
  readonly name: string;
  readonly localAs: number;
  readonly peerAs: number;
  readonly policy: PeerPolicyConfig;
  /** Refuse paths whose first AS is not the peer's (RFC 4271 6.3); off by default, route servers break it. */
  readonly enforceFirstAs?: boolean;
}

/** Ends of an established session. */
export interface SessionEnds {
  readonly localAddress: IpAddress;
  readonly peerAddress: IpAddress;
  /** Interface that the peer is reached through; 0: unknown. */
  readonly interfaceIndex: number;
}

export interface PeerState {
  readonly index: PeerIndex;
  name: string;
  readonly localAs: number;
  readonly peerAs: number;
  policy: PeerPolicyConfig;
  /** Unsigned; the cluster that we reflect this peer's routes in (RFC 4456 7). */
  clusterId: number;
  readonly enforceFirstAs: boolean;
  /** The last session, kept while its paths are stale; isUp says whether it still is. */
  session: NegotiatedSession | null;
  ends: SessionEnds | null;
  isUp: boolean;
  /** removePeer has been called; the index is freed when the last path is gone. */
  isRetired: boolean;
  importPolicy: [ImportPolicy, ImportPolicy];
}

const LOCAL_NAMES: readonly string[] = ['', 'static', 'kernel', 'direct'];

export class PeerTable {
  capacity: number;
  /** Highest index in use + 1. */
  end: number;
  /** 1: a peer of another AS (0 for internal peers and local sources). */
  isExternal: Uint8Array;
  /** 1: internal peer that is our route reflector client. */
  isClient: Uint8Array;
  /** BGP Identifier that the peer sent; 0 while there has been no session. */
  bgpIdentifier: Uint32Array;
  /** Address of the peer; compared in the last step of the decision process. */
  addressFamily: Uint8Array;
  addressA: Uint32Array;
  addressB: Uint32Array;
  addressC: Uint32Array;
  addressD: Uint32Array;
  #states: Array<PeerState | null> = [];
  #byName = new Map<string, PeerIndex>();
  #free: PeerIndex[] = [];

  constructor() {
    const capacity = grownCapacity(1);
    this.capacity = capacity;
    this.end = FIRST_BGP_PEER;
    this.isExternal = new Uint8Array(capacity);
    this.isClient = new Uint8Array(capacity);
    this.bgpIdentifier = new Uint32Array(capacity);
    this.addressFamily = new Uint8Array(capacity);
    this.addressA = new Uint32Array(capacity);
    this.addressB = new Uint32Array(capacity);
    this.addressC = new Uint32Array(capacity);
    this.addressD = new Uint32Array(capacity);
  }

  /** The peer's state, or null when there is none with that index (local sources have none). */
  get(index: PeerIndex): PeerState | null {
    return this.#states[index] ?? null;
  }

  indexOf(name: string): PeerIndex {
    return this.#byName.get(name) ?? 0;
  }

  /** Session name, or the name of the local source. */
  nameOf(index: PeerIndex): string {
    if (index < FIRST_BGP_PEER) return LOCAL_NAMES[index];
    return this.#states[index]?.name ?? `peer ${index}`;
  }

  *all(): Generator<PeerState> {
    for (const state of this.#states) if (state) yield state;
  }

  /** 0: the table is full or the name is taken. */
  add(config: RibPeer, clusterId: number): PeerIndex {
    if (this.#byName.has(config.name)) return 0;
    // Others may still remember an index after its last path is gone: it rests before it is given again.
    const index = (this.#free.length > RESTING_INDICES ? this.#free.shift() : undefined) ?? this.end;
    if (index > MAX_PEERS) return 0;
    if (index === this.end) this.end++;
    if (index >= this.capacity) this.#grow(index + 1);
    this.#byName.set(config.name, index);
    this.#states[index] = {
      index,
      name: config.name,
      localAs: config.localAs,
      peerAs: config.peerAs,
      policy: config.policy,
      clusterId,
      enforceFirstAs: config.enforceFirstAs ?? false,
      session: null,
      ends: null,
      isUp: false,
      isRetired: false,
      importPolicy: [ACCEPT_ALL_IMPORT, ACCEPT_ALL_IMPORT],
    };
    this.isExternal[index] = config.localAs === config.peerAs ? 0 : 1;
    this.isClient[index] = config.policy.isRouteReflectorClient ? 1 : 0;
    return index;
  }

  /** False: the name is taken, or there is no such peer. */
  rename(index: PeerIndex, name: string): boolean {
    const state = this.#states[index];
    if (!state || this.#byName.has(name)) return false;
    if (this.#byName.get(state.name) === index) this.#byName.delete(state.name);
    this.#byName.set(name, index);
    state.name = name;
    return true;
  }

  /** Takes over policy that may change while the session is up. */
  setPolicy(index: PeerIndex, policy: PeerPolicyConfig, clusterId: number): void {
    const state = this.#states[index];
    if (!state) return;
    state.policy = policy;
    state.clusterId = clusterId;
    this.isClient[index] = policy.isRouteReflectorClient ? 1 : 0;
  }

  /** Takes over an established session. True: what the decision process compares of the peer is not what it was. */
  sessionUp(index: PeerIndex, session: NegotiatedSession, ends: SessionEnds): boolean {
    const state = this.#states[index];
    if (!state) return false;
    state.session = session;
    state.ends = ends;
    state.isUp = true;
    const isExternal = session.isInternal ? 0 : 1;
    const address = ends.peerAddress;
    const same =
      this.isExternal[index] === isExternal &&
      this.bgpIdentifier[index] === session.peerBgpIdentifier &&
      this.addressFamily[index] === address.family &&
      this.addressA[index] === address.a &&
      this.addressB[index] === address.b &&
      this.addressC[index] === address.c &&
      this.addressD[index] === address.d;
    this.isExternal[index] = isExternal;
    this.bgpIdentifier[index] = session.peerBgpIdentifier;
    this.addressFamily[index] = address.family;
    this.addressA[index] = address.a;
    this.addressB[index] = address.b;
    this.addressC[index] = address.c;
    this.addressD[index] = address.d;
    return !same;
  }

  /** Forgets the name at once; the index stays taken until `free`. */
  retire(index: PeerIndex): void {
    const state = this.#states[index];
    if (!state) return;
    state.isRetired = true;
    state.isUp = false;
    if (this.#byName.get(state.name) === index) this.#byName.delete(state.name);
  }

  /** Gives the index back; no path may refer to it. */
  free(index: PeerIndex): void {
    this.retire(index);
    this.#states[index] = null;
    this.bgpIdentifier[index] = 0;
    this.#free.push(index);
  }

  #grow(needed: number): void {
    const capacity = grownCapacity(needed);
    this.capacity = capacity;
    this.isExternal = grownUint8(this.isExternal, capacity);
    this.isClient = grownUint8(this.isClient, capacity);
    this.bgpIdentifier = grownUint32(this.bgpIdentifier, capacity);
    this.addressFamily = grownUint8(this.addressFamily, capacity);
    this.addressA = grownUint32(this.addressA, capacity);
    this.addressB = grownUint32(this.addressB, capacity);
    this.addressC = grownUint32(this.addressC, capacity);
    this.addressD = grownUint32(this.addressD, capacity);
  }
}
