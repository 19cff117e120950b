/** The lab's daemons: started in their namespace, their last output kept for when something goes wrong, ended by pid. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

const KEPT_LINES = 15;

export class LabProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #tail: string[] = [];
  #ended: string | null = null;

  constructor(name: string, command: readonly string[], logFile: string) {
    this.name = name;
    const [program, ...args] = command;
    // A group of its own, so that a Ctrl-C in the terminal reaches the lab first, which then ends them in order.
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const log = createWriteStream(logFile);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (chunk: string) => {
        log.write(chunk);
        this.#tail.push(...chunk.split('\n').filter((line) => line !== ''));
        this.#tail.splice(0, this.#tail.length - KEPT_LINES);
      });
    }
    this.#child.on('error', (error) => {
      this.#ended = error.message;
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended = signal === null ? `exit status ${code}` : `signal ${signal}`;
    });
  }

  /** How the process ended, or null while it runs. */
  get ended(): string | null {
    return this.#ended;
  }

  get lastOutput(): readonly string[] {
    return this.#tail;
  }

  async end(): Promise<void> {
    if (this.#ended !== null || this.#child.pid === undefined) return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGTERM');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await gone;
    clearTimeout(killer);
  }
}
