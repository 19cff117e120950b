/**
 * BIRD's own clients of Debian against our socket, by hand-like scripts, and our birdcl beside them: the same words from
 * both for whatever is asked.
 */

import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { describeWithPrograms } from '../support/requirements.ts';
import { BirdSpeaker } from './bird-speaker.ts';

const OURS = [process.execPath, PEREGRINE_MAIN, 'birdcl'];

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(argv: readonly string[], input: string | null = null): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], timeout: 20_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

describeWithPrograms("BIRD's clients", [], ['birdc', 'birdcl'], () => {
  let bird: BirdSpeaker;

  beforeAll(async () => {
    bird = await BirdSpeaker.start(loopbackAddress(41), {
      routerId: '10.0.0.1',
      as: 64512,
      peers: [{ name: 'Mesh_2', address: loopbackAddress(42), as: 64512, passive: true, description: 'x' }],
      originate: [{ prefix: '192.168.2.0/26' }, { prefix: '192.168.3.0/26' }],
    });
  });

  afterAll(() => bird?.stop());

  test.each([
    ['show', 'status'],
    ['show', 'protocols'],
    ['sh', 'pro', 'all', 'Mesh_2'],
    ['show', 'route'],
    ['show', 'route', 'all', '192.168.2.0/26'],
    ['show', 'route', 'count'],
    ['show', 'route', '1.2.3.0/24'],
    ['show', 'protocols', '"Mesh*"'],
    ['show', 'memory'],
    ['show', 'interfaces', 'summary'],
    ['show', 'symbols'],
    ['configure', 'check'],
    ['disable', 'nobody'],
    ['frobnicate'],
  ])('birdcl and birdc and ours say the same to %s %s %s', async (...command) => {
    const calm = (text: string): string => text.replace(/time is .*/, 'time is').replace(/ +\d+ [ kMG]B/g, ' N');
    for (const options of [[], ['-v'], ['-r']]) {
      const theirs = await run(['birdcl', ...options, '-s', bird.paths[0], ...command]);
      const ours = await run([...OURS, ...options, '-s', bird.paths[0], ...command]);
      expect(calm(ours.stdout)).toBe(calm(theirs.stdout));
      // As BIRD 1.6, which calico-node has; BIRD 2's client ends with 1 when the daemon refuses.
      expect([ours.status, ours.stderr]).toEqual([0, theirs.stderr]);
    }
  });

  test('the same to a client that finds nobody', async () => {
    const theirs = await run(['birdcl', '-s', '/nowhere/bird.ctl', 'show', 'status']);
    const ours = await run([...OURS, '-s', '/nowhere/bird.ctl', 'show', 'status']);
    expect(ours).toEqual(theirs);
  });

  test('commands from a pipe, one after the other', async () => {
    const script = 'show protocols Mesh_2\nrestrict\ndown\nsh ro co\nquit\n';
    const { status, stdout } = await run([...OURS, '-s', bird.paths[0]], script);
    expect(status).toBe(0);
    const lines = stdout.split('\n').map((line) => line.replace(/^(bird> )+/, ''));
    expect(lines[0]).toBe('BIRD v0.3.3+birdv1.6.8 ready.');
    expect(lines).toContain('Access restricted');
    expect(lines).toContain('Access denied');
    expect(lines).toContain('2 of 2 routes for 2 networks');
  });

  test('birdc, interactive, with abbreviations', async () => {
    const { stdout } = await run(['birdc', '-s', bird.paths[0]], 'sh ro primary\nsh prot all Mesh_2\nquit\n');
    expect(stdout).toContain('192.168.2.0/26     blackhole [static1');
    expect(stdout).toContain('Neighbor address: ');
  });
});
