/** Commands that need no running daemon: check a stand-alone file, derive a node's state from a directory. */

import { readFile } from 'node:fs/promises';
import { DirectoryDatastore } from '../../confd/datastore/directory.ts';
import { derive } from '../../confd/derive/derive.ts';
import { DEFAULT_DERIVE_OPTIONS } from '../../confd/derive/options.ts';
import { ResourceStore, type Resources } from '../../confd/resource-store.ts';
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

/** Reads the directory once, as the daemon would at its start. */
async function readDirectory(path: string): Promise<Resources> {
  const store = new ResourceStore();
  const datastore = new DirectoryDatastore(path);
  try {
    await new Promise<void>((resolve, reject) => {
      datastore.start({
        changed: (batch) => store.apply(batch),
        statusChanged: ({ phase, message }) => {
          if (phase === 'in-sync') resolve();
          else if (phase === 'unreachable') reject(new Error(message));
        },
      });
    });
  } finally {
    await datastore.stop();
  }
  return store.snapshot();
}

export async function deriveOffline(
  node: string,
  directory: string,
  routerId: string | null,
  options: OfflineOptions,
): Promise<number> {
  const resources = await readDirectory(directory);
  const deriveOptions = { ...DEFAULT_DERIVE_OPTIONS, routerId: routerId ?? process.env.CALICO_ROUTER_ID ?? null };
  const desired = withoutSecrets(derive(resources, node, deriveOptions));
  process.stdout.write(options.json ? `${JSON.stringify(desired, null, 2)}\n` : `${formatDesired(desired, options)}\n`);
  if (desired.incomplete === undefined) return 0;
  process.stderr.write(`peregrine: node ${node}: ${desired.incomplete}\n`);
  return 1;
}
