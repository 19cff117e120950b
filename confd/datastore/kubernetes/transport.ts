/**
 * Requests to the API server over HTTP/2 (RFC 9113): one connection for all lists and watches of the process.
 *
 * A server that goes away politely sends GOAWAY: what is under way on that connection ends in its own time, and the next
 * request opens another. One that is just gone answers no PING. A second connection is opened beside the first only when
 * that one has as many streams as the server takes.
 */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import type { Timers } from '../datastore.ts';
import { dial, greeted } from '../http2-dial.ts';
import { explainTransportError, type NamesOfFiles } from '../transport-error.ts';

/** Where to connect, asked for at each connection. */
export type ConnectionTarget =
  | {
      readonly ok: true;
      readonly url: URL;
      readonly tls: SecureContextOptions;
      readonly isInsecure: boolean;
      readonly serverName: string | null;
    }
  | { readonly ok: false; readonly message: string };

/** Who waits for a response. After `ended` or `failed`, and after a cancel, nothing more is called. */
export interface ResponseSink {
  headers(status: number, headers: { readonly [name: string]: string | readonly string[] | undefined }): void;
  data(chunk: Uint8Array): void;
  ended(): void;
  failed(message: string): void;
}

/** What is sent, and how. */
export interface WriteRequest {
  readonly method: 'PUT' | 'PATCH';
  readonly contentType: string;
  readonly body: string;
}

export interface TransportOptions {
  readonly target: () => Promise<ConnectionTarget>;
  readonly timers: Timers;
  readonly onConnected: () => void;
  readonly connectTimeoutMs: number;
  /** Time between PINGs, and how long one may take. As client-go: 30 s and 15 s. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

interface Connection {
  readonly session: ClientHttp2Session;
  /** Requests that are under way. */
  streams: number;
  /** Takes no more requests, or none yet. */
  isRetired: boolean;
  cancelPing: () => void;
}

type ConnectOutcome =
  | { readonly ok: true; readonly connection: Connection }
  | { readonly ok: false; readonly message: string };

/** What the API server takes by default; more than that is queued where nobody sees it. */
const MAX_STREAMS = 100;
/** A request that crosses a GOAWAY is sent again on another connection, so often at most. */
const MAX_REPETITIONS = 3;
/** Lists arrive as fast as the server can send them. */
const STREAM_WINDOW_OCTETS = 1024 * 1024;
const CONNECTION_WINDOW_OCTETS = 4 * 1024 * 1024;

const TAKES_NOTHING = 'the server takes no requests on this connection';

const NAMES: NamesOfFiles = {
  ca: 'certificate-authority (K8S_CA_FILE)',
  certificate: 'client-certificate (K8S_CERT_FILE)',
  key: 'client-key (K8S_KEY_FILE)',
};

function explain(error: unknown): string {
  return explainTransportError(error, NAMES);
}

export class Http2Transport {
  readonly #options: TransportOptions;
  readonly #connections = new Set<Connection>();
  #connecting: Promise<ConnectOutcome> | null = null;
  readonly #closing = new AbortController();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** A GET, or with a body what `write` says. The result cancels it. The sink is called from its own turns, never before this returns. */
  request(
    path: string,
    headers: { readonly [name: string]: string | readonly string[] },
    write: WriteRequest | null,
    sink: ResponseSink,
  ): () => void {
    let isOver = false;
    let stream: ClientHttp2Stream | null = null;
    const live: ResponseSink = {
      headers: (status, all) => {
        if (!isOver) sink.headers(status, all);
      },
      data: (chunk) => {
        if (!isOver) sink.data(chunk);
      },
      ended: () => {
        if (isOver) return;
        isOver = true;
        sink.ended();
      },
      failed: (message) => {
        if (isOver) return;
        isOver = true;
        sink.failed(message);
      },
    };
    const attempt = async (attemptsLeft: number): Promise<void> => {
      const outcome = await this.#reserve();
      if (!outcome.ok) return live.failed(outcome.message);
      const { connection } = outcome;
      if (isOver) return this.#release(connection);
      const tryElsewhere = (message: string): void => {
        this.#retire(connection);
        if (isOver || attemptsLeft === 0) return live.failed(message);
        void attempt(attemptsLeft - 1);
      };
      try {
        const head = { ':method': write?.method ?? 'GET', ':path': path, ...headers };
        if (write === null) stream = connection.session.request(head, { endStream: true });
        else {
          stream = connection.session.request({ ...head, 'content-type': write.contentType });
          stream.end(write.body);
        }
      } catch (error) {
        this.#release(connection);
        return tryElsewhere(explain(error));
      }
      this.#follow(connection, stream, live, tryElsewhere);
    };
    void attempt(MAX_REPETITIONS);
    return () => {
      isOver = true;
      stream?.close(constants.NGHTTP2_CANCEL);
    };
  }

