/**
 * BIRD 2 as a peer: configuration written anew and reloaded with `birdc configure` for every change of announcements;
 * routes read with `birdc show route all`. Sessions carry the families asked for in channels.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonProcess } from '../daemon-process.ts';
import { waitUntil } from '../wait-for.ts';
import {
  type Announcement,
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
const ORIGINS: { readonly [word: string]: Origin } = { IGP: 'igp', EGP: 'egp', Incomplete: 'incomplete' };

export const BIRD: RouterDriver = {
  kind: 'bird',
  routeRefresh: { asks: true, answers: true },

  async start(router) {
    return await runBird(router, renderBird(router.config), router.restartCount > 0);
  },

  async session(router, neighbour) {
    const answer = await birdc(router, 'show', 'protocols', 'all', protocol(router, neighbour));
    const text = /BGP state:\s+(.*)/.exec(answer)?.[1].trim() ?? 'no session';
    return { isEstablished: text === 'Established', text };
  },

  async received(router, neighbour, family) {
    const name = protocol(router, neighbour);
    return parseRoutes(await birdc(router, 'show', 'route', 'all', 'table', tableOf(family), 'protocol', name));
  },

  async updatesReceived(router, neighbour) {
    const answer = await birdc(router, 'show', 'protocols', 'all', protocol(router, neighbour));
    const counts = [...answer.matchAll(/Import updates:\s+(\d+)/g)].map((match) => Number(match[1]));
    return counts.reduce((sum, count) => sum + count, 0);
  },

  announce: reload,
  withdraw: reload,
  reload,

  async requestRefresh(router, neighbour) {
    await birdc(router, 'reload', 'in', protocol(router, neighbour));
  },

  async disable(router, neighbour, reason) {
    await birdc(router, 'disable', protocol(router, neighbour), `"${reason}"`);
  },
};

/** Where a BIRD runs and how to ask it. */
export type BirdPlace = Pick<RouterContext, 'lab' | 'namespace' | 'folder' | 'command'>;

/** Starts a BIRD with this configuration; `isRestart` sets the R bit of RFC 4724. */
export async function runBird(place: BirdPlace, configuration: string, isRestart = false): Promise<DaemonProcess> {
  const path = (name: string): string => join(place.folder, name);
  writeFileSync(path('bird.conf'), configuration);
  const argv = ['bird', '-f', '-c', path('bird.conf'), '-s', path('bird.ctl'), '-P', path('bird.pid')];
  if (isRestart) argv.push('-R');
  const daemon = place.lab.spawn(place.namespace, argv);
  await daemon.ready('birdc answers', START_DEADLINE_MS, async () => {
    const status = await birdc(place, 'show', 'status');
    return /Daemon is up and running|Graceful restart recovery/.test(status) ? true : null;
  });
  return daemon;
}

/** Puts another configuration in force. */
export async function configureBird(place: BirdPlace, configuration: string): Promise<void> {
  writeFileSync(join(place.folder, 'bird.conf'), configuration);
  const answer = await birdc(place, 'configure');
  if (!answer.includes('Reconfigur')) throw new Error(`birdc configure: ${answer}`);
}

export function birdc(place: BirdPlace, ...command: readonly string[]): Promise<string> {
  return place.command(['birdc', '-s', join(place.folder, 'bird.ctl'), ...command]);
}

async function reload(router: RouterContext): Promise<void> {
  await configureBird(router, renderBird(router.config));
}

function protocol(router: RouterContext, neighbour: Neighbour): string {
  return `n${router.config.neighbours.indexOf(neighbour)}`;
}

function tableOf(family: Family): string {
  return family === 'ipv4-unicast' ? 'master4' : 'master6';
}

