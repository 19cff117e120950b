/**
 * From peerings to sessions as the own node sees them (section 3.4 of Calico's semantics, parameters of 4.10 and
 * 4.11): name, type, passive side, source address, GTSM, route reflection, next hop, timers.
 *
 * One session carries one family; a dual-stack pair of nodes has two. Which side connects is decided by comparing the
 * addresses as text, because the BIRD at the other end does the same: the greater text connects.
 */

import type { FamilyName } from '../../bgp/family.ts';
import { type SessionConfig, sessionConfig } from '../../bgp/session-config.ts';
import type { PeerPolicyConfig } from '../../rib/peer-policy.ts';
import { ACCEPT_ALL, type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import type { DesiredPeer } from '../desired-state.ts';
import { bgpAddress, compareText, type DeriveContext } from './context.ts';
import { passwordOf } from './passwords.ts';
import type { PeerEntry } from './peer-entry.ts';

/** Largest restart time that fits the capability (RFC 4724 3). */
const MAX_RESTART_TIME_SECONDS = 4095;
const RESTART_TIME_SECONDS = 120;
const HOLD_TIME_SECONDS = 240;

/** Policies of a session; the same object for sessions with the same policy. */
export interface SessionPolicies {
  importPolicy(family: FamilyName, filters: readonly string[]): Policy;
  exportPolicy(family: FamilyName, filters: readonly string[]): Policy;
}

/** Calico's name of a session; health checks and node status recognise it by its prefix. */
export function sessionName(entry: PeerEntry): string {
  const name = `${entry.origin}_${entry.address.replaceAll(/[.:]/g, '_')}`;
  return entry.origin === 'Mesh' || entry.port === 0 ? name : `${name}_port_${entry.port}`;
}

/** Exactly one of two nodes with mesh or global sessions to each other has the lesser text and waits. */
function isPassive(entry: PeerEntry, ownAddress: string): boolean {
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

function onlyFamily<T>(family: FamilyName, value: T, other: T): { readonly [F in FamilyName]: T } {
  return family === 'ipv4-unicast'
    ? { 'ipv4-unicast': value, 'ipv6-unicast': other }
    : { 'ipv4-unicast': other, 'ipv6-unicast': value };
}

function sessionOf(context: DeriveContext, entry: PeerEntry, ownAddress: string, routerId: string): SessionConfig {
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
    bgpIdentifier: routerId,
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
  });
}

function policyOf(
  context: DeriveContext,
  entry: PeerEntry,
  session: SessionConfig,
  policies: SessionPolicies,
): PeerPolicyConfig {
  const isInternal = session.peerAs === session.localAs;
  const ownCluster = context.ownNode.routeReflectorClusterId;
  const keepsNextHop =
    entry.nextHopMode === 'Keep' || (entry.nextHopMode === null && entry.keepsOriginalNextHop && !isInternal);
  return {
    importPolicy: onlyFamily(entry.family, policies.importPolicy(entry.family, entry.filters), ACCEPT_ALL),
    exportPolicy: onlyFamily(entry.family, policies.exportPolicy(entry.family, entry.filters), REJECT_ALL),
    nextHopMode: entry.nextHopMode === 'Self' ? 'self' : keepsNextHop ? 'keep' : 'auto',
    isRouteReflectorClient:
      isInternal && ownCluster !== null && entry.origin !== 'Mesh' && entry.clusterId !== ownCluster,
    clusterId: ownCluster,
    allowOwnAs: entry.allowOwnAs,
    maxPrefixes: null,
    removePrivateAs: false,
  };
}

/** Whether the two would be told apart neither by us nor by the peer: same address and port. */
function endpointKey(session: SessionConfig): string {
  return `${session.peerAddress} ${session.peerPort}`;
}

/**
 * Sessions of the own node, sorted by name. `entries` in order of precedence: where two cannot both run, the first
 * does, and the other is reported.
 */
export function deriveSessions(
  context: DeriveContext,
  entries: readonly PeerEntry[],
  routerId: string,
  policies: SessionPolicies,
): DesiredPeer[] {
  const peers = new Map<string, DesiredPeer>();
  const endpoints = new Map<string, string>();
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
    let session = sessionOf(context, entry, ownAddress, routerId);
    if (peers.has(session.name)) {
      context.report(
        entry.source,
        'spec',
        `session ${session.name} is already made for another node with that address`,
      );
      continue;
    }
    const rival = endpoints.get(endpointKey(session));
    if (rival === undefined) endpoints.set(endpointKey(session), session.name);
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
    peers.set(session.name, { session, policy: policyOf(context, entry, session, policies) });
  }
  return [...peers.values()].sort((a, b) => compareText(a.session.name, b.session.name));
}

function reportMissingFamily(context: DeriveContext, entry: PeerEntry): void {
  // A mesh or a peering between selected nodes simply skips a family that one of them does not have.
  if (entry.origin !== 'Node' || context.nodesWithAddress(entry.address).length > 0) return;
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
