/**
 * One BFD session in asynchronous mode (RFC 5880 sections 6.2 to 6.8, active role, no echo, no authentication): the state
 * machine, Poll Sequences, when the next packet leaves and when the Detection Time is over. No clock and no chance inside:
 * every call says what time it is, and jitter comes from `random`.
 *
 * Variables have the names of section 6.8.1 without their `bfd.`; intervals are microseconds, as on the wire, times are
 * milliseconds of the caller's clock. Demand mode is never asked for; a peer that asks for it is obeyed (section 6.6).
 * The C bit is never set: this implementation lives and dies with its control plane.
 */

import {
  type BfdPacket,
  type BfdState,
  DIAGNOSTIC_ADMIN_DOWN,
  DIAGNOSTIC_NEIGHBOR_DOWN,
  DIAGNOSTIC_NONE,
  DIAGNOSTIC_TIME_EXPIRED,
} from './packet.ts';

/** What this side wants. */
export interface BfdTimers {
  readonly desiredMinTxMicroseconds: number;
  readonly requiredMinRxMicroseconds: number;
  readonly detectMultiplier: number;
}

/** Section 6.8.3: DesiredMinTxInterval is at least this while the session is not Up. */
export const SLOW_INTERVAL_MICROSECONDS = 1_000_000;

/**
 * Section 6.8.7: an interval is shortened by a random 0 to 25 %, but with a multiplier of 1 by at least 10 %. Here it is
 * 10 to 25 % always, which suits both.
 */
export const JITTER_MIN_FACTOR = 0.75;
export const JITTER_MAX_FACTOR = 0.9;

/** Why a session left Up (or Init), for whoever depends on it. */
export type BfdCause =
  /** Nothing came for the Detection Time. */
  | 'detection-time-expired'
  /** The peer says Down: it does not hear us, or its own reasons. */
  | 'neighbor-down'
  /** The peer says Down with a new discriminator and no diagnostic: its BFD has started anew. */
  | 'neighbor-restarted'
  /** A session of an earlier life that the peer has given up meanwhile, or no longer has: nothing was lost in this one. */
  | 'not-resumed'
  /** The peer has switched BFD off: says nothing about the path (RFC 5882 section 3.2). */
  | 'neighbor-admin-down'
  /** This side has switched it off. */
  | 'admin-down'
  /** The handshake went on: Down to Init, Init to Up. */
  | 'handshake';

export interface BfdChange {
  readonly from: BfdState;
  readonly to: BfdState;
  readonly cause: BfdCause;
}

/** Everything that a session is: for views, and to go on with in another thread (`resume`). */
export interface BfdSnapshot {
  readonly state: BfdState;
  /** Of the last time that the session went down. */
  readonly diagnostic: number;
  readonly localDiscriminator: number;
  /** 0: not known. */
  readonly remoteDiscriminator: number;
  readonly remoteState: BfdState;
  readonly remoteDiagnostic: number;
  readonly remoteMinRxMicroseconds: number;
  readonly remoteMinTxMicroseconds: number;
  readonly remoteDetectMultiplier: number;
  readonly remoteDemand: boolean;
  readonly remoteControlPlaneIndependent: boolean;
  readonly desiredMinTxMicroseconds: number;
  readonly requiredMinRxMicroseconds: number;
  readonly detectMultiplier: number;
  /** In force, before jitter; 0: nothing is sent by time. */
  readonly transmitIntervalMicroseconds: number;
  /** 0: not known yet. */
  readonly detectionTimeMicroseconds: number;
  readonly polling: boolean;
}

/** What a session goes on from. */
export interface BfdResume {
  readonly snapshot: BfdSnapshot;
  /** The same process, whose thread ended: then silence of the peer means what it always does. */
  readonly isSameLife: boolean;
}

/** What a session asks of its surroundings; calls happen within `receive`, `advance` and the commands. */
export interface BfdPort {
  send(packet: BfdPacket): void;
  changed(change: BfdChange): void;
  /** Uniform in [0, 1). */
  random(): number;
}

