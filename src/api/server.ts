/**
 * The control API: JSON over HTTP on a Unix socket. Single values are one JSON document; lists are NDJSON, produced
 * in slices so that a table of a million routes neither blocks the speaker nor sits in memory.
 */

import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type {
  AdvertisedView,
  KernelRouteView,
  PeerView,
  ProblemView,
  ReceivedView,
  RouteView,
  StatusView,
} from './schema.ts';

/** What the API shows; the speaker implements it. Iterators are pulled a few hundred items at a time. */
export interface ApiSource {
  status(): StatusView;
  peers(): readonly PeerView[];
  /** `prefix` restricts to that prefix, or with `longest` to the most specific one that covers it. */
  routes(filter: RouteFilter): Iterable<RouteView> | ApiRefusal;
  received(peer: string): Iterable<ReceivedView> | ApiRefusal;
  advertised(peer: string): Iterable<AdvertisedView> | ApiRefusal;
  kernel(): Iterable<KernelRouteView>;
  /** `refresh-in`, `refresh-out`, `reset`, `enable`, `disable`; the answer says what was done. */
  act(peer: string, action: string): { readonly done: string } | ApiRefusal;
}

export interface RouteFilter {
  readonly family: string | null;
  readonly prefix: string | null;
  readonly longest: boolean;
}

export interface ApiRefusal {
  readonly refused: string;
  readonly status: 400 | 404 | 409;
}

const ITEMS_PER_SLICE = 200;

function isRefusal(value: object): value is ApiRefusal {
  return 'refused' in value;
}

function problem(response: ServerResponse, status: number, detail: string): void {
  const titles: Record<number, string> = {
    400: 'Bad request',
    404: 'Not found',
    405: 'Method not allowed',
    409: 'Conflict',
  };
  const body: ProblemView = { type: 'about:blank', title: titles[status] ?? 'Error', status, detail };
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}

async function stream(response: ServerResponse, items: Iterable<unknown> | ApiRefusal): Promise<void> {
  if (isRefusal(items)) return problem(response, items.status, items.refused);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let lines: string[] = [];
  for (const item of items) {
    lines.push(JSON.stringify(item));
    if (lines.length < ITEMS_PER_SLICE) continue;
    const writable = response.write(`${lines.join('\n')}\n`);
    lines = [];
    if (response.destroyed) return;
    await (writable ? new Promise<void>((resolve) => setImmediate(resolve)) : drained(response));
    if (response.destroyed) return;
  }
  response.end(lines.length > 0 ? `${lines.join('\n')}\n` : undefined);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

export async function handleRequest(
  source: ApiSource,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://peregrine');
  const path = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const query = url.searchParams;
  if (path[0] !== 'v1') return problem(response, 404, `no resource ${url.pathname}; resources start with /v1/`);
  const [, resource, peer, list] = path;
  if (request.method === 'POST' && resource === 'peers' && path.length === 4) {
    const outcome = source.act(peer, list);
    return isRefusal(outcome) ? problem(response, outcome.status, outcome.refused) : json(response, outcome);
  }
  if (request.method !== 'GET') return problem(response, 405, `${request.method} is not possible on ${url.pathname}`);
  if (path.length === 2 && resource === 'status') return json(response, source.status());
  if (path.length === 2 && resource === 'peers') return stream(response, source.peers());
  if (path.length === 2 && resource === 'kernel') return stream(response, source.kernel());
  if (path.length === 2 && resource === 'routes') {
    const filter = {
      family: query.get('family'),
      prefix: query.get('prefix'),
      longest: query.get('longest') === 'true',
    };
    return stream(response, source.routes(filter));
  }
  if (path.length === 4 && resource === 'peers' && list === 'received') return stream(response, source.received(peer));
  if (path.length === 4 && resource === 'peers' && list === 'advertised')
    return stream(response, source.advertised(peer));
  return problem(response, 404, `no resource ${url.pathname}`);
}

/** True when a live process answers on the socket file. */
function isInUse(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** Listens on a Unix socket that only the owner and its group may use; a socket file of a dead process is replaced. */
export async function startApiServer(path: string, source: ApiSource): Promise<Server> {
  if (await isInUse(path)) throw new Error(`${path}: another process answers on this control socket`);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    handleRequest(source, request, response).catch((error: unknown) => {
      if (!response.headersSent) problem(response, 400, error instanceof Error ? error.message : String(error));
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  return server;
}
