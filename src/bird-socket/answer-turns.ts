/**
 * Long answers take turns: of all that are not done after their first slice, one goes on in each turn of the event loop.
 * So any number of walks of the table together cost BGP, and short answers such as a probe's, one slice a turn.
 */

export class AnswerTurns {
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** Resolves when it is this answer's turn again. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#waiting.shift()?.();
      this.#schedule();
    });
  }
}
