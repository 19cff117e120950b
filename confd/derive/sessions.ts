/**
 * From peerings to sessions as the own node sees them (section 3.4 of Calico's semantics, parameters of 4.10 and
 * 4.11): name, type, passive side, source address, GTSM, route reflection, next hop, timers.
 *
 * One session carries one family; a dual-stack pair of nodes has two. Which side connects is decided by comparing the
 * addresses as text, because the BIRD at the other end does the same: the greater text connects.
 */

import { type SessionConfig, sessionConfig } from '../../bgp/session-config.ts';
import type { DeriveContext } from './context.ts';
import { bgpAddress } from './node-index.ts';
import { passwordOf } from './passwords.ts';
import type { PeerEntry } from './peer-entry.ts';
import type { PeerPolicies, PolicyChoice } from './peer-policies.ts';
import { onlyFamily } from './per-family.ts';
import { compareText } from './text-order.ts';

/** Largest restart time that fits the capability (RFC 4724 3). */
const MAX_RESTART_TIME_SECONDS = 4095;
const RESTART_TIME_SECONDS = 120;
const HOLD_TIME_SECONDS = 240;

/** A session, and what its policy is made for. */
export interface DerivedSession {
  readonly session: SessionConfig;
  readonly choice: PolicyChoice;
}

/** Calico's name of a session; health checks and node status recognise it by its prefix. */
export function sessionName(entry: PeerEntry): string {
  const name = `${entry.origin}_${entry.address.replaceAll(/[.:]/g, '_')}`;
  return entry.origin === 'Mesh' || entry.port === 0 ? name : `${name}_port_${entry.port}`;
}

/**
 * Exactly one of two nodes with mesh or global sessions to each other has the lesser text and waits. Workloads are
 * always waited for: they know when they are ready.
 */
function isPassive(entry: PeerEntry, ownAddress: string): boolean {
  if (entry.origin === 'Local_Workload') return true;
  return entry.origin !== 'Node' && entry.isCalicoNode && compareText(entry.address, ownAddress) > 0;
}

function restartTime(context: DeriveContext, entry: PeerEntry): number {
  const wanted = entry.restartTimeSeconds ?? RESTART_TIME_SECONDS;
  if (wanted <= MAX_RESTART_TIME_SECONDS) return wanted;
  const isMesh = entry.origin === 'Mesh' && context.configuration !== null;
  context.report(
    isMesh && context.configuration !== null ? context.configuration : entry.source,
    isMesh ? 'spec.nodeMeshMaxRestartTime' : 'spec.maxRestartTime',
    `${wanted} s does not fit the graceful restart capability (RFC 4724): ${MAX_RESTART_TIME_SECONDS} s used`,
    'warning',
  );
  return MAX_RESTART_TIME_SECONDS;
}

/** Interval of KEEPALIVEs; null: a third of the hold time. */
function keepaliveTime(context: DeriveContext, entry: PeerEntry): number | null {
  const wanted = entry.keepaliveTimeSeconds;
  // `0s` means the default to BIRD, which has no other way to say it.
  if (wanted === null || wanted === 0) return null;
  if (wanted < HOLD_TIME_SECONDS) return wanted;
  context.report(
    entry.source,
    'spec.keepaliveTime',
    `must be shorter than the hold time of ${HOLD_TIME_SECONDS} s, or the session cannot live; a third of it used`,
  );
  return null;
}

function reportMissingFilters(context: DeriveContext, entry: PeerEntry): void {
  for (const name of entry.filters) {
    if (context.resources.bgpFilters.has(name)) continue;
    context.report(entry.source, 'spec.filters', `BGPFilter "${name}" is not there: skipped`, 'warning');
  }
}

