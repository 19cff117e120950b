/**
 * Whose input is worked off when: while one turn of the event loop lasts, all connections together get a few
 * milliseconds; who has more waits for a later turn, one after the other. Without it one turn would last as long as
 * everything that has arrived takes (the socket library reads up to 2 MiB of each socket before anybody else), and
 * timers, so KEEPALIVEs, would wait for all of it (RFC 4271 4.4, 6.5).
 */

import type { Clock } from './clock.ts';

/**
 * Of one turn of the event loop, for the input of all connections. Far below any KEEPALIVE interval (a second at least);
 * with less, a hundred peers that load at the same moment take longer for changing places.
 */
const TURN_MS = 25;

/** A connection that has octets to work off. */
export interface InputHolder {
  /** Works until `isOver` says to stop; false: there is nothing left. */
  continueInput(): boolean;
}

export class InputTurns {
  readonly #clock: Clock;
  /** Those that wait, in the order of their turn. */
  readonly #waiting = new Set<InputHolder>();
  #endMs = 0;
  #isScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True: stop, and `wait`. The first one to ask begins the turn. */
  isOver(): boolean {
    const now = this.#clock.nowMs();
    if (!this.#isScheduled) {
      this.#endMs = now + TURN_MS;
      this.#schedule();
    }
    return now >= this.#endMs;
  }

  wait(holder: InputHolder): void {
    this.#waiting.add(holder);
  }

  leave(holder: InputHolder): void {
    this.#waiting.delete(holder);
  }

  #schedule(): void {
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      for (const holder of this.#waiting) {
        if (this.isOver()) break;
        // A holder that is not done goes to the end of the line.
        this.#waiting.delete(holder);
        if (holder.continueInput()) this.#waiting.add(holder);
      }
    });
  }
}
