/**
 * Drives the session machine of one peer (bgp/fsm): turns sockets, timers and messages into its events and carries out
 * its actions. UPDATEs and KEEPALIVEs of an established session do not go through the machine: they restart the hold
 * timer here by noting the time, and UPDATEs go straight to the RIB.
 */

import type { Socket } from 'node:net';
import { FAMILY_NAMES, type FamilyIndex, familyIndex } from '../../bgp/family.ts';
import type { Action, OutgoingMessage, StaleRemovalCause } from '../../bgp/fsm/action.ts';
import { type Event, timerExpired } from '../../bgp/fsm/event.ts';
import type { DownReason } from '../../bgp/fsm/reason.ts';
import { createPeer, type FsmState, type LocalRestart, type PeerState, peerStateOf } from '../../bgp/fsm/state.ts';
import type { ConnectionId, Timer } from '../../bgp/fsm/timers.ts';
import { step } from '../../bgp/fsm/transition.ts';
import {
  MESSAGE_KEEPALIVE,
  MESSAGE_NOTIFICATION,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
} from '../../bgp/iana.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { SessionConfig } from '../../bgp/session-config.ts';
import { type NotificationError, TREATMENT_RESET } from '../../bgp/wire/error.ts';
import { finishMessage, startMessage } from '../../bgp/wire/header.ts';
import type { NotificationMessage } from '../../bgp/wire/message-types.ts';
import { decodeNotification, encodeNotification, formatNotification } from '../../bgp/wire/notification.ts';
import { decodeOpen, encodeOpen } from '../../bgp/wire/open.ts';
import { decodeRouteRefresh } from '../../bgp/wire/route-refresh.ts';
import { updateContextOf } from '../../bgp/wire/update-context.ts';
import { UpdateReader } from '../../bgp/wire/update-reader.ts';
import type { DrainExport } from '../../rib/export-rules.ts';
import type { ReceiveOutcome } from '../../rib/rib.ts';
import type { Log, LogLevel } from '../log/log.ts';
import type { ConnectionFailure, PendingConnection } from '../net/connection.ts';
import type { MessageRecorder } from '../support/recorder.ts';
import { BoundedLines } from './bounded-lines.ts';
import type { Clock } from './clock.ts';
import type { InputTurns } from './input-turns.ts';
import { type ConnectionOwner, PeerConnection } from './peer-connection.ts';
import { PeerTimers } from './peer-timers.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Of closed connections whose NOTIFICATION has not left; further ones are closed without waiting for it. */
export const MAX_LINGERING = 8;
const KEEPALIVE: Uint8Array = finishMessage(startMessage(MESSAGE_KEEPALIVE));

/** What a driver needs from the speaker around it. */
export interface PeerHost {
  readonly clock: Clock;
  readonly inputTurns: InputTurns;
  readonly log: Log;
  /** Keeps what came from peers; null: nobody wants it. */
  readonly recorder?: MessageRecorder | null;
  dial(
    driver: PeerDriver,
    timeoutMs: number,
    handlers: { connected(socket: Socket): void; failed(failure: ConnectionFailure): void },
  ): PendingConnection;
  /** The state of the session as RFC 4271 names it is another one. */
  stateChanged?(driver: PeerDriver, from: FsmState): void;
  sessionEstablished(driver: PeerDriver, session: NegotiatedSession, socket: Socket): void;
  sessionDown(driver: PeerDriver, retain: readonly [boolean, boolean], retainOlder: readonly [boolean, boolean]): void;
  removeStaleRoutes(driver: PeerDriver, family: FamilyIndex, cause: StaleRemovalCause): void;
  markLongLivedStale(driver: PeerDriver, family: FamilyIndex): void;
  updateReceived(driver: PeerDriver, reader: UpdateReader, treatment: number): ReceiveOutcome;
  refreshReceived(driver: PeerDriver, family: FamilyIndex, subtype: 'request' | 'begin' | 'end'): void;
  /** Something was received that may have made work, or the socket takes octets again. */
  peerHasWork(driver: PeerDriver): void;
}

export interface PeerError {
  readonly atWallMs: number;
  readonly reason: DownReason;
}

