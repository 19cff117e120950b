// Bundles the daemon, the CLI and the lab into dist/ with esbuild: one entry file each, code that a mode does not
// need in chunks of their own that are loaded on demand. The daemon is there a second time as one script, with what V8
// has compiled of it, so that it starts sooner (src/start.ts). Types are checked by `npm run typecheck`, not here.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
const outdir = new URL('../dist/', import.meta.url).pathname;
await mkdir(outdir, { recursive: true });
const common = {
  absWorkingDir: new URL('..', import.meta.url).pathname,
  bundle: true,
  platform: 'node',
  target: 'node20',
  outdir,
  // koffi ships its own binaries and must be found in node_modules.
  external: ['koffi'],
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
};

const script = await build({
  ...common,
  entryPoints: { daemon: 'src/main.ts' },
  format: 'cjs',
  write: false,
  define: { PEREGRINE_VERSION: JSON.stringify(version), 'import.meta.url': 'PEREGRINE_URL' },
  banner: { js: '(function(require,module,exports,PEREGRINE_URL){' },
  footer: { js: '})' },
});
const [code, map] = ['daemon.js', 'daemon.js.map'].map(
  (name) => script.outputFiles.find(({ path }) => path.endsWith(`/${name}`)).text,
);
const daemon = `daemon-${createHash('sha256').update(code).digest('hex').slice(0, 12)}`;
/** Other builds and daemons that start meanwhile never see half a file. */
async function put(name, text) {
  await writeFile(`${outdir}${name}.${process.pid}`, text);
  await rename(`${outdir}${name}.${process.pid}`, `${outdir}${name}`);
}
await put(`${daemon}.cjs`, code.replace('sourceMappingURL=daemon.js.map', `sourceMappingURL=${daemon}.cjs.map`));
await put(`${daemon}.cjs.map`, map);
const kept = `${daemon}.${process.versions.v8}.code`;
const isKept = await access(`${outdir}${kept}`).then(
  () => true,
  () => false,
);
if (!isKept) {
  const rehearsal = spawn(
    process.execPath,
    [fileURLToPath(new URL('keep-code.mjs', import.meta.url)), outdir, daemon, kept],
    { stdio: 'inherit' },
  );
  const status = await new Promise((resolve) => rehearsal.on('exit', resolve));
  if (status !== 0) process.stderr.write('The daemon will start without kept code, and later for it.\n');
}

await build({
  ...common,
  entryPoints: { peregrine: 'src/start.ts', lab: 'src/lab/main.ts', 'bfd-worker': 'src/bfd/worker.ts' },
  splitting: true,
  format: 'esm',
  chunkNames: 'chunk-[name]-[hash]',
  define: { PEREGRINE_VERSION: JSON.stringify(version), PEREGRINE_DAEMON: JSON.stringify(daemon) },
  // CommonJS packages inside the bundle ask for Node's own modules through require().
  banner: {
    js: "import{createRequire as __peregrineRequire}from'node:module';const require=__peregrineRequire(import.meta.url);",
  },
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

// Files of earlier builds go, but not those that a daemon started a moment ago may still want to load.
const KEEP_MS = 3_600_000;
for (const name of await readdir(outdir)) {
  const path = `${outdir}${name}`;
  if (name === 'page' || name.startsWith(daemon)) continue;
  if (Date.now() - (await stat(path)).mtimeMs > KEEP_MS) await rm(path, { force: true });
}
