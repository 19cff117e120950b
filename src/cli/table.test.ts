import { describe, expect, test } from 'vitest';
import { type Column, formatCount, formatDuration, formatOctets, formatTable, TableFormatter } from './table.ts';

interface Row {
  readonly name: string;
  readonly count: number;
  readonly note: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', value: (row) => row.name },
  { title: 'COUNT', align: 'right', value: (row) => String(row.count) },
  { title: 'NOTE', value: (row) => row.note },
];
const row = (name: string, count: number, note = ''): Row => ({ name, count, note });

describe('tables', () => {
  test('columns are as wide as their widest cell, numbers to the right, no blanks at the end of a line', () => {
    expect(formatTable(COLUMNS, [row('a', 1, 'x'), row('longer-name', 1234567)])).toBe(
      ['NAME           COUNT  NOTE', 'a                  1  x', 'longer-name  1234567'].join('\n'),
    );
  });

  test('a column that is empty in every row is left out, of a table without rows none is', () => {
    expect(formatTable(COLUMNS, [row('a', 1)])).toBe('NAME  COUNT\na         1');
    expect(formatTable(COLUMNS, [])).toBe('NAME  COUNT  NOTE');
  });

  test('a very long cell moves only the rest of its own line', () => {
    const long = 'x'.repeat(200);
    const [header, first, second] = formatTable(COLUMNS, [row(long, 1), row('b', 2)]).split('\n');
    expect([header, second]).toEqual(['NAME  COUNT', 'b         2']);
    expect(first).toBe(`${long}      1`);
  });

  test('blocks of one table have one header and never narrower columns', () => {
    const table = new TableFormatter(COLUMNS);
    expect(table.format([row('long-name', 1)])).toBe('NAME       COUNT\nlong-name      1');
    expect(table.format([row('b', 2)])).toBe('b              2');
  });

  test('the header comes again when a column turns out to be needed', () => {
    const table = new TableFormatter(COLUMNS);
    table.format([row('a', 1)]);
    expect(table.format([row('b', 2, 'note')])).toBe('NAME  COUNT  NOTE\nb         2  note');
    expect(table.format([row('c', 3)])).toBe('c         3');
  });
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [60, '1m00s'],
  [3599, '59m59s'],
  [3600, '1h00m'],
  [86_399, '23h59m'],
  [86_400, '1d00h'],
  [9_000_000, '104d04h'],
])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

test.each([
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [64 * 1024 * 1024, '64.0 MiB'],
])('%d octets are %s', (octets, text) => expect(formatOctets(octets)).toBe(text));

test.each([
  [0, '0 prefixes'],
  [1, '1 prefix'],
  [2, '2 prefixes'],
])('%d are %s', (count, text) => expect(formatCount(count, 'prefix', 'prefixes')).toBe(text));
