/**
 * Whether a received attribute set may take part in the decision process at all, before and after import policy.
 * Everything here depends on peer and set only, so it is asked once per UPDATE, not once per prefix.
 *
 * RFC 4271 9.1.2 (AS loop), 6.3 (first AS), 5.1.3 and 9.1.2.1 (next hop); RFC 4456 8 (ORIGINATOR_ID, CLUSTER_LIST);
 * RFC 9234 5 (route leaks by OTC; import-policy.ts puts OTC on).
 */

import { FAMILY_IPV4 } from '../bgp/family.ts';
import type { BgpRole } from '../bgp/session-config.ts';
import { SET_HAS_CLUSTER_LIST, SET_HAS_ORIGINATOR_ID, SET_HAS_OTC } from './attribute-columns.ts';
import { ATTRIBUTE_CLUSTER_LIST, ATTRIBUTE_ONLY_TO_CUSTOMER, uint32At } from './attribute-parser.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import type { NextHopHandle, NextHopTable } from './next-hop.ts';
import type { PeerState } from './peer-table.ts';
import {
  ELIGIBLE,
  INELIGIBLE_AS_LOOP,
  INELIGIBLE_CLUSTER_LOOP,
  INELIGIBLE_FIRST_AS_MISMATCH,
  INELIGIBLE_NEXT_HOP_INVALID,
  INELIGIBLE_NEXT_HOP_OWN_ADDRESS,
  INELIGIBLE_NEXT_HOP_UNRESOLVABLE,
  INELIGIBLE_ORIGINATOR_LOOP,
  INELIGIBLE_ROUTE_LEAK,
  type IneligibleReason,
} from './reason.ts';

/** Loops and leaks: what no policy can make good. */
export function checkReceived(
  sets: AttributeStore,
  set: SetHandle,
  peer: PeerState,
  bgpIdentifier: number,
): IneligibleReason {
  const flags = sets.flags[set];
  const isInternal = peer.session?.isInternal ?? peer.localAs === peer.peerAs;
  if (sets.asPathLength[set] > 0 && sets.countAs(set, peer.localAs) > peer.policy.allowOwnAs) return INELIGIBLE_AS_LOOP;
  if (isInternal) {
    if ((flags & SET_HAS_ORIGINATOR_ID) !== 0 && sets.originatorId[set] === bgpIdentifier) {
      return INELIGIBLE_ORIGINATOR_LOOP;
    }
    if (peer.policy.usesOwnCluster || (flags & SET_HAS_CLUSTER_LIST) === 0) return ELIGIBLE;
    return hasCluster(sets, set, peer.clusterId) ? INELIGIBLE_CLUSTER_LOOP : ELIGIBLE;
  }
  if (peer.enforceFirstAs && sets.neighborAs[set] !== peer.peerAs) return INELIGIBLE_FIRST_AS_MISMATCH;
  const role = peer.session?.role?.local ?? null;
  if (role !== null && (flags & SET_HAS_OTC) !== 0 && isLeak(role, onlyToCustomer(sets, set), peer.peerAs)) {
    return INELIGIBLE_ROUTE_LEAK;
  }
  return ELIGIBLE;
}

/** RFC 9234 5, ingress rules 1 and 2. @param role ours: `provider` means that the peer is a customer */
function isLeak(role: BgpRole, otc: number, peerAs: number): boolean {
  return role === 'provider' || role === 'rs-server' || (role === 'peer' && otc !== peerAs);
}

/** Value of OTC; 0 when absent. */
export function onlyToCustomer(sets: AttributeStore, set: SetHandle): number {
  const at = sets.attributeOffset(set, ATTRIBUTE_ONLY_TO_CUSTOMER);
  return at < 0 ? 0 : uint32At(sets.arena, sets.valueStart(at));
}

/** The next hop that a path would be used with, after policy. */
export function checkNextHop(nextHops: NextHopTable, nextHop: NextHopHandle): IneligibleReason {
  if (nextHop === 0 || isUnusable(nextHops, nextHop)) return INELIGIBLE_NEXT_HOP_INVALID;
  if (nextHops.isOwnAddress[nextHop] !== 0) return INELIGIBLE_NEXT_HOP_OWN_ADDRESS;
  return nextHops.resolvable[nextHop] !== 0 ? ELIGIBLE : INELIGIBLE_NEXT_HOP_UNRESOLVABLE;
}

/** Unspecified, multicast and reserved addresses forward nothing. Loopback: bgp/wire lets it in over loopback only. */
function isUnusable(nextHops: NextHopTable, nextHop: NextHopHandle): boolean {
  const a = nextHops.laneA[nextHop];
  if (nextHops.family[nextHop] === FAMILY_IPV4) {
    const first = a >>> 24;
    return first === 0 || first >= 224;
  }
  if (a >>> 24 === 0xff) return true;
  return a === 0 && nextHops.laneB[nextHop] === 0 && nextHops.laneC[nextHop] === 0 && nextHops.laneD[nextHop] === 0;
}

function hasCluster(sets: AttributeStore, set: SetHandle, clusterId: number): boolean {
  const attribute = sets.attributeOffset(set, ATTRIBUTE_CLUSTER_LIST);
  if (attribute < 0) return false;
  const arena = sets.arena;
  let at = sets.valueStart(attribute);
  for (const end = at + sets.valueLength(attribute); at < end; at += 4) {
    if (uint32At(arena, at) === clusterId) return true;
  }
  return false;
}
