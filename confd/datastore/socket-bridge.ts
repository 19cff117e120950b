/**
 * A TLS socket as a plain stream for node:http2.
 *
 * Given a TLS socket itself, node:http2 reads and writes below JavaScript, and in Node.js 20 to 24 loses a connection
 * that was reset just before a write: the write fails at once, nobody is told, and neither `error` nor `close` ever
 * comes (found by test/datastore; it does not happen in Node.js 26). Through this stream the failure is seen.
 */

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export function bridge(socket: Socket): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => void socket.resume(),
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => stream.destroy());
  return stream;
}
