/** `peregrine show ...`: what the daemon knows, as aligned tables or, with --json, as the API's own values. */

import type {
  AdvertisedView,
  AttributesView,
  KernelRouteView,
  PathView,
  PeerView,
  ReceivedView,
  RouteView,
  StatusView,
} from '../api/schema.ts';
import { fetchList, fetchOne } from './client.ts';
import { type Column, formatDuration, formatOctets, formatTable } from './table.ts';

export interface ShowOptions {
  readonly socketPath: string;
  readonly json: boolean;
  readonly family: string | null;
  readonly longest: boolean;
  readonly write: (text: string) => void;
}

/** Rows printed together; columns are aligned within such a block, so that huge tables need no memory. */
const ROWS_PER_BLOCK = 1000;

async function printList<T>(
  items: AsyncIterable<T>,
  columns: readonly Column<T>[],
  options: ShowOptions,
  empty: string,
): Promise<number> {
  let rows: T[] = [];
  let total = 0;
  const flush = (): void => {
    const lines = formatTable(columns, rows);
    options.write(`${total > rows.length ? lines.slice(lines.indexOf('\n') + 1) : lines}\n`);
    rows = [];
  };
  for await (const item of items) {
    total++;
    if (options.json) options.write(`${JSON.stringify(item)}\n`);
    else if (rows.push(item) === ROWS_PER_BLOCK) flush();
  }
  if (rows.length > 0) flush();
  if (total === 0 && !options.json) options.write(`${empty}\n`);
  return total;
}

