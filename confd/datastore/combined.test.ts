import { describe, expect, test } from 'vitest';
import { configuration, workload } from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';
import type { ResourceBatch, ResourceEvent } from '../resource-store.ts';
import { CombinedDatastore } from './combined.ts';
import type { Datastore, DatastoreListener, DatastorePhase, DatastoreStatus } from './datastore.ts';

const set = (resource: Resource): ResourceEvent => ({ type: 'set', resource, conditions: [] });
const gone = ({ kind, name }: Resource): ResourceEvent => ({ type: 'deleted', key: { kind, name } });

/** A datastore that says what the test wants. */
class Puppet implements Datastore {
  readonly description: string;
  status: DatastoreStatus = { phase: 'starting', message: 'starting', revision: '' };
  isStopped = false;
  #listener: DatastoreListener | null = null;

  constructor(description: string) {
    this.description = description;
  }

  start(listener: DatastoreListener): void {
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  say(revision: string, ...events: ResourceEvent[]): void {
    this.status = { ...this.status, revision };
    this.#listener?.changed({ events, revision, conditions: [] });
  }

  be(phase: DatastorePhase, message = ''): void {
    this.status = { ...this.status, phase, message };
    this.#listener?.statusChanged(this.status);
  }
}

function setUp() {
  const main = new Puppet('etcd');
  const local = new Puppet('directory:/status');
  const combined = new CombinedDatastore(main, local);
  const log: string[] = [];
  const batches: ResourceBatch[] = [];
  combined.start({
    changed: (batch) => {
      batches.push(batch);
      log.push(`${batch.events.length} at ${batch.revision}`);
    },
    statusChanged: (status) => log.push(status.phase),
  });
  return { main, local, combined, log, batches };
}

const W = workload('w', { ipv4Nets: ['10.244.1.2/32'], bgpPeerName: 'tor' });

describe('a datastore with the workloads of this host', () => {
  test.each<[first: 'main' | 'local']>([['main'], ['local']])('is in sync once both are, %s first', (first) => {
    const { main, local, combined, log } = setUp();
    const steps = {
      main: () => {
        main.say('7', set(configuration({})));
        main.be('in-sync');
      },
      local: () => {
        local.say('x', set(W));
        local.be('in-sync');
      },
    };
    steps[first]();
    expect(combined.status.phase).toBe('starting');
    expect(log).not.toContain('in-sync');
    steps[first === 'main' ? 'local' : 'main']();
    expect(log.at(-1)).toBe('in-sync');
    expect(combined.status).toEqual({ phase: 'in-sync', message: '', revision: '7+x' });
    // Nothing comes without a revision of the datastore, and nothing is lost.
    expect(log.filter((line) => line.includes(' at ')).join()).toBe(first === 'main' ? '1 at 7,1 at 7+x' : '2 at 7+x');
  });

  test('speaks of workloads in its revision only while there are any', () => {
    const { main, local, combined, batches } = setUp();
    local.say('empty');
    local.be('in-sync');
    main.say('7');
    main.be('in-sync');
    expect(combined.status.revision).toBe('7');
    local.say('x', set(W));
    expect(batches.at(-1)?.revision).toBe('7+x');
    main.say('8');
    expect(batches.at(-1)?.revision).toBe('8+x');
    local.say('empty', gone(W));
    expect(batches.at(-1)?.revision).toBe('8');
  });

  test('goes on when the host cannot be read, and says so until it can', () => {
    const { main, local, combined, batches } = setUp();
    main.say('7');
    main.be('in-sync');
    local.be('unreachable', 'EACCES');
    expect(combined.status.phase).toBe('in-sync');
    expect(batches.at(-1)?.conditions).toMatchObject([{ resource: 'directory:/status' }]);
    local.be('in-sync');
    expect(batches.at(-1)?.conditions).toEqual([]);
  });

  test('is what the datastore is, otherwise', async () => {
    const { main, local, combined, log } = setUp();
    local.be('in-sync');
    main.say('7');
    main.be('in-sync');
    main.be('resyncing', 'listing anew');
    expect(combined.status).toMatchObject({ phase: 'resyncing', message: 'listing anew' });
    expect(log.at(-1)).toBe('resyncing');
    expect(combined.description).toBe('etcd');
    await combined.stop();
    expect([main.isStopped, local.isStopped]).toEqual([true, true]);
  });
});
