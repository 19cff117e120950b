/**
 * Where the API listens: a Unix socket of the owner and its group, and TCP when asked. One fastify app answers all; what
 * a request may do depends on where it came in (gate.ts). Loaded after the sessions have been started.
 */

import { chown } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { FastifyInstance } from 'fastify';
import type { Log } from '../log/log.ts';
import { NO_TOKENS } from './access.ts';
import { createApp } from './app.ts';
import { Entrance } from './gate.ts';
import { beginListening } from './listening.ts';
import type { ApiRoute } from './route.ts';
import { ROUTES } from './routes/index.ts';
import { clearSocketPath, groupId } from './socket-file.ts';
import type { ApiSource } from './source.ts';
import { isLoopback, readSecrets, refusedTcp, type TcpOptions } from './tcp-options.ts';

/** A connection on which nothing moves for so long is closed: a client that does not read, or says nothing. */
const STALLED_MS = 60_000;

export interface ApiServerOptions {
  readonly socketPath: string;
  /** Name or number of the group that may use the socket; null: that of the process. */
  readonly socketGroup?: string | null;
  readonly tcp?: TcpOptions | null;
  readonly routes?: readonly ApiRoute[];
  /** Beside those of the API: the page. */
  readonly moreRoutes?: readonly ApiRoute[];
  readonly stalledMs?: number;
}

interface Listening {
  readonly entrance: Entrance;
  readonly server: Server | TlsServer;
  readonly tcp: TcpOptions | null;
}

export class ApiServer {
  readonly #app: FastifyInstance;
  readonly #log: Log;
  readonly #entrances = new WeakMap<IncomingMessage, Entrance>();
  readonly #listening: Listening[] = [];
  readonly #stalledMs: number;

  private constructor(source: ApiSource, options: ApiServerOptions, log: Log) {
    this.#log = log;
    this.#stalledMs = options.stalledMs ?? STALLED_MS;
    this.#app = createApp(
      source,
      [...(options.routes ?? ROUTES), ...(options.moreRoutes ?? [])],
      log,
      (request) => this.#entrances.get(request)!,
    );
  }

  /** Listens wherever the options say. Throws when that is impossible, saying why. */
  static async start(options: ApiServerOptions, source: ApiSource, log: Log): Promise<ApiServer> {
    const server = new ApiServer(source, options, log);
    try {
      await server.#app.ready();
      await server.#listenOnSocket(options.socketPath, options.socketGroup ?? null);
      if (options.tcp != null) await server.#listenOnTcp(options.tcp);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  async close(): Promise<void> {
    for (const { server } of this.#listening.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
    await this.#app.close();
  }

  /** Port of the TCP listener, for who asked for any (0); null: there is none. */
  get tcpPort(): number | null {
    const found = this.#listening.find(({ tcp }) => tcp !== null)?.server.address();
    return typeof found === 'object' && found !== null ? found.port : null;
  }

  /** Reads tokens and certificates again. What cannot be read is logged, and the old ones hold on. */
  async reload(): Promise<void> {
    for (const { entrance, server, tcp } of this.#listening) {
      if (tcp === null) continue;
      try {
        const { tls, tokens } = await readSecrets(tcp);
        if (tls !== null) (server as TlsServer).setSecureContext(tls);
        entrance.tokens = tokens;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#log.error(
          'API_SECRETS',
          { listen: entrance.name },
          `the API keeps its tokens and certificate: ${message}`,
        );
      }
    }
  }

  async #listenOnSocket(path: string, group: string | null): Promise<void> {
    const gid = group === null ? null : await groupId(group);
    await clearSocketPath(path);
    const entrance = new Entrance(path, 'write', NO_TOKENS, false, this.#stalledMs);
    const server = createServer(this.#answering(entrance));
    await this.#listen({ entrance, server, tcp: null }, () => {
      // The file is made inside listen(); no other user may connect even for a moment.
      const before = process.umask(0o117);
      server.listen(path);
      process.umask(before);
    });
    if (gid !== null) await chown(path, -1, gid);
  }

  async #listenOnTcp(tcp: TcpOptions): Promise<void> {
    const refused = refusedTcp(tcp);
    if (refused !== null) throw new Error(refused);
    const { tls, tokens } = await readSecrets(tcp);
    const { address, port } = tcp;
    const isTokenless = tcp.tokenFile === null && tcp.readTokenFile === null;
    const name = `${address.includes(':') ? `[${address}]` : address}:${port}`;
    const entrance = new Entrance(name, isTokenless ? 'read' : 'none', tokens, isTokenless, this.#stalledMs);
    const answering = this.#answering(entrance);
    const server = tls === null ? createServer(answering) : createTlsServer(tls, answering);
    await this.#listen({ entrance, server, tcp }, () => void server.listen({ host: address, port, ipv6Only: true }));
    const fields = { address, port: this.tcpPort, tls: tls !== null, token: !isTokenless };
    if (tls === null && !isLoopback(address)) {
      this.#log.warn('API_TCP', fields, 'the API listens without TLS: its tokens can be read on the way');
    } else this.#log.info('API_TCP', fields, 'the API listens on TCP');
  }

  #answering(entrance: Entrance): RequestListener {
    return (request, response) => {
      this.#entrances.set(request, entrance);
      this.#app.routing(request, response);
    };
  }

  async #listen(listening: Listening, listen: () => void): Promise<void> {
    const { server } = listening;
    await beginListening(server, this.#stalledMs, listen);
    this.#listening.push(listening);
  }
}
