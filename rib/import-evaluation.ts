/**
 * From a set as received to the set that takes part in the decision process: loop and leak checks, the peer's import
 * policy, then the next hop that is left. In this order, because no policy may undo a loop and policy may change the
 * next hop. One object per RIB whose fields are the result, so that nothing is allocated per path.
 */

import { COMMUNITY_LLGR_STALE } from '../bgp/iana.ts';
import { SET_NO_LLGR } from './attribute-columns.ts';
import { AttributeEditor } from './attribute-edit.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { checkNextHop, checkReceived } from './eligibility.ts';
import type { NextHopTable } from './next-hop.ts';
import { PREFERENCE_BGP, PREFERENCE_DIRECT, PREFERENCE_KERNEL, PREFERENCE_STATIC } from './paths.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC, type PeerIndex, type PeerState } from './peer-table.ts';
import { standardCommunity } from './policy/community.ts';
import { ACCEPT_ALL_IMPORT, type ImportPolicy } from './policy-hook.ts';
import { ELIGIBLE, INELIGIBLE_POLICY, type IneligibleReason } from './reason.ts';

const LLGR_STALE = standardCommunity(COMMUNITY_LLGR_STALE);

export class ImportEvaluation {
  /** Result: the set to use; 0: not eligible. */
  effective: SetHandle;
  /** Result: why not. */
  reason: IneligibleReason;
  /** Result: preference among sources. */
  preference: number;
  /** Result: what policy made of the set when only its next hop keeps it from being used; 0: the set itself. */
  parked: SetHandle;
  readonly #sets: AttributeStore;
  readonly #nextHops: NextHopTable;
  /** Ours, unsigned. */
  bgpIdentifier: number;
  readonly #editor: AttributeEditor;
  #policy: ImportPolicy;
  #received: SetHandle;

  constructor(sets: AttributeStore, nextHops: NextHopTable, bgpIdentifier: number) {
    this.effective = 0;
    this.reason = ELIGIBLE;
    this.preference = PREFERENCE_BGP;
    this.parked = 0;
    this.#sets = sets;
    this.#nextHops = nextHops;
    this.bgpIdentifier = bgpIdentifier;
    this.#editor = new AttributeEditor(sets);
    this.#policy = ACCEPT_ALL_IMPORT;
    this.#received = 0;
  }

  /**
   * Evaluates what does not depend on the prefix. True: the result holds for every prefix of the UPDATE; false: call
   * evaluatePrefix for each.
   */
  begin(peer: PeerState, policy: ImportPolicy, received: SetHandle): boolean {
    this.#received = received;
    this.#policy = policy;
    const reason = checkReceived(this.#sets, received, peer, this.bgpIdentifier);
    if (reason !== ELIGIBLE) {
      this.#refuse(reason);
      return true;
    }
    if (policy.acceptsAll) {
      this.#accept(received, -1);
      return true;
    }
    if (policy.dependsOnPrefix) return false;
    this.evaluatePrefix(0, 0, 0, 0, 0);
    return true;
  }

  /** Runs the policy on one prefix, after begin returned false. */
  evaluatePrefix(a: number, b: number, c: number, d: number, length: number): void {
    const set = this.#policy.evaluate(a, b, c, d, length, this.#received);
    if (set === 0) this.#refuse(INELIGIBLE_POLICY);
    else this.#accept(set, this.#policy.preference);
  }

  /** RFC 9494 4.3, after the evaluation of a long-lived stale path. False: NO_LLGR forbids keeping it. */
  applyLongLivedStale(): boolean {
    if ((this.#sets.flags[this.#received] & SET_NO_LLGR) !== 0) return false;
    if (this.effective === 0) return true;
    this.#editor.begin(this.effective);
    this.#editor.addCommunity(LLGR_STALE);
    const stale = this.#editor.finish();
    if (stale !== 0) this.effective = stale;
    return true;
  }

  /** A route that we make ourselves: no policy; only static routes have a next hop that must be resolved. */
  evaluateLocal(source: PeerIndex, set: SetHandle): void {
    this.#received = set;
    this.effective = set;
    this.reason = ELIGIBLE;
    this.parked = 0;
    this.preference = localPreference(source);
    if (source !== PEER_STATIC || this.#sets.nextHop[set] === 0) return;
    const reason = checkNextHop(this.#nextHops, this.#sets.nextHop[set]);
    if (reason !== ELIGIBLE) this.#refuse(reason);
  }

  #accept(set: SetHandle, preference: number): void {
    this.preference = preference < 0 ? PREFERENCE_BGP : preference;
    this.parked = 0;
    this.reason = checkNextHop(this.#nextHops, this.#sets.nextHop[set]);
    this.effective = this.reason === ELIGIBLE ? set : 0;
    if (this.reason !== ELIGIBLE && set !== this.#received) this.parked = set;
  }

  #refuse(reason: IneligibleReason): void {
    this.effective = 0;
    this.reason = reason;
    this.parked = 0;
  }
}

function localPreference(source: PeerIndex): number {
  return source === PEER_KERNEL ? PREFERENCE_KERNEL : source === PEER_DIRECT ? PREFERENCE_DIRECT : PREFERENCE_STATIC;
}
