/**
 * The requests of birdwatcher 2 (bird/bird.go, endpoints/) and of the modules that older Alice-LG ask for. All stand under `/`
 * for both families together, and under `/ipv4` and `/ipv6` for one, because an Alice-LG source is often one family.
 */

import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import type { Items } from '../api/items.ts';
import { type ApiRefusal, isRefusal } from '../api/refusal.ts';
import { type ApiRoute, type Call, type Listed, rawRoute } from '../api/route.ts';
import type { PeerView } from '../api/schema.ts';
import type { ApiSource, RouteFilter } from '../api/source.ts';
import { document, lists, shortTime } from './answers.ts';
import {
  type FamilyChoice,
  isMeant,
  protocolOf,
  routeCounts,
  shortProtocolOf,
  stateSinceMs,
  tableName,
} from './protocols.ts';
import { birdRoute, type RouteOrigin } from './route-form.ts';

type Params = { readonly [name: string]: string };
type Answer = object | ApiRefusal;

/** What a request needs. */
interface Asked {
  readonly source: ApiSource;
  readonly family: FamilyChoice;
  readonly params: Params;
  readonly query: Params;
  readonly nowMs: number;
}

/** birdwatcher ignores what it does not know (`uncached=true`, say). */
const AnyQuery = z.record(z.string(), z.union([z.string(), z.array(z.string()).transform(([first]) => first)]));
const ROUTES_TABLES = ['master', 'master4', 'master6'];

const FAMILIES: readonly (readonly [base: string, family: FamilyChoice])[] = [
  ['', null],
  ['/ipv4', 'ipv4-unicast'],
  ['/ipv6', 'ipv6-unicast'],
];

/** Path, what is answered, whether it is long. */
type Endpoint = readonly [path: string, summary: string, handle: (asked: Asked) => Answer];

const DOCUMENTS: readonly Endpoint[] = [
  ['/status', 'The daemon as BIRD says it', ({ source, nowMs }) => ({ status: statusOf(source, nowMs) })],
  ['/protocols', 'Every peer', protocols],
  ['/protocols/bgp', 'Every peer', protocols],
  [
    '/protocols/short',
    'States of all peers',
    ({ source, family, nowMs }) => byName(source, family, (peer) => shortProtocolOf(peer, family, nowMs)),
  ],
  [
    '/symbols',
    'Names of tables and protocols',
    ({ source, family }) => ({ symbols: { 'routing table': [tableName(family)], protocol: names(source, family) } }),
  ],
  ['/symbols/tables', 'Names of tables', ({ family }) => ({ symbols: [tableName(family)] })],
  ['/symbols/protocols', 'Names of protocols', ({ source, family }) => ({ symbols: names(source, family) })],
  [
    '/routes/count/protocol/{protocol}',
    'How many routes of a peer are accepted',
    (asked) => counted(asked, 'imported'),
  ],
  ['/routes/count/primary/{protocol}', 'How many routes of a peer are best', (asked) => counted(asked, 'preferred')],
  ['/routes/count/table/{table}', 'How many paths there are', tableCount],
  ['/routes/pipe/filtered/count', 'There are no pipes', () => ({ routes: 0 })],
];

