/**
 * `show route`: walks the tables in handle order (sorted by prefix while they are of a moderate size) and yields rows as
 * they are found. Between two rows time may have passed, so every handle is looked at anew; nothing is kept of a table.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { type Prefix, prefixContains } from '../../bgp/ip.ts';
import type { SetHandle } from '../../rib/attribute-store.ts';
import type { PathRow } from '../../rib/paths.ts';
import type { PrefixHandle } from '../../rib/prefix-table.ts';
import {
  ADVERTISED,
  INELIGIBLE_POLICY,
  NOT_ADVERTISED_LEARNED_FROM_PEER,
  NOT_ADVERTISED_NO_BEST_PATH,
} from '../../rib/reason.ts';
import { findPrefix, listPrefixes } from '../../rib/rib-view.ts';
import type { SpeakerCore } from '../speaker/core.ts';
import type { Speaker } from '../speaker/speaker.ts';
import type { Dialect } from './dialect.ts';
import { type Line, line, OK } from './framing.ts';
import { attributeLines } from './route-attributes.ts';
import { noPath, RouteCandidate } from './route-candidate.ts';
import type { RouteQuery } from './route-query.ts';
import { isShown, RoutePrinter, type ShownPath } from './route-row.ts';

/** Tables up to this size are shown sorted. */
const SORTED_PREFIXES = 20_000;
const PAGE = 1000;
/** Prefixes without a row after which others have their turn. */
const FRUITLESS_PREFIXES = 256;

interface Totals {
  shown: number;
  routes: number;
  networks: number;
}

export function* routeList(speaker: Speaker, dialect: Dialect, query: RouteQuery): Generator<Line | undefined, Line> {
  const { core } = speaker;
  if (core === null) return OK;
  const walk = new RouteWalk(speaker, core, dialect, query);
  const isTabled = dialect.name === '2';
  const sum: Totals = { shown: 0, routes: 0, networks: 0 };
  let tables = 0;
  for (const family of query.families) {
    const totals: Totals = { shown: 0, routes: 0, networks: 0 };
    let isBegun = false;
    for (const item of walk.family(family, totals)) {
      if (item !== undefined && isTabled && !isBegun) {
        isBegun = true;
        if (tables > 0) yield line(1007, '');
        yield line(1007, `Table ${tableName(family)}:`);
        tables++;
      }
      yield item;
    }
    if (isTabled && query.output !== 'routes') yield line(1007, `${countText(totals)} in table ${tableName(family)}`);
    sum.shown += totals.shown;
    sum.routes += totals.routes;
    sum.networks += totals.networks;
  }
  if (query.output !== 'routes') {
    return line(14, isTabled ? `Total: ${countText(sum)} in ${query.families.length} tables` : countText(sum));
  }
  const isMissing = query.scope.kind === 'exact' || query.scope.kind === 'for' ? sum.networks === 0 : false;
  if (isMissing) return line(8001, isTabled ? 'Network not found' : 'Network not in table');
  return OK;
}

function tableName(family: FamilyIndex): string {
  return family === 0 ? 'master4' : 'master6';
}

function countText({ shown, routes, networks }: Totals): string {
  return `${shown} of ${routes} routes for ${networks} networks`;
}

class RouteWalk {
  readonly #core: SpeakerCore;
  readonly #dialect: Dialect;
  readonly #query: RouteQuery;
  readonly #printer: RoutePrinter;
  readonly #candidate: RouteCandidate;

  constructor(speaker: Speaker, core: SpeakerCore, dialect: Dialect, query: RouteQuery) {
    this.#core = core;
    this.#dialect = dialect;
    this.#query = query;
    this.#printer = new RoutePrinter(speaker, core, dialect);
    this.#candidate = new RouteCandidate(core, this.#printer, noPath(0));
  }

