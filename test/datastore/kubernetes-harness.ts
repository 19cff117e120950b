/** The compliance suite's harness for Kubernetes: a server, a proxy before it that the daemon's side goes through. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterAccess } from '../../confd/datastore/kubernetes/access.ts';
import {
  KubernetesDatastore,
  type KubernetesOptions,
  type KubernetesTuning,
} from '../../confd/datastore/kubernetes/kubernetes.ts';
import { hostnameHash } from '../../confd/datastore/kubernetes/target.ts';
import { CALICO_PLURALS, type TestGroup } from '../servers/crds.ts';
import { type ApiObject, KubeServer, TOKENS } from '../servers/kube-server.ts';
import { type DatastoreHarness, OWN_NODE, type StoredObject } from './harness.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** Short, so that tests are; in the relations of the real ones. */
export const QUICK: Partial<KubernetesTuning> = {
  relistSpreadMs: 100,
  graceMs: 400,
  settleMs: 200,
  pageSize: 100,
  // No test waits by accident for the long end of a spread.
  random: () => Math.random() * 0.5,
};

/** An object as the API server holds it. */
export function apiObject(object: StoredObject, group: TestGroup): ApiObject {
  const { kind, metadata, spec } = object;
  if (kind === 'Node') {
    const bgp = (spec.bgp ?? {}) as { readonly [field: string]: unknown };
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        ...metadata,
        annotations: {
          'projectcalico.org/IPv4Address': String(bgp.ipv4Address ?? ''),
          'projectcalico.org/ASNumber': String(bgp.asNumber ?? ''),
        },
      },
    };
  }
  if (kind !== 'BlockAffinity') return { apiVersion: group, kind, metadata, spec };
  const labels = { 'projectcalico.org/hostname-hash': hostnameHash(String(spec.node)) };
  return { apiVersion: group, kind, metadata: { ...metadata, labels }, spec };
}

export interface KubernetesHarness extends DatastoreHarness {
  readonly server: KubeServer;
  readonly proxy: TcpProxy;
  /** Through the proxy, as the administrator. */
  readonly access: ClusterAccess;
  openWith(options: Partial<KubernetesOptions>, tuning?: Partial<KubernetesTuning>): KubernetesDatastore;
}

/** `group`: where objects are written. `installed`: the groups that are there from the start. */
export async function startKubernetesHarness(
  group: TestGroup,
  installed: readonly TestGroup[] = [group],
): Promise<KubernetesHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'peregrine-kubernetes-'));
  const server = await KubeServer.start(folder, installed);
  const proxy = new TcpProxy(server.port);
  await proxy.listen();
  const access: ClusterAccess = {
    server: `https://127.0.0.1:${proxy.port}`,
    serverName: null,
    ca: { kind: 'file', path: server.certificates.ca },
    isInsecure: false,
    certificate: null,
    key: null,
    identity: { kind: 'token', token: TOKENS.admin },
    impersonation: null,
  };
  const openWith: KubernetesHarness['openWith'] = (options, tuning = {}) =>
    new KubernetesDatastore(
      {
        access,
        node: OWN_NODE,
        isSupplement: false,
        usePodCidr: false,
        group: null,
        secretNamespace: 'kube-system',
        advertisesClusterIps: false,
        ...options,
      },
      { ...QUICK, ...tuning },
    );
  return {
    server,
    proxy,
    access,
    openWith,
    open: () => openWith({}),
    put: (object) => server.put(apiObject(object, group)),
    putMany: (objects) => server.putMany(objects.map((object) => apiObject(object, group))),
    remove: (object) => server.remove(apiObject(object, group)),
    async clear() {
      if (!server.isRunning) await server.startApi();
      proxy.breakAfterOctets = Number.POSITIVE_INFINITY;
      await proxy.listen();
      await Promise.all([
        ...Object.keys(CALICO_PLURALS).map((kind) => server.removeAll(group, kind)),
        server.removeAll('v1', 'Node'),
      ]);
    },
    disconnect: () => proxy.close(),
    reconnect: () => proxy.listen(),
    async breakConnections() {
      proxy.break();
    },
    async restartServer() {
      await server.killApi();
      await server.startApi();
    },
    // A server that has just been started knows no changes from before.
    async forgetHistory() {
      await server.killApi();
      await server.startApi();
    },
    async close() {
      await proxy.close();
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}
