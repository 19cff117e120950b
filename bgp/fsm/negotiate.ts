/**
 * Our OPEN and the peer's: the session they make, or the NOTIFICATION that refuses the peer's.
 *
 * Order of checks: RFC 4271 section 6.2 (version, AS, identifier, hold time), then roles (RFC 9234 section 4.2), then
 * families (RFC 4760, RFC 5492 section 3). A feature is in the session when both OPENs have it; where a capability
 * stands twice the last one counts (RFC 4724 section 3 says so for graceful restart; the others are silent).
 */

import {
  FAMILY_AFI,
  FAMILY_IPV4,
  FAMILY_IPV6,
  type FamilyIndex,
  familyIndex,
  familyOf,
  SAFI_UNICAST,
} from '../family.ts';
import {
  BAD_BGP_IDENTIFIER,
  BAD_PEER_AS,
  CAPABILITY_ROLE,
  ERROR_OPEN_MESSAGE,
  ROLE_MISMATCH,
  UNACCEPTABLE_HOLD_TIME,
  UNSUPPORTED_CAPABILITY,
  UNSUPPORTED_VERSION_NUMBER,
} from '../iana.ts';
import { formatIpv4 } from '../ip.ts';
import type { NegotiatedSession, PeerGracefulRestart, PeerLongLivedGracefulRestart } from '../negotiated.ts';
import type { BgpRole, SessionConfig } from '../session-config.ts';
import { type Capability, encodeCapability } from '../wire/capability.ts';
import { type NotificationError, notificationError } from '../wire/error.ts';
import type { OpenMessage } from '../wire/message-types.ts';
import { toHex } from '../wire/octets.ts';
import { BGP_VERSION } from '../wire/open.ts';
import { sessionTimes } from './timers.ts';

export type Negotiation =
  | {
      readonly ok: true;
      readonly session: NegotiatedSession;
      /** What could not be used as configured or as the peer sent it, in words. */
      readonly adjustments: readonly string[];
    }
  | { readonly ok: false; readonly error: NotificationError };

const FAMILIES: readonly FamilyIndex[] = [FAMILY_IPV4, FAMILY_IPV6];

type CapabilityKind = Capability['kind'];

/** The last capability of a kind in an OPEN; null when there is none. */
function lastOf<K extends CapabilityKind>(open: OpenMessage, kind: K): Extract<Capability, { kind: K }> | null {
  for (let i = open.capabilities.length - 1; i >= 0; i--) {
    const capability = open.capabilities[i];
    if (capability.kind === kind) return capability as Extract<Capability, { kind: K }>;
  }
  return null;
}

function bothHave(local: OpenMessage, peer: OpenMessage, kind: CapabilityKind): boolean {
  return lastOf(local, kind) !== null && lastOf(peer, kind) !== null;
}

function refuse(subcode: number, reason: string, data = ''): NotificationError {
  return notificationError(ERROR_OPEN_MESSAGE, subcode, reason, data);
}

/** What becomes of a session of this configuration on which we sent `local` and the peer sent `peer`. */
export function negotiate(config: SessionConfig, local: OpenMessage, peer: OpenMessage): Negotiation {
  const identityError = checkIdentity(config, local, peer);
  if (identityError !== null) return { ok: false, error: identityError };
  const isInternal = config.localAs === config.peerAs;
  const roles = isInternal ? { error: null, peer: null } : checkRoles(config.role, peer);
  if (roles.error !== null) return { ok: false, error: roles.error };
  const families = commonFamilies(config, local, peer);
  if (!families[0] && !families[1]) return { ok: false, error: noCommonFamily(config) };

  const times = sessionTimes(config, Math.min(local.holdTimeSeconds, peer.holdTimeSeconds));
  const adjustments = [...times.adjustments];
  for (const name of config.families)
    if (!families[familyIndex(name)]) adjustments.push(`${name} is configured but the peer does not offer it`);
  const extendedMessage = bothHave(local, peer, 'extended-message');
  const routeRefresh = bothHave(local, peer, 'route-refresh');
  const gracefulRestart = readGracefulRestart(local, peer, families);
  return {
    ok: true,
    adjustments,
    session: {
      localAs: config.localAs,
      peerAs: config.peerAs,
      localBgpIdentifier: local.bgpIdentifier,
      peerBgpIdentifier: peer.bgpIdentifier,
      isInternal,
      asn4: bothHave(local, peer, 'four-octet-as'),
      extendedMessage,
      maxMessageLengthOctets: extendedMessage ? 65535 : 4096,
      families,
      ...addPathDirections(local, peer, families),
      extendedNextHop: families[0] && hasIpv6NextHop(local) && hasIpv6NextHop(peer),
      routeRefresh,
      enhancedRouteRefresh: routeRefresh && bothHave(local, peer, 'enhanced-route-refresh'),
      holdTimeSeconds: times.holdTimeSeconds,
      keepaliveTimeSeconds: times.keepaliveTimeSeconds,
      sendHoldTimeSeconds: times.sendHoldTimeSeconds,
      gracefulRestart,
      // RFC 9494 section 3: without the graceful restart capability it must be ignored.
      longLivedGracefulRestart: gracefulRestart === null ? null : readLongLived(local, peer, families),
      role: isInternal || config.role === null ? null : { local: config.role.local, peer: roles.peer },
    },
  };
}

