/** Time and chance as the speaker sees them: injected, so that tests decide both. */

export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Wall-clock milliseconds since 1970, for people only. */
  wallMs(): number;
  setTimer(delayMs: number, callback: () => void): TimerHandle;
  /** Uniform in [0, 1), for jitter. */
  random(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  random: Math.random,
};

/** A clock that stands still until advanced; timers fire in order of their time. */
export class VirtualClock implements Clock {
  #now = 0;
  #timers: { at: number; order: number; callback: () => void }[] = [];
  #order = 0;

  nowMs(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  setTimer(delayMs: number, callback: () => void): TimerHandle {
    const timer = { at: this.#now + delayMs, order: this.#order++, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((x, y) => x.at - y.at || x.order - y.order)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }
}

/** As VirtualClock, but somebody sets the wall clock before every look at it: centuries forth and back. */
export class JumpingClock extends VirtualClock {
  static readonly #WALLS_MS = [1_800_000_000_000, 3_600_000, 9_000_000_000_000, 1_800_000_060_000, -9_000_000_000_000];
  static readonly PHASES = [...JumpingClock.#WALLS_MS.keys()];
  #looks: number;

  /** @param phase which of the times comes first, one of PHASES */
  constructor(phase: number) {
    super();
    this.#looks = phase;
  }

  override wallMs(): number {
    return JumpingClock.#WALLS_MS[this.#looks++ % JumpingClock.#WALLS_MS.length];
  }
}