export class BfdSession {
  readonly localDiscriminator: number;
  state: BfdState = 'Down';
  diagnostic = DIAGNOSTIC_NONE;
  remoteState: BfdState = 'Down';
  remoteDiagnostic = DIAGNOSTIC_NONE;
  remoteDiscriminator = 0;
  remoteMinRx = 1;
  remoteMinTx = 0;
  remoteDetectMultiplier = 0;
  remoteDemand = false;
  remoteControlPlaneIndependent = false;
  polling = false;
  /** Another number whenever the snapshot is another one: most packets change nothing. */
  version = 0;
  readonly #port: BfdPort;
  #wanted: BfdTimers;
  /** What packets say. */
  #desiredMinTx: number;
  #requiredMinRx: number;
  /** What counts until a Poll Sequence has told the peer (section 6.8.3). */
  #desiredMinTxInForce: number;
  #requiredMinRxInForce: number;
  /** Something changed while the Poll Sequence ran: the Final that ends it may not know of it. */
  #pollAgain = false;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  #lastReceivedMs = Number.NEGATIVE_INFINITY;
  #transmitAtMs: number;
  #detectAtMs = Number.POSITIVE_INFINITY;
  /** Goes on from an earlier one, and the peer has not said yet that it does too. */
  #resumed: BfdResume | null;

  constructor(
    localDiscriminator: number,
    timers: BfdTimers,
    port: BfdPort,
    nowMs: number,
    resume: BfdResume | null = null,
  ) {
    this.localDiscriminator = localDiscriminator;
    this.#port = port;
    this.#wanted = timers;
    this.#desiredMinTx = Math.max(timers.desiredMinTxMicroseconds, SLOW_INTERVAL_MICROSECONDS);
    this.#requiredMinRx = timers.requiredMinRxMicroseconds;
    this.#resumed = resume;
    if (resume !== null) this.#resume(resume.snapshot, nowMs);
    this.#desiredMinTxInForce = this.#desiredMinTx;
    this.#requiredMinRxInForce = this.#requiredMinRx;
    this.#transmitAtMs = nowMs;
    // What was in force may not be what is wanted by now.
    if (resume !== null) this.setTimers(timers, nowMs);
    this.#schedule(nowMs);
  }

