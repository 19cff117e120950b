/**
 * What Calico's three readers of the control socket do with its lines, written down from
 * ../shared/calico-integration.md 2.9, 3 and 4.1: the health check of calico-node (with calicoctl, which reads the same
 * way) and the reporter of CalicoNodeStatus. They are strict: a line that they do not expect is an error here too.
 */

import { BirdClient } from './client.ts';

export interface CalicoPeer {
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly state: string;
  readonly since: string;
  readonly bgpState: string;
  readonly info: string;
}

const TYPES: Readonly<Record<string, string>> = {
  Global: 'global',
  Mesh: 'node-to-node mesh',
  Node: 'node specific',
};

/** `show protocols` as (a), (b) and (c) of section 2.9 read it. */
export async function readPeers(path: string, family: 4 | 6): Promise<CalicoPeer[]> {
  const client = await BirdClient.connect(path);
  try {
    // Without waiting for the greeting.
    client.send('show protocols');
    return await scanPeers(client, family);
  } finally {
    client.close();
  }
}

async function scanPeers(client: BirdClient, family: 4 | 6): Promise<CalicoPeer[]> {
  const peers: CalicoPeer[] = [];
  const take = (row: string): void => {
    const peer = peerOfRow(row, family);
    if (peer !== null) peers.push(peer);
  };
  for (;;) {
    const text = await client.line();
    if (text.startsWith('0000')) return peers;
    if (text.startsWith('0001')) continue;
    if (text.startsWith('2002')) {
      const heading = text.slice(5).split(/\s+/).filter(Boolean).join(' ');
      if (heading !== 'name proto table state since info') throw new Error('unknown BIRD table output format');
    } else if (text.startsWith('1002')) take(text.slice(5));
    else if (text.startsWith(' ')) take(text.slice(1));
    else throw new Error(`unexpected output line from BIRD: '${text}'`);
  }
}

function peerOfRow(row: string, family: 4 | 6): CalicoPeer | null {
  const fields = row.split(/\s+/).filter(Boolean);
  if (fields.length < 6 || fields[1] !== 'BGP') return null;
  const match = /^(Global|Node|Mesh)_(.+)$/.exec(fields[0]);
  if (match === null) return null;
  return {
    name: fields[0],
    type: TYPES[match[1]],
    address: match[2].replaceAll('_', family === 4 ? '.' : ':'),
    state: fields[3],
    since: fields[4],
    bgpState: fields[5],
    info: fields.slice(6).join(' '),
  };
}

/** True while a graceful restart goes on. */
export async function readGracefulRestart(path: string): Promise<boolean> {
  const client = await BirdClient.connect(path);
  try {
    client.send('show status');
    let isGoingOn = false;
    for (;;) {
      const text = await client.line();
      if (text.startsWith('0013')) return isGoingOn;
      if (text.startsWith('0024')) isGoingOn = true;
      else if (!/^(0001|1000|1011| )/.test(text)) throw new Error(`unexpected output line from BIRD: '${text}'`);
    }
  } finally {
    client.close();
  }
}

/** The readiness probe; null: ready, else its message. @param isYoung the node started less than the threshold ago */
export async function readiness(path: string, family: 4 | 6, isYoung: boolean): Promise<string | null> {
  const peers = await readPeers(path, family);
  if (peers.length === 0) return null;
  const down = peers.filter(({ bgpState }) => bgpState !== 'Established').map(({ address }) => address);
  if (isYoung) {
    if (down.length > 0) return `BGP not established with ${down.join(',')}`;
    return (await readGracefulRestart(path)) ? 'graceful restart in progress' : null;
  }
  return down.length < peers.length ? null : `BGP not established with ${down.join(',')}`;
}

export interface ReportedAgent {
  state: string;
  version: string;
  routerID: string;
  serverTime: string;
  lastBootTime: string;
  lastReconfigurationTime: string;
}

/** Class Agent of CalicoNodeStatus. */
export async function reportAgent(path: string): Promise<ReportedAgent> {
  const client = await BirdClient.connect(path);
  const agent: ReportedAgent = {
    state: 'NotReady',
    version: '',
    routerID: '',
    serverTime: '',
    lastBootTime: '',
    lastReconfigurationTime: '',
  };
  try {
    client.send('show status');
    for (;;) {
      const text = await client.line();
      if (text.startsWith('0013')) return agent;
      const isKnown = /^(0001|1000|1011)/.test(text);
      if (!isKnown && !text.startsWith(' ')) return agent;
      const body = text.slice(text.startsWith(' ') ? 1 : 5);
      if (body.includes('BIRD') && body.includes('ready')) agent.state = 'Ready';
      else if (body.startsWith('BIRD v')) agent.version = body.slice('BIRD '.length);
      else if (body.startsWith('Router ID is ')) agent.routerID = body.slice('Router ID is '.length);
      else if (body.startsWith('Current server time is '))
        agent.serverTime = body.slice('Current server time is '.length);
      else if (body.startsWith('Last reboot on ')) agent.lastBootTime = body.slice('Last reboot on '.length);
      else if (body.startsWith('Last reconfiguration on ')) {
        agent.lastReconfigurationTime = body.slice('Last reconfiguration on '.length);
      }
    }
  } finally {
    client.close();
  }
}

