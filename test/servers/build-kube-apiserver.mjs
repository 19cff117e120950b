#!/usr/bin/env node
/**
 * Builds a current kube-apiserver for the tests from the Go module proxy into a cache outside the tree, unless it is
 * there. About 13 minutes on two cores, 2.6 GB of Go's build cache, 120 MB of binary. It runs at the lowest priority;
 * GOMAXPROCS=1 leaves one core to others.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { cachedBinary, MODULE_DIRECTORY, wantedVersion } from './kube-apiserver-path.mjs';

const binary = cachedBinary();
if (existsSync(binary)) {
  console.log(`${binary} is there`);
  process.exit(0);
}
if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
  console.error('No Go toolchain (1.26 or later) is here: install one, or name a kube-apiserver in KUBE_APISERVER');
  process.exit(1);
}

const version = wantedVersion();
const [major, minor] = version.slice(1).split('.');
// Without a version the server calls itself v0.0.0, and its features follow the version it believes to be.
const linkerFlags = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' })
  .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  .join(' ');

mkdirSync(dirname(binary), { recursive: true });
const unfinished = `${binary}.${process.pid}`;
setPriority(constants.priority.PRIORITY_LOW);
console.log(`building kube-apiserver ${version} as ${binary}`);
const args = ['build', '-trimpath', '-mod=readonly', '-ldflags', `-s -w ${linkerFlags}`, '-o', unfinished, '.'];
const build = spawnSync('go', args, {
  cwd: MODULE_DIRECTORY,
  env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' },
  stdio: 'inherit',
});
if (build.status !== 0) {
  rmSync(unfinished, { force: true });
  process.exit(build.status ?? 1);
}
renameSync(unfinished, binary);
console.log(`${binary} is ready`);
