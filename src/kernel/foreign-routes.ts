/**
 * Routes of our table that belong to others, and which of them the speaker is told: per prefix the one with the lowest
 * metric. What counts is section 5.5 of Calico's semantics: unicast, blackhole, unreachable and prohibit routes of every
 * protocol except connected ones (kernel), redirects and unspecified; no TOS or input interface; no link-local, multicast
 * or loopback destinations; no gateway that is an address of this machine.
 *
 * Notifications are applied as the kernel changes its list: REPLACE takes the place of the first route of equal metric,
 * IPv6 APPEND shows the whole multipath route, an IPv6 deletion may name some of its hops only.
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../../bgp/family.ts';
import { type IpAddress, type Prefix, sameAddress } from '../../bgp/ip.ts';
import type { FibHop, KernelListener, KernelRoute, KernelRouteType } from './fib.ts';
import {
  NLM_F_APPEND,
  NLM_F_REPLACE,
  RTN_BLACKHOLE,
  RTN_PROHIBIT,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTPROT_KERNEL,
  RTPROT_REDIRECT,
  RTPROT_UNSPEC,
} from './netlink/constants.ts';
import type { DecodedRoute } from './netlink/route.ts';
import { sameContent, sameHop } from './route-plan.ts';

const TYPES: ReadonlyMap<number, KernelRouteType> = new Map([
  [RTN_UNICAST, 'unicast'],
  [RTN_BLACKHOLE, 'blackhole'],
  [RTN_UNREACHABLE, 'unreachable'],
  [RTN_PROHIBIT, 'prohibit'],
]);

/** The name of a route type that decides about forwarding, null for the others (local, broadcast...). */
export function routeType(type: number): KernelRouteType | null {
  return TYPES.get(type) ?? null;
}

/** The route as we learn it, or null when it is of a kind that is never learned. */
export function learnable(route: DecodedRoute): KernelRoute | null {
  const type = routeType(route.type);
  if (type === null || route.isCloned || route.tos !== 0 || route.hasInputInterface) return null;
  const protocol = route.protocol;
  if (protocol === RTPROT_UNSPEC || protocol === RTPROT_KERNEL || protocol === RTPROT_REDIRECT) return null;
  if (!isRoutableDestination(route.prefix)) return null;
  return { prefix: route.prefix, type, protocol, metric: route.metric, hops: route.hops };
}

/** Not link-local, multicast or loopback; the default route is one. */
function isRoutableDestination(prefix: Prefix): boolean {
  const { a, b, c, d, length } = prefix;
  if (prefix.family === FAMILY_IPV4) {
    if (length >= 8 && a >>> 24 === 127) return false;
    if (length >= 16 && a >>> 16 === 0xa9fe) return false;
    return !(length >= 4 && a >>> 28 === 0xe);
  }
  if (length >= 8 && a >>> 24 === 0xff) return false;
  if (length >= 10 && a >>> 22 === 0xfe80 >>> 6) return false;
  return !(length === 128 && a === 0 && b === 0 && c === 0 && d === 1);
}

export class ForeignRoutes {
  private readonly listener: KernelListener;
  private readonly isLocalAddress: (address: IpAddress) => boolean;
  /** All learnable routes by prefix, each list in the kernel's order (ascending metric). */
  private routes = new Map<string, KernelRoute[]>();
  private previous: Map<string, KernelRoute[]> | null = null;
  /** What the listener holds. */
  private readonly told = new Map<string, KernelRoute>();

  constructor(listener: KernelListener, isLocalAddress: (address: IpAddress) => boolean) {
    this.listener = listener;
    this.isLocalAddress = isLocalAddress;
  }

  /** Prefixes that the listener knows a foreign route of. */
  get count(): number {
    return this.told.size;
  }

  /** True when a foreign route occupies the prefix with this (kernel) metric. */
  occupies(prefix: Prefix, metric: number): boolean {
    return this.routes.get(prefixKey(prefix))?.some((route) => route.metric === metric) ?? false;
  }

  /** The foreign route of the prefix with exactly this (kernel) metric. */
  withMetric(prefix: Prefix, metric: number): KernelRoute | null {
    return this.routes.get(prefixKey(prefix))?.find((route) => route.metric === metric) ?? null;
  }

  /** The foreign route of the prefix that the kernel prefers to one with this metric. */
  betterThan(prefix: Prefix, metric: number): KernelRoute | null {
    const first = this.routes.get(prefixKey(prefix))?.[0];
    return first !== undefined && first.metric < metric ? first : null;
  }

  /** RTM_NEWROUTE with the flags of its header. */
  added(route: KernelRoute, flags: number): void {
    const key = prefixKey(route.prefix);
    const list = this.routes.get(key) ?? [];
    this.routes.set(key, list);
    const known = list.findIndex((other) => isSameRoute(other, route));
    const rival = list.findIndex((other) => other.metric === route.metric && canReplace(other, route, flags));
    if (known >= 0) list[known] = route;
    else if (rival >= 0) list[rival] = route;
    else {
      const goesBehindEquals = route.prefix.family === FAMILY_IPV6 || (flags & NLM_F_APPEND) !== 0;
      const at = list.findIndex((other) =>
        goesBehindEquals ? other.metric > route.metric : other.metric >= route.metric,
      );
      list.splice(at < 0 ? list.length : at, 0, route);
    }
    this.tell(key);
  }

