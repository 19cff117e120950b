/**
 * Work in steps: a generator that stops between them and returns its result at the end, so that whoever runs it can give
 * others their turn on the event loop. What the work is stays pure.
 */

export type Steps<T> = Generator<void, T>;

/** Longest time that steps may follow each other without a pause. */
const STEPS_MS = 10;

/** Runs all steps one after the other. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Runs the steps, with a turn for everybody else whenever they have taken 10 ms. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const endMs = performance.now() + STEPS_MS;
    do {
      const { done, value } = steps.next();
      if (done) return value;
    } while (performance.now() < endMs);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
