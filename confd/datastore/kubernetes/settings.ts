/**
 * How the Kubernetes API is reached and what is asked of it, from the environment of Calico's node container (section
 * 1.1 of Calico's semantics): an explicit endpoint, a kubeconfig, or the account of the pod we run in. Everything that is
 * wrong is found before anything is connected. Pure but for the reading of kubeconfig files.
 */

import { delimiter, join } from 'node:path';
import { DEFAULT_SECRET_NAMESPACE } from '../../model/secret.ts';
import { calicoFlag, calicoVariable, type Environment } from '../environment.ts';
import type { AccessOutcome } from './access.ts';
import { groupOfSetting } from './discovery.ts';
import { type AccessOverrides, readKubeconfig } from './kubeconfig.ts';
import type { KubernetesOptions } from './kubernetes.ts';

export type KubernetesSettingsOutcome =
  | { readonly ok: true; readonly options: KubernetesOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Content of a file; null: there is none. Throws when it is there and cannot be read. */
export type ReadFile = (path: string) => string | null;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Access with the account of the pod. The files are read later, and again when kubelet has renewed them. */
function inClusterAccess(environment: Environment): AccessOutcome {
  const host = environment.KUBERNETES_SERVICE_HOST ?? '';
  const port = environment.KUBERNETES_SERVICE_PORT ?? '';
  if (host === '' || port === '') {
    const message =
      'no way to the API server: set KUBECONFIG or K8S_API_ENDPOINT, or run in a pod (KUBERNETES_SERVICE_HOST is not set)';
    return { ok: false, message };
  }
  return {
    ok: true,
    access: {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      serverName: null,
      ca: { kind: 'file', path: `${SERVICE_ACCOUNT}/ca.crt` },
      isInsecure: false,
      certificate: null,
      key: null,
      identity: { kind: 'token-file', path: `${SERVICE_ACCOUNT}/token` },
      impersonation: null,
    },
  };
}

function readFiles(
  paths: readonly string[],
  readFile: ReadFile,
): { path: string; text: string }[] | { readonly message: string } {
  const files: { path: string; text: string }[] = [];
  for (const path of paths) {
    try {
      const text = readFile(path);
      if (text !== null) files.push({ path, text });
      // Of a list, kubectl takes what is there.
      else if (paths.length === 1) return { message: `KUBECONFIG: ${path} is not there` };
    } catch (error) {
      return { message: `KUBECONFIG: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
  return files;
}

function readAccess(environment: Environment, readFile: ReadFile, isInsecure: boolean): AccessOutcome {
  const variable = (name: string): string => calicoVariable(environment, name);
  const overrides: AccessOverrides = {
    context: variable('K8S_CURRENT_CONTEXT'),
    server: variable('K8S_API_ENDPOINT'),
    certificateFile: variable('K8S_CERT_FILE'),
    keyFile: variable('K8S_KEY_FILE'),
    caFile: variable('K8S_CA_FILE'),
    // The field has no proper tag in Calico, so that this is the only spelling that works.
    token: environment.CALICO_K8SAPITOKEN ?? '',
    isInsecure,
  };
  const named = variable('KUBECONFIG');
  if (named !== '') {
    const files = readFiles(
      named.split(delimiter).filter((path) => path !== ''),
      readFile,
    );
    return 'message' in files ? { ok: false, message: files.message } : readKubeconfig(files, overrides);
  }
  if (overrides.server !== '') return readKubeconfig([], { ...overrides, context: '' });
  const home = environment.HOME ?? '';
  const path = join(home, '.kube', 'config');
  let text: string | null = null;
  try {
    text = home === '' ? null : readFile(path);
  } catch {
    // A home that is nobody's business: the pod's own account counts.
  }
  return text === null ? inClusterAccess(environment) : readKubeconfig([{ path, text }], overrides);
}

/**
 * There is a Kubernetes cluster beside a datastore that is not its API: Calico looks at KUBECONFIG and at the pod. A
 * kubeconfig at home is the person's, not the node's.
 */
export function isBesideKubernetes(environment: Environment): boolean {
  return calicoVariable(environment, 'KUBECONFIG') !== '' || (environment.KUBERNETES_SERVICE_HOST ?? '') !== '';
}

/** What the datastore of node `node` needs to know. `isSupplement`: Calico's own kinds are kept elsewhere. */
export function readKubernetesSettings(
  node: string,
  environment: Environment,
  readFile: ReadFile,
  isSupplement = false,
): KubernetesSettingsOutcome {
  const problems: string[] = [];
  const flag = (name: string): boolean => {
    const value = calicoFlag(environment, name);
    if (value === null) problems.push(`${name} "${calicoVariable(environment, name)}": wanted true or false`);
    return value ?? false;
  };
  const usePodCidr = flag('USE_POD_CIDR');
  const access = readAccess(environment, readFile, flag('K8S_INSECURE_SKIP_TLS_VERIFY'));
  if (!access.ok) return { ok: false, problems: [...problems, access.message] };
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    options: {
      access: access.access,
      isSupplement,
      node,
      usePodCidr,
      ...((environment.PEREGRINE_DRAIN_ON ?? '') === '' ? {} : { readsNodeSpec: true }),
      group: groupOfSetting((environment.CALICO_API_GROUP ?? '').trim()),
      secretNamespace: environment.NAMESPACE || DEFAULT_SECRET_NAMESPACE,
      advertisesClusterIps: (environment.CALICO_ADVERTISE_CLUSTER_IPS ?? '') !== '',
    },
  };
}
