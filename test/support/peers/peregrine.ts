/**
 * Peregrine itself, stand-alone, behind the same questions as the foreign daemons: a YAML file read again on SIGHUP, and
 * `peregrine show ... --json` over the control socket. The bundle in dist/ is what runs, as it does for users.
 *
 * Attributes of announcements are set by the export policy, one statement per prefix. ORIGIN cannot be chosen: what
 * Peregrine originates is IGP.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type {
  AdvertisedView,
  AttributesView,
  BfdSessionView,
  PeerView,
  ReceivedView,
  RouteView,
  View,
} from '../../../src/api/schema.ts';
import { waitFor } from '../wait-for.ts';
import {
  type Announcement,
  familyOf,
  type Neighbour,
  type Origin,
  type ReceivedRoute,
  type Router,
  type RouterContext,
  type RouterDriver,
} from './router.ts';

export const PEREGRINE_MAIN = fileURLToPath(new URL('../../../dist/peregrine.js', import.meta.url));
const START_DEADLINE_MS = 15_000;
const RELOAD_DEADLINE_MS = 5_000;

export const PEREGRINE: RouterDriver = {
  kind: 'peregrine',
  routeRefresh: { asks: true, answers: true },

  async start(router) {
    if (!existsSync(PEREGRINE_MAIN)) throw new Error(`${PEREGRINE_MAIN} is missing: run npm run build`);
    writeConfig(router);
    const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--config', configPath(router)];
    const daemon = router.lab.spawn(router.namespace, argv);
    await daemon.ready('its control socket answers', START_DEADLINE_MS, async () => {
      await peregrine(router, 'show', 'status', '--json');
      return true;
    });
    return daemon;
  },

  async session(router, neighbour) {
    const { state } = await peerView(router, neighbour.address);
    return { isEstablished: state.toLowerCase() === 'established', text: state };
  },

  async received(router, neighbour, family) {
    const views = await listOf<ReceivedView>(router, 'received', neighbour.address);
    return views.filter((view) => familyOf(view.prefix) === family).map(routeFrom);
  },

  async updatesReceived(router, neighbour) {
    return (await peerView(router, neighbour.address)).messages.updatesReceived;
  },

  announce: reload,
  withdraw: reload,
  reload,

  async requestRefresh(router, neighbour) {
    await peregrine(router, 'peer', neighbour.address, 'refresh-in');
  },

  /** The text of RFC 9003 cannot be given on its command line. */
  async disable(router, neighbour) {
    await peregrine(router, 'peer', neighbour.address, 'disable');
  },
};

/** All sessions as `peregrine show peers` has them. */
export async function peerViews(router: RouterContext): Promise<readonly PeerView[]> {
  return await listOf<PeerView>(router, 'peers');
}

/** All BFD sessions as `peregrine show bfd` has them. */
export async function bfdViews(router: RouterContext): Promise<readonly BfdSessionView[]> {
  return await listOf<BfdSessionView>(router, 'bfd');
}

/** The session with that address. */
export async function peerView(router: RouterContext, address: string): Promise<PeerView> {
  const peers = await peerViews(router);
  const found = peers.find((peer) => peer.address === address);
  if (found === undefined) throw new Error(`peregrine shows no peer ${address}`);
  return found;
}

/** What `explain peer` says about the session with that address. */
export async function explainPeer(router: RouterContext, address: string): Promise<View<'PeerExplanation'>> {
  const { name } = await peerView(router, address);
  return JSON.parse(await peregrine(router, 'explain', 'peer', name, '--json')) as View<'PeerExplanation'>;
}

/** What `explain kernel` says about a prefix. */
export async function explainKernel(router: RouterContext, prefix: string): Promise<View<'KernelExplanation'>> {
  return JSON.parse(await peregrine(router, 'explain', 'kernel', prefix, '--json')) as View<'KernelExplanation'>;
}

/** What it says it told that neighbour, in the form of received(). */
export async function advertised(router: Router, address: string): Promise<readonly ReceivedRoute[]> {
  return (await listOf<AdvertisedView>(router.context, 'advertised', address)).map(routeFrom);
}

/** All it knows about a prefix (or all prefixes), with the best path and the reasons of the others. */
export async function routes(router: Router, prefix?: string): Promise<readonly RouteView[]> {
  return await listOf<RouteView>(router.context, 'routes', ...(prefix === undefined ? [] : [prefix]));
}

