/** What one peer sent, before and after import policy, and what it was told: Adj-RIB-In and Adj-RIB-Out as lists. */

import { formatPrefix } from '../../../bgp/ip.ts';
import type { PathRow } from '../../../rib/paths.ts';
import { FIRST_BGP_PEER, type PeerIndex } from '../../../rib/peer-table.ts';
import type { Rib } from '../../../rib/rib.ts';
import { listReceived } from '../../../rib/rib-view.ts';
import type { AcceptedView, AdvertisedView, ReceivedView } from '../../api/schema.ts';
import { attributesView } from '../attributes-view.ts';
import type { SpeakerCore } from '../core.ts';
import type { ListFilter } from './filter.ts';
import { handlesOf } from './loc-rib.ts';
import type { Position } from './position.ts';

const PAGE = 500;
const FRUITLESS_PREFIXES = 1000;

/** The rows of a peer in the order of the table, that the filter means. */
function* rowsOf(rib: Rib, peer: PeerIndex, filter: ListFilter, position: Position | null, isAfterPolicy: boolean) {
  for (const family of filter.families) {
    if (position?.enter(family) === false) continue;
    const direct = filter.handles(rib, family);
    const handles = direct === null ? null : new Set(direct);
    const paths = rib.paths[family];
    const isMeant = (row: PathRow): boolean => {
      const handle = paths.rowPrefix[row];
      if (handles === null ? !filter.contains(rib, family, handle) : !handles.has(handle)) return false;
      return filter.matchesSet(isAfterPolicy ? paths.rowEffective[row] : paths.rowSet[row]);
    };
    for (let from = position?.at ?? 1; from !== 0; ) {
      const { entries, next } = listReceived(rib, peer, family, from, PAGE, isMeant);
      for (const { prefix, path } of entries) {
        if (position !== null) position.at = path.row + 1;
        yield { prefix: formatPrefix(prefix), path };
      }
      from = next;
      if (position !== null) position.at = next === 0 ? paths.end + 1 : next;
      if (entries.length === 0) yield undefined;
    }
  }
}

export function* receivedViews(
  rib: Rib,
  peer: PeerIndex,
  filter: ListFilter,
  position: Position | null,
): Generator<ReceivedView | undefined> {
  for (const found of rowsOf(rib, peer, filter, position, false)) {
    if (found === undefined) {
      yield undefined;
      continue;
    }
    const { prefix, path } = found;
    yield {
      prefix,
      pathId: path.pathId === 0 ? null : path.pathId,
      eligible: path.isEligible,
      reason: path.ineligible,
      attributes: attributesView(path.received.octets),
    };
  }
}

export function* acceptedViews(
  rib: Rib,
  peer: PeerIndex,
  filter: ListFilter,
  position: Position | null,
): Generator<AcceptedView | undefined> {
  for (const found of rowsOf(rib, peer, filter, position, true)) {
    if (found === undefined || found.path.effective === null) {
      yield undefined;
      continue;
    }
    const { prefix, path } = found;
    yield {
      prefix,
      pathId: path.pathId === 0 ? null : path.pathId,
      best: path.isBest,
      multipath: path.isMultipath,
      stale: path.isStale,
      reason: path.worseBecause,
      attributes: attributesView(found.path.effective.octets),
    };
  }
}

export function* advertisedViews(
  { rib, groups }: SpeakerCore,
  peer: PeerIndex,
  filter: ListFilter,
  position: Position | null,
): Generator<AdvertisedView | undefined> {
  for (const family of filter.families) {
    if (position?.enter(family) === false) continue;
    let visited = 0;
    for (const handle of handlesOf(rib, filter, family, position)) {
      if (++visited % FRUITLESS_PREFIXES === 0) yield undefined;
      if (handle === 0 || !rib.prefixes[family].isUsed(handle)) continue;
      for (const { pathId, set, from } of groups.advertised(peer, family, handle)) {
        if (!filter.matchesSet(set) || (filter.source !== null && filter.source !== from)) continue;
        yield {
          prefix: formatPrefix(rib.prefixes[family].describe(handle)),
          pathId: pathId === 0 ? null : pathId,
          source: from < FIRST_BGP_PEER ? ['', 'static', 'kernel', 'direct'][from] : rib.peers.nameOf(from),
          attributes: attributesView(rib.sets.octetsOf(set)),
        };
      }
    }
  }
}
