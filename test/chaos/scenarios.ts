/**
 * What is done to node1 and its peers while packets run, one function a scenario; each returns when the network has come
 * to rest again. How much may be lost is part of the scenario.
 */

import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { StatusView } from '../../src/api/schema.ts';
import { fetchOne } from '../../src/cli/client.ts';
import type { Router } from '../support/peers/index.ts';
import { peerViews } from '../support/peers/peregrine.ts';
import { waitUntil } from '../support/wait-for.ts';
import { CalicoDirectory, configuration, filter, node, peer, pool } from './calico-node.ts';
import { AS, NETWORKS, type PeerKind, type Scene, type SceneOptions } from './scene.ts';
import { Traffic, type TrafficResult } from './traffic.ts';

/** Long after the last message of a restart: what is still to be swept is swept. */
const REST_MS = 3000;
const DEADLINE_MS = 60_000;
process.env.PEREGRINE_DRAIN_SECONDS ??= '6';
const DATASTORE_AWAY_SECONDS = Number(process.env.CHAOS_DATASTORE_SECONDS ?? 60);
const CHANGES = Number(process.env.CHAOS_CHANGES ?? 1000);
/** The default of docs/bfd.md. */
const BFD = { intervalMs: 300, multiplier: 3 } as const;
/** From the detection to the kernel's routes, on a machine that does other things too. */
const BFD_MARGIN_MS = 1000;

export interface Outcome extends TrafficResult {
  /** In words, for the last column. */
  readonly note: string;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly scene: Partial<SceneOptions>;
  /** Why it means nothing with these peers; null: it does. */
  readonly without?: (peers: PeerKind) => string | null;
  /** Packets may be lost, for at most so many milliseconds; 0: none. */
  readonly mayLoseMs: number;
  /** node1 runs before and after as what it says; Peregrine unless said. */
  readonly begin?: (scene: Scene) => Promise<void>;
  /** Packets run meanwhile; the result is a note. */
  readonly run: (scene: Scene) => Promise<string>;
}

const NO_FORWARDING = (peers: PeerKind): string | null =>
  peers === 'gobgp' ? 'GoBGP writes no kernel routes: its ways are static here' : null;

async function begin(scene: Scene): Promise<void> {
  await scene.start('node1', 'peregrine');
  await scene.established('node1');
}

/** Its sessions are up and a restart that was going on is over. */
async function settled(scene: Scene): Promise<void> {
  await scene.established('node1');
  const node1 = scene.router('node1');
  if (node1.kind !== 'peregrine') return;
  await waitUntil(
    'the restart is over',
    DEADLINE_MS,
    () => statusOf(node1),
    ({ recovery }) => {
      const families = Object.values(recovery?.families ?? {});
      return recovery !== null && families.every(({ isGoingOn }) => !isGoingOn);
    },
  );
}

export function statusOf(router: Router): Promise<StatusView> {
  return fetchOne<StatusView>(`${router.context.folder}/peregrine.sock`, '/v1/status');
}

async function end(router: Router, signal: NodeJS.Signals): Promise<void> {
  router.daemon.signal(signal);
  await router.daemon.exited;
}

function milliseconds(sinceMs: number): string {
  return `${Math.round(performance.now() - sinceMs)} ms`;
}

/** node1 follows Calico resources. */
async function beginCalico(scene: Scene): Promise<void> {
  const directory = new CalicoDirectory(scene);
  directories.set(scene, directory);
  await scene.startWith('node1', directory.driver);
  await scene.established('node1');
}

const directories = new WeakMap<Scene, CalicoDirectory>();

function directoryOf(scene: Scene): CalicoDirectory {
  const directory = directories.get(scene);
  if (directory === undefined) throw new Error('node1 does not follow a directory');
  return directory;
}

/** One of four kinds of change in turns, none of which concerns the ways that packets take. */
function change(directory: CalicoDirectory, scene: Scene, turn: number): void {
  const round = Math.floor(turn / 4);
  switch (turn % 4) {
    case 0: {
      directory.write('filter', [filter('changing', `10.${100 + (round % 100)}.0.0/16`)]);
      const { ipv4 } = scene.namespace('tor1');
      return directory.write('tor1', [peer('tor1', ipv4, AS.tor1, round % 2 === 0 ? ['changing'] : [])]);
    }
    case 1:
      return directory.write('configuration', [configuration([`64512:${round + 1}`])]);
    case 2:
      return directory.write(`new-node-${round % 20}`, [node(`new-${round}`, `198.18.0.${100 + (round % 100)}`)]);
    default:
      return directory.write('new-pool', [pool(`new-${round}`, `10.${200 + (round % 50)}.0.0/16`)]);
  }
}

