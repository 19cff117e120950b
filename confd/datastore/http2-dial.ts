/**
 * The way to a server of HTTP/2 (RFC 9113): a socket, TLS with ALPN, and the server's SETTINGS, which are the first
 * thing that it says. Each step has an end in time and a reason when it fails. What goes over the connection is the
 * business of who asked for it: etcd's client and that of the Kubernetes API.
 */

import type { ClientHttp2Session } from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Timers } from './datastore.ts';
import { bridge } from './socket-bridge.ts';

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  /** Null: no TLS. */
  readonly tls: tls.SecureContextOptions | null;
  /** The name in the server's certificate; null: the host. */
  readonly serverName: string | null;
  /** Take any server certificate. */
  readonly isInsecure: boolean;
}

export interface DialOptions {
  /** Of the way to the server, and again of its first word. */
  readonly timeoutMs: number;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  /** How much may be under way to us on the whole connection. */
  readonly windowOctets: number;
  /** What an error of socket or TLS means. */
  readonly explain: (error: unknown) => string;
}

export type DialOutcome =
  | { readonly ok: true; readonly stream: Duplex }
  | { readonly ok: false; readonly message: string };

/** A socket on its way. Throws when key or certificate is of no use. */
function socketTo({ host, port, tls: material, serverName, isInsecure }: DialTarget): net.Socket {
  if (material === null) return net.connect({ host, port });
  const name = serverName ?? host;
  return tls.connect({
    host,
    port,
    // A server name must be a name (RFC 6066, section 3). An address is checked all the same.
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    ...(serverName === null ? {} : { checkServerIdentity: (_host, cert) => tls.checkServerIdentity(serverName, cert) }),
    ...material,
    rejectUnauthorized: !isInsecure,
    ALPNProtocols: ['h2'],
  });
}

/** A connected stream for node:http2; with TLS, one whose server was checked and speaks HTTP/2. */
export function dial(target: DialTarget, options: DialOptions): Promise<DialOutcome> {
  return new Promise((resolve) => {
    const { timeoutMs, timers, signal, explain } = options;
    let socket: net.Socket;
    try {
      socket = socketTo(target);
    } catch (error) {
      return resolve({ ok: false, message: explain(error) });
    }
    const finish = (outcome: DialOutcome): void => {
      cancelTimeout();
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', refuse);
      // Once given up, later errors of the socket tell nothing new.
      if (!outcome.ok) socket.on('error', () => {}).destroy();
      resolve(outcome);
    };
    const refuse = (error: Error): void => finish({ ok: false, message: explain(error) });
    const abort = (): void => finish({ ok: false, message: 'stopped' });
    const cancelTimeout = timers.schedule(timeoutMs, () =>
      finish({ ok: false, message: `no connection within ${timeoutMs / 1_000} s` }),
    );
    socket.once('error', refuse);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    socket.once(target.tls === null ? 'connect' : 'secureConnect', () => {
      if (socket instanceof tls.TLSSocket && socket.alpnProtocol !== 'h2') {
        return finish({ ok: false, message: 'the server does not speak HTTP/2' });
      }
      socket.setNoDelay(true);
      finish({ ok: true, stream: target.tls === null ? socket : bridge(socket) });
    });
  });
}

/** The server closed the connection before it said anything. One that wants TLS does so when there is none. */
function wordlessEnd(isTls: boolean): string {
  const said = 'the server closed the connection without a word of HTTP/2';
  return isTls ? said : `${said}: should the URL begin with https://?`;
}

/**
 * Waits for the SETTINGS of a session just made: the kernel accepts connections for a process that hangs. Resolves to
 * why they do not come, the session being over then; or to null.
 */
export function greeted(session: ClientHttp2Session, isTls: boolean, options: DialOptions): Promise<string | null> {
  return new Promise((resolve) => {
    const { timeoutMs, timers, signal, windowOctets, explain } = options;
    let problem = '';
    const finish = (message: string | null): void => {
      cancelTimeout();
      signal.removeEventListener('abort', abort);
      session.removeListener('close', closed);
      resolve(message);
      if (message !== null) session.destroy();
    };
    const closed = (): void => finish(problem || wordlessEnd(isTls));
    const abort = (): void => finish('stopped');
    const silence = `accepts the connection, then says nothing for ${timeoutMs / 1_000} s`;
    const cancelTimeout = timers.schedule(timeoutMs, () => finish(silence));
    session.on('error', (error) => {
      problem ||= explain(error);
    });
    session.on('close', closed);
    session.once('remoteSettings', () => {
      if (session.destroyed || session.closed) return;
      session.setLocalWindowSize(windowOctets);
      finish(null);
    });
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}
