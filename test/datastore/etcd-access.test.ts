/**
 * Who we are to a real etcd with TLS, client certificates and users: what the status says when something about it is
 * wrong, that it is tried again until it is right, and that tokens, passwords and certificates may change meanwhile.
 */

import { copyFile, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Environment } from '../../confd/datastore/environment.ts';
import type { EtcdOptions } from '../../confd/datastore/etcd/etcd.ts';
import { waitUntil } from '../support/wait-for.ts';
import type { TestCertificates } from './certificates.ts';
import { storedPeer } from './compliance.ts';
import { describeWhenThere } from './describe-when-there.ts';
import { type EtcdHarness, openEtcd, startEtcdHarness } from './etcd-harness.ts';
import { ETCD_MISSING } from './etcd-server.ts';
import { Recorder } from './recorder.ts';

const USER = { name: 'calico', password: 'a password' };
/** The shortest life of tokens that etcd can be told. */
const TOKEN_SECONDS = 1;

describeWhenThere('access to etcd', ETCD_MISSING, () => {
  let harness: EtcdHarness;
  let certificates: TestCertificates;
  const recorders: Recorder[] = [];

  beforeAll(async () => {
    harness = await startEtcdHarness({ tls: true, user: USER, flags: ['--auth-token-ttl', String(TOKEN_SECONDS)] });
    if (harness.certificates === null) throw new Error('no certificates');
    certificates = harness.certificates;
  });
  afterEach(async () => {
    const stopping = recorders.splice(0);
    await Promise.all(stopping.map((recorder) => recorder.stop()));
    for (const recorder of stopping) expect(recorder.violations).toEqual([]);
    await harness.clear();
  });
  afterAll(() => harness?.close());

  function follow(environment: Environment = {}, options: Partial<EtcdOptions> = {}): Recorder {
    const recorder = new Recorder(openEtcd({ ...harness.environment, ...environment }, options));
    recorders.push(recorder);
    recorder.start();
    return recorder;
  }

  /** Waits until the status says why it is away; what broke in the middle says less at first. */
  async function says(recorder: Recorder, reason: RegExp): Promise<void> {
    await waitUntil(
      `the status says ${reason}`,
      30_000,
      () => recorder.status,
      ({ phase, message }) => phase === 'unreachable' && reason.test(message),
    );
  }

  describe('that is wrong is told', () => {
    const url = (scheme: string, host = '127.0.0.1'): string => `${scheme}://${host}:${harness.proxy.port}`;

    test.each<[sentence: string, environment: () => Environment, message: RegExp]>([
      [
        'no client certificate',
        () => ({ ETCD_CERT_FILE: '', ETCD_KEY_FILE: '' }),
        /wants (a client certificate \(ETCD_CERT_FILE, ETCD_KEY_FILE\)|one \(ETCD_CERT_FILE\))/,
      ],
      [
        'a client certificate of another authority',
        () => ({ ETCD_CERT_FILE: certificates.stranger.cert, ETCD_KEY_FILE: certificates.stranger.key }),
        /refuses our certificate|does not know the authority that signed our certificate \(ETCD_CERT_FILE\)/,
      ],
      [
        'a client certificate whose date is over',
        () => ({ ETCD_CERT_FILE: certificates.expired.cert, ETCD_KEY_FILE: certificates.expired.key }),
        /refuses our certificate|our certificate \(ETCD_CERT_FILE\) has expired/,
      ],
      [
        'the authority of another cluster',
        () => ({ ETCD_CA_CERT_FILE: certificates.stranger.ca }),
        /server's certificate is not signed by the authority in ETCD_CA_CERT_FILE/,
      ],
      ['no authority', () => ({ ETCD_CA_CERT_FILE: '' }), /not signed by the authority in ETCD_CA_CERT_FILE/],
      [
        'another name than that of the certificate',
        () => ({ ETCD_ENDPOINTS: url('https', 'localhost') }),
        /certificate is for another name \(.*localhost/,
      ],
      ['no TLS where there should be', () => ({ ETCD_ENDPOINTS: url('http') }), /should the URL begin with https/],
      [
        'a file that is not there',
        () => ({ ETCD_CA_CERT_FILE: '/nowhere/ca.crt' }),
        /ETCD_CA_CERT_FILE: ENOENT: no such file or directory, open '\/nowhere\/ca.crt'/,
      ],
      [
        'a key of another certificate',
        () => ({ ETCD_KEY_FILE: certificates.stranger.key }),
        /ETCD_KEY_FILE does not belong to ETCD_CERT_FILE/,
      ],
      [
        'a certificate file with something else',
        () => ({ ETCD_CERT_FILE: join(harness.folder, 'etcd.log') }),
        /ETCD_CERT_FILE: there is no certificate in .*etcd\.log/,
      ],
      [
        'an authority file with something else',
        () => ({ ETCD_CA_CERT_FILE: join(harness.folder, 'etcd.log') }),
        /ETCD_CA_CERT_FILE: there is no certificate in .*etcd\.log/,
      ],
      [
        'a wrong password',
        () => ({ ETCD_PASSWORD: 'another' }),
        /does not know user "calico" with this password \(ETCD_USERNAME, ETCD_PASSWORD\)/,
      ],
      [
        'no user',
        () => ({ ETCD_USERNAME: '' }),
        /etcd wants to know who asks: set ETCD_USERNAME and ETCD_PASSWORD|does not let .* grant read on \/calico\//,
      ],
    ])('%s', async (_sentence, environment, message) => {
      const recorder = follow(environment());
      await says(recorder, message);
      expect(recorder.batches).toEqual([]);
    });

    test('TLS where there is none', async () => {
      const plain = http2.createServer();
      await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
      const { port } = plain.address() as net.AddressInfo;
      const recorder = follow({ ETCD_ENDPOINTS: `https://127.0.0.1:${port}` });
      await says(recorder, /does not speak TLS: should the URL begin with http:/);
      await recorder.stop();
      await new Promise((resolve) => plain.close(resolve));
    });

    test('an etcd that accepts connections and hangs', async () => {
      const silent = net.createServer((socket) => socket.on('error', () => {}).resume());
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as net.AddressInfo;
      const recorder = follow({ ETCD_ENDPOINTS: `http://127.0.0.1:${port}` }, { dialTimeoutMs: 200 });
      await recorder.reaches('unreachable');
      expect(recorder.status.message).toBe(
        `http://127.0.0.1:${port}: accepts the connection, then says nothing for 0.2 s`,
      );
      await recorder.stop();
      await new Promise((resolve) => silent.close(resolve));
    });
  });

  test('that is put right is used without a restart: files are read again', async () => {
    const ca = join(harness.folder, 'renewed.crt');
    await copyFile(certificates.stranger.ca, ca);
    const recorder = follow({ ETCD_CA_CERT_FILE: ca });
    await recorder.reaches('unreachable');
    await writeFile(ca, 'half a certificate, being written');
    await delay(50);
    await copyFile(certificates.ca, ca);
    await recorder.reaches('in-sync');
  });

  test('outlives the token: another one is asked for, unseen', async () => {
    const recorder = follow({}, { unreachableAfterMs: 20_000 });
    await recorder.reaches('in-sync');
    for (const version of [1, 2]) {
      await delay(2_000 * TOKEN_SECONDS);
      await harness.breakConnections();
      await harness.put(storedPeer('tor', version));
      await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === version);
    }
    expect(recorder.phases).toEqual(['in-sync']);
  });

  test('is lost with the password, and found again', async () => {
    const { server } = harness;
    await harness.put(storedPeer('tor', 1));
    const recorder = follow();
    await recorder.reaches('in-sync');
    try {
      await server.changePassword(USER.name, 'changed');
      await harness.breakConnections();
      await says(recorder, /does not know user "calico" with this password/);
      expect(recorder.resources.bgpPeers.size).toBe(1);
    } finally {
      await server.changePassword(USER.name, USER.password);
    }
    await recorder.reaches('in-sync');
    expect(recorder.events).toHaveLength(1);
  });

  test('is lost with the right to read, and found again', async () => {
    const { server } = harness;
    await harness.put(storedPeer('tor', 1));
    const recorder = follow();
    await recorder.reaches('in-sync');
    try {
      await server.revokeRead('reader', '/calico/');
      await harness.breakConnections();
      await says(recorder, /does not let user "calico" read .*: grant read on \/calico\//);
    } finally {
      await server.grantRead('reader', '/calico/');
    }
    await harness.put(storedPeer('tor', 2));
    await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === 2);
    await recorder.reaches('in-sync');
  });
});
