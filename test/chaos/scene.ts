/**
 * The network of the chaos proof, in namespaces on one segment:
 *
 *   pod1 -- node1 ---+--- node2 -- pod2        node1: Peregrine (AS 64512), what all is about
 *                    |                         node2: in the same AS, tor1 and tor2: AS 65001 and 65002,
 *   outside -- tor1 -+- tor2                    of the kind of the peers
 *
 * node1 and node2 have an internal session with each other, or with a route reflector; both have external ones with
 * both ToRs, and the ToRs with each other. Everybody has graceful restart for 120 s, as in Calico. `outside` is behind
 * tor1 alone, so that without tor1's sessions its packets go by tor2.
 *
 * GoBGP writes no kernel routes by itself: where it plays, the ways of node2 and the ToRs are static.
 */

import type { DaemonProcess } from '../support/daemon-process.ts';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { startRouter } from '../support/peers/index.ts';
import {
  announcement,
  type Neighbour,
  neighbour,
  Router,
  type RouterConfig,
  type RouterDriver,
  type RouterKind,
} from '../support/peers/router.ts';
import { waitUntil } from '../support/wait-for.ts';
import type { Machine } from './traffic.ts';

export const PEER_KINDS = ['peregrine', 'bird', 'frr', 'gobgp'] as const;
export type PeerKind = (typeof PEER_KINDS)[number];

export const AS = { node1: 64512, node2: 64512, tor1: 65001, tor2: 65002, rr: 64512 } as const;
type Name = keyof typeof AS;
export const NETWORKS: { readonly [N in Name]?: string } = {
  node1: '10.1.0.0/24',
  node2: '10.2.0.0/24',
  tor1: '10.9.0.0/24',
};
const RESTART_SECONDS = 120;
const SESSION_DEADLINE_MS = 60_000;

export interface SceneOptions {
  readonly peers: PeerKind;
  /** node1 and node2 hear each other through it. */
  readonly reflector: boolean;
  /** On the sessions of node1 with the ToRs; null: none. */
  readonly bfd: { readonly intervalMs: number; readonly multiplier: number } | null;
}

export class Scene {
  readonly options: SceneOptions;
  readonly lab: Laboratory;
  readonly machines: { readonly pod1: Machine; readonly pod2: Machine; readonly outside: Machine };
  readonly #routers = new Map<Name, Router>();

  private constructor(options: SceneOptions, lab: Laboratory, machines: Scene['machines']) {
    this.options = options;
    this.lab = lab;
    this.machines = machines;
  }

