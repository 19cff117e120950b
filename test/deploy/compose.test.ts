/**
 * docker-compose.yml. Everywhere: what it names is there and fits together. Where a Docker engine is to be had and
 * PEREGRINE_TEST_DOCKER=1 asks for it (images are built, which takes minutes): it ends healthy, and the routes of
 * every router are in Peregrine's kernel. Base images as BASE_IMAGE and NODE_IMAGE say.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadStandAlone } from '../../src/config/load.ts';
import { waitUntil } from '../support/wait-for.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HEALTHY_MS = 120_000;
const BUILD_MS = 900_000;

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly networks: { readonly fabric: { readonly ipv4_address: string } };
}

const file = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const services = Object.entries(file.services);

describe('docker-compose.yml', () => {
  test('is Peregrine with two GoBGP routers and a BIRD', () => {
    expect(Object.keys(file.services).sort()).toEqual(['bird', 'gobgp-east', 'gobgp-west', 'peregrine']);
  });

  test.each(services)('%s: files are there, and health is checked', (_, service) => {
    const { context = '.', dockerfile = 'Dockerfile' } = service.build ?? {};
    expect(existsSync(join(ROOT, context, dockerfile))).toBe(true);
    for (const volume of service.volumes ?? []) expect(existsSync(join(ROOT, volume.split(':')[0])), volume).toBe(true);
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
  });

  test("Peregrine's configuration is right, and its peers are the other services", () => {
    const path = join(ROOT, 'fixtures/compose/peregrine.yaml');
    const loaded = loadStandAlone(path, readFileSync(path, 'utf8'));
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
    const addresses = loaded.desired.peers.map(({ session }) => session.peerAddress);
    const others = services.filter(([name]) => name !== 'peregrine').map(([, one]) => one.networks.fabric.ipv4_address);
    expect(addresses.sort()).toEqual(others.sort());
  });
});

function compose(...args: readonly string[]): string {
  const name = spawnSync('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] : ['docker-compose'];
  const argv = [...name, '-p', `peregrine-test-${process.pid}`, ...args];
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

const isAsked = process.env.PEREGRINE_TEST_DOCKER === '1';
describe.skipIf(!isAsked)('docker compose (PEREGRINE_TEST_DOCKER=1 runs this, with a Docker engine)', () => {
  beforeAll(() => {
    compose('build');
    compose('up', '-d');
  }, BUILD_MS);
  afterAll(() => {
    compose('down', '-v');
  }, HEALTHY_MS);

  test('ends healthy, with every route in the kernel', { timeout: HEALTHY_MS }, async () => {
    const healthy = () => {
      const ids = compose('ps', '-q').trim().split('\n');
      const { stdout } = spawnSync('docker', ['inspect', '-f', '{{.State.Health.Status}}', ...ids], {
        encoding: 'utf8',
      });
      return stdout.trim().split('\n').sort();
    };
    await waitUntil('health', HEALTHY_MS, healthy, (states) => states.join() === Array(4).fill('healthy').join());
    const routes = compose('exec', '-T', 'peregrine', 'peregrine', 'show', 'kernel', '--json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { prefix: string; state: string });
    const wanted = [1, 2, 3].flatMap((n) => [`10.179.${n}.0/24`, `fd00:179:${n}::/64`]);
    for (const prefix of wanted) expect(routes).toContainEqual(expect.objectContaining({ prefix, state: 'installed' }));
  });
});
