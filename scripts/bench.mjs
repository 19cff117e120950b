// Runs the speed measurements: `npm run bench -- SCENARIO...` puts Peregrine beside BIRD 2 through the referee's
// scenarios (bench/referee/README.md) and prints medians and ratios; `npm run bench -- micro [NAME...]` runs the
// micro-benchmarks of bench/micro. Nothing here passes or fails on time.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, '.cache');
const REFEREE = join(ROOT, 'bench/referee');
const MICRO = join(ROOT, 'bench/micro');
const USAGE = `npm run bench -- [OPTIONS] SCENARIO...   a a6 adc b c250 c500 d1 d2 e f g h10k h100k r100k, see bench/referee/README.md
npm run bench -- micro [NAME...]          bench/micro/NAME.ts; all without NAME
npm run bench -- report [FILE...]         the table of earlier runs (default: .cache/bench-results.jsonl)

  --repeat N      runs of each daemon, median is printed (3)
  --daemons LIST  comma-separated (bird,peregrine); also gobgp, frr, openbgpd, relay, noderelay
  --quick         small sizes: does everything work? The figures mean nothing
  --keep          keep each run's configuration and log
  --timeout S     seconds a phase may take (300)
  --wait S        seconds to wait for an idle machine before each run (60)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeat: { type: 'string', default: '3' },
    daemons: { type: 'string', default: 'bird,peregrine' },
    quick: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '300' },
    wait: { type: 'string', default: '60' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const results = join(CACHE, 'bench-results.jsonl');
if (values.help || positionals.length === 0) {
  process.stdout.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else if (positionals[0] === 'micro') {
  process.exitCode = await runMicro(positionals.slice(1));
} else if (positionals[0] === 'report') {
  const files = positionals.slice(1);
  process.exitCode = await run(join(REFEREE, 'run'), ['--report', ...(files.length > 0 ? files : [results])]);
} else {
  process.exitCode = await runReferee(positionals);
}

/**
 * Runs a command to its end. Ctrl-C reaches it through the terminal: it stops its daemons, and we wait for that.
 * @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} [env] @returns {Promise<number>}
 */
function run(command, args, env = {}) {
  return new Promise((resolve) => {
    const onSignal = () => {};
    process.on('SIGINT', onSignal);
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
    child.once('error', (error) => {
      process.stderr.write(`bench: ${command}: ${error.message}\n`);
      resolve(1);
    });
    child.once('exit', (code) => {
      process.off('SIGINT', onSignal);
      resolve(code ?? 1);
    });
  });
}

/** @param {readonly string[]} scenarios */
async function runReferee(scenarios) {
  if (process.getuid?.() !== 0) {
    process.stderr.write('bench: the scenarios run in network namespaces and need root\n');
    return 1;
  }
  mkdirSync(CACHE, { recursive: true });
  const bgpload = join(CACHE, 'bgpload');
  const made = await run('make', ['-s', '-C', REFEREE, `BGPLOAD=${bgpload}`]);
  if (made !== 0) return made;
  const built = await run(process.execPath, [join(ROOT, 'scripts/build.mjs')]);
  if (built !== 0) return built;
  const options = ['--repeat', values.repeat, '--timeout', values.timeout, '--wait', values.wait, '--out', results];
  if (values.quick) options.push('--quick');
  if (values.keep) options.push('--keep');
  return run(join(REFEREE, 'run'), ['--daemons', values.daemons, '--scenarios', scenarios.join(','), ...options], {
    BGPLOAD: bgpload,
    BENCH_ADAPTERS: join(ROOT, 'bench/daemons'),
  });
}

/** @param {readonly string[]} wanted */
async function runMicro(wanted) {
  const present = existsSync(MICRO) ? readdirSync(MICRO) : [];
  const names = present
    .filter((file) => file.endsWith('.ts'))
    .map((file) => basename(file, '.ts'))
    .sort();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`bench: no micro-benchmark ${unknown.join(', ')}; there are: ${names.join(', ') || 'none'}\n`);
    return 2;
  }
  // Bundled as the daemon is, so that both run the same JavaScript.
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(names.map((name) => [name, join(MICRO, `${name}.ts`)])),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outdir: join(CACHE, 'micro'),
    outExtension: { '.js': '.mjs' },
    packages: 'external',
    minifySyntax: true,
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  let worst = 0;
  // One process each: what one benchmark taught the compiler must not slow the next.
  for (const name of wanted.length > 0 ? wanted : names) {
    process.stdout.write(`\n${name}\n`);
    worst = Math.max(worst, await run(process.execPath, ['--expose-gc', join(CACHE, 'micro', `${name}.mjs`)]));
  }
  return worst;
}
