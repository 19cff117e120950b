/**
 * A path as conditions see it: one object for a whole walk, moved from path to path, that looks at the tables when it is
 * asked. A condition that names only columns costs no allocation, one that names an attribute decodes that attribute.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import {
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITIES,
} from '../../bgp/iana.ts';
import { formatAddress, type Prefix } from '../../bgp/ip.ts';
import {
  decodeCommunities,
  decodeExtendedCommunities,
  decodeLargeCommunities,
} from '../../bgp/wire/attribute/community.ts';
import { uint32 } from '../../bgp/wire/octets.ts';
import { SET_HAS_MED, SOURCE_BGP, SOURCE_DIRECT, SOURCE_KERNEL } from '../../rib/attribute-columns.ts';
import type { SpeakerCore } from '../speaker/core.ts';
import type { RoutePrinter, ShownPath } from './route-row.ts';
import type { Candidate } from './where.ts';

const ORIGINS = ['IGP', 'EGP', 'INCOMPLETE'] as const;

export class RouteCandidate implements Candidate {
  readonly #core: SpeakerCore;
  readonly #printer: RoutePrinter;
  #path: ShownPath;
  readonly #asns: number[] = [];
  #asnsOf = 0;
  #asnsGeneration = 0;

  constructor(core: SpeakerCore, printer: RoutePrinter, path: ShownPath) {
    this.#core = core;
    this.#printer = printer;
    this.#path = path;
  }

  /** Speaks of this path from now on. */
  at(path: ShownPath): this {
    this.#path = path;
    return this;
  }

  get net(): Prefix {
    return this.#core.rib.prefixes[this.#path.family].describe(this.#path.prefix);
  }

  get proto(): string {
    return this.#printer.protocolOf(this.#path);
  }

  get source(): string {
    const source = this.#core.rib.sets.source[this.#path.set];
    if (source === SOURCE_BGP) return 'RTS_BGP';
    return source === SOURCE_KERNEL ? 'RTS_INHERIT' : source === SOURCE_DIRECT ? 'RTS_DEVICE' : 'RTS_STATIC';
  }

  get isBgp(): boolean {
    return this.#core.rib.sets.source[this.#path.set] === SOURCE_BGP;
  }

  get preference(): number {
    return this.#core.rib.paths[this.#path.family].rowPreference[this.#path.row];
  }

  get from(): string | null {
    const { rib } = this.#core;
    const ends = rib.peers.get(rib.paths[this.#path.family].rowPeer[this.#path.row])?.ends;
    return ends == null ? null : formatAddress(ends.peerAddress);
  }

  get gateway(): string | null {
    return this.#printer.gatewayOf(this.#path);
  }

  get interfaceName(): string {
    return this.#printer.interfaceOf(this.#path);
  }

  get metric(): number {
    return this.#core.rib.sets.metric[this.#path.set];
  }

  get localPref(): number {
    return this.#core.rib.sets.localPref[this.#path.set];
  }

  get origin(): 'IGP' | 'EGP' | 'INCOMPLETE' {
    return ORIGINS[this.#core.rib.sets.origin[this.#path.set]] ?? 'INCOMPLETE';
  }

  get med(): number | null {
    const { flags, med } = this.#core.rib.sets;
    return (flags[this.#path.set] & SET_HAS_MED) === 0 ? null : med[this.#path.set];
  }

  get nextHop(): string | null {
    const { sets, nextHops } = this.#core.rib;
    const nextHop = sets.nextHop[this.#path.set];
    return nextHop === 0 ? null : nextHops.format(nextHop).split(' ')[0];
  }

  get pathLength(): number {
    return this.#core.rib.sets.asPathLength[this.#path.set];
  }

  /** The same array for every path: it is only good until the next one. */
  get asns(): readonly number[] {
    const { sets } = this.#core.rib;
    const { set } = this.#path;
    // Neighbours in the table often have one set.
    if (set === this.#asnsOf && sets.generation[set] === this.#asnsGeneration) return this.#asns;
    this.#asnsOf = set;
    this.#asnsGeneration = sets.generation[set];
    const asns = this.#asns;
    asns.length = 0;
    const at = sets.attributeOffset(set, ATTRIBUTE_AS_PATH);
    if (at < 0) return asns;
    const { arena } = sets;
    const end = sets.valueStart(at) + sets.valueLength(at);
    // Segments of a canonical path: type, number of AS numbers, four octets each.
    for (let segment = sets.valueStart(at); segment < end; ) {
      const stop = segment + 2 + arena[segment + 1] * 4;
      for (let i = segment + 2; i < stop; i += 4) asns.push(uint32(arena, i));
      segment = stop;
    }
    return asns;
  }

  get communities(): readonly string[] {
    const value = this.#value(ATTRIBUTE_COMMUNITIES);
    return value === null ? [] : decodeCommunities(value, 0, value.length);
  }

  get extendedCommunities(): readonly string[] {
    const value = this.#value(ATTRIBUTE_EXTENDED_COMMUNITIES);
    return value === null ? [] : decodeExtendedCommunities(value, 0, value.length);
  }

  get largeCommunities(): readonly string[] {
    const value = this.#value(ATTRIBUTE_LARGE_COMMUNITIES);
    return value === null ? [] : decodeLargeCommunities(value, 0, value.length);
  }

  /** Octets of an attribute, a view of the store; null: the path has none. */
  #value(code: number): Uint8Array | null {
    const { sets } = this.#core.rib;
    const at = sets.attributeOffset(this.#path.set, code);
    if (at < 0) return null;
    const start = sets.valueStart(at);
    return sets.arena.subarray(start, start + sets.valueLength(at));
  }
}

/** A path of nothing, to begin with. */
export function noPath(family: FamilyIndex): ShownPath {
  return { family, prefix: 0, row: 0, set: 0, attributes: 0, isFirst: false };
}
