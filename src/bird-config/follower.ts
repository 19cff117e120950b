/**
 * Follows the configuration of BIRD that confd renders: reads it at the start and whenever it changes or somebody asks
 * for it, and gives what it says to the speaker. While files are missing or wrong, what runs goes on running (at the
 * start: nothing), and it is said why.
 *
 * confd writes six files one by one and sends a signal for each, so reading waits until they have been quiet for a
 * moment; and a signal can get lost while a process starts, so the files are watched as well.
 */

import { type FSWatcher, statSync, watch } from 'node:fs';
import { folderOf } from '../../confd/bird-config/lexer.ts';
import type { BirdFiles, BirdInputs } from '../../confd/bird-config/load.ts';
import { PolicyMemory } from '../../confd/bird-config/translate-policy.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import type { Log } from '../log/log.ts';
import type { Clock, TimerHandle } from '../speaker/clock.ts';
import { formatBirdErrors, readBirdConfig } from './check.ts';
import { fileSources } from './sources.ts';

/** Quiet time after a change before files are read. */
const SETTLE_MS = 150;
/** Longest time that changes coming one after the other put the reading off. */
const SETTLE_LIMIT_MS = 1000;
/** How often files are looked at without having heard of a change. */
const LOOK_MS = 2000;

/** What the follower needs of the speaker. */
export interface BirdConfigTarget {
  setSource(kind: string): void;
  setSourceStatus(inSync: boolean, detail: string): void;
  start(desired: DesiredState): Promise<string | null>;
  apply(desired: DesiredState): Promise<void>;
}

export interface BirdConfigFollowerOptions {
  readonly files: BirdFiles;
  readonly speaker: BirdConfigTarget;
  readonly log: Log;
  readonly clock: Clock;
  /** Last changes to what was read, such as another kernel backend. */
  readonly adjust: (desired: DesiredState) => DesiredState;
  /** The speaker cannot run at all: the reason. */
  readonly failed: (reason: string) => void;
}

/** What reading again came to. */
export type ReloadOutcome =
  | { readonly outcome: 'applied' | 'unchanged' }
  | { readonly outcome: 'refused' | 'missing'; readonly errors: readonly string[] };

export class BirdConfigFollower {
  readonly #options: BirdConfigFollowerOptions;
  #files: BirdFiles;
  #isStarted = false;
  #revision = '';
  /** What the files looked like when they were read last. */
  #seen = '';
  /** Errors that were logged, so as not to repeat them. */
  #reported = '';
  /** What the last configuration had without effect. */
  #told: ReadonlySet<string> = new Set();
  #inputs: Pick<BirdInputs, 'paths' | 'patterns'> | null = null;
  readonly #memory = new PolicyMemory();
  #watchers = new Map<string, FSWatcher>();
  #settle: TimerHandle | null = null;
  #firstChangeMs = 0;
  /** Somebody wants the files to be read, changed or not. */
  #isAsked = false;
  #look: TimerHandle | null = null;
  #isStopped = false;
  /** One reading at a time. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: BirdConfigFollowerOptions) {
    this.#options = options;
    this.#files = options.files;
  }

  get files(): BirdFiles {
    return this.#files;
  }

  /** Reads for the first time; resolves when the speaker runs, or when it waits for files. */
  async start(): Promise<void> {
    const { ipv4, ipv6 } = this.#files;
    this.#options.speaker.setSource(`bird-config:${[ipv4, ipv6].filter((path) => path !== null).join(',')}`);
    await this.reload();
    this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#settle?.cancel();
    this.#look?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Reads now and puts it in force, whether anything has changed or not; other files when they are named. */
  reload(files: BirdFiles = this.#files): Promise<ReloadOutcome> {
    return this.#readNext(files, true);
  }

  /** What is wrong with the files as they are now; empty when they are good. Nothing is changed. */
  check(): readonly string[] {
    const result = readBirdConfig(this.#files);
    return result.ok ? [] : formatBirdErrors(result);
  }

  #readNext(files: BirdFiles, isAsked: boolean): Promise<ReloadOutcome> {
    const reading = this.#reading.then(() => this.#read(files, isAsked));
    this.#reading = reading.catch(() => {});
    return reading;
  }

  /** Reads soon, once for many requests: what a signal does. */
  reloadSoon(): void {
    this.#isAsked = true;
    this.#readSoon();
  }

  #readSoon(): void {
    if (this.#isStopped) return;
    const { clock } = this.#options;
    const now = clock.nowMs();
    if (this.#settle === null) this.#firstChangeMs = now;
    else this.#settle.cancel();
    const waited = now - this.#firstChangeMs;
    this.#settle = clock.setTimer(Math.max(0, Math.min(SETTLE_MS, SETTLE_LIMIT_MS - waited)), () => {
      this.#settle = null;
      const isAsked = this.#isAsked;
      this.#isAsked = false;
      void this.#readNext(this.#files, isAsked);
    });
  }

