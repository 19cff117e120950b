/** Where a configuration comes from: what --config, --bird-config, --node, --datastore, --from and --to name. */

import {
  DATASTORE_FORMS,
  type DatastoreSpec,
  datastoreSpecOf,
  parseDatastoreSpec,
} from '../../confd/datastore/open.ts';
import type { Values } from './command.ts';
import { UsageError } from './usage-error.ts';

export function nodeName({ node }: Values): string {
  if (node === undefined || node === '') throw new UsageError('--node NAME is needed');
  return node;
}

/** The datastore that an option names; without `--datastore`, the one that Calico's variables name. */
export function datastoreOf(values: Values, option: 'datastore' | 'from' | 'to'): DatastoreSpec {
  const value = values[option];
  if (value !== undefined) {
    const spec = parseDatastoreSpec(value);
    if (spec === null) throw new UsageError(`--${option} ${value}: wanted ${DATASTORE_FORMS}`);
    return spec;
  }
  const spec = option === 'datastore' ? datastoreSpecOf(process.env) : null;
  if (typeof spec === 'string') throw new UsageError(spec);
  if (spec === null) throw new UsageError(`--${option} is needed: ${DATASTORE_FORMS}`);
  return spec;
}

/** What `--node` and `--datastore` name. */
export function calicoSource(values: Values): { node: string; spec: DatastoreSpec } {
  return { node: nodeName(values), spec: datastoreOf(values, 'datastore') };
}

/** The files of BIRD that options name; null when they name none. */
export function birdFiles(values: Values): { ipv4: string | null; ipv6: string | null } | null {
  const [ipv4, ipv6] = [values['bird-config'] ?? null, values['bird6-config'] ?? null];
  if (ipv4 === null && ipv6 === null) return null;
  for (const name of ['config', 'node', 'datastore', 'router-id'] as const) {
    if (values[name] !== undefined) throw new UsageError(`--bird-config and --${name} exclude each other`);
  }
  return { ipv4, ipv6 };
}
