/**
 * `peregrine __complete WORD...`: what may stand in the place of the last word, a line each: the candidate, a tab, a few
 * words about it. `:files` says that names of files are wanted. The scripts of completion.ts ask this.
 */

import { DEFAULT_CONTROL_SOCKET } from '../api/schema.ts';
import { type Command, fitting, partsOf } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { OPTIONS, type OptionName, optionSpec } from './option-table.ts';

export interface Candidate {
  readonly word: string;
  readonly text: string;
}

/** Candidates, or names of files. */
export type Completion = readonly Candidate[] | 'files';

/** What the running daemon knows; empty when there is none. */
export interface Known {
  peers(): Promise<readonly Candidate[]>;
}

interface Line {
  readonly words: readonly string[];
  /** The option whose value the last word is. */
  readonly option: OptionName | null;
  readonly socketPath: string;
  readonly given: ReadonlySet<string>;
}

/** The words before the last one: which are arguments, which options and their values. */
export function readLine(before: readonly string[]): Line {
  const words: string[] = [];
  const given = new Set<string>();
  let option: OptionName | null = null;
  let socketPath: string = DEFAULT_CONTROL_SOCKET;
  for (const word of before) {
    if (option !== null) {
      if (option === 'socket') socketPath = word;
      option = null;
    } else if (word.startsWith('-')) {
      const [name, value] = word.slice(2).split('=', 2);
      given.add(name);
      if (name === 'socket' && value !== undefined) socketPath = value;
      const takesValue = Object.hasOwn(OPTIONS, name) && optionSpec(name as OptionName).type === 'string';
      if (takesValue && value === undefined) option = name as OptionName;
    } else words.push(word);
  }
  return { words, option, socketPath, given };
}

const plain = (words: readonly string[]): Candidate[] => words.map((word) => ({ word, text: '' }));

async function valuesOf(name: OptionName, known: Known): Promise<Completion> {
  const { value, choices } = optionSpec(name);
  if (value === 'FILE' || value === 'PATH') return 'files';
  const named = plain(choices ?? []);
  if (name === 'source') named.push(...plain(['static', 'kernel', 'direct']));
  return value === 'PEER' ? [...named, ...(await known.peers())] : named;
}

async function argumentsAt(commands: readonly Command[], at: number, known: Known): Promise<Completion> {
  const found = new Map<string, string>();
  let isFile = false;
  for (const command of commands) {
    const part = partsOf(command)[at];
    if (part === undefined) continue;
    const choices = command.choices?.[part.text];
    if (part.kind === 'word') {
      const isLast = partsOf(command)
        .slice(at + 1)
        .every(({ kind }) => kind !== 'word');
      found.set(part.text, found.has(part.text) || !isLast ? '' : command.summary);
    } else if (choices !== undefined) for (const choice of choices) found.set(choice, '');
    else if (part.text === 'FILE') isFile = true;
    else if (part.text === 'PEER') for (const { word, text } of await known.peers()) found.set(word, text);
    else if (part.text === 'COMMAND') for (const one of COMMANDS) found.set(partsOf(one)[0].text, '');
  }
  if (isFile && found.size === 0) return 'files';
  return [...found].map(([word, text]) => ({ word, text }));
}

/** What may stand in the place of the last of these words. */
export async function candidates(all: readonly string[], known: (socketPath: string) => Known): Promise<Completion> {
  const line = readLine(all.slice(0, -1));
  const current = all.at(-1) ?? '';
  const asked = known(line.socketPath);
  const meant = (found: Completion): Completion =>
    found === 'files' ? found : found.filter(({ word }) => word.startsWith(current));
  if (line.option !== null) return meant(await valuesOf(line.option, asked));
  const isHelp = line.words[0] === 'help';
  const words = isHelp ? line.words.slice(1) : line.words;
  const fit = COMMANDS.filter((command) => fitting(command, words) === words.length);
  if (current.startsWith('-')) {
    const options = fit
      .flatMap(({ options: known }) => known)
      .concat('help', ...(words.length === 0 ? (['version'] as const) : []));
    const names = [...new Set(options)].filter((name) => !line.given.has(name) || optionSpec(name).multiple);
    return meant(names.map((name) => ({ word: `--${name}`, text: optionSpec(name).text })));
  }
  return meant(await argumentsAt(fit, words.length, asked));
}

function knownTo(socketPath: string): Known {
  return {
    peers: async () => {
      const { fetchList } = await import('./client.ts');
      const found: Candidate[] = [];
      try {
        for await (const { name, address, state } of fetchList<{ name: string; address: string; state: string }>(
          socketPath,
          '/v1/peers',
        )) {
          found.push({ word: name, text: `${address}, ${state}` });
        }
      } catch {
        // Nobody there, or not for us: then there is nothing to offer.
      }
      return found;
    },
  };
}

export async function complete(words: readonly string[]): Promise<number> {
  const found = await candidates(words, knownTo);
  if (found === 'files') process.stdout.write(':files\n');
  else for (const { word, text } of found) process.stdout.write(text === '' ? `${word}\n` : `${word}\t${text}\n`);
  return 0;
}
