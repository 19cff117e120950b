/** Commands that need no running daemon: check a stand-alone file, derive a node's state from a directory. */

import { readFile } from 'node:fs/promises';
import { DirectoryDatastore } from '../../confd/datastore/directory.ts';
import { derive } from '../../confd/derive/derive.ts';
import { DEFAULT_DERIVE_OPTIONS } from '../../confd/derive/options.ts';
import { ResourceStore, type Resources } from '../../confd/resource-store.ts';
import { formatDiagnostic } from '../config/diagnose.ts';
import { loadStandAlone } from '../config/load.ts';
import { formatDesired, withoutSecrets } from './derive-report.ts';

const EXIT_REFUSED = 2;

export async function checkFile(path: string, json: boolean): Promise<number> {
  const text = await readFile(path, 'utf8');
  const result = loadStandAlone(path, text);
  if (result.ok) {
    const desired = withoutSecrets(result.desired);
    process.stdout.write(
      json ? `${JSON.stringify(desired, null, 2)}\n` : `${path}: good\n\n${formatDesired(desired)}\n`,
    );
    return 0;
  }
  if (json) process.stdout.write(`${JSON.stringify(result.diagnostics, null, 2)}\n`);
  else for (const diagnostic of result.diagnostics) process.stderr.write(`${formatDiagnostic(diagnostic, text)}\n`);
  return EXIT_REFUSED;
}

/** Reads the directory once, as the daemon would at its start. */
async function readDirectory(path: string): Promise<Resources> {
  const store = new ResourceStore();
  const datastore = new DirectoryDatastore(path);
  await new Promise<void>((resolve, reject) => {
    datastore.start({
      changed: (batch) => store.apply(batch),
      statusChanged: (status) => {
        if (status.phase === 'in-sync') resolve();
        else if (status.phase === 'unreachable') reject(new Error(`${path}: ${status.message}`));
      },
    });
  });
  await datastore.stop();
  return store.snapshot();
}

export async function deriveOffline(
  node: string,
  directory: string,
  routerId: string | null,
  json: boolean,
): Promise<number> {
  const resources = await readDirectory(directory);
  const options = { ...DEFAULT_DERIVE_OPTIONS, routerId: routerId ?? process.env.CALICO_ROUTER_ID ?? null };
  const desired = withoutSecrets(derive(resources, node, options));
  process.stdout.write(json ? `${JSON.stringify(desired, null, 2)}\n` : `${formatDesired(desired)}\n`);
  if (desired.incomplete === undefined) return 0;
  process.stderr.write(`peregrine: ${desired.incomplete}\n`);
  return 1;
}
