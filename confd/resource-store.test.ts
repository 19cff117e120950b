import { describe, expect, test } from 'vitest';
import { pool } from '../test/support/calico-resources.ts';
import type { Condition } from './desired-state.ts';
import type { Resource } from './model/resource.ts';
import { type ResourceEvent, ResourceStore } from './resource-store.ts';

const KEY = { kind: 'IPPool', name: 'p' } as const;
const BAD: Condition = { resource: 'IPPool/p', field: 'spec.cidr', message: 'bad', severity: 'error' };
const set = (cidr: string): ResourceEvent => ({ type: 'set', resource: pool('p', { cidr }), conditions: [] });
const refused: ResourceEvent = { type: 'refused', key: KEY, conditions: [BAD] };
const deleted: ResourceEvent = { type: 'deleted', key: KEY };

describe('the mirror of the datastore', () => {
  test.each<[sentence: string, events: ResourceEvent[], cidr: string | undefined, conditions: number]>([
    ['a resource', [set('10.0.0.0/8')], '10.0.0.0/8', 0],
    ['a later form replaces an earlier', [set('10.0.0.0/8'), set('11.0.0.0/8')], '11.0.0.0/8', 0],
    ['a deleted one is gone', [set('10.0.0.0/8'), deleted], undefined, 0],
    ['a refused one keeps its last good form', [set('10.0.0.0/8'), refused], '10.0.0.0/8', 1],
    ['a refused one without good form is not there', [refused], undefined, 1],
    ['once mended nothing is held against it', [refused, set('10.0.0.0/8')], '10.0.0.0/8', 0],
    ['deleting it ends the complaint', [refused, deleted], undefined, 0],
  ])('%s', (_sentence, events, cidr, conditions) => {
    const store = new ResourceStore();
    for (const event of events) store.apply({ events: [event], revision: '1', conditions: [] });
    const snapshot = store.snapshot();
    expect(snapshot.ipPools.get('p')?.cidr).toBe(cidr);
    expect(snapshot.conditions).toHaveLength(conditions);
  });

  test('a snapshot does not change afterwards', () => {
    const store = new ResourceStore();
    store.apply({ events: [set('10.0.0.0/8')], revision: '1', conditions: [] });
    const snapshot = store.snapshot();
    store.apply({ events: [deleted], revision: '2', conditions: [BAD] });
    expect([snapshot.ipPools.size, snapshot.revision, snapshot.conditions]).toEqual([1, '1', []]);
    expect([store.snapshot().ipPools.size, store.snapshot().revision, store.snapshot().conditions]).toEqual([
      0,
      '2',
      [BAD],
    ]);
  });

  test('complaints about the datastore are replaced with each batch', () => {
    const store = new ResourceStore();
    store.apply({ events: [], revision: '1', conditions: [BAD] });
    store.apply({ events: [], revision: '2', conditions: [] });
    expect(store.snapshot().conditions).toEqual([]);
  });

  test.each<[sentence: string, events: ResourceEvent[], changes: [before: string | null, after: string | null][]]>([
    ['a new one', [set('10.0.0.0/8')], [[null, '10.0.0.0/8']]],
    ['the same again is no change', [set('10.0.0.0/8'), set('10.0.0.0/8')], [[null, '10.0.0.0/8']]],
    [
      'another form',
      [set('10.0.0.0/8'), set('11.0.0.0/8')],
      [
        [null, '10.0.0.0/8'],
        ['10.0.0.0/8', '11.0.0.0/8'],
      ],
    ],
    ['a refusal changes nothing', [set('10.0.0.0/8'), refused], [[null, '10.0.0.0/8']]],
    [
      'one that goes',
      [set('10.0.0.0/8'), deleted, deleted],
      [
        [null, '10.0.0.0/8'],
        ['10.0.0.0/8', null],
      ],
    ],
  ])('what a batch changed: %s', (_sentence, events, expected) => {
    const store = new ResourceStore();
    const changes = store.apply({ events, revision: '1', conditions: [] });
    const cidr = (one: Resource | null): string | null => (one?.kind === 'IPPool' ? one.cidr : null);
    expect(changes.map(({ before, after }) => [cidr(before), cidr(after)])).toEqual(expected);
  });

  test('a resource that says the same again stays the same object', () => {
    const store = new ResourceStore();
    store.apply({ events: [set('10.0.0.0/8')], revision: '1', conditions: [] });
    const first = store.live().ipPools.get('p');
    store.apply({ events: [set('10.0.0.0/8')], revision: '2', conditions: [] });
    expect(store.live().ipPools.get('p')).toBe(first);
    expect(store.live().revision).toBe('2');
  });
});
