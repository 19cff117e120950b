/**
 * The command line: finds the command that is meant (cli/command-table.ts) and loads only the code of that one. Usage
 * errors end with status 2 and say what was wanted; everything else is in cli/ and daemon.ts.
 */

import module from 'node:module';
import { parseArgs } from 'node:util';
import { argumentsOf, type Command, findCommand, nameOf, noCommand, type Values } from './cli/command.ts';
import { COMMANDS } from './cli/command-table.ts';
import { nearest } from './cli/did-you-mean.ts';
import { OPTIONS, type OptionName } from './cli/option-table.ts';
import { UsageError } from './cli/usage-error.ts';
import { VERSION } from './version.ts';

// Compiled code is kept between starts where Node can do that (22.1 and newer).
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();

function parse(argv: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Node's advice after the first sentence is about commands that take any word.
    const text = error instanceof Error ? error.message.split('. ')[0] : String(error);
    const unknown = /^Unknown option '--([^']+)'/.exec(text)?.[1];
    const meant = unknown === undefined ? '' : nearest(unknown, Object.keys(OPTIONS)).replace('mean ', 'mean --');
    throw new UsageError(`${text}${meant}`);
  }
}

/** An option that a command does not know would be ignored, which is never what was meant. */
function checkOptions(command: Command, values: Values): void {
  const foreign = (Object.keys(values) as OptionName[]).find((name) => !command.options.includes(name));
  if (foreign === undefined) return;
  throw new UsageError(`--${foreign} is not an option of ${nameOf(command)}${nearest(foreign, command.options)}`);
}

/** `bird` and `bird6`: the command line of BIRD's daemon. */
async function bird(name: 'bird' | 'bird6', argv: readonly string[]): Promise<number> {
  const { runLauncher } = await import('./bird-launcher/main.ts');
  return runLauncher(name, argv, async (words) => {
    const [{ createBirdLog }, { followSupervisor }, { run }] = await Promise.all([
      import('./bird-launcher/bird-log.ts'),
      import('./bird-launcher/supervisor.ts'),
      import('./cli/run-command.ts'),
    ]);
    const hooks = { createLog: createBirdLog, signalsReady: () => followSupervisor(process.env) };
    return run(parse(words).values, hooks);
  });
}

async function help(words: readonly string[]): Promise<number> {
  const { helpOn } = await import('./cli/help.ts');
  process.stdout.write(helpOn(words));
  return 0;
}

/** `replay FILE COMMAND`: the command with its own options, asked of the replay. */
async function replay(values: Values, [, file, ...words]: readonly string[]): Promise<number> {
  const which = findCommand(COMMANDS, words);
  if (which === null) throw noCommand(COMMANDS, words);
  checkOptions(which, values);
  const { replay } = await import('./cli/support.ts');
  return replay({ values: {}, args: [file] }, { which, call: { values, args: argumentsOf(which, words) } });
}

async function main(argv: readonly string[]): Promise<number> {
  const [program, ...rest] = argv;
  if (program === 'bird' || program === 'bird6') return bird(program, rest);
  if (program === 'birdcl' || program === 'birdcl6') {
    const { birdcl } = await import('./birdcl/main.ts');
    return birdcl(program, rest);
  }
  if (program === '__complete') {
    const { complete } = await import('./cli/complete.ts');
    return complete(rest);
  }
  if (program === 'help') return help(rest.filter((word) => !word.startsWith('-')));
  const { values, positionals } = parse(argv);
  if (values.version) {
    process.stdout.write(`peregrine ${VERSION} (Node.js ${process.version})\n`);
    return 0;
  }
  if (values.help) return help(positionals);
  if (positionals[0] === 'replay' && positionals.length > 2) return replay(values, positionals);
  const command = findCommand(COMMANDS, positionals);
  if (command === null) throw noCommand(COMMANDS, positionals);
  checkOptions(command, values);
  try {
    return await command.run({ values, args: argumentsOf(command, positionals) });
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'status') === 404) {
      const { namePeer } = await import('./cli/name-peer.ts');
      error.message += await namePeer(command, positionals, values.socket);
    }
    throw error;
  }
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has gone away (`| head`) is not an error.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`peregrine: cannot write the output: ${error.message}\n`);
  process.exit(1);
});

/** The command line or what it names is wrong, not the daemon: what a daemon refuses as a bad request counts too. */
function isUsageError(error: Error): boolean {
  return error instanceof UsageError || Reflect.get(error, 'status') === 400;
}

// Not awaited at the top level: the bundle is a script, which V8 can keep compiled (scripts/build.mjs).
void (async () => {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const hint = error instanceof UsageError ? 'Try: peregrine --help\n' : '';
    process.stderr.write(`peregrine: ${error.message}\n${hint}`);
    process.exitCode = isUsageError(error) ? 2 : 1;
  }
})();
