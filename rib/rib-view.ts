/**
 * The RIB as values for API and CLI: pages of prefixes, one prefix with all its paths and why the best beats each of
 * them, what one peer sent. Made on demand from the tables, never kept; not for hot code. A page looks at a bounded
 * number of entries, so that a reader of a million routes never holds up the daemon.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { IpAddress, Prefix } from '../bgp/ip.ts';
import { SOURCE_BGP, SOURCE_DIRECT, SOURCE_KERNEL } from './attribute-columns.ts';
import type { SetHandle } from './attribute-store.ts';
import type { PathRow } from './paths.ts';
import { ROW_LLGR } from './paths.ts';
import type { PeerIndex } from './peer-table.ts';
import type { RouteSource } from './policy/policy.ts';
import type { PrefixHandle } from './prefix-table.ts';
import {
  BEST_ELIGIBLE,
  BEST_MED,
  BEST_ONLY_PATH,
  BEST_PATH_REASON_NAMES,
  ELIGIBLE,
  INELIGIBLE_REASON_NAMES,
} from './reason.ts';
import type { Rib } from './rib.ts';

/** Entries that one page looks at, whatever it finds. */
const ENTRIES_PER_PAGE = 10_000;
const MAX_MULTIPATH_ROWS = 256;

export interface AttributesView {
  /** Canonical octets, a copy: bgp/wire decodes what is not named here. */
  readonly octets: Uint8Array;
  readonly origin: number;
  readonly asPathLength: number;
  readonly neighborAs: number;
  readonly localPref: number;
  readonly med: number;
  /** null: the route has none. */
  readonly nextHop: string | null;
  readonly nextHopResolvable: boolean;
  readonly igpCost: number;
  readonly source: RouteSource;
}

export interface PathView {
  readonly row: PathRow;
  readonly peer: string;
  readonly pathId: number;
  readonly isBest: boolean;
  readonly isMultipath: boolean;
  /** Not announced again since its session ended or a refresh began. */
  readonly isStale: boolean;
  readonly isLongLivedStale: boolean;
  readonly isEligible: boolean;
  /** Why not, in words; null when it is eligible. */
  readonly ineligible: string | null;
  /** Step of the decision process that made the best path better than this one, in words; null for the best. */
  readonly worseBecause: string | null;
  readonly preference: number;
  readonly received: AttributesView;
  /** After import policy; null when the path is not eligible. */
  readonly effective: AttributesView | null;
}

export interface PrefixView {
  readonly prefix: Prefix;
  /** Why the best path is the best, compared with the runner-up; null when there is no best path. */
  readonly bestBecause: string | null;
  /** The best first, the others as the table holds them. */
  readonly paths: readonly PathView[];
}

export interface Page<T> {
  readonly entries: readonly T[];
  /** Hand in as `from` for the next page; 0: that was the last. */
  readonly next: number;
}

/** Prefixes with paths in handle order. @param from 1 for the first page */
export function listPrefixes(rib: Rib, family: FamilyIndex, from: number, limit: number): Page<PrefixHandle> {
  const prefixes = rib.prefixes[family];
  const entries: PrefixHandle[] = [];
  let handle = Math.max(from, 1);
  const stop = Math.min(prefixes.end, handle + ENTRIES_PER_PAGE);
  for (; handle < stop && entries.length < limit; handle++) {
    if (prefixes.isUsed(handle) && prefixes.head[handle] !== 0) entries.push(handle);
  }
  return { entries, next: handle < prefixes.end ? handle : 0 };
}

/** The longest prefix with paths that contains the address; 0: none. */
export function longestMatch(rib: Rib, address: IpAddress): PrefixHandle {
  return rib.prefixes[address.family].longestMatch(address.a, address.b, address.c, address.d);
}

/** The handle of exactly this prefix; 0: there are no paths for it. */
export function findPrefix(rib: Rib, prefix: Prefix): PrefixHandle {
  const prefixes = rib.prefixes[prefix.family];
  const handle = prefixes.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
  return handle !== 0 && prefixes.head[handle] !== 0 ? handle : 0;
}

export function describePrefix(rib: Rib, family: FamilyIndex, handle: PrefixHandle): PrefixView {
  const { prefixes, paths } = rib.families[family];
  const best = rib.best(family, handle);
  const multipath = multipathRows(rib, family, handle);
  const views: PathView[] = [];
  for (let row = prefixes.head[handle]; row !== 0; row = paths.rowNext[row]) {
    views.push(describePath(rib, family, row, best, multipath));
  }
  return { prefix: prefixes.describe(handle), bestBecause: bestBecause(rib, family, handle, best), paths: views };
}

/**
 * What the peer sent, in row order.
 * @param from 1 for the first page
 * @param isMeant asked about every row of the peer before it is described, which costs a hundred times as much
 */