  /** Everybody runs but node1, which scenarios start themselves. */
  static async create(options: SceneOptions): Promise<Scene> {
    const names: readonly Name[] = ['node1', 'node2', 'tor1', 'tor2', ...(options.reflector ? (['rr'] as const) : [])];
    const lab = await Laboratory.create(names);
    try {
      const behind = async (label: string, router: Name): Promise<Machine> => {
        const prefix = NETWORKS[router]?.replace(/\.0\/24$/, '') ?? '';
        const namespace = await lab.attachHost(label, lab.router(router), prefix);
        return { name: label, address: `${prefix}.2`, namespace };
      };
      const machines = {
        pod1: await behind('pod1', 'node1'),
        pod2: await behind('pod2', 'node2'),
        outside: await behind('outside', 'tor1'),
      };
      await lab.run(lab.router('tor2'), ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
      const scene = new Scene(options, lab, machines);
      if (options.peers === 'gobgp') await scene.#staticWays();
      for (const name of names) if (name !== 'node1') await scene.start(name, options.peers);
      return scene;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  namespace(name: Name): Namespace {
    return this.lab.router(name);
  }

  router(name: Name): Router {
    const router = this.#routers.get(name);
    if (router === undefined) throw new Error(`${name} does not run`);
    return router;
  }

  /** Starts that router as a daemon of that kind; one that was there before has ended. */
  async start(name: Name, kind: RouterKind, change: Partial<RouterConfig> = {}): Promise<Router> {
    const router = await startRouter(kind, this.lab, this.namespace(name), { ...this.configOf(name), ...change });
    this.#routers.set(name, router);
    return router;
  }

  /** As start(), with a driver of the scenario's own. */
  async startWith(name: Name, driver: RouterDriver): Promise<Router> {
    const router = await new Router(driver, this.lab, this.namespace(name), this.configOf(name)).start();
    this.#routers.set(name, router);
    return router;
  }

  configOf(name: Name): RouterConfig {
    const network = NETWORKS[name];
    return {
      localAs: AS[name],
      routerId: this.namespace(name).ipv4,
      neighbours: this.neighboursOf(name).map((other) => this.#neighbour(name, other)),
      networks: network === undefined ? [] : [announcement(network)],
      kernel: { enabled: name !== 'rr' },
    };
  }

  neighboursOf(name: Name): readonly Name[] {
    const { reflector } = this.options;
    if (name === 'rr') return ['node1', 'node2'];
    if (name === 'tor1') return ['node1', 'node2', 'tor2'];
    if (name === 'tor2') return ['node1', 'node2', 'tor1'];
    const other = name === 'node1' ? 'node2' : 'node1';
    return [reflector ? 'rr' : other, 'tor1', 'tor2'];
  }

  /** Waits until all sessions of that router are up. */
  async established(name: Name): Promise<void> {
    for (const other of this.neighboursOf(name)) {
      await waitUntil(
        `${name}'s session with ${other} is established`,
        SESSION_DEADLINE_MS,
        () => this.router(name).session(this.namespace(other).ipv4),
        ({ isEstablished }) => isEstablished,
      );
    }
  }

  /** Follows what happens to the routers' kernel routes, with times: for finding out who lost a packet. */
  monitor(): { readonly name: string; readonly process: DaemonProcess }[] {
    return (['node1', 'node2', 'tor1', 'tor2'] as const).map((name) => {
      const argv = ['ip', '-4', '-ts', 'monitor', 'route', 'neigh'];
      return { name, process: this.lab.spawn(this.namespace(name), argv, { logName: 'monitor' }) };
    });
  }

  /** Packets between the two vanish from now on, while both links stay up: each has a wrong hardware address. */
  async cut(one: Name, other: Name): Promise<void> {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const lost = ['lladdr', '02:00:00:00:de:ad', 'nud', 'permanent', 'dev', 'eth0'];
      await this.lab.ip(this.namespace(from), 'neigh', 'replace', this.namespace(to).ipv4, ...lost);
    }
  }

  async close(): Promise<void> {
    await this.lab.close();
  }

  #neighbour(name: Name, other: Name): Neighbour {
    const isTor = (one: Name): boolean => one === 'tor1' || one === 'tor2';
    const isBfd = (name === 'node1' && isTor(other)) || (isTor(name) && other === 'node1');
    return neighbour({
      address: this.namespace(other).ipv4,
      localAddress: this.namespace(name).ipv4,
      as: AS[other],
      families: ['ipv4-unicast'],
      gracefulRestartSeconds: RESTART_SECONDS,
      deferralSeconds: RESTART_SECONDS,
      reflectorClient: name === 'rr',
      bfd: isBfd ? this.options.bfd : null,
      // All are on one segment, but where a link is cut there is no way around it by a third party's address.
      nextHopSelf: name !== 'rr',
      peregrine: { gracefulRestart: { mode: 'full', restartTimeSeconds: RESTART_SECONDS } },
    });
  }

  async #staticWays(): Promise<void> {
    for (const name of ['node2', 'tor1', 'tor2'] as const) {
      for (const [by, prefix] of Object.entries(NETWORKS)) {
        if (by === name) continue;
        await this.lab.ip(this.namespace(name), 'route', 'add', prefix, 'via', this.namespace(by as Name).ipv4);
      }
    }
  }
}
