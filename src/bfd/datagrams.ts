/**
 * Reading datagrams in batches together with what RFC 5881 section 5 needs to judge them: the TTL (hop limit) they
 * arrived with, the address they were sent to and the interface they came in by. Node's own dgram tells none of it.
 *
 * One `recvmmsg` fills up to BATCH datagrams; the structures of the C library are laid out here for 64-bit Linux.
 */

import { LITTLE_ENDIAN } from '../net/socket-address.ts';
import { syscalls } from '../net/syscalls.ts';

/** Datagrams of one system call. */
export const BATCH = 32;
/** Of a datagram; the rest of a longer one is cut off. A BFD packet without authentication has 24. */
const DATA_OCTETS = 128;
const NAME_OCTETS = 32;
const CONTROL_OCTETS = 128;
/** struct mmsghdr: struct msghdr (56) msg_len(4) padding(4). */
const HEADER_OCTETS = 64;
const IOVEC_OCTETS = 16;

const MSG_DONTWAIT = 0x40;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IP_TTL = 2;
const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;
const IPV6_HOPLIMIT = 52;

/** A datagram with its circumstances; valid until the next one. */
export interface Datagram {
  octets: Uint8Array;
  length: number;
  /** Octets of the addresses as characters 0 to 255: four or sixteen of them. */
  peer: string;
  local: string;
  /** -1: the kernel did not say. */
  ttl: number;
  interfaceIndex: number;
}

export class DatagramReader {
  readonly #data = new Uint8Array(BATCH * DATA_OCTETS);
  readonly #names = Buffer.alloc(BATCH * NAME_OCTETS);
  readonly #control = Buffer.alloc(BATCH * CONTROL_OCTETS);
  readonly #headers = new Uint8Array(BATCH * HEADER_OCTETS);
  readonly #vectors = new Uint8Array(BATCH * IOVEC_OCTETS);
  readonly #headerView = new DataView(this.#headers.buffer);
  readonly #controlView = new DataView(this.#control.buffer, this.#control.byteOffset, this.#control.length);
  readonly #views: readonly Uint8Array[];
  readonly #datagram: Datagram = {
    octets: this.#data,
    length: 0,
    peer: '',
    local: '',
    ttl: -1,
    interfaceIndex: 0,
  };

  constructor() {
    const { memoryAddress } = syscalls();
    const vectors = new DataView(this.#vectors.buffer);
    const address = (octets: Uint8Array): bigint => BigInt(memoryAddress(octets));
    const [data, names, control, vector] = [this.#data, this.#names, this.#control, this.#vectors].map(address);
    const views: Uint8Array[] = [];
    for (let i = 0; i < BATCH; i++) {
      vectors.setBigUint64(i * IOVEC_OCTETS, data + BigInt(i * DATA_OCTETS), LITTLE_ENDIAN);
      vectors.setBigUint64(i * IOVEC_OCTETS + 8, BigInt(DATA_OCTETS), LITTLE_ENDIAN);
      const at = i * HEADER_OCTETS;
      this.#headerView.setBigUint64(at, names + BigInt(i * NAME_OCTETS), LITTLE_ENDIAN);
      this.#headerView.setBigUint64(at + 16, vector + BigInt(i * IOVEC_OCTETS), LITTLE_ENDIAN);
      this.#headerView.setBigUint64(at + 24, 1n, LITTLE_ENDIAN);
      this.#headerView.setBigUint64(at + 32, control + BigInt(i * CONTROL_OCTETS), LITTLE_ENDIAN);
      this.#arm(i);
      views.push(this.#data.subarray(i * DATA_OCTETS, (i + 1) * DATA_OCTETS));
    }
    this.#views = views;
  }

  /** Hands over what waits at the socket, one batch at most; the number of datagrams, or a negative errno. */
  read(descriptor: number, take: (datagram: Datagram) => void): number {
    const count = syscalls().recvmmsg(descriptor, this.#headers, BATCH, MSG_DONTWAIT);
    for (let i = 0; i < count; i++) {
      this.#describe(i);
      this.#arm(i);
      take(this.#datagram);
    }
    return count;
  }

  /** The kernel writes these lengths; they say what there is room for before the next call. */
  #arm(i: number): void {
    const at = i * HEADER_OCTETS;
    this.#headerView.setUint32(at + 8, NAME_OCTETS, LITTLE_ENDIAN);
    this.#headerView.setBigUint64(at + 40, BigInt(CONTROL_OCTETS), LITTLE_ENDIAN);
  }

  #describe(i: number): void {
    const datagram = this.#datagram;
    datagram.octets = this.#views[i];
    datagram.length = this.#headerView.getUint32(i * HEADER_OCTETS + 56, LITTLE_ENDIAN);
    datagram.ttl = -1;
    datagram.interfaceIndex = 0;
    datagram.local = '';
    const isV4 = this.#headerView.getUint32(i * HEADER_OCTETS + 8, LITTLE_ENDIAN) <= 16;
    const name = i * NAME_OCTETS;
    // struct sockaddr_in has its address at 4, struct sockaddr_in6 at 8.
    datagram.peer = isV4
      ? this.#names.toString('latin1', name + 4, name + 8)
      : this.#names.toString('latin1', name + 8, name + 24);
    const length = Number(this.#headerView.getBigUint64(i * HEADER_OCTETS + 40, LITTLE_ENDIAN));
    this.#readControl(i * CONTROL_OCTETS, i * CONTROL_OCTETS + length);
  }

  /* cmsg := length(8, header included) level(4) type(4) data, each aligned to 8 */
  #readControl(start: number, end: number): void {
    const view = this.#controlView;
    const datagram = this.#datagram;
    for (let at = start; at + 16 <= end; ) {
      const length = Number(view.getBigUint64(at, LITTLE_ENDIAN));
      if (length < 16) return;
      const level = view.getInt32(at + 8, LITTLE_ENDIAN);
      const type = view.getInt32(at + 12, LITTLE_ENDIAN);
      const data = at + 16;
      if (level === IPPROTO_IP && type === IP_TTL) datagram.ttl = view.getInt32(data, LITTLE_ENDIAN);
      if (level === IPPROTO_IP && type === IP_PKTINFO) {
        datagram.interfaceIndex = view.getInt32(data, LITTLE_ENDIAN);
        datagram.local = this.#control.toString('latin1', data + 8, data + 12);
      }
      if (level === IPPROTO_IPV6 && type === IPV6_HOPLIMIT) datagram.ttl = view.getInt32(data, LITTLE_ENDIAN);
      if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) {
        datagram.local = this.#control.toString('latin1', data, data + 16);
        datagram.interfaceIndex = view.getInt32(data + 16, LITTLE_ENDIAN);
      }
      at += (length + 7) & ~7;
    }
  }
}
