/**
 * The common description that every daemon under test is configured from, and the uniform questions it answers: each
 * file beside this one translates both into one daemon's own words. Values are normalised, so that what two daemons say
 * about one route can be compared with toEqual.
 */

import type { DaemonProcess } from '../daemon-process.ts';
import type { Laboratory, Namespace } from '../netns.ts';

export type Family = 'ipv4-unicast' | 'ipv6-unicast';
export const FAMILIES: readonly Family[] = ['ipv4-unicast', 'ipv6-unicast'];

export type RouterKind = 'bird' | 'gobgp' | 'frr' | 'openbgpd' | 'exabgp' | 'peregrine';
export type Origin = 'igp' | 'egp' | 'incomplete';

export interface Announcement {
  readonly prefix: string;
  /** Of another router; null: the announcing router's own address. Peregrine does not have this. */
  readonly nextHop: string | null;
  readonly origin: Origin;
  readonly med: number | null;
  readonly localPref: number | null;
  /** `65000:1` */
  readonly communities: readonly string[];
  /** `65000:1:2` */
  readonly largeCommunities: readonly string[];
  /** `rt:65000:1` */
  readonly extendedCommunities: readonly string[];
}

export interface ReceivedRoute {
  readonly prefix: string;
  readonly nextHop: string;
  /** AS_PATH of one AS_SEQUENCE; sets do not occur in these tests. */
  readonly asPath: readonly number[];
  readonly origin: Origin;
  readonly med: number | null;
  /** Null where the daemon shows none (eBGP). */
  readonly localPref: number | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly extendedCommunities: readonly string[];
  readonly originatorId: string | null;
  readonly clusterList: readonly string[];
  /** RFC 7911 identifier as received; null without ADD-PATH or where the daemon does not show it. */
  readonly pathId: number | null;
}

export interface Neighbour {
  readonly address: string;
  readonly localAddress: string;
  readonly as: number;
  readonly families: readonly Family[];
  /** Never connects, waits for the neighbour to do so. */
  readonly passive: boolean;
  readonly password: string | null;
  /** RFC 5082, one hop. */
  readonly gtsm: boolean;
  readonly addPathSend: boolean;
  readonly addPathReceive: boolean;
  /** Restart time to announce, and helper for the neighbour; null: no graceful restart. */
  readonly gracefulRestartSeconds: number | null;
  /** How long a restarting GoBGP or FRR waits for its neighbours before it selects and announces. */
  readonly deferralSeconds: number;
  readonly holdTimeSeconds: number;
  readonly reflectorClient: boolean;
  readonly fourOctetAs: boolean;
  /** TCP port that the neighbour listens on. */
  readonly port: number;
  /** TTL of packets to an eBGP neighbour beyond the link; null: single hop. */
  readonly multihopTtl: number | null;
  /** The link of a link-local address. */
  readonly interface: string | null;
  /** RFC 8950: IPv4 routes with IPv6 next hops. */
  readonly extendedNextHop: boolean;
  /** Routes of others are told with our own address as next hop; not of GoBGP. */
  readonly nextHopSelf: boolean;
  /** Both intervals; multihop with multihopTtl, else single hop. */
  readonly bfd: { readonly intervalMs: number; readonly multiplier: number } | null;
  /** AS to show this neighbour instead of our own; of eBGP. */
  readonly localAs: number | null;
  /** Lines about this neighbour in the foreign daemon's own words. */
  readonly words: readonly string[];
  /** Further fields of the peer in Peregrine's file (docs/stand-alone.md); other daemons know nothing of them. */
  readonly peregrine: { readonly [field: string]: unknown };
}

export interface RouterConfig {
  readonly localAs: number;
  readonly routerId: string;
  readonly neighbours: readonly Neighbour[];
  readonly networks: readonly Announcement[];
  /** Of route reflection; the router id unless given. */
  readonly clusterId?: string;
  /** TCP port to listen on; 179 unless given. */
  readonly listenPort?: number;
  /** Field `kernel` of Peregrine's file; BIRD writes to the kernel when it is enabled, FRR always, the others never. */
  readonly kernel?: { readonly [field: string]: unknown };
  /** Further top-level fields of that file. */
  readonly peregrine?: { readonly [field: string]: unknown };
}

export interface SessionStatus {
  readonly isEstablished: boolean;
  /** In the daemon's own words, for messages. */
  readonly text: string;
}

