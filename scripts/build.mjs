// Bundles the daemon, the CLI and the lab into dist/ with esbuild: one entry file each, code that a mode does not
// need in chunks of their own that are loaded on demand. Types are checked by `npm run typecheck`, not here.

import { copyFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
const outdir = new URL('../dist/', import.meta.url).pathname;
await mkdir(outdir, { recursive: true });
await build({
  absWorkingDir: new URL('..', import.meta.url).pathname,
  entryPoints: { peregrine: 'src/main.ts', lab: 'src/lab/main.ts', 'bfd-worker': 'src/bfd/worker.ts' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outdir,
  chunkNames: 'chunk-[name]-[hash]',
  // koffi ships its own binaries and must be found in node_modules.
  external: ['koffi'],
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
  legalComments: 'none',
  define: { PEREGRINE_VERSION: JSON.stringify(version) },
  // CommonJS packages inside the bundle ask for Node's own modules through require().
  banner: {
    js: "import{createRequire as __peregrineRequire}from'node:module';const require=__peregrineRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

// The looking-glass page: one script, one style sheet, nothing from elsewhere (src/page/).
await build({
  absWorkingDir: new URL('..', import.meta.url).pathname,
  entryPoints: { app: 'src/page/client/main.ts', style: 'src/page/client/style.css' },
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2023',
  outdir: `${outdir}page`,
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
});
for (const name of ['index.html', 'icon.svg'])
  await copyFile(new URL(`../src/page/client/${name}`, import.meta.url), `${outdir}page/${name}`);

// Chunks of earlier builds go, but not those that a daemon started a moment ago may still want to load.
const KEEP_MS = 3_600_000;
for (const name of await readdir(outdir)) {
  const path = `${outdir}${name}`;
  if (name === 'page') continue;
  if (Date.now() - (await stat(path)).mtimeMs > KEEP_MS) await rm(path, { force: true });
}
