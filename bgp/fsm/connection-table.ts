/**
 * The table for events of one connection, by that connection's state. Types make every pair have a row.
 *
 * RFC 4271 section 8.2.2, RFC 6608 (which message came out of turn), RFC 9687. Not as in RFC 4271: an error before our
 * OPEN is answered with a NOTIFICATION all the same (its SendNOTIFICATIONwithoutOPEN), because that is what tells the
 * peer's operator what is wrong. A NOTIFICATION is never answered with one.
 */

import { FAMILY_IPV4, FAMILY_IPV6, familyIndex } from '../family.ts';
import {
  ERROR_FINITE_STATE_MACHINE,
  ERROR_HOLD_TIMER_EXPIRED,
  ERROR_SEND_HOLD_TIMER_EXPIRED,
  MESSAGE_KEEPALIVE,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
} from '../iana.ts';
import { notificationError } from '../wire/error.ts';
import { toHex } from '../wire/octets.ts';
import { connectionIsOpen, sendOpen } from './connecting.ts';
import { dropRetained, endConnection, failConnection } from './ending.ts';
import { establish, receiveOpen, restartHoldTimer, startKeepaliveTimer } from './establishing.ts';
import type { Event, EventOf } from './event.ts';
import { downReason, receivedReason } from './reason.ts';
import type { Connection } from './state.ts';
import { act, ignore, type Turn } from './turn.ts';

export type ConnectionEventType =
  | 'holdTimerExpired'
  | 'keepaliveTimerExpired'
  | 'delayOpenTimerExpired'
  | 'sendHoldTimerExpired'
  | 'outgoingConnectionOpened'
  | 'connectionFailed'
  | 'openReceived'
  | 'keepaliveReceived'
  | 'updateReceived'
  | 'routeRefreshReceived'
  | 'notificationReceived'
  | 'messageMalformed'
  | 'endOfRibReceived';

/** Events on a connection that the peer has. */
export type ConnectionEvent = Extract<Event, { readonly type: ConnectionEventType }>;

type ConnectionRow = {
  readonly [T in ConnectionEventType]: (turn: Turn, connection: Connection, event: EventOf<T>) => void;
};

/** What is the same in every state. */
const EVERYWHERE = {
  connectionFailed: (turn, connection, event) =>
    endConnection(turn, connection, {
      reason: connection.isOpen
        ? downReason('connection-lost', event.error ?? 'the peer closed the connection')
        : downReason('connection-failed', event.error ?? 'the dial failed'),
      discard: true,
    }),
  notificationReceived: (turn, connection, event) =>
    endConnection(turn, connection, { reason: receivedReason(event.notification) }),
  messageMalformed: (turn, connection, event) => failConnection(turn, connection, event.error),
} satisfies Partial<ConnectionRow>;

/** RFC 4271 section 8.2.2, Connect and Active, with the DelayOpenTimer running or the dial under way. */
const BEFORE_OPEN: ConnectionRow = {
  ...EVERYWHERE,
  notificationReceived: onceOpen(EVERYWHERE.notificationReceived),
  messageMalformed: onceOpen(EVERYWHERE.messageMalformed),
  holdTimerExpired: late,
  keepaliveTimerExpired: late,
  delayOpenTimerExpired: (turn, connection) => void sendOpen(turn, connection),
  sendHoldTimerExpired: late,
  outgoingConnectionOpened: late,
  // Event 20: our OPEN goes out ahead of its time.
  openReceived: onceOpen((turn, connection, event) => receiveOpen(turn, sendOpen(turn, connection), event.open)),
  keepaliveReceived: unexpected(0, MESSAGE_KEEPALIVE),
  updateReceived: unexpected(0, MESSAGE_UPDATE),
  routeRefreshReceived: unexpected(0, MESSAGE_ROUTE_REFRESH),
  endOfRibReceived: unexpected(0, MESSAGE_UPDATE),
};

