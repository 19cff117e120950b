/**
 * The decision process: which path of a prefix is best, and why. One comparison serves selection, multipath and
 * explanation; it is made of three parts because MULTI_EXIT_DISC is only comparable between paths of one neighbour AS.
 *
 * Order: preference of the source; local before BGP; not LLGR_STALE (RFC 9494 4.3); LOCAL_PREF; AS_PATH length; ORIGIN;
 * MED; external before internal; IGP cost; router id or ORIGINATOR_ID; CLUSTER_LIST length; peer address; path id
 * (RFC 4271 9.1.1, 9.1.2.2; RFC 4456 9). Paths whose next hop is unresolvable are not eligible and never get here.
 *
 * MED is deterministic: as RFC 4271 9.1.2.2 c) says, every path that loses on MED to another path of its neighbour AS is
 * out before the later steps, whatever the order of arrival. Comparing in pairs does not do that (it is not transitive),
 * so `selectBest` looks at all paths that tie up to MED, and LocRib only trusts a pair when the tie did not matter.
 */

import { SET_LLGR_STALE } from './attribute-columns.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { grownCapacity, grownUint32 } from './columns.ts';
import type { NextHopTable } from './next-hop.ts';
import type { PathRow, PathTable } from './paths.ts';
import { FIRST_BGP_PEER, type PeerTable } from './peer-table.ts';
import {
  BEST_AS_PATH_LENGTH,
  BEST_CLUSTER_LIST_LENGTH,
  BEST_EXTERNAL,
  BEST_IGP_COST,
  BEST_LOCAL_PREF,
  BEST_LOCAL_SOURCE,
  BEST_MED,
  BEST_METRIC,
  BEST_NOT_LLGR_STALE,
  BEST_ONLY_PATH,
  BEST_ORIGIN,
  BEST_PATH_ID,
  BEST_PEER_ADDRESS,
  BEST_PREFERENCE,
  BEST_ROUTER_ID,
  type BestPathReason,
} from './reason.ts';

export interface DecisionOptions {
  /** Compare MED also between different neighbour ASes. */
  readonly alwaysCompareMed: boolean;
  /** Paths of different neighbour ASes may share a multipath set. */
  readonly multipathRelax: boolean;
  readonly multipath: boolean;
}

export const DECISION_DEFAULTS: DecisionOptions = {
  alwaysCompareMed: false,
  multipathRelax: false,
  multipath: true,
};

/** In #reason: decided by AttributeColumns.rank; which part of it is only worked out when somebody asks. */
const BY_RANK = -1;

export class Decision {
  options: DecisionOptions;
  /** After compare: the paths were equal in everything before MED. */
  tied: boolean;
  readonly #sets: AttributeStore;
  readonly #nextHops: NextHopTable;
  readonly #peers: PeerTable;
  #reason: number;
  #rankedX: SetHandle;
  #rankedY: SetHandle;
  /** Scratch of selectBest: neighbour ASes among the tied paths, with their lowest MED. */
  #groupAs: Uint32Array;
  #groupMed: Uint32Array;

  constructor(
    sets: AttributeStore,
    nextHops: NextHopTable,
    peers: PeerTable,
    options: DecisionOptions = DECISION_DEFAULTS,
  ) {
    this.options = options;
    this.tied = false;
    this.#sets = sets;
    this.#nextHops = nextHops;
    this.#peers = peers;
    this.#reason = BEST_ONLY_PATH;
    this.#rankedX = 0;
    this.#rankedY = 0;
    this.#groupAs = new Uint32Array(grownCapacity(1));
    this.#groupMed = new Uint32Array(grownCapacity(1));
  }

  /** Negative: `x` is better than `y`. Both must be eligible and different rows; then it is never 0. */
  compare(paths: PathTable, x: PathRow, y: PathRow): number {
    const order = this.#compareBeforeMed(paths, x, y);
    this.tied = order === 0;
    if (order !== 0) return order;
    const med = this.#compareMed(paths, x, y);
    return med !== 0 ? med : this.#compareAfterMed(paths, x, y);
  }

