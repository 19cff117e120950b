/** Who asks, for the log line about an action: the process behind a Unix socket, or the address of a TCP client. */

import type { IncomingMessage } from 'node:http';
import { descriptorOf } from '../net/sockopt.ts';
import { syscalls, syscallsLoaded } from '../net/syscalls.ts';
import type { Entrance } from './gate.ts';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** `pid 812 uid 0`, `192.0.2.7`; or only where it came in, as when no system calls have been loaded for anything else. */
export function requesterOf({ name }: Entrance, { socket }: IncomingMessage): string {
  if (socket.remoteAddress !== undefined) return socket.remoteAddress;
  const descriptor = syscallsLoaded() ? descriptorOf(socket) : -1;
  if (descriptor < 0) return name;
  // struct ucred: pid, uid, gid.
  const credentials = new Uint8Array(12);
  if (syscalls().getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials) < 0) return name;
  const [pid, uid] = new Int32Array(credentials.buffer);
  return `pid ${pid} uid ${uid}`;
}
