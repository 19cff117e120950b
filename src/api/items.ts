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

/** A part of a list; `next` is the cursor of the rest, null: that was the last. */
export class Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;

  constructor(items: readonly T[], next: string | null) {
    this.items = items;
    this.next = next;
  }
}

const ITEMS_PER_WRITE = 200;
const SLICE_MS = 3;

/** Lists that wait for their next slice. In one turn of the event loop one of them has it, however many there are. */
const waiting: Array<() => void> = [];
let isScheduled = false;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    scheduleTurn();
  });
}

function scheduleTurn(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(() => {
    isScheduled = false;
    waiting.shift()?.();
    if (waiting.length > 0) scheduleTurn();
  });
}

/** NDJSON, some lines at a time. */
async function* chunksOf(items: Items<unknown>): AsyncGenerator<string> {
  let lines: string[] = [];
  let sliceEndMs = performance.now() + SLICE_MS;
  for (const item of items) {
    if (item !== undefined) lines.push(JSON.stringify(item));
    if (lines.length < ITEMS_PER_WRITE && performance.now() < sliceEndMs) continue;
    if (lines.length > 0) yield `${lines.join('\n')}\n`;
    lines = [];
    // A socket that takes everything asks for more at once, before anybody else had a turn; one that did not, later.
    if (performance.now() < sliceEndMs) continue;
    await nextTurn();
    sliceEndMs = performance.now() + SLICE_MS;
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}

/** One write is made ahead of what the socket has taken. */
export function ndjsonStream(items: Items<unknown>): Readable {
  return Readable.from(chunksOf(items), { objectMode: false, highWaterMark: 1 });
}

/** Lists as members of one JSON document that is begun in `head` (without its closing brace), made and sent alike. */
export function jsonArraysStream(
  head: string,
  lists: readonly (readonly [name: string, items: Items<unknown>])[],
): Readable {
  async function* chunks(): AsyncGenerator<string> {
    yield head;
    for (const [name, items] of lists) {
      yield `,${JSON.stringify(name)}:[`;
      let separator = '';
      for await (const lines of chunksOf(items)) {
        // A value of JSON.stringify has no line ends.
        yield separator + lines.trimEnd().replaceAll('\n', ',');
        separator = ',';
      }
      yield ']';
    }
    yield '}\n';
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: 1 });
}

/** Pulls `limit` items in slices; `cursor` says where the list then stands. */
export async function collectPage<T>(items: Items<T>, limit: number, cursor: () => string): Promise<Page<T>> {
  const collected: T[] = [];
  let next: string | null = null;
  let sliceEndMs = performance.now() + SLICE_MS;
  for (const item of items) {
    if (item !== undefined) {
      // One more than asked for: there is another page.
      if (collected.length === limit) return new Page(collected, next);
      collected.push(item);
      if (collected.length === limit) next = cursor();
    }
    if (performance.now() < sliceEndMs) continue;
    await nextTurn();
    sliceEndMs = performance.now() + SLICE_MS;
  }
  return new Page(collected, null);
}
