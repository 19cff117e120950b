/**
 * One HTTP/2 connection to one etcd member, with or without TLS: gRPC calls and streams on it, and the proof of life
 * that it needs (PING). Whatever ends it ends everything on it, with the reason. It is never mended: the caller opens
 * another one.
 */

import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import type { Timers } from '../datastore.ts';
import {
  failed,
  frameMessage,
  type GrpcFailure,
  type GrpcOutcome,
  headerFailure,
  MessageFramer,
  trailerFailure,
} from './grpc.ts';
import { bridge } from './socket-bridge.ts';
import { explainTransportError } from './transport-error.ts';

export interface Endpoint {
  /** `https://10.0.0.1:2379` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** What TLS needs beyond the endpoint, already read from its files. */
export interface TlsMaterial {
  /** Absent: the certificate authorities that Node.js knows. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
}

export interface ConnectionOptions {
  readonly dialTimeoutMs: number;
  readonly callTimeoutMs: number;
  /** Time between PINGs, and how long an answer may take. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly timers: Timers;
}

export type Metadata = { readonly [name: string]: string };

/** Who reads a stream. `ended` is called once, last; null: the server ended it with success. */
export interface StreamReader {
  message(octets: Uint8Array): void;
  ended(failure: GrpcFailure | null): void;
}

export interface MessageStream {
  send(message: Uint8Array): void;
  close(): void;
}

const STREAM_WINDOW_OCTETS = 4 * 1024 * 1024;
const CONNECTION_WINDOW_OCTETS = 16 * 1024 * 1024;

export class EtcdConnection {
  readonly #session: ClientHttp2Session;
  readonly #options: ConnectionOptions;
  #isGreeted = false;
  /** Why the connection is over; null while it lives. */
  #failure: GrpcFailure | null = null;
  #cancelKeepalive: () => void = () => {};

  private constructor(session: ClientHttp2Session, isTls: boolean, options: ConnectionOptions) {
    this.#session = session;
    this.#options = options;
    session.on('error', (error) => this.#end(explainTransportError(error)));
    // A member that is about to stop says so; its streams may linger, but another member can be had now.
    session.on('goaway', () => this.#end('the server is closing the connection'));
    session.on('close', () => this.#end(this.#isGreeted ? 'the connection was closed' : wordlessEnd(isTls)));
  }

  /** Connects, or tells why not. */
  static async open(
    endpoint: Endpoint,
    material: TlsMaterial,
    options: ConnectionOptions,
    signal: AbortSignal,
  ): Promise<GrpcOutcome<EtcdConnection>> {
    const dialled = await dial(endpoint, material, options, signal);
    if (!dialled.ok) return dialled;
    const socket = dialled.value;
    const session = http2.connect(endpoint.url, {
      createConnection: () => (endpoint.isTls ? bridge(socket) : socket),
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_OCTETS },
    });
    const connection = new EtcdConnection(session, endpoint.isTls, options);
    const failure = await connection.#greeted(signal);
    return failure === null ? { ok: true, value: connection } : { ok: false, failure };
  }

  /**
   * Waits for the server's SETTINGS, the first thing that HTTP/2 has it say: the kernel accepts connections for a process
   * that hangs. Why they do not come, or null.
   */
  #greeted(signal: AbortSignal): Promise<GrpcFailure | null> {
    return new Promise((resolve) => {
      const { dialTimeoutMs, timers } = this.#options;
      const finish = (): void => {
        cancelTimeout();
        signal.removeEventListener('abort', abort);
        resolve(this.#failure);
      };
      const abort = (): void => this.#end('stopped');
      const cancelTimeout = timers.schedule(dialTimeoutMs, () =>
        this.#end(`accepts the connection, then says nothing for ${dialTimeoutMs / 1_000} s: it hangs, or is not etcd`),
      );
      signal.addEventListener('abort', abort);
      this.#session.once('close', finish);
      this.#session.once('remoteSettings', () => {
        this.#session.removeListener('close', finish);
        this.#isGreeted = true;
        this.#session.setLocalWindowSize(CONNECTION_WINDOW_OCTETS);
        this.#scheduleKeepalive();
        finish();
      });
      if (signal.aborted) abort();
    });
  }

  /** One request, one response. */
  call(path: string, metadata: Metadata, request: Uint8Array): Promise<GrpcOutcome<Uint8Array>> {
    return new Promise((resolve) => {
      const { callTimeoutMs, timers } = this.#options;
      let response: Uint8Array | null = null;
      const cancelTimeout = timers.schedule(callTimeoutMs, () => {
        resolve(failed(`no answer within ${callTimeoutMs / 1_000} s`));
        stream?.close(http2.constants.NGHTTP2_CANCEL);
      });
      const stream = this.#open(path, metadata, {
        message: (octets) => {
          response = octets;
        },
        ended: (failure) => {
          cancelTimeout();
          if (failure !== null) resolve({ ok: false, failure });
          else if (response === null) resolve(failed(`${path} was answered with nothing`));
          else resolve({ ok: true, value: response });
        },
      });
      stream?.end(frameMessage(request));
    });
  }

