/**
 * Writes UPDATE messages (RFC 4271 4.3, 4760, 7911): one list of prefixes with one attribute set becomes as few messages
 * as the negotiated maximum allows. What a message announces and what it withdraws never share a message, and
 * MP_REACH_NLRI or MP_UNREACH_NLRI comes first (RFC 7606 5.1).
 *
 * A set is sent in the form that its own attributes ask for: with MP_REACH_NLRI (IPv6; IPv4 with an IPv6 next hop,
 * RFC 8950) its NLRI goes there, else into the NLRI field.
 */

import {
  FAMILY_ADDRESS_OCTETS,
  FAMILY_AFI,
  FAMILY_IPV4,
  FAMILY_IPV6,
  type FamilyIndex,
  SAFI_UNICAST,
} from '../bgp/family.ts';
import { ATTRIBUTE_MP_REACH_NLRI } from './attribute-parser.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import type { EncodingRules } from './export-hook.ts';
import type { Audience, OutputChunk, OutputLog } from './output-log.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';
import { twoOctetBlockLimit, writeTwoOctetBlock } from './two-octet-as.ts';

const HEADER_OCTETS = 19;
/** Header, Withdrawn Routes Length and Total Path Attribute Length. */
const EMPTY_UPDATE_OCTETS = HEADER_OCTETS + 4;
const TYPE_UPDATE = 2;
const TYPE_ROUTE_REFRESH = 5;
const ATTRIBUTE_MP_UNREACH_NLRI = 15;
const FLAG_OPTIONAL = 0x80;
const FLAGS_OPTIONAL_EXTENDED = 0x90;
/** Attribute flags, code and a length of two octets. */
const EXTENDED_HEADER_OCTETS = 4;
/** afi, safi. */
const MP_UNREACH_HEAD_OCTETS = 3;
const PATH_ID_OCTETS = 4;

/** Prefixes to write, as lists linked by index; 0 ends a list. */
export interface NlriLists {
  prefix: Uint32Array;
  pathId: Uint32Array;
  next: Uint32Array;
}

export class UpdatePacker {
  readonly rules: EncodingRules;
  readonly #store: AttributeStore;
  readonly #prefixes: PrefixTable;
  readonly #pathIdOctets: number;
  readonly #longestNlriOctets: number;
  /** The attributes to send, and where MP_REACH_NLRI is in them (-1: nowhere). */
  #block: Uint8Array;
  #blockStart: number;
  #blockEnd: number;
  #mpReachAt: number;
  #scratch: Uint8Array;
  /** First entry of the list that has not been written yet, and how many there are from it on. */
  #rest: number;
  #left: number;

  constructor(store: AttributeStore, prefixes: PrefixTable, rules: EncodingRules) {
    this.rules = rules;
    this.#store = store;
    this.#prefixes = prefixes;
    this.#pathIdOctets = rules.addPath ? PATH_ID_OCTETS : 0;
    this.#longestNlriOctets = this.#pathIdOctets + 1 + FAMILY_ADDRESS_OCTETS[rules.family];
    this.#block = store.arena;
    this.#blockStart = 0;
    this.#blockEnd = 0;
    this.#mpReachAt = -1;
    this.#scratch = new Uint8Array(0);
    this.#rest = 0;
    this.#left = 0;
  }

  /** False when a message with these attributes has no room for this prefix. */
  fits(set: SetHandle, prefix: PrefixHandle): boolean {
    const octets = this.#store.length[set];
    // Nearly every set passes here; 64 covers the fixed parts and the longest NLRI.
    if (twoOctetBlockLimit(octets) + 64 <= this.rules.maxMessageOctets) return true;
    this.#select(set);
    const nlri = this.#pathIdOctets + 1 + ((this.#prefixes.length[prefix] + 7) >>> 3);
    const extendedHeader = this.#mpReachAt < 0 ? 0 : 1;
    return (
      EMPTY_UPDATE_OCTETS + this.#blockEnd - this.#blockStart + extendedHeader + nlri <= this.rules.maxMessageOctets
    );
  }