  /** The next request opens a new connection; what is under way goes on. */
  retire(): void {
    for (const connection of this.#connections) this.#retire(connection);
  }

  /** Breaks whatever is open. */
  close(): void {
    this.#closing.abort();
    for (const connection of this.#connections) this.#destroy(connection);
  }

  /** `onUnprocessed`: the server says that it did not look at the request (RFC 9113, 8.7). */
  #follow(
    connection: Connection,
    stream: ClientHttp2Stream,
    sink: ResponseSink,
    onUnprocessed: (message: string) => void,
  ): void {
    let hasEnded = false;
    let problem = '';
    // Node.js tells of the head in a later turn than of data that came with it in one read.
    let early: Buffer[] | null = [];
    stream.on('response', (headers) => {
      const chunks = early ?? [];
      early = null;
      sink.headers(headers[':status'] ?? 0, headers);
      for (const chunk of chunks) sink.data(chunk);
    });
    stream.on('data', (chunk: Buffer) => {
      if (early === null) sink.data(chunk);
      else early.push(chunk);
    });
    stream.on('end', () => {
      hasEnded = true;
    });
    stream.on('error', (error) => {
      problem = explain(error);
    });
    // A connection that breaks ends the stream before it says so: only now is it known how it went.
    stream.on('close', () => {
      this.#release(connection);
      const code = stream.rstCode;
      if (code === constants.NGHTTP2_REFUSED_STREAM) onUnprocessed(TAKES_NOTHING);
      else if (!hasEnded || problem !== '' || code !== constants.NGHTTP2_NO_ERROR) {
        sink.failed(problem || 'the connection broke');
      } else sink.ended();
    });
  }

  /** A connection with room for one more request, which is counted from now on. */
  async #reserve(): Promise<ConnectOutcome> {
    let vain = 0;
    while (!this.#closing.signal.aborted) {
      for (const connection of this.#connections) {
        const { session, isRetired, streams } = connection;
        if (isRetired || session.closed || session.destroyed) continue;
        const taken = Math.min(MAX_STREAMS, session.remoteSettings.maxConcurrentStreams ?? MAX_STREAMS);
        // Whatever a server says, an empty connection is good for one.
        if (streams >= Math.max(1, taken)) continue;
        connection.streams++;
        return { ok: true, connection };
      }
      this.#connecting ??= this.#connect().finally(() => {
        this.#connecting = null;
      });
      const outcome = await this.#connecting;
      if (!outcome.ok) return outcome;
      if (outcome.connection.isRetired && ++vain > MAX_REPETITIONS) return { ok: false, message: TAKES_NOTHING };
    }
    return { ok: false, message: 'stopped' };
  }

  #release(connection: Connection): void {
    connection.streams--;
    if (connection.isRetired && connection.streams === 0) this.#destroy(connection);
  }

  async #connect(): Promise<ConnectOutcome> {
    const target = await this.#options.target();
    if (!target.ok) return target;
    if (this.#closing.signal.aborted) return { ok: false, message: 'stopped' };
    const { url, isInsecure, serverName } = target;
    const isTls = url.protocol === 'https:';
    const { connectTimeoutMs, timers } = this.#options;
    const dialling = {
      timeoutMs: connectTimeoutMs,
      timers,
      signal: this.#closing.signal,
      windowOctets: CONNECTION_WINDOW_OCTETS,
      explain,
    };
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = Number(url.port) || (isTls ? 443 : 80);
    const dialled = await dial({ host, port, tls: isTls ? target.tls : null, serverName, isInsecure }, dialling);
    if (!dialled.ok) return dialled;
    const session = connect(url.origin, {
      createConnection: () => dialled.stream,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_OCTETS },
    });
    const connection: Connection = { session, streams: 0, isRetired: false, cancelPing: () => {} };
    session.on('error', () => {});
    session.on('goaway', () => this.#retire(connection));
    session.on('close', () => {
      connection.cancelPing();
      connection.isRetired = true;
      this.#connections.delete(connection);
    });
    const problem = await greeted(session, isTls, dialling);
    if (problem !== null) return { ok: false, message: problem };
    if (session.destroyed || session.closed) return { ok: false, message: 'the connection broke' };
    this.#connections.add(connection);
    this.#schedulePing(connection);
    this.#options.onConnected();
    return { ok: true, connection };
  }

  #schedulePing(connection: Connection): void {
    const { timers, pingIntervalMs, pingTimeoutMs } = this.#options;
    const { session } = connection;
    connection.cancelPing = timers.schedule(pingIntervalMs, () => {
      if (session.destroyed) return;
      connection.cancelPing = timers.schedule(pingTimeoutMs, () =>
        session.destroy(new Error('the server does not answer')),
      );
      session.ping((error) => {
        connection.cancelPing();
        if (error === null && !session.destroyed) this.#schedulePing(connection);
      });
    });
  }

  #retire(connection: Connection): void {
    connection.isRetired = true;
    if (connection.streams === 0) this.#destroy(connection);
  }

  #destroy(connection: Connection): void {
    connection.isRetired = true;
    connection.cancelPing();
    connection.session.destroy();
  }
}
