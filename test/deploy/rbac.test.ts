/**
 * The rights in deploy/rbac, against a real kube-apiserver: a daemon with a token of that ServiceAccount is in sync with
 * everything that it can read, is refused nothing (sufficient), and uses each verb on each resource that is granted
 * (minimal), both as the server's audit log has it.
 */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { StatusView } from '../../src/api/schema.ts';
import { fetchOne } from '../../src/cli/client.ts';
import { calicoCrdOf, type TestGroup } from '../servers/crds.ts';
import { type ApiObject, KUBE_APISERVER_MISSING, KubeServer } from '../servers/kube-server.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { waitUntil } from '../support/wait-for.ts';
import type { Manifest } from './kustomize.ts';

const RBAC = fileURLToPath(new URL('../../deploy/rbac/', import.meta.url));
const DEADLINE_MS = 60_000;
const NODE = 'node-1';
const [OWN, TOR] = [21, 22].map(loopbackAddress);
const ACCOUNT = 'system:serviceaccount:kube-system:peregrine';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const manifests = (name: string): ApiObject[] =>
  parseAllDocuments(readFileSync(join(RBAC, name), 'utf8')).map((document) => document.toJS() as ApiObject);
const CORE = manifests('cluster-role.yaml');
const SERVICES = manifests('services.yaml');
const PASSWORDS = manifests('passwords.yaml');

/** As the kubelet would give them to the container. */
function daemonSetArguments(): string[] {
  const [daemonSet] = manifests('../daemonset/daemonset.yaml') as unknown as Manifest[];
  const args = daemonSet.spec?.template?.spec.containers[0].args ?? [];
  return args.map((one) => one.replace('$(NODENAME)', NODE));
}

/** `verb group/resource` of every right that is granted. */
function granted(objects: readonly ApiObject[]): string[] {
  const rules = objects.flatMap(({ rules = [] }) => rules as Rule[]);
  const each = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((one) => verbs.map((verb) => `${verb} ${group}/${one}`))),
  );
  return each.sort();
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource: string; readonly apiGroup?: string; readonly name?: string };
  readonly responseStatus?: { readonly code: number };
}