export const CONNECTION_TABLE: { readonly [S in Connection['state']]: ConnectionRow } = {
  Connect: {
    ...BEFORE_OPEN,
    outgoingConnectionOpened: (turn, connection, event) => {
      if (connection.isOpen) ignore(turn, event.type, 'the connection is open already');
      else connectionIsOpen(turn, connection);
    },
  },
  Active: BEFORE_OPEN,
  OpenSent: {
    ...EVERYWHERE,
    holdTimerExpired,
    keepaliveTimerExpired: late,
    delayOpenTimerExpired: late,
    sendHoldTimerExpired: late,
    outgoingConnectionOpened: late,
    openReceived: (turn, connection, event) => receiveOpen(turn, connection, event.open),
    keepaliveReceived: unexpected(1, MESSAGE_KEEPALIVE),
    updateReceived: unexpected(1, MESSAGE_UPDATE),
    routeRefreshReceived: unexpected(1, MESSAGE_ROUTE_REFRESH),
    endOfRibReceived: unexpected(1, MESSAGE_UPDATE),
  },
  OpenConfirm: {
    ...EVERYWHERE,
    holdTimerExpired,
    keepaliveTimerExpired,
    delayOpenTimerExpired: late,
    sendHoldTimerExpired: late,
    outgoingConnectionOpened: late,
    // RFC 4271 speaks of a collision here, but that is an OPEN on another connection.
    openReceived: unexpected(2, MESSAGE_OPEN),
    keepaliveReceived: (turn, connection) => {
      if (connection.negotiated !== null) establish(turn, connection, connection.negotiated);
    },
    updateReceived: unexpected(2, MESSAGE_UPDATE),
    routeRefreshReceived: unexpected(2, MESSAGE_ROUTE_REFRESH),
    endOfRibReceived: unexpected(2, MESSAGE_UPDATE),
  },
  Established: {
    ...EVERYWHERE,
    holdTimerExpired,
    keepaliveTimerExpired,
    delayOpenTimerExpired: late,
    sendHoldTimerExpired,
    outgoingConnectionOpened: late,
    openReceived: unexpected(3, MESSAGE_OPEN),
    keepaliveReceived: peerIsAlive,
    updateReceived: peerIsAlive,
    routeRefreshReceived: peerIsAlive,
    endOfRibReceived: (turn, connection, event) => {
      peerIsAlive(turn, connection);
      const family = familyIndex(event.family);
      dropRetained(turn, family === FAMILY_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6, 'end-of-rib');
    },
  },
};

function late(turn: Turn, connection: Connection, event: ConnectionEvent): void {
  ignore(turn, event.type, `it means nothing for ${connection.id} in ${connection.state}`);
}

/** RFC 6608: the data is the type of the message that came out of turn. */
function unexpected(
  subcode: number,
  messageType: number,
): (turn: Turn, connection: Connection, event: ConnectionEvent) => void {
  const data = subcode === 0 ? '' : toHex(Uint8Array.of(messageType));
  return onceOpen((turn, connection) => {
    const reason = `message type ${messageType} came in ${connection.state}`;
    failConnection(turn, connection, notificationError(ERROR_FINITE_STATE_MACHINE, subcode, reason, data));
  });
}

/** Nothing can arrive on a connection that is still being dialled. */
function onceOpen<E extends ConnectionEvent>(
  handle: (turn: Turn, connection: Connection, event: E) => void,
): (turn: Turn, connection: Connection, event: E) => void {
  return (turn, connection, event) => {
    if (connection.isOpen) handle(turn, connection, event);
    else late(turn, connection, event);
  };
}

function holdTimerExpired(turn: Turn, connection: Connection): void {
  const reason = `nothing heard in ${connection.state} for the hold time`;
  failConnection(turn, connection, notificationError(ERROR_HOLD_TIMER_EXPIRED, 0, reason), 'hold-timer-expired');
}

function keepaliveTimerExpired(turn: Turn, connection: Connection): void {
  if (connection.negotiated === null) return;
  act(turn, { type: 'send', connectionId: connection.id, message: { type: 'keepalive' } });
  startKeepaliveTimer(turn, connection.id, connection.negotiated);
}

/** RFC 9687: nothing more can be sent, so the NOTIFICATION is only for the log. */
function sendHoldTimerExpired(turn: Turn, connection: Connection): void {
  endConnection(turn, connection, {
    reason: downReason('send-hold-timer-expired', 'the peer has not read anything for the send hold time', {
      code: ERROR_SEND_HOLD_TIMER_EXPIRED,
      subcode: 0,
    }),
    discard: true,
  });
}

function peerIsAlive(turn: Turn, connection: Connection): void {
  if (connection.negotiated !== null) restartHoldTimer(turn, connection.id, connection.negotiated);
}
