/** The BFD thread ends by itself: another one goes on with the sessions, and the other side notices nothing. */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { BFD_DEFAULTS, sessionConfig } from '../../bgp/session-config.ts';
import type { FromWorker } from '../../src/bfd/messages.ts';
import { BfdService } from '../../src/bfd/service.ts';
import { SILENT_LOG } from '../../src/log/log.ts';
import { tryLoadSyscalls } from '../../src/net/syscalls.ts';
import { systemClock } from '../../src/speaker/clock.ts';
import { LocalDaemon } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
/** Long enough for a thread to start on a busy machine. */
const BFD = { ...BFD_DEFAULTS, minTxMs: 1000, minRxMs: 1000 };
const WORKER = fileURLToPath(new URL('../../dist/bfd-worker.js', import.meta.url));
const [DAEMON, HERE] = [1, 2].map(loopbackAddress);

let daemon: LocalDaemon;
let service: BfdService;
afterEach(async () => {
  await service.close({});
  await daemon.stop();
});

test('the thread is killed: the session stays up on both sides', async () => {
  const { strict: _, ...bfd } = BFD;
  const watcher = { name: 'here', address: HERE, localAddress: DAEMON, as: 65_001, passive: true, bfd };
  daemon = await LocalDaemon.start(DAEMON, { routerId: DAEMON, as: 64_999, peers: [watcher] });
  const workers: Worker[] = [];
  const changes: string[] = [];
  service = new BfdService({
    log: SILENT_LOG,
    clock: systemClock,
    startWorker: (events) => {
      // As service.ts does.
      expect(tryLoadSyscalls()).toBe(null);
      const worker = new Worker(WORKER);
      workers.push(worker);
      worker.on('message', (message: FromWorker) => events.message(message));
      worker.once('exit', (code) => events.ended(`exit code ${code}`));
      return { post: (message) => worker.postMessage(message), terminate: () => void worker.terminate() };
    },
    earlier: () => ({}),
    remember: () => {},
    changed: (_peer, change) => void changes.push(change.to),
  });
  const ends = { peerAddress: DAEMON, localAddress: HERE, localAs: 65_001, peerAs: 64_999 };
  service.apply([sessionConfig({ ...ends, name: 'daemon', bgpIdentifier: HERE, bfd: BFD })]);
  const view = async () => (await daemon.peer('here')).bfd;
  await waitUntil('up', DEADLINE_MS, view, (bfd) => bfd?.state === 'Up' && bfd.detectionTimeMs === 3000);
  await waitUntil(
    'no Poll is under way',
    DEADLINE_MS,
    () => service.stateOf('daemon')?.snapshot,
    (snapshot) => snapshot?.state === 'Up' && !snapshot.polling,
  );

  await workers[0].terminate();
  await waitUntil(
    'another thread',
    DEADLINE_MS,
    () => workers.length,
    (count) => count === 2,
  );
  // Longer than the detection time: without packets the daemon would have noticed.
  await delay(4500);
  expect(await view()).toMatchObject({ state: 'Up', timesUp: 1, lastDown: null });
  expect(changes.filter((state) => state === 'Down')).toEqual([]);
  expect(service.restarts).toBe(1);
});
