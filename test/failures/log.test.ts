/** A daemon whose stderr nobody reads, or whose disk is full: it goes on, says how much was lost, and ends when asked. */

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { StatusView } from '../../src/api/schema.ts';
import { fetchOne } from '../../src/cli/client.ts';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const RELOADS = 100;

let child: ChildProcess | null = null;
afterEach(() => child?.kill('SIGKILL'));

/** Starts the daemon with that for its stderr; returns how to ask for its status. */
function start(stderr: 'pipe' | string): () => Promise<StatusView> {
  const folder = temporaryFolder();
  const [config, socket] = ['peregrine.yaml', 'peregrine.sock'].map((name) => join(folder, name));
  const address = loopbackAddress(1);
  // Long lines: every reload says at length what is wrong.
  const text = [
    `routerId: ${address}`,
    'as: 65001',
    'logLevel: debug',
    `listen: [{address: ${address}, port: ${LOOPBACK_PORT}}]`,
    'kernel: {enabled: false, resolveNextHops: always}',
  ].join('\n');
  writeFileSync(config, text);
  const argv = ['-c', `exec "$0" "$@" ${stderr === 'pipe' ? '' : `2>${stderr}`}`, process.execPath, PEREGRINE_MAIN];
  child = spawn('sh', [...argv, 'run', '--config', config, '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // A pipe that is full after some 200 KiB.
  child.stderr?.pause();
  reloadWith = (count) =>
    writeFileSync(config, `${text}\n${`# ${'x'.repeat(500)} ${count}`}\npeers: [{ address: ${'y'.repeat(20_000)} }]\n`);
  return () => fetchOne<StatusView>(socket, '/v1/status');
}

let reloadWith: (count: number) => void = () => {};

async function endsWhenAsked(): Promise<void> {
  const ended = new Promise<number | null>((resolve) => child?.once('exit', resolve));
  child?.kill('SIGTERM');
  const deadline = new Promise<string>((resolve) => setTimeout(resolve, DEADLINE_MS, 'it did not end').unref());
  expect(await Promise.race([ended, deadline])).toBe(0);
}

test('stderr is a pipe that nobody reads', async () => {
  const status = start('pipe');
  await waitUntil('it answers', DEADLINE_MS, status, ({ datastore }) => datastore.inSync);
  const before = (await status()).memory.rssOctets;
  for (let i = 0; i < RELOADS; i++) {
    reloadWith(i);
    child?.kill('SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const blocked = await waitUntil(
    'lines are dropped',
    DEADLINE_MS,
    async () => {
      child?.kill('SIGHUP');
      return status();
    },
    ({ log }) => log.droppedLines > 0,
  );
  expect(blocked.memory.rssOctets - before).toBeLessThan(100 * 1024 * 1024);
  child?.stderr?.resume();
  let text = '';
  child?.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await waitUntil(
    'it says what was lost',
    DEADLINE_MS,
    async () => {
      child?.kill('SIGHUP');
      return text;
    },
    (seen) => seen.includes('LOG_DROPPED'),
  );
  child?.stderr?.pause();
  for (let i = 0; i < RELOADS; i++) child?.kill('SIGHUP');
  await endsWhenAsked();
});

test('stderr is on a full disk', async () => {
  const status = start('/dev/full');
  await waitUntil('it answers', DEADLINE_MS, status, ({ datastore }) => datastore.inSync);
  await waitUntil(
    'lines are counted as lost',
    DEADLINE_MS,
    async () => {
      child?.kill('SIGHUP');
      return status();
    },
    ({ log }) => log.droppedLines > 3,
  );
  await endsWhenAsked();
});
