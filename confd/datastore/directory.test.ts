import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualTimers, until } from '../../test/support/manual-timers.ts';
import { type ResourceBatch, ResourceStore } from '../resource-store.ts';
import type { DatastoreListener, DatastoreStatus } from './datastore.ts';
import { DirectoryDatastore } from './directory.ts';

const DEBOUNCE_MS = 50;
const RESCAN_MS = 30_000;

class Recorder implements DatastoreListener {
  readonly log: (ResourceBatch | DatastoreStatus)[] = [];
  readonly store = new ResourceStore();
  batches = 0;

  changed(batch: ResourceBatch): void {
    this.log.push(batch);
    this.batches++;
    this.store.apply(batch);
  }

  statusChanged(status: DatastoreStatus): void {
    this.log.push(status);
  }

  get pools(): { [name: string]: string } {
    return Object.fromEntries([...this.store.snapshot().ipPools].map(([name, pool]) => [name, pool.cidr]));
  }

  get conditions(): readonly { resource: string; message: string }[] {
    return this.store.snapshot().conditions;
  }
}

function pool(name: string, cidr: string): string {
  return `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: ${name}\nspec:\n  cidr: ${cidr}\n`;
}

let top: string;
let root: string;
let timers: ManualTimers;
let recorder: Recorder;
let datastore: DirectoryDatastore;

function open(): DirectoryDatastore {
  return new DirectoryDatastore(root, { timers, debounceMs: DEBOUNCE_MS, rescanMs: RESCAN_MS });
}

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'peregrine-directory-'));
  root = join(top, 'resources');
  await mkdir(root);
  timers = new ManualTimers();
  recorder = new Recorder();
  datastore = open();
});

afterEach(async () => {
  await datastore.stop();
  await rm(top, { recursive: true });
});

async function startInSync(): Promise<void> {
  datastore.start(recorder);
  await until(() => datastore.status.phase === 'in-sync' && timers.pending.length > 0);
}

/** Lets the quiet time pass until the tree was looked at and the view holds. */
async function settle(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await timers.expire(DEBOUNCE_MS);
    await until(() => timers.pending.some((entry) => entry.milliseconds === RESCAN_MS));
    if (holds()) return;
  }
  throw new Error(`not seen: ${JSON.stringify(recorder.pools)}`);
}

describe('the first listing', () => {
  test('finds every layout, and says in-sync after delivering', async () => {
    await writeFile(join(root, 'a.yaml'), `${pool('one', '10.0.0.0/16')}---\n${pool('two', '10.1.0.0/16')}`);
    await mkdir(join(root, 'deep', 'er'), { recursive: true });
    await writeFile(
      join(root, 'deep', 'er', 'list.json'),
      JSON.stringify({
        kind: 'List',
        apiVersion: 'v1',
        items: [
          {
            apiVersion: 'crd.projectcalico.org/v1',
            kind: 'IPPool',
            metadata: { name: 'three' },
            spec: { cidr: '10.2.0.0/16' },
          },
        ],
      }),
    );
    await startInSync();
    expect(recorder.pools).toEqual({ one: '10.0.0.0/16', two: '10.1.0.0/16', three: '10.2.0.0/16' });
    expect(recorder.log.map((entry) => ('phase' in entry ? entry.phase : 'batch'))).toEqual(['batch', 'in-sync']);
  });

  test('does not look at dot files and other endings', async () => {
    await writeFile(join(root, '.hidden.yaml'), pool('a', '10.0.0.0/16'));
    await writeFile(join(root, 'notes.txt'), pool('b', '10.0.0.0/16'));
    await writeFile(join(root, 'old.yaml~'), pool('c', '10.0.0.0/16'));
    await startInSync();
    expect(recorder.pools).toEqual({});
    expect(recorder.conditions).toEqual([]);
  });

  test('a link that leads back into the tree does not hold it up', async () => {
    await symlink(root, join(root, 'again'));
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await startInSync();
    expect(recorder.pools).toEqual({ one: '10.0.0.0/16' });
    expect(recorder.conditions).toEqual([]);
  });

  test('the same files give the same revision in another process', async () => {
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await startInSync();
    const other = new DirectoryDatastore(root, { timers: new ManualTimers() });
    other.start(new Recorder());
    await until(() => other.status.phase === 'in-sync');
    expect(other.status.revision).toBe(datastore.status.revision);
    await other.stop();
  });
});

