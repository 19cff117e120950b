/**
 * Thousands of BGP neighbours behind one socket: whoever connects to any address of 127.0.0.0/8 at the crowd's port is
 * answered as the neighbour of that address, with OPEN and KEEPALIVE, and stays. Says how often each was called, and how
 * often a session ended: what a daemon does to its neighbours is seen from their side.
 */

import { createServer, type Server, type Socket } from 'node:net';
import { KEEPALIVE, keepaliveOctets, NOTIFICATION, OPEN, openOctets, UPDATE } from './raw-speaker.ts';

const HEADER_OCTETS = 19;
const HOLD_TIME_SECONDS = 240;

export interface CrowdCounts {
  /** Connections accepted, OPENs that came, sessions that came up, NOTIFICATIONs that came, connections that closed. */
  readonly connections: number;
  readonly opens: number;
  readonly established: number;
  readonly notifications: number;
  readonly closed: number;
  readonly updates: number;
}

export class BgpCrowd {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #as: number;
  readonly #keepalives: NodeJS.Timeout;
  readonly #counts = { connections: 0, opens: 0, established: 0, notifications: 0, closed: 0, updates: 0 };

  private constructor(as: number) {
    this.#as = as;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accepted(socket));
    this.#keepalives = setInterval(() => {
      for (const socket of this.#sockets) socket.write(keepaliveOctets());
    }, 60_000);
  }

  static async listen(port: number, as: number): Promise<BgpCrowd> {
    const crowd = new BgpCrowd(as);
    await new Promise<void>((resolve, reject) => {
      crowd.#server.once('error', reject);
      crowd.#server.listen({ port, host: '0.0.0.0', backlog: 4096 }, resolve);
    });
    return crowd;
  }

  get counts(): CrowdCounts {
    return { ...this.#counts };
  }

  close(): void {
    clearInterval(this.#keepalives);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accepted(socket: Socket): void {
    this.#counts.connections++;
    this.#sockets.add(socket);
    let pending = Buffer.alloc(0);
    let isEstablished = false;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#counts.closed++;
      this.#sockets.delete(socket);
    });
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= HEADER_OCTETS && pending.length >= pending.readUInt16BE(16)) {
        const type = pending[18];
        pending = pending.subarray(pending.readUInt16BE(16));
        if (type === OPEN) {
          this.#counts.opens++;
          const routerId = socket.localAddress ?? '127.0.0.1';
          socket.write(openOctets({ as: this.#as, holdTimeSeconds: HOLD_TIME_SECONDS, routerId }));
          socket.write(keepaliveOctets());
        } else if (type === KEEPALIVE && !isEstablished) {
          isEstablished = true;
          this.#counts.established++;
        } else if (type === NOTIFICATION) this.#counts.notifications++;
        else if (type === UPDATE) this.#counts.updates++;
      }
    });
  }
}
