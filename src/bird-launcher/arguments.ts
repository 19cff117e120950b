/**
 * The command line of `bird` and `bird6`, as the run scripts and confd of calico-node write it. Options that mean nothing
 * here (users, groups, files of other places) are taken without a word, so that scripts of others go on.
 */

export const LAUNCHER_NAMES = ['bird', 'bird6'] as const;
export type LauncherName = (typeof LAUNCHER_NAMES)[number];

export interface LauncherArguments {
  /** `-c` */
  readonly configPath: string;
  /** `-s` */
  readonly socketPath: string;
  /** `-p`: check the configuration, start nothing. */
  readonly isCheck: boolean;
  /** `-R`: this is a restart; we always find that out ourselves. */
  readonly isRestart: boolean;
  /** `-P`; null: none. */
  readonly pidFile: string | null;
  readonly isHelp: boolean;
  readonly isVersion: boolean;
}

/** With a value: the next letters of the word, or the next word. */
const WITH_VALUE = 'csPDug';
const WITHOUT_VALUE = 'dpRlfv';

export const USAGE = `Usage: bird [--version] [--help] [-c <config-file>] [-s <control-socket>] [-P <pid-file>] [-p] [-R] [-d] [-f] [-l]
  -c FILE     configuration (default /etc/calico/confd/config/bird.cfg, bird6.cfg for bird6)
  -s SOCKET   control socket (default /var/run/calico/bird.ctl, bird6.ctl for bird6)
  -p          check the configuration and end: 0 it is good, 1 it is not and why is on stderr
  -P FILE     write the process id there
  -R, -d, -f  restart, stay in the foreground, log to stderr: always so
  -D, -u, -g, -l, -v are taken and mean nothing
PEREGRINE_BIRD_MODE says what bird is: separate (default), together or native; docs/bird-launcher.md.
`;

/** What is wrong with the command line, in words. */
export class LauncherUsageError extends Error {}

export function parseLauncherArguments(name: LauncherName, argv: readonly string[]): LauncherArguments {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at];
    if (word === '--version' || word === '--help') {
      flags.add(word.slice(2));
      continue;
    }
    if (!/^-[A-Za-z]/.test(word)) throw new LauncherUsageError(`unexpected argument '${word}'`);
    for (let letter = 1; letter < word.length; letter++) {
      const option = word[letter];
      if (WITHOUT_VALUE.includes(option)) {
        flags.add(option);
        continue;
      }
      if (!WITH_VALUE.includes(option)) throw new LauncherUsageError(`invalid option -- '${option}'`);
      const value = word.slice(letter + 1) || argv[++at];
      if (value === undefined) throw new LauncherUsageError(`option requires an argument -- '${option}'`);
      values.set(option, value);
      break;
    }
  }
  return {
    configPath: values.get('c') ?? `/etc/calico/confd/config/${name}.cfg`,
    socketPath: values.get('s') ?? `/var/run/calico/${name}.ctl`,
    isCheck: flags.has('p'),
    isRestart: flags.has('R'),
    pidFile: values.get('P') ?? null,
    isHelp: flags.has('help'),
    isVersion: flags.has('version'),
  };
}
