/**
 * The calls a reader of etcd makes, on one connection: Range and Watch, and Authenticate when there is a user. A token
 * that etcd no longer takes (they expire after minutes without use) is replaced once, unseen by the caller. Failures
 * say what to do where that is known.
 */

import type { EtcdConnection, MessageStream, Metadata, StreamReader } from './connection.ts';
import { failed, GRPC_STATUS, type GrpcFailure, type GrpcOutcome } from './grpc.ts';
import {
  decodeAuthenticateResponse,
  decodeRangeResponse,
  encodeAuthenticateRequest,
  encodeRangeRequest,
  type RangeRequest,
  type RangeResponse,
} from './messages.ts';
import type { EtcdSettings } from './settings.ts';

const RANGE = '/etcdserverpb.KV/Range';
const WATCH = '/etcdserverpb.Watch/Watch';
const AUTHENTICATE = '/etcdserverpb.Auth/Authenticate';

/** A member that has lost its cluster must say so, instead of sitting still. */
const REQUIRE_LEADER: Metadata = { hasleader: 'true' };

/** What was read at a revision, or is to be watched from one, is no longer in etcd's history. */
export function isCompacted(failure: GrpcFailure): boolean {
  return failure.status === GRPC_STATUS.outOfRange && failure.message.includes('compacted');
}

/** Who we are. Outlives connections: making a token is work for etcd, and all nodes return at once after a restart. */
export interface Identity {
  readonly credentials: EtcdSettings['credentials'];
  /** Null: not asked for yet. Empty: none is needed. */
  token: string | null;
}

export class EtcdClient {
  readonly #connection: EtcdConnection;
  readonly #identity: Identity;

  constructor(connection: EtcdConnection, identity: Identity) {
    this.#connection = connection;
    this.#identity = identity;
  }

  /** `what` is read, for the failure. */
  async range(request: RangeRequest, what: string): Promise<GrpcOutcome<RangeResponse>> {
    const answer = await this.#call(RANGE, encodeRangeRequest(request));
    if (!answer.ok) return { ok: false, failure: this.#explained(answer.failure, what) };
    const response = decodeRangeResponse(answer.value);
    return response === null ? failed('the answer to Range cannot be read') : { ok: true, value: response };
  }

  /** A stream of watch requests and responses. A call has to have succeeded before on this client. */
  watch(reader: StreamReader): MessageStream {
    return this.#connection.stream(WATCH, this.#metadata(), reader);
  }

  /** What a refused watch means. */
  explainWatch(reason: string): string {
    return this.#explained({ status: null, message: reason }, 'what is to be watched').message;
  }

  async #call(path: string, request: Uint8Array): Promise<GrpcOutcome<Uint8Array>> {
    const isNew = this.#identity.token === null;
    if (isNew) {
      const failure = await this.#authenticate();
      if (failure !== null) return { ok: false, failure };
    }
    const answer = await this.#connection.call(path, this.#metadata(), request);
    if (answer.ok || isNew || !isTokenRefused(answer.failure)) return answer;
    const failure = await this.#authenticate();
    if (failure !== null) return { ok: false, failure };
    return this.#connection.call(path, this.#metadata(), request);
  }

  async #authenticate(): Promise<GrpcFailure | null> {
    const identity = this.#identity;
    identity.token = null;
    if (identity.credentials === null) {
      identity.token = '';
      return null;
    }
    const { name, password } = identity.credentials;
    const answer = await this.#connection.call(AUTHENTICATE, REQUIRE_LEADER, encodeAuthenticateRequest(name, password));
    if (!answer.ok) {
      // Calico's client goes on without a token too: credentials may be rolled out before authentication is enabled.
      if (answer.failure.message.includes('authentication is not enabled')) {
        identity.token = '';
        return null;
      }
      return this.#explained(answer.failure, 'a token');
    }
    const token = decodeAuthenticateResponse(answer.value);
    if (token === null || token === '') return failed('the answer to Authenticate cannot be read').failure;
    identity.token = token;
    return null;
  }

  #metadata(): Metadata {
    const { token } = this.#identity;
    return token ? { ...REQUIRE_LEADER, token } : REQUIRE_LEADER;
  }

  #explained(failure: GrpcFailure, what: string): GrpcFailure {
    const { credentials } = this.#identity;
    const user = credentials === null ? 'us' : `user "${credentials.name}"`;
    const { message } = failure;
    const explain = (text: string): GrpcFailure => ({ ...failure, message: text });
    if (message.includes('authentication failed')) {
      return explain(`etcd does not know ${user} with this password (ETCD_USERNAME, ETCD_PASSWORD)`);
    }
    if (message.includes('user name is empty')) {
      return explain('etcd wants to know who asks: set ETCD_USERNAME and ETCD_PASSWORD');
    }
    if (message.includes('permission denied')) {
      return explain(`etcd does not let ${user} read ${what}: grant read on /calico/`);
    }
    return failure;
  }
}

/** A new token would help: this one is not valid any more, or users or roles have changed, or there was no need for one. */
function isTokenRefused({ status, message }: GrpcFailure): boolean {
  return (
    status === GRPC_STATUS.unauthenticated ||
    message.includes('revision of auth store is old') ||
    message.includes('user name is empty')
  );
}
