/** The compliance suite against a directory of files. What only directories have: confd/datastore/directory.test.ts. */

import { mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryDatastore } from '../../confd/datastore/directory.ts';
import { datastoreCompliance } from './compliance.ts';
import type { DatastoreHarness, StoredObject } from './harness.ts';

function fileName(object: StoredObject): string {
  return `${object.kind}-${object.metadata.name}.json`;
}

/** Disconnected means: moved away, as when a mount is lost. */
async function startDirectory(): Promise<DatastoreHarness> {
  const top = await mkdtemp(join(tmpdir(), 'peregrine-compliance-'));
  const root = join(top, 'resources');
  const away = join(top, 'away');
  let current = away;
  const writeObject = async (object: StoredObject): Promise<void> => {
    const temporary = join(current, `.${fileName(object)}`);
    await writeFile(temporary, JSON.stringify(object));
    await rename(temporary, join(current, fileName(object)));
  };
  const meaningless = (): Promise<void> => Promise.reject(new Error('a directory has no server and no history'));
  return {
    open: () => new DirectoryDatastore(root),
    put: writeObject,
    async putMany(objects) {
      for (const object of objects) await writeObject(object);
    },
    remove: (object) => unlink(join(current, fileName(object))),
    async clear() {
      await rm(root, { recursive: true, force: true });
      await rm(away, { recursive: true, force: true });
      await rename(await mkdtemp(join(top, 'new-')), root);
      current = root;
    },
    async disconnect() {
      await rename(root, away);
      current = away;
    },
    async reconnect() {
      await rename(away, root);
      current = root;
    },
    breakConnections: meaningless,
    restartServer: meaningless,
    forgetHistory: meaningless,
    async close() {
      await rm(top, { recursive: true });
    },
  };
}

datastoreCompliance('directory', {
  missing: null,
  start: startDirectory,
  hasServer: false,
  hasHistory: false,
  takesBadValues: true,
  deliversEveryVersion: false,
  bulkCount: 500,
});
