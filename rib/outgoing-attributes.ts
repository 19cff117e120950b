/**
 * The attributes that leave for a group of peers, once export policy has accepted a path: RFC 4271 5 (which attribute
 * goes where), 5.1.2 (AS_PATH), 5.1.3 (NEXT_HOP), 5.1.4 (MED), 5.1.5 (LOCAL_PREF); RFC 4456 8 (ORIGINATOR_ID,
 * CLUSTER_LIST); RFC 2545 3 and RFC 8950 4 (IPv6 next hops); RFC 4360 6 (communities that stay in the AS); RFC 7311 3.4
 * (AIGP); RFC 9234 5 (OTC); RFC 8326 4 (a node that is drained). Unknown transitive attributes pass as they are: the codec has set Partial.
 *
 * IPv4 routes leave with NEXT_HOP when the next hop is an IPv4 address, with MP_REACH_NLRI when it is an IPv6 one;
 * IPv6 routes always with MP_REACH_NLRI.
 */

import { FAMILY_AFI, FAMILY_IPV4, FAMILY_IPV6 } from '../bgp/family.ts';
import {
  ATTRIBUTE_AIGP,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_CLUSTER_LIST,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ONLY_TO_CUSTOMER,
  ATTRIBUTE_ORIGIN,
  ATTRIBUTE_ORIGINATOR_ID,
  COMMUNITY_GRACEFUL_SHUTDOWN,
  FLAG_TRANSITIVE,
} from '../bgp/iana.ts';
import type { IpAddress } from '../bgp/ip.ts';
import { SOURCE_BGP } from './attribute-columns.ts';
import { AttributeEditor } from './attribute-edit.ts';
import { ATTRIBUTE_LOCAL_ORIGIN } from './attribute-parser.ts';
import type { SetHandle } from './attribute-store.ts';
import type { ExportSettings, ExportTables } from './export-rules.ts';
import type { NextHopHandle } from './next-hop.ts';
import { applyCommunityEdits } from './policy/apply-edits.ts';
import { standardCommunity } from './policy/community.ts';
import { NEXT_HOP_ADDRESS, NEXT_HOP_DEFAULT, NEXT_HOP_SELF, NEXT_HOP_UNCHANGED } from './policy/compiled.ts';
import type { EvaluationContext } from './policy/evaluate.ts';
import { ADVERTISED, NOT_ADVERTISED_NEXT_HOP, NOT_ADVERTISED_TOO_LONG, type NotAdvertisedReason } from './reason.ts';

const ORIGIN_IGP = 0;
const MED_MAX = 0xffffffff;
/** Enough to lose against the way through a neighbouring router and one behind it. */
const DRAIN_PREPENDS = 3;
const GRACEFUL_SHUTDOWN = standardCommunity(COMMUNITY_GRACEFUL_SHUTDOWN);

/** Builds outgoing sets for one group. */
export class OutgoingAttributes {
  /** ADVERTISED, or why the last set could not be made. */
  reason: NotAdvertisedReason = ADVERTISED;
  readonly #tables: ExportTables;
  readonly #settings: ExportSettings;
  readonly #editor: AttributeEditor;
  readonly #self: IpAddress | null;
  readonly #addsOnlyToCustomer: boolean;

  constructor(tables: ExportTables, settings: ExportSettings) {
    this.#tables = tables;
    this.#settings = settings;
    this.#editor = new AttributeEditor(tables.sets);
    this.#self = nextHopSelf(settings);
    const { role } = settings;
    this.#addsOnlyToCustomer = !settings.isInternal && (role === 'provider' || role === 'peer' || role === 'rs-server');
  }

