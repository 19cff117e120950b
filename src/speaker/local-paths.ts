/**
 * Canonical attribute blocks of the routes that do not come from a peer: originated ones, connected prefixes and
 * foreign kernel routes. Attribute code 0 is the RIB's own and carries where they come from (rib/attribute-parser.ts);
 * the rest is as on the wire, ascending by code.
 */

import { FAMILY_IPV4 } from '../../bgp/family.ts';
import { addressOctets, type IpAddress } from '../../bgp/ip.ts';
import { OctetWriter } from '../../bgp/wire/octets.ts';
import { LOCAL_IS_SERVICE } from '../../rib/attribute-parser.ts';
import {
  COMMUNITY_ATTRIBUTE_CODE,
  COMMUNITY_EXTENDED,
  COMMUNITY_LARGE,
  COMMUNITY_STANDARD,
  type Community,
  parseCommunity,
} from '../../rib/policy/community.ts';

export const SOURCE_STATIC = 1;
export const SOURCE_KERNEL = 2;
export const SOURCE_DIRECT = 3;

/** Route types as rtnetlink numbers them. */
export const ROUTE_UNICAST = 1;
export const ROUTE_BLACKHOLE = 6;

export interface LocalPath {
  readonly source: typeof SOURCE_STATIC | typeof SOURCE_KERNEL | typeof SOURCE_DIRECT;
  readonly routeType: number;
  /** Kernel metric; 0: none. */
  readonly metric: number;
  /** 0: none. */
  readonly interfaceIndex: number;
  readonly gateway: IpAddress | null;
  /** Texts that parseCommunity reads; others are left out (the configuration layer has refused them). */
  readonly communities: readonly string[];
  /** Withdrawn when the node is drained. */
  readonly isService?: boolean;
}

const FLAGS_WELL_KNOWN = 0x40;
const FLAGS_OPTIONAL = 0x80;
const FLAGS_OPTIONAL_TRANSITIVE = 0xc0;
const EXTENDED_LENGTH = 0x10;

function writeAttribute(writer: OctetWriter, flags: number, code: number, value: Uint8Array): void {
  const isLong = value.length > 255;
  writer.uint8(isLong ? flags | EXTENDED_LENGTH : flags).uint8(code);
  if (isLong) writer.uint16(value.length);
  else writer.uint8(value.length);
  writer.bytes(value);
}

function communityValue(communities: readonly Community[]): Uint8Array {
  const writer = new OctetWriter(64);
  for (const { type, word0, word1, word2 } of communities) {
    writer.uint32(word0);
    if (type !== COMMUNITY_STANDARD) writer.uint32(word1);
    if (type === COMMUNITY_LARGE) writer.uint32(word2);
  }
  return writer.take();
}

/** The canonical block of a local path. */
export function encodeLocalPath(path: LocalPath): Uint8Array {
  const writer = new OctetWriter(64);
  const origin = new OctetWriter(12).uint8(path.source).uint8(path.routeType);
  origin.uint16(path.isService === true ? LOCAL_IS_SERVICE : 0);
  writeAttribute(writer, 0, 0, origin.uint32(path.metric).uint32(path.interfaceIndex).take());
  const { gateway } = path;
  if (gateway?.family === FAMILY_IPV4) writeAttribute(writer, FLAGS_WELL_KNOWN, 3, addressOctets(gateway));
  const communities = path.communities.map(parseCommunity).filter((parsed) => parsed !== null);
  const writeCommunities = (type: Community['type']): void => {
    const ofType = communities.filter((community) => community.type === type);
    if (ofType.length === 0) return;
    writeAttribute(writer, FLAGS_OPTIONAL_TRANSITIVE, COMMUNITY_ATTRIBUTE_CODE[type], communityValue(ofType));
  };
  writeCommunities(COMMUNITY_STANDARD);
  if (gateway !== null && gateway.family !== FAMILY_IPV4) {
    const reach = new OctetWriter(21).uint16(2).uint8(1).uint8(16).bytes(addressOctets(gateway)).uint8(0);
    writeAttribute(writer, FLAGS_OPTIONAL, 14, reach.take());
  }
  writeCommunities(COMMUNITY_EXTENDED);
  writeCommunities(COMMUNITY_LARGE);
  return writer.take();
}
