import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  octets as anyOctets,
  classicAttributes,
  ipv4Nlri,
  ipv6NextHop,
  ipv6Nlri,
  multiprotocolAttributes,
  withPathId,
} from '../../test/fuzz/arbitraries.ts';
import { attributeEnd } from './attribute/frame.ts';
import { ATTRIBUTE_TABLE } from './attribute/table.ts';
import { decodeMessage, encodeKeepalive } from './message.ts';
import type { DecodedAttribute } from './message-types.ts';
import { toHex } from './octets.ts';
import { decodeAttributes, encodeAttributes } from './path-attributes.ts';
import { decodeUpdate } from './update.ts';
import { CANONICAL_CONTEXT } from './update-context.ts';
import { type AttributeContent, encodeEndOfRib, encodeUpdate } from './update-encode.ts';

/** The attributes of a block as a message to encode holds them. */
function contentOf(block: Uint8Array): AttributeContent[] {
  const message = encodeUpdate({});
  const whole = new Uint8Array(message.length + block.length);
  whole.set(message);
  whole.set(block, 23);
  whole[16] = whole.length >>> 8;
  whole[17] = whole.length;
  whole[21] = block.length >>> 8;
  whole[22] = block.length;
  const result = decodeUpdate(whole, 0, whole.length, CANONICAL_CONTEXT);
  if (!result.ok || result.message.type !== 'update') throw new Error('the block does not decode');
  return result.message.attributes.map(({ code, flags, value, octets }) => ({ code, flags, value, octets }));
}

describe('canonical attributes', () => {
  test.each([
    ['of IPv4 routes', classicAttributes],
    ['of IPv6 routes', multiprotocolAttributes],
  ])('encode and decode are inverse: %s', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (attributes) => {
        const block = encodeAttributes(attributes);
        expect(decodeAttributes(block)).toEqual(attributes);
        let previous = 0;
        for (let at = 0; at < block.length; at = attributeEnd(block, at)) {
          expect(block[at + 1]).toBeGreaterThan(previous);
          previous = block[at + 1];
        }
      }),
    );
  });

  test("what the RIB keeps about other sources' routes is no attribute", () => {
    const local = Uint8Array.of(0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 1, 2);
    expect(decodeAttributes(local)).toEqual({ origin: 'incomplete' });
  });
});

