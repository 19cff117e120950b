/**
 * Lists and watches of the API server: from a path to objects, or to a reason why there are none.
 *
 * Knows credentials and the forms of answers, and nothing of positions or repetition, which are the reflector's. Only
 * one thing is tried twice: a request whose credentials the server refused, with fresh ones.
 */

import type { Timers } from '../datastore.ts';
import { type ClusterAccess, describeIdentity } from './access.ts';
import { type ApiFailure, statusFailure, transportFailure } from './api-failure.ts';
import { type CredentialIo, Credentials, SYSTEM_CREDENTIAL_IO } from './credentials.ts';
import { ListDecoder, type ListMetadata } from './list-decoder.ts';
import { Http2Transport, type WriteRequest } from './transport.ts';
import { WatchDecoder, type WatchEvent } from './watch-decoder.ts';

/** After `done` or `failed`, and after a cancel, nothing more is called. */
export interface ListHandlers {
  item(object: unknown): void;
  done(metadata: ListMetadata): void;
  failed(failure: ApiFailure): void;
}

/** After `ended` or `failed`, and after a cancel, nothing more is called. */
export interface WatchHandlers {
  opened(): void;
  event(event: WatchEvent): void;
  ended(): void;
  failed(failure: ApiFailure): void;
}

export type ReadOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: ApiFailure };

export interface ApiClientOptions {
  readonly timers: Timers;
  readonly onConnected: () => void;
  readonly userAgent: string;
  readonly io?: CredentialIo;
  readonly connectTimeoutMs?: number;
  readonly pingIntervalMs?: number;
  readonly pingTimeoutMs?: number;
}

/** A body that is decoded as it arrives. A failure ends the request. */
interface BodyReader {
  begin(): void;
  data(chunk: Uint8Array): ApiFailure | null;
  end(): void;
}

/** An explanation of what went wrong is no longer than this. */
const MAX_ERROR_OCTETS = 64 * 1024;
/** Nor is a document that is read as a whole longer than this: the list of API groups is some 20 kB. */
const MAX_DOCUMENT_OCTETS = 8 * 1024 * 1024;
/** A silent request other than a watch: no PING notices a proxy that answers for a dead server. */
const REQUEST_TIMEOUT_MS = 60_000;
/** As Calico's own reporter waits. */
const WRITE_TIMEOUT_MS = 10_000;

function parseOrText(octets: Buffer): unknown {
  const text = octets.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    // Proxies answer with anything.
    return { message: text.trim().slice(0, 200) };
  }
}

export class ApiClient {
  readonly #access: ClusterAccess;
  readonly #credentials: Credentials;
  readonly #transport: Http2Transport;
  readonly #timers: Timers;
  readonly #userAgent: string;
  readonly #pathPrefix: string;

