/**
 * The directory datastore: any layout of YAML and JSON files below a directory, watched.
 *
 * Changes are seen by file system events, gathered for a moment, and then the tree is compared with what was read
 * before; a slow rescan is the safety net for what events do not show (network file systems, the far end of links).
 * A file that cannot be parsed or read keeps its last good content. When the directory itself is away, everything
 * stays as it was until it is back.
 */

import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Condition } from '../desired-state.ts';
import type { Datastore, DatastoreListener, DatastoreStatus, Timers } from './datastore.ts';
import {
  errorCode,
  errorMessage,
  signatureOf,
  type Walk,
  type WalkScope,
  type WatchedDirectory,
  walkDirectory,
} from './directory-walk.ts';
import {
  type Claim,
  eventsBetween,
  type FileClaims,
  mergeClaims,
  type ReadOutcome,
  readClaims,
} from './resource-files.ts';
import { inTurns, type Steps } from './steps.ts';
import { SYSTEM_TIMERS } from './system-timers.ts';

export interface DirectoryOptions {
  /** Quiet time after an event before the tree is looked at. */
  readonly debounceMs: number;
  /** Time between looks when no event comes. */
  readonly rescanMs: number;
  readonly timers: Timers;
  /** What is in the files. */
  readonly format: DirectoryFormat;
}

/** How a kind of directory is read. */
export interface DirectoryFormat extends WalkScope {
  /** What the text of a file says; `path` is the full one, for people. */
  readonly read: (path: string, text: string) => Steps<ReadOutcome>;
  /** A directory that is not there: nothing to be had, or nothing in it. */
  readonly missing: 'unreachable' | 'empty';
}

/** Resources as YAML or JSON, in any layout. */
export const RESOURCE_FORMAT: DirectoryFormat = {
  accepts: (path) => /\.(ya?ml|json)$/i.test(path),
  isRecursive: true,
  read: readClaims,
  missing: 'unreachable',
};

export const DIRECTORY_DEFAULTS: DirectoryOptions = {
  debounceMs: 50,
  rescanMs: 30_000,
  timers: SYSTEM_TIMERS,
  format: RESOURCE_FORMAT,
};

/** A steady stream of events delays a look by at most this many quiet times. */
const MAX_POSTPONEMENTS = 10;
/** Walks of one look: more than two only in a tree whose directories come and go all the time. */
const MAX_WALKS = 5;
/** No honest file of resources is larger; reading one would only hold up everything else. */
const MAX_FILE_OCTETS = 64 * 1024 * 1024;

interface FileRecord {
  readonly signature: string;
  /** Last good content. */
  readonly claims: FileClaims;
  readonly contentHash: string;
  /** Why the present content does not count. */
  readonly problems: readonly Condition[];
}

const NO_CLAIMS: FileClaims = { claims: [], conditions: [] };

export class DirectoryDatastore implements Datastore {
  readonly description: string;
  readonly #root: string;
  readonly #options: DirectoryOptions;
  readonly #records = new Map<string, FileRecord>();
  readonly #watchers = new Map<string, { readonly directory: WatchedDirectory; readonly watcher: FSWatcher }>();
  #watchProblems = new Map<string, string>();
  #delivered: ReadonlyMap<string, Claim> = new Map();
  #deliveredConditions = '';
  #status: DatastoreStatus = { phase: 'starting', message: 'not started', revision: '' };
  #listener: DatastoreListener | null = null;
  #cancelLook: (() => void) | null = null;
  #cancelRescan: (() => void) | null = null;
  #postponements = 0;
  #looking: Promise<void> | null = null;
  /** Something happened while the tree was being looked at. */
  #isDirty = false;
  #isStopped = false;

  constructor(path: string, options: Partial<DirectoryOptions> = {}) {
    this.#root = resolve(path);
    this.description = `directory:${path}`;
    this.#options = { ...DIRECTORY_DEFAULTS, ...options };
  }

  get status(): DatastoreStatus {
    return this.#status;
  }

