/**
 * Where the kube-apiserver of the tests is: given by KUBE_APISERVER, or built before by build-kube-apiserver.mjs into
 * a cache outside the tree. The name in the cache says which sources made it, so a change of go.mod builds anew.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const MODULE_DIRECTORY = fileURLToPath(new URL('./kube-apiserver', import.meta.url));

/** The version of Kubernetes that go.mod asks for: `v1.36.2`. */
export function wantedVersion() {
  const wanted = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(readFileSync(join(MODULE_DIRECTORY, 'go.mod'), 'utf8'));
  if (wanted === null) throw new Error('go.mod of the test server does not require k8s.io/kubernetes');
  return wanted[1];
}

/** Where a build for this machine is kept. */
export function cachedBinary() {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(MODULE_DIRECTORY, file)));
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const name = `kube-apiserver-${wantedVersion()}-${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 12)}`;
  return join(cache, 'peregrine', 'test-servers', name);
}

/** The binary to use, or null when there is none. */
export function findKubeApiserver() {
  const given = process.env['KUBE_APISERVER'];
  if (given) {
    if (!existsSync(given)) throw new Error(`KUBE_APISERVER names ${given}, which is not there`);
    return given;
  }
  const cached = cachedBinary();
  return existsSync(cached) ? cached : null;
}

export const HOW_TO_GET_IT =
  'no kube-apiserver: run "node test/servers/build-kube-apiserver.mjs" once (needs Go and about 15 minutes), ' +
  'or name a binary in KUBE_APISERVER';