/** What a driver has to work with. */
export interface RouterContext {
  readonly lab: Laboratory;
  readonly namespace: Namespace;
  /** The router's own folder, for configuration and sockets. */
  readonly folder: string;
  /** With the announcements of this moment. */
  readonly config: RouterConfig;
  /** 0 at the first start, one more at each restart(). */
  readonly restartCount: number;
  /** Null until start() has returned for the first time. */
  readonly daemon: DaemonProcess | null;
  /** Runs a command inside the router's namespace and returns what it prints; throws when it fails. */
  command(argv: readonly string[], input?: string): Promise<string>;
}

/** One daemon's own words: everything that the files beside this one have to say. */
export interface RouterDriver {
  readonly kind: RouterKind;
  /** What this version does of RFC 2918: some can only ask, some only answer. */
  readonly routeRefresh: { readonly asks: boolean; readonly answers: boolean };
  /** Writes the configuration, starts the daemon and waits until it answers. */
  start(router: RouterContext): Promise<DaemonProcess>;
  session(router: RouterContext, neighbour: Neighbour): Promise<SessionStatus>;
  /** As the daemon's CLI shows them, in any order; attributes that eBGP does not carry may be left in. */
  received(router: RouterContext, neighbour: Neighbour, family: Family): Promise<readonly ReceivedRoute[]>;
  /** UPDATEs, or routes in UPDATEs, that the daemon has counted from that neighbour. */
  updatesReceived(router: RouterContext, neighbour: Neighbour): Promise<number>;
  /** The announcement is in router.config already. */
  announce(router: RouterContext, announced: Announcement): Promise<void>;
  withdraw(router: RouterContext, prefix: string): Promise<void>;
  /** Applies all of router.config to the running process; null where that is not implemented. */
  readonly reload: ((router: RouterContext) => Promise<void>) | null;
  requestRefresh(router: RouterContext, neighbour: Neighbour, family: Family): Promise<void>;
  disable(router: RouterContext, neighbour: Neighbour, reason: string): Promise<void>;
}

export const BGP_PORT = 179;

const NEIGHBOUR_DEFAULTS = {
  passive: false,
  password: null,
  gtsm: false,
  addPathSend: false,
  addPathReceive: false,
  gracefulRestartSeconds: null,
  deferralSeconds: 3,
  holdTimeSeconds: 90,
  reflectorClient: false,
  fourOctetAs: true,
  port: BGP_PORT,
  multihopTtl: null,
  interface: null,
  extendedNextHop: false,
  nextHopSelf: false,
  bfd: null,
  localAs: null,
  words: [],
  peregrine: {},
} as const satisfies Partial<Neighbour>;

/** A neighbour with all that is not said at its default. */
export function neighbour(
  given: Pick<Neighbour, 'address' | 'localAddress' | 'as' | 'families'> & Partial<Neighbour>,
): Neighbour {
  return { ...NEIGHBOUR_DEFAULTS, ...given };
}

/** An announcement with no attribute but the mandatory ones unless given. */
export function announcement(prefix: string, given: Partial<Announcement> = {}): Announcement {
  return {
    prefix,
    nextHop: null,
    origin: 'igp',
    med: null,
    localPref: null,
    communities: [],
    largeCommunities: [],
    extendedCommunities: [],
    ...given,
  };
}

/** `fe80::1%eth0` for a session that is bound to a link, else the address. */
export function addressWithLink(address: string, { interface: link }: Neighbour): string {
  return link === null ? address : `${address}%${link}`;
}

export function familyOf(prefixOrAddress: string): Family {
  return prefixOrAddress.includes(':') ? 'ipv6-unicast' : 'ipv4-unicast';
}

function normalised(routes: readonly ReceivedRoute[], isInternal: boolean): readonly ReceivedRoute[] {
  return routes
    .map((route) => ({
      ...route,
      // Daemons show their default for what was not received; an absent MED counts as 0 everywhere (RFC 4271 9.1.2.2).
      med: route.med === 0 ? null : route.med,
      localPref: isInternal ? route.localPref : null,
      communities: [...route.communities].sort(),
      largeCommunities: [...route.largeCommunities].sort(),
      extendedCommunities: [...route.extendedCommunities].sort(),
    }))
    .sort(
      (a, b) => compareText(a.prefix, b.prefix) || compareText(a.nextHop, b.nextHop) || compareText(key(a), key(b)),
    );
}

