/**
 * FRR as a peer: zebra and bgpd with a vty socket of their own, configured from one file and changed through vtysh.
 *
 * zebra runs too, because bgpd without it refuses IPv6 next hops that come with a link-local address (it knows no
 * interfaces). Both stay root (-u root): a change of user would lose the signal that ends them with the test. FRR wants
 * root to be in group frrvty then; it sees an /etc/group where that is so, in a mount namespace of its own.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonProcess } from '../daemon-process.ts';
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

const START_DEADLINE_MS = 15_000;
const COMMUNITIES_OF_A_LINE = 80;
const DAEMONS = '/usr/lib/frr';
const ORIGINS: { readonly [word: string]: Origin } = { IGP: 'igp', EGP: 'egp', incomplete: 'incomplete' };

interface FrrPath {
  readonly aspath?: { readonly segments?: readonly { readonly list: readonly number[] }[] };
  readonly origin?: string;
  readonly metric?: number;
  readonly locPrf?: number;
  readonly community?: { readonly list: readonly string[] };
  readonly extendedCommunity?: { readonly string: string };
  readonly largeCommunity?: { readonly list: readonly string[] };
  readonly originatorId?: string;
  readonly clusterList?: { readonly list: readonly string[] };
  readonly addpathRxId?: number;
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
  readonly peer: { readonly peerId: string };
}

export const FRR: RouterDriver = {
  kind: 'frr',
  routeRefresh: { asks: true, answers: true },

  async start(router) {
    const path = (name: string): string => join(router.folder, name);
    const vty = vtyFolder(router);
    mkdirSync(vty, { recursive: true });
    const common = [
      '-u',
      'root',
      '-g',
      'root',
      '--vty_socket',
      vty,
      '-A',
      '127.0.0.1',
      '-P',
      '0',
      '-z',
      path('zserv.api'),
    ];
    const logging = ['--log', 'stdout', '--log-level', 'debugging'];
    if (router.restartCount === 0) {
      writeFileSync(path('zebra.conf'), 'hostname zebra\n');
      const zebra = ['-f', path('zebra.conf'), '-i', path('zebra.pid'), ...common, ...logging];
      const daemon = spawnDaemon(router, 'zebra', zebra);
      await daemon.ready('zebra listens', START_DEADLINE_MS, () => (existsSync(path('zserv.api')) ? true : null));
    }
    if (router.restartCount === 0 && router.config.neighbours.some(({ bfd }) => bfd !== null)) {
      writeFileSync(path('bfdd.conf'), 'hostname bfdd\n');
      const control = join(router.folder, 'bfdd.sock');
      const bfdd = ['-f', path('bfdd.conf'), '-i', path('bfdd.pid'), '--bfdctl', control, ...common, ...logging];
      const daemon = spawnDaemon(router, 'bfdd', bfdd);
      await daemon.ready('vtysh reaches bfdd', START_DEADLINE_MS, async () => {
        const argv = ['vtysh', '--vty_socket', vtyFolder(router), '-d', 'bfdd', '-c', 'show bfd peers json'];
        return (await router.command(argv)).includes('[') ? true : null;
      });
    }
    writeFileSync(path('bgpd.conf'), renderFrr(router.config));
    const port = ['-p', String(router.config.listenPort ?? BGP_PORT)];
    const bgpd = ['-f', path('bgpd.conf'), '-i', path('bgpd.pid'), ...port, ...common, ...logging];
    const daemon = spawnDaemon(router, 'bgpd', bgpd);
    await daemon.ready('vtysh reaches bgpd', START_DEADLINE_MS, async () => {
      const answer = await vtysh(router, 'show bgp vrfs json');
      return answer.includes('"default"') ? true : null;
    });
    return daemon;
  },

  async session(router, neighbour) {
    const answer = await vtysh(router, `show bgp neighbors ${neighbour.address} json`);
    const text = /"bgpState":"(\w+)"/.exec(answer)?.[1] ?? 'no session';
    return { isEstablished: text === 'Established', text };
  },

  async received(router, neighbour, family) {
    const scope = familyWords(family);
    const listed = await vtysh(router, `show bgp ${scope} neighbors ${neighbour.address} routes json`);
    const prefixes = Object.keys((JSON.parse(listed) as { routes?: object }).routes ?? {});
    if (prefixes.length === 0) return [];
    const detailed = await vtysh(router, ...prefixes.map((prefix) => `show bgp ${scope} ${prefix} json`));
    // One JSON document after the other, each ending with a brace in the first column.
    const documents = detailed.split(/^(?=\{)/m).filter((text) => text.trim() !== '');
    return documents.flatMap((text) => {
      const document = JSON.parse(text) as { readonly prefix?: string; readonly paths?: readonly FrrPath[] };
      return (document.paths ?? [])
        .filter((path) => path.peer.peerId === neighbour.address)
        .map((path) => routeFrom(document.prefix ?? '', path));
    });
  },

  async updatesReceived(router, neighbour) {
    const answer = await vtysh(router, `show bgp neighbors ${neighbour.address} json`);
    return Number(/"updatesRecv":(\d+)/.exec(answer)?.[1] ?? 0);
  },

  async announce(router, announced) {
    await configure(router, [...routeMap(announced), ...networkCommands(router.config, [announced])]);
  },

  async withdraw(router, prefix) {
    const family = familyWords(familyOf(prefix));
    await configure(router, [
      `router bgp ${router.config.localAs}`,
      `address-family ${family}`,
      `no network ${prefix}`,
    ]);
  },

  reload: null,

  async requestRefresh(router, neighbour, family) {
    await vtysh(router, `clear bgp ${familyWords(family)} ${neighbour.address} in`);
  },

  async disable(router, neighbour, reason) {
    const shutdown = `neighbor ${neighbour.address} shutdown message ${reason}`;
    await configure(router, [`router bgp ${router.config.localAs}`, shutdown]);
  },
};

/** Starts one of FRR's daemons with that view of /etc/group; the shell and unshare become it, so the pid is its own. */
function spawnDaemon(
  router: RouterContext,
  name: 'zebra' | 'bfdd' | 'bgpd',
  options: readonly string[],
): DaemonProcess {
  const groupPath = join(router.folder, 'group');
  const groups = readFileSync('/etc/group', 'utf8');
  writeFileSync(
    groupPath,
    groups.replace(/^(frrvty:.*?)$/m, (line) => `${line}${line.endsWith(':') ? '' : ','}root`),
  );
  const script = 'mount --bind "$0" /etc/group && exec "$@"';
  const argv = ['unshare', '--mount', '--', 'sh', '-c', script, groupPath, join(DAEMONS, name), ...options];
  return router.lab.spawn(router.namespace, argv, { logName: `${name}.log` });
}

