/**
 * The scene of most interop tests: Peregrine and one foreign daemon on one cable, with a session over IPv4 for IPv4
 * routes and one over IPv6 for IPv6 routes. The side that waits for connections is started first, so that the other
 * finds it listening at its first try.
 */

import { Laboratory } from './netns.ts';
import { type ForeignKind, type Router, startRouter } from './peers/index.ts';
import { peerView } from './peers/peregrine.ts';
import {
  type Announcement,
  FAMILIES,
  type Family,
  type Neighbour,
  neighbour,
  type ReceivedRoute,
  type RouterConfig,
} from './peers/router.ts';
import { waitUntil } from './wait-for.ts';

export const PEREGRINE_AS = 65001;
/** Needs four octets. */
export const FOREIGN_AS = 4_200_000_002;

/** OpenBGPD tries again after half a minute when its first connection was too early. */
const SESSION_DEADLINE_MS = 45_000;
const ROUTE_DEADLINE_MS = 10_000;

export type SessionType = 'iBGP' | 'eBGP';

export interface PairOptions {
  readonly kind: ForeignKind;
  readonly session: SessionType;
  readonly peregrineAs?: number;
  /** Of eBGP; with iBGP it is Peregrine's. */
  readonly foreignAs?: number;
  /** Who opens the connections; `both`: neither is passive, and they may collide. */
  readonly dials: 'peregrine' | 'foreign' | 'both';
  /** One session a family unless given: then one session over IPv4 with these families. */
  readonly overIpv4?: readonly Family[];
  /** What both, or one of them, are told about the other beyond the defaults. */
  readonly both?: Partial<Neighbour>;
  readonly peregrine?: Partial<Neighbour>;
  readonly foreign?: Partial<Neighbour>;
  readonly peregrineNetworks?: readonly Announcement[];
  readonly foreignNetworks?: readonly Announcement[];
  readonly kernel?: RouterConfig['kernel'];
  /** The same for both, instead of their IPv4 addresses. */
  readonly routerId?: string;
  /** Both listen on this TCP port and connect to it. */
  readonly port?: number;
}

export class Pair {
  readonly lab: Laboratory;
  readonly peregrine: Router;
  readonly foreign: Router;
  readonly #families: readonly Family[];

  private constructor(lab: Laboratory, peregrine: Router, foreign: Router, families: readonly Family[]) {
    this.lab = lab;
    this.peregrine = peregrine;
    this.foreign = foreign;
    this.#families = families;
  }

  /** Both run; the sessions may still be coming up (see established()). */
  static async start(options: PairOptions): Promise<Pair> {
    const lab = await Laboratory.create(['peregrine', 'foreign']);
    try {
      return await Pair.#startIn(lab, options);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  static async #startIn(lab: Laboratory, options: PairOptions): Promise<Pair> {
    const [us, them] = [lab.router('peregrine'), lab.router('foreign')];
    const ourAs = options.peregrineAs ?? PEREGRINE_AS;
    const foreignAs = options.session === 'iBGP' ? ourAs : (options.foreignAs ?? FOREIGN_AS);
    const transports = options.overIpv4 === undefined ? FAMILIES : (['ipv4-unicast'] as const);
    const sessions = (local: typeof us, remote: typeof us, given: Partial<Neighbour>, as: number) =>
      transports.map((family) => {
        const field = family === 'ipv4-unicast' ? 'ipv4' : 'ipv6';
        const families = options.overIpv4 ?? [family];
        return neighbour({
          address: remote[field],
          localAddress: local[field],
          as,
          families,
          ...(options.port === undefined ? {} : { port: options.port }),
          ...options.both,
          ...given,
        });
      });
    const common = options.port === undefined ? {} : { listenPort: options.port };
    const startUs = () =>
      startRouter('peregrine', lab, us, {
        localAs: ourAs,
        routerId: options.routerId ?? us.ipv4,
        neighbours: sessions(us, them, { passive: options.dials === 'foreign', ...options.peregrine }, foreignAs),
        networks: options.peregrineNetworks ?? [],
        ...common,
        ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      });
    const startThem = () =>
      startRouter(options.kind, lab, them, {
        localAs: foreignAs,
        routerId: options.routerId ?? them.ipv4,
        neighbours: sessions(them, us, { passive: options.dials === 'peregrine', ...options.foreign }, ourAs),
        networks: options.foreignNetworks ?? [],
        ...common,
      });
    if (options.dials === 'foreign') {
      const peregrine = await startUs();
      return new Pair(lab, peregrine, await startThem(), transports);
    }
    const foreign = await startThem();
    return new Pair(lab, await startUs(), foreign, transports);
  }

  address(router: Router, family: Family): string {
    return router.namespace[family === 'ipv4-unicast' || !this.#families.includes(family) ? 'ipv4' : 'ipv6'];
  }

  /** Waits until both sides call all sessions established. */
  async established(deadlineMs: number = SESSION_DEADLINE_MS): Promise<this> {
    for (const family of this.#families) {
      for (const [router, other] of this.#directions()) {
        const what = `${router.kind}'s session over ${family} is established`;
        const address = this.address(other, family);
        await waitUntil(
          what,
          deadlineMs,
          () => router.session(address),
          (status) => status.isEstablished,
        );
      }
    }
    return this;
  }

  /** Waits until Peregrine says that its session (over IPv4 unless said) is not established, and returns its view. */
  async down(deadlineMs: number, family: Family = 'ipv4-unicast'): ReturnType<typeof peerView> {
    const address = this.address(this.foreign, family);
    const read = () => peerView(this.peregrine.context, address);
    return await waitUntil(
      'the session is down',
      deadlineMs,
      read,
      (peer) => peer.state.toLowerCase() !== 'established',
    );
  }

  /** Routes of the family that `listener` has from the other side, once they are as wanted. */
  async heard(
    listener: Router,
    family: Family,
    what: string,
    isWanted: (routes: readonly ReceivedRoute[]) => boolean,
    deadlineMs: number = ROUTE_DEADLINE_MS,
  ): Promise<readonly ReceivedRoute[]> {
    const speaker = listener === this.peregrine ? this.foreign : this.peregrine;
    const from = this.address(speaker, family);
    const says = `${listener.kind} has from ${speaker.kind}: ${what}`;
    return await waitUntil(says, deadlineMs, () => listener.received(from, family), isWanted);
  }

  async close(): Promise<void> {
    await this.lab.close();
  }

  #directions(): readonly (readonly [Router, Router])[] {
    return [
      [this.peregrine, this.foreign],
      [this.foreign, this.peregrine],
    ];
  }
}

/** Runs a test's body with a pair that goes away afterwards. */
export async function withPair(options: PairOptions, body: (pair: Pair) => Promise<void>): Promise<void> {
  const pair = await Pair.start(options);
  try {
    await body(pair);
  } finally {
    await pair.close();
  }
}