  /** Announces the `count` prefixes of the list that starts at `first` with the attributes of `set`; they must fit. */
  writeAnnouncements(
    log: OutputLog,
    audience: Audience,
    set: SetHandle,
    lists: NlriLists,
    first: number,
    count: number,
  ): void {
    this.#select(set);
    this.#rest = first;
    this.#left = count;
    const fixed = EMPTY_UPDATE_OCTETS + 1 + this.#blockEnd - this.#blockStart;
    while (this.#left > 0) {
      const before = this.#left;
      const chunk = log.reserve(Math.min(fixed + before * this.#longestNlriOctets, this.rules.maxMessageOctets));
      const end = this.#mpReachAt < 0 ? this.#writeClassic(chunk, lists) : this.#writeMpReach(chunk, lists);
      if (this.#left === before) return;
      log.commit(end, audience);
    }
  }

  /** Withdraws the `count` prefixes of the list that starts at `first`. */
  writeWithdrawals(log: OutputLog, audience: Audience, lists: NlriLists, first: number, count: number): void {
    this.#rest = first;
    this.#left = count;
    const isClassic = this.rules.family === FAMILY_IPV4 && !this.rules.extendedNextHop;
    const fixed = EMPTY_UPDATE_OCTETS + (isClassic ? 0 : EXTENDED_HEADER_OCTETS + MP_UNREACH_HEAD_OCTETS);
    while (this.#left > 0) {
      const need = fixed + this.#left * this.#longestNlriOctets;
      const chunk = log.reserve(Math.min(need, this.rules.maxMessageOctets));
      const end = isClassic ? this.#writeClassicWithdrawal(chunk, lists) : this.#writeMpUnreach(chunk, lists);
      log.commit(end, audience);
    }
  }

  #select(set: SetHandle): void {
    const store = this.#store;
    const start = store.offset[set];
    const end = start + store.length[set];
    if (this.rules.fourOctetAs) {
      this.#block = store.arena;
      this.#blockStart = start;
      this.#blockEnd = end;
    } else {
      const limit = twoOctetBlockLimit(end - start);
      if (this.#scratch.length < limit) this.#scratch = new Uint8Array(limit);
      this.#block = this.#scratch;
      this.#blockStart = 0;
      this.#blockEnd = writeTwoOctetBlock(store.arena, start, end, this.#scratch);
    }
    const block = this.#block;
    this.#mpReachAt = -1;
    // Codes ascend, so the search ends early for the many sets without it.
    for (let at = this.#blockStart; at < this.#blockEnd && block[at + 1] <= ATTRIBUTE_MP_REACH_NLRI; ) {
      if (block[at + 1] === ATTRIBUTE_MP_REACH_NLRI) {
        this.#mpReachAt = at;
        return;
      }
      at += (block[at] & 0x10) !== 0 ? 4 + ((block[at + 2] << 8) | block[at + 3]) : 3 + block[at + 2];
    }
  }

  #writeClassic(chunk: OutputChunk, lists: NlriLists): number {
    const octets = chunk.octets;
    const start = chunk.used;
    const attributes = this.#blockEnd - this.#blockStart;
    let at = start + HEADER_OCTETS;
    octets[at] = 0;
    octets[at + 1] = 0;
    octets[at + 2] = attributes >>> 8;
    octets[at + 3] = attributes & 255;
    at = copyOctets(this.#block, this.#blockStart, this.#blockEnd, octets, at + 4);
    at = this.#writeNlri(octets, at, this.#limit(chunk), lists);
    writeHeader(octets, start, at - start, TYPE_UPDATE);
    return at;
  }

  #writeMpReach(chunk: OutputChunk, lists: NlriLists): number {
    const octets = chunk.octets;
    const start = chunk.used;
    const block = this.#block;
    const mpReach = this.#mpReachAt;
    const headStart = mpReach + ((block[mpReach] & 0x10) !== 0 ? 4 : 3);
    const headOctets =
      (block[mpReach] & 0x10) !== 0 ? (block[mpReach + 2] << 8) | block[mpReach + 3] : block[mpReach + 2];
    const headEnd = headStart + headOctets;
    const others = this.#blockEnd - headEnd + mpReach - this.#blockStart;
    const isShort = headOctets + this.#left * this.#longestNlriOctets <= 255;
    const value = start + EMPTY_UPDATE_OCTETS + (isShort ? 3 : EXTENDED_HEADER_OCTETS);
    let at = copyOctets(block, headStart, headEnd, octets, value);
    at = this.#writeNlri(octets, at, this.#limit(chunk) - others, lists);
    at = this.#closeMpAttribute(octets, start, ATTRIBUTE_MP_REACH_NLRI, isShort, value, at);
    at = copyOctets(block, this.#blockStart, mpReach, octets, at);
    at = copyOctets(block, headEnd, this.#blockEnd, octets, at);
    this.#closeMpUpdate(octets, start, at);
    return at;
  }

  #writeClassicWithdrawal(chunk: OutputChunk, lists: NlriLists): number {
    const octets = chunk.octets;
    const start = chunk.used;
    const from = start + HEADER_OCTETS + 2;
    const at = this.#writeNlri(octets, from, this.#limit(chunk) - 2, lists);
    octets[from - 2] = (at - from) >>> 8;
    octets[from - 1] = (at - from) & 255;
    octets[at] = 0;
    octets[at + 1] = 0;
    writeHeader(octets, start, at + 2 - start, TYPE_UPDATE);
    return at + 2;
  }

  #writeMpUnreach(chunk: OutputChunk, lists: NlriLists): number {
    const octets = chunk.octets;
    const start = chunk.used;
    const isShort = MP_UNREACH_HEAD_OCTETS + this.#left * this.#longestNlriOctets <= 255;
    const value = start + EMPTY_UPDATE_OCTETS + (isShort ? 3 : EXTENDED_HEADER_OCTETS);
    octets[value] = 0;
    octets[value + 1] = FAMILY_AFI[this.rules.family];
    octets[value + 2] = SAFI_UNICAST;
    let at = this.#writeNlri(octets, value + MP_UNREACH_HEAD_OCTETS, this.#limit(chunk), lists);
    at = this.#closeMpAttribute(octets, start, ATTRIBUTE_MP_UNREACH_NLRI, isShort, value, at);
    this.#closeMpUpdate(octets, start, at);
    return at;
  }

  /** Where a message that starts at the chunk's end has to end. */
  #limit(chunk: OutputChunk): number {
    return Math.min(chunk.used + this.rules.maxMessageOctets, chunk.octets.length);
  }

  /** Fills in the header of the attribute at the front of the message; a length below 256 takes one octet. */
  #closeMpAttribute(
    octets: Uint8Array,
    start: number,
    code: number,
    isShort: boolean,
    value: number,
    end: number,
  ): number {
    const at = start + EMPTY_UPDATE_OCTETS;
    const length = end - value;
    octets[at + 1] = code;
    if (!isShort && length > 255) {
      octets[at] = FLAGS_OPTIONAL_EXTENDED;
      octets[at + 2] = length >>> 8;
      octets[at + 3] = length & 255;
      return end;
    }
    octets[at] = FLAG_OPTIONAL;
    octets[at + 2] = length;
    if (isShort) return end;
    octets.copyWithin(at + 3, value, end);
    return end - 1;
  }

