import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { uint16, uint32 } from '../../../test/fuzz/arbitraries.ts';
import {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from './community.ts';

describe('communities as text', () => {
  test.each([
    ['0:0', 0],
    ['65535:65281', 0xffffff01],
    ['65001:100', 65001 * 65536 + 100],
    ['65536:1', -1],
    ['1', -1],
    ['1:2:3', -1],
    ['01:2', -1],
    ['-1:2', -1],
    ['', -1],
    ['a:b', -1],
  ])('standard %s is %i', (text, value) => {
    expect(parseCommunity(text)).toBe(value);
    if (value >= 0) expect(formatCommunity(value)).toBe(text);
  });

  test.each([
    ['65001:1:2', [65001, 1, 2]],
    ['4294967295:0:4294967295', [4294967295, 0, 4294967295]],
    ['4294967296:0:0', null],
    ['1:2', null],
    ['1:2:', null],
  ])('large %s', (text, parts) => {
    expect(parseLargeCommunity(text)).toEqual(parts);
    if (parts !== null) expect(formatLargeCommunity(parts[0], parts[1], parts[2])).toBe(text);
  });

  test.each([
    ['a two-octet AS', 'rt:65001:4294967295', 0x0002fde9, 0xffffffff],
    ['a four-octet AS', 'rt:65536:100', 0x02020001, 0x00000064],
    ['an address', 'ro:10.0.0.1:100', 0x01030a00, 0x00010064],
    ['hexadecimal', '0x8006000012345678', 0x80060000, 0x12345678],
    ['a small AS in four octets, which is another community', '0x02020000fde90064', 0x02020000, 0xfde90064],
    ['a link bandwidth', '0x4004fde900000000', 0x4004fde9, 0],
  ])('extended with %s', (_name, text, high, low) => {
    expect(formatExtendedCommunity({ high, low })).toBe(text);
    expect(parseExtendedCommunity(text)).toEqual({ high, low });
  });

  test.each(['rt:65536:65536', 'rt:4294967296:1', 'rt:10.0.0.1:65536', 'rt:10.0.0:1', 'rt:1', 'xx:1:2', '0x12', ''])(
    'extended %s is none',
    (text) => expect(parseExtendedCommunity(text)).toBeNull(),
  );

  test('formatting loses nothing', () => {
    const high = fc.oneof(
      uint32,
      fc
        .tuple(fc.constantFrom(0, 1, 2, 0x40), fc.constantFrom(2, 3), uint16)
        .map(([type, subtype, rest]) => type * 16777216 + subtype * 65536 + rest),
    );
    fc.assert(
      fc.property(high, uint32, (upper, lower) => {
        expect(parseExtendedCommunity(formatExtendedCommunity({ high: upper, low: lower }))).toEqual({
          high: upper,
          low: lower,
        });
        expect(parseCommunity(formatCommunity(lower))).toBe(lower);
      }),
      { numRuns: 1000 },
    );
  });
});