/** RFC 4271 section 6.2, RFC 6286 section 2.2, RFC 7607. */
function checkIdentity(config: SessionConfig, local: OpenMessage, peer: OpenMessage): NotificationError | null {
  if (peer.version !== BGP_VERSION)
    return refuse(UNSUPPORTED_VERSION_NUMBER, `the peer speaks version ${peer.version}`, '0004');
  if (peer.as === 0 || peer.as !== config.peerAs)
    return refuse(BAD_PEER_AS, `the peer is in AS ${peer.as}, configured is AS ${config.peerAs}`);
  if (peer.bgpIdentifier === 0) return refuse(BAD_BGP_IDENTIFIER, 'the peer has BGP Identifier 0.0.0.0');
  // Between different ASes equal identifiers are allowed.
  if (peer.bgpIdentifier === local.bgpIdentifier && config.localAs === config.peerAs)
    return refuse(BAD_BGP_IDENTIFIER, `the peer has our own BGP Identifier ${formatIpv4(peer.bgpIdentifier)}`);
  if (peer.holdTimeSeconds === 1 || peer.holdTimeSeconds === 2)
    return refuse(UNACCEPTABLE_HOLD_TIME, `the peer offers a hold time of ${peer.holdTimeSeconds} s`);
  return null;
}

/** RFC 9234 section 4.2, table 2: the role that the peer must have. */
const OPPOSITE_ROLE: { readonly [R in BgpRole]: BgpRole } = {
  provider: 'customer',
  customer: 'provider',
  'rs-server': 'rs-client',
  'rs-client': 'rs-server',
  peer: 'peer',
};

function checkRoles(
  configured: SessionConfig['role'],
  peer: OpenMessage,
): { readonly error: NotificationError | null; readonly peer: BgpRole | null } {
  const roles: BgpRole[] = [];
  let hasUnknownRole = false;
  for (const capability of peer.capabilities) {
    if (capability.kind === 'role') roles.push(capability.role);
    else if (capability.kind === 'unknown' && capability.code === CAPABILITY_ROLE) hasUnknownRole = true;
  }
  const peerRole = roles.length > 0 ? roles[0] : null;
  if (roles.some((role) => role !== peerRole))
    return { error: refuse(ROLE_MISMATCH, 'the peer claims several different roles'), peer: null };
  if (configured === null) return { error: null, peer: peerRole };
  if (hasUnknownRole) return { error: refuse(ROLE_MISMATCH, 'the peer claims a role that does not exist'), peer: null };
  if (peerRole === null) {
    const error = configured.strict ? refuse(ROLE_MISMATCH, 'the peer claims no role, but strict is configured') : null;
    return { error, peer: null };
  }
  const error =
    peerRole === OPPOSITE_ROLE[configured.local]
      ? null
      : refuse(ROLE_MISMATCH, `the peer claims role ${peerRole}, which does not fit our ${configured.local}`);
  return { error, peer: peerRole };
}

/** Families of an OPEN by index. Without any Multiprotocol capability it is plain BGP-4: IPv4 unicast. */
function offeredFamilies(open: OpenMessage): [boolean, boolean] {
  const offered: [boolean, boolean] = [false, false];
  let hasMultiprotocol = false;
  for (const capability of open.capabilities) {
    if (capability.kind !== 'multiprotocol') continue;
    hasMultiprotocol = true;
    const family = familyOf(capability.afi, capability.safi);
    if (family !== -1) offered[family] = true;
  }
  return hasMultiprotocol ? offered : [true, false];
}

