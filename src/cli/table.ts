/** Aligned text tables and human durations for the command line. */

import { type Colour, paint } from './colour.ts';

export interface Column<T> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly value: (row: T) => string;
  /** On a terminal. */
  readonly colour?: (row: T) => Colour | null;
}

/** Wider cells move only the rest of their own line, not that of all others. */
const WIDEST_ALIGNED = 60;

/**
 * Rows as aligned lines, two spaces between columns, block by block: a column is never narrower than in the blocks
 * before, so that long lists stay aligned without being held in memory. A column that is empty in all rows is left
 * out; the header is repeated where that changes.
 */
export class TableFormatter<T> {
  readonly #columns: readonly Column<T>[];
  readonly #widths: number[];
  #shown: readonly number[] | null = null;

  constructor(columns: readonly Column<T>[]) {
    this.#columns = columns;
    this.#widths = columns.map((column) => column.title.length);
  }

  format(rows: readonly T[]): string {
    const columns = this.#columns;
    const cells = rows.map((row) => columns.map((column) => column.value(row)));
    for (const line of cells) {
      for (const [index, { length }] of line.entries()) {
        if (length > this.#widths[index] && length <= WIDEST_ALIGNED) this.#widths[index] = length;
      }
    }
    const before = this.#shown;
    const shown = columns.flatMap((_, index) =>
      rows.length === 0 || before?.includes(index) || cells.some((line) => line[index] !== '') ? [index] : [],
    );
    const isNew = before === null || before.length !== shown.length;
    this.#shown = shown;
    const lines = cells.map((line, index) => this.#line(line, shown, rows[index]));
    const title = (): string =>
      paint(
        this.#line(
          columns.map((column) => column.title),
          shown,
          null,
        ),
        'bold',
      );
    return (isNew ? [title(), ...lines] : lines).join('\n');
  }

  /** `row` null: the titles, which have no colours of their own. */
  #line(cells: readonly string[], shown: readonly number[], row: T | null): string {
    const last = shown.findLastIndex((index) => cells[index] !== '');
    return shown
      .slice(0, last + 1)
      .map((index, at) => {
        const { align, colour } = this.#columns[index];
        const width = this.#widths[index];
        // Nothing follows the last one that would have to be aligned.
        const text =
          align === 'right' ? cells[index].padStart(width) : at === last ? cells[index] : cells[index].padEnd(width);
        return row === null ? text : paint(text, colour?.(row) ?? null);
      })
      .join('  ')
      .trimEnd();
  }
}

/** All rows under one header. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  return new TableFormatter(columns).format(rows);
}

/** `42s`, `3m07s`, `2h05m`, `4d03h`. */
export function formatDuration(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86400)}d${two(Math.floor((seconds % 86400) / 3600))}h`;
}

export function formatOctets(octets: number): string {
  if (octets < 1024) return `${octets} B`;
  if (octets < 1024 * 1024) return `${(octets / 1024).toFixed(1)} KiB`;
  return `${(octets / 1024 / 1024).toFixed(1)} MiB`;
}

/** `1 prefix`, `2 prefixes`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}
