/**
 * One UPDATE into the tables: attribute blocks interned once, then the NLRI in place, prefix by prefix. This is the
 * innermost loop of the daemon: integers only, lanes signed so that they stay small integers.
 *
 * RFC 4271 3.1, 4.3, 9; RFC 4760 3 and 4; RFC 7606 2 (treat-as-withdraw takes every route of the message along);
 * RFC 7911 3 (path identifiers).
 */

import { FAMILY_IPV4, type FamilyIndex } from '../bgp/family.ts';
import { type AttributeStore, type SetHandle, VALID_FROM_EXTERNAL, VALID_FROM_INTERNAL } from './attribute-store.ts';
import type { ImportEvaluation } from './import-evaluation.ts';
import type { LocRib } from './loc-rib.ts';
import { NlriBatch } from './nlri-batch.ts';
import type { PeerIndex, PeerState } from './peer-table.ts';
import { TREATMENT_ATTRIBUTE_DISCARD, TREATMENT_OK, TREATMENT_WITHDRAW, type UpdateSource } from './update-source.ts';

/** What became of one UPDATE; one object, overwritten by the next. */
export interface ReceiveOutcome {
  /** The worst of TREATMENT_...: RESET means that nothing was taken in and the session must end. */
  treatment: number;
  announced: number;
  withdrawn: number;
  /** The message was an End-of-RIB marker of this family; -1: it was not. */
  endOfRib: FamilyIndex | -1;
  /** The peer has gone over its prefix limit in this family; -1: it has not. */
  maxPrefixesExceeded: FamilyIndex | -1;
}

export class AdjRibIn {
  readonly outcome: ReceiveOutcome;
  readonly #sets: AttributeStore;
  readonly #evaluation: ImportEvaluation;
  readonly #families: readonly [LocRib, LocRib];
  readonly #batch = new NlriBatch();

  constructor(sets: AttributeStore, evaluation: ImportEvaluation, families: readonly [LocRib, LocRib]) {
    this.outcome = {
      treatment: TREATMENT_OK,
      announced: 0,
      withdrawn: 0,
      endOfRib: -1,
      maxPrefixesExceeded: -1,
    };
    this.#sets = sets;
    this.#evaluation = evaluation;
    this.#families = families;
  }

  /** @param treatment what reader.read() said */
  receive(peer: PeerState, reader: UpdateSource, treatment: number): ReceiveOutcome {
    const outcome = this.outcome;
    outcome.treatment = treatment;
    outcome.announced = 0;
    outcome.withdrawn = 0;
    outcome.endOfRib = reader.endOfRib;
    outcome.maxPrefixesExceeded = -1;
    const hasClassic = reader.nlriStart !== reader.nlriEnd;
    const mpFamily = reader.mpReachFamily;
    const hasMp = mpFamily >= 0 && reader.mpReachStart !== reader.mpReachEnd;
    // Both blocks are judged before anything is taken in: what is wrong with one concerns all of the message.
    const classicSet = hasClassic && outcome.treatment < TREATMENT_WITHDRAW ? this.#internBlock(peer, reader, 0) : 0;
    const mpSet = hasMp && outcome.treatment < TREATMENT_WITHDRAW ? this.#internBlock(peer, reader, 1) : 0;
    if (outcome.treatment > TREATMENT_WITHDRAW) return outcome;
    const isAccepted = outcome.treatment < TREATMENT_WITHDRAW;
    if (reader.withdrawnStart !== reader.withdrawnEnd) {
      this.#withdraw(peer, FAMILY_IPV4, reader.octets, reader.withdrawnStart, reader.withdrawnEnd);
    }
    const unreachFamily = reader.mpUnreachFamily;
    if (unreachFamily >= 0) {
      this.#withdraw(peer, unreachFamily as FamilyIndex, reader.octets, reader.mpUnreachStart, reader.mpUnreachEnd);
    }
    if (hasClassic) {
      if (isAccepted) this.#announce(peer, FAMILY_IPV4, classicSet, reader.octets, reader.nlriStart, reader.nlriEnd);
      else this.#withdraw(peer, FAMILY_IPV4, reader.octets, reader.nlriStart, reader.nlriEnd);
    }
    if (hasMp) {
      const family = mpFamily as FamilyIndex;
      if (isAccepted) this.#announce(peer, family, mpSet, reader.octets, reader.mpReachStart, reader.mpReachEnd);
      else this.#withdraw(peer, family, reader.octets, reader.mpReachStart, reader.mpReachEnd);
    }
    return outcome;
  }

