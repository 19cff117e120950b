/**
 * The OPEN that we send: a pure function of the session's configuration and of what our own restart has to tell.
 *
 * RFC 4271 section 4.2; the capabilities each by their own RFC, in ascending order of their codes. Families are only
 * offered by Multiprotocol (RFC 4760 section 8), IPv4 unicast included: once any capability is sent, a peer must not
 * have to guess.
 */

import { FAMILY_AFI, type FamilyName, familyIndex, SAFI_UNICAST } from '../family.ts';
import { parseIpv4 } from '../ip.ts';
import type { SessionConfig } from '../session-config.ts';
import type { Capability } from '../wire/capability.ts';
import type { OpenMessage } from '../wire/message-types.ts';
import { BGP_VERSION, twoOctetAs } from '../wire/open.ts';
import type { LocalRestart } from './state.ts';

const AFI_IPV4 = 1;
const AFI_IPV6 = 2;

/** RFC 4724 section 3: twelve bits. */
const RESTART_TIME_MAX_SECONDS = 4095;

export interface OpenCircumstances {
  readonly localRestart: LocalRestart;
  /** A session with this peer has been up since this process began: its forwarding state has survived any reset. */
  readonly hasBeenEstablished: boolean;
  /** Send no capabilities at all, to a peer that refused the parameter (RFC 5492 section 3). */
  readonly omitCapabilities: boolean;
}

/** Our OPEN for a new connection of the session. */
export function buildOpen(config: SessionConfig, circumstances: OpenCircumstances): OpenMessage {
  const myAs = twoOctetAs(config.localAs);
  return {
    type: 'open',
    version: BGP_VERSION,
    as: config.fourOctetAs && !circumstances.omitCapabilities ? config.localAs : myAs,
    myAs,
    holdTimeSeconds: config.holdTimeSeconds,
    bgpIdentifier: localBgpIdentifier(config),
    capabilities: circumstances.omitCapabilities ? [] : buildCapabilities(config, circumstances),
  };
}

/** The BGP Identifier of the configuration as unsigned 32-bit integer; 0, which no peer accepts, when it is none. */
export function localBgpIdentifier(config: SessionConfig): number {
  return Math.max(0, parseIpv4(config.bgpIdentifier));
}

function buildCapabilities(config: SessionConfig, circumstances: OpenCircumstances): Capability[] {
  const families = config.families.map((name) => ({ name, afi: FAMILY_AFI[familyIndex(name)], safi: SAFI_UNICAST }));
  const capabilities: Capability[] = families.map(({ afi, safi }) => ({ kind: 'multiprotocol', afi, safi }));
  if (config.routeRefresh) capabilities.push({ kind: 'route-refresh' });
  if (config.extendedNextHop && config.families.includes('ipv4-unicast'))
    capabilities.push({
      kind: 'extended-next-hop',
      families: [{ afi: AFI_IPV4, safi: SAFI_UNICAST, nextHopAfi: AFI_IPV6 }],
    });
  if (config.extendedMessage) capabilities.push({ kind: 'extended-message' });
  // RFC 9234 section 4.1: roles are for external sessions.
  if (config.role !== null && config.localAs !== config.peerAs)
    capabilities.push({ kind: 'role', role: config.role.local });
  if (config.gracefulRestart.mode !== 'off') capabilities.push(gracefulRestart(config, families, circumstances));
  if (config.fourOctetAs) capabilities.push({ kind: 'four-octet-as', as: config.localAs });
  const addPath = families
    .filter(({ name }) => config.addPath[name].send || config.addPath[name].receive)
    .map(({ name, afi, safi }) => ({ afi, safi, ...config.addPath[name] }));
  if (addPath.length > 0) capabilities.push({ kind: 'add-path', families: addPath });
  if (config.routeRefresh && config.enhancedRouteRefresh) capabilities.push({ kind: 'enhanced-route-refresh' });
  const longLived = longLivedGracefulRestart(config, families, circumstances);
  if (longLived !== null) capabilities.push(longLived);
  return capabilities;
}

interface OfferedFamily {
  readonly name: FamilyName;
  readonly afi: number;
  readonly safi: number;
}

/**
 * F bit: the kernel keeps our routes over every reset of a session, so it is set as soon as one has been up; before
 * that only where an earlier life of this process left its routes (RFC 4724 section 3).
 */
function isForwardingPreserved(family: FamilyName, circumstances: OpenCircumstances): boolean {
  return circumstances.hasBeenEstablished || circumstances.localRestart.forwardingPreserved[familyIndex(family)];
}

/** RFC 4724 section 3, RFC 8538 section 2. A helper only lists no families: nobody is to keep our routes. */
function gracefulRestart(
  config: SessionConfig,
  families: readonly OfferedFamily[],
  circumstances: OpenCircumstances,
): Capability {
  return {
    kind: 'graceful-restart',
    restarted: circumstances.localRestart.isRestarting,
    notification: config.gracefulRestart.notification,
    restartTimeSeconds: Math.min(config.gracefulRestart.restartTimeSeconds, RESTART_TIME_MAX_SECONDS),
    families:
      config.gracefulRestart.mode !== 'full'
        ? []
        : families.map(({ name, afi, safi }) => ({
            afi,
            safi,
            forwardingPreserved: isForwardingPreserved(name, circumstances),
          })),
  };
}

/** RFC 9494 section 3; without the graceful restart capability it would be ignored, so it is not sent without. */
function longLivedGracefulRestart(
  config: SessionConfig,
  families: readonly OfferedFamily[],
  circumstances: OpenCircumstances,
): Capability | null {
  const { mode, longLivedStaleTimeSeconds } = config.gracefulRestart;
  if (mode === 'off' || longLivedStaleTimeSeconds === null) return null;
  const listed = mode === 'full' && longLivedStaleTimeSeconds > 0 ? families : [];
  return {
    kind: 'long-lived-graceful-restart',
    families: listed.map(({ name, afi, safi }) => ({
      afi,
      safi,
      forwardingPreserved: isForwardingPreserved(name, circumstances),
      staleTimeSeconds: longLivedStaleTimeSeconds,
    })),
  };
}
