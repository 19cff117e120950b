/**
 * One path as `show route` prints it. A path that policy or a loop check refused is not in BIRD's table; one whose next
 * hop cannot be reached is, as `unreachable`. Of learned multipath routes each next hop is a row of its own, and
 * prohibited ones are shown as unreachable: Calico's reader fails on BIRD's own words for them.
 */

import { FAMILY_IPV4, type FamilyIndex } from '../../bgp/family.ts';
import { ATTRIBUTE_AS_PATH } from '../../bgp/iana.ts';
import { formatAddress, formatLanes, formatPrefix } from '../../bgp/ip.ts';
import { uint32 } from '../../bgp/wire/octets.ts';
import { SOURCE_BGP, SOURCE_KERNEL } from '../../rib/attribute-columns.ts';
import type { SetHandle } from '../../rib/attribute-store.ts';
import type { PathRow } from '../../rib/paths.ts';
import { FIRST_BGP_PEER } from '../../rib/peer-table.ts';
import type { PrefixHandle } from '../../rib/prefix-table.ts';
import {
  ELIGIBLE,
  INELIGIBLE_NEXT_HOP_INVALID,
  INELIGIBLE_NEXT_HOP_OWN_ADDRESS,
  INELIGIBLE_NEXT_HOP_UNRESOLVABLE,
} from '../../rib/reason.ts';
import type { KernelRoute } from '../kernel/fib.ts';
import type { SpeakerCore } from '../speaker/core.ts';
import { ROUTE_BLACKHOLE } from '../speaker/local-paths.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { type Dialect, sinceTime } from './dialect.ts';
import { type Line, line } from './framing.ts';
import { localProtocolName } from './protocols.ts';

export const UNREACHABLE_REASONS: readonly number[] = [
  INELIGIBLE_NEXT_HOP_UNRESOLVABLE,
  INELIGIBLE_NEXT_HOP_OWN_ADDRESS,
  INELIGIBLE_NEXT_HOP_INVALID,
];
/** IGP_METRIC_UNKNOWN of BIRD, and what Reachability gives next hops behind a gateway. */
const UNKNOWN_METRIC = 0x80000000;
const ORIGIN_LETTERS = 'ie?';
const PREFIX_WIDTH = { '1.6': 18, '2': 20 } as const;
/** Where no interface is known, as BIRD writes it in its other tables. */
const NO_INTERFACE = '---';

/**
 * A path to print: `set` is what the row shows, `attributes` what `all` shows below it (they differ with `export`),
 * `isFirst` says that the prefix column is filled.
 */
export interface ShownPath {
  readonly family: FamilyIndex;
  readonly prefix: PrefixHandle;
  readonly row: PathRow;
  readonly set: SetHandle;
  readonly attributes: SetHandle;
  readonly isFirst: boolean;
}

/** In the table as BIRD sees it. */
export function isShown(core: SpeakerCore, family: FamilyIndex, row: PathRow): boolean {
  const reason = core.rib.paths[family].rowReason[row];
  return reason === ELIGIBLE || UNREACHABLE_REASONS.includes(reason);
}

interface Hop {
  /** `via A on IF`, `dev IF`, or a word. */
  readonly text: string;
  readonly gateway: string | null;
}

export class RoutePrinter {
  readonly #speaker: Speaker;
  readonly #core: SpeakerCore;
  readonly #dialect: Dialect;
  /** Prefixes that the kernel refused. */
  readonly #refused: ReadonlySet<string>;
  readonly #nowWallMs: number;

  constructor(speaker: Speaker, core: SpeakerCore, dialect: Dialect) {
    this.#speaker = speaker;
    this.#core = core;
    this.#dialect = dialect;
    this.#refused = new Set(core.fib.failures().map((failure) => formatPrefix(failure.prefix)));
    this.#nowWallMs = speaker.clock.wallMs();
  }

