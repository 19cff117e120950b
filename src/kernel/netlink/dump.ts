/**
 * Reading a whole table of the kernel (RFC 3549 2.3: a request with NLM_F_DUMP, many messages, then DONE). The kernel
 * produces each part inside a receive call, so these run in a pool thread and the event loop only sees the decoding of
 * one part (32 KiB) at a time.
 */

import { EINTR, ENOENT, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from './constants.ts';
import { decodeError, NetlinkReader, NetlinkWriter } from './message.ts';
import type { NetlinkPort } from './socket.ts';

/** How a dump ended: whole, changed while it was read (worth reading again), or an errno. */
export interface DumpResult {
  readonly errno: number;
  readonly wasInterrupted: boolean;
}

/** Sends one dump request and hands every message of the answer to `onMessage`. The socket must be idle. */
export async function dump(
  socket: Pick<NetlinkPort, 'send' | 'receive' | 'received'>,
  sequence: number,
  encodeRequest: (writer: NetlinkWriter, sequence: number) => void,
  onMessage: (reader: NetlinkReader) => void,
): Promise<DumpResult> {
  const writer = new NetlinkWriter(256);
  encodeRequest(writer, sequence);
  const sent = await socket.send(writer.octets, writer.length);
  if (sent < 0) return { errno: -sent, wasInterrupted: false };
  const reader = new NetlinkReader();
  let wasInterrupted = false;
  for (;;) {
    const length = await socket.receive();
    if (length === -EINTR) continue;
    if (length < 0) return { errno: -length, wasInterrupted };
    reader.open(socket.received, length);
    while (reader.nextMessage()) {
      // What is left of an earlier request is not ours to judge.
      if (reader.sequence !== sequence) continue;
      if ((reader.flags & NLM_F_DUMP_INTR) !== 0) wasInterrupted = true;
      if (reader.type === NLMSG_DONE || reader.type === NLMSG_ERROR) {
        const { errno } = decodeError(reader);
        // A table that nobody has put a route into does not exist yet.
        return { errno: errno === ENOENT ? 0 : errno, wasInterrupted };
      }
      onMessage(reader);
    }
  }
}
