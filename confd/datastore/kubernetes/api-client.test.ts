/** The client and its connections against an HTTP/2 server without TLS that does what a test says. */

import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createConnection, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { selfSigned } from '../../../test/support/self-signed.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { SYSTEM_TIMERS } from '../system-timers.ts';
import type { ClusterAccess } from './access.ts';
import { ApiClient, type ApiClientOptions } from './api-client.ts';
import type { ApiFailure } from './api-failure.ts';
import type { WatchEvent } from './watch-decoder.ts';

interface Asked {
  readonly path: string;
  readonly authorization: string;
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
}

let server: Http2Server;
let port: number;
let sessions: ServerHttp2Session[];
let asked: Asked[];
let answer: (request: Asked, headers: { readonly [name: string]: unknown }) => void;
const clients: ApiClient[] = [];
const closers: (() => void)[] = [];

beforeEach(async () => {
  sessions = [];
  asked = [];
  answer = () => {};
  server = createServer({ settings: { maxConcurrentStreams: 10 } });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const session = stream.session as ServerHttp2Session;
    const request = {
      path: String(headers[':path']),
      authorization: String(headers.authorization ?? ''),
      stream,
      session,
    };
    asked.push(request);
    answer(request, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const close of closers.splice(0)) close();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** The port of a server that is closed after the test. */
async function listenOn(other: Server): Promise<number> {
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  closers.push(() => other.close());
  const address = other.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function clientOf(access: Partial<ClusterAccess> = {}, options: Partial<ApiClientOptions> = {}): ApiClient {
  const client = new ApiClient(
    {
      server: `http://127.0.0.1:${port}`,
      serverName: null,
      ca: null,
      isInsecure: false,
      certificate: null,
      key: null,
      identity: { kind: 'none' },
      impersonation: null,
      ...access,
    },
    { timers: SYSTEM_TIMERS, onConnected: () => {}, userAgent: 'test', ...options },
  );
  clients.push(client);
  return client;
}

/** What a list came to. */
function list(
  client: ApiClient,
  path = '/list',
): Promise<{ items: unknown[]; failure: ApiFailure | null; end: string }> {
  return new Promise((resolve) => {
    const items: unknown[] = [];
    client.list(path, 'application/json', {
      item: (item) => items.push(item),
      done: ({ resourceVersion, continueToken }) =>
        resolve({ items, failure: null, end: `${resourceVersion} ${continueToken}` }),
      failed: (failure) => resolve({ items, failure, end: '' }),
    });
  });
}

interface Watched {
  readonly events: WatchEvent[];
  readonly log: string[];
  readonly cancel: () => void;
}

function watch(client: ApiClient, path = '/watch'): Watched {
  const events: WatchEvent[] = [];
  const log: string[] = [];
  const cancel = client.watch(path, 'application/json', {
    opened: () => log.push('opened'),
    event: (event) => events.push(event),
    ended: () => log.push('ended'),
    failed: (failure) => log.push(`failed ${failure.status} ${failure.message}`),
  });
  return { events, log, cancel };
}

const has = (what: string, isSo: () => boolean): Promise<true> => waitFor(what, 5_000, () => (isSo() ? true : null));

function respond({ stream }: Asked, status: number, body: object, headers: object = {}): void {
  stream.respond({ ':status': status, ...headers });
  stream.end(JSON.stringify(body));
}

const EMPTY = { metadata: { resourceVersion: '5' }, items: [] };
const EVENT = { type: 'ADDED', object: { metadata: { name: 'a' } } };

describe('a list', () => {
  test('brings items and where it ended, below the path of the server', async () => {
    answer = (request) =>
      respond(request, 200, { metadata: { resourceVersion: '5', continue: 'x' }, items: [{ a: 1 }] });
    const client = clientOf({ server: `http://127.0.0.1:${port}/k8s/clusters/c-1/` });
    expect(await list(client, '/api/v1/nodes?limit=1')).toEqual({ items: [{ a: 1 }], failure: null, end: '5 x' });
    expect(asked[0].path).toBe('/k8s/clusters/c-1/api/v1/nodes?limit=1');
  });

  test.each<[string, (request: Asked) => void, Partial<ApiFailure>]>([
    [
      'a refusal',
      (request) =>
        respond(request, 403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'nodes is forbidden' }),
      { status: 403, reason: 'Forbidden', message: 'nodes is forbidden' },
    ],
    [
      'a request for time',
      (request) => respond(request, 429, { message: 'storage is (re)initializing' }, { 'retry-after': '3' }),
      { status: 429, retryAfterSeconds: 3 },
    ],
    [
      'the page of a proxy',
      ({ stream }) => {
        stream.respond({ ':status': 502 });
        stream.end('<html>Bad Gateway</html>');
      },
      { status: 502, message: '<html>Bad Gateway</html>' },
    ],
    [
      'half a list',
      ({ stream }) => {
        stream.respond({ ':status': 200 });
        stream.end('{"items":[{"a":1}');
      },
      { status: 0 },
    ],
    [
      'a broken stream',
      ({ stream }) => {
        stream.respond({ ':status': 200 });
        stream.write('{"items":[');
        setTimeout(() => stream.close(2), 20);
      },
      { status: 0 },
    ],
    [
      'a broken connection',
      ({ stream, session }) => {
        stream.respond({ ':status': 200 });
        stream.write('{"items":[');
        setTimeout(() => session.destroy(), 20);
      },
      { status: 0 },
    ],
  ])('that is answered by %s fails', async (_name, respondSo, failure) => {
    answer = respondSo;
    expect((await list(clientOf())).failure).toMatchObject(failure);
  });

  test('to a server that is not there fails, and the next one may succeed', async () => {
    const unused = createTcpServer();
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
    const address = unused.address();
    const closedPort = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => unused.close(resolve));
    const failure = (await list(clientOf({ server: `http://127.0.0.1:${closedPort}` }))).failure;
    const message = `http://127.0.0.1:${closedPort}: connection refused`;
    expect(failure).toEqual({ status: 0, reason: '', message, retryAfterSeconds: null });
  });

  test.each([
    ['http', 'accepts the connection, then says nothing for 0.05 s'],
    ['https', 'no connection within 0.05 s'],
  ])('that gets no answer to the attempt to connect over %s fails in time', async (scheme, message) => {
    const silent = createTcpServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closers.push(() => silent.close());
    const address = silent.address();
    const silentPort = typeof address === 'object' && address !== null ? address.port : 0;
    const server = `${scheme}://127.0.0.1:${silentPort}`;
    const client = clientOf({ server }, { connectTimeoutMs: 50 });
    expect((await list(client)).failure).toMatchObject({ message: `${server}: ${message}` });
  });

  test('with a certificate that cannot be read as one fails', async () => {
    const pem = { kind: 'inline', pem: 'half of a file that is being written' } as const;
    const client = clientOf({ server: `https://127.0.0.1:${port}`, certificate: pem, key: pem });
    expect((await list(client)).failure?.message).toMatch(/client-certificate .* is not in PEM form/);
  });
});

describe('credentials that the server refuses', () => {
  test('are fetched anew once, and the request is repeated', async () => {
    let token = 'old';
    const io = {
      readFile: async () => token,
      run: () => Promise.reject(new Error('no plug-in')),
      now: () => 0,
    };
    answer = (request) => {
      if (request.authorization === 'Bearer new') respond(request, 200, EMPTY);
      else respond(request, 401, { message: 'Unauthorized' });
    };
    const client = clientOf({ identity: { kind: 'token-file', path: '/token' } }, { io });
    expect((await list(client)).failure).toMatchObject({
      status: 401,
      message: `http://127.0.0.1:${port} does not accept the token in /token: Unauthorized`,
    });
    expect(asked.map((one) => one.authorization)).toEqual(['Bearer old', 'Bearer old']);
    token = 'new';
    expect((await list(client)).end).toBe('5 ');
    expect(asked.slice(2).map((one) => one.authorization)).toEqual(['Bearer old', 'Bearer new']);
    expect(sessions).toHaveLength(1);
  });

  test('and are part of the connection cost the connection', async () => {
    const answers = [401, 200];
    const io = {
      readFile: async () => '',
      run: async () =>
        JSON.stringify({
          apiVersion: 'client.authentication.k8s.io/v1',
          kind: 'ExecCredential',
          status: { token: 't' },
        }),
      now: () => 0,
    };
    answer = (request) => respond(request, answers.shift() ?? 500, EMPTY);
    const plugin = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'x',
      args: [],
      env: {},
      isToldCluster: false,
      installHint: '',
    } as const;
    expect((await list(clientOf({ identity: { kind: 'exec', plugin } }, { io }))).end).toBe('5 ');
    expect(sessions).toHaveLength(2);
  });
});

