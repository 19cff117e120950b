import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoverEndpoints, readTlsFiles } from './discovery.ts';
import type { TlsFiles } from './settings.ts';

const NO_FILES: TlsFiles = { caFile: null, certFile: null, keyFile: null, minVersion: 'TLSv1.2', ciphers: null };

describe('endpoints in DNS', () => {
  const resolver =
    (zone: { readonly [name: string]: readonly { name: string; port: number }[] }) =>
    async (name: string): Promise<readonly { name: string; port: number }[]> => {
      if (zone[name] === undefined) throw new Error(`querySrv ENOTFOUND ${name}`);
      return zone[name];
    };

  test('with TLS and without', async () => {
    const zone = {
      '_etcd-client-ssl._tcp.example.com': [{ name: 'a.example.com.', port: 2379 }],
      '_etcd-client._tcp.example.com': [{ name: 'b.example.com', port: 1 }],
    };
    expect(await discoverEndpoints('example.com', resolver(zone))).toEqual({
      ok: true,
      value: [
        { url: 'https://a.example.com:2379', host: 'a.example.com', port: 2379, isTls: true },
        { url: 'http://b.example.com:1', host: 'b.example.com', port: 1, isTls: false },
      ],
    });
  });

  test('one of them will do', async () => {
    const zone = { '_etcd-client._tcp.example.com': [{ name: 'b', port: 1 }] };
    expect(await discoverEndpoints('example.com', resolver(zone))).toMatchObject({ ok: true, value: [{ host: 'b' }] });
  });

  test('none: the names that were looked for are told', async () => {
    const outcome = await discoverEndpoints('example.com', resolver({}));
    expect(outcome.ok ? '' : outcome.failure.message).toMatch(
      /_etcd-client-ssl\._tcp\.example\.com.*_etcd-client\._tcp\.example\.com/,
    );
  });
});

describe('the files of TLS', () => {
  test('none are needed', async () => {
    expect(await readTlsFiles(NO_FILES)).toEqual({ ok: true, value: { minVersion: 'TLSv1.2' } });
  });

  test('are read anew each time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'peregrine-tls-'));
    const caFile = join(folder, 'ca.crt');
    for (const content of ['-----BEGIN CERTIFICATE-----\nold', '-----BEGIN CERTIFICATE-----\nnew']) {
      await writeFile(caFile, content);
      expect(await readTlsFiles({ ...NO_FILES, caFile })).toMatchObject({ value: { ca: Buffer.from(content) } });
    }
    await rm(folder, { recursive: true });
  });

  test('every one that cannot be read is named', async () => {
    const outcome = await readTlsFiles({ ...NO_FILES, certFile: '/none/cert', keyFile: '/none/key' });
    expect(outcome.ok ? '' : outcome.failure.message).toMatch(
      /ETCD_CERT_FILE.*\/none\/cert.*ETCD_KEY_FILE.*\/none\/key/,
    );
  });
});
