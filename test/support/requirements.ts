/**
 * What the tests with real daemons need: root (for network namespaces) and the daemons' programs. A person's machine
 * may lack them, and the tests then skip with the reason; on CI that would hide the loss of all these tests, so there
 * it is a failure.
 */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ForeignKind } from './peers/index.ts';

const PROGRAMS: { readonly [K in ForeignKind | 'namespaces']: readonly string[] } = {
  namespaces: ['ip', 'nsenter', 'setpriv'],
  bird: ['bird', 'birdc'],
  gobgp: ['gobgpd', 'gobgp'],
  frr: ['/usr/lib/frr/bgpd', '/usr/lib/frr/zebra', 'vtysh'],
  openbgpd: ['/usr/sbin/bgpd', 'bgpctl'],
  exabgp: ['exabgp', '/usr/bin/python3'],
};

/** Why tests with these daemons cannot run here, or null. */
export function missingRequirement(kinds: readonly ForeignKind[]): string | null {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = (['namespaces', ...kinds] as const)
    .flatMap((kind) => PROGRAMS[kind])
    .filter((name) => !isThere(name));
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`;
}

function isThere(program: string): boolean {
  if (program.startsWith('/')) return existsSync(program);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

/** A `describe` for what needs a program but neither root nor namespaces, as describeInterop. */
export function describeProgram(program: string, body: () => void): void {
  describeWithout(program, isThere(program) ? null : `not installed: ${program}`, body);
}

/** A `describe` that runs where the daemons are, skips with the reason where they are not, and fails then on CI. */
export function describeInterop(name: string, kinds: readonly ForeignKind[], body: () => void): void {
  describeWithout(name, missingRequirement(kinds), body);
}

/** As describeInterop, for tests that also run these programs. */
export function describeWithPrograms(
  name: string,
  kinds: readonly ForeignKind[],
  programs: readonly string[],
  body: () => void,
): void {
  const missing = programs.filter((program) => !isThere(program));
  const reason = missing.length === 0 ? null : `not installed: ${missing.join(', ')}`;
  describeWithout(name, missingRequirement(kinds) ?? reason, body);
}

function describeWithout(name: string, reason: string | null, body: () => void): void {
  if (reason === null) {
    describe(name, body);
  } else if (process.env.CI) {
    describe(name, () => {
      test('has what it needs', () => expect.fail(reason));
    });
  } else {
    describe.skip(`${name} (${reason})`, body);
  }
}
