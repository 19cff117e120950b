import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameMessage, headerFailure, MessageFramer, trailerFailure } from './grpc.ts';

test('messages come out as they went in, however they were cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 })),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (messages, cuts) => {
        const stream = Buffer.concat(messages.map(frameMessage));
        const framer = new MessageFramer();
        const read: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length];
          framer.push(stream.subarray(at, at + length));
          at += length;
          for (let message = framer.next(); message !== null; message = framer.next()) read.push(message.slice());
        }
        expect(read.map((message) => [...message])).toEqual(messages.map((message) => [...message]));
        expect(framer.problem).toBeNull();
      },
    ),
  );
});

test.each([
  ['a compressed message is refused', [1, 0, 0, 0, 1, 0]],
  ['an absurd length is refused before anything is gathered', [0, 0xff, 0xff, 0xff, 0xff]],
])('%s', (_sentence, octets) => {
  const framer = new MessageFramer();
  framer.push(Uint8Array.from(octets));
  expect(framer.next()).toBeNull();
  expect(framer.problem).not.toBeNull();
});

describe('how an exchange ended', () => {
  test.each([
    ['the headers of gRPC', { ':status': 200, 'content-type': 'application/grpc' }, null],
    ['with a suffix', { ':status': 200, 'content-type': 'application/grpc+proto' }, null],
    ['a proxy that has no server', { ':status': 503, 'content-type': 'text/plain' }, /503/],
    ['a web page', { ':status': 200, 'content-type': 'text/html' }, /text\/html/],
  ])('%s', (_sentence, headers, wanted) => {
    const failure = headerFailure(headers);
    if (wanted === null) expect(failure).toBeNull();
    else expect(failure?.message).toMatch(wanted);
  });

  test.each([
    ['success', { 'grpc-status': '0' }, null],
    ['no status', {}, null],
    ['a status with a message', { 'grpc-status': '16', 'grpc-message': 'a%20token%3A%20%c3%a9' }, [16, 'a token: é']],
    ['a message that is not encoded well', { 'grpc-status': '2', 'grpc-message': '100%' }, [2, '100%']],
    ['a status without message', { 'grpc-status': '14' }, [14, 'gRPC status 14']],
  ])('%s', (_sentence, trailers, wanted) => {
    const failure = trailerFailure(trailers);
    expect(failure === null ? null : [failure.status, failure.message]).toEqual(wanted);
  });
});
