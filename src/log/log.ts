/**
 * Logging: pino JSON lines, or aligned text when stderr is a terminal. Every line has a stable identifier of what it
 * reports (`msgid`, as RFC 5424 calls it); what may be logged with it is decided where it is used, passwords never are.
 */

import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(msgid: string, fields: object, message: string): void;
  info(msgid: string, fields: object, message: string): void;
  warn(msgid: string, fields: object, message: string): void;
  error(msgid: string, fields: object, message: string): void;
  setLevel(level: LogLevel): void;
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
    : pino.destination({ dest: 2, sync: false, minLength: 0 });
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (name) => ({ level: name }) } },
    destination,
  );
  return {
    debug: (msgid, fields, message) => logger.debug({ msgid, ...fields }, message),
    info: (msgid, fields, message) => logger.info({ msgid, ...fields }, message),
    warn: (msgid, fields, message) => logger.warn({ msgid, ...fields }, message),
    error: (msgid, fields, message) => logger.error({ msgid, ...fields }, message),
    setLevel: (next) => {
      logger.level = next;
    },
  };
}

/** A log that keeps nothing, for tests and offline commands. */
export const SILENT_LOG: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
};
