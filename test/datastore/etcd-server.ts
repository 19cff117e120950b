/**
 * A real etcd for tests: one member, or several, on loopback with data in a folder of its own. Written to through its
 * JSON gateway, so that nothing of the daemon's own client is in the way.
 */

import { cp, mkdir, rm } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DaemonProcess } from '../support/daemon-process.ts';
import type { TestCertificates } from './certificates.ts';
import { findProgram } from './describe-when-there.ts';

export const ETCD_MISSING =
  findProgram('etcd') === null ? 'etcd is not installed: apt-get install etcd-server, or put etcd into PATH' : null;

const READY_MS = 20_000;
/** etcd refuses transactions of more operations. */
const TRANSACTION_OPERATIONS = 128;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

type Answer = { readonly [field: string]: unknown };

export interface EtcdMemberOptions {
  readonly folder: string;
  /** Server side TLS with client certificates; null: none. */
  readonly certificates: TestCertificates | null;
  readonly flags?: readonly string[];
  /** Runs in a network namespace, where its gateway is reached in another way. */
  readonly namespace?: { readonly path: string; post(url: string, body: object): Promise<Answer> };
  /** Of a cluster of several members. */
  readonly member?: { readonly name: string; readonly peerPort: number; readonly cluster: string };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The end of the range of all keys with a prefix. */
function base64End(prefix: string): string {
  const end = Buffer.from(prefix);
  end[end.length - 1]++;
  return end.toString('base64');
}

export class EtcdServer {
  readonly port: number;
  readonly #options: EtcdMemberOptions;
  readonly #argv: readonly string[];
  #process: DaemonProcess | null = null;
  #token: string | null = null;

  private constructor(port: number, peerPort: number, options: EtcdMemberOptions) {
    const { folder, certificates, member } = options;
    const scheme = certificates === null ? 'http' : 'https';
    const name = member?.name ?? 'default';
    this.port = port;
    this.#options = options;
    this.#argv = [
      findProgram('etcd') ?? 'etcd',
      ...['--name', name],
      ...['--data-dir', join(folder, 'data')],
      ...['--listen-client-urls', `${scheme}://127.0.0.1:${port}`],
      ...['--advertise-client-urls', `${scheme}://127.0.0.1:${port}`],
      ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
      ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`],
      ...['--initial-cluster', member?.cluster ?? `${name}=http://127.0.0.1:${peerPort}`],
      '--unsafe-no-fsync',
      ...['--grpc-keepalive-min-time', '100ms'],
      ...(certificates === null
        ? []
        : [
            '--client-cert-auth',
            ...['--trusted-ca-file', certificates.ca],
            ...['--cert-file', certificates.server.cert],
            ...['--key-file', certificates.server.key],
          ]),
      ...(options.flags ?? []),
    ];
  }

  static async create(options: EtcdMemberOptions): Promise<EtcdServer> {
    await mkdir(options.folder, { recursive: true });
    return new EtcdServer(await freePort(), options.member?.peerPort ?? (await freePort()), options);
  }

