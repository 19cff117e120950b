import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AUDIENCE_ALL, isHeardBy, OutputLog } from './output-log.ts';

/** A message of the given length whose last octets carry a number. */
function message(number: number, octets: number): Uint8Array {
  const made = new Uint8Array(octets);
  made.fill(255, 0, 16);
  made[16] = octets >>> 8;
  made[17] = octets & 255;
  made[19] = number >>> 8;
  made[20] = number & 255;
  return made;
}

function numbersIn(pieces: readonly Uint8Array[]): number[] {
  const numbers: number[] = [];
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      numbers.push((piece[at + 19] << 8) | piece[at + 20]);
      at += (piece[at + 16] << 8) | piece[at + 17];
    }
    expect(at).toBe(piece.length);
  }
  return numbers;
}

describe('OutputLog', () => {
  test.each([
    ['all hear a segment for all', AUDIENCE_ALL, [7, 8, 9]],
    ['all but one hear a segment with an exception', 8, [7, 9]],
    ['one hears a segment of its own', -8, [8]],
  ])('%s', (_sentence, audience, hearers) => {
    expect([7, 8, 9].filter((peer) => isHeardBy(audience, peer))).toEqual(hearers);
  });

  test('the views that two members get are of the same octets', () => {
    const log = new OutputLog(4096);
    const first = log.openCursor();
    const second = log.openCursor();
    log.append(message(1, 100), AUDIENCE_ALL);
    log.append(message(2, 100), 7);
    log.append(message(3, 100), AUDIENCE_ALL);
    const all: Uint8Array[] = [];
    const without: Uint8Array[] = [];
    log.read(first, 6, 1000, all);
    log.read(second, 7, 1000, without);
    expect(all.map((piece) => piece.length)).toEqual([300]);
    expect(without.map((piece) => piece.length)).toEqual([100, 100]);
    expect(without[0].buffer).toBe(all[0].buffer);
  });

  test('a message that is longer than what is asked for is handed out alone', () => {
    const log = new OutputLog(4096);
    const cursor = log.openCursor();
    for (const number of [1, 2, 3]) log.append(message(number, 1000), AUDIENCE_ALL);
    const pieces: Uint8Array[] = [];
    expect(log.read(cursor, 9, 10, pieces)).toBe(1000);
    expect(log.read(cursor, 9, 2999, pieces)).toBe(2000);
    expect(numbersIn(pieces)).toEqual([1, 2, 3]);
  });

  test('chunks that all members have read are let go', () => {
    const log = new OutputLog(4096);
    const fast = log.openCursor();
    const slow = log.openCursor();
    for (let number = 0; number < 1000; number++) log.append(message(number, 1000), AUDIENCE_ALL);
    log.read(fast, 1, Number.MAX_SAFE_INTEGER, []);
    expect(log.retainedOctets).toBe(1_000_000);
    expect(log.distance(slow)).toBe(1_000_000);
    log.closeCursor(slow);
    expect(log.retainedOctets).toBeLessThanOrEqual(64 * 1024);
    expect(log.distance(fast)).toBe(0);
  });

  test('every member reads exactly what it is to hear, in order, whatever it takes at a time', () => {
    const peers = [4, 5, 6];
    const step = fc.oneof(
      fc.record({
        write: fc.constantFrom(0, 4, 5, 6, -4, -5, -6),
        octets: fc.oneof(fc.integer({ min: 21, max: 300 }), fc.integer({ min: 3000, max: 4096 })),
      }),
      fc.record({ reader: fc.constantFrom(...peers), maxOctets: fc.integer({ min: 1, max: 9000 }) }),
      fc.record({ skipper: fc.constantFrom(...peers) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const log = new OutputLog(4096);
        const members = peers.map((peer) => ({
          peer,
          cursor: log.openCursor(),
          due: [] as number[],
          got: [] as number[],
        }));
        let number = 0;
        const read = (peer: number, maxOctets: number): void => {
          const member = members.find((one) => one.peer === peer)!;
          const pieces: Uint8Array[] = [];
          const taken = log.read(member.cursor, peer, maxOctets, pieces);
          expect(taken).toBe(pieces.reduce((sum, piece) => sum + piece.length, 0));
          const numbers = numbersIn(pieces);
          if (numbers.length > 1) expect(taken).toBeLessThanOrEqual(maxOctets);
          member.got.push(...numbers);
        };
        for (const one of steps) {
          if ('write' in one) {
            log.append(message(++number, one.octets), one.write);
            for (const member of members) if (isHeardBy(one.write, member.peer)) member.due.push(number);
          } else if ('reader' in one) read(one.reader, one.maxOctets);
          else {
            const member = members.find((candidate) => candidate.peer === one.skipper)!;
            expect(log.skipToOwn(member.cursor, member.peer)).toBe(member.got.length < member.due.length);
          }
        }
        for (const peer of peers) read(peer, Number.MAX_SAFE_INTEGER);
        for (const member of members) expect(member.got).toEqual(member.due);
      }),
    );
  });
});
