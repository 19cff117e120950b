/**
 * CalicoNodeStatus and the node's condition, written by the real daemon into a real kube-apiserver, with no more rights
 * than deploy/rbac gives.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { calicoCrdOf } from '../servers/crds.ts';
import { type ApiObject, KUBE_APISERVER_MISSING, KubeServer, TOKENS } from '../servers/kube-server.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const V1 = 'crd.projectcalico.org/v1';
const DEADLINE_MS = 60_000;
const [OWN, OTHER, TOR] = [31, 32, 33].map(loopbackAddress);
const PLURAL = 'caliconodestatuses';
const ROOT = resolve(import.meta.dirname, '../..');
const CRD = join(
  process.env.CALICO_CRDS ?? resolve(ROOT, '../shared/servers/calico-crds'),
  `v1/crd.projectcalico.org_${PLURAL}.yaml`,
);

/** Calico's own definition where it is at hand; its status is a sub-resource. */
function definition(): object {
  if (existsSync(CRD)) return parse(readFileSync(CRD, 'utf8'));
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.crd.projectcalico.org` },
    spec: {
      group: 'crd.projectcalico.org',
      scope: 'Cluster',
      names: {
        kind: 'CalicoNodeStatus',
        listKind: 'CalicoNodeStatusList',
        plural: PLURAL,
        singular: 'caliconodestatus',
      },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  };
}

function roles(file: string): ApiObject[] {
  const documents = parseAllDocuments(readFileSync(join(ROOT, 'deploy/rbac', file), 'utf8'));
  return documents.map((one) => one.toJS() as ApiObject).filter(({ kind }) => kind === 'ClusterRole');
}

interface Status {
  readonly lastUpdated: string;
  readonly agent?: { readonly birdV4: Record<string, string> };
  readonly bgp?: Record<string, unknown>;
  readonly routes?: { readonly routesV4: readonly Record<string, unknown>[] };
}

describe.skipIf(KUBE_APISERVER_MISSING !== null)(`node status (${KUBE_APISERVER_MISSING ?? 'real server'})`, () => {
  let server: KubeServer;
  let daemon: DaemonProcess;
  let tor: SocketSpeaker;

  const path = (name = ''): string => `/apis/${V1}/${PLURAL}${name === '' ? '' : `/${name}`}`;
  const request = (name: string, spec: object): object => ({
    apiVersion: V1,
    kind: 'CalicoNodeStatus',
    metadata: { name },
    spec: { node: 'own', classes: ['Agent', 'BGP', 'Routes'], updatePeriodSeconds: 1, ...spec },
  });
  const read = async (name: string): Promise<{ status?: Status; metadata: { resourceVersion: string } }> =>
    (await server.expect('GET', path(name))).body as never;
  const until = (name: string, what: string, holds: (status: Status) => boolean): Promise<Status | undefined> =>
    waitUntil(
      what,
      DEADLINE_MS,
      async () => (await read(name)).status,
      (status) => status !== undefined && holds(status),
    );
  const node = (name: string, address: string): ApiObject =>
    ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, annotations: { 'projectcalico.org/IPv4Address': `${address}/24` } },
    }) as ApiObject;
  const conditionOf = async (): Promise<{ status: string; reason: string } | undefined> => {
    const { body } = await server.expect('GET', '/api/v1/nodes/own');
    const { conditions = [] } = (
      body as { status: { conditions?: { type: string; status: string; reason: string }[] } }
    ).status;
    return conditions.find(({ type }) => type === 'NetworkUnavailable');
  };

  beforeAll(async () => {
    const folder = temporaryFolder();
    server = await KubeServer.start(folder, []);
    await server.installCalico(V1, calicoCrdOf);
    await server.expect('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition());
    await waitUntil(
      'the kind is served',
      DEADLINE_MS,
      () =>
        server.expect('POST', path(), request('other', { node: 'other' })).then(
          () => true,
          () => false,
        ),
      (isServed) => isServed,
    );
    for (const role of [...roles('cluster-role.yaml'), ...roles('node-status.yaml')]) {
      await server.put(role);
      await server.put({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: role.metadata.name },
        roleRef: { kind: 'ClusterRole', name: role.metadata.name, apiGroup: 'rbac.authorization.k8s.io' },
        subjects: [{ kind: 'User', name: 'calico-node', apiGroup: 'rbac.authorization.k8s.io' }],
      } as ApiObject);
    }
    await server.put(node('own', OWN));
    await server.put(node('other', OTHER));
    const stored = (kind: string, name: string, spec: object): ApiObject =>
      ({ apiVersion: V1, kind, metadata: { name }, spec }) as ApiObject;
    await server.put(stored('BGPConfiguration', 'default', { bindMode: 'NodeIP', listenPort: LOOPBACK_PORT }));
    await server.put(stored('BGPPeer', 'tor', { peerIP: TOR, asNumber: 65_001 }));
    await server.expect('POST', path(), request('mine', {}));
    daemon = new DaemonProcess(
      [
        process.execPath,
        PEREGRINE_MAIN,
        'run',
        '--node',
        'own',
        '--kernel',
        'none',
        '--socket',
        join(folder, 'p.sock'),
      ],
      {
        namespacePath: null,
        logPath: join(folder, 'log'),
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          DATASTORE_TYPE: 'kubernetes',
          K8S_API_ENDPOINT: `https://127.0.0.1:${server.port}`,
          K8S_CA_FILE: server.certificates.ca,
          CALICO_K8SAPITOKEN: TOKENS.node,
          CALICO_ENDPOINT_STATUS_PATH_PREFIX: folder,
          PEREGRINE_REPORT_NODE_STATUS: 'true',
          PEREGRINE_MANAGE_NETWORK_UNAVAILABLE: 'true',
        },
      },
    );
    tor = await waitUntil(
      'a session with the daemon',
      DEADLINE_MS,
      () => SocketSpeaker.establish({ localAddress: TOR, address: OWN, as: 65_001 }).catch(() => null),
      (speaker) => speaker !== null,
    ).then((speaker) => speaker!);
    tor.send(updateOctets(65_001, TOR, ['198.51.100.0/24']));
  });
  afterAll(async () => {
    tor?.close();
    await daemon?.stop();
    await server?.stop();
  });

  test('says what the daemon is, with whom it speaks, and what it routes', async () => {
    const status = await until('mine', 'route and peer', ({ bgp, routes }) => {
      return bgp?.numberEstablishedV4 === 1 && (routes?.routesV4.length ?? 0) > 0;
    });
    expect(status?.agent?.birdV4).toMatchObject({ state: 'Ready', routerID: OWN });
    expect(status?.agent?.birdV4.lastBootTime).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(status?.bgp).toMatchObject({ numberNotEstablishedV4: 1, numberEstablishedV6: 0, numberNotEstablishedV6: 0 });
    expect(status?.bgp?.peersV4).toEqual([
      expect.objectContaining({ peerIP: TOR, type: 'GlobalPeer', state: 'Established' }),
      expect.objectContaining({ peerIP: OTHER, type: 'NodeMesh' }),
    ]);
    expect(status?.routes?.routesV4).toContainEqual(
      expect.objectContaining({
        destination: '198.51.100.0/24',
        learnedFrom: { sourceType: 'BGPPeer', peerIP: TOR },
      }),
    );
    expect((await read('other')).status).toBeUndefined();
  });

  // Before the only session is closed below: readiness is looked at once a second.
  test('the condition NetworkUnavailable goes away with the first readiness', async () => {
    await waitUntil('the condition', DEADLINE_MS, conditionOf, (one) => one?.status === 'False');
    expect(await conditionOf()).toMatchObject({ reason: 'CalicoIsUp' });
  });

  test('writes nothing while nothing changes, and soon what does', async () => {
    await until('mine', 'the peer', ({ bgp }) => bgp?.numberEstablishedV4 === 1);
    const before = (await read('mine')).metadata.resourceVersion;
    const other = request('second', { classes: ['BGP'], updatePeriodSeconds: 0 });
    await server.expect('POST', path(), other);
    await until('second', 'a report', ({ bgp, agent }) => bgp !== undefined && agent === undefined);
    expect((await read('mine')).metadata.resourceVersion).toBe(before);
    tor.close();
    await until('mine', 'the lost peer', ({ bgp }) => bgp?.numberEstablishedV4 === 0);
    // Once was asked for, and once it was.
    expect((await read('second')).status?.bgp).toMatchObject({ numberEstablishedV4: 1 });
  });

  test('and comes back at an end for good', async () => {
    expect(await conditionOf()).toMatchObject({ status: 'False' });
    daemon.signal('SIGINT');
    await daemon.exited;
    expect(await conditionOf()).toMatchObject({ status: 'True', reason: 'CalicoIsDown' });
  });
});
