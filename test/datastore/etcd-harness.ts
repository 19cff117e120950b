/** The compliance suite's harness for etcd: a server, a proxy before it that the daemon's side goes through. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../confd/datastore/environment.ts';
import { EtcdDatastore, type EtcdOptions } from '../../confd/datastore/etcd/etcd.ts';
import { readEtcdSettings } from '../../confd/datastore/etcd/settings.ts';
import { makeCertificates, type TestCertificates } from './certificates.ts';
import { EtcdServer } from './etcd-server.ts';
import { type DatastoreHarness, OWN_NODE, type StoredKind, type StoredObject } from './harness.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** Short, so that tests are; in the relations of the real ones. */
export const QUICK: Partial<EtcdOptions> = {
  unreachableAfterMs: 150,
  dialTimeoutMs: 2_000,
  callTimeoutMs: 4_000,
  firstPauseMs: 10,
  longestPauseMs: 100,
};

const PLURALS: { readonly [K in Exclude<StoredKind, 'BlockAffinity'>]: string } = {
  Node: 'nodes',
  BGPConfiguration: 'bgpconfigurations',
  BGPPeer: 'bgppeers',
  BGPFilter: 'bgpfilters',
  IPPool: 'ippools',
};

/** Key and value as Calico writes them. */
export function etcdEntry(object: StoredObject): readonly [key: string, value: string] {
  const { kind, metadata, spec } = object;
  if (kind !== 'BlockAffinity') {
    return [`/calico/resources/v3/projectcalico.org/${PLURALS[kind]}/${metadata.name}`, JSON.stringify(object)];
  }
  const cidr = String(spec.cidr);
  const family = cidr.includes(':') ? 'ipv6' : 'ipv4';
  const key = `/calico/ipam/v2/host/${spec.node}/${family}/block/${cidr.replace('/', '-')}`;
  return [key, JSON.stringify({ state: spec.state, deleted: spec.deleted })];
}

export interface EtcdHarness extends DatastoreHarness {
  readonly server: EtcdServer;
  readonly proxy: TcpProxy;
  readonly folder: string;
  readonly certificates: TestCertificates | null;
  /** The environment that `open` uses. */
  readonly environment: Environment;
  openWith(environment: Environment, options?: Partial<EtcdOptions>): EtcdDatastore;
}

export interface EtcdHarnessOptions {
  readonly tls: boolean;
  readonly user: { readonly name: string; readonly password: string } | null;
  readonly flags?: readonly string[];
}

/** A datastore as the environment says. */
export function openEtcd(environment: Environment, options: Partial<EtcdOptions> = {}): EtcdDatastore {
  const outcome = readEtcdSettings(environment, null);
  if (!outcome.ok) throw new Error(outcome.problems.join('; '));
  return new EtcdDatastore(OWN_NODE, outcome.settings, { ...QUICK, ...options });
}

export async function startEtcdHarness(options: EtcdHarnessOptions): Promise<EtcdHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'peregrine-etcd-'));
  const certificates = options.tls ? await makeCertificates(join(folder, 'tls')) : null;
  const server = await EtcdServer.create({ folder, certificates, flags: options.flags ?? [] });
  const proxy = new TcpProxy(server.port);
  await Promise.all([server.start(), proxy.listen()]);
  if (options.user !== null) await server.enableAuthentication(options.user.name, options.user.password);
  const environment: Environment = {
    ETCD_ENDPOINTS: `${options.tls ? 'https' : 'http'}://127.0.0.1:${proxy.port}`,
    ...(certificates === null
      ? {}
      : {
          ETCD_CA_CERT_FILE: certificates.ca,
          ETCD_CERT_FILE: certificates.client.cert,
          ETCD_KEY_FILE: certificates.client.key,
        }),
    ...(options.user === null ? {} : { ETCD_USERNAME: options.user.name, ETCD_PASSWORD: options.user.password }),
  };
  return {
    server,
    proxy,
    folder,
    certificates,
    environment,
    open: () => openEtcd(environment),
    openWith: (more, quick) => openEtcd({ ...environment, ...more }, quick),
    put: (object) => server.put(...etcdEntry(object)),
    putMany: (objects) => server.putMany(objects.map(etcdEntry)),
    remove: (object) => server.delete(etcdEntry(object)[0]),
    async clear() {
      if (!server.isRunning) await server.start();
      proxy.breakAfterOctets = Number.POSITIVE_INFINITY;
      await proxy.listen();
      await server.deletePrefix('/calico/');
    },
    disconnect: () => proxy.close(),
    reconnect: () => proxy.listen(),
    async breakConnections() {
      proxy.break();
    },
    async restartServer() {
      await server.kill();
      await server.start();
    },
    forgetHistory: () => server.compact(),
    async close() {
      await proxy.close();
      await server.kill();
      await rm(folder, { recursive: true });
    },
  };
}
