/**
 * The compliance suite against an API server in memory, so that it runs where no real one is (kubernetes.test.ts), and
 * what the daemon asks of it.
 */

import { expect, test } from 'vitest';
import type { ClusterAccess } from '../../confd/datastore/kubernetes/access.ts';
import { KubernetesDatastore, type KubernetesTuning } from '../../confd/datastore/kubernetes/kubernetes.ts';
import { SYSTEM_TIMERS } from '../../confd/datastore/system-timers.ts';
import { CALICO_PLURALS } from '../servers/crds.ts';
import { FakeKubeApiserver, type FakeObject } from '../servers/fake-kube-apiserver.ts';
import { waitFor } from '../support/wait-for.ts';
import { datastoreCompliance, storedPeer } from './compliance.ts';
import { type DatastoreHarness, OWN_NODE, type StoredObject } from './harness.ts';
import { apiObject, QUICK } from './kubernetes-harness.ts';
import { Recorder } from './recorder.ts';
import { TcpProxy } from './tcp-proxy.ts';

const GROUP = 'crd.projectcalico.org/v1';
const PATHS = ['/api/v1/nodes', ...Object.values(CALICO_PLURALS).map((plural) => `/apis/${GROUP}/${plural}`)];

function pathOf({ kind }: { readonly kind: string }): string {
  return kind === 'Node' ? '/api/v1/nodes' : `/apis/${GROUP}/${CALICO_PLURALS[kind]}`;
}

function open(port: number, tuning: Partial<KubernetesTuning> = {}, readsNodeSpec = false): KubernetesDatastore {
  const access: ClusterAccess = {
    server: `http://127.0.0.1:${port}`,
    serverName: null,
    ca: null,
    isInsecure: false,
    certificate: null,
    key: null,
    identity: { kind: 'none' },
    impersonation: null,
  };
  const options = {
    access,
    isSupplement: false,
    node: OWN_NODE,
    usePodCidr: false,
    group: null,
    secretNamespace: 'kube-system',
    advertisesClusterIps: false,
    readsNodeSpec,
  };
  return new KubernetesDatastore(options, { ...QUICK, ...tuning });
}

async function startFakeHarness(): Promise<DatastoreHarness> {
  const server = new FakeKubeApiserver(PATHS);
  await server.start();
  const proxy = new TcpProxy(server.port);
  await proxy.listen();
  const put = async (object: StoredObject): Promise<void> =>
    server.put(pathOf(object), apiObject(object, GROUP) as FakeObject);
  return {
    open: () => open(proxy.port),
    put,
    async putMany(objects) {
      for (const object of objects) await put(object);
    },
    remove: async (object) => server.remove(pathOf(object), object.metadata.name),
    async clear() {
      await proxy.listen();
      server.clear();
    },
    disconnect: () => proxy.close(),
    reconnect: () => proxy.listen(),
    async breakConnections() {
      proxy.break();
    },
    restartServer: () => server.restart(),
    async forgetHistory() {
      server.forget();
    },
    async close() {
      await proxy.close();
      await server.stop();
    },
  };
}

datastoreCompliance('kubernetes, in memory', {
  missing: null,
  start: startFakeHarness,
  hasServer: true,
  hasHistory: true,
  takesBadValues: true,
  deliversEveryVersion: false,
  bulkCount: 1_000,
});

async function withServer(
  paths: readonly string[],
  use: (
    server: FakeKubeApiserver,
    follow: (tuning?: Partial<KubernetesTuning>, readsNodeSpec?: boolean) => Recorder,
  ) => Promise<void>,
): Promise<void> {
  const server = new FakeKubeApiserver(paths);
  await server.start();
  const recorders: Recorder[] = [];
  try {
    await use(server, (tuning, readsNodeSpec) => {
      const recorder = new Recorder(open(server.port, tuning, readsNodeSpec));
      recorders.push(recorder);
      recorder.start();
      return recorder;
    });
    for (const { violations } of recorders) expect(violations).toEqual([]);
  } finally {
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    await server.stop();
  }
}

/** Seconds of waiting become hundredths of them. */
const HASTY: Partial<KubernetesTuning> = {
  timers: { schedule: (milliseconds, callback) => SYSTEM_TIMERS.schedule(milliseconds / 100, callback) },
};

test('a list and a watch for each kind, and no more while nothing happens', async () => {
  await withServer(PATHS, async (server, follow) => {
    await follow().reaches('in-sync');
    const watches = (): number => server.requests.filter((path) => path.includes('watch=true')).length;
    await waitFor('the watches', 5_000, () => (watches() === 8 ? true : null));
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Discovery; block affinities with and without their label.
    expect(server.requests).toHaveLength(1 + 8 + 8);
    expect(server.requests.filter((path) => path.includes('services') || path.includes('secrets'))).toEqual([]);
    const nodes = server.requests.find((path) => path.startsWith('/api/v1/nodes?') && !path.includes('watch'));
    expect(nodes).toBe('/api/v1/nodes?limit=100&resourceVersion=0&resourceVersionMatch=NotOlderThan');
  });
});

