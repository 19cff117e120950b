/**
 * The AIGP attribute (RFC 7311): kept and passed on inside the AS or confederation, not used by the decision process.
 * As text it is the accumulated metric in decimal, or `0x` and the octets when it holds anything but one AIGP TLV.
 */

import { fromHex, type OctetWriter, toHex, uint16, uint32 } from '../octets.ts';

const TLV_AIGP = 1;
const TLV_AIGP_OCTETS = 11;

/* aigp := (type(1) length(2) value(length - 3))+ ; AIGP TLV := 1 11 metric(8) */

/** RFC 7311 §3.4: what makes the attribute malformed, or null. */
export function aigpProblem(octets: Uint8Array, start: number, end: number): string | null {
  if (start === end) return 'it is empty';
  let at = start;
  while (at < end) {
    if (end - at < 3) return 'a TLV header is cut off';
    const length = uint16(octets, at + 1);
    if (length < 3 || length > end - at) return `a TLV length of ${length} does not fit ${end - at} remaining octets`;
    if (octets[at] === TLV_AIGP && length !== TLV_AIGP_OCTETS) return `an AIGP TLV has ${length} octets instead of 11`;
    at += length;
  }
  return null;
}

/** Text of an attribute in which `aigpProblem` found nothing. */
export function decodeAigp(octets: Uint8Array, start: number, end: number): string {
  if (end - start !== TLV_AIGP_OCTETS || octets[start] !== TLV_AIGP) return `0x${toHex(octets, start, end)}`;
  return ((BigInt(uint32(octets, start + 3)) << 32n) | BigInt(uint32(octets, start + 7))).toString();
}

/** Appends the attribute value that `decodeAigp` prints like this; text that is none appends metric 0. */
export function writeAigp(writer: OctetWriter, text: string): void {
  const octets = text.startsWith('0x') ? fromHex(text.slice(2)) : null;
  if (octets !== null) {
    writer.bytes(octets);
    return;
  }
  const metric = /^[0-9]{1,20}$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : 0n;
  writer
    .uint8(TLV_AIGP)
    .uint16(TLV_AIGP_OCTETS)
    .uint32(Number(metric >> 32n))
    .uint32(Number(metric & 0xffffffffn));
}
