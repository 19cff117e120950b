#!/usr/bin/env node
// The installed command. In a checkout that has not been built yet it builds once, saying so.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bundle = new URL('../dist/peregrine.js', import.meta.url);
if (!existsSync(bundle)) {
  process.stderr.write('peregrine: dist/ is missing, building it once ...\n');
  const built = spawnSync(process.execPath, [fileURLToPath(new URL('../scripts/build.mjs', import.meta.url))], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
}
await import(bundle.href);
