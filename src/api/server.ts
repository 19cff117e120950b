/** Where the API listens: a Unix socket of the owner and its group. Loaded after the sessions have been started. */

import { createServer, type Server } from 'node:http';
import type { Log } from '../log/log.ts';
import { createApp } from './app.ts';
import { PROBLEM_TYPE, problemOf } from './refusal.ts';
import { ROUTES } from './routes/index.ts';
import { clearSocketPath } from './socket-file.ts';
import type { ApiSource } from './source.ts';

/** Listens on a Unix socket that only the owner and its group may use. Throws when that is impossible, saying why. */
export async function startApiServer(path: string, source: ApiSource, log: Log): Promise<Server> {
  await clearSocketPath(path);
  const app = await createApp(source, ROUTES, log);
  const server = createServer((request, response) => app.routing(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The file is made inside listen(); no other user may connect even for a moment.
    const before = process.umask(0o117);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
    process.umask(before);
  });
  // Accepting can fail later (out of descriptors): the client sees it, the speaker goes on.
  server.on('error', () => {});
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return;
    const [status, detail] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'this is not well-formed HTTP'];
    const body = `${JSON.stringify(problemOf(status, detail))}\n`;
    const { title } = problemOf(status, detail);
    socket.end(
      `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
        `connection: close\r\n\r\n${body}`,
    );
  });
  return server;
}

const CLIENT_ERRORS: Readonly<Record<string, [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the head of the request is larger than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not come in time'],
};
