/** The monitoring listener and the exec probes of the real daemon: what they serve, and that they serve nothing else. */

import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';

const ADDRESS = loopbackAddress(21);
const PORT = LOOPBACK_PORT + 1;
const PEER = { name: 'nobody', address: loopbackAddress(22), as: 65_001, passive: true };
const CONFIG = { routerId: ADDRESS, as: 65_000, peers: [PEER] };

let daemon: LocalDaemon;
beforeAll(async () => {
  daemon = await LocalDaemon.start(ADDRESS, CONFIG, { arguments: ['--monitor-listen', `${ADDRESS}:${PORT}`] });
});
afterAll(() => daemon?.stop());

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`http://${ADDRESS}:${PORT}${path}`, init);

test('serves figures and probes', async () => {
  expect(await (await get('/metrics')).text()).toContain('peregrine_build_info{');
  expect((await get('/live')).status).toBe(200);
  const ready = await get('/ready');
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ unmet: [{ condition: 'peers', peer: 'nobody' }] });
  expect((await get('/ready?peers=none')).status).toBe(200);
});

test.each([
  ['GET', '/v1/status', 404],
  ['GET', '/v1/peers', 404],
  ['POST', '/v1/peers/nobody/disable', 404],
  ['POST', '/metrics', 405],
])('%s %s is %i there', async (method, path, status) => {
  expect((await get(path, { method })).status).toBe(status);
});

test('the command line asks the same', async () => {
  expect(await daemon.cli('live')).toMatchObject({ status: 0, stdout: 'live\n' });
  const ready = await daemon.cli('ready');
  expect(ready.status).toBe(1);
  expect(ready.stdout).toMatch(/^not ready:\n {2}peers +no session with nobody/);
  expect(await daemon.cli('ready', '--peers', 'none')).toMatchObject({ status: 0, stdout: 'ready\n' });
  expect(JSON.parse((await daemon.cli('ready', '--json')).stdout)).toMatchObject({ ready: false, policy: 'any' });
  expect(await daemon.cli('ready', '--peers', 'most')).toMatchObject({ status: 2 });
});

test('an address that is taken is said, and the daemon runs without', async () => {
  const taken = createServer();
  const address = loopbackAddress(23);
  await new Promise<void>((resolve) => taken.listen(PORT, address, resolve));
  const other = await LocalDaemon.start(
    address,
    { ...CONFIG, routerId: address },
    { arguments: ['--monitor-listen', `${address}:${PORT}`] },
  );
  try {
    expect(other.log()).toContainEqual(
      expect.objectContaining({ level: 'error', msgid: 'MONITOR', msg: expect.stringContaining('EADDRINUSE') }),
    );
  } finally {
    await other.stop();
    taken.close();
  }
});
