/** What `bird -p` loads: nothing heavy, because confd asks at every rendering. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** Every module that a file imports when it runs, and what else is imported. */
function importsOf(entry: string): { readonly modules: ReadonlySet<string>; readonly others: ReadonlySet<string> } {
  const modules = new Set<string>();
  const others = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (modules.has(path)) continue;
    modules.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, what, from] of text.matchAll(/^(?:import|export) ([^;]*?)from '([^']+)';/gm)) {
      if (what.startsWith('type ')) continue;
      if (from.startsWith('.')) waiting.push(resolve(dirname(path), from));
      else others.add(from);
    }
  }
  return { modules, others };
}

test('checking a configuration loads the reader and the file system only', () => {
  const { modules, others } = importsOf(resolve(import.meta.dirname, 'check.ts'));
  expect([...modules].every((path) => existsSync(path))).toBe(true);
  expect([...others].sort()).toEqual(['node:crypto', 'node:fs']);
  const folders = new Set([...modules].map((path) => relative(ROOT, dirname(path))));
  expect([...folders].sort()).toEqual([
    'bgp',
    'bgp/wire',
    'bgp/wire/attribute',
    'confd',
    'confd/bird-config',
    'confd/derive',
    'rib',
    'rib/policy',
    'src/bird-config',
  ]);
  // Of derive only the two lines about families.
  expect([...modules].filter((path) => path.includes('/derive/')).map((path) => relative(ROOT, path))).toEqual([
    'confd/derive/per-family.ts',
  ]);
});
