/**
 * Logging: pino JSON lines, or aligned text when stderr is a terminal. Every line has a stable identifier of what it
 * reports (`msgid`, as RFC 5424 calls it); what may be logged with it is decided where it is used, passwords never are.
 */

import { pino } from 'pino';
import { BoundedOutput, boundedStderr } from './bounded-output.ts';
import type { LogCode } from './codes.ts';

/** From the most to the least that is said. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

export interface Log {
  debug(msgid: LogCode, fields: object, message: string): void;
  info(msgid: LogCode, fields: object, message: string): void;
  warn(msgid: LogCode, fields: object, message: string): void;
  error(msgid: LogCode, fields: object, message: string): void;
  setLevel(level: LogLevel): void;
  /** How much is logged about one peer (lines with its name in `peer`), whatever the level is; null: as of everything. */
  setPeerLevel(peer: string, level: LogLevel | null): void;
  /** Lines that could not be written, because stderr was blocked or full. */
  readonly droppedLines: number;
}

/** The JSON line as text for people: time, level, identifier, message, remaining fields. */
export function prettyLine(line: string): string {
  const { level, time, msgid, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const fields = Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const head = `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(msgid ?? '').padEnd(18)} ${msg}`;
  return `${head}${fields === '' ? '' : `  (${fields})`}\n`;
}

/** A log that writes to stderr. */
export function createLog(level: LogLevel, isTerminal: boolean = process.stderr.isTTY === true): Log {
  const destination = isTerminal
    ? { write: (line: string) => void process.stderr.write(prettyLine(line)) }
    : boundedStderr((lines) => {
        log.warn('LOG_DROPPED', { lines }, 'log lines were dropped because stderr was blocked or full');
      });
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (name) => ({ level: name }) } },
    destination,
  );
  // For peers with a level of their own: lets everything through to the same place.
  const verbose = logger.child({}, { level: 'debug' });
  const peerLevels = new Map<string, LogLevel>();
  const write =
    (at: LogLevel) =>
    (msgid: LogCode, fields: object, message: string): void => {
      const own = peerLevels.size === 0 ? undefined : peerLevels.get(String(Reflect.get(fields, 'peer')));
      if (own === undefined) logger[at]({ msgid, ...fields }, message);
      else if (LEVELS.indexOf(at) >= LEVELS.indexOf(own)) verbose[at]({ msgid, ...fields }, message);
    };
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    setLevel: (next) => {
      logger.level = next;
    },
    setPeerLevel: (peer, next) => {
      if (next === null) peerLevels.delete(peer);
      else peerLevels.set(peer, next);
    },
    get droppedLines() {
      return destination instanceof BoundedOutput ? destination.dropped : 0;
    },
  };
  return log;
}

/** A log that keeps nothing, for tests and offline commands. */
export const SILENT_LOG: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  setPeerLevel() {},
  droppedLines: 0,
};
