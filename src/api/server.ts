/**
 * The control API: JSON over HTTP on a Unix socket. Single values are one JSON document; lists are NDJSON, produced
 * in slices so that a table of a million routes neither blocks the speaker nor sits in memory.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type PasswordsAnswer, type PasswordsQuestion, type RunningPart, readQuestion } from './running.ts';
import type {
  AdvertisedView,
  KernelRouteView,
  PeerView,
  ProblemView,
  ReceivedView,
  RouteView,
  StatusView,
} from './schema.ts';
import { clearSocketPath } from './socket-file.ts';

/**
 * Items as they are found. An `undefined` among them is no item: the iterator has worked for a while without finding
 * one, and lets others have their turn.
 */
export type Items<T> = Iterable<T | undefined>;

/** What the API shows; the speaker implements it. Iterators are pulled for a few milliseconds at a time. */
export interface ApiSource {
  status(): StatusView;
  peers(): readonly PeerView[];
  /** `prefix` restricts to that prefix, or with `longest` to the most specific one that covers it. */
  routes(filter: RouteFilter): Items<RouteView> | ApiRefusal;
  received(peer: string): Items<ReceivedView> | ApiRefusal;
  advertised(peer: string): Items<AdvertisedView> | ApiRefusal;
  kernel(): Items<KernelRouteView>;
  /** The state that is in force, without passwords. */
  runningState(): Items<RunningPart> | ApiRefusal;
  differentPasswords(question: PasswordsQuestion): PasswordsAnswer | ApiRefusal;
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

const ITEMS_PER_WRITE = 200;
const SLICE_MS = 3;

function isRefusal(value: object): value is ApiRefusal {
  return 'refused' in value;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  500: 'Internal error',
};

function problem(response: ServerResponse, status: number, detail: string): void {
  const body: ProblemView = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, detail };
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}

async function stream(response: ServerResponse, items: Items<unknown> | ApiRefusal): Promise<void> {
  if (isRefusal(items)) return problem(response, items.status, items.refused);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let lines: string[] = [];
  let sliceEndMs = performance.now() + SLICE_MS;
  for (const item of items) {
    if (item !== undefined) lines.push(JSON.stringify(item));
    const isOver = performance.now() >= sliceEndMs;
    if (lines.length < ITEMS_PER_WRITE && !isOver) continue;
    const isWritable = lines.length === 0 || response.write(`${lines.join('\n')}\n`);
    lines = [];
    if (response.destroyed) return;
    if (!isWritable) await drained(response);
    // A socket that takes everything drains at once, before anybody else had a turn.
    if (isOver) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      sliceEndMs = performance.now() + SLICE_MS;
    }
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

/** What a request is about: the decoded parts of its path, and its query; null when the target is nonsense. */
function parseTarget(target: string): { parts: string[]; query: URLSearchParams } | null {
  try {
    const url = new URL(`http://peregrine/${target}`);
    const parts = url.pathname.split('/').filter((part) => part !== '');
    return { parts: parts.map(decodeURIComponent), query: url.searchParams };
  } catch {
    return null;
  }
}

const RESOURCES =
  '/v1/status, /v1/peers, /v1/routes, /v1/kernel, /v1/running, /v1/peers/PEER/received and /v1/peers/PEER/advertised';

export async function handleRequest(
  source: ApiSource,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url = '/' } = request;
  const target = parseTarget(url);
  if (target === null) return problem(response, 400, `${url} is not well-formed`);
  const { parts, query } = target;
  const [version, resource, peer, last] = parts;
  const isList = parts.length === 2;
  if (version === 'v1' && resource === 'running' && peer === 'passwords' && parts.length === 3) {
    if (method !== 'POST') return methodRefused(response, 'POST', method, url);
    const question = await readQuestion(request);
    if (typeof question === 'string') return problem(response, 400, question);
    const answer = source.differentPasswords(question);
    return isRefusal(answer) ? problem(response, answer.status, answer.refused) : json(response, answer);
  }
  const ofPeer = version === 'v1' && resource === 'peers' && parts.length === 4;
  const isPeerList = ofPeer && (last === 'received' || last === 'advertised');
  if (ofPeer && !isPeerList) {
    if (method !== 'POST') return methodRefused(response, 'POST', method, url);
    const outcome = source.act(peer, last);
    return isRefusal(outcome) ? problem(response, outcome.status, outcome.refused) : json(response, outcome);
  }
  const isKnown = version === 'v1' && isList && ['status', 'peers', 'kernel', 'routes', 'running'].includes(resource);
  if (!isKnown && !isPeerList) {
    return problem(response, 404, `there is no ${url}; there are ${RESOURCES}`);
  }
  if (method !== 'GET') return methodRefused(response, 'GET', method, url);
  if (isPeerList) return stream(response, last === 'received' ? source.received(peer) : source.advertised(peer));
  if (resource === 'status') return json(response, source.status());
  if (resource === 'peers') return stream(response, source.peers());
  if (resource === 'kernel') return stream(response, source.kernel());
  if (resource === 'running') return stream(response, source.runningState());
  const filter = {
    family: query.get('family'),
    prefix: query.get('prefix'),
    longest: query.get('longest') === 'true',
  };
  return stream(response, source.routes(filter));
}

/** RFC 9110 15.5.6: with the method that is possible. */
function methodRefused(response: ServerResponse, allowed: string, method: string | undefined, url: string): void {
  response.setHeader('allow', allowed);
  problem(response, 405, `${method} is not possible on ${url}, only ${allowed}`);
}

/** Listens on a Unix socket that only the owner and its group may use. Throws when that is impossible, saying why. */
export async function startApiServer(path: string, source: ApiSource): Promise<Server> {
  await clearSocketPath(path);
  const server = createServer((request, response) => {
    handleRequest(source, request, response).catch((error: unknown) => {
      if (!response.headersSent) problem(response, 500, error instanceof Error ? error.message : String(error));
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The file is made inside listen(); no other user may connect even for a moment.
    const before = process.umask(0o117);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
    process.umask(before);
  });
  // Accepting can fail later (out of descriptors): the client sees it, the speaker goes on.
  server.on('error', () => {});
  return server;
}
