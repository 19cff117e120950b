/**
 * ExaBGP as a peer: it keeps no table, so its JSON events are collected in a file (exabgp-pipe.py) and a table is made
 * of them here; commands go through a FIFO to the same helper. It decides nothing and resolves no next hops.
 */

import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
const PIPE_PROGRAM = fileURLToPath(new URL('exabgp-pipe.py', import.meta.url));
/** Cease, Administrative Shutdown (RFC 4486). */
const ADMINISTRATIVE_SHUTDOWN = 2;

interface ExabgpNlri {
  readonly nlri: string;
  readonly 'path-information'?: string;
}

interface ExabgpEvent {
  readonly type: string;
  readonly neighbor: {
    readonly address: { readonly peer: string };
    readonly state?: string;
    readonly message?: {
      readonly update?: {
        readonly attribute?: { readonly [name: string]: unknown };
        readonly announce?: { readonly [family: string]: { readonly [nextHop: string]: readonly ExabgpNlri[] } };
        readonly withdraw?: { readonly [family: string]: readonly ExabgpNlri[] };
      };
    };
  };
}

export const EXABGP: RouterDriver = {
  kind: 'exabgp',
  // 4.2.21 closes the connection when it is asked.
  routeRefresh: { asks: true, answers: false },

  async start(router) {
    const path = (name: string): string => join(router.folder, name);
    if (!existsSync(path('commands'))) await router.command(['mkfifo', path('commands')]);
    rmSync(path('events'), { force: true });
    writeFileSync(path('exabgp.conf'), renderExabgp(router));
    const settings = {
      'exabgp.daemon.user': 'root',
      'exabgp.api.cli': 'false',
      'exabgp.log.destination': 'stdout',
      'exabgp.tcp.bind': router.config.neighbours.map((neighbour) => neighbour.localAddress).join(' '),
      'exabgp.tcp.port': String(router.config.listenPort ?? BGP_PORT),
      'exabgp.tcp.delay': '0',
    };
    const env = { ...process.env, ...settings };
    const daemon = router.lab.spawn(router.namespace, ['exabgp', path('exabgp.conf')], { env });
    await daemon.ready('its helper process runs', START_DEADLINE_MS, () => (existsSync(path('events')) ? true : null));
    return daemon;
  },

  session(router, neighbour) {
    const states = eventsOf(router, neighbour).filter((event) => event.type === 'state');
    const text = states.at(-1)?.neighbor.state ?? 'no event yet';
    return Promise.resolve({ isEstablished: text === 'up', text });
  },

  received(router, neighbour, family) {
    return Promise.resolve(tableFrom(eventsOf(router, neighbour), family));
  },

  updatesReceived(router, neighbour) {
    const updates = eventsOf(router, neighbour).filter((event) => event.neighbor.message?.update !== undefined);
    return Promise.resolve(updates.length);
  },

  announce(router, announced) {
    for (const neighbour of neighboursFor(router.config, announced.prefix)) {
      send(router, neighbour, `announce route ${routeWords(router, announced, neighbour)}`);
    }
    return Promise.resolve();
  },

  withdraw(router, prefix) {
    for (const neighbour of neighboursFor(router.config, prefix)) {
      send(router, neighbour, `withdraw route ${prefix} next-hop ${nextHopOf(router, prefix, neighbour)}`);
    }
    return Promise.resolve();
  },

  reload: null,

  requestRefresh(router, neighbour, family) {
    send(router, neighbour, `announce route-refresh ${familyWords(family)}`);
    return Promise.resolve();
  },

  /** It cannot keep a neighbour down: after the NOTIFICATION it soon connects again. */
  disable(router, neighbour) {
    send(router, neighbour, `teardown ${ADMINISTRATIVE_SHUTDOWN}`);
    return Promise.resolve();
  },
};

function send(router: RouterContext, neighbour: Neighbour, command: string): void {
  appendFileSync(join(router.folder, 'commands'), `neighbor ${neighbour.address} ${command}\n`);
}

function familyWords(family: Family): string {
  return family === 'ipv4-unicast' ? 'ipv4 unicast' : 'ipv6 unicast';
}

function neighboursFor(config: RouterConfig, prefix: string): readonly Neighbour[] {
  return config.neighbours.filter((neighbour) => neighbour.families.includes(familyOf(prefix)));
}

/** Not `self`: that would be an IPv4 address for IPv6 routes of a session over IPv4. */
function nextHopOf(router: RouterContext, prefix: string, { extendedNextHop }: Neighbour): string {
  return familyOf(prefix) === 'ipv4-unicast' && !extendedNextHop ? router.namespace.ipv4 : router.namespace.ipv6;
}

function routeWords(router: RouterContext, network: Announcement, neighbour: Neighbour): string {
  const nextHop = network.nextHop ?? nextHopOf(router, network.prefix, neighbour);
  const words = [network.prefix, `next-hop ${nextHop}`, `origin ${network.origin}`];
  if (network.med !== null) words.push(`med ${network.med}`);
  if (network.localPref !== null) words.push(`local-preference ${network.localPref}`);
  if (network.communities.length > 0) words.push(`community [ ${network.communities.join(' ')} ]`);
  if (network.largeCommunities.length > 0) words.push(`large-community [ ${network.largeCommunities.join(' ')} ]`);
  if (network.extendedCommunities.length > 0) {
    const targets = network.extendedCommunities.map((extended) => extended.replace(/^rt:/, 'target:'));
    words.push(`extended-community [ ${targets.join(' ')} ]`);
  }
  return words.join(' ');
}

