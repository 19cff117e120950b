/**
 * What a speaker that has just been started still waits for, as counts: which peers owe an End-of-RIB (RFC 4724 4.1),
 * and to which peers its own End-of-RIB may go. Pure.
 *
 * Two things wait, each by its own rule, per family:
 * - Kernel routes of an earlier life go when no peer owes anything. Peers without graceful restart owe nothing, nor do
 *   absent ones that the earlier life had no session with, when that is known.
 * - End-of-RIB to a peer ends the stale routes that it has of ours, so it waits for those whose routes we would pass on
 *   to it (RFC 4456: internal peers hear nothing from each other unless one is a client). A peer that is restarting
 *   itself (R bit) waits for us, so we do not wait for it. What we have is announced at once all the same.
 *
 * A speaker that does not know of an earlier life sends R 0, so nobody stops waiting for its End-of-RIB: two of them
 * that wait for each other would wait for ever. It holds nothing back, unless it is a route reflector, which may be in
 * the place of another one whose routes its clients keep: and then for no peer longer than a first table takes.
 */

import type { FamilyIndex } from '../../bgp/family.ts';

export interface RecoveryPeer {
  readonly name: string;
  /** Enabled by configuration and by hand. */
  readonly isWanted: boolean;
  /** Graceful restart is not off here. */
  readonly usesGracefulRestart: boolean;
  readonly isInternal: boolean;
  /** Route reflector client. */
  readonly isClient: boolean;
  /** By family index: configured. */
  readonly families: readonly [boolean, boolean];
  /** Null: no session. */
  readonly session: {
    readonly families: readonly [boolean, boolean];
    /** The peer takes part in graceful restart, in whatever role. */
    readonly gracefulRestart: { readonly restarted: boolean } | null;
  } | null;
  readonly endOfRibReceived: readonly [boolean, boolean];
  /** It has not sent all that it has, of which the earlier life had something, or it began to in this one. */
  readonly isExpected: boolean;
  /** A session has been up in this life. */
  readonly wasUp: boolean;
  /** Its session is up for longer than the first table of a peer takes. */
  readonly isOverdue: boolean;
}

/** What is known of the earlier life; `null` in place of it: nothing. */
export interface RecoveryRules {
  /** There was an earlier life: our OPENs say R. */
  readonly isRestart: boolean;
  /** The names of its peers are known, so that others need not be waited for. */
  readonly knowsPeers: boolean;
  /** Absent peers that nobody vouches for have been waited for long enough to announce End-of-RIB. */
  readonly isGraceOver: boolean;
}

/** Absent: it has no session yet; restarting: it has one, and said in its OPEN that it has restarted. */
export type Debt = 'nothing' | 'connected' | 'restarting' | 'absent-expected' | 'absent-unknown';

export function debtOf(peer: RecoveryPeer, family: FamilyIndex, rules: RecoveryRules): Debt {
  if (!peer.isWanted || !peer.usesGracefulRestart) return 'nothing';
  const { session } = peer;
  if (session === null) {
    if (!peer.families[family]) return 'nothing';
    if (peer.isExpected) return 'absent-expected';
    // One that was here and has gone had said all.
    return rules.knowsPeers || peer.wasUp ? 'nothing' : 'absent-unknown';
  }
  if (!session.families[family] || session.gracefulRestart === null || peer.endOfRibReceived[family]) return 'nothing';
  return session.gracefulRestart.restarted ? 'restarting' : 'connected';
}

/** Debts of one family. */
export class FamilyDebts {
  /** Peers that owe anything: kernel routes of the earlier life wait for them. */
  owing = 0;
  /** Of these, those with a session. */
  connected = 0;
  /** Debts that some End-of-RIB may wait for; of these, by internal peers that are no clients. */
  toAnnounce = 0;
  #toAnnounceFromNonClients = 0;
  readonly #blockers = new Set<string>();

  constructor(peers: readonly RecoveryPeer[], family: FamilyIndex, rules: RecoveryRules) {
    const mayHold = rules.isRestart || peers.some(({ isClient }) => isClient);
    for (const peer of peers) {
      const debt = debtOf(peer, family, rules);
      if (debt === 'nothing') continue;
      this.owing++;
      if (debt === 'connected' || debt === 'restarting') this.connected++;
      const isAbsent = debt === 'absent-unknown' || (debt === 'absent-expected' && !rules.isRestart);
      if (!mayHold || debt === 'restarting' || (isAbsent && rules.isGraceOver)) continue;
      if (debt === 'connected' && !rules.isRestart && peer.isOverdue) continue;
      this.toAnnounce++;
      if (peer.isInternal && !peer.isClient) this.#toAnnounceFromNonClients++;
      this.#blockers.add(peer.name);
    }
  }

  /** True: End-of-RIB to this peer would end routes that others have yet to tell us again. */
  holdsEndOfRib(peer: RecoveryPeer): boolean {
    // RFC 4724 2: without the capability the peer makes nothing of End-of-RIB.
    if (peer.session !== null && peer.session.gracefulRestart === null) return false;
    const isNonClient = peer.isInternal && !peer.isClient;
    const own = this.#blockers.has(peer.name) ? 1 : 0;
    const others = this.toAnnounce - own;
    return others > (isNonClient ? this.#toAnnounceFromNonClients - own : 0);
  }
}
