import { expect, test } from 'vitest';
import { MessageRecorder, recorderOf } from './recorder.ts';

const message = (type: number, length: number, mark = 0): Uint8Array => {
  const octets = new Uint8Array(length).fill(mark);
  octets[18] = type;
  return octets;
};

test('keeps copies of the last messages, the oldest first', () => {
  const recorder = new MessageRecorder(100_000, () => 0);
  const octets = message(2, 23);
  recorder.record('a', octets, 0, 23);
  octets.fill(9);
  recorder.record('b', message(4, 19), 0, 19);
  expect([...recorder.views()]).toEqual([
    { at: '1970-01-01T00:00:00.000Z', peer: 'a', type: 'UPDATE', octets: `${'00'.repeat(18)}02${'00'.repeat(4)}` },
    { at: '1970-01-01T00:00:00.000Z', peer: 'b', type: 'KEEPALIVE', octets: `${'00'.repeat(18)}04` },
  ]);
});

test('forgets the oldest when the bound is reached', () => {
  const recorder = new MessageRecorder(10 * (128 + 872), () => 0);
  for (let n = 0; n < 5000; n++) recorder.record(`p${n}`, message(2, 872), 0, 872);
  const kept = [...recorder.views()].map(({ peer }) => peer);
  expect(kept).toEqual(Array.from({ length: 10 }, (_, n) => `p${4990 + n}`));
});

test.each([
  [undefined, true],
  ['off', true],
  ['16', false],
])('%j is off: %s', (text, isOff) => expect(recorderOf(text, () => 0) === null).toBe(isOff));

test.each(['0', '-1', '2000', 'much', '1.5'])('%s is refused', (text) =>
  expect(recorderOf(text, () => 0)).toBe(`PEREGRINE_RECORD_MESSAGES=${text}: wanted off, or 1 to 1024 (MiB)`),
);
