/**
 * What has to be looked up before a connection: endpoints in DNS (ETCD_DISCOVERY_SRV, section 1.1 of Calico's
 * semantics) and the files of TLS. Both are looked up again for each attempt, because they change under a daemon that
 * runs for months.
 */

import { resolveSrv } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { Endpoint, TlsMaterial } from './connection.ts';
import { failed, type GrpcOutcome } from './grpc.ts';
import type { TlsFiles } from './settings.ts';

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
}

/** SRV records of a name; rejects when there are none. */
export type ResolveSrv = (name: string) => Promise<readonly SrvRecord[]>;

/** Service names as etcd's own clients look for them; the first is for TLS. */
const SERVICES = [
  { service: '_etcd-client-ssl._tcp', isTls: true },
  { service: '_etcd-client._tcp', isTls: false },
] as const;

/** The endpoints that the SRV records of a domain name. */
export async function discoverEndpoints(
  domain: string,
  resolve: ResolveSrv = resolveSrv,
): Promise<GrpcOutcome<readonly Endpoint[]>> {
  const endpoints: Endpoint[] = [];
  const problems: string[] = [];
  for (const { service, isTls } of SERVICES) {
    try {
      for (const { name, port } of await resolve(`${service}.${domain}`)) {
        const host = name.replace(/\.$/, '');
        endpoints.push({ url: `${isTls ? 'https' : 'http'}://${host}:${port}`, host, port, isTls });
      }
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (endpoints.length > 0) return { ok: true, value: endpoints };
  return failed(`no SRV record names an etcd client port: ${problems.join(', ')}`);
}

/** The contents of the TLS files, or which one cannot be read. */
export async function readTlsFiles(files: TlsFiles): Promise<GrpcOutcome<TlsMaterial>> {
  const problems: string[] = [];
  const read = async (variable: string, path: string | null, what: string, pattern: RegExp): Promise<Buffer | null> => {
    if (path === null) return null;
    let octets: Buffer;
    try {
      octets = await readFile(path);
    } catch (error) {
      problems.push(`${variable}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
    // OpenSSL passes over what is no certificate in a file of authorities, without a word.
    if (!pattern.test(octets.toString('latin1'))) problems.push(`${variable}: there is no ${what} in ${path}`);
    return octets;
  };
  const [certificate, privateKey] = [
    /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/,
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  ];
  const ca = await read('ETCD_CA_CERT_FILE', files.caFile, 'certificate', certificate);
  const cert = await read('ETCD_CERT_FILE', files.certFile, 'certificate', certificate);
  const key = await read('ETCD_KEY_FILE', files.keyFile, 'private key', privateKey);
  if (problems.length > 0) return failed(problems.join(', '));
  return {
    ok: true,
    value: {
      minVersion: files.minVersion,
      ...(ca === null ? {} : { ca }),
      ...(cert === null ? {} : { cert }),
      ...(key === null ? {} : { key }),
      ...(files.ciphers === null ? {} : { ciphers: files.ciphers }),
    },
  };
}