function sessionOf(context: DeriveContext, entry: PeerEntry, ownAddress: string): SessionConfig {
  const { password, isWithheld } = passwordOf(context, entry);
  return sessionConfig({
    name: sessionName(entry),
    description:
      entry.origin === 'Mesh' ? `mesh with ${entry.source.name}` : `${entry.source.kind}/${entry.source.name}`,
    peerAddress: entry.address,
    peerPort: entry.port === 0 ? 179 : entry.port,
    localAddress: entry.usesNodeAddress ? ownAddress : null,
    localAs: entry.localAs === 0 ? context.ownAs : entry.localAs,
    peerAs: entry.peerAs,
    bgpIdentifier: context.routerId,
    passive: isPassive(entry, ownAddress),
    enabled: !isWithheld,
    families: [entry.family],
    holdTimeSeconds: HOLD_TIME_SECONDS,
    keepaliveTimeSeconds: keepaliveTime(context, entry),
    connectRetryTimeSeconds: 5,
    connectDelaySeconds: 2,
    idleHold: { minSeconds: 5, maxSeconds: 30, forgetSeconds: 300 },
    ttl: entry.ttlSecurityHops > 0 ? { kind: 'gtsm', hops: entry.ttlSecurityHops } : { kind: 'multihop', ttl: 64 },
    password,
    fourOctetAs: true,
    routeRefresh: true,
    enhancedRouteRefresh: true,
    extendedMessage: false,
    extendedNextHop: false,
    addPath: onlyFamily(entry.family, { send: true, receive: true }, { send: false, receive: false }),
    gracefulRestart: {
      mode: 'full',
      restartTimeSeconds: restartTime(context, entry),
      // Not RFC 8538: routes of a node that went silent must go at hold time, or its services stay in ECMP sets.
      notification: false,
      longLivedStaleTimeSeconds: 0,
    },
    bfd: entry.bfd,
  });
}

function choiceOf(
  context: DeriveContext,
  entry: PeerEntry,
  session: SessionConfig,
  policies: PeerPolicies,
): PolicyChoice {
  const isInternal = session.peerAs === session.localAs;
  const ownCluster = context.ownNode.routeReflectorClusterId;
  const keepsNextHop =
    entry.nextHopMode === 'Keep' || (entry.nextHopMode === null && entry.keepsOriginalNextHop && !isInternal);
  return policies.choose({
    family: entry.family,
    filters: entry.filters,
    nextHopMode: entry.nextHopMode === 'Self' ? 'self' : keepsNextHop ? 'keep' : 'auto',
    isRouteReflectorClient:
      isInternal && ownCluster !== null && entry.origin !== 'Mesh' && entry.clusterId !== ownCluster,
    clusterId: ownCluster,
    allowOwnAs: entry.allowOwnAs,
  });
}

/**
 * The sessions with one peer address. `entries` in order of precedence: where two cannot both run, the first does, and
 * the other is reported.
 */
export function deriveSessions(
  context: DeriveContext,
  entries: readonly PeerEntry[],
  policies: PeerPolicies,
): DerivedSession[] {
  const sessions = new Map<string, DerivedSession>();
  const byPort = new Map<number, string>();
  for (const entry of entries) {
    const ownAddress = bgpAddress(context.ownNode, entry.family)?.address;
    if (ownAddress === undefined) {
      reportMissingFamily(context, entry);
      continue;
    }
    if (entry.address === ownAddress) {
      if (entry.origin === 'Mesh') reportSharedAddress(context, entry);
      continue;
    }
    let session = sessionOf(context, entry, ownAddress);
    if (sessions.has(session.name)) {
      context.report(
        entry.source,
        'spec',
        `session ${session.name} is already made for another node with that address`,
      );
      continue;
    }
    const rival = byPort.get(session.peerPort);
    if (rival === undefined) byPort.set(session.peerPort, session.name);
    else {
      // Two sessions with one address and port are one TCP endpoint for the peer. BIRD runs whichever comes first and
      // leaves the other idle for ever; here the explicit one always goes before the mesh.
      session = { ...session, enabled: false };
      context.report(
        entry.source,
        'spec',
        `session ${session.name} is kept down: ${rival} already peers with ${session.peerAddress} port ${session.peerPort}`,
        'warning',
      );
    }
    reportMissingFilters(context, entry);
    sessions.set(session.name, { session, choice: choiceOf(context, entry, session, policies) });
  }
  return [...sessions.values()];
}

function reportMissingFamily(context: DeriveContext, entry: PeerEntry): void {
  // A mesh or a peering between selected nodes simply skips a family that one of them does not have.
  if (entry.origin !== 'Node' || context.nodes.withAddress(entry.address).length > 0) return;
  const family = entry.family === 'ipv4-unicast' ? 'IPv4' : 'IPv6';
  context.report(
    entry.source,
    'spec.peerIP',
    `no session with ${entry.address}: Node/${context.ownNode.name} has no ${family} BGP address`,
    'warning',
  );
}

function reportSharedAddress(context: DeriveContext, entry: PeerEntry): void {
  context.report(entry.source, 'spec.bgp', `has the BGP address ${entry.address} of Node/${context.ownNode.name}`);
}
