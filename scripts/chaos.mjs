// The chaos proof: packets between two nodes and through a ToR while daemons are killed, upgraded, drained and cut off.
//
//   npm run chaos -- [SCENARIO...] [--peers peregrine,bird,frr,gobgp] [--json | --markdown]
//
// Root, on Linux, with the daemons of the interop tests (scripts/setup.mjs). Everything happens in network namespaces of its own.
import { spawn } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// Two levels down, as the sources are: they find dist/ by their own place.
const OUT = `${ROOT}build/chaos/run`;
await mkdir(OUT, { recursive: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: { main: 'test/chaos/main.ts' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outdir: OUT,
  packages: 'external',
  logLevel: 'warning',
});
await copyFile(`${ROOT}test/chaos/stream.mjs`, `${OUT}/stream.mjs`);
const child = spawn(process.execPath, [`${OUT}/main.js`, ...process.argv.slice(2)], { stdio: 'inherit' });
child.on('close', (status) => {
  process.exitCode = status ?? 1;
});
