/** One reader of events: order, ids, the bound and what is told when it is reached, pulling at the reader's pace. */

import { expect, test } from 'vitest';
import { EventStream } from './event-stream.ts';

/** Everything that can be read now. */
function readAll(stream: EventStream): string {
  let text = '';
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) text += String(chunk);
  return text;
}

const kindsOf = (text: string): string[] => [...text.matchAll(/^event: (.*)$/gm)].map(([, kind]) => kind);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('says that it is open, then every event with a number of its own', () => {
  const stream = new EventStream();
  stream.add('peer', { peer: 'a' });
  stream.add('peer', { peer: 'b' });
  expect(readAll(stream)).toBe(
    'retry: 2000\n: open\n\nid: 1\nevent: peer\ndata: {"peer":"a"}\n\nid: 2\nevent: peer\ndata: {"peer":"b"}\n\n',
  );
  stream.destroy();
});

test('a reader that is too slow loses the newest, and is told how many', () => {
  const stream = new EventStream();
  for (let n = 0; n < 5000; n++) stream.add('peer', { n, padding: 'x'.repeat(100) });
  let text = '';
  for (let read = readAll(stream); read !== ''; read = readAll(stream)) text += read;
  const numbers = [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n));
  expect(numbers).toEqual(numbers.map((_, index) => index));
  expect(numbers.length).toBeLessThan(1200);
  expect(kindsOf(text).at(-1)).toBe('lost');
  expect(text).toContain(`data: {"lost":${5000 - numbers.length}}`);
  stream.add('peer', { n: 5000 });
  expect(readAll(stream)).toContain('"n":5000');
  stream.destroy();
});

test('pulls as much as the reader takes, and is closed with it', async () => {
  const stream = new EventStream();
  let [pulled, closed] = [0, 0];
  stream.follow({
    pull: () => (pulled < 10_000 ? { kind: 'route', data: { n: pulled++, padding: 'x'.repeat(100) } } : null),
    close: () => closed++,
  });
  // Nobody takes anything yet: what is pulled is what the stream itself holds.
  stream.read(0);
  for (let n = 0; n < 20; n++) await turn();
  expect(pulled).toBeGreaterThan(10);
  expect(pulled).toBeLessThan(1000);
  let text = '';
  while (pulled < 10_000) {
    text += readAll(stream);
    await turn();
  }
  text += readAll(stream);
  expect(text.endsWith('\n\n')).toBe(true);
  stream.destroy();
  await turn();
  expect(closed).toBe(1);
});

test('what was not found yet is asked for again', async () => {
  const stream = new EventStream();
  const answers = [undefined, undefined, { kind: 'route', data: {} }];
  stream.follow({ pull: () => (answers.length > 0 ? answers.shift() : null), close: () => {} });
  let text = readAll(stream);
  for (let n = 0; n < 10; n++) {
    await turn();
    text += readAll(stream);
  }
  expect(kindsOf(text)).toEqual(['route']);
  stream.destroy();
});
