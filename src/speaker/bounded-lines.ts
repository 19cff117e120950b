/**
 * Log lines about things of which there may be very many: the first few subjects of a minute have a line each; everything
 * else of that minute, the same subject again included, is counted by kind and told in one line at its end.
 */

import type { Clock } from './clock.ts';

const WINDOW_MS = 60_000;
/** Lines about single subjects in one window. */
export const LINES_PER_WINDOW = 10;

export class BoundedLines<Kind extends string> {
  readonly #clock: Clock;
  readonly #summary: (counts: Readonly<Record<string, number>>) => void;
  readonly #told = new Set<string>();
  readonly #counted = new Map<Kind, number>();
  #isOpen = false;

  /** `summary` is told, at the end of a window, its length in seconds and what was counted, by kind. */
  constructor(clock: Clock, summary: (counts: Readonly<Record<string, number>>) => void) {
    this.#clock = clock;
    this.#summary = summary;
  }

  /** Calls `tell` when the subject gets a line of its own. */
  note(kind: Kind, subject: () => string, tell: (subject: string) => void): void {
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#clock.setTimer(WINDOW_MS, () => this.#endWindow());
    }
    if (this.#told.size < LINES_PER_WINDOW) {
      const text = subject();
      if (!this.#told.has(text)) {
        this.#told.add(text);
        tell(text);
        return;
      }
    }
    this.#counted.set(kind, (this.#counted.get(kind) ?? 0) + 1);
  }

  #endWindow(): void {
    this.#isOpen = false;
    this.#told.clear();
    if (this.#counted.size === 0) return;
    const counts = { seconds: WINDOW_MS / 1000, ...Object.fromEntries(this.#counted) };
    this.#counted.clear();
    this.#summary(counts);
  }
}