async function listOf<T>(router: RouterContext, ...words: readonly string[]): Promise<readonly T[]> {
  const text = await peregrine(router, 'show', ...words, '--json');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export function peregrine(router: RouterContext, ...words: readonly string[]): Promise<string> {
  return router.command([process.execPath, PEREGRINE_MAIN, ...words, '--socket', socketPath(router)]);
}

function socketPath(router: RouterContext): string {
  return join(router.folder, 'peregrine.sock');
}

function configPath(router: RouterContext): string {
  return join(router.folder, 'peregrine.yaml');
}

async function reload(router: RouterContext): Promise<void> {
  const before = await revision(router);
  const oldConfig = readFileSync(configPath(router), 'utf8');
  writeConfig(router);
  if (readFileSync(configPath(router), 'utf8') === oldConfig) return;
  router.daemon?.signal('SIGHUP');
  await waitFor('the new configuration is in force', RELOAD_DEADLINE_MS, async () =>
    (await revision(router)) === before ? null : true,
  );
}

async function revision(router: RouterContext): Promise<string> {
  const status = JSON.parse(await peregrine(router, 'show', 'status', '--json')) as {
    readonly appliedRevision: string;
  };
  return status.appliedRevision;
}

function writeConfig(router: RouterContext): void {
  const { config } = router;
  const document = {
    routerId: config.routerId,
    as: config.localAs,
    logLevel: 'debug',
    controlSocket: socketPath(router),
    kernel: config.kernel ?? {},
    peers: config.neighbours.map((neighbour) => peerEntry(neighbour)),
    originate: config.networks.map((network) => ({ prefix: network.prefix })),
    ...(config.clusterId === undefined ? {} : { clusterId: config.clusterId }),
    ...(config.listenPort === undefined ? {} : { listen: listenOn(config.listenPort) }),
    ...config.peregrine,
    policies: {
      announcements: { statements: config.networks.map(statement), otherwise: 'accept' },
      ...(config.peregrine?.policies as object | undefined),
    },
  };
  writeFileSync(configPath(router), stringify(document));
}

function listenOn(port: number): object {
  return ['0.0.0.0', '::'].map((address) => ({ address, port }));
}

function peerEntry(neighbour: Neighbour): object {
  const addPath = { send: neighbour.addPathSend, receive: neighbour.addPathReceive };
  const restart = neighbour.gracefulRestartSeconds;
  return {
    address: neighbour.address,
    localAddress: neighbour.localAddress,
    as: neighbour.as,
    families: neighbour.families,
    passive: neighbour.passive,
    holdTimeSeconds: neighbour.holdTimeSeconds,
    connectRetryTimeSeconds: 1,
    idleHold: { minSeconds: 1, maxSeconds: 2 },
    fourOctetAs: neighbour.fourOctetAs,
    addPath,
    gracefulRestart: restart === null ? {} : { mode: 'helper', restartTimeSeconds: restart },
    routeReflectorClient: neighbour.reflectorClient,
    export: 'announcements',
    port: neighbour.port,
    extendedNextHop: neighbour.extendedNextHop,
    ...(neighbour.nextHopSelf ? { nextHop: 'self' } : {}),
    ...(neighbour.multihopTtl === null ? {} : { multihopTtl: neighbour.multihopTtl }),
    ...(neighbour.interface === null ? {} : { interface: neighbour.interface }),
    ...(neighbour.localAs === null ? {} : { localAs: neighbour.localAs }),
    ...(neighbour.password === null ? {} : { password: neighbour.password }),
    ...(neighbour.bfd === null ? {} : { bfd: bfdOf(neighbour, neighbour.bfd) }),
    ...(neighbour.gtsm ? { ttlSecurityHops: 1 } : {}),
    ...neighbour.peregrine,
  };
}

function bfdOf({ multihopTtl }: Neighbour, { intervalMs, multiplier }: NonNullable<Neighbour['bfd']>): object {
  return { minTxMs: intervalMs, minRxMs: intervalMs, multiplier, multihop: multihopTtl !== null };
}

function statement(network: Announcement): object {
  if (network.nextHop !== null) throw new Error('what Peregrine originates has our own next hop');
  if (network.origin !== 'igp') throw new Error('what Peregrine originates has ORIGIN IGP');
  const communities = [...network.communities, ...network.largeCommunities, ...network.extendedCommunities];
  return {
    match: { prefix: network.prefix, source: 'static' },
    set: {
      ...(network.med === null ? {} : { med: network.med }),
      ...(network.localPref === null ? {} : { localPref: network.localPref }),
      ...(communities.length === 0 ? {} : { addCommunity: communities }),
    },
    // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
    then: 'accept',
  };
}

function routeFrom(view: {
  readonly prefix: string;
  readonly pathId: number | null;
  readonly attributes: AttributesView;
}): ReceivedRoute {
  const { attributes } = view;
  return {
    prefix: view.prefix,
    // A global and a link-local address may be shown together.
    nextHop: (attributes.nextHop ?? '').split(/[\s,]/)[0],
    asPath: attributes.asPath
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
    origin: attributes.origin.toLowerCase() as Origin,
    med: attributes.med,
    localPref: attributes.localPref,
    communities: attributes.communities,
    largeCommunities: attributes.largeCommunities,
    extendedCommunities: attributes.extendedCommunities,
    originatorId: attributes.originatorId,
    clusterList: attributes.clusterList,
    pathId: view.pathId,
  };
}