  *family(family: FamilyIndex, totals: Totals): Generator<Line | undefined> {
    const { prefixes, paths } = this.#core.rib;
    const { output } = this.#query;
    let fruitless = 0;
    for (const handle of this.#handles(family)) {
      if (handle === 0 || ++fruitless % FRUITLESS_PREFIXES === 0) yield undefined;
      if (handle === 0 || !prefixes[family].isUsed(handle) || prefixes[family].head[handle] === 0) continue;
      let hasRoutes = false;
      for (let row = prefixes[family].head[handle]; row !== 0; row = paths[family].rowNext[row]) {
        if (!this.#isIn(family, row)) continue;
        totals.routes++;
        hasRoutes = true;
      }
      if (!hasRoutes) continue;
      totals.networks++;
      const shown = this.#select(family, handle);
      totals.shown += shown.length;
      if (output === 'count') continue;
      for (const path of shown) {
        yield* this.#printer.rows(path);
        if (this.#query.isVerbose) yield* attributeLines(this.#core, this.#dialect, family, handle, path.attributes);
      }
    }
  }

  /** In the part of the table that is asked for: what BIRD has, or with `filtered` what it would have refused. */
  #isIn(family: FamilyIndex, row: PathRow): boolean {
    if (this.#query.isFiltered) return this.#core.rib.paths[family].rowReason[row] === INELIGIBLE_POLICY;
    return isShown(this.#core, family, row);
  }

  /** Rows of one prefix that the query wants; all of them before anybody else has a turn. */
  #select(family: FamilyIndex, prefix: PrefixHandle): ShownPath[] {
    const { rib } = this.#core;
    const { exportMode, isPrimary } = this.#query;
    const found: ShownPath[] = [];
    const table = rib.paths[family];
    if (exportMode !== null) {
      for (const { row, set } of this.#exported(family, prefix)) this.#add(found, family, prefix, row, set);
      return found;
    }
    for (let row = rib.prefixes[family].head[prefix]; row !== 0; row = table.rowNext[row]) {
      if (!this.#isIn(family, row)) continue;
      if (isPrimary && rib.best(family, prefix) !== row) continue;
      this.#add(found, family, prefix, row, table.rowEffective[row] || table.rowSet[row]);
    }
    return found;
  }

  #add(found: ShownPath[], family: FamilyIndex, prefix: PrefixHandle, row: PathRow, attributes: SetHandle): void {
    const { from, condition } = this.#query;
    const { rowEffective, rowSet } = this.#core.rib.paths[family];
    const set = rowEffective[row] || rowSet[row];
    const path: ShownPath = { family, prefix, row, set, attributes, isFirst: found.length === 0 };
    if (from !== null && this.#core.rib.paths[family].rowPeer[row] !== sourceIndex(from)) return;
    if (condition !== null && !condition(this.#candidate.at(path))) return;
    found.push(path);
  }

  /** What the protocol of `export`, `preexport` or `noexport` is told, could be told, or is not told because of policy. */
  #exported(family: FamilyIndex, prefix: PrefixHandle): { row: PathRow; set: SetHandle }[] {
    const { exportMode, exportTo } = this.#query;
    const { rib, groups, fibDesired } = this.#core;
    if (exportTo === null || !exportTo.families.includes(family)) return [];
    const best = rib.best(family, prefix);
    const { rowEffective, rowPeer } = rib.paths[family];
    if (exportTo.kind !== 'BGP') {
      // Only the kernel is told anything.
      if (exportTo.kind !== 'Kernel' || best === 0 || rowPeer[best] === exportTo.source) return [];
      const isWanted = fibDesired.entryOf(family, prefix) !== null;
      if (exportMode === 'preexport' || isWanted === (exportMode === 'export')) {
        return [{ row: best, set: rowEffective[best] }];
      }
      return [];
    }
    const peer = exportTo.driver.ribIndex;
    if (exportMode === 'export') {
      return groups.advertised(peer, family, prefix).flatMap(({ from, set }) => {
        const row = this.#rowFrom(family, prefix, from);
        return row === 0 ? [] : [{ row, set }];
      });
    }
    const reason = groups.explain(peer, family, best);
    const isOffered = reason !== NOT_ADVERTISED_NO_BEST_PATH && reason !== NOT_ADVERTISED_LEARNED_FROM_PEER;
    const isAsked = exportMode === 'preexport' || reason !== ADVERTISED;
    return isOffered && isAsked ? [{ row: best, set: rowEffective[best] }] : [];
  }

  #rowFrom(family: FamilyIndex, prefix: PrefixHandle, peer: number): PathRow {
    const { paths, prefixes } = this.#core.rib;
    let row = prefixes[family].head[prefix];
    while (row !== 0 && paths[family].rowPeer[row] !== peer) row = paths[family].rowNext[row];
    return row;
  }

  *#handles(family: FamilyIndex): Generator<PrefixHandle> {
    const { rib } = this.#core;
    const table = rib.prefixes[family];
    const { scope } = this.#query;
    if (scope.kind === 'exact') return yield findPrefix(rib, scope.prefix);
    if (scope.kind === 'for') {
      const { a, b, c, d, length } = scope.prefix;
      return yield table.longestMatch(a, b, c, d, length);
    }
    const sorted = table.count <= SORTED_PREFIXES ? ([] as PrefixHandle[]) : null;
    for (let from = 1; from !== 0; ) {
      const page = listPrefixes(rib, family, from, PAGE);
      const entries =
        scope.kind === 'in' ? page.entries.filter((at) => isInside(scope.prefix, table.describe(at))) : page.entries;
      if (sorted !== null) sorted.push(...entries);
      else yield* entries;
      // A page has cost time, whatever was in it.
      yield 0;
      from = page.next;
    }
    if (sorted === null) return;
    const { laneA, laneB, laneC, laneD, length } = table;
    const isWide = family !== 0;
    sorted.sort(
      (x, y) =>
        laneA[x] - laneA[y] ||
        (isWide ? laneB[x] - laneB[y] || laneC[x] - laneC[y] || laneD[x] - laneD[y] : 0) ||
        length[x] - length[y],
    );
    yield* sorted;
  }
}

function isInside(outer: Prefix, inner: Prefix): boolean {
  return prefixContains(outer, inner);
}

function sourceIndex(protocol: NonNullable<RouteQuery['from']>): number {
  return protocol.kind === 'BGP' ? protocol.driver.ribIndex : protocol.source || -1;
}