describe('changes', () => {
  test('an atomic rename over a file is one batch with only what changed', async () => {
    await writeFile(join(root, 'a.yaml'), `${pool('one', '10.0.0.0/16')}---\n${pool('two', '10.1.0.0/16')}`);
    await startInSync();
    await writeFile(join(root, '.a.yaml.new'), `${pool('one', '10.0.0.0/16')}---\n${pool('two', '10.9.0.0/16')}`);
    await rename(join(root, '.a.yaml.new'), join(root, 'a.yaml'));
    await settle(() => recorder.pools.two === '10.9.0.0/16');
    const last = recorder.log.at(-1);
    expect(last).toMatchObject({ events: [{ type: 'set', resource: { name: 'two' } }] });
  });

  test('a file that vanishes takes its resources along', async () => {
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await writeFile(join(root, 'b.yaml'), pool('two', '10.1.0.0/16'));
    await startInSync();
    await unlink(join(root, 'a.yaml'));
    await settle(() => recorder.pools.one === undefined);
    expect(recorder.pools).toEqual({ two: '10.1.0.0/16' });
  });

  test('a directory that is made later is watched too', async () => {
    await startInSync();
    await mkdir(join(root, 'late'));
    await writeFile(join(root, 'late', 'a.yaml'), pool('one', '10.0.0.0/16'));
    await settle(() => recorder.pools.one === '10.0.0.0/16');
    await writeFile(join(root, 'late', 'a.yaml'), pool('one', '10.7.0.0/16'));
    await settle(() => recorder.pools.one === '10.7.0.0/16');
  });

  test('a ConfigMap mount is swapped as Kubernetes does it', async () => {
    await mkdir(join(root, '..v1'));
    await writeFile(join(root, '..v1', 'a.yaml'), pool('one', '10.0.0.0/16'));
    await symlink('..v1', join(root, '..data'));
    await symlink('..data/a.yaml', join(root, 'a.yaml'));
    await startInSync();
    expect(recorder.pools).toEqual({ one: '10.0.0.0/16' });
    for (const version of [2, 3]) {
      await mkdir(join(root, `..v${version}`));
      await writeFile(join(root, `..v${version}`, 'a.yaml'), pool('one', `10.${version}.0.0/16`));
      await symlink(`..v${version}`, join(root, '..tmp'));
      await rename(join(root, '..tmp'), join(root, '..data'));
      await rm(join(root, `..v${version - 1}`), { recursive: true });
      await settle(() => recorder.pools.one === `10.${version}.0.0/16`);
    }
  });

  test('the far end of a link outside the tree is watched', async () => {
    await mkdir(join(top, 'elsewhere'));
    await writeFile(join(top, 'elsewhere', 'real.yaml'), pool('one', '10.0.0.0/16'));
    await symlink(join(top, 'elsewhere', 'real.yaml'), join(root, 'a.yaml'));
    await startInSync();
    await writeFile(join(top, 'elsewhere', 'real.yaml'), pool('one', '10.3.0.0/16'));
    await settle(() => recorder.pools.one === '10.3.0.0/16');
  });

  test('the rescan finds nothing new and says nothing', async () => {
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await startInSync();
    await timers.expire(RESCAN_MS);
    await until(() => timers.pending.some((entry) => entry.milliseconds === RESCAN_MS));
    expect(recorder.batches).toBe(1);
  });

  test('after stop nothing is said any more', async () => {
    await startInSync();
    await datastore.stop();
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await new Promise((done) => setTimeout(done, 50));
    expect(recorder.batches).toBe(1);
    expect(timers.pending).toEqual([]);
  });
});

