#!/usr/bin/env node
/**
 * The kube-apiserver of the tests, built from the Go module proxy into a cache outside the tree, unless it is there.
 * About 13 minutes on two cores, 4 GB of Go's own caches, 100 MB of binary. It runs at the lowest priority;
 * GOMAXPROCS=1 leaves one core to others.
 *
 * With --find nothing is built: prints the path of the binary to use, or fails and says how to get one. A binary named
 * in KUBE_APISERVER counts before the cache.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { constants, homedir, setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('./kube-apiserver', import.meta.url));

/** The version of Kubernetes that go.mod asks for: `v1.36.2`. */
function wantedVersion() {
  const wanted = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(readFileSync(join(MODULE, 'go.mod'), 'utf8'));
  if (wanted === null) throw new Error('go.mod of the test server does not require k8s.io/kubernetes');
  return wanted[1];
}

/** Where a build for this machine is kept. The name says which sources made it: a change of go.mod builds anew. */
function cachedBinary(version) {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(MODULE, file)));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const build = `${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 12)}`;
  return join(cache, 'peregrine', 'test-servers', `kube-apiserver-${version}-${build}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const version = wantedVersion();
const cached = cachedBinary(version);

if (process.argv.includes('--find')) {
  const given = process.env.KUBE_APISERVER;
  if (given && !existsSync(given)) fail(`KUBE_APISERVER names ${given}, which is not there`);
  if (!given && !existsSync(cached)) {
    fail(
      'no kube-apiserver: run "node test/servers/build-kube-apiserver.mjs" once (needs Go 1.26 and about 15 minutes), ' +
        'or name a binary in KUBE_APISERVER',
    );
  }
  console.log(given || cached);
  process.exit(0);
}

if (existsSync(cached)) {
  console.log(`${cached} is there`);
  process.exit(0);
}
if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
  fail('No Go toolchain (1.26 or later) is here: install one, or name a kube-apiserver in KUBE_APISERVER');
}

const [major, minor] = version.slice(1).split('.');
// Without a version the server calls itself v0.0.0, and its features follow the version it believes to be.
const linkerFlags = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' })
  .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  .join(' ');
mkdirSync(dirname(cached), { recursive: true });
const unfinished = `${cached}.${process.pid}`;
setPriority(constants.priority.PRIORITY_LOW);
console.log(`building kube-apiserver ${version} as ${cached}`);
const args = ['build', '-trimpath', '-mod=readonly', '-ldflags', `-s -w ${linkerFlags}`, '-o', unfinished, '.'];
const build = spawnSync('go', args, {
  cwd: MODULE,
  env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' },
  stdio: 'inherit',
});
if (build.status !== 0) {
  rmSync(unfinished, { force: true });
  process.exit(build.status ?? 1);
}
renameSync(unfinished, cached);
console.log(`${cached} is ready`);
