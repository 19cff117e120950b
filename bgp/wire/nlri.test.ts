import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { octets as anyOctets, ipv4Nlri, ipv6Nlri, withPathId } from '../../test/fuzz/arbitraries.ts';
import { parsePrefix } from '../ip.ts';
import { writeNlri } from './attribute/multiprotocol.ts';
import {
  checkNlri,
  countNlri,
  decodeNlri,
  NLRI_OK,
  NLRI_PATH_ID_CUT_OFF,
  NLRI_PREFIX_CUT_OFF,
  NLRI_PREFIX_TOO_LONG,
  prefixOctets,
} from './nlri.ts';
import { fromHex, OctetWriter } from './octets.ts';

const field = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);

describe('NLRI', () => {
  test.each([
    ['nothing is right', '', 32, false, NLRI_OK],
    ['a default route is right', '00', 32, false, NLRI_OK],
    ['a host route is right', '20c0000201', 32, false, NLRI_OK],
    ['a length of 33 is too long for IPv4', '21c000020100', 32, false, NLRI_PREFIX_TOO_LONG],
    ['a length of 33 is right for IPv6', '2120010db800', 128, false, NLRI_OK],
    ['a length of 129 is too long for IPv6', '81', 128, false, NLRI_PREFIX_TOO_LONG],
    ['a prefix may not be cut off', '180a00', 32, false, NLRI_PREFIX_CUT_OFF],
    ['a length alone is cut off', '080a18', 32, false, NLRI_PREFIX_CUT_OFF],
    ['a path identifier and a default route are right', '0000000700', 32, true, NLRI_OK],
    ['a path identifier alone is cut off', '00000007', 32, true, NLRI_PATH_ID_CUT_OFF],
    ['half a path identifier is cut off', '0000', 32, true, NLRI_PATH_ID_CUT_OFF],
    ['a prefix after a path identifier may not be cut off', '00000007180a', 32, true, NLRI_PREFIX_CUT_OFF],
  ])('%s', (_name, text, bits, hasPathIds, expected) => {
    const octets = field(text);
    expect(checkNlri(octets, 0, octets.length, bits, hasPathIds)).toBe(expected);
    // What stands behind the field must not make it right.
    const longer = field(`${text}0000000000000000`);
    expect(checkNlri(longer, 0, octets.length, bits, hasPathIds)).toBe(expected);
  });

  test.each([
    ['bits beyond the length are cleared', 0, '130affff', false, [{ prefix: '10.255.224.0/19' }]],
    ['in any octet', 0, '0980ff', false, [{ prefix: '128.128.0.0/9' }]],
    ['in IPv6 lanes', 1, '23ffffffffff', false, [{ prefix: 'ffff:ffff:e000::/35' }]],
    ['path identifiers are unsigned', 0, 'ffffffff00', true, [{ prefix: '0.0.0.0/0', pathId: 4294967295 }]],
  ] as const)('%s', (_name, family, text, hasPathIds, expected) => {
    const octets = field(text);
    expect(decodeNlri(family, octets, 0, octets.length, hasPathIds)).toEqual(expected);
  });

  test.each([
    ['IPv4', 0, ipv4Nlri],
    ['IPv6', 1, ipv6Nlri],
    ['IPv4 with path identifiers', 0, withPathId(ipv4Nlri)],
    ['IPv6 with path identifiers', 1, withPathId(ipv6Nlri)],
  ] as const)('encode and decode are inverse: %s', (name, family, nlri) => {
    const hasPathIds = name.includes('path');
    fc.assert(
      fc.property(fc.array(nlri, { maxLength: 30 }), (list) => {
        const writer = new OctetWriter();
        writeNlri(writer, list);
        const octets = writer.take();
        expect(checkNlri(octets, 0, octets.length, family === 0 ? 32 : 128, hasPathIds)).toBe(NLRI_OK);
        expect(decodeNlri(family, octets, 0, octets.length, hasPathIds)).toEqual(list);
        expect(countNlri(octets, 0, octets.length, hasPathIds)).toBe(list.length);
        const lengths = list.map(({ prefix }) => prefixOctets(parsePrefix(prefix)?.length ?? 0, hasPathIds));
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(octets.length);
      }),
    );
  });

  test('what is right can be decoded, and nothing beyond the field is read', () => {
    fc.assert(
      fc.property(anyOctets(60), fc.constantFrom(0, 1), fc.boolean(), (octets, family, hasPathIds) => {
        const bits = family === 0 ? 32 : 128;
        if (checkNlri(octets, 0, octets.length, bits, hasPathIds) !== NLRI_OK) return;
        const list = decodeNlri(family as 0 | 1, octets, 0, octets.length, hasPathIds);
        expect(list.length).toBe(countNlri(octets, 0, octets.length, hasPathIds));
        for (const { prefix } of list) expect(parsePrefix(prefix)).not.toBeNull();
      }),
      { numRuns: 1000 },
    );
  });
});
