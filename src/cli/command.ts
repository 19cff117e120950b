/**
 * What a command is, and which one a line of words means. The usage is the pattern: words in lower case stand for
 * themselves, words in capitals are arguments, in brackets when they may be missing.
 */

import type { parseArgs } from 'node:util';
import { list, nearest } from './did-you-mean.ts';
import type { OPTIONS, OptionName } from './option-table.ts';
import { UsageError } from './usage-error.ts';

/** Options as node:util parses them. */
export type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>['values'];

export interface Call {
  readonly values: Values;
  /** The arguments in the order of the usage; those that are missing are too. */
  readonly args: readonly string[];
}

export interface Command {
  readonly group: string;
  readonly usage: string;
  readonly options: readonly OptionName[];
  readonly summary: string;
  /** Ways to call it when options decide what it does. */
  readonly forms?: readonly string[];
  /** More for `help COMMAND`. */
  readonly details?: string;
  /** Values that completion offers for an argument. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** Loads the code of this command only. */
  run(call: Call): Promise<number>;
}

export interface Part {
  readonly text: string;
  readonly kind: 'word' | 'argument' | 'optional';
}

const parts = new Map<string, readonly Part[]>();

export function partsOf({ usage }: Command): readonly Part[] {
  let known = parts.get(usage);
  if (known === undefined) {
    known = usage.split(' ').map((word): Part => {
      if (word.startsWith('[')) return { text: word.slice(1, -1), kind: 'optional' };
      return { text: word, kind: /^[A-Z]/.test(word) ? 'argument' : 'word' };
    });
    parts.set(usage, known);
  }
  return known;
}

/** The words of its name: what stands before the first argument. */
export function nameOf(command: Command): string {
  const all = partsOf(command);
  const end = all.findIndex(({ kind }) => kind !== 'word');
  return all
    .slice(0, end < 0 ? all.length : end)
    .map(({ text }) => text)
    .join(' ');
}

/** How many of the words fit, from the first on. */
export function fitting(command: Command, words: readonly string[]): number {
  const all = partsOf(command);
  const end = words.findIndex((word, index) => {
    const part = all[index];
    return part === undefined || (part.kind === 'word' && part.text !== word);
  });
  return end < 0 ? words.length : end;
}

function isWhole(command: Command, words: readonly string[]): boolean {
  const rest = partsOf(command).slice(words.length);
  return fitting(command, words) === words.length && rest.every(({ kind }) => kind === 'optional');
}

export function findCommand(commands: readonly Command[], words: readonly string[]): Command | null {
  return commands.find((command) => isWhole(command, words)) ?? null;
}

export function argumentsOf(command: Command, words: readonly string[]): string[] {
  const all = partsOf(command);
  return words.filter((_, index) => all[index].kind !== 'word');
}

const distinct = (words: readonly string[]): string[] => [...new Set(words)];

/** Why no command is meant by these words, and which were wanted. */
export function noCommand(commands: readonly Command[], words: readonly string[]): UsageError {
  const most = Math.max(...commands.map((command) => fitting(command, words)));
  const near = commands.filter((command) => fitting(command, words) === most);
  const wrong: string | undefined = words[most];
  const wanted = distinct(
    near.flatMap((command) => {
      const part = partsOf(command)[most];
      return part === undefined ? [] : [part.text];
    }),
  );
  const meant = wrong === undefined ? '' : nearest(wrong, wanted);
  if (most === 0) {
    if (wrong === undefined) return new UsageError('no command given');
    return new UsageError(`unknown command "${wrong}"${meant}`);
  }
  if (near.length === 1) return new UsageError(`wanted: peregrine ${near[0].usage}`);
  const before = partsOf(near[0])
    .slice(0, most)
    .map(({ text }) => text)
    .join(' ');
  const instead = wrong === undefined ? '' : `, not ${wrong}`;
  return new UsageError(`wanted: peregrine ${before} ${list(wanted)}${instead}${meant}`);
}
