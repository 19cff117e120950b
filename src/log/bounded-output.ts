/**
 * Where log lines go: a descriptor that may be slow, blocked or full. Lines wait in a bounded queue; what finds it full, or
 * cannot be written, is dropped and counted, and the daemon neither waits nor grows nor ends for it.
 *
 * A pipe that nobody reads would block a thread of libuv's pool in write(2), and with it the end of the process. So a pipe
 * is opened again without blocking (its own file description: whoever shares it notices nothing), and a socket, which
 * cannot be, is written by Node's own stream. Files and terminals are written as they are.
 */

import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Characters that wait to be written. */
export const LOG_BUFFER_CHARACTERS = 1024 * 1024;
/** Written at a time. */
const CHUNK_CHARACTERS = 64 * 1024;
/** A descriptor that takes nothing, or fails, is tried again after this. */
const RETRY_MS = 100;

/** Writes some octets; `done` says how many were taken, or the error. */
type WriteSome = (octets: Uint8Array, done: (error: NodeJS.ErrnoException | null, taken: number) => void) => void;

/** Those that want what they hold to leave at the end of the process. */
const flushed = new Set<BoundedOutput>();

/** stderr, bounded; what it takes at the end of the process still leaves. */
export function boundedStderr(recovered: (lines: number) => void): BoundedOutput {
  const output = new BoundedOutput(2, recovered);
  if (flushed.size === 0) {
    process.once('exit', () => {
      for (const one of flushed) one.flush();
    });
  }
  flushed.add(output);
  return output;
}

export class BoundedOutput {
  /** Lines that were dropped since the start. */
  dropped = 0;
  readonly #writeSome: WriteSome;
  readonly #writeNow: (octets: Uint8Array) => number;
  readonly #recovered: (lines: number) => void;
  #lines: string[] = [];
  #waiting = 0;
  /** The rest of what is being written. */
  #octets: Uint8Array | null = null;
  /** Lines in it. */
  #underWay = 0;
  #isBusy = false;
  #told = 0;

  /** `recovered` is called when lines are written again after some were dropped, with their number. */
  constructor(descriptor: number, recovered: (lines: number) => void) {
    this.#recovered = recovered;
    const stat = fstatSync(descriptor);
    if (stat.isSocket()) {
      const socket = new Socket({ fd: descriptor, readable: false, writable: true });
      socket.on('error', () => {});
      socket.unref();
      this.#writeSome = (octets, done) => socket.write(octets, (error) => done(error ?? null, octets.length));
      // The stream writes at once what the socket takes.
      this.#writeNow = (octets) => {
        if (socket.writableLength > 0) return 0;
        socket.write(octets);
        return octets.length;
      };
      return;
    }
    const own = stat.isFIFO() ? reopened(descriptor) : descriptor;
    this.#writeSome = (octets, done) => write(own, octets, done);
    this.#writeNow = (octets) => writeSync(own, octets);
  }

  /** One line with its end. */
  write(line: string): void {
    if (this.#waiting + line.length > LOG_BUFFER_CHARACTERS) {
      this.dropped++;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    this.#pump();
  }

  /** At the end of the process: what the descriptor takes without waiting. */
  flush(): void {
    try {
      for (;;) {
        this.#octets ??= this.#next();
        if (this.#octets === null) return;
        const taken = this.#writeNow(this.#octets);
        if (taken === 0) return;
        this.#octets = taken < this.#octets.length ? this.#octets.subarray(taken) : null;
      }
    } catch {
      // Blocked or full: the rest is lost with the process.
    }
  }

  #next(): Uint8Array | null {
    if (this.#lines.length === 0) return null;
    let count = 0;
    let characters = 0;
    while (count < this.#lines.length && characters < CHUNK_CHARACTERS) characters += this.#lines[count++].length;
    const lines = this.#lines.splice(0, count);
    this.#waiting -= characters;
    this.#underWay = count;
    return Buffer.from(lines.join(''), 'utf8');
  }

  #pump(): void {
    if (this.#isBusy) return;
    this.#octets ??= this.#next();
    const octets = this.#octets;
    if (octets === null) return;
    this.#isBusy = true;
    this.#writeSome(octets, (error, taken) => {
      if (error !== null) return this.#failed(error);
      this.#octets = taken < octets.length ? octets.subarray(taken) : null;
      this.#isBusy = false;
      if (this.#octets === null && this.dropped > this.#told) {
        const lines = this.dropped - this.#told;
        this.#told = this.dropped;
        this.#recovered(lines);
      }
      this.#pump();
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (error.code !== 'EAGAIN') {
      // A full disk, a reader that is gone: these lines are lost, later ones may not be.
      this.dropped += this.#underWay;
      this.#octets = null;
    }
    const timer = setTimeout(() => {
      this.#isBusy = false;
      this.#pump();
    }, RETRY_MS);
    timer.unref();
  }
}

/** A pipe's descriptor of our own that does not block; the old one where that is impossible. */
function reopened(descriptor: number): number {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}
