/**
 * Socket options that a BGP session needs: TCP MD5 signatures (RFC 2385), the generalised TTL security mechanism
 * (RFC 5082) and plain TTLs, the traffic class of routing protocols (RFC 4271 appendix E asks for precedence 110), and
 * binding to an interface. What the kernel refuses comes back as a value that names the option.
 */

import type { Server, Socket } from 'node:net';
import { FAMILY_IPV4, type FamilyIndex } from '../../bgp/family.ts';
import type { IpAddress } from '../../bgp/ip.ts';
import type { TtlSecurity } from '../../bgp/session-config.ts';
import { LITTLE_ENDIAN, socketAddress } from './socket-address.ts';
import { errnoName, errnoText, syscalls } from './syscalls.ts';

const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_MINTTL = 21;
const IPPROTO_TCP = 6;
const TCP_MD5SIG = 14;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_TCLASS = 67;
const IPV6_MINHOPCOUNT = 73;
const ENOENT = 2;

/** Class selector 6, "internetwork control": what routers expect routing protocols to use. */
export const TRAFFIC_CLASS_ROUTING = 0xc0;
/** Longest TCP MD5 key that Linux takes (TCP_MD5SIG_MAXKEYLEN). */
export const MD5_KEY_MAX_OCTETS = 80;
/** Linux' default TTL; a session with this TTL needs no option. */
export const DEFAULT_TTL = 64;

/** An option that could not be set. */
export interface SocketOptionError {
  readonly option: string;
  readonly code: string;
  readonly message: string;
}

/** What leaves and what is let in, for RFC 5082 sections 3 and 5: 256 - hops is the lowest TTL a near peer can have. */
export function ttlValues(ttl: TtlSecurity): { readonly outgoing: number; readonly minimum: number } {
  return ttl.kind === 'gtsm' ? { outgoing: 255, minimum: 256 - ttl.hops } : { outgoing: ttl.ttl, minimum: 0 };
}

/** struct tcp_md5sig: sockaddr_storage(128) flags(1) prefixlen(1) keylen(2) ifindex(4) key(80). */
export function encodeMd5Signature(peer: IpAddress, key: Uint8Array): Uint8Array {
  const octets = new Uint8Array(128 + 8 + MD5_KEY_MAX_OCTETS);
  octets.set(socketAddress(peer, 0, 0), 0);
  new DataView(octets.buffer).setUint16(130, key.length, LITTLE_ENDIAN);
  octets.set(key, 136);
  return octets;
}

/**
 * Signs the segments to and from `peer` with `password` (null: no longer). On a socket before connect, or on a listening
 * socket, where it holds for connections that start from now on.
 */
export function setMd5Password(descriptor: number, peer: IpAddress, password: string | null): SocketOptionError | null {
  const key = password === null ? new Uint8Array(0) : Buffer.from(password, 'utf8');
  if (password !== null && (key.length === 0 || key.length > MD5_KEY_MAX_OCTETS)) {
    const message = `Cannot set the TCP MD5 key: it has ${key.length} octets, 1 to ${MD5_KEY_MAX_OCTETS} are possible`;
    return { option: 'TCP_MD5SIG', code: 'EINVAL', message };
  }
  const result = syscalls().setsockopt(descriptor, IPPROTO_TCP, TCP_MD5SIG, encodeMd5Signature(peer, key));
  // Removing a key that is not there leaves things as wanted.
  if (password === null && result === -ENOENT) return null;
  return outcome('TCP_MD5SIG', result);
}

/** TTL (hop limit) of outgoing packets and the lowest that incoming ones may have; 0 lets everything in. */
export function setTtl(
  descriptor: number,
  family: FamilyIndex,
  outgoing: number,
  minimum: number,
): SocketOptionError | null {
  const isV4 = family === FAMILY_IPV4;
  const level = isV4 ? IPPROTO_IP : IPPROTO_IPV6;
  return (
    setInteger(descriptor, level, isV4 ? IP_TTL : IPV6_UNICAST_HOPS, outgoing, isV4 ? 'IP_TTL' : 'IPV6_UNICAST_HOPS') ??
    setInteger(descriptor, level, isV4 ? IP_MINTTL : IPV6_MINHOPCOUNT, minimum, isV4 ? 'IP_MINTTL' : 'IPV6_MINHOPCOUNT')
  );
}

/** TOS octet of IPv4 or traffic class of IPv6. */
export function setTrafficClass(descriptor: number, family: FamilyIndex, value: number): SocketOptionError | null {
  return family === FAMILY_IPV4
    ? setInteger(descriptor, IPPROTO_IP, IP_TOS, value, 'IP_TOS')
    : setInteger(descriptor, IPPROTO_IPV6, IPV6_TCLASS, value, 'IPV6_TCLASS');
}

/** Sends and receives through this interface only. */
export function bindToInterface(descriptor: number, name: string): SocketOptionError | null {
  const value = Buffer.from(`${name}\0`, 'utf8');
  return outcome('SO_BINDTODEVICE', syscalls().setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, value));
}

/** Applies a peer's TTL rule to a connection that it opened; the kernel checks every later packet. */
export function applyTtl(socket: Socket, ttl: TtlSecurity): SocketOptionError | null {
  const { outgoing, minimum } = ttlValues(ttl);
  if (outgoing === DEFAULT_TTL && minimum === 0) return null;
  const descriptor = descriptorOf(socket);
  if (descriptor < 0) return { option: 'IP_TTL', code: 'EBADF', message: 'Cannot set the TTL: the socket is closed' };
  return setTtl(descriptor, socket.remoteFamily === 'IPv6' ? 1 : 0, outgoing, minimum);
}

/**
 * The descriptor behind a Node socket or server, -1 when it has none (closed, or not a kernel socket). Node does not
 * document the handle, but it is the only way to options of a listening socket made by node:net.
 */
export function descriptorOf(owner: Socket | Server): number {
  const handle = (owner as unknown as { _handle?: { fd?: unknown } | null })._handle;
  return typeof handle?.fd === 'number' ? handle.fd : -1;
}

/** Sets an integer option. */
export function setInteger(
  descriptor: number,
  level: number,
  option: number,
  value: number,
  name: string,
): SocketOptionError | null {
  return outcome(
    name,
    syscalls().setsockopt(descriptor, level, option, new Uint8Array(new Int32Array([value]).buffer)),
  );
}

function outcome(option: string, result: number): SocketOptionError | null {
  if (result >= 0) return null;
  return { option, code: errnoName(-result), message: `Cannot set ${option}: ${errnoText(-result)}` };
}
