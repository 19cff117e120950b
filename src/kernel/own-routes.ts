/**
 * Our routes of one family: what is wanted, what we believe is installed, what waits to be written, what failed. Pure
 * bookkeeping: it says which requests to make and is told what came of them and what the kernel reports. One handle per
 * prefix; a prefix waits at most once however often its wish changes.
 *
 * Routes that an earlier run left are `stale`: installed, wanted by nobody, and left alone until the speaker has said all
 * that it wants (sweep).
 */

import { FAMILY_IPV6, type FamilyIndex } from '../../bgp/family.ts';
import { formatAddress, type Prefix } from '../../bgp/ip.ts';
import { DirtySet } from '../../rib/dirty-set.ts';
import { type PrefixHandle, PrefixTable } from '../../rib/prefix-table.ts';
import type { FibEntry, FibFailure } from './fib.ts';
import { type NextHopGroup, ObjectRoute } from './next-hop-objects.ts';
import {
  joinsSiblings,
  kernelMetric,
  type Operation,
  planChange,
  type RouteContent,
  sameContent,
  sameHop,
} from './route-plan.ts';

/** How many leftovers of one prefix are deleted at once; the others wait for the next round. */
export const LEFTOVERS_PER_PLAN = 16;

/** Groups of fewer routes are not worth it to wait for all of them. */
const MOVE_TOGETHER = 8;

/** How a wish is written, given what is installed: with its hops, or through a next-hop group. */
export type RouteForm = (family: FamilyIndex, entry: FibEntry, have: RouteContent | null) => RouteContent;
const asItIs: RouteForm = (_family, entry) => entry;

/** What became of a notification about one of our routes. */
export type Disturbance = 'none' | 'restore' | 'unexplained';

export class OwnRoutes {
  readonly family: FamilyIndex;
  readonly table: PrefixTable;
  /** Prefixes whose kernel state may differ from the wish. */
  readonly dirty = new DirtySet();
  /** Prefixes that are to go other ways, and whose next-hop group may take them all along (shared-moves.ts). */
  readonly moving = new DirtySet();
  /** Prefixes that somebody removed: written again a little later, so that a fight with another program stays slow. */
  readonly restoring = new Set<PrefixHandle>();
  readonly failures = new Map<PrefixHandle, FibFailure>();
  installedCount = 0;
  staleCount = 0;
  private readonly wanted: (FibEntry | null)[] = [];
  private readonly installed: (RouteContent | null)[] = [];
  /** More than one route of ours for a prefix: leftovers with other metrics or hops, to be deleted. */
  private readonly surplus = new Map<PrefixHandle, RouteContent[]>();
  private readonly stale = new DirtySet();
  /** Adopted contents by text, so that 100,000 routes with 50 gateways are 50 objects. */
  private lastAdopted: RouteContent | null = null;
  private readonly adoptedContents = new Map<string, RouteContent>();
  /** False until the first sweep: own routes that nobody wants are an earlier run's. */
  private isSwept = false;

  constructor(family: FamilyIndex) {
    this.family = family;
    this.table = new PrefixTable(family);
  }

  want(a: number, b: number, c: number, d: number, length: number, entry: FibEntry): void {
    const handle = this.handleFor(a, b, c, d, length);
    this.wanted[handle] = entry;
    this.failures.delete(handle);
    this.restoring.delete(handle);
    if (this.stale.delete(handle)) this.staleCount--;
    const have = this.installed[handle];
    if (have !== null && !this.surplus.has(handle) && sameContent(this.family, have, entry)) {
      // Comparisons are by identity from now on.
      if (have.nextHopId === undefined) this.installed[handle] = entry;
      this.dirty.delete(handle);
      this.moving.delete(handle);
      return;
    }
    this.mark(handle);
  }

  /** What is installed differs from the wish. */
  private mark(handle: PrefixHandle): void {
    const group = this.groupOf(handle);
    if (group === null || group.routes < MOVE_TOGETHER) {
      this.moveAlone(handle);
      return;
    }
    this.dirty.delete(handle);
    this.moving.add(handle);
  }

