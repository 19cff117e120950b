/**
 * A TCP proxy that a test can make unreliable: it refuses, it breaks what is open, it breaks every connection after so
 * many octets from the server.
 */

import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  /** Connections that were taken so far. */
  accepted = 0;
  /** Each connection breaks after so many octets from the server. */
  breakAfterOctets = Number.POSITIVE_INFINITY;
  readonly #target: number;
  readonly #open = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  constructor(targetPort: number) {
    this.#target = targetPort;
  }

  get port(): number {
    return this.#port;
  }

  /** Takes connections; always on the same port. */
  async listen(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address !== null && typeof address !== 'string') this.#port = address.port;
    this.#server = server;
  }

  /** Breaks what is open. */
  break(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  /** Breaks what is open and refuses from now on. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    this.break();
    await closed;
  }

  #serve(client: Socket): void {
    this.accepted++;
    const server = createConnection({ host: '127.0.0.1', port: this.#target });
    let left = this.breakAfterOctets;
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#open.delete(client);
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', end).on('close', end);
    }
    this.#open.add(client);
    client.on('data', (octets) => server.write(octets));
    server.on('data', (octets) => {
      client.write(octets.subarray(0, left));
      left -= octets.length;
      // What was written is delivered first: the cut is exactly where it was asked for.
      if (left <= 0) {
        client.end();
        server.destroy();
      }
    });
  }
}