  start(listener: DatastoreListener): void {
    if (this.#listener !== null) throw new Error('A datastore is started once');
    this.#listener = listener;
    this.#status = { phase: 'starting', message: 'reading the directory', revision: '' };
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelLook?.();
    this.#cancelRescan?.();
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#looking;
  }

  /** An event: look soon, and once for all events that come together. */
  #touch(): void {
    if (this.#isStopped) return;
    if (this.#looking !== null) {
      this.#isDirty = true;
      return;
    }
    if (this.#cancelLook !== null) {
      if (this.#postponements >= MAX_POSTPONEMENTS) return;
      this.#postponements++;
      this.#cancelLook();
    }
    this.#cancelLook = this.#options.timers.schedule(this.#options.debounceMs, () => this.#look());
  }

  #look(): void {
    if (this.#isStopped || this.#looking !== null) return;
    this.#cancelLook?.();
    this.#cancelRescan?.();
    this.#cancelLook = null;
    this.#cancelRescan = null;
    this.#postponements = 0;
    this.#isDirty = false;
    this.#looking = this.#compare().then(() => {
      this.#looking = null;
      if (this.#isStopped) return;
      this.#cancelRescan = this.#options.timers.schedule(this.#options.rescanMs, () => this.#look());
      if (this.#isDirty) this.#touch();
    });
  }

  async #compare(): Promise<void> {
    const { format } = this.#options;
    let walk = await walkDirectory(this.#root, format);
    // What changed between the walk and the watch of a new directory would be missed.
    for (let round = 0; round < MAX_WALKS && !this.#isStopped && this.#watchDirectories(walk); round++) {
      walk = await walkDirectory(this.#root, format);
    }
    const rootFailure = walk.failures.find((failure) => failure.path === '');
    const isEmpty = rootFailure?.code === 'ENOENT' && format.missing === 'empty';
    if (isEmpty) walk = { ...walk, failures: [] };
    else if (rootFailure !== undefined) {
      this.#setStatus({ phase: 'unreachable', message: rootFailure.message, revision: this.#status.revision });
      return;
    }
    const isStable = await this.#readFiles(walk);
    if (this.#isStopped) return;
    this.#deliver(walk);
    if (isStable) this.#setStatus({ phase: 'in-sync', message: '', revision: this.#status.revision });
    else this.#isDirty = true;
  }

  /** Watches exactly the directories of the walk. True when one is newly watched. */
  #watchDirectories(walk: Walk): boolean {
    for (const [path, { directory, watcher }] of this.#watchers) {
      const now = walk.directories.get(path);
      if (now?.identity === directory.identity && now.only === directory.only) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
    const problems = new Map<string, string>();
    let hasNew = false;
    for (const [path, directory] of walk.directories) {
      if (this.#watchers.has(path)) continue;
      try {
        const watcher = watch(path, { persistent: false }, (_event, name) => {
          if (directory.only === null || name === null || name === directory.only) this.#touch();
        });
        watcher.on('error', () => {
          watcher.close();
          if (this.#watchers.get(path)?.watcher === watcher) this.#watchers.delete(path);
          this.#touch();
        });
        this.#watchers.set(path, { directory, watcher });
        hasNew = true;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') problems.set(path, errorMessage(error));
      }
    }
    this.#watchProblems = problems;
    return hasNew;
  }

  /** Brings the records up to the walk. False when a file changed while it was read. */
  async #readFiles(walk: Walk): Promise<boolean> {
    const isUnknown = (path: string): boolean =>
      walk.failures.some((failure) => path === failure.path || path.startsWith(`${failure.path}/`));
    for (const path of this.#records.keys()) {
      if (!walk.files.has(path) && !isUnknown(path)) this.#records.delete(path);
    }
    let isStable = true;
    for (const [path, { signature }] of walk.files) {
      const record = this.#records.get(path);
      if (record?.signature === signature) continue;
      const read = await this.#readFile(path, signature, record);
      if (read === 'changing') isStable = false;
      else if (read === 'gone') this.#records.delete(path);
      else this.#records.set(path, read);
    }
    return isStable;
  }

  async #readFile(
    path: string,
    signature: string,
    old: FileRecord | undefined,
  ): Promise<FileRecord | 'changing' | 'gone'> {
    const absolute = join(this.#root, path);
    const keep = (problems: readonly Condition[]): FileRecord => ({
      signature,
      claims: old?.claims ?? NO_CLAIMS,
      contentHash: old?.contentHash ?? '',
      problems,
    });
    const problem = (message: string): Condition => ({ resource: absolute, field: '', message, severity: 'error' });
    try {
      const before = await stat(absolute, { bigint: true });
      if (before.size > BigInt(MAX_FILE_OCTETS)) {
        return keep([problem(`larger than ${MAX_FILE_OCTETS} octets: not read`)]);
      }
      const octets = await readFile(absolute);
      if (signatureOf(await stat(absolute, { bigint: true })) !== signature) return 'changing';
      const outcome = await inTurns(this.#options.format.read(absolute, octets.toString('utf8')));
      if (!outcome.ok) return keep(outcome.conditions);
      const contentHash = createHash('sha256').update(octets).digest('hex');
      return { signature, claims: outcome.file, contentHash, problems: [] };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'gone';
      // No signature: it is tried again at every look.
      return { ...keep([problem(errorMessage(error))]), signature: '' };
    }
  }

  #deliver(walk: Walk): void {
    const files = new Map([...this.#records].map(([path, record]) => [path, record.claims]));
    const merged = mergeClaims(files);
    const conditions: Condition[] = [
      ...[...this.#records.values()].flatMap((record) => record.problems),
      ...walk.failures.map((failure) => this.#problemOf(join(this.#root, failure.path), failure.message)),
      ...[...this.#watchProblems].map(([path, message]) =>
        this.#problemOf(path, `cannot be watched (${message}): changes are seen every ${this.#options.rescanMs} ms`),
      ),
      ...merged.conditions,
    ];
    const events = eventsBetween(this.#delivered, merged.winners);
    const written = JSON.stringify(conditions);
    const revision = this.#revision();
    const isFirst = this.#status.revision === '';
    this.#status = { ...this.#status, revision };
    if (events.length === 0 && written === this.#deliveredConditions && !isFirst) return;
    this.#delivered = merged.winners;
    this.#deliveredConditions = written;
    this.#listener?.changed({ events, revision, conditions });
  }

  #problemOf(resource: string, message: string): Condition {
    return { resource, field: '', message, severity: 'error' };
  }

  /** Of the content that counts: the same files give the same revision, after a restart too. */
  #revision(): string {
    const hash = createHash('sha256');
    for (const path of [...this.#records.keys()].sort())
      hash.update(`${path}\0${this.#records.get(path)?.contentHash}\0`);
    return hash.digest('hex').slice(0, 16);
  }

  #setStatus(status: DatastoreStatus): void {
    if (this.#isStopped) return;
    const { phase, message } = this.#status;
    this.#status = status;
    if (phase !== status.phase || message !== status.message) this.#listener?.statusChanged(status);
  }
}
