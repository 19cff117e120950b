/**
 * Places in configuration files of BIRD, and what is wrong there. Mistakes are thrown inside confd/bird-config, where
 * the first one ends the reading (a configuration is taken whole or not at all), and are values outside of it.
 */

/** Line and column count from 1; the column is in UTF-16 units. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface BirdDiagnostic extends Position {
  readonly message: string;
}

export class BirdConfigError extends Error {
  readonly at: Position;
  /** A file that is to be read is not there (yet). */
  readonly isMissingFile: boolean;

  constructor(at: Position, message: string, isMissingFile = false) {
    super(message);
    this.at = at;
    this.isMissingFile = isMissingFile;
  }

  toDiagnostic(): BirdDiagnostic {
    const { file, line, column } = this.at;
    return { file, line, column, message: this.message };
  }
}

/** A line as it may be shown: what could be a password is blotted out, its length kept for the caret. */
function withoutPasswords(line: string): string {
  if (!line.includes('password')) return line;
  return line.replace(/"([^"]*)/g, (_all, text: string) => `"${'*'.repeat(text.length)}`);
}

/** `FILE:line:column message`, and the line itself with a caret under the place when its text is given. */
export function formatBirdDiagnostic({ file, line, column, message }: BirdDiagnostic, text: string | null): string {
  const head = `${file}:${line}:${column} ${message}`;
  const source = text?.split('\n', line)[line - 1];
  if (source === undefined || source.trim() === '') return head;
  const gutter = `${line} | `;
  return `${head}\n${gutter}${withoutPasswords(source).replaceAll('\t', ' ').slice(0, 400)}\n${' '.repeat(gutter.length + Math.max(0, column - 1))}^`;
}
