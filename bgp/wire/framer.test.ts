import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkHeader,
  FRAME_ERROR,
  FRAME_INCOMPLETE,
  FRAME_MESSAGE,
  Framer,
  isKeepalive,
  isNotification,
  isUpdate,
  MAX_EXTENDED_MESSAGE_OCTETS,
  MAX_MESSAGE_OCTETS,
} from './framer.ts';
import { encodeKeepalive } from './message.ts';
import { toHex } from './octets.ts';

function header(length: number, type: number): Uint8Array {
  const octets = new Uint8Array(Math.max(length, 19)).fill(0);
  octets.fill(0xff, 0, 16);
  octets[16] = length >>> 8;
  octets[17] = length & 255;
  octets[18] = type;
  return octets;
}

describe('message header', () => {
  test.each([
    ['a KEEPALIVE is right', header(19, 4), 4096, null],
    ['a KEEPALIVE of 20 octets is not', header(20, 4), 4096, '1/2 0014'],
    ['an OPEN has at least 29 octets', header(29, 1), 4096, null],
    ['an OPEN of 28 octets is too short', header(28, 1), 4096, '1/2 001c'],
    ['an OPEN stays within 4096 octets with extended messages', header(4097, 1), 65535, '1/2 1001'],
    ['an UPDATE has at least 23 octets', header(22, 2), 4096, '1/2 0016'],
    ['an UPDATE may have 4096 octets', header(4096, 2), 4096, null],
    ['an UPDATE may not have 4097', header(4097, 2), 4096, '1/2 1001'],
    ['an UPDATE may have 65535 with extended messages', header(65535, 2), 65535, null],
    ['a NOTIFICATION is never too short to be read', header(19, 3), 4096, null],
    ['a ROUTE-REFRESH is judged by its own code', header(19, 5), 4096, null],
    ['a length below the header is bad', header(18, 4), 4096, '1/2 0012'],
    ['type 0 is bad', header(19, 0), 4096, '1/3 00'],
    ['type 6 is bad', header(40, 6), 4096, '1/3 06'],
    ['a bad length wins over a bad type', header(18, 6), 4096, '1/2 0012'],
  ])('%s', (_name, octets, max, expected) => {
    const error = checkHeader(octets, 0, max);
    expect(error === null ? null : `${error.code}/${error.subcode} ${error.data}`).toBe(expected);
  });

  test('any marker octet other than ones is an error, before length and type', () => {
    for (let i = 0; i < 16; i++) {
      const octets = header(0, 77);
      octets[i] = 0xfe;
      expect(checkHeader(octets, 0, 4096)).toMatchObject({ code: 1, subcode: 1, data: '' });
    }
  });
});

/** Messages that a framer returns for a stream in these chunks. */
function frames(framer: Framer, chunks: readonly Uint8Array[]): string[] {
  const messages: string[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let found = framer.next(); found === FRAME_MESSAGE; found = framer.next())
      messages.push(toHex(framer.octets, framer.messageStart, framer.messageEnd));
  }
  return messages;
}

describe('Framer', () => {
  const update = header(100, 2).fill(7, 19);
  const big = header(4000, 2).fill(9, 19);
  const all = [encodeKeepalive(), update, big, encodeKeepalive(), update];
  const stream = new Uint8Array(all.reduce((sum, message) => sum + message.length, 0));
  all.reduce((at, message) => {
    stream.set(message, at);
    return at + message.length;
  }, 0);
  const expected = all.map((message) => toHex(message));

  test('finds the same messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }),
        fc.integer({ min: 19, max: 5000 }),
        (sizes, capacity) => {
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length];
            chunks.push(stream.subarray(at, at + size));
            at += size;
          }
          const framer = new Framer(capacity);
          expect(frames(framer, chunks)).toEqual(expected);
          expect(framer.pendingOctets).toBe(0);
        },
      ),
    );
  });

  test('finds the same messages octet by octet', () => {
    const chunks = Array.from(stream, (octet) => Uint8Array.of(octet));
    expect(frames(new Framer(19), chunks)).toEqual(expected);
  });

  test('reads whole messages where they are, without a buffer', () => {
    const framer = new Framer();
    const chunk = stream.subarray(0, 119);
    framer.push(chunk);
    expect(framer.next()).toBe(FRAME_MESSAGE);
    expect(isKeepalive(framer.octets, framer.messageStart)).toBe(true);
    expect(framer.next()).toBe(FRAME_MESSAGE);
    expect(isUpdate(framer.octets, framer.messageStart)).toBe(true);
    expect(isNotification(framer.octets, framer.messageStart)).toBe(false);
    expect(framer.next()).toBe(FRAME_INCOMPLETE);
    expect(framer.octets).toBe(chunk);
    expect(framer.bufferOctets).toBe(0);
  });

  test('joins cut messages in one buffer for ever', () => {
    const framer = new Framer();
    frames(framer, [stream.subarray(0, 2999), stream.subarray(2999)]);
    const size = framer.bufferOctets;
    for (let i = 0; i < 200; i++) frames(framer, [stream.subarray(0, 2999), stream.subarray(2999)]);
    expect([size > 0, framer.bufferOctets]).toEqual([true, size]);
  });

  test('gives a large buffer back when it is drained', () => {
    const framer = new Framer(64);
    expect(frames(framer, [stream.subarray(0, 2999), stream.subarray(2999)])).toEqual(expected);
    expect(framer.bufferOctets).toBeGreaterThan(64);
    framer.push(stream);
    expect(framer.bufferOctets).toBe(0);
  });

  test('an error is found with the header alone and stays', () => {
    const framer = new Framer();
    framer.push(header(4097, 2).subarray(0, 18));
    expect(framer.next()).toBe(FRAME_INCOMPLETE);
    framer.push(Uint8Array.of(2));
    expect(framer.next()).toBe(FRAME_ERROR);
    framer.push(encodeKeepalive());
    expect(framer.next()).toBe(FRAME_ERROR);
    expect(framer.error).toMatchObject({ code: 1, subcode: 2 });
  });

  test('takes extended messages once they are negotiated', () => {
    const framer = new Framer();
    framer.push(header(4097, 2));
    framer.maxMessageOctets = MAX_EXTENDED_MESSAGE_OCTETS;
    expect(framer.next()).toBe(FRAME_MESSAGE);
    expect(framer.messageEnd - framer.messageStart).toBe(MAX_MESSAGE_OCTETS + 1);
  });
});
