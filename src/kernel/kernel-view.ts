/**
 * What rtnetlink messages mean for what we know: links and addresses, foreign routes, our own routes. Applies one message
 * at a time, from a notification or from a dump, and asks for what has to follow.
 *
 * The kernel does not say everything. IPv4 routes vanish without a word when their interface goes down or away or loses
 * its last address, which is worked out here; what cannot be worked out for certain asks for a resync.
 */

import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../../bgp/family.ts';
import type { Prefix } from '../../bgp/ip.ts';
import type { DisturbanceKind, InterfaceAddress, KernelLink, KernelListener, KernelRoute } from './fib.ts';
import { ForeignRoutes, learnable, routeType } from './foreign-routes.ts';
import { Interfaces } from './interfaces.ts';
import {
  NLM_F_APPEND,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEXTHOP,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEXTHOP,
  RTM_NEWROUTE,
} from './netlink/constants.ts';
import { decodeInterfaceAddress, decodeLink } from './netlink/link.ts';
import type { NetlinkReader } from './netlink/message.ts';
import { decodeNextHop } from './netlink/next-hop.ts';
import { type DecodedRoute, decodeRoute, type RouteOwner } from './netlink/route.ts';
import { NextHopObjects } from './next-hop-objects.ts';
import { type Disturbance, OwnRoutes } from './own-routes.ts';
import { kernelMetric, type RouteContent } from './route-plan.ts';

/** What a message may call for. */
export interface ViewRequests {
  /** Our routes can no longer be told from the messages alone. */
  resync(): void;
  /** Own routes wait to be put back. */
  restore(): void;
  /** Something changed that refused routes may have waited for. */
  retry(): void;
  /** A prefix became dirty. */
  write(): void;
}

export class KernelView {
  readonly interfaces: Interfaces;
  readonly foreign: ForeignRoutes;
  readonly objects: NextHopObjects;
  readonly own: readonly [OwnRoutes, OwnRoutes] = [new OwnRoutes(FAMILY_IPV4), new OwnRoutes(FAMILY_IPV6)];
  private readonly listener: KernelListener;
  private readonly owner: RouteOwner;
  /** By family: own routes are only looked at when we write them. */
  private readonly owned: readonly [boolean, boolean];
  private readonly ownsRoutes: boolean;
  private readonly requests: ViewRequests;

  constructor(listener: KernelListener, owner: RouteOwner, owned: readonly [boolean, boolean], requests: ViewRequests) {
    this.listener = listener;
    this.owner = owner;
    this.owned = owned;
    this.ownsRoutes = owned[0] || owned[1];
    this.requests = requests;
    this.interfaces = new Interfaces(listener);
    this.objects = new NextHopObjects(owner.table, owner.protocol);
    this.foreign = new ForeignRoutes(listener, (address) => this.interfaces.isLocalAddress(address));
  }

  /** Applies the notification that the reader stands on. */
  notified(reader: NetlinkReader): void {
    switch (reader.type) {
      case RTM_NEWLINK:
      case RTM_DELLINK: {
        const link = decodeLink(reader);
        if (link === null) return;
        if (reader.type === RTM_NEWLINK) this.linkChanged(link);
        else this.linkRemoved(link.index);
        return;
      }
      case RTM_NEWADDR:
      case RTM_DELADDR: {
        const address = decodeInterfaceAddress(reader);
        if (address === null) return;
        if (reader.type === RTM_NEWADDR) this.addressAdded(address);
        else this.addressRemoved(address);
        return;
      }
      case RTM_NEWNEXTHOP:
      case RTM_DELNEXTHOP: {
        const object = decodeNextHop(reader);
        if (object === null) return;
        if (reader.type === RTM_NEWNEXTHOP) {
          // The comparison finds which routes go elsewhere now.
          if (this.objects.changedByOthers(object) && this.ownsRoutes) this.requests.resync();
        } else this.objectDeleted(object.id, reader.port);
        return;
      }
      case RTM_NEWROUTE:
      case RTM_DELROUTE: {
        const route = this.decodeRoute(reader);
        if (route === null || route.table !== this.owner.table) return;
        const isOwn = route.protocol === this.owner.protocol;
        if (reader.type === RTM_NEWROUTE) {
          if (isOwn) this.ownRouteAdded(route, reader.flags, reader.port);
          else this.foreignRouteAdded(route, reader.flags, reader.port);
        } else if (isOwn) this.ownRouteDeleted(route, reader.port);
        else this.foreignRouteDeleted(route);
        return;
      }
    }
  }

