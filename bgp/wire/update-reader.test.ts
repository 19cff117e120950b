import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  octets as anyOctets,
  classicAttributes,
  ipv4Nlri,
  ipv6Nlri,
  multiprotocolAttributes,
  withPathId,
} from '../../test/fuzz/arbitraries.ts';
import { attributeEnd } from './attribute/frame.ts';
import { TREATMENT_OK, TREATMENT_RESET } from './error.ts';
import { finishMessage, startMessage } from './header.ts';
import { decodeNlri } from './nlri.ts';
import { fromHex, OctetWriter, toHex } from './octets.ts';
import { decodeAttributes, encodeAttributes } from './path-attributes.ts';
import type { UpdateContext } from './update-context.ts';
import { encodeUpdate } from './update-encode.ts';
import { CARRIER_CLASSIC, CARRIER_MULTIPROTOCOL, UpdateReader } from './update-reader.ts';

const INTERNAL: UpdateContext = {
  asn4: true,
  isInternal: true,
  isConfederationMember: false,
  families: [true, true],
  addPathReceive: [false, false],
  extendedNextHop: true,
};

/** An UPDATE of a ready attribute block. */
function update(block: Uint8Array, nlri: Uint8Array = fromHex('180a0000') ?? new Uint8Array(0)): Uint8Array {
  return finishMessage(startMessage(2).uint16(0).uint16(block.length).bytes(block).bytes(nlri));
}

/** Attributes of a block in any other order. */
function reordered(block: Uint8Array, order: readonly number[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < block.length; at = attributeEnd(block, at))
    parts.push(block.subarray(at, attributeEnd(block, at)));
  const sorted = parts.map((part, i) => [order[i % order.length] ?? 0, part] as const).sort(([x], [y]) => x - y);
  const writer = new OctetWriter();
  for (const [, part] of sorted) writer.bytes(part);
  return writer.take();
}

function canonicalOf(reader: UpdateReader, message: Uint8Array, carrier: 0 | 1): string {
  expect(reader.read(message, 0, message.length)).toBe(TREATMENT_OK);
  reader.selectBlock(carrier);
  expect(reader.canonicalise()).toBe(TREATMENT_OK);
  return toHex(reader.blockOctets, reader.blockStart, reader.blockEnd);
}

