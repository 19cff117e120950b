import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ListDecoder, type ListOutcome, MAX_ITEM_OCTETS } from './list-decoder.ts';
import { MAX_EVENT_OCTETS, WatchDecoder, type WatchOutput } from './watch-decoder.ts';

/** The octets of `text` in pieces that end at `cuts`. */
function pieces(text: string, cuts: readonly number[]): Uint8Array[] {
  const octets = Buffer.from(text);
  const ends = [...new Set(cuts.map((cut) => cut % (octets.length + 1)))].sort((a, b) => a - b);
  return [...ends, octets.length].map((end, i) => octets.subarray(i === 0 ? 0 : ends[i - 1], end));
}

function readList(chunks: readonly Uint8Array[]): { items: unknown[]; outcome: ListOutcome } {
  const items: unknown[] = [];
  const decoder = new ListDecoder((item) => items.push(item));
  for (const chunk of chunks) decoder.push(chunk);
  return { items, outcome: decoder.end() };
}

function readWatch(chunks: readonly Uint8Array[]): WatchOutput[] {
  const decoder = new WatchDecoder();
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
// Braces, quotes, escapes and characters of several octets are where a cut could hurt.
const item = fc.dictionary(
  fc.string({ unit: fc.constantFrom('a', 'items', '{', '}', '[', ']', '"', '\\', '\n', 'é', '🦅', ',') }),
  fc.jsonValue({ stringUnit: 'binary' }),
);

describe('a list', () => {
  test('is read the same however it is cut', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), fc.constantFrom(0, 2), cuts, (items, indent, at) => {
        const list = {
          kind: 'List',
          metadata: { resourceVersion: '42', continue: 'next', nested: [{ items: [1] }] },
          items,
          extra: { items: [{ a: 1 }] },
        };
        const text = JSON.stringify(list, null, indent);
        expect(readList(pieces(text, at))).toEqual({
          items: JSON.parse(JSON.stringify(items)),
          outcome: { ok: true, metadata: { resourceVersion: '42', continueToken: 'next' } },
        });
      }),
    );
  });

  test.each([
    ['an item', '{"items":[{"a":"'],
    ['text before the items', '{"metadata":{"x":"'],
  ])('%s without end is not kept for ever', (_name, beginning) => {
    const decoder = new ListDecoder(() => {});
    decoder.push(Buffer.from(beginning));
    for (let octets = 0; octets <= MAX_ITEM_OCTETS; octets += 1 << 20) decoder.push(Buffer.alloc(1 << 20, 'x'));
    decoder.push(Buffer.from('"}]}'));
    expect(decoder.end()).toEqual({ ok: false, message: `an item of more than ${MAX_ITEM_OCTETS} octets` });
  });

  test.each([
    ['items before the metadata', '{"items":[{"a":1}],"metadata":{"resourceVersion":"7"}}', [{ a: 1 }], '7'],
    ['no items at all', '{"metadata":{"resourceVersion":"7"}}', [], '7'],
    ['items that are null, as Go writes an empty list', '{"metadata":{"resourceVersion":"7"},"items":null}', [], '7'],
    ['a value that says items', '{"kind":"items","metadata":{"resourceVersion":"7"},"items":[{}]}', [{}], '7'],
  ])('%s', (_name, text, items, resourceVersion) => {
    const read = readList(pieces(text, [3, 9, 20]));
    expect(read).toEqual({ items, outcome: { ok: true, metadata: { resourceVersion, continueToken: '' } } });
  });

  test.each([
    ['cut off between items', '{"metadata":{"resourceVersion":"7"},"items":[{"a":1},'],
    ['cut off within an item', '{"metadata":{"resourceVersion":"7"},"items":[{"a":'],
    ['cut off before the end', '{"metadata":{"resourceVersion":"7"},"items":[{"a":1}]'],
    ['an item that is no object', '{"metadata":{"resourceVersion":"7"},"items":[17]}'],
    ['an item that is broken', '{"metadata":{"resourceVersion":"7"},"items":[{"a":nul}]}'],
    ['another kind of JSON', '[]'],
    ['nothing', ''],
  ])('%s is a failure', (_name, text) => {
    expect(readList([Buffer.from(text)]).outcome.ok).toBe(false);
  });
});

describe('a watch', () => {
  test('is read the same however it is cut', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), cuts, (objects, at) => {
        const text = objects.map((object) => `${JSON.stringify({ type: 'ADDED', object })}\n`).join('');
        expect(readWatch(pieces(text, at))).toEqual(
          objects.map((object) => ({ ok: true, event: { type: 'ADDED', object: JSON.parse(JSON.stringify(object)) } })),
        );
      }),
    );
  });

  test('an event whose end has not come is not said', () => {
    const decoder = new WatchDecoder();
    expect(decoder.push(Buffer.from('{"type":"DELETED","object":{}}'))).toEqual([]);
    expect(decoder.push(Buffer.from('\r\n\n'))).toHaveLength(1);
  });

  test.each([
    ['an unknown type', '{"type":"MOVED","object":{}}\n'],
    ['no JSON', '<html>\n'],
    ['null', 'null\n'],
  ])('%s ends it', (_name, text) => {
    const outputs = readWatch([Buffer.from(`${text}{"type":"ADDED","object":{}}\n`)]);
    expect(outputs).toMatchObject([{ ok: false }]);
  });

  test('a line without end is given up', () => {
    const decoder = new WatchDecoder();
    const chunk = new Uint8Array(1024 * 1024).fill(0x61);
    const outputs = Array.from({ length: 20 }, () => decoder.push(chunk)).flat();
    expect(outputs).toEqual([{ ok: false, message: `an event of more than ${MAX_EVENT_OCTETS} octets` }]);
  });
});
