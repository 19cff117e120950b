/**
 * From a TCP stream to whole messages (RFC 4271 §4.1), and the checks of the message header (RFC 4271 §6.1, lengths of
 * RFC 8654). Messages are read where the socket put them; only when one is cut off is it joined with the next chunk in
 * a buffer, which is used again. An idle session holds no buffer at all.
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

const NOTHING = new Uint8Array(0);

/** What `Framer.next` found. */
export const FRAME_INCOMPLETE = 0;
export const FRAME_MESSAGE = 1;
export const FRAME_ERROR = 2;

/** What the buffer for cut messages begins with, when it is needed at all. */
const FIRST_CAPACITY_OCTETS = 4096;
/** What it may keep when nothing is in it: enough for the rest of one chunk after another. */
const KEPT_CAPACITY_OCTETS = 131072;

/**
 * One per connection. `push` a chunk, then call `next()` until it does not return FRAME_MESSAGE; each message is
 * [messageStart, messageEnd) of `octets`, valid until the next `push`. The chunk itself is read as long as messages
 * begin and end in it, so it must not be written to afterwards; only a message that is cut off is joined in a buffer.
 */
export class Framer {
  /** What is being read: the chunk, or the buffer; fetch it again after `push`. */
  octets: Uint8Array = NOTHING;
  messageStart = 0;
  messageEnd = 0;
  /** Set when `next` returned FRAME_ERROR. The stream is unusable from there on. */
  error: NotificationError | null = null;
  /** 4096, or 65535 once both sides have offered RFC 8654. */
  maxMessageOctets = MAX_MESSAGE_OCTETS;
  readonly #keptCapacity: number;
  /** For cut messages; empty until there is one. */
  #buffer: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;

  /** @param keptCapacityOctets what the buffer for cut messages may keep while it is empty */
  constructor(keptCapacityOctets = KEPT_CAPACITY_OCTETS) {
    this.#keptCapacity = keptCapacityOctets;
  }

  /** Octets received and not yet returned as messages. */
  get pendingOctets(): number {
    return this.#end - this.#start;
  }

  /** Octets that the framer holds memory for beyond the chunk at hand. */
  get bufferOctets(): number {
    return this.#buffer.length;
  }

  push(chunk: Uint8Array): void {
    const pending = this.#end - this.#start;
    if (pending === 0) {
      if (this.#buffer.length > this.#keptCapacity) this.#buffer = NOTHING;
      this.octets = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    const need = pending + chunk.length;
    const before = this.octets;
    if (this.#buffer.length < need) {
      let capacity = Math.max(FIRST_CAPACITY_OCTETS, this.#buffer.length);
      while (capacity < need) capacity *= 2;
      this.#buffer = new Uint8Array(capacity);
    }
    if (before === this.#buffer) before.copyWithin(0, this.#start, this.#end);
    else this.#buffer.set(before.subarray(this.#start, this.#end));
    this.#buffer.set(chunk, pending);
    this.octets = this.#buffer;
    this.#start = 0;
    this.#end = need;
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
