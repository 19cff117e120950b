/**
 * What only Kubernetes has, against a real kube-apiserver: API groups that come and go, rights, credentials, kinds that
 * are followed on demand, and a store that was restored from a backup.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterAccess } from '../../confd/datastore/kubernetes/access.ts';
import { readKubeconfig } from '../../confd/datastore/kubernetes/kubeconfig.ts';
import type { KubernetesOptions, KubernetesTuning } from '../../confd/datastore/kubernetes/kubernetes.ts';
import { openDatastore } from '../../confd/datastore/open.ts';
import { SYSTEM_TIMERS } from '../../confd/datastore/system-timers.ts';
import { calicoCrdOf } from '../servers/crds.ts';
import { type ApiObject, KUBE_APISERVER_MISSING, TOKENS } from '../servers/kube-server.ts';
import { storedAffinity, storedPeer, storedPool } from './compliance.ts';
import { etcdEntry } from './etcd-harness.ts';
import { OWN_NODE, type StoredObject } from './harness.ts';
import { apiObject, type KubernetesHarness, startKubernetesHarness } from './kubernetes-harness.ts';
import { Recorder, summary } from './recorder.ts';

const V1 = 'crd.projectcalico.org/v1';
const V3 = 'projectcalico.org/v3';

/** Seconds of waiting become tenths of them. */
const HASTY: Partial<KubernetesTuning> = {
  timers: { schedule: (milliseconds, callback) => SYSTEM_TIMERS.schedule(milliseconds / 10, callback) },
};

const CALICO_RESOURCES = [
  'bgpconfigurations',
  'bgppeers',
  'bgpfilters',
  'ippools',
  'blockaffinities',
  'clusterinformations',
];
const READ = ['get', 'list', 'watch'];

function ownNode(annotations: { readonly [name: string]: string } = {}, spec: object = {}): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: OWN_NODE, annotations: { 'projectcalico.org/IPv4Address': '192.0.2.1/24', ...annotations } },
    spec,
  };
}

function secret(name: string, values: { readonly [key: string]: string }): ApiObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'kube-system' }, stringData: values };
}

function peerWithPassword(name: string, secretName: string): ApiObject {
  const password = { secretKeyRef: { name: secretName, key: 'password' } };
  const spec = { peerIP: '192.0.2.9', asNumber: 65001, password };
  return { apiVersion: V1, kind: 'BGPPeer', metadata: { name }, spec };
}

function configuration(spec: object): ApiObject {
  return { apiVersion: V1, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec };
}

