/** Files of a BIRD configuration, read from the file system. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { type BirdSources, folderOf } from '../../confd/bird-config/lexer.ts';
import { MAX_BIRD_FILE_OCTETS } from '../../confd/bird-config/limits.ts';
import { globMatches } from '../../rib/policy/evaluate.ts';

/** What went wrong, in a word or two, without the path that the message names already. */
function reasonOf(error: unknown): { failure: string; isMissing: boolean } {
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (code === 'ENOENT') return { failure: 'No such file or directory', isMissing: true };
  if (code === 'EACCES') return { failure: 'Permission denied', isMissing: false };
  if (code === 'EISDIR') return { failure: 'Is a directory', isMissing: false };
  return { failure: error instanceof Error ? error.message : String(error), isMissing: false };
}

export const fileSources: BirdSources = {
  read(path) {
    try {
      const stat = statSync(path);
      if (!stat.isFile()) return { failure: 'not a file', isMissing: false };
      if (stat.size > MAX_BIRD_FILE_OCTETS) {
        return { failure: `${stat.size} octets, at most ${MAX_BIRD_FILE_OCTETS} are read`, isMissing: false };
      }
      return { text: readFileSync(path, 'utf8') };
    } catch (error) {
      return reasonOf(error);
    }
  },
  glob(pattern) {
    const folder = folderOf(pattern);
    try {
      return readdirSync(folder === '' ? '.' : folder)
        .filter((name) => globMatches(pattern.slice(folder.length), name))
        .sort()
        .map((name) => `${folder}${name}`);
    } catch {
      // A pattern that names nothing includes nothing.
      return [];
    }
  },
};

/** Revision of a configuration: a hash of all its texts. */
export function hashOf(texts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 12);
}
