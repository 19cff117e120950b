/**
 * The log with ears: sessions of the control socket that asked for `echo` hear its lines, and `debug` of protocols makes
 * it say more of them until it is switched off again.
 */

import type { LogCode } from '../log/codes.ts';
import type { Log, LogLevel } from '../log/log.ts';

export type EchoClass = LogLevel;

export type EchoListener = (level: EchoClass, message: string) => void;

export class EchoLog implements Log {
  readonly #inner: Log;
  readonly #listeners = new Set<EchoListener>();
  readonly #debugged = new Set<string>();
  readonly #isPinned: boolean;
  #level: LogLevel = 'info';

  /** `isPinned`: the level stays as it is whatever configurations say; somebody has chosen it for this process. */
  constructor(inner: Log, level: LogLevel = 'info', isPinned = false) {
    this.#inner = inner;
    this.#level = level;
    this.#isPinned = isPinned;
  }

  get droppedLines(): number {
    return this.#inner.droppedLines;
  }

  listen(listener: EchoListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: EchoListener): void {
    this.#listeners.delete(listener);
  }

  /** Switches debugging of protocols on or off. */
  setDebugged(names: readonly string[], isOn: boolean): void {
    for (const name of names) {
      if (isOn) this.#debugged.add(name);
      else this.#debugged.delete(name);
      this.#inner.setPeerLevel(name, isOn ? 'debug' : null);
    }
  }

  debug(msgid: LogCode, fields: object, message: string): void {
    this.#inner.debug(msgid, fields, message);
    if (this.#level === 'debug' || this.#debugged.has(Reflect.get(fields, 'peer'))) {
      this.#tell('debug', fields, message);
    }
  }

  info(msgid: LogCode, fields: object, message: string): void {
    this.#inner.info(msgid, fields, message);
    this.#tell('info', fields, message);
  }

  warn(msgid: LogCode, fields: object, message: string): void {
    this.#inner.warn(msgid, fields, message);
    this.#tell('warn', fields, message);
  }

  error(msgid: LogCode, fields: object, message: string): void {
    this.#inner.error(msgid, fields, message);
    this.#tell('error', fields, message);
  }

  setLevel(level: LogLevel): void {
    if (!this.#isPinned) this.#level = level;
    this.#inner.setLevel(this.#level);
  }

  setPeerLevel(peer: string, level: LogLevel | null): void {
    if (level === 'debug') this.#debugged.add(peer);
    else this.#debugged.delete(peer);
    this.#inner.setPeerLevel(peer, level);
  }

  #tell(level: EchoClass, fields: object, message: string): void {
    if (this.#listeners.size === 0) return;
    const peer = Reflect.get(fields, 'peer');
    const text = typeof peer === 'string' ? `${peer}: ${message}` : message;
    for (const listener of this.#listeners) listener(level, text);
  }
}
