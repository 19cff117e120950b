import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameMessage } from './grpc.ts';
import {
  decodeAuthenticateResponse,
  decodeRangeResponse,
  decodeWatchResponse,
  encodeAuthenticateRequest,
  encodeRangeRequest,
  encodeWatchCreateRequest,
  encodeWatchProgressRequest,
  type KeyRange,
} from './messages.ts';

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (message: Uint8Array): string => Buffer.from(message).toString('hex');
const text = (value: Uint8Array): string => Buffer.from(value).toString('utf8');
const RANGE: KeyRange = { start: Buffer.from('/a/'), end: Buffer.from('/a0') };

/** What etcd 3.4.23 answered, recorded without this code. The header of each: cluster, member, revision 6, term 2. */
const HEADER = '0a1808e39194a988c7df807f1093d7e3d5acac84e12b18062002';
const DECODED_HEADER = {
  clusterId: '9151734699010623715',
  memberId: '3153101805118352275',
  revision: 6,
  raftTerm: 2,
};

describe('requests', () => {
  test.each<[sentence: string, message: Uint8Array, wanted: string]>([
    [
      'the newest, ten at most',
      encodeRangeRequest({ range: RANGE, limit: 10, revision: 0, isCountOnly: false }),
      '0a03 2f612f 1203 2f6130 180a',
    ],
    [
      'how many at revision 300',
      encodeRangeRequest({ range: RANGE, limit: 0, revision: 300, isCountOnly: true }),
      '0a03 2f612f 1203 2f6130 20ac02 4801',
    ],
    ['a watch from revision 2', encodeWatchCreateRequest(RANGE, 2), '0a10 0a03 2f612f 1203 2f6130 1802 2001 4001'],
    ['progress', encodeWatchProgressRequest(), '1a00'],
    ['a token', encodeAuthenticateRequest('me', 'pw'), '0a02 6d65 1202 7077'],
  ])('%s', (_sentence, message, wanted) => {
    expect(hex(message)).toBe(hex(octets(wanted)));
  });
});

describe('answers of a real etcd', () => {
  test('Range', () => {
    const response = decodeRangeResponse(octets(`${HEADER} 12110a042f612f311002180420022a03756e6f 2001`));
    expect(response).toMatchObject({ header: DECODED_HEADER, hasMore: false, entries: [{ modRevision: 4 }] });
    expect(response?.entries.map(({ key, value }) => [text(key), text(value)])).toEqual([['/a/1', 'uno']]);
  });

  test('a watch was made', () => {
    expect(decodeWatchResponse(octets(`${HEADER} 1801`))).toEqual({
      header: DECODED_HEADER,
      watchId: 0,
      isCreated: true,
      isCancelled: false,
      cancelReason: '',
      compactRevision: 0,
      isFragment: false,
      events: [],
    });
  });

  test('progress of the whole stream', () => {
    const response = decodeWatchResponse(octets(`${HEADER} 10ffffffffffffffffff01`));
    expect(response).toMatchObject({ watchId: -1, isCreated: false, events: [] });
  });

  test('events: two puts, one without value, a put and a delete', () => {
    const response = decodeWatchResponse(
      octets(
        `${HEADER} 5a1312110a042f612f311002180220012a036f6e65 5a0e120c0a042f612f32100318032001
         5a1312110a042f612f311002180420022a03756e6f 5a0c080112080a042f612f321805`.replaceAll(/\s/g, ''),
      ),
    );
    expect(
      response?.events.map(({ type, entry }) => [type, text(entry.key), text(entry.value), entry.modRevision]),
    ).toEqual([
      ['put', '/a/1', 'one', 2],
      ['put', '/a/2', '', 3],
      ['put', '/a/1', 'uno', 4],
      ['delete', '/a/2', '', 5],
    ]);
  });

  test('what was asked for is compacted', () => {
    const response = decodeWatchResponse(octets('0a1608e39194a988c7df807f1093d7e3d5acac84e12b2002 20012805'));
    expect(response).toMatchObject({ isCancelled: true, compactRevision: 5, header: { revision: 0 } });
  });
});

test('a token', () => {
  expect(decodeAuthenticateResponse(octets(`${HEADER} 12036b6579`))).toBe('key');
});

test('a field that a newer etcd adds changes nothing', () => {
  const response = decodeRangeResponse(octets(`${HEADER} f23e0161 2801 12110a042f612f311002180420022a03756e6f 2001`));
  expect(response?.entries).toHaveLength(1);
});

test('no octets make decoding throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
      decodeRangeResponse(garbage);
      decodeWatchResponse(garbage);
      decodeAuthenticateResponse(garbage);
    }),
  );
});

test('every message that is cut short is refused, or is a shorter message', () => {
  const whole = octets(`${HEADER} 12110a042f612f311002180420022a03756e6f 2001`);
  for (let length = 0; length < whole.length; length++) {
    const response = decodeRangeResponse(whole.subarray(0, length));
    // Cuts between fields are the beginnings of good messages; the length before each message is what guards them.
    if (response !== null) expect([0, 26, 45]).toContain(length);
  }
  expect(frameMessage(whole)).toHaveLength(whole.length + 5);
});
