/**
 * Guards the arrows of ARCHITECTURE.md: bgp <- rib <- confd <- src, pure folders without I/O or packages, no file so
 * long that nobody reads it, no default exports in a folder that others import from.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const LAYERS = ['bgp', 'rib', 'confd', 'src'] as const;
const MAX_LINES = 600;

function files(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : files(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const sources = LAYERS.flatMap(files);
const product = sources.filter((file) => !file.endsWith('.test.ts'));

function imports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)[^'"\n;]*?(?:\{[^}]*\})?[^'"\n;]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g,
    ),
  ].map((match) => match[1] ?? match[2]);
}

function layer(file: string): number {
  return LAYERS.findIndex((name) => file.startsWith(`${name}/`));
}

describe('architecture', () => {
  test('the reader of imports sees imports', () => {
    expect(imports('src/main.ts')).toContain('node:util');
    expect(imports('src/main.ts')).toContain('./cli/run-command.ts');
    expect(imports('rib/fib.ts')).toContain('../bgp/family.ts');
  });

  test.each(product.map((file) => [file]))('%s imports only what lies below it', (file) => {
    for (const target of imports(file)) {
      if (!target.startsWith('.')) {
        expect(layer(file) >= 2, `${file} imports ${target}: bgp and rib use no packages and no node modules`).toBe(
          true,
        );
        continue;
      }
      const path = relative(ROOT, resolve(ROOT, file, '..', target));
      expect(layer(path), `${file} imports ${path}, which is in no layer`).toBeGreaterThanOrEqual(0);
      expect(layer(path) <= layer(file), `${file} imports ${path}: dependencies point bgp <- rib <- confd <- src`).toBe(
        true,
      );
      if (file.startsWith('rib/'))
        expect(path.startsWith('bgp/fsm/'), `${file} imports the session machine`).toBe(false);
      expect(path.endsWith('.test.ts'), `${file} imports a test`).toBe(false);
    }
  });

  test.each(product.filter((file) => file.startsWith('confd/derive/')).map((file) => [file]))('%s is pure', (file) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).not.toMatch(/\bprocess\.|Date\.now|setTimeout|node:fs|node:net/);
    // The one library that derivation may use is the hash of Calico's router id.
    for (const target of imports(file)) expect(target.startsWith('.') || target === 'node:crypto', target).toBe(true);
  });

  test.each(product.filter((file) => layer(file) < 2).map((file) => [file]))(
    '%s has no clock and no chance',
    (file) => {
      expect(readFileSync(join(ROOT, file), 'utf8')).not.toMatch(
        /Date\.now|Math\.random|performance\.now|setTimeout|console\./,
      );
    },
  );

  test('only a few files read the wall clock: setting it must not move a timer', () => {
    const readers = product.filter((file) => /\bDate\.now\b|new Date\(\)/.test(readFileSync(join(ROOT, file), 'utf8')));
    const allowed = [
      // Says what time it is, for people; timers ask the other half of it.
      'src/speaker/clock.ts',
      // A token's end is a wall-clock time.
      'confd/datastore/kubernetes/credentials.ts',
      // Shows a person how long something takes.
      'src/lab/main.ts',
      // In the browser, for people to read.
      'src/page/client/store.ts',
      // Alice-LG is told what time it is.
      'src/birdwatcher/routes.ts',
    ];
    expect(readers.filter((file) => !allowed.includes(file) && !file.startsWith('src/cli/'))).toEqual([]);
  });

  test.each(sources.map((file) => [file]))('%s is at most 600 lines', (file) => {
    expect(readFileSync(join(ROOT, file), 'utf8').split('\n').length).toBeLessThanOrEqual(MAX_LINES);
  });

  test('files are small: the median is about 120 lines', () => {
    const sizes = product
      .map((file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length)
      .sort((x, y) => x - y);
    expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(160);
    expect(product.every((file) => statSync(join(ROOT, file)).size > 0)).toBe(true);
  });
});