  async #read(files: BirdFiles, isAsked: boolean): Promise<ReloadOutcome> {
    if (this.#isStopped) return { outcome: 'unchanged' };
    const { speaker, log, adjust } = this.#options;
    const result = readBirdConfig(files, this.#memory);
    // Not the texts: they are large, and read anew the next time.
    const { paths, patterns } = result.inputs;
    this.#inputs = { paths, patterns };
    this.#watch(result.inputs);
    this.#seen = this.#appearance();
    if (!result.ok) {
      const errors = formatBirdErrors(result);
      this.#refuse(errors, result.isMissingFile);
      return { outcome: result.isMissingFile ? 'missing' : 'refused', errors };
    }
    this.#files = files;
    this.#reported = '';
    const desired = adjust(result.desired);
    const isNew = desired.revision !== this.#revision;
    this.#revision = desired.revision;
    if (!isNew) {
      // What is in force may be other than what was read last: the control socket can go a step back.
      if (isAsked && this.#isStarted) await speaker.apply(desired);
      speaker.setSourceStatus(true, '');
      return { outcome: 'unchanged' };
    }
    const told = this.#told;
    this.#told = new Set(desired.conditions.map(({ message }) => message));
    for (const { resource, message } of desired.conditions) {
      // Once, not at every reading: a line more above is no news.
      if (told.has(message)) continue;
      log.warn('BIRD_CONFIG', { place: resource }, `${resource} ${message}`);
    }
    const peers = desired.peers.length;
    log.info('BIRD_CONFIG', { revision: desired.revision, peers }, `configuration read: ${peers} BGP protocols`);
    if (this.#isStarted) await speaker.apply(desired);
    else {
      this.#isStarted = true;
      const failure = await speaker.start(desired);
      if (failure !== null) this.#options.failed(failure);
    }
    speaker.setSourceStatus(true, '');
    return { outcome: 'applied' };
  }

  #refuse(errors: readonly string[], isMissing: boolean): void {
    const { speaker, log } = this.#options;
    const heads = errors.map((error) => error.split('\n', 1)[0]).join('; ');
    const what = this.#isStarted ? 'what ran before goes on' : 'nothing runs yet';
    speaker.setSourceStatus(false, `${heads}; ${what}`);
    const all = errors.join('\n');
    if (all === this.#reported) return;
    this.#reported = all;
    // While confd has not written all of its files yet, that is no fault of theirs.
    if (isMissing) log.warn('BIRD_CONFIG', {}, `waiting for files: ${heads}; ${what}`);
    else for (const error of errors) log.error('CONFIG_REFUSED', {}, `${error}\n${what}`);
  }

  /** Size, age and identity of all files that count. */
  #appearance(): string {
    if (this.#inputs === null) return '';
    const { paths, patterns } = this.#inputs;
    const named = [...patterns].map((pattern) => fileSources.glob(pattern).join(' '));
    return [...paths]
      .map((path) => {
        try {
          const { ino, size, mtimeMs, ctimeMs } = statSync(path);
          return `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
        } catch {
          return `${path} -`;
        }
      })
      .concat(named)
      .join('\n');
  }

  /** Watches the folders of all files: confd writes beside them and renames. */
  #watch({ paths, patterns }: BirdInputs): void {
    const folders = new Set([...paths, ...patterns].map((path) => folderOf(path) || '.'));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        // The folder went away: looking now and then goes on.
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // Not there yet, or too many watches: looking now and then goes on.
      }
    }
  }

  #changed(): void {
    if (this.#isStopped || this.#appearance() === this.#seen) return;
    this.#readSoon();
  }

  /** For what no event tells of: a folder that was not there, a lost watch. */
  #lookLater(): void {
    if (this.#isStopped) return;
    this.#look = this.#options.clock.setTimer(LOOK_MS, () => {
      if (this.#appearance() !== this.#seen) this.#readSoon();
      this.#lookLater();
    });
  }
}
