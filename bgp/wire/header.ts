/** Writing a whole message: the 19-octet header of RFC 4271 §4.1 around a body. */

import { HEADER_OCTETS } from './framer.ts';
import { OctetWriter } from './octets.ts';

/** A writer that has the header in place, with the length still open. */
export function startMessage(type: number, capacityOctets = 128): OctetWriter {
  const writer = new OctetWriter(capacityOctets);
  for (let i = 0; i < 4; i++) writer.uint32(0xffffffff);
  return writer.uint16(HEADER_OCTETS).uint8(type);
}

/** Fills in the length and hands out the message. */
export function finishMessage(writer: OctetWriter): Uint8Array {
  writer.patchUint16(16, writer.length);
  return writer.take();
}
