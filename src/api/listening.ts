/** What every HTTP server of ours does alike: bounds, errors while it begins to listen, and answers to nonsense. */

import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { PROBLEM_TYPE, problemOf, titleOf } from './refusal.ts';

/** Connections by each place; more are closed at once. */
const MAX_CONNECTIONS = 512;

/** Resolves when the server listens, after `listen` was called; rejects when it cannot. */
export async function beginListening(server: Server | TlsServer, stalledMs: number, listen: () => void): Promise<void> {
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(stalledMs);
  server.on('clientError', refuseNonsense);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
  // Accepting can fail later (out of descriptors): the client sees it, the speaker goes on.
  server.on('error', () => {});
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the head of the request is larger than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not come in time'],
};

/** What is no HTTP gets its problem from here, as no request comes of it. */
function refuseNonsense(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'this is not well-formed HTTP'];
  const body = `${JSON.stringify(problemOf(status, detail))}\n`;
  const head = [
    `HTTP/1.1 ${status} ${titleOf(status)}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
