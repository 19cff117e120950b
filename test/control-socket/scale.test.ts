/**
 * Readers allow two seconds for a line, whatever the table is. A daemon with many routes (BIRD_SOCKET_ROUTES; a million is
 * what is meant, fewer are the default) is asked everything that walks the table, by several at once, while a peer still
 * announces and a client that never reads hangs on.
 */

import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { manyRoutes } from '../support/update-octets.ts';
import { waitUntil } from '../support/wait-for.ts';
import { exporterProtocols, exporterRead } from './bird-exporter.ts';
import { readPeers } from './calico-readers.ts';
import { askBird, BirdClient } from './client.ts';

const ROUTES = Number(process.env.BIRD_SOCKET_ROUTES ?? 100_000);
const OWN = loopbackAddress(51);
const FEED = loopbackAddress(52);
const LINE_MS = 2000;

let daemon: LocalDaemon;
let feed: SocketSpeaker;
const path = `${temporaryFolder()}/bird.ctl`;

beforeAll(async () => {
  daemon = await LocalDaemon.start(
    OWN,
    {
      routerId: '10.0.0.1',
      as: 64512,
      logLevel: 'warn',
      peers: [{ name: 'Global_feed', address: FEED, port: LOOPBACK_PORT, localAddress: OWN, as: 65001, passive: true }],
    },
    { arguments: ['--bird-socket', path] },
  );
  feed = await SocketSpeaker.establish({ localAddress: FEED, address: OWN, as: 65001, keepsUpdates: false });
  await feed.sendAll(manyRoutes({ as: 65001, nextHop: FEED, prefixes: ROUTES, perUpdate: 5 }));
  await waitUntil(
    'all routes are there',
    120_000,
    async () => (await askBird(path, 'show route count', 10_000))[0],
    (line) => line === `0014 ${ROUTES} of ${ROUTES} routes for ${ROUTES} networks`,
  );
}, 300_000);

afterAll(async () => {
  feed?.close();
  await daemon?.stop();
});

/** Reads an answer to its end and keeps nothing of it. */
function discard(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the daemon closed the connection')));
    let tail = '';
    socket.on('data', (chunk) => {
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 16))).slice(-16);
      if (tail.endsWith('\n0000 \n')) {
        socket.destroy();
        resolve();
      }
    });
    socket.write(`${command}\n`);
  });
}

const figures: string[] = [];

test.each([
  ['show status', 6],
  ['show protocols', 7],
  ['show protocols all', 0],
  ['show route count', 1],
  ['show route protocol static1', 1],
  ['show route where net = 1.2.3.0/24', 2],
  ['show route where bgp_path.len > 99', 1],
  ['show route where bgp_path ~ [= * 7 * =]', 1],
  ['show route where (1,1) ~ bgp_community', 1],
  ['show route export Global_feed', 1],
  ['show route noexport Global_feed', 1],
  ['show route for 1.2.3.4', 2],
  ['show route in 1.2.0.0/16', 257],
  ['show route', ROUTES + 1],
])('%s', async (command, lineCount) => {
  const client = await BirdClient.connect(path);
  const lines = await client.ask(command, LINE_MS);
  client.close();
  if (lineCount > 0) expect(lines).toHaveLength(lineCount);
  const { longestGapMs, totalMs } = client.timing;
  figures.push(`${command}: ${Math.round(totalMs)} ms, longest wait for a line ${Math.round(longestGapMs)} ms`);
});

test('probes beside walks of the table, a peer that announces and a client that never reads', async () => {
  const stuck = await BirdClient.connect(path);
  stuck.pause();
  stuck.send('show route all\nshow route all');
  const walks = Array.from({ length: 5 }, () => discard('show route all'));
  const announcing = feed.sendAll(manyRoutes({ as: 65001, nextHop: FEED, prefixes: ROUTES, perUpdate: 7 }));
  let longestMs = 0;
  let probes = 0;
  let isOver = false;
  const all = Promise.all([...walks, announcing]).then(() => {
    isOver = true;
  });
  while (!isOver) {
    const begin = performance.now();
    expect(await readPeers(path, 4)).toMatchObject([{ bgpState: 'Established' }]);
    longestMs = Math.max(longestMs, performance.now() - begin);
    probes++;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await all;
  figures.push(`${probes} probes beside 5 walks with all attributes: ${Math.round(longestMs)} ms at most`);
  expect(longestMs).toBeLessThan(LINE_MS);
  stuck.close();
}, 300_000);

test('bird_exporter reads its answer to the end', async () => {
  const protocols = exporterProtocols(await exporterRead(path, 'show protocols all'), '4');
  expect(protocols.at(-1)).toMatchObject({ name: 'Global_feed', imported: ROUTES });
  process.stdout.write(`with ${ROUTES} routes:\n${figures.map((line) => `  ${line}\n`).join('')}`);
});
