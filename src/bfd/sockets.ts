/**
 * The UDP sockets of BFD (RFC 5881 section 4, RFC 5883 section 3): one to receive per port and local address, one to send
 * from per session, each with a source port of its own in 49152 to 65535. Everything leaves with TTL 255 and the traffic
 * class of routing protocols. No capability is needed for any of it; binding to an interface needs Linux 5.7.
 */

import { FAMILY_IPV4, type FamilyIndex } from '../../bgp/family.ts';
import { addressFromOctets, addressOctets, formatAddress, parseAddress } from '../../bgp/ip.ts';
import { isLinkLocal, socketAddress, socketDomain } from '../net/socket-address.ts';
import { bindToInterface, setInteger, setTrafficClass, TRAFFIC_CLASS_ROUTING } from '../net/sockopt.ts';
import { errnoName, errnoText, type PollHandle, syscalls } from '../net/syscalls.ts';
import { BATCH, type Datagram, DatagramReader } from './datagrams.ts';
import type { BfdSpec } from './messages.ts';

export const SINGLE_HOP_PORT = 3784;
export const MULTIHOP_PORT = 4784;
export const FIRST_SOURCE_PORT = 49_152;
const LAST_SOURCE_PORT = 65_535;
/** Sessions at a time: the ports that RFC 5881 section 4 leaves for them, less some for others on this machine. */
export const MAX_SESSIONS = 4096;
/** Batches read before timers have their turn; what is left waits in the socket. */
const BATCHES_PER_TURN = 8;
/** Some hundred packets of each session may wait while the thread has no processor. */
const RECEIVE_BUFFER_OCTETS = 1024 * 1024;

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const IPPROTO_IP = 0;
const IP_TTL = 2;
const IP_PKTINFO = 8;
const IP_RECVTTL = 12;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const IPV6_RECVHOPLIMIT = 51;
const MSG_DONTWAIT = 0x40;
const EADDRINUSE = 98;

/** Where packets are received: one socket each. */
export interface ReceiverSpec {
  readonly family: FamilyIndex;
  readonly multihop: boolean;
  /** null: all addresses of the family. */
  readonly address: string | null;
}

export interface Transmitter {
  readonly sourcePort: number;
  readonly interfaceIndex: number;
  /** What went wrong; null: the packet is out. */
  send(octets: Uint8Array, length: number): string | null;
  close(): void;
}

type Opened<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

function problemOf(what: string, result: number): string {
  return `${what}: ${errnoText(-result)} (${errnoName(-result)})`;
}

function receiverKey({ family, multihop, address }: ReceiverSpec): string {
  return `${family} ${multihop} ${address ?? '*'}`;
}

interface Receiver {
  readonly descriptor: number;
  readonly multihop: boolean;
  readonly poll: PollHandle;
}

/** The text of an address as datagrams have it (see datagrams.ts). */
export function addressKey(text: string): string {
  const address = parseAddress(text);
  return address === null ? '' : String.fromCharCode(...addressOctets(address));
}

/** The address that a key stands for, for people. */
export function addressOfKey(key: string): string {
  const octets = Uint8Array.from(key, (character) => character.charCodeAt(0));
  return formatAddress(addressFromOctets(octets.length === 4 ? FAMILY_IPV4 : 1, octets));
}

export class BfdSockets {
  readonly #take: (datagram: Datagram, multihop: boolean) => void;
  readonly #receivers = new Map<string, Receiver>();
  readonly #sourcePorts = new Set<number>();
  readonly #tracks: (descriptor: number, isOpen: boolean) => void;
  readonly #reader = new DatagramReader();
  #nextSourcePort: number;

  /** `tracks` hears of every descriptor that is opened (true) or about to be closed: a thread that ends leaves them open. */
  constructor(
    random: () => number,
    take: (datagram: Datagram, multihop: boolean) => void,
    tracks: (descriptor: number, isOpen: boolean) => void = () => {},
  ) {
    this.#take = take;
    this.#tracks = tracks;
    this.#nextSourcePort = FIRST_SOURCE_PORT + Math.floor(random() * (LAST_SOURCE_PORT - FIRST_SOURCE_PORT + 1));
  }

