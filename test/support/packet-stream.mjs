/**
 * A stream of numbered UDP packets, to see whether any is lost on the way. Started inside namespaces:
 *
 *   node packet-stream.mjs send ADDRESS PORT PACKETS_PER_SECOND   until SIGTERM; prints {"sent":N,"refused":N}
 *   node packet-stream.mjs receive PORT                           until SIGTERM; prints {"received":N}, each number once
 *
 * `refused`: the sender's own kernel had no route. Sixteen source ports, so that ECMP by ports uses all ways.
 */

import { createSocket } from 'node:dgram';

const SOURCES = 16;
const TICK_MS = 2;
const [mode, ...words] = process.argv.slice(2);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`, () => process.exit(0));

if (mode === 'receive') {
  const seen = new Set();
  const socket = createSocket('udp4');
  socket.on('message', (message) => seen.add(message.readUInt32BE(0)));
  socket.bind(Number(words[0]), () => {
    socket.setRecvBufferSize(4 * 1024 * 1024);
    process.stdout.write('ready\n');
  });
  process.on('SIGTERM', () => say({ received: seen.size }));
} else {
  const [address, port, rate] = [words[0], Number(words[1]), Number(words[2])];
  const sockets = Array.from({ length: SOURCES }, () => createSocket('udp4'));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.bind(0, resolve))));
  let sent = 0;
  let refused = 0;
  const start = performance.now();
  const timer = setInterval(() => {
    // What a late tick has missed is made up for.
    for (const due = ((performance.now() - start) * rate) / 1000; sent < due; sent++) {
      const packet = Buffer.alloc(4);
      packet.writeUInt32BE(sent, 0);
      sockets[sent % SOURCES].send(packet, port, address, (error) => {
        if (error !== null) refused++;
      });
    }
  }, TICK_MS);
  process.stdout.write('ready\n');
  process.on('SIGTERM', () => {
    clearInterval(timer);
    setTimeout(() => say({ sent, refused }), 100);
  });
}
