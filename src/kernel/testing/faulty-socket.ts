/** A netlink socket that fails when a test says so, in front of a real one. */

import { NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_ERROR, RTM_NEWROUTE } from '../netlink/constants.ts';
import { NetlinkReader, NetlinkWriter } from '../netlink/message.ts';
import { type NetlinkPort, NetlinkSocket, type NetlinkSocketOptions } from '../netlink/socket.ts';

/** What goes wrong; each is a number of errno, 0 for nothing. Set and reset at any time. */
export class Faults {
  /** Calls of `send` with requests (not dumps) fail. */
  send = 0;
  /** Every added route is answered with this error and not carried out. */
  refuse = 0;
  /** Dumps fail in the midst of it. */
  dump = 0;
  /** Receiving a notification fails, on sockets opened up to now. */
  receive = 0;
  /** This many dumps of everything are marked as interrupted. */
  interruptions = 0;
  /** Sockets opened so far. */
  opened = 0;
  /** Opening fails with this reason. */
  open: string | null = null;

  readonly openSocket = (options: NetlinkSocketOptions): NetlinkPort | { readonly error: string } => {
    if (this.open !== null) return { error: this.open };
    const real = NetlinkSocket.open(options);
    if ('error' in real) return real;
    this.opened++;
    return new FaultySocket(real, this, this.opened);
  };

  /** From now on only sockets that are opened later work. */
  breakSockets(errno: number): void {
    this.receive = errno;
    this.lastBroken = this.opened;
  }

  lastBroken = Number.MAX_SAFE_INTEGER;
}

class FaultySocket implements NetlinkPort {
  private readonly real: NetlinkSocket;
  private readonly faults: Faults;
  private readonly order: number;
  private readonly answers: Uint8Array[] = [];
  private isInterrupted = false;

  constructor(real: NetlinkSocket, faults: Faults, order: number) {
    this.real = real;
    this.faults = faults;
    this.order = order;
  }

  get port(): number {
    return this.real.port;
  }

  get received(): Uint8Array<ArrayBuffer> {
    return this.real.received as Uint8Array<ArrayBuffer>;
  }

  ignoreNotificationsOf = (port: number): boolean => this.real.ignoreNotificationsOf(port);
  startWatching = (ready: () => void): void => this.real.startWatching(ready);
  stopWatching = (): void => this.real.stopWatching();
  close = (): void => this.real.close();

  receiveNow(): number {
    const answer = this.answers.shift();
    if (answer !== undefined) {
      this.received.set(answer);
      return answer.length;
    }
    if (this.faults.receive !== 0 && this.order <= this.faults.lastBroken) return -this.faults.receive;
    return this.real.receiveNow();
  }

  async receive(): Promise<number> {
    if (this.faults.dump !== 0) return -this.faults.dump;
    const length = await this.real.receive();
    if (this.isInterrupted && length > 0) {
      // nlmsg_flags of the first message.
      new DataView(this.received.buffer).setUint8(6, this.received[6] | NLM_F_DUMP_INTR);
      this.isInterrupted = false;
    }
    return length;
  }

  send(octets: Uint8Array, length: number): Promise<number> {
    const reader = new NetlinkReader();
    reader.open(octets, length);
    reader.nextMessage();
    if ((reader.flags & NLM_F_DUMP) === NLM_F_DUMP) {
      if (reader.type === 18 && this.faults.interruptions > 0) {
        this.faults.interruptions--;
        this.isInterrupted = true;
      }
      return this.real.send(octets, length);
    }
    if (this.faults.send !== 0) return Promise.resolve(-this.faults.send);
    if (this.faults.refuse === 0) return this.real.send(octets, length);
    reader.open(octets, length);
    while (reader.nextMessage()) {
      if (reader.type === RTM_NEWROUTE) this.answers.push(errorAnswer(reader.sequence, this.faults.refuse));
    }
    return Promise.resolve(length);
  }
}

function errorAnswer(sequence: number, errno: number): Uint8Array {
  const writer = new NetlinkWriter(64);
  writer.beginMessage(NLMSG_ERROR, 0, sequence);
  writer.u32(-errno >>> 0);
  for (let i = 0; i < 4; i++) writer.u32(0);
  writer.endMessage();
  return writer.octets.slice(0, writer.length);
}
