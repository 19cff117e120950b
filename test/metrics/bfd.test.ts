/** BFD in the metrics: two real daemons watch each other, one falls silent and comes back. */

import { get } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { type ParsedFamily, parseExposition } from '../support/prometheus-text.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 60_000;
const [OWN, OTHER, NOBODY] = [1, 2, 3].map(loopbackAddress);
const DETECTION_SECONDS = 0.9;

let daemons: LocalDaemon[] = [];
afterEach(async () => {
  await Promise.all(daemons.map((daemon) => daemon.stop()));
  daemons = [];
});

const peer = (name: string, localAddress: string, address: string, as: number) => ({
  ...{ name, address, localAddress, as, port: LOOPBACK_PORT, bfd: true },
});

async function start(address: string, as: number, peers: readonly object[]): Promise<LocalDaemon> {
  const env = { PEREGRINE_METRICS_BIRD_EXPORTER: 'true' };
  const daemon = await LocalDaemon.start(address, { routerId: address, as, peers }, { env });
  daemons.push(daemon);
  return daemon;
}

function families({ socketPath }: LocalDaemon): Promise<Map<string, ParsedFamily>> {
  return new Promise((resolve, reject) => {
    const call = get({ socketPath, path: '/metrics' }, (response) => {
      textOf(response).then((text) => resolve(parseExposition(text)), reject);
    });
    call.on('error', reject);
  });
}

/** Values of a family by the values of their labels. */
function values(all: Map<string, ParsedFamily>, name: string): Record<string, number> {
  const samples = all.get(name)?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

test('BFD sessions by state, their losses, and external peers one by one', async () => {
  const own = await start(OWN, 65_001, [
    peer('other', OWN, OTHER, 65_002),
    peer('Mesh_nobody', OWN, NOBODY, 65_001),
    { ...peer('without', OWN, loopbackAddress(4), 65_004), bfd: false },
  ]);
  const other = await start(OTHER, 65_002, [peer('own', OTHER, OWN, 65_001)]);
  const whenUp = (isUp: number) =>
    waitUntil(
      isUp === 1 ? 'the session is up at the agreed rate' : 'the silence is noticed',
      DEADLINE_MS,
      () => families(own),
      (all) =>
        values(all, 'peregrine_bfd_session_up').other === isUp &&
        (isUp === 0 || values(all, 'bird_bfd_session_timeout_seconds')[`bfd1 ${OTHER} ---`] === DETECTION_SECONDS),
    );

  const up = await whenUp(1);
  expect(values(up, 'peregrine_bfd_sessions')).toEqual({ AdminDown: 0, Down: 1, Init: 0, Up: 1 });
  expect(values(up, 'peregrine_bfd_session_up')).toEqual({ other: 1 });
  const downsBefore = values(up, 'peregrine_bfd_downs_total')[''];
  expect(values(up, 'bird_bfd_session_up')).toEqual({ [`bfd1 ${OTHER} ---`]: 1, [`bfd1 ${NOBODY} ---`]: 0 });
  expect(values(up, 'bird_bfd_session_interval_seconds')[`bfd1 ${OTHER} ---`]).toBe(DETECTION_SECONDS / 3);
  const birdLabels = up.get('bird_bfd_session_up')?.samples.map(({ labels }) => labels);
  expect(birdLabels).toContainEqual({ name: 'bfd1', ip: OTHER, interface: '---' });

  other.process.freeze();
  const down = await whenUp(0);
  expect(values(down, 'peregrine_bfd_sessions')).toEqual({ AdminDown: 0, Down: 2, Init: 0, Up: 0 });
  expect(values(down, 'peregrine_bfd_downs_total')).toEqual({ '': downsBefore + 1 });
  expect(values(down, 'bird_bfd_session_uptime_seconds')[`bfd1 ${OTHER} ---`]).toBe(0);

  other.process.thaw();
  expect(values(await whenUp(1), 'peregrine_bfd_downs_total')[''], 'stays counted').toBeGreaterThan(downsBefore);
});