export class PeerDriver implements ConnectionOwner {
  config: SessionConfig;
  state: PeerState;
  /** The established session's connection; null while there is none. */
  connection: PeerConnection | null = null;
  session: NegotiatedSession | null = null;
  stateSinceMs: number;
  /** When the last session came up. */
  sessionUpMs = 0;
  lastError: PeerError | null = null;
  /** Wall-clock time since when the peer is stopped, trying or established, whichever it is. */
  protocolSinceWallMs: number;
  /** The last text that came with a Cease (RFC 9003), ours or the peer's. */
  lastCommunication: string | null = null;
  /** How much of this peer is logged; null: as much as of everything. */
  logLevel: LogLevel | null = null;
  /** The last dial that came to nothing since the session was up; null: none. */
  lastDialFailure: (ConnectionFailure & { readonly atWallMs: number }) | null = null;
  /** Whole OPEN messages of the last connection, as they went over the wire; null: none yet. */
  openSent: Uint8Array | null = null;
  openReceived: Uint8Array | null = null;
  messagesReceived = 0;
  messagesSent = 0;
  updatesReceived = 0;
  /** UPDATEs with something wrong that did not end the session (RFC 7606). */
  updatesMalformed = 0;
  /** Index of the peer in the RIB. */
  ribIndex = 0;
  /** By family index: End-of-RIB came in this session. */
  endOfRibReceived: [boolean, boolean] = [false, false];
  /** Somebody switched the peer off by hand. */
  isDisabled = false;
  /** What it is told while it, or the whole node, is drained. */
  drain: DrainExport = 'none';
  /** The drain has come to its end: the session was closed and stays so until somebody undrains. */
  isDrained = false;
  /** Octets of connections that are closed by now. */
  #octetsReceivedBefore = 0;
  #octetsSentBefore = 0;
  readonly #host: PeerHost;
  readonly #connections = new Map<ConnectionId, PeerConnection>();
  readonly #dialling = new Map<ConnectionId, PendingConnection>();
  readonly #timers: PeerTimers;
  #reader: UpdateReader | null = null;
  #lastReceivedMs = 0;
  #nextIncoming = 1;
  /** How the session ends, from both sides: NOTIFICATIONs in words, and what TCP said. */
  #ending: { sent: string | null; received: string | null; tcp: string | null } = {
    sent: null,
    received: null,
    tcp: null,
  };
  #queue: Event[] = [];
  #isStepping = false;
  /** Connections that are closed but still have something to say. */
  #lingering = 0;
  /** A peer that sends nothing else would fill the disk. */
  readonly #malformed: BoundedLines<'updates'>;

  constructor(config: SessionConfig, host: PeerHost, localRestart?: LocalRestart) {
    this.config = config;
    this.#host = host;
    this.state = createPeer(config, localRestart);
    this.stateSinceMs = host.clock.nowMs();
    this.protocolSinceWallMs = host.clock.wallMs();
    this.#timers = new PeerTimers(host.clock, (timer) => this.#timerExpired(timer));
    this.#malformed = new BoundedLines(host.clock, (counts) => {
      host.log.warn('UPDATE_MALFORMED', { peer: this.name, ...counts }, 'more malformed UPDATEs');
    });
  }

  get name(): string {
    return this.config.name;
  }

  /** By hand or by a drain that is over: the peer is neither dialled nor let in. */
  get isKeptDown(): boolean {
    return this.isDisabled || this.isDrained;
  }

  get fsmState(): FsmState {
    return peerStateOf(this.state);
  }

  /** Timers that run, by the session machine's names, and how long still. */
  timers(): { readonly timer: string; readonly milliseconds: number }[] {
    return this.#timers.remaining();
  }

  get octetsReceived(): number {
    return this.#octetsReceivedBefore + (this.connection?.octetsReceived ?? 0);
  }

  get octetsSent(): number {
    return this.#octetsSentBefore + (this.connection?.octetsSent ?? 0);
  }

  get #phase(): 'stopped' | 'trying' | 'established' {
    if (this.session !== null) return 'established';
    return this.state.isStarted ? 'trying' : 'stopped';
  }

  /** Whole seconds until the timer ends; null when it does not run. */
  timerLeftSeconds(timer: Timer): number | null {
    const leftMs = this.#timers.leftMs(timer);
    return leftMs === null ? null : Math.ceil(leftMs / 1000);
  }

  /** Until the session's hold time is over, if nothing more comes; null: no session, or no hold time. */
  get holdLeftSeconds(): number | null {
    if (this.session === null || this.session.holdTimeSeconds === 0) return null;
    const endMs = this.#lastReceivedMs + this.session.holdTimeSeconds * 1000;
    return Math.max(0, Math.ceil((endMs - this.#host.clock.nowMs()) / 1000));
  }

  get keepaliveLeftSeconds(): number | null {
    return this.connection === null
      ? null
      : this.timerLeftSeconds({ name: 'keepalive', connectionId: this.connection.id });
  }

  /** Events that arise while one is being worked off wait for their turn: `step` is never re-entered. */
  dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    const before = this.fsmState;
    const phase = this.#phase;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { state, actions } = step(this.state, next);
        this.state = state;
        for (const action of actions) this.#perform(action);
      }
    } finally {
      this.#isStepping = false;
    }
    if (this.#phase !== phase) this.protocolSinceWallMs = this.#host.clock.wallMs();
    if (this.fsmState !== before) {
      this.stateSinceMs = this.#host.clock.nowMs();
      this.#host.log.debug('PEER_STATE', { peer: this.name, from: before, to: this.fsmState }, 'session state');
      this.#host.stateChanged?.(this, before);
    }
  }

  /** Takes over a connection that this peer opened. */
  accept(socket: Socket): void {
    const id: ConnectionId = `in-${this.#nextIncoming++}`;
    this.#connections.set(id, new PeerConnection(id, socket, this, this.#host.clock, this.#host.inputTurns));
    this.dispatch({ type: 'incomingConnectionOpened', connectionId: id });
  }

  configure(config: SessionConfig): void {
    this.config = config;
    this.dispatch({ type: 'configure', config });
  }

  /** Drops timers, dials and connections without a word; for a peer that is removed after its stop. */
  dispose(): void {
    this.#timers.stopAll();
    for (const dial of this.#dialling.values()) dial.abort();
    this.#dialling.clear();
    for (const connection of this.#connections.values()) connection.close(false);
    this.#connections.clear();
  }

  // --- what connections report ---

  messageReceived(connection: PeerConnection, octets: Uint8Array, start: number, end: number): void {
    this.messagesReceived++;
    const recorder = this.#host.recorder;
    if (recorder != null) recorder.record(this.name, octets, start, end);
    const type = octets[start + 18];
    if (connection === this.connection) {
      this.#lastReceivedMs = this.#host.clock.nowMs();
      if (type === MESSAGE_UPDATE) return this.#updateReceived(connection, octets, start, end);
      if (type === MESSAGE_KEEPALIVE) return;
    }
    const connectionId = connection.id;
    switch (type) {
      case MESSAGE_OPEN: {
        const result = decodeOpen(octets, start, end);
        this.openReceived = octets.slice(start, end);
        if (result.ok) this.dispatch({ type: 'openReceived', connectionId, open: result.message });
        else this.dispatch({ type: 'messageMalformed', connectionId, error: result.error });
        return;
      }
      case MESSAGE_UPDATE:
        this.dispatch({ type: 'updateReceived', connectionId });
        return;
      case MESSAGE_KEEPALIVE:
        this.dispatch({ type: 'keepaliveReceived', connectionId });
        return;
      case MESSAGE_NOTIFICATION: {
        const notification = decodeNotification(octets, start, end);
        if (connection === this.connection) this.#ending.received = said(notification);
        this.dispatch({ type: 'notificationReceived', connectionId, notification });
        return;
      }
      case MESSAGE_ROUTE_REFRESH:
        this.#refreshReceived(connection, octets, start, end);
        return;
    }
  }

  headerMalformed(connection: PeerConnection, error: NotificationError): void {
    this.dispatch({ type: 'messageMalformed', connectionId: connection.id, error });
  }

  connectionLost(connection: PeerConnection, error: string | null): void {
    if (connection === this.connection) this.#ending.tcp = error ?? 'the peer closed the connection';
    this.#forget(connection);
    this.dispatch({ type: 'connectionFailed', connectionId: connection.id, error });
  }

  connectionWritable(_connection: PeerConnection): void {
    this.#host.peerHasWork(this);
  }

  batchReceived(connection: PeerConnection): void {
    if (connection === this.connection) this.#host.peerHasWork(this);
  }

  #updateReceived(connection: PeerConnection, octets: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    if (reader === null) return;
    this.updatesReceived++;
    const connectionId = connection.id;
    const treatment = reader.read(octets, start, end);
    if (treatment === TREATMENT_RESET) {
      if (reader.notification !== null) {
        this.dispatch({ type: 'messageMalformed', connectionId, error: reader.notification });
      }
      return;
    }
    const outcome = this.#host.updateReceived(this, reader, treatment);
    if (outcome.treatment === TREATMENT_RESET && reader.notification !== null) {
      this.dispatch({ type: 'messageMalformed', connectionId, error: reader.notification });
      return;
    }
    if (outcome.treatment !== 0 && reader.findings.length > 0) this.#reportFindings(reader);
    if (outcome.endOfRib >= 0) {
      const family = FAMILY_NAMES[outcome.endOfRib as FamilyIndex];
      this.#host.log.debug('END_OF_RIB', { peer: this.name, family }, 'End-of-RIB received');
      this.dispatch({ type: 'endOfRibReceived', connectionId, family });
    }
    if (outcome.maxPrefixesExceeded >= 0) {
      const family = FAMILY_NAMES[outcome.maxPrefixesExceeded as FamilyIndex];
      this.#host.log.warn('MAX_PREFIXES', { peer: this.name, family }, 'the peer sent more prefixes than it may');
      this.dispatch({ type: 'reset', cause: 'max-prefixes', text: null, restartAfterSeconds: null });
    }
  }

  #reportFindings(reader: UpdateReader): void {
    this.updatesMalformed++;
    const [{ attribute, treatment, reason }] = reader.findings;
    const findings = reader.findings.length;
    this.#malformed.note(
      'updates',
      () => `${attribute} ${reason}`,
      () => this.#host.log.warn('UPDATE_MALFORMED', { peer: this.name, attribute, treatment, findings }, reason),
    );
  }

  #refreshReceived(connection: PeerConnection, octets: Uint8Array, start: number, end: number): void {
    const connectionId = connection.id;
    const result = decodeRouteRefresh(octets, start, end);
    if (!result.ok) {
      this.dispatch({ type: 'messageMalformed', connectionId, error: result.error });
      return;
    }
    const { family, subtype } = result.message;
    this.dispatch({ type: 'routeRefreshReceived', connectionId });
    if (connection !== this.connection || family === null || subtype === 'unknown') return;
    const index = familyIndex(family);
    if (this.session?.families[index]) this.#host.refreshReceived(this, index, subtype);
  }

  // --- what the machine asks for ---

  #perform(action: Action): void {
    switch (action.type) {
      case 'connect':
        return this.#dial(action.connectionId);
      case 'close':
        return this.#close(action.connectionId, action.discard);
      case 'send':
        return this.#send(action.connectionId, action.message);
      case 'startTimer':
        return this.#timers.start(action.timer, action.seconds, action.jitter);
      case 'stopTimer':
        return this.#timers.stop(action.timer);
      case 'sessionEstablished':
        return this.#established(action.connectionId, action.session);
      case 'sessionUpdated':
        this.session = action.session;
        return;
      case 'sessionDown':
        return this.#down(action.reason, action.retain, action.retainOlder);
      case 'attemptFailed':
        this.#noteError(action.reason);
        this.#host.log.debug('PEER_ATTEMPT', { peer: this.name, ...brief(action.reason) }, action.reason.text);
        return;
      case 'removeStaleRoutes':
        this.#host.log.debug(
          'STALE_REMOVED',
          { peer: this.name, family: action.family, cause: action.cause },
          'stale routes removed',
        );
        return this.#host.removeStaleRoutes(this, familyIndex(action.family), action.cause);
      case 'markLongLivedStale':
        return this.#host.markLongLivedStale(this, familyIndex(action.family));
      case 'report':
        this.#host.log.info('PEER_REPORT', { peer: this.name, topic: action.topic }, action.text);
        return;
      case 'ignored':
        this.#host.log.debug('PEER_IGNORED', { peer: this.name, event: action.event }, action.reason);
        return;
    }
  }

  #dial(connectionId: ConnectionId): void {
    const pending = this.#host.dial(this, CONNECT_TIMEOUT_MS, {
      connected: (socket) => {
        this.#dialling.delete(connectionId);
        this.lastDialFailure = null;
        this.#connections.set(
          connectionId,
          new PeerConnection(connectionId, socket, this, this.#host.clock, this.#host.inputTurns),
        );
        this.dispatch({ type: 'outgoingConnectionOpened', connectionId });
      },
      failed: ({ code, message }) => {
        this.#dialling.delete(connectionId);
        this.lastDialFailure = { code, message, atWallMs: this.#host.clock.wallMs() };
        this.dispatch({ type: 'connectionFailed', connectionId, error: `${message} (${code})` });
      },
    });
    this.#dialling.set(connectionId, pending);
  }

  #close(connectionId: ConnectionId, discard: boolean): void {
    this.#dialling.get(connectionId)?.abort();
    this.#dialling.delete(connectionId);
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    // A peer that opens connections in a loop must not hold a descriptor for each while its refusal leaves.
    const isCrowded = this.#lingering >= MAX_LINGERING;
    connection.close(discard || isCrowded);
    if (!discard && !isCrowded && !connection.socket.destroyed) {
      this.#lingering++;
      connection.socket.once('close', () => this.#lingering--);
    }
    this.#forget(connection);
  }

  #forget(connection: PeerConnection): void {
    if (!this.#connections.delete(connection.id)) return;
    this.#octetsReceivedBefore += connection.octetsReceived;
    this.#octetsSentBefore += connection.octetsSent;
    if (this.connection === connection) {
      this.connection = null;
      this.#reader = null;
    }
  }

  #send(connectionId: ConnectionId, message: OutgoingMessage): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    this.messagesSent++;
    switch (message.type) {
      case 'open':
        this.openSent = encodeOpen(message);
        return connection.send(this.openSent);
      case 'keepalive':
        return connection.send(KEEPALIVE);
      case 'notification':
        // Of a session PEER_DOWN says it: one line for each end.
        this.#host.log[this.session === null ? 'info' : 'debug'](
          'NOTIFICATION_SENT',
          { peer: this.name, ...message },
          'NOTIFICATION sent',
        );
        if (connection === this.connection) this.#ending.sent = said(message);
        return connection.send(encodeNotification(message));
    }
  }

  #established(connectionId: ConnectionId, session: NegotiatedSession): void {
    this.lastDialFailure = null;
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    this.connection = connection;
    this.#ending = { sent: null, received: null, tcp: null };
    this.session = session;
    this.sessionUpMs = this.#host.clock.nowMs();
    this.endOfRibReceived = [false, false];
    this.#reader = new UpdateReader(updateContextOf(session, isLoopback(this.config.peerAddress)));
    connection.framer.maxMessageOctets = session.maxMessageLengthOctets;
    this.#lastReceivedMs = this.#host.clock.nowMs();
    const families = FAMILY_NAMES.filter((_, index) => session.families[index]);
    this.#host.log.info(
      'PEER_UP',
      { peer: this.name, address: this.config.peerAddress, as: session.peerAs, families },
      'session established',
    );
    this.#host.sessionEstablished(this, session, connection.socket);
  }

  #down(reason: DownReason, retain: readonly [boolean, boolean], retainOlder: readonly [boolean, boolean]): void {
    this.session = null;
    this.#reader = null;
    this.#noteError(reason);
    const kept = FAMILY_NAMES.filter((_, index) => retain[index]);
    const { sent, received, tcp } = this.#ending;
    this.#ending = { sent: null, received: null, tcp: null };
    this.#host.log.warn('PEER_DOWN', { peer: this.name, ...brief(reason), sent, received, tcp, kept }, reason.text);
    this.#host.sessionDown(this, retain, retainOlder);
  }

  #noteError(reason: DownReason): void {
    if (reason.communication !== null) this.lastCommunication = reason.communication;
    this.lastError = { atWallMs: this.#host.clock.wallMs(), reason };
  }

  /**
   * Hold and send-hold run on without being restarted by every message: when they end here, the time of the last
   * message says whether they are really over.
   */
  #timerExpired(timer: Timer): void {
    const connection = this.connection;
    if (
      'connectionId' in timer &&
      connection !== null &&
      timer.connectionId === connection.id &&
      this.session !== null
    ) {
      const now = this.#host.clock.nowMs();
      if (timer.name === 'hold') {
        const leftMs = this.#lastReceivedMs + this.session.holdTimeSeconds * 1000 - now;
        if (leftMs > 0) return this.#timers.startMs(timer, leftMs);
      }
      if (timer.name === 'sendHold') {
        const idle = connection.unsentOctets === 0;
        const since = idle ? now : connection.lastSendProgressMs;
        const leftMs = since + this.session.sendHoldTimeSeconds * 1000 - now;
        if (leftMs > 0) return this.#timers.startMs(timer, leftMs);
      }
    }
    this.dispatch(timerExpired(timer));
  }
}

function brief(reason: DownReason): { kind: string; code: number | null; subcode: number | null } {
  return { kind: reason.kind, code: reason.code, subcode: reason.subcode };
}

function said(message: NotificationMessage): string {
  return `${message.code}/${message.subcode} ${formatNotification(message)}`;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
