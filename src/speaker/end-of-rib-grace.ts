/**
 * End-of-RIB of a peer that has just come back is believed a little later: what is still stale goes 3 s after the session
 * came up at the earliest. RFC 4724 4.2 removes it at once. But a route reflector that is back hears its clients one
 * after the other, and FRR and GoBGP announce End-of-RIB to the first before they have heard the second, whose routes
 * would be gone for that time although nothing is wrong with the ways. What has really gone was stale for longer already.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import type { StaleRemovalCause } from '../../bgp/fsm/action.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { Clock } from './clock.ts';

const GRACE_MS = 3000;

/** What is looked at of a peer driver. */
export interface ReturningPeer {
  readonly session: NegotiatedSession | null;
  readonly sessionUpMs: number;
}

export class EndOfRibGrace<P extends ReturningPeer> {
  readonly #clock: Clock;
  readonly #remove: (peer: P, family: FamilyIndex) => void;

  constructor(clock: Clock, remove: (peer: P, family: FamilyIndex) => void) {
    this.#clock = clock;
    this.#remove = remove;
  }

  /** The machine says that the peer's stale routes go; `remove` is called now, or when the grace is over. */
  removeStale(peer: P, family: FamilyIndex, cause: StaleRemovalCause): void {
    const { session } = peer;
    const leftMs = peer.sessionUpMs + GRACE_MS - this.#clock.nowMs();
    if (cause !== 'end-of-rib' || session === null || leftMs <= 0) {
      this.#remove(peer, family);
      return;
    }
    // At the end of the session the tables decide about all that is stale.
    this.#clock.setTimer(leftMs, () => {
      if (peer.session === session) this.#remove(peer, family);
    });
  }
}