  /** A stream of messages in both directions. */
  stream(path: string, metadata: Metadata, reader: StreamReader): MessageStream {
    const stream = this.#open(path, metadata, reader);
    return {
      send: (message) => {
        if (stream?.writable) stream.write(frameMessage(message));
      },
      close: () => stream?.close(http2.constants.NGHTTP2_CANCEL),
    };
  }

  close(): void {
    this.#end('the connection was closed');
  }

  /** Null when the connection is over, which the reader is told. */
  #open(path: string, metadata: Metadata, reader: StreamReader): ClientHttp2Stream | null {
    if (this.#failure !== null || this.#session.destroyed || this.#session.closed) {
      const failure = this.#failure ?? { status: null, message: 'the connection was closed' };
      queueMicrotask(() => reader.ended(failure));
      return null;
    }
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'peregrine',
      ...metadata,
    });
    this.#read(stream, reader);
    return stream;
  }

  #read(stream: ClientHttp2Stream, reader: StreamReader): void {
    const framer = new MessageFramer();
    let failure: GrpcFailure | null = null;
    let hasStatus = false;
    const fail = (message: string): void => {
      failure ??= { status: null, message };
      stream.close(http2.constants.NGHTTP2_CANCEL);
    };
    const readStatus = (fields: http2.IncomingHttpHeaders): void => {
      if (fields['grpc-status'] === undefined) return;
      hasStatus = true;
      failure ??= trailerFailure(fields);
    };
    stream.on('response', (headers) => {
      failure ??= headerFailure(headers);
      readStatus(headers);
      if (failure !== null && !hasStatus) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('trailers', readStatus);
    stream.on('data', (chunk: Uint8Array) => {
      if (failure !== null) return;
      framer.push(chunk);
      for (let message = framer.next(); message !== null; message = framer.next()) reader.message(message);
      if (framer.problem !== null) fail(`the server sent ${framer.problem}`);
    });
    stream.on('error', (error) => {
      failure ??= { status: null, message: explainTransportError(error) };
    });
    stream.on('close', () => {
      const reason = failure ?? this.#failure;
      reader.ended(reason === null && !hasStatus ? { status: null, message: 'the stream broke off' } : reason);
    });
  }

  #scheduleKeepalive(): void {
    const { keepaliveMs, keepaliveTimeoutMs, timers } = this.#options;
    this.#cancelKeepalive = timers.schedule(keepaliveMs, () => {
      this.#cancelKeepalive = timers.schedule(keepaliveTimeoutMs, () =>
        this.#end(`no sign of life for ${keepaliveTimeoutMs / 1_000} s`),
      );
      if (this.#session.destroyed) return;
      this.#session.ping((error) => {
        if (error !== null || this.#failure !== null) return;
        this.#cancelKeepalive();
        this.#scheduleKeepalive();
      });
    });
  }

  #end(message: string): void {
    if (this.#failure !== null) return;
    this.#failure = { status: null, message };
    this.#cancelKeepalive();
    this.#session.destroy();
  }
}

/** The server closed the connection before it said anything. A server that wants TLS does so when there is none. */
function wordlessEnd(isTls: boolean): string {
  const said = 'the server closed the connection without a word of HTTP/2';
  return isTls ? said : `${said}: should the endpoint begin with https://?`;
}

/** A socket on its way. Throws when key and certificate are not of use. */
function socketTo({ host, port, isTls }: Endpoint, material: TlsMaterial): net.Socket {
  if (!isTls) return net.connect({ host, port });
  return tls.connect({
    host,
    port,
    // A server name must be a name (RFC 6066, section 3). The certificate is checked for `host` either way.
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...material,
    ALPNProtocols: ['h2'],
  });
}

/** A connected socket; with TLS, one whose server was checked and speaks HTTP/2. */
function dial(
  endpoint: Endpoint,
  material: TlsMaterial,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<GrpcOutcome<net.Socket>> {
  return new Promise((resolve) => {
    let socket: net.Socket;
    try {
      socket = socketTo(endpoint, material);
    } catch (error) {
      return resolve(failed(explainTransportError(error)));
    }
    const finish = (outcome: GrpcOutcome<net.Socket>): void => {
      cancelTimeout();
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', refuse);
      // Once given up, later errors of the socket tell nothing new.
      if (!outcome.ok) socket.on('error', () => {}).destroy();
      resolve(outcome);
    };
    const refuse = (error: Error): void => finish(failed(explainTransportError(error)));
    const abort = (): void => finish(failed('stopped'));
    const cancelTimeout = options.timers.schedule(options.dialTimeoutMs, () =>
      finish(failed(`no connection within ${options.dialTimeoutMs / 1_000} s`)),
    );
    socket.once('error', refuse);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    socket.once(endpoint.isTls ? 'secureConnect' : 'connect', () => {
      if (socket instanceof tls.TLSSocket && socket.alpnProtocol !== 'h2') {
        finish(failed('the server does not speak HTTP/2: not an etcd client port'));
      } else {
        socket.setNoDelay(true);
        finish({ ok: true, value: socket });
      }
    });
  });
}
