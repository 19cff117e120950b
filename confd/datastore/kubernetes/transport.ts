/**
 * Requests to the API server over HTTP/2 (RFC 9113): one connection for all lists and watches of the process.
 *
 * A server that goes away politely sends GOAWAY: what is under way on that connection ends in its own time, and the next
 * request opens another. One that is just gone answers no PING. A second connection is opened beside the first only when
 * that one has as many streams as the server takes.
 */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Timers } from '../datastore.ts';
import { errorCode, errorMessage } from '../directory-walk.ts';

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

const EXPLANATIONS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name cannot be resolved now',
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is not signed by the given CA",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not signed by the given CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not signed by the given CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not signed by the given CA",
  ERR_HTTP2_ERROR: 'the server does not speak HTTP/2',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the server does not speak HTTP/2',
};

function explain(error: unknown): string {
  return EXPLANATIONS[errorCode(error)] ?? errorMessage(error);
}

export class Http2Transport {
  readonly #options: TransportOptions;
  readonly #connections = new Set<Connection>();
  #connecting: Promise<ConnectOutcome> | null = null;
  #isClosed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** A GET. The result cancels it. The sink is called from its own turns, never before this returns. */
  get(path: string, headers: { readonly [name: string]: string | readonly string[] }, sink: ResponseSink): () => void {
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
        stream = connection.session.request({ ':method': 'GET', ':path': path, ...headers }, { endStream: true });
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
    this.#isClosed = true;
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
    stream.on('response', (headers) => sink.headers(headers[':status'] ?? 0, headers));
    stream.on('data', (chunk: Buffer) => sink.data(chunk));
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
      if (code === constants.NGHTTP2_REFUSED_STREAM) onUnprocessed('the server takes no requests on this connection');
      else if (!hasEnded || problem !== '' || code !== constants.NGHTTP2_NO_ERROR) {
        sink.failed(problem || 'the connection broke');
      } else sink.ended();
    });
  }

  /** A connection with room for one more request, which is counted from now on. */
  async #reserve(): Promise<ConnectOutcome> {
    while (!this.#isClosed) {
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
    if (this.#isClosed) return { ok: false, message: 'stopped' };
    const { url, isInsecure, tls } = target;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const serverName = target.serverName ?? (isIP(host) === 0 ? host : null);
    const session = connect(url.origin, {
      ...tls,
      rejectUnauthorized: !isInsecure,
      ...(serverName === null ? {} : { servername: serverName }),
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_OCTETS },
    });
    const connection: Connection = { session, streams: 0, isRetired: true, cancelPing: () => {} };
    this.#connections.add(connection);
    return new Promise((resolve) => {
      const cancelTimeout = this.#options.timers.schedule(this.#options.connectTimeoutMs, () =>
        session.destroy(new Error('no answer to the attempt to connect')),
      );
      let problem = '';
      session.on('error', (error) => {
        problem = explain(error);
      });
      session.on('goaway', () => this.#retire(connection));
      session.on('close', () => {
        cancelTimeout();
        connection.cancelPing();
        connection.isRetired = true;
        this.#connections.delete(connection);
        resolve({ ok: false, message: problem || 'the connection broke' });
      });
      // The first thing that a server of HTTP/2 says; that TCP and TLS are there says little of what is behind them.
      session.once('remoteSettings', () => {
        cancelTimeout();
        connection.isRetired = false;
        session.setLocalWindowSize(CONNECTION_WINDOW_OCTETS);
        this.#schedulePing(connection);
        resolve({ ok: true, connection });
        this.#options.onConnected();
      });
    });
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