  #closeMpUpdate(octets: Uint8Array, start: number, end: number): void {
    const attributes = end - start - EMPTY_UPDATE_OCTETS;
    octets[start + HEADER_OCTETS] = 0;
    octets[start + HEADER_OCTETS + 1] = 0;
    octets[start + HEADER_OCTETS + 2] = attributes >>> 8;
    octets[start + HEADER_OCTETS + 3] = attributes & 255;
    writeHeader(octets, start, end - start, TYPE_UPDATE);
  }

  /** Writes list entries from #rest on as long as they end at `limit` or before; returns where the last one ends. */
  #writeNlri(octets: Uint8Array, start: number, limit: number, lists: NlriLists): number {
    return this.rules.family === FAMILY_IPV4
      ? this.#writeIpv4Nlri(octets, start, limit, lists)
      : this.#writeIpv6Nlri(octets, start, limit, lists);
  }

  #writeIpv4Nlri(octets: Uint8Array, start: number, limit: number, lists: NlriLists): number {
    const laneA = this.#prefixes.laneA;
    const lengths = this.#prefixes.length;
    const prefixOf = lists.prefix;
    const nextOf = lists.next;
    const idOctets = this.#pathIdOctets;
    let entry = this.#rest;
    let at = start;
    let written = 0;
    while (entry !== 0) {
      const prefix = prefixOf[entry];
      const bits = lengths[prefix];
      const size = (bits + 7) >>> 3;
      if (at + idOctets + 1 + size > limit) break;
      if (idOctets !== 0) at = writeUint32(octets, at, lists.pathId[entry]);
      octets[at] = bits;
      const a = laneA[prefix];
      if (size > 0) octets[at + 1] = a >>> 24;
      if (size > 1) octets[at + 2] = (a >>> 16) & 255;
      if (size > 2) octets[at + 3] = (a >>> 8) & 255;
      if (size > 3) octets[at + 4] = a & 255;
      at += 1 + size;
      entry = nextOf[entry];
      written++;
    }
    this.#rest = entry;
    this.#left -= written;
    return at;
  }

  #writeIpv6Nlri(octets: Uint8Array, start: number, limit: number, lists: NlriLists): number {
    const { laneA, laneB, laneC, laneD } = this.#prefixes;
    const lengths = this.#prefixes.length;
    const prefixOf = lists.prefix;
    const nextOf = lists.next;
    const idOctets = this.#pathIdOctets;
    let entry = this.#rest;
    let at = start;
    let written = 0;
    while (entry !== 0) {
      const prefix = prefixOf[entry];
      const bits = lengths[prefix];
      const end = at + idOctets + 1 + ((bits + 7) >>> 3);
      if (end > limit) break;
      if (idOctets !== 0) at = writeUint32(octets, at, lists.pathId[entry]);
      octets[at++] = bits;
      at = writeLane(octets, at, end, laneA[prefix]);
      at = writeLane(octets, at, end, laneB[prefix]);
      at = writeLane(octets, at, end, laneC[prefix]);
      at = writeLane(octets, at, end, laneD[prefix]);
      entry = nextOf[entry];
      written++;
    }
    this.#rest = entry;
    this.#left -= written;
    return at;
  }
}

