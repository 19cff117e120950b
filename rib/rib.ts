/**
 * The facade of the RIB (skeleton).
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { IpAddress } from '../bgp/ip.ts';
import type { NegotiatedSession } from '../bgp/negotiated.ts';
import { AttributeStore } from './attribute-store.ts';
import { ALWAYS_RESOLVABLE, type NextHopResolver, NextHopTable } from './next-hop.ts';
import { PathTable } from './paths.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import { type PeerIndex, PeerTable, type RibPeer, type SessionEnds } from './peer-table.ts';
import type { PolicyCompiler } from './policy-hook.ts';
import type { PrefixConsumer } from './prefix-consumer.ts';
import { type PrefixHandle, PrefixTable } from './prefix-table.ts';
import type { UpdateSource } from './update-source.ts';

export interface DecisionOptions {
  readonly alwaysCompareMed: boolean;
  readonly multipathRelax: boolean;
  readonly multipath: boolean;
}

export interface RibOptions {
  /** Our BGP Identifier, unsigned: ORIGINATOR_ID and default cluster id. */
  readonly bgpIdentifier: number;
  readonly decision: DecisionOptions;
  readonly resolver: NextHopResolver;
  /** null: every import policy accepts everything. */
  readonly policyCompiler: PolicyCompiler | null;
  /** Random number of the process for the hashes. */
  readonly seed: number;
}

/** What became of one UPDATE; one object, overwritten by the next. */
export interface ReceiveOutcome {
  treatment: number;
  announced: number;
  withdrawn: number;
  /** The message was an End-of-RIB marker of this family; -1: it was not. */
  endOfRib: FamilyIndex | -1;
  /** The peer has gone over its prefix limit in this family; -1: it has not. */
  maxPrefixesExceeded: FamilyIndex | -1;
}

export class Rib {
  readonly peers: PeerTable;
  readonly nextHops: NextHopTable;
  readonly sets: AttributeStore;
  /** By family index. */
  readonly prefixes: readonly [PrefixTable, PrefixTable];
  readonly paths: readonly [PathTable, PathTable];

  constructor(options: Partial<RibOptions> & Pick<RibOptions, 'bgpIdentifier'>) {
    this.peers = new PeerTable();
    this.nextHops = new NextHopTable(options.resolver ?? ALWAYS_RESOLVABLE);
    this.sets = new AttributeStore(this.nextHops, options.seed ?? 0);
    this.prefixes = [new PrefixTable(0, options.seed ?? 0), new PrefixTable(1, options.seed ?? 0)];
    this.paths = [new PathTable(), new PathTable()];
  }

  addConsumer(_consumer: PrefixConsumer): void {
    throw new Error('skeleton');
  }

  removeConsumer(_consumer: PrefixConsumer): void {
    throw new Error('skeleton');
  }

  addPeer(_config: RibPeer): PeerIndex {
    throw new Error('skeleton');
  }

  updatePeer(_peer: PeerIndex, _policy: PeerPolicyConfig): void {
    throw new Error('skeleton');
  }

  removePeer(_peer: PeerIndex): void {
    throw new Error('skeleton');
  }

  sessionUp(_peer: PeerIndex, _session: NegotiatedSession, _ends: SessionEnds): void {
    throw new Error('skeleton');
  }

  sessionDown(_peer: PeerIndex, _retain: readonly [boolean, boolean]): void {
    throw new Error('skeleton');
  }

  /** @param treatment what reader.read() returned: TREATMENT_OK or TREATMENT_WITHDRAW */
  receiveUpdate(_peer: PeerIndex, _reader: UpdateSource, _treatment?: number): ReceiveOutcome {
    throw new Error('skeleton');
  }

  sweepStale(_peer: PeerIndex, _family: FamilyIndex): void {
    throw new Error('skeleton');
  }

  beginLongLivedStale(_peer: PeerIndex, _family: FamilyIndex): void {
    throw new Error('skeleton');
  }

  beginRefresh(_peer: PeerIndex, _family: FamilyIndex): void {
    throw new Error('skeleton');
  }

  endRefresh(_peer: PeerIndex, _family: FamilyIndex): void {
    throw new Error('skeleton');
  }

  /** @param block canonical octets with attribute code 0 */
  setLocalPath(
    _source: PeerIndex,
    _family: FamilyIndex,
    _a: number,
    _b: number,
    _c: number,
    _d: number,
    _length: number,
    _block: Uint8Array,
  ): void {
    throw new Error('skeleton');
  }

  removeLocalPath(
    _source: PeerIndex,
    _family: FamilyIndex,
    _a: number,
    _b: number,
    _c: number,
    _d: number,
    _length: number,
  ): void {
    throw new Error('skeleton');
  }

  reevaluate(_peer: PeerIndex): void {
    throw new Error('skeleton');
  }

  /** Connected or kernel routes have changed: next hops are resolved again in slices. */
  resolutionChanged(): void {
    throw new Error('skeleton');
  }

  setOwnAddresses(_addresses: readonly IpAddress[]): void {
    throw new Error('skeleton');
  }

  /** Best path row of the prefix; 0: none. */
  best(_family: FamilyIndex, _prefix: PrefixHandle): number {
    throw new Error('skeleton');
  }

  /** Rows of the multipath set, best first, into `rows`; returns how many (at most `limit`). */
  multipath(_family: FamilyIndex, _prefix: PrefixHandle, _rows: Uint32Array, _limit: number): number {
    throw new Error('skeleton');
  }

  /** Does pending work until it is done or `deadline()` is true; true: there is more. */
  runSlice(_deadline: () => boolean): boolean {
    throw new Error('skeleton');
  }
}
