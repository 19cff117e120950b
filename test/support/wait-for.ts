/**
 * Waiting in tests: ask again until the answer is there, with a deadline and an account of what was seen last. Nothing
 * in the interop tests sleeps for a time that is merely hoped to be enough.
 */

import { setTimeout as delay } from 'node:timers/promises';

const FIRST_PAUSE_MS = 15;
const LONGEST_PAUSE_MS = 120;

/** Asks `probe` until it returns something other than null; throws with `what` and the last error at the deadline. */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<T | null> | T | null,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let pauseMs = FIRST_PAUSE_MS;
  let lastError: unknown = null;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== null) return answer;
      lastError = null;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= end) break;
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS);
  }
  const detail = lastError instanceof Error ? `: ${lastError.message}` : '';
  throw new Error(`Not within ${deadlineMs} ms: ${what}${detail}`, { cause: lastError ?? undefined });
}

/**
 * Asks `read` until `isWanted` says yes and returns that answer; at the deadline the error shows the last answer, which
 * is what one needs to see when a router has other routes than expected.
 */
export async function waitUntil<T>(
  what: string,
  deadlineMs: number,
  read: () => Promise<T> | T,
  isWanted: (answer: T) => boolean,
): Promise<T> {
  let last: T | undefined;
  try {
    return await waitFor(what, deadlineMs, async () => {
      last = await read();
      return isWanted(last) ? last : null;
    });
  } catch (error) {
    const seen = last === undefined ? 'nothing' : JSON.stringify(last, null, 1);
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nLast seen: ${seen}`, { cause: error });
  }
}

/**
 * Holds when `isTrue` stays so for `durationMs`: for what must NOT happen (a session that must not come up). Where a
 * later event can prove the same, wait for that event instead.
 */
export async function staysTrue(
  what: string,
  durationMs: number,
  isTrue: () => Promise<boolean> | boolean,
): Promise<void> {
  const end = performance.now() + durationMs;
  do {
    if (!(await isTrue())) throw new Error(`No longer so before ${durationMs} ms had passed: ${what}`);
    await delay(LONGEST_PAUSE_MS);
  } while (performance.now() < end);
}