function renderBird(config: RouterConfig): string {
  const lines = [
    `router id ${config.routerId};`,
    'log stderr all;',
    'protocol device { scan time 1; }',
    'protocol direct { ipv4; ipv6; }',
    ...(config.neighbours.some(({ bfd }) => bfd !== null) ? ['protocol bfd { }'] : []),
  ];
  for (const family of ['ipv4-unicast', 'ipv6-unicast'] as const) {
    const channel = channelOf(family);
    const networks = config.networks.filter((network) => familyOf(network.prefix) === family);
    lines.push(`protocol static announced_${channel} { ${channel};`);
    for (const network of networks) lines.push(`  route ${network.prefix} blackhole;`);
    lines.push('}');
    // Attributes are set on export: BIRD keeps a MED towards eBGP only when the export filter has set it. Routes of
    // the connected subnet are there to resolve next hops, not to be told.
    lines.push(`filter to_neighbour_${channel} {`);
    for (const network of networks) {
      lines.push(`  if net = ${network.prefix} && source = RTS_STATIC then { ${attributes(network)} accept; }`);
    }
    lines.push('  if source = RTS_BGP then accept;', '  reject;', '}');
  }
  if (config.kernel?.enabled === true) {
    // As Calico configures it: routes stay at exit, and after a start with -R until graceful restart is over.
    lines.push('protocol kernel { persist; graceful restart; merge paths on; scan time 2;');
    lines.push('  ipv4 { export filter { if source = RTS_BGP || source = RTS_STATIC then accept; reject; }; };', '}');
  }
  for (const [index, neighbour] of config.neighbours.entries())
    lines.push(...renderNeighbour(config, neighbour, index));
  return `${lines.join('\n')}\n`;
}

/** Waits until every BGP protocol is established. */
export async function birdEstablished(place: BirdPlace, deadlineMs: number): Promise<void> {
  await waitUntil(
    `BIRD's sessions in ${place.namespace.label} are established`,
    deadlineMs,
    async () => (await birdc(place, 'show', 'protocols')).split('\n').filter((line) => /\sBGP\s/.test(line)),
    (lines) => lines.length > 0 && lines.every((line) => line.includes('Established')),
  );
}

function channelOf(family: Family): string {
  return family === 'ipv4-unicast' ? 'ipv4' : 'ipv6';
}

function attributes(network: Announcement): string {
  const origin = { igp: 'ORIGIN_IGP', egp: 'ORIGIN_EGP', incomplete: 'ORIGIN_INCOMPLETE' }[network.origin];
  const set = [`bgp_origin = ${origin};`];
  if (network.nextHop !== null) set.push(`bgp_next_hop = ${network.nextHop};`);
  if (network.med !== null) set.push(`bgp_med = ${network.med};`);
  if (network.localPref !== null) set.push(`bgp_local_pref = ${network.localPref};`);
  for (const community of network.communities) set.push(`bgp_community.add((${community.replace(':', ',')}));`);
  for (const large of network.largeCommunities) set.push(`bgp_large_community.add((${large.replaceAll(':', ',')}));`);
  for (const extended of network.extendedCommunities) {
    set.push(`bgp_ext_community.add((${extended.replaceAll(':', ',')}));`);
  }
  return set.join(' ');
}

