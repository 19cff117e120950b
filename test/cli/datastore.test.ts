/**
 * What the person who runs `peregrine run --datastore ...` sees when the datastore cannot be used: the reason in the log
 * and in `show status`, and that it goes on by itself when the trouble is over.
 */

import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { StatusView } from '../../src/api/schema.ts';
import { fetchOne } from '../../src/cli/client.ts';
import { describeWhenThere } from '../datastore/describe-when-there.ts';
import { etcdEntry } from '../datastore/etcd-harness.ts';
import { ETCD_MISSING, EtcdServer } from '../datastore/etcd-server.ts';
import type { StoredObject } from '../datastore/harness.ts';
import { apiObject } from '../datastore/kubernetes-harness.ts';
import { CALICO_PLURALS } from '../servers/crds.ts';
import { FakeKubeApiserver, type FakeObject } from '../servers/fake-kube-apiserver.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type LogLine, PEREGRINE_MAIN, peregrine } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const GROUP = 'crd.projectcalico.org/v1';

function stored(kind: StoredObject['kind'], name: string, spec: StoredObject['spec']): StoredObject {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec };
}

/** A node without peers, which listens where nobody else does. */
const CLUSTER = [
  stored('Node', 'n1', { bgp: { ipv4Address: `${loopbackAddress(7)}/32`, asNumber: 65001 } }),
  stored('BGPConfiguration', 'default', {
    listenPort: LOOPBACK_PORT,
    bindMode: 'NodeIP',
    nodeToNodeMeshEnabled: false,
  }),
];

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

class Daemon {
  readonly #process: DaemonProcess;
  readonly #socket: string;

  constructor(datastore: string, environment: { readonly [name: string]: string } = {}) {
    const folder = temporaryFolder();
    this.#socket = join(folder, 'peregrine.sock');
    const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--node', 'n1', '--kernel', 'none'];
    this.#process = new DaemonProcess([...argv, '--datastore', datastore, '--socket', this.#socket], {
      namespacePath: null,
      logPath: join(folder, 'log'),
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, ...environment },
    });
    closers.push(() => this.#process.stop());
  }

  get exited(): DaemonProcess['exited'] {
    return this.#process.exited;
  }

  log(code: string): readonly LogLine[] {
    const lines = this.#process.log().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine).filter(({ msgid }) => msgid === code);
  }

  /** Its status, once it is as wanted. */
  async status(what: string, isWanted: (status: StatusView) => boolean): Promise<StatusView> {
    return this.#process.ready(what, DEADLINE_MS, async () => {
      const status = await fetchOne<StatusView>(this.#socket, '/v1/status');
      return isWanted(status) ? status : null;
    });
  }

  /** Says why it waits, in both places, and goes on waiting. */
  async says(reason: string): Promise<void> {
    await this.status(reason, ({ datastore }) => !datastore.inSync && datastore.detail === reason);
    await waitUntil(
      `the log says ${reason}`,
      DEADLINE_MS,
      () => this.log('DATASTORE').at(-1),
      (line) => line?.level === 'warn' && line.msg === reason,
    );
  }

  async applied(): Promise<void> {
    await this.status('it is applied', ({ datastore, appliedRevision }) => datastore.inSync && appliedRevision !== '');
  }
}

describeWhenThere('etcd', ETCD_MISSING, () => {
  test('that is not there yet', async () => {
    const etcd = await EtcdServer.create({ folder: join(temporaryFolder(), 'etcd'), certificates: null });
    closers.push(() => etcd.kill());
    const daemon = new Daemon('etcd', { ETCD_ENDPOINTS: etcd.url });
    await daemon.says(`${etcd.url}: connection refused`);
    const offline = await peregrine(['derive', '--node', 'n1', '--datastore', `etcd:${etcd.url}`]);
    expect(offline).toEqual({ status: 1, stdout: '', stderr: `peregrine: ${etcd.url}: connection refused\n` });
    await etcd.start();
    await etcd.putMany(CLUSTER.map(etcdEntry));
    await daemon.applied();
    expect(daemon.log('DATASTORE').at(-1)).toMatchObject({ level: 'info', msg: 'in sync' });
  });
});

describe('the Kubernetes API', () => {
  test('that does not take the token, and then may not be read', async () => {
    const paths = ['/api/v1/nodes', ...Object.values(CALICO_PLURALS).map((plural) => `/apis/${GROUP}/${plural}`)];
    const server = new FakeKubeApiserver(paths);
    const pathOf = ({ kind }: StoredObject): string =>
      paths[kind === 'Node' ? 0 : 1 + Object.keys(CALICO_PLURALS).indexOf(kind)];
    for (const object of CLUSTER) server.put(pathOf(object), apiObject(object, GROUP) as FakeObject);
    const unauthorized = { code: 401, reason: 'Unauthorized', message: 'Unauthorized' };
    server.refuse = (_path, authorization) => (authorization === 'Bearer good' ? null : unauthorized);
    await server.start();
    closers.push(() => server.stop());
    const url = `http://127.0.0.1:${server.port}`;
    const daemon = new Daemon('kubernetes', { K8S_API_ENDPOINT: url, CALICO_K8SAPITOKEN: 'bad' });
    await daemon.says(`${url} does not accept our token: Unauthorized`);
    server.refuse = (path) => {
      if (!path.startsWith('/api/v1/nodes')) return null;
      return { code: 403, reason: 'Forbidden', message: 'nodes is forbidden: User "x" cannot list resource "nodes"' };
    };
    await daemon.says('user "x" may not read nodes: list and watch are needed');
    server.refuse = () => null;
    await daemon.applied();
  });

  test.each([
    ['no way to it', {}, 'set KUBECONFIG or K8S_API_ENDPOINT, or run in a pod'],
    ['a kubeconfig that is not there', { KUBECONFIG: '/nowhere' }, 'KUBECONFIG: /nowhere is not there'],
    ['an address that is none', { K8S_API_ENDPOINT: 'here' }, 'K8S_API_ENDPOINT "here": wanted https://HOST:PORT'],
  ])('%s ends it at once', async (_what, environment, message) => {
    const daemon = new Daemon('kubernetes', environment);
    expect(await daemon.exited).toEqual({ code: 1, signal: null });
    expect(daemon.log('START_FAILED')).toMatchObject([{ level: 'error', msg: expect.stringContaining(message) }]);
  });
});
