/**
 * Outgoing TCP connections of BGP sessions. Without special wishes this is net.connect; with a password, TTL or
 * interface the socket is made here, so that the options hold from the first SYN on, connected without blocking, watched
 * by the event loop, and handed to node:net once it is connected.
 *
 * Exactly one of `connected` and `failed` is called, never from inside openConnection, and neither after abort().
 */

import net from 'node:net';
import { type IpAddress, parseAddress } from '../../bgp/ip.ts';
import type { TtlSecurity } from '../../bgp/session-config.ts';
import { isLinkLocal, LITTLE_ENDIAN, socketAddress, socketDomain } from './socket-address.ts';
import {
  bindToInterface,
  DEFAULT_TTL,
  descriptorOf,
  type SocketOptionError,
  setMd5Password,
  setTrafficClass,
  setTtl,
  TRAFFIC_CLASS_ROUTING,
  ttlValues,
} from './sockopt.ts';
import { errnoName, errnoText, type PollHandle, syscalls, syscallsLoaded, tryLoadSyscalls } from './syscalls.ts';

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const EINPROGRESS = 115;

export interface ConnectionOptions {
  /** Canonical address text. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Source address; null lets the kernel choose. */
  readonly localAddress: string | null;
  /** Interface to go through (SO_BINDTODEVICE) and scope of link-local addresses; null: any. */
  readonly interfaceName: string | null;
  readonly ttl: TtlSecurity;
  /** TCP MD5 key (RFC 2385), null: none. */
  readonly password: string | null;
  /** Gives up after this time; the kernel alone would take about two minutes. */
  readonly timeoutMs: number;
  /** Reads into this buffer instead of emitting `data` (see net.Socket's onread). */
  readonly onread?: net.OnReadOpts;
}

/** Why there is no connection. `code` is a system error name (`ECONNREFUSED`, `ETIMEDOUT`, `EADDRNOTAVAIL`...). */
export interface ConnectionFailure {
  readonly code: string;
  readonly message: string;
}

export interface ConnectionHandlers {
  /** The caller owns the socket now; it must listen for its `error`. */
  connected(socket: net.Socket): void;
  failed(failure: ConnectionFailure): void;
}

/** A connection attempt under way. */
export interface PendingConnection {
  /** Ends the attempt without telling anybody; does nothing once it has ended. */
  abort(): void;
}

/** True when net.connect cannot do what is asked. */
export function needsSocketOptions(options: ConnectionOptions): boolean {
  const { outgoing, minimum } = ttlValues(options.ttl);
  return options.password !== null || options.interfaceName !== null || outgoing !== DEFAULT_TTL || minimum !== 0;
}

/** Starts a connection attempt. */
export function openConnection(options: ConnectionOptions, handlers: ConnectionHandlers): PendingConnection {
  const attempt = new ConnectionAttempt(handlers);
  if (needsSocketOptions(options)) attempt.startWithOptions(options);
  else attempt.startPlain(options);
  return attempt;
}

class ConnectionAttempt implements PendingConnection {
  private readonly handlers: ConnectionHandlers;
  private done = false;
  private timer: NodeJS.Timeout | null = null;
  private socket: net.Socket | null = null;
  private descriptor = -1;
  private watch: PollHandle | null = null;

  constructor(handlers: ConnectionHandlers) {
    this.handlers = handlers;
  }

  abort(): void {
    this.done = true;
    this.release();
  }

  startPlain(options: ConnectionOptions): void {
    const socket = net.connect({
      host: options.peerAddress,
      port: options.peerPort,
      family: options.peerAddress.includes(':') ? 6 : 4,
      noDelay: true,
      ...(options.localAddress === null ? {} : { localAddress: options.localAddress }),
      ...(options.onread === undefined ? {} : { onread: options.onread }),
    });
    this.socket = socket;
    this.startTimer(options.timeoutMs);
    socket.once('connect', () => {
      if (this.done) return;
      socket.removeAllListeners('error');
      // Only a nicety, so not worth loading native code for.
      if (syscallsLoaded()) {
        setTrafficClass(descriptorOf(socket), options.peerAddress.includes(':') ? 1 : 0, TRAFFIC_CLASS_ROUTING);
      }
      this.finish(socket);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.fail(error.code ?? 'EIO', error.message);
    });
  }

  startWithOptions(options: ConnectionOptions): void {
    const failure = this.beginConnect(options);
    if (failure !== null) {
      // Found while still inside openConnection: told later, so that callers see one order of things only.
      this.release();
      setImmediate(() => this.fail(failure.code, failure.message));
      return;
    }
    this.startTimer(options.timeoutMs);
    this.watch = syscalls().poll(this.descriptor, 'writable', () => this.connectEnded(options));
  }

