/**
 * The timers of a session, as values: which there are, what identifies one, and how long each runs.
 *
 * The machine never waits. It asks for timers by action and hears of their end by event; the driver owns the clock and
 * the randomness. All times are seconds. RFC 4271 sections 8.1.3 and 10, RFC 9687, RFC 4724, RFC 8538, RFC 9494.
 */

import type { FamilyName } from '../family.ts';
import type { SessionConfig } from '../session-config.ts';

/** `out-N` for the connections that we dial (numbered by the machine), `in-N` for those that arrive (by the driver). */
export type ConnectionId = `out-${number}` | `in-${number}`;

export type PeerTimerName =
  /** RFC 4271 ConnectRetryTimer; also the wait before the first attempt (`connectDelaySeconds`). */
  | 'connectRetry'
  /** RFC 4271 IdleHoldTimer: after an error the peer stays in Idle for this long. */
  | 'idleHold'
  /** Runs from the last error; when it ends the back-off starts again at its minimum. */
  | 'errorForget'
  /** RFC 4724 section 4.2: the peer must be back within its Restart Time. */
  | 'restart'
  /** RFC 4724 section 4.2, RFC 8538 section 4.1: after re-establishment, End-of-RIB must come within this time. */
  | 'stale';

export type ConnectionTimerName = 'hold' | 'keepalive' | 'sendHold' | 'delayOpen';

/** What identifies a timer. At most one timer per identity runs; starting it again replaces it. */
export type Timer =
  | { readonly name: PeerTimerName }
  | { readonly name: ConnectionTimerName; readonly connectionId: ConnectionId }
  /** RFC 9494 section 4.2: Long-lived Stale Time, per family. */
  | { readonly name: 'longLivedStale'; readonly family: FamilyName };

/** Text that is equal exactly for equal timers: the key of the driver's map of running timers. */
export function timerKey(timer: Timer): string {
  if ('connectionId' in timer) return `${timer.name} ${timer.connectionId}`;
  return 'family' in timer ? `${timer.name} ${timer.family}` : timer.name;
}

/** RFC 4271 section 10: a jittered timer runs for its time multiplied by a random factor between this and 1. */
export const JITTER_MIN_FACTOR = 0.75;

/** RFC 4271 section 8.2.2: the HoldTimer in OpenSent is "large", 4 minutes being suggested. */
export const OPEN_SENT_HOLD_TIME_SECONDS = 240;

/**
 * Wait before dialling again after a reset of our own making: long enough for the peer to have read the NOTIFICATION
 * on the old connection before it sees the new one, short enough not to be felt.
 */
export const RESET_RECONNECT_SECONDS = 1;

/**
 * RFC 8538 section 4.1 wants a bound and suggests 180 s. A BIRD that restarts defers its End-of-RIB for up to 240 s
 * while any of its peers is unreachable, so the bound must be above that: or its routes would go in the meantime.
 */
export const STALE_TIME_SECONDS = 300;

/** RFC 9687 section 6: the larger of 8 minutes and twice the negotiated hold time. */
const SEND_HOLD_MIN_SECONDS = 480;

export interface SessionTimes {
  readonly holdTimeSeconds: number;
  readonly keepaliveTimeSeconds: number;
  readonly sendHoldTimeSeconds: number;
  /** What of the configuration could not be used as it is, in words. */
  readonly adjustments: readonly string[];
}

/**
 * The times of a session whose negotiated hold time is given (RFC 4271 section 4.4: KEEPALIVEs every third of it, none
 * when it is 0). A configured keepalive time is used as it is, except where it would let the peer's hold timer expire.
 */
export function sessionTimes(config: SessionConfig, holdTimeSeconds: number): SessionTimes {
  const adjustments: string[] = [];
  const third = Math.max(1, Math.floor(holdTimeSeconds / 3));
  let keepaliveTimeSeconds = holdTimeSeconds === 0 ? 0 : third;
  const wanted = config.keepaliveTimeSeconds;
  if (holdTimeSeconds > 0 && wanted !== null && wanted > 0) {
    if (wanted < holdTimeSeconds) keepaliveTimeSeconds = wanted;
    else
      adjustments.push(
        `keepalive time ${wanted} s is not below the negotiated hold time ${holdTimeSeconds} s: using ${third} s`,
      );
  }
  let sendHoldTimeSeconds = config.sendHoldTimeSeconds ?? Math.max(SEND_HOLD_MIN_SECONDS, 2 * holdTimeSeconds);
  // RFC 9687 section 4.4: it must be above the hold time.
  if (sendHoldTimeSeconds > 0 && sendHoldTimeSeconds <= holdTimeSeconds) {
    adjustments.push(
      `send hold time ${sendHoldTimeSeconds} s is not above the negotiated hold time ${holdTimeSeconds} s: using ${2 * holdTimeSeconds} s`,
    );
    sendHoldTimeSeconds = 2 * holdTimeSeconds;
  }
  return { holdTimeSeconds, keepaliveTimeSeconds, sendHoldTimeSeconds, adjustments };
}