export function formatStatus(status: StatusView): string {
  const tables = Object.entries(status.tables).map(
    ([family, table]) => `${family}: ${table.prefixes} prefixes, ${table.paths} paths`,
  );
  const { eventLoopDelay: delay, kernel, memory } = status;
  const lines: [string, string][] = [
    ['peregrine', `${status.version}, up ${formatDuration(status.uptimeSeconds)} (since ${status.startedAt})`],
    [
      'router id',
      `${status.routerId}, AS ${status.localAs}${status.nodeName === null ? '' : `, node ${status.nodeName}`}`,
    ],
    [
      'configuration',
      `applied ${status.appliedRevision}${status.appliedRevision === status.desiredRevision ? '' : `, wanted ${status.desiredRevision}`}`,
    ],
    [
      'datastore',
      `${status.datastore.kind}: ${status.datastore.inSync ? 'in sync' : 'not in sync'}${status.datastore.detail === '' ? '' : ` (${status.datastore.detail})`}`,
    ],
    ['peers', `${status.peers.established} of ${status.peers.configured} established`],
    ...tables.map((text, index): [string, string] => [index === 0 ? 'tables' : '', text]),
    ['attribute sets', `${status.attributeSets}`],
    [
      'kernel',
      `${kernel.backend}: ${kernel.installed} routes installed, ${kernel.failed} failed, ${kernel.stale} stale`,
    ],
    [
      'event loop',
      `delay p50 ${delay.p50Ms.toFixed(1)} ms, p99 ${delay.p99Ms.toFixed(1)} ms, max ${delay.maxMs.toFixed(1)} ms`,
    ],
    [
      'memory',
      `${formatOctets(memory.rssOctets)} resident, ${formatOctets(memory.heapOctets)} heap, ${formatOctets(memory.externalOctets)} arrays and buffers`,
    ],
    ...status.conditions.map((c, index): [string, string] => [
      index === 0 ? 'refused' : '',
      `${c.severity}: ${c.resource} ${c.field}${c.field === '' ? '' : ': '}${c.message}`,
    ]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}

function total(peer: PeerView, field: 'received' | 'accepted' | 'advertised'): string {
  const counters = Object.values(peer.families);
  return peer.negotiated === null ? '-' : String(counters.reduce((sum, family) => sum + family[field], 0));
}

export const PEER_COLUMNS: readonly Column<PeerView>[] = [
  { title: 'PEER', value: (peer) => peer.name },
  { title: 'ADDRESS', value: (peer) => (peer.port === 179 ? peer.address : `${peer.address} port ${peer.port}`) },
  { title: 'AS', align: 'right', value: (peer) => String(peer.peerAs) },
  { title: 'TYPE', value: (peer) => (peer.routeReflectorClient ? 'client' : peer.type) },
  { title: 'STATE', value: (peer) => peer.state },
  { title: 'UPTIME', align: 'right', value: (peer) => formatDuration(peer.stateSeconds) },
  { title: 'RECEIVED', align: 'right', value: (peer) => total(peer, 'received') },
  { title: 'ACCEPTED', align: 'right', value: (peer) => total(peer, 'accepted') },
  { title: 'ADVERTISED', align: 'right', value: (peer) => total(peer, 'advertised') },
  {
    title: 'LAST ERROR',
    value: (peer) => (peer.state === 'Established' ? '' : (peer.lastError?.text ?? peer.waitingFor ?? '')),
  },
];

/** Attributes on one line, only what is there. */
export function formatAttributes(attributes: AttributesView): string {
  const parts = [
    attributes.localPref === null ? '' : `local-pref ${attributes.localPref}`,
    attributes.med === null ? '' : `med ${attributes.med}`,
    attributes.communities.length === 0 ? '' : `communities ${attributes.communities.join(' ')}`,
    attributes.largeCommunities.length === 0 ? '' : `large ${attributes.largeCommunities.join(' ')}`,
    attributes.extendedCommunities.length === 0 ? '' : `extended ${attributes.extendedCommunities.join(' ')}`,
    attributes.originatorId === null ? '' : `originator ${attributes.originatorId}`,
    attributes.clusterList.length === 0 ? '' : `clusters ${attributes.clusterList.join(' ')}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

interface PathRow {
  readonly prefix: string;
  readonly path: PathView;
}

const pathColumns = (
  pathOf: (row: { attributes: AttributesView }) => AttributesView,
): Column<{ attributes: AttributesView }>[] => [
  { title: 'NEXT HOP', value: (row) => pathOf(row).nextHop ?? '-' },
  { title: 'AS PATH', value: (row) => pathOf(row).asPath || '-' },
  { title: 'ORIGIN', value: (row) => pathOf(row).origin },
  { title: 'ATTRIBUTES', value: (row) => formatAttributes(pathOf(row)) },
];
const ATTRIBUTE_COLUMNS = pathColumns((row) => row.attributes);

const ROUTE_COLUMNS: readonly Column<PathRow>[] = [
  { title: '', value: ({ path }) => (path.best ? '>' : path.multipath ? '=' : path.eligible ? ' ' : 'x') },
  { title: 'PREFIX', value: (row) => row.prefix },
  { title: 'SOURCE', value: ({ path }) => (path.pathId === null ? path.source : `${path.source} id ${path.pathId}`) },
  ...ATTRIBUTE_COLUMNS.map((column) => ({ title: column.title, value: (row: PathRow) => column.value(row.path) })),
  { title: 'WHY NOT BEST', value: ({ path }) => `${path.stale ? 'stale, ' : ''}${path.reason ?? ''}` },
];

const RECEIVED_COLUMNS: readonly Column<ReceivedView>[] = [
  { title: '', value: (row) => (row.eligible ? ' ' : 'x') },
  { title: 'PREFIX', value: (row) => row.prefix },
  { title: 'ID', value: (row) => (row.pathId === null ? '' : String(row.pathId)) },
  ...ATTRIBUTE_COLUMNS,
  { title: 'REFUSED BECAUSE', value: (row) => row.reason ?? '' },
];

const ADVERTISED_COLUMNS: readonly Column<AdvertisedView>[] = [
  { title: 'PREFIX', value: (row) => row.prefix },
  { title: 'ID', value: (row) => (row.pathId === null ? '' : String(row.pathId)) },
  { title: 'LEARNED FROM', value: (row) => row.source },
  ...ATTRIBUTE_COLUMNS,
];

const KERNEL_COLUMNS: readonly Column<KernelRouteView>[] = [
  { title: 'PREFIX', value: (row) => row.prefix },
  {
    title: 'TO',
    value: (row) =>
      row.type === 'blackhole'
        ? 'blackhole'
        : row.hops
            .map(
              (hop) =>
                `${hop.gateway === null ? '' : `via ${hop.gateway} `}dev ${hop.interface}${hop.onlink ? ' onlink' : ''}`,
            )
            .join(', '),
  },
  { title: 'METRIC', align: 'right', value: (row) => (row.metric === null ? '-' : String(row.metric)) },
  { title: 'STATE', value: (row) => row.state },
  { title: 'REASON', value: (row) => row.reason ?? '' },
];

async function* pathRows(routes: AsyncIterable<RouteView>): AsyncGenerator<PathRow> {
  for await (const route of routes) {
    for (const [index, path] of route.paths.entries()) yield { prefix: index === 0 ? route.prefix : '', path };
  }
}

export async function showStatus(options: ShowOptions): Promise<void> {
  const status = await fetchOne<StatusView>(options.socketPath, '/v1/status');
  options.write(`${options.json ? JSON.stringify(status, null, 2) : formatStatus(status)}\n`);
}

export async function showPeers(options: ShowOptions): Promise<void> {
  const list = fetchList<PeerView>(options.socketPath, '/v1/peers');
  await printList(list, PEER_COLUMNS, options, 'no peers are configured');
}

export async function showRoutes(options: ShowOptions, prefix: string | null): Promise<void> {
  const query = new URLSearchParams();
  if (prefix !== null) query.set('prefix', prefix);
  if (options.family !== null) query.set('family', options.family);
  if (options.longest) query.set('longest', 'true');
  const routes = fetchList<RouteView>(options.socketPath, `/v1/routes?${query}`);
  if (options.json) await printList(routes, [], options, '');
  else
    await printList(pathRows(routes), ROUTE_COLUMNS, options, prefix === null ? 'no routes' : `no route for ${prefix}`);
}

export async function showReceived(options: ShowOptions, peer: string): Promise<void> {
  const list = fetchList<ReceivedView>(options.socketPath, `/v1/peers/${encodeURIComponent(peer)}/received`);
  await printList(list, RECEIVED_COLUMNS, options, `nothing received from ${peer}`);
}

export async function showAdvertised(options: ShowOptions, peer: string): Promise<void> {
  const list = fetchList<AdvertisedView>(options.socketPath, `/v1/peers/${encodeURIComponent(peer)}/advertised`);
  await printList(list, ADVERTISED_COLUMNS, options, `nothing advertised to ${peer}`);
}

export async function showKernel(options: ShowOptions): Promise<void> {
  const list = fetchList<KernelRouteView>(options.socketPath, '/v1/kernel');
  await printList(list, KERNEL_COLUMNS, options, 'no kernel routes');
}
