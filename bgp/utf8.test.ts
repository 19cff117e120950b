import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8, encodeUtf8Truncated } from './utf8.ts';

describe('UTF-8', () => {
  test('encodes as TextEncoder does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
        expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
      }),
    );
  });

  test('decodes any octets as TextDecoder does', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const octet = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0x80, 0xbf, 0xc0, 0xe0, 0xed, 0xf0, 0xf4, 0xf8, 0x9f));
    fc.assert(
      fc.property(fc.array(octet, { maxLength: 40 }), (list) => {
        const octets = Uint8Array.from(list);
        expect(decodeUtf8(octets)).toBe(decoder.decode(octets));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['keeps a text that fits', 'abc', 3, 'abc'],
    ['cuts ASCII anywhere', 'abcd', 3, 'abc'],
    ['does not cut inside a character', 'aé', 2, 'a'],
    ['keeps a character that just fits', 'aé', 3, 'aé'],
    ['does not cut a four-octet character', '😀😀', 7, '😀'],
    ['may leave nothing', '😀', 3, ''],
  ])('truncation %s', (_name, text, maxOctets, kept) => {
    expect(decodeUtf8(encodeUtf8Truncated(text, maxOctets))).toBe(kept);
  });
});
