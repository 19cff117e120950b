/**
 * Makes new attribute sets from old ones: a reusable editor that takes a canonical block apart, changes, adds and
 * removes attributes, and writes a canonical block again (ascending codes, extended length only above 255 octets,
 * RFC 4271 4.3 and 5). Works on octets in scratch buffers; nothing is allocated once the buffers have their size.
 *
 * What a change means for the receiver (who may see which attribute) is decided by the callers, export-rules.ts and
 * import-policy.ts.
 */

import {
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_CLUSTER_LIST,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ONLY_TO_CUSTOMER,
  ATTRIBUTE_ORIGINATOR_ID,
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
} from '../bgp/iana.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import { copyFilteredAsPath, prependAs } from './policy/as-path.ts';
import {
  COMMUNITY_ATTRIBUTE_CODE,
  COMMUNITY_OCTETS,
  type Community,
  elementIsWithin,
  valueHasCommunity,
} from './policy/community.ts';

const OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE;

/** Longest block that fits a message at all: 65,535 octets less header and the two length fields (RFC 8654). */
export const BLOCK_LIMIT_OCTETS = 65535 - 23;

const PLACE_NONE = 0;
const PLACE_BASE = 1;
const PLACE_SCRATCH = 2;

/** One block under edit. Begin, change, finish; not re-entrant. */
export class AttributeEditor {
  readonly #store: AttributeStore;
  #base: Uint8Array = new Uint8Array(0);
  /** New values, one after the other; `#used` is the end of the last. */
  #scratch = new Uint8Array(4096);
  #used = 0;
  #block = new Uint8Array(4096);
  /** Codes seen since begin, ascending; `#place` says whether they are still there. */
  readonly #codes = new Uint8Array(256);
  #codeCount = 0;
  readonly #place = new Uint8Array(256);
  readonly #flags = new Uint8Array(256);
  readonly #start = new Uint32Array(256);
  readonly #length = new Uint32Array(256);

  constructor(store: AttributeStore) {
    this.#store = store;
  }