  /** The group that could be changed instead of the route: the way is all that the route is to change. Else null. */
  groupOf(handle: PrefixHandle): NextHopGroup | null {
    const have = this.installed[handle];
    const want = this.wanted[handle];
    if (!(have instanceof ObjectRoute) || want === null || want.type !== 'unicast') return null;
    if (kernelMetric(this.family, have.metric) !== kernelMetric(this.family, want.metric)) return null;
    return this.surplus.has(handle) ? null : have.group;
  }

  moveAlone(handle: PrefixHandle): void {
    this.moving.delete(handle);
    this.dirty.add(handle);
  }

  /** A next-hop group is gone, and all routes through it with it: they wait to be put back. Calls `report` for each. */
  groupLost(group: NextHopGroup, report: (prefix: Prefix) => void): void {
    for (let handle = 1; handle < this.table.end; handle++) {
      const have = this.installed[handle];
      if (!(have instanceof ObjectRoute) || have.group !== group) continue;
      if (this.wanted[handle] !== null) report(this.table.describe(handle));
      this.lost(handle);
    }
  }

  unwant(a: number, b: number, c: number, d: number, length: number): void {
    const handle = this.table.find(a, b, c, d, length);
    if (handle === 0 || this.wanted[handle] === null) return;
    this.wanted[handle] = null;
    this.failures.delete(handle);
    this.restoring.delete(handle);
    this.moving.delete(handle);
    this.dirty.add(handle);
  }

  /** From now on own routes that nobody wants are deleted, those of an earlier run included; returns how many. */
  sweep(): number {
    this.isSwept = true;
    const count = this.staleCount;
    this.staleCount = 0;
    for (let handle = this.stale.take(); handle >= 0; handle = this.stale.take()) this.dirty.add(handle);
    return count;
  }

  /**
   * The requests that a dirty prefix needs now, `form` saying how its wish is written. Its state is taken as reached;
   * additionFailed() corrects that.
   */
  plan(handle: PrefixHandle, form: RouteForm = asItIs): readonly Operation[] {
    const entry = this.wanted[handle];
    const surplus = this.surplus.get(handle);
    if (surplus !== undefined && entry !== null) this.startFromNearest(handle, entry, surplus);
    const have = this.installed[handle];
    let want = entry === null ? null : form(this.family, entry, have);
    let operations = planChange(this.family, have, want);
    // The same content in another form is as good.
    if (operations.length === 0) want = have;
    if (surplus !== undefined) {
      const leftovers = surplus.splice(0, LEFTOVERS_PER_PLAN);
      const deletions = (ofObjects: boolean): Operation[] =>
        leftovers
          .filter((content) => (content.nextHopId !== undefined) === ofObjects)
          .map((content) => ({ kind: 'delete', content, otherwise: null }));
      // An IPv6 deletion by hops would hit a route through an object that is still there.
      operations = [...deletions(true), ...operations, ...deletions(false)];
      if (surplus.length === 0) this.surplus.delete(handle);
      else this.dirty.add(handle);
    }
    this.setInstalled(handle, want);
    return operations;
  }

  /**
   * Of several routes of ours the change starts from the one that is nearest to the wish; the others are leftovers. From
   * another one it would fail: the nearest one has the metric, or the very hop, that is to be added.
   */
  private startFromNearest(handle: PrefixHandle, entry: FibEntry, surplus: RouteContent[]): void {
    const have = this.installed[handle];
    let best = -1;
    let bestRank = have === null ? -1 : nearness(this.family, have, entry);
    for (let i = 0; i < surplus.length; i++) {
      const rank = nearness(this.family, surplus[i], entry);
      if (rank > bestRank) [best, bestRank] = [i, rank];
    }
    if (best < 0) return;
    const [nearest] = surplus.splice(best, 1);
    if (have !== null) surplus.unshift(have);
    this.setInstalled(handle, nearest);
  }

