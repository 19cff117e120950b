/**
 * One transport connection of a peer: octets in, whole messages out to its owner; messages in, octets out. It knows
 * framing and back-pressure, nothing of BGP's states. After close() it is silent.
 */

import type { Socket } from 'node:net';
import type { ConnectionId } from '../../bgp/fsm/timers.ts';
import type { NotificationError } from '../../bgp/wire/error.ts';
import { FRAME_ERROR, FRAME_MESSAGE, Framer } from '../../bgp/wire/framer.ts';
import type { Clock } from './clock.ts';
import type { InputHolder, InputTurns } from './input-turns.ts';

/** Messages between two looks at the clock. */
const MESSAGES_PER_CHECK = 32;
/** Time that unsent octets (a NOTIFICATION, mostly) have to leave after a close. */
const LINGER_MS = 1000;

export interface ConnectionOwner {
  /** One whole message, [start, end) of octets including its header; valid during the call only. */
  messageReceived(connection: PeerConnection, octets: Uint8Array, start: number, end: number): void;
  headerMalformed(connection: PeerConnection, error: NotificationError): void;
  /** The connection is gone; `error` null: the peer closed it in order. Not called after close(). */
  connectionLost(connection: PeerConnection, error: string | null): void;
  /** Everything handed over has reached the kernel's socket buffer. */
  connectionWritable(connection: PeerConnection): void;
  /** The receive buffer has been worked off for now: what came in one go has been handed over. */
  batchReceived(connection: PeerConnection): void;
}

export class PeerConnection implements InputHolder {
  readonly id: ConnectionId;
  readonly socket: Socket;
  readonly framer = new Framer();
  octetsReceived = 0;
  octetsSent = 0;
  /** True between a write that filled the socket and the moment all of it has left. */
  isBlocked = false;
  /** Monotonic time of the last sign that the peer takes what we send. */
  lastSendProgressMs: number;
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #turns: InputTurns;
  #isWaiting = false;
  #closed = false;

  constructor(id: ConnectionId, socket: Socket, owner: ConnectionOwner, clock: Clock, turns: InputTurns) {
    this.id = id;
    this.socket = socket;
    this.#owner = owner;
    this.#clock = clock;
    this.#turns = turns;
    this.lastSendProgressMs = clock.nowMs();
    socket.on('data', (chunk: Uint8Array) => this.#received(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) => this.#lost(error.message));
    socket.on('close', () => this.#lost(null));
    socket.on('end', () => this.#lost(null));
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Octets that the socket has taken but the kernel has not. */
  get unsentOctets(): number {
    return this.socket.writableLength;
  }

  send(octets: Uint8Array): void {
    if (this.#closed) return;
    this.octetsSent += octets.length;
    if (!this.socket.write(octets)) this.isBlocked = true;
    else if (this.socket.writableLength === 0) this.lastSendProgressMs = this.#clock.nowMs();
  }

  /** Hands several buffers to the kernel with one system call. */
  sendAll(pieces: readonly Uint8Array[]): void {
    if (this.#closed) return;
    if (pieces.length === 1) return this.send(pieces[0]);
    this.socket.cork();
    for (const piece of pieces) this.send(piece);
    this.socket.uncork();
    if (this.socket.writableLength === 0) {
      this.isBlocked = false;
      this.lastSendProgressMs = this.#clock.nowMs();
    }
  }

  close(discard: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#turns.leave(this);
    if (discard || this.socket.destroyed) {
      this.socket.destroy();
      return;
    }
    this.socket.end();
    // Not unref'ed: a process that ends waits for its NOTIFICATIONs.
    const timer = setTimeout(() => this.socket.destroy(), LINGER_MS);
    this.socket.once('close', () => clearTimeout(timer));
    this.socket.once('finish', () => this.socket.destroySoon());
  }

  #received(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.octetsReceived += chunk.length;
    this.framer.push(chunk);
    if (this.#isWaiting || !this.#readMessages()) return;
    this.#isWaiting = true;
    this.socket.pause();
    this.#turns.wait(this);
  }

  continueInput(): boolean {
    if (this.#closed) return false;
    if (this.#readMessages()) return true;
    this.#isWaiting = false;
    this.socket.resume();
    return false;
  }

  /** Hands over whole messages for as long as the turn lasts; true: there may be more. */
  #readMessages(): boolean {
    const { framer } = this;
    for (let count = 0; ; count++) {
      if (count % MESSAGES_PER_CHECK === 0 && this.#turns.isOver()) break;
      const found = framer.next();
      if (found !== FRAME_MESSAGE) {
        if (found === FRAME_ERROR && framer.error !== null) this.#owner.headerMalformed(this, framer.error);
        if (!this.#closed) this.#owner.batchReceived(this);
        return false;
      }
      this.#owner.messageReceived(this, framer.octets, framer.messageStart, framer.messageEnd);
      if (this.#closed) return false;
    }
    this.#owner.batchReceived(this);
    return true;
  }

  #drained(): void {
    this.isBlocked = false;
    this.lastSendProgressMs = this.#clock.nowMs();
    if (!this.#closed) this.#owner.connectionWritable(this);
  }

  #lost(error: string | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#turns.leave(this);
    this.socket.destroy();
    this.#owner.connectionLost(this, error);
  }
}
