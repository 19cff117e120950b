/**
 * A process that is called `bird` or `bird6`: the same command line, exit codes, messages and signals, so that the run
 * scripts, confd's checks and the process checks of calico-node go on as they are. What it runs is decided in plan.ts.
 */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BIRD_16_VERSION } from '../bird-socket/dialect.ts';
import { type LauncherName, LauncherUsageError, parseLauncherArguments, USAGE } from './arguments.ts';
import { launcherPlan } from './plan.ts';
import { followSupervisor } from './supervisor.ts';

export const DEFAULT_NODENAME_FILE = '/var/lib/calico/nodename';

const say = (text: string): void => void process.stderr.write(`bird: ${text}\n`);

/**
 * Does what the command line says. @param run starts `peregrine run` with these arguments
 * @returns the exit status
 */
export async function runLauncher(
  name: LauncherName,
  argv: readonly string[],
  run: (argv: readonly string[]) => Promise<number>,
): Promise<number> {
  process.title = name;
  let given: ReturnType<typeof parseLauncherArguments>;
  try {
    given = parseLauncherArguments(name, argv);
  } catch (error) {
    if (!(error instanceof LauncherUsageError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n${USAGE}`);
    return 1;
  }
  if (given.isVersion) {
    process.stderr.write(`BIRD version ${BIRD_16_VERSION}\n`);
    return 0;
  }
  if (given.isHelp) {
    process.stderr.write(USAGE);
    return 0;
  }
  if (given.isCheck) return check(name, given.configPath);
  const plan = launcherPlan(name, given, process.env, nodeName);
  if (plan.kind === 'refused') {
    say(plan.reason);
    return 1;
  }
  if (given.pidFile !== null) keepPidFile(given.pidFile);
  if (plan.kind === 'stub') {
    const { runStub } = await import('./stub.ts');
    const ended = runStub(plan.socketPath, say);
    followSupervisor(process.env);
    return ended;
  }
  return run(plan.argv);
}

/** `-p`: silent and 0 when the file is good. */
async function check(name: LauncherName, path: string): Promise<number> {
  const { checkBirdConfig } = await import('../bird-config/check.ts');
  const files = name === 'bird' ? { ipv4: path, ipv6: null } : { ipv4: null, ipv6: path };
  const result = checkBirdConfig(files);
  if (result.ok) return 0;
  process.stderr.write(`${result.errors.join('\n')}\n`);
  return 1;
}

/** As calico-node finds it. */
function nodeName(): string | null {
  const { NODENAME, CALICO_NODENAME_FILE } = process.env;
  if (NODENAME) return NODENAME;
  try {
    return readFileSync(CALICO_NODENAME_FILE || DEFAULT_NODENAME_FILE, 'utf8').trim() || null;
  } catch {
    return null;
  }
}

function keepPidFile(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
    process.once('exit', () => rmSync(path, { force: true }));
  } catch (error) {
    say(`Unable to write PID file ${path}: ${error instanceof Error ? error.message : error}`);
  }
}
