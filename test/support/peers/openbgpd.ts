/**
 * OpenBGPD (portable) as a peer: one configuration file, written anew and reloaded for every change, and bgpctl over a
 * control socket of its own. Its two inner processes live in the chroot of user _openbgpd, which Debian only makes when
 * the service starts, so it is made here. It programs no routes on Linux.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Announcement,
  addressWithLink,
  BGP_PORT,
  familyOf,
  type Neighbour,
  type Origin,
  type ReceivedRoute,
  type RouterContext,
  type RouterDriver,
} from './router.ts';

const START_DEADLINE_MS = 10_000;
const CHROOT = '/run/openbgpd';
const ORIGINS: { readonly [word: string]: Origin } = { IGP: 'igp', EGP: 'egp', incomplete: 'incomplete' };

interface OpenbgpdRoute {
  readonly prefix: string;
  readonly aspath: string;
  readonly exit_nexthop: string;
  readonly origin: string;
  readonly metric: number;
  readonly localpref: number;
  readonly path_id?: number;
  readonly communities?: readonly string[];
  readonly extended_communities?: readonly string[];
  readonly large_communities?: readonly string[];
  readonly attributes?: readonly {
    readonly type: string;
    readonly originator?: string;
    readonly cluster_list?: readonly string[];
  }[];
}

export const OPENBGPD: RouterDriver = {
  kind: 'openbgpd',
  // 7.7 drops every request with "AID not negotiated", though it is.
  routeRefresh: { asks: true, answers: false },

  async start(router) {
    mkdirSync(CHROOT, { recursive: true });
    const configPath = writeConfig(router);
    const daemon = router.lab.spawn(router.namespace, ['/usr/sbin/bgpd', '-d', '-v', '-f', configPath]);
    await daemon.ready('bgpctl answers', START_DEADLINE_MS, async () => {
      const answer = await bgpctl(router, 'show', 'neighbor');
      return router.config.neighbours.every((neighbour) => answer.includes(neighbour.address)) ? true : null;
    });
    return daemon;
  },

  async session(router, neighbour) {
    const answer = await bgpctl(router, '-j', 'show', 'neighbor', addressWithLink(neighbour.address, neighbour));
    const text = /"state":\s*"([^"]+)"/.exec(answer)?.[1] ?? 'no session';
    return { isEstablished: text === 'Established', text };
  },

  async received(router, neighbour, family) {
    const answer = await bgpctl(
      router,
      '-j',
      'show',
      'rib',
      'in',
      'detail',
      'neighbor',
      addressWithLink(neighbour.address, neighbour),
    );
    const { rib = [] } = JSON.parse(answer) as { readonly rib?: readonly OpenbgpdRoute[] };
    return rib.filter((route) => familyOf(route.prefix) === family).map(routeFrom);
  },

  async updatesReceived(router, neighbour) {
    const answer = JSON.parse(
      await bgpctl(router, '-j', 'show', 'neighbor', addressWithLink(neighbour.address, neighbour)),
    ) as {
      readonly neighbors: readonly {
        readonly stats?: { readonly update?: { readonly received?: { updates: number } } };
      }[];
    };
    return answer.neighbors[0]?.stats?.update?.received?.updates ?? 0;
  },

  announce: reload,
  withdraw: reload,
  reload,

  async requestRefresh(router, neighbour) {
    await bgpctl(router, 'neighbor', addressWithLink(neighbour.address, neighbour), 'refresh');
  },

  async disable(router, neighbour, reason) {
    await bgpctl(router, 'neighbor', addressWithLink(neighbour.address, neighbour), 'down', reason);
  },
};

function socketPath(router: RouterContext): string {
  return join(router.folder, 'bgpd.sock');
}

function bgpctl(router: RouterContext, ...command: readonly string[]): Promise<string> {
  return router.command(['bgpctl', '-s', socketPath(router), ...command]);
}

async function reload(router: RouterContext): Promise<void> {
  writeConfig(router);
  await bgpctl(router, 'reload');
}

function writeConfig(router: RouterContext): string {
  const path = join(router.folder, 'bgpd.conf');
  // bgpd refuses a configuration that others may read.
  writeFileSync(path, renderOpenbgpd(router), { mode: 0o600 });
  return path;
}

function renderOpenbgpd(router: RouterContext): string {
  const { config } = router;
  const listen = new Set(config.neighbours.map((neighbour) => addressWithLink(neighbour.localAddress, neighbour)));
  const lines = [
    `AS ${config.localAs}`,
    `router-id ${config.routerId}`,
    ...[...listen].map((address) => `listen on ${address} port ${config.listenPort ?? BGP_PORT}`),
    'fib-update no',
    `socket "${socketPath(router)}"`,
    ...config.networks.map((network) => renderNetwork(router, network)),
  ];
  const clusterId = config.clusterId ?? config.routerId;
  for (const neighbour of config.neighbours) lines.push(...renderNeighbour(neighbour, clusterId));
  return [...lines, 'allow from any', 'allow to any', ''].join('\n');
}

function renderNetwork(router: RouterContext, network: Announcement): string {
  const set = [`origin ${network.origin}`];
  // Left alone, it announces ::1 for IPv6 routes of a session over IPv4.
  const nextHop = network.nextHop ?? (familyOf(network.prefix) === 'ipv6-unicast' ? router.namespace.ipv6 : null);
  if (nextHop !== null) set.push(`nexthop ${nextHop}`);
  if (network.med !== null) set.push(`med ${network.med}`);
  if (network.localPref !== null) set.push(`localpref ${network.localPref}`);
  for (const community of network.communities) set.push(`community ${community}`);
  for (const large of network.largeCommunities) set.push(`large-community ${large}`);
  for (const extended of network.extendedCommunities) set.push(`ext-community ${extended.replace(':', ' ')}`);
  return `network ${network.prefix} set { ${set.join(' ')} }`;
}

function renderNeighbour(neighbour: Neighbour, clusterId: string): readonly string[] {
  const offers = (family: string): string => (neighbour.families.includes(family as never) ? 'unicast' : 'none');
  const lines = [
    `neighbor ${addressWithLink(neighbour.address, neighbour)} {`,
    `  remote-as ${neighbour.as}`,
    `  holdtime ${neighbour.holdTimeSeconds}`,
    `  announce IPv4 ${offers('ipv4-unicast')}`,
    `  announce IPv6 ${offers('ipv6-unicast')}`,
    `  announce as-4byte ${neighbour.fourOctetAs ? 'yes' : 'no'}`,
    `  announce restart ${neighbour.gracefulRestartSeconds === null ? 'no' : 'yes'}`,
    `  announce add-path recv ${neighbour.addPathReceive ? 'yes' : 'no'}`,
    `  announce add-path send ${neighbour.addPathSend ? 'all' : 'no'}`,
  ];
  // 7.7 does not find the listener that belongs to a local-address, and leaves it without the key of RFC 2385.
  if (neighbour.password === null) {
    lines.push(`  local-address ${addressWithLink(neighbour.localAddress, neighbour)}`);
  }
  if (neighbour.port !== BGP_PORT) lines.push(`  port ${neighbour.port}`);
  if (neighbour.multihopTtl !== null) lines.push(`  multihop ${neighbour.multihopTtl}`);
  if (neighbour.localAs !== null) lines.push(`  local-as ${neighbour.localAs}`);
  if (neighbour.passive) lines.push('  passive');
  if (neighbour.password !== null) lines.push(`  tcp md5sig password "${neighbour.password}"`);
  if (neighbour.gtsm) lines.push('  ttl-security yes');
  if (neighbour.reflectorClient) lines.push(`  route-reflector ${clusterId}`);
  return [...lines, ...neighbour.words, '}'];
}

function routeFrom(route: OpenbgpdRoute): ReceivedRoute {
  const { attributes = [] } = route;
  return {
    prefix: route.prefix,
    nextHop: route.exit_nexthop,
    asPath: route.aspath
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
    origin: ORIGINS[route.origin] ?? 'igp',
    med: route.metric,
    localPref: route.localpref,
    communities: route.communities ?? [],
    largeCommunities: route.large_communities ?? [],
    extendedCommunities: (route.extended_communities ?? []).map((word) => word.replace(' ', ':')),
    originatorId: attributes.find((attribute) => attribute.originator !== undefined)?.originator ?? null,
    clusterList: attributes.find((attribute) => attribute.cluster_list !== undefined)?.cluster_list ?? [],
    pathId: route.path_id ?? null,
  };
}
