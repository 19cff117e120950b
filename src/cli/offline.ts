/** Commands that need no running daemon: check a stand-alone file, derive a node's state from a datastore. */

import { readFile } from 'node:fs/promises';
import { CombinedDatastore } from '../../confd/datastore/combined.ts';
import { openEndpointStatus } from '../../confd/datastore/endpoint-status.ts';
import { type DatastoreSpec, openDatastore } from '../../confd/datastore/open.ts';
import { derive } from '../../confd/derive/derive.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import { ResourceStore, type Resources } from '../../confd/resource-store.ts';
import { calicoEnvironment } from '../calico-environment.ts';
import { formatDiagnostic } from '../config/diagnose.ts';
import { loadStandAlone } from '../config/load.ts';
import { formatDesired, type ReportOptions, withoutSecrets } from './derive-report.ts';
import { formatCount } from './table.ts';

export interface OfflineOptions extends ReportOptions {
  readonly json: boolean;
}

const EXIT_CONFIGURATION = 2;

export async function checkFile(path: string, options: OfflineOptions): Promise<number> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    process.stderr.write(`peregrine: ${error instanceof Error ? error.message : error}\n`);
    return EXIT_CONFIGURATION;
  }
  const result = loadStandAlone(path, text);
  if (result.ok) {
    const desired = withoutSecrets(result.desired);
    process.stdout.write(
      options.json ? `${JSON.stringify(desired, null, 2)}\n` : `${path}: good\n\n${formatDesired(desired, options)}\n`,
    );
    return 0;
  }
  const { diagnostics } = result;
  if (options.json) process.stdout.write(`${JSON.stringify(diagnostics, null, 2)}\n`);
  for (const diagnostic of diagnostics) process.stderr.write(`${formatDiagnostic(diagnostic, text)}\n`);
  process.stderr.write(`${path}: ${formatCount(diagnostics.length, 'mistake')}\n`);
  return EXIT_CONFIGURATION;
}

/** Reads the datastore once, as the daemon would at its start. */
async function readDatastore(spec: DatastoreSpec, node: string, statusPathPrefix: string | null): Promise<Resources> {
  const store = new ResourceStore();
  const opened = await openDatastore(spec, node, process.env);
  if (!opened.ok) throw new Error(opened.problems.join('; '));
  const datastore =
    statusPathPrefix === null
      ? opened.datastore
      : new CombinedDatastore(opened.datastore, openEndpointStatus(statusPathPrefix));
  // A datastore that waits for its next attempt does not keep a process alive.
  const stay = setInterval(() => {}, 60_000);
  try {
    await new Promise<void>((resolve, reject) => {
      datastore.start({
        changed: (batch) => void store.apply(batch),
        statusChanged: ({ phase, message }) => {
          if (phase === 'in-sync') resolve();
          else if (phase === 'unreachable') reject(new Error(message));
        },
      });
    });
  } finally {
    clearInterval(stay);
    await datastore.stop();
  }
  return store.snapshot();
}

/** Where a derivation takes place. */
export interface DerivePlace {
  readonly routerId: string | null;
  /** This is the host of the node: its workloads count, wherever the environment says that their files are. */
  readonly isOwnHost: boolean;
  readonly kernelBackend: 'netlink' | 'none';
}

/** What a node would do with the resources of a datastore, in the environment of this process. */
export async function deriveDatastore(node: string, spec: DatastoreSpec, place: DerivePlace): Promise<DesiredState> {
  const read = calicoEnvironment(process.env);
  if (!read.ok) throw new Error(read.reason);
  const { options, statusPathPrefix, isStatusPathGiven } = read.environment;
  const resources = await readDatastore(spec, node, isStatusPathGiven || place.isOwnHost ? statusPathPrefix : null);
  const { kernelBackend } = place;
  return derive(resources, node, { ...options, kernelBackend, routerId: place.routerId ?? options.routerId });
}

/** Any machine: workloads of the node count only when it is said where their files are. */
export function anywhere(routerId: string | null): DerivePlace {
  return { routerId, isOwnHost: false, kernelBackend: 'netlink' };
}

export async function deriveOffline(
  node: string,
  spec: DatastoreSpec,
  routerId: string | null,
  options: OfflineOptions,
): Promise<number> {
  const desired = withoutSecrets(await deriveDatastore(node, spec, anywhere(routerId)));
  process.stdout.write(options.json ? `${JSON.stringify(desired, null, 2)}\n` : `${formatDesired(desired, options)}\n`);
  if (desired.incomplete === undefined) return 0;
  process.stderr.write(`peregrine: node ${node}: ${desired.incomplete}\n`);
  return 1;
}
