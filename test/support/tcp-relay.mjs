// TCP connections inside a network namespace on behalf of a test outside of it (a process cannot change its namespace
// once it has threads). Commands come as JSON lines on standard input, events leave as JSON lines on standard output.
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** @type {Map<number, import('node:net').Socket>} */
const connections = new Map();
let acceptedCount = 0;

/** @param {object} event */
function tell(event) {
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...event })}\n`);
}

/** @param {number} id @param {import('node:net').Socket} socket */
function watch(id, socket) {
  connections.set(id, socket);
  socket.setNoDelay(true);
  socket.on('data', (octets) => tell({ event: 'data', id, hex: octets.toString('hex') }));
  socket.on('error', (error) => tell({ event: 'error', id, text: error.message }));
  socket.on('close', () => {
    connections.delete(id);
    tell({ event: 'closed', id });
  });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  const socket = connections.get(command.id);
  switch (command.do) {
    case 'listen': {
      const server = createServer((accepted) => {
        // Accepted connections are numbered downwards, so that they never meet the caller's own numbers.
        const id = -++acceptedCount;
        watch(id, accepted);
        tell({ event: 'accepted', id, from: accepted.remoteAddress });
      });
      server.listen({ host: command.address, port: command.port }, () => tell({ event: 'listening' }));
      break;
    }
    case 'connect': {
      const { address: host, port, localAddress } = command;
      const outgoing = createConnection({ host, port, localAddress }, () =>
        tell({ event: 'connected', id: command.id }),
      );
      watch(command.id, outgoing);
      break;
    }
    case 'send':
      socket?.write(Buffer.from(command.hex, 'hex'));
      break;
    case 'end':
      socket?.end();
      break;
    case 'reset':
      socket?.resetAndDestroy();
      break;
    default:
      throw new Error(`unknown command ${line}`);
  }
});
