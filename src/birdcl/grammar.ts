/**
 * What the client makes of what is typed: abbreviations become whole keywords, `?` and TAB get the words that may come
 * next. Patterns, names and conditions are passed on as they are; the daemon judges them.
 */

import { CLIENT_COMMANDS, COMMANDS, type CommandEntry } from '../bird-socket/command-list.ts';

const ALL: readonly CommandEntry[] = [...COMMANDS, ...CLIENT_COMMANDS];

export type Expansion =
  | { readonly kind: 'command'; readonly text: string }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  | { readonly kind: 'unknown' };

/** Options of `show route` that a name or prefix comes after. */
const NAMED = ['for', 'in', 'table', 'protocol', 'export', 'preexport', 'noexport'];

/** The keywords that may follow these whole keywords. */
function nextKeywords(path: readonly string[]): string[] {
  const words = new Set<string>();
  for (const entry of ALL) {
    const keywords = entry.path.split(' ');
    if (keywords.length > path.length && path.every((word, index) => keywords[index] === word)) {
      words.add(keywords[path.length]);
    }
  }
  return [...words];
}

function entryOf(path: readonly string[]): CommandEntry | null {
  return ALL.find((entry) => entry.path === path.join(' ')) ?? null;
}

/** The one word that begins so, or all that do. */
function matching(words: readonly string[], beginning: string): string[] {
  if (words.includes(beginning)) return [beginning];
  return words.filter((word) => word.startsWith(beginning)).sort();
}

/** Words with the blanks between them, so that what is passed on is passed on as typed. */
function split(text: string): string[] {
  return text.match(/"[^"]*"?|[^\s"]+|\s+/g) ?? [];
}

export function expand(text: string): Expansion {
  const pieces = split(text.trim());
  const path: string[] = [];
  const out: string[] = [];
  let isKeyword = true;
  /** What follows is no option: a name, or a whole condition. */
  let literal: 'none' | 'next' | 'rest' = 'none';
  for (const piece of pieces) {
    if (/^\s/.test(piece)) {
      out.push(' ');
      continue;
    }
    const next = isKeyword ? nextKeywords(path) : [];
    const found = next.length > 0 && !piece.startsWith('"') ? matching(next, piece) : [];
    if (found.length === 1) {
      path.push(found[0]);
      out.push(found[0]);
      continue;
    }
    const entry = entryOf(path);
    if (entry === null) {
      return found.length > 1
        ? { kind: 'ambiguous', candidates: found.map((word) => [...path, word].join(' ')) }
        : { kind: 'unknown' };
    }
    isKeyword = false;
    const isFree: boolean = literal !== 'none';
    if (literal === 'next') literal = 'none';
    const options: string[] = isFree ? [] : matching(Object.keys(entry.options ?? {}), piece);
    if (options.length === 1) literal = options[0] === 'where' ? 'rest' : NAMED.includes(options[0]) ? 'next' : 'none';
    // Ambiguous options and everything else go as they are: they may be names.
    out.push(options.length === 1 ? options[0] : piece);
  }
  return entryOf(path) === null ? { kind: 'unknown' } : { kind: 'command', text: out.join('') };
}

export interface Candidate {
  readonly word: string;
  readonly args: string;
  readonly help: string;
}

/** What may come at the end of this text; the last word, unless a blank follows it, is a beginning. */
export function candidates(text: string): Candidate[] {
  const words = text.split(/\s+/).filter(Boolean);
  const beginning = text === '' || /\s$/.test(text) ? '' : (words.pop() ?? '');
  const path: string[] = [];
  for (const word of words) {
    const found = matching(nextKeywords(path), word);
    if (found.length !== 1) break;
    path.push(found[0]);
  }
  const keywords = path.length === words.length ? matching(nextKeywords(path), beginning) : [];
  const found = keywords.map((word): Candidate => {
    const inside = ALL.filter((one) => `${one.path} `.startsWith(`${[...path, word].join(' ')} `));
    const entry = entryOf([...path, word]) ?? (inside.length === 1 ? inside[0] : null);
    const rest = entry === null ? '...' : `${entry.path.slice([...path, word].join(' ').length).trim()} ${entry.args}`;
    return { word, args: rest.trim(), help: entry?.help ?? groupHelp([...path, word]) };
  });
  const entry = entryOf(path);
  for (const [word, help] of Object.entries(entry?.options ?? {})) {
    if (word.startsWith(beginning) && !found.some((one) => one.word === word)) found.push({ word, args: '', help });
  }
  return found.sort((x, y) => (x.word < y.word ? -1 : 1));
}

function groupHelp(path: readonly string[]): string {
  return path[0] === 'show' ? 'Show status information' : `Commands: ${path.join(' ')} ...`;
}

/** Help lines for what may come next, the command itself first. */
export function helpLines(text: string): string[] {
  const words = text.split(/\s+/).filter(Boolean);
  const entry = entryOf(words);
  const found = candidates(text === '' || /\s$/.test(text) ? text : `${text}`);
  const rows = found.map(({ word, args, help }): [string, string] => [`${word} ${args}`.trim(), help]);
  const width = Math.min(44, Math.max(0, ...rows.map(([left]) => left.length)));
  const lines = rows.map(([left, help]) =>
    left.length > width ? `${left}\n${' '.repeat(width)}  ${help}` : `${left.padEnd(width)}  ${help}`,
  );
  return entry === null ? lines : [`${entry.path} ${entry.args}`.trim(), `    ${entry.help}`, ...lines];
}