function renderNeighbour(config: RouterConfig, neighbour: Neighbour, index: number): readonly string[] {
  const localAs = neighbour.localAs ?? config.localAs;
  const lines = [
    `protocol bgp n${index} {`,
    `  local ${neighbour.localAddress} port ${config.listenPort ?? BGP_PORT} as ${localAs};`,
    `  neighbor ${neighbour.address} port ${neighbour.port} as ${neighbour.as};`,
    `  ${reach(neighbour, neighbour.as === localAs)};`,
    `  hold time ${neighbour.holdTimeSeconds};`,
    // The defaults of several seconds are for real networks; the tests would spend their time waiting.
    '  connect delay time 1; connect retry time 1; error wait time 1, 2;',
    `  enable as4 ${neighbour.fourOctetAs ? 'on' : 'off'};`,
    `  graceful restart ${neighbour.gracefulRestartSeconds === null ? 'aware' : 'on'};`,
  ];
  if (neighbour.gracefulRestartSeconds !== null)
    lines.push(`  graceful restart time ${neighbour.gracefulRestartSeconds};`);
  if (neighbour.bfd !== null) {
    const { intervalMs, multiplier } = neighbour.bfd;
    lines.push(`  bfd { interval ${intervalMs} ms; multiplier ${multiplier}; };`);
  }
  if (neighbour.interface !== null) lines.push(`  interface "${neighbour.interface}";`);
  if (neighbour.passive) lines.push('  passive on;');
  if (neighbour.password !== null) lines.push(`  password "${neighbour.password}";`);
  if (neighbour.gtsm) lines.push('  ttl security on;');
  if (neighbour.reflectorClient) lines.push('  rr client;', `  rr cluster id ${config.clusterId ?? config.routerId};`);
  lines.push(...neighbour.words);
  for (const family of neighbour.families) {
    const channel = channelOf(family);
    lines.push(`  ${channel} {`, '    import all;', `    export filter to_neighbour_${channel};`);
    const addPath = { '11': 'on', '10': 'tx', '01': 'rx', '00': 'off' }[addPathKey(neighbour)];
    lines.push(`    add paths ${addPath};`);
    if (neighbour.extendedNextHop) lines.push('    extended next hop on;');
    if (neighbour.nextHopSelf) lines.push('    next hop self;');
    lines.push('  };');
  }
  lines.push('}');
  return lines;
}

/** How far away the neighbour may be. */
function reach(neighbour: Neighbour, isInternal: boolean): string {
  if (neighbour.multihopTtl !== null) return `multihop ${neighbour.multihopTtl}`;
  return neighbour.gtsm || neighbour.interface !== null || !isInternal ? 'direct' : 'multihop';
}

function addPathKey(neighbour: Neighbour): '11' | '10' | '01' | '00' {
  return `${neighbour.addPathSend ? 1 : 0}${neighbour.addPathReceive ? 1 : 0}`;
}

/** Blocks of `show route all`: a line that names the prefix (or only the next route to it), then indented details. */
function parseRoutes(text: string): readonly ReceivedRoute[] {
  const routes: ReceivedRoute[] = [];
  let prefix = '';
  let details: Map<string, string> | null = null;
  const finish = (): void => {
    if (details !== null) routes.push(routeFrom(prefix, details));
    details = null;
  };
  for (const line of text.split('\n')) {
    const head = /^(\S+\/\d+)?\s+(?:unicast|unreachable|blackhole|prohibited)\s+\[/.exec(line);
    if (head !== null) {
      finish();
      prefix = head[1] ?? prefix;
      details = new Map();
      continue;
    }
    const attribute = /^\s+BGP\.(\w+):\s?(.*)$/.exec(line);
    if (attribute !== null) details?.set(attribute[1], attribute[2].trim());
  }
  finish();
  return routes;
}

function routeFrom(prefix: string, details: ReadonlyMap<string, string>): ReceivedRoute {
  const numberOf = (name: string): number | null => (details.has(name) ? Number(details.get(name)) : null);
  const tuples = (name: string): readonly string[] =>
    [...(details.get(name) ?? '').matchAll(/\(([^)]*)\)/g)].map((match) => match[1].replace(/,\s*/g, ':'));
  const words = (name: string): readonly string[] =>
    (details.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
  return {
    prefix,
    // A global and a link-local address may follow each other; the global one is what others name.
    nextHop: words('next_hop')[0] ?? '',
    asPath: words('as_path').map(Number),
    origin: ORIGINS[details.get('origin') ?? 'IGP'] ?? 'igp',
    med: numberOf('med'),
    localPref: numberOf('local_pref'),
    communities: tuples('community'),
    largeCommunities: tuples('large_community'),
    extendedCommunities: tuples('ext_community'),
    originatorId: details.get('originator_id') ?? null,
    clusterList: words('cluster_list'),
    pathId: numberOf('path_id'),
  };
}