  /** The set for an accepted path, or 0: `reason` says why. */
  make(evaluation: EvaluationContext, isReflected: boolean): SetHandle {
    const { policy, isInternal, drain } = this.#settings;
    const set = evaluation.set;
    const isLocal = this.#tables.sets.source[set] !== SOURCE_BGP;
    const editor = this.#editor;
    editor.begin(set);
    editor.remove(ATTRIBUTE_LOCAL_ORIGIN);
    if (!editor.has(ATTRIBUTE_ORIGIN)) editor.setUint8(ATTRIBUTE_ORIGIN, FLAG_TRANSITIVE, ORIGIN_IGP);
    const isNextHopOurs = this.#writeNextHop(evaluation, isLocal);
    if (this.reason !== ADVERTISED) return 0;
    applyCommunityEdits(policy, evaluation.program, editor);
    if (isInternal) this.#writeInternal(evaluation, isReflected);
    else this.#writeExternal(evaluation, isLocal);
    if (evaluation.hasNewMed) {
      if (evaluation.med < 0) editor.remove(ATTRIBUTE_MULTI_EXIT_DISC);
      else editor.setMed(evaluation.med);
    }
    if (drain !== 'none') this.#putLast();
    // RFC 7311 3.4: whoever puts itself in as next hop must add its own distance. We have no interior metric to add,
    // and a value that leaves it out would be wrong, so the attribute does not pass us.
    if (isNextHopOurs || !isInternal) editor.remove(ATTRIBUTE_AIGP);
    const made = editor.finish();
    if (made === 0) this.reason = NOT_ADVERTISED_TOO_LONG;
    return made;
  }

  #writeInternal(evaluation: EvaluationContext, isReflected: boolean): void {
    const editor = this.#editor;
    if (evaluation.frontCount > 0 || !editor.has(ATTRIBUTE_AS_PATH))
      editor.rewriteAsPath(evaluation.front, evaluation.frontCount, false, false, 0);
    // RFC 4271 5.1.5: always there towards internal peers.
    if (evaluation.hasNewLocalPref || !editor.has(ATTRIBUTE_LOCAL_PREF)) editor.setLocalPref(evaluation.localPref);
    if (!isReflected) return;
    if (!editor.has(ATTRIBUTE_ORIGINATOR_ID))
      editor.setOriginatorId(this.#tables.peers.bgpIdentifier[evaluation.sourcePeer]);
    editor.prependCluster(this.#settings.clusterId);
  }

  /**
   * RFC 8326 4.2, 4.3: GRACEFUL_SHUTDOWN, and LOCAL_PREF 0 inside the AS. Peers outside that make nothing of the
   * community are asked by the highest MED and (in #writeExternal) by a longer path.
   */
  #putLast(): void {
    const editor = this.#editor;
    editor.addCommunity(GRACEFUL_SHUTDOWN);
    if (this.#settings.isInternal) editor.setLocalPref(0);
    else editor.setMed(MED_MAX);
  }

  /** Our AS some more times in front of the path of an external peer. */
  #longerFront({ front, frontCount }: EvaluationContext): Uint32Array {
    const longer = new Uint32Array(frontCount + DRAIN_PREPENDS).fill(this.#settings.localAs);
    longer.set(front.subarray(0, frontCount), DRAIN_PREPENDS);
    return longer;
  }

  #writeExternal(evaluation: EvaluationContext, isLocal: boolean): void {
    const { localAs, peerAs, removePrivateAs, drain } = this.#settings;
    const editor = this.#editor;
    if (drain === 'none') {
      editor.rewriteAsPath(evaluation.front, evaluation.frontCount, true, removePrivateAs, peerAs);
    } else {
      const front = this.#longerFront(evaluation);
      editor.rewriteAsPath(front, front.length, true, removePrivateAs, peerAs);
    }
    editor.remove(ATTRIBUTE_LOCAL_PREF);
    editor.remove(ATTRIBUTE_ORIGINATOR_ID);
    editor.remove(ATTRIBUTE_CLUSTER_LIST);
    // RFC 4271 5.1.4: a MED that came from a neighbouring AS is not for another one.
    if (!isLocal) editor.remove(ATTRIBUTE_MULTI_EXIT_DISC);
    editor.removeNonTransitiveCommunities();
    if (this.#addsOnlyToCustomer && !editor.has(ATTRIBUTE_ONLY_TO_CUSTOMER)) editor.setOnlyToCustomer(localAs);
  }

  /** Sets the next hop; true when it is our own address. Sets `reason`. */
  #writeNextHop(evaluation: EvaluationContext, isLocal: boolean): boolean {
    this.reason = ADVERTISED;
    if (evaluation.nextHopAction === NEXT_HOP_ADDRESS && evaluation.nextHopAddress !== null) {
      this.#writeAddress(evaluation.nextHopAddress, false);
      return false;
    }
    const nextHop = this.#tables.sets.nextHop[evaluation.set];
    if (nextHop !== 0 && this.#keepsNextHop(evaluation, nextHop)) {
      if (this.#keepNextHop(nextHop)) return false;
      // The gateway of a local route is a courtesy; we can always take its packets ourselves.
      if (!isLocal) {
        this.reason = NOT_ADVERTISED_NEXT_HOP;
        return false;
      }
    }
    this.#writeAddress(this.#self, true);
    return true;
  }

  /** RFC 4271 5.1.3, with what Calico's next-hop modes and policies say. */
  #keepsNextHop(evaluation: EvaluationContext, nextHop: NextHopHandle): boolean {
    // Nobody beyond the link could use a link-local address.
    if (this.#tables.nextHops.isLinkLocal(nextHop)) return false;
    if (evaluation.nextHopAction === NEXT_HOP_SELF) return false;
    if (evaluation.nextHopAction === NEXT_HOP_UNCHANGED) return true;
    const { nextHopMode, isInternal } = this.#settings;
    if (nextHopMode === 'self' && evaluation.nextHopAction === NEXT_HOP_DEFAULT) return false;
    return nextHopMode === 'keep' || isInternal;
  }

  /** Leaves the next hop as it is, less a link-local part; false when these peers cannot be told it. */
  #keepNextHop(nextHop: NextHopHandle): boolean {
    const { nextHops } = this.#tables;
    const { family, extendedNextHop } = this.#settings;
    const editor = this.#editor;
    if (nextHops.family[nextHop] === FAMILY_IPV4) {
      if (family !== FAMILY_IPV4) return false;
      if (editor.has(ATTRIBUTE_MP_REACH_NLRI) || !editor.has(ATTRIBUTE_NEXT_HOP))
        editor.setIpv4NextHop(nextHops.laneA[nextHop]);
      return true;
    }
    if (family === FAMILY_IPV4 && !extendedNextHop) return false;
    // RFC 2545 3: the link-local address is only for those on the link; here the next hop is somebody else's.
    editor.setIpv6NextHop(
      FAMILY_AFI[family],
      nextHops.laneA[nextHop],
      nextHops.laneB[nextHop],
      nextHops.laneC[nextHop],
      nextHops.laneD[nextHop],
      0,
      0,
    );
    return true;
  }

