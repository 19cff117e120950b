/**
 * The restart file: the RestartMemory that lives on disk. One line of JSON with a version and a checksum, written to a
 * file beside it and renamed, so that a reader sees the old or the new one. It is a few octets a peer and is written at
 * most once a second.
 *
 * Nothing depends on it: a file that is damaged, of another version or unreadable is reported and passed over, a disk
 * that is full is reported once and tried again with the next change.
 */

import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { BFD_STATES } from '../bgp/bfd/packet.ts';
import type { BfdSnapshot } from '../bgp/bfd/session.ts';
import type { Log } from './log/log.ts';
import type { Clock, TimerHandle } from './speaker/clock.ts';
import type { RememberedRestart, RestartMemory } from './speaker/restart-memory.ts';

const FORMAT = 'peregrine-restart';
const VERSION = 1;
const WRITE_DELAY_MS = 1000;
/** A file of 100,000 peers is smaller; what is larger is none of ours. */
const FILE_OCTETS_MAX = 16 * 1024 * 1024;

const bfdState = z.enum(BFD_STATES);
const uint32 = z.int().min(0).max(0xffffffff);
const octet = z.int().min(0).max(255);

const bfdSchema: z.ZodType<BfdSnapshot> = z.object({
  state: bfdState,
  diagnostic: octet,
  localDiscriminator: uint32.min(1),
  remoteDiscriminator: uint32,
  remoteState: bfdState,
  remoteDiagnostic: octet,
  remoteMinRxMicroseconds: uint32,
  remoteMinTxMicroseconds: uint32,
  remoteDetectMultiplier: octet,
  remoteDemand: z.boolean(),
  remoteControlPlaneIndependent: z.boolean(),
  desiredMinTxMicroseconds: uint32,
  requiredMinRxMicroseconds: uint32,
  detectMultiplier: octet,
  transmitIntervalMicroseconds: z.number().min(0),
  detectionTimeMicroseconds: z.number().min(0),
  polling: z.boolean(),
});

const bodySchema = z.object({
  place: z.string(),
  hadKernelRoutes: z.tuple([z.boolean(), z.boolean()]),
  peers: z.array(z.string()),
  bfd: z.record(z.string(), bfdSchema).default({}),
});
const fileSchema = z.object({
  format: z.literal(FORMAT),
  version: z.number(),
  checksum: z.string(),
  body: z.unknown(),
});

function checksumOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);
}

export function encodeRestartState(state: RememberedRestart): string {
  const { place, hadKernelRoutes, peers, bfd } = state;
  const body = { place, hadKernelRoutes, peers, bfd };
  return `${JSON.stringify({ format: FORMAT, version: VERSION, checksum: checksumOf(body), body })}\n`;
}

/** The state, or in words what is wrong with the text. */
export function decodeRestartState(text: string): RememberedRestart | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  const file = fileSchema.safeParse(value);
  if (!file.success) return 'it is not a restart file of Peregrine';
  const { version, checksum, body } = file.data;
  if (version !== VERSION) return `it is of version ${version}, wanted ${VERSION}`;
  if (checksum !== checksumOf(body)) return 'its checksum does not fit';
  const parsed = bodySchema.safeParse(body);
  return parsed.success ? parsed.data : 'its content has not the wanted form';
}

/** Names the boot and the network namespace that this process runs in; kernel routes live as long as both. */
function placeOfThisProcess(): string {
  const read = (what: () => string): string => {
    try {
      return what().trim();
    } catch {
      return 'unknown';
    }
  };
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  return `${boot} ${read(() => readlinkSync('/proc/self/ns/net'))}`;
}

export class RestartFile implements RestartMemory {
  readonly place = placeOfThisProcess();
  readonly earlier: RememberedRestart | null;
  readonly #path: string;
  readonly #log: Log;
  readonly #clock: Clock;
  #state: Partial<RememberedRestart> = {};
  #wanted: string | null = null;
  #written = '';
  #timer: TimerHandle | null = null;
  #writing: Promise<void> = Promise.resolve();
  #hasFailed = false;
  #isWritable = true;

  constructor(path: string, log: Log, clock: Clock) {
    this.#path = path;
    this.#log = log;
    this.#clock = clock;
    this.earlier = this.#read();
  }

  remember(state: Partial<Omit<RememberedRestart, 'place'>>): void {
    this.#state = { ...this.#state, ...state };
    const { hadKernelRoutes, peers, bfd = {} } = this.#state;
    if (hadKernelRoutes === undefined || peers === undefined) return;
    const text = encodeRestartState({ hadKernelRoutes, peers, bfd, place: this.place });
    if (!this.#isWritable || text === (this.#wanted ?? this.#written)) return;
    this.#wanted = text;
    this.#timer ??= this.#clock.setTimer(WRITE_DELAY_MS, () => void this.flush());
  }

  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  forget(): Promise<void> {
    this.#wanted = null;
    this.#timer?.cancel();
    this.#timer = null;
    if (!this.#isWritable) return this.#writing;
    this.#writing = this.#writing.then(() => rm(this.#path, { force: true }).catch((error) => this.#failed(error)));
    return this.#writing;
  }

  #read(): RememberedRestart | null {
    let text: string;
    try {
      // A pipe or a device would be read for ever.
      const { size, isRegular } = fileAt(this.#path);
      if (!isRegular || size > FILE_OCTETS_MAX) {
        // Nor is it to be replaced.
        this.#isWritable = isRegular;
        this.#refused(isRegular ? 'it is too large' : 'it is not a regular file');
        return null;
      }
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#refused(messageOf(error));
      return null;
    }
    const state = decodeRestartState(text);
    if (typeof state !== 'string') return state;
    this.#refused(state);
    return null;
  }

  async #write(): Promise<void> {
    const text = this.#wanted;
    if (text === null) return;
    this.#wanted = null;
    const beside = `${this.#path}.new`;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFile(beside, text, { mode: 0o600 });
      await rename(beside, this.#path);
      this.#written = text;
      this.#hasFailed = false;
    } catch (error) {
      // What is there now is of no use to a later life, and half a file takes room on a full disk.
      await rm(beside, { force: true }).catch(() => {});
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#log.warn('RESTART_FILE', { path: this.#path }, `cannot write the restart file: ${messageOf(error)}`);
  }

  #refused(why: string): void {
    this.#log.warn('RESTART_FILE', { path: this.#path }, `the restart file is passed over: ${why}`);
  }
}

function fileAt(path: string): { readonly size: number; readonly isRegular: boolean } {
  const found = statSync(path);
  return { size: found.size, isRegular: found.isFile() };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
