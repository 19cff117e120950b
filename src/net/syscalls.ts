/**
 * The few Linux system calls that Node does not offer, through koffi: sockets with options set before connect or
 * listen, and netlink. Loaded on first use, so that a run that needs none of them never loads native code.
 *
 * Convention: every call returns what the kernel does, i.e. a negative errno instead of -1 and a thread-local.
 */

import { createRequire } from 'node:module';
import { getSystemErrorMap } from 'node:util';

/** A descriptor watched by Node's own event loop (uv_poll). Closing it does not close the descriptor. */
export interface PollHandle {
  close(): void;
  unref(): void;
}

export interface Syscalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(descriptor: number, address: Uint8Array): number;
  connect(descriptor: number, address: Uint8Array): number;
  /** Fills `address` (as long as it is) with the local address of the socket. */
  getsockname(descriptor: number, address: Uint8Array): number;
  setsockopt(descriptor: number, level: number, option: number, value: Uint8Array): number;
  getsockopt(descriptor: number, level: number, option: number, value: Uint8Array): number;
  send(descriptor: number, octets: Uint8Array, length: number, flags: number): number;
  recv(descriptor: number, octets: Uint8Array, flags: number): number;
  sendto(descriptor: number, octets: Uint8Array, length: number, flags: number, address: Uint8Array): number;
  /** Fills as many of the `count` struct mmsghdr as there are datagrams; their number. */
  recvmmsg(descriptor: number, headers: Uint8Array, count: number, flags: number): number;
  /** `send` on a thread of koffi's pool; `octets` must outlive the call and stay unchanged. */
  sendAsync(descriptor: number, octets: Uint8Array, length: number, done: (result: number) => void): void;
  /** `recv` on a thread of koffi's pool; `octets` must outlive the call. */
  recvAsync(descriptor: number, octets: Uint8Array, done: (result: number) => void): void;
  close(descriptor: number): number;
  /** Index of an interface, 0 when there is none of this name. */
  interfaceIndex(name: string): number;
  /** The scheduling policy of this thread; `parameters` is a struct sched_param. */
  setScheduler(policy: number, parameters: Uint8Array): number;
  /** Enters the network namespace that the descriptor stands for (this thread only). */
  setns(descriptor: number): number;
  /** Address in memory of a buffer that V8 does not move (64 octets or more). */
  memoryAddress(octets: Uint8Array): bigint;
  /** Calls `ready` whenever the descriptor is readable (or writable), until closed. */
  poll(descriptor: number, event: 'readable' | 'writable', ready: () => void): PollHandle;
}

let loaded: Syscalls | null = null;

/** True once native code is in the process, i.e. when using it costs nothing more. */
export function syscallsLoaded(): boolean {
  return loaded !== null;
}

/** The system calls; throws when koffi or the C library cannot be loaded (see tryLoadSyscalls). */
export function syscalls(): Syscalls {
  loaded ??= loadSyscalls();
  return loaded;
}

/** Loads native code; null when that worked, else the reason why it cannot be had here. */
export function tryLoadSyscalls(): string | null {
  try {
    syscalls();
    return null;
  } catch (error) {
    return `Cannot load the system call bindings: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** `ECONNREFUSED` for 111 and so on; `errno 4711` when the system has no name for it. */
export function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
}

/** The system's sentence for an errno. */
export function errnoText(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
}

function loadSyscalls(): Syscalls {
  if (process.platform !== 'linux') throw new Error(`needs Linux, not ${process.platform}`);
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  // The process itself links the C library, whichever it is (glibc or musl).
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, const void *, uint)');
  const connect = libc.func('int connect(int, const void *, uint)');
  const getsockname = libc.func('int getsockname(int, void *, void *)');
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint)');
  const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)');
  const send = libc.func('long send(int, const void *, size_t, int)');
  const recv = libc.func('long recv(int, void *, size_t, int)');
  const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, uint)');
  const recvmmsg = libc.func('int recvmmsg(int, void *, uint, int, void *)');
  const close = libc.func('int close(int)');
  const ifNameToIndex = libc.func('uint if_nametoindex(const char *)');
  const schedSetscheduler = libc.func('int sched_setscheduler(int, int, const void *)');
  const setns = libc.func('int setns(int, int)');
  const checked = (result: number): number => (result < 0 ? -koffi.errno() : result);
  const lengthCell = new Uint32Array(1);

  return {
    socket: (domain, type, protocol) => checked(socket(domain, type, protocol)),
    bind: (descriptor, address) => checked(bind(descriptor, address, address.length)),
    connect: (descriptor, address) => checked(connect(descriptor, address, address.length)),
    getsockname: (descriptor, address) => {
      lengthCell[0] = address.length;
      return checked(getsockname(descriptor, address, lengthCell));
    },
    setsockopt: (descriptor, level, option, value) =>
      checked(setsockopt(descriptor, level, option, value, value.length)),
    getsockopt: (descriptor, level, option, value) => {
      lengthCell[0] = value.length;
      return checked(getsockopt(descriptor, level, option, value, lengthCell));
    },
    send: (descriptor, octets, length, flags) => checked(send(descriptor, octets, length, flags)),
    recv: (descriptor, octets, flags) => checked(recv(descriptor, octets, octets.length, flags)),
    sendto: (descriptor, octets, length, flags, address) =>
      checked(sendto(descriptor, octets, length, flags, address, address.length)),
    recvmmsg: (descriptor, headers, count, flags) => checked(recvmmsg(descriptor, headers, count, flags, null)),
    sendAsync: (descriptor, octets, length, done) => {
      send.async(descriptor, octets, length, 0, (error: unknown, result: number) => {
        done(error === null ? checked(result) : -EIO);
      });
    },
    recvAsync: (descriptor, octets, done) => {
      recv.async(descriptor, octets, octets.length, 0, (error: unknown, result: number) => {
        done(error === null ? checked(result) : -EIO);
      });
    },
    close: (descriptor) => checked(close(descriptor)),
    interfaceIndex: (name) => ifNameToIndex(name),
    setScheduler: (policy, parameters) => checked(schedSetscheduler(0, policy, parameters)),
    setns: (descriptor) => checked(setns(descriptor, CLONE_NEWNET)),
    memoryAddress: (octets) => koffi.address(octets),
    poll: (descriptor, event, ready) =>
      koffi.node.poll(descriptor, event === 'readable' ? { readable: true } : { writable: true }, () => {
        try {
          ready();
        } catch (error) {
          // koffi drops what its callbacks throw; a bug must end the process as everywhere else.
          process.nextTick(() => {
            throw error;
          });
        }
      }),
  };
}

const EIO = 5;
const CLONE_NEWNET = 0x40000000;