  /** The set of one carrier's attributes; 0 when outcome.treatment says that there is none to use. */
  #internBlock(peer: PeerState, reader: UpdateSource, carrier: 0 | 1): SetHandle {
    const sets = this.#sets;
    const session = peer.session;
    // Octets with 2-octet AS numbers could look like other ones with 4-octet ones: they are always decoded.
    const validity =
      session === null || !session.asn4 ? 0 : session.isInternal ? VALID_FROM_INTERNAL : VALID_FROM_EXTERNAL;
    reader.selectBlock(carrier);
    if (validity !== 0) {
      const known = sets.find(reader.blockOctets, reader.blockStart, reader.blockEnd, validity);
      if (known !== 0) return known;
    }
    const treatment = reader.canonicalise();
    if (treatment > this.outcome.treatment) this.outcome.treatment = treatment;
    if (treatment > TREATMENT_ATTRIBUTE_DISCARD) return 0;
    if (reader.blockStart === reader.blockEnd) {
      this.outcome.treatment = TREATMENT_WITHDRAW;
      return 0;
    }
    const set = sets.intern(reader.blockOctets, reader.blockStart, reader.blockEnd);
    if (validity !== 0 && reader.blockIsVerbatimCanonical) sets.markValid(set, validity);
    return set;
  }

  #announce(
    peer: PeerState,
    family: FamilyIndex,
    set: SetHandle,
    octets: Uint8Array,
    start: number,
    end: number,
  ): void {
    const rib = this.#families[family];
    const isPerPrefix = !this.#evaluation.begin(peer, peer.importPolicy[family], set);
    const hasPathId = peer.session?.addPathReceive[family] === true;
    const announced = this.#announceBatches(rib, peer.index, set, isPerPrefix, hasPathId, octets, start, end);
    this.outcome.announced += announced;
    rib.announcedCount[peer.index] += announced;
    const limit = peer.policy.maxPrefixes;
    if (limit !== null && rib.received[peer.index] - rib.staleCount[peer.index] > limit) {
      this.outcome.maxPrefixesExceeded = family;
    }
  }

  #announceBatches(
    rib: LocRib,
    peer: PeerIndex,
    set: SetHandle,
    isPerPrefix: boolean,
    hasPathId: boolean,
    octets: Uint8Array,
    start: number,
    end: number,
  ): number {
    const evaluation = this.#evaluation;
    const prefixes = rib.prefixes;
    const isWide = rib.family !== FAMILY_IPV4;
    const batch = this.#batch;
    let announced = 0;
    for (let at = start; at < end; announced += batch.count) {
      at = batch.fill(octets, at, end, hasPathId, isWide);
      prefixes.insertAll(batch);
      if (!isPerPrefix) {
        rib.announceAll(batch, peer, set, evaluation);
        continue;
      }
      for (let i = 0; i < batch.count; i++) {
        evaluation.evaluatePrefix(
          batch.a[i] >>> 0,
          batch.b[i] >>> 0,
          batch.c[i] >>> 0,
          batch.d[i] >>> 0,
          batch.length[i],
        );
        rib.announce(batch.handle[i], peer, batch.pathId[i], set, evaluation);
      }
    }
    return announced;
  }

  #withdraw(peer: PeerState, family: FamilyIndex, octets: Uint8Array, start: number, end: number): void {
    const rib = this.#families[family];
    const hasPathId = peer.session?.addPathReceive[family] === true;
    const isWide = family !== FAMILY_IPV4;
    const batch = this.#batch;
    let withdrawn = 0;
    for (let at = start; at < end; ) {
      at = batch.fill(octets, at, end, hasPathId, isWide);
      rib.prefixes.findAll(batch);
      withdrawn += rib.withdrawAll(batch, peer.index);
    }
    this.outcome.withdrawn += withdrawn;
    rib.withdrawnCount[peer.index] += withdrawn;
  }
}
