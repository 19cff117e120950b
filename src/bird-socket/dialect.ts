/**
 * The two dialects of the control socket: BIRD 1.6 as Calico's fork speaks it (one family per daemon and socket, what
 * every reader of Calico understands) and BIRD 2 (both families, channels). Widths and words of the lists, times.
 */

import type { FamilyIndex } from '../../bgp/family.ts';

export type DialectName = '1.6' | '2';
export const DIALECT_NAMES: readonly DialectName[] = ['1.6', '2'];

export type TimeStyle =
  /** `HH:MM:SS` within 20 hours, else the date: what Calico's readers want, one word. */
  | 'short'
  /** `YYYY-MM-DD HH:MM:SS`: what bird_exporter needs for uptimes. */
  | 'long';

export interface Dialect {
  readonly name: DialectName;
  /** Families that this socket shows. */
  readonly families: readonly FamilyIndex[];
  /** After `BIRD ` in greeting and status. CalicoNodeStatus takes it over only when it begins with `v`. */
  readonly version: string;
  readonly timeStyle: TimeStyle;
  /** Widths of name, proto, table, state and since; the info column has none. */
  readonly columns: readonly [number, number, number, number, number];
  /** Before the since column. */
  readonly sinceGap: string;
}

/** What the fork of BIRD in calico-node calls itself; readers compare it with nothing. */
export const BIRD_16_VERSION = 'v0.3.3+birdv1.6.8';
export const BIRD_2_VERSION = '2.0.12';

export function dialectOf(name: DialectName, family: FamilyIndex, timeStyle: TimeStyle): Dialect {
  return name === '1.6'
    ? {
        name,
        families: [family],
        version: BIRD_16_VERSION,
        timeStyle,
        columns: [8, 8, 8, 5, 10],
        sinceGap: '  ',
      }
    : { name, families: [0, 1], version: BIRD_2_VERSION, timeStyle, columns: [10, 10, 10, 6, 12], sinceGap: ' ' };
}

const SHORT_LIMIT_MS = 20 * 3_600_000;
const two = (value: number): string => String(value).padStart(2, '0');

function dateOf(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function timeOf(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `YYYY-MM-DD HH:MM:SS` in the local time zone, with milliseconds in dialect 2 and where uptimes are wanted. */
export function fullTime(dialect: Dialect, wallMs: number): string {
  const at = new Date(wallMs);
  const text = `${dateOf(at)} ${timeOf(at)}`;
  const hasMs = dialect.name === '2' || dialect.timeStyle === 'long';
  return hasMs ? `${text}.${String(at.getMilliseconds()).padStart(3, '0')}` : text;
}

/** The since column of protocols, and the time of a route. */
export function sinceTime(dialect: Dialect, wallMs: number, nowWallMs: number): string {
  const at = new Date(wallMs);
  const ms = dialect.name === '2' ? `.${String(at.getMilliseconds()).padStart(3, '0')}` : '';
  if (dialect.timeStyle === 'long') return `${dateOf(at)} ${timeOf(at)}${ms}`;
  return Math.abs(nowWallMs - wallMs) < SHORT_LIMIT_MS ? `${timeOf(at)}${ms}` : dateOf(at);
}
