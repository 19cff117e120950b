/** The listener of birdwatcher's JSON: plain HTTP without tokens, as Alice-LG asks, for the addresses that are allowed. */

import { createServer, type Server } from 'node:http';
import { NO_TOKENS } from '../api/access.ts';
import { createApp } from '../api/app.ts';
import { Entrance } from '../api/gate.ts';
import { beginListening } from '../api/listening.ts';
import type { ApiSource } from '../api/source.ts';
import type { Log } from '../log/log.ts';
import { formatListenPoint } from '../monitor/settings.ts';
import { BIRDWATCHER_ROUTES } from './routes.ts';
import { type BirdwatcherSettings, isAllowed } from './settings.ts';

/** Alice-LG waits for as long for a large table. */
const STALLED_MS = 120_000;

/** Throws when nothing can listen there, saying why. */
export async function startBirdwatcher(settings: BirdwatcherSettings, source: ApiSource, log: Log): Promise<Server> {
  const { listen, allowed } = settings;
  // On loopback without a list a page in somebody's browser could otherwise ask under a name of its own.
  const entrance = new Entrance(formatListenPoint(listen), 'read', NO_TOKENS, allowed === null, STALLED_MS);
  const app = createApp(source, BIRDWATCHER_ROUTES, log, () => entrance);
  await app.ready();
  const server = createServer((request, response) => {
    const { remoteAddress } = request.socket;
    if (isAllowed(allowed, remoteAddress)) return app.routing(request, response);
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ error: `${remoteAddress} is not allowed to ask here` })}\n`);
  });
  await beginListening(server, STALLED_MS, () => void server.listen({ host: listen.address, port: listen.port }));
  log.info('BIRDWATCHER', { listen: entrance.name }, "birdwatcher's JSON is served");
  return server;
}
