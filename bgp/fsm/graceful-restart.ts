/**
 * The helper side of graceful restart, as decisions: whose routes outlive a session, which go when the peer is back,
 * and what follows when it does not come back. The machine turns them into timers and actions.
 *
 * RFC 4724 section 4.2 (a lost connection), RFC 8538 section 4 (NOTIFICATIONs and the hold timer, when both sides have
 * set the N bit, except for a Hard Reset), RFC 9494 section 4.2 (long-lived).
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../family.ts';
import type { NegotiatedSession } from '../negotiated.ts';
import type { SessionConfig } from '../session-config.ts';
import { type DownReason, isHardCause } from './reason.ts';
import type { RetainedFamily } from './state.ts';

export type Retained = readonly [RetainedFamily | null, RetainedFamily | null];

const FAMILIES: readonly FamilyIndex[] = [FAMILY_IPV4, FAMILY_IPV6];

/**
 * A peer that restarts again before its End-of-RIB keeps the routes that were stale already, which RFC 4724 section 4.2
 * would have us remove: its forwarding has outlived one restart and outlives the next. So often, and no more: the
 * whole of the retention stays bounded by this many restart times.
 */
export const LOSSES_OUTLIVED_MAX = 3;

/** True when a session that ended for this reason lets the peer's routes be kept at all. */
export function allowsRetention(reason: DownReason, session: NegotiatedSession): boolean {
  const overNotification = session.gracefulRestart?.notification === true && !reason.hardReset;
  switch (reason.kind) {
    case 'connection-lost':
    case 'peer-restarted':
      return true;
    case 'notification-sent':
    case 'notification-received':
    case 'hold-timer-expired':
    // RFC 9687 is silent on it; the peer's forwarding is no worse than when its KEEPALIVEs stop coming.
    case 'send-hold-timer-expired':
      return overNotification;
    case 'administrative':
      return overNotification && reason.cause !== null && !isHardCause(reason.cause);
    case 'connection-failed':
    case 'collision':
    case 'refused':
    case 'superseded':
      return false;
  }
}

/**
 * Families whose routes are kept when an established session ends, and what of them. `previous` are those that were
 * still being refreshed after an earlier restart.
 */
export function retainOnDown(
  config: SessionConfig,
  session: NegotiatedSession,
  reason: DownReason,
  previous: Retained,
): Retained {
  if (config.gracefulRestart.mode === 'off' || session.gracefulRestart === null) return [null, null];
  if (!allowsRetention(reason, session)) return [null, null];
  const isBack = reason.kind === 'peer-restarted';
  return [
    retainFamily(config, session, FAMILY_IPV4, previous[FAMILY_IPV4], isBack),
    retainFamily(config, session, FAMILY_IPV6, previous[FAMILY_IPV6], isBack),
  ];
}

function retainFamily(
  config: SessionConfig,
  session: NegotiatedSession,
  family: FamilyIndex,
  previous: RetainedFamily | null,
  isBack: boolean,
): RetainedFamily | null {
  if (!session.families[family]) return null;
  const keepsLongLived = (config.gracefulRestart.longLivedStaleTimeSeconds ?? 0) > 0;
  const longLived = session.longLivedGracefulRestart?.families.find((listed) => listed.family === family);
  const longLivedStaleTimeSeconds = keepsLongLived ? (longLived?.staleTimeSeconds ?? 0) : 0;
  // The stale time of a family that is still long-lived runs on: it bounds the whole of the retention, however often
  // the session comes and goes meanwhile (RFC 9494 section 4.2).
  if (previous?.phase === 'long-lived' && longLivedStaleTimeSeconds > 0)
    return { phase: 'long-lived', longLivedStaleTimeSeconds, lossesOutlived: previous.lossesOutlived };
  const lossesOutlived = outlivesAnother(previous) ? previous.lossesOutlived + 1 : 0;
  const inRestart = session.gracefulRestart?.families.some((listed) => listed.family === family) === true;
  if (inRestart && (isBack || (session.gracefulRestart?.restartTimeSeconds ?? 0) > 0))
    return { phase: 'restarting', longLivedStaleTimeSeconds, lossesOutlived };
  return longLivedStaleTimeSeconds > 0 ? { phase: 'long-lived', longLivedStaleTimeSeconds, lossesOutlived } : null;
}

function outlivesAnother(previous: RetainedFamily | null): previous is RetainedFamily {
  return previous !== null && previous.lossesOutlived < LOSSES_OUTLIVED_MAX;
}

/**
 * True when routes that were stale before this loss of the session stay as well. Long-lived ones have a time of their
 * own that ends them (RFC 9494 section 4.2).
 */
export function retainsOlder(previous: RetainedFamily | null, kept: RetainedFamily | null): boolean {
  return kept !== null && (previous?.phase === 'long-lived' || outlivesAnother(previous));
}

/**
 * Families whose retained routes must go at once when the peer is back: those it no longer lists, or lists without the
 * F bit (RFC 4724 section 4.2, RFC 9494 section 4.2), or that the new session does not carry.
 */
export function notPreserved(retained: Retained, session: NegotiatedSession): FamilyIndex[] {
  return FAMILIES.filter((family) => {
    const kept = retained[family];
    if (kept === null) return false;
    const lists =
      kept.phase === 'long-lived' ? session.longLivedGracefulRestart?.families : session.gracefulRestart?.families;
    return lists?.some((listed) => listed.family === family && listed.forwardingPreserved) !== true;
  });
}

/** What becomes of a family when the peer has not come back within its Restart Time. */
export function afterRestartTime(kept: RetainedFamily): RetainedFamily | null {
  return kept.longLivedStaleTimeSeconds > 0 ? { ...kept, phase: 'long-lived' } : null;
}

/** What a family waits for once the peer is back: End-of-RIB, a long-lived one under its old stale time. */
export function afterReestablishment(kept: RetainedFamily): RetainedFamily {
  return kept.phase === 'long-lived' ? kept : { ...kept, phase: 'refreshing' };
}
