/**
 * Whether this process has file descriptors left. Without any the kernel's connections are closed as they come (libuv
 * keeps one descriptor back for that, so that nothing spins), dials fail and files cannot be read; only the last two say
 * why. So somebody looks from time to time, says it once, and says when it is over.
 */

import { closeSync, openSync } from 'node:fs';
import type { Log } from './log/log.ts';
import type { Clock, TimerHandle } from './speaker/clock.ts';

const LOOK_MS = 5000;

/** The code of the error when no descriptor can be had, null when one can. */
export function descriptorProblem(): string | null {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' ? code : null;
  }
}

export class DescriptorWatch {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #look: () => string | null;
  readonly #changed: (problem: string | null) => void;
  #problem: string | null = null;
  #timer: TimerHandle | null = null;

  /** `changed` hears the problem in words, and null when it is over. */
  constructor(log: Log, clock: Clock, changed: (problem: string | null) => void, look = descriptorProblem) {
    this.#log = log;
    this.#clock = clock;
    this.#changed = changed;
    this.#look = look;
  }

  start(): void {
    this.#timer = this.#clock.setTimer(LOOK_MS, () => {
      this.#check();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #check(): void {
    const code = this.#look();
    if (code === this.#problem) return;
    this.#problem = code;
    if (code === null) {
      this.#log.info('DESCRIPTORS', {}, 'there are file descriptors again');
      this.#changed(null);
      return;
    }
    const what = code === 'EMFILE' ? 'this process has' : 'this machine has';
    const message = `${what} no file descriptor left: connections are closed as they come, none can be dialled, no file read`;
    this.#log.error('DESCRIPTORS', { code }, message);
    this.#changed(message);
  }
}