describe('what is wrong', () => {
  test('a broken file keeps its last good content and is reported with its place', async () => {
    const file = join(root, 'a.yaml');
    await writeFile(file, pool('one', '10.0.0.0/16'));
    await startInSync();
    await writeFile(file, 'apiVersion: projectcalico.org/v3\nkind: [IPPool\nmetadata: {}\n');
    await settle(() => recorder.conditions.length > 0);
    expect(recorder.pools).toEqual({ one: '10.0.0.0/16' });
    expect(recorder.conditions[0].resource).toBe(`${file}:3:1`);
    await writeFile(file, pool('one', '10.4.0.0/16'));
    await settle(() => recorder.conditions.length === 0);
    expect(recorder.pools).toEqual({ one: '10.4.0.0/16' });
  });

  test('a resource that is refused keeps its last good form and is reported with its place', async () => {
    const file = join(root, 'a.yaml');
    await writeFile(file, pool('one', '10.0.0.0/16'));
    await startInSync();
    await writeFile(file, pool('one', '10.0.0.0/99'));
    await settle(() => recorder.conditions.length > 0);
    expect(recorder.pools).toEqual({ one: '10.0.0.0/16' });
    expect(recorder.conditions[0]).toMatchObject({ resource: 'IPPool/one', field: 'spec.cidr' });
    expect(recorder.conditions[0].message).toContain(`${file}:6:9`);
  });

  test('of two files with one resource the first by path counts', async () => {
    await writeFile(join(root, 'b.yaml'), pool('one', '10.1.0.0/16'));
    await writeFile(join(root, 'c.yaml'), pool('one', '10.2.0.0/16'));
    await startInSync();
    expect(recorder.pools).toEqual({ one: '10.1.0.0/16' });
    expect(recorder.conditions).toMatchObject([{ resource: 'IPPool/one', field: 'metadata.name' }]);
    expect(recorder.conditions[0].message).toBe(
      `${join(root, 'c.yaml')}:1:1 defines it again: ${join(root, 'b.yaml')}:1:1 counts`,
    );
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await settle(() => recorder.pools.one === '10.0.0.0/16');
    await unlink(join(root, 'a.yaml'));
    await unlink(join(root, 'b.yaml'));
    await settle(() => recorder.pools.one === '10.2.0.0/16');
    expect(recorder.conditions).toEqual([]);
  });

  test('a directory that is not there yet is waited for', async () => {
    await rm(root, { recursive: true });
    datastore.start(recorder);
    await until(() => datastore.status.phase === 'unreachable' && timers.pending.length > 0);
    expect(recorder.batches).toBe(0);
    await mkdir(root);
    await writeFile(join(root, 'a.yaml'), pool('one', '10.0.0.0/16'));
    await settle(() => datastore.status.phase === 'in-sync' && recorder.pools.one !== undefined);
  });

  test('a directory that goes away takes nothing along, and what changed meanwhile comes when it is back', async () => {
    await writeFile(join(root, 'a.yaml'), `${pool('one', '10.0.0.0/16')}---\n${pool('two', '10.1.0.0/16')}`);
    await startInSync();
    await rename(root, join(top, 'away'));
    await settle(() => datastore.status.phase === 'unreachable');
    expect(recorder.pools).toEqual({ one: '10.0.0.0/16', two: '10.1.0.0/16' });
    await writeFile(join(top, 'away', 'a.yaml'), pool('two', '10.1.0.0/16'));
    await rename(join(top, 'away'), root);
    await settle(() => datastore.status.phase === 'in-sync');
    expect(recorder.pools).toEqual({ two: '10.1.0.0/16' });
  });
});