const ROUTE_LISTS: readonly Endpoint[] = [
  ['/routes/protocol/{protocol}', 'Accepted from a peer', (asked) => ofPeer(asked, acceptedRoutes)],
  ['/routes/filtered/{protocol}', 'Received from a peer and not accepted', (asked) => ofPeer(asked, filteredRoutes)],
  ['/routes/export/{protocol}', 'Told to a peer', (asked) => ofPeer(asked, exportedRoutes)],
  ['/routes/noexport/{protocol}', 'Not told to a peer', (asked) => ofPeer(asked, notExportedRoutes)],
  ['/routes/peer/{peer}', 'From the peer with that address', (asked) => ofAddress(asked, asked.params.peer)],
  ['/routes/peer', 'From the peer with that address', (asked) => ofAddress(asked, asked.query.peer)],
  ['/routes/table/{table}', 'All paths', (asked) => inTable(asked, {})],
  ['/routes/table/{table}/filtered', 'All that was received and not accepted', (asked) => inTable(asked, 'filtered')],
  [
    '/routes/table/{table}/peer/{peer}',
    'From the peer with that address',
    (asked) => ofAddress(asked, asked.params.peer),
  ],
  [
    '/routes/prefix',
    'Paths of a prefix',
    ({ query, ...asked }) => ofPrefix({ ...asked, query }, query.prefix, 'exact'),
  ],
  ['/route/net/{net}', 'Paths for an address', (asked) => ofPrefix(asked, asked.params.net, 'longest')],
  ['/route/net/{net}/table/{table}', 'Paths for an address', (asked) => ofPrefix(asked, asked.params.net, 'longest')],
  [
    '/route/net/{net}/mask/{mask}',
    'Paths for a prefix',
    (asked) => ofPrefix(asked, `${asked.params.net}/${asked.params.mask}`, 'longest'),
  ],
  [
    '/route/net/{net}/mask/{mask}/table/{table}',
    'Paths for a prefix',
    (asked) => ofPrefix(asked, `${asked.params.net}/${asked.params.mask}`, 'longest'),
  ],
  ['/routes/pipe/filtered', 'There are no pipes', () => []],
];

export const BIRDWATCHER_ROUTES: readonly ApiRoute[] = FAMILIES.flatMap(([base, family]) => [
  ...DOCUMENTS.map(([path, summary, handle]) =>
    endpoint(base, path, summary, false, (call, reply) => {
      const asked = askedOf(call, family);
      const answer = handle(asked);
      return isRefusal(answer) ? refuse(reply, asked.nowMs, answer) : document(asked.nowMs, answer);
    }),
  ),
  ...ROUTE_LISTS.map(([path, summary, handle]) =>
    endpoint(base, path, summary, true, (call, reply) => {
      const asked = askedOf(call, family);
      const answer = handle(asked);
      if (isRefusal(answer)) return refuse(reply, asked.nowMs, answer);
      return lists(asked.nowMs, [['routes', answer as Items<object>]]);
    }),
  ),
  endpoint(base, '/routes/dump', 'All that was accepted, and all that was not', true, (call) => {
    const asked = askedOf(call, family);
    return lists(asked.nowMs, [
      ['imported', tableRoutes(asked, {}) as Items<object>],
      ['filtered', allFiltered(asked)],
    ]);
  }),
]);

function endpoint(
  base: string,
  path: string,
  summary: string,
  isStream: boolean,
  handle: (call: Call<never, never, never>, reply: FastifyReply) => unknown,
): ApiRoute {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, z.string()]);
  return rawRoute({
    method: 'GET',
    path: `${base}${path}`,
    operationId: `birdwatcher${base}${path}`,
    tag: 'birdwatcher',
    summary,
    params: z.strictObject(Object.fromEntries(parameters)) as never,
    query: AnyQuery as never,
    type: 'application/json',
    isStream,
    handle: handle as never,
  });
}

function askedOf({ source, params, query }: Call<never, never, never>, family: FamilyChoice): Asked {
  return { source, family, params: params as Params, query: query as Params, nowMs: Date.now() };
}

/** birdwatcher's form of a refusal, which Alice-LG shows. */
function refuse(reply: FastifyReply, nowMs: number, { refused, status }: ApiRefusal): Buffer {
  reply.code(status);
  return document(nowMs, { error: refused });
}

function statusOf(source: ApiSource, nowMs: number): object {
  const { version, routerId, startedAt, drain, conditions } = source.status();
  const startedMs = Date.parse(startedAt);
  const state = drain === null ? 'Daemon is up and running' : `Daemon is drained: ${drain.reason}`;
  return {
    version,
    router_id: routerId,
    // `current_server` is what Alice-LG reads; the other name stands in birdwatcher's documents.
    current_server: shortTime(nowMs),
    server_time: shortTime(nowMs),
    last_reboot: shortTime(startedMs),
    last_reconfig: shortTime(startedMs),
    message:
      conditions.length === 0 ? state : `${state}, ${conditions.length} of its configuration refused or doubtful`,
  };
}

