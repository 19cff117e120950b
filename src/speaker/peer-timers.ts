/** The running timers of one peer, by the session machine's names, on the injected clock. */

import { JITTER_MIN_FACTOR, type Timer, timerKey } from '../../bgp/fsm/timers.ts';
import type { Clock, TimerHandle } from './clock.ts';

export class PeerTimers {
  readonly #clock: Clock;
  readonly #expired: (timer: Timer) => void;
  readonly #running = new Map<string, { readonly handle: TimerHandle; readonly endsAtMs: number }>();

  constructor(clock: Clock, expired: (timer: Timer) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** (Re)starts a timer; with `jitter` it runs for 0.75 to 1 times its time (RFC 4271 section 10). */
  start(timer: Timer, seconds: number, jitter: boolean): void {
    const factor = jitter ? JITTER_MIN_FACTOR + (1 - JITTER_MIN_FACTOR) * this.#clock.random() : 1;
    this.startMs(timer, seconds * 1000 * factor);
  }

  startMs(timer: Timer, milliseconds: number): void {
    const key = timerKey(timer);
    this.#running.get(key)?.handle.cancel();
    const handle = this.#clock.setTimer(milliseconds, () => {
      this.#running.delete(key);
      this.#expired(timer);
    });
    this.#running.set(key, { handle, endsAtMs: this.#clock.nowMs() + milliseconds });
  }

  stop(timer: Timer): void {
    const key = timerKey(timer);
    this.#running.get(key)?.handle.cancel();
    this.#running.delete(key);
  }

  /** Milliseconds until the timer ends; null when it does not run. */
  leftMs(timer: Timer): number | null {
    const running = this.#running.get(timerKey(timer));
    return running === undefined ? null : Math.max(0, running.endsAtMs - this.#clock.nowMs());
  }

  /** What runs and how long still, by the machine's names. */
  remaining(): { readonly timer: string; readonly milliseconds: number }[] {
    const now = this.#clock.nowMs();
    return [...this.#running].map(([timer, { endsAtMs }]) => ({ timer, milliseconds: Math.max(0, endsAtMs - now) }));
  }

  stopAll(): void {
    for (const { handle } of this.#running.values()) handle.cancel();
    this.#running.clear();
  }
}