  /** RTM_DELROUTE. */
  deleted(route: KernelRoute): void {
    const key = prefixKey(route.prefix);
    const list = this.routes.get(key);
    if (list === undefined) return;
    const known = list.findIndex((other) => isSameRoute(other, route));
    if (known >= 0) list.splice(known, 1);
    else if (route.prefix.family === FAMILY_IPV6) removeHops(list, route);
    if (list.length === 0) this.routes.delete(key);
    this.tell(key);
  }

  /** Routes whose only way out was this interface are gone, of one family or (null) of both. */
  interfaceLost(interfaceIndex: number, family: FamilyIndex | null): void {
    for (const [key, list] of this.routes) {
      if (family !== null && list[0].prefix.family !== family) continue;
      const left = list.filter((route) => !leavesOnlyThrough(route, interfaceIndex));
      if (left.length === list.length) continue;
      if (left.length === 0) this.routes.delete(key);
      else this.routes.set(key, left);
      this.tell(key);
    }
  }

  /** True when a multipath route has a hop on the interface: its dead hops come and go without notification. */
  hasMultipathThrough(interfaceIndex: number): boolean {
    for (const list of this.routes.values()) {
      for (const route of list) {
        if (route.hops.length > 1 && route.hops.some((hop) => hop.interfaceIndex === interfaceIndex)) return true;
      }
    }
    return false;
  }

  /** An address of this machine came or went: gateways may have become usable or unusable. */
  localAddressesChanged(address: IpAddress): void {
    for (const [key, list] of this.routes) {
      if (list.some((route) => route.hops.some((hop) => hop.gateway !== null && sameAddress(hop.gateway, address)))) {
        this.tell(key);
      }
    }
  }

  beginScan(): void {
    // A scan that is begun again is compared with what was known before the first one.
    this.previous ??= this.routes;
    this.routes = new Map();
  }

  scanned(route: KernelRoute): void {
    const key = prefixKey(route.prefix);
    const list = this.routes.get(key);
    // A dump shows the routes of a prefix in the kernel's order.
    if (list === undefined) this.routes.set(key, [route]);
    else list.push(route);
  }

  /** Tells the differences to what was known before. */
  endScan(): void {
    const previous = this.previous ?? new Map<string, KernelRoute[]>();
    this.previous = null;
    for (const key of previous.keys()) if (!this.routes.has(key)) this.tell(key);
    for (const key of this.routes.keys()) this.tell(key);
  }

  private tell(key: string): void {
    const before = this.told.get(key);
    const route = this.routes.get(key)?.find((candidate) => this.isUsable(candidate));
    if (route === undefined) {
      if (before === undefined) return;
      this.told.delete(key);
      this.listener.routeLost(before);
      return;
    }
    const shown = withoutDeadHops(route);
    if (before !== undefined && isSameRoute(before, shown)) return;
    this.told.set(key, shown);
    this.listener.routeLearned(shown);
  }

  private isUsable(route: KernelRoute): boolean {
    return !route.hops.some((hop) => hop.gateway !== null && this.isLocalAddress(hop.gateway));
  }
}

function prefixKey(prefix: Prefix): string {
  return `${prefix.family}/${prefix.a}/${prefix.b}/${prefix.c}/${prefix.d}/${prefix.length}`;
}

function isSameRoute(x: KernelRoute, y: KernelRoute): boolean {
  return x.protocol === y.protocol && x.type === y.type && sameContent(x.prefix.family, x, y);
}

/** Does the new route of equal metric stand where `other` stood? */
function canReplace(other: KernelRoute, route: KernelRoute, flags: number): boolean {
  if ((flags & NLM_F_REPLACE) !== 0) return true;
  // IPv6 shows the multipath route as it is after the addition.
  return (
    route.prefix.family === FAMILY_IPV6 &&
    (flags & NLM_F_APPEND) !== 0 &&
    other.hops.every((hop) => route.hops.some((next) => sameHop(hop, next)))
  );
}

function removeHops(list: KernelRoute[], route: KernelRoute): void {
  const at = list.findIndex(
    (other) =>
      other.metric === route.metric && other.protocol === route.protocol && other.hops.length > route.hops.length,
  );
  if (at < 0) return;
  const left = list[at].hops.filter((hop) => !route.hops.some((gone) => sameHop(hop, gone)));
  list[at] = { ...list[at], hops: left };
}

function leavesOnlyThrough(route: KernelRoute, interfaceIndex: number): boolean {
  return route.hops.length > 0 && route.hops.every((hop) => hop.interfaceIndex === interfaceIndex);
}

function withoutDeadHops(route: KernelRoute): KernelRoute {
  const alive = route.hops.filter((hop) => !isDead(hop));
  return alive.length === route.hops.length || alive.length === 0 ? route : { ...route, hops: alive };
}

function isDead(hop: FibHop & { readonly dead?: boolean }): boolean {
  return hop.dead === true;
}