function allPeers(source: ApiSource): readonly PeerView[] {
  return [...source.peers()].filter((peer) => peer !== undefined);
}

function meantPeers(source: ApiSource, family: FamilyChoice): readonly PeerView[] {
  return allPeers(source).filter((peer) => isMeant(peer, family));
}

function names(source: ApiSource, family: FamilyChoice): readonly string[] {
  return meantPeers(source, family)
    .map(({ name }) => name)
    .sort();
}

function byName(source: ApiSource, family: FamilyChoice, form: (peer: PeerView) => object): object {
  return { protocols: Object.fromEntries(meantPeers(source, family).map((peer) => [peer.name, form(peer)])) };
}

function protocols({ source, family, nowMs }: Asked): object {
  return byName(source, family, (peer) => protocolOf(peer, family, nowMs));
}

function peerOf({ source, params, family }: Asked): PeerView | ApiRefusal {
  const found = source.peer(params.protocol);
  if (isRefusal(found) || isMeant(found, family)) return found;
  return { refused: `${params.protocol} has no ${family}`, status: 404 };
}

function counted(asked: Asked, what: 'imported' | 'preferred'): Answer {
  const peer = peerOf(asked);
  return isRefusal(peer) ? peer : { routes: routeCounts(peer, asked.family)[what] };
}

function refusedTable({ params, family }: Asked): ApiRefusal | null {
  const known = family === null ? ROUTES_TABLES : ['master', tableName(family)];
  if (params.table === undefined || known.includes(params.table)) return null;
  return { refused: `there is no table ${params.table}; there are ${known.join(', ')}`, status: 404 };
}

/** The family that a table is of; `master` under `/` is both. */
function familyOf({ family, params }: Asked): FamilyChoice {
  if (params.table === 'master4') return 'ipv4-unicast';
  return params.table === 'master6' ? 'ipv6-unicast' : family;
}

function tableCount(asked: Asked): Answer {
  const refused = refusedTable(asked);
  if (refused !== null) return refused;
  const { tables } = asked.source.status();
  const family = familyOf(asked);
  const meant = family === null ? Object.values(tables) : [tables[family]];
  return { routes: meant.reduce((sum, { paths }) => sum + paths, 0) };
}

function filterOf(asked: Asked, more: RouteFilter = {}): RouteFilter {
  const family = familyOf(asked);
  return family === null ? more : { ...more, family };
}

/** Lists without a page are iterators. */
function itemsOf<T>(listed: Listed<T>): Items<T> | ApiRefusal {
  if (isRefusal(listed) || Symbol.iterator in (listed as object)) return listed as Items<T> | ApiRefusal;
  return { refused: 'a list cannot be read', status: 503 };
}

function ofPeer(asked: Asked, list: (asked: Asked, peer: PeerView) => Items<object> | ApiRefusal): Answer {
  const peer = peerOf(asked);
  return isRefusal(peer) ? peer : list(asked, peer);
}

function originOf(peer: PeerView, nowMs: number): RouteOrigin {
  return { protocol: peer.name, neighbour: peer.address, since: shortTime(stateSinceMs(peer, nowMs)) };
}

function* mapped<T>(items: Items<T>, form: (item: T) => object | undefined): Iterable<object | undefined> {
  // What is skipped counts as work, so that others have their turn.
  for (const item of items) yield item === undefined ? undefined : form(item);
}

function acceptedRoutes(asked: Asked, peer: PeerView): Items<object> | ApiRefusal {
  const items = itemsOf(asked.source.accepted(peer.name, filterOf(asked)));
  if (isRefusal(items)) return items;
  const origin = originOf(peer, asked.nowMs);
  return mapped(items, ({ prefix, attributes, best }) => birdRoute(prefix, attributes, origin, best));
}

function filteredRoutes(asked: Asked, peer: PeerView): Items<object> | ApiRefusal {
  const items = itemsOf(asked.source.received(peer.name, filterOf(asked)));
  if (isRefusal(items)) return items;
  const origin = originOf(peer, asked.nowMs);
  return mapped(items, ({ prefix, attributes, eligible }) =>
    eligible ? undefined : birdRoute(prefix, attributes, origin, false),
  );
}

