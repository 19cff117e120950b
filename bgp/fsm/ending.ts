/**
 * Everything that ends: connections, sessions, attempts; what they leave behind (routes kept for graceful restart,
 * idle-hold after errors) and how the peer goes on from there.
 */

import { FAMILY_IPV4, FAMILY_IPV6, FAMILY_NAMES, type FamilyIndex } from '../family.ts';
import { ERROR_OPEN_MESSAGE, UNSUPPORTED_OPTIONAL_PARAMETER } from '../iana.ts';
import type { NotificationError } from '../wire/error.ts';
import type { NotificationMessage } from '../wire/message-types.ts';
import type { StaleRemovalCause } from './action.ts';
import { dialLater } from './dialling.ts';
import { retainOnDown, retainsOlder } from './graceful-restart.ts';
import { countsAsError, nextIdleHoldSeconds } from './idle-hold.ts';
import {
  type AdministrativeCause,
  administrativeReason,
  ceaseFor,
  type DownReason,
  downReason,
  notification,
  sentReason,
} from './reason.ts';
import { type Connection, connectionsOf, type RetainedFamily } from './state.ts';
import { act, dropConnection, isRunning, setRetained, startTimer, stopTimer, type Turn } from './turn.ts';

const FAMILIES: readonly FamilyIndex[] = [FAMILY_IPV4, FAMILY_IPV6];

export interface Ending {
  readonly reason: DownReason;
  /** Sent before the close. */
  readonly notification?: NotificationMessage | null;
  /** Drop what is unsent. */
  readonly discard?: boolean;
  /** False: the caller says how the peer goes on. */
  readonly resume?: boolean;
}

/** Ends a connection: NOTIFICATION, timers, close, what it leaves, and how the peer goes on. */
export function endConnection(turn: Turn, connection: Connection, ending: Ending): void {
  const { peer } = turn;
  const { reason } = ending;
  if (ending.notification && connection.isOpen)
    act(turn, { type: 'send', connectionId: connection.id, message: ending.notification });
  for (const name of ['delayOpen', 'hold', 'keepalive', 'sendHold'] as const)
    stopTimer(turn, { name, connectionId: connection.id });
  if (connection.direction === 'outgoing' && !connection.isOpen) stopTimer(turn, { name: 'connectRetry' });
  act(turn, { type: 'close', connectionId: connection.id, discard: ending.discard ?? false });
  dropConnection(turn, connection);

  if (connection.state === 'Established') endSession(turn, connection, reason);
  else act(turn, { type: 'attemptFailed', connectionId: connection.id, reason });

  // What ends beside a session that lives is no concern of the peer as a whole.
  if (peer.session !== null) return;
  peer.lastDownReason = reason;
  // RFC 5492 section 3; the attempt after the next offers capabilities again.
  if (connection.sentOpen !== null)
    peer.omitCapabilities =
      reason.kind === 'notification-received' &&
      reason.code === ERROR_OPEN_MESSAGE &&
      reason.subcode === UNSUPPORTED_OPTIONAL_PARAMETER &&
      connection.sentOpen.capabilities.length > 0;
  if (!peer.isStarted) return;
  if (reason.kind !== 'administrative' && reason.kind !== 'collision' && reason.kind !== 'superseded')
    peer.connectRetryCounter++;
  if (ending.resume === false) return;
  // Where the peer resolves a collision by just closing the loser, nothing is wrong.
  const isHarmlessLoss = reason.kind === 'connection-lost' && connectionsOf(peer).some(({ isOpen }) => isOpen);
  if (countsAsError(reason, connection.state) && !isHarmlessLoss) holdIdle(turn, null);
  else dialLater(turn);
}

/** An error that we found on a connection: NOTIFICATION with the error's codes, and the end. */
export function failConnection(
  turn: Turn,
  connection: Connection,
  error: NotificationError,
  kind: 'notification-sent' | 'hold-timer-expired' = 'notification-sent',
): void {
  endConnection(turn, connection, {
    reason: sentReason(kind, error),
    notification: notification(error.code, error.subcode, error.data),
  });
}

/** Ends all connections because this side wants it; the caller says how the peer goes on. */
export function endAll(turn: Turn, cause: AdministrativeCause, text: string | null, silent: boolean): void {
  for (const connection of connectionsOf(turn.peer)) {
    const keepsRoutes = connection.negotiated?.gracefulRestart?.notification === true;
    const sent = silent || connection.sentOpen === null ? null : ceaseFor(cause, text, keepsRoutes);
    endConnection(turn, connection, {
      reason: administrativeReason(cause, text, sent, silent),
      notification: sent,
      resume: false,
    });
  }
}

