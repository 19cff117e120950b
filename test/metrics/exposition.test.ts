/**
 * What Prometheus and the kubelet are told by a running speaker: read by a strict parser, by promtool where it is, and
 * compared with what the rest of the API says. Names of peers and descriptions are other people's text.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_DETAILED_PEERS } from '../../src/metrics/peer-kind.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { type ParsedFamily, parseExposition } from '../support/prometheus-text.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 10_000;
const [SPEAKER, EAST, AWAY] = [1, 2, 3].map(loopbackAddress);
const HOSTILE = 'a "quoted" \\ back\\slash\nand a new line {x="y"} 1';

let api: InProcessSpeaker;
let east: SocketSpeaker;

beforeAll(async () => {
  api = await InProcessSpeaker.start(
    SPEAKER,
    {
      routerId: SPEAKER,
      as: 65_000,
      policies: {
        // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
        'no-tests': { statements: [{ match: { prefix: '203.0.113.0/24' }, then: 'reject' }], otherwise: 'accept' },
      },
      peers: [
        { name: 'east', address: EAST, as: 65_001, passive: true, import: 'no-tests', description: HOSTILE },
        { name: 'Mesh_away', address: AWAY, as: 65_000, passive: true },
      ],
    },
    { monitor: { birdExporter: true } },
  );
  east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
  east.send(updateOctets(65_001, EAST, ['198.51.100.0/24', '203.0.113.0/24']));
  await waitUntil(
    'both routes are there',
    DEADLINE_MS,
    async () => value(await families(), 'peregrine_bgp_peer_prefixes', { stage: 'received', family: 'ipv4-unicast' }),
    (received) => received === 2,
  );
});
afterAll(async () => {
  east?.close();
  await api?.stop();
});

async function families(): Promise<Map<string, ParsedFamily>> {
  const { status, headers, text } = await api.ask('GET', '/metrics');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseExposition(text);
}

function value(
  all: Map<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = all.get(name)?.samples ?? [];
  const found = samples.find((sample) => Object.entries(labels).every(([label, one]) => sample.labels[label] === one));
  return found?.value;
}

describe('metrics', () => {
  test('tell sessions by sort and state, and external peers one by one', async () => {
    const all = await families();
    expect(value(all, 'peregrine_bgp_peers', { kind: 'external', state: 'Established' })).toBe(1);
    expect(value(all, 'peregrine_bgp_peers', { kind: 'mesh', state: 'Active' })).toBe(1);
    expect(value(all, 'peregrine_bgp_peer_up', { peer: 'east' })).toBe(1);
    expect(value(all, 'peregrine_bgp_peer_up', { peer: 'Mesh_away' })).toBeUndefined();
    expect(value(all, 'peregrine_bgp_sessions_established_total', { kind: 'external' })).toBe(1);
    expect(value(all, 'peregrine_bgp_messages_total', { kind: 'external', direction: 'received' })).toBeGreaterThan(1);
    expect(value(all, 'peregrine_metrics_peers_omitted')).toBe(0);
  });

  test('tell what was received, what may be selected, and why the rest may not', async () => {
    const all = await families();
    const ipv4 = { family: 'ipv4-unicast' };
    expect(value(all, 'peregrine_bgp_prefixes', { kind: 'external', stage: 'received', ...ipv4 })).toBe(2);
    expect(value(all, 'peregrine_bgp_prefixes', { kind: 'external', stage: 'accepted', ...ipv4 })).toBe(1);
    expect(value(all, 'peregrine_rib_paths_ineligible', { reason: 'rejected by import policy', ...ipv4 })).toBe(1);
    expect(value(all, 'peregrine_rib_prefixes', ipv4)).toBe(2);
  });

  test('carry text of others unharmed', async () => {
    expect((await families()).get('peregrine_bgp_peer_info')?.samples).toEqual([
      {
        name: 'peregrine_bgp_peer_info',
        labels: { peer: 'east', address: EAST, peer_as: '65001', kind: 'external', description: HOSTILE },
        value: 1,
      },
    ]);
  });

  test('speak the names of bird_exporter when asked', async () => {
    const all = await families();
    const east4 = { name: 'east', proto: 'BGP', ip_version: '4' };
    expect(value(all, 'bird_protocol_up', { ...east4, state: 'Established' })).toBe(1);
    expect(value(all, 'bird_protocol_prefix_import_count', east4)).toBe(1);
    expect(value(all, 'bird_protocol_prefix_filter_count', east4)).toBe(1);
    expect(value(all, 'bird_protocol_changes_update_import_receive_count', east4)).toBe(2);
    expect(value(all, 'bird_daemon_up')).toBe(1);
  });

  test('have help, and _total where they count', async () => {
    for (const { name, type, help } of (await families()).values()) {
      expect(help, name).not.toBe('');
      if (!name.startsWith('bird_')) expect(name.endsWith('_total'), name).toBe(type === 'counter');
    }
  });

  test.skipIf(spawnSync('promtool', ['--version']).error !== undefined)('please promtool', async () => {
    const { text } = await api.ask('GET', '/metrics');
    // What others named is not ours to mend.
    const own = text.split('\n').filter((line) => !/\bbird_/.test(line));
    const outcome = spawnSync('promtool', ['check', 'metrics'], { input: own.join('\n'), encoding: 'utf8' });
    expect(outcome.stderr + outcome.stdout).toBe('');
    expect(outcome.status).toBe(0);
  });

  test('are all in docs/monitoring.md, with their types', async () => {
    const document = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
    const rows = [...document.matchAll(/^\| `(peregrine_\w+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const own = [...(await families()).values()].filter(({ name }) => name.startsWith('peregrine_'));
    expect(rows.sort()).toEqual(own.map(({ name, type }) => `${name} ${type}`).sort());
    expect(document).toContain(`at most ${MAX_DETAILED_PEERS.toLocaleString('en')}`);
  });
});

describe('probes', () => {
  test('live', async () => {
    expect(await api.ask('GET', '/live')).toMatchObject({ status: 200, text: '{"live":true}\n' });
  });

  test('ready, by the policy that is asked for', async () => {
    expect(await api.get('/ready')).toEqual({ ready: true, policy: 'any', unmet: [] });
    const all = await api.ask('GET', '/ready?peers=all');
    expect(all.status).toBe(503);
    expect(JSON.parse(all.text)).toMatchObject({
      ready: false,
      policy: 'all',
      unmet: [{ condition: 'peers', peer: 'Mesh_away', state: 'Active' }],
    });
  });

  test('a policy that there is not is a bad request', async () => {
    const { status, text } = await api.ask('GET', '/ready?peers=some');
    expect(status).toBe(400);
    expect(text).toContain('external');
  });
});
