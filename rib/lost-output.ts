/**
 * Reads back which prefixes were in the encoded UPDATEs that a slow member will not get, so that the present state of
 * just these can be sent to it instead. Understands only what update-packer.ts writes.
 */

import { FAMILY_IPV4 } from '../bgp/family.ts';
import type { EncodingRules } from './export-hook.ts';
import type { PrefixHandle, PrefixTable } from './prefix-table.ts';

const HEADER_OCTETS = 19;
const MP_REACH_NLRI = 14;
const MP_UNREACH_NLRI = 15;

export class LostOutput {
  /** An End-of-RIB marker was among what is lost. */
  endOfRib: boolean;
  readonly #pieces: Uint8Array[];
  readonly #rules: EncodingRules;
  readonly #prefixes: PrefixTable;
  #found: (prefix: PrefixHandle, pathId: number) => void;
  /** In the last piece: pieces are read from the end of the list, so that they can be dropped one by one. */
  #offset: number;

  constructor(pieces: Uint8Array[], rules: EncodingRules, prefixes: PrefixTable) {
    this.endOfRib = false;
    this.#pieces = pieces;
    this.#rules = rules;
    this.#prefixes = prefixes;
    this.#found = () => {};
    this.#offset = 0;
  }

  /** @param found told of every prefix; unknown ones have been put into the table and must be held at once */
  reportTo(found: (prefix: PrefixHandle, pathId: number) => void): void {
    this.#found = found;
  }

  /** Reads about `octets` octets; false: there are more. */
  read(octets: number): boolean {
    let left = octets;
    while (this.#pieces.length > 0) {
      const piece = this.#pieces[this.#pieces.length - 1];
      while (this.#offset < piece.length) {
        if (left <= 0) return false;
        const length = (piece[this.#offset + 16] << 8) | piece[this.#offset + 17];
        this.#readUpdate(piece, this.#offset + HEADER_OCTETS, this.#offset + length);
        this.#offset += length;
        left -= length;
      }
      this.#pieces.pop();
      this.#offset = 0;
    }
    return true;
  }

  #readUpdate(octets: Uint8Array, start: number, end: number): void {
    const withdrawnEnd = start + 2 + ((octets[start] << 8) | octets[start + 1]);
    const attributesStart = withdrawnEnd + 2;
    const attributesEnd = attributesStart + ((octets[withdrawnEnd] << 8) | octets[withdrawnEnd + 1]);
    let said = this.#readNlri(octets, start + 2, withdrawnEnd) + this.#readNlri(octets, attributesEnd, end);
    for (let at = attributesStart; at < attributesEnd; ) {
      const extended = (octets[at] & 0x10) !== 0;
      const value = at + (extended ? 4 : 3);
      const next = value + (extended ? (octets[at + 2] << 8) | octets[at + 3] : octets[at + 2]);
      // afi(2) safi(1), and in MP_REACH_NLRI length(1) next hop reserved(1), come before the NLRI.
      if (octets[at + 1] === MP_REACH_NLRI) said += this.#readNlri(octets, value + 5 + octets[value + 3], next);
      else if (octets[at + 1] === MP_UNREACH_NLRI) said += this.#readNlri(octets, value + 3, next);
      at = next;
    }
    if (said === 0) this.endOfRib = true;
  }

  #readNlri(octets: Uint8Array, start: number, end: number): number {
    const isIpv4 = this.#rules.family === FAMILY_IPV4;
    let count = 0;
    for (let at = start; at < end; count++) {
      let pathId = 0;
      if (this.#rules.addPath) {
        pathId = lane(octets, at, at + 4);
        at += 4;
      }
      const bits = octets[at++];
      const next = at + ((bits + 7) >>> 3);
      const a = lane(octets, at, next);
      const b = isIpv4 ? 0 : lane(octets, at + 4, next);
      const c = isIpv4 ? 0 : lane(octets, at + 8, next);
      const d = isIpv4 ? 0 : lane(octets, at + 12, next);
      this.#found(this.#prefixes.insert(a, b, c, d, bits), pathId);
      at = next;
    }
    return count;
  }
}

/** Four octets from `at` on as an unsigned integer, those from `end` on being 0. */
function lane(octets: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = (value << 8) | (at + i < end ? octets[at + i] : 0);
  return value >>> 0;
}