  /** From now on until endScan(), scanned() is given everything there is. */
  beginScan(): void {
    this.interfaces.beginScan();
    this.objects.beginScan();
    this.foreign.beginScan();
    for (const own of this.own) own.beginScan();
  }

  /** Applies the message of a dump that the reader stands on. */
  scanned(reader: NetlinkReader): void {
    if (reader.type === RTM_NEWLINK) {
      const link = decodeLink(reader);
      if (link !== null) this.interfaces.linkSeen(link);
    } else if (reader.type === RTM_NEWADDR) {
      const address = decodeInterfaceAddress(reader);
      if (address !== null) this.interfaces.addressSeen(address);
    } else if (reader.type === RTM_NEWNEXTHOP) {
      const object = decodeNextHop(reader);
      if (object !== null) this.objects.scanned(object);
    } else if (reader.type === RTM_NEWROUTE) {
      const route = this.decodeRoute(reader);
      // Kernels without strict checking show all tables.
      if (route === null || route.table !== this.owner.table || route.isCloned) return;
      if (route.protocol !== this.owner.protocol) {
        const learned = learnable(route);
        if (learned !== null) this.foreign.scanned(learned);
        return;
      }
      const content = this.ownContent(route);
      if (content !== null) this.own[route.prefix.family].scanned(route.prefix, content);
    }
  }

  /**
   * Tells and notes all differences; returns how many wanted routes were not as wanted. Those of the first scan are left
   * over from an earlier run: nobody disturbed them.
   */
  endScan(isFirst: boolean): number {
    this.interfaces.endScan();
    this.foreign.endScan();
    let disturbed = 0;
    for (const own of this.own) {
      own.endScan((prefix, kind) => {
        disturbed++;
        if (!isFirst) this.listener.routeDisturbed({ prefix, kind, other: null, port: 0 });
      });
      own.retryFailed();
    }
    return isFirst ? 0 : disturbed;
  }

  /** The foreign route that has the place of ours with this metric, or else the one that is preferred to it. */
  rival(prefix: Prefix, metric: number, isRefused: boolean): KernelRoute | null {
    const wanted = kernelMetric(prefix.family, metric);
    return (isRefused ? this.foreign.withMetric(prefix, wanted) : null) ?? this.foreign.betterThan(prefix, wanted);
  }

  private linkChanged(link: KernelLink): void {
    const before = this.interfaces.linkSeen(link);
    if (before?.up === true && !link.up) this.interfaceLost(link.index, null);
    // Next-hop objects go with the carrier already.
    if (before?.running === true && !link.running) this.objectsLost(link.index);
    if (before !== null && before.up !== link.up && this.foreign.hasMultipathThrough(link.index)) {
      this.requests.resync();
    }
    if (link.up) this.requests.retry();
  }

  private linkRemoved(index: number): void {
    this.interfaceLost(index, null);
    this.interfaces.linkGone(index);
  }

  private addressAdded(address: InterfaceAddress): void {
    if (!this.interfaces.addressSeen(address)) return;
    this.foreign.localAddressesChanged(address.address);
    this.requests.retry();
  }

  private addressRemoved(address: InterfaceAddress): void {
    if (!this.interfaces.addressRemoved(address)) return;
    this.foreign.localAddressesChanged(address.address);
    const { family } = address.address;
    // Without any address IPv4 stops on the interface.
    if (family === FAMILY_IPV4 && !this.interfaces.hasAddress(address.interfaceIndex, family)) {
      this.interfaceLost(address.interfaceIndex, FAMILY_IPV4);
    }
  }

  /** Routes through the interface are gone, of one family or (null) of both. */
  private interfaceLost(interfaceIndex: number, family: FamilyIndex | null): void {
    if (family === null) this.objectsLost(interfaceIndex);
    this.foreign.interfaceLost(interfaceIndex, family);
    for (const own of this.own) {
      if (family !== null && own.family !== family) continue;
      if (!own.interfaceLost(interfaceIndex)) this.requests.resync();
      if (own.restoring.size > 0) this.requests.restore();
    }
  }

  private objectsLost(interfaceIndex: number): void {
    const { lost, isConcerned } = this.objects.interfaceLost(interfaceIndex);
    for (const own of this.own) for (const group of lost) own.groupLost(group, () => {});
    if (lost.length > 0) this.requests.restore();
    if (isConcerned && this.ownsRoutes) this.requests.resync();
  }

