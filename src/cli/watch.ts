/** `--watch`: the same question again and again; on a terminal the answer stays in its place. */

import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 2000;
const CLEAR = '\u001b[H\u001b[2J';

export type Write = (text: string) => void;

/** Asks once, or until the process is ended. A daemon that is away meanwhile does not end it. */
export async function watching(isWatching: boolean, ask: (write: Write) => Promise<void>): Promise<void> {
  const out: Write = (text) => void process.stdout.write(text);
  if (!isWatching) return ask(out);
  for (let isFirst = true; ; isFirst = false) {
    let text = '';
    try {
      await ask((part) => {
        text += part;
      });
    } catch (error) {
      // What is wrong from the start will be wrong again.
      if (isFirst || !(error instanceof Error)) throw error;
      text = `${error.message}\n`;
    }
    const head = `${new Date().toISOString()}\n`;
    out(process.stdout.isTTY ? `${CLEAR}${head}${text}` : `${isFirst ? '' : '\n'}${head}${text}`);
    await sleep(INTERVAL_MS);
  }
}
