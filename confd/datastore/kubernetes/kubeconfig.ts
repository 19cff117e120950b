/**
 * A kubeconfig file, or several merged, as access to one cluster. Pure: text in, access or a reason out.
 *
 * As in kubectl: of several files the first that names something wins, paths are relative to the file they stand in, and
 * inline data counts before files. What would have to be left out (a proxy, a removed auth-provider) is refused, because
 * doing without it would talk to another server, or as somebody else, than was meant.
 */

import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import type { AccessOutcome, ClusterAccess, ExecPlugin, Identity, Impersonation, PemSource } from './access.ts';

export interface KubeconfigFile {
  readonly path: string;
  readonly text: string;
}

/** Settings from elsewhere that count before the files (section 1.1 of Calico's semantics). Empty: not set. */
export interface AccessOverrides {
  readonly context: string;
  readonly server: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly token: string;
  readonly isInsecure: boolean;
}

export const NO_OVERRIDES: AccessOverrides = {
  context: '',
  server: '',
  certificateFile: '',
  keyFile: '',
  caFile: '',
  token: '',
  isInsecure: false,
};

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
function listOf<T extends z.ZodType>(element: T) {
  return z
    .array(element)
    .nullish()
    .transform((value) => value ?? []);
}

const execSchema = z.object({
  apiVersion: z.enum(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']),
  command: z.string().min(1),
  args: listOf(z.string()),
  env: listOf(z.object({ name: z.string(), value: z.string() })),
  installHint: text,
  provideClusterInfo: flag,
  interactiveMode: z.enum(['Never', 'IfAvailable', 'Always']).nullish(),
});

const clusterSchema = z.object({
  server: text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': flag,
  'certificate-authority': text,
  'certificate-authority-data': text,
  'proxy-url': text,
});

const userSchema = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': listOf(z.string()),
  'as-user-extra': z
    .record(z.string(), z.array(z.string()))
    .nullish()
    .transform((value) => value ?? {}),
  exec: execSchema.nullish(),
  'auth-provider': z.unknown().optional(),
});

const contextSchema = z.object({ cluster: text, user: text });

// An entry that is broken must not hurt when another is used: entries are read when they are needed.
const fileSchema = z.object({
  'current-context': text,
  clusters: listOf(z.object({ name: z.string(), cluster: z.unknown() })),
  users: listOf(z.object({ name: z.string(), user: z.unknown() })),
  contexts: listOf(z.object({ name: z.string(), context: z.unknown() })),
});

interface Entry {
  readonly value: unknown;
  readonly path: string;
}

interface Merged {
  currentContext: string;
  readonly clusters: Map<string, Entry>;
  readonly users: Map<string, Entry>;
  readonly contexts: Map<string, Entry>;
}

/** Something a person has to mend. Thrown and caught in this file. */
class Refusal extends Error {}

function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue.path.map(String).join('.') || 'the file'}: ${issue.message}`;
}

function merge(files: readonly KubeconfigFile[]): Merged {
  const merged: Merged = { currentContext: '', clusters: new Map(), users: new Map(), contexts: new Map() };
  for (const { path, text: content } of files) {
    let value: unknown;
    try {
      value = parse(content) ?? {};
    } catch (error) {
      throw new Refusal(`${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
    const read = fileSchema.safeParse(value);
    if (!read.success) throw new Refusal(`${path}: not a kubeconfig: ${describe(read.error)}`);
    const { data } = read;
    merged.currentContext ||= data['current-context'];
    const add = (into: Map<string, Entry>, name: string, entry: unknown): void => {
      if (!into.has(name)) into.set(name, { value: entry, path });
    };
    for (const { name, cluster } of data.clusters) add(merged.clusters, name, cluster);
    for (const { name, user } of data.users) add(merged.users, name, user);
    for (const { name, context } of data.contexts) add(merged.contexts, name, context);
  }
  return merged;
}

function readEntry<T>(schema: z.ZodType<T>, entry: Entry | undefined, what: string): T {
  if (entry === undefined) throw new Refusal(`there is no ${what} in the kubeconfig`);
  const read = schema.safeParse(entry.value ?? {});
  if (!read.success) throw new Refusal(`${entry.path}: ${what}: ${describe(read.error)}`);
  return read.data;
}

function pem(inline: string, file: string, path: string): PemSource | null {
  if (inline !== '') return { kind: 'inline', pem: Buffer.from(inline, 'base64').toString('utf8') };
  return file === '' ? null : { kind: 'file', path: resolve(dirname(path), file) };
}