  private objectDeleted(id: number, port: number): void {
    const { group, isOurs } = this.objects.deletedByOthers(id);
    if (!isOurs || !this.ownsRoutes) return;
    if (group === null) {
      // A member: the groups that had it are smaller now, or gone.
      this.requests.resync();
      return;
    }
    for (const own of this.own) {
      own.groupLost(group, (prefix) => {
        if (port !== 0) this.listener.routeDisturbed({ prefix, kind: 'deleted', other: null, port });
      });
    }
    this.requests.restore();
  }

  /** With the hops of its next-hop object, should the kernel not show them. */
  private decodeRoute(reader: NetlinkReader): DecodedRoute | null {
    const route = decodeRoute(reader);
    if (route === null || route.nextHopId === 0) return route;
    const [hop] = route.hops;
    if (hop === undefined || hop.gateway !== null || hop.interfaceIndex !== 0) return route;
    const hops = this.objects.hopsOf(route.nextHopId);
    return hops === null ? route : { ...route, hops: hops.map((one) => ({ ...one, dead: false })) };
  }

  private ownRouteAdded(route: DecodedRoute, flags: number, port: number): void {
    const content = this.ownContent(route);
    if (content === null) return;
    const { prefix } = route;
    const own = this.own[prefix.family];
    const hasReplaced = (flags & NLM_F_REPLACE) !== 0;
    const hasJoined = prefix.family === FAMILY_IPV6 && (flags & NLM_F_APPEND) !== 0;
    // With a foreign route of the same metric beside ours nobody can say which of the two was replaced.
    const isClear = !hasReplaced || !this.foreign.occupies(prefix, route.metric);
    const disturbance = isClear ? own.addedByOthers(prefix, content, hasReplaced, hasJoined) : 'unexplained';
    this.follow(
      disturbance,
      prefix,
      hasReplaced || hasJoined ? 'replaced' : 'added',
      asKernelRoute(route, content),
      port,
    );
  }

  private ownRouteDeleted(route: DecodedRoute, port: number): void {
    const content = this.ownContent(route);
    if (content === null) return;
    const disturbance = this.own[route.prefix.family].deletedByOthers(route.prefix, content);
    this.follow(disturbance, route.prefix, 'deleted', asKernelRoute(route, content), port);
  }

  private foreignRouteAdded(route: DecodedRoute, flags: number, port: number): void {
    const learned = learnable(route);
    const { prefix } = route;
    const type = routeType(route.type);
    if ((flags & NLM_F_REPLACE) !== 0) {
      // What it replaced was the first route of this metric: ours, or one that we know, or one that we do not care about.
      const own = this.own[prefix.family];
      const isKnown = this.foreign.occupies(prefix, route.metric);
      if (own.occupies(prefix, route.metric)) {
        const disturbance = isKnown ? 'unexplained' : own.replacedByForeign(prefix, route.metric);
        const other = type === null ? null : asKernelRoute(route, { type, metric: route.metric, hops: route.hops });
        this.follow(disturbance, prefix, 'replaced', other, port);
      } else if (isKnown && learned === null) this.requests.resync();
    }
    if (learned === null) return;
    this.foreign.added(learned, flags);
    this.requests.retry();
  }

  private foreignRouteDeleted(route: DecodedRoute): void {
    const learned = learnable(route);
    if (learned !== null) this.foreign.deleted(learned);
    if (this.own[route.prefix.family].retryPrefix(route.prefix)) this.requests.write();
  }

  /** A route under our protocol number as content, or null when it is not ours to judge. */
  private ownContent(route: DecodedRoute): RouteContent | null {
    const type = routeType(route.type);
    if (!this.owned[route.prefix.family] || type === null || route.tos !== 0 || route.hasInputInterface) return null;
    const { metric, hops, nextHopId } = route;
    if (nextHopId === 0) return { type, metric, hops };
    return this.objects.routeThrough(nextHopId, metric) ?? { type, metric, hops, nextHopId };
  }

  private follow(
    disturbance: Disturbance,
    prefix: Prefix,
    kind: DisturbanceKind,
    other: KernelRoute | null,
    port: number,
  ): void {
    if (disturbance === 'none') return;
    // The kernel itself takes routes away with their links and addresses; that is told elsewhere.
    if (port !== 0 && (kind === 'added' || this.own[prefix.family].wantedOf(prefix) !== null)) {
      this.listener.routeDisturbed({ prefix, kind, other, port });
    }
    if (disturbance === 'restore') this.requests.restore();
    else this.requests.resync();
  }
}

function asKernelRoute({ prefix, protocol }: DecodedRoute, { type, metric, hops }: RouteContent): KernelRoute {
  return { prefix, type, protocol, metric, hops };
}