function vtyFolder(router: RouterContext): string {
  return join(router.folder, 'vty');
}

export function vtysh(router: RouterContext, ...commands: readonly string[]): Promise<string> {
  const words = commands.flatMap((command) => ['-c', command]);
  return router.command(['vtysh', '--vty_socket', vtyFolder(router), '-d', 'bgpd', ...words]);
}

async function configure(router: RouterContext, commands: readonly string[]): Promise<void> {
  const answer = await vtysh(router, 'configure terminal', ...commands);
  if (/^%/m.test(answer)) throw new Error(`vtysh: ${answer}`);
}

function familyWords(family: Family): string {
  return family === 'ipv4-unicast' ? 'ipv4 unicast' : 'ipv6 unicast';
}

/**
 * A name made of the content: a change of a route map in use would be noticed after a delay of seconds, a network that
 * is given another route map is announced again at once.
 */
function routeMapName(network: Announcement): string {
  let hash = 0;
  for (const character of JSON.stringify(network)) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return `announce-${(hash >>> 0).toString(16)}`;
}

function routeMap(network: Announcement): readonly string[] {
  const lines = [`route-map ${routeMapName(network)} permit 10`, `set origin ${network.origin}`];
  if (network.nextHop !== null)
    lines.push(
      `set ${familyOf(network.prefix) === 'ipv4-unicast' ? 'ip next-hop' : 'ipv6 next-hop global'} ${network.nextHop}`,
    );
  if (network.med !== null) lines.push(`set metric ${network.med}`);
  if (network.localPref !== null) lines.push(`set local-preference ${network.localPref}`);
  if (network.largeCommunities.length > 0) lines.push(`set large-community ${network.largeCommunities.join(' ')}`);
  if (network.extendedCommunities.length > 0) {
    const targets = network.extendedCommunities.map((extended) => extended.replace(/^rt:/, ''));
    lines.push(`set extcommunity rt ${targets.join(' ')}`);
  }
  // A line of its configuration has an end, so long lists take several entries that add to each other.
  const { communities } = network;
  for (let start = 0; start < communities.length; start += COMMUNITIES_OF_A_LINE) {
    const some = communities.slice(start, start + COMMUNITIES_OF_A_LINE);
    if (start > 0) {
      const sequence = 10 + start / COMMUNITIES_OF_A_LINE;
      lines.push('on-match next', 'exit', `route-map ${routeMapName(network)} permit ${sequence}`);
    }
    lines.push(`set community ${some.join(' ')}${start > 0 ? ' additive' : ''}`);
  }
  return [...lines, 'exit'];
}

function networkCommands(config: RouterConfig, networks: readonly Announcement[]): readonly string[] {
  const lines = [`router bgp ${config.localAs}`];
  for (const network of networks) {
    lines.push(`address-family ${familyWords(familyOf(network.prefix))}`);
    lines.push(`network ${network.prefix} route-map ${routeMapName(network)}`, 'exit-address-family');
  }
  return [...lines, 'exit'];
}

