/**
 * A BGP speaker in the test's own process, over a plain TCP socket: says OPEN with the capabilities that a test wants,
 * keeps its session alive, sends octets as they are and keeps what comes. For tests on loopback; in namespaces
 * raw-speaker.ts does the same. Messages are made octet by octet, so that Peregrine's codec does not judge itself.
 */

import { connect, type Socket } from 'node:net';
import { LOOPBACK_PORT } from './loopback.ts';
import { KEEPALIVE, keepaliveOctets, messageOctets, NOTIFICATION, OPEN, type RawMessage } from './raw-speaker.ts';
import { waitFor } from './wait-for.ts';

const DEADLINE_MS = 15_000;
const HEADER_OCTETS = 19;
const AS_TRANS = 23456;

export interface SocketSpeakerOptions {
  readonly localAddress: string;
  /** Of the daemon. */
  readonly address: string;
  readonly as: number;
  /** Default 90; KEEPALIVEs go out every third of it. */
  readonly holdTimeSeconds?: number;
  /** Default: multiprotocol for both unicast families, four-octet AS, route refresh. */
  readonly capabilities?: readonly Buffer[];
  /** Sees every message when it arrives. */
  readonly onMessage?: (message: RawMessage) => void;
  /** Default true; false for large tables, which are only counted then. */
  readonly keepsUpdates?: boolean;
}

/** RFC 4760: AFI 1 or 2, unicast. */
export function multiprotocol(afi: 1 | 2): Buffer {
  return Buffer.from([1, 4, 0, afi, 0, 1]);
}

/** RFC 6793. */
export function fourOctetAs(as: number): Buffer {
  const octets = Buffer.from([65, 4, 0, 0, 0, 0]);
  octets.writeUInt32BE(as, 2);
  return octets;
}

/** RFC 2918. */
export const ROUTE_REFRESH = Buffer.from([2, 0]);

/** RFC 4724: restart time in seconds, IPv4 unicast with the forwarding state kept; `notification`: RFC 8538, N bit. */
export function gracefulRestart(restartTimeSeconds: number, notification = false): Buffer {
  return Buffer.from([
    64,
    6,
    (notification ? 0x40 : 0) | (restartTimeSeconds >>> 8),
    restartTimeSeconds & 0xff,
    0,
    1,
    1,
    0x80,
  ]);
}

/** RFC 7911: for IPv4 unicast; 1: we receive, 2: we send, 3: both. */
export function addPath(afi: 1 | 2, direction: 1 | 2 | 3): Buffer {
  return Buffer.from([69, 4, 0, afi, 1, direction]);
}

export class SocketSpeaker {
  readonly messages: RawMessage[] = [];
  /** How many messages of each type have come. */
  readonly counts = new Map<number, number>();
  isClosed = false;
  readonly #options: SocketSpeakerOptions;
  readonly #socket: Socket;
  #pending: Buffer[] = [];
  #pendingOctets = 0;
  #neededOctets = HEADER_OCTETS;
  #keepalives: NodeJS.Timeout | null = null;

  private constructor(options: SocketSpeakerOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      if (this.#keepalives !== null) clearInterval(this.#keepalives);
    });
  }

  /** Connects and brings the session up to Established. */
  static async establish(options: SocketSpeakerOptions): Promise<SocketSpeaker> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const { address: host, localAddress } = options;
      const made = connect({ host, port: LOOPBACK_PORT, localAddress });
      made.once('connect', () => resolve(made));
      made.once('error', reject);
    });
    const speaker = new SocketSpeaker(options, socket);
    const holdTimeSeconds = options.holdTimeSeconds ?? 90;
    speaker.send(openOctets(options, holdTimeSeconds));
    await speaker.message(OPEN);
    speaker.send(keepaliveOctets());
    await speaker.message(KEEPALIVE);
    speaker.#keepalives = setInterval(() => speaker.send(keepaliveOctets()), (holdTimeSeconds * 1000) / 3);
    return speaker;
  }

  send(octets: Uint8Array): void {
    if (!this.isClosed) this.#socket.write(octets);
  }

  /** Resolves when the kernel has taken all of it. */
  sendAll(octets: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(octets, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Stops reading; the daemon's socket to us fills up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  count(type: number): number {
    return this.counts.get(type) ?? 0;
  }

  of(type: number): readonly RawMessage[] {
    return this.messages.filter((message) => message.type === type);
  }

  /** The first message of that type that was kept; fails at once when the connection is closed without one. */
  async message(type: number): Promise<RawMessage> {
    const answer = await waitFor<RawMessage | 'closed'>(`a message of type ${type}`, DEADLINE_MS, () => {
      const { isClosed } = this;
      return this.messages.find((message) => message.type === type) ?? (isClosed ? 'closed' : null);
    });
    if (answer === 'closed') throw new Error(`The connection was closed without a message of type ${type}`);
    return answer;
  }

  /** Code and subcode of the NOTIFICATION that must come. */
  async notification(): Promise<string> {
    const { body } = await this.message(NOTIFICATION);
    return `${body[0]}/${body[1]}`;
  }

  async closed(): Promise<void> {
    await waitFor('the connection is closed', DEADLINE_MS, () => (this.isClosed ? true : null));
  }

  /** FIN, without a NOTIFICATION. */
  close(): void {
    if (this.#keepalives !== null) clearInterval(this.#keepalives);
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#pendingOctets += chunk.length;
    if (this.#pendingOctets < this.#neededOctets) return;
    const stream = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending);
    let at = 0;
    this.#neededOctets = HEADER_OCTETS;
    while (at + HEADER_OCTETS <= stream.length) {
      const length = stream.readUInt16BE(at + 16);
      if (at + length > stream.length) {
        this.#neededOctets = length;
        break;
      }
      this.#take(stream[at + 18], stream.subarray(at + HEADER_OCTETS, at + length));
      at += length;
    }
    this.#pending = [stream.subarray(at)];
    this.#pendingOctets = stream.length - at;
  }

  #take(type: number, body: Buffer): void {
    this.counts.set(type, this.count(type) + 1);
    const message = { type, body };
    this.#options.onMessage?.(message);
    // A kept body keeps the whole chunk it came in.
    if (type !== 2 || this.#options.keepsUpdates !== false) this.messages.push({ type, body: Buffer.from(body) });
  }
}

function openOctets(options: SocketSpeakerOptions, holdTimeSeconds: number): Buffer {
  const { as, localAddress } = options;
  const capabilities = Buffer.concat(
    options.capabilities ?? [multiprotocol(1), multiprotocol(2), fourOctetAs(as), ROUTE_REFRESH],
  );
  const body = Buffer.alloc(10);
  body[0] = 4;
  body.writeUInt16BE(as > 0xffff ? AS_TRANS : as, 1);
  body.writeUInt16BE(holdTimeSeconds, 3);
  // The address is unique among the speakers of a test, which is what an identifier must be.
  Buffer.from(localAddress.split('.').map(Number)).copy(body, 5);
  const parameters =
    capabilities.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([2, capabilities.length]), capabilities]);
  body[9] = parameters.length;
  return messageOctets(OPEN, Buffer.concat([body, parameters]));
}
