/**
 * A real kube-apiserver with an etcd of its own, on loopback. Written to over plain HTTPS as the administrator, so that
 * nothing of the daemon's own client is in the way.
 */

import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCertificates, type TestCertificates } from '../datastore/certificates.ts';
import { ETCD_MISSING, EtcdServer, freePort } from '../datastore/etcd-server.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { CALICO_PLURALS, crdName, crdOf, type TestGroup } from './crds.ts';

const BUILD_SCRIPT = fileURLToPath(new URL('./build-kube-apiserver.mjs', import.meta.url));
const READY_MS = 60_000;

const found = spawnSync(process.execPath, [BUILD_SCRIPT, '--find'], { encoding: 'utf8' });
const binary = found.status === 0 ? found.stdout.trim() : null;

/** Why there can be no server here and how to get one, or null. */
export const KUBE_APISERVER_MISSING: string | null = binary === null ? found.stderr.trim() : ETCD_MISSING;

/** Tokens that the server knows, by what they may do. */
export const TOKENS = {
  /** Everything. */
  admin: 'admin-token',
  /** What its roles say: the user `calico-node`. */
  node: 'calico-node-token',
} as const;

export interface ApiAnswer {
  readonly status: number;
  readonly body: { readonly [field: string]: unknown };
}

export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: { readonly [label: string]: string };
    readonly annotations?: { readonly [name: string]: string };
  };
  readonly [field: string]: unknown;
}

const PLURALS: { readonly [kind: string]: string } = {
  ...CALICO_PLURALS,
  Node: 'nodes',
  Service: 'services',
  Secret: 'secrets',
  EndpointSlice: 'endpointslices',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

/** Path of a collection of objects. */
export function collectionPath(apiVersion: string, kind: string, namespace?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${PLURALS[kind]}`;
}

export class KubeServer {
  readonly port: number;
  readonly folder: string;
  readonly certificates: TestCertificates;
  readonly etcd: EtcdServer;
  readonly #argv: readonly string[];
  readonly #agent: Agent;
  #process: DaemonProcess | null = null;

  private constructor(
    folder: string,
    port: number,
    certificates: TestCertificates,
    etcd: EtcdServer,
    flags: readonly string[],
  ) {
    this.folder = folder;
    this.port = port;
    this.certificates = certificates;
    this.etcd = etcd;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 24, ca: readFileSync(certificates.ca) });
    this.#argv = [
      binary ?? 'kube-apiserver',
      `--etcd-servers=${etcd.url}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--advertise-address=127.0.0.1',
      // Nobody is to be told of this address.
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
      `--service-account-key-file=${join(folder, 'sa.pub')}`,
      `--client-ca-file=${certificates.ca}`,
      `--tls-cert-file=${certificates.server.cert}`,
      `--tls-private-key-file=${certificates.server.key}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      // Nobody makes the accounts that it would want.
      '--disable-admission-plugins=ServiceAccount',
      // The most that it takes: one request in fifty asks the client to go to another server.
      '--goaway-chance=0.02',
      ...flags,
    ];
  }

  /** A server that is ready, with Calico's kinds in the given groups. */
  static async start(folder: string, groups: readonly TestGroup[], flags: readonly string[] = []): Promise<KubeServer> {
    await mkdir(folder, { recursive: true });
    const [certificates, etcd] = await Promise.all([
      makeCertificates(join(folder, 'tls')),
      EtcdServer.create({ folder: join(folder, 'etcd'), certificates: null }),
    ]);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'sec1', format: 'pem' }));
    await writeFile(join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    await writeFile(
      join(folder, 'tokens.csv'),
      `${TOKENS.admin},admin,1,system:masters\n${TOKENS.node},calico-node,2,system:authenticated\n`,
    );
    const server = new KubeServer(folder, await freePort(), certificates, etcd, flags);
    await etcd.start();
    await server.startApi();
    for (const group of groups) await server.installCalico(group);
    return server;
  }

  get isRunning(): boolean {
    return this.#process?.running ?? false;
  }

  async startApi(): Promise<void> {
    const logPath = join(this.folder, 'kube-apiserver.log');
    this.#process = new DaemonProcess(this.#argv, { namespacePath: null, logPath });
    await this.#process.ready('kube-apiserver to be ready', READY_MS, async () =>
      (await this.call('GET', '/readyz')).status === 200 ? true : null,
    );
  }

  /** As a crash. */
  async killApi(): Promise<void> {
    await this.#process?.kill();
  }

  freezeApi(): void {
    this.#process?.freeze();
  }

  thawApi(): void {
    this.#process?.thaw();
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#process?.kill();
    await this.etcd.kill();
  }

  /** Installs kinds, and waits until they are served. */
  async installCalico(group: TestGroup, definition: typeof crdOf = crdOf): Promise<void> {
    const kinds = Object.keys(CALICO_PLURALS);
    await Promise.all(kinds.map((kind) => this.expect('POST', CRDS, definition(kind, group))));
    for (const kind of kinds) {
      await waitFor(`${kind} to be served`, READY_MS, async () => {
        const list = await this.call('GET', collectionPath(group, kind));
        return list.status === 200 ? true : null;
      });
    }
  }

  async removeCalico(group: TestGroup): Promise<void> {
    const kinds = Object.keys(CALICO_PLURALS);
    await Promise.all(kinds.map((kind) => this.expect('DELETE', `${CRDS}/${crdName(kind, group)}`)));
    for (const kind of kinds) {
      await waitFor(`${kind} to be gone`, READY_MS, async () => {
        const list = await this.call('GET', collectionPath(group, kind));
        return list.status === 404 ? true : null;
      });
    }
  }

  /** Creates or replaces. */
  async put(object: ApiObject): Promise<void> {
    const { name, namespace } = object.metadata;
    const path = `${collectionPath(object.apiVersion, object.kind, namespace)}/${name}`;
    await this.expect('PATCH', `${path}?fieldManager=test&force=true`, object);
  }

  async putMany(objects: readonly ApiObject[]): Promise<void> {
    await this.#each(objects, async (object) => {
      const path = collectionPath(object.apiVersion, object.kind, object.metadata.namespace);
      await this.expect('POST', path, object);
    });
  }

  async remove(object: ApiObject): Promise<void> {
    const { name, namespace } = object.metadata;
    await this.expect('DELETE', `${collectionPath(object.apiVersion, object.kind, namespace)}/${name}`);
  }

  /** Deletes all objects of a kind; that there is no such kind is all right. */
  async removeAll(apiVersion: string, kind: string, namespace?: string): Promise<void> {
    const answer = await this.call('DELETE', collectionPath(apiVersion, kind, namespace));
    if (answer.status !== 200 && answer.status !== 404) throw new Error(JSON.stringify(answer));
  }

  /** A call that has to succeed. */
  async expect(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer;
  }

  /** As the administrator. */
  call(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${TOKENS.admin}`,
      accept: 'application/json',
      'content-type': method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const { port } = this;
      const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const content = Buffer.concat(chunks).toString('utf8');
          const isJson = content.startsWith('{');
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(content) : { message: content } });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  async #each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const queue = items.values();
    const worker = async (): Promise<void> => {
      for (const item of queue) await work(item);
    };
    await Promise.all(Array.from({ length: 24 }, worker));
  }
}

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
