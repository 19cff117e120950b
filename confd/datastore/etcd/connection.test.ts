import http2, { type ServerHttp2Stream } from 'node:http2';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualTimers, until } from '../../../test/support/manual-timers.ts';
import { selfSigned } from '../../../test/support/self-signed.ts';
import { SYSTEM_TIMERS } from '../system-timers.ts';
import { type ConnectionOptions, EtcdConnection, type TlsMaterial } from './connection.ts';
import { frameMessage, type GrpcFailure, type GrpcOutcome } from './grpc.ts';

const OPTIONS: ConnectionOptions = {
  dialTimeoutMs: 5_000,
  callTimeoutMs: 5_000,
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 200,
  timers: SYSTEM_TIMERS,
};
const PLAIN: TlsMaterial = { minVersion: 'TLSv1.2' };
const GRPC = { ':status': 200, 'content-type': 'application/grpc' };
const HELLO = Buffer.from('hello');

type Handler = (stream: ServerHttp2Stream, message: Buffer) => void;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** A port of a server that is closed after the test. */
async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** An HTTP/2 server that calls `handle` with the first message of each stream. */
async function serve(handle: Handler, tls: { key: Buffer; cert: Buffer } | null = null): Promise<number> {
  const server = tls === null ? http2.createServer() : http2.createSecureServer(tls);
  server.on('session', (session) => {
    session.on('error', () => {});
    cleanups.push(() => session.destroy());
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    // What else comes on the stream is read and ignored.
    stream.once('data', (chunk: Buffer) => handle(stream, chunk.subarray(5)));
    stream.resume();
  });
  return listen(server);
}

async function open(
  port: number,
  options: Partial<ConnectionOptions> = {},
  material: TlsMaterial | null = null,
): Promise<GrpcOutcome<EtcdConnection>> {
  const endpoint = { url: `http://127.0.0.1:${port}`, host: '127.0.0.1', port, isTls: material !== null };
  const { signal } = new AbortController();
  const outcome = await EtcdConnection.open(endpoint, material ?? PLAIN, { ...OPTIONS, ...options }, signal);
  if (outcome.ok) cleanups.push(() => outcome.value.close());
  return outcome;
}

async function opened(...wanted: Parameters<typeof open>): Promise<EtcdConnection> {
  const outcome = await open(...wanted);
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}

/** What a call of this server's only method ends with. */
async function answerOf(handle: Handler): Promise<GrpcOutcome<Uint8Array>> {
  const connection = await opened(await serve(handle));
  return connection.call('/service/Method', { token: 'x' }, HELLO);
}

function ended(connection: EtcdConnection): Promise<GrpcFailure | null> {
  return new Promise((resolve) => {
    const stream = connection.stream('/service/Stream', {}, { message: () => {}, ended: resolve });
    for (let i = 0; i < 7; i++) stream.send(HELLO);
  });
}

describe('a call', () => {
  test('brings the message', async () => {
    const outcome = await answerOf((stream, message) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frameMessage(Buffer.from(`${message} back`)));
    });
    expect(outcome.ok && Buffer.from(outcome.value).toString()).toBe('hello back');
  });

  test.each<[sentence: string, handle: Handler, failure: object]>([
    [
      'a status in the trailers',
      (stream) => {
        stream.respond(GRPC, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '7', 'grpc-message': 'not%20you' }));
        stream.end();
      },
      { status: 7, message: 'not you' },
    ],
    [
      'a status in place of an answer',
      (stream) => stream.respond({ ...GRPC, 'grpc-status': '16', 'grpc-message': 'who?' }, { endStream: true }),
      { status: 16, message: 'who?' },
    ],
    [
      'an answer of a proxy',
      (stream) => {
        stream.respond({ ':status': 502, 'content-type': 'text/html' });
        stream.end('<html>');
      },
      { status: null, message: expect.stringContaining('HTTP status 502') },
    ],
    [
      'an end without status',
      (stream) => {
        stream.respond(GRPC);
        stream.end(frameMessage(HELLO));
      },
      { status: null, message: 'the stream broke off' },
    ],
    [
      'a message without end',
      (stream) => {
        stream.respond(GRPC);
        stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
      },
      { message: expect.stringContaining('a message of 4294967295 octets') },
    ],
  ])('%s is a failure', async (_sentence, handle, failure) => {
    expect(await answerOf(handle)).toMatchObject({ ok: false, failure });
  });

  test('silence is a failure', async () => {
    const timers = new ManualTimers();
    const connection = await opened(await serve(() => {}), { timers });
    const answer = connection.call('/service/Method', {}, HELLO);
    await timers.expire(OPTIONS.callTimeoutMs);
    expect(await answer).toMatchObject({ failure: { status: null, message: 'no answer within 5 s' } });
  });
});

