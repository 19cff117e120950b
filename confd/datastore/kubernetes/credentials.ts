/**
 * Credentials at the moment they are needed: token files are read again as kubelet renews them, certificates whenever a
 * connection is made, exec plug-ins when what they gave has expired. What the server has refused is asked for anew.
 */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { errorMessage } from '../directory-walk.ts';
import type { ClusterAccess, ExecPlugin, PemSource } from './access.ts';
import { type ExecCredential, type ExecOutcome, execInfo, readExecCredential } from './exec-credential.ts';

/** The outside world of credentials. */
export interface CredentialIo {
  readFile(path: string): Promise<string>;
  /** What the program printed. Rejects when it fails. */
  run(plugin: ExecPlugin, info: string): Promise<string>;
  /** Milliseconds since 1970. */
  now(): number;
}

export type HeadersOutcome =
  | { readonly ok: true; readonly headers: { readonly [name: string]: string | readonly string[] } }
  | { readonly ok: false; readonly message: string };

export type TlsOutcome =
  | { readonly ok: true; readonly options: SecureContextOptions }
  | { readonly ok: false; readonly message: string };

/** As client-go: tokens are renewed at four fifths of their life, which is ten minutes or more. */
const TOKEN_FILE_MS = 60_000;
/** A credential is not used up to the last moment: clocks differ. */
const EXEC_LEEWAY_MS = 10_000;
const EXEC_TIMEOUT_MS = 60_000;
const MAX_EXEC_OCTETS = 1024 * 1024;

export const SYSTEM_CREDENTIAL_IO: CredentialIo = {
  readFile: (path) => readFile(path, 'utf8'),
  run: (plugin, info) =>
    new Promise((resolve, reject) => {
      const child = execFile(
        plugin.command,
        [...plugin.args],
        {
          env: { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: info },
          timeout: EXEC_TIMEOUT_MS,
          maxBuffer: MAX_EXEC_OCTETS,
        },
        (error, output, complaints) => {
          if (error === null) resolve(output);
          else if (error.code === 'ENOENT') reject(new Error(`not found. ${plugin.installHint}`.trim()));
          else reject(new Error(complaints.trim().slice(0, 300) || `failed (${error.code ?? error.signal})`));
        },
      );
      child.stdin?.end();
    }),
  now: () => Date.now(),
};

export class Credentials {
  readonly #access: ClusterAccess;
  readonly #io: CredentialIo;
  #token: { readonly text: string; readonly readAtMs: number } | null = null;
  #exec: ExecCredential | null = null;
  #running: Promise<ExecOutcome> | null = null;

  constructor(access: ClusterAccess, io: CredentialIo = SYSTEM_CREDENTIAL_IO) {
    this.#access = access;
    this.#io = io;
  }

  /** Who we are is said when a connection is made, not with each request. */
  get dependOnConnection(): boolean {
    return this.#access.certificate !== null || this.#access.identity.kind === 'exec';
  }

  /** The server does not take what we have. */
  forget(): void {
    this.#token = null;
    this.#exec = null;
  }

