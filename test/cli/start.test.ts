/** The daemon starts from its one script with kept code, and without that code from the chunks, to the same effect. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'peregrine-start-'));
  cpSync(dirname(PEREGRINE_MAIN), join(folder, 'dist'), { recursive: true, filter: (path) => !path.endsWith('.map') });
  cpSync(join(dirname(PEREGRINE_MAIN), '..', 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(dirname(PEREGRINE_MAIN), '..', 'node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How a daemon without a configuration ends, and which of our files were run until then. */
function start(): { status: number | null; stderr: string; files: string } {
  const coverage = mkdtempSync(join(folder, 'coverage-'));
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(folder, 'dist/peregrine.js'), 'run', '--config', '/nonexistent.yaml'],
    { encoding: 'utf8', env: { ...process.env, NODE_V8_COVERAGE: coverage } },
  );
  const files = readdirSync(coverage).map((name) => readFileSync(join(coverage, name), 'utf8'));
  return { status, stderr, files: files.join('') };
}

test('with kept code from the script, without it from the chunks', () => {
  const kept = start();
  expect(kept.files).toMatch(/daemon-[0-9a-f]{12}\.cjs/);
  expect(kept.files).not.toMatch(/chunk-daemon-/);
  for (const name of readdirSync(join(folder, 'dist'))) {
    if (name.endsWith('.code')) rmSync(join(folder, 'dist', name));
  }
  const plain = start();
  expect(plain.files).toMatch(/chunk-daemon-/);
  expect(plain.status).toBe(2);
  expect([kept.status, kept.stderr]).toEqual([plain.status, plain.stderr]);
});
