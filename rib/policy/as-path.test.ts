import { describe, expect, test } from 'vitest';
import { decodeAsPath, writeAsPath } from '../../bgp/wire/attribute/as-path.ts';
import type { AsPathSegment } from '../../bgp/wire/message-types.ts';
import { OctetWriter } from '../../bgp/wire/octets.ts';
import { asPathMatchesMask, asPathStartsWith, copyFilteredAsPath, isPrivateAs, prependAs } from './as-path.ts';
import { MASK_ANY_ONE, MASK_ANY_RUN } from './compiled.ts';

const seq = (...asns: number[]): AsPathSegment => ({ type: 'sequence', asns });
const set = (...asns: number[]): AsPathSegment => ({ type: 'set', asns });
const confed = (...asns: number[]): AsPathSegment => ({ type: 'confederation-sequence', asns });
const confedSet = (...asns: number[]): AsPathSegment => ({ type: 'confederation-set', asns });

function octetsOf(segments: readonly AsPathSegment[]): Uint8Array {
  const writer = new OctetWriter();
  writeAsPath(writer, segments, 4);
  return writer.take();
}

describe('asPathStartsWith', () => {
  test.each([
    ['the whole path', [], [seq(1, 2)], [1, 2], true],
    ['a beginning', [], [seq(1, 2, 3)], [1, 2], true],
    ['a path that is too short', [], [seq(1)], [1, 2], false],
    ['another AS', [], [seq(1, 3)], [1, 2], false],
    ['a match that is not at the beginning', [], [seq(9, 1, 2)], [1, 2], false],
    ['an empty path', [], [], [1], false],
    ['two segments', [], [seq(1), seq(2, 3)], [1, 2, 3], true],
    ['a set that holds the AS', [], [seq(1), set(5, 2)], [1, 2], true],
    ['a set that does not', [], [seq(1), set(5, 6)], [1, 2], false],
    ['a set is one position', [], [set(1, 2), seq(3)], [1, 2], false],
    ['after a set', [], [set(1, 2), seq(3)], [2, 3], true],
    ['confederation segments are skipped', [], [confed(9), seq(1, 2)], [1, 2], true],
    ['what stands in front counts', [7], [seq(1)], [7, 1], true],
    ['and can be enough', [7, 8], [seq(1)], [7], true],
    ['and can be wrong', [7], [seq(1)], [1], false],
    ['AS numbers above 2^31', [], [seq(4200000000)], [4200000000], true],
  ])('%s', (_case, front, segments, asns, expected) => {
    const octets = octetsOf(segments);
    expect(asPathStartsWith(Uint32Array.from(front), front.length, octets, 0, octets.length, asns)).toBe(expected);
  });
});

describe('asPathMatchesMask', () => {
  const ANY = MASK_ANY_RUN;
  const ONE = MASK_ANY_ONE;
  test.each([
    ['the whole path', [], [seq(1, 2)], [1, 2], true],
    ['not only a beginning', [], [seq(1, 2, 3)], [1, 2], false],
    ['a path that is too short', [], [seq(1)], [1, 2], false],
    ['a beginning and a run', [], [seq(1, 2, 3)], [1, ANY], true],
    ['a run may be empty', [], [seq(1)], [1, ANY], true],
    ['a run and an end', [], [seq(1, 2, 3)], [ANY, 3], true],
    ['an end that occurs before', [], [seq(3, 1, 3)], [ANY, 3], true],
    ['somewhere', [], [seq(1, 2), seq(3, 4)], [ANY, 3, ANY], true],
    ['nowhere', [], [seq(1, 2), seq(3, 4)], [ANY, 5, ANY], false],
    ['a run over segments that fails at last', [], [seq(1, 2), seq(3, 4), seq(5)], [ANY, 9], false],
    ['a run that has to eat more than once', [], [seq(1, 2, 1, 2, 3)], [ANY, 1, 2, 3], true],
    ['two runs', [], [seq(9, 1, 9, 2, 9)], [ANY, 1, ANY, 2, ANY], true],
    ['two runs in the wrong order', [], [seq(9, 2, 9, 1, 9)], [ANY, 1, ANY, 2, ANY], false],
    ['any one', [], [seq(1, 2, 3)], [1, ONE, 3], true],
    ['any one is not none', [], [seq(1, 3)], [1, ONE, 3], false],
    ['an empty path', [], [], [], true],
    ['an empty path and a run', [], [], [ANY], true],
    ['an empty path and an AS', [], [], [1], false],
    ['a set is one position', [], [seq(1), set(5, 2), seq(3)], [1, 2, 3], true],
    ['a set that does not hold it', [], [seq(1), set(5, 6)], [1, 2], false],
    ['confederation segments are no positions', [], [confed(9), seq(1), confedSet(8), seq(2)], [1, 2], true],
    ['what stands in front counts', [7, 8], [seq(1)], [7, ANY, 1], true],
    ['a run from the front into the path', [7, 8], [seq(1, 2), seq(3)], [ANY, 2, 3], true],
    ['AS numbers above 2^31', [], [seq(4200000000)], [4200000000], true],
  ])('%s', (_case, front, segments, mask, expected) => {
    const octets = octetsOf(segments);
    expect(asPathMatchesMask(Uint32Array.from(front), front.length, octets, 0, octets.length, mask)).toBe(expected);
  });
});

describe('copyFilteredAsPath', () => {
  test.each([
    ['confederation segments go', [confed(1), confedSet(2), seq(3)], false, 0, [seq(3)]],
    ['private numbers stay unless asked', [seq(64512, 3)], false, 0, [seq(64512, 3)]],
    ['private numbers go', [seq(64512, 3, 4200000000), set(65534, 5)], true, 0, [seq(3), set(5)]],
    ['an emptied segment goes', [seq(64512), seq(3)], true, 0, [seq(3)]],
    ['the AS to keep stays', [seq(64512, 64513)], true, 64513, [seq(64513)]],
  ])('%s', (_case, segments, removePrivate, keepAs, expected) => {
    const octets = octetsOf(segments);
    const target = new Uint8Array(octets.length + 3);
    const end = copyFilteredAsPath(octets, 0, octets.length, removePrivate, keepAs, target, 3);
    expect(decodeAsPath(target, 3, end, 4)).toEqual(expected);
  });
});

test.each([
  [64511, false],
  [64512, true],
  [65534, true],
  [65535, false],
  [4199999999, false],
  [4200000000, true],
  [4294967294, true],
  [4294967295, false],
])('AS %i is for private use: %s (RFC 6996)', (as, expected) => {
  expect(isPrivateAs(as)).toBe(expected);
});

describe('prependAs', () => {
  const full = Array.from({ length: 255 }, (_, i) => i + 1);
  test.each([
    ['into the first sequence', [seq(1, 2)], [seq(9, 1, 2)]],
    ['into an empty path', [], [seq(9)]],
    ['before a set', [set(1, 2)], [seq(9), set(1, 2)]],
    ['before a confederation segment', [confed(1)], [seq(9), confed(1)]],
    ['before a sequence of 255', [seq(...full)], [seq(9), seq(...full)]],
    ['into a sequence of 254', [seq(...full.slice(1))], [seq(9, ...full.slice(1))]],
  ])('%s', (_case, segments, expected) => {
    const path = octetsOf(segments);
    const octets = new Uint8Array(6 + path.length);
    octets.set(path, 6);
    const start = prependAs(octets, 6, octets.length, 9);
    expect(decodeAsPath(octets, start, octets.length, 4)).toEqual(expected);
  });
});
