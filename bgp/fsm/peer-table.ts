/**
 * The table for events that concern the peer as a whole, by the peer's state; `connectRetryTimerExpired` goes by the
 * state of the side that dials. Types make every pair have a row: a new event or state does not compile without.
 *
 * RFC 4271 section 8.2.2. Not as there: a dial that fails leaves the peer in Active, not Idle, since its own
 * connections must go on being accepted; what slows us down is the ConnectRetryTimer.
 */

import { familyIndex } from '../family.ts';
import { CEASE_BFD_DOWN, CEASE_CONNECTION_REJECTED, ERROR_CEASE } from '../iana.ts';
import { compareConfigs } from './config-change.ts';
import { acceptIncoming, acceptUnderSession, connectRetryExpired, refuseIncoming } from './connecting.ts';
import { dial, dialAfter } from './dialling.ts';
import { beginLongLived, dropRetained, endAll, endConnection, forgetErrors, holdIdle } from './ending.ts';
import { startKeepaliveTimer, startSendHoldTimer } from './establishing.ts';
import type { Event, EventOf } from './event.ts';
import { afterRestartTime } from './graceful-restart.ts';
import { countsAsError } from './idle-hold.ts';
import { type AdministrativeCause, administrativeReason, downReason, notification } from './reason.ts';
import { connectionsOf, type FsmState } from './state.ts';
import { RESET_RECONNECT_SECONDS, sessionTimes } from './timers.ts';
import { act, ignore, putConnection, stopTimer, type Turn } from './turn.ts';

/** Events without a connection that the peer knows of already. */
export type PeerEvent = Extract<Event, { readonly type: PeerEventType }>;

export type PeerEventType =
  | 'start'
  | 'stop'
  | 'reset'
  | 'configure'
  | 'localRestartChanged'
  | 'bfdDown'
  | 'bfdHoldChanged'
  | 'connectRetryTimerExpired'
  | 'idleHoldTimerExpired'
  | 'errorForgetTimerExpired'
  | 'restartTimerExpired'
  | 'staleTimerExpired'
  | 'longLivedStaleTimerExpired'
  | 'incomingConnectionOpened';

type PeerRow = { readonly [T in PeerEventType]: (turn: Turn, event: EventOf<T>) => void };

/** What is the same in every state. */
const EVERYWHERE = {
  stop,
  configure,
  localRestartChanged: (turn, event) => {
    turn.peer.localRestart = event.localRestart;
  },
  bfdDown,
  bfdHoldChanged,
  errorForgetTimerExpired: (turn) => {
    turn.peer.lastIdleHoldSeconds = 0;
  },
  restartTimerExpired,
  staleTimerExpired,
  longLivedStaleTimerExpired: (turn, event) =>
    dropRetained(turn, familyIndex(event.family), 'long-lived-stale-time-over'),
} satisfies Partial<PeerRow>;

/** Started, some connection or none, no session. */
const CONNECTING: PeerRow = {
  ...EVERYWHERE,
  start: alreadyStarted,
  reset,
  connectRetryTimerExpired: connectRetryExpired,
  idleHoldTimerExpired: dial,
  incomingConnectionOpened: (turn, event) => acceptIncoming(turn, event.connectionId),
};

export const PEER_TABLE: { readonly [S in FsmState]: PeerRow } = {
  Idle: {
    ...EVERYWHERE,
    start,
    // Of an idle peer there is only idle-hold to reset.
    reset: (turn, event) =>
      turn.peer.isStarted ? reset(turn, event) : ignore(turn, event.type, 'the peer is stopped'),
    connectRetryTimerExpired: notRunning,
    idleHoldTimerExpired: dial,
    // RFC 4271: Idle refuses all connections; RFC 4486 section 4 wants it said.
    incomingConnectionOpened: (turn, event) =>
      refuseIncoming(turn, event.connectionId, CEASE_CONNECTION_REJECTED, whyIdle(turn.peer)),
  },
  Active: CONNECTING,
  Connect: CONNECTING,
  // The dialling side is never waiting in these two: its connection is open.
  OpenSent: { ...CONNECTING, connectRetryTimerExpired: notRunning },
  OpenConfirm: { ...CONNECTING, connectRetryTimerExpired: notRunning },
  Established: {
    ...EVERYWHERE,
    start: alreadyStarted,
    reset,
    connectRetryTimerExpired: notRunning,
    idleHoldTimerExpired: notRunning,
    incomingConnectionOpened: (turn, event) => acceptUnderSession(turn, event.connectionId),
  },
};