/** Sessions that node1 has had with those that packets need. */
async function sessionsEver(scene: Scene): Promise<number> {
  const addresses = scene.neighboursOf('node1').map((name) => scene.namespace(name).ipv4);
  const views = await peerViews(scene.router('node1').context);
  return views
    .filter(({ address }) => addresses.includes(address))
    .reduce((sum, { sessionsEstablished }) => sum + sessionsEstablished, 0);
}

async function bfdStates(scene: Scene): Promise<readonly string[]> {
  const views = await peerViews(scene.router('node1').context);
  return views.map(({ bfd }) => (bfd?.state ?? 'none').toLowerCase());
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'sigterm',
    what: 'SIGTERM and start',
    scene: {},
    mayLoseMs: 0,
    async run(scene) {
      const from = performance.now();
      await end(scene.router('node1'), 'SIGTERM');
      await scene.router('node1').restart();
      await settled(scene);
      return `sessions and tables whole after ${milliseconds(from)}`;
    },
  },
  {
    name: 'sigkill',
    what: 'SIGKILL and start',
    scene: {},
    mayLoseMs: 0,
    async run(scene) {
      const from = performance.now();
      await end(scene.router('node1'), 'SIGKILL');
      // As a supervisor that takes its time.
      await delay(1000);
      await scene.router('node1').restart();
      await settled(scene);
      return `sessions and tables whole after ${milliseconds(from)}`;
    },
  },
  {
    name: 'sigkill-twice',
    what: 'SIGKILL twice in a row',
    scene: {},
    mayLoseMs: 0,
    async run(scene) {
      const node1 = scene.router('node1');
      await end(node1, 'SIGKILL');
      await node1.restart();
      // The first session that is back is up for an instant.
      await waitUntil(
        'a session is back',
        DEADLINE_MS,
        () => statusOf(node1),
        ({ peers }) => peers.established > 0,
      );
      await end(node1, 'SIGKILL');
      await node1.restart();
      await settled(scene);
      return 'the second as soon as one session was back';
    },
  },
  {
    name: 'upgrade',
    what: 'upgrade from BIRD, and back',
    scene: {},
    mayLoseMs: 0,
    async begin(scene) {
      await scene.start('node1', 'bird');
      await scene.established('node1');
    },
    async run(scene) {
      const bird = scene.router('node1');
      await end(bird, 'SIGKILL');
      await scene.start('node1', 'peregrine');
      await settled(scene);
      await delay(REST_MS);
      await end(scene.router('node1'), 'SIGTERM');
      await bird.restart();
      await waitUntil(
        'BIRD has its sessions',
        DEADLINE_MS,
        async () => {
          const states = scene.neighboursOf('node1').map((name) => bird.session(scene.namespace(name).ipv4));
          return (await Promise.all(states)).every(({ isEstablished }) => isEstablished);
        },
        (isUp) => isUp,
      );
      return 'BIRD 2 killed, Peregrine started; SIGTERM, bird -R';
    },
  },
  {
    name: 'drain',
    what: 'one of two ToRs drained',
    scene: {},
    without: NO_FORWARDING,
    mayLoseMs: 0,
    async run(scene) {
      const tor1 = scene.namespace('tor1').ipv4;
      // Seen from both nodes: what the ToR is told, and then the session, go away.
      const node1 = scene.router('node1');
      await drainPeer(node1, tor1);
      await waitUntil(
        'the session with tor1 is closed',
        DEADLINE_MS,
        () => node1.session(tor1),
        ({ isEstablished }) => !isEstablished,
      );
      await delay(REST_MS);
      await undrainPeer(node1, tor1);
      await scene.established('node1');
      return 'node1 drains its session with it: 6 s, closed, undrained';
    },
  },
  {
    name: 'reflector',
    what: 'route reflector replaced',
    scene: { reflector: true },
    mayLoseMs: 0,
    async run(scene) {
      const { ipv4 } = scene.namespace('rr');
      await end(scene.router('rr'), 'SIGKILL');
      await waitUntil(
        'node1 sees that the reflector is gone',
        DEADLINE_MS,
        () => scene.router('node1').session(ipv4),
        ({ isEstablished }) => !isEstablished,
      );
      await delay(1000);
      // Another one at its address, which knows nothing of it.
      rmSync(`${scene.router('rr').context.folder}/peregrine.restart`, { force: true });
      await scene.router('rr').restart();
      await scene.established('node1');
      await waitUntil(
        'node1 has the way to node2 from it again',
        DEADLINE_MS,
        () => scene.router('node1').received(ipv4, 'ipv4-unicast'),
        (list) => list.some(({ prefix }) => prefix === NETWORKS.node2),
      );
      return 'killed, another one at its address a second later';
    },
  },
  {
    name: 'datastore',
    what: `datastore away for ${DATASTORE_AWAY_SECONDS} s`,
    scene: {},
    mayLoseMs: 0,
    begin: beginCalico,
    async run(scene) {
      const directory = directoryOf(scene);
      directory.takeAway();
      await delay(DATASTORE_AWAY_SECONDS * 1000);
      const { datastore, peers } = await directory.status();
      directory.bringBack();
      await waitUntil(
        'the datastore is in sync',
        DEADLINE_MS,
        () => directory.status(),
        (status) => status.datastore.inSync,
      );
      return `a directory of resources; meanwhile: ${datastore.inSync ? 'in sync' : 'not in sync'}, ${peers.established} sessions`;
    },
  },
  {
    name: 'changes',
    what: `configuration changed ${CHANGES.toLocaleString('en')} times`,
    scene: {},
    mayLoseMs: 0,
    begin: beginCalico,
    async run(scene) {
      const directory = directoryOf(scene);
      const before = await sessionsEver(scene);
      let applied = (await directory.status()).appliedRevision;
      let count = 0;
      for (let turn = 0; turn < CHANGES; turn++) {
        change(directory, scene, turn);
        const status = await waitUntil(
          'the change is in force',
          DEADLINE_MS,
          () => directory.status(),
          ({ appliedRevision }) => appliedRevision !== applied,
        );
        if (status.appliedRevision !== applied) count++;
        applied = status.appliedRevision;
      }
      const resets = (await sessionsEver(scene)) - before;
      return `filters, communities, new nodes, pools; ${count.toLocaleString('en')} revisions applied, ${resets} sessions reset`;
    },
  },
  {
    name: 'link',
    what: 'link to one of two ToRs cut',
    scene: { bfd: BFD },
    without: NO_FORWARDING,
    mayLoseMs: BFD.intervalMs * BFD.multiplier + BFD_MARGIN_MS,
    async run(scene) {
      await waitUntil(
        'BFD is up',
        DEADLINE_MS,
        () => bfdStates(scene),
        (states) => states.filter((state) => state === 'up').length === 2,
      );
      await scene.cut('node1', 'tor1');
      await waitUntil(
        'node1 has given up the session with tor1',
        DEADLINE_MS,
        () => scene.router('node1').session(scene.namespace('tor1').ipv4),
        ({ isEstablished }) => !isEstablished,
      );
      return `BFD ${BFD.intervalMs} ms x ${BFD.multiplier}; the link stays up, packets vanish`;
    },
  },
];

