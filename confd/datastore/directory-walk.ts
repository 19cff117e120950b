/**
 * What is in a directory tree right now: the resource files with a signature that changes when they do, the
 * directories to watch, and what could not be looked at.
 *
 * Symbolic links are followed, names that start with a dot are not looked at. Together these make Kubernetes ConfigMap
 * mounts work, where `file` is a link to `..data/file` and `..data` a link that is swapped as a whole.
 */

import type { BigIntStats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface FoundFile {
  /** Differs whenever the file may have other content. */
  readonly signature: string;
}

export interface WatchedDirectory {
  /** Device and inode: a directory that was replaced by another of its name is another directory. */
  readonly identity: string;
  /** The only name in it that matters; null: all. */
  readonly only: string | null;
}

export interface WalkFailure {
  /** Path below the root; empty: the root itself. */
  readonly path: string;
  /** Such as `ENOENT`; empty when it is not the file system that failed. */
  readonly code: string;
  readonly message: string;
}

export interface Walk {
  /** By path below the root. */
  readonly files: ReadonlyMap<string, FoundFile>;
  /** Directories whose changes matter, by absolute path. */
  readonly directories: ReadonlyMap<string, WatchedDirectory>;
  /** What could not be read: nothing is known about files below these paths. */
  readonly failures: readonly WalkFailure[];
}

/** Which part of a tree matters. */
export interface WalkScope {
  /** Whether a file is one of those that matter; `path` is below the root. */
  readonly accepts: (path: string) => boolean;
  /** Directories below the root are looked into. */
  readonly isRecursive: boolean;
}

/** Deeper trees are loops or mistakes. */
const MAX_DEPTH = 64;

/** The error code of a file system call (`ENOENT`). */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function identityOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Size and times are not enough after an atomic rename within one clock tick: the inode says that it is another file. */
export function signatureOf(stats: BigIntStats): string {
  return `${identityOf(stats)}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

/** Looks at everything below `root`. Never fails: what cannot be read is in `failures`. */
export async function walkDirectory(root: string, scope: WalkScope): Promise<Walk> {
  const files = new Map<string, FoundFile>();
  const directories = new Map<string, WatchedDirectory>();
  const failures: WalkFailure[] = [];

  const fail = (path: string, error: unknown): void => {
    failures.push({ path, code: errorCode(error), message: errorMessage(error) });
  };

  const watchHolder = async (directory: string, only: string | null): Promise<void> => {
    if (directories.get(directory)?.only === null) return;
    try {
      directories.set(directory, { identity: identityOf(await stat(directory, { bigint: true })), only });
    } catch {
      // It went away meanwhile; the event of that is on its way.
    }
  };

  const visitEntry = async (path: string, isLink: boolean, ancestors: readonly string[]): Promise<void> => {
    const absolute = join(root, path);
    let stats: BigIntStats;
    try {
      stats = await stat(absolute, { bigint: true });
    } catch (error) {
      // A dangling link, or a file that went away after it was listed, is not there.
      if (errorCode(error) !== 'ENOENT') fail(path, error);
      return;
    }
    if (stats.isDirectory()) {
      if (!scope.isRecursive) return;
      if (ancestors.includes(identityOf(stats))) return;
      if (ancestors.length >= MAX_DEPTH) fail(path, new Error(`more than ${MAX_DEPTH} directories deep`));
      else await visitDirectory(path, stats, ancestors);
    } else if (stats.isFile() && scope.accepts(path)) {
      files.set(path, { signature: signatureOf(stats) });
      if (isLink) await watchHolder(dirname(await realpath(absolute).catch(() => absolute)), null);
    }
  };

  const visitDirectory = async (path: string, stats: BigIntStats, ancestors: readonly string[]): Promise<void> => {
    const absolute = join(root, path);
    directories.set(absolute, { identity: identityOf(stats), only: null });
    try {
      for (const entry of await readdir(absolute, { withFileTypes: true })) {
        if (entry.name.startsWith('.')) continue;
        await visitEntry(join(path, entry.name), entry.isSymbolicLink(), [...ancestors, identityOf(stats)]);
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || path === '') fail(path, error);
    }
  };

  // The parent is watched for the root itself being made, replaced or taken away.
  await watchHolder(dirname(root), basename(root));
  try {
    const stats = await stat(root, { bigint: true });
    if (stats.isDirectory()) await visitDirectory('', stats, []);
    else failures.push({ path: '', code: 'ENOTDIR', message: `${root} is not a directory` });
  } catch (error) {
    fail('', error);
  }
  return { files, directories, failures };
}
