/**
 * Our own graceful restart as the control socket tells it: the 0024 lines of `show status` and `GR recovery`. Only peers
 * that have a session and have not sent everything count: readiness waits for what is said here, and an absent peer
 * would hold it up for minutes. No protocol is ever in BIRD's state `wait`: routes are installed and announced at once.
 */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import type { Speaker } from '../speaker/speaker.ts';

export interface Recovery {
  /** Peers with a session whose End-of-RIB is waited for. */
  readonly pendingPeers: ReadonlySet<string>;
  readonly leftSeconds: number;
  readonly fullSeconds: number;
}

/** Of these families; null: no recovery goes on. */
export function recoveryOf(speaker: Speaker, families: readonly FamilyIndex[]): Recovery | null {
  const view = speaker.recovery();
  if (view === null || !view.isRestart) return null;
  const pendingPeers = new Set<string>();
  let leftSeconds = 0;
  for (const family of families) {
    const { waitingFor, untilMs } = view.families[FAMILY_NAMES[family]];
    for (const { peer, connected } of waitingFor) if (connected) pendingPeers.add(peer);
    if (untilMs !== null) leftSeconds = Math.max(leftSeconds, Math.ceil((untilMs - speaker.clock.wallMs()) / 1000));
  }
  if (pendingPeers.size === 0) return null;
  return { pendingPeers, leftSeconds, fullSeconds: speaker.deferralSeconds };
}
