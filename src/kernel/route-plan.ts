/**
 * How one of our routes becomes another without a moment without route and without ever overwriting a foreign one.
 *
 * NLM_F_REPLACE is never used: it replaces the first route of the same prefix and metric, whoever owns it, and between
 * our look at the table and the request that may have become somebody else's. Instead
 *   - a first route is created exclusively: a foreign route with the same prefix and metric makes that fail;
 *   - a route with another metric is created exclusively, then the old one deleted;
 *   - with the same metric the new one is appended behind the old one, which is then deleted by its full description.
 *     IPv6 joins routes with gateways and equal metric into one multipath route, so there only the hops that are new
 *     are appended and only those that are gone deleted.
 */

import { FAMILY_IPV6, type FamilyIndex } from '../../bgp/family.ts';
import { sameAddress } from '../../bgp/ip.ts';
import type { FibHop, KernelRouteType } from './fib.ts';

/** What a route says beside its prefix. FibEntry is one; routes that an earlier run left may be of the other types. */
export interface RouteContent {
  readonly type: KernelRouteType;
  readonly metric: number;
  readonly hops: readonly FibHop[];
  /** The next-hop object that the route names instead of its hops (next-hop-objects.ts). */
  readonly nextHopId?: number;
}

/** One request to the kernel. */
export interface Operation {
  /** `create`: fails when any route has this prefix and metric; `append`: goes behind those. */
  readonly kind: 'create' | 'append' | 'delete';
  readonly content: RouteContent;
  /** What remains of ours when this (and only this) of a plan's operations fails; without meaning for deletions. */
  readonly otherwise: RouteContent | null;
}

/** The metric that the kernel gives a route for the one that we wish. */
export function kernelMetric(family: FamilyIndex, metric: number): number {
  return family === FAMILY_IPV6 && metric === 0 ? 1024 : metric;
}

/** True when both say the same; the order of hops does not matter, interface 0 is any. */
export function sameContent(family: FamilyIndex, x: RouteContent, y: RouteContent): boolean {
  if (x === y) return true;
  if (x.type !== y.type || kernelMetric(family, x.metric) !== kernelMetric(family, y.metric)) return false;
  if (x.hops === y.hops) return true;
  if (x.hops.length !== y.hops.length) return false;
  if (x.hops.length === 1) return sameHop(x.hops[0], y.hops[0]) && x.hops[0].onlink === y.hops[0].onlink;
  return x.hops.every((hop) => y.hops.some((other) => sameHop(hop, other) && sameShare(hop, other)));
}

const NOTHING: readonly Operation[] = [];
/** The last plan of each kind that `alone` made. */
const lastAlone: { create: readonly Operation[]; delete: readonly Operation[] } = { create: NOTHING, delete: NOTHING };

/** The plan of one request. Neighbours in a table mostly look alike: they share it, instead of making garbage. */
function alone(kind: 'create' | 'delete', content: RouteContent): readonly Operation[] {
  if (lastAlone[kind][0]?.content !== content) lastAlone[kind] = [{ kind, content, otherwise: null }];
  return lastAlone[kind];
}

/** The requests that make `want` of `have`, in order; null stands for no route. */
export function planChange(
  family: FamilyIndex,
  have: RouteContent | null,
  want: RouteContent | null,
): readonly Operation[] {
  if (want === null) return have === null ? NOTHING : alone('delete', have);
  if (have === null) return alone('create', want);
  if (sameContent(family, have, want)) return [];
  const hasSameMetric = kernelMetric(family, have.metric) === kernelMetric(family, want.metric);
  // The object itself is what differs.
  if (hasSameMetric && have.nextHopId !== undefined && have.nextHopId === want.nextHopId) return [];
  if (!hasSameMetric) {
    return [{ kind: 'create', content: want, otherwise: null }, remove(have)];
  }
  if (family === FAMILY_IPV6 && joinsSiblings(have) && joinsSiblings(want)) return planHops(have, want);
  const append: Operation = { kind: 'append', content: want, otherwise: null };
  // IPv6 takes routes that reject, whatever their type, for duplicates of each other: the old one must go first.
  if (family === FAMILY_IPV6 && have.type !== 'unicast' && want.type !== 'unicast') return [remove(have), append];
  return [append, remove(have)];
}

/** IPv6 multipath exists only among routes with gateways of their own. */
export function joinsSiblings(content: RouteContent): boolean {
  if (content.nextHopId !== undefined) return false;
  return content.type === 'unicast' && content.hops.every((hop) => hop.gateway !== null);
}

function planHops(have: RouteContent, want: RouteContent): Operation[] {
  const inBoth = (hop: FibHop, other: RouteContent): FibHop | undefined =>
    other.hops.find((candidate) => sameHop(hop, candidate));
  const part = (hops: readonly FibHop[]): RouteContent => ({ type: 'unicast', metric: want.metric, hops });
  const append = (hops: readonly FibHop[]): Operation => {
    const rest = want.hops.filter((hop) => !hops.includes(hop));
    return { kind: 'append', content: part(hops), otherwise: rest.length > 0 ? part(rest) : null };
  };
  const operations: Operation[] = [];
  const fresh = want.hops.filter((hop) => inBoth(hop, have) === undefined);
  if (fresh.length > 0) operations.push(append(fresh));
  // The same gateway with another weight or flag: the kernel takes it for a duplicate, so the old one must go first. One
  // after the other, so that the rest of the route stays.
  for (const hop of want.hops) {
    const present = inBoth(hop, have);
    if (present !== undefined && !sameShare(hop, present)) operations.push(remove(part([present])), append([hop]));
  }
  const gone = have.hops.filter((hop) => inBoth(hop, want) === undefined);
  if (gone.length > 0) operations.push(remove(part(gone)));
  return operations;
}

function remove(content: RouteContent): Operation {
  return { kind: 'delete', content, otherwise: null };
}

/** The same way out, however it is weighted. */
export function sameHop(x: FibHop, y: FibHop): boolean {
  if (x.interfaceIndex !== y.interfaceIndex && x.interfaceIndex !== 0 && y.interfaceIndex !== 0) return false;
  if (x.gateway === null || y.gateway === null) return x.gateway === y.gateway;
  return sameAddress(x.gateway, y.gateway);
}

function sameShare(x: FibHop, y: FibHop): boolean {
  return x.weight === y.weight && x.onlink === y.onlink;
}
