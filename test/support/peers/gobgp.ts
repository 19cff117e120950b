/**
 * GoBGP as a peer: neighbours from a TOML file, announcements and queries through the gobgp command over a Unix socket.
 * It has no way to offer two-octet AS numbers, and it resolves no next hops.
 */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Announcement,
  addressWithLink,
  BGP_PORT,
  type Family,
  familyOf,
  type Neighbour,
  type Origin,
  type ReceivedRoute,
  type RouterConfig,
  type RouterContext,
  type RouterDriver,
} from './router.ts';

const START_DEADLINE_MS = 10_000;
const ORIGINS: readonly Origin[] = ['igp', 'egp', 'incomplete'];

/** Attribute type codes of its JSON (RFC 4271 and successors). */
const ORIGIN = 1;
const AS_PATH = 2;
const NEXT_HOP = 3;
const MULTI_EXIT_DISC = 4;
const LOCAL_PREF = 5;
const COMMUNITIES = 8;
const ORIGINATOR_ID = 9;
const CLUSTER_LIST = 10;
const MP_REACH_NLRI = 14;
const EXTENDED_COMMUNITIES = 16;
const LARGE_COMMUNITY = 32;
const ROUTE_TARGET = 2;

interface GobgpAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly nexthop?: string;
  readonly metric?: number;
  readonly communities?: readonly number[];
}

interface GobgpPath {
  readonly nlri: { readonly prefix: string };
  readonly id?: number;
  readonly 'remote-id'?: number;
  readonly attrs: readonly GobgpAttribute[];
}

export const GOBGP: RouterDriver = {
  kind: 'gobgp',
  // Its softresetin only reads its own Adj-RIB-In again.
  routeRefresh: { asks: false, answers: true },

  async start(router) {
    const configPath = join(router.folder, 'gobgpd.toml');
    writeFileSync(configPath, renderGobgp(router.config));
    const argv = [
      'gobgpd',
      '-f',
      configPath,
      '-l',
      'debug',
      '-p',
      '--pprof-disable',
      '--api-hosts',
      apiAddress(router),
    ];
    if (router.restartCount > 0) argv.push('-r');
    // It does not take over the socket of an earlier process.
    rmSync(join(router.folder, 'api.sock'), { force: true });
    const daemon = router.lab.spawn(router.namespace, argv);
    await daemon.ready('gobgp answers and all neighbours are there', START_DEADLINE_MS, async () => {
      const neighbours: unknown = JSON.parse(await gobgp(router, 'neighbor', '-j'));
      return Array.isArray(neighbours) && neighbours.length === router.config.neighbours.length ? true : null;
    });
    for (const network of router.config.networks) await announce(router, network);
    return daemon;
  },

  async session(router, neighbour) {
    const answer = JSON.parse(await gobgp(router, 'neighbor', addressWithLink(neighbour.address, neighbour), '-j')) as {
      readonly state?: { readonly session_state?: number };
    };
    // SessionState of its API: 6 is ESTABLISHED.
    const state = answer.state?.session_state ?? 0;
    return { isEstablished: state === 6, text: `session_state ${state}` };
  },

  async received(router, neighbour, family) {
    const question = ['neighbor', addressWithLink(neighbour.address, neighbour), 'adj-in', '-a', afi(family), '-j'];
    const text = await gobgp(router, ...question).catch((error: Error) => {
      // Instead of an empty table.
      if (error.message.includes('session is not established')) return '{}';
      throw error;
    });
    const table = JSON.parse(text) as { readonly [prefix: string]: readonly GobgpPath[] };
    return Object.values(table).flatMap((paths) => paths.map((path) => routeFrom(path, neighbour)));
  },

  async updatesReceived(router, neighbour) {
    const answer = JSON.parse(await gobgp(router, 'neighbor', addressWithLink(neighbour.address, neighbour), '-j')) as {
      readonly state?: { readonly messages?: { readonly received?: { readonly update?: number } } };
    };
    return answer.state?.messages?.received?.update ?? 0;
  },

  announce,

  async withdraw(router, prefix) {
    await gobgp(router, 'global', 'rib', 'del', '-a', afi(familyOf(prefix)), prefix);
  },

  reload: null,

  async requestRefresh(router, neighbour, family) {
    await gobgp(router, 'neighbor', addressWithLink(neighbour.address, neighbour), 'softresetin', '-a', afi(family));
  },

  async disable(router, neighbour, reason) {
    await gobgp(router, 'neighbor', addressWithLink(neighbour.address, neighbour), 'shutdown', '--reason', reason);
  },
};

function apiAddress(router: RouterContext): string {
  return `unix://${join(router.folder, 'api.sock')}`;
}

function gobgp(router: RouterContext, ...command: readonly string[]): Promise<string> {
  return router.command(['gobgp', '--target', apiAddress(router), ...command]);
}

function afi(family: Family): string {
  return family === 'ipv4-unicast' ? 'ipv4' : 'ipv6';
}

