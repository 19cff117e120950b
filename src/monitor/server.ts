/**
 * Figures and probes over plain HTTP for those who cannot use the control socket: Prometheus and the kubelet. It only
 * answers what everybody may know who reaches the address that it is given.
 */

import { createServer, type Server } from 'node:http';
import { NO_TOKENS } from '../api/access.ts';
import { createApp } from '../api/app.ts';
import { Entrance } from '../api/gate.ts';
import { beginListening } from '../api/listening.ts';
import { monitorRoutes } from '../api/routes/monitor.ts';
import type { ApiSource } from '../api/source.ts';
import type { Log } from '../log/log.ts';
import { formatListenPoint, type ListenPoint } from './settings.ts';

/** A connection on which nothing moves for so long is closed; Prometheus scrapes every minute or more often. */
const STALLED_MS = 90_000;

/** Throws when nothing can listen there, saying why. */
export async function startMonitorServer(listen: ListenPoint, source: ApiSource, log: Log): Promise<Server> {
  const entrance = new Entrance(formatListenPoint(listen), 'read', NO_TOKENS, false, STALLED_MS);
  const app = createApp(source, monitorRoutes, log, () => entrance);
  await app.ready();
  const server = createServer((request, response) => app.routing(request, response));
  await beginListening(server, STALLED_MS, () => void server.listen({ host: listen.address, port: listen.port }));
  log.info('MONITOR', { listen: entrance.name }, 'figures and probes are served');
  return server;
}