/** Configured families that both OPENs offer (ours may be without capabilities, and then offers IPv4 alone). */
function commonFamilies(config: SessionConfig, local: OpenMessage, peer: OpenMessage): readonly [boolean, boolean] {
  const ours = offeredFamilies(local);
  const theirs = offeredFamilies(peer);
  return [
    config.families.includes('ipv4-unicast') && ours[0] && theirs[0],
    config.families.includes('ipv6-unicast') && ours[1] && theirs[1],
  ];
}

/** RFC 5492 sections 3 and 5: the data lists the capabilities that we need, as they stand in an OPEN. */
function noCommonFamily(config: SessionConfig): NotificationError {
  let data = '';
  for (const name of config.families) {
    const { code, value } = encodeCapability({
      kind: 'multiprotocol',
      afi: FAMILY_AFI[familyIndex(name)],
      safi: SAFI_UNICAST,
    });
    data += toHex(Uint8Array.of(code, value.length)) + toHex(value);
  }
  return refuse(UNSUPPORTED_CAPABILITY, `the peer offers none of ${config.families.join(', ')}`, data);
}

/** RFC 7911 section 4: path ids go in a direction when the sender offers to send and the receiver to receive. */
function addPathDirections(
  local: OpenMessage,
  peer: OpenMessage,
  families: readonly [boolean, boolean],
): Pick<NegotiatedSession, 'addPathReceive' | 'addPathSend'> {
  const ours = addPathOf(local);
  const theirs = addPathOf(peer);
  return {
    addPathReceive: [
      families[0] && ours.receive[0] && theirs.send[0],
      families[1] && ours.receive[1] && theirs.send[1],
    ],
    addPathSend: [families[0] && ours.send[0] && theirs.receive[0], families[1] && ours.send[1] && theirs.receive[1]],
  };
}

function addPathOf(open: OpenMessage): { send: [boolean, boolean]; receive: [boolean, boolean] } {
  const result: { send: [boolean, boolean]; receive: [boolean, boolean] } = {
    send: [false, false],
    receive: [false, false],
  };
  for (const tuple of lastOf(open, 'add-path')?.families ?? []) {
    const family = familyOf(tuple.afi, tuple.safi);
    if (family === -1) continue;
    result.send[family] = tuple.send;
    result.receive[family] = tuple.receive;
  }
  return result;
}

/** RFC 8950 section 4: IPv4 unicast NLRI with a next hop of AFI 2. */
function hasIpv6NextHop(open: OpenMessage): boolean {
  const tuples = lastOf(open, 'extended-next-hop')?.families ?? [];
  return tuples.some(({ afi, safi, nextHopAfi }) => familyOf(afi, safi) === FAMILY_IPV4 && nextHopAfi === 2);
}

/** The peer's side of graceful restart, for families of the session; null unless both sides take part. */
function readGracefulRestart(
  local: OpenMessage,
  peer: OpenMessage,
  families: readonly [boolean, boolean],
): PeerGracefulRestart | null {
  const ours = lastOf(local, 'graceful-restart');
  const theirs = lastOf(peer, 'graceful-restart');
  if (ours === null || theirs === null) return null;
  return {
    restarted: theirs.restarted,
    // RFC 8538 section 2: in force only when both have set it.
    notification: ours.notification && theirs.notification,
    restartTimeSeconds: theirs.restartTimeSeconds,
    families: ourFamilies(theirs.families, families).map(({ family, tuple }) => ({
      family,
      forwardingPreserved: tuple.forwardingPreserved,
    })),
  };
}

function readLongLived(
  local: OpenMessage,
  peer: OpenMessage,
  families: readonly [boolean, boolean],
): PeerLongLivedGracefulRestart | null {
  const theirs = lastOf(peer, 'long-lived-graceful-restart');
  if (theirs === null || lastOf(local, 'long-lived-graceful-restart') === null) return null;
  return {
    families: ourFamilies(theirs.families, families).map(({ family, tuple }) => ({
      family,
      forwardingPreserved: tuple.forwardingPreserved,
      staleTimeSeconds: tuple.staleTimeSeconds,
    })),
  };
}

/** The tuples that are about families of the session, each family once (the last tuple counts), in family order. */
function ourFamilies<T extends { readonly afi: number; readonly safi: number }>(
  tuples: readonly T[],
  negotiated: readonly [boolean, boolean],
): { readonly family: FamilyIndex; readonly tuple: T }[] {
  const result: { family: FamilyIndex; tuple: T }[] = [];
  for (const family of FAMILIES) {
    if (!negotiated[family]) continue;
    const tuple = tuples.findLast(({ afi, safi }) => familyOf(afi, safi) === family);
    if (tuple !== undefined) result.push({ family, tuple });
  }
  return result;
}
