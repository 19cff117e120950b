/**
 * A BGP speaker that does exactly what a test says, also what no daemon would do: it breaks off in the middle of a
 * message, opens a second connection, lies in its OPEN. Messages are made and read here octet by octet, so that nothing
 * of Peregrine's own codec judges itself.
 */

import { fileURLToPath } from 'node:url';
import type { DaemonProcess } from './daemon-process.ts';
import type { Laboratory, Namespace } from './netns.ts';
import { waitFor } from './wait-for.ts';

const RELAY = fileURLToPath(new URL('tcp-relay.mjs', import.meta.url));
const DEADLINE_MS = 10_000;
const HEADER_OCTETS = 19;
const BGP_PORT = 179;
const AS_TRANS = 23456;

export const OPEN = 1;
export const UPDATE = 2;
export const NOTIFICATION = 3;
export const KEEPALIVE = 4;

export interface RawMessage {
  readonly type: number;
  readonly body: Buffer;
}

interface RelayEvent {
  readonly atMs: number;
  readonly event: 'listening' | 'accepted' | 'connected' | 'data' | 'closed' | 'error';
  readonly id?: number;
  readonly hex?: string;
  readonly text?: string;
}

export interface OpenFields {
  readonly as: number;
  readonly holdTimeSeconds: number;
  readonly routerId: string;
  /** Octets of further capabilities (code, length, value), after IPv4 unicast and four-octet AS. */
  readonly capabilities?: Buffer;
  /** RFC 9072: optional parameters with two-octet lengths. */
  readonly isExtended?: boolean;
}

/** RFC 4271 4.1: a whole message of that type around the body. */
export function messageOctets(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_OCTETS, 0xff);
  header.writeUInt16BE(HEADER_OCTETS + body.length, 16);
  header[18] = type;
  return Buffer.concat([header, body]);
}

export function keepaliveOctets(): Buffer {
  return messageOctets(KEEPALIVE, Buffer.alloc(0));
}

export function openOctets(fields: OpenFields): Buffer {
  const asOctets = Buffer.alloc(4);
  asOctets.writeUInt32BE(fields.as);
  const capabilities = Buffer.concat([
    Buffer.from([1, 4, 0, 1, 0, 1]),
    Buffer.from([65, 4]),
    asOctets,
    fields.capabilities ?? Buffer.alloc(0),
  ]);
  const parameters = fields.isExtended
    ? [255, 255, 0, capabilities.length + 3, 2, 0, capabilities.length]
    : [capabilities.length + 2, 2, capabilities.length];
  const body = Buffer.alloc(9);
  body[0] = 4;
  body.writeUInt16BE(fields.as > 0xffff ? AS_TRANS : fields.as, 1);
  body.writeUInt16BE(fields.holdTimeSeconds, 3);
  Buffer.from(fields.routerId.split('.').map(Number)).copy(body, 5);
  return messageOctets(OPEN, Buffer.concat([body, Buffer.from(parameters), capabilities]));
}

/** An eBGP UPDATE that announces IPv4 prefixes of whole octets (`198.51.100.0/24`), four-octet AS numbers. */
export function updateOctets(
  as: number,
  nextHop: string,
  prefixes: readonly string[],
  /** Octets of further attributes, behind the three that must be there. */
  further: Buffer = Buffer.alloc(0),
): Buffer {
  const asOctets = Buffer.alloc(4);
  asOctets.writeUInt32BE(as);
  const attributes = Buffer.concat([
    Buffer.from([0x40, 1, 1, 0]),
    Buffer.from([0x40, 2, 6, 2, 1]),
    asOctets,
    Buffer.from([0x40, 3, 4, ...nextHop.split('.').map(Number)]),
    further,
  ]);
  const nlri = prefixes.flatMap((prefix) => {
    const [address, length] = prefix.split('/');
    return [
      Number(length),
      ...address
        .split('.')
        .map(Number)
        .slice(0, Math.ceil(Number(length) / 8)),
    ];
  });
  const lengths = Buffer.from([0, 0, attributes.length >>> 8, attributes.length & 0xff]);
  return messageOctets(UPDATE, Buffer.concat([lengths, attributes, Buffer.from(nlri)]));
}

export interface RawUpdate {
  readonly withdrawn: readonly string[];
  readonly announced: readonly string[];
  readonly attributes: readonly { readonly flags: number; readonly code: number; readonly value: Buffer }[];
}

/** The parts of an UPDATE for IPv4 in the classic fields (RFC 4271 4.3). */
export function readUpdate(body: Buffer): RawUpdate {
  const withdrawnEnd = 2 + body.readUInt16BE(0);
  const attributesEnd = withdrawnEnd + 2 + body.readUInt16BE(withdrawnEnd);
  const attributes: { flags: number; code: number; value: Buffer }[] = [];
  for (let at = withdrawnEnd + 2; at < attributesEnd; ) {
    const [flags, code] = [body[at], body[at + 1]];
    const isLong = (flags & 0x10) !== 0;
    const start = at + (isLong ? 4 : 3);
    const length = isLong ? body.readUInt16BE(at + 2) : body[at + 2];
    attributes.push({ flags, code, value: body.subarray(start, start + length) });
    at = start + length;
  }
  return {
    withdrawn: readPrefixes(body.subarray(2, withdrawnEnd)),
    announced: readPrefixes(body.subarray(attributesEnd)),
    attributes,
  };
}