  get url(): string {
    return `${this.#options.certificates === null ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** Starts it and waits until it serves; `isAlone` false: does not wait, other members have to come first. */
  async start(isAlone = true): Promise<void> {
    // Its log level and certificates could be changed by variables of the person who runs the tests.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')));
    const logPath = join(this.#options.folder, 'etcd.log');
    this.#process = new DaemonProcess(this.#argv, {
      namespacePath: this.#options.namespace?.path ?? null,
      logPath,
      env,
    });
    if (isAlone) await this.ready();
  }

  async ready(): Promise<void> {
    await this.#process?.ready('etcd to serve', READY_MS, async () => {
      // Goes through the leader: then the cluster serves, too.
      await this.revision();
      return true;
    });
  }

  /** As a power cut. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  get isRunning(): boolean {
    return this.#process?.running ?? false;
  }

  /** Copies the data of the stopped server. */
  async backup(name: string): Promise<void> {
    const { folder } = this.#options;
    await cp(join(folder, 'data'), join(folder, name), { recursive: true });
  }

  /** Throws away the data of the stopped server. */
  async empty(): Promise<void> {
    await rm(join(this.#options.folder, 'data'), { recursive: true });
  }

  /** Puts a copy in place of the data of the stopped server. */
  async restore(name: string): Promise<void> {
    const { folder } = this.#options;
    await this.empty();
    await cp(join(folder, name), join(folder, 'data'), { recursive: true });
  }

  async put(key: string, value: string): Promise<void> {
    await this.#post('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  async delete(key: string): Promise<void> {
    await this.#post('/v3/kv/deleterange', { key: base64(key) });
  }

  async deletePrefix(prefix: string): Promise<void> {
    await this.#post('/v3/kv/deleterange', { key: base64(prefix), range_end: base64End(prefix) });
  }

  /** All in transactions that are as large as etcd takes them. */
  async putMany(entries: readonly (readonly [key: string, value: string])[]): Promise<void> {
    for (let i = 0; i < entries.length; i += TRANSACTION_OPERATIONS) {
      const success = entries
        .slice(i, i + TRANSACTION_OPERATIONS)
        .map(([key, value]) => ({ request_put: { key: base64(key), value: base64(value) } }));
      await this.#post('/v3/kv/txn', { success });
    }
  }

  async revision(): Promise<number> {
    const answer = await this.#post('/v3/kv/range', { key: base64('none') });
    const { header } = answer as { readonly header?: { readonly revision?: string } };
    return Number(header?.revision);
  }

  /** Throws away all history but the present. */
  async compact(): Promise<void> {
    await this.#post('/v3/kv/compaction', { revision: String(await this.revision()), physical: true });
  }

  /** Makes root, and a user who may read `/calico/`; from then on etcd wants to know who asks. */
  async enableAuthentication(name: string, password: string): Promise<void> {
    await this.#post('/v3/auth/user/add', { name: 'root', password: 'root-password' });
    await this.#post('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await this.#post('/v3/auth/role/add', { name: 'reader' });
    await this.grantRead('reader', '/calico/');
    await this.#post('/v3/auth/user/add', { name, password });
    await this.#post('/v3/auth/user/grant', { user: name, role: 'reader' });
    await this.#post('/v3/auth/enable', {});
    this.#token = '';
  }

  async grantRead(role: string, prefix: string): Promise<void> {
    const perm = { permType: 'READ', key: base64(prefix), range_end: base64End(prefix) };
    await this.#post('/v3/auth/role/grant', { name: role, perm });
  }

  async revokeRead(role: string, prefix: string): Promise<void> {
    await this.#post('/v3/auth/role/revoke', { role, key: base64(prefix), range_end: base64End(prefix) });
  }

  async changePassword(name: string, password: string): Promise<void> {
    await this.#post('/v3/auth/user/changepw', { name, password });
  }

  /** One call of the gateway; as root when there is authentication. */
  async #post(path: string, body: object): Promise<Answer> {
    if (this.#token === null) return this.#postWith(path, body);
    try {
      return await this.#postWith(path, body);
    } catch {
      // The token is as short-lived as that of the client under test. A stale one is refused even here.
      this.#token = '';
      const answer = await this.#postWith('/v3/auth/authenticate', { name: 'root', password: 'root-password' });
      this.#token = String(answer.token);
      return this.#postWith(path, body);
    }
  }

  #postWith(path: string, body: object): Promise<Answer> {
    const { certificates, namespace } = this.#options;
    if (namespace !== undefined) return namespace.post(`${this.url}${path}`, body);
    const headers = this.#token ? { authorization: this.#token } : {};
    const options = { host: '127.0.0.1', port: this.port, path, method: 'POST', headers, agent: false } as const;
    return new Promise((resolve, reject) => {
      const request =
        certificates === null ? requestHttp(options) : requestHttps({ ...options, ...certificates.contents('admin') });
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${path}: ${response.statusCode} ${text}`));
        });
      });
      request.end(JSON.stringify(body));
    });
  }
}
