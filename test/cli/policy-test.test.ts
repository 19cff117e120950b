/** `peregrine policy test` as a user runs it: the example of docs/policy-test.md, failures that it must find, mistakes in files. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { peregrine, shell } from '../support/local-daemon.ts';
import { temporaryFolder } from '../support/loopback.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = join(ROOT, 'fixtures/policy-test');
const CONFIG = join(FIXTURES, 'border.yaml');
const EXAMPLE = readFileSync(join(FIXTURES, 'border-test.yaml'), 'utf8');
const DOCUMENT = readFileSync(join(ROOT, 'docs/policy-test.md'), 'utf8');
const CLUSTER = `directory:${join(ROOT, 'fixtures/cluster')}`;

function file(text: string): string {
  const path = join(temporaryFolder(), 'test.yaml');
  writeFileSync(path, text);
  return path;
}

const run = (text: string, ...more: string[]) => peregrine(['policy', 'test', file(text), '--config', CONFIG, ...more]);

test('the example of the document, run as it says, prints what it shows', async () => {
  const [, command, output] = /```sh\n(peregrine policy test .*)\n```\n\n```\n([\s\S]*?)```/.exec(DOCUMENT)!;
  const { status, stdout, stderr } = await shell(`cd ${ROOT} && ${command.replace('peregrine', '$PEREGRINE')}`);
  expect([status, stdout, stderr]).toEqual([0, output, '']);
});

test('the part that the document shows is in the example, and good alone', async () => {
  const [, shown] = /```yaml\n([\s\S]*?)```/.exec(DOCUMENT)!;
  const { status, stdout } = await run(shown);
  expect([status, stdout]).toEqual([0, '8 checks of 1 route: all as wanted\n']);
});

describe('what is not as wanted is found', () => {
  test.each([
    ['a verdict', 'by: no-private-prefixes', 'by: backup', ['by', 'backup', 'no-private-prefixes']],
    [
      'LOCAL_PREF after import',
      '{ localPref: 50, comm',
      '{ localPref: 60, comm',
      ['import', 'localPref', '60', '50', 'backup of from-provider'],
    ],
    ['communities', 'communities: ["65001:1"] }', 'communities: ["65001:2"] }', ['communities', '65001:2', '65001:1']],
    [
      'who is told',
      'provider-b: { verdict: reject, by: otherwise }',
      'provider-b: accept',
      ['export provider-b', 'accept', 'reject', 'otherwise of own-only'],
    ],
    [
      'the AS path on the wire',
      'asPath: 65000,',
      'asPath: 65000 65000,',
      ['export provider-a', 'asPath', '65000 65000'],
    ],
    ['the next hop', 'inside: { nextHop: self', 'inside: { nextHop: 10.9.9.9', ['nextHop', '10.9.9.9', '192.0.2.254']],
    ['the kernel', 'kernel: accept', 'kernel: reject', ['kernel', 'reject', 'accept']],
    ['a reason', 'reason: own AS', 'reason: role', ['reason', 'role']],
  ])('%s', async (_what, from, to, words) => {
    expect(EXAMPLE).toContain(from);
    const { status, stdout } = await run(EXAMPLE.replace(from, to));
    expect(status).toBe(1);
    for (const word of words) expect(stdout).toContain(word);
    expect(stdout).toMatch(/1 is not as wanted\n$/);
  });

  test('--json has every check, those that hold too', async () => {
    const { status, stdout } = await run(EXAMPLE.replace('kernel: accept', 'kernel: reject'), '--json');
    const checks = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { holds: boolean; where: string });
    expect([status, checks.length]).toEqual([1, 20]);
    expect(checks.filter(({ holds }) => !holds)).toMatchObject([
      { where: 'kernel', wanted: 'reject', got: 'accept', prefix: '203.0.113.0/24' },
    ]);
  });
});

describe('mistakes', () => {
  test.each([
    [
      'a field',
      'routes:\n  - { prefix: 10.0.0.0/8, from: inside, import: accept, colour: red }',
      ':2:',
      'unknown field "colour"',
    ],
    ['a prefix', 'routes:\n  - { prefix: 10.0.0.0/99, from: inside, import: accept }', ':2:', 'wanted a prefix'],
    [
      'a community',
      'routes:\n  - { prefix: 10.0.0.0/8, from: inside, import: accept, communities: [x] }',
      ':2:',
      'wanted 65000:1',
    ],
    ['nothing wanted', 'routes:\n  - { prefix: 10.0.0.0/8, from: inside }', ':2:', 'nothing is wanted'],
    ['a verdict', 'routes:\n  - { prefix: 10.0.0.0/8, from: inside, import: maybe }', ':2:', 'wanted accept, reject'],
    ['no routes', 'routes: []', ':1:', 'wanted at least 1'],
    ['no YAML', 'routes: [', ':', 'test.yaml'],
    [
      'an attribute of what is rejected',
      'routes:\n  - { prefix: 10.0.0.0/8, from: inside, import: { verdict: reject, med: 1 } }',
      ':2:',
      'no attributes',
    ],
  ])('%s', async (_what, text, place, wanted) => {
    const { status, stdout, stderr } = await run(text);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(place);
    expect(stderr).toContain(wanted);
  });

  test.each([
    [
      'an unknown source',
      '{ prefix: 203.0.113.0/24, from: nobody, import: accept }',
      'there is no peer "nobody"; there are inside, provider-a',
    ],
    [
      'an unknown peer',
      '{ prefix: 203.0.113.0/24, from: inside, export: { nobody: accept } }',
      'there is no peer "nobody"',
    ],
    [
      'import of our own',
      '{ prefix: 203.0.113.0/24, from: static, import: accept }',
      'import is asked of what peers send',
    ],
    [
      'another family',
      '{ prefix: "2001:db8::/32", from: inside, import: accept }',
      'ipv6-unicast is not configured for inside',
    ],
  ])('%s fails the test, with the reason', async (_what, route, wanted) => {
    const { status, stdout } = await run(`routes:\n  - ${route}`);
    expect(status).toBe(1);
    expect(stdout).toContain(wanted);
  });

  test('the command line', async () => {
    expect(await peregrine(['policy', 'test'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('policy test FILE'),
    });
    expect(await peregrine(['policy', 'tset', 'x'])).toMatchObject({ status: 2 });
    expect(await peregrine(['policy', 'test', '/nonexistent.yaml'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('nonexistent'),
    });
    const bare = file('routes:\n  - { prefix: 10.0.0.0/8, from: inside, import: accept }');
    expect(await peregrine(['policy', 'test', bare])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--config FILE is needed'),
    });
  });
});

test('the policies of a derived Calico node', async () => {
  const derived = await peregrine(['derive', '--node', 'node-1', '--datastore', CLUSTER, '--json']);
  const { peers } = JSON.parse(derived.stdout) as {
    peers: { session: { name: string; peerAs: number; localAs: number } }[];
  };
  const { name } = peers[0].session;
  const text = `routes:\n  - { prefix: 203.0.113.0/24, from: ${name}, asPath: [], import: accept }\n  - { prefix: 203.0.113.0/24, from: kernel, export: { ${name}: reject } }`;
  const { status, stdout } = await peregrine([
    'policy',
    'test',
    file(text),
    '--node',
    'node-1',
    '--datastore',
    CLUSTER,
  ]);
  expect([status, stdout]).toEqual([0, '2 checks of 2 routes: all as wanted\n']);
});
