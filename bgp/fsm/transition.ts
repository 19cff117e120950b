/**
 * The session machine: one peer, one event, the next state and what to do. RFC 4271 section 8.
 *
 * A pure function that never throws: every event has an answer in every state, if only that it is ignored and why. The
 * answers stand in peer-table.ts and connection-table.ts; here is only which row applies.
 */

import type { Action } from './action.ts';
import { CONNECTION_TABLE, type ConnectionEvent } from './connection-table.ts';
import { type Event, timerOf } from './event.ts';
import { PEER_TABLE, type PeerEvent } from './peer-table.ts';
import { type Connection, connectionOf, dialStateOf, type PeerState, peerStateOf } from './state.ts';
import { timerKey } from './timers.ts';
import { beginTurn, forgetTimer, ignore, isRunning, type Turn } from './turn.ts';

export interface Step {
  readonly state: PeerState;
  readonly actions: readonly Action[];
}

/** What the event makes of the peer. The given state is left as it is. */
export function step(state: PeerState, event: Event): Step {
  const turn = beginTurn(state);
  take(turn, event);
  return { state: turn.peer, actions: turn.actions };
}

function take(turn: Turn, event: Event): void {
  const timer = timerOf(event);
  if (timer !== null) {
    if (!isRunning(turn.peer, timer)) {
      ignore(turn, event.type, `the timer "${timerKey(timer)}" is not running`);
      return;
    }
    forgetTimer(turn, timer);
  }
  if (isPeerEvent(event)) {
    takePeerEvent(turn, event);
    return;
  }
  const connection = connectionOf(turn.peer, event.connectionId);
  if (connection === null) ignore(turn, event.type, `there is no connection ${event.connectionId}`);
  else takeConnectionEvent(turn, connection, event);
}

function isPeerEvent(event: Event): event is PeerEvent {
  return event.type in PEER_TABLE.Idle;
}

function takePeerEvent(turn: Turn, event: PeerEvent): void {
  if (event.type === 'incomingConnectionOpened' && connectionOf(turn.peer, event.connectionId) !== null) {
    ignore(turn, event.type, `there is a connection ${event.connectionId} already`);
    return;
  }
  const state = event.type === 'connectRetryTimerExpired' ? dialStateOf(turn.peer) : peerStateOf(turn.peer);
  // The table gives each type its own handler; the compiler cannot follow the type through the look-up.
  const handle = PEER_TABLE[state][event.type] as (turn: Turn, event: PeerEvent) => void;
  handle(turn, event);
}

function takeConnectionEvent(turn: Turn, connection: Connection, event: ConnectionEvent): void {
  const handle = CONNECTION_TABLE[connection.state][event.type] as (
    turn: Turn,
    connection: Connection,
    event: ConnectionEvent,
  ) => void;
  handle(turn, connection, event);
}