  /** The kernel refused to add a route of this prefix. True when that is news. */
  additionFailed(handle: PrefixHandle, operation: Operation, failure: FibFailure): boolean {
    this.setInstalled(handle, operation.otherwise);
    // The wish may have changed while the request was on its way; then it is written again anyway.
    if (this.wanted[handle] !== failure.entry) return false;
    const isNew = this.failures.get(handle)?.errno !== failure.errno;
    this.failures.set(handle, failure);
    return isNew;
  }

  /** The route could not be added because its next-hop group could not be made: it is written with its hops next. */
  withdrawn(handle: PrefixHandle, operation: Operation): void {
    this.setInstalled(handle, operation.otherwise);
    this.dirty.add(handle);
  }

  /** All requests for the prefix have been carried out. */
  succeeded(handle: PrefixHandle): void {
    this.failures.delete(handle);
    this.settle(handle);
  }

  /** Forgets the prefix when nothing is left to know about it. */
  settle(handle: PrefixHandle): void {
    if (
      this.wanted[handle] === null &&
      this.installed[handle] === null &&
      !this.surplus.has(handle) &&
      !this.dirty.has(handle) &&
      !this.moving.has(handle) &&
      !this.restoring.has(handle)
    ) {
      this.table.release(handle);
    }
  }

  wantedEntry(handle: PrefixHandle): FibEntry | null {
    return this.wanted[handle];
  }

  wantedOf(prefix: Prefix): FibEntry | null {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    return handle === 0 ? null : this.wanted[handle];
  }

  /** About to be written or put back. */
  isPending(prefix: Prefix): boolean {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    return handle !== 0 && (this.dirty.has(handle) || this.moving.has(handle) || this.restoring.has(handle));
  }

  failureOf(prefix: Prefix): FibFailure | null {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    return this.failures.get(handle) ?? null;
  }

  /** Somebody else deleted a route of ours, or (IPv6) some of its hops. */
  deletedByOthers(prefix: Prefix, content: RouteContent): Disturbance {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    if (handle === 0) return 'none';
    const have = this.installed[handle];
    const others = this.surplus.get(handle);
    if (have === null && others === undefined) return 'none';
    if (have !== null && sameContent(this.family, have, content)) return this.lost(handle);
    const at = others?.findIndex((other) => sameContent(this.family, other, content)) ?? -1;
    if (others !== undefined && at >= 0) {
      others.splice(at, 1);
      if (others.length > 0) return 'none';
      this.surplus.delete(handle);
      // With the last of several the prefix is gone.
      if (have === null && this.wanted[handle] === null && this.stale.delete(handle)) this.staleCount--;
      this.settle(handle);
      return 'none';
    }
    const left = have !== null && others === undefined ? withoutHops(this.family, have, content) : null;
    if (left === null) return 'unexplained';
    this.setInstalled(handle, left);
    return this.disturbed(handle);
  }

