/**
 * Netlink sockets. How octets are moved was decided by measurement (README.md): notifications are watched by Node's own
 * event loop (uv_poll through koffi) and read without blocking; requests run on a thread of koffi's pool, because the
 * kernel works inside the system call and may wait for its routing lock, and because it can then work while we compute.
 */

import { LITTLE_ENDIAN } from '../../net/socket-address.ts';
import { errnoText, type PollHandle, syscalls, tryLoadSyscalls } from '../../net/syscalls.ts';
import {
  AF_NETLINK,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  SO_ATTACH_FILTER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from './constants.ts';

const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
/** The kernel makes dump datagrams of at most 32 KiB; a single link with many virtual functions may be larger. */
const RECEIVE_OCTETS = 128 * 1024;

export interface NetlinkSocketOptions {
  /** RTMGRP_* bits to listen to. */
  readonly groups: number;
  readonly receiveBufferOctets: number;
}

/** What others use of a socket. */
export type NetlinkPort = Pick<
  NetlinkSocket,
  | 'port'
  | 'received'
  | 'ignoreNotificationsOf'
  | 'startWatching'
  | 'stopWatching'
  | 'receiveNow'
  | 'receive'
  | 'send'
  | 'close'
>;

/** One rtnetlink socket. At most one asynchronous call may be under way. */
export class NetlinkSocket {
  /** Address of this socket, which the kernel puts into notifications of what it caused. */
  readonly port: number;
  /** What the last receive call filled. */
  readonly received = new Uint8Array(RECEIVE_OCTETS);
  private readonly descriptor: number;
  private watch: PollHandle | null = null;
  private isBusy = false;
  private isClosed = false;

  /** Opens and binds a socket; the error is a sentence. */
  static open(options: NetlinkSocketOptions): NetlinkSocket | { readonly error: string } {
    const problem = tryLoadSyscalls();
    if (problem !== null) return { error: problem };
    const sys = syscalls();
    const descriptor = sys.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (descriptor < 0) return { error: `Cannot open a netlink socket: ${errnoText(-descriptor)}` };
    // sockaddr_nl: family(2) pad(2) port(4) groups(4); port 0 lets the kernel choose one.
    const address = new Uint8Array(12);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, LITTLE_ENDIAN);
    view.setUint32(8, options.groups, LITTLE_ENDIAN);
    let result = sys.bind(descriptor, address);
    if (result >= 0) result = sys.getsockname(descriptor, address);
    if (result < 0) {
      sys.close(descriptor);
      return { error: `Cannot bind a netlink socket: ${errnoText(-result)}` };
    }
    // All of these are improvements that old kernels or missing privileges may refuse.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      sys.setsockopt(descriptor, SOL_NETLINK, option, integer(1));
    }
    if (sys.setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, integer(options.receiveBufferOctets)) < 0) {
      sys.setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, integer(options.receiveBufferOctets));
    }
    sys.setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, integer(1024 * 1024));
    return new NetlinkSocket(descriptor, view.getUint32(4, LITTLE_ENDIAN));
  }

  private constructor(descriptor: number, port: number) {
    this.descriptor = descriptor;
    this.port = port;
  }

  /**
   * Makes the kernel drop notifications of what the socket with this port did before they are queued, with a classic BPF
   * filter on nlmsg_pid. False when it refused; then the caller must ignore them itself.
   */
  ignoreNotificationsOf(port: number): boolean {
    // sock_filter := code(2) jump if true(1) jump if false(1) operand(4); 64 octets so that V8 does not move it.
    const program = new Uint8Array(64);
    const view = new DataView(program.buffer);
    const instruction = (index: number, code: number, jumpFalse: number, operand: number): void => {
      view.setUint16(index * 8, code, LITTLE_ENDIAN);
      view.setUint8(index * 8 + 3, jumpFalse);
      view.setUint32(index * 8 + 4, operand, LITTLE_ENDIAN);
    };
    const [loadWord, jumpIfEqual, verdict, all] = [0x20, 0x15, 0x06, 0xffffffff];
    // Loads convert from network order, the field is in native order.
    const portAsLoaded = new DataView(new ArrayBuffer(4));
    portAsLoaded.setUint32(0, port, LITTLE_ENDIAN);
    instruction(0, loadWord, 0, 12);
    instruction(1, jumpIfEqual, 1, portAsLoaded.getUint32(0, false));
    instruction(2, verdict, 0, 0);
    instruction(3, verdict, 0, all);
    // sock_fprog := count(2) pad pointer(8)
    const header = new Uint8Array(16);
    const headerView = new DataView(header.buffer);
    headerView.setUint16(0, 4, LITTLE_ENDIAN);
    headerView.setBigUint64(8, syscalls().memoryAddress(program), LITTLE_ENDIAN);
    return syscalls().setsockopt(this.descriptor, SOL_SOCKET, SO_ATTACH_FILTER, header) >= 0;
  }

  /** Calls `ready` when something can be received, until unwatch() or close(). */
  startWatching(ready: () => void): void {
    if (this.watch === null && !this.isClosed) this.watch = syscalls().poll(this.descriptor, 'readable', ready);
  }

  stopWatching(): void {
    this.watch?.close();
    this.watch = null;
  }

  /** Receives one datagram into `received` without waiting; its length, or a negative errno. */
  receiveNow(): number {
    return this.isClosed ? -EBADF : syscalls().recv(this.descriptor, this.received, MSG_DONTWAIT);
  }

  /** Waits for one datagram in a pool thread; resolves with its length or a negative errno. */
  receive(): Promise<number> {
    return this.asynchronously((done) => syscalls().recvAsync(this.descriptor, this.received, done));
  }

  /**
   * Sends in a pool thread. When it resolves, the kernel has carried out all requests and queued all errors. `octets`
   * must not be touched before.
   */
  send(octets: Uint8Array, length: number): Promise<number> {
    return this.asynchronously((done) => syscalls().sendAsync(this.descriptor, octets, length, done));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopWatching();
    // The number may be given to another file at once, so it must not go away under a call in another thread.
    if (!this.isBusy) syscalls().close(this.descriptor);
  }

  private asynchronously(start: (done: (result: number) => void) => void): Promise<number> {
    return new Promise((resolve) => {
      if (this.isClosed) return resolve(-EBADF);
      this.isBusy = true;
      start((result) => {
        this.isBusy = false;
        if (this.isClosed) syscalls().close(this.descriptor);
        resolve(result);
      });
    });
  }
}

const EBADF = 9;

function integer(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}
