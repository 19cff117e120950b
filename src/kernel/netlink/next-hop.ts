/**
 * RTM_NEWNEXTHOP, RTM_DELNEXTHOP and RTM_GETNEXTHOP (linux/nexthop.h): next hops and groups of them as objects of their
 * own, which routes name by number. Linux 5.3 and later.
 *
 *   nhmsg       := family(1) scope(1) protocol(1) reserved(1) flags(4)
 *   NHA_GROUP   := nexthop_grp ...
 *   nexthop_grp := id(4) weight-1(1) reserved(3)
 */

import { FAMILY_ADDRESS_OCTETS, FAMILY_IPV4, FAMILY_IPV6 } from '../../../bgp/family.ts';
import { addressFromOctets, type IpAddress } from '../../../bgp/ip.ts';
import { AF_INET, AF_INET6 } from '../../net/socket-address.ts';
import type { FibHop } from '../fib.ts';
import {
  NHA_GATEWAY,
  NHA_GROUP,
  NHA_ID,
  NHA_OIF,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  RTM_DELNEXTHOP,
  RTM_GETNEXTHOP,
  RTM_NEWNEXTHOP,
  RTNH_F_ONLINK,
} from './constants.ts';
import { align, type NetlinkReader, type NetlinkWriter } from './message.ts';

const NHMSG_OCTETS = 8;
const GROUP_ENTRY_OCTETS = 8;

/** Room that a next hop, or a group of that many, fits in. */
export function nextHopMessageOctets(memberCount: number): number {
  return 80 + memberCount * GROUP_ENTRY_OCTETS;
}

export interface GroupMember {
  readonly id: number;
  readonly weight: number;
}

/** Appends the creation of a next hop through a gateway on an interface (both must be said). */
export function encodeNextHop(
  writer: NetlinkWriter,
  sequence: number,
  protocol: number,
  id: number,
  gateway: IpAddress,
  hop: FibHop,
): void {
  writer.beginMessage(RTM_NEWNEXTHOP, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, sequence);
  head(writer, gateway.family === FAMILY_IPV4 ? AF_INET : AF_INET6, protocol, hop.onlink ? RTNH_F_ONLINK : 0);
  writer.attributeU32(NHA_ID, id);
  writer.attributeU32(NHA_OIF, hop.interfaceIndex);
  const start = writer.beginAttribute(NHA_GATEWAY);
  writer.lane(gateway.a);
  if (gateway.family === FAMILY_IPV6) {
    writer.lane(gateway.b);
    writer.lane(gateway.c);
    writer.lane(gateway.d);
  }
  writer.endAttribute(start);
  writer.endMessage();
}

/** Appends the creation of a group, or what takes the place of what it was. */
export function encodeNextHopGroup(
  writer: NetlinkWriter,
  sequence: number,
  protocol: number,
  id: number,
  members: readonly GroupMember[],
  isReplacement: boolean,
): void {
  const flags = NLM_F_REQUEST | NLM_F_CREATE | (isReplacement ? NLM_F_REPLACE : NLM_F_EXCL);
  writer.beginMessage(RTM_NEWNEXTHOP, flags, sequence);
  head(writer, 0, protocol, 0);
  writer.attributeU32(NHA_ID, id);
  const start = writer.beginAttribute(NHA_GROUP);
  for (const member of members) {
    writer.u32(member.id);
    writer.u8(member.weight - 1);
    writer.u8(0);
    writer.u16(0);
  }
  writer.endAttribute(start);
  writer.endMessage();
}

export function encodeNextHopDeletion(writer: NetlinkWriter, sequence: number, id: number): void {
  writer.beginMessage(RTM_DELNEXTHOP, NLM_F_REQUEST, sequence);
  head(writer, 0, 0, 0);
  writer.attributeU32(NHA_ID, id);
  writer.endMessage();
}

/** Appends a request for all next-hop objects. */
export function encodeNextHopDump(writer: NetlinkWriter, sequence: number): void {
  writer.beginMessage(RTM_GETNEXTHOP, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  head(writer, 0, 0, 0);
  writer.endMessage();
}

function head(writer: NetlinkWriter, family: number, protocol: number, flags: number): void {
  writer.u8(family);
  writer.u8(0);
  writer.u8(protocol);
  writer.u8(0);
  writer.u32(flags);
}

/** An object as the kernel shows it. Both null: of a kind that we never make (blackhole, forwarding database). */
export interface DecodedNextHop {
  readonly id: number;
  readonly protocol: number;
  readonly hop: FibHop | null;
  readonly members: readonly GroupMember[] | null;
}

/** Decodes the message that the reader stands on; null when it is malformed. */
export function decodeNextHop(reader: NetlinkReader): DecodedNextHop | null {
  const start = reader.payloadStart;
  const end = reader.payloadEnd;
  if (start + NHMSG_OCTETS > end) return null;
  const family = reader.u8(start) === AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
  const onlink = (reader.u32(start + 4) & RTNH_F_ONLINK) !== 0;
  let id = 0;
  let interfaceIndex = 0;
  let gateway: IpAddress | null = null;
  let members: GroupMember[] | null = null;
  let length = 0;
  for (let offset = start + NHMSG_OCTETS; ; offset += align(length)) {
    length = reader.attributeLength(offset, end);
    if (length === 0) break;
    const value = offset + 4;
    switch (reader.attributeType(offset)) {
      case NHA_ID:
        if (length >= 8) id = reader.u32(value);
        break;
      case NHA_OIF:
        if (length >= 8) interfaceIndex = reader.u32(value);
        break;
      case NHA_GATEWAY:
        if (length - 4 >= FAMILY_ADDRESS_OCTETS[family]) gateway = addressFromOctets(family, reader.octets, value);
        break;
      case NHA_GROUP:
        members = [];
        for (let at = value; at + GROUP_ENTRY_OCTETS <= offset + length; at += GROUP_ENTRY_OCTETS) {
          members.push({ id: reader.u32(at), weight: reader.u8(at + 4) + 1 });
        }
        break;
    }
  }
  if (id === 0) return null;
  const hop = members !== null || interfaceIndex === 0 ? null : { gateway, interfaceIndex, onlink, weight: 1 };
  return { id, protocol: reader.u8(start + 2), hop, members };
}