export function listReceived(
  rib: Rib,
  peer: PeerIndex,
  family: FamilyIndex,
  from: number,
  limit: number,
  isMeant: (row: PathRow) => boolean = () => true,
): Page<{ readonly prefix: Prefix; readonly path: PathView }> {
  const { prefixes, paths } = rib.families[family];
  const entries: Array<{ prefix: Prefix; path: PathView }> = [];
  let row = Math.max(from, 1);
  const stop = Math.min(paths.end, row + ENTRIES_PER_PAGE);
  for (; row < stop && entries.length < limit; row++) {
    const handle = paths.rowPrefix[row];
    if (handle === 0 || paths.rowPeer[row] !== peer || !isMeant(row)) continue;
    const best = rib.best(family, handle);
    const path = describePath(rib, family, row, best, multipathRows(rib, family, handle));
    entries.push({ prefix: prefixes.describe(handle), path });
  }
  return { entries, next: row < paths.end ? row : 0 };
}

export function describeAttributes(rib: Rib, set: SetHandle): AttributesView {
  const { sets, nextHops } = rib;
  const nextHop = sets.nextHop[set];
  const source = sets.source[set];
  return {
    octets: sets.octetsOf(set).slice(),
    origin: sets.origin[set],
    asPathLength: sets.asPathLength[set],
    neighborAs: sets.neighborAs[set],
    localPref: sets.localPref[set],
    med: sets.med[set],
    nextHop: nextHop === 0 ? null : nextHops.format(nextHop),
    nextHopResolvable: nextHop === 0 || nextHops.resolvable[nextHop] !== 0,
    igpCost: nextHop === 0 ? 0 : nextHops.cost[nextHop],
    source:
      source === SOURCE_BGP
        ? 'bgp'
        : source === SOURCE_KERNEL
          ? 'kernel'
          : source === SOURCE_DIRECT
            ? 'direct'
            : 'static',
  };
}

function describePath(
  rib: Rib,
  family: FamilyIndex,
  row: PathRow,
  best: PathRow,
  multipath: ReadonlySet<PathRow>,
): PathView {
  const { paths } = rib.families[family];
  const effective = paths.rowEffective[row];
  return {
    row,
    peer: rib.peers.nameOf(paths.rowPeer[row]),
    pathId: paths.pathIdOf(row),
    isBest: row === best,
    isMultipath: multipath.has(row),
    isStale: rib.families[family].age(row) !== 0,
    isLongLivedStale: (paths.rowFlags[row] & ROW_LLGR) !== 0,
    isEligible: effective !== 0,
    ineligible: paths.rowReason[row] === ELIGIBLE ? null : INELIGIBLE_REASON_NAMES[paths.rowReason[row]],
    worseBecause: row === best || best === 0 ? null : BEST_PATH_REASON_NAMES[whyWorse(rib, family, row, best)],
    preference: paths.rowPreference[row],
    received: describeAttributes(rib, paths.rowSet[row]),
    effective: effective === 0 ? null : describeAttributes(rib, effective),
  };
}

/** The step in which `row` lost to the best path. */
function whyWorse(rib: Rib, family: FamilyIndex, row: PathRow, best: PathRow): number {
  const { paths } = rib.families[family];
  if (paths.rowEffective[row] === 0) return BEST_ELIGIBLE;
  // A path that would win the pair is out because it lost on MED to a third path of its neighbour AS.
  return rib.decision.compare(paths, best, row) < 0 ? rib.decision.lastReason : BEST_MED;
}

/** The step in which the runner-up (the best of the other paths) lost. */
function bestBecause(rib: Rib, family: FamilyIndex, handle: PrefixHandle, best: PathRow): string | null {
  if (best === 0) return null;
  const { prefixes, paths } = rib.families[family];
  let runnerUp: PathRow = 0;
  let hasIneligible = false;
  for (let row = prefixes.head[handle]; row !== 0; row = paths.rowNext[row]) {
    if (row === best) continue;
    if (paths.rowEffective[row] === 0) hasIneligible = true;
    else if (runnerUp === 0 || rib.decision.compare(paths, row, runnerUp) < 0) runnerUp = row;
  }
  if (runnerUp !== 0) return BEST_PATH_REASON_NAMES[whyWorse(rib, family, runnerUp, best)];
  return BEST_PATH_REASON_NAMES[hasIneligible ? BEST_ELIGIBLE : BEST_ONLY_PATH];
}

function multipathRows(rib: Rib, family: FamilyIndex, handle: PrefixHandle): ReadonlySet<PathRow> {
  const rows = new Uint32Array(MAX_MULTIPATH_ROWS);
  const count = rib.multipath(family, handle, rows, rows.length);
  return new Set(rows.subarray(0, count));
}
