/**
 * As much of an API server as the daemon talks to, in memory and over HTTP/2 without TLS: lists in pages, watches with
 * history and bookmarks, selectors, discovery, and the ways in which a real one fails (history that is gone, positions
 * from the future, kinds that are not ready after a start). Where there is no real kube-apiserver it stands in for one;
 * where there is, the same tests run against both, which keeps it honest.
 */

import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

export interface FakeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

interface Change {
  readonly version: number;
  readonly before: FakeObject | null;
  readonly after: FakeObject | null;
}

interface Collection {
  readonly objects: Map<string, FakeObject>;
  readonly changes: Change[];
  readonly watchers: Set<Watcher>;
  /** Has served its first request since the start. */
  isReady: boolean;
}

interface Watcher {
  readonly stream: ServerHttp2Stream;
  readonly selects: (object: FakeObject) => boolean;
  readonly isMetadataOnly: boolean;
}

function selectorOf(query: URLSearchParams): (object: FakeObject) => boolean {
  const labels = (query.get('labelSelector') ?? '').split(',').filter((part) => part !== '');
  const fields = (query.get('fieldSelector') ?? '').split(',').filter((part) => part !== '');
  return ({ metadata }) => {
    const own = (metadata.labels ?? {}) as { readonly [label: string]: string };
    return (
      labels.every((part) => {
        if (part.startsWith('!')) return !Object.hasOwn(own, part.slice(1));
        const [label, value] = part.split('=');
        return own[label] === value;
      }) && fields.every((part) => part === `metadata.name=${metadata.name}`)
    );
  };
}

function metadataOf({ metadata }: FakeObject): object {
  return { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata };
}

function status(code: number, reason: string, message: string, details: object = {}): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details };
}

export class FakeKubeApiserver {
  /** Paths and queries of all requests so far. */
  readonly requests: string[] = [];
  /** Called with each path before it is answered. */
  onRequest: (path: string) => void = () => {};
  /** With what a request is refused; null: it is not. */
  refuse: (path: string, authorization: string) => { code: number; reason: string; message: string } | null = () =>
    null;
  readonly #collections = new Map<string, Collection>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Http2Server | null = null;
  #port = 0;
  #version = 100;
  /** Changes up to this one are forgotten. */
  #forgotten = 0;

  /** `paths`: the collections that there are, such as `/api/v1/nodes`. */
  constructor(paths: readonly string[]) {
    for (const path of paths) this.install(path);
  }

  get port(): number {
    return this.#port;
  }

  install(path: string): void {
    this.#collections.set(path, { objects: new Map(), changes: [], watchers: new Set(), isReady: true });
  }

  async start(): Promise<void> {
    const server = createServer();
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => this.#sessions.delete(session));
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      this.requests.push(String(headers[':path']));
      this.onRequest(String(headers[':path']));
      const refusal = this.refuse(String(headers[':path']), String(headers.authorization ?? ''));
      if (refusal === null) {
        return this.#answer(stream, new URL(String(headers[':path']), 'http://x'), String(headers.accept ?? ''));
      }
      const { code, reason, message } = refusal;
      stream.respond({ ':status': code, 'content-type': 'application/json' });
      stream.end(JSON.stringify(status(code, reason, message)));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
  }

  /** As a crash. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = new Promise((resolve) => server?.close(resolve));
    for (const session of this.#sessions) session.destroy();
    for (const collection of this.#collections.values()) collection.watchers.clear();
    await closed;
  }

  /** After a start a server knows no changes from before, and answers each kind first with a request for time. */
  async restart(): Promise<void> {
    await this.stop();
    for (const collection of this.#collections.values()) collection.isReady = false;
    this.forget();
    await this.start();
  }

  /** Nobody can go on from before now any more. */
  forget(): void {
    this.#forgotten = this.#version;
    for (const collection of this.#collections.values()) collection.changes.length = 0;
  }

  put(path: string, object: FakeObject): void {
    const version = ++this.#version;
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    const { objects } = this.#collection(path);
    this.#record(path, { version, before: objects.get(object.metadata.name) ?? null, after });
    objects.set(object.metadata.name, after);
  }

  remove(path: string, name: string): void {
    const { objects } = this.#collection(path);
    const before = objects.get(name);
    if (before === undefined) return;
    objects.delete(name);
    this.#record(path, { version: ++this.#version, before, after: null });
  }

  clear(): void {
    for (const [path, { objects }] of this.#collections)
      for (const name of [...objects.keys()]) this.remove(path, name);
  }

  #collection(path: string): Collection {
    const collection = this.#collections.get(path);
    if (collection === undefined) throw new Error(`no collection ${path}`);
    return collection;
  }

  #record(path: string, change: Change): void {
    const collection = this.#collection(path);
    collection.changes.push(change);
    for (const watcher of collection.watchers) this.#send(watcher, change);
  }

  #send({ stream, selects, isMetadataOnly }: Watcher, { version, before, after }: Change): void {
    const was = before !== null && selects(before);
    const is = after !== null && selects(after);
    if (!was && !is) return;
    const type = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
    // The last form of what is gone, with the number of its end.
    const shown = is ? after : { ...before!, metadata: { ...before!.metadata, resourceVersion: String(version) } };
    stream.write(`${JSON.stringify({ type, object: isMetadataOnly ? metadataOf(shown!) : shown })}\n`);
  }

