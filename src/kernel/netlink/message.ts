/**
 * Netlink framing (RFC 3549 2.2, 2.3): messages of header and payload, payloads ending in attributes, all aligned to
 * four octets and in native byte order. The writer packs many messages into one buffer, as one send may carry
 * hundreds of them; the reader walks them in place. Malformed input ends a walk, it never throws: the kernel does not
 * send it, and what is cut off cannot be repaired.
 *
 *   nlmsghdr := length(4) type(2) flags(2) sequence(4) port(4)
 *   rtattr   := length(2) type(2) value
 */

import { LITTLE_ENDIAN } from '../../net/socket-address.ts';
import { NLA_TYPE_MASK, NLM_F_ACK_TLVS, NLMSG_ERROR, NLMSGERR_ATTR_MSG } from './constants.ts';

export const HEADER_OCTETS = 16;

/** Rounds up to the alignment of messages and attributes. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Appends messages to a fixed buffer. The caller keeps `room` in sight; writing beyond the end throws. */
export class NetlinkWriter {
  readonly octets: Uint8Array;
  /** End of what has been written. */
  length = 0;
  private readonly view: DataView;
  private messageStart = 0;

  constructor(capacityOctets: number) {
    this.octets = new Uint8Array(capacityOctets);
    this.view = new DataView(this.octets.buffer);
  }

  /** Octets left in the buffer. */
  get room(): number {
    return this.octets.length - this.length;
  }

  reset(): void {
    this.length = 0;
  }

  beginMessage(type: number, flags: number, sequence: number): void {
    const at = this.length;
    this.messageStart = at;
    this.view.setUint16(at + 4, type, LITTLE_ENDIAN);
    this.view.setUint16(at + 6, flags, LITTLE_ENDIAN);
    this.view.setUint32(at + 8, sequence, LITTLE_ENDIAN);
    this.view.setUint32(at + 12, 0, LITTLE_ENDIAN);
    this.length = at + HEADER_OCTETS;
  }

  endMessage(): void {
    this.view.setUint32(this.messageStart, this.length - this.messageStart, LITTLE_ENDIAN);
  }

  u8(value: number): void {
    this.octets[this.length++] = value;
  }

  u16(value: number): void {
    this.view.setUint16(this.length, value, LITTLE_ENDIAN);
    this.length += 2;
  }

  u32(value: number): void {
    this.view.setUint32(this.length, value, LITTLE_ENDIAN);
    this.length += 4;
  }

  /** A lane of an address: network byte order. */
  lane(value: number): void {
    this.view.setUint32(this.length, value, false);
    this.length += 4;
  }

  /** Opens an attribute (or any structure that starts with its length in two octets); returns its start. */
  beginAttribute(type: number): number {
    const start = this.length;
    this.view.setUint16(start + 2, type, LITTLE_ENDIAN);
    this.length = start + 4;
    return start;
  }

  /** Writes the length of the attribute that began at `start` and pads. */
  endAttribute(start: number): void {
    this.view.setUint16(start, this.length - start, LITTLE_ENDIAN);
    const end = align(this.length);
    while (this.length < end) this.octets[this.length++] = 0;
  }

  attributeU32(type: number, value: number): void {
    const at = this.length;
    this.view.setUint16(at, 8, LITTLE_ENDIAN);
    this.view.setUint16(at + 2, type, LITTLE_ENDIAN);
    this.view.setUint32(at + 4, value, LITTLE_ENDIAN);
    this.length = at + 8;
  }
}

/** Walks the messages of a received datagram, or the attributes of a payload, in place. */
export class NetlinkReader {
  octets: Uint8Array = new Uint8Array(0);
  private view = new DataView(this.octets.buffer);
  private next = 0;
  private end = 0;
  type = 0;
  flags = 0;
  sequence = 0;
  /** Port of the socket whose request caused the message, 0 for the kernel itself. */
  port = 0;
  payloadStart = 0;
  payloadEnd = 0;

  /** Starts over with the first `length` octets of `octets`. */
  open(octets: Uint8Array, length: number): void {
    if (octets.buffer !== this.view.buffer || octets.byteOffset !== this.view.byteOffset) {
      this.view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    }
    this.octets = octets;
    this.next = 0;
    this.end = Math.min(length, octets.length);
  }

  /** Moves to the next message; false at the end or when it is cut off. */
  nextMessage(): boolean {
    const at = this.next;
    if (at + HEADER_OCTETS > this.end) return false;
    const length = this.view.getUint32(at, LITTLE_ENDIAN);
    if (length < HEADER_OCTETS || at + length > this.end) return false;
    this.type = this.view.getUint16(at + 4, LITTLE_ENDIAN);
    this.flags = this.view.getUint16(at + 6, LITTLE_ENDIAN);
    this.sequence = this.view.getUint32(at + 8, LITTLE_ENDIAN);
    this.port = this.view.getUint32(at + 12, LITTLE_ENDIAN);
    this.payloadStart = at + HEADER_OCTETS;
    this.payloadEnd = at + length;
    this.next = at + align(length);
    return true;
  }

  u8(offset: number): number {
    return this.octets[offset];
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, LITTLE_ENDIAN);
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, LITTLE_ENDIAN);
  }

  i32(offset: number): number {
    return this.view.getInt32(offset, LITTLE_ENDIAN);
  }

  /**
   * Length of the attribute at `offset` of a list that ends at `end`, or 0 when there is no sane one. Its type is
   * attributeType(offset), its value starts at offset + 4, the next one at offset + align(length).
   */
  attributeLength(offset: number, end: number): number {
    if (offset + 4 > end) return 0;
    const length = this.u16(offset);
    return length < 4 || offset + length > end ? 0 : length;
  }

  attributeType(offset: number): number {
    return this.u16(offset + 2) & NLA_TYPE_MASK;
  }
}

/** What NLMSG_ERROR (and the end of a dump) says. */
export interface NetlinkError {
  /** 0: acknowledged. */
  readonly errno: number;
  /** The kernel's own words (extended acknowledgement), empty when it gave none. */
  readonly message: string;
}

/** Decodes the NLMSG_ERROR or NLMSG_DONE that the reader stands on. */
export function decodeError(reader: NetlinkReader): NetlinkError {
  const { payloadStart, payloadEnd } = reader;
  if (payloadStart + 4 > payloadEnd) return { errno: 0, message: '' };
  const errno = Math.abs(reader.i32(payloadStart));
  if ((reader.flags & NLM_F_ACK_TLVS) === 0) return { errno, message: '' };
  // NETLINK_CAP_ACK: of the failed request only its header is echoed. DONE has no header at all.
  let offset = payloadStart + 4 + (reader.type === NLMSG_ERROR ? HEADER_OCTETS : 0);
  for (let length = 0; ; offset += align(length)) {
    length = reader.attributeLength(offset, payloadEnd);
    if (length === 0) return { errno, message: '' };
    if (reader.attributeType(offset) === NLMSGERR_ATTR_MSG) {
      return { errno, message: text(reader.octets, offset + 4, offset + length) };
    }
  }
}

/** A string attribute's value without its terminating zero. */
export function text(octets: Uint8Array, start: number, end: number): string {
  let stop = start;
  while (stop < end && octets[stop] !== 0) stop++;
  return Buffer.from(octets.buffer, octets.byteOffset + start, stop - start).toString('utf8');
}
