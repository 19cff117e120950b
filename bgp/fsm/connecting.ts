/**
 * What happens to connections that are coming up: a dial that takes too long, one that is open and gets our OPEN, and
 * those of the peer, which are accepted or refused. RFC 4271 section 8.2.2, states Connect and Active.
 */

import { CEASE_CONNECTION_COLLISION_RESOLUTION, CEASE_CONNECTION_REJECTED, ERROR_CEASE } from '../iana.ts';
import { dial, dialLater } from './dialling.ts';
import { endConnection } from './ending.ts';
import { buildOpen } from './local-open.ts';
import { downReason, notification } from './reason.ts';
import { type Connection, isAwake } from './state.ts';
import { OPEN_SENT_HOLD_TIME_SECONDS } from './timers.ts';
import { act, putConnection, startTimer, stopTimer, type Turn } from './turn.ts';

/**
 * Event 9. RFC 4271 drops a dial that takes longer than the ConnectRetryTime and begins a new one. While the peer's own
 * connection is in OpenConfirm there is no use in dialling: it would only be a collision.
 */
export function connectRetryExpired(turn: Turn): void {
  const { outgoing, incoming, config } = turn.peer;
  if (outgoing !== null && !outgoing.isOpen)
    endConnection(turn, outgoing, {
      reason: downReason('connection-failed', `no connection within ${config.connectRetryTimeSeconds} s`),
      resume: false,
    });
  if (incoming?.state === 'OpenConfirm') dialLater(turn);
  else dial(turn);
}

/** Events 16 and 17: an open connection waits for the DelayOpenTimer or gets our OPEN. */
export function connectionIsOpen(turn: Turn, connection: Connection): void {
  const { delayOpenTimeSeconds } = turn.peer.config;
  if (connection.direction === 'outgoing') stopTimer(turn, { name: 'connectRetry' });
  const open: Connection = { ...connection, isOpen: true };
  putConnection(turn, open);
  if (delayOpenTimeSeconds > 0)
    startTimer(turn, { name: 'delayOpen', connectionId: connection.id }, delayOpenTimeSeconds);
  else sendOpen(turn, open);
}

/** Sends our OPEN; the connection is in OpenSent then. */
export function sendOpen(turn: Turn, connection: Connection): Connection {
  const { peer } = turn;
  const open = buildOpen(peer.config, {
    localRestart: peer.localRestart,
    hasBeenEstablished: peer.establishedCount > 0,
    omitCapabilities: peer.omitCapabilities,
  });
  const next: Connection = { ...connection, state: 'OpenSent', sentOpen: open };
  stopTimer(turn, { name: 'delayOpen', connectionId: connection.id });
  putConnection(turn, next);
  act(turn, { type: 'send', connectionId: connection.id, message: open });
  startTimer(turn, { name: 'hold', connectionId: connection.id }, OPEN_SENT_HOLD_TIME_SECONDS);
  return next;
}

/** Event 17 while there is no session, or under one whose peer may have restarted. */
export function acceptIncoming(turn: Turn, connectionId: `in-${number}`): void {
  if (!isAwake(turn.peer)) {
    refuseIncoming(turn, connectionId, CEASE_CONNECTION_REJECTED, 'the peer is in idle-hold');
    return;
  }
  const earlier = turn.peer.incoming;
  if (earlier?.state === 'OpenConfirm') {
    refuseIncoming(turn, connectionId, CEASE_CONNECTION_REJECTED, 'another incoming connection is being confirmed');
    return;
  }
  // A peer dials again when it has given up its earlier connection, which has not brought an OPEN yet.
  if (earlier !== null)
    endConnection(turn, earlier, {
      reason: downReason('superseded', `the peer has opened a newer connection, ${connectionId}`),
      notification: earlier.sentOpen === null ? null : notification(ERROR_CEASE, CEASE_CONNECTION_REJECTED),
      resume: false,
    });
  connectionIsOpen(turn, {
    id: connectionId,
    direction: 'incoming',
    state: 'Active',
    isOpen: true,
    sentOpen: null,
    negotiated: null,
  });
}

/**
 * Event 17 under an established session. A peer without graceful restart loses its new connection (RFC 4271 section
 * 6.8). One with it may have restarted without our noticing, and RFC 4724 section 5 ends the old session on the spot.
 * We let the new connection prove itself first, up to the peer's KEEPALIVE on it (see `establish`): a connection that
 * the peer began before this session came up, or one that says nothing, then does no harm.
 */
export function acceptUnderSession(turn: Turn, connectionId: `in-${number}`): void {
  const restart = turn.peer.session?.negotiated?.gracefulRestart ?? null;
  if (restart !== null && restart.families.length > 0) acceptIncoming(turn, connectionId);
  else
    refuseIncoming(
      turn,
      connectionId,
      CEASE_CONNECTION_COLLISION_RESOLUTION,
      'there is an established session already',
    );
}

/** Tells the peer why (RFC 4486 section 4) and closes; the connection never becomes part of the peer. */
export function refuseIncoming(turn: Turn, connectionId: `in-${number}`, ceaseSubcode: number, why: string): void {
  act(turn, { type: 'send', connectionId, message: notification(ERROR_CEASE, ceaseSubcode) });
  act(turn, { type: 'close', connectionId, discard: false });
  act(turn, {
    type: 'attemptFailed',
    connectionId,
    reason: downReason('refused', `refused: ${why}`, { code: ERROR_CEASE, subcode: ceaseSubcode }),
  });
}
