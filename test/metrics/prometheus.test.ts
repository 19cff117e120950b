/**
 * A real Prometheus that scrapes a real daemon: every alerting rule loads and is evaluated, every query of the
 * dashboard finds something, and the alert for a lost peer comes when the peer is lost.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CalicoDaemon, type CalicoObject, calicoObject } from '../support/calico-daemon.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { LOOPBACK_PORT, loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { describeProgram } from '../support/requirements.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/monitoring/', import.meta.url));
const RULES = join(DEPLOY, 'alerts.yaml');
const DEADLINE_MS = 60_000;
const MONITOR_PORT = LOOPBACK_PORT + 1;
const PROMETHEUS_PORT = LOOPBACK_PORT + 2;
const [OWN, OTHER, TOR, PROMETHEUS] = [11, 12, 13, 14].map(loopbackAddress);

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

const { panels } = JSON.parse(readFileSync(join(DEPLOY, 'grafana-dashboard.json'), 'utf8')) as {
  panels: readonly Panel[];
};
const QUERIES = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

const node = (name: string, address: string): CalicoObject =>
  calicoObject('Node', name, { bgp: { ipv4Address: `${address}/24` } });
const objects = (description: string): CalicoObject[] => [
  calicoObject('BGPConfiguration', 'default', { bindMode: 'NodeIP', listenPort: LOOPBACK_PORT, serviceClusterIPs: [] }),
  node('own', OWN),
  node('other', OTHER),
  calicoObject('BGPPeer', 'tor', { peerIP: TOR, asNumber: 65_001 }),
  calicoObject('IPPool', 'pool', { cidr: description, ipipMode: 'Never', vxlanMode: 'Never' }),
];

describeProgram('prometheus', () => {
  let daemon: CalicoDaemon;
  let tor: SocketSpeaker;
  let prometheus: DaemonProcess;

  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://${PROMETHEUS}:${PROMETHEUS_PORT}/api/v1/${path}`);
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  /** As Grafana would ask, with a rate interval of a few scrapes. */
  const query = (expr: string) => {
    const text = expr.replaceAll('$instance', '.+').replaceAll('$__rate_interval', '10s');
    return ask<{ result: { metric: Record<string, string> }[] }>(`query?query=${encodeURIComponent(text)}`);
  };

  beforeAll(async () => {
    daemon = await CalicoDaemon.start({
      node: 'own',
      objects: objects('10.1.0.0/16'),
      env: { PEREGRINE_MONITOR_LISTEN: `${OWN}:${MONITOR_PORT}` },
    });
    tor = await SocketSpeaker.establish({ localAddress: TOR, address: OWN, as: 65_001 });
    const folder = temporaryFolder();
    const config = join(folder, 'prometheus.yaml');
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        // The waiting times of alerts are for people; whether a rule finds what it looks for is the same without them.
        rule_files: [join(folder, 'alerts.yaml')],
        scrape_configs: [{ job_name: 'peregrine', static_configs: [{ targets: [`${OWN}:${MONITOR_PORT}`] }] }],
      }),
    );
    writeFileSync(join(folder, 'alerts.yaml'), readFileSync(RULES, 'utf8').replaceAll(/^ +for: .*\n/gm, ''));
    prometheus = new DaemonProcess(
      [
        'prometheus',
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${PROMETHEUS}:${PROMETHEUS_PORT}`,
      ],
      { namespacePath: null, logPath: join(folder, 'log'), cwd: folder },
    );
    await prometheus.ready('Prometheus has scraped', DEADLINE_MS, async () => {
      const { result } = await query('peregrine_bgp_peer_up == 1').catch(() => ({ result: [] }));
      return result.length > 0 ? true : null;
    });
    // Something to measure.
    daemon.write('all', objects('10.2.0.0/16'));
  });
  afterAll(async () => {
    tor?.close();
    await prometheus?.stop();
    await daemon?.stop();
  });

  test('promtool has nothing against the rules', () => {
    const outcome = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
    expect(outcome.status, outcome.stdout + outcome.stderr).toBe(0);
  });

  test.each(QUERIES)('the panel "%s" finds something: %s', async (_, expr) => {
    await waitUntil(
      'series',
      DEADLINE_MS,
      () => query(expr),
      ({ result }) => result.length > 0,
    );
  });

  test('a change of the datastore is timed', async () => {
    await waitUntil(
      'the change was seen',
      DEADLINE_MS,
      () => query('peregrine_convergence_seconds_count{stage="kernel"} > 0'),
      ({ result }) => result.length > 0,
    );
  });

  test('every rule is evaluated, and the loss of a peer fires', async () => {
    tor.close();
    const isFiring = (name: string) => `ALERTS{alertname="${name}", alertstate="firing"}`;
    await waitUntil(
      'the alert',
      DEADLINE_MS,
      () => query(isFiring('PeregrineExternalPeerDown')),
      ({ result }) => result.some(({ metric }) => metric.peer !== undefined),
    );
    expect((await query(isFiring('PeregrineDatastoreAway'))).result).toEqual([]);
    const { groups } = await ask<{ groups: { rules: { name: string; health: string; lastError?: string }[] }[] }>(
      'rules',
    );
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    for (const rule of rules) expect(rule, rule.name).toMatchObject({ health: 'ok' });
  });
});

describe('the dashboard', () => {
  test('asks for each node by the variable, and gives every panel a place of its own', () => {
    for (const [title, expr] of QUERIES) expect(expr, title).toContain('instance=~"$instance"');
    const places = (panels as readonly (Panel & { gridPos: { x: number; y: number; w: number; h: number } })[]).map(
      ({ gridPos }) => gridPos,
    );
    for (const [i, one] of places.entries()) {
      expect(one.x + one.w).toBeLessThanOrEqual(24);
      for (const other of places.slice(i + 1)) {
        const overlaps =
          one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;
        expect(overlaps).toBe(false);
      }
    }
  });
});
