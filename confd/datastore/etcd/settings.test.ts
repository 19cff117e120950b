import { getCiphers } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { Environment } from '../environment.ts';
import { type EtcdSettings, parseEndpoint, readEtcdSettings } from './settings.ts';

const E = { ETCD_ENDPOINTS: 'https://10.0.0.1:2379' };

function read(environment: Environment, endpoints: string | null = null): EtcdSettings {
  const outcome = readEtcdSettings(environment, endpoints);
  if (!outcome.ok) throw new Error(outcome.problems.join('; '));
  return outcome.settings;
}

describe('endpoints', () => {
  test.each([
    ['https://10.0.0.1:2379', { host: '10.0.0.1', port: 2379, isTls: true }],
    ['http://etcd', { host: 'etcd', port: 2379, isTls: false }],
    ['https://etcd/', { host: 'etcd', port: 2379, isTls: true }],
    ['https://etcd:443', { port: 443, url: 'https://etcd:443' }],
    ['http://etcd:80/', { port: 80 }],
    ['https://[fd00::1]:2379', { host: 'fd00::1', url: 'https://[fd00::1]:2379' }],
    ['https://[fd00::1]', { host: 'fd00::1', port: 2379 }],
    ['10.0.0.1:2379', 'wanted http://'],
    ['etcd', 'wanted http://'],
    ['unix:///run/etcd', 'wanted http://'],
    ['https://etcd:2379/v3', 'nothing may follow'],
    ['https://etcd:99999', 'wanted http://'],
  ])('%s', (text, wanted) => {
    const parsed = parseEndpoint(text);
    if (typeof wanted === 'string') expect(parsed).toContain(wanted);
    else expect(parsed).toMatchObject(wanted);
  });

  test('a password in a URL is not repeated', () => {
    const problem = parseEndpoint('https://me:geheim@etcd:2379');
    expect(problem).toContain('ETCD_PASSWORD');
    expect(problem).not.toContain('geheim');
  });

  test('several, with blanks', () => {
    const { endpoints } = read({ ETCD_ENDPOINTS: ' http://a:1 , http://b:2,' });
    expect(endpoints.map(({ url }) => url)).toEqual(['http://a:1', 'http://b:2']);
  });

  test('those of the command line replace those of the environment, and the rest stays', () => {
    const environment = { ETCD_DISCOVERY_SRV: 'example.com', ETCD_CA_CERT_FILE: '/ca' };
    const settings = read(environment, 'https://b:1');
    expect(settings).toMatchObject({ endpoints: [{ host: 'b' }], discoveryDomain: null, tls: { caFile: '/ca' } });
  });
});

describe('the environment', () => {
  test.each<[sentence: string, environment: Environment, wanted: object]>([
    ['nothing but endpoints', E, { credentials: null, discoveryDomain: null, usePodCidr: false }],
    ['CALICO_ counts before', { ...E, CALICO_ETCD_ENDPOINTS: 'http://c:1' }, { endpoints: [{ host: 'c' }] }],
    ['a domain', { ETCD_DISCOVERY_SRV: 'example.com' }, { endpoints: [], discoveryDomain: 'example.com' }],
    [
      'user and password, as they are written',
      { ...E, ETCD_USERNAME: 'me', ETCD_PASSWORD: ' x ' },
      { credentials: { name: 'me', password: ' x ' } },
    ],
    ['a user without password is none', { ...E, ETCD_USERNAME: 'me' }, { credentials: null }],
    [
      'TLS',
      { ...E, ETCD_CA_CERT_FILE: '/ca', ETCD_CERT_FILE: '/cert', ETCD_KEY_FILE: '/key' },
      { tls: { caFile: '/ca', certFile: '/cert', keyFile: '/key', minVersion: 'TLSv1.2', ciphers: null } },
    ],
    ['TLS 1.3 only', { ...E, TLS_MIN_VERSION: '1.3' }, { tls: { minVersion: 'TLSv1.3' } }],
    [
      'ciphers',
      { ...E, TLS_CIPHER_SUITES: 'TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384' },
      { tls: { ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384' } },
    ],
    ['pod CIDRs', { ...E, USE_POD_CIDR: 'True' }, { usePodCidr: true }],
  ])('%s', (_sentence, environment, wanted) => {
    expect(read(environment)).toMatchObject(wanted);
  });

  test.each<[sentence: string, environment: Environment, problem: string]>([
    ['no endpoint', {}, 'set ETCD_ENDPOINTS'],
    ['an empty CALICO_ name counts too', { ...E, CALICO_ETCD_ENDPOINTS: '' }, 'set ETCD_ENDPOINTS'],
    ['endpoints and a domain', { ...E, ETCD_DISCOVERY_SRV: 'example.com' }, 'exclude each other'],
    ['a certificate without its key', { ...E, ETCD_CERT_FILE: '/cert' }, 'a certificate needs its key'],
    ['a key without its certificate', { ...E, ETCD_KEY_FILE: '/key' }, 'a certificate needs its key'],
    ['an unknown cipher', { ...E, TLS_CIPHER_SUITES: 'ROT13' }, '"ROT13" is not among'],
    ['an old TLS', { ...E, TLS_MIN_VERSION: '1.0' }, 'wanted 1.2 or 1.3'],
    ['perhaps', { ...E, USE_POD_CIDR: 'perhaps' }, 'wanted true or false'],
  ])('%s is a mistake', (_sentence, environment, problem) => {
    const outcome = readEtcdSettings(environment, null);
    expect(outcome.ok ? [] : outcome.problems).toEqual([expect.stringContaining(problem)]);
  });

  test('every mistake is told at once', () => {
    const outcome = readEtcdSettings({ ETCD_ENDPOINTS: 'a,b', ETCD_KEY_FILE: '/k', TLS_MIN_VERSION: '1' }, null);
    expect(outcome.ok ? [] : outcome.problems).toHaveLength(4);
  });

  test('OpenSSL knows every cipher by the name we give it', () => {
    const names = readEtcdSettings({ ...E, TLS_CIPHER_SUITES: 'x' }, null);
    const offered = names.ok ? [] : (/among (.*)$/.exec(names.problems[0])?.[1] ?? '').split(', ');
    expect(offered.length).toBeGreaterThan(12);
    for (const name of offered) {
      const { ciphers } = read({ ...E, TLS_CIPHER_SUITES: name }).tls;
      expect(getCiphers(), name).toContain(ciphers?.toLowerCase());
    }
  });
});