  /** When `advance` is needed next; infinite: only after something else has happened. */
  get nextAtMs(): number {
    return Math.min(this.#transmitAtMs, this.#detectAtMs);
  }

  /** The Detection Time is over unless a packet is still waiting to be read. */
  isOverdue(nowMs: number): boolean {
    return nowMs >= this.#detectAtMs;
  }

  /** Section 6.8.4; 0 while the peer's values are not known. */
  get detectionTimeMicroseconds(): number {
    return this.remoteDetectMultiplier * Math.max(this.#requiredMinRxInForce, this.remoteMinTx);
  }

  /** Section 6.8.2 and 6.8.7; 0: packets leave only when there is something to say. */
  get transmitIntervalMicroseconds(): number {
    if (this.remoteMinRx === 0) return 0;
    const isDemanded = this.remoteDemand && this.state === 'Up' && this.remoteState === 'Up';
    return isDemanded && !this.polling ? 0 : Math.max(this.#desiredMinTxInForce, this.remoteMinRx);
  }

  snapshot(): BfdSnapshot {
    return {
      state: this.state,
      diagnostic: this.diagnostic,
      localDiscriminator: this.localDiscriminator,
      remoteDiscriminator: this.remoteDiscriminator,
      remoteState: this.remoteState,
      remoteDiagnostic: this.remoteDiagnostic,
      remoteMinRxMicroseconds: this.remoteMinRx,
      remoteMinTxMicroseconds: this.remoteMinTx,
      remoteDetectMultiplier: this.remoteDetectMultiplier,
      remoteDemand: this.remoteDemand,
      remoteControlPlaneIndependent: this.remoteControlPlaneIndependent,
      desiredMinTxMicroseconds: this.#desiredMinTx,
      requiredMinRxMicroseconds: this.#requiredMinRx,
      detectMultiplier: this.#wanted.detectMultiplier,
      transmitIntervalMicroseconds: this.transmitIntervalMicroseconds,
      detectionTimeMicroseconds: this.detectionTimeMicroseconds,
      polling: this.polling,
    };
  }

  /** A packet that belongs to this session (section 6.8.6, from where the session is known). */
  receive(packet: BfdPacket, nowMs: number): void {
    const isOtherIncarnation = this.remoteDiscriminator !== 0 && packet.myDiscriminator !== this.remoteDiscriminator;
    if (this.#isNews(packet)) this.version++;
    this.remoteDiscriminator = packet.myDiscriminator;
    this.remoteState = packet.state;
    this.remoteDiagnostic = packet.diagnostic;
    this.remoteDemand = packet.demand;
    this.remoteControlPlaneIndependent = packet.controlPlaneIndependent;
    this.remoteMinRx = packet.requiredMinRxMicroseconds;
    this.remoteMinTx = packet.desiredMinTxMicroseconds;
    this.remoteDetectMultiplier = packet.detectMultiplier;
    if (packet.final && this.polling) this.#pollAnswered();
    this.#lastReceivedMs = nowMs;
    this.#setDetection();
    if (packet.state === 'Up' || packet.state === 'Init') this.#resumed = null;
    const isChanged = this.state !== 'AdminDown' && this.#follow(packet, isOtherIncarnation);
    // One packet says both: the answer to a Poll and the new state.
    if (packet.poll || isChanged) this.#transmit(packet.poll, nowMs);
    else this.#schedule(nowMs);
  }

  #isNews(packet: BfdPacket): boolean {
    return (
      this.remoteDiscriminator !== packet.myDiscriminator ||
      this.remoteState !== packet.state ||
      this.remoteDiagnostic !== packet.diagnostic ||
      this.remoteDemand !== packet.demand ||
      this.remoteControlPlaneIndependent !== packet.controlPlaneIndependent ||
      this.remoteMinRx !== packet.requiredMinRxMicroseconds ||
      this.remoteMinTx !== packet.desiredMinTxMicroseconds ||
      this.remoteDetectMultiplier !== packet.detectMultiplier
    );
  }

  /** Does what is due by now. */
  advance(nowMs: number): void {
    if (nowMs >= this.#detectAtMs) {
      this.#detectAtMs = Number.POSITIVE_INFINITY;
      this.#forgetPeer();
      if (this.state === 'Up' || this.state === 'Init') {
        this.#enter('Down', DIAGNOSTIC_TIME_EXPIRED, 'detection-time-expired');
        this.#transmit(false, nowMs);
        return;
      }
      this.#schedule(nowMs);
    }
    if (nowMs >= this.#transmitAtMs) this.#transmit(false, nowMs);
  }

  /** Other timers for the session that runs (section 6.8.3). */
  setTimers(timers: BfdTimers, nowMs: number): void {
    this.version++;
    this.#wanted = timers;
    this.#applyTimers();
    this.#setDetection();
    this.#schedule(nowMs);
  }

  /**
   * RFC 5882 section 4.3.2.2, before a planned restart: the peer is asked to be patient for this long, at once. The answer
   * is there when `polling` is false again.
   */
  suspend(forMs: number, nowMs: number): void {
    const desiredMinTxMicroseconds = Math.ceil((forMs * 1000) / this.#wanted.detectMultiplier);
    this.setTimers({ ...this.#wanted, desiredMinTxMicroseconds }, nowMs);
    this.#transmit(false, nowMs);
  }

  /** Section 6.8.16: the peer is told; packets go on until whoever asked for it lets the session go. */
  disable(nowMs: number): void {
    if (this.state === 'AdminDown') return;
    this.#enter('AdminDown', DIAGNOSTIC_ADMIN_DOWN, 'admin-down');
    this.#transmit(false, nowMs);
  }

  /** Section 6.8.16. */
  enable(nowMs: number): void {
    if (this.state !== 'AdminDown') return;
    this.#enter('Down', DIAGNOSTIC_NONE, 'handshake');
    this.#transmit(false, nowMs);
  }

  /** The state machine of section 6.8.6; true when the state is another one now. */
  #follow(packet: BfdPacket, isOtherIncarnation: boolean): boolean {
    const { state } = this;
    if (packet.state === 'AdminDown') {
      if (state === 'Down') return false;
      return this.#enter('Down', DIAGNOSTIC_NEIGHBOR_DOWN, 'neighbor-admin-down');
    }
    if (state === 'Down') {
      if (packet.state === 'Down') return this.#enter('Init', this.diagnostic, 'handshake');
      return packet.state === 'Init' && this.#enter('Up', this.diagnostic, 'handshake');
    }
    if (state === 'Init') {
      return packet.state !== 'Down' && this.#enter('Up', this.diagnostic, 'handshake');
    }
    if (packet.state !== 'Down') return false;
    const isRestart = isOtherIncarnation && packet.diagnostic === DIAGNOSTIC_NONE;
    return this.#enter('Down', DIAGNOSTIC_NEIGHBOR_DOWN, isRestart ? 'neighbor-restarted' : 'neighbor-down');
  }

  #enter(to: BfdState, diagnostic: number, reason: BfdCause): true {
    this.version++;
    const from = this.state;
    const isLoss = reason === 'detection-time-expired' && this.#resumed?.isSameLife === true;
    const cause = this.#resumed !== null && from === 'Up' && !isLoss ? 'not-resumed' : reason;
    this.#resumed = null;
    this.state = to;
    this.diagnostic = diagnostic;
    this.#applyTimers();
    this.#setDetection();
    this.#port.changed({ from, to, cause });
    return true;
  }

  /** Brings what is told into line with what is wanted and the state; what differs starts a Poll Sequence. */
  #applyTimers(): void {
    const { desiredMinTxMicroseconds: wanted, requiredMinRxMicroseconds: requiredMinRx } = this.#wanted;
    const isUp = this.state === 'Up';
    const desiredMinTx = isUp ? wanted : Math.max(wanted, SLOW_INTERVAL_MICROSECONDS);
    if (desiredMinTx === this.#desiredMinTx && requiredMinRx === this.#requiredMinRx) return;
    // A longer interval would surprise a peer that has not heard of it, and so would a shorter Detection Time.
    const keepsTx = isUp && desiredMinTx > this.#desiredMinTxInForce;
    const keepsRx = isUp && requiredMinRx < this.#requiredMinRxInForce;
    this.#desiredMinTx = desiredMinTx;
    this.#requiredMinRx = requiredMinRx;
    if (!keepsTx) this.#desiredMinTxInForce = desiredMinTx;
    if (!keepsRx) this.#requiredMinRxInForce = requiredMinRx;
    // A peer that is not known hears the values with every packet anyway.
    if (this.remoteDiscriminator === 0) return;
    if (this.polling) this.#pollAgain = true;
    this.polling = true;
  }

  #pollAnswered(): void {
    if (this.#pollAgain) {
      this.#pollAgain = false;
      return;
    }
    this.version++;
    this.polling = false;
    this.#desiredMinTxInForce = this.#desiredMinTx;
    this.#requiredMinRxInForce = this.#requiredMinRx;
  }

  /** Section 6.8.1: what was learned from the peer goes when nothing came for the Detection Time. */
  #forgetPeer(): void {
    this.version++;
    this.remoteDiscriminator = 0;
    this.remoteState = 'Down';
    this.remoteDemand = false;
    this.polling = false;
    this.#pollAgain = false;
    this.#desiredMinTxInForce = this.#desiredMinTx;
    this.#requiredMinRxInForce = this.#requiredMinRx;
  }

  #setDetection(): void {
    if (this.remoteDiscriminator === 0) return;
    this.#detectAtMs = this.#lastReceivedMs + this.detectionTimeMicroseconds / 1000;
  }

  /** After anything that may have changed the interval: the next packet leaves by the new one. */
  #schedule(nowMs: number): void {
    const interval = this.transmitIntervalMicroseconds;
    if (interval === 0) {
      this.#transmitAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    const latest = this.#lastSentMs + (interval / 1000) * JITTER_MAX_FACTOR;
    const earliest = this.#lastSentMs + (interval / 1000) * JITTER_MIN_FACTOR;
    if (this.#transmitAtMs >= earliest && this.#transmitAtMs <= latest) return;
    this.#transmitAtMs = Math.max(nowMs, this.#jittered(interval));
  }

  #jittered(intervalMicroseconds: number): number {
    const factor = JITTER_MIN_FACTOR + this.#port.random() * (JITTER_MAX_FACTOR - JITTER_MIN_FACTOR);
    return this.#lastSentMs + (intervalMicroseconds / 1000) * factor;
  }

  #transmit(isFinal: boolean, nowMs: number): void {
    this.#lastSentMs = nowMs;
    const interval = this.transmitIntervalMicroseconds;
    this.#transmitAtMs = interval === 0 ? Number.POSITIVE_INFINITY : this.#jittered(interval);
    this.#port.send({
      diagnostic: this.diagnostic,
      state: this.state,
      // Section 6.5: never both.
      poll: this.polling && !isFinal,
      final: isFinal,
      controlPlaneIndependent: false,
      demand: false,
      detectMultiplier: this.#wanted.detectMultiplier,
      myDiscriminator: this.localDiscriminator,
      yourDiscriminator: this.remoteDiscriminator,
      desiredMinTxMicroseconds: this.#desiredMinTx,
      requiredMinRxMicroseconds: this.#requiredMinRx,
      requiredMinEchoRxMicroseconds: 0,
    });
  }

  #resume(before: BfdSnapshot, nowMs: number): void {
    this.state = before.state;
    this.diagnostic = before.diagnostic;
    this.remoteState = before.remoteState;
    this.remoteDiagnostic = before.remoteDiagnostic;
    this.remoteDiscriminator = before.remoteDiscriminator;
    this.remoteMinRx = before.remoteMinRxMicroseconds;
    this.remoteMinTx = before.remoteMinTxMicroseconds;
    this.remoteDetectMultiplier = before.remoteDetectMultiplier;
    this.remoteDemand = before.remoteDemand;
    this.remoteControlPlaneIndependent = before.remoteControlPlaneIndependent;
    this.#desiredMinTx = before.desiredMinTxMicroseconds;
    this.#requiredMinRx = before.requiredMinRxMicroseconds;
    this.polling = before.polling;
    this.#lastReceivedMs = nowMs;
  }
}