describe.skipIf(KUBE_APISERVER_MISSING !== null)(`deploy/rbac (${KUBE_APISERVER_MISSING ?? 'real server'})`, () => {
  let folder: string;
  let server: KubeServer;
  let daemon: DaemonProcess;
  let socket: string;

  const status = (): Promise<StatusView> => fetchOne<StatusView>(socket, '/v1/status');
  const until = (what: string, isWanted: (now: StatusView) => boolean): Promise<StatusView> =>
    waitUntil(what, DEADLINE_MS, status, isWanted);
  const conditions = ({ conditions: all }: StatusView): string[] =>
    all.map(({ resource, message }) => `${resource}: ${message}`);
  const calico = (group: TestGroup, kind: string, name: string, spec: object): ApiObject => ({
    apiVersion: group,
    kind,
    metadata: { name },
    spec,
  });
  /** What a cluster with a password and advertised Services has. */
  const cluster = (group: TestGroup): ApiObject[] => [
    calico(group, 'BGPConfiguration', 'default', {
      asNumber: 64512,
      listenPort: LOOPBACK_PORT,
      bindMode: 'NodeIP',
      serviceClusterIPs: [{ cidr: '10.96.0.0/16' }],
    }),
    calico(group, 'BGPPeer', 'tor', {
      peerIP: TOR,
      asNumber: 65001,
      password: { secretKeyRef: { name: 'bgp-passwords', key: 'tor' } },
    }),
    calico(group, 'ClusterInformation', 'default', { calicoVersion: 'v3.32.1' }),
  ];

  const audit = (): AuditEvent[] =>
    readFileSync(join(folder, 'audit.log'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditEvent)
      .filter(({ user }) => user.username === ACCOUNT);
  const used = (): Set<string> =>
    new Set(
      audit()
        .filter(({ objectRef, responseStatus }) => objectRef !== undefined && (responseStatus?.code ?? 200) < 300)
        .map(({ verb, objectRef }) => `${verb} ${objectRef?.apiGroup ?? ''}/${objectRef?.resource}`),
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'peregrine-rbac-'));
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
    await writeFile(join(folder, 'policy.yaml'), JSON.stringify(policy));
    const flags = [
      `--audit-policy-file=${join(folder, 'policy.yaml')}`,
      `--audit-log-path=${join(folder, 'audit.log')}`,
    ];
    server = await KubeServer.start(folder, [], flags);
    await server.installCalico('crd.projectcalico.org/v1', calicoCrdOf);
    for (const object of cluster('crd.projectcalico.org/v1')) await server.put(object);
    await server.put({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: NODE, annotations: { 'projectcalico.org/IPv4Address': `${OWN}/24` } },
    });
    await server.put({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bgp-passwords', namespace: 'kube-system' },
      stringData: { tor: 'hunter2' },
    });
    const account = manifests('service-account.yaml')[0];
    await server.expect('POST', '/api/v1/namespaces/kube-system/serviceaccounts', account);
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const path = '/api/v1/namespaces/kube-system/serviceaccounts/peregrine/token';
    const { body } = await server.expect('POST', path, request);
    await writeFile(join(folder, 'token'), (body.status as { token: string }).token);
    const kubeconfig = {
      'current-context': 'pod',
      clusters: [
        {
          name: 'c',
          cluster: { server: `https://127.0.0.1:${server.port}`, 'certificate-authority': server.certificates.ca },
        },
      ],
      contexts: [{ name: 'pod', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user: { tokenFile: join(folder, 'token') } }],
    };
    await writeFile(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));

    socket = join(folder, 'peregrine.sock');
    const argv = [process.execPath, PEREGRINE_MAIN, ...daemonSetArguments()];
    daemon = new DaemonProcess([...argv, '--kernel', 'none', '--socket', socket], {
      namespacePath: null,
      logPath: join(folder, 'daemon.log'),
      cwd: folder,
      env: {
        ...process.env,
        KUBECONFIG: join(folder, 'kubeconfig'),
        NAMESPACE: 'kube-system',
        CALICO_ENDPOINT_STATUS_PATH_PREFIX: folder,
        PEREGRINE_BIRD_SOCKET: 'off',
        PEREGRINE_BIRD6_SOCKET: 'off',
      },
    });
    await daemon.ready('the control socket', DEADLINE_MS, () => status().then(() => true as const));
  }, DEADLINE_MS * 2);

  afterAll(async () => {
    await daemon?.stop();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('without any it says who may not read what', { timeout: DEADLINE_MS }, async () => {
    const { datastore } = await until(
      'a refusal',
      ({ datastore }) => datastore.detail?.includes('may not read') ?? false,
    );
    expect(datastore.detail).toContain(ACCOUNT);
    expect(datastore.detail).toContain('nodes');
  });

  test('cluster-role.yaml alone: in force, and what is lacking for Services and passwords is named', {
    timeout: DEADLINE_MS * 3,
  }, async () => {
    for (const object of CORE) await server.put(object);
    const now = await waitUntil('a first state', DEADLINE_MS * 2, status, (one) => one.appliedRevision !== '');
    expect(now.datastore.inSync).toBe(true);
    const text = conditions(await until('three complaints', (one) => one.conditions.length >= 3)).join('\n');
    expect(text).toMatch(/services/);
    expect(text).toMatch(/endpointslices/);
    expect(text).toMatch(/bgp-passwords/);
  });

  test('with services.yaml and passwords.yaml nothing is lacking', { timeout: DEADLINE_MS * 4 }, async () => {
    for (const object of [...SERVICES, ...PASSWORDS]) await server.put(object);
    const now = await waitUntil('no complaint', DEADLINE_MS * 3, status, ({ conditions: all }) => all.length === 0);
    expect(now.datastore.inSync).toBe(true);
  });

  test('the same in the group projectcalico.org', { timeout: DEADLINE_MS * 4 }, async () => {
    await server.installCalico('projectcalico.org/v3', calicoCrdOf);
    for (const object of cluster('projectcalico.org/v3')) await server.put(object);
    await server.removeCalico('crd.projectcalico.org/v1');
    await waitUntil(
      'its lists and watches',
      DEADLINE_MS * 3,
      async () => [...used()],
      (all) => granted(CORE).every((right) => all.includes(right)),
    );
    await until('no complaint', ({ conditions: all }) => all.length === 0);
  });

  test('every verb on every resource is used, and no other is asked for', () => {
    expect([...used()].sort()).toEqual(granted([...CORE, ...SERVICES, ...PASSWORDS]));
  });

  test('of Secrets only the one that is named can be read', async () => {
    const secrets = audit().filter(({ objectRef }) => objectRef?.resource === 'secrets');
    expect(new Set(secrets.map(({ objectRef }) => objectRef?.name))).toEqual(new Set(['bgp-passwords']));
    expect(granted([...CORE, ...SERVICES]).join()).not.toContain('secrets');
  });
});
