import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asPath as anyAsPath } from '../../../test/fuzz/arbitraries.ts';
import type { AsPathSegment } from '../message-types.ts';
import { fromHex, OctetWriter, toHex } from '../octets.ts';
import { asPathLength, asPathProblem, decodeAsPath, formatAsPath, mergeAs4Path, writeAsPath } from './as-path.ts';

const sequence = (...asns: number[]): AsPathSegment => ({ type: 'sequence', asns });
const set = (...asns: number[]): AsPathSegment => ({ type: 'set', asns });
const confederation = (...asns: number[]): AsPathSegment => ({ type: 'confederation-sequence', asns });

describe('AS_PATH', () => {
  test.each([
    ['an empty path is right', '', 4, false, null],
    ['a sequence is right', '02010000fde9', 4, false, null],
    ['a sequence of two-octet AS numbers is right', '0201fde9', 2, false, null],
    ['a set is right', '0102000000010000fde9', 4, false, null],
    ['half a segment header', '02', 4, false, 'cut off'],
    ['half a second segment header', '02010000fde902', 4, false, 'cut off'],
    ['segment type 0', '00010000fde9', 4, false, 'type 0 is unknown'],
    ['segment type 5', '05010000fde9', 4, false, 'type 5 is unknown'],
    ['an empty segment', '0200', 4, false, 'empty'],
    ['a segment that overruns', '02020000fde9', 4, false, 'exceeds 4 remaining'],
    ['two-octet AS numbers where four are due', '0202fde9fdea', 4, false, 'exceeds'],
    ['AS 0', '0202000000010000' + '0000', 4, false, 'AS 0'],
    ['AS 0 in two octets', '020200010000', 2, false, 'AS 0'],
    ['AS 65536 is not AS 0', '020100010000', 4, false, null],
    ['a confederation sequence from outside', '03010000fde9', 4, false, 'confederation'],
    ['a confederation set from outside', '04010000fde9', 4, false, 'confederation'],
    ['a confederation sequence from inside', '03010000fde9', 4, true, null],
  ] as const)('%s', (_name, text, asOctets, allowsConfederation, expected) => {
    const octets = fromHex(text) ?? new Uint8Array(0);
    const padded = new Uint8Array(octets.length + 8).fill(1);
    padded.set(octets);
    const problem = asPathProblem(padded, 0, octets.length, asOctets, allowsConfederation);
    if (expected === null) expect(problem).toBeNull();
    else expect(problem).toContain(expected);
  });

  test('encode and decode are inverse', () => {
    fc.assert(
      fc.property(fc.constantFrom(2 as const, 4 as const), fc.context(), (asOctets, context) => {
        fc.assert(
          fc.property(anyAsPath(asOctets === 2 ? 65535 : 4294967295), (path) => {
            const writer = new OctetWriter();
            writeAsPath(writer, path, asOctets);
            const octets = writer.take();
            context.log(toHex(octets));
            expect(asPathProblem(octets, 0, octets.length, asOctets, false)).toBeNull();
            expect(decodeAsPath(octets, 0, octets.length, asOctets)).toEqual(path);
          }),
        );
      }),
      { numRuns: 2 },
    );
  });

  test('a segment of more than 255 AS numbers is written as several', () => {
    const asns = Array.from({ length: 300 }, (_, i) => i + 1);
    const writer = new OctetWriter();
    writeAsPath(writer, [sequence(...asns)], 4);
    const octets = writer.take();
    expect(decodeAsPath(octets, 0, octets.length, 4)).toEqual([
      sequence(...asns.slice(0, 255)),
      sequence(...asns.slice(255)),
    ]);
  });

  test.each([
    ['a sequence', [sequence(1, 2, 3)], 3, '1 2 3'],
    ['a set counts one', [sequence(1), set(2, 3)], 2, '1 {2,3}'],
    ['confederation segments count nothing', [confederation(5, 6), sequence(1)], 1, '(5 6) 1'],
    ['a confederation set', [{ type: 'confederation-set', asns: [5, 6] } as const], 0, '[5,6]'],
    ['nothing', [], 0, ''],
  ])('length and text of %s', (_name, path, length, text) => {
    expect(asPathLength(path)).toBe(length);
    expect(formatAsPath(path)).toBe(text);
  });
});

describe('AS4_PATH (RFC 6793 §4.2.3)', () => {
  test.each([
    [
      'replaces as many AS numbers as it has',
      [sequence(1, 23456, 23456)],
      [sequence(70000, 80000)],
      [sequence(1, 70000, 80000)],
    ],
    ['replaces all of them', [sequence(23456, 2)], [sequence(70000, 2)], [sequence(70000, 2)]],
    ['is ignored when it is longer', [sequence(23456)], [sequence(70000, 80000)], [sequence(23456)]],
    ['is ignored when it is empty', [sequence(1)], [], [sequence(1)]],
    ['is ignored when it has confederation segments only', [sequence(1)], [confederation(9)], [sequence(1)]],
    [
      'loses its confederation segments',
      [sequence(1, 23456)],
      [confederation(9), sequence(70000)],
      [sequence(1, 70000)],
    ],
    [
      'keeps a leading confederation segment of AS_PATH',
      [confederation(9), sequence(23456)],
      [sequence(70000)],
      [confederation(9), sequence(70000)],
    ],
    [
      'keeps a confederation segment beside what is kept',
      [sequence(1), confederation(9), sequence(23456)],
      [sequence(70000)],
      [sequence(1), confederation(9), sequence(70000)],
    ],
    [
      'counts a set as one',
      [sequence(1), set(23456, 2), sequence(3)],
      [set(70000, 2), sequence(3)],
      [sequence(1), set(70000, 2), sequence(3)],
    ],
    [
      'may begin inside a sequence',
      [sequence(1, 2, 23456), sequence(4)],
      [sequence(70000), sequence(4)],
      [sequence(1, 2, 70000), sequence(4)],
    ],
    ['keeps a leading set', [set(1, 2), sequence(23456)], [sequence(70000)], [set(1, 2), sequence(70000)]],
  ])('%s', (_name, asPath, as4Path, expected) => {
    expect(mergeAs4Path(asPath, as4Path)).toEqual(expected);
  });

  test('restores any path that an old speaker has prepended to', () => {
    fc.assert(
      fc.property(anyAsPath(), fc.array(fc.integer({ min: 1, max: 65535 }), { maxLength: 5 }), (path, prepended) => {
        const narrow = path.map(({ type, asns }) => ({ type, asns: asns.map((as) => Math.min(as, 23456)) }));
        const received = prepended.length === 0 ? narrow : [sequence(...prepended), ...narrow];
        const merged = mergeAs4Path(received, path);
        const flat = (segments: readonly AsPathSegment[]): number[] => segments.flatMap(({ asns }) => asns);
        // An empty path has no AS4_PATH, and leaves what was prepended.
        expect(flat(merged)).toEqual([...prepended, ...flat(path)]);
        expect(asPathLength(merged)).toBe(asPathLength(received));
      }),
    );
  });
});
