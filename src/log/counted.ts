/**
 * Warnings and errors that come again and again: the first one of a minute has its line, the others of the same code,
 * subject and words are counted, and told in one line at the end of that minute or of the process. What is at info or
 * debug is told every time, and so is every end of a session.
 */

import type { LogCode } from './codes.ts';
import type { Log, LogLevel } from './log.ts';

const WINDOW_MS = 60_000;
/** Different lines that are told apart in a window; more are told every time. */
const MAX_SUBJECTS = 1000;
/** One line for each transition of a session; and who reloads a file wants to hear of its mistake every time. */
const ALWAYS_TOLD: ReadonlySet<LogCode> = new Set<LogCode>(['PEER_DOWN', 'CONFIG_REFUSED', 'INTERNAL_ERROR']);
/** What a line is about: the first of these fields that it has. */
const SUBJECTS = ['peer', 'prefix', 'address', 'interface', 'path', 'file', 'url'] as const;

interface Repeated {
  readonly level: 'warn' | 'error';
  readonly msgid: LogCode;
  readonly message: string;
  /** Of the last of them. */
  fields: object;
  count: number;
}

export class CountedLog implements Log {
  readonly #inner: Log;
  readonly #later: (milliseconds: number, call: () => void) => void;
  readonly #lines = new Map<string, Repeated>();
  #isOpen = false;

  /** @param later calls back after so many milliseconds */
  constructor(inner: Log, later: (milliseconds: number, call: () => void) => void) {
    this.#inner = inner;
    this.#later = later;
  }

  get droppedLines(): number {
    return this.#inner.droppedLines;
  }

  debug(...line: Parameters<Log['debug']>): void {
    this.#inner.debug(...line);
  }

  info(...line: Parameters<Log['info']>): void {
    this.#inner.info(...line);
  }

  warn(msgid: LogCode, fields: object, message: string): void {
    if (this.#isNew('warn', msgid, fields, message)) this.#inner.warn(msgid, fields, message);
  }

  error(msgid: LogCode, fields: object, message: string): void {
    if (this.#isNew('error', msgid, fields, message)) this.#inner.error(msgid, fields, message);
  }

  setLevel(level: LogLevel): void {
    this.#inner.setLevel(level);
  }

  setPeerLevel(peer: string, level: LogLevel | null): void {
    this.#inner.setPeerLevel(peer, level);
  }

  /** Tells what was counted. */
  flush(): void {
    this.#isOpen = false;
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    for (const { level, msgid, message, fields, count } of lines) {
      if (count > 0) this.#inner[level](msgid, { ...fields, repeated: count }, message);
    }
  }

  #isNew(level: Repeated['level'], msgid: LogCode, fields: object, message: string): boolean {
    if (ALWAYS_TOLD.has(msgid)) return true;
    const name = SUBJECTS.find((one) => Reflect.get(fields, one) !== undefined);
    const key = `${msgid} ${name === undefined ? '' : String(Reflect.get(fields, name))} ${message}`;
    const known = this.#lines.get(key);
    if (known !== undefined) {
      known.count++;
      known.fields = fields;
      return false;
    }
    if (this.#lines.size >= MAX_SUBJECTS) return true;
    this.#lines.set(key, { level, msgid, message, fields, count: 0 });
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#later(WINDOW_MS, () => this.flush());
    }
    return true;
  }
}