  protocolOf(path: Pick<ShownPath, 'family' | 'row'>): string {
    const peer = this.#core.rib.paths[path.family].rowPeer[path.row];
    if (peer < FIRST_BGP_PEER) return localProtocolName(this.#dialect, peer, path.family);
    return this.#core.rib.peers.nameOf(peer);
  }

  isPrimary({ family, prefix, row }: ShownPath): boolean {
    return this.#core.rib.best(family, prefix) === row;
  }

  /** The rows of a path, code 1007. */
  rows(path: ShownPath): Line[] {
    const { family, prefix } = path;
    const text = formatPrefix(this.#core.rib.prefixes[family].describe(prefix));
    const hops = this.#hops(path);
    const [first] = hops;
    const flag = !this.isPrimary(path) ? '' : this.#refused.has(text) ? ' !' : ' *';
    const source = `[${this.protocolOf(path)} ${this.#time(path)}${this.#from(path, first)}]`;
    const info = this.#info(path);
    const width = PREFIX_WIDTH[this.#dialect.name];
    const head = (isFirst: boolean): string => (isFirst ? text : '').padEnd(width);
    if (this.#dialect.name === '1.6') {
      return hops.map((hop, index) =>
        line(1007, `${head(path.isFirst && index === 0)} ${hop.text} ${source}${flag}${info}`),
      );
    }
    const isUnicast = first.text.startsWith('via ') || first.text.startsWith('dev ');
    const out = [line(1007, `${head(path.isFirst)} ${isUnicast ? 'unicast' : first.text} ${source}${flag}${info}`)];
    if (!isUnicast) return out;
    const weight = hops.length > 1 ? ' weight 1' : '';
    return [...out, ...hops.map((hop) => line(1007, `\t${hop.text}${weight}`))];
  }

  /** null: packets do not go to a router. */
  gatewayOf(path: ShownPath): string | null {
    return this.#hops(path)[0].gateway;
  }

  interfaceOf(path: ShownPath): string {
    const { text } = this.#hops(path)[0];
    return /^(?:via \S+ on|dev) (.*)$/.exec(text)?.[1] ?? '';
  }

  #time({ family, row }: ShownPath): string {
    const peer = this.#core.rib.paths[family].rowPeer[row];
    const driver = peer < FIRST_BGP_PEER ? undefined : this.#speaker.drivers.get(this.#core.rib.peers.nameOf(peer));
    return sinceTime(this.#dialect, driver?.protocolSinceWallMs ?? this.#speaker.startedWallMs, this.#nowWallMs);
  }

  /** The router that told us, when it is not the one that packets go to. */
  #from({ family, row }: ShownPath, hop: Hop): string {
    const ends = this.#core.rib.peers.get(this.#core.rib.paths[family].rowPeer[row])?.ends;
    if (ends === undefined || ends === null) return '';
    const address = formatAddress(ends.peerAddress);
    return address === hop.gateway ? '' : ` from ${address}`;
  }

  #info({ family, row, set }: ShownPath): string {
    const { rib } = this.#core;
    const preference = rib.paths[family].rowPreference[row];
    if (rib.sets.source[set] !== SOURCE_BGP) return ` (${preference})`;
    const stale = rib.families[family].age(row) !== 0 ? 's' : '';
    const as = this.#originAs(set);
    return ` (${preference}${stale}${this.#metric(set)}) [${as === null ? '' : `AS${as}`}${ORIGIN_LETTERS[rib.sets.origin[set]] ?? '?'}]`;
  }

  #metric(set: SetHandle): string {
    const { sets, nextHops } = this.#core.rib;
    const nextHop = sets.nextHop[set];
    if (nextHop === 0 || nextHops.resolvable[nextHop] === 0) return '/-';
    const cost = nextHops.cost[nextHop];
    if (cost >= UNKNOWN_METRIC) return '/?';
    return this.#dialect.name === '2' && cost === 0 ? '' : `/${cost}`;
  }

  /** The last AS of AS_PATH; null: the path is empty. */
  #originAs(set: SetHandle): number | null {
    const { sets } = this.#core.rib;
    const at = sets.attributeOffset(set, ATTRIBUTE_AS_PATH);
    if (at < 0) return null;
    const end = sets.valueStart(at) + sets.valueLength(at);
    return sets.valueLength(at) < 4 ? null : uint32(sets.arena, end - 4);
  }

  #hops(path: ShownPath): Hop[] {
    const { rib, sync } = this.#core;
    const { family, row, set } = path;
    const source = rib.sets.source[set];
    if (source === SOURCE_KERNEL) {
      const route = sync.view.route(rib.prefixes[family].describe(path.prefix));
      if (route !== undefined) return this.#kernelHops(route);
    }
    if (source !== SOURCE_BGP && rib.sets.routeType[set] === ROUTE_BLACKHOLE) return [word('blackhole')];
    const nextHop = rib.sets.nextHop[set];
    if (nextHop === 0) {
      const index = rib.sets.interfaceIndex[set];
      return index === 0 ? [word('unreachable')] : [word(`dev ${this.#interface(index)}`)];
    }
    if (rib.paths[family].rowReason[row] !== ELIGIBLE || rib.nextHops.resolvable[nextHop] === 0) {
      return [word('unreachable')];
    }
    return [this.#resolved(path, nextHop)];
  }

  #resolved({ family, row, set }: ShownPath, nextHop: number): Hop {
    const { nextHops, paths, peers, sets } = this.#core.rib;
    const isWide = nextHops.gatewayFamily[nextHop] !== FAMILY_IPV4;
    const gateway = formatLanes(
      isWide ? 1 : 0,
      nextHops.gatewayA[nextHop],
      nextHops.gatewayB[nextHop],
      nextHops.gatewayC[nextHop],
      nextHops.gatewayD[nextHop],
    );
    const ends = peers.get(paths[family].rowPeer[row])?.ends ?? null;
    const index = nextHops.interfaceIndex[nextHop] || sets.interfaceIndex[set] || ends?.interfaceIndex || 0;
    return { text: `via ${gateway} on ${this.#interface(index)}`, gateway };
  }

  #kernelHops(route: KernelRoute): Hop[] {
    if (route.type === 'blackhole') return [word('blackhole')];
    if (route.type !== 'unicast') return [word('unreachable')];
    const hops = route.hops.map(({ gateway, interfaceIndex }): Hop => {
      const name = this.#interface(interfaceIndex);
      if (gateway === null) return word(`dev ${name}`);
      return { text: `via ${formatAddress(gateway)} on ${name}`, gateway: formatAddress(gateway) };
    });
    return hops.length === 0 ? [word('unreachable')] : hops;
  }

  #interface(index: number): string {
    return (index === 0 ? '' : this.#core.fib.interfaceName(index)) || NO_INTERFACE;
  }
}

function word(text: string): Hop {
  return { text, gateway: null };
}