describe('a watch', () => {
  test('hands over events as they come, and its end', async () => {
    const watched = watch(clientOf());
    await has('the request', () => asked.length === 1);
    const { stream } = asked[0];
    stream.respond({ ':status': 200 });
    await has('the beginning', () => watched.log.length === 1);
    const text = `${JSON.stringify(EVENT)}\n`;
    stream.write(text.slice(0, 7));
    stream.write(`${text.slice(7)}${text}`);
    await has('two events', () => watched.events.length === 2);
    stream.end();
    await has('the end', () => watched.log.length === 2);
    expect(watched.log).toEqual(['opened', 'ended']);
    expect(watched.events).toEqual([EVENT, EVENT]);
  });

  test.each(['http', 'https'])('over %s loses no event that arrives with the head of the answer', async (scheme) => {
    const tls = selfSigned();
    const beginning = (stream: ServerHttp2Stream): void => {
      stream.respond({ ':status': 200 });
      stream.write(`${JSON.stringify(EVENT)}\n`);
    };
    answer = ({ stream }) => beginning(stream);
    const secure = createSecureServer(tls);
    secure.on('stream', beginning);
    secure.on('session', (session) => {
      session.on('error', () => {});
      closers.push(() => session.destroy());
    });
    const securePort = await listenOn(secure);
    // A way that gathers what the server says, so that all of it is read at once.
    const way = createTcpServer((client) => {
      const onward = createConnection({ host: '127.0.0.1', port: scheme === 'http' ? port : securePort });
      const gathered: Buffer[] = [];
      for (const socket of [client, onward]) socket.on('error', () => {});
      closers.push(() => client.destroy());
      client.on('close', () => onward.destroy());
      client.on('data', (octets) => onward.write(octets));
      onward.on('data', (octets) => {
        if (gathered.push(octets) === 1) setTimeout(() => client.write(Buffer.concat(gathered.splice(0))), 50);
      });
    });
    const ca = { kind: 'inline', pem: tls.cert.toString() } as const;
    const watched = watch(clientOf({ server: `${scheme}://127.0.0.1:${await listenOn(way)}`, ca }));
    await has('the beginning', () => watched.log.length === 1);
    await has('the event', () => watched.events.length === 1);
  });

  test('that breaks in the middle of an event does not tell the half', async () => {
    const watched = watch(clientOf());
    await has('the request', () => asked.length === 1);
    const { stream, session } = asked[0];
    stream.respond({ ':status': 200 });
    stream.write(`${JSON.stringify(EVENT)}\n{"type":"DELETED","object":{"metadata":{"name":"a"}}}`);
    await has('an event', () => watched.events.length === 1);
    session.destroy();
    await has('the end', () => watched.log.length === 2);
    expect(watched.events).toEqual([EVENT]);
    expect(watched.log[1]).toMatch(/^failed 0 /);
  });

  test.each([
    [
      'an ERROR event',
      { type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } },
      'failed 410 too old',
    ],
    ['what is no event', { hello: 'world' }, 'failed 500 not a watch event: {"hello":"world"}'],
  ])('fails by %s, and says nothing of what follows', async (_name, line, failure) => {
    const watched = watch(clientOf());
    await has('the request', () => asked.length === 1);
    asked[0].stream.respond({ ':status': 200 });
    asked[0].stream.write(`${JSON.stringify(line)}\n${JSON.stringify(EVENT)}\n`);
    await has('the end', () => watched.log.length === 2);
    expect(watched.log).toEqual(['opened', failure]);
    expect(watched.events).toEqual([]);
  });

  test('that is cancelled says nothing more, and is ended on the server', async () => {
    const watched = watch(clientOf());
    await has('the request', () => asked.length === 1);
    const { stream } = asked[0];
    stream.respond({ ':status': 200 });
    await has('the beginning', () => watched.log.length === 1);
    watched.cancel();
    await has('the end on the server', () => stream.closed);
    expect(watched.log).toEqual(['opened']);
  });
});

