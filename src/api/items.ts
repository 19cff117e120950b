/**
 * Lists: items are pulled as the client reads them, for 3 ms at a time, so that a table of a million routes neither
 * blocks the speaker nor sits in memory.
 */

import { Readable } from 'node:stream';

/**
 * Items as they are found. An `undefined` among them is no item: the iterator has worked for a while without finding
 * one, and lets others have their turn.
 */
export type Items<T> = Iterable<T | undefined>;

const ITEMS_PER_WRITE = 200;
const SLICE_MS = 3;

/** NDJSON, some lines at a time. */
async function* chunksOf(items: Items<unknown>): AsyncGenerator<string> {
  let lines: string[] = [];
  let sliceEndMs = performance.now() + SLICE_MS;
  for (const item of items) {
    if (item !== undefined) lines.push(JSON.stringify(item));
    const isOver = performance.now() >= sliceEndMs;
    if (lines.length < ITEMS_PER_WRITE && !isOver) continue;
    if (lines.length > 0) yield `${lines.join('\n')}\n`;
    lines = [];
    // A socket that takes everything asks for more at once, before anybody else had a turn.
    if (isOver) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      sliceEndMs = performance.now() + SLICE_MS;
    }
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}

/** One write is made ahead of what the socket has taken. */
export function ndjsonStream(items: Items<unknown>): Readable {
  return Readable.from(chunksOf(items), { objectMode: false, highWaterMark: 1 });
}