function notRunning(turn: Turn, event: PeerEvent): void {
  ignore(turn, event.type, 'this timer does not run in this state');
}

/** RFC 4271: start events are ignored outside Idle; under idle-hold of one side they end the wait. */
function alreadyStarted(turn: Turn, event: EventOf<'start'>): void {
  if (turn.peer.timers.some((timer) => timer.name === 'idleHold')) start(turn, event);
  else ignore(turn, event.type, 'the peer is started already');
}

function start(turn: Turn, event: EventOf<'start'>): void {
  const { peer } = turn;
  if (!peer.config.enabled) {
    ignore(turn, event.type, 'the peer is disabled by configuration');
    return;
  }
  const isFirst = !peer.isStarted;
  peer.isStarted = true;
  peer.connectRetryCounter = 0;
  stopTimer(turn, { name: 'idleHold' });
  dialAfter(turn, isFirst ? peer.config.connectDelaySeconds : 0);
}

/** Event 2. Nothing runs afterwards and nothing is remembered. */
function stop(turn: Turn, event: EventOf<'stop'>): void {
  halt(turn, event.cause, event.text, event.silent);
}

function halt(turn: Turn, cause: AdministrativeCause, text: string | null, silent: boolean): void {
  const { peer } = turn;
  peer.isStarted = false;
  if (connectionsOf(peer).length === 0) peer.lastDownReason = administrativeReason(cause, text, null, silent);
  endAll(turn, cause, text, silent);
  if (silent) peer.retained = [null, null];
  else for (const family of [0, 1] as const) dropRetained(turn, family, 'stopped');
  forgetErrors(turn);
  for (const timer of peer.timers) stopTimer(turn, timer);
  peer.connectRetryCounter = 0;
  peer.omitCapabilities = false;
}

/** Event 8. */
function reset(turn: Turn, event: EventOf<'reset'>): void {
  endAll(turn, event.cause, event.text, false);
  const { restartAfterSeconds } = event;
  if (restartAfterSeconds !== null && restartAfterSeconds > 0) holdIdle(turn, restartAfterSeconds);
  else if (restartAfterSeconds === null && countsAsError(administrativeReason(event.cause, null, null), 'Established'))
    holdIdle(turn, null);
  else resumeSoon(turn);
}

/**
 * RFC 5882 sections 3.2 and 4.3. A session ends, with RFC 9384's Cease, and nothing is kept of it. Without a session a
 * restart of the peer may be what has stopped its BFD: its routes stay unless it says that its BFD does not share fate
 * with its control plane. Both C bits are meant there; ours is clear only because our restart, not the peer's, would
 * show in it. Connections under way are left alone: they may be those of the peer that is back.
 */
function bfdDown(turn: Turn, event: EventOf<'bfdDown'>): void {
  if (turn.peer.session !== null) {
    reset(turn, { type: 'reset', cause: 'bfd-down', text: null, restartAfterSeconds: null });
    return;
  }
  const { retained } = turn.peer;
  if (!retained.some((kept) => kept !== null)) {
    ignore(turn, event.type, 'there is no session');
    return;
  }
  if (!event.isIndependent) {
    ignore(turn, event.type, 'the peer restarts, and its BFD shares fate with it (C bit clear): its routes stay');
    return;
  }
  for (const family of [0, 1] as const) dropRetained(turn, family, 'bfd-down');
}