  /** Starts from a stored set; 0 starts from nothing. Nothing may be interned or swept until finish(). */
  begin(set: SetHandle): void {
    if (set === 0) {
      this.beginBlock(this.#base, 0, 0);
      return;
    }
    const start = this.#store.offset[set];
    this.beginBlock(this.#store.arena, start, start + this.#store.length[set]);
  }

  /** Starts from a canonical block in [start, end), which must stay as it is until finish(). */
  beginBlock(octets: Uint8Array, start: number, end: number): void {
    for (let i = 0; i < this.#codeCount; i++) this.#place[this.#codes[i]] = PLACE_NONE;
    this.#base = octets;
    this.#used = 0;
    let count = 0;
    let at = start;
    while (at < end) {
      const flags = octets[at];
      const code = octets[at + 1];
      let value = at + 3;
      let length = octets[at + 2];
      if ((flags & FLAG_EXTENDED_LENGTH) !== 0) {
        length = length * 256 + octets[at + 3];
        value = at + 4;
      }
      this.#codes[count++] = code;
      this.#place[code] = PLACE_BASE;
      this.#flags[code] = flags;
      this.#start[code] = value;
      this.#length[code] = length;
      at = value + length;
    }
    this.#codeCount = count;
  }

  has(code: number): boolean {
    return this.#place[code] !== PLACE_NONE;
  }

  remove(code: number): void {
    this.#place[code] = PLACE_NONE;
  }

  /** An attribute whose value is one octet. */
  setUint8(code: number, flags: number, value: number): void {
    const at = this.#replace(code, flags, 1);
    this.#scratch[at] = value;
  }

  /** An attribute whose value is one unsigned 32-bit integer. */
  setUint32(code: number, flags: number, value: number): void {
    this.#writeUint32(this.#replace(code, flags, 4), value);
  }

  /** An attribute with a copy of octets[start, end) as its value. */
  setValue(code: number, flags: number, octets: Uint8Array, start: number, end: number): void {
    const at = this.#replace(code, flags, end - start);
    copyOctets(octets, start, this.#scratch, at, end - start);
  }

  setLocalPref(value: number): void {
    this.setUint32(ATTRIBUTE_LOCAL_PREF, FLAG_TRANSITIVE, value);
  }

  setMed(value: number): void {
    this.setUint32(ATTRIBUTE_MULTI_EXIT_DISC, FLAG_OPTIONAL, value);
  }

  setOnlyToCustomer(as: number): void {
    this.setUint32(ATTRIBUTE_ONLY_TO_CUSTOMER, OPTIONAL_TRANSITIVE, as);
  }

  setOriginatorId(bgpIdentifier: number): void {
    this.setUint32(ATTRIBUTE_ORIGINATOR_ID, FLAG_OPTIONAL, bgpIdentifier);
  }

  /** Next hop of classic IPv4 routes; an MP_REACH_NLRI goes. */
  setIpv4NextHop(address: number): void {
    this.remove(ATTRIBUTE_MP_REACH_NLRI);
    this.setUint32(ATTRIBUTE_NEXT_HOP, FLAG_TRANSITIVE, address);
  }

  /**
   * IPv6 next hop of routes of the address family `afi` (RFC 4760, RFC 8950), with a link-local one when the lanes of
   * it are not both 0 (RFC 2545 3); a NEXT_HOP goes.
   */
  setIpv6NextHop(
    afi: number,
    a: number,
    b: number,
    c: number,
    d: number,
    linkLocalC: number,
    linkLocalD: number,
  ): void {
    this.remove(ATTRIBUTE_NEXT_HOP);
    const addressOctets = linkLocalC === 0 && linkLocalD === 0 ? 16 : 32;
    const at = this.#replace(ATTRIBUTE_MP_REACH_NLRI, FLAG_OPTIONAL, 5 + addressOctets);
    this.#scratch[at] = 0;
    this.#scratch[at + 1] = afi;
    this.#scratch[at + 2] = 1;
    this.#scratch[at + 3] = addressOctets;
    this.#writeUint32(at + 4, a);
    this.#writeUint32(at + 8, b);
    this.#writeUint32(at + 12, c);
    this.#writeUint32(at + 16, d);
    if (addressOctets === 32) {
      this.#writeUint32(at + 20, 0xfe800000);
      this.#writeUint32(at + 24, 0);
      this.#writeUint32(at + 28, linkLocalC);
      this.#writeUint32(at + 32, linkLocalD);
    }
    this.#scratch[at + 4 + addressOctets] = 0;
  }

  /** Puts the cluster id in front of CLUSTER_LIST (RFC 4456 8). */
  prependCluster(clusterId: number): void {
    const code = ATTRIBUTE_CLUSTER_LIST;
    const oldLength = this.has(code) ? this.#length[code] : 0;
    const at = this.#reserve(oldLength + 4);
    this.#writeUint32(at, clusterId);
    if (oldLength > 0) copyOctets(this.#octetsOf(code), this.#start[code], this.#scratch, at + 4, oldLength);
    this.#setPlace(code, FLAG_OPTIONAL, at, oldLength + 4);
  }

  /**
   * AS_PATH with `front[0 .. frontCount)` put before it, leftmost first. With `leavesAs` the confederation segments
   * go, and with `removePrivate` the Private Use AS numbers except `keepAs`.
   */
  rewriteAsPath(
    front: Uint32Array,
    frontCount: number,
    leavesAs: boolean,
    removePrivate: boolean,
    keepAs: number,
  ): void {
    const code = ATTRIBUTE_AS_PATH;
    const isThere = this.has(code);
    const oldLength = isThere ? this.#length[code] : 0;
    const room = frontCount * 6;
    const at = this.#reserve(room + oldLength);
    const scratch = this.#scratch;
    let start = at + room;
    let end = start + oldLength;
    if (oldLength > 0) {
      const octets = this.#octetsOf(code);
      const from = this.#start[code];
      if (leavesAs) end = copyFilteredAsPath(octets, from, from + oldLength, removePrivate, keepAs, scratch, start);
      else copyOctets(octets, from, scratch, start, oldLength);
    }
    for (let i = frontCount - 1; i >= 0; i--) start = prependAs(scratch, start, end, front[i]);
    this.#setPlace(code, isThere ? this.#flags[code] : FLAG_TRANSITIVE, start, end - start);
  }

  /** Adds the community at the end of its attribute, unless it is there already. */
  addCommunity(community: Community): void {
    const code = COMMUNITY_ATTRIBUTE_CODE[community.type];
    const size = COMMUNITY_OCTETS[community.type];
    const isThere = this.has(code);
    const oldLength = isThere ? this.#length[code] : 0;
    if (oldLength > 0) {
      const start = this.#start[code];
      if (valueHasCommunity(this.#octetsOf(code), start, start + oldLength, community)) return;
    }
    const at = this.#reserve(oldLength + size);
    if (oldLength > 0) copyOctets(this.#octetsOf(code), this.#start[code], this.#scratch, at, oldLength);
    this.#writeUint32(at + oldLength, community.word0);
    if (size > 4) this.#writeUint32(at + oldLength + 4, community.word1);
    if (size > 8) this.#writeUint32(at + oldLength + 8, community.word2);
    this.#setPlace(code, isThere ? this.#flags[code] : OPTIONAL_TRANSITIVE, at, oldLength + size);
  }

  /** Removes every occurrence of the community; an emptied attribute goes. */
  removeCommunity(community: Community): void {
    const code = COMMUNITY_ATTRIBUTE_CODE[community.type];
    if (!this.has(code)) return;
    const size = COMMUNITY_OCTETS[community.type];
    const octets = this.#octetsOf(code);
    const from = this.#start[code];
    const length = this.#length[code];
    if (!valueHasCommunity(octets, from, from + length, community)) return;
    this.#keepElements(code, size, (element) => !valueHasCommunity(octets, element, element + size, community));
  }

  /** Removes the communities whose numbers are within those of `from` and `to`; an emptied attribute goes. */
  removeCommunitiesIn(from: Community, to: Community): void {
    const code = COMMUNITY_ATTRIBUTE_CODE[from.type];
    if (!this.has(code)) return;
    const octets = this.#octetsOf(code);
    const size = COMMUNITY_OCTETS[from.type];
    const end = this.#start[code] + this.#length[code];
    let isAny = false;
    for (let at = this.#start[code]; at < end && !isAny; at += size) isAny = elementIsWithin(octets, at, from, to);
    if (isAny) this.#keepElements(code, size, (element) => !elementIsWithin(octets, element, from, to));
  }

  /** Removes communities of all three kinds. */
  removeAllCommunities(): void {
    this.remove(ATTRIBUTE_COMMUNITIES);
    this.remove(ATTRIBUTE_EXTENDED_COMMUNITIES);
    this.remove(ATTRIBUTE_LARGE_COMMUNITIES);
  }

  /** Removes the extended communities that may not leave the AS (RFC 4360 2: bit 0x40 of the type set). */
  removeNonTransitiveCommunities(): void {
    this.#removeNonTransitive(ATTRIBUTE_EXTENDED_COMMUNITIES, 8);
    this.#removeNonTransitive(ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES, 20);
  }

  #removeNonTransitive(code: number, size: number): void {
    if (!this.has(code)) return;
    const octets = this.#octetsOf(code);
    const from = this.#start[code];
    let found = false;
    for (let at = from; at < from + this.#length[code]; at += size) if ((octets[at] & 0x40) !== 0) found = true;
    if (found) this.#keepElements(code, size, (element) => (octets[element] & 0x40) === 0);
  }

  /** The interned set; 0 when it would not fit any message. */
  finish(): SetHandle {
    const length = this.#write();
    return length < 0 ? 0 : this.#store.intern(this.#block, 0, length);
  }

  /** A copy of the block as octets, or null when it would not fit any message. */
  finishBlock(): Uint8Array | null {
    const length = this.#write();
    return length < 0 ? null : this.#block.slice(0, length);
  }

  /** Writes the block to #block and returns its length, or -1 when it is too long. */
  #write(): number {
    let total = 0;
    for (let i = 0; i < this.#codeCount; i++) {
      const code = this.#codes[i];
      if (this.#place[code] === PLACE_NONE) continue;
      const length = this.#length[code];
      total += length + (length > 255 ? 4 : 3);
    }
    if (total > BLOCK_LIMIT_OCTETS) return -1;
    if (total > this.#block.length) this.#block = new Uint8Array(65536);
    const block = this.#block;
    let out = 0;
    for (let i = 0; i < this.#codeCount; i++) {
      const code = this.#codes[i];
      if (this.#place[code] === PLACE_NONE) continue;
      const length = this.#length[code];
      const flags = this.#flags[code];
      block[out + 1] = code;
      if (length > 255) {
        block[out] = flags | FLAG_EXTENDED_LENGTH;
        block[out + 2] = length >>> 8;
        block[out + 3] = length & 255;
        out += 4;
      } else {
        block[out] = flags & ~FLAG_EXTENDED_LENGTH;
        block[out + 2] = length;
        out += 3;
      }
      copyOctets(this.#octetsOf(code), this.#start[code], block, out, length);
      out += length;
    }
    return out;
  }

  /** Where the value of an attribute that is there lies. */
  #octetsOf(code: number): Uint8Array {
    return this.#place[code] === PLACE_BASE ? this.#base : this.#scratch;
  }

  #keepElements(code: number, size: number, isKept: (element: number) => boolean): void {
    const from = this.#start[code];
    const length = this.#length[code];
    const at = this.#reserve(length);
    const octets = this.#octetsOf(code);
    let out = at;
    for (let element = from; element < from + length; element += size) {
      if (!isKept(element)) continue;
      copyOctets(octets, element, this.#scratch, out, size);
      out += size;
    }
    if (out === at) this.remove(code);
    else this.#setPlace(code, this.#flags[code], at, out - at);
  }

  /** Room for a new value of `length` octets; growing keeps what is there. */
  #reserve(length: number): number {
    const at = this.#used;
    this.#used += length;
    if (this.#used > this.#scratch.length) {
      const grown = new Uint8Array(Math.max(this.#used, this.#scratch.length * 2));
      grown.set(this.#scratch);
      this.#scratch = grown;
    }
    return at;
  }

  #replace(code: number, flags: number, length: number): number {
    const at = this.#reserve(length);
    this.#setPlace(code, flags, at, length);
    return at;
  }

  /** Notes that the attribute's value is scratch[start, start + length). */
  #setPlace(code: number, flags: number, start: number, length: number): void {
    if (this.#place[code] === PLACE_NONE) this.#noteCode(code);
    this.#place[code] = PLACE_SCRATCH;
    this.#flags[code] = flags;
    this.#start[code] = start;
    this.#length[code] = length;
  }

  /** Puts the code into the ascending list, unless it is there from before it was removed. */
  #noteCode(code: number): void {
    const codes = this.#codes;
    let at = this.#codeCount;
    while (at > 0 && codes[at - 1] > code) at--;
    if (at > 0 && codes[at - 1] === code) return;
    codes.copyWithin(at + 1, at, this.#codeCount);
    codes[at] = code;
    this.#codeCount++;
  }

  #writeUint32(at: number, value: number): void {
    const scratch = this.#scratch;
    scratch[at] = value >>> 24;
    scratch[at + 1] = (value >>> 16) & 255;
    scratch[at + 2] = (value >>> 8) & 255;
    scratch[at + 3] = value & 255;
  }
}

/** Values are mostly a few octets long: a loop beats the call into the typed array's own copy. */
function copyOctets(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length > 64) {
    to.set(from.subarray(start, start + length), at);
    return;
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i];
}