  /** Receives on these and no others; what could not be opened, in words. */
  listen(wanted: readonly ReceiverSpec[]): string[] {
    const keys = new Set(wanted.map(receiverKey));
    for (const [key, receiver] of this.#receivers) {
      if (keys.has(key)) continue;
      this.#receivers.delete(key);
      this.#tracks(receiver.descriptor, false);
      closeReceiver(receiver);
    }
    const problems: string[] = [];
    for (const spec of wanted) {
      const key = receiverKey(spec);
      if (this.#receivers.has(key)) continue;
      const opened = this.#openReceiver(spec);
      if (opened.ok) this.#receivers.set(key, opened.value);
      else problems.push(opened.problem);
    }
    return problems;
  }

  /** Takes what waits at all sockets. */
  drain(): void {
    for (const receiver of this.#receivers.values()) this.#read(receiver.descriptor, receiver.multihop);
  }

  openTransmitter(spec: BfdSpec): Opened<Transmitter> {
    const peer = parseAddress(spec.peerAddress);
    if (peer === null) return { ok: false, problem: `"${spec.peerAddress}" is not an address` };
    const calls = syscalls();
    const interfaceIndex = spec.interfaceName === null ? 0 : calls.interfaceIndex(spec.interfaceName);
    if (spec.interfaceName !== null && interfaceIndex === 0)
      return { ok: false, problem: `there is no interface ${spec.interfaceName}` };
    const descriptor = openSocket(peer.family);
    if (descriptor < 0) return { ok: false, problem: problemOf('cannot open a socket', descriptor) };
    const refusal =
      setInteger(descriptor, ...ttlOption(peer.family), 255, 'the TTL') ??
      setTrafficClass(descriptor, peer.family, TRAFFIC_CLASS_ROUTING) ??
      (spec.interfaceName === null ? null : bindToInterface(descriptor, spec.interfaceName));
    const fail = (problem: string): Opened<Transmitter> => {
      calls.close(descriptor);
      return { ok: false, problem };
    };
    if (refusal !== null) return fail(refusal.message);
    const local = spec.localAddress === null ? null : parseAddress(spec.localAddress);
    const scopeOf = (address: typeof peer): number => (isLinkLocal(address) ? interfaceIndex : 0);
    const unspecified = { family: peer.family, a: 0, b: 0, c: 0, d: 0 };
    const source = local ?? unspecified;
    const bound = this.#bindSource(descriptor, (port) => socketAddress(source, port, scopeOf(source)));
    if (bound < 0) return fail(problemOf(`cannot send from ${spec.localAddress ?? 'any address'}`, bound));
    const destination = socketAddress(peer, spec.multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT, scopeOf(peer));
    const value: Transmitter = {
      sourcePort: bound,
      interfaceIndex,
      send: (octets, length) => {
        const result = calls.sendto(descriptor, octets, length, MSG_DONTWAIT, destination);
        return result >= 0 ? null : problemOf('cannot send', result);
      },
      close: () => {
        this.#sourcePorts.delete(bound);
        this.#tracks(descriptor, false);
        calls.close(descriptor);
      },
    };
    this.#tracks(descriptor, true);
    return { ok: true, value };
  }

  /** RFC 5881 section 4: a port that no other session of this system has. The port, or a negative errno. */
  #bindSource(descriptor: number, addressAt: (port: number) => Uint8Array): number {
    for (let tries = 0; tries <= LAST_SOURCE_PORT - FIRST_SOURCE_PORT; tries++) {
      const port = this.#nextSourcePort;
      this.#nextSourcePort = port === LAST_SOURCE_PORT ? FIRST_SOURCE_PORT : port + 1;
      if (this.#sourcePorts.has(port)) continue;
      const result = syscalls().bind(descriptor, addressAt(port));
      if (result === -EADDRINUSE) continue;
      if (result < 0) return result;
      this.#sourcePorts.add(port);
      return port;
    }
    return -EADDRINUSE;
  }

  #openReceiver(spec: ReceiverSpec): Opened<Receiver> {
    const { family, multihop } = spec;
    const port = multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT;
    const where = `${spec.address ?? 'any address'} port ${port}`;
    const calls = syscalls();
    const descriptor = openSocket(family);
    if (descriptor < 0) return { ok: false, problem: problemOf(`cannot listen on ${where}`, descriptor) };
    const options: readonly (readonly [number, number, number])[] =
      family === FAMILY_IPV4
        ? [
            [IPPROTO_IP, IP_PKTINFO, 1],
            [IPPROTO_IP, IP_RECVTTL, 1],
          ]
        : [
            [IPPROTO_IPV6, IPV6_V6ONLY, 1],
            [IPPROTO_IPV6, IPV6_RECVPKTINFO, 1],
            [IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1],
          ];
    setInteger(descriptor, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_OCTETS, 'SO_RCVBUF');
    for (const [level, option, value] of options) {
      const refusal = setInteger(descriptor, level, option, value, `option ${level}/${option}`);
      if (refusal === null) continue;
      calls.close(descriptor);
      return { ok: false, problem: `cannot listen on ${where}: ${refusal.message}` };
    }
    const address = spec.address === null ? null : parseAddress(spec.address);
    const result = calls.bind(descriptor, socketAddress(address ?? { family, a: 0, b: 0, c: 0, d: 0 }, port, 0));
    if (result < 0) {
      calls.close(descriptor);
      return { ok: false, problem: problemOf(`cannot listen on ${where}`, result) };
    }
    this.#tracks(descriptor, true);
    const poll = calls.poll(descriptor, 'readable', () => this.#read(descriptor, multihop));
    return { ok: true, value: { descriptor, multihop, poll } };
  }

  #read(descriptor: number, multihop: boolean): void {
    for (let batch = 0; batch < BATCHES_PER_TURN; batch++) {
      if (this.#reader.read(descriptor, (datagram) => this.#take(datagram, multihop)) < BATCH) return;
    }
  }
}

function openSocket(family: FamilyIndex): number {
  return syscalls().socket(socketDomain(family), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

function ttlOption(family: FamilyIndex): [number, number] {
  return family === FAMILY_IPV4 ? [IPPROTO_IP, IP_TTL] : [IPPROTO_IPV6, IPV6_UNICAST_HOPS];
}

function closeReceiver({ descriptor, poll }: Receiver): void {
  poll.close();
  syscalls().close(descriptor);
}