  /** The headers of a request that say who asks. */
  async headers(): Promise<HeadersOutcome> {
    try {
      const token = await this.#currentToken();
      return { ok: true, headers: { ...(token === null ? {} : { authorization: token }), ...this.#impersonation() } };
    } catch (error) {
      return { ok: false, message: errorMessage(error) };
    }
  }

  /** What a TLS connection needs to know. */
  async tls(): Promise<TlsOutcome> {
    const { ca, certificate, key, identity } = this.#access;
    try {
      const exec = identity.kind === 'exec' ? await this.#credential(identity.plugin) : null;
      const [caPem, ownCertificate, ownKey] = await Promise.all([
        this.#pem(ca, 'the CA of the cluster'),
        this.#pem(certificate, 'the client certificate'),
        this.#pem(key, 'the client key'),
      ]);
      // OpenSSL passes over what is no certificate in a file of authorities, without a word.
      if (caPem !== null && !caPem.includes('-----BEGIN ')) {
        return {
          ok: false,
          message: `there is no certificate in ${ca?.kind === 'file' ? ca.path : 'the CA of the cluster'}`,
        };
      }
      const cert = exec?.certificate ?? ownCertificate;
      const keyPem = exec?.key ?? ownKey;
      return {
        ok: true,
        options: {
          minVersion: 'TLSv1.2',
          ...(caPem === null ? {} : { ca: caPem }),
          ...(cert === null || keyPem === null ? {} : { cert, key: keyPem }),
        },
      };
    } catch (error) {
      return { ok: false, message: errorMessage(error) };
    }
  }

  async #currentToken(): Promise<string | null> {
    const { identity } = this.#access;
    switch (identity.kind) {
      case 'none':
        return null;
      case 'token':
        return `Bearer ${identity.token}`;
      case 'basic':
        return `Basic ${Buffer.from(`${identity.username}:${identity.password}`).toString('base64')}`;
      case 'token-file':
        return `Bearer ${await this.#fileToken(identity.path)}`;
      case 'exec': {
        const { token } = await this.#credential(identity.plugin);
        return token === null ? null : `Bearer ${token}`;
      }
    }
  }

  async #fileToken(path: string): Promise<string> {
    const nowMs = this.#io.now();
    if (this.#token !== null && nowMs - this.#token.readAtMs < TOKEN_FILE_MS) return this.#token.text;
    let text: string;
    try {
      text = (await this.#readFile(path, 'the token')).trim();
    } catch (error) {
      // A token that cannot be read for a moment is most likely still good.
      if (this.#token !== null) return this.#token.text;
      throw error;
    }
    if (text === '') throw new Error(`the token file ${path} is empty`);
    this.#token = { text, readAtMs: nowMs };
    return text;
  }

  /** What the plug-in gave, while it is good. All who ask meanwhile get the result of one run. */
  async #credential(plugin: ExecPlugin): Promise<ExecCredential> {
    const known = this.#exec;
    if (known !== null && (known.expiresAtMs === null || this.#io.now() < known.expiresAtMs - EXEC_LEEWAY_MS)) {
      return known;
    }
    this.#running ??= this.#run(plugin).finally(() => {
      this.#running = null;
    });
    const outcome = await this.#running;
    if (!outcome.ok) throw new Error(outcome.message);
    this.#exec = outcome.credential;
    return outcome.credential;
  }

  async #run(plugin: ExecPlugin): Promise<ExecOutcome> {
    try {
      const caPem = plugin.isToldCluster ? await this.#pem(this.#access.ca, 'the CA of the cluster') : null;
      return readExecCredential(plugin, await this.#io.run(plugin, execInfo(plugin, this.#access, caPem)));
    } catch (error) {
      return { ok: false, message: `exec plug-in ${plugin.command}: ${errorMessage(error)}` };
    }
  }

  async #pem(source: PemSource | null, what: string): Promise<string | null> {
    if (source === null) return null;
    return source.kind === 'inline' ? source.pem : this.#readFile(source.path, what);
  }

  async #readFile(path: string, what: string): Promise<string> {
    try {
      return await this.#io.readFile(path);
    } catch (error) {
      throw new Error(`cannot read ${what}: ${errorMessage(error)}`);
    }
  }

  #impersonation(): { [name: string]: string | readonly string[] } {
    const { impersonation } = this.#access;
    if (impersonation === null) return {};
    const headers: { [name: string]: string | readonly string[] } = { 'impersonate-user': impersonation.user };
    if (impersonation.uid !== '') headers['impersonate-uid'] = impersonation.uid;
    if (impersonation.groups.length > 0) headers['impersonate-group'] = impersonation.groups;
    for (const [name, values] of Object.entries(impersonation.extra)) {
      headers[`impersonate-extra-${encodeURIComponent(name.toLowerCase())}`] = values;
    }
    return headers;
  }
}