  constructor(access: ClusterAccess, options: ApiClientOptions) {
    const url = new URL(access.server);
    this.#access = access;
    this.#timers = options.timers;
    this.#userAgent = options.userAgent;
    this.#pathPrefix = url.pathname.replace(/\/+$/, '');
    this.#credentials = new Credentials(access, options.io ?? SYSTEM_CREDENTIAL_IO);
    this.#transport = new Http2Transport({
      target: async () => {
        const tls = await this.#credentials.tls();
        if (!tls.ok) return tls;
        const { isInsecure, serverName } = this.#access;
        return { ok: true, url, tls: tls.options, isInsecure, serverName };
      },
      timers: options.timers,
      onConnected: options.onConnected,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      pingIntervalMs: options.pingIntervalMs ?? 30_000,
      pingTimeoutMs: options.pingTimeoutMs ?? 15_000,
    });
  }

  /** Breaks whatever is under way. */
  close(): void {
    this.#transport.close();
  }

  /** One page of a list. The result cancels it. */
  list(path: string, accept: string, handlers: ListHandlers): () => void {
    const decoder = new ListDecoder(handlers.item);
    return this.#request(path, accept, REQUEST_TIMEOUT_MS, handlers.failed, {
      begin: () => {},
      data: (chunk) => {
        decoder.push(chunk);
        return null;
      },
      end: () => {
        const outcome = decoder.end();
        if (outcome.ok) handlers.done(outcome.metadata);
        else handlers.failed(transportFailure(outcome.message));
      },
    });
  }

  /** A watch. The result cancels it. */
  watch(path: string, accept: string, handlers: WatchHandlers): () => void {
    const decoder = new WatchDecoder();
    return this.#request(path, accept, null, handlers.failed, {
      begin: handlers.opened,
      data: (chunk) => {
        for (const output of decoder.push(chunk)) {
          if (!output.ok) return { ...transportFailure(output.message), status: 500 };
          if (output.event.type === 'ERROR') return statusFailure(output.event.object, 500);
          handlers.event(output.event);
        }
        return null;
      },
      end: handlers.ended,
    });
  }

  /** A small document. Resolves in any case, after `close` too. */
  read(path: string): Promise<ReadOutcome> {
    return this.#document(path, REQUEST_TIMEOUT_MS, null);
  }

  /** Writes an object; resolves with it as the server has it then. A conflict is a failure with status 409. */
  write(path: string, write: WriteRequest): Promise<ReadOutcome> {
    return this.#document(path, WRITE_TIMEOUT_MS, write);
  }

  #document(path: string, silenceMs: number, write: WriteRequest | null): Promise<ReadOutcome> {
    return new Promise((resolve) => {
      const chunks: Uint8Array[] = [];
      let octets = 0;
      const failed = (failure: ApiFailure) => resolve({ ok: false, failure });
      this.#request(
        path,
        'application/json',
        silenceMs,
        failed,
        {
          begin: () => {},
          data: (chunk) => {
            chunks.push(chunk);
            octets += chunk.length;
            return octets > MAX_DOCUMENT_OCTETS
              ? transportFailure(`${path} is too long to be what it should be`)
              : null;
          },
          end: () => resolve({ ok: true, value: parseOrText(Buffer.concat(chunks)) }),
        },
        write,
      );
    });
  }

  /** The server says no more than "Unauthorized". */
  #explainRefusal(message: string): string {
    return `${this.#access.server} does not accept ${describeIdentity(this.#access)}: ${message}`;
  }

  #request(
    path: string,
    accept: string,
    silenceMs: number | null,
    onFailed: (failure: ApiFailure) => void,
    reader: BodyReader,
    write: WriteRequest | null = null,
  ): () => void {
    let isOver = false;
    let cancelTransport = (): void => {};
    let cancelTimeout = (): void => {};
    const finish = (): void => {
      isOver = true;
      cancelTimeout();
    };
    const fail = (failure: ApiFailure): void => {
      if (isOver) return;
      finish();
      cancelTransport();
      onFailed(failure);
    };
    const heard = (): void => {
      cancelTimeout();
      if (silenceMs === null || isOver) return;
      cancelTimeout = this.#timers.schedule(silenceMs, () =>
        fail(transportFailure(`${this.#access.server}: the server said nothing for ${silenceMs / 1_000} s`)),
      );
    };
    const attempt = async (isLast: boolean): Promise<void> => {
      const identity = await this.#credentials.headers();
      if (isOver) return;
      if (!identity.ok) return fail(transportFailure(identity.message));
      let status = 0;
      let retryAfter: unknown = null;
      let complaint: Uint8Array[] = [];
      let complaintOctets = 0;
      const headers = { accept, 'user-agent': this.#userAgent, ...identity.headers };
      heard();
      cancelTransport = this.#transport.request(`${this.#pathPrefix}${path}`, headers, write, {
        headers: (code, all) => {
          heard();
          status = code;
          retryAfter = all['retry-after'];
          if (status === 200) reader.begin();
        },
        data: (chunk) => {
          heard();
          if (status !== 200) {
            complaintOctets += chunk.length;
            if (complaintOctets <= MAX_ERROR_OCTETS) complaint.push(chunk);
            return;
          }
          const failure = reader.data(chunk);
          if (failure !== null) fail(failure);
        },
        ended: () => {
          if (isOver) return;
          if (status === 200) {
            finish();
            return reader.end();
          }
          if (status === 401 && !isLast) {
            this.#credentials.forget();
            if (this.#credentials.dependOnConnection) this.#transport.retire();
            return void attempt(true);
          }
          const failure = statusFailure(parseOrText(Buffer.concat(complaint)), status, retryAfter);
          fail(status === 401 ? { ...failure, message: this.#explainRefusal(failure.message) } : failure);
          complaint = [];
        },
        failed: (message) => fail(transportFailure(`${this.#access.server}: ${message}`)),
      });
    };
    void attempt(false);
    return () => {
      finish();
      cancelTransport();
    };
  }
}
