/** `peregrine events`: what changes, a line each; with --json the event stream's own data. */

import type { View } from '../api/schema.ts';
import { fetchLines } from './client.ts';
import { formatPathLine } from './show.ts';

type EventData = {
  readonly peer: View<'PeerEvent'>;
  readonly revision: View<'RevisionEvent'>;
  readonly kernel: View<'KernelEvent'>;
  readonly route: View<'RouteEvent'>;
  readonly lost: View<'LostEvent'>;
};

const FORMATS: { readonly [K in keyof EventData]: (data: EventData[K]) => string } = {
  peer: ({ peer, from, to, reason }) =>
    `${peer} ${from === null ? `is ${to}` : `${from} -> ${to}`}${reason === null ? '' : `: ${reason}`}`,
  revision: ({ desired, applied, refused }) =>
    `${desired === applied ? `applied ${applied}` : `wanted ${desired}, applied ${applied}`}${refused === 0 ? '' : `, ${refused} refused`}`,
  kernel: ({ what, prefix, text }) => `${prefix === null ? '' : `${prefix} `}${what}: ${text}`,
  route: ({ prefix, best }) => (best === null ? `${prefix} has no best path` : `${prefix} ${formatPathLine(best)}`),
  lost: ({ lost }) => `${lost} events were lost: this reader is too slow`,
};

export function formatEvent(kind: string, data: unknown): string {
  const format = Object.hasOwn(FORMATS, kind) ? FORMATS[kind as keyof EventData] : null;
  const at = Reflect.get(data as object, 'at');
  const time = typeof at === 'string' ? at : new Date().toISOString();
  return `${time.slice(11, 23)} ${kind.padEnd(8)} ${format === null ? JSON.stringify(data) : format(data as never)}`;
}

/** Follows until the daemon ends. */
export async function followEvents(
  socketPath: string,
  query: URLSearchParams,
  json: boolean,
  write: (text: string) => void,
): Promise<void> {
  let kind = '';
  for await (const line of fetchLines(socketPath, `/v1/events?${query}`)) {
    if (line.startsWith('event: ')) kind = line.slice('event: '.length);
    if (!line.startsWith('data: ')) continue;
    const data: unknown = JSON.parse(line.slice('data: '.length));
    write(`${json ? JSON.stringify({ event: kind, data }) : formatEvent(kind, data)}\n`);
  }
}
