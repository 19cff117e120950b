/** `peregrine top` as text: what one screen shows of a daemon, made of two looks at it. No terminal is needed here. */

import type { PeerView, StatusView } from '../api/schema.ts';
import { formatDuration, formatOctets } from './table.ts';

export interface Look {
  readonly atMs: number;
  readonly status: StatusView;
  readonly peers: readonly PeerView[];
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** By key of the keyboard: what the sessions are sorted by. */
export const SORTS = {
  n: 'name',
  s: 'state',
  r: 'received',
  a: 'advertised',
  i: 'in/s',
  o: 'out/s',
  t: 'since',
} as const;
export type SortKey = keyof typeof SORTS;

export interface ScreenState {
  readonly sort: SortKey;
  readonly isReversed: boolean;
  /** Sessions that are scrolled past. */
  readonly from: number;
  readonly isPaused: boolean;
  /** Why there is nothing new; null: there is. */
  readonly trouble: string | null;
}

interface Row {
  readonly peer: PeerView;
  readonly received: number;
  readonly advertised: number;
  readonly inPerSecond: number;
  readonly outPerSecond: number;
}

type FamilyField = 'received' | 'advertised';
const total = ({ families }: PeerView, field: FamilyField): number =>
  Object.values(families).reduce((sum, family) => sum + family[field], 0);

function rowsOf(now: Look, before: Look | null): Row[] {
  const earlier = new Map(before?.peers.map((peer) => [peer.name, peer]));
  const seconds = before === null ? 0 : (now.atMs - before.atMs) / 1000;
  const rate = (current: number, past: number | undefined): number =>
    // A daemon that has been restarted counts from 0 again.
    past === undefined || seconds <= 0 || current < past ? 0 : (current - past) / seconds;
  return now.peers.map((peer) => {
    const past = earlier.get(peer.name);
    return {
      peer,
      received: total(peer, 'received'),
      advertised: total(peer, 'advertised'),
      inPerSecond: rate(peer.messages.received, past?.messages.received),
      outPerSecond: rate(peer.messages.sent, past?.messages.sent),
    };
  });
}

const byName = (x: Row, y: Row): number => (x.peer.name < y.peer.name ? -1 : 1);
const isUp = ({ peer }: Row): number => (peer.state === 'Established' ? 1 : 0);
const ORDERS: Readonly<Record<SortKey, (x: Row, y: Row) => number>> = {
  n: byName,
  // What is down comes first.
  s: (x, y) => isUp(x) - isUp(y) || (x.peer.state < y.peer.state ? -1 : x.peer.state > y.peer.state ? 1 : 0),
  r: (x, y) => y.received - x.received,
  a: (x, y) => y.advertised - x.advertised,
  i: (x, y) => y.inPerSecond - x.inPerSecond,
  o: (x, y) => y.outPerSecond - x.outPerSecond,
  t: (x, y) => x.peer.stateSeconds - y.peer.stateSeconds,
};

/** `950`, `12.3k`, `1.20M`: never wider than 6. */
export function formatCompact(value: number): string {
  if (value < 10 && !Number.isInteger(value)) return value.toFixed(1);
  if (value < 10_000) return String(Math.round(value));
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)}k`;
  return `${(value / 1_000_000).toFixed(2)}M`;
}

/** Control characters of other people's text must not reach the terminal. */
const printable = (text: string): string => text.replaceAll(/\p{C}/gu, '?');

function headLines({ status }: Look, rows: readonly Row[]): string[] {
  const { eventLoopDelay: delay, memory, kernel, peers, tables } = status;
  const routes = Object.entries(tables).map(
    ([family, { prefixes, paths }]) => `${family.slice(0, 4)} ${formatCompact(prefixes)}/${formatCompact(paths)}`,
  );
  const rate = (field: 'inPerSecond' | 'outPerSecond'): string =>
    formatCompact(rows.reduce((sum, row) => sum + row[field], 0));
  const revision =
    status.appliedRevision === status.desiredRevision
      ? status.appliedRevision
      : `${status.appliedRevision} (not the wanted)`;
  return [
    `peregrine ${status.version}  ${status.routerId}  AS ${status.localAs}${status.nodeName === null ? '' : `  ${status.nodeName}`}  up ${formatDuration(status.uptimeSeconds)}  revision ${revision.slice(0, 24)}`,
    `sessions ${peers.established}/${peers.configured} up   prefixes/paths ${routes.join('  ')}   kernel ${formatCompact(kernel.installed)}${kernel.failed === 0 ? '' : ` (${kernel.failed} failed)`}`,
    `messages in ${rate('inPerSecond')}/s  out ${rate('outPerSecond')}/s   loop delay p50 ${delay.p50Ms.toFixed(1)}  p99 ${delay.p99Ms.toFixed(1)}  max ${delay.maxMs.toFixed(1)} ms`,
    `memory ${formatOctets(memory.rssOctets)} resident  ${formatOctets(memory.heapOctets)} heap  ${formatOctets(memory.externalOctets)} arrays${status.conditions.length === 0 ? '' : `   REFUSED ${status.conditions.length}: show status`}`,
  ];
}

/** Lines of the screen, none wider and not more than it has; the second is the header of the table, to be set off. */
export function screen(
  now: Look,
  before: Look | null,
  { columns, rows: height }: Size,
  state: ScreenState,
): { readonly lines: readonly string[]; readonly header: number; readonly shown: number } {
  const rows = rowsOf(now, before);
  const order = ORDERS[state.sort];
  const sorted = [...rows].sort((x, y) => order(x, y) || byName(x, y));
  if (state.isReversed) sorted.reverse();
  const head = headLines(now, rows);
  const room = Math.max(0, height - head.length - 3);
  const from = Math.max(0, Math.min(state.from, sorted.length - room));
  const shown = sorted.slice(from, from + room);
  const nameWidth = Math.max(8, Math.min(columns - 58, 32));
  const line = (cells: readonly string[]): string =>
    `${cells[0].slice(0, nameWidth).padEnd(nameWidth)} ${cells[1].padStart(10)} ${cells[2].padEnd(11)} ${cells[3].padStart(6)} ${cells[4].padStart(7)} ${cells[5].padStart(7)} ${cells[6].padStart(5)} ${cells[7].padStart(5)}`;
  const table = shown.map(({ peer, received, advertised, inPerSecond, outPerSecond }) =>
    line([
      printable(peer.name),
      String(peer.peerAs),
      peer.state,
      formatDuration(peer.stateSeconds),
      peer.negotiated === null ? '-' : formatCompact(received),
      peer.negotiated === null ? '-' : formatCompact(advertised),
      formatCompact(inPerSecond),
      formatCompact(outPerSecond),
    ]),
  );
  const header = head.length + 1;
  const keys = Object.entries(SORTS)
    .map(([key, name]) => `${key}:${name}`)
    .join(' ');
  const part = sorted.length > shown.length ? ` ${from + 1}-${from + shown.length}/${sorted.length}` : '';
  const foot = state.trouble ?? `q:quit p:${state.isPaused ? 'go on' : 'pause'} R:reverse ${keys}${part}`;
  const all = [
    ...head,
    '',
    line(['PEER', 'AS', 'STATE', 'SINCE', 'RECEIVD', 'ADVERTD', 'IN/s', 'OUT/s']),
    ...table,
    ...Array<string>(Math.max(0, room - table.length)).fill(''),
    foot,
  ];
  return { lines: all.slice(0, height).map((text) => text.slice(0, columns)), header, shown: room };
}
