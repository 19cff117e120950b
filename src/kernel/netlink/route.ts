/**
 * RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE (RFC 3549 3.1.1): our own routes to octets, any route from octets.
 *
 *   rtmsg     := family(1) dst_len(1) src_len(1) tos(1) table(1) protocol(1) scope(1) type(1) flags(4)
 *   rtnexthop := length(2) flags(1) weight-1(1) interface(4) attributes
 *   rtvia     := address family(2) address
 *
 * RTA_VIA carries an IPv6 next hop of an IPv4 route (RFC 8950).
 */

import { FAMILY_ADDRESS_OCTETS, FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../../../bgp/family.ts';
import { addressFromOctets, type IpAddress, type Prefix } from '../../../bgp/ip.ts';
import { AF_INET, AF_INET6 } from '../../net/socket-address.ts';
import type { FibHop, KernelRouteType } from '../fib.ts';
import type { RouteContent } from '../route-plan.ts';
import {
  NLM_F_DUMP,
  NLM_F_REQUEST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_UNSPEC,
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_MULTIPATH,
  RTA_NH_ID,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
  RTA_VIA,
  RTM_DELROUTE,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTN_BLACKHOLE,
  RTN_PROHIBIT,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTNH_F_DEAD,
  RTNH_F_ONLINK,
} from './constants.ts';
import { align, type NetlinkReader, type NetlinkWriter } from './message.ts';

const RTMSG_OCTETS = 12;
const RTNEXTHOP_OCTETS = 8;
/** Loopback has index 1 in every network namespace; IPv6 keeps its blackholes there. */
const LOOPBACK_INDEX = 1;

const ROUTE_TYPES: Readonly<Record<KernelRouteType, number>> = {
  unicast: RTN_UNICAST,
  blackhole: RTN_BLACKHOLE,
  unreachable: RTN_UNREACHABLE,
  prohibit: RTN_PROHIBIT,
};

/** Room that any message of ours with this many hops fits in. */
export function routeMessageOctets(hopCount: number): number {
  return 80 + hopCount * 40;
}

/** Where our routes go: which table, under which protocol number. */
export interface RouteOwner {
  readonly table: number;
  readonly protocol: number;
}

/** Appends RTM_NEWROUTE or RTM_DELROUTE for a prefix. A deletion names everything: it can only hit that very route. */
export function encodeRoute(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  sequence: number,
  owner: RouteOwner,
  family: FamilyIndex,
  a: number,
  b: number,
  c: number,
  d: number,
  length: number,
  entry: RouteContent,
): void {
  const hops = entry.hops;
  const isUnicast = entry.type === 'unicast';
  // A weight can only be said of a hop of a multipath route, even when it is the only one (yet).
  const single =
    isUnicast && entry.nextHopId === undefined && hops.length === 1 && hops[0].weight === 1 ? hops[0] : null;
  writer.beginMessage(type, flags, sequence);
  writer.u8(family === FAMILY_IPV4 ? AF_INET : AF_INET6);
  writer.u8(length);
  writer.u8(0);
  writer.u8(0);
  // Tables above 255 only fit into the attribute.
  writer.u8(owner.table < 256 ? owner.table : RT_TABLE_UNSPEC);
  writer.u8(owner.protocol);
  writer.u8(type === RTM_DELROUTE ? RT_SCOPE_NOWHERE : routeScope(entry));
  writer.u8(ROUTE_TYPES[entry.type]);
  writer.u32(single?.onlink ? RTNH_F_ONLINK : 0);
  const destination = writer.beginAttribute(RTA_DST);
  writer.lane(a);
  if (family === FAMILY_IPV6) {
    writer.lane(b);
    writer.lane(c);
    writer.lane(d);
  }
  writer.endAttribute(destination);
  if (owner.table >= 256) writer.attributeU32(RTA_TABLE, owner.table);
  if (entry.metric !== 0) writer.attributeU32(RTA_PRIORITY, entry.metric);
  if (entry.nextHopId !== undefined) {
    writer.attributeU32(RTA_NH_ID, entry.nextHopId);
  } else if (single !== null) {
    encodeGateway(writer, family, single);
    if (single.interfaceIndex !== 0) writer.attributeU32(RTA_OIF, single.interfaceIndex);
  } else if (isUnicast) {
    encodeMultipath(writer, family, hops);
  } else if (family === FAMILY_IPV6 && type === RTM_DELROUTE) {
    // The IPv6 code does not compare types: only the device tells our blackhole from our unicast route.
    writer.attributeU32(RTA_OIF, LOOPBACK_INDEX);
  }
  writer.endMessage();
}

/** IPv4 wants to be told that a route without gateway reaches its destination on the link itself. */
function routeScope(entry: RouteContent): number {
  return entry.type === 'unicast' && entry.hops.every((hop) => hop.gateway === null)
    ? RT_SCOPE_LINK
    : RT_SCOPE_UNIVERSE;
}

function encodeMultipath(writer: NetlinkWriter, family: FamilyIndex, hops: readonly FibHop[]): void {
  const multipath = writer.beginAttribute(RTA_MULTIPATH);
  for (const hop of hops) {
    // struct rtnexthop starts like an attribute: its length, then flags and weight where the type would be.
    const start = writer.beginAttribute(0);
    writer.octets[start + 2] = hop.onlink ? RTNH_F_ONLINK : 0;
    writer.octets[start + 3] = hop.weight - 1;
    writer.u32(hop.interfaceIndex);
    encodeGateway(writer, family, hop);
    writer.endAttribute(start);
  }
  writer.endAttribute(multipath);
}

function encodeGateway(writer: NetlinkWriter, family: FamilyIndex, hop: FibHop): void {
  const gateway = hop.gateway;
  if (gateway === null) return;
  const isVia = gateway.family !== family;
  const start = writer.beginAttribute(isVia ? RTA_VIA : RTA_GATEWAY);
  if (isVia) writer.u16(gateway.family === FAMILY_IPV4 ? AF_INET : AF_INET6);
  writer.lane(gateway.a);
  if (gateway.family === FAMILY_IPV6) {
    writer.lane(gateway.b);
    writer.lane(gateway.c);
    writer.lane(gateway.d);
  }
  writer.endAttribute(start);
}

/** Appends a request for all routes of one table and family (filtered by the kernel when it checks strictly). */
export function encodeRouteDump(writer: NetlinkWriter, sequence: number, family: FamilyIndex, table: number): void {
  writer.beginMessage(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  writer.u8(family === FAMILY_IPV4 ? AF_INET : AF_INET6);
  for (let i = 1; i < RTMSG_OCTETS; i++) writer.u8(0);
  writer.attributeU32(RTA_TABLE, table);
  writer.endMessage();
}

/** A next hop as the kernel shows it. `dead`: its interface is down, no traffic goes there. */
export interface DecodedHop extends FibHop {
  readonly dead: boolean;
}

/** Any route message, as far as it concerns us. `type` and `protocol` are the kernel's numbers. */
export interface DecodedRoute {
  readonly prefix: Prefix;
  readonly table: number;
  readonly protocol: number;
  readonly type: number;
  readonly tos: number;
  readonly metric: number;
  readonly hops: readonly DecodedHop[];
  /** The next-hop object that it goes through; 0: none. The kernel shows the object's hops as well, unless told not to. */
  readonly nextHopId: number;
  /** IPv6: only for packets that came in through some interface. */
  readonly hasInputInterface: boolean;
  /** A cache entry. */
  readonly isCloned: boolean;
}

/** Decodes the route message that the reader stands on; null for other families and malformed ones. */
export function decodeRoute(reader: NetlinkReader): DecodedRoute | null {
  const start = reader.payloadStart;
  const end = reader.payloadEnd;
  if (start + RTMSG_OCTETS > end) return null;
  const addressFamily = reader.u8(start);
  if (addressFamily !== AF_INET && addressFamily !== AF_INET6) return null;
  const family = addressFamily === AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
  const addressLength = FAMILY_ADDRESS_OCTETS[family];
  const prefixLength = reader.u8(start + 1);
  if (prefixLength > addressLength * 8) return null;
  const rtmFlags = reader.u32(start + 8);
  let destination: IpAddress = { family, a: 0, b: 0, c: 0, d: 0 };
  let table = reader.u8(start + 4);
  let metric = 0;
  let interfaceIndex = 0;
  let gateway: IpAddress | null = null;
  let multipath: DecodedHop[] | null = null;
  let nextHopId = 0;
  let hasInputInterface = false;
  let length = 0;
  for (let offset = start + RTMSG_OCTETS; ; offset += align(length)) {
    length = reader.attributeLength(offset, end);
    if (length === 0) break;
    const value = offset + 4;
    const valueLength = length - 4;
    switch (reader.attributeType(offset)) {
      case RTA_DST:
        if (valueLength >= addressLength) destination = addressFromOctets(family, reader.octets, value);
        break;
      case RTA_TABLE:
        if (valueLength >= 4) table = reader.u32(value);
        break;
      case RTA_PRIORITY:
        if (valueLength >= 4) metric = reader.u32(value);
        break;
      case RTA_OIF:
        if (valueLength >= 4) interfaceIndex = reader.u32(value);
        break;
      case RTA_NH_ID:
        if (valueLength >= 4) nextHopId = reader.u32(value);
        break;
      case RTA_IIF:
        hasInputInterface = true;
        break;
      case RTA_GATEWAY:
      case RTA_VIA:
        gateway = decodeGateway(reader, offset, length, family);
        break;
      case RTA_MULTIPATH:
        multipath = decodeMultipath(reader, value, offset + length, family);
        break;
    }
  }
  const type = reader.u8(start + 7);
  return {
    prefix: { ...destination, length: prefixLength },
    table,
    protocol: reader.u8(start + 5),
    type,
    tos: reader.u8(start + 3),
    metric,
    hops: type !== RTN_UNICAST ? [] : (multipath ?? [hopOf(gateway, interfaceIndex, rtmFlags & 0xff, 1)]),
    nextHopId,
    hasInputInterface,
    isCloned: (rtmFlags & RTM_F_CLONED) !== 0,
  };
}

function decodeGateway(reader: NetlinkReader, offset: number, length: number, family: FamilyIndex): IpAddress | null {
  let gatewayFamily = family;
  let at = offset + 4;
  if (reader.attributeType(offset) === RTA_VIA) {
    if (length < 6) return null;
    gatewayFamily = reader.u16(at) === AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
    at += 2;
  }
  if (at + FAMILY_ADDRESS_OCTETS[gatewayFamily] > offset + length) return null;
  return addressFromOctets(gatewayFamily, reader.octets, at);
}

function decodeMultipath(reader: NetlinkReader, start: number, end: number, family: FamilyIndex): DecodedHop[] {
  const hops: DecodedHop[] = [];
  let hopLength = 0;
  for (let at = start; at + RTNEXTHOP_OCTETS <= end; at += align(hopLength)) {
    hopLength = reader.u16(at);
    if (hopLength < RTNEXTHOP_OCTETS || at + hopLength > end) break;
    let gateway: IpAddress | null = null;
    let length = 0;
    for (let offset = at + RTNEXTHOP_OCTETS; ; offset += align(length)) {
      length = reader.attributeLength(offset, at + hopLength);
      if (length === 0) break;
      const type = reader.attributeType(offset);
      if (type === RTA_GATEWAY || type === RTA_VIA) gateway = decodeGateway(reader, offset, length, family);
    }
    hops.push(hopOf(gateway, reader.u32(at + 4), reader.u8(at + 2), reader.u8(at + 3) + 1));
  }
  return hops;
}

function hopOf(gateway: IpAddress | null, interfaceIndex: number, flags: number, weight: number): DecodedHop {
  return {
    gateway,
    interfaceIndex,
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    weight,
    dead: (flags & RTNH_F_DEAD) !== 0,
  };
}