function renderFrr(config: RouterConfig): string {
  const lines = [
    // The profile without advertisement intervals and with quick connection retries.
    'frr defaults datacenter',
    'hostname frr',
    ...config.networks.flatMap(routeMap),
    `router bgp ${config.localAs}`,
    ` bgp router-id ${config.routerId}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp default ipv4-unicast',
    ' no bgp network import-check',
    // Otherwise it waits a second and more for further peers before it tells a new one anything.
    ' coalesce-time 0',
  ];
  const restart = config.neighbours.find((neighbour) => neighbour.gracefulRestartSeconds !== null);
  if (restart !== undefined) {
    lines.push(' bgp graceful-restart', ' bgp graceful-restart preserve-fw-state');
    lines.push(` bgp graceful-restart restart-time ${restart.gracefulRestartSeconds}`);
    lines.push(` bgp graceful-restart select-defer-time ${restart.deferralSeconds}`);
  }
  if (config.neighbours.some((neighbour) => neighbour.reflectorClient))
    lines.push(` bgp cluster-id ${config.clusterId ?? config.routerId}`);
  for (const neighbour of config.neighbours) lines.push(...renderNeighbour(config, neighbour));
  for (const family of ['ipv4-unicast', 'ipv6-unicast'] as const) {
    lines.push(` address-family ${familyWords(family)}`);
    for (const neighbour of config.neighbours) {
      if (!neighbour.families.includes(family)) continue;
      lines.push(`  neighbor ${neighbour.address} activate`);
      if (neighbour.reflectorClient) lines.push(`  neighbor ${neighbour.address} route-reflector-client`);
      if (neighbour.nextHopSelf) lines.push(`  neighbor ${neighbour.address} next-hop-self`);
      if (neighbour.addPathSend) lines.push(`  neighbor ${neighbour.address} addpath-tx-all-paths`);
      if (!neighbour.addPathReceive) lines.push(`  neighbor ${neighbour.address} disable-addpath-rx`);
    }
    lines.push(' exit-address-family');
  }
  return [...lines, 'exit', ...networkCommands(config, config.networks), ''].join('\n');
}

function renderNeighbour(config: RouterConfig, neighbour: Neighbour): readonly string[] {
  const say = (words: string): string => ` neighbor ${neighbour.address} ${words}`;
  const lines = [
    say(`remote-as ${neighbour.as}`),
    neighbour.interface === null
      ? say(`update-source ${neighbour.localAddress}`)
      : say(`interface ${neighbour.interface}`),
    say(`timers ${Math.floor(neighbour.holdTimeSeconds / 3)} ${neighbour.holdTimeSeconds}`),
    say('timers connect 1'),
  ];
  if (neighbour.port !== BGP_PORT) lines.push(say(`port ${neighbour.port}`));
  if (neighbour.passive) lines.push(say('passive'));
  if (neighbour.password !== null) lines.push(say(`password ${neighbour.password}`));
  if (neighbour.gtsm) lines.push(say('ttl-security hops 1'));
  if (!neighbour.fourOctetAs) lines.push(say('dont-capability-negotiate'));
  // Without the last word it would show both of its AS numbers.
  if (neighbour.localAs !== null) lines.push(say(`local-as ${neighbour.localAs} no-prepend replace-as`));
  if (neighbour.bfd !== null) {
    const { intervalMs, multiplier } = neighbour.bfd;
    lines.push(say(`bfd ${multiplier} ${intervalMs} ${intervalMs}`));
  }
  if (neighbour.extendedNextHop) lines.push(say('capability extended-nexthop'));
  if (neighbour.multihopTtl !== null) lines.push(say(`ebgp-multihop ${neighbour.multihopTtl}`));
  else if (neighbour.as !== config.localAs && !neighbour.gtsm) lines.push(say('disable-connected-check'));
  return [...lines, ...neighbour.words.map(say)];
}

function routeFrom(prefix: string, path: FrrPath): ReceivedRoute {
  const nextHops = path.nexthops ?? [];
  const extended = (path.extendedCommunity?.string ?? '').split(' ').filter((word) => word !== '');
  return {
    prefix,
    nextHop: (nextHops.find((hop) => hop.scope === 'global') ?? nextHops[0])?.ip ?? '',
    asPath: (path.aspath?.segments ?? []).flatMap((segment) => segment.list),
    origin: ORIGINS[path.origin ?? 'IGP'] ?? 'igp',
    med: path.metric ?? null,
    localPref: path.locPrf ?? null,
    communities: path.community?.list ?? [],
    largeCommunities: path.largeCommunity?.list ?? [],
    extendedCommunities: extended.map((word) => word.replace(/^RT:/, 'rt:')),
    originatorId: path.originatorId ?? null,
    clusterList: path.clusterList?.list ?? [],
    pathId: path.addpathRxId ?? null,
  };
}