function readPrefixes(octets: Buffer): readonly string[] {
  const prefixes: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const used = Math.ceil(octets[at] / 8);
    const address = [0, 1, 2, 3].map((index) => (index < used ? octets[at + 1 + index] : 0));
    prefixes.push(`${address.join('.')}/${octets[at]}`);
    at += 1 + used;
  }
  return prefixes;
}

export class RawSpeaker {
  readonly #relay: DaemonProcess;
  #nextId = 1;

  private constructor(relay: DaemonProcess) {
    this.#relay = relay;
  }

  static async start(lab: Laboratory, namespace: Namespace, listenAddress: string | null): Promise<RawSpeaker> {
    const relay = lab.spawn(namespace, [process.execPath, RELAY], { stdin: true, logName: 'relay.log' });
    const speaker = new RawSpeaker(relay);
    if (listenAddress !== null) {
      speaker.#tell({ do: 'listen', address: listenAddress, port: BGP_PORT });
      await relay.ready('the raw speaker listens', DEADLINE_MS, () =>
        speaker.#events().some((event) => event.event === 'listening') ? true : null,
      );
    }
    return speaker;
  }

  /** Opens a connection; the answer says whether it stands or was refused or closed at once. */
  async connect(address: string, localAddress: string, port: number = BGP_PORT): Promise<RawConnection> {
    const id = this.#nextId++;
    this.#tell({ do: 'connect', id, address, port, localAddress });
    const connection = this.#connection(id);
    await this.#relay.ready(`a connection to ${address}`, DEADLINE_MS, () =>
      connection.events().length > 0 ? true : null,
    );
    return connection;
  }

  /** When connections were opened to us so far. */
  acceptedAtMs(): readonly number[] {
    return this.#events()
      .filter((event) => event.event === 'accepted')
      .map((event) => event.atMs);
  }

  /** The n-th connection (from 1) that somebody opened to us. */
  async accepted(ordinal: number): Promise<RawConnection> {
    await this.#relay.ready(`accepted connection ${ordinal}`, DEADLINE_MS, () =>
      this.#events().some((event) => event.event === 'accepted' && event.id === -ordinal) ? true : null,
    );
    return this.#connection(-ordinal);
  }

  #connection(id: number): RawConnection {
    return new RawConnection(
      (command) => this.#tell({ ...command, id }),
      () => this.#events().filter((event) => event.id === id),
    );
  }

  #tell(command: object): void {
    this.#relay.write(`${JSON.stringify(command)}\n`);
  }

  #events(): readonly RelayEvent[] {
    const lines = this.#relay.log().split('\n');
    // What follows the last line end is not whole yet.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as RelayEvent);
  }
}

export class RawConnection {
  readonly events: () => readonly RelayEvent[];
  readonly #tell: (command: object) => void;

  constructor(tell: (command: object) => void, events: () => readonly RelayEvent[]) {
    this.#tell = tell;
    this.events = events;
  }

  get isClosed(): boolean {
    return this.events().some((event) => event.event === 'closed');
  }

  send(octets: Buffer): void {
    this.#tell({ do: 'send', hex: octets.toString('hex') });
  }

  /** FIN after what was sent. */
  end(): void {
    this.#tell({ do: 'end' });
  }

  /** RST. */
  reset(): void {
    this.#tell({ do: 'reset' });
  }

  /** All whole messages that have come so far. */
  messages(): readonly RawMessage[] {
    const stream = Buffer.concat(this.events().map((event) => Buffer.from(event.hex ?? '', 'hex')));
    const messages: RawMessage[] = [];
    for (let at = 0; at + HEADER_OCTETS <= stream.length; ) {
      const length = stream.readUInt16BE(at + 16);
      if (length < HEADER_OCTETS || at + length > stream.length) break;
      messages.push({ type: stream[at + 18], body: stream.subarray(at + HEADER_OCTETS, at + length) });
      at += length;
    }
    return messages;
  }

  /** When messages of that type have come so far, as far as one can see: the last octets decide. */
  messagesAtMs(type: number): readonly number[] {
    const times: number[] = [];
    let waiting = Buffer.alloc(0);
    for (const { hex, atMs } of this.events()) {
      waiting = Buffer.concat([waiting, Buffer.from(hex ?? '', 'hex')]);
      while (waiting.length >= HEADER_OCTETS && waiting.length >= waiting.readUInt16BE(16)) {
        if (waiting[18] === type) times.push(atMs);
        waiting = waiting.subarray(waiting.readUInt16BE(16));
      }
    }
    return times;
  }

  /** The first message of that type; fails at once when the connection is closed without one. */
  async message(type: number): Promise<RawMessage> {
    const answer = await waitFor<RawMessage | 'closed'>(`a message of type ${type}`, DEADLINE_MS, () => {
      // Whether it is closed comes first: the last message may arrive between the two looks.
      const { isClosed } = this;
      const found = this.messages().find((message) => message.type === type);
      return found ?? (isClosed ? 'closed' : null);
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

  /** OPEN and KEEPALIVE both ways, up to Established. */
  async establish(fields: OpenFields): Promise<void> {
    this.send(openOctets(fields));
    await this.message(OPEN);
    this.send(keepaliveOctets());
    await this.message(KEEPALIVE);
  }
}
