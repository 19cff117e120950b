/**
 * Keeps the documents honest where a machine can: links lead somewhere, the tests that docs/rfcs.md names exist, the
 * log codes in docs/troubleshooting.md are those in the code, the bounds in docs/limits.md are those in the code.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LOG_CODES } from '../src/log/codes.ts';

const ROOT = resolve(import.meta.dirname, '..');
const NOT_OURS = new Set(['node_modules', 'dist', 'build']);

function files(ending: string, folder = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) || entry.name.startsWith('.') ? [] : files(ending, path);
    return entry.name.endsWith(ending) ? [relative(ROOT, path)] : [];
  });
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Markdown without what is quoted as code. */
function prose(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');
}

describe('links between documents', () => {
  test.each(files('.md').map((file) => [file]))('%s links to what is there', (file) => {
    const targets = [...prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]);
    for (const target of targets) {
      const [path] = target.split('#');
      if (path === '' || /^[a-z]+:/.test(path)) continue;
      expect(existsSync(resolve(ROOT, dirname(file), path)), `${file} links to ${target}`).toBe(true);
    }
  });
});

describe('docs/rfcs.md', () => {
  const proofs: [string, string][] = [];
  let file = '';
  for (const [, path, words] of read('docs/rfcs.md').matchAll(/`([^`\s]+\.test\.ts)`|"([^"]+)"/g)) {
    if (path !== undefined) file = path;
    proofs.push([file, (words ?? '').replace(/\s+/g, ' ')]);
  }

  test('names tests at all', () => expect(proofs.length).toBeGreaterThan(100));

  test.each(proofs)('%s has a test with the words "%s"', (path, words) => {
    expect(existsSync(join(ROOT, path)), `${path} is not there`).toBe(true);
    expect(read(path).includes(words), `no test in ${path} says "${words}"`).toBe(true);
  });
});

describe('docs/troubleshooting.md', () => {
  const used = new Set<string>();
  for (const source of files('.ts', join(ROOT, 'src'))) {
    if (source.endsWith('.test.ts')) continue;
    for (const [, code] of read(source).matchAll(/\b[lL]og(?:\.\w+|\[[^\]]*\])\(\s*'([A-Z][A-Z_]+)'/g)) used.add(code);
  }
  const listed = new Set(
    [...read('docs/troubleshooting.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]),
  );

  test('lists every log code and no other', () => {
    expect(used.size).toBeGreaterThan(20);
    expect([...listed].sort()).toEqual([...used].sort());
    expect([...LOG_CODES].sort()).toEqual([...used].sort());
  });
});

describe('docs/limits.md', () => {
  /** `NAME` = VALUE (`file`): the constant with that initial value. */
  const bounds = [...read('docs/limits.md').matchAll(/`([A-Z][A-Z_0-9]+) = ([^`]+)` \(`([^`]+)`\)/g)].map(
    ([, name, value, source]): [string, string, string] => [name, value, source],
  );

  test('names constants at all', () => expect(bounds.length).toBeGreaterThan(20));

  test.each(bounds)('%s is %s in %s', (name, value, source) => {
    expect(read(source).replace(/_(?=\d)/g, '')).toContain(`${name} = ${value.replace(/_(?=\d)/g, '')};`);
  });
});
