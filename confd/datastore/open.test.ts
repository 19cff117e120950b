import { describe, expect, test } from 'vitest';
import type { Environment } from './environment.ts';
import { type DatastoreSpec, datastoreSpecOf, openDatastore, parseDatastoreSpec } from './open.ts';

test.each<[text: string, wanted: DatastoreSpec | null]>([
  ['directory:/etc/calico', { kind: 'directory', path: '/etc/calico' }],
  ['directory:a:b', { kind: 'directory', path: 'a:b' }],
  ['etcd', { kind: 'etcd', endpoints: null }],
  ['etcd:https://a:2379,https://b:2379', { kind: 'etcd', endpoints: 'https://a:2379,https://b:2379' }],
  ['kubernetes', { kind: 'kubernetes' }],
  ['directory', null],
  ['directory:', null],
  ['etcd:', null],
  ['kubernetes:x', null],
  ['/etc/calico', null],
  ['', null],
])('%s', (text, wanted) => {
  expect(parseDatastoreSpec(text)).toEqual(wanted);
});

test.each<[sentence: string, environment: Environment, wanted: unknown]>([
  ['etcdv3', { DATASTORE_TYPE: 'etcdv3' }, { kind: 'etcd', endpoints: null }],
  ['kubernetes, whatever else is set', { DATASTORE_TYPE: 'kubernetes', ETCD_ENDPOINTS: 'x' }, { kind: 'kubernetes' }],
  ['endpoints mean etcd', { ETCD_ENDPOINTS: 'https://a:2379' }, { kind: 'etcd', endpoints: null }],
  [
    'the name with CALICO_ counts before',
    { CALICO_DATASTORE_TYPE: 'kubernetes', DATASTORE_TYPE: 'etcdv3' },
    { kind: 'kubernetes' },
  ],
  ['nothing', {}, null],
  [
    'a word that Calico does not know',
    { DATASTORE_TYPE: 'etcd' },
    expect.stringContaining('wanted etcdv3 or kubernetes'),
  ],
])('the environment: %s', (_sentence, environment, wanted) => {
  expect(datastoreSpecOf(environment)).toEqual(wanted);
});

describe('opening', () => {
  test('connects to nothing', async () => {
    const outcome = await openDatastore({ kind: 'etcd', endpoints: 'http://192.0.2.1:2379' }, 'n1', {});
    if (!outcome.ok) throw new Error(outcome.problems.join());
    expect(outcome.datastore.description).toBe('etcd:http://192.0.2.1:2379');
    expect(outcome.datastore.status.phase).toBe('starting');
    await outcome.datastore.stop();
  });

  test('tells all that is wrong', async () => {
    const environment = { ETCD_ENDPOINTS: 'a:1,ftp://b', ETCD_KEY_FILE: '/key' };
    const outcome = await openDatastore({ kind: 'etcd', endpoints: null }, 'n1', environment);
    expect(outcome.ok ? [] : outcome.problems).toHaveLength(3);
  });
});