export interface ReportedPeer {
  readonly peerIP: string;
  readonly type: string;
  readonly state: string;
  readonly since: string;
}

const REPORTED_STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close'];
const REPORTED_TYPES: Readonly<Record<string, string>> = {
  global: 'GlobalPeer',
  'node-to-node mesh': 'NodeMesh',
  'node specific': 'NodePeer',
};

/** Class BGP of CalicoNodeStatus. */
export async function reportPeers(
  path: string,
  family: 4 | 6,
): Promise<{ peers: ReportedPeer[]; established: number }> {
  const client = await BirdClient.connect(path);
  try {
    client.send('show protocols');
    const peers = await scanPeers(client, family);
    const out: ReportedPeer[] = [];
    for (const peer of peers) {
      let state = '';
      let peerIP = '';
      client.send(`show protocols all ${peer.name}`);
      for (;;) {
        const text = await client.line();
        if (text.startsWith('0000')) break;
        if (/^[89]/.test(text)) throw new Error(`unexpected output line from BIRD: '${text}'`);
        if (text.includes('BGP state:')) state = text.split('BGP state:')[1].trim();
        if (text.includes('Neighbor address:')) peerIP = text.split('Neighbor address:')[1].trim();
      }
      const known = REPORTED_STATES.includes(state) ? state : '';
      out.push({ peerIP, type: REPORTED_TYPES[peer.type], state: known, since: peer.since });
    }
    return { peers: out, established: peers.filter(({ state }) => state === 'up').length };
  } finally {
    client.close();
  }
}

export interface ReportedRoute {
  readonly type: 'FIB' | 'RIB';
  readonly destination: string;
  readonly gateway: string;
  readonly interface: string;
  readonly sourceType: string;
  readonly peerIP: string;
}

const VIA = /(?<dest>\S*)\s*via\s(?<gateway>\S*)\s*on\s(?<iface>.*)\s\[(?<from>\S*)\s.*\].*/;
const DEV = /(?<dest>\S*)\s*dev\s(?<iface>.*)\s\[(?<from>\S*)\s.*\].*/;
const BLACKHOLE = /(?<dest>\S*)\s*blackhole\s\[(?<from>\S*)\s.*\].*/;
const UNREACHABLE = /(?<dest>\S*)\s*unreachable\s\[(?<from>\S*)\s.*\].*/;

/** Class Routes of CalicoNodeStatus; throws where the reporter gives up. */
export async function reportRoutes(path: string, family: 4 | 6): Promise<ReportedRoute[]> {
  const client = await BirdClient.connect(path);
  const routes: ReportedRoute[] = [];
  let previous = '';
  try {
    client.send('show route');
    for (;;) {
      const text = await client.line();
      if (text.startsWith('0000')) return routes;
      if (text.startsWith('0001')) continue;
      if (!text.startsWith('1007') && !text.startsWith(' '))
        throw new Error(`unexpected output line from BIRD: '${text}'`);
      const route = routeOf(text.slice(text.startsWith(' ') ? 1 : 5), previous, family);
      previous = route.destination;
      routes.push(route);
    }
  } finally {
    client.close();
  }
}

function routeOf(row: string, previous: string, family: 4 | 6): ReportedRoute {
  const pattern = row.includes(' via ')
    ? VIA
    : row.includes(' dev ')
      ? DEV
      : row.includes(' blackhole ')
        ? BLACKHOLE
        : row.includes(' unreachable ')
          ? UNREACHABLE
          : null;
  const groups = pattern === null ? undefined : pattern.exec(row)?.groups;
  if (groups === undefined) throw new Error(`cannot parse route: '${row}'`);
  const word = pattern === BLACKHOLE ? 'blackhole' : 'unreachable';
  return {
    type: row.includes('] *') ? 'FIB' : 'RIB',
    destination: groups.dest === '' ? previous : groups.dest,
    gateway: groups.gateway ?? 'N/A',
    interface: groups.iface ?? word,
    ...sourceOf(groups.from, family),
  };
}

function sourceOf(name: string, family: 4 | 6): { sourceType: string; peerIP: string } {
  if (name.startsWith('kernel')) return { sourceType: 'Kernel', peerIP: '' };
  if (name.startsWith('static')) return { sourceType: 'Static', peerIP: '' };
  if (name.startsWith('direct')) return { sourceType: 'Direct', peerIP: '' };
  const match = /^(Global|Node|Mesh)_(.+)$/.exec(name);
  if (match === null) throw new Error(`unable to parse the source ${name}`);
  const peerIP = match[2].replaceAll('_', family === 4 ? '.' : ':');
  return { sourceType: match[1] === 'Mesh' ? 'NodeMesh' : 'BGPPeer', peerIP };
}
