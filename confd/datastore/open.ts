/**
 * Which datastore is meant, and how it is made: from the command line's `--datastore`, or from Calico's own variables
 * (section 1.1 of Calico's semantics). Only the code of the one that is meant is loaded.
 */

import { readFileSync } from 'node:fs';
import type { Datastore } from './datastore.ts';
import { errorCode } from './directory-walk.ts';
import { calicoVariable, type Environment } from './environment.ts';

export type DatastoreSpec =
  | { readonly kind: 'directory'; readonly path: string }
  /** `endpoints`: URLs joined by commas; null: the environment says. */
  | { readonly kind: 'etcd'; readonly endpoints: string | null }
  | { readonly kind: 'kubernetes' };

/** For usage messages. */
export const DATASTORE_FORMS = 'directory:PATH, kubernetes, etcd or etcd:URL,...';

/** `directory:/etc/calico`, `kubernetes`, `etcd`, `etcd:https://10.0.0.1:2379,...`; null: none of them. */
export function parseDatastoreSpec(text: string): DatastoreSpec | null {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? null : text.slice(colon + 1);
  if (rest === '') return null;
  if (kind === 'directory' && rest !== null) return { kind, path: rest };
  if (kind === 'etcd') return { kind, endpoints: rest };
  return kind === 'kubernetes' && rest === null ? { kind } : null;
}

/** What Calico's variables say; null: nothing, which Calico takes for the Kubernetes API. */
export function datastoreSpecOf(environment: Environment): DatastoreSpec | string | null {
  const type = calicoVariable(environment, 'DATASTORE_TYPE');
  if (type === 'etcdv3') return { kind: 'etcd', endpoints: null };
  if (type === 'kubernetes') return { kind: 'kubernetes' };
  if (type !== '') return `DATASTORE_TYPE "${type}": wanted etcdv3 or kubernetes`;
  const hasEndpoints = calicoVariable(environment, 'ETCD_ENDPOINTS') !== '';
  return hasEndpoints ? { kind: 'etcd', endpoints: null } : null;
}

export type OpenOutcome =
  | { readonly ok: true; readonly datastore: Datastore }
  /** Everything that is wrong with the environment. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Text of a file; null: it is not there. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The datastore of the daemon of `node`, not started. Nothing is connected yet. */
export async function openDatastore(spec: DatastoreSpec, node: string, environment: Environment): Promise<OpenOutcome> {
  switch (spec.kind) {
    case 'directory': {
      const { DirectoryDatastore } = await import('./directory.ts');
      return { ok: true, datastore: new DirectoryDatastore(spec.path) };
    }
    case 'etcd': {
      const { readEtcdSettings } = await import('./etcd/settings.ts');
      const read = readEtcdSettings(environment, spec.endpoints);
      if (!read.ok) return read;
      const { EtcdDatastore } = await import('./etcd/etcd.ts');
      const etcd = new EtcdDatastore(node, read.settings);
      // Passwords and Services are in the Kubernetes API, wherever Calico's own resources are.
      const { isBesideKubernetes, readKubernetesSettings } = await import('./kubernetes/settings.ts');
      if (!isBesideKubernetes(environment)) return { ok: true, datastore: etcd };
      const beside = readKubernetesSettings(node, environment, readIfThere, true);
      if (!beside.ok) return beside;
      const { KubernetesDatastore } = await import('./kubernetes/kubernetes.ts');
      const { SupplementedDatastore } = await import('./kubernetes/supplemented.ts');
      return { ok: true, datastore: new SupplementedDatastore(etcd, new KubernetesDatastore(beside.options), node) };
    }
    case 'kubernetes': {
      const { readKubernetesSettings } = await import('./kubernetes/settings.ts');
      const read = readKubernetesSettings(node, environment, readIfThere);
      if (!read.ok) return read;
      const { KubernetesDatastore } = await import('./kubernetes/kubernetes.ts');
      return { ok: true, datastore: new KubernetesDatastore(read.options) };
    }
  }
}
