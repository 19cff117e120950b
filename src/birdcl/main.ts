/**
 * `birdcl`: the client for BIRD's control socket, for images that have none. One command from the command line, commands
 * from standard input, or a session on a terminal with editing, history and completion.
 */

import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { BirdConnection, displayed } from './connection.ts';
import { candidates, expand, helpLines } from './grammar.ts';

const USAGE = `Usage: birdcl [-s <control-socket>] [-v] [-r] [-l] [<command>...]
  -s SOCKET  control socket (default /var/run/calico/bird.ctl, or /var/run/bird/bird.ctl if only that is there)
  -v         with the codes of the protocol
  -r         restricted: nothing can be changed
  -l         bird.ctl in the current directory
Without a command: a session; ? helps, TAB completes, quit leaves.
`;

const DIRECTORIES = ['/var/run/calico', '/var/run/bird'];
const PROMPT = 'bird> ';
const HISTORY = 500;

interface Settings {
  readonly socketPath: string;
  readonly isVerbose: boolean;
  readonly isRestricted: boolean;
  readonly command: string;
}

type Parsed =
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'help' | 'wrong'; readonly text: string };

export function parseArguments(
  name: string,
  argv: readonly string[],
  exists: (path: string) => boolean = existsSync,
): Parsed {
  const file = name === 'birdcl6' ? 'bird6.ctl' : 'bird.ctl';
  const known = DIRECTORIES.map((directory) => `${directory}/${file}`);
  let socketPath = known.find(exists) ?? known[0];
  let isVerbose = false;
  let isRestricted = false;
  let at = 0;
  for (; at < argv.length && argv[at].startsWith('-') && argv[at] !== '-'; at++) {
    const word = argv[at];
    if (word === '--') {
      at++;
      break;
    }
    if (word === '--help' || word === '-h') return { kind: 'help', text: USAGE };
    for (let letter = 1; letter < word.length; letter++) {
      const option = word[letter];
      if (option === 'v') isVerbose = true;
      else if (option === 'r') isRestricted = true;
      else if (option === 'l') socketPath = file;
      else if (option === 's') {
        const value = word.slice(letter + 1) || argv[++at];
        if (value === undefined)
          return { kind: 'wrong', text: `${name}: option requires an argument -- 's'\n${USAGE}` };
        socketPath = value;
        break;
      } else return { kind: 'wrong', text: `${name}: invalid option -- '${option}'\n${USAGE}` };
    }
  }
  return { kind: 'settings', settings: { socketPath, isVerbose, isRestricted, command: argv.slice(at).join(' ') } };
}

/** Resolves when the terminal or pipe takes more. */
function print(text: string): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(`${text}\n`)) resolve();
    else process.stdout.once('drain', resolve);
  });
}

/** @returns the exit status: 0 whatever the daemon answers, 1 when it cannot be asked */
export async function birdcl(name: string, argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(name, argv);
  if (parsed.kind !== 'settings') {
    (parsed.kind === 'help' ? process.stdout : process.stderr).write(parsed.text);
    return parsed.kind === 'help' ? 0 : 1;
  }
  const { settings } = parsed;
  const show = (line: string): Promise<void> | void => {
    const text = displayed(line, settings.isVerbose);
    if (text !== null) return print(text);
  };
  let connection: BirdConnection;
  try {
    connection = await BirdConnection.open(settings.socketPath, show);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
  if (settings.isRestricted) await connection.ask('restrict');
  if (settings.command !== '') await runCommand(connection, settings.command);
  else await converse(connection, process.stdin.isTTY === true);
  const isLost = connection.isClosed && settings.command === '';
  connection.close();
  if (isLost) process.stderr.write('Connection closed by server.\n');
  return isLost ? 1 : 0;
}

/** False: the session is over. */
async function runCommand(connection: BirdConnection, text: string): Promise<boolean> {
  const trimmed = text.trim();
  if (trimmed === '') return true;
  if (trimmed.endsWith('?')) {
    await help(trimmed.slice(0, -1));
    return true;
  }
  const expansion = expand(trimmed);
  switch (expansion.kind) {
    case 'unknown':
      await print("No such command. Press `?' for help.");
      return true;
    case 'ambiguous':
      await print(
        `Ambiguous command, possible expansions are:\n${expansion.candidates.map((one) => `  ${one}`).join('\n')}`,
      );
      return true;
    case 'command':
      if (expansion.text === 'quit' || expansion.text === 'exit') return false;
      if (expansion.text === 'help') await help('');
      else await connection.ask(expansion.text);
      return !connection.isClosed;
  }
}

async function help(text: string): Promise<void> {
  const lines = helpLines(text);
  await print(lines.length === 0 ? "No such command. Press `?' for help." : lines.join('\n'));
}

/** Commands from standard input until it ends, somebody quits or the daemon goes. */
async function converse(connection: BirdConnection, isTerminal: boolean): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: isTerminal,
    prompt: PROMPT,
    historySize: HISTORY,
    completer: (text: string): [string[], string] => {
      const beginning = /\S*$/.exec(text)?.[0] ?? '';
      return [candidates(text).map(({ word }) => `${word} `), beginning];
    },
  });
  if (isTerminal) {
    process.stdin.on('keypress', (character: string | undefined) => {
      // As in birdc: help at once, and what was typed stays.
      if (character !== '?' || (lines.line.match(/"/g)?.length ?? 0) % 2 === 1) return;
      const typed = lines.line.slice(0, lines.cursor - 1);
      lines.write(null, { name: 'backspace' });
      process.stdout.write('\n');
      void help(typed).then(() => lines.prompt(true));
    });
  }
  void connection.closed.then(() => lines.close());
  lines.prompt();
  for await (const text of lines) {
    if (!(await runCommand(connection, text))) break;
    lines.prompt();
  }
  lines.close();
  if (!connection.isClosed) process.stdout.write('\n');
}
