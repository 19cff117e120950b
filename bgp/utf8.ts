/**
 * UTF-8 (RFC 3629) without TextEncoder, which the pure part does not have: shutdown communications (RFC 9003) and
 * host names in capabilities. Malformed octets become U+FFFD, so that what a peer sends is always printable.
 */

const REPLACEMENT = '\ufffd';

export function encodeUtf8(text: string): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0xfffd;
    if (point < 0x80) octets.push(point);
    else if (point < 0x800) octets.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point >= 0xd800 && point <= 0xdfff)
      octets.push(0xef, 0xbf, 0xbd); // A lone surrogate has no UTF-8 form.
    else if (point < 0x10000) octets.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else
      octets.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return Uint8Array.from(octets);
}

/** Longest prefix of the text's UTF-8 form that fits, never ending inside a character. */
export function encodeUtf8Truncated(text: string, maxOctets: number): Uint8Array {
  const octets = encodeUtf8(text);
  if (octets.length <= maxOctets) return octets;
  let end = maxOctets;
  while (end > 0 && (octets[end] & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

export function decodeUtf8(octets: Uint8Array, start = 0, end = octets.length): string {
  let text = '';
  let i = start;
  while (i < end) {
    const lead = octets[i];
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      i++;
      continue;
    }
    const tailCount =
      lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    let point = lead & (0x7f >> (tailCount + 1));
    let taken = 1;
    while (taken <= tailCount && i + taken < end) {
      const tail = octets[i + taken];
      // The second octet rules out overlong forms, surrogates and what lies beyond U+10FFFF.
      const low = taken > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const high = taken > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (tail < low || tail > high) break;
      point = (point << 6) | (tail & 63);
      taken++;
    }
    text += tailCount > 0 && taken === tailCount + 1 ? String.fromCodePoint(point) : REPLACEMENT;
    i += taken;
  }
  return text;
}
