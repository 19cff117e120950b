/**
 * The last lines of the log, whatever its level: what led to the state that a support dump shows. Kept as values, not as
 * text: a line costs a reference until somebody asks for it.
 */

import type { LogCode } from './codes.ts';
import type { Log, LogLevel } from './log.ts';

/** Lines that are kept; older ones are forgotten. */
const RECENT_LINES = 2000;

export interface RecentLine {
  readonly atWallMs: number;
  readonly level: LogLevel;
  readonly msgid: LogCode;
  readonly fields: object;
  readonly message: string;
}

export class RecentLog implements Log {
  readonly #inner: Log;
  readonly #wallMs: () => number;
  readonly #ring: RecentLine[] = [];
  /** Where the next line goes when the ring is full. */
  #next = 0;
  /** Lines that were forgotten. */
  forgotten = 0;

  constructor(inner: Log, wallMs: () => number) {
    this.#inner = inner;
    this.#wallMs = wallMs;
  }

  get droppedLines(): number {
    return this.#inner.droppedLines;
  }

  /** The oldest first. */
  lines(): readonly RecentLine[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  debug(...line: Parameters<Log['debug']>): void {
    this.#keep('debug', ...line);
    this.#inner.debug(...line);
  }

  info(...line: Parameters<Log['info']>): void {
    this.#keep('info', ...line);
    this.#inner.info(...line);
  }

  warn(...line: Parameters<Log['warn']>): void {
    this.#keep('warn', ...line);
    this.#inner.warn(...line);
  }

  error(...line: Parameters<Log['error']>): void {
    this.#keep('error', ...line);
    this.#inner.error(...line);
  }

  setLevel(level: LogLevel): void {
    this.#inner.setLevel(level);
  }

  setPeerLevel(peer: string, level: LogLevel | null): void {
    this.#inner.setPeerLevel(peer, level);
  }

  #keep(level: LogLevel, msgid: LogCode, fields: object, message: string): void {
    const line = { atWallMs: this.#wallMs(), level, msgid, fields, message };
    if (this.#ring.length < RECENT_LINES) {
      this.#ring.push(line);
      return;
    }
    this.#ring[this.#next] = line;
    this.#next = (this.#next + 1) % RECENT_LINES;
    this.forgotten++;
  }
}