  #answer(stream: ServerHttp2Stream, url: URL, accept: string): void {
    const respond = (code: number, body: object, headers: object = {}): void => {
      if (stream.destroyed) return;
      stream.respond({ ':status': code, 'content-type': 'application/json', ...headers });
      stream.end(JSON.stringify(body));
    };
    if (url.pathname === '/apis') {
      const names = [...this.#collections.keys()].map((path) => path.split('/')).filter((parts) => parts[1] === 'apis');
      return respond(200, {
        kind: 'APIGroupList',
        groups: [...new Set(names.map((parts) => parts[2]))].map((name) => ({ name })),
      });
    }
    const collection = this.#collections.get(url.pathname);
    if (collection === undefined)
      return respond(404, status(404, 'NotFound', 'the server could not find the resource'));
    if (!collection.isReady) {
      collection.isReady = true;
      const wait = status(429, 'TooManyRequests', 'storage is (re)initializing', { retryAfterSeconds: 1 });
      return respond(429, wait, { 'retry-after': '1' });
    }
    const isMetadataOnly = accept.includes('as=PartialObjectMetadata');
    const query = url.searchParams;
    if (query.get('watch') === 'true') return this.#watch(stream, collection, query, isMetadataOnly);
    const asked = Number(query.get('resourceVersion') ?? 0);
    if (query.get('resourceVersionMatch') === 'NotOlderThan' && asked > this.#version) {
      const causes = [{ reason: 'ResourceVersionTooLarge' }];
      return respond(504, status(504, 'Timeout', 'Too large resource version', { causes, retryAfterSeconds: 1 }));
    }
    this.#list(collection, query, isMetadataOnly, respond);
  }

  #list(
    { objects }: Collection,
    query: URLSearchParams,
    isMetadataOnly: boolean,
    respond: (code: number, body: object) => void,
  ): void {
    const chosen = [...objects.values()]
      .filter(selectorOf(query))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    // What follows is taken from what is there now, as long as nothing was forgotten since the first page.
    const [version, after] = (query.get('continue') ?? `${this.#version}/`).split('/');
    if (Number(version) < this.#forgotten) return respond(410, status(410, 'Expired', 'the continue token is too old'));
    const rest = chosen.filter((object) => object.metadata.name > after);
    const limit = Number(query.get('limit') ?? 0) || rest.length;
    const page = rest.slice(0, limit);
    const last = page.at(-1)?.metadata.name;
    respond(200, {
      kind: 'List',
      metadata: {
        resourceVersion: version,
        ...(rest.length > page.length && last !== undefined ? { continue: `${version}/${last}` } : {}),
      },
      items: page.map((object) => (isMetadataOnly ? metadataOf(object) : object)),
    });
  }

  #watch(stream: ServerHttp2Stream, collection: Collection, query: URLSearchParams, isMetadataOnly: boolean): void {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    const from = Number(query.get('resourceVersion'));
    if (from < this.#forgotten) {
      const gone = status(410, 'Expired', `too old resource version: ${from} (${this.#forgotten})`);
      stream.end(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
      return;
    }
    const watcher: Watcher = { stream, selects: selectorOf(query), isMetadataOnly };
    for (const change of collection.changes) if (change.version > from) this.#send(watcher, change);
    // A position from the future stays silent, as with the real one.
    if (from <= this.#version) collection.watchers.add(watcher);
    stream.on('close', () => collection.watchers.delete(watcher));
  }
}
