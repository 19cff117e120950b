/**
 * How etcd is reached, from Calico's environment variables (section 1.1 of Calico's semantics). Everything that is
 * wrong is found at once, before anything is connected. Pure: files are read later, and again for each connection,
 * because certificates are renewed in place.
 */

import { calicoFlag, calicoVariable, type Environment } from '../environment.ts';
import type { Endpoint, TlsMaterial } from './connection.ts';

export interface TlsFiles {
  /** Null: the certificate authorities that Node.js knows. */
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly minVersion: TlsMaterial['minVersion'];
  /** OpenSSL's names, joined by colons; null: those that Node.js takes. */
  readonly ciphers: string | null;
}

export interface EtcdSettings {
  /** Empty with `discoveryDomain`. */
  readonly endpoints: readonly Endpoint[];
  /** The domain whose SRV records name the endpoints. */
  readonly discoveryDomain: string | null;
  readonly credentials: { readonly name: string; readonly password: string } | null;
  readonly tls: TlsFiles;
  /** Nodes' pod CIDRs take the place of blocks, which are then not read. */
  readonly usePodCidr: boolean;
}

export type SettingsOutcome =
  | { readonly ok: true; readonly settings: EtcdSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

const DEFAULT_PORT = 2379;

/** Go's names of the cipher suites that Calico lets one choose, and OpenSSL's. */
const CIPHERS: { readonly [name: string]: string } = {
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
};

/** The endpoint behind a URL, or what is wrong with it. */
export function parseEndpoint(text: string): Endpoint | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return `endpoint "${text}": wanted http://HOST:PORT or https://HOST:PORT`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `endpoint "${text}": wanted http://HOST:PORT or https://HOST:PORT`;
  }
  if (url.username !== '' || url.password !== '') {
    return `endpoint "${url.protocol}//...@${url.host}": user and password belong in ETCD_USERNAME and ETCD_PASSWORD`;
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return `endpoint "${text}": nothing may follow the port`;
  }
  const isTls = url.protocol === 'https:';
  // URL leaves out the port that is usual for the web, which 443 in the text would have asked for.
  const written = /:(\d+)\/?$/.exec(text);
  const port = url.port !== '' ? Number(url.port) : written !== null ? Number(written[1]) : DEFAULT_PORT;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url: `${url.protocol}//${url.hostname}:${port}`, host, port, isTls };
}

/** `endpoints`: comma-separated URLs that replace those of the environment; null: the environment's. */
export function readEtcdSettings(environment: Environment, endpoints: string | null): SettingsOutcome {
  const problems: string[] = [];
  const variable = (name: string): string => calicoVariable(environment, name);
  const orNull = (text: string): string | null => text || null;

  const discoveryDomain = endpoints === null ? orNull(variable('ETCD_DISCOVERY_SRV')) : null;
  const listed = endpoints ?? variable('ETCD_ENDPOINTS');
  const parsed = listed
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map(parseEndpoint);
  for (const one of parsed) if (typeof one === 'string') problems.push(one);
  if (discoveryDomain !== null && parsed.length > 0) {
    problems.push('ETCD_ENDPOINTS and ETCD_DISCOVERY_SRV exclude each other');
  }
  if (discoveryDomain === null && parsed.length === 0) {
    problems.push('no endpoint: set ETCD_ENDPOINTS to http:// or https:// URLs, or ETCD_DISCOVERY_SRV to a domain');
  }

  const [name, password] = [variable('ETCD_USERNAME'), environmentPassword(environment)];
  const [certFile, keyFile] = [orNull(variable('ETCD_CERT_FILE')), orNull(variable('ETCD_KEY_FILE'))];
  if ((certFile === null) !== (keyFile === null)) {
    problems.push(`${certFile === null ? 'ETCD_KEY_FILE' : 'ETCD_CERT_FILE'} alone: a certificate needs its key`);
  }
  const usePodCidr = calicoFlag(environment, 'USE_POD_CIDR');
  if (usePodCidr === null) problems.push(`USE_POD_CIDR "${variable('USE_POD_CIDR')}": wanted true or false`);
  const ciphers = readCiphers(environment.TLS_CIPHER_SUITES ?? '', problems);
  const minVersion = readMinVersion(environment.TLS_MIN_VERSION ?? '', problems);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    settings: {
      endpoints: parsed.filter((one) => typeof one !== 'string'),
      discoveryDomain,
      // One without the other is none, as in Calico.
      credentials: name !== '' && password !== '' ? { name, password } : null,
      tls: { caFile: orNull(variable('ETCD_CA_CERT_FILE')), certFile, keyFile, minVersion, ciphers },
      usePodCidr: usePodCidr ?? false,
    },
  };
}

/** As it is written: blanks may be part of a password. */
function environmentPassword(environment: Environment): string {
  return environment.CALICO_ETCD_PASSWORD ?? environment.ETCD_PASSWORD ?? '';
}

function readCiphers(text: string, problems: string[]): string | null {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  for (const name of names) {
    if (!Object.hasOwn(CIPHERS, name)) {
      problems.push(`TLS_CIPHER_SUITES: "${name}" is not among ${Object.keys(CIPHERS).join(', ')}`);
    }
  }
  return names.length === 0 ? null : names.map((name) => CIPHERS[name]).join(':');
}

function readMinVersion(text: string, problems: string[]): TlsMaterial['minVersion'] {
  if (text === '1.3') return 'TLSv1.3';
  if (text !== '' && text !== '1.2') problems.push(`TLS_MIN_VERSION "${text}": wanted 1.2 or 1.3`);
  return 'TLSv1.2';
}
