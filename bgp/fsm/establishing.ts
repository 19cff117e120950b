/**
 * From the peer's OPEN to the session: negotiation, collision (RFC 4271 section 6.8), and the KEEPALIVE that makes the
 * session. RFC 4271 section 8.2.2, states OpenSent and OpenConfirm.
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../family.ts';
import { CEASE_CONNECTION_COLLISION_RESOLUTION, ERROR_CEASE } from '../iana.ts';
import type { NegotiatedSession } from '../negotiated.ts';
import type { OpenMessage } from '../wire/message-types.ts';
import { survivingDirection } from './collision.ts';
import { dropRetained, endConnection, failConnection } from './ending.ts';
import { afterReestablishment, notPreserved } from './graceful-restart.ts';
import { negotiate } from './negotiate.ts';
import { downReason, notification } from './reason.ts';
import type { Connection } from './state.ts';
import { STALE_TIME_SECONDS } from './timers.ts';
import { act, putConnection, setRetained, startTimer, stopTimer, type Turn } from './turn.ts';

const FAMILIES: readonly FamilyIndex[] = [FAMILY_IPV4, FAMILY_IPV6];

/** Event 19 in OpenSent: refuse the OPEN, lose a collision, or confirm. */
export function receiveOpen(turn: Turn, connection: Connection, open: OpenMessage): void {
  const { sentOpen } = connection;
  if (sentOpen === null) return;
  const result = negotiate(turn.peer.config, sentOpen, open);
  if (!result.ok) {
    failConnection(turn, connection, result.error);
    return;
  }
  for (const text of result.adjustments) act(turn, { type: 'report', topic: 'negotiation', text });
  if (!survivesCollision(turn, connection, result.session)) return;
  confirm(turn, connection, result.session);
}

/**
 * Compares with the other connection, if there is one. RFC 4271 section 6.8 decides when the other is in OpenConfirm.
 * Where the other is not so far and would lose, it is closed at once: the peer, seeing the same two identifiers, drops
 * it too. Where it would win, both go on until its own OPEN comes, since it may never come.
 */
function survivesCollision(turn: Turn, connection: Connection, session: NegotiatedSession): boolean {
  const other = connection.direction === 'outgoing' ? turn.peer.incoming : turn.peer.outgoing;
  if (other === null) return true;
  const survivor = survivingDirection(session);
  if (connection.direction === survivor) {
    loseCollision(turn, other, connection);
    return true;
  }
  if (other.state !== 'OpenConfirm') return true;
  loseCollision(turn, connection, other);
  return false;
}

/** Event 23, OpenCollisionDump. */
function loseCollision(turn: Turn, loser: Connection, winner: Connection): void {
  endConnection(turn, loser, {
    reason: downReason('collision', `collision resolved in favour of ${winner.id}`, {
      code: ERROR_CEASE,
      subcode: CEASE_CONNECTION_COLLISION_RESOLUTION,
    }),
    notification: loser.sentOpen === null ? null : notification(ERROR_CEASE, CEASE_CONNECTION_COLLISION_RESOLUTION),
  });
}

/** Into OpenConfirm: KEEPALIVE out, timers to their negotiated times. */
function confirm(turn: Turn, connection: Connection, session: NegotiatedSession): void {
  const connectionId = connection.id;
  putConnection(turn, { ...connection, state: 'OpenConfirm', negotiated: session });
  act(turn, { type: 'send', connectionId, message: { type: 'keepalive' } });
  restartHoldTimer(turn, connectionId, session);
  startKeepaliveTimer(turn, connectionId, session);
}

/** (Re)starts the HoldTimer with the negotiated time; with 0 there is none. */
export function restartHoldTimer(turn: Turn, connectionId: Connection['id'], session: NegotiatedSession): void {
  if (session.holdTimeSeconds > 0) startTimer(turn, { name: 'hold', connectionId }, session.holdTimeSeconds);
  else stopTimer(turn, { name: 'hold', connectionId });
}

export function startKeepaliveTimer(turn: Turn, connectionId: Connection['id'], session: NegotiatedSession): void {
  if (session.keepaliveTimeSeconds > 0)
    startTimer(turn, { name: 'keepalive', connectionId }, session.keepaliveTimeSeconds, true);
  else stopTimer(turn, { name: 'keepalive', connectionId });
}

export function startSendHoldTimer(turn: Turn, connectionId: Connection['id'], session: NegotiatedSession): void {
  if (session.sendHoldTimeSeconds > 0)
    startTimer(turn, { name: 'sendHold', connectionId }, session.sendHoldTimeSeconds);
  else stopTimer(turn, { name: 'sendHold', connectionId });
}

/**
 * Event 26 in OpenConfirm: the session is up. Other connections go: the one that lost the race, and an established
 * session that the peer has left behind by restarting (RFC 4724 section 5; see `acceptUnderSession`).
 */
export function establish(turn: Turn, connection: Connection, session: NegotiatedSession): void {
  const { peer } = turn;
  const left = peer.session;
  putConnection(turn, { ...connection, state: 'Established' });
  if (left !== null)
    endConnection(turn, left, {
      reason: downReason('peer-restarted', `the peer has restarted and is back on ${connection.id}`),
      discard: true,
    });
  for (const other of [peer.outgoing, peer.incoming]) if (other !== null) loseCollision(turn, other, connection);
  stopTimer(turn, { name: 'connectRetry' });
  stopTimer(turn, { name: 'idleHold' });
  stopTimer(turn, { name: 'restart' });
  peer.connectRetryCounter = 0;
  peer.establishedCount++;
  peer.lastDownReason = null;
  peer.omitCapabilities = false;
  restartHoldTimer(turn, connection.id, session);
  startSendHoldTimer(turn, connection.id, session);
  act(turn, { type: 'sessionEstablished', connectionId: connection.id, session });
  resumeRetained(turn, session);
}

/** RFC 4724 section 4.2: what was kept goes at once or waits for End-of-RIB. */
function resumeRetained(turn: Turn, session: NegotiatedSession): void {
  for (const family of notPreserved(turn.peer.retained, session))
    dropRetained(turn, family, 'forwarding-not-preserved');
  let isRefreshing = false;
  for (const family of FAMILIES) {
    const kept = turn.peer.retained[family];
    if (kept === null) continue;
    setRetained(turn, family, afterReestablishment(kept));
    if (kept.phase !== 'long-lived') isRefreshing = true;
  }
  if (isRefreshing) startTimer(turn, { name: 'stale' }, STALE_TIME_SECONDS);
}