describe('a connection ends, and everything on it,', () => {
  test('when the server says that it is about to stop', async () => {
    const connection = await opened(await serve((stream) => stream.session?.goaway()));
    expect(await ended(connection)).toMatchObject({ message: 'the server is closing the connection' });
    expect(await connection.call('/a/B', {}, HELLO)).toMatchObject({ ok: false });
  });

  test('when nothing answers a PING', async () => {
    // A way to the server that swallows everything from some moment on, without closing.
    let isOpen = true;
    const serverPort = await serve((stream) => stream.respond(GRPC));
    const way = net.createServer((client) => {
      const server = net.connect(serverPort, '127.0.0.1');
      for (const socket of [client, server]) socket.on('error', () => {});
      client.on('close', () => server.destroy());
      client.on('data', (octets) => isOpen && server.write(octets));
      server.on('data', (octets) => client.write(octets));
    });
    const timers = new ManualTimers();
    const connection = await opened(await listen(way), { timers });
    isOpen = false;
    const ending = ended(connection);
    await timers.expire(OPTIONS.keepaliveMs);
    await timers.expire(OPTIONS.keepaliveTimeoutMs);
    expect(await ending).toMatchObject({ message: 'no sign of life for 0.2 s' });
  });

  test('not while PINGs are answered', async () => {
    const timers = new ManualTimers();
    const connection = await opened(await serve((stream) => stream.respond(GRPC)), { timers });
    let hasEnded = false;
    void ended(connection).then(() => {
      hasEnded = true;
    });
    for (let ping = 0; ping < 3; ping++) {
      await timers.expire(OPTIONS.keepaliveMs);
      // The answer replaces the wait for it by the wait for the next PING.
      await until(() => timers.pending.some(({ milliseconds }) => milliseconds === OPTIONS.keepaliveMs));
      expect(timers.pending).toHaveLength(1);
    }
    expect(hasEnded).toBe(false);
  });

  test('when it is closed', async () => {
    const connection = await opened(await serve((stream) => stream.respond(GRPC)));
    const ending = ended(connection);
    connection.close();
    expect(await ending).toMatchObject({ message: 'the connection was closed' });
  });
});

describe('no connection', () => {
  test('to a port where nobody listens', async () => {
    const server = net.createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await open(port)).toMatchObject({ ok: false, failure: { message: 'connection refused' } });
  });

  test('to a server that accepts it and says nothing', async () => {
    let hasHeard = false;
    const silent = net.createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', () => {
          hasHeard = true;
        });
    });
    const timers = new ManualTimers();
    const opening = open(await listen(silent), { timers });
    await until(() => hasHeard);
    await timers.expire(OPTIONS.dialTimeoutMs);
    expect(await opening).toMatchObject({ failure: { message: expect.stringContaining('says nothing for 5 s') } });
  });

  test('after it was given up while the server said nothing', async () => {
    let hasHeard = false;
    const silent = net.createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', () => {
          hasHeard = true;
        });
    });
    const port = await listen(silent);
    const stopping = new AbortController();
    const endpoint = { url: `http://127.0.0.1:${port}`, host: '127.0.0.1', port, isTls: false };
    const opening = EtcdConnection.open(endpoint, PLAIN, OPTIONS, stopping.signal);
    await until(() => hasHeard);
    stopping.abort();
    expect(await opening).toMatchObject({ ok: false, failure: { message: 'stopped' } });
  });

  test('with TLS to a server that says nothing', async () => {
    const port = await listen(net.createServer((socket) => socket.on('error', () => {})));
    const timers = new ManualTimers();
    const opening = open(port, { timers }, PLAIN);
    await timers.expire(OPTIONS.dialTimeoutMs);
    expect(await opening).toMatchObject({ failure: { message: 'no connection within 5 s' } });
  });

  test('after it was given up', async () => {
    const port = await listen(net.createServer((socket) => socket.on('error', () => {})));
    const stopping = new AbortController();
    const endpoint = { url: `https://127.0.0.1:${port}`, host: '127.0.0.1', port, isTls: true };
    const opening = EtcdConnection.open(endpoint, PLAIN, OPTIONS, stopping.signal);
    stopping.abort();
    expect(await opening).toMatchObject({ ok: false, failure: { message: 'stopped' } });
  });
});

describe('with TLS', () => {
  const tls = selfSigned();

  // Node.js 20 to 24 do not tell when a connection is reset just before a write: socket-bridge.ts is there for this.
  test('a connection that breaks at the moment of a write is noticed', async () => {
    const port = await serve((stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frameMessage(HELLO));
    }, tls);
    const open = new Set<net.Socket>();
    const proxy = net.createServer((client) => {
      const server = net.connect(port, '127.0.0.1');
      open.add(client);
      client.on('error', () => {}).on('close', () => server.destroy());
      server.on('error', () => {});
      client.pipe(server);
      server.on('data', (octets) => client.write(octets));
    });
    const proxyPort = await listen(proxy);
    for (let i = 0; i < 10; i++) {
      const connection = await opened(proxyPort, {}, { ...PLAIN, ca: tls.cert });
      await connection.call('/a/B', {}, HELLO);
      const ending = ended(connection);
      for (const socket of open) socket.resetAndDestroy();
      open.clear();
      expect(await Promise.race([ending, delay(2_000).then(() => 'unnoticed')])).not.toBe('unnoticed');
    }
  });

  test('a server that speaks no HTTP/2 is told apart', async () => {
    const { createServer } = await import('node:tls');
    const port = await listen(createServer({ ...tls }, (socket) => socket.on('error', () => {})));
    expect(await open(port, {}, { ...PLAIN, ca: tls.cert })).toMatchObject({
      failure: { message: expect.stringContaining('does not speak HTTP/2') },
    });
  });
});
