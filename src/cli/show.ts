/** `peregrine show ...`: what the daemon knows, as aligned tables or, with --json, as the API's own values. */

import type {
  AcceptedView,
  AdvertisedView,
  AttributesView,
  BfdSessionView,
  KernelRouteView,
  PathView,
  PeerView,
  ReceivedView,
  RouteView,
  StatusView,
} from '../api/schema.ts';
import { fetchList, fetchOne } from './client.ts';
import { type Column, formatCount, formatDuration, formatOctets, TableFormatter } from './table.ts';

export interface ShowOptions {
  readonly socketPath: string;
  readonly json: boolean;
  /** Parameters of the API: which routes, which page. */
  readonly query: URLSearchParams;
  readonly write: (text: string) => void;
  /** `show running`: also every policy in words. */
  readonly policies: boolean;
}

/** Rows printed together, so that huge tables need no memory. */
const ROWS_PER_BLOCK = 1000;
const BGP_PORT = 179;

export async function printList<T>(
  items: AsyncIterable<T>,
  columns: readonly Column<T>[],
  options: Pick<ShowOptions, 'json' | 'write'>,
  empty: string,
): Promise<void> {
  const table = new TableFormatter(columns);
  let rows: T[] = [];
  let isEmpty = true;
  const flush = (): void => {
    options.write(`${table.format(rows)}\n`);
    rows = [];
  };
  for await (const item of items) {
    isEmpty = false;
    if (options.json) options.write(`${JSON.stringify(item)}\n`);
    else if (rows.push(item) === ROWS_PER_BLOCK) flush();
  }
  if (rows.length > 0) flush();
  if (isEmpty && !options.json) options.write(`${empty}\n`);
}

function maintenanceLines({ drain, recovery }: StatusView): [string, string][] {
  const lines: [string, string][] = [];
  if (drain !== null) {
    const end = drain.closesAt === null ? 'sessions stay' : `sessions end at ${drain.closesAt}`;
    lines.push(['drained', `${drain.stage} since ${drain.since}, ${end}: ${drain.reason}`]);
  }
  for (const [family, { isGoingOn, until, waitingFor }] of Object.entries(recovery?.families ?? {})) {
    if (recovery?.isRestart !== true || !isGoingOn) continue;
    const names = waitingFor.slice(0, 5).map(({ peer, connected }) => (connected ? peer : `${peer} (absent)`));
    const more = waitingFor.length > names.length ? ` and ${waitingFor.length - names.length} more` : '';
    lines.push(['restarting', `${family}, until ${until} at most: waits for ${names.join(', ') || 'nobody'}${more}`]);
  }
  return lines;
}

