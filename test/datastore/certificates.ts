/** A certificate authority for one test, its server and client certificates, and one that nobody knows. Needs openssl. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface TestCertificates {
  /** Path of the authority's certificate. */
  readonly ca: string;
  readonly server: CertificateFiles;
  /** For the daemon under test. */
  readonly client: CertificateFiles;
  /** Made by another authority of the same name. */
  readonly stranger: CertificateFiles & { readonly ca: string };
  /** Its date is over. */
  readonly expired: CertificateFiles;
  /** What node:https wants to act as the administrator. */
  contents(who: 'admin'): { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

async function makeAuthority(folder: string): Promise<void> {
  const name = ['-subj', '/CN=peregrine-test-ca'];
  await run('openssl', ['req', '-x509', ...EC_KEY, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', ...name], {
    cwd: folder,
  });
}

/** `names`: what the certificate is for, as openssl writes it (`IP:127.0.0.1`). */
async function makeCertificate(folder: string, name: string, names: string, days: number): Promise<CertificateFiles> {
  // etcd's gateway refuses certificates with a common name once there are users, because it would have to ignore it.
  const subject = ['-subj', name === 'admin' ? '/O=admin' : `/CN=${name}`];
  await run('openssl', ['req', ...EC_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, ...subject], {
    cwd: folder,
  });
  await writeFile(
    join(folder, `${name}.ext`),
    `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature\n`,
  );
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
  const files = ['-in', `${name}.csr`, '-out', `${name}.crt`];
  await run('openssl', ['x509', '-req', ...files, ...signing, '-days', String(days)], { cwd: folder });
  return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

/** `serverNames`: what the server's certificate is for. */
export async function makeCertificates(folder: string, serverNames = 'IP:127.0.0.1'): Promise<TestCertificates> {
  await mkdir(join(folder, 'other'), { recursive: true });
  const other = join(folder, 'other');
  await makeAuthority(folder);
  await makeAuthority(other);
  const server = await makeCertificate(folder, 'server', serverNames, 2);
  const client = await makeCertificate(folder, 'client', 'DNS:client', 2);
  const admin = await makeCertificate(folder, 'admin', 'DNS:admin', 2);
  const expired = await makeCertificate(folder, 'expired', 'DNS:expired', -1);
  const stranger = await makeCertificate(other, 'stranger', 'DNS:stranger', 2);
  return {
    ca: join(folder, 'ca.crt'),
    server,
    client,
    expired,
    stranger: { ...stranger, ca: join(other, 'ca.crt') },
    contents: () => ({
      ca: readFileSync(join(folder, 'ca.crt')),
      cert: readFileSync(admin.cert),
      key: readFileSync(admin.key),
    }),
  };
}
