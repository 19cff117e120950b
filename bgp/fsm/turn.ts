/**
 * One step of the machine under way: the peer's next state being written and the actions so far. Here is only the
 * bookkeeping that keeps the two in agreement; what to do is decided in the other files.
 */

import type { FamilyIndex } from '../family.ts';
import type { Action } from './action.ts';
import type { EventType } from './event.ts';
import type { Connection, PeerState, RetainedFamily } from './state.ts';
import { type Timer, timerKey } from './timers.ts';

export interface Turn {
  readonly peer: { -readonly [K in keyof PeerState]: PeerState[K] };
  readonly actions: Action[];
}

export function beginTurn(peer: PeerState): Turn {
  return { peer: { ...peer }, actions: [] };
}

export function act(turn: Turn, action: Action): void {
  turn.actions.push(action);
}

export function ignore(turn: Turn, event: EventType, reason: string): void {
  act(turn, { type: 'ignored', event, reason });
}

export function isRunning(peer: PeerState, timer: Timer): boolean {
  const key = timerKey(timer);
  return peer.timers.some((running) => timerKey(running) === key);
}

/** Takes a timer off the list without an action: it has run out. */
export function forgetTimer(turn: Turn, timer: Timer): void {
  const key = timerKey(timer);
  turn.peer.timers = turn.peer.timers.filter((running) => timerKey(running) !== key);
}

/** Starts the timer, anew when it runs. */
export function startTimer(turn: Turn, timer: Timer, seconds: number, jitter = false): void {
  if (!isRunning(turn.peer, timer)) turn.peer.timers = [...turn.peer.timers, timer];
  act(turn, { type: 'startTimer', timer, seconds, jitter });
}

export function stopTimer(turn: Turn, timer: Timer): void {
  if (!isRunning(turn.peer, timer)) return;
  forgetTimer(turn, timer);
  act(turn, { type: 'stopTimer', timer });
}

/** Writes a connection to its place: the session's when it is Established, else that of its direction. */
export function putConnection(turn: Turn, connection: Connection): void {
  dropConnection(turn, connection);
  if (connection.state === 'Established') turn.peer.session = connection;
  else if (connection.direction === 'outgoing') turn.peer.outgoing = connection;
  else turn.peer.incoming = connection;
}

/** Clears the place of a connection. */
export function dropConnection(turn: Turn, connection: Connection): void {
  const { peer } = turn;
  if (peer.session?.id === connection.id) peer.session = null;
  if (peer.outgoing?.id === connection.id) peer.outgoing = null;
  if (peer.incoming?.id === connection.id) peer.incoming = null;
}

export function setRetained(turn: Turn, family: FamilyIndex, value: RetainedFamily | null): void {
  turn.peer.retained = family === 0 ? [value, turn.peer.retained[1]] : [turn.peer.retained[0], value];
}