  /**
   * Somebody else added a route under our protocol number. `hasReplaced`: it took the place of the first one with its
   * metric; `hasJoined`: it is shown together with what was there (IPv6).
   */
  addedByOthers(prefix: Prefix, content: RouteContent, hasReplaced: boolean, hasJoined: boolean): Disturbance {
    const handle = this.handleFor(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    const have = this.installed[handle];
    const others = this.surplus.get(handle);
    // Which of several it replaced or joined only the table can tell.
    if (others !== undefined && (hasReplaced || hasJoined)) return 'unexplained';
    if (have === null) {
      this.setInstalled(handle, content);
      return this.disturbed(handle);
    }
    if (sameContent(this.family, have, content)) return 'none';
    // Told again of what a scan has shown already.
    if (others?.some((other) => sameContent(this.family, other, content))) return 'none';
    if (kernelMetric(this.family, have.metric) === kernelMetric(this.family, content.metric)) {
      const takesPlace = hasReplaced || hasJoined;
      const isClear = takesPlace && joinsSiblings(have) === joinsSiblings(content);
      if (this.family === FAMILY_IPV6 && !isClear) return 'unexplained';
      if (takesPlace) {
        this.setInstalled(handle, content);
        return this.disturbed(handle);
      }
    }
    this.surplus.set(handle, [...(others ?? []), content]);
    return this.disturbed(handle);
  }

  /** A foreign route took the place of ours with this (kernel) metric. */
  replacedByForeign(prefix: Prefix, metric: number): Disturbance {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    const have = handle === 0 ? null : this.installed[handle];
    if (have === null) return 'none';
    if (this.surplus.has(handle) || kernelMetric(this.family, have.metric) !== metric) return 'unexplained';
    return this.lost(handle);
  }

  /** True when we have a route for the prefix with this (kernel) metric. */
  occupies(prefix: Prefix, metric: number): boolean {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    const have = handle === 0 ? null : this.installed[handle];
    return have !== null && kernelMetric(this.family, have.metric) === metric;
  }

  /**
   * An interface went away or down, and with it every route that had no other way out: those wait to be restored. False
   * when some route's fate cannot be told, because it has other ways out or the kernel chose its interface.
   */
  interfaceLost(interfaceIndex: number): boolean {
    let isExplained = true;
    for (let handle = 1; handle < this.table.end; handle++) {
      const have = this.installed[handle];
      const hops = have instanceof ObjectRoute ? undefined : have?.hops;
      if (!hops?.some((hop) => hop.interfaceIndex === interfaceIndex || hop.interfaceIndex === 0)) continue;
      if (hops.length > 1 || hops[0].interfaceIndex === 0) isExplained = false;
      else this.lost(handle);
    }
    return isExplained;
  }

  /** Failed prefixes are written again; returns whether there are any. */
  retryFailed(): boolean {
    for (const handle of this.failures.keys()) this.dirty.add(handle);
    return this.failures.size > 0;
  }

  /** A foreign route of this prefix is gone: what it was in the way of may work now. */
  retryPrefix(prefix: Prefix): boolean {
    const handle = this.table.find(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    return handle !== 0 && this.failures.has(handle) && this.dirty.add(handle);
  }

  /** Prefixes that wait to be restored become dirty; returns how many. */
  restore(): number {
    const count = this.restoring.size;
    for (const handle of this.restoring) this.dirty.add(handle);
    this.restoring.clear();
    return count;
  }

  /** The whole table is about to be read: what is installed is learned anew. */
  beginScan(): void {
    this.installed.fill(null);
    this.surplus.clear();
    this.installedCount = 0;
  }

  /** The scan shows a route of ours. */
  scanned(prefix: Prefix, content: RouteContent): void {
    const handle = this.handleFor(prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
    const want = this.wanted[handle];
    const isWanted = want !== null && sameContent(this.family, want, content);
    const kept = isWanted && content.nextHopId === undefined ? want : this.adopted(content);
    const have = this.installed[handle];
    if (have === null) {
      this.setInstalled(handle, kept);
      return;
    }
    const others = this.surplus.get(handle) ?? [];
    others.push(isWanted ? have : kept);
    this.surplus.set(handle, others);
    if (isWanted) this.setInstalled(handle, kept);
  }

  /** The scan is over: what differs from the wish becomes dirty, and is reported when it is wanted. */
  endScan(report: (prefix: Prefix, kind: 'missing' | 'different') => void): void {
    for (let handle = 1; handle < this.table.end; handle++) {
      if (!this.table.isUsed(handle) || this.dirty.has(handle) || this.moving.has(handle)) continue;
      const want = this.wanted[handle];
      const have = this.installed[handle];
      const hasSurplus = this.surplus.has(handle);
      if (want !== null) {
        const isAsWanted = have !== null && !hasSurplus && sameContent(this.family, have, want);
        if (isAsWanted) this.failures.delete(handle);
        else if (!this.failures.has(handle)) {
          this.mark(handle);
          report(this.table.describe(handle), have === null ? 'missing' : 'different');
        }
      } else if (have === null && !hasSurplus) {
        if (this.stale.delete(handle)) this.staleCount--;
        this.settle(handle);
      } else if (this.isSwept) {
        this.dirty.add(handle);
      } else if (this.stale.add(handle)) {
        this.staleCount++;
      }
    }
    this.adoptedContents.clear();
    this.lastAdopted = null;
  }

  /** What is installed is not what it was: unless it is as wanted, it is put right soon. */
  private disturbed(handle: PrefixHandle): Disturbance {
    const want = this.wanted[handle];
    if (want === null) {
      if (this.isSwept) this.restoring.add(handle);
      else if (this.stale.add(handle)) this.staleCount++;
      return this.isSwept ? 'restore' : 'none';
    }
    const have = this.installed[handle];
    if (have !== null && !this.surplus.has(handle) && sameContent(this.family, have, want)) {
      this.restoring.delete(handle);
      this.failures.delete(handle);
      return 'none';
    }
    this.restoring.add(handle);
    return 'restore';
  }

  private lost(handle: PrefixHandle): Disturbance {
    this.setInstalled(handle, null);
    if (this.wanted[handle] !== null) {
      this.restoring.add(handle);
      return 'restore';
    }
    // The rest of several is swept.
    if (this.surplus.has(handle)) return 'none';
    if (this.stale.delete(handle)) this.staleCount--;
    this.settle(handle);
    return 'none';
  }

  private handleFor(a: number, b: number, c: number, d: number, length: number): PrefixHandle {
    const known = this.table.find(a, b, c, d, length);
    if (known !== 0) return known;
    const handle = this.table.insert(a, b, c, d, length);
    this.table.hold(handle);
    for (let fill = this.wanted.length; fill <= handle; fill++) {
      this.wanted.push(null);
      this.installed.push(null);
    }
    this.wanted[handle] = null;
    this.installed[handle] = null;
    return handle;
  }

  private setInstalled(handle: PrefixHandle, content: RouteContent | null): void {
    const before = this.installed[handle];
    if (before !== null) this.installedCount--;
    if (content !== null) this.installedCount++;
    if (before instanceof ObjectRoute) before.group.routes--;
    if (content instanceof ObjectRoute) content.group.routes++;
    this.installed[handle] = content;
  }

  private adopted(content: RouteContent): RouteContent {
    if (content.nextHopId !== undefined) return content;
    // Neighbours in a dump mostly go the same way.
    if (this.lastAdopted !== null && sameContent(this.family, this.lastAdopted, content)) return this.lastAdopted;
    this.lastAdopted = this.sharedContent(content);
    return this.lastAdopted;
  }

  private sharedContent(content: RouteContent): RouteContent {
    const key = contentKey(content);
    const known = this.adoptedContents.get(key);
    if (known !== undefined) return known;
    this.adoptedContents.set(key, content);
    return content;
  }
}

/** How little is to be done to make `want` of the route: 3 nothing, 2 hops added and deleted, 1 appended, 0 created. */
function nearness(family: FamilyIndex, have: RouteContent, want: FibEntry): number {
  if (sameContent(family, have, want)) return 3;
  if (kernelMetric(family, have.metric) !== kernelMetric(family, want.metric)) return 0;
  // IPv6 takes what the nearest one is already for a duplicate (route-plan.ts).
  const isInTheWay = want.type === 'unicast' ? joinsSiblings(have) && joinsSiblings(want) : have.type !== 'unicast';
  return family === FAMILY_IPV6 && isInTheWay ? 2 : 1;
}

/** What is left of `have` when these hops of it are gone; null when they are not hops of it, or all of it. */
function withoutHops(family: FamilyIndex, have: RouteContent, gone: RouteContent): RouteContent | null {
  if (family !== FAMILY_IPV6 || !joinsSiblings(have) || !joinsSiblings(gone)) return null;
  if (kernelMetric(family, have.metric) !== kernelMetric(family, gone.metric)) return null;
  const hops = have.hops.filter((hop) => !gone.hops.some((other) => sameHop(hop, other)));
  if (hops.length === 0 || hops.length + gone.hops.length !== have.hops.length) return null;
  return { type: have.type, metric: have.metric, hops };
}

function contentKey(content: RouteContent): string {
  const hops = content.hops.map(
    (hop) =>
      `${hop.gateway === null ? '' : formatAddress(hop.gateway)}%${hop.interfaceIndex},${hop.weight},${hop.onlink}`,
  );
  return `${content.type} ${content.metric} ${hops.join(' ')}`;
}