function renderExabgp(router: RouterContext): string {
  const { config, folder } = router;
  const run = `/usr/bin/python3 ${PIPE_PROGRAM} ${join(folder, 'commands')} ${join(folder, 'events')}`;
  const lines = ['process harness {', `  run ${run};`, '  encoder json;', '}'];
  for (const neighbour of config.neighbours) {
    const addPath = neighbour.addPathSend ? (neighbour.addPathReceive ? 'send/receive' : 'send') : 'receive';
    lines.push(
      `neighbor ${neighbour.address} {`,
      `  router-id ${config.routerId};`,
      `  local-address ${neighbour.localAddress};`,
      `  local-as ${neighbour.localAs ?? config.localAs};`,
      `  peer-as ${neighbour.as};`,
      `  hold-time ${neighbour.holdTimeSeconds};`,
      ...(neighbour.passive ? ['  passive true;', `  listen ${config.listenPort ?? BGP_PORT};`] : []),
      ...(neighbour.port === BGP_PORT ? [] : [`  connect ${neighbour.port};`]),
      ...(neighbour.multihopTtl === null ? [] : [`  outgoing-ttl ${neighbour.multihopTtl};`]),
      ...(neighbour.password === null ? [] : [`  md5-password "${neighbour.password}";`]),
      ...(neighbour.gtsm ? ['  incoming-ttl 255;', '  outgoing-ttl 255;'] : []),
      ...neighbour.words,
      '  capability {',
      `    asn4 ${neighbour.fourOctetAs ? 'enable' : 'disable'};`,
      '    route-refresh enable;',
      ...(neighbour.extendedNextHop ? ['    nexthop enable;'] : []),
      ...(neighbour.gracefulRestartSeconds === null
        ? []
        : [`    graceful-restart ${neighbour.gracefulRestartSeconds};`]),
      ...(neighbour.addPathSend || neighbour.addPathReceive ? [`    add-path ${addPath};`] : []),
      '  }',
      `  family { ${neighbour.families.map((family) => `${familyWords(family)};`).join(' ')} }`,
      '  api { processes [ harness ]; neighbor-changes; receive { parsed; update; notification; } }',
      ...(neighbour.extendedNextHop ? ['  nexthop { ipv4 unicast ipv6; }'] : []),
      '  static {',
      ...config.networks
        .filter((network) => neighbour.families.includes(familyOf(network.prefix)))
        .map((network) => `    route ${routeWords(router, network, neighbour)};`),
      '  }',
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}

function eventsOf(router: RouterContext, neighbour: Neighbour): readonly ExabgpEvent[] {
  const path = join(router.folder, 'events');
  if (!existsSync(path)) return [];
  const events: ExabgpEvent[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    // Answers to commands ("done") stand between the events; the last line may not be whole yet.
    if (!line.startsWith('{') || !line.endsWith('}')) continue;
    const event = JSON.parse(line) as ExabgpEvent;
    if (event.neighbor.address.peer === neighbour.address) events.push(event);
  }
  return events;
}

/** What a router's Adj-RIB-In would hold after these events. */
function tableFrom(events: readonly ExabgpEvent[], family: Family): readonly ReceivedRoute[] {
  const table = new Map<string, ReceivedRoute>();
  const keyOf = (nlri: ExabgpNlri): string => `${nlri.nlri} ${nlri['path-information'] ?? ''}`;
  const name = familyWords(family);
  for (const event of events) {
    if (event.type === 'state' && event.neighbor.state === 'down') table.clear();
    const update = event.neighbor.message?.update;
    if (update === undefined) continue;
    for (const nlri of update.withdraw?.[name] ?? []) table.delete(keyOf(nlri));
    const hops = Object.entries(update.announce?.[name] ?? {});
    // A global and a link-local next hop of one route come as two entries; the global one is what others name.
    const isPair = hops.length > 1;
    for (const [nextHop, routes] of hops) {
      if (isPair && nextHop.startsWith('fe80:')) continue;
      for (const nlri of routes) table.set(keyOf(nlri), routeFrom(nlri, nextHop, update.attribute ?? {}));
    }
  }
  return [...table.values()];
}

function routeFrom(nlri: ExabgpNlri, nextHop: string, attributes: { readonly [name: string]: unknown }): ReceivedRoute {
  const list = <T>(name: string): readonly T[] => (attributes[name] ?? []) as readonly T[];
  const pathInformation = nlri['path-information'];
  return {
    prefix: nlri.nlri,
    nextHop,
    asPath: list<number>('as-path'),
    origin: (attributes.origin ?? 'igp') as Origin,
    med: (attributes.med ?? null) as number | null,
    localPref: (attributes['local-preference'] ?? null) as number | null,
    communities: list<readonly number[]>('community').map((parts) => parts.join(':')),
    largeCommunities: list<readonly number[]>('large-community').map((parts) => parts.join(':')),
    extendedCommunities: list<{ readonly string: string }>('extended-community').map((item) =>
      item.string.replace(/^target:/, 'rt:'),
    ),
    originatorId: (attributes['originator-id'] ?? null) as string | null,
    clusterList: list<string>('cluster-list'),
    // Shown as a dotted quad.
    pathId:
      pathInformation === undefined
        ? null
        : pathInformation.split('.').reduce((id, octet) => id * 256 + Number(octet), 0),
  };
}
