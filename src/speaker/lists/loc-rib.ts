/** The Loc-RIB as a list: every prefix with its paths, the best first. */

import { FAMILY_NAMES, type FamilyIndex } from '../../../bgp/family.ts';
import { formatPrefix } from '../../../bgp/ip.ts';
import type { PrefixHandle } from '../../../rib/prefix-table.ts';
import type { Rib } from '../../../rib/rib.ts';
import { describePrefix, listPrefixes, type PathView } from '../../../rib/rib-view.ts';
import type { RouteView } from '../../api/schema.ts';
import { attributesView } from '../attributes-view.ts';
import type { ListFilter } from './filter.ts';
import type { Position } from './position.ts';

/** Tables up to this size are shown sorted, unless page by page. */
const SORTED_PREFIXES = 50_000;
const PAGE = 500;
/** Prefixes without a result after which a list lets others have their turn. */
const FRUITLESS_PREFIXES = 1000;

/**
 * Handles of the prefixes that the filter means: sorted when the table is small and it is read at one go, else in the
 * order of the table. 0: looked for a while and found nothing.
 */
export function* handlesOf(
  rib: Rib,
  filter: ListFilter,
  family: FamilyIndex,
  position: Position | null,
): Generator<PrefixHandle> {
  const table = rib.prefixes[family];
  const direct = filter.handles(rib, family);
  if (direct !== null) {
    for (const handle of position === null ? direct : direct.slice().sort((x, y) => x - y)) {
      if (position !== null && handle < position.at) continue;
      if (position !== null) position.at = handle + 1;
      yield handle;
    }
    return;
  }
  const walked = position === null && table.count <= SORTED_PREFIXES ? sortedHandles(rib, family) : null;
  let fruitless = 0;
  for (let from = position?.at ?? 1; from !== 0; ) {
    const { entries, next } = walked === null ? listPrefixes(rib, family, from, PAGE) : { entries: walked, next: 0 };
    for (const handle of entries) {
      if (position !== null) position.at = handle + 1;
      // Time passes between items: the prefix may be gone by now.
      const isThere = table.isUsed(handle) && table.head[handle] !== 0;
      if (isThere && filter.contains(rib, family, handle)) yield handle;
      else if (++fruitless % FRUITLESS_PREFIXES === 0) yield 0;
    }
    if (entries.length === 0) yield 0;
    from = next;
  }
}

function sortedHandles(rib: Rib, family: FamilyIndex): PrefixHandle[] {
  const sorted: PrefixHandle[] = [];
  for (let from = 1; from !== 0; ) {
    const page = listPrefixes(rib, family, from, PAGE);
    sorted.push(...page.entries);
    from = page.next;
  }
  const { laneA, laneB, laneC, laneD, length } = rib.prefixes[family];
  return sorted.sort(
    (x, y) =>
      laneA[x] - laneA[y] ||
      (family === 0 ? 0 : laneB[x] - laneB[y] || laneC[x] - laneC[y] || laneD[x] - laneD[y]) ||
      length[x] - length[y],
  );
}

/** Who asked for a prefix that we originate, in words; null: nobody did. */
export type OriginOf = (prefix: string) => string | null;

export function* routeViews(
  rib: Rib,
  filter: ListFilter,
  position: Position | null,
  originOf: OriginOf,
): Generator<RouteView | undefined> {
  let visited = 0;
  for (const family of filter.families) {
    if (position?.enter(family) === false) continue;
    for (const handle of handlesOf(rib, filter, family, position)) {
      if (handle === 0 || (filter.looksAtPaths && !hasMatch(rib, filter, family, handle))) {
        if (handle === 0 || ++visited % FRUITLESS_PREFIXES === 0) yield undefined;
        continue;
      }
      yield routeView(rib, family, handle, filter, originOf);
    }
  }
}

function hasMatch(rib: Rib, filter: ListFilter, family: FamilyIndex, handle: PrefixHandle): boolean {
  const paths = rib.paths[family];
  for (let row = rib.prefixes[family].head[handle]; row !== 0; row = paths.rowNext[row]) {
    if (isShown(rib, filter, family, row)) return true;
  }
  return false;
}

function isShown(rib: Rib, filter: ListFilter, family: FamilyIndex, row: number): boolean {
  const paths = rib.paths[family];
  if (filter.source !== null && paths.rowPeer[row] !== filter.source) return false;
  return filter.matchesSet(paths.rowEffective[row] || paths.rowSet[row]);
}

/** With a filter that looks at paths, only those that it means. */
export function routeView(
  rib: Rib,
  family: FamilyIndex,
  handle: PrefixHandle,
  filter: ListFilter | null,
  originOf: OriginOf,
): RouteView {
  const { prefix, paths } = describePrefix(rib, family, handle);
  const shown = filter?.looksAtPaths === true ? paths.filter(({ row }) => isShown(rib, filter, family, row)) : paths;
  const text = formatPrefix(prefix);
  return { prefix: text, family: FAMILY_NAMES[family], paths: shown.map((path) => pathView(path, text, originOf)) };
}

function pathView(path: PathView, prefix: string, originOf: OriginOf): RouteView['paths'][number] {
  return {
    source: path.peer,
    origin: path.received.source === 'static' ? originOf(prefix) : null,
    pathId: path.pathId === 0 ? null : path.pathId,
    best: path.isBest,
    multipath: path.isMultipath,
    stale: path.isStale,
    eligible: path.isEligible,
    reason: path.ineligible ?? path.worseBecause,
    attributes: attributesView((path.effective ?? path.received).octets),
  };
}