  /** The step that decided the last compare. */
  get lastReason(): BestPathReason {
    if (this.#reason !== BY_RANK) return this.#reason;
    const sets = this.#sets;
    const x = this.#rankedX;
    const y = this.#rankedY;
    if ((sets.flags[x] & SET_LLGR_STALE) !== (sets.flags[y] & SET_LLGR_STALE)) return BEST_NOT_LLGR_STALE;
    if (sets.localPref[x] !== sets.localPref[y]) return BEST_LOCAL_PREF;
    return sets.asPathLength[x] !== sets.asPathLength[y] ? BEST_AS_PATH_LENGTH : BEST_ORIGIN;
  }

  /** True when both are eligible and equal in everything before MED: each may matter to the other's fate. */
  ties(paths: PathTable, x: PathRow, y: PathRow): boolean {
    return paths.rowEffective[x] !== 0 && paths.rowEffective[y] !== 0 && this.#compareBeforeMed(paths, x, y) === 0;
  }

  /** The best eligible path of the list that starts at `first`; 0: none. */
  selectBest(paths: PathTable, first: PathRow): PathRow {
    const next = paths.rowNext;
    const effective = paths.rowEffective;
    let best: PathRow = 0;
    let tiedRows = 0;
    for (let row = first; row !== 0; row = next[row]) {
      if (effective[row] === 0) continue;
      if (best === 0) {
        best = row;
        continue;
      }
      const order = this.#compareBeforeMed(paths, row, best);
      if (order < 0) {
        best = row;
        tiedRows = 0;
      } else if (order === 0) tiedRows++;
    }
    return tiedRows === 0 ? best : this.#selectAmongTied(paths, first, best);
  }

  /**
   * Writes the multipath set of the list into `rows`, best first, at most `limit`; returns how many. `first` must be
   * the best path. Equal up to and including IGP cost, learned by BGP, not eliminated by MED.
   */
  multipath(paths: PathTable, first: PathRow, rows: Uint32Array, limit: number): number {
    if (first === 0 || paths.rowEffective[first] === 0 || limit < 1) return 0;
    rows[0] = first;
    let count = 1;
    if (!this.options.multipath || paths.rowPeer[first] < FIRST_BGP_PEER) return count;
    let groups = -1;
    for (let row = paths.rowNext[first]; row !== 0; row = paths.rowNext[row]) {
      if (!this.ties(paths, first, row) || !this.#sharesForwarding(paths, first, row)) continue;
      if (groups < 0) groups = this.#collectMeds(paths, first, first);
      if (this.#losesOnMed(paths, row, groups)) continue;
      let at = count < limit ? count++ : count;
      for (; at > 1 && this.compare(paths, row, rows[at - 1]) < 0; at--) if (at < limit) rows[at] = rows[at - 1];
      if (at < limit) rows[at] = row;
    }
    return count;
  }

  /** Preference of source, local before BGP, then the rank of the attribute set. */
  #compareBeforeMed(paths: PathTable, x: PathRow, y: PathRow): number {
    const preferenceX = paths.rowPreference[x];
    const preferenceY = paths.rowPreference[y];
    if (preferenceX !== preferenceY) {
      this.#reason = BEST_PREFERENCE;
      return preferenceY - preferenceX;
    }
    const setX = paths.rowEffective[x];
    const setY = paths.rowEffective[y];
    if (paths.rowPeer[x] < FIRST_BGP_PEER || paths.rowPeer[y] < FIRST_BGP_PEER) {
      return this.#compareLocal(paths, x, y, setX, setY);
    }
    if (setX === setY) return 0;
    const rank = this.#sets.rank;
    const rankX = rank[setX];
    const rankY = rank[setY];
    if (rankX === rankY) return 0;
    this.#reason = BY_RANK;
    this.#rankedX = setX;
    this.#rankedY = setY;
    return rankX > rankY ? -1 : 1;
  }

  /** At least one of the two is a local route: those come first, among them the lower metric. */
  #compareLocal(paths: PathTable, x: PathRow, y: PathRow, setX: SetHandle, setY: SetHandle): number {
    const localX = paths.rowPeer[x] < FIRST_BGP_PEER ? 1 : 0;
    const localY = paths.rowPeer[y] < FIRST_BGP_PEER ? 1 : 0;
    if (localX !== localY) {
      this.#reason = BEST_LOCAL_SOURCE;
      return localY - localX;
    }
    this.#reason = BEST_METRIC;
    return this.#sets.metric[setX] - this.#sets.metric[setY];
  }

  #compareMed(paths: PathTable, x: PathRow, y: PathRow): number {
    const sets = this.#sets;
    const setX = paths.rowEffective[x];
    const setY = paths.rowEffective[y];
    if (setX === setY) return 0;
    if (!this.options.alwaysCompareMed && sets.neighborAs[setX] !== sets.neighborAs[setY]) return 0;
    this.#reason = BEST_MED;
    return sets.med[setX] - sets.med[setY];
  }