describe('UPDATE', () => {
  test('encode and decode are inverse, with four-octet AS numbers', () => {
    fc.assert(
      fc.property(
        classicAttributes,
        fc.array(ipv4Nlri, { maxLength: 10 }),
        fc.array(ipv4Nlri, { minLength: 1, maxLength: 10 }),
        (attributes, withdrawn, nlri) => {
          const content = contentOf(encodeAttributes(attributes));
          const octets = encodeUpdate({ withdrawn, attributes: content, nlri });
          const result = decodeUpdate(octets, 0, octets.length, CANONICAL_CONTEXT);
          expect(result).toMatchObject({
            ok: true,
            message: { type: 'update', withdrawn, nlri, treatment: 0, findings: [] },
          });
          if (result.ok) expect(encodeUpdate(result.message)).toEqual(octets);
        },
      ),
    );
  });

  test('encode and decode are inverse for MP_REACH_NLRI and MP_UNREACH_NLRI with path identifiers', () => {
    const context = { ...CANONICAL_CONTEXT, addPathReceive: [true, true] as const };
    fc.assert(
      fc.property(
        fc.array(ipv6NextHop, { minLength: 1, maxLength: 2 }),
        fc.array(withPathId(ipv6Nlri), { maxLength: 10 }),
        fc.array(withPathId(ipv4Nlri), { maxLength: 10 }),
        (nextHops, reach, unreach) => {
          const octets = encodeUpdate({
            attributes: [
              { code: 14, value: { afi: 2, safi: 1, nextHops, nlri: reach } },
              { code: 15, value: { afi: 1, safi: 1, nlri: unreach } },
              { code: 1, value: 'egp' },
              { code: 2, value: [] },
            ],
          });
          const result = decodeMessage(octets, context);
          expect(result).toMatchObject({
            ok: true,
            message: {
              treatment: 0,
              attributes: [
                { value: { afi: 2, safi: 1, nextHops, nlri: reach } },
                { value: { afi: 1, safi: 1, nlri: unreach } },
                { value: 'egp' },
                { value: [] },
              ],
            },
          });
        },
      ),
    );
  });

  test('two-octet AS numbers are written and read as such', () => {
    const path = [{ type: 'sequence' as const, asns: [65001, 23456] }];
    const aggregator = { as: 65001, address: '10.0.0.1' };
    const attributes = [
      { code: 2, value: path },
      { code: 7, value: aggregator },
    ];
    const octets = encodeUpdate({ attributes }, false);
    expect(toHex(octets, 23)).toBe('4002060202fde95ba0c00706fde90a000001');
    const result = decodeUpdate(octets, 0, octets.length, { ...CANONICAL_CONTEXT, asn4: false });
    expect(result).toMatchObject({ ok: true, message: { attributes: [{ value: path }, { value: aggregator }] } });
  });

  test('families of others keep their NLRI as octets', () => {
    const value = { afi: 25, safi: 70, nextHopOctets: '0a000001', nextHops: ['10.0.0.1'], nlriOctets: 'deadbeef' };
    const octets = encodeUpdate({ attributes: [{ code: 14, value }] });
    expect(decodeUpdate(octets, 0, octets.length, CANONICAL_CONTEXT)).toMatchObject({
      ok: true,
      message: { attributes: [{ value }] },
    });
  });

  test.each([
    [0, '00000000'],
    [1, '00000006800f03000201'],
  ] as const)('End-of-RIB of family %i', (family, body) => {
    expect(toHex(encodeEndOfRib(family), 19)).toBe(body);
  });

  test('every attribute of the table survives a round trip of its own', () => {
    const examples: Record<number, DecodedAttribute['value']> = {
      1: 'egp',
      2: [
        { type: 'confederation-sequence', asns: [1] },
        { type: 'set', asns: [2, 3] },
      ],
      3: '10.0.0.1',
      4: 4294967295,
      5: 0,
      6: true,
      7: { as: 70000, address: '10.0.0.1' },
      8: ['65535:65281'],
      9: '10.0.0.1',
      10: ['10.0.0.1', '10.0.0.2'],
      14: { afi: 1, safi: 1, nextHops: ['10.0.0.1'], nextHopOctets: '0a000001', nlri: [{ prefix: '10.0.0.0/8' }] },
      15: { afi: 1, safi: 1, nlri: [{ prefix: '10.0.0.0/8' }] },
      16: ['rt:65001:1'],
      17: [{ type: 'sequence', asns: [70000] }],
      18: { as: 70000, address: '10.0.0.1' },
      25: [`0x${'ab'.repeat(20)}`],
      26: '18446744073709551615',
      32: ['1:2:3'],
      35: 65001,
    };
    for (const descriptor of ATTRIBUTE_TABLE) {
      if (descriptor === undefined) continue;
      const { code, flags } = descriptor;
      const value = examples[code];
      const octets = encodeUpdate({ attributes: [{ code, value }] });
      const result = decodeUpdate(octets, 0, octets.length, CANONICAL_CONTEXT);
      expect(result.ok && result.message.attributes, descriptor.name).toMatchObject([{ code, flags, value }]);
    }
  });
});

describe('decodeMessage', () => {
  test('knows every type', () => {
    expect(decodeMessage(encodeKeepalive())).toEqual({ ok: true, message: { type: 'keepalive' } });
    expect(decodeMessage(encodeEndOfRib(0))).toMatchObject({ ok: true, message: { type: 'update' } });
  });

  test('never throws, whatever the octets are', () => {
    const plausible = fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 6), anyOctets(200)).map(([type, body]) => {
      const octets = new Uint8Array(19 + body.length).fill(0xff);
      octets[16] = octets.length >>> 8;
      octets[17] = octets.length & 255;
      octets[18] = type;
      octets.set(body, 19);
      return octets;
    });
    fc.assert(
      fc.property(fc.oneof(anyOctets(60), plausible), (octets) => {
        const result = decodeMessage(octets);
        if (result.ok) expect(JSON.parse(JSON.stringify(result.message))).toEqual(result.message);
        else expect(result.error.code).toBeGreaterThan(0);
      }),
      { numRuns: 5000 },
    );
  });
});
