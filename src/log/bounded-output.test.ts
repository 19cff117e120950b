/** Against real pipes and a full device: nobody waits, nothing grows, what is lost is counted. */

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/loopback.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { BoundedOutput, LOG_BUFFER_CHARACTERS } from './bounded-output.ts';

const DEADLINE_MS = 10_000;
const LINE = `${'x'.repeat(99)}\n`;

const open: number[] = [];
afterEach(() => {
  for (const descriptor of open.splice(0)) closeSync(descriptor);
});

function opened(path: string, flags: number): number {
  const descriptor = openSync(path, flags);
  open.push(descriptor);
  return descriptor;
}

/** A pipe; the reading end does not block, so that a test can empty it. */
function pipe(): { readonly writer: number; readonly reader: number } {
  const path = join(temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = opened(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: opened(path, constants.O_WRONLY) };
}

function readAll(descriptor: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      const count = readSync(descriptor, chunk);
      if (count === 0) return text;
      text += chunk.toString('utf8', 0, count);
    } catch {
      return text;
    }
  }
}

describe('a pipe', () => {
  test('takes lines in their order', async () => {
    const { reader, writer } = pipe();
    const output = new BoundedOutput(writer, () => {});
    for (let i = 0; i < 100; i++) output.write(`${i}\n`);
    let text = '';
    await waitFor('all lines', DEADLINE_MS, async () => {
      text += readAll(reader);
      return text.endsWith('99\n') ? true : null;
    });
    expect(text).toBe(Array.from({ length: 100 }, (_, i) => `${i}\n`).join(''));
    expect(output.dropped).toBe(0);
  });

  test('that nobody reads: lines wait up to the bound, the others are dropped; told when it is read again', async () => {
    const { reader, writer } = pipe();
    const told: number[] = [];
    const output = new BoundedOutput(writer, (lines) => told.push(lines));
    const count = Math.floor((2 * LOG_BUFFER_CHARACTERS) / LINE.length);
    const startMs = performance.now();
    for (let i = 0; i < count; i++) output.write(LINE);
    expect(performance.now() - startMs).toBeLessThan(DEADLINE_MS);
    // Let it find out that the pipe is full.
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < count; i++) output.write(LINE);
    const { dropped } = output;
    expect(dropped).toBeGreaterThan(count);
    // Ending must not wait either.
    output.flush();
    let read = 0;
    await waitFor('what had waited, and the news', DEADLINE_MS, async () => {
      read += readAll(reader).length;
      return told.reduce((sum, lines) => sum + lines, 0) === dropped && read === (2 * count - dropped) * LINE.length
        ? true
        : null;
    });
    expect(read).toBeLessThan(LOG_BUFFER_CHARACTERS + 256 * 1024);
  });

  test('whose reader is gone: everything is counted, nothing is thrown', async () => {
    const { reader, writer } = pipe();
    const output = new BoundedOutput(writer, () => {});
    open.splice(open.indexOf(reader), 1);
    closeSync(reader);
    output.write(LINE);
    await waitFor('it is counted', DEADLINE_MS, async () => (output.dropped === 1 ? true : null));
    output.flush();
  });
});

test('a full disk: lines are counted, later ones are tried', async () => {
  const output = new BoundedOutput(opened('/dev/full', constants.O_WRONLY), () => {});
  for (let i = 0; i < 3; i++) {
    output.write(LINE);
    await waitFor('it is counted', DEADLINE_MS, async () => (output.dropped === i + 1 ? true : null));
  }
  output.write(LINE);
  output.flush();
});

test('a file takes them after what is there, also at the end of the process', async () => {
  const path = join(temporaryFolder(), 'log');
  const output = new BoundedOutput(opened(path, constants.O_WRONLY | constants.O_CREAT), () => {});
  for (let i = 0; i < 1000; i++) output.write(`${i}\n`);
  output.flush();
  await waitFor('all lines', DEADLINE_MS, async () => (readFileSync(path, 'utf8').endsWith('999\n') ? true : null));
});
