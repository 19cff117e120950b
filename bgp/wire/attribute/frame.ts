/** The frame of one attribute (RFC 4271 §4.3), read in place. Blocks have been checked before: nothing runs over. */

import { FLAG_EXTENDED_LENGTH } from '../../iana.ts';
import { uint16 } from '../octets.ts';

/* attribute := flags(1) code(1) length(1, or 2 with the Extended Length bit) value(length) */

/** Offset of the value of the attribute whose flags octet is at `at`. */
export function attributeValueStart(octets: Uint8Array, at: number): number {
  return (octets[at] & FLAG_EXTENDED_LENGTH) !== 0 ? at + 4 : at + 3;
}

/** Offset after the attribute whose flags octet is at `at`. */
export function attributeEnd(octets: Uint8Array, at: number): number {
  return (octets[at] & FLAG_EXTENDED_LENGTH) !== 0 ? at + 4 + uint16(octets, at + 2) : at + 3 + octets[at + 2];
}

/** Offset of the flags octet of the first attribute with this code in the block [start, end), or -1. */
export function findAttribute(octets: Uint8Array, start: number, end: number, code: number): number {
  for (let at = start; at < end; at = attributeEnd(octets, at)) if (octets[at + 1] === code) return at;
  return -1;
}