function key(route: ReceivedRoute): string {
  return JSON.stringify(route);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A running daemon with the questions and commands that the tests have. */
export class Router {
  readonly kind: RouterKind;
  readonly namespace: Namespace;
  readonly routeRefresh: RouterDriver['routeRefresh'];
  readonly #driver: RouterDriver;
  readonly #lab: Laboratory;
  #config: RouterConfig;
  #daemon: DaemonProcess | null = null;
  #restartCount = 0;

  constructor(driver: RouterDriver, lab: Laboratory, namespace: Namespace, config: RouterConfig) {
    this.kind = driver.kind;
    this.routeRefresh = driver.routeRefresh;
    this.namespace = namespace;
    this.#driver = driver;
    this.#lab = lab;
    this.#config = config;
  }

  async start(): Promise<this> {
    this.#daemon = await this.#driver.start(this.context);
    return this;
  }

  /** The current process; another one after restart(). */
  get daemon(): DaemonProcess {
    if (this.#daemon === null) throw new Error(`${this.kind} was not started`);
    return this.#daemon;
  }

  /** For commands that only this daemon has. */
  get context(): RouterContext {
    const { namespace } = this;
    return {
      lab: this.#lab,
      namespace,
      folder: this.#lab.folder(namespace),
      config: this.#config,
      restartCount: this.#restartCount,
      daemon: this.#daemon,
      command: async (argv, input) => {
        const result = await this.#lab.run(namespace, argv, input);
        if (result.status === 0) return result.stdout;
        throw new Error(`${argv.join(' ')} ended with status ${result.status}: ${result.stdout}${result.stderr}`);
      },
    };
  }

  session(neighbourAddress: string): Promise<SessionStatus> {
    return this.#driver.session(this.context, this.#neighbour(neighbourAddress));
  }

  /** Routes from that neighbour as the daemon's own CLI shows them, in a fixed order. */
  async received(neighbourAddress: string, family: Family): Promise<readonly ReceivedRoute[]> {
    const neighbour = this.#neighbour(neighbourAddress);
    const routes = await this.#driver.received(this.context, neighbour, family);
    return normalised(routes, neighbour.as === (neighbour.localAs ?? this.#config.localAs));
  }

  /** Originates the prefix, or replaces what it announced for it before. */
  async announce(announced: Announcement): Promise<void> {
    const others = this.#config.networks.filter((network) => network.prefix !== announced.prefix);
    this.#config = { ...this.#config, networks: [...others, announced] };
    await this.#driver.announce(this.context, announced);
  }

  async withdraw(prefix: string): Promise<void> {
    const networks = this.#config.networks.filter((network) => network.prefix !== prefix);
    this.#config = { ...this.#config, networks };
    await this.#driver.withdraw(this.context, prefix);
  }

  /** Announcements that the daemon has counted from that neighbour since it started; only differences mean anything. */
  updatesReceived(neighbourAddress: string): Promise<number> {
    return this.#driver.updatesReceived(this.context, this.#neighbour(neighbourAddress));
  }

  /** Will not announce the prefix again after restart(); a running daemon is not told. */
  forget(prefix: string): void {
    this.#config = { ...this.#config, networks: this.#config.networks.filter((network) => network.prefix !== prefix) };
  }

  /** Puts another configuration in force without ending the process. Of the announcements, announce() is the way. */
  async reconfigure(change: Partial<RouterConfig>): Promise<void> {
    if (this.#driver.reload === null) throw new Error(`${this.kind} cannot be reconfigured`);
    this.#config = { ...this.#config, ...change };
    await this.#driver.reload(this.context);
  }

  /** Sends ROUTE-REFRESH: asks the neighbour for all its routes again. */
  async requestRefresh(neighbourAddress: string, family: Family): Promise<void> {
    await this.#driver.requestRefresh(this.context, this.#neighbour(neighbourAddress), family);
  }

  /** Ends the session by the operator's command (Cease, Administrative Shutdown or Reset). */
  async disable(neighbourAddress: string, reason: string): Promise<void> {
    await this.#driver.disable(this.context, this.#neighbour(neighbourAddress), reason);
  }

  /** Starts the process again after it ended, with the announcements it had, as a restarting speaker (RFC 4724). */
  async restart(): Promise<void> {
    await this.daemon.exited;
    this.#restartCount++;
    await this.start();
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }

  #neighbour(address: string): Neighbour {
    const found = this.#config.neighbours.find((candidate) => candidate.address === address);
    if (found === undefined) throw new Error(`${this.kind} has no neighbour ${address}`);
    return found;
  }
}
