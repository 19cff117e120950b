/**
 * What every request passes before its handler: does the place it came in by allow it, and is there room. A request
 * counts until its answer has left, so a stream counts as long as somebody reads it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Access, accessOf, type Tokens } from './access.ts';

/** Requests under way by each place where the API listens; streams (lists, events) among them. */
const MAX_REQUESTS = 256;
const MAX_STREAMS = 64;

/** A place where the API listens. */
export class Entrance {
  readonly name: string;
  /** What those may do who show no token. */
  readonly withoutToken: Access;
  /** Without a token, names that a page in a browser may have made up for our address are refused. */
  readonly checksHost: boolean;
  tokens: Tokens;
  requests = 0;
  streams = 0;
  /** A reader of a stream that takes nothing for so long is cut. */
  readonly stalledMs: number;

  constructor(name: string, withoutToken: Access, tokens: Tokens, checksHost: boolean, stalledMs: number) {
    this.name = name;
    this.stalledMs = stalledMs;
    this.withoutToken = withoutToken;
    this.tokens = tokens;
    this.checksHost = checksHost;
  }
}

export interface GateRefusal {
  readonly status: 401 | 403 | 503;
  readonly detail: string;
  readonly headers: { readonly [name: string]: string };
}

const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;

/** Null: the request may go on. `wanted` is null for what everybody may ask (is the daemon alive?). */
export function admit(
  entrance: Entrance,
  request: IncomingMessage,
  response: ServerResponse,
  wanted: Exclude<Access, 'none'> | null,
  isStream: boolean,
): GateRefusal | null {
  const refused = wanted === null ? null : authorise(entrance, request, wanted);
  if (refused !== null) return refused;
  if (entrance.requests >= MAX_REQUESTS || (isStream && entrance.streams >= MAX_STREAMS)) {
    const what = isStream ? `${MAX_STREAMS} lists and streams` : `${MAX_REQUESTS} requests`;
    return { status: 503, detail: `${what} are under way already; try again later`, headers: { 'retry-after': '1' } };
  }
  entrance.requests++;
  if (isStream) entrance.streams++;
  const watch = isStream ? cutWhenStalled(response, entrance.stalledMs) : undefined;
  response.once('close', () => {
    clearInterval(watch);
    entrance.requests--;
    if (isStream) entrance.streams--;
  });
  return null;
}

function authorise(entrance: Entrance, { headers }: IncomingMessage, wanted: 'read' | 'write'): GateRefusal | null {
  const { authorization, host = '' } = headers;
  const access = accessOf(authorization, entrance.tokens, entrance.withoutToken);
  const challenge = (error: string): GateRefusal['headers'] => ({
    'www-authenticate': `Bearer realm="peregrine"${error}`,
  });
  if (access === null) {
    return { status: 401, detail: 'this is not a valid token', headers: challenge(', error="invalid_token"') };
  }
  if (access === 'none')
    return { status: 401, detail: 'a token is needed: Authorization: Bearer', headers: challenge('') };
  if (entrance.checksHost && authorization === undefined && !LOOPBACK_HOST.test(host)) {
    return {
      status: 403,
      detail: `Host: ${host} is not this machine; without a token, only localhost is`,
      headers: {},
    };
  }
  if (wanted === 'read' || access === 'write') return null;
  if (authorization === undefined) {
    return { status: 401, detail: 'to act, a token is needed here', headers: challenge('') };
  }
  return { status: 403, detail: 'this token may only read', headers: challenge(', error="insufficient_scope"') };
}

/** The socket's own timeout does not see a client that goes on sending while it does not read. */
function cutWhenStalled(response: ServerResponse, stalledMs: number): NodeJS.Timeout {
  let before = -1;
  const watch = setInterval(() => {
    const { socket } = response;
    const waiting = socket === null || socket.writableLength === 0 ? -1 : socket.bytesWritten;
    if (waiting >= 0 && waiting === before) socket?.destroy();
    before = waiting;
  }, stalledMs);
  return watch.unref();
}