async function announce(router: RouterContext, network: Announcement): Promise<void> {
  const words = ['global', 'rib', 'add', '-a', afi(familyOf(network.prefix)), network.prefix, 'origin', network.origin];
  if (network.nextHop !== null) words.push('nexthop', network.nextHop);
  if (network.med !== null) words.push('med', String(network.med));
  if (network.localPref !== null) words.push('local-pref', String(network.localPref));
  if (network.communities.length > 0) words.push('community', network.communities.join(','));
  if (network.largeCommunities.length > 0) words.push('large-community', network.largeCommunities.join(','));
  for (const extended of network.extendedCommunities) words.push('rt', extended.replace(/^rt:/, ''));
  await gobgp(router, ...words);
}

function renderGobgp(config: RouterConfig): string {
  const lines = ['[global.config]', `as = ${config.localAs}`, `router-id = "${config.routerId}"`];
  lines.push(`port = ${config.listenPort ?? BGP_PORT}`);
  for (const neighbour of config.neighbours) lines.push(...renderNeighbour(config, neighbour));
  return `${lines.join('\n')}\n`;
}

function renderNeighbour(config: RouterConfig, neighbour: Neighbour): readonly string[] {
  const lines = [
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${addressWithLink(neighbour.address, neighbour)}"`,
    `peer-as = ${neighbour.as}`,
  ];
  if (neighbour.localAs !== null) lines.push(`local-as = ${neighbour.localAs}`);
  if (neighbour.password !== null) lines.push(`auth-password = "${neighbour.password}"`);
  lines.push(
    ...neighbour.words,
    '[neighbors.transport.config]',
    `local-address = "${addressWithLink(neighbour.localAddress, neighbour)}"`,
    `remote-port = ${neighbour.port}`,
    `passive-mode = ${neighbour.passive}`,
    '[neighbors.timers.config]',
    `hold-time = ${neighbour.holdTimeSeconds}`,
    `keepalive-interval = ${Math.max(1, Math.floor(neighbour.holdTimeSeconds / 3))}`,
    // The shortest that it accepts: a tenth of its defaults.
    'connect-retry = 1',
    'idle-hold-time-after-reset = 1',
  );
  if (neighbour.gtsm) lines.push('[neighbors.ttl-security.config]', 'enabled = true', 'ttl-min = 255');
  if (neighbour.multihopTtl !== null) {
    lines.push('[neighbors.ebgp-multihop.config]', 'enabled = true', `multihop-ttl = ${neighbour.multihopTtl}`);
  }
  const restart = neighbour.gracefulRestartSeconds;
  if (restart !== null) {
    lines.push(
      '[neighbors.graceful-restart.config]',
      'enabled = true',
      `restart-time = ${restart}`,
      `deferral-time = ${neighbour.deferralSeconds}`,
    );
  }
  if (neighbour.reflectorClient) {
    lines.push(
      '[neighbors.route-reflector.config]',
      'route-reflector-client = true',
      `route-reflector-cluster-id = "${config.clusterId ?? config.routerId}"`,
    );
  }
  for (const family of neighbour.families) {
    lines.push('[[neighbors.afi-safis]]', '[neighbors.afi-safis.config]', `afi-safi-name = "${family}"`);
    if (restart !== null) lines.push('[neighbors.afi-safis.mp-graceful-restart.config]', 'enabled = true');
    lines.push('[neighbors.afi-safis.add-paths.config]', `receive = ${neighbour.addPathReceive}`);
    if (neighbour.addPathSend) lines.push('send-max = 8');
  }
  return lines;
}

function routeFrom(path: GobgpPath, neighbour: Neighbour): ReceivedRoute {
  const attributes = new Map(path.attrs.map((attribute) => [attribute.type, attribute]));
  const value = (type: number): unknown => attributes.get(type)?.value;
  const numberOf = (type: number): number | null => (typeof value(type) === 'number' ? (value(type) as number) : null);
  const list = (type: number): readonly unknown[] => (Array.isArray(value(type)) ? (value(type) as unknown[]) : []);
  const large = list(LARGE_COMMUNITY) as readonly { ASN: number; LocalData1: number; LocalData2: number }[];
  const extended = list(EXTENDED_COMMUNITIES) as readonly { subtype: number; value: string }[];
  return {
    prefix: path.nlri.prefix,
    nextHop: attributes.get(NEXT_HOP)?.nexthop ?? attributes.get(MP_REACH_NLRI)?.nexthop ?? '',
    asPath: (attributes.get(AS_PATH)?.as_paths ?? []).flatMap((segment) => segment.asns),
    origin: ORIGINS[numberOf(ORIGIN) ?? 0],
    med: attributes.get(MULTI_EXIT_DISC)?.metric ?? null,
    localPref: numberOf(LOCAL_PREF),
    communities: (attributes.get(COMMUNITIES)?.communities ?? []).map((word) => `${word >>> 16}:${word & 0xffff}`),
    largeCommunities: large.map((item) => `${item.ASN}:${item.LocalData1}:${item.LocalData2}`),
    extendedCommunities: extended.map((item) => `${item.subtype === ROUTE_TARGET ? 'rt' : item.subtype}:${item.value}`),
    originatorId: typeof value(ORIGINATOR_ID) === 'string' ? (value(ORIGINATOR_ID) as string) : null,
    clusterList: list(CLUSTER_LIST) as readonly string[],
    pathId: neighbour.addPathReceive ? (path['remote-id'] ?? path.id ?? null) : null,
  };
}
