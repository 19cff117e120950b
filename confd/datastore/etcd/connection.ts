/**
 * One HTTP/2 connection to one etcd member, with or without TLS: gRPC calls and streams on it, and the proof of life
 * that it needs (PING). Whatever ends it ends everything on it, with the reason. It is never mended: the caller opens
 * another one.
 */

import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Timers } from '../datastore.ts';
import { dial, greeted } from '../http2-dial.ts';
import { explainTransportError as explain, type NamesOfFiles } from '../transport-error.ts';
import {
  failed,
  frameMessage,
  type GrpcFailure,
  type GrpcOutcome,
  headerFailure,
  MessageFramer,
  trailerFailure,
} from './grpc.ts';

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

const NAMES: NamesOfFiles = { ca: 'ETCD_CA_CERT_FILE', certificate: 'ETCD_CERT_FILE', key: 'ETCD_KEY_FILE' };
const explainTransportError = (error: unknown): string => explain(error, NAMES);

const STREAM_WINDOW_OCTETS = 4 * 1024 * 1024;
const CONNECTION_WINDOW_OCTETS = 16 * 1024 * 1024;

export class EtcdConnection {
  readonly #session: ClientHttp2Session;
  readonly #options: ConnectionOptions;
  /** Why the connection is over; null while it lives. */
  #failure: GrpcFailure | null = null;
  #cancelKeepalive: () => void = () => {};

  private constructor(session: ClientHttp2Session, options: ConnectionOptions) {
    this.#session = session;
    this.#options = options;
    session.on('error', (error) => this.#end(explainTransportError(error)));
    // A member that is about to stop says so; its streams may linger, but another member can be had now.
    session.on('goaway', () => this.#end('the server is closing the connection'));
    session.on('close', () => this.#end('the connection was closed'));
    this.#scheduleKeepalive();
    // It may have ended between its first word and now.
    if (session.destroyed || session.closed) this.#end('the connection was closed');
  }

  /** Connects, or tells why not. */
  static async open(
    endpoint: Endpoint,
    material: TlsMaterial,
    options: ConnectionOptions,
    signal: AbortSignal,
  ): Promise<GrpcOutcome<EtcdConnection>> {
    const { host, port, isTls } = endpoint;
    const dialling = {
      timeoutMs: options.dialTimeoutMs,
      timers: options.timers,
      signal,
      windowOctets: CONNECTION_WINDOW_OCTETS,
      explain: explainTransportError,
    };
    const target = { host, port, tls: isTls ? material : null, serverName: null, isInsecure: false };
    const dialled = await dial(target, dialling);
    if (!dialled.ok) return failed(dialled.message);
    const session = http2.connect(endpoint.url, {
      createConnection: () => dialled.stream,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_OCTETS },
    });
    const problem = await greeted(session, isTls, dialling);
    if (problem !== null) return failed(problem);
    return { ok: true, value: new EtcdConnection(session, options) };
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
    // Node.js tells of the head in a later turn than of data that came with it in one read.
    let early: Uint8Array[] | null = [];
    stream.on('response', (headers) => {
      failure ??= headerFailure(headers);
      readStatus(headers);
      if (failure !== null && !hasStatus) stream.close(http2.constants.NGHTTP2_CANCEL);
      const chunks = early ?? [];
      early = null;
      for (const chunk of chunks) take(chunk);
    });
    stream.on('trailers', readStatus);
    stream.on('data', (chunk: Uint8Array) => {
      if (early === null) take(chunk);
      else early.push(chunk);
    });
    const take = (chunk: Uint8Array): void => {
      if (failure !== null) return;
      framer.push(chunk);
      for (let message = framer.next(); message !== null; message = framer.next()) reader.message(message);
      if (framer.problem !== null) fail(`the server sent ${framer.problem}`);
    };
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