function execPlugin(exec: z.infer<typeof execSchema>, path: string): ExecPlugin {
  if (exec.interactiveMode === 'Always') {
    throw new Refusal(`exec plug-in ${exec.command} wants to talk to a person (interactiveMode: Always)`);
  }
  // A name without a slash is looked up in PATH; anything else is relative to the file.
  const command = exec.command.includes('/') ? resolve(dirname(path), exec.command) : exec.command;
  return {
    apiVersion: exec.apiVersion,
    command,
    args: exec.args,
    env: Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
    isToldCluster: exec.provideClusterInfo,
    installHint: exec.installHint,
  };
}

type User = z.infer<typeof userSchema>;

function identityOf(user: User, path: string, token: string): Identity {
  if (user['auth-provider'] !== undefined && user['auth-provider'] !== null) {
    throw new Refusal('auth-provider is not supported (Kubernetes removed it in 1.26): use an exec plug-in');
  }
  if (token !== '') return { kind: 'token', token };
  // A file counts before a token that is written out, as it may have been renewed.
  if (user.tokenFile !== '') return { kind: 'token-file', path: resolve(dirname(path), user.tokenFile) };
  if (user.token !== '') return { kind: 'token', token: user.token };
  if (user.username !== '') return { kind: 'basic', username: user.username, password: user.password };
  if (user.exec) return { kind: 'exec', plugin: execPlugin(user.exec, path) };
  return { kind: 'none' };
}

function impersonationOf(user: User): Impersonation | null {
  if (user.as === '') {
    const others = [user['as-uid'], ...user['as-groups'], ...Object.keys(user['as-user-extra'])].some(
      (one) => one !== '',
    );
    if (others) throw new Refusal('as-uid, as-groups and as-user-extra need "as"');
    return null;
  }
  return { user: user.as, uid: user['as-uid'], groups: user['as-groups'], extra: user['as-user-extra'] };
}

function checkServer(server: string, where: string): string {
  const protocol = URL.canParse(server) ? new URL(server).protocol : '';
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new Refusal(`${where} "${server}": wanted https://HOST:PORT`);
  }
  // What is in an address is in the log.
  const { username, password } = new URL(server);
  if (username !== '' || password !== '') {
    throw new Refusal(`${where}: user and password do not belong in an address: name them in the kubeconfig's user`);
  }
  return server;
}

function read(files: readonly KubeconfigFile[], overrides: AccessOverrides): ClusterAccess {
  const merged = merge(files);
  const contextName = overrides.context || merged.currentContext;
  const contextEntry = merged.contexts.get(contextName);
  if (contextEntry === undefined && (contextName !== '' || overrides.server === '')) {
    throw new Refusal(
      contextName === ''
        ? 'the kubeconfig has no current-context'
        : `there is no context "${contextName}" in the kubeconfig`,
    );
  }
  // With an explicit server the files need not say anything.
  const context =
    contextEntry === undefined
      ? { cluster: '', user: '' }
      : readEntry(contextSchema, contextEntry, `context "${contextName}"`);
  const nothing: Entry = { value: {}, path: '' };
  const clusterEntry = context.cluster === '' ? nothing : merged.clusters.get(context.cluster);
  const userEntry = context.user === '' ? nothing : merged.users.get(context.user);
  const cluster = readEntry(clusterSchema, clusterEntry, `cluster "${context.cluster}"`);
  const user = readEntry(userSchema, userEntry, `user "${context.user}"`);
  if (cluster['proxy-url'] !== '') throw new Refusal(`cluster "${context.cluster}": proxy-url is not supported`);
  const clusterPath = clusterEntry?.path ?? '';
  const userPath = userEntry?.path ?? '';
  const isInsecure = overrides.isInsecure || cluster['insecure-skip-tls-verify'];
  const file = (path: string): PemSource | null => (path === '' ? null : { kind: 'file', path });
  return {
    server:
      overrides.server === ''
        ? checkServer(cluster.server, `the server of cluster "${context.cluster}"`)
        : checkServer(overrides.server, 'K8S_API_ENDPOINT'),
    serverName: cluster['tls-server-name'] || null,
    ca:
      file(overrides.caFile) ??
      pem(cluster['certificate-authority-data'], cluster['certificate-authority'], clusterPath),
    isInsecure,
    certificate:
      file(overrides.certificateFile) ?? pem(user['client-certificate-data'], user['client-certificate'], userPath),
    key: file(overrides.keyFile) ?? pem(user['client-key-data'], user['client-key'], userPath),
    identity: identityOf(user, userPath, overrides.token),
    impersonation: impersonationOf(user),
  };
}

/** Access through kubeconfig files, of which there may be none when the overrides name a server. */
export function readKubeconfig(
  files: readonly KubeconfigFile[],
  overrides: AccessOverrides = NO_OVERRIDES,
): AccessOutcome {
  try {
    return { ok: true, access: read(files, overrides) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, message: error.message };
    throw error;
  }
}
