/** `check` and `derive` for configurations of BIRD, as one types them. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DesiredState } from '../../confd/desired-state.ts';
import { peregrine } from '../support/local-daemon.ts';
import { temporaryFolder } from '../support/loopback.ts';

const CLUSTER = 'fixtures/bird-config/cluster';

function fileWith(text: string): string {
  const path = join(temporaryFolder(), 'bird.cfg');
  writeFileSync(path, text);
  return path;
}

describe('check', () => {
  test('good files', async () => {
    const files = ['--bird-config', `${CLUSTER}/bird.cfg`, '--bird6-config', `${CLUSTER}/bird6.cfg`];
    expect(await peregrine(['check', ...files])).toEqual({
      status: 0,
      stdout: `${CLUSTER}/bird.cfg, ${CLUSTER}/bird6.cfg: good\n`,
      stderr: '',
    });
  });

  test('what has no effect is told of', async () => {
    const { status, stdout } = await peregrine(['check', '--bird-config', 'fixtures/bird-config/custom/bird.cfg']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^fixtures\/bird-config\/custom\/bird.cfg:\d+:\d+ warning: import limit closes the session/);
  });

  test('a mistake: place, line and caret, status 2', async () => {
    const path = fileWith('router id 192.0.2.1;\nprotocol pipe p { }\n');
    expect(await peregrine(['check', '--bird-config', path])).toEqual({
      status: 2,
      stdout: '',
      stderr:
        `${path}:2:10 protocol pipe is not supported: there is one routing table for each family\n` +
        '2 | protocol pipe p { }\n             ^\n',
    });
    const { status, stdout } = await peregrine(['check', '--json', '--bird-config', path]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject([{ file: path, line: 2, column: 10 }]);
  });

  test('a file that is not there', async () => {
    const { status, stderr } = await peregrine(['check', '--bird-config', '/nowhere/bird.cfg']);
    expect(status).toBe(2);
    expect(stderr).toBe('/nowhere/bird.cfg:1:1 Unable to open /nowhere/bird.cfg: No such file or directory\n');
  });

  test.each([
    [['check', '--bird-config', 'x', '--config', 'y'], '--bird-config and --config exclude each other'],
    [['run', '--bird6-config', 'x', '--node', 'y'], '--bird-config and --node exclude each other'],
    [['derive', '--bird-config', 'x', '--datastore', 'kubernetes'], '--bird-config and --datastore exclude each other'],
  ])('%j', async (args, expected) => {
    const { status, stderr } = await peregrine(args);
    expect(status).toBe(2);
    expect(stderr).toContain(expected);
  });
});

describe('derive', () => {
  test('as a table, with policies in words', async () => {
    const { status, stdout } = await peregrine(['derive', '--bird-config', `${CLUSTER}/bird.cfg`, '--policies']);
    expect(status).toBe(0);
    expect(stdout).toContain('Mesh_10_0_0_3      10.0.0.3    64512  ibgp  ipv4      the peer');
    expect(stdout).toContain(
      'calico_aggr: if net = 192.168.2.0/26:\n    if prefix in {192.168.2.0/26}\n    then accept',
    );
  });

  test('as JSON, without passwords', async () => {
    const path = fileWith(
      'router id 1.2.3.4; protocol bgp p { local as 1; neighbor 10.0.0.9 as 2; password "se cret"; }',
    );
    const { status, stdout } = await peregrine(['derive', '--bird-config', path, '--json']);
    expect(status).toBe(0);
    expect(stdout).not.toContain('se cret');
    expect((JSON.parse(stdout) as DesiredState).peers[0].session).toMatchObject({ name: 'p', password: '(hidden)' });
  });
});