test('a cordon and taints are seen where they count (PEREGRINE_DRAIN_ON), and else nothing of the spec is read', async () => {
  await withServer(PATHS, async (server, follow) => {
    const put = (spec: object, address: string): void =>
      server.put('/api/v1/nodes', {
        metadata: { name: OWN_NODE, annotations: { 'projectcalico.org/IPv4Address': address } },
        spec,
      } as unknown as FakeObject);
    put({}, '10.0.0.1/24');
    const [reading, usual] = [follow(HASTY, true), follow(HASTY)];
    for (const recorder of [reading, usual]) await recorder.sees('the node', (now) => now.nodes.has(OWN_NODE));
    const taints = [{ key: 'example.com/maintenance', value: '', effect: 'NoSchedule' }];
    put({ unschedulable: true, taints }, '10.0.0.2/24');
    const has = (last: string) => (now: (typeof reading)['resources']) =>
      now.nodes.get(OWN_NODE)?.ipv4?.address === last;
    await reading.sees('the cordon', (now) => now.nodes.get(OWN_NODE)?.upkeep?.isUnschedulable === true);
    expect(reading.resources.nodes.get(OWN_NODE)?.upkeep?.taints).toEqual(taints);
    await usual.sees('the other address', has('10.0.0.2'));
    expect(usual.resources.nodes.get(OWN_NODE)?.upkeep).toBeUndefined();
    put({}, '10.0.0.2/24');
    await reading.sees('that it is uncordoned', (now) => now.nodes.get(OWN_NODE)?.upkeep === undefined);
  });
});

test('kinds that are not there are looked for, in both groups', async () => {
  await withServer(['/api/v1/nodes'], async (server, follow) => {
    const recorder = follow(HASTY);
    await recorder.reaches('in-sync');
    expect(recorder.resources.conditions).toHaveLength(7);
    const group = 'projectcalico.org/v3';
    for (const plural of Object.values(CALICO_PLURALS)) server.install(`/apis/${group}/${plural}`);
    server.put(`/apis/${group}/bgppeers`, apiObject(storedPeer('tor', 1), group) as FakeObject);
    await recorder.sees('the peer', (now) => now.bgpPeers.has('tor'));
    await recorder.sees('no complaints', (now) => now.conditions.length === 0);
  });
});

test.each<[string, FakeKubeApiserver['refuse'], string]>([
  [
    'that does not say which groups it has',
    (path) => (path === '/apis' ? { code: 500, reason: 'InternalError', message: 'no etcd' } : null),
    'the API groups (/apis): no etcd',
  ],
  [
    'that does not know us',
    () => ({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' }),
    'http://127.0.0.1:PORT does not accept requests without credentials: Unauthorized',
  ],
  [
    'that forbids a kind',
    (path) => (path.includes('bgppeers') ? { code: 403, reason: 'Forbidden', message: 'bgppeers is forbidden' } : null),
    'bgppeers.crd.projectcalico.org: bgppeers is forbidden',
  ],
  [
    'that is overloaded',
    () => ({ code: 503, reason: 'ServiceUnavailable', message: 'apiserver is shutting down' }),
    'apiserver is shutting down',
  ],
])('a server %s is named, and followed once it is well', async (_name, refuse, message) => {
  await withServer(PATHS, async (server, follow) => {
    server.refuse = refuse;
    const recorder = follow(HASTY);
    await recorder.reaches('unreachable');
    await waitFor(message, 5_000, () =>
      recorder.status.message === message.replace('PORT', String(server.port)) ? true : null,
    );
    server.refuse = () => null;
    await recorder.reaches('in-sync');
  });
});

test('the rest of a listing that is forgotten between two pages is read again', async () => {
  await withServer(PATHS, async (server, follow) => {
    const path = `/apis/${GROUP}/bgppeers`;
    for (let i = 0; i < 250; i++) server.put(path, apiObject(storedPeer(`peer-${i}`, i + 1), GROUP) as FakeObject);
    let isForgotten = false;
    server.onRequest = (asked) => {
      if (isForgotten || !asked.includes('continue=')) return;
      isForgotten = true;
      server.put(path, apiObject(storedPeer('last', 7), GROUP) as FakeObject);
      server.forget();
    };
    const recorder = follow(HASTY);
    await recorder.sees('all', (now) => now.bgpPeers.size === 251);
    // In one piece, from what is stored.
    expect(server.requests).toContain(path);
    expect(recorder.events).toHaveLength(251);
  });
});