describe.skipIf(KUBE_APISERVER_MISSING !== null)(`kubernetes (${KUBE_APISERVER_MISSING ?? 'real server'})`, () => {
  let harness: KubernetesHarness;
  let folder: string;
  const open: Recorder[] = [];

  const follow = (options: Partial<KubernetesOptions> = {}, tuning: Partial<KubernetesTuning> = {}): Recorder => {
    const recorder = new Recorder(harness.openWith(options, tuning));
    open.push(recorder);
    recorder.start();
    return recorder;
  };
  const followInSync = async (...parts: Parameters<typeof follow>): Promise<Recorder> => {
    const recorder = follow(...parts);
    await recorder.reaches('in-sync');
    return recorder;
  };
  const as = (parts: Partial<ClusterAccess>): Partial<KubernetesOptions> => ({
    access: { ...harness.access, ...parts },
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'peregrine-kubernetes-test-'));
    harness = await startKubernetesHarness(V1, []);
  });
  afterEach(async () => {
    const recorders = open.splice(0);
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    for (const recorder of recorders) expect(recorder.violations).toEqual([]);
  });
  afterAll(async () => {
    await harness?.close();
    await rm(folder, { recursive: true });
  });

  // The first test: it installs what the others need.
  test("Calico's kinds are found when they are installed, and when they move to the other group", async () => {
    const { server } = harness;
    const recorder = await followInSync({}, HASTY);
    expect(recorder.resources.conditions.map((condition) => condition.resource)).toContain(
      `bgppeers.${V1.split('/')[0]}`,
    );

    await server.installCalico(V3, calicoCrdOf);
    await server.put(apiObject(storedPool('pods', '10.1.0.0/16'), V3));
    await recorder.sees('the pool', (now) => now.ipPools.has('pods'));
    await recorder.sees('no complaints', (now) => now.conditions.length === 0);

    // Both groups: what is followed stays as it is.
    await server.installCalico(V1, calicoCrdOf);
    await server.put(apiObject(storedPool('pods', '10.1.0.0/16'), V1));
    await server.put(apiObject(storedPool('more', '10.2.0.0/16'), V1));
    // A new follower takes the v1 CRDs then.
    const newcomer = await followInSync();
    expect(Object.keys(summary(newcomer.resources))).toEqual(['IPPool/more', 'IPPool/pods']);

    await server.removeCalico(V3);
    await recorder.sees('the other pool', (now) => now.ipPools.has('more'));
    await recorder.sees('no complaints', (now) => now.conditions.length === 0);
    expect(summary(recorder.resources)).toEqual(summary(newcomer.resources));
    await harness.server.removeAll(V1, 'IPPool');
  });

  test('a group that is set is not looked for', async () => {
    const recorder = await followInSync({ group: V3 });
    expect(recorder.resources.conditions).not.toEqual([]);
    expect(recorder.resources.conditions.every((condition) => condition.resource.includes(V3.split('/')[0]))).toBe(
      true,
    );
  });

  describe('rights', () => {
    const user = (name: string) => ({ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' });
    const RBAC = 'rbac.authorization.k8s.io/v1';

    test('that are lacking are named, and granted ones are noticed', async () => {
      const { server } = harness;
      await server.put(ownNode());
      await server.put(peerWithPassword('tor', 'bgp-passwords'));
      await server.put(secret('bgp-passwords', { password: 'hunter2' }));
      const recorder = follow(as({ identity: { kind: 'token', token: TOKENS.node } }), HASTY);
      await recorder.reaches('unreachable');
      expect(recorder.status.message).toMatch(/^user "calico-node" may not read nodes/);

      await server.put({
        apiVersion: RBAC,
        kind: 'ClusterRole',
        metadata: { name: 'calico-node' },
        rules: [
          { apiGroups: [''], resources: ['nodes', 'services'], verbs: READ },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
          { apiGroups: ['crd.projectcalico.org', 'projectcalico.org'], resources: CALICO_RESOURCES, verbs: READ },
        ],
      });
      await server.put({
        apiVersion: RBAC,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'calico-node' },
        roleRef: { kind: 'ClusterRole', name: 'calico-node', apiGroup: 'rbac.authorization.k8s.io' },
        subjects: [user('calico-node'), user('client')],
      });
      await recorder.reaches('in-sync');
      // Everything works but for the password, and that is said.
      expect(recorder.resources.bgpPeers.has('tor')).toBe(true);
      await recorder.sees('one complaint', (now) => now.conditions.length === 1);
      expect(recorder.resources.conditions).toMatchObject([
        {
          resource: 'secrets/kube-system/bgp-passwords',
          severity: 'error',
          message: expect.stringMatching(/User "calico-node" cannot list resource "secrets"/),
        },
      ]);

      // The role that Calico's documentation asks for: this one secret and no other.
      const metadata = { name: 'bgp-passwords', namespace: 'kube-system' };
      await server.put({
        apiVersion: RBAC,
        kind: 'Role',
        metadata,
        rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['bgp-passwords'], verbs: READ }],
      });
      await server.put({
        apiVersion: RBAC,
        kind: 'RoleBinding',
        metadata,
        roleRef: { kind: 'Role', name: 'bgp-passwords', apiGroup: 'rbac.authorization.k8s.io' },
        subjects: [user('calico-node')],
      });
      const name = 'kube-system/bgp-passwords';
      await recorder.sees('the password', (now) => now.secrets.get(name)?.values.password === 'hunter2');
      await recorder.sees('no complaints', (now) => now.conditions.length === 0);
      await server.put(secret('bgp-passwords', { password: 'changed' }));
      await recorder.sees('the new password', (now) => now.secrets.get(name)?.values.password === 'changed');
    });

    test('of a client certificate', async () => {
      const { client } = harness.server.certificates;
      const identity = {
        identity: { kind: 'none' },
        certificate: { kind: 'file', path: client.cert },
        key: { kind: 'file', path: client.key },
      } as const;
      const recorder = await followInSync(as(identity));
      expect(recorder.resources.bgpPeers.has('tor')).toBe(true);
    });

    test('of a kubeconfig with an exec plug-in', async () => {
      const credential = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: TOKENS.node },
      };
      const text = JSON.stringify({
        'current-context': 'here',
        clusters: [
          {
            name: 'c',
            cluster: { server: harness.access.server, 'certificate-authority': harness.server.certificates.ca },
          },
        ],
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        users: [
          {
            name: 'u',
            user: {
              exec: {
                apiVersion: credential.apiVersion,
                command: process.execPath,
                args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
              },
            },
          },
        ],
      });
      const outcome = readKubeconfig([{ path: join(folder, 'config'), text }]);
      if (!outcome.ok) throw new Error(outcome.message);
      const recorder = await followInSync({ access: outcome.access });
      expect(recorder.resources.bgpPeers.has('tor')).toBe(true);
    });

    test('of a token that is not valid any more until its file says another', async () => {
      const path = join(folder, 'token');
      await writeFile(path, 'expired');
      const recorder = follow(as({ identity: { kind: 'token-file', path } }), HASTY);
      await recorder.reaches('unreachable');
      expect(recorder.status.message).toContain('Unauthorized');
      await writeFile(path, TOKENS.node);
      await recorder.reaches('in-sync');
    });

    test.each<[string, () => Partial<ClusterAccess>, RegExp]>([
      [
        'the server is another',
        () => ({ ca: { kind: 'file', path: harness.server.certificates.stranger.ca } }),
        /not signed by the authority in certificate-authority/,
      ],
      ['its certificate is for another name', () => ({ serverName: 'kubernetes' }), /for another name/],
      ['our certificate is not there', () => ({ ca: { kind: 'file', path: '/none' } }), /ENOENT.*\/none/],
    ])('are not even asked for when %s', async (_name, parts, message) => {
      const recorder = follow(as(parts()));
      await recorder.reaches('unreachable');
      expect(recorder.status.message).toMatch(message);
    });
  });

  describe('what is followed on demand', () => {
    test('comes together with what asks for it, and goes with it', async () => {
      const { server } = harness;
      await harness.clear();
      await server.put(ownNode());
      await server.put(secret('bgp-passwords', { password: 'one' }));
      const recorder = await followInSync();
      expect(recorder.resources.secrets.size).toBe(0);
      await server.put(peerWithPassword('tor', 'bgp-passwords'));
      await recorder.sees('the peer', (now) => now.bgpPeers.has('tor'));
      const batch = recorder.batches.find(({ events }) =>
        events.some((event) => event.type === 'set' && event.resource.kind === 'BGPPeer'),
      );
      expect(batch?.events.map((event) => event.type === 'set' && event.resource.kind)).toContain('Secret');

      await server.put({
        apiVersion: V1,
        kind: 'BGPPeer',
        metadata: { name: 'tor' },
        spec: { peerIP: '192.0.2.9', asNumber: 65001 },
      });
      await recorder.sees('the secret go', (now) => now.secrets.size === 0);
    });

    test('is there in the first state', async () => {
      await harness.server.put(peerWithPassword('tor', 'bgp-passwords'));
      const recorder = await followInSync();
      expect([...recorder.resources.secrets.keys()]).toEqual(['kube-system/bgp-passwords']);
    });

    test('a secret that is not there holds up nothing', async () => {
      const recorder = await followInSync();
      await harness.server.put(peerWithPassword('other', 'no-such-secret'));
      await recorder.sees('the peer', (now) => now.bgpPeers.has('other'));
      expect(recorder.resources.conditions).toEqual([]);
      await harness.server.put(secret('no-such-secret', { password: 'now' }));
      await recorder.sees('the secret', (now) => now.secrets.has('kube-system/no-such-secret'));
    });

    test('services, when some of their addresses may be advertised', async () => {
      const { server } = harness;
      const service = (name: string, clusterIP: string): ApiObject => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'default' },
        spec: { clusterIP, ports: [{ port: 80 }] },
      });
      const slice = (name: string, labels: { readonly [label: string]: string }): ApiObject => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, namespace: 'default', labels },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.1.0.5'], conditions: { ready: true }, nodeName: OWN_NODE }],
        ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      });
      await server.put(service('web', '10.96.5.5'));
      await server.put(slice('web-1', { 'kubernetes.io/service-name': 'web' }));
      await server.put(slice('db-1', { 'kubernetes.io/service-name': 'db', 'service.kubernetes.io/headless': '' }));
      const recorder = await followInSync();
      expect(recorder.resources.services.size).toBe(0);
      await server.put(configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/16' }] }));
      await recorder.sees('the service', (now) => now.services.get('default/web')?.clusterIps.join() === '10.96.5.5');
      await recorder.sees(
        'its slice',
        (now) => now.endpointSlices.get('default/web-1')?.readyNodes.join() === OWN_NODE,
      );
      // Slices of headless services are nobody's business.
      expect(recorder.resources.endpointSlices.size).toBe(1);
      await server.remove(service('web', '10.96.5.5'));
      await recorder.sees('the service go', (now) => !now.services.has('default/web'));
      await server.put(configuration({}));
      await recorder.sees('none', (now) => now.services.size === 0 && now.endpointSlices.size === 0);
      await server.removeAll('discovery.k8s.io/v1', 'EndpointSlice', 'default');
    });
  });

  describe('block affinities', () => {
    const mine = (labels: boolean): ApiObject => {
      const object = apiObject(storedAffinity(OWN_NODE, '10.1.0.0/26', 'confirmed'), V1);
      const spec = { ...(object.spec as object), deleted: 'false' };
      return labels ? { ...object, spec } : { ...object, spec, metadata: { name: object.metadata.name } };
    };

    test('of the own node are found without their label, and stay when they get it', async () => {
      const { server } = harness;
      await harness.clear();
      const other = apiObject(storedAffinity('other', '10.2.0.0/26', 'confirmed'), V1);
      await server.put({ ...other, spec: { ...(other.spec as object), deleted: 'false' } });
      await server.put(mine(false));
      const recorder = await followInSync({}, HASTY);
      expect(Object.keys(summary(recorder.resources))).toEqual([`BlockAffinity/${OWN_NODE}-10-1-0-0-26`]);
      const events = recorder.events.length;
      await server.put(mine(true));
      await server.put(apiObject(storedPeer('tor', 65001), V1));
      await recorder.sees('a later change', (now) => now.bgpPeers.has('tor'));
      // Longer than anything lingers.
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(recorder.events.slice(events).map((event) => event.type === 'set' && event.resource.kind)).toEqual([
        'BGPPeer',
      ]);
      await server.remove(mine(true));
      await recorder.sees('it go', (now) => now.blockAffinities.size === 0);
    });

    test('are not read in podCIDR mode, in which nodes are read whole', async () => {
      const { server } = harness;
      await harness.clear();
      await server.put(mine(true));
      const wireguard = { 'projectcalico.org/WireguardPublicKey': 'key' };
      await server.put(ownNode(wireguard, { podCIDR: '10.244.3.0/24', podCIDRs: ['10.244.3.0/24'] }));
      const [podCidr, usual] = [await followInSync({ usePodCidr: true }), await followInSync()];
      const node = (recorder: Recorder) => recorder.resources.nodes.get(OWN_NODE);
      expect(node(podCidr)).toMatchObject({ podCidrs: ['10.244.3.0/24'], wireguardIpv4: '10.244.3.1' });
      expect(podCidr.resources.blockAffinities.size).toBe(0);
      expect(node(usual)).toMatchObject({ podCidrs: [], wireguardIpv4: null });
      expect(usual.resources.blockAffinities.size).toBe(1);
    });
  });

  test.each([12_000, 30_000])('a way that breaks every %i octets loses nothing', async (octets) => {
    await harness.clear();
    const recorder = await followInSync({}, HASTY);
    harness.proxy.breakAfterOctets = octets;
    await harness.breakConnections();
    const accepted = harness.proxy.accepted;
    const peers = Array.from({ length: 150 }, (_, i) => apiObject(storedPeer(`peer-${i}`, i + 1), V1));
    await harness.server.putMany(peers);
    await Promise.all(peers.slice(0, 50).map((peer) => harness.server.remove(peer)));
    await recorder.sees('all of them', (now) => now.bgpPeers.size === 100);
    for (let i = 50; i < 150; i++) expect(recorder.resources.bgpPeers.get(`peer-${i}`)?.asNumber).toBe(i + 1);
    expect(harness.proxy.accepted - accepted).toBeGreaterThan(1);
  });

  test('a server that stops without a word is noticed, and followed again when it goes on', async () => {
    await harness.clear();
    const recorder = await followInSync({}, { client: { pingIntervalMs: 200, pingTimeoutMs: 1_000 } });
    harness.server.freezeApi();
    try {
      await recorder.reaches('unreachable');
    } finally {
      harness.server.thawApi();
    }
    await recorder.reaches('in-sync');
    await harness.server.put(apiObject(storedPeer('thawed', 7), V1));
    await recorder.sees('a change', (now) => now.bgpPeers.has('thawed'));
  });

  test('beside etcd it gives passwords and services', async () => {
    const { server } = harness;
    await harness.clear();
    const { etcd } = server;
    const put = (object: StoredObject): Promise<void> => etcd.put(...etcdEntry(object));
    const inEtcd = (object: ApiObject): StoredObject => ({ ...object, apiVersion: V3 }) as unknown as StoredObject;
    const path = join(folder, 'beside-etcd');
    const cluster = { server: harness.access.server, 'certificate-authority': server.certificates.ca };
    await writeFile(
      path,
      JSON.stringify({
        'current-context': 'here',
        clusters: [{ name: 'c', cluster }],
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        users: [{ name: 'u', user: { token: TOKENS.admin } }],
      }),
    );
    await server.put(secret('bgp-passwords', { password: 'one' }));
    await put({
      apiVersion: V3,
      kind: 'Node',
      metadata: { name: OWN_NODE },
      spec: { bgp: { ipv4Address: '192.0.2.1/24' } },
    });
    await put(inEtcd(peerWithPassword('tor', 'bgp-passwords')));

    const environment = { ETCD_ENDPOINTS: etcd.url, KUBECONFIG: path };
    const opened = await openDatastore({ kind: 'etcd', endpoints: null }, OWN_NODE, environment);
    if (!opened.ok) throw new Error(opened.problems.join());
    const recorder = new Recorder(opened.datastore);
    open.push(recorder);
    recorder.start();
    await recorder.reaches('in-sync');
    const password = (): string | null | undefined =>
      recorder.resources.secrets.get('kube-system/bgp-passwords')?.values.password;
    expect(recorder.resources.bgpPeers.has('tor')).toBe(true);
    expect(password()).toBe('one');

    await server.put(secret('bgp-passwords', { password: 'two' }));
    await recorder.sees('the new password', () => password() === 'two');
    await server.put(secret('more', { password: 'three' }));
    await put(inEtcd(peerWithPassword('other', 'more')));
    await recorder.sees('another peer', (now) => now.bgpPeers.has('other'));
    const batchOf = (name: string): number =>
      recorder.batches.findIndex(({ events }) =>
        events.some((event) => event.type === 'set' && event.resource.name === name),
      );
    expect(batchOf('kube-system/more')).toBeLessThanOrEqual(batchOf('other'));
    expect(recorder.status.revision).toMatch(/^\d+\+\d+$/);

    // Without the API the rest goes on.
    await harness.disconnect();
    await put(storedPeer('third', 7));
    await recorder.sees('a change', (now) => now.bgpPeers.has('third'));
    expect(recorder.status.phase).toBe('in-sync');
    expect(password()).toBe('two');
    await recorder.stop();
    await etcd.deletePrefix('/calico/');
    await harness.reconnect();
  });

  test('a store that was restored from a backup is followed from where it is now', async () => {
    const { server } = harness;
    await harness.clear();
    await server.put(apiObject(storedPeer('kept', 1), V1));
    await server.killApi();
    await server.etcd.kill();
    await server.etcd.backup('backup');
    await server.etcd.start();
    await server.startApi();
    // A long way ahead of the backup.
    await server.putMany(Array.from({ length: 60 }, (_, i) => apiObject(storedPeer(`lost-${i}`, i + 1), V1)));
    const recorder = await followInSync({}, HASTY);
    expect(recorder.resources.bgpPeers.size).toBe(61);
    const revision = Number(recorder.status.revision);

    await server.killApi();
    await server.etcd.kill();
    await server.etcd.restore('backup');
    await server.etcd.start();
    await server.startApi();
    await recorder.sees('what the backup has', (now) => now.bgpPeers.size === 1);
    await recorder.reaches('in-sync');
    expect(Number(recorder.status.revision)).toBeLessThan(revision);
    await server.put(apiObject(storedPeer('kept', 2), V1));
    await recorder.sees('a change', (now) => now.bgpPeers.get('kept')?.asNumber === 2);
  });
});
