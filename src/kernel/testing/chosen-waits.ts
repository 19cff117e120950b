/**
 * How long the code under test chose to wait: the delays of its timers that went off, one after the other. The time that
 * passes says that too, but also how busy the machine was with something else. Waits of the tests themselves must use
 * node:timers/promises, which is not counted.
 */

export interface ChosenWaits {
  /** Ends the recording; the sum of the delays in milliseconds. */
  stop(): number;
}

export function recordChosenWaits(): ChosenWaits {
  const original = globalThis.setTimeout;
  let totalMs = 0;
  let isRecording = true;
  const recording = (callback: (...values: unknown[]) => void, delayMs = 0, ...values: unknown[]): NodeJS.Timeout =>
    original(() => {
      if (isRecording) totalMs += delayMs;
      callback(...values);
    }, delayMs);
  globalThis.setTimeout = Object.assign(recording, original) as typeof setTimeout;
  return {
    stop: () => {
      isRecording = false;
      globalThis.setTimeout = original;
      return totalMs;
    },
  };
}
