/**
 * From a TCP stream to whole messages (RFC 4271 §4.1): a receive buffer that the socket reads into and that is reused,
 * and the checks of the message header (RFC 4271 §6.1, lengths of RFC 8654). Nothing is copied when a chunk ends with a
 * whole message; a message that is cut off is moved to the front of the buffer once. Steady state allocates nothing.
 */

import {
  BAD_MESSAGE_LENGTH,
  BAD_MESSAGE_TYPE,
  CONNECTION_NOT_SYNCHRONIZED,
  ERROR_MESSAGE_HEADER,
  MESSAGE_KEEPALIVE,
  MESSAGE_NOTIFICATION,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
} from '../iana.ts';
import { type NotificationError, notificationError } from './error.ts';
import { toHex, uint16 } from './octets.ts';

export const HEADER_OCTETS = 19;
export const MAX_MESSAGE_OCTETS = 4096;
/** RFC 8654. */
export const MAX_EXTENDED_MESSAGE_OCTETS = 65535;

/**
 * Shortest whole message of each type, by type code. A short NOTIFICATION or ROUTE-REFRESH passes here: the first must
 * not be answered (RFC 4271 §6.4), the second has an error code of its own (RFC 7313 §5).
 */
const MIN_MESSAGE_OCTETS: readonly number[] = [HEADER_OCTETS, 29, 23, HEADER_OCTETS, HEADER_OCTETS, HEADER_OCTETS];

/**
 * What is wrong with the header of a message at `start`, of which at least 19 octets are there; null when nothing is.
 * Marker first, then length, then type, as RFC 4271 §6.1 lists them.
 */
export function checkHeader(octets: Uint8Array, start: number, maxMessageOctets: number): NotificationError | null {
  for (let i = start; i < start + 16; i++)
    if (octets[i] !== 0xff)
      return notificationError(ERROR_MESSAGE_HEADER, CONNECTION_NOT_SYNCHRONIZED, 'The marker is not all ones');
  const length = uint16(octets, start + 16);
  const type = octets[start + 18];
  const isKnownType = type >= MESSAGE_OPEN && type <= MESSAGE_ROUTE_REFRESH;
  const min = isKnownType ? MIN_MESSAGE_OCTETS[type] : HEADER_OCTETS;
  // RFC 8654 §4: OPEN and KEEPALIVE never exceed the old limit.
  const max =
    type === MESSAGE_KEEPALIVE ? HEADER_OCTETS : type === MESSAGE_OPEN ? MAX_MESSAGE_OCTETS : maxMessageOctets;
  if (length < min || length > max) {
    const reason = `The message length ${length} is not within ${min}..${max} octets for message type ${type}`;
    return notificationError(ERROR_MESSAGE_HEADER, BAD_MESSAGE_LENGTH, reason, toHex(octets, start + 16, start + 18));
  }
  if (!isKnownType) {
    const data = toHex(octets, start + 18, start + 19);
    return notificationError(ERROR_MESSAGE_HEADER, BAD_MESSAGE_TYPE, `Unknown message type ${type}`, data);
  }
  return null;
}

/** True when [start, end) is long enough for a header and is one KEEPALIVE: what the driver handles without decoding. */
export function isKeepalive(octets: Uint8Array, start: number): boolean {
  return octets[start + 18] === MESSAGE_KEEPALIVE;
}

export function isUpdate(octets: Uint8Array, start: number): boolean {
  return octets[start + 18] === MESSAGE_UPDATE;
}

export function isNotification(octets: Uint8Array, start: number): boolean {
  return octets[start + 18] === MESSAGE_NOTIFICATION;
}

/** What `Framer.next` found. */
export const FRAME_INCOMPLETE = 0;
export const FRAME_MESSAGE = 1;
export const FRAME_ERROR = 2;

/**
 * One per connection. Either read from the socket straight into `octets` at `writableStart` and then call
 * `received(count)`, or `push` a chunk. Then call `next()` until it does not return FRAME_MESSAGE; each message is
 * [messageStart, messageEnd) of `octets`, valid until the next `push`, `reserve` or `received`.
 */
export class Framer {
  /** The receive buffer; fetch it again after `push` or `reserve`, which may replace it. */
  octets: Uint8Array;
  messageStart = 0;
  messageEnd = 0;
  /** Set when `next` returned FRAME_ERROR. The stream is unusable from there on. */
  error: NotificationError | null = null;
  /** 4096, or 65535 once both sides have offered RFC 8654. */
  maxMessageOctets = MAX_MESSAGE_OCTETS;
  readonly #idleCapacity: number;
  #start = 0;
  #end = 0;

  /** `capacityOctets` is what the buffer has at rest; it grows for large chunks and messages and shrinks when drained. */
  constructor(capacityOctets = 65536) {
    this.octets = new Uint8Array(capacityOctets);
    this.#idleCapacity = capacityOctets;
  }

  /** Octets received and not yet returned as messages. */
  get pendingOctets(): number {
    return this.#end - this.#start;
  }

  /** Where the next octets from the socket belong. */
  get writableStart(): number {
    return this.#end;
  }

  /** Makes room for `count` more octets after `writableStart`; moves or grows the buffer when needed. */
  reserve(count: number): void {
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.octets.length > this.#idleCapacity && count <= this.#idleCapacity)
        this.octets = new Uint8Array(this.#idleCapacity);
    }
    if (this.octets.length - this.#end >= count) return;
    const pending = this.#end - this.#start;
    if (this.octets.length - pending >= count) {
      this.octets.copyWithin(0, this.#start, this.#end);
    } else {
      let capacity = this.octets.length * 2;
      while (capacity - pending < count) capacity *= 2;
      const grown = new Uint8Array(capacity);
      grown.set(this.octets.subarray(this.#start, this.#end));
      this.octets = grown;
    }
    this.#start = 0;
    this.#end = pending;
  }

  /** `count` octets have been written at `writableStart`. */
  received(count: number): void {
    this.#end += count;
  }

  /** Copies a chunk into the buffer. */
  push(chunk: Uint8Array): void {
    this.reserve(chunk.length);
    this.octets.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Advances to the next message: FRAME_MESSAGE, FRAME_INCOMPLETE or FRAME_ERROR. */
  next(): number {
    if (this.error !== null) return FRAME_ERROR;
    const start = this.#start;
    if (this.#end - start < HEADER_OCTETS) return FRAME_INCOMPLETE;
    const error = checkHeader(this.octets, start, this.maxMessageOctets);
    if (error !== null) {
      this.error = error;
      return FRAME_ERROR;
    }
    const end = start + uint16(this.octets, start + 16);
    if (end > this.#end) return FRAME_INCOMPLETE;
    this.messageStart = start;
    this.messageEnd = end;
    this.#start = end;
    return FRAME_MESSAGE;
  }
}
