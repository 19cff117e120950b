/**
 * The conversation with an exec credential plug-in (client.authentication.k8s.io): what it is told, and what it says.
 * Pure; credentials.ts runs it. Nothing of what it says may ever be logged.
 */

import * as z from 'zod';
import type { ClusterAccess, ExecPlugin } from './access.ts';

export interface ExecCredential {
  readonly token: string | null;
  /** PEM; certificate and key come together. */
  readonly certificate: string | null;
  readonly key: string | null;
  /** Milliseconds since 1970; null: until the server refuses it. */
  readonly expiresAtMs: number | null;
}

export type ExecOutcome =
  | { readonly ok: true; readonly credential: ExecCredential }
  | { readonly ok: false; readonly message: string };

const optionalText = z
  .string()
  .nullish()
  .transform((value) => value || null);

const credentialSchema = z.object({
  kind: z.literal('ExecCredential'),
  apiVersion: z.string(),
  status: z.object({
    token: optionalText,
    clientCertificateData: optionalText,
    clientKeyData: optionalText,
    expirationTimestamp: optionalText,
  }),
});

/** The variable KUBERNETES_EXEC_INFO. `caPem`: the CA of the cluster; null: none. */
export function execInfo(plugin: ExecPlugin, access: ClusterAccess, caPem: string | null): string {
  const cluster = {
    server: access.server,
    ...(access.serverName === null ? {} : { 'tls-server-name': access.serverName }),
    ...(access.isInsecure ? { 'insecure-skip-tls-verify': true } : {}),
    ...(caPem === null ? {} : { 'certificate-authority-data': Buffer.from(caPem).toString('base64') }),
  };
  return JSON.stringify({
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: { ...(plugin.isToldCluster ? { cluster } : {}), interactive: false },
  });
}

/** What the program printed. */
export function readExecCredential(plugin: ExecPlugin, output: string): ExecOutcome {
  const refuse = (message: string): ExecOutcome => ({
    ok: false,
    message: `exec plug-in ${plugin.command}: ${message}`,
  });
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return refuse('what it printed is not JSON');
  }
  const read = credentialSchema.safeParse(value);
  if (!read.success) return refuse(`what it printed is not an ExecCredential with a status`);
  const { apiVersion, status } = read.data;
  if (apiVersion !== plugin.apiVersion)
    return refuse(`it speaks ${apiVersion}, the kubeconfig says ${plugin.apiVersion}`);
  const { token, clientCertificateData: certificate, clientKeyData: key } = status;
  if ((certificate === null) !== (key === null)) return refuse('a client certificate and its key come together');
  if (token === null && certificate === null) return refuse('it gave neither a token nor a client certificate');
  const expiresAtMs = status.expirationTimestamp === null ? null : Date.parse(status.expirationTimestamp);
  if (Number.isNaN(expiresAtMs)) return refuse(`expirationTimestamp "${status.expirationTimestamp}" is not a time`);
  return { ok: true, credential: { token, certificate, key, expiresAtMs } };
}
