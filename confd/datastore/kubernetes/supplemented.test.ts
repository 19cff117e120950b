import { beforeEach, describe, expect, test } from 'vitest';
import type { Condition } from '../../desired-state.ts';
import { decodeObject } from '../../model/resource.ts';
import type { ResourceBatch, ResourceEvent } from '../../resource-store.ts';
import type { Datastore, DatastoreListener, DatastorePhase, DatastoreStatus } from '../datastore.ts';
import type { NeedySources } from './needs.ts';
import { type Supplement, SupplementedDatastore } from './supplemented.ts';

/** A datastore that says what a test says. */
class Puppet implements Datastore {
  readonly description: string = 'puppet';
  status: DatastoreStatus = { phase: 'starting', message: 'not yet', revision: '' };
  listener: DatastoreListener | null = null;

  start(listener: DatastoreListener): void {
    this.listener = listener;
  }
  async stop(): Promise<void> {}
  tell(events: readonly ResourceEvent[], revision: string, conditions: readonly Condition[] = []): void {
    this.status = { ...this.status, revision };
    this.listener?.changed({ events, revision, conditions });
  }
  enter(phase: DatastorePhase, message = ''): void {
    this.status = { ...this.status, phase, message };
    this.listener?.statusChanged(this.status);
  }
}

class PuppetSupplement extends Puppet implements Supplement {
  override readonly description = 'kubernetes:x';
  isAwaiting = false;
  readonly needs: NeedySources[] = [];
  need(sources: NeedySources): void {
    this.needs.push(sources);
  }
}

function set(kind: string, name: string, spec: object = {}): ResourceEvent {
  const decoded = decodeObject({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec });
  if (decoded.outcome !== 'accepted') throw new Error(JSON.stringify(decoded));
  return { type: 'set', resource: decoded.resource, conditions: [] };
}

const peer = (name: string): ResourceEvent => set('BGPPeer', name, { peerIP: '192.0.2.1', asNumber: 1 });
const CONDITION: Condition = { resource: 'secrets/x', field: '', message: 'forbidden', severity: 'error' };

let main: Puppet;
let supplement: PuppetSupplement;
let batches: ResourceBatch[];
let phases: string[];
let elapse: (() => void) | null;
let datastore: SupplementedDatastore;

beforeEach(() => {
  main = new Puppet();
  supplement = new PuppetSupplement();
  batches = [];
  phases = [];
  elapse = null;
  const timers = {
    schedule: (_milliseconds: number, callback: () => void) => {
      elapse = callback;
      return () => {
        elapse = null;
      };
    },
  };
  datastore = new SupplementedDatastore(main, supplement, 'me', timers);
  datastore.start({
    changed: (batch) => batches.push(batch),
    statusChanged: (status) => phases.push(`${status.phase} ${status.message}`.trim()),
  });
});

function bothInSync(): void {
  main.tell([set('Node', 'me'), peer('a')], '5');
  main.enter('in-sync');
  supplement.enter('in-sync');
  batches.length = 0;
}

describe('at the start', () => {
  test('nothing is asked for before all references are known, and nothing is in sync before they are followed', () => {
    main.tell([set('Node', 'me'), set('Node', 'other'), peer('a')], '5');
    expect(supplement.needs).toEqual([]);
    main.enter('in-sync');
    expect(supplement.needs).toMatchObject([{ ownNode: { name: 'me' }, peers: [{ name: 'a' }] }]);
    expect(datastore.status.phase).toBe('starting');
    supplement.tell([], '9');
    supplement.enter('in-sync');
    expect(phases.at(-1)).toBe('in-sync');
    expect(datastore.status.revision).toBe('5+9');
  });

  test('an API that cannot be reached is waited for, and named', () => {
    main.tell([], '5');
    main.enter('in-sync');
    supplement.enter('unreachable', 'connection refused');
    expect(datastore.status).toMatchObject({ phase: 'unreachable', message: 'kubernetes:x: connection refused' });
  });
});

describe('afterwards', () => {
  beforeEach(bothInSync);

  test('only the main datastore decides', () => {
    supplement.enter('unreachable', 'connection refused');
    expect(datastore.status.phase).toBe('in-sync');
    expect(phases.at(-1)).toBe('in-sync');
    main.enter('unreachable', 'gone');
    expect(phases.at(-1)).toBe('unreachable gone');
  });

  test('a change waits for the secret that it asks for', () => {
    supplement.isAwaiting = true;
    main.tell([peer('b')], '6');
    expect(supplement.needs.at(-1)?.peers).toHaveLength(2);
    expect(batches).toEqual([]);
    supplement.isAwaiting = false;
    supplement.tell([], '10', [CONDITION]);
    expect(batches).toMatchObject([{ events: [{ type: 'set' }], revision: '6+10', conditions: [CONDITION] }]);
    expect(elapse).toBeNull();
  });

  test('but not for ever', () => {
    supplement.isAwaiting = true;
    main.tell([peer('b')], '6');
    main.tell([peer('c')], '7');
    elapse?.();
    expect(batches).toMatchObject([{ events: [{ type: 'set' }, { type: 'set' }], revision: '7' }]);
  });

  test('what the main datastore says is complete before its status', () => {
    supplement.isAwaiting = true;
    main.tell([peer('b')], '6');
    main.enter('resyncing', 'listing');
    expect(batches).toHaveLength(1);
  });

  test('conditions of both are told with each batch', () => {
    supplement.tell([], '10', [CONDITION]);
    main.tell([], '6', [{ ...CONDITION, resource: 'x' }]);
    expect(batches.at(-1)?.conditions).toMatchObject([{ resource: 'x' }, { resource: 'secrets/x' }]);
  });

  test('a refused edit keeps what it asked for, a deletion does not', () => {
    main.tell([{ type: 'refused', key: { kind: 'BGPPeer', name: 'a' }, conditions: [] }], '6');
    main.tell([set('BGPConfiguration', 'default')], '7');
    expect(supplement.needs.at(-1)).toMatchObject({ peers: [{ name: 'a' }], configurations: [{ name: 'default' }] });
    main.tell(
      [
        { type: 'deleted', key: { kind: 'BGPPeer', name: 'a' } },
        { type: 'deleted', key: { kind: 'BGPConfiguration', name: 'default' } },
        { type: 'deleted', key: { kind: 'Node', name: 'me' } },
      ],
      '8',
    );
    expect(supplement.needs.at(-1)).toEqual({ ownNode: null, peers: [], configurations: [] });
  });

  test('what asks for nothing asks nothing', () => {
    const asked = supplement.needs.length;
    main.tell([set('IPPool', 'p', { cidr: '10.0.0.0/8' }), set('Node', 'other')], '6');
    expect(supplement.needs).toHaveLength(asked);
    expect(batches).toHaveLength(1);
  });
});
