/**
 * The status of a CalicoNodeStatus, from the running speaker: what Calico's own reporter reads off BIRD's control
 * sockets, in the same words (section 3 of the integration notes that the code follows). Times are fixed instants, so
 * that an unchanged node has an unchanged status.
 *
 * Two differences from that reporter, both on purpose: routes of local workload peers are listed as of a BGP peer instead
 * of spoiling the whole report, and a list of routes that would not fit into one object is cut.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { type Dialect, dialectOf, fullTime, sinceTime } from '../bird-socket/dialect.ts';
import { bgpStateWord, protocolsOf } from '../bird-socket/protocols.ts';
import { routeList } from '../bird-socket/route-list.ts';
import { everyRoute } from '../bird-socket/route-query.ts';
import type { Speaker } from '../speaker/speaker.ts';
import type { StatusClass } from './resource.ts';
import { type RouteEntry, readRow } from './route-row.ts';

/** etcd takes objects of up to 1.5 MB; a route takes about 180 octets of it. */
export const MAX_ROUTES = 5_000;
/** Routes that are looked at between two turns of the event loop. */
const ROUTES_PER_TURN = 500;
const FAMILIES: readonly FamilyIndex[] = [0, 1];
const SUFFIX = ['V4', 'V6'] as const;
/** `Passive` and `Down` have no word in the schema. */
const SCHEMA_STATES = new Set(['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close']);
const PEER_TYPES = [
  ['Mesh_', 'NodeMesh'],
  ['Node_', 'NodePeer'],
  ['Global_', 'GlobalPeer'],
] as const;

export interface NodeStatus {
  readonly agent?: object;
  readonly bgp?: object;
  readonly routes?: object;
}

export interface BuiltStatus {
  readonly status: NodeStatus;
  /** Routes that were left out because there are too many. */
  readonly routesOmitted: number;
}

/** Takes several turns of the event loop when there are many routes. */
export async function buildStatus(speaker: Speaker, classes: readonly StatusClass[]): Promise<BuiltStatus> {
  const status: { -readonly [K in keyof NodeStatus]: NodeStatus[K] } = {};
  if (classes.includes('Agent')) status.agent = agentStatus(speaker);
  if (classes.includes('BGP')) status.bgp = bgpStatus(speaker);
  if (!classes.includes('Routes')) return { status, routesOmitted: 0 };
  const { routes, omitted } = await routesStatus(speaker);
  status.routes = routes;
  return { status, routesOmitted: omitted };
}

const dialects: readonly Dialect[] = FAMILIES.map((family) => dialectOf('1.6', family, 'short'));

function agentStatus(speaker: Speaker): object {
  const time = (wallMs: number): string => fullTime(dialects[0], wallMs);
  const agent = {
    state: speaker.running === null ? 'NotReady' : 'Ready',
    version: `peregrine-v${speaker.version}`,
    routerID: speaker.running?.routerId ?? '',
    lastBootTime: time(speaker.startedWallMs),
    lastReconfigurationTime: time(speaker.reconfiguredWallMs),
  };
  return { birdV4: agent, birdV6: agent };
}

function bgpStatus(speaker: Speaker): object {
  const status: { [field: string]: unknown } = {};
  for (const family of FAMILIES) {
    const peers: object[] = [];
    let established = 0;
    for (const protocol of protocolsOf(speaker, dialects[family])) {
      if (protocol.kind !== 'BGP') continue;
      const type = PEER_TYPES.find(([prefix]) => protocol.name.startsWith(prefix))?.[1];
      if (type === undefined) continue;
      if (protocol.state === 'up') established++;
      const state = bgpStateWord(protocol.driver);
      peers.push({
        peerIP: protocol.driver.config.peerAddress,
        type,
        ...(SCHEMA_STATES.has(state) ? { state } : {}),
        since: sinceTime(dialects[family], protocol.sinceWallMs, speaker.clock.wallMs()),
      });
    }
    status[`numberEstablished${SUFFIX[family]}`] = established;
    status[`numberNotEstablished${SUFFIX[family]}`] = peers.length - established;
    status[`peers${SUFFIX[family]}`] = peers;
  }
  return status;
}

async function routesStatus(speaker: Speaker): Promise<{ routes: object; omitted: number }> {
  const routes: { [field: string]: unknown } = {};
  let left = MAX_ROUTES;
  let omitted = 0;
  const addressOf = (protocol: string): string | null => speaker.drivers.get(protocol)?.config.peerAddress ?? null;
  for (const family of FAMILIES) {
    const entries: RouteEntry[] = [];
    let destination = '';
    let seen = 0;
    for (const line of routeList(speaker, dialects[family], everyRoute([family]))) {
      if (++seen % ROUTES_PER_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      if (line === undefined) continue;
      const entry = readRow(line.text, destination, addressOf);
      if (entry === null) continue;
      destination = entry.destination;
      if (left === 0) omitted++;
      else {
        entries.push(entry);
        left--;
      }
    }
    routes[`routes${SUFFIX[family]}`] = entries;
  }
  return { routes, omitted };
}
