/** What the documents about installing tell people to type and to write. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const DOCUMENTS = [
  'install-calico',
  'migrate',
  'route-reflectors',
  'tor',
  'service-addresses',
  'security',
  'monitoring',
] as const;

/** The bodies of fenced blocks in one language. */
export function fencedBlocks(document: string, language: string): string[] {
  const text = readFileSync(join(ROOT, `docs/${document}.md`), 'utf8');
  const found = [...text.matchAll(/^ *```(\w+)\n([\s\S]*?)^ *```$/gm)];
  return found.filter(([, name]) => name === language).map(([, , body]) => body);
}

/** Every line of shell, with the document that has it. */
export const COMMANDS: readonly [document: string, line: string][] = DOCUMENTS.flatMap((document) =>
  fencedBlocks(document, 'sh')
    .flatMap((body) => body.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line): [string, string] => [document, line]),
);
