/**
 * `peregrine plan` against a daemon that runs: what a change of its datastore or file would do, and that it then does
 * just that.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Plan } from '../../confd/plan.ts';
import { CalicoDaemon, type CalicoObject, calicoObject, secretObject } from '../support/calico-daemon.ts';
import { LocalDaemon } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress, temporaryFolder } from '../support/loopback.ts';

const DEADLINE_MS = 30_000;
const node = (n: number, bgp: object = {}): CalicoObject =>
  calicoObject('Node', `n${n}`, { bgp: { ipv4Address: `${loopbackAddress(n)}/24`, ...bgp } });
const PASSWORD = 'geheim-und-lang';
const password = { secretKeyRef: { name: 'bgp', key: 'tor' } };
const tor = (more: object = {}): CalicoObject =>
  calicoObject('BGPPeer', 'tor', { peerIP: loopbackAddress(200), asNumber: 65_001, password, ...more });
const configuration = (more: object = {}): CalicoObject =>
  calicoObject('BGPConfiguration', 'default', { bindMode: 'NodeIP', listenPort: LOOPBACK_PORT, ...more });
const BASE = [node(1), node(2), configuration(), tor(), secretObject('bgp', { tor: PASSWORD })];

function directory(objects: readonly CalicoObject[]): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'all.yaml'), objects.map((one) => JSON.stringify(one)).join('\n---\n'));
  return `directory:${folder}`;
}

describe('a Calico node', () => {
  let daemon: CalicoDaemon;
  beforeAll(async () => {
    daemon = await CalicoDaemon.start({ node: 'n1', objects: BASE });
  });
  afterAll(() => daemon.stop());

  async function planned(objects: readonly CalicoObject[]): Promise<Plan> {
    const { stdout, stderr } = await daemon.cli('plan', '--from', 'running', '--to', directory(objects), '--json');
    expect(stderr).toBe('');
    expect(stdout).not.toContain(PASSWORD);
    return JSON.parse(stdout) as Plan;
  }
  const others = (kind: string): CalicoObject[] => BASE.filter((one) => one.kind !== kind);

  test.each<[sentence: string, objects: readonly CalicoObject[], steps: string[]]>([
    ['what runs', BASE, []],
    ['one node more', [...BASE, node(3)], [`hitless peer-add Mesh_${loopbackAddress(3).replaceAll('.', '_')}`]],
    [
      'another password',
      [...others('Secret'), secretObject('bgp', { tor: 'other' })],
      [`reset peer-restart Global_${loopbackAddress(200).replaceAll('.', '_')}`],
    ],
    [
      'no password',
      [...others('BGPPeer'), tor({ password: undefined })],
      [`reset peer-restart Global_${loopbackAddress(200).replaceAll('.', '_')}`],
    ],
    [
      'a keepalive time, which the session takes over, and a pool',
      [...others('BGPPeer'), tor({ keepaliveTime: '10s' }), calicoObject('IPPool', 'p', { cidr: '10.9.0.0/16' })],
      [
        `hitless peer-adjust Global_${loopbackAddress(200).replaceAll('.', '_')}`,
        `soft peer-policy Global_${loopbackAddress(200).replaceAll('.', '_')}`,
        `soft peer-policy Mesh_${loopbackAddress(2).replaceAll('.', '_')}`,
      ],
    ],
  ])('%s', async (_, objects, steps) => {
    const plan = await planned(objects);
    expect(plan.node).toBe('n1');
    expect(plan.from).toBe((await daemon.status()).appliedRevision);
    expect(plan.steps.map(({ impact, kind, subject }) => `${impact} ${kind} ${subject}`)).toEqual(steps);
  });

  test('for people: each step with its reason, and no password', async () => {
    const to = directory([...others('Secret'), secretObject('bgp', { tor: 'another-secret' })]);
    const { status, stdout } = await daemon.cli('plan', '--from', 'running', '--to', to);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^node n1, from revision \S+ to \S+\n1 step: 0 hitless, 0 soft, 1 reset; 1 session would end/,
    );
    expect(stdout).toContain('password can only change with a new session');
    expect(stdout).toContain('password: (hidden) -> (hidden)');
    expect(stdout).not.toMatch(/another-secret|geheim/);
  });

  test('a state that says nothing would change nothing, and ends with status 1', async () => {
    const outcome = await daemon.cli('plan', '--from', 'running', '--to', directory(others('Node')));
    expect(outcome.status).toBe(1);
    expect(outcome.stdout).toContain('Nothing would be done: this node is not in the datastore');
  });

  test('what was planned is what is done', async () => {
    const objects = [...others('BGPPeer'), tor({ keepaliveTime: '20s' }), node(4), calicoObject('BGPPeer', 'bad', {})];
    const plan = await planned(objects);
    expect(plan.newConditions).toEqual([expect.objectContaining({ resource: 'BGPPeer/bad', field: 'spec.peerIP' })]);
    const from = daemon.log().length;
    daemon.write('all', objects);
    const status = await daemon.until('it is applied', DEADLINE_MS, (one) => one.appliedRevision === plan.to);
    expect(status).toMatchObject({ desiredRevision: plan.to, conditions: [{ resource: 'BGPPeer/bad' }] });
    const applied = daemon.log().slice(from);
    const steps = applied.filter(({ msgid }) => msgid === 'APPLY').map(({ impact, change }) => `${impact} ${change}`);
    expect(steps).toEqual(plan.steps.map(({ impact, kind }) => `${impact} ${kind}`));
    expect((await planned(objects)).steps).toEqual([]);
    const shown = await daemon.cli('show', 'status');
    expect(shown.stdout).toContain(plan.to);
    expect(shown.stdout).toContain('BGPPeer/bad spec.peerIP');
    daemon.write('all', BASE);
    await daemon.until('the base is in force', DEADLINE_MS, ({ peers }) => peers.configured === 2);
  });
});

test('a stand-alone daemon and another file', async () => {
  const peers = [{ name: 'east', address: loopbackAddress(12), as: 65_001, passive: true, password: PASSWORD }];
  const config = { routerId: loopbackAddress(11), as: 65_000, peers };
  const daemon = await LocalDaemon.start(loopbackAddress(11), config);
  const file = (more: object): string => {
    const path = join(temporaryFolder(), 'peregrine.yaml');
    const listen = [{ address: loopbackAddress(11), port: LOOPBACK_PORT }];
    const kernel = { enabled: false, resolveNextHops: 'always' };
    writeFileSync(path, stringify({ logLevel: 'debug', listen, kernel, ...config, ...more }));
    return `file:${path}`;
  };
  try {
    const same = await daemon.cli('plan', '--from', 'running', '--to', file({}));
    expect(same.stdout).toContain('Nothing would change.');
    const added = await daemon.cli(
      'plan',
      '--from',
      'running',
      '--to',
      file({ originate: [{ prefix: '10.0.0.0/8' }] }),
    );
    expect(added.stdout).toMatch(/^ +1 {2}soft +originate-add {2}10\.0\.0\.0\/8/m);
    const node = await daemon.cli('plan', '--from', 'running', '--to', directory(BASE));
    expect(node).toMatchObject({ status: 1, stderr: expect.stringContaining('--node NAME is needed') });
  } finally {
    await daemon.stop();
  }
});
