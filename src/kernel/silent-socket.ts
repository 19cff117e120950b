/** A netlink socket that reaches no kernel: every request succeeds, every table is empty. For rehearsals (src/speaker). */

import { NLMSG_DONE } from './netlink/constants.ts';
import { NetlinkReader, NetlinkWriter } from './netlink/message.ts';
import type { NetlinkPort } from './netlink/socket.ts';

const EAGAIN = 11;

export function openSilentSocket(): NetlinkPort {
  const received = new Uint8Array(64);
  const reader = new NetlinkReader();
  let sequence = 0;
  return {
    port: 1,
    received,
    ignoreNotificationsOf: () => true,
    startWatching: () => {},
    stopWatching: () => {},
    receiveNow: () => -EAGAIN,
    receive: () => {
      const writer = new NetlinkWriter(received.length);
      writer.beginMessage(NLMSG_DONE, 0, sequence);
      writer.u32(0);
      writer.endMessage();
      received.set(writer.octets);
      return Promise.resolve(writer.length);
    },
    send: (octets, length) => {
      reader.open(octets, length);
      if (reader.nextMessage()) sequence = reader.sequence;
      return Promise.resolve(length);
    },
    close: () => {},
  };
}