/** End-of-RIB of a family (RFC 4724 2): an UPDATE that says nothing. */
export function endOfRibMessage(family: FamilyIndex): Uint8Array {
  const attribute = family === FAMILY_IPV6 ? [FLAG_OPTIONAL, ATTRIBUTE_MP_UNREACH_NLRI, 3, 0, 2, SAFI_UNICAST] : [];
  const octets = new Uint8Array(EMPTY_UPDATE_OCTETS + attribute.length);
  octets[HEADER_OCTETS + 3] = attribute.length;
  octets.set(attribute, EMPTY_UPDATE_OCTETS);
  writeHeader(octets, 0, octets.length, TYPE_UPDATE);
  return octets;
}

export const BEGIN_OF_ROUTE_REFRESH = 1;
export const END_OF_ROUTE_REFRESH = 2;

/** ROUTE-REFRESH with a message subtype of RFC 7313 3.2. */
export function routeRefreshMessage(
  family: FamilyIndex,
  subtype: typeof BEGIN_OF_ROUTE_REFRESH | typeof END_OF_ROUTE_REFRESH,
): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS + 4);
  octets.set([0, FAMILY_AFI[family], subtype, SAFI_UNICAST], HEADER_OCTETS);
  writeHeader(octets, 0, octets.length, TYPE_ROUTE_REFRESH);
  return octets;
}

function writeHeader(octets: Uint8Array, at: number, messageOctets: number, type: number): void {
  for (let i = at; i < at + 16; i++) octets[i] = 255;
  octets[at + 16] = messageOctets >>> 8;
  octets[at + 17] = messageOctets & 255;
  octets[at + 18] = type;
}

function copyOctets(source: Uint8Array, start: number, end: number, into: Uint8Array, to: number): number {
  // Blocks are some dozen octets: a loop is quicker than making a view.
  let at = to;
  for (let i = start; i < end; i++) into[at++] = source[i];
  return at;
}

function writeUint32(octets: Uint8Array, at: number, value: number): number {
  octets[at] = value >>> 24;
  octets[at + 1] = (value >>> 16) & 255;
  octets[at + 2] = (value >>> 8) & 255;
  octets[at + 3] = value & 255;
  return at + 4;
}

/** Writes as many of the lane's octets as come before `end`. */
function writeLane(octets: Uint8Array, start: number, end: number, lane: number): number {
  if (start + 4 <= end) return writeUint32(octets, start, lane);
  let at = start;
  for (let shift = 24; at < end; shift -= 8) octets[at++] = (lane >>> shift) & 255;
  return at;
}