  #writeAddress(address: IpAddress | null, isOurs: boolean): void {
    const { family, extendedNextHop, localLinkLocal } = this.#settings;
    const isPossible =
      address !== null && (address.family === family || (address.family === FAMILY_IPV6 && extendedNextHop));
    if (!isPossible) {
      this.reason = NOT_ADVERTISED_NEXT_HOP;
      return;
    }
    if (address.family === FAMILY_IPV4) {
      this.#editor.setIpv4NextHop(address.a);
      return;
    }
    const withLinkLocal = isOurs && localLinkLocal !== null && !isLinkLocal(address);
    const { a, b, c, d } = address;
    this.#editor.setIpv6NextHop(
      FAMILY_AFI[family],
      a,
      b,
      c,
      d,
      withLinkLocal ? localLinkLocal.c : 0,
      withLinkLocal ? localLinkLocal.d : 0,
    );
  }
}

function isLinkLocal(address: IpAddress): boolean {
  return address.family === FAMILY_IPV6 && address.a >>> 22 === 0x3fa;
}

/** The address of ours that routes of this family get as next hop; null: there is none that these peers can use. */
function nextHopSelf(settings: ExportSettings): IpAddress | null {
  const { family, localAddress, otherAddresses, extendedNextHop } = settings;
  const ours = [localAddress, ...otherAddresses];
  const ipv6 =
    ours.find((address) => address.family === FAMILY_IPV6 && !isLinkLocal(address)) ??
    ours.find((address) => address.family === FAMILY_IPV6) ??
    null;
  if (family === FAMILY_IPV6) return ipv6;
  // Over an IPv6 session with RFC 8950 the IPv6 address is the one that the peer certainly reaches.
  if (extendedNextHop && localAddress.family === FAMILY_IPV6) return ipv6;
  return ours.find((address) => address.family === FAMILY_IPV4) ?? (extendedNextHop ? ipv6 : null);
}
