import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../bgp/ip.ts';
import { type Attributes, block, localBlock } from '../test/support/rib.ts';
import {
  SET_BLACKHOLE,
  SET_GRACEFUL_SHUTDOWN,
  SET_HAS_CLUSTER_LIST,
  SET_HAS_COMMUNITIES,
  SET_HAS_LARGE_COMMUNITIES,
  SET_HAS_LOCAL_PREF,
  SET_HAS_MED,
  SET_HAS_ORIGINATOR_ID,
  SET_HAS_OTC,
  SET_LLGR_STALE,
  SET_NO_ADVERTISE,
  SET_NO_EXPORT,
  SET_NO_EXPORT_SUBCONFED,
  SET_NO_LLGR,
} from './attribute-columns.ts';
import { AttributeStore, VALID_FROM_EXTERNAL, VALID_FROM_INTERNAL } from './attribute-store.ts';
import { NextHopTable } from './next-hop.ts';

function store(): AttributeStore {
  return new AttributeStore(new NextHopTable(), 5);
}

function intern(sets: AttributeStore, octets: Uint8Array): number {
  return sets.intern(octets, 0, octets.length);
}

/** The named columns of a set with these attributes. */
function columns(given: Attributes, names: ReadonlyArray<keyof AttributeStore>): unknown[] {
  const sets = store();
  const handle = intern(sets, block(given));
  return names.map((name) => (sets[name] as Uint32Array)[handle]);
}

describe('columns', () => {
  test.each<[string, Attributes, ReadonlyArray<keyof AttributeStore>, unknown[]]>([
    ['defaults', {}, ['localPref', 'med', 'origin', 'originatorId', 'clusterListLength'], [100, 0, 0, 0, 0]],
    ['values are unsigned', { localPref: 0xffffffff, med: 0x80000000 }, ['localPref', 'med'], [0xffffffff, 0x80000000]],
    ['AS_PATH of two sequences', { asPath: new Array(300).fill(7) }, ['asPathLength', 'neighborAs'], [300, 7]],
    ['an AS_SET in the middle counts one', { asPath: [7, [8, 9], 10] }, ['asPathLength', 'neighborAs'], [3, 7]],
    ['an AS_SET in front has no neighbour AS', { asPath: [[8, 9], 10] }, ['asPathLength', 'neighborAs'], [2, 0]],
    ['an empty AS_PATH', { asPath: [] }, ['asPathLength', 'neighborAs'], [0, 0]],
    [
      'ORIGINATOR_ID and CLUSTER_LIST',
      { originatorId: '1.2.3.4', clusterList: ['5.6.7.8', '9.9.9.9'] },
      ['originatorId', 'clusterListLength', 'flags'],
      [parseIpv4('1.2.3.4'), 2, SET_HAS_ORIGINATOR_ID | SET_HAS_CLUSTER_LIST],
    ],
    [
      'presence of attributes',
      { localPref: 1, med: 0, onlyToCustomer: 5, largeCommunities: [[1, 2, 3]] },
      ['flags'],
      [SET_HAS_LOCAL_PREF | SET_HAS_MED | SET_HAS_OTC | SET_HAS_LARGE_COMMUNITIES],
    ],
    [
      'well-known communities',
      { communities: [0xffffff01, 0xffffff02, 0xffffff03, 0xffff0000, 0xffff0006, 0xffff0007, 0xffff029a] },
      ['flags'],
      [
        SET_HAS_COMMUNITIES |
          SET_NO_EXPORT |
          SET_NO_ADVERTISE |
          SET_NO_EXPORT_SUBCONFED |
          SET_GRACEFUL_SHUTDOWN |
          SET_LLGR_STALE |
          SET_NO_LLGR |
          SET_BLACKHOLE,
      ],
    ],
    ['an ordinary community', { communities: [0xfde80001] }, ['flags'], [SET_HAS_COMMUNITIES]],
  ])('%s', (_sentence, given, names, expected) => {
    expect(columns(given, names)).toEqual(expected);
  });

  test('a local block gives source, metric and interface', () => {
    const sets = store();
    const handle = intern(sets, localBlock(2, 1024));
    expect([sets.source[handle], sets.metric[handle], sets.nextHop[handle]]).toEqual([2, 1024, 0]);
  });

  test('next hops of both families are tracked once', () => {
    const sets = store();
    const handles = [{ nextHop: '192.0.2.7' }, { nextHop: '192.0.2.7', med: 1 }, { nextHop: '2001:db8::7' }].map(
      (given) => intern(sets, block(given)),
    );
    expect(handles.map((handle) => sets.nextHops.format(sets.nextHop[handle]))).toEqual([
      '192.0.2.7',
      '192.0.2.7',
      '2001:db8::7',
    ]);
    expect(sets.nextHops.count).toBe(2);
  });
});

