/**
 * The bundle's entry: the daemon starts from one script that V8 keeps compiled (scripts/build.mjs makes both), every
 * other mode from main.ts and its chunks, of which a short command needs only a few. Without kept code that fits this
 * Node.js the daemon starts as the others do, only later.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** Name of the script, with a digest of its text: V8 compares no more than the length. */
declare const PEREGRINE_DAEMON: string | undefined;

type Scope = (require: NodeJS.Require, module: { exports: unknown }, exports: unknown, url: string) => void;

/** Runs the daemon's script; false: there is no kept code for this version of V8, and nothing was run. */
function runKept(name: string): boolean {
  const url = new URL(`./${name}.cjs`, import.meta.url);
  const kept = new URL(`./${name}.${process.versions.v8}.code`, import.meta.url);
  if (!existsSync(kept) || !existsSync(url)) return false;
  // The script is ASCII: one octet per character, outside of V8's heap.
  const script = new Script(readFileSync(url, 'latin1'), {
    filename: fileURLToPath(url),
    cachedData: readFileSync(kept),
  });
  const module = { exports: {} };
  (script.runInThisContext() as Scope)(createRequire(url), module, module.exports, url.href);
  return true;
}

const isDaemon = ['run', 'bird', 'bird6'].includes(process.argv[2]);
const isRunning = isDaemon && typeof PEREGRINE_DAEMON === 'string' && runKept(PEREGRINE_DAEMON);
if (!isRunning) await import('./main.ts');
