/** How a list is written: in turns with everything else, whatever the reader does. */

import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { type Items, ndjsonStream } from './items.ts';

const ITEMS = 20_000;

/** A reader of the list; `takes` calls back when it can take more. */
class Reader extends Writable {
  text = '';
  readonly #takes: (reader: Reader, done: () => void) => void;

  constructor(takes: (reader: Reader, done: () => void) => void) {
    super({ decodeStrings: false });
    this.#takes = takes;
  }

  override _write(chunk: string | Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    this.#takes(this, done);
  }
}

function* numbers(pulled: { count: number }): Generator<number> {
  for (let n = 0; n < ITEMS; n++) {
    pulled.count++;
    yield n;
  }
}

/** Looks long and finds little. */
function* fruitless(pulled: { count: number }): Generator<number | undefined> {
  for (let n = 0; n < ITEMS; n++) {
    pulled.count++;
    yield n === ITEMS - 1 ? n : undefined;
  }
}

/** Writes the list to the reader; how often others had a turn meanwhile, and how far the list was read. */
async function writeList(
  reader: Reader,
  list: (pulled: { count: number }) => Items<number> = numbers,
): Promise<{ turns: number; pulled: number }> {
  const pulled = { count: 0 };
  let isDone = false;
  let turns = 0;
  const others = (): void => {
    turns++;
    if (!isDone) setImmediate(others);
  };
  setImmediate(others);
  await pipeline(ndjsonStream(list(pulled)), reader).catch(() => {});
  isDone = true;
  return { turns, pulled: pulled.count };
}

/** A clock that goes on by 10 microseconds a look, so that slices end on a fast machine as on a slow one. */
function withSlowClock<T>(run: () => Promise<T>): Promise<T> {
  const { now } = performance;
  let ms = 0;
  performance.now = () => {
    ms += 0.01;
    return ms;
  };
  return run().finally(() => {
    performance.now = now;
  });
}

test.each([
  ['takes everything', (_: Reader, done: () => void) => done()],
  ['is full and drains at once', (_: Reader, done: () => void) => process.nextTick(done)],
  ['drains a turn later', (_: Reader, done: () => void) => void setImmediate(done)],
])('a socket that %s gets the whole list, and others their turns', async (_, takes) => {
  const reader = new Reader(takes);
  const { turns } = await withSlowClock(() => writeList(reader));
  const lines = reader.text.split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map(Number)).toEqual(Array.from({ length: ITEMS }, (_, n) => n));
  expect(turns).toBeGreaterThan(20);
});

test('a list that finds nothing for long gives others their turns', async () => {
  const reader = new Reader((_, done) => done());
  const { turns } = await withSlowClock(() => writeList(reader, fruitless));
  expect(reader.text).toBe(`${ITEMS - 1}\n`);
  expect(turns).toBeGreaterThan(20);
});

test('a list whose reader has gone away is not read on', async () => {
  const reader = new Reader((one) => one.destroy());
  const { pulled } = await writeList(reader);
  expect(pulled).toBeLessThan(ITEMS / 10);
});
