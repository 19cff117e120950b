/** How a list is written: in turns with everything else, whatever the reader does. */

import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type ApiSource, handleRequest } from './server.ts';

const ITEMS = 20_000;

/** A response that takes what it is given as `write` says. */
class FakeResponse extends EventEmitter {
  text = '';
  status = 0;
  destroyed = false;
  readonly #takes: (response: FakeResponse) => boolean;

  constructor(takes: (response: FakeResponse) => boolean) {
    super();
    this.#takes = takes;
  }

  writeHead(status: number): void {
    this.status = status;
  }

  write(text: string): boolean {
    this.text += text;
    return this.#takes(this);
  }

  end(text = ''): void {
    this.text += text;
    this.emit('end');
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

/** Writes the list to the response; how often others had a turn meanwhile, and how far the list was read. */
async function writeList(
  response: FakeResponse,
  list: typeof fruitless = numbers,
): Promise<{ turns: number; pulled: number }> {
  const pulled = { count: 0 };
  const source = { routes: () => list(pulled) } as unknown as ApiSource;
  const request = { method: 'GET', url: '/v1/routes' } as IncomingMessage;
  let isDone = false;
  let turns = 0;
  const others = (): void => {
    turns++;
    if (!isDone) setImmediate(others);
  };
  setImmediate(others);
  await handleRequest(source, request, response as unknown as ServerResponse);
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
  ['takes everything', () => true],
  [
    'is full and drains at once',
    (response: FakeResponse) => {
      process.nextTick(() => response.emit('drain'));
      return false;
    },
  ],
  [
    'drains a turn later',
    (response: FakeResponse) => {
      setImmediate(() => response.emit('drain'));
      return false;
    },
  ],
])('a socket that %s gets the whole list, and others their turns', async (_, takes) => {
  const response = new FakeResponse(takes);
  const { turns } = await withSlowClock(() => writeList(response));
  expect(response.status).toBe(200);
  const lines = response.text.split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map(Number)).toEqual(Array.from({ length: ITEMS }, (_, n) => n));
  expect(turns).toBeGreaterThan(20);
});

test('a list that finds nothing for long gives others their turns', async () => {
  const response = new FakeResponse(() => true);
  const { turns } = await withSlowClock(() => writeList(response, fruitless));
  expect(response.text).toBe(`${ITEMS - 1}\n`);
  expect(turns).toBeGreaterThan(20);
});

test('a list whose reader has gone away is not read on', async () => {
  const response = new FakeResponse((one) => {
    one.destroyed = true;
    process.nextTick(() => one.emit('close'));
    return false;
  });
  const { pulled } = await writeList(response);
  expect(pulled).toBeLessThan(ITEMS / 10);
});
