/** Commands that need no daemon, and the command line itself, as a user types them: output, errors and exit status. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { DesiredState } from '../../confd/desired-state.ts';
import { peregrine, shell } from '../support/local-daemon.ts';
import { temporaryFolder } from '../support/loopback.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const CLUSTER = `directory:${FIXTURES}cluster`;
const NO_SOCKET = join(temporaryFolder(), 'none.sock');

function file(text: string): string {
  const path = join(temporaryFolder(), 'peregrine.yaml');
  writeFileSync(path, text);
  return path;
}

describe('the command line', () => {
  test('--help describes every command within 120 columns, and --version names both versions', async () => {
    const { status, stdout, stderr } = await peregrine(['--help']);
    expect([status, stderr]).toEqual([0, '']);
    const words = ['run --config', 'run --node', 'check', 'derive', 'show status', 'show peers', 'show routes'];
    words.push('show received', 'show advertised', 'show kernel', 'peer PEER', '--socket', '--json');
    for (const word of words) expect(stdout).toContain(word);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
    expect((await peregrine(['-h'])).stdout).toBe(stdout);
    expect((await peregrine(['help'])).stdout).toBe(stdout);
    expect((await peregrine(['show', 'peers', '--help'])).stdout).toBe(
      (await peregrine(['help', 'show', 'peers'])).stdout,
    );
    const version = await peregrine(['--version']);
    expect(version.stdout).toMatch(/^peregrine \d+\.\d+\.\d+ \(Node\.js v\d+\.\d+\.\d+\)\n$/);
  });

  test.each([
    ['no command', [], 'no command given'],
    ['an unknown command', ['start'], 'unknown command "start"'],
    ['an unknown option', ['show', 'peers', '--verbose'], "Unknown option '--verbose'"],
    ['an option without its value', ['check', '--config'], "Option '--config <value>' argument missing"],
    ['an option of another command', ['show', 'peers', '--config', 'x'], '--config is not an option of show'],
    ['an option of another list', ['show', 'peers', '--family', 'x'], '--family is not an option of show peers'],
    ['--longest without a prefix', ['show', 'routes', '--longest'], '--longest needs a PREFIX'],
    [
      'show without a list',
      ['show'],
      'wanted: peregrine show status, peers, peer, routes, received, accepted, advertised, kernel, next-hops,',
    ],
    ['show of what there is not', ['show', 'bgp'], 'messages or running, not bgp'],
    ['received without a peer', ['show', 'received'], 'wanted: peregrine show received PEER'],
    [
      'peer without an action',
      ['peer', 'x'],
      'wanted: peregrine peer PEER refresh-in, refresh-out, reset, disable, enable, drain, undrain or log-level',
    ],
    ['an unknown action', ['peer', 'x', 'fix'], 'undrain or log-level, not fix'],
    ['a word too many', ['show', 'status', 'now'], 'wanted: peregrine show status'],
    [
      'run without a source',
      ['run'],
      '--config FILE is needed, or --bird-config FILE, or --node NAME and --datastore DATASTORE',
    ],
    ['run with two sources', ['run', '--config', 'x', '--node', 'y'], '--config and --node exclude each other'],
    ['--router-id of a file', ['run', '--config', 'x', '--router-id', '1.1.1.1'], '--config and --router-id exclude'],
    ['run with half a source', ['run', '--node', 'x'], '--datastore is needed: directory:PATH, kubernetes, etcd'],
    ['another datastore', ['derive', '--node', 'x', '--datastore', 'tape:/x'], '--datastore tape:/x: wanted'],
    ['plan without a target', ['plan', '--from', 'running'], '--to is needed: file:PATH, directory:PATH'],
    ['plan from nowhere', ['plan', '--from', 'tape:x', '--to', 'etcd'], '--from tape:x: wanted running, file:PATH,'],
    ['plan without a node', ['plan', '--from', 'etcd', '--to', 'kubernetes'], '--node NAME is needed'],
    [
      'plan of a socket that is not asked',
      ['plan', '--from', 'etcd', '--socket', 'x'],
      '--socket is for plan --from running',
    ],
    ['check without a file', ['check'], '--config FILE is needed'],
    ['another log level', ['run', '--config', 'x', '--log-level', 'loud'], '--log-level loud: wanted debug, info'],
    ['another kernel', ['run', '--config', 'x', '--kernel', 'linux'], '--kernel linux: wanted netlink or none'],
  ])('%s ends with status 2, one line and a hint', async (_, args, message) => {
    const { status, stdout, stderr } = await peregrine(args);
    expect([status, stdout]).toEqual([2, '']);
    const lines = stderr.split('\n');
    expect(lines[0]).toContain(`peregrine: `);
    expect(lines[0]).toContain(message);
    expect(lines.slice(1)).toEqual(['Try: peregrine --help', '']);
  });

  test.each([
    ['show status', ['show', 'status']],
    ['show routes', ['show', 'routes', '--json']],
    ['an action', ['peer', 'x', 'reset']],
  ])('without a daemon %s ends with status 1 and says where it looked', async (_, args) => {
    const outcome = await peregrine([...args, '--socket', NO_SOCKET]);
    expect(outcome).toEqual({
      status: 1,
      stdout: '',
      stderr: `peregrine: no daemon answers on ${NO_SOCKET} (is peregrine running? see --socket)\n`,
    });
  });
});

describe('check', () => {
  test('says what a good file would do, without its password', async () => {
    const path = `${FIXTURES}stand-alone/route-reflector.yaml`;
    const { status, stdout, stderr } = await peregrine(['check', '--config', path]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^.*route-reflector\.yaml: good\n\nrouter id 10\.0\.0\.100, AS 64512, revision [0-9a-f]{12}\n/,
    );
    expect(stdout).toContain('kernel: not used, every next hop counts as reachable');
    expect(stdout).toMatch(
      /^10\.0\.0\.2 +10\.0\.0\.2 +64512 +ibgp +ipv4 ipv6 +we +rr-client 10\.0\.0\.100, md5, gr 120s$/m,
    );
    expect(stdout).not.toContain('example-md5-key');
    const json = await peregrine(['check', '--config', path, '--json']);
    const desired = JSON.parse(json.stdout) as DesiredState;
    expect(desired.peers.map(({ session }) => session.password)).toEqual([null, '(hidden)']);
  });

  test('--policies prints each policy once, in words, with who uses it', async () => {
    const { stdout } = await peregrine(['check', '--config', `${FIXTURES}stand-alone/tor.yaml`, '--policies']);
    expect(stdout.match(/^policy /gm)).toHaveLength(2);
    expect(stdout).toContain(`policy pods-only
  pod-blocks:
    if prefix in {192.168.0.0/16 le 26}
    then accept
  otherwise reject
  used for: import from node-1, import from node-2
`);
  });

  test('shows every mistake with file, line, column, the line and a caret under the place', async () => {
    const path = file('routerId: 10.0.0.1\nas: 65536.1\npeers:\n  - address: 10.0.0.2\n    as: 65002\n\thold: 3\n');
    const syntax = await peregrine(['check', '--config', path]);
    expect(syntax.status).toBe(2);
    expect(syntax.stderr).toMatch(new RegExp(`^${path}:6:1 .*[Tt]ab`));

    writeFileSync(path, 'routerId: 10.0.0.1\nas: 65536.1\npeers:\n  - address: 10.0.0.2\n    asn: 65002\n');
    const { status, stdout, stderr } = await peregrine(['check', '--config', path]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`${path}:2:5 as: wanted an AS number 1..4294967295 or "high.low"
2 | as: 65536.1
        ^
${path}:5:5 peers.0.asn: unknown field "asn"
5 |     asn: 65002
        ^
${path}: 2 mistakes
`);
    const json = await peregrine(['check', '--config', path, '--json']);
    expect(JSON.parse(json.stdout)).toEqual([
      { file: path, line: 2, column: 5, field: 'as', message: expect.stringContaining('AS number') },
      { file: path, line: 5, column: 5, field: 'peers.0.asn', message: 'unknown field "asn"' },
    ]);
  });

  test.each([
    ['check', []],
    ['run', ['--socket', NO_SOCKET]],
  ])('%s of a file that cannot be read ends with status 2', async (command, more) => {
    const { status, stdout, stderr } = await peregrine([command, '--config', '/nonexistent/x.yaml', ...more]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^peregrine: .*no such file or directory.*\/nonexistent\/x\.yaml.*\n$/);
  });

  test('run of a file with mistakes shows the same and starts nothing', async () => {
    const path = file('routerId: 10.0.0.1\nas: 0\n');
    const { status, stderr } = await peregrine(['run', '--config', path, '--socket', NO_SOCKET]);
    expect(status).toBe(2);
    expect(stderr).toContain(`${path}:2:5 as: wanted an AS number`);
    expect(stderr).toContain('2 | as: 0\n        ^');
  });
});

describe('derive', () => {
  test('says what a node of the cluster would do', async () => {
    const { status, stdout, stderr } = await peregrine(['derive', '--node', 'node-1', '--datastore', CLUSTER]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^node node-1, router id 10\.0\.0\.1, AS 64512, revision \w+\nlistens on 0\.0\.0\.0 port 179/,
    );
    const names = [...stdout.matchAll(/^((?:Mesh|Global)_\S+)/gm)].map(([, name]) => name);
    const mesh = ['Mesh_10_0_0_2', 'Mesh_10_0_0_3', 'Mesh_fd00_10__2', 'Mesh_fd00_10__3'];
    expect(names).toEqual(['Global_10_0_0_254', ...mesh]);
    expect(stdout).toMatch(/^192\.168\.1\.0\/26 +blackhole +BlockAffinity\/node-1/m);
    expect(stdout).toMatch(/^fd00:10:244:1::\/122 +blackhole/m);
    expect(stdout).not.toContain('Refused');
    // Aligned: every row of a table has its second column where the header has it.
    const rows = stdout.split('\n');
    const header = rows.findIndex((row) => row.startsWith('PEER '));
    const column = rows[header].indexOf('ADDRESS');
    for (const row of rows.slice(header + 1, header + 6)) expect(row.slice(column - 2, column + 1)).toMatch(/^ {2}\S$/);
  });

  test.each(['node-1', 'node-2', 'node-3'])('--json of %s is a desired state with its own block', async (node) => {
    const { status, stdout } = await peregrine(['derive', '--node', node, '--datastore', CLUSTER, '--json']);
    expect(status).toBe(0);
    const desired = JSON.parse(stdout) as DesiredState;
    const number = node.slice(-1);
    expect(desired).toMatchObject({ nodeName: node, routerId: `10.0.0.${number}`, localAs: 64512, conditions: [] });
    expect(desired.originated.map((route) => route.prefix)).toEqual([
      `192.168.${number}.0/26`,
      `fd00:10:244:${number}::/122`,
    ]);
    expect(desired.peers).toHaveLength(5);
  });

  test('--policies adds what is imported, exported and written to the kernel', async () => {
    const { stdout } = await peregrine(['derive', '--node', 'node-1', '--datastore', CLUSTER, '--policies']);
    expect(stdout).toMatch(/^policy export ipv4-unicast$/m);
    expect(stdout).toMatch(/used for: .*export to Mesh_10_0_0_2/);
    expect(stdout).toMatch(/used for: kernel ipv6-unicast/);
  });

  test('a node that is not there ends with status 1 and says so', async () => {
    const { status, stdout, stderr } = await peregrine(['derive', '--node', 'node-9', '--datastore', CLUSTER]);
    expect(status).toBe(1);
    expect(stdout).toContain('node node-9: nothing can be derived');
    expect(stderr).toMatch(/^peregrine: node node-9: .*not in the datastore\n$/);
  });

  test('a folder that is not there ends with status 1 and says so', async () => {
    const { status, stderr } = await peregrine(['derive', '--node', 'n', '--datastore', 'directory:/nonexistent']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^peregrine: .*no such file or directory.*\/nonexistent/);
  });

  test('a resource with a mistake is named and left out, the others stand', async () => {
    const folder = temporaryFolder();
    cpSync(`${FIXTURES}cluster`, folder, { recursive: true });
    const tor = join(folder, 'tor.yaml');
    writeFileSync(tor, readFileSync(tor, 'utf8').replace('asNumber: 65000', 'asNumber: many'));
    const { status, stdout } = await peregrine(['derive', '--node', 'node-1', '--datastore', `directory:${folder}`]);
    expect(status).toBe(0);
    expect(stdout).toContain('Peers (4)');
    expect(stdout).toMatch(/^Refused or doubtful \(1\)\n {2}error: .*tor.*asNumber/m);
  });

  test('a reader that has seen enough is no error', async () => {
    const { status, stdout, stderr } = await shell(
      `$PEREGRINE derive --node node-1 --datastore ${CLUSTER} --json | head -1`,
    );
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '{\n', stderr: '' });
  });
});
