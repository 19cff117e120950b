/**
 * RTM_NEWLINK, RTM_NEWADDR and their deletions (RFC 3549 3.2, 3.1.2), and the requests for all of them.
 *
 *   ifinfomsg := family(1) pad(1) type(2) index(4) flags(4) change(4)
 *   ifaddrmsg := family(1) prefix length(1) flags(1) scope(1) index(4)
 */

import { FAMILY_ADDRESS_OCTETS, FAMILY_IPV4, FAMILY_IPV6 } from '../../../bgp/family.ts';
import { addressFromOctets, type IpAddress, sameAddress } from '../../../bgp/ip.ts';
import { AF_INET, AF_INET6 } from '../../net/socket-address.ts';
import type { InterfaceAddress, KernelLink } from '../fib.ts';
import {
  IFA_ADDRESS,
  IFA_LOCAL,
  IFF_LOOPBACK,
  IFF_RUNNING,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_VRF_TABLE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  RTM_GETADDR,
  RTM_GETLINK,
} from './constants.ts';
import { align, type NetlinkReader, type NetlinkWriter, text } from './message.ts';

const IFINFOMSG_OCTETS = 16;
const IFADDRMSG_OCTETS = 8;

/** Appends a request for all links. */
export function encodeLinkDump(writer: NetlinkWriter, sequence: number): void {
  writer.beginMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  for (let i = 0; i < IFINFOMSG_OCTETS; i++) writer.u8(0);
  writer.endMessage();
}

/** Appends a request for all addresses of both families. */
export function encodeAddressDump(writer: NetlinkWriter, sequence: number): void {
  writer.beginMessage(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  for (let i = 0; i < IFADDRMSG_OCTETS; i++) writer.u8(0);
  writer.endMessage();
}

/**
 * The link that the message at the reader is about. Null for malformed messages and for those of a family of their own:
 * bridges report their ports so, and the deletion of a port is not that of the interface.
 */
export function decodeLink(reader: NetlinkReader): KernelLink | null {
  const start = reader.payloadStart;
  if (start + IFINFOMSG_OCTETS > reader.payloadEnd || reader.u8(start) !== 0) return null;
  const flags = reader.u32(start + 8);
  let name = '';
  let mtuOctets = 0;
  let master = 0;
  let vrfTable: number | null = null;
  let length = 0;
  for (let offset = start + IFINFOMSG_OCTETS; ; offset += align(length)) {
    length = reader.attributeLength(offset, reader.payloadEnd);
    if (length === 0) break;
    const type = reader.attributeType(offset);
    if (type === IFLA_IFNAME) name = text(reader.octets, offset + 4, offset + length);
    else if (type === IFLA_MTU && length >= 8) mtuOctets = reader.u32(offset + 4);
    else if (type === IFLA_MASTER && length >= 8) master = reader.u32(offset + 4);
    else if (type === IFLA_LINKINFO) vrfTable = decodeVrfTable(reader, offset + 4, offset + length);
  }
  return {
    index: reader.u32(start + 4),
    name,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    mtuOctets,
    master,
    vrfTable,
  };
}

/** The table of a VRF device from its IFLA_LINKINFO; null for devices of other kinds. */
function decodeVrfTable(reader: NetlinkReader, start: number, end: number): number | null {
  let kind = '';
  let table: number | null = null;
  let length = 0;
  for (let offset = start; ; offset += align(length)) {
    length = reader.attributeLength(offset, end);
    if (length === 0) return kind === 'vrf' ? table : null;
    const type = reader.attributeType(offset);
    if (type === IFLA_INFO_KIND) kind = text(reader.octets, offset + 4, offset + length);
    if (type !== IFLA_INFO_DATA) continue;
    const inner = offset + 4;
    // IFLA_VRF_TABLE is all that there is.
    if (reader.attributeLength(inner, offset + length) >= 8 && reader.attributeType(inner) === IFLA_VRF_TABLE) {
      table = reader.u32(inner + 4);
    }
  }
}

/** The address that the message at the reader is about; null for other families and malformed ones. */
export function decodeInterfaceAddress(reader: NetlinkReader): InterfaceAddress | null {
  const start = reader.payloadStart;
  if (start + IFADDRMSG_OCTETS > reader.payloadEnd) return null;
  const addressFamily = reader.u8(start);
  if (addressFamily !== AF_INET && addressFamily !== AF_INET6) return null;
  const family = addressFamily === AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
  let address: IpAddress | null = null;
  let local: IpAddress | null = null;
  let length = 0;
  for (let offset = start + IFADDRMSG_OCTETS; ; offset += align(length)) {
    length = reader.attributeLength(offset, reader.payloadEnd);
    if (length === 0) break;
    if (length - 4 < FAMILY_ADDRESS_OCTETS[family]) continue;
    const type = reader.attributeType(offset);
    if (type === IFA_ADDRESS) address = addressFromOctets(family, reader.octets, offset + 4);
    else if (type === IFA_LOCAL) local = addressFromOctets(family, reader.octets, offset + 4);
  }
  // With both present ADDRESS is the far end of a point-to-point link; IPv4 sends both even when they are equal.
  const own = local ?? address;
  if (own === null) return null;
  return {
    interfaceIndex: reader.u32(start + 4),
    address: own,
    prefixLength: reader.u8(start + 1),
    peer: local !== null && address !== null && !sameAddress(local, address) ? address : null,
  };
}