/** Names of sources to where they are. */
function originsOf({ source, nowMs }: Asked): (name: string) => RouteOrigin {
  const peers = new Map(allPeers(source).map((peer) => [peer.name, originOf(peer, nowMs)]));
  const since = shortTime(Date.parse(source.status().startedAt));
  return (name) => peers.get(name) ?? { protocol: name, neighbour: null, since };
}

function exportedRoutes(asked: Asked, peer: PeerView): Items<object> | ApiRefusal {
  const items = itemsOf(asked.source.advertised(peer.name, filterOf(asked)));
  if (isRefusal(items)) return items;
  const origins = originsOf(asked);
  return mapped(items, ({ prefix, attributes, source }) => birdRoute(prefix, attributes, origins(source), true));
}

/** Best paths that the peer was not told, without its own: it would not be told those anyway. */
function notExportedRoutes(asked: Asked, peer: PeerView): Items<object> | ApiRefusal {
  const items = itemsOf(asked.source.routes(filterOf(asked)));
  if (isRefusal(items)) return items;
  const origins = originsOf(asked);
  return mapped(items, ({ prefix, family, paths }) => {
    const [first] = paths;
    if (first?.best !== true || first.source === peer.name || peer.families[family] === undefined) return undefined;
    const why = asked.source.explainAdvertised(peer.name, prefix);
    if (isRefusal(why) || why.paths.some(({ told }) => told)) return undefined;
    return birdRoute(prefix, first.attributes, origins(first.source), true);
  });
}

function* tableRoutesOf(asked: Asked, items: Items<RouteItem>): Iterable<object | undefined> {
  const origins = originsOf(asked);
  for (const route of items) {
    if (route === undefined) yield undefined;
    else {
      for (const { source, attributes, best, eligible } of route.paths) {
        if (eligible) yield birdRoute(route.prefix, attributes, origins(source), best);
      }
    }
  }
}
type RouteItem = Extract<ReturnType<ApiSource['routes']>, Items<unknown>> extends Items<infer T> ? T : never;

function tableRoutes(asked: Asked, filter: RouteFilter): Items<object> | ApiRefusal {
  const items = itemsOf(asked.source.routes(filterOf(asked, filter)));
  return isRefusal(items) ? items : tableRoutesOf(asked, items);
}

function* allFiltered(asked: Asked): Iterable<object | undefined> {
  for (const peer of meantPeers(asked.source, familyOf(asked))) {
    const routes = filteredRoutes(asked, peer);
    if (!isRefusal(routes)) yield* routes;
  }
}

function inTable(asked: Asked, what: RouteFilter | 'filtered'): Answer {
  const refused = refusedTable(asked);
  if (refused !== null) return refused;
  return what === 'filtered' ? allFiltered(asked) : tableRoutes(asked, what);
}

function ofAddress(asked: Asked, address: string | undefined): Answer {
  const refused = refusedTable(asked);
  if (refused !== null) return refused;
  const peers = meantPeers(asked.source, familyOf(asked)).filter((peer) => peer.address === address);
  if (peers.length === 0) return { refused: `there is no peer with the address ${address ?? '(none)'}`, status: 404 };
  return peers
    .flatMap((peer) => [acceptedRoutes(asked, peer)])
    .reduce((all, one) => (isRefusal(all) ? one : isRefusal(one) ? all : joined(all, one)));
}

function* joined(...lists: Items<object>[]): Iterable<object | undefined> {
  for (const list of lists) yield* list;
}

function ofPrefix(asked: Asked, text: string | undefined, match: 'exact' | 'longest'): Answer {
  const refused = refusedTable(asked);
  if (refused !== null) return refused;
  if (text === undefined || text === '') return { refused: 'need a prefix as single query parameter', status: 400 };
  // An address stands for the prefix that it is routed by.
  const routes = tableRoutes(asked, text.includes('/') ? { prefix: text, match } : { prefix: text });
  // Nobody has such a route: an empty list, as from BIRD.
  return isRefusal(routes) && routes.status === 404 ? [] : routes;
}
