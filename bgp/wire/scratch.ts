/**
 * A reusable output buffer for attribute blocks. It grows to the largest block it ever held, so that a reader at work
 * allocates nothing.
 */

import { FLAG_EXTENDED_LENGTH } from '../iana.ts';

export class Scratch {
  octets = new Uint8Array(512);
  length = 0;

  /** Empties the buffer and makes sure that `capacity` octets fit without further growth. */
  restart(capacity: number): void {
    this.length = 0;
    if (this.octets.length >= capacity) return;
    let grown = this.octets.length * 2;
    while (grown < capacity) grown *= 2;
    this.octets = new Uint8Array(grown);
  }

  /** Makes sure that `count` more octets fit, keeping what is there. */
  reserve(count: number): void {
    if (this.octets.length - this.length >= count) return;
    const grown = new Uint8Array(Math.max(this.octets.length * 2, this.length + count));
    grown.set(this.octets.subarray(0, this.length));
    this.octets = grown;
  }

  /** Appends [start, end) of other octets. */
  append(octets: Uint8Array, start: number, end: number): void {
    const target = this.octets;
    let at = this.length;
    if (end - start > 256) {
      target.set(octets.subarray(start, end), at);
      at += end - start;
    } else {
      // Attributes are a few octets long: a loop is faster than making a view, and leaves nothing to collect.
      for (let i = start; i < end; i++) target[at++] = octets[i];
    }
    this.length = at;
  }

  /** Appends flags, code and length of an attribute; the Extended Length bit is set only when it is needed. */
  attributeHeader(flags: number, code: number, valueLength: number): void {
    const target = this.octets;
    let at = this.length;
    target[at] = valueLength > 255 ? flags | FLAG_EXTENDED_LENGTH : flags & ~FLAG_EXTENDED_LENGTH;
    target[at + 1] = code;
    at += 2;
    if (valueLength > 255) target[at++] = valueLength >>> 8;
    target[at++] = valueLength & 255;
    this.length = at;
  }

  uint16(value: number): void {
    this.octets[this.length++] = value >>> 8;
    this.octets[this.length++] = value & 255;
  }
}
