/**
 * Logging: pino JSON lines, or aligned text when stderr is a terminal. Every line has a stable code; what may be
 * logged under it is decided where the code is used, passwords never are.
 */

import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(code: string, fields: object, message: string): void;
  info(code: string, fields: object, message: string): void;
  warn(code: string, fields: object, message: string): void;
  error(code: string, fields: object, message: string): void;
  setLevel(level: LogLevel): void;
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: 'DEBUG',
  30: 'INFO ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};

/** pino's JSON line as text for people: time, level, code, message, remaining fields. */
export function prettyLine(line: string): string {
  const { level, time, code, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const fields = Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  return `${clock} ${LEVEL_NAMES[Number(level)] ?? level} ${String(code ?? '').padEnd(18)} ${msg}${fields === '' ? '' : `  (${fields})`}\n`;
}

/** A log that writes to stderr. */
export function createLog(level: LogLevel, isTerminal: boolean = process.stderr.isTTY === true): Log {
  const destination = isTerminal
    ? { write: (line: string) => void process.stderr.write(prettyLine(line)) }
    : pino.destination({ dest: 2, sync: false, minLength: 0 });
  const logger = pino({ level, base: null }, destination);
  return {
    debug: (code, fields, message) => logger.debug({ code, ...fields }, message),
    info: (code, fields, message) => logger.info({ code, ...fields }, message),
    warn: (code, fields, message) => logger.warn({ code, ...fields }, message),
    error: (code, fields, message) => logger.error({ code, ...fields }, message),
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