/**
 * Idle-hold after an error: no dialling and no accepting for a while, longer each time. The other connection, when it
 * got as far as being open, may still make it.
 */
export function holdIdle(turn: Turn, seconds: number | null): void {
  const { peer } = turn;
  if (peer.session !== null) return;
  stopTimer(turn, { name: 'connectRetry' });
  if (peer.outgoing !== null && !peer.outgoing.isOpen) {
    const dialling = peer.outgoing;
    endConnection(turn, dialling, {
      reason: downReason('superseded', 'given up because the peer is in idle-hold'),
      resume: false,
    });
  }
  // Both connections failing one after the other are one error.
  if (seconds === null && isRunning(peer, { name: 'idleHold' })) return;
  if (seconds === null) {
    peer.lastIdleHoldSeconds = nextIdleHoldSeconds(peer.config.idleHold, peer.lastIdleHoldSeconds);
    startTimer(turn, { name: 'errorForget' }, peer.config.idleHold.forgetSeconds);
  }
  const wait = seconds ?? peer.lastIdleHoldSeconds;
  startTimer(turn, { name: 'idleHold' }, wait);
  act(turn, { type: 'report', topic: 'idle-hold', text: `next attempt in ${wait} s` });
}

/** Forgets earlier errors. */
export function forgetErrors(turn: Turn): void {
  turn.peer.lastIdleHoldSeconds = 0;
  stopTimer(turn, { name: 'errorForget' });
}

/** The session is over: tells so, keeps what graceful restart lets us keep and starts its timers. */
function endSession(turn: Turn, connection: Connection, reason: DownReason): void {
  const { peer } = turn;
  const session = connection.negotiated;
  stopTimer(turn, { name: 'stale' });
  if (session === null) return;
  if (reason.silent) {
    // The process is about to exit and leaves everything as it is, its own kernel routes too.
    const { families } = session;
    act(turn, { type: 'sessionDown', connectionId: connection.id, reason, retain: families, retainOlder: families });
    return;
  }
  const retained = retainOnDown(peer.config, session, reason, peer.retained);
  act(turn, {
    type: 'sessionDown',
    connectionId: connection.id,
    reason,
    retain: [retained[0] !== null, retained[1] !== null],
    retainOlder: [retainsOlder(peer.retained[0], retained[0]), retainsOlder(peer.retained[1], retained[1])],
  });
  const wasLongLived = FAMILIES.map((family) => peer.retained[family]?.phase === 'long-lived');
  peer.retained = retained;
  for (const family of FAMILIES) {
    const kept = retained[family];
    if (kept?.phase === 'long-lived') beginLongLived(turn, family, kept, wasLongLived[family]);
    else stopTimer(turn, { name: 'longLivedStale', family: FAMILY_NAMES[family] });
  }
  // A peer that is back already has nothing to be waited for.
  if (reason.kind !== 'peer-restarted' && retained.some((kept) => kept?.phase === 'restarting'))
    startTimer(turn, { name: 'restart' }, session.gracefulRestart?.restartTimeSeconds ?? 0);
}

/** RFC 9494 section 4.2. The timer of a family that is long-lived already runs on. */
export function beginLongLived(turn: Turn, family: FamilyIndex, kept: RetainedFamily, isRunningAlready: boolean): void {
  const name = FAMILY_NAMES[family];
  setRetained(turn, family, kept);
  act(turn, { type: 'markLongLivedStale', family: name });
  if (!isRunningAlready) startTimer(turn, { name: 'longLivedStale', family: name }, kept.longLivedStaleTimeSeconds);
}

/** Gives up what is still stale in a family. */
export function dropRetained(turn: Turn, family: FamilyIndex, cause: StaleRemovalCause): void {
  if (turn.peer.retained[family] === null) return;
  setRetained(turn, family, null);
  stopTimer(turn, { name: 'longLivedStale', family: FAMILY_NAMES[family] });
  act(turn, { type: 'removeStaleRoutes', family: FAMILY_NAMES[family], cause });
  const { retained } = turn.peer;
  if (!retained.some((kept) => kept?.phase === 'restarting')) stopTimer(turn, { name: 'restart' });
  if (!retained.some((kept) => kept?.phase === 'refreshing')) stopTimer(turn, { name: 'stale' });
}
