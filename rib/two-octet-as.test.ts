import { describe, expect, test } from 'vitest';
import { twoOctetBlockLimit, writeTwoOctetBlock } from './two-octet-as.ts';

const bytes = (text: string): Uint8Array =>
  Uint8Array.from(text.split(/\s+/).filter(Boolean), (octet) => Number.parseInt(octet, 16));

function converted(source: Uint8Array): string {
  const into = new Uint8Array(twoOctetBlockLimit(source.length));
  const written = writeTwoOctetBlock(source, 0, source.length, into);
  expect(written).toBeLessThanOrEqual(into.length);
  return Array.from(into.subarray(0, written), (octet) => octet.toString(16).padStart(2, '0')).join(' ');
}

describe('attributes for a peer with AS numbers of two octets (RFC 6793 4.2.2)', () => {
  test.each([
    [
      'small AS numbers need no AS4_PATH',
      '40 01 01 00  40 02 0a 02 02 00 00 fd e9 00 00 fd ea  40 03 04 c0 00 02 01',
      '40 01 01 00  40 02 06 02 02 fd e9 fd ea  40 03 04 c0 00 02 01',
    ],
    [
      'a large one becomes AS_TRANS, the whole path goes into AS4_PATH',
      '40 02 0a 02 02 00 00 fd e9 00 01 00 01  40 03 04 c0 00 02 01',
      '40 02 06 02 02 fd e9 5b a0  40 03 04 c0 00 02 01  c0 11 0a 02 02 00 00 fd e9 00 01 00 01',
    ],
    [
      'AS4_PATH and AS4_AGGREGATOR come where their codes belong',
      '40 02 06 02 01 00 01 00 01  c0 07 08 00 01 00 02 c0 00 02 09  c0 10 08 00 02 fd e8 00 00 00 01  c0 20 0c 00 00 00 01 00 00 00 02 00 00 00 03',
      '40 02 04 02 01 5b a0  c0 07 06 5b a0 c0 00 02 09  c0 10 08 00 02 fd e8 00 00 00 01  c0 11 06 02 01 00 01 00 01  c0 12 08 00 01 00 02 c0 00 02 09  c0 20 0c 00 00 00 01 00 00 00 02 00 00 00 03',
    ],
    [
      'AGGREGATOR with a small AS number needs no AS4_AGGREGATOR',
      '40 02 00  c0 07 08 00 00 fd e9 c0 00 02 09',
      '40 02 00  c0 07 06 fd e9 c0 00 02 09',
    ],
    [
      'segments of confederations are left out of AS4_PATH',
      '40 02 0c 03 01 00 00 fd e9 02 01 00 01 00 01',
      '40 02 08 03 01 fd e9 02 01 5b a0  c0 11 06 02 01 00 01 00 01',
    ],
  ])('%s', (_sentence, source, expected) => {
    expect(converted(bytes(source))).toBe(expected.replace(/\s+/g, ' '));
  });

  test('a path that needs the extended length with four octets per AS may not need it with two', () => {
    const path = Array.from({ length: 100 }, (_, i) => [0, i === 0 ? 1 : 0, 0, i]).flat();
    const text = converted(Uint8Array.from([0x50, 2, 402 >>> 8, 402 & 255, 2, 100, ...path]));
    expect(text.startsWith('40 02 ca 02 64 5b a0 00 01')).toBe(true);
    expect(text.slice(3 * 205)).toMatch(/^d0 11 01 92 02 64 00 01 00 00 00 00 00 01/);
  });
});