describe('questions about one attribute', () => {
  const sets = store();
  const handle = intern(
    sets,
    block({
      asPath: [65001, 65002, [65001, 65003], 65001],
      communities: Array.from({ length: 80 }, (_, i) => 0xfde80000 + i),
      largeCommunities: [
        [1, 2, 3],
        [4294967295, 0, 1],
      ],
    }),
  );

  test('communities are found by value, also behind an extended length', () => {
    expect([0xfde80000, 0xfde8004f, 0xfde80050].map((value) => sets.hasCommunity(handle, value))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('large communities are compared whole', () => {
    expect(sets.hasLargeCommunity(handle, 1, 2, 3)).toBe(true);
    expect(sets.hasLargeCommunity(handle, 4294967295, 0, 1)).toBe(true);
    expect(sets.hasLargeCommunity(handle, 1, 2, 4)).toBe(false);
  });

  test('an AS is counted in sequences and sets', () => {
    expect([65001, 65002, 65003, 65004].map((as) => sets.countAs(handle, as))).toEqual([3, 1, 1, 0]);
  });

  test('an absent attribute has no offset', () => {
    expect(sets.attributeOffset(handle, 4)).toBe(-1);
    const at = sets.attributeOffset(handle, 8);
    expect([sets.arena[at + 1], sets.valueStart(at) - at, sets.valueLength(at)]).toEqual([8, 4, 320]);
  });
});

describe('life of a set', () => {
  test('find returns only what was validated for that kind of peer', () => {
    const sets = store();
    const octets = block({});
    expect(sets.find(octets, 0, octets.length, VALID_FROM_INTERNAL)).toBe(0);
    const handle = intern(sets, octets);
    expect(sets.find(octets, 0, octets.length, VALID_FROM_INTERNAL)).toBe(0);
    sets.markValid(handle, VALID_FROM_INTERNAL);
    expect(sets.find(octets, 0, octets.length, VALID_FROM_INTERNAL)).toBe(handle);
    expect(sets.find(octets, 0, octets.length, VALID_FROM_EXTERNAL)).toBe(0);
  });

  test('a set that nobody retains is gone after the sweep, its handle has a new generation', () => {
    const sets = store();
    const octets = block({ nextHop: '192.0.2.7' });
    const handle = intern(sets, octets);
    sets.markValid(handle, VALID_FROM_INTERNAL);
    const generation = sets.generation[handle];
    expect(sets.sweep(100)).toBe(0);
    expect(sets.find(octets, 0, octets.length, VALID_FROM_INTERNAL)).toBe(0);
    expect([sets.count, sets.nextHops.count, sets.generation[handle]]).toEqual([0, 0, generation + 1]);
    const other = block({ med: 3 });
    expect(intern(sets, other)).toBe(handle);
    expect(sets.find(other, 0, other.length, VALID_FROM_INTERNAL)).toBe(0);
  });

  test('a set that is retained before the sweep stays', () => {
    const sets = store();
    const handle = intern(sets, block({}));
    sets.retain(handle);
    sets.sweep(100);
    expect(intern(sets, block({}))).toBe(handle);
    sets.release(handle);
    expect(sets.sweepable).toBe(1);
    sets.sweep(100);
    expect(sets.count).toBe(0);
  });

  test('any sequence of intern, retain, release and sweep agrees with a Map and ends empty', () => {
    const octets = fc.integer({ min: 0, max: 40 }).map((n) => block({ med: n, nextHop: `192.0.2.${n % 5}` }));
    const step = fc.record({ octets, release: fc.boolean(), sweep: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const sets = store();
        const held: Array<{ handle: number; text: string }> = [];
        const byText = new Map<string, number>();
        for (const one of steps) {
          const text = one.octets.join();
          const handle = intern(sets, one.octets);
          const known = byText.get(text);
          if (known !== undefined) expect(handle).toBe(known);
          expect(sets.octetsOf(handle).join()).toBe(text);
          sets.retain(handle);
          byText.set(text, handle);
          held.push({ handle, text });
          if (one.release) {
            const [gone] = held.splice(held.length >> 1, 1);
            sets.release(gone.handle);
            if (!held.some((other) => other.text === gone.text)) byText.delete(gone.text);
          }
          if (one.sweep) {
            sets.sweep(10_000);
            expect(sets.count).toBe(byText.size);
          }
        }
        for (const { handle } of held) sets.release(handle);
        sets.sweep(10_000);
        expect([sets.count, sets.nextHops.count, sets.sweepable]).toEqual([0, 0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  test('many sets keep their octets while columns, buckets and arena grow', () => {
    const sets = store();
    const total = 20_000;
    const handles = new Uint32Array(total);
    for (let i = 0; i < total; i++) handles[i] = intern(sets, block({ med: i }));
    let wrong = 0;
    for (let i = 0; i < total; i++)
      if (sets.med[handles[i]] !== i || intern(sets, block({ med: i })) !== handles[i]) wrong++;
    expect([wrong, sets.count]).toEqual([0, total]);
  });
});
