/**
 * A foreign daemon as a child process: started inside a network namespace, its output kept for the error message of a
 * failing test, ended by its own pid and never by name.
 *
 * The kernel kills it when the test process dies (PR_SET_PDEATHSIG through setpriv), so that a crashed or killed test
 * run leaves no daemon behind. That is lost when a daemon changes its user: the peers here stay root.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait-for.ts';

const TERM_GRACE_MS = 3000;

export interface DaemonExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface DaemonOptions {
  /** Path of a bound namespace (/run/netns/NAME), or null for the one of the test itself. */
  readonly namespacePath: string | null;
  /** Standard output and error are appended here. */
  readonly logPath: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Open standard input for `write`. */
  readonly stdin?: boolean;
}

/** The prefix that moves a command into a namespace. */
export function insideNamespace(namespacePath: string | null): readonly string[] {
  return namespacePath === null ? [] : ['nsenter', `--net=${namespacePath}`, '--'];
}

export class DaemonProcess {
  readonly argv: readonly string[];
  readonly exited: Promise<DaemonExit>;
  readonly #child: ChildProcess;
  readonly #logPath: string;
  #exit: DaemonExit | null = null;

  constructor(argv: readonly string[], options: DaemonOptions) {
    this.argv = argv;
    this.#logPath = options.logPath;
    const log = openSync(options.logPath, 'a');
    const command = ['setpriv', '--pdeathsig', 'KILL', '--', ...insideNamespace(options.namespacePath), ...argv];
    this.#child = spawn(command[0], command.slice(1), {
      stdio: [options.stdin ? 'pipe' : 'ignore', log, log],
      cwd: options.cwd,
      env: options.env ?? process.env,
    });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#exit ??= { code: null, signal: null };
        process.stderr.write(`${argv[0]}: ${error.message}\n`);
        resolve(this.#exit);
      });
      this.#child.once('exit', (code, signal) => {
        this.#exit ??= { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#exit === null;
  }

  /** All it has printed so far. */
  log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits for a sign of life, and fails at once, with the log, when the process ends instead. */
  async ready<T>(what: string, deadlineMs: number, probe: () => Promise<T | null> | T | null): Promise<T> {
    const ended = Symbol('ended');
    try {
      const answer = await waitFor<T | typeof ended>(what, deadlineMs, () => (this.running ? probe() : ended));
      if (answer !== ended) return answer as T;
      throw new Error(`${this.argv[0]} ended with ${JSON.stringify(this.#exit)} before: ${what}`);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${message}\n${this.argv.join(' ')} printed:\n${this.log().slice(-4000)}`, { cause: error });
    }
  }

  /** To the process and all that it started, children first known before any is told. */
  signal(signal: NodeJS.Signals): void {
    if (!this.running || this.pid <= 0) return;
    for (const pid of [this.pid, ...descendants(this.pid)]) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended in between.
      }
    }
  }

  /** As a crash: no chance to say goodbye to its neighbours. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** Stops executing: sockets stay open, nothing is read or sent (the neighbour's hold timer runs out). */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  /** SIGTERM, and SIGKILL to whatever is left after a moment. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const children = descendants(this.pid);
    this.thaw();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), TERM_GRACE_MS);
    await this.exited;
    clearTimeout(timer);
    for (const pid of children) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended with its parent, as it should.
      }
    }
  }
}

/** Pids of all processes below `ancestor`, from /proc. */
export function descendants(ancestor: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      // The command name may hold anything, so count from its closing parenthesis.
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Gone between the two reads.
    }
  }
  const found = new Set<number>([ancestor]);
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const [pid, parent] of parents) {
      if (!found.has(pid) && found.has(parent)) {
        found.add(pid);
        isGrowing = true;
      }
    }
  }
  found.delete(ancestor);
  return [...found];
}
