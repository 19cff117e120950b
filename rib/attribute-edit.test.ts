import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_ORIGIN,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
} from '../bgp/iana.ts';
import type { AsPathSegment } from '../bgp/wire/message-types.ts';
import { toHex } from '../bgp/wire/octets.ts';
import { decodeAttributes, encodeAttributes, type PathAttributes } from '../bgp/wire/path-attributes.ts';
import { AttributeEditor } from './attribute-edit.ts';
import { AttributeStore } from './attribute-store.ts';
import { NextHopTable } from './next-hop.ts';
import { type Community, parseCommunity } from './policy/community.ts';

const SOME: PathAttributes = {
  origin: 'igp',
  asPath: [{ type: 'sequence', asns: [1, 2] }],
  nextHop: '10.0.0.1',
  med: 5,
  communities: ['1:1', '1:2'],
  others: [{ code: 200, flags: 0xe0, octets: '01020304' }],
};

function community(text: string): Community {
  const parsed = parseCommunity(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

function newEditor(): AttributeEditor {
  return new AttributeEditor(new AttributeStore(new NextHopTable()));
}

/** What editing these attributes leads to. */
function edited(attributes: PathAttributes, edit: (editor: AttributeEditor) => void): PathAttributes | null {
  const editor = newEditor();
  const block = encodeAttributes(attributes);
  editor.beginBlock(block, 0, block.length);
  edit(editor);
  const result = editor.finishBlock();
  return result === null ? null : decodeAttributes(result);
}

describe('single edits', () => {
  test.each<[string, (editor: AttributeEditor) => void, Partial<PathAttributes>]>([
    ['nothing changes nothing', () => {}, {}],
    ['LOCAL_PREF in the middle', (e) => e.setLocalPref(4294967295), { localPref: 4294967295 }],
    ['MED replaced', (e) => e.setMed(7), { med: 7 }],
    ['OTC', (e) => e.setOnlyToCustomer(65001), { onlyToCustomer: 65001 }],
    ['ORIGINATOR_ID', (e) => e.setOriginatorId(0x0a000001), { originatorId: '10.0.0.1' }],
    ['a first cluster', (e) => e.prependCluster(0x0a000001), { clusterList: ['10.0.0.1'] }],
    ['a community behind the others', (e) => e.addCommunity(community('1:0')), { communities: ['1:1', '1:2', '1:0'] }],
    ['a community that is there', (e) => e.addCommunity(community('1:2')), {}],
    ['a first large community', (e) => e.addCommunity(community('1:2:3')), { largeCommunities: ['1:2:3'] }],
    ['a first extended community', (e) => e.addCommunity(community('rt:1:2')), { extendedCommunities: ['rt:1:2'] }],
    ['a removed community', (e) => e.removeCommunity(community('1:1')), { communities: ['1:2'] }],
    ['a community that is not there', (e) => e.removeCommunity(community('9:9')), {}],
    ['a large community that is not there', (e) => e.removeCommunity(community('9:9:9')), {}],
    ['IPv4 next hop', (e) => e.setIpv4NextHop(0x0a000002), { nextHop: '10.0.0.2' }],
    [
      'our AS in front',
      (e) => e.rewriteAsPath(Uint32Array.of(9, 9), 2, true, false, 0),
      { asPath: [{ type: 'sequence', asns: [9, 9, 1, 2] }] },
    ],
    ['nothing in front', (e) => e.rewriteAsPath(new Uint32Array(0), 0, false, false, 0), {}],
  ])('%s', (_case, edit, change) => {
    expect(edited(SOME, edit)).toEqual({ ...SOME, ...change });
  });

  test('an emptied attribute goes', () => {
    const { communities: _gone, ...rest } = SOME;
    const both = (editor: AttributeEditor): void => {
      editor.removeCommunity(community('1:1'));
      editor.removeCommunity(community('1:2'));
    };
    expect(edited(SOME, both)).toEqual(rest);
    expect(edited(SOME, (editor) => editor.removeAllCommunities())).toEqual(rest);
  });

  test('every occurrence of a community goes', () => {
    const doubled: PathAttributes = { ...SOME, communities: ['1:1', '1:2', '1:1'] };
    expect(edited(doubled, (editor) => editor.removeCommunity(community('1:1')))?.communities).toEqual(['1:2']);
  });

  test('removed and put again', () => {
    const result = edited(SOME, (editor) => {
      editor.remove(ATTRIBUTE_MULTI_EXIT_DISC);
      expect(editor.has(ATTRIBUTE_MULTI_EXIT_DISC)).toBe(false);
      editor.setMed(8);
    });
    expect(result).toEqual({ ...SOME, med: 8 });
  });

  test('only extended communities with the non-transitive bit go', () => {
    const given: PathAttributes = {
      ...SOME,
      extendedCommunities: ['rt:1:2', '0x4004000000000001', 'ro:1:2'],
      ipv6ExtendedCommunities: [`0x4002${'00'.repeat(18)}`],
    };
    const expected: PathAttributes = { ...SOME, extendedCommunities: ['rt:1:2', 'ro:1:2'] };
    expect(edited(given, (editor) => editor.removeNonTransitiveCommunities())).toEqual(expected);
  });

  test.each<[string, number, number, number, NonNullable<PathAttributes['mpNextHop']>]>([
    ['IPv6 next hop', 2, 0, 0, { family: 'ipv6-unicast', addresses: ['2001:db8::1'] }],
    [
      'with a link-local one',
      2,
      0x02000000,
      7,
      { family: 'ipv6-unicast', addresses: ['2001:db8::1', 'fe80::200:0:0:7'] },
    ],
    ['of IPv4 routes (RFC 8950)', 1, 0, 0, { family: 'ipv4-unicast', addresses: ['2001:db8::1'] }],
  ])('%s', (_case, afi, linkLocalC, linkLocalD, mpNextHop) => {
    const { nextHop: _gone, ...rest } = SOME;
    const result = edited(SOME, (editor) => editor.setIpv6NextHop(afi, 0x20010db8, 0, 0, 1, linkLocalC, linkLocalD));
    expect(result).toEqual({ ...rest, mpNextHop });
    const block = encodeAttributes({ ...rest, mpNextHop });
    const editor = newEditor();
    editor.beginBlock(block, 0, block.length);
    editor.setIpv4NextHop(0x0a000001);
    expect(decodeAttributes(editor.finishBlock()!)).toEqual(SOME);
  });
});

describe('canonical form', () => {
  test('the length of an attribute gets its second octet above 255', () => {
    const many = Array.from({ length: 63 }, (_, i) => `2:${i}`);
    const editor = newEditor();
    const block = encodeAttributes({ communities: many });
    editor.beginBlock(block, 0, block.length);
    expect([...editor.finishBlock()!.subarray(0, 3)]).toEqual([0xc0, ATTRIBUTE_COMMUNITIES, 252]);
    editor.beginBlock(block, 0, block.length);
    editor.addCommunity(community('3:1'));
    expect([...editor.finishBlock()!.subarray(0, 4)]).toEqual([0xd0, ATTRIBUTE_COMMUNITIES, 1, 0]);
  });

  test('and loses it again', () => {
    const many = Array.from({ length: 64 }, (_, i) => `2:${i}`);
    const editor = newEditor();
    const block = encodeAttributes({ communities: many });
    editor.beginBlock(block, 0, block.length);
    editor.removeCommunity(community('2:7'));
    expect([...editor.finishBlock()!.subarray(0, 3)]).toEqual([0xc0, ATTRIBUTE_COMMUNITIES, 252]);
  });

  test('a block that no message can carry is refused', () => {
    const block = encodeAttributes({ others: [{ code: 200, flags: 0xe0, octets: '00'.repeat(65000) }] });
    const editor = newEditor();
    editor.beginBlock(block, 0, block.length);
    for (let i = 0; i < 128; i++) editor.addCommunity(community(`1:${i}`));
    expect(editor.finish()).toBe(0);
    editor.beginBlock(block, 0, block.length);
    expect(editor.finish()).not.toBe(0);
  });

  test('a stored set that does not change keeps its handle', () => {
    const store = new AttributeStore(new NextHopTable());
    const block = encodeAttributes(SOME);
    const set = store.intern(block, 0, block.length);
    const editor = new AttributeEditor(store);
    editor.begin(set);
    expect(editor.finish()).toBe(set);
  });

  test('starting from nothing', () => {
    const editor = newEditor();
    editor.begin(0);
    editor.setLocalPref(100);
    editor.setUint8(ATTRIBUTE_ORIGIN, FLAG_TRANSITIVE, 0);
    expect(decodeAttributes(editor.finishBlock()!)).toEqual({ origin: 'igp', localPref: 100 });
  });
});

// Any edits in any order, against decode, change the value, encode.
type Edit = readonly [(editor: AttributeEditor) => void, (attributes: PathAttributes) => PathAttributes];

function without(attributes: PathAttributes, key: keyof PathAttributes): PathAttributes {
  const { [key]: _gone, ...rest } = attributes;
  return rest;
}

function listKey(text: string): 'communities' | 'largeCommunities' | 'extendedCommunities' {
  if (text.startsWith('rt:')) return 'extendedCommunities';
  return text.split(':').length === 3 ? 'largeCommunities' : 'communities';
}

function prepended(segments: readonly AsPathSegment[], as: number): AsPathSegment[] {
  const [first, ...rest] = segments;
  if (first?.type === 'sequence' && first.asns.length < 255)
    return [{ type: 'sequence', asns: [as, ...first.asns] }, ...rest];
  return [{ type: 'sequence', asns: [as] }, ...segments];
}

const uint32 = fc.nat(0xffffffff);
const texts = fc.constantFrom('1:1', '1:2', '1:3', '1:1:1', '1:1:2', 'rt:1:1', 'rt:1:2');
const edit: fc.Arbitrary<Edit> = fc.oneof(
  uint32.map((v): Edit => [(e) => e.setLocalPref(v), (a) => ({ ...a, localPref: v })]),
  uint32.map((v): Edit => [(e) => e.setMed(v), (a) => ({ ...a, med: v })]),
  fc.constant<Edit>([(e) => e.remove(ATTRIBUTE_MULTI_EXIT_DISC), (a) => without(a, 'med')]),
  fc.constant<Edit>([(e) => e.remove(ATTRIBUTE_LOCAL_PREF), (a) => without(a, 'localPref')]),
  texts.map(
    (text): Edit => [
      (e) => e.addCommunity(community(text)),
      (a) => {
        const list = a[listKey(text)] ?? [];
        return list.includes(text) ? a : { ...a, [listKey(text)]: [...list, text] };
      },
    ],
  ),
  texts.map(
    (text): Edit => [
      (e) => e.removeCommunity(community(text)),
      (a) => {
        const list = (a[listKey(text)] ?? []).filter((one) => one !== text);
        return list.length === 0 ? without(a, listKey(text)) : { ...a, [listKey(text)]: list };
      },
    ],
  ),
  fc
    .array(fc.integer({ min: 1, max: 0xffffffff }), { minLength: 1, maxLength: 300 })
    .map(
      (asns): Edit => [
        (e) => e.rewriteAsPath(Uint32Array.from(asns), asns.length, false, false, 0),
        (a) => ({ ...a, asPath: asns.reduceRight<readonly AsPathSegment[]>(prepended, a.asPath ?? []) }),
      ],
    ),
  fc
    .constantFrom(0x0a000001, 0xc0a80001)
    .map(
      (v): Edit => [
        (e) => e.setIpv4NextHop(v),
        (a) => ({ ...without(a, 'mpNextHop'), nextHop: v === 0x0a000001 ? '10.0.0.1' : '192.168.0.1' }),
      ],
    ),
  fc.constant<Edit>([
    (e) => e.setIpv6NextHop(2, 0x20010db8, 0, 0, 1, 0, 0),
    (a) => ({ ...without(a, 'nextHop'), mpNextHop: { family: 'ipv6-unicast', addresses: ['2001:db8::1'] } }),
  ]),
  fc.constant<Edit>([
    (e) => e.prependCluster(0x0a000009),
    (a) => ({ ...a, clusterList: ['10.0.0.9', ...(a.clusterList ?? [])] }),
  ]),
  fc.uint8Array({ maxLength: 300 }).map((value): Edit => {
    const octets = toHex(value);
    const others = [{ code: 250, flags: FLAG_OPTIONAL | FLAG_TRANSITIVE, octets }];
    return [(e) => e.setValue(250, others[0].flags, value, 0, value.length), (a) => ({ ...a, others })];
  }),
);

const base = fc.constantFrom<PathAttributes>(
  {},
  { ...SOME, others: [] },
  {
    origin: 'incomplete',
    asPath: [{ type: 'set', asns: [4, 5] }],
    mpNextHop: { family: 'ipv6-unicast', addresses: ['fd00::1', 'fe80::1'] },
  },
  { asPath: [{ type: 'sequence', asns: Array.from({ length: 254 }, (_, i) => i + 1) }], largeCommunities: ['1:1:1'] },
);

test('edits are decode, change, encode', () => {
  const editor = newEditor();
  fc.assert(
    fc.property(base, fc.array(edit, { maxLength: 8 }), (attributes, edits) => {
      const block = encodeAttributes(attributes);
      editor.beginBlock(block, 0, block.length);
      let expected = attributes;
      for (const [change, model] of edits) {
        change(editor);
        expected = model(expected);
      }
      expect(editor.finishBlock()).toEqual(encodeAttributes(expected));
    }),
    { numRuns: 500 },
  );
});
