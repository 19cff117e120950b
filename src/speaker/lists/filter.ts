/**
 * Which routes a list shows: by family, prefix, source, community, AS. Read once from the request, then asked per path
 * with numbers only, so that a list over a million routes is a matter of a second.
 */

import { FAMILY_NAMES, type FamilyIndex, type FamilyName } from '../../../bgp/family.ts';
import { ATTRIBUTE_AS_PATH } from '../../../bgp/iana.ts';
import { type Prefix, parseAddress, parsePrefix, prefixContains } from '../../../bgp/ip.ts';
import type { AttributeStore, SetHandle } from '../../../rib/attribute-store.ts';
import type { PeerIndex } from '../../../rib/peer-table.ts';
import { COMMUNITY_EXTENDED, COMMUNITY_LARGE, type Community, parseCommunity } from '../../../rib/policy/community.ts';
import type { PrefixHandle } from '../../../rib/prefix-table.ts';
import type { Rib } from '../../../rib/rib.ts';
import type { ApiRefusal } from '../../api/refusal.ts';
import type { RouteFilter } from '../../api/source.ts';

/** A prefix of the request and how it is meant. */
interface PrefixFilter {
  readonly prefix: Prefix;
  readonly match: 'exact' | 'longest' | 'shorter' | 'longer';
}

function samePrefix(x: Prefix, y: Prefix): boolean {
  return x.length === y.length && prefixContains(x, y);
}

const FAMILIES: readonly FamilyIndex[] = [0, 1];
const AS_SEQUENCE = 2;

export class ListFilter {
  readonly families: readonly FamilyIndex[];
  readonly prefix: PrefixFilter | null;
  readonly #sets: AttributeStore;
  readonly #community: Community | null;
  readonly #as: number | null;
  readonly #originAs: number | null;
  /** Null: paths of every source. */
  readonly source: PeerIndex | null;

  private constructor(
    rib: Rib,
    families: readonly FamilyIndex[],
    prefix: PrefixFilter | null,
    source: PeerIndex | null,
    community: Community | null,
    { as, originAs }: RouteFilter,
  ) {
    this.#sets = rib.sets;
    this.families = families;
    this.prefix = prefix;
    this.source = source;
    this.#community = community;
    this.#as = as ?? null;
    this.#originAs = originAs ?? null;
  }

  /** @param sourceOf the peer (or local source) of that name; null: there is none */
  static read(rib: Rib, filter: RouteFilter, sourceOf: (name: string) => PeerIndex | null): ListFilter | ApiRefusal {
    const { family, prefix: text, source, community: communityText } = filter;
    const refuse = (refused: string, status: 400 | 404 = 400): ApiRefusal => ({ refused, status });
    const named = family === undefined ? -1 : FAMILY_NAMES.indexOf(family as FamilyName);
    if (family !== undefined && named < 0) return refuse(`family "${family}": wanted ${FAMILY_NAMES.join(' or ')}`);
    let prefix: PrefixFilter | null = null;
    if (text !== undefined) {
      const parsed = parsePrefix(text);
      if (parsed === null) return refuse(`"${text}" is not a prefix or address`);
      if (named >= 0 && named !== parsed.family) return refuse(`"${text}" is not of the family ${family}`);
      const byDefault = filter.longest === true || parseAddress(text) !== null ? 'longest' : 'exact';
      prefix = { prefix: parsed, match: filter.match ?? byDefault };
    } else if (filter.match !== undefined || filter.longest === true) return refuse('match and longest need a prefix');
    const index = source === undefined ? null : sourceOf(source);
    if (source !== undefined && index === null) return refuse(`there is no source "${source}"`, 404);
    const community = communityText === undefined ? null : parseCommunity(communityText);
    if (communityText !== undefined && community === null) {
      return refuse(`community "${communityText}": wanted 65000:1, 65000:1:2, no-export or the like`);
    }
    const only = prefix?.prefix.family ?? (named as FamilyIndex | -1);
    return new ListFilter(rib, only < 0 ? FAMILIES : [only as FamilyIndex], prefix, index, community, filter);
  }

  /** False: every path of these families and prefixes is shown. */
  get looksAtPaths(): boolean {
    return this.source !== null || this.#community !== null || this.#as !== null || this.#originAs !== null;
  }

  matchesSet(set: SetHandle): boolean {
    if (set === 0) return false;
    if (this.#community !== null && !this.#hasCommunity(set, this.#community)) return false;
    if (this.#as !== null && this.#sets.countAs(set, this.#as) === 0) return false;
    return this.#originAs === null || this.#originAsOf(set) === this.#originAs;
  }

  /**
   * The prefixes that the prefix of the request means, if they can be had without walking the table; null: walk it, and
   * ask `contains`.
   */
  handles(rib: Rib, family: FamilyIndex): readonly PrefixHandle[] | null {
    if (this.prefix === null) return null;
    const { prefix, match } = this.prefix;
    const { a, b, c, d, length } = prefix;
    const table = rib.prefixes[family];
    if (match === 'exact') {
      const handle = table.find(a, b, c, d, length);
      return handle === 0 || table.head[handle] === 0 ? [] : [handle];
    }
    if (match === 'longer') return null;
    const found: PrefixHandle[] = [];
    for (let longest = length; longest >= 0; ) {
      const handle = table.longestMatch(a, b, c, d, longest);
      if (handle === 0) break;
      found.push(handle);
      if (match === 'longest') break;
      longest = table.length[handle] - 1;
    }
    return found.reverse();
  }

  /** Of a prefix found by walking: it lies in the one of the request. */
  contains(rib: Rib, family: FamilyIndex, handle: PrefixHandle): boolean {
    return this.prefix === null || prefixContains(this.prefix.prefix, rib.prefixes[family].describe(handle));
  }

  /** Of a prefix that has changed: it is one of those that the prefix of the request means. */
  concerns(prefix: Prefix): boolean {
    if (this.prefix === null) return true;
    const { prefix: asked, match } = this.prefix;
    if (match === 'longer') return prefixContains(asked, prefix);
    return match === 'exact' ? samePrefix(asked, prefix) : prefixContains(prefix, asked);
  }

  #hasCommunity(set: SetHandle, { type, word0, word1, word2 }: Community): boolean {
    if (type === COMMUNITY_LARGE) return this.#sets.hasLargeCommunity(set, word0, word1, word2);
    if (type === COMMUNITY_EXTENDED) return this.#sets.hasExtendedCommunity(set, word0, word1);
    return this.#sets.hasCommunity(set, word0);
  }

  /** The AS that a path comes from: the last of AS_PATH; -1: it has none, or a set of them. */
  #originAsOf(set: SetHandle): number {
    const sets = this.#sets;
    const attribute = sets.attributeOffset(set, ATTRIBUTE_AS_PATH);
    const length = attribute < 0 ? 0 : sets.valueLength(attribute);
    if (length < 6) return -1;
    const { arena } = sets;
    const start = sets.valueStart(attribute);
    let last = -1;
    for (let at = start; at < start + length; at += 2 + arena[at + 1] * 4) {
      const count = arena[at + 1];
      const end = at + 2 + count * 4;
      if (count === 0) continue;
      last =
        arena[at] === AS_SEQUENCE
          ? ((arena[end - 4] << 24) | (arena[end - 3] << 16) | (arena[end - 2] << 8) | arena[end - 1]) >>> 0
          : -1;
    }
    return last;
  }
}
