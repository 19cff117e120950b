/**
 * From a peer with its session to the settings of the update group that it belongs to. Peers whose settings have equal
 * keys may share a group: the key names everything that export looks at, and nothing else.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import { formatAddress, type IpAddress } from '../bgp/ip.ts';
import type { DrainExport, ExportSettings } from './export-rules.ts';
import type { PeerState } from './peer-table.ts';
import type { CompiledPolicy } from './policy/compiled.ts';
import type { Policy } from './policy/policy.ts';

/** Addresses of ours that the session itself does not say. */
export interface OwnAddresses {
  /** Best first; the session's own address need not be among them. */
  readonly otherAddresses: readonly IpAddress[];
  /** On the link that we share with the peer; null: not on one link. */
  readonly localLinkLocal: IpAddress | null;
}

/** Settings for an established peer; null while it has no session. */
export function exportSettingsOf(
  peer: PeerState,
  family: FamilyIndex,
  policy: CompiledPolicy,
  own: OwnAddresses,
  drain: DrainExport,
): ExportSettings | null {
  const { session, ends } = peer;
  if (session === null || ends === null) return null;
  const { isRouteReflectorClient, nextHopMode, removePrivateAs, tellsLinkLocal } = peer.policy;
  return {
    family,
    isInternal: session.isInternal,
    localAs: session.localAs,
    peerAs: session.peerAs,
    isRouteReflectorClient: session.isInternal && isRouteReflectorClient,
    clusterId: peer.clusterId,
    nextHopMode,
    localAddress: ends.localAddress,
    otherAddresses: own.otherAddresses,
    localLinkLocal: tellsLinkLocal ? own.localLinkLocal : null,
    extendedNextHop: session.extendedNextHop,
    isLlgrAware: session.longLivedGracefulRestart !== null,
    role: session.role?.local ?? null,
    removePrivateAs,
    drain,
    policy,
  };
}

/** Equal keys, equal export. */
export function exportKey(settings: ExportSettings): string {
  const { otherAddresses, localLinkLocal, isInternal } = settings;
  return [
    settings.family,
    isInternal ? 'internal' : 'external',
    settings.localAs,
    // All other rules are the same for external peers of every AS.
    settings.removePrivateAs && !isInternal ? `without private AS but ${settings.peerAs}` : '',
    settings.isRouteReflectorClient ? 'client' : '',
    isInternal ? settings.clusterId : '',
    settings.nextHopMode,
    formatAddress(settings.localAddress),
    otherAddresses.map(formatAddress).join(','),
    localLinkLocal === null ? '' : formatAddress(localLinkLocal),
    settings.extendedNextHop ? 'extended next hop' : '',
    settings.isLlgrAware ? 'llgr' : '',
    isInternal ? '' : (settings.role ?? ''),
    settings.drain,
    contentOf(settings.policy.policy),
  ].join('|');
}

/** Peers mostly share one policy object, which may list thousands of prefixes. */
const contents = new WeakMap<Policy, string>();

function contentOf(policy: Policy): string {
  let content = contents.get(policy);
  if (content === undefined) {
    content = JSON.stringify(policy);
    contents.set(policy, content);
  }
  return content;
}
