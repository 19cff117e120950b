/** Aligned text tables and human durations for the command line. */

export interface Column<T> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly value: (row: T) => string;
}

/** The rows as lines under a header; columns are as wide as their widest cell, two spaces apart. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => column.value(row))),
  ];
  const widths = columns.map((_, index) => cells.reduce((width, line) => Math.max(width, line[index].length), 0));
  return cells
    .map((line) =>
      line
        .map((cell, index) =>
          columns[index].align === 'right' ? cell.padStart(widths[index]) : cell.padEnd(widths[index]),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
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