describe('the connection', () => {
  test('is one for all', async () => {
    answer = (request) => {
      if (request.path === '/list') respond(request, 200, EMPTY);
      else request.stream.respond({ ':status': 200 });
    };
    const client = clientOf();
    for (let i = 0; i < 5; i++) watch(client);
    await Promise.all([list(client), list(client)]);
    expect(sessions).toHaveLength(1);
  });

  test('is followed by a second when the server takes no more streams', async () => {
    answer = (request) => request.stream.respond({ ':status': 200 });
    const client = clientOf();
    const first = watch(client);
    await has('the first', () => first.log.length === 1);
    const all = Array.from({ length: 14 }, () => watch(client));
    await has('all of them', () => all.every((watched) => watched.log.length === 1));
    expect(sessions).toHaveLength(2);
  });

  test('that the server wants to end goes on for what is under way, and a new one takes the rest', async () => {
    answer = (request) => {
      if (request.path === '/list') respond(request, 200, EMPTY);
      else request.stream.respond({ ':status': 200 });
    };
    let connections = 0;
    const client = clientOf({}, { onConnected: () => connections++ });
    const watched = watch(client);
    await has('the beginning', () => watched.log.length === 1);
    sessions[0].goaway();
    await has('a list on another connection', () => {
      void list(client);
      return sessions.length === 2;
    });
    // The server knows of a connection before the client has heard of its settings.
    await has('the other connection at the client', () => connections === 2);
    asked[0].stream.write(`${JSON.stringify(EVENT)}\n`);
    await has('the event', () => watched.events.length === 1);
    asked[0].stream.end();
    await has('the end', () => watched.log.length === 2);
    expect(watched.log).toEqual(['opened', 'ended']);
    await has('the old connection to be closed', () => sessions[0].destroyed);
  });

  test('that the server ends just now is left for another, unseen by who asks', async () => {
    answer = (request) => {
      if (request.session === sessions[0]) request.stream.close(7);
      else respond(request, 200, EMPTY);
    };
    expect((await list(clientOf())).end).toBe('5 ');
    expect(sessions).toHaveLength(2);
  });

  test('is not opened again and again to a server that takes nothing', async () => {
    answer = ({ stream }) => stream.close(7);
    expect((await list(clientOf())).failure).toMatchObject({
      status: 0,
      message: expect.stringContaining('takes no requests'),
    });
    expect(sessions).toHaveLength(4);
  });

  test('is not opened again and again to a server that says goodbye at once', async () => {
    server.on('session', (session) => session.goaway());
    expect((await list(clientOf())).failure?.status).toBe(0);
    expect(sessions.length).toBeLessThan(6);
  });

  test('to a server that has fallen silent is given up', async () => {
    // A way that swallows everything from some moment on, without closing.
    const sockets: Socket[] = [];
    const way = createTcpServer((client) => {
      const onward = createConnection({ host: '127.0.0.1', port });
      sockets.push(client, onward);
      for (const socket of [client, onward]) socket.on('error', () => {});
      client.on('data', (octets) => onward.write(octets));
      onward.on('data', (octets) => client.write(octets));
    });
    await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      way.close();
    });
    const address = way.address();
    const wayPort = typeof address === 'object' && address !== null ? address.port : 0;
    answer = (request) => request.stream.respond({ ':status': 200 });
    const client = clientOf({ server: `http://127.0.0.1:${wayPort}` }, { pingIntervalMs: 20, pingTimeoutMs: 60 });
    const watched = watch(client);
    await has('the beginning', () => watched.log.length === 1);
    // As long as it answers, it stays.
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(watched.log).toEqual(['opened']);
    for (const socket of sockets) socket.removeAllListeners('data').pause();
    await has('the end', () => watched.log.length === 2);
    expect(watched.log[1]).toMatch(/^failed 0 http:.*: the server does not answer$/);
  });
});
