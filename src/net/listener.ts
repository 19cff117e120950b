/**
 * Listening sockets for BGP: one per address, so one per family (an IPv6 one never takes IPv4, as MD5 keys and TTLs are
 * set differently). MD5 keys live on the listening socket, per peer address, and must be there before that peer's SYN;
 * so a listener that starts with passwords gets them between bind and listen.
 */

import net from 'node:net';
import type { FamilyIndex } from '../../bgp/family.ts';
import { type IpAddress, parseAddress } from '../../bgp/ip.ts';
import { socketAddress, socketDomain } from './socket-address.ts';
import {
  descriptorOf,
  type SocketOptionError,
  setInteger,
  setMd5Password,
  setTrafficClass,
  setTtl,
  TRAFFIC_CLASS_ROUTING,
} from './sockopt.ts';
import { errnoName, errnoText, syscalls, syscallsLoaded, tryLoadSyscalls } from './syscalls.ts';

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const BACKLOG = 1024;

export interface ListenerOptions {
  /** Canonical address; `0.0.0.0` or `::` for all of the family. */
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** TCP MD5 keys by canonical peer address; those of the other family are ignored. */
  readonly passwords: ReadonlyMap<string, string>;
}

export interface ListenerHandlers {
  /** The caller owns the socket; TCP_NODELAY is on. */
  accepted(socket: net.Socket): void;
  /** Accepting failed (say, out of descriptors); the listener goes on. */
  error(failure: ListenerFailure): void;
}

export interface ListenerFailure {
  readonly code: string;
  readonly message: string;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  readonly family: FamilyIndex;
  /**
   * Adds, replaces or removes (null) the MD5 key for a peer address of this listener's family; addresses of the other
   * family are ignored. Holds for connections from now on; accepted ones keep their key.
   */
  setPassword(peerAddress: string, password: string | null): SocketOptionError | null;
  /**
   * TTL of the SYN-ACKs (255 as soon as one peer uses RFC 5082, or it would drop them) and the lowest TTL of any SYN
   * (only safe when every peer uses RFC 5082; 0: any). Accepted sockets inherit both; applyTtl() then narrows them.
   */
  setTtl(outgoing: number, minimum: number): SocketOptionError | null;
  close(): Promise<void>;
}

/** Starts to listen; the failure is a value, as ports in use and missing addresses are everyday matters. */
export async function openListener(
  options: ListenerOptions,
  handlers: ListenerHandlers,
): Promise<Listener | ListenerFailure> {
  const local = parseAddress(options.address);
  if (local === null) return { code: 'EINVAL', message: `Cannot listen on ${options.address}: not an address` };
  const keys = passwordsOfFamily(options.passwords, local.family);
  let descriptor = -1;
  if (keys.length > 0) {
    const made = boundSocket(local, options, keys);
    if (typeof made !== 'number') return made;
    descriptor = made;
  }
  const server = net.createServer({ noDelay: true }, (socket) => handlers.accepted(socket));
  const failure = await new Promise<ListenerFailure | null>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ code: error.code ?? 'EIO', message: `Cannot listen: ${error.message}` });
    });
    server.once('listening', () => resolve(null));
    if (descriptor >= 0) server.listen({ fd: descriptor, backlog: BACKLOG });
    else server.listen({ host: options.address, port: options.port, ipv6Only: true, backlog: BACKLOG });
  });
  if (failure !== null) {
    if (descriptor >= 0 && descriptorOf(server) < 0) syscalls().close(descriptor);
    server.close();
    return failure;
  }
  server.removeAllListeners('error');
  server.on('error', (error: NodeJS.ErrnoException) => {
    handlers.error({ code: error.code ?? 'EIO', message: error.message });
  });
  if (syscallsLoaded()) setTrafficClass(descriptorOf(server), local.family, TRAFFIC_CLASS_ROUTING);
  return new ServerListener(server, options.address, local.family);
}

class ServerListener implements Listener {
  readonly address: string;
  readonly port: number;
  readonly family: FamilyIndex;
  private readonly server: net.Server;

  constructor(server: net.Server, address: string, family: FamilyIndex) {
    const bound = server.address();
    this.server = server;
    this.address = address;
    this.port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    this.family = family;
  }

  setPassword(peerAddress: string, password: string | null): SocketOptionError | null {
    const peer = parseAddress(peerAddress);
    if (peer === null || peer.family !== this.family) return null;
    if (password === null && !syscallsLoaded()) return null;
    return this.withDescriptor('TCP_MD5SIG', (descriptor) => setMd5Password(descriptor, peer, password));
  }

  setTtl(outgoing: number, minimum: number): SocketOptionError | null {
    return this.withDescriptor('IP_TTL', (descriptor) => setTtl(descriptor, this.family, outgoing, minimum));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      // Does not wait for accepted connections: they belong to the sessions.
      this.server.close();
      setImmediate(resolve);
    });
  }

  private withDescriptor(
    option: string,
    set: (descriptor: number) => SocketOptionError | null,
  ): SocketOptionError | null {
    const problem = tryLoadSyscalls();
    if (problem !== null) return { option, code: 'ENOSYS', message: problem };
    const descriptor = descriptorOf(this.server);
    if (descriptor < 0) return { option, code: 'EBADF', message: `Cannot set ${option}: the listener is closed` };
    return set(descriptor);
  }
}

function passwordsOfFamily(
  passwords: ReadonlyMap<string, string>,
  family: FamilyIndex,
): { readonly peer: IpAddress; readonly password: string }[] {
  const keys = [];
  for (const [text, password] of passwords) {
    const peer = parseAddress(text);
    if (peer !== null && peer.family === family) keys.push({ peer, password });
  }
  return keys;
}

/** A bound socket with its keys, not listening yet. */
function boundSocket(
  local: IpAddress,
  options: ListenerOptions,
  keys: readonly { readonly peer: IpAddress; readonly password: string }[],
): number | ListenerFailure {
  const problem = tryLoadSyscalls();
  if (problem !== null) return { code: 'ENOSYS', message: problem };
  const descriptor = syscalls().socket(socketDomain(local.family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return { code: errnoName(-descriptor), message: `Cannot make a socket: ${errnoText(-descriptor)}` };
  }
  let refused = setInteger(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
  if (local.family === 1) refused ??= setInteger(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1, 'IPV6_V6ONLY');
  for (const { peer, password } of keys) refused ??= setMd5Password(descriptor, peer, password);
  if (refused === null) {
    const bound = syscalls().bind(descriptor, socketAddress(local, options.port, 0));
    if (bound >= 0) return descriptor;
    refused = {
      option: 'bind',
      code: errnoName(-bound),
      message: `Cannot listen on ${options.address} port ${options.port}: ${errnoText(-bound)}`,
    };
  }
  syscalls().close(descriptor);
  return { code: refused.code, message: refused.message };
}