describe('UpdateReader', () => {
  test('a canonical block is found where it stands and stays as it is', () => {
    const reader = new UpdateReader(INTERNAL);
    fc.assert(
      fc.property(classicAttributes, fc.array(ipv4Nlri, { minLength: 1, maxLength: 20 }), (attributes, nlri) => {
        const block = encodeAttributes(attributes);
        const message = update(block, encodeUpdate({ nlri }).subarray(23));
        expect(reader.read(message, 0, message.length)).toBe(TREATMENT_OK);
        reader.selectBlock(CARRIER_CLASSIC);
        expect(reader.blockOctets).toBe(message);
        expect(toHex(reader.blockOctets, reader.blockStart, reader.blockEnd)).toBe(toHex(block));
        expect(reader.canonicalise()).toBe(TREATMENT_OK);
        expect(reader.blockIsVerbatimCanonical).toBe(true);
        expect(reader.blockOctets).toBe(message);
        expect(decodeNlri(0, message, reader.nlriStart, reader.nlriEnd, false)).toEqual(nlri);
        expect(reader.findings).toEqual([]);
      }),
    );
  });

  test('the order of attributes does not matter', () => {
    const reader = new UpdateReader(INTERNAL);
    fc.assert(
      fc.property(classicAttributes, fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), (attributes, order) => {
        const block = encodeAttributes(attributes);
        expect(canonicalOf(reader, update(reordered(block, order)), CARRIER_CLASSIC)).toBe(toHex(block));
      }),
    );
  });

  test('IPv6 routes get the next hop of MP_REACH_NLRI without its NLRI, wherever it stands', () => {
    const reader = new UpdateReader(INTERNAL);
    fc.assert(
      fc.property(
        multiprotocolAttributes,
        fc.array(ipv6Nlri, { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
        (attributes, nlri, order) => {
          const { mpNextHop, ...others } = attributes;
          const reach = encodeUpdate({
            attributes: [{ code: 14, value: { afi: 2, safi: 1, nextHops: mpNextHop?.addresses ?? [], nlri } }],
          }).subarray(23);
          const writer = new OctetWriter();
          const rest = encodeAttributes(others);
          writer.bytes(rest).bytes(reach);
          const message = update(reordered(writer.take(), order), new Uint8Array(0));
          const canonical = canonicalOf(reader, message, CARRIER_MULTIPROTOCOL);
          expect(canonical).toBe(toHex(encodeAttributes(attributes)));
          expect(reader.blockIsVerbatimCanonical).toBe(true);
          expect(reader.mpReachFamily).toBe(1);
          expect(decodeNlri(1, message, reader.mpReachStart, reader.mpReachEnd, false)).toEqual(nlri);
        },
      ),
    );
  });

  test.each([
    ['sent with a needless extended length', '50010001004002004003040a000001', '4001010040020040030' + '40a000001'],
    ['with the Partial bit on a well-known attribute', '600101004002004003040a000001', '400101004002004003040a000001'],
    ['with reserved flag bits', '4f0101004002004003040a000001', '400101004002004003040a000001'],
    [
      'with an unknown attribute that is passed on',
      '400101004002004003040a000001c0fe0177',
      '400101004002004003040a000001e0fe0177',
    ],
    [
      'with an unknown attribute that is dropped',
      '400101004002004003040a00000180fe0177c0ff00',
      '400101004002004003040a000001e0ff00',
    ],
    [
      'with the Partial bit on communities, which stays',
      '400101004002004003040a000001e00804ffffff01',
      '400101004002004003040a000001e00804ffffff01',
    ],
    [
      'of a two-octet speaker',
      '400101004002040201fde94003040a000001c00706fde90a000002',
      '4001010040020602010000fde94003040a000001c007080000fde90a000002',
      false,
    ],
    [
      'of a two-octet speaker with AS4_PATH and AS4_AGGREGATOR',
      '40010100400206020200015ba04003040a000001c007065ba00a000002c01106020100011170c01208000111700a000009',
      '4001010040020a0202000000010001117' + '04003040a000001c00708000111700a000009',
      false,
    ],
    [
      'of a two-octet speaker whose aggregator is newer than AS4_PATH',
      '40010100400206020200015ba04003040a000001c0070600070a000002c01106020100011170c01208000111700a000009',
      '4001010040020a02020000000100005ba04003040a000001c00708000000070a000002',
      false,
    ],
    [
      'of a two-octet speaker with AS4_PATH alone',
      '40010100400206020200015ba04003040a000001c0070600070a000002c01106020100011170',
      '4001010040020a0202000000010001117' + '04003040a000001c00708000000070a000002',
      false,
    ],
  ] as const)('a block %s becomes canonical', (_name, sent, canonical, asn4: boolean = true) => {
    const reader = new UpdateReader({ ...INTERNAL, asn4 });
    expect(canonicalOf(reader, update(fromHex(sent) ?? new Uint8Array(0)), CARRIER_CLASSIC)).toBe(canonical);
    expect(reader.blockIsVerbatimCanonical).toBe(sent === canonical);
  });

  test('what is dropped before an attribute leaves that attribute alone', () => {
    const external = new UpdateReader({ ...INTERNAL, isInternal: false });
    const message = update(fromHex('400101004002004003040a00000140050400000064c00804ffffff01') ?? new Uint8Array(0));
    external.read(message, 0, message.length);
    external.selectBlock(CARRIER_CLASSIC);
    external.canonicalise();
    expect(toHex(external.blockOctets, external.blockStart, external.blockEnd)).toBe(
      '400101004002004003040a000001c00804ffffff01',
    );
    expect(external.findings).toMatchObject([{ attribute: 5, treatment: 1 }]);
  });

  test('a widened path of more than 255 octets gets an extended length', () => {
    const asns = Array.from({ length: 100 }, (_, i) => i + 1);
    const value = `0264${asns.map((as) => as.toString(16).padStart(4, '0')).join('')}`;
    const reader = new UpdateReader({ ...INTERNAL, asn4: false });
    const sent = fromHex(`400101004002${(value.length / 2).toString(16)}${value}4003040a000001`) ?? new Uint8Array(0);
    canonicalOf(reader, update(sent), CARRIER_CLASSIC);
    const attributes = decodeAttributes(reader.blockOctets, reader.blockStart, reader.blockEnd);
    expect(attributes.asPath).toEqual([{ type: 'sequence', asns }]);
  });

  test.each([
    ['IPv4, as an empty UPDATE', encodeUpdate({}), 0],
    ['IPv4, in MP_UNREACH_NLRI', encodeUpdate({ attributes: [{ code: 15, value: { afi: 1, safi: 1, nlri: [] } }] }), 0],
    ['IPv6', encodeUpdate({ attributes: [{ code: 15, value: { afi: 2, safi: 1, nlri: [] } }] }), 1],
    [
      'no family of ours',
      encodeUpdate({ attributes: [{ code: 15, value: { afi: 2, safi: 128, nlriOctets: '' } }] }),
      -1,
    ],
    [
      'nothing, when a prefix is withdrawn',
      encodeUpdate({
        withdrawn: [{ prefix: '10.0.0.0/8' }],
        attributes: [{ code: 15, value: { afi: 2, safi: 1, nlri: [] } }],
      }),
      -1,
    ],
    [
      'nothing, when there are other attributes',
      encodeUpdate({
        attributes: [
          { code: 1, value: 'igp' },
          { code: 15, value: { afi: 2, safi: 1, nlri: [] } },
        ],
      }),
      -1,
    ],
  ])('End-of-RIB of %s', (_name, message, expected) => {
    const reader = new UpdateReader(INTERNAL);
    expect(reader.read(message, 0, message.length)).toBe(TREATMENT_OK);
    expect(reader.endOfRib).toBe(expected);
  });

  test('ADD-PATH applies to the families that it was negotiated for', () => {
    const reader = new UpdateReader({ ...INTERNAL, addPathReceive: [true, false] });
    fc.assert(
      fc.property(fc.array(withPathId(ipv4Nlri), { minLength: 1 }), fc.array(ipv6Nlri), (withdrawn, nlri) => {
        const message = encodeUpdate({ withdrawn, attributes: [{ code: 15, value: { afi: 2, safi: 1, nlri } }] });
        expect(reader.read(message, 0, message.length)).toBe(TREATMENT_OK);
        expect(decodeNlri(0, message, reader.withdrawnStart, reader.withdrawnEnd, true)).toEqual(withdrawn);
        expect(decodeNlri(1, message, reader.mpUnreachStart, reader.mpUnreachEnd, false)).toEqual(nlri);
      }),
    );
  });

  test('nothing is left of the message before', () => {
    const reader = new UpdateReader(INTERNAL);
    const full = update(fromHex('400101004002004003040a000001') ?? new Uint8Array(0));
    const broken = finishMessage(startMessage(2).uint16(9).uint16(0));
    expect(reader.read(broken, 0, broken.length)).toBe(TREATMENT_RESET);
    expect(reader.notification).not.toBeNull();
    expect(reader.read(full, 0, full.length)).toBe(TREATMENT_OK);
    expect(reader).toMatchObject({ notification: null, findings: [], mpReachFamily: -1, endOfRib: -1 });
    expect(reader.read(broken, 0, broken.length)).toBe(TREATMENT_RESET);
    expect(reader.nlriStart).toBe(reader.nlriEnd);
  });

  test('ranges never leave the message, whatever it holds', () => {
    const context = fc.record({
      asn4: fc.boolean(),
      isInternal: fc.boolean(),
      isConfederationMember: fc.boolean(),
      families: fc.tuple(fc.boolean(), fc.boolean()),
      addPathReceive: fc.tuple(fc.boolean(), fc.boolean()),
      extendedNextHop: fc.boolean(),
    });
    fc.assert(
      fc.property(
        context,
        anyOctets(120),
        fc.nat({ max: 40 }),
        fc.nat({ max: 60 }),
        (given, body, withdrawn, attributes) => {
          const message = finishMessage(
            startMessage(2)
              .uint16(withdrawn % 5)
              .bytes(body.subarray(0, withdrawn % 5))
              .uint16(attributes)
              .bytes(body),
          );
          const reader = new UpdateReader(given);
          const treatment = reader.read(message, 0, message.length);
          const ranges = [
            [reader.withdrawnStart, reader.withdrawnEnd],
            [reader.nlriStart, reader.nlriEnd],
            [reader.mpReachStart, reader.mpReachEnd],
            [reader.mpUnreachStart, reader.mpUnreachEnd],
          ];
          for (const [start, end] of ranges) {
            expect(start).toBeLessThanOrEqual(end);
            expect(end).toBeLessThanOrEqual(message.length);
            if (start < end) expect(start).toBeGreaterThanOrEqual(21);
          }
          expect(treatment === TREATMENT_RESET).toBe(reader.notification !== null);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
