/**
 * gRPC on top of HTTP/2, the parts without sockets: how messages are framed, and what status and failure an exchange
 * ended with. Follows the "gRPC over HTTP2" protocol description. Pure.
 */

/** Status codes that something depends on. */
export const GRPC_STATUS = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  permissionDenied: 7,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Why an exchange did not succeed. */
export interface GrpcFailure {
  /** The status the server gave; null: the exchange broke off before there was one. */
  readonly status: number | null;
  readonly message: string;
}

export type GrpcOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: GrpcFailure };

export function failed(message: string, status: number | null = null): { ok: false; failure: GrpcFailure } {
  return { ok: false, failure: { status, message } };
}

/** Nothing that etcd sends is nearly as large; a length beyond it comes from something that is not etcd. */
export const MAX_MESSAGE_OCTETS = 256 * 1024 * 1024;
const PREFIX_OCTETS = 5;

/** Puts the prefix before a message: not compressed, length. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(PREFIX_OCTETS + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, PREFIX_OCTETS);
  return framed;
}

/** Cuts what arrives, in pieces of any size, into messages. */
export class MessageFramer {
  /** Set once what arrives cannot be cut; nothing comes out any more. */
  problem: string | null = null;
  #chunks: Uint8Array[] = [];
  #available = 0;
  /** Length of the message whose prefix was read; -1: none. */
  #wanted = -1;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#available += chunk.length;
  }

  /** The next complete message. */
  next(): Uint8Array | null {
    if (this.problem !== null) return null;
    if (this.#wanted < 0) {
      if (this.#available < PREFIX_OCTETS) return null;
      const prefix = this.#take(PREFIX_OCTETS);
      this.#wanted = new DataView(prefix.buffer, prefix.byteOffset).getUint32(1);
      if (prefix[0] !== 0) this.problem = 'a compressed message, which was not asked for';
      else if (this.#wanted > MAX_MESSAGE_OCTETS) this.problem = `a message of ${this.#wanted} octets`;
      if (this.problem !== null) return null;
    }
    if (this.#available < this.#wanted) return null;
    const message = this.#take(this.#wanted);
    this.#wanted = -1;
    return message;
  }

  #take(count: number): Uint8Array {
    this.#available -= count;
    const [first] = this.#chunks;
    // Most often a message lies within one chunk: a view will do.
    if (first !== undefined && first.length >= count) {
      if (first.length === count) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const taken = new Uint8Array(count);
    let filled = 0;
    let used = 0;
    while (filled < count) {
      const chunk = this.#chunks[used];
      const part = chunk.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) used++;
      else this.#chunks[used] = chunk.subarray(part.length);
    }
    this.#chunks.splice(0, used);
    return taken;
  }
}

/** Header fields as node:http2 gives them. */
export type HeaderFields = { readonly [name: string]: string | number | readonly string[] | undefined };

/** The failure that the headers of a response tell, before any message; null when they are those of gRPC. */
export function headerFailure(headers: HeaderFields): GrpcFailure | null {
  const status = headers[':status'];
  if (Number(status) !== 200) return { status: null, message: `answered with HTTP status ${status}: not etcd's API` };
  const contentType = String(headers['content-type'] ?? '');
  if (!contentType.startsWith('application/grpc')) {
    return { status: null, message: `answered with content type "${contentType}": not etcd's API` };
  }
  return null;
}

/** The failure that trailers tell (or headers, when there are only those); null: success, or no status there. */
export function trailerFailure(trailers: HeaderFields): GrpcFailure | null {
  const status = trailers['grpc-status'];
  if (status === undefined || Number(status) === GRPC_STATUS.ok) return null;
  const message = percentDecoded(String(trailers['grpc-message'] ?? ''));
  return { status: Number(status), message: message || `gRPC status ${status}` };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