async function drainPeer(router: Router, address: string): Promise<void> {
  await fetchOne(`${router.context.folder}/peregrine.sock`, `/v1/peers/${encodeURIComponent(address)}/drain`, 'POST');
}

async function undrainPeer(router: Router, address: string): Promise<void> {
  await fetchOne(`${router.context.folder}/peregrine.sock`, `/v1/peers/${encodeURIComponent(address)}/undrain`, 'POST');
}

/** Runs one scenario in a scene that lives no longer than that. */
export async function runScenario(
  make: (options: SceneOptions) => Promise<Scene>,
  scenario: Scenario,
  peers: PeerKind,
): Promise<Outcome> {
  const scene = await make({ peers, reflector: false, bfd: null, ...scenario.scene });
  try {
    await (scenario.begin ?? begin)(scene);
    const { pod1, pod2, outside } = scene.machines;
    const traffic = await Traffic.start(scene.lab, [
      [pod1, pod2],
      [pod1, outside],
    ]);
    const watched = process.env.CHAOS_MONITOR === undefined ? [] : scene.monitor();
    const note = await scenario.run(scene);
    await delay(REST_MS);
    const result = await traffic.stop();
    for (const { name, process: monitor } of watched) process.stderr.write(`--- ${name}\n${monitor.log()}`);
    if (watched.length > 0) process.stderr.write(`--- node1's log\n${scene.router('node1').daemon.log()}`);
    if (watched.length > 0) process.stderr.write(`${JSON.stringify(result.flows, null, 1)}\n`);
    return { ...result, note };
  } finally {
    await scene.close();
  }
}
