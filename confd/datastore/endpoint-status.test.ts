import { chmod, mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualTimers, until } from '../../test/support/manual-timers.ts';
import { ResourceStore } from '../resource-store.ts';
import { openEndpointStatus, readStatusFile } from './endpoint-status.ts';

const RESCAN_MS = 30_000;
const DEBOUNCE_MS = 50;
const FILE = 'k8s default%2Fpod-1 eth0';

let prefix: string;
let directory: string;
let timers: ManualTimers;
let store: ResourceStore;
let datastore: ReturnType<typeof openEndpointStatus>;

beforeEach(async () => {
  prefix = await mkdtemp(join(tmpdir(), 'peregrine-status-'));
  directory = join(prefix, 'endpoint-status');
  timers = new ManualTimers();
  store = new ResourceStore();
  datastore = openEndpointStatus(prefix, { timers, rescanMs: RESCAN_MS, debounceMs: DEBOUNCE_MS });
});

afterEach(async () => {
  await datastore.stop();
  await rm(prefix, { recursive: true });
});

function status(more: object = {}): string {
  return JSON.stringify({ ifaceName: 'cali1', ipv4Nets: ['10.244.1.2/32'], bgpPeerName: 'tor', ...more });
}

function workloads(): { [name: string]: string | null } {
  const { workloadEndpoints } = store.live();
  return Object.fromEntries([...workloadEndpoints].map(([name, one]) => [name, one.ipv4]));
}

async function start(): Promise<void> {
  datastore.start({ changed: (batch) => void store.apply(batch), statusChanged: () => {} });
  await until(() => datastore.status.phase === 'in-sync' && timers.pending.length > 0);
}

/** Lets a timer expire until the view holds. */
async function settle(milliseconds: number, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 5 && !holds(); i++) {
    await timers.expire(milliseconds);
    await until(() => timers.pending.some((entry) => entry.milliseconds === RESCAN_MS));
  }
  expect(holds(), JSON.stringify(workloads())).toBe(true);
}

describe('the directory of status files', () => {
  test('that is not there yet: nothing, until it is made', async () => {
    await start();
    expect(workloads()).toEqual({});
    expect(store.live().conditions).toEqual([]);
    await mkdir(directory);
    await writeFile(join(directory, FILE), status());
    await settle(DEBOUNCE_MS, () => workloads()[FILE] === '10.244.1.2');
  });

  test('workloads that come, change and go', async () => {
    await mkdir(directory);
    await writeFile(join(directory, FILE), status());
    await writeFile(join(directory, 'other'), status({ bgpPeerName: undefined }));
    await mkdir(join(directory, 'sub'));
    await writeFile(join(directory, 'sub', 'file'), status());
    await start();
    expect(workloads()).toEqual({ [FILE]: '10.244.1.2' });
    await writeFile(join(directory, FILE), status({ ipv4Nets: ['10.244.1.9/32'] }));
    await settle(DEBOUNCE_MS, () => workloads()[FILE] === '10.244.1.9');
    await unlink(join(directory, FILE));
    await settle(DEBOUNCE_MS, () => Object.keys(workloads()).length === 0);
  });

  test('a change that no event told of is seen by the next rescan', async () => {
    await mkdir(directory);
    await start();
    // As good as a file system that tells nothing: the event is there, but its timer never expires.
    await writeFile(join(directory, FILE), status());
    await until(() => timers.pending.some((entry) => entry.milliseconds === DEBOUNCE_MS));
    await settle(RESCAN_MS, () => workloads()[FILE] === '10.244.1.2');
  });

  test('a file that is broken or half written keeps what it said, and is complained about by itself', async () => {
    await mkdir(directory);
    await writeFile(join(directory, FILE), status());
    await writeFile(join(directory, 'new'), '{"ifaceName":');
    await start();
    expect(workloads()).toEqual({ [FILE]: '10.244.1.2' });
    expect(store.live().conditions).toMatchObject([{ resource: join(directory, 'new'), severity: 'error' }]);
    await writeFile(join(directory, FILE), '{');
    await settle(DEBOUNCE_MS, () => store.live().conditions.length === 2);
    expect(workloads()).toEqual({ [FILE]: '10.244.1.2' });
    await writeFile(join(directory, 'new'), status({ ipv4Nets: ['10.244.1.3/32'] }));
    await settle(DEBOUNCE_MS, () => workloads().new === '10.244.1.3');
  });

  test('taken away, it has nothing in it any more', async () => {
    await mkdir(directory);
    await writeFile(join(directory, FILE), status());
    await start();
    await rm(directory, { recursive: true });
    await settle(DEBOUNCE_MS, () => Object.keys(workloads()).length === 0);
    expect(datastore.status.phase).toBe('in-sync');
  });

  test.skipIf(process.getuid?.() === 0)('that may not be read says so', async () => {
    await mkdir(directory);
    await chmod(directory, 0);
    datastore.start({ changed: () => {}, statusChanged: () => {} });
    await until(() => datastore.status.phase === 'unreachable');
    await chmod(directory, 0o700);
  });
});

test.each<[sentence: string, text: string, expected: object]>([
  [
    'a bad address costs its family',
    status({ ipv4Nets: ['x'], ipv6Nets: ['fd00::1/128'] }),
    {
      ok: true,
      file: { claims: [{ resource: { ipv4: null, ipv6: 'fd00::1' }, conditions: [{ field: 'ipv4Nets[0]' }] }] },
    },
  ],
  ['a workload that is no peer is not mentioned', status({ bgpPeerName: '' }), { ok: true, file: { claims: [] } }],
  ['an empty file says nothing', '', { ok: false, conditions: [{ resource: '/s/w' }] }],
  ['something else than an object', '[1]', { ok: false, conditions: [{ resource: '/s/w' }] }],
])('a status file: %s', (_sentence, text, expected) => {
  expect(readStatusFile('/s/w', text)).toMatchObject(expected);
});
