/**
 * Streams of UDP packets with sequence numbers, to and from one machine: `node stream.mjs RATE ADDRESS...` listens, sends
 * RATE packets a second to each of the addresses, and obeys lines on standard input.
 *
 * - `go`: starts sending; before that everybody listens.
 * - `quiet`: stops sending and prints `{"sent": {ADDRESS: count}}`.
 * - `report`: prints `{"received": {ADDRESS: {count, last, longestGap}}, "unread": n}` and ends. `longestGap` is the longest run of numbers
 *   that are missing, which at 1,000 packets a second is a time in milliseconds. `unread`: packets that the kernel had
 *   for us and dropped because this process was too slow to read them: they did arrive.
 *
 * Plain JavaScript, since it runs as a process of its own in each network namespace.
 */

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const PORT = 7000;
const TICK_MS = 2;
const BURST = 50;
const SOCKET_OCTETS = 4 * 1024 * 1024;
const MAX_PACKETS = 4_000_000;

const [rate, ...targets] = [Number(process.argv[2]), ...process.argv.slice(3)];
const sent = new Map(targets.map((address) => [address, 0]));
/** By sender: one bit a number. */
const seen = new Map();
const payload = Buffer.alloc(32);
let isSending = false;
let begunAtMs = 0;

/** Datagrams of this namespace that found the socket's buffer full. */
function unread() {
  const [names, values] = readFileSync('/proc/self/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('RcvbufErrors')]);
}

const socket = createSocket('udp4');
socket.on('message', (message, { address }) => {
  let bits = seen.get(address);
  if (bits === undefined) {
    bits = new Uint8Array(MAX_PACKETS / 8);
    seen.set(address, bits);
  }
  const number = message.readUInt32BE(0);
  bits[number >>> 3] |= 1 << (number & 7);
});
socket.on('error', (error) => process.stderr.write(`${error.message}\n`));

function tick() {
  if (!isSending) return;
  const due = Math.floor(((performance.now() - begunAtMs) * rate) / 1000);
  for (const [address, count] of sent) {
    // After a pause of ours a whole second at once would overflow queues that have nothing to do with routing.
    const until = Math.min(due, count + BURST);
    for (let number = count; number < until; number++) {
      payload.writeUInt32BE(number, 0);
      socket.send(Buffer.from(payload), PORT, address);
    }
    sent.set(address, Math.max(count, until));
  }
  setTimeout(tick, TICK_MS);
}

/** What has arrived, the highest number of it, and the longest run before that which has not. */
function account(bits) {
  let count = 0;
  let gap = 0;
  let longestGap = 0;
  let last = -1;
  for (let number = 0; number < MAX_PACKETS; number++) {
    if ((bits[number >>> 3] & (1 << (number & 7))) !== 0) {
      count++;
      last = number;
      longestGap = Math.max(longestGap, gap);
      gap = 0;
    } else gap++;
  }
  return { count, last, longestGap };
}

socket.bind(PORT, () => {
  socket.setRecvBufferSize(SOCKET_OCTETS);
  socket.setSendBufferSize(SOCKET_OCTETS);
  process.stdout.write('{"ready":true}\n');
});

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') {
    isSending = true;
    begunAtMs = performance.now();
    tick();
  } else if (line === 'quiet') {
    isSending = false;
    process.stdout.write(`${JSON.stringify({ sent: Object.fromEntries(sent) })}\n`);
  } else if (line === 'report') {
    const received = Object.fromEntries([...seen].map(([address, bits]) => [address, account(bits)]));
    process.stdout.write(`${JSON.stringify({ received, unread: unread() })}\n`, () => process.exit(0));
  }
});