export function formatStatus(status: StatusView): string {
  const tables = Object.entries(status.tables).map(
    ([family, table]) =>
      `${family}: ${formatCount(table.prefixes, 'prefix', 'prefixes')}, ${formatCount(table.paths, 'path')}`,
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
      status.appliedRevision === ''
        ? 'none is in force yet'
        : `applied ${status.appliedRevision}${status.appliedRevision === status.desiredRevision ? '' : `, wanted ${status.desiredRevision}`}`,
    ],
    [
      'datastore',
      `${status.datastore.kind}: ${status.datastore.inSync ? 'in sync' : 'not in sync'}${status.datastore.detail === '' ? '' : ` (${status.datastore.detail})`}`,
    ],
    ...maintenanceLines(status),
    ['peers', `${status.peers.established} of ${status.peers.configured} established`],
    ...tables.map((text, index): [string, string] => [index === 0 ? 'tables' : '', text]),
    ['attribute sets', `${status.attributeSets}`],
    [
      'kernel',
      kernel.backend === 'none'
        ? 'not used'
        : `${kernel.backend}: ${formatCount(kernel.installed, 'route')} installed, ${kernel.failed} failed, ${kernel.stale} stale`,
    ],
    [
      'event loop',
      `delay p50 ${delay.p50Ms.toFixed(1)} ms, p99 ${delay.p99Ms.toFixed(1)} ms, max ${delay.maxMs.toFixed(1)} ms`,
    ],
    [
      'memory',
      `${formatOctets(memory.rssOctets)} resident, ${formatOctets(memory.heapOctets)} heap, ${formatOctets(memory.externalOctets)} arrays and buffers`,
    ],
    ...(status.log.droppedLines === 0
      ? []
      : [
          ['log', `${formatCount(status.log.droppedLines, 'line')} dropped: stderr was blocked or full`] as [
            string,
            string,
          ],
        ]),
    ...status.conditions.map((c, index): [string, string] => [
      index === 0 ? 'refused' : '',
      `${c.severity}: ${c.resource}${c.field === '' ? '' : ` ${c.field}`}: ${c.message}`,
    ]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}

function total(peer: PeerView, field: 'received' | 'accepted' | 'advertised'): string {
  const counters = Object.values(peer.families);
  return peer.negotiated === null ? '-' : String(counters.reduce((sum, family) => sum + family[field], 0));
}

/** Why there is no session: what somebody did, else the last error, else what it waits for. */
function whyDown({ state, waitingFor, lastError }: PeerView): string {
  if (state === 'Established') return '';
  if (waitingFor === 'disabled') return waitingFor;
  return lastError?.text ?? (waitingFor === null ? '' : `waits for ${waitingFor}`);
}

/** Empty for peers without BFD. */
function bfdSummary(bfd: BfdSessionView | null): string {
  return bfd === null ? '' : bfd.state;
}

function formatMs(ms: number): string {
  return ms === 0 ? '-' : `${Math.round(ms)} ms`;
}

/** What somebody who looks at a session that is not Up wants to read first. */
function bfdReason({ state, problem, remote, lastDown, packets }: BfdSessionView): string {
  if (problem !== null) return problem;
  if (state === 'Up') return '';
  if (lastDown !== null && lastDown.cause === 'neighbor-admin-down') return 'the peer has switched it off';
  if (remote !== null && remote.state === 'AdminDown') return 'the peer has switched it off';
  if (lastDown !== null) return lastDown.diagnostic;
  return packets.refused > 0 ? 'packets are refused: see the log' : 'the peer does not answer';
}

export const BFD_COLUMNS: readonly Column<BfdSessionView>[] = [
  { title: 'PEER', value: (bfd) => bfd.peers.join(', ') },
  { title: 'ADDRESS', value: (bfd) => (bfd.interface === null ? bfd.address : `${bfd.address}%${bfd.interface}`) },
  { title: 'HOPS', value: (bfd) => (bfd.multihop ? 'multi' : 'single') },
  { title: 'STATE', value: (bfd) => bfd.state, colour: (bfd) => (bfd.state === 'Up' ? 'green' : 'red') },
  { title: 'SINCE', align: 'right', value: (bfd) => formatDuration(bfd.stateSeconds) },
  { title: 'REMOTE', value: (bfd) => bfd.remote?.state ?? '-' },
  { title: 'SENDS EVERY', align: 'right', value: (bfd) => formatMs(bfd.transmitIntervalMs) },
  { title: 'DETECTS IN', align: 'right', value: (bfd) => formatMs(bfd.detectionTimeMs) },
  { title: 'TIMES UP', align: 'right', value: (bfd) => String(bfd.timesUp) },
  { title: 'LAST DOWN', value: (bfd) => (bfd.lastDown === null ? '' : `${bfd.lastDown.at} ${bfd.lastDown.cause}`) },
  { title: 'WHY DOWN', value: bfdReason },
];

export const PEER_COLUMNS: readonly Column<PeerView>[] = [
  { title: 'PEER', value: (peer) => peer.name },
  { title: 'ADDRESS', value: (peer) => (peer.port === BGP_PORT ? peer.address : `${peer.address} port ${peer.port}`) },
  { title: 'AS', align: 'right', value: (peer) => String(peer.peerAs) },
  { title: 'TYPE', value: (peer) => (peer.routeReflectorClient ? 'client' : peer.type) },
  { title: 'STATE', value: (peer) => peer.state, colour: (peer) => (peer.state === 'Established' ? 'green' : 'red') },
  { title: 'SINCE', align: 'right', value: (peer) => formatDuration(peer.stateSeconds) },
  { title: 'BFD', value: (peer) => bfdSummary(peer.bfd) },
  { title: 'RECEIVED', align: 'right', value: (peer) => total(peer, 'received') },
  { title: 'ACCEPTED', align: 'right', value: (peer) => total(peer, 'accepted') },
  { title: 'ADVERTISED', align: 'right', value: (peer) => total(peer, 'advertised') },
  { title: 'WHY DOWN', value: whyDown },
];

/** All attributes that have no column of their own, only what is there. */
export function formatAttributes(attributes: AttributesView): string[] {
  const list = (name: string, values: readonly string[]): string =>
    values.length === 0 ? '' : `${name} ${values.join(' ')}`;
  const parts = [
    attributes.localPref === null ? '' : `local-pref ${attributes.localPref}`,
    attributes.med === null ? '' : `med ${attributes.med}`,
    list('communities', attributes.communities),
    list('large', attributes.largeCommunities),
    list('extended', attributes.extendedCommunities),
    attributes.originatorId === null ? '' : `originator ${attributes.originatorId}`,
    list('clusters', attributes.clusterList),
    attributes.aggregator === null ? '' : `aggregator ${attributes.aggregator}`,
    attributes.atomicAggregate ? 'atomic-aggregate' : '',
    attributes.onlyToCustomer === null ? '' : `only-to-customer ${attributes.onlyToCustomer}`,
    ...attributes.other,
  ];
  return parts.filter((part) => part !== '');
}

interface WithAttributes {
  readonly attributes: AttributesView;
}

const NEXT_HOP: Column<WithAttributes> = { title: 'NEXT HOP', value: (row) => row.attributes.nextHop ?? '' };
const AS_PATH: Column<WithAttributes> = { title: 'AS PATH', value: (row) => row.attributes.asPath };
const ORIGIN: Column<WithAttributes> = { title: 'ORIGIN', value: (row) => row.attributes.origin };
/** Last in its table, as it may be long. */
const ATTRIBUTES: Column<WithAttributes> = {
  title: 'ATTRIBUTES',
  value: (row) => formatAttributes(row.attributes).join(', '),
};

interface PathRow extends PathView {
  /** Empty for all but the first path of a prefix. */
  readonly prefix: string;
}

function mark({ best, multipath, eligible }: PathView): string {
  return best ? '>' : multipath ? '=' : eligible ? '' : 'x';
}

function sourceOf({ source, origin, pathId }: PathView): string {
  if (origin?.startsWith('agent ')) return `${source} (${origin})`;
  return pathId === null ? source : `${source} id ${pathId}`;
}

function whyNotBest({ best, stale, reason }: PathView): string {
  const parts = [stale ? 'stale' : '', best ? '' : (reason ?? '')];
  return parts.filter((part) => part !== '').join(', ');
}

const PREFIX: Column<{ readonly prefix: string }> = { title: 'PREFIX', value: (row) => row.prefix };
const PATH_ID: Column<{ readonly pathId: number | null }> = {
  title: 'ID',
  align: 'right',
  value: (row) => (row.pathId === null ? '' : String(row.pathId)),
};

const ROUTE_COLUMNS: readonly Column<PathRow>[] = [
  { title: ' ', value: mark, colour: ({ best, eligible }) => (best ? 'green' : eligible ? null : 'red') },
  PREFIX,
  { title: 'SOURCE', value: sourceOf },
  NEXT_HOP,
  AS_PATH,
  ORIGIN,
  { title: 'WHY NOT BEST', value: whyNotBest },
  ATTRIBUTES,
];

const RECEIVED_COLUMNS: readonly Column<ReceivedView>[] = [
  { title: ' ', value: (row) => (row.eligible ? '' : 'x') },
  PREFIX,
  PATH_ID,
  NEXT_HOP,
  AS_PATH,
  ORIGIN,
  { title: 'REFUSED BECAUSE', value: (row) => row.reason ?? '' },
  ATTRIBUTES,
];

const ACCEPTED_COLUMNS: readonly Column<AcceptedView>[] = [
  { title: ' ', value: (row) => (row.best ? '>' : row.multipath ? '=' : '') },
  PREFIX,
  PATH_ID,
  NEXT_HOP,
  AS_PATH,
  ORIGIN,
  { title: 'WHY NOT BEST', value: (row) => row.reason ?? '' },
  ATTRIBUTES,
];

const ADVERTISED_COLUMNS: readonly Column<AdvertisedView>[] = [
  PREFIX,
  PATH_ID,
  { title: 'LEARNED FROM', value: (row) => row.source },
  NEXT_HOP,
  AS_PATH,
  ORIGIN,
  ATTRIBUTES,
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
  { title: 'METRIC', align: 'right', value: (row) => (row.metric === null ? '' : String(row.metric)) },
  {
    title: 'STATE',
    value: (row) => row.state,
    colour: ({ state }) => (state === 'failed' ? 'red' : state === 'pending' ? 'yellow' : null),
  },
  { title: 'REASON', value: (row) => row.reason ?? '' },
];

async function* pathRows(routes: AsyncIterable<RouteView>): AsyncGenerator<PathRow> {
  for await (const route of routes) {
    for (const [index, path] of route.paths.entries()) yield { ...path, prefix: index === 0 ? route.prefix : '' };
  }
}

/** A path in one line, for events. */
export function formatPathLine(path: PathView): string {
  const { nextHop, asPath } = path.attributes;
  const rest = [nextHop === null ? '' : `next hop ${nextHop}`, asPath === '' ? '' : `AS path ${asPath}`];
  return [`from ${sourceOf(path)}`, ...rest, ...formatAttributes(path.attributes)]
    .filter((one) => one !== '')
    .join(', ');
}

/** One prefix with everything about its paths, for which a line of a table is too short. */
export function formatRoute({ prefix, paths }: RouteView): string {
  const lines = [prefix];
  for (const path of paths) {
    const { attributes } = path;
    const why = whyNotBest(path);
    lines.push(
      `${mark(path).padEnd(1)} from ${sourceOf(path)}${path.best ? ', best' : ''}${why === '' ? '' : `: ${why}`}`,
    );
    const hop = attributes.nextHop === null ? 'no next hop' : `next hop ${attributes.nextHop}`;
    const asPath = attributes.asPath === '' ? 'empty AS path' : `AS path ${attributes.asPath}`;
    lines.push(`    ${hop}, ${asPath}, origin ${attributes.origin}`);
    for (const attribute of formatAttributes(attributes)) lines.push(`    ${attribute}`);
  }
  return lines.join('\n');
}

export async function showStatus(options: ShowOptions): Promise<void> {
  const status = await fetchOne<StatusView>(options.socketPath, '/v1/status');
  options.write(`${options.json ? JSON.stringify(status, null, 2) : formatStatus(status)}\n`);
}

export async function showPeers(options: ShowOptions): Promise<void> {
  const list = fetchList<PeerView>(options.socketPath, '/v1/peers');
  await printList(list, PEER_COLUMNS, options, 'no peers are configured');
}

/** Where a page ended goes to stderr, so that stdout has the list only. */
function more(cursor: string): void {
  process.stderr.write(`there is more: --cursor ${cursor}\n`);
}

function withPrefix(query: URLSearchParams, prefix: string | null): URLSearchParams {
  if (prefix !== null) query.set('prefix', prefix);
  return query;
}

export async function showRoutes(options: ShowOptions, prefix: string | null): Promise<void> {
  const query = withPrefix(options.query, prefix);
  const routes = fetchList<RouteView>(options.socketPath, `/v1/routes?${query}`, more);
  if (options.json) return printList(routes, [], options, '');
  const isTable = prefix === null || query.get('match') === 'longer';
  if (isTable) return printList(pathRows(routes), ROUTE_COLUMNS, options, 'no routes');
  let isEmpty = true;
  for await (const route of routes) {
    isEmpty = false;
    options.write(`${formatRoute(route)}\n`);
  }
  if (isEmpty) options.write(`no route for ${prefix}\n`);
}

/** `received`, `accepted` or `advertised` of a peer. */
function ofPeer<T>({ socketPath, query }: ShowOptions, peer: string, list: string, prefix: string | null) {
  return fetchList<T>(socketPath, `/v1/peers/${encodeURIComponent(peer)}/${list}?${withPrefix(query, prefix)}`, more);
}

export async function showReceived(options: ShowOptions, peer: string, prefix: string | null): Promise<void> {
  const list = ofPeer<ReceivedView>(options, peer, 'received', prefix);
  await printList(list, RECEIVED_COLUMNS, options, `nothing received from ${peer}`);
}

export async function showAccepted(options: ShowOptions, peer: string, prefix: string | null): Promise<void> {
  const list = ofPeer<AcceptedView>(options, peer, 'accepted', prefix);
  await printList(list, ACCEPTED_COLUMNS, options, `nothing accepted from ${peer}`);
}

export async function showAdvertised(options: ShowOptions, peer: string, prefix: string | null): Promise<void> {
  const list = ofPeer<AdvertisedView>(options, peer, 'advertised', prefix);
  await printList(list, ADVERTISED_COLUMNS, options, `nothing advertised to ${peer}`);
}

export async function showKernel(options: ShowOptions): Promise<void> {
  const list = fetchList<KernelRouteView>(options.socketPath, '/v1/kernel');
  await printList(list, KERNEL_COLUMNS, options, 'no routes were given to the kernel');
}

export async function showBfd(options: ShowOptions): Promise<void> {
  const list = fetchList<BfdSessionView>(options.socketPath, '/v1/bfd');
  await printList(list, BFD_COLUMNS, options, 'no peer has BFD');
}