  /** RFC 4271 9.1.2.2 d) to g) with RFC 4456 9; then the path id, so that the order is total. */
  #compareAfterMed(paths: PathTable, x: PathRow, y: PathRow): number {
    const peers = this.#peers;
    const sets = this.#sets;
    const peerX = paths.rowPeer[x];
    const peerY = paths.rowPeer[y];
    const setX = paths.rowEffective[x];
    const setY = paths.rowEffective[y];
    this.#reason = BEST_EXTERNAL;
    if (peers.isExternal[peerX] !== peers.isExternal[peerY]) return peers.isExternal[peerY] - peers.isExternal[peerX];
    const cost = this.#nextHops.cost;
    const costOrder = cost[sets.nextHop[setX]] - cost[sets.nextHop[setY]];
    this.#reason = BEST_IGP_COST;
    if (costOrder !== 0) return costOrder;
    const originatorX = sets.originatorId[setX];
    const originatorY = sets.originatorId[setY];
    const routerOrder =
      (originatorX !== 0 ? originatorX : peers.bgpIdentifier[peerX]) -
      (originatorY !== 0 ? originatorY : peers.bgpIdentifier[peerY]);
    this.#reason = BEST_ROUTER_ID;
    if (routerOrder !== 0) return routerOrder;
    this.#reason = BEST_CLUSTER_LIST_LENGTH;
    const clusterOrder = sets.clusterListLength[setX] - sets.clusterListLength[setY];
    if (clusterOrder !== 0) return clusterOrder;
    this.#reason = BEST_PEER_ADDRESS;
    if (peerX !== peerY) return this.#compareAddress(peerX, peerY);
    this.#reason = BEST_PATH_ID;
    return paths.pathIdOf(x) - paths.pathIdOf(y);
  }

  #compareAddress(peerX: number, peerY: number): number {
    const peers = this.#peers;
    return (
      peers.addressFamily[peerX] - peers.addressFamily[peerY] ||
      peers.addressA[peerX] - peers.addressA[peerY] ||
      peers.addressB[peerX] - peers.addressB[peerY] ||
      peers.addressC[peerX] - peers.addressC[peerY] ||
      peers.addressD[peerX] - peers.addressD[peerY] ||
      // Two sessions with one address on different links: the index is as good as anything.
      peerX - peerY
    );
  }

  /** The best of the paths that tie with `like` before MED: RFC 4271 9.1.2.2 c), then the rest of the steps. */
  #selectAmongTied(paths: PathTable, first: PathRow, like: PathRow): PathRow {
    const groups = this.#collectMeds(paths, first, like);
    let best: PathRow = 0;
    for (let row = first; row !== 0; row = paths.rowNext[row]) {
      if (row !== like && !this.ties(paths, row, like)) continue;
      if (this.#losesOnMed(paths, row, groups)) continue;
      if (best === 0 || this.#compareAfterMed(paths, row, best) < 0) best = row;
    }
    return best;
  }

  /** Lowest MED per neighbour AS (one group for all with alwaysCompareMed) of the paths that tie with `like`. */
  #collectMeds(paths: PathTable, first: PathRow, like: PathRow): number {
    const sets = this.#sets;
    let groups = 0;
    for (let row = first; row !== 0; row = paths.rowNext[row]) {
      if (row !== like && !this.ties(paths, row, like)) continue;
      const set = paths.rowEffective[row];
      const as = this.options.alwaysCompareMed ? 0 : sets.neighborAs[set];
      const med = sets.med[set];
      let group = 0;
      while (group < groups && this.#groupAs[group] !== as) group++;
      if (group === groups) {
        if (groups === this.#groupAs.length) {
          this.#groupAs = grownUint32(this.#groupAs, grownCapacity(groups + 1));
          this.#groupMed = grownUint32(this.#groupMed, grownCapacity(groups + 1));
        }
        this.#groupAs[groups] = as;
        this.#groupMed[groups++] = med;
      } else if (med < this.#groupMed[group]) this.#groupMed[group] = med;
    }
    return groups;
  }

  #losesOnMed(paths: PathTable, row: PathRow, groups: number): boolean {
    const set = paths.rowEffective[row];
    const as = this.options.alwaysCompareMed ? 0 : this.#sets.neighborAs[set];
    for (let group = 0; group < groups; group++) {
      if (this.#groupAs[group] === as) return this.#sets.med[set] > this.#groupMed[group];
    }
    return false;
  }

  /** Of two paths that tie before MED: may packets be shared between them? */
  #sharesForwarding(paths: PathTable, x: PathRow, y: PathRow): boolean {
    const sets = this.#sets;
    const setX = paths.rowEffective[x];
    const setY = paths.rowEffective[y];
    const cost = this.#nextHops.cost;
    return (
      (this.options.multipathRelax || sets.neighborAs[setX] === sets.neighborAs[setY]) &&
      this.#peers.isExternal[paths.rowPeer[x]] === this.#peers.isExternal[paths.rowPeer[y]] &&
      cost[sets.nextHop[setX]] === cost[sets.nextHop[setY]]
    );
  }
}