/** Strict mode: like idle-hold, without a time. */
function bfdHoldChanged(turn: Turn, event: EventOf<'bfdHoldChanged'>): void {
  const { peer } = turn;
  if (peer.isHeldByBfd === event.holds) return;
  peer.isHeldByBfd = event.holds;
  if (!peer.isStarted || peer.session !== null) return;
  if (!event.holds) {
    dial(turn);
    return;
  }
  stopTimer(turn, { name: 'connectRetry' });
  for (const connection of connectionsOf(peer)) {
    const reason = downReason('superseded', 'given up because BFD is not up (strict mode)');
    const isHeard = connection.sentOpen !== null;
    const told = isHeard ? notification(ERROR_CEASE, CEASE_BFD_DOWN) : null;
    endConnection(turn, connection, { reason, notification: told, resume: false });
  }
}

function whyIdle(peer: Turn['peer']): string {
  if (!peer.isStarted) return 'the peer is stopped';
  return peer.isHeldByBfd ? 'BFD is not up (strict mode)' : 'the peer is in idle-hold';
}

/** After a reset that is nobody's fault: idle-hold ends, if there is one, and we dial after a breath. */
function resumeSoon(turn: Turn): void {
  stopTimer(turn, { name: 'idleHold' });
  dialAfter(turn, RESET_RECONNECT_SECONDS);
}

/** A new configuration: in place where it can be (config-change.ts), else the session is reset with Cease/6. */
function configure(turn: Turn, event: EventOf<'configure'>): void {
  const { peer } = turn;
  const before = peer.config;
  const change = compareConfigs(before, event.config);
  if (change.effect === 'none') return;
  peer.config = event.config;
  act(turn, {
    type: 'report',
    topic: 'configuration',
    text: `${change.effect}: ${(change.effect === 'reset' ? change.resetFields : change.fields).join(', ')} changed`,
  });
  if (!event.config.enabled) {
    if (peer.isStarted) halt(turn, 'shutdown', null, false);
    return;
  }
  if (!before.enabled) {
    start(turn, { type: 'start' });
    return;
  }
  if (!peer.isStarted) return;
  if (change.effect === 'hitless') configureInPlace(turn);
  else {
    endAll(turn, 'configuration-change', null, false);
    // What went wrong before may well be what has been corrected.
    forgetErrors(turn);
    resumeSoon(turn);
  }
}

function configureInPlace(turn: Turn): void {
  const { peer } = turn;
  for (const connection of connectionsOf(peer)) {
    const { negotiated } = connection;
    if (negotiated === null) continue;
    const { adjustments, ...times } = sessionTimes(peer.config, negotiated.holdTimeSeconds);
    if (
      times.keepaliveTimeSeconds === negotiated.keepaliveTimeSeconds &&
      times.sendHoldTimeSeconds === negotiated.sendHoldTimeSeconds
    )
      continue;
    const session = { ...negotiated, ...times };
    for (const text of adjustments) act(turn, { type: 'report', topic: 'configuration', text });
    putConnection(turn, { ...connection, negotiated: session });
    startKeepaliveTimer(turn, connection.id, session);
    if (connection.state !== 'Established') continue;
    startSendHoldTimer(turn, connection.id, session);
    act(turn, { type: 'sessionUpdated', connectionId: connection.id, session });
  }
  if (!peer.config.passive) {
    if (!peer.timers.some((timer) => timer.name === 'connectRetry')) dial(turn);
    return;
  }
  stopTimer(turn, { name: 'connectRetry' });
  if (peer.outgoing !== null && !peer.outgoing.isOpen)
    endConnection(turn, peer.outgoing, { reason: downReason('superseded', 'the peer is passive now'), resume: false });
}

/** RFC 4724 section 4.2: the peer has not come back; RFC 9494 section 4.2 may keep its routes for longer. */
function restartTimerExpired(turn: Turn): void {
  for (const family of [0, 1] as const) {
    const kept = turn.peer.retained[family];
    if (kept?.phase !== 'restarting') continue;
    const next = afterRestartTime(kept);
    if (next === null) dropRetained(turn, family, 'restart-time-over');
    else beginLongLived(turn, family, next, false);
  }
}

/** RFC 8538 section 4.1: the peer is back, but its End-of-RIB has not come in time. */
function staleTimerExpired(turn: Turn): void {
  for (const family of [0, 1] as const)
    if (turn.peer.retained[family]?.phase === 'refreshing') dropRetained(turn, family, 'stale-time-over');
}