  /** Makes the socket and starts the handshake; null when it is under way (or already done). */
  private beginConnect(options: ConnectionOptions): ConnectionFailure | null {
    const problem = tryLoadSyscalls();
    if (problem !== null) return { code: 'ENOSYS', message: problem };
    const peer = parseAddress(options.peerAddress);
    const local = options.localAddress === null ? null : parseAddress(options.localAddress);
    if (peer === null || (options.localAddress !== null && local?.family !== peer.family)) {
      return { code: 'EINVAL', message: `Cannot connect from ${options.localAddress} to ${options.peerAddress}` };
    }
    const scope = options.interfaceName === null ? 0 : syscalls().interfaceIndex(options.interfaceName);
    if (scope === 0 && (options.interfaceName !== null || isLinkLocal(peer))) {
      const name = options.interfaceName ?? '(none given)';
      return { code: 'ENODEV', message: `Cannot connect to ${options.peerAddress}: no interface ${name}` };
    }
    const descriptor = syscalls().socket(socketDomain(peer.family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return failureOf(-descriptor, 'Cannot make a socket');
    this.descriptor = descriptor;
    const refused = applyOptions(descriptor, peer, options);
    if (refused !== null) return refused;
    if (local !== null) {
      const bound = syscalls().bind(descriptor, socketAddress(local, 0, isLinkLocal(local) ? scope : 0));
      if (bound < 0) return failureOf(-bound, `Cannot connect from ${options.localAddress}`);
    }
    const result = syscalls().connect(descriptor, socketAddress(peer, options.peerPort, isLinkLocal(peer) ? scope : 0));
    return result < 0 && result !== -EINPROGRESS ? failureOf(-result, connectText(options)) : null;
  }

  /** The descriptor became writable: connected, or SO_ERROR says why not. */
  private connectEnded(options: ConnectionOptions): void {
    if (this.done) return;
    this.watch?.close();
    this.watch = null;
    const value = new Uint8Array(4);
    const result = syscalls().getsockopt(this.descriptor, SOL_SOCKET, SO_ERROR, value);
    const errno = result < 0 ? -result : new DataView(value.buffer).getInt32(0, LITTLE_ENDIAN);
    if (errno !== 0) {
      const failure = failureOf(errno, connectText(options));
      this.fail(failure.code, failure.message);
      return;
    }
    let socket: net.Socket;
    try {
      socket = new net.Socket({
        fd: this.descriptor,
        readable: true,
        writable: true,
        ...(options.onread === undefined ? {} : { onread: options.onread }),
      });
    } catch (error) {
      this.fail('EIO', `Cannot use the connected socket: ${error instanceof Error ? error.message : error}`);
      return;
    }
    this.descriptor = -1;
    socket.setNoDelay(true);
    this.finish(socket);
  }

  private startTimer(timeoutMs: number): void {
    this.timer = setTimeout(() => this.fail('ETIMEDOUT', `No answer within ${timeoutMs} ms`), timeoutMs);
  }

  private finish(socket: net.Socket): void {
    this.done = true;
    this.socket = null;
    this.release();
    this.handlers.connected(socket);
  }

  private fail(code: string, message: string): void {
    if (this.done) return;
    this.done = true;
    this.release();
    this.handlers.failed({ code, message });
  }

  private release(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.watch?.close();
    this.watch = null;
    if (this.descriptor >= 0) syscalls().close(this.descriptor);
    this.descriptor = -1;
    if (this.socket !== null) {
      // A late error of a socket that nobody wants must not end the process.
      this.socket.removeAllListeners();
      this.socket.on('error', () => {});
      this.socket.destroy();
    }
    this.socket = null;
  }
}

function applyOptions(descriptor: number, peer: IpAddress, options: ConnectionOptions): SocketOptionError | null {
  const { outgoing, minimum } = ttlValues(options.ttl);
  return (
    setTtl(descriptor, peer.family, outgoing, minimum) ??
    setTrafficClass(descriptor, peer.family, TRAFFIC_CLASS_ROUTING) ??
    (options.interfaceName === null ? null : bindToInterface(descriptor, options.interfaceName)) ??
    (options.password === null ? null : setMd5Password(descriptor, peer, options.password))
  );
}

function connectText(options: ConnectionOptions): string {
  return `Cannot connect to ${options.peerAddress} port ${options.peerPort}`;
}

function failureOf(errno: number, text: string): ConnectionFailure {
  return { code: errnoName(errno), message: `${text}: ${errnoText(errno)}` };
}
