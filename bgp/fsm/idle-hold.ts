/**
 * How long a peer stays in Idle after an error: the first time the minimum, then twice the time before up to the
 * maximum (RFC 4271 section 8.1.1, DampPeerOscillations and IdleHoldTime). The machine forgets the last time when
 * `forgetSeconds` have passed without an error, when the peer is stopped and when its configuration changes.
 */

import {
  CEASE_ADMINISTRATIVE_RESET,
  CEASE_CONNECTION_COLLISION_RESOLUTION,
  CEASE_CONNECTION_REJECTED,
  CEASE_OTHER_CONFIGURATION_CHANGE,
  ERROR_CEASE,
} from '../iana.ts';
import type { SessionConfig } from '../session-config.ts';
import type { AdministrativeCause, DownReason } from './reason.ts';
import type { FsmState } from './state.ts';

/** The idle-hold time after one more error; `previousSeconds` is that of the last remembered error, 0 when none is. */
export function nextIdleHoldSeconds(limits: SessionConfig['idleHold'], previousSeconds: number): number {
  const next = previousSeconds === 0 ? limits.minSeconds : previousSeconds * 2;
  return Math.min(Math.max(next, limits.minSeconds), Math.max(limits.minSeconds, limits.maxSeconds));
}

/** Received Cease subcodes that say "not now" or "come again" rather than "you or I did wrong". */
const HARMLESS_CEASE: readonly number[] = [
  CEASE_ADMINISTRATIVE_RESET,
  CEASE_CONNECTION_REJECTED,
  CEASE_OTHER_CONFIGURATION_CHANGE,
  CEASE_CONNECTION_COLLISION_RESOLUTION,
];

/** A path that comes and goes is damped like a peer that does. */
const ADMINISTRATIVE_ERRORS: readonly AdministrativeCause[] = ['max-prefixes', 'out-of-resources', 'bfd-down'];

/**
 * True when what ended a connection in the given state must slow down the next attempt. A refused dial and a
 * connection lost in OpenSent only wait for the ConnectRetryTimer (RFC 4271 section 8.2.2); so does an established
 * session whose peer went away, because a restarting peer should find us ready.
 */
export function countsAsError(reason: DownReason, state: FsmState): boolean {
  switch (reason.kind) {
    case 'notification-sent':
    case 'hold-timer-expired':
    case 'send-hold-timer-expired':
      return true;
    case 'notification-received': {
      const subcode = reason.encapsulated !== null ? reason.encapsulated.subcode : reason.subcode;
      const code = reason.encapsulated !== null ? reason.encapsulated.code : reason.code;
      return code !== ERROR_CEASE || !HARMLESS_CEASE.includes(subcode ?? 0);
    }
    case 'connection-lost':
      return state === 'OpenConfirm';
    case 'administrative':
      return reason.cause !== null && ADMINISTRATIVE_ERRORS.includes(reason.cause);
    case 'connection-failed':
    case 'collision':
    case 'refused':
    case 'superseded':
    case 'peer-restarted':
      return false;
  }
}
