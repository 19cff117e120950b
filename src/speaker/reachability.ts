/**
 * What the kernel told us, in the form that the speaker asks for it: how an address is reached (RFC 4271 9.1.2.1),
 * which addresses are our own, which connected prefixes and foreign routes there are.
 *
 * Resolution is the longest match over connected prefixes of usable interfaces, foreign kernel routes and the host
 * routes that we originate; never over BGP routes. Prefixes of interfaces that are down, or of another VRF, are passed over. As in BIRD a next hop behind a gateway costs more than one on a
 * connected subnet, so that the two are never merged.
 */

import { FAMILY_IPV4, type FamilyIndex } from '../../bgp/family.ts';
import { type IpAddress, laneMask, type Prefix, prefixOf } from '../../bgp/ip.ts';
import type { Resolution } from '../../rib/next-hop.ts';
import type { InterfaceAddress, KernelLink, KernelRoute } from '../kernel/fib.ts';

/** Linux' main table. */
const RT_TABLE_MAIN = 254;

/** Cost of a next hop that is not on a connected subnet; there is no IGP that could tell a better one. */
export const INDIRECT_COST = 0x80000000;

/** Longest-prefix match for thousands of entries: one map per prefix length in use. */
export class PrefixMap<T> {
  readonly #families: [Map<number, Map<string, T>>, Map<number, Map<string, T>>] = [new Map(), new Map()];
  /** Prefix lengths in use, longest first. */
  readonly #lengths: [number[], number[]] = [[], []];

  set(prefix: Prefix, value: T): void {
    const lengths = this.#families[prefix.family];
    let entries = lengths.get(prefix.length);
    if (entries === undefined) {
      entries = new Map();
      lengths.set(prefix.length, entries);
      this.#lengths[prefix.family] = [...lengths.keys()].sort((x, y) => y - x);
    }
    entries.set(key(prefix.a, prefix.b, prefix.c, prefix.d), value);
  }

  get(prefix: Prefix): T | undefined {
    return this.#families[prefix.family].get(prefix.length)?.get(key(prefix.a, prefix.b, prefix.c, prefix.d));
  }

  delete(prefix: Prefix): void {
    const lengths = this.#families[prefix.family];
    const entries = lengths.get(prefix.length);
    entries?.delete(key(prefix.a, prefix.b, prefix.c, prefix.d));
    if (entries?.size !== 0) return;
    lengths.delete(prefix.length);
    this.#lengths[prefix.family] = [...lengths.keys()].sort((x, y) => y - x);
  }

  /** The most specific entry that covers the address and that `accepts` does not pass over. */
  longestMatch(
    family: FamilyIndex,
    a: number,
    b: number,
    c: number,
    d: number,
    accepts: (value: T) => boolean,
  ): T | undefined {
    for (const length of this.#lengths[family]) {
      const found = this.#families[family]
        .get(length)
        ?.get(
          family === FAMILY_IPV4
            ? key((a & laneMask(length, 0)) >>> 0, 0, 0, 0)
            : key(
                (a & laneMask(length, 0)) >>> 0,
                (b & laneMask(length, 1)) >>> 0,
                (c & laneMask(length, 2)) >>> 0,
                (d & laneMask(length, 3)) >>> 0,
              ),
        );
      if (found !== undefined && accepts(found)) return found;
    }
    return undefined;
  }
}

function key(a: number, b: number, c: number, d: number): string {
  return b === 0 && c === 0 && d === 0 ? `${a}` : `${a}.${b}.${c}.${d}`;
}

interface Reach {
  /** Interfaces with an address of this prefix; the first usable one counts. */
  connected: number[];
  foreign: KernelRoute | null;
  /** Gateway of a host route that we originate (`reachableBy`). */
  via: IpAddress | null;
}

export class Reachability {
  #reach = new PrefixMap<Reach>();
  readonly #vias = new Map<string, { readonly prefix: Prefix; readonly gateway: IpAddress }>();
  readonly #links = new Map<number, KernelLink>();
  readonly #addresses = new Map<string, InterfaceAddress>();
  readonly #routes = new Map<string, KernelRoute>();
  #changed = false;
  #table = RT_TABLE_MAIN;
  readonly #isThere = (reach: Reach): boolean =>
    reach.foreign !== null || reach.via !== null || reach.connected.some((index) => this.#hasConnectedRoute(index));

  /** True once after anything changed that may change a resolution. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** The table that routes are written to and learned from. */
  setTable(table: number): void {
    if (table === this.#table) return;
    this.#table = table;
    this.#changed = true;
  }

  /**
   * Whether packets that are routed by our table may leave through the interface as a connected one: for the table of a
   * VRF its members, for all others the interfaces that are in no VRF.
   */
  isInScope(link: KernelLink): boolean {
    const master = this.#links.get(link.master);
    const table = link.vrfTable ?? master?.vrfTable ?? null;
    if (table !== null) return table === this.#table;
    for (const other of this.#links.values()) if (other.vrfTable === this.#table) return false;
    return true;
  }

  setLink(link: KernelLink): void {
    const known = this.#links.get(link.index);
    this.#links.set(link.index, link);
    if (
      known === undefined ||
      known.up !== link.up ||
      known.running !== link.running ||
      known.master !== link.master ||
      known.vrfTable !== link.vrfTable
    ) {
      this.#changed = true;
    }
  }

  removeLink(link: KernelLink): void {
    this.#links.delete(link.index);
    this.#changed = true;
  }

  addAddress(address: InterfaceAddress): void {
    const id = addressKey(address);
    if (this.#addresses.has(id)) return;
    this.#addresses.set(id, address);
    const reach = this.#reachOf(connectedPrefix(address));
    reach.connected.push(address.interfaceIndex);
    this.#changed = true;
  }

  removeAddress(address: InterfaceAddress): void {
    if (!this.#addresses.delete(addressKey(address))) return;
    const prefix = connectedPrefix(address);
    const reach = this.#reachOf(prefix);
    const at = reach.connected.indexOf(address.interfaceIndex);
    if (at >= 0) reach.connected.splice(at, 1);
    this.#dropIfEmpty(prefix, reach);
  }

  learn(route: KernelRoute): void {
    this.#reachOf(route.prefix).foreign = route;
    this.#routes.set(routeKey(route.prefix), route);
    this.#changed = true;
  }

  lose(route: KernelRoute): void {
    const reach = this.#reachOf(route.prefix);
    reach.foreign = null;
    this.#routes.delete(routeKey(route.prefix));
    this.#dropIfEmpty(route.prefix, reach);
  }

  /** A host route that we originate, or null when we do not any more. */
  setVia(prefix: Prefix, gateway: IpAddress | null): void {
    if (gateway === null) this.#vias.delete(routeKey(prefix));
    else this.#vias.set(routeKey(prefix), { prefix, gateway });
    const reach = this.#reachOf(prefix);
    reach.via = gateway;
    this.#dropIfEmpty(prefix, reach);
  }

  /** Forgets everything that the kernel told; our own host routes stay. */
  clear(): void {
    this.#reach = new PrefixMap<Reach>();
    this.#links.clear();
    this.#addresses.clear();
    this.#routes.clear();
    this.#changed = true;
    for (const { prefix, gateway } of this.#vias.values()) this.#reachOf(prefix).via = gateway;
  }

  resolve(family: FamilyIndex, a: number, b: number, c: number, d: number): Resolution | null {
    return this.#resolve(family, a, b, c, d, 0);
  }

  ownAddresses(): IpAddress[] {
    return [...this.#addresses.values()].map(({ address }) => address);
  }

  addresses(): Iterable<InterfaceAddress> {
    return this.#addresses.values();
  }

  routes(): Iterable<KernelRoute> {
    return this.#routes.values();
  }

  /** The foreign route of exactly this prefix. */
  route(prefix: Prefix): KernelRoute | undefined {
    return this.#routes.get(routeKey(prefix));
  }

  link(index: number): KernelLink | undefined {
    return this.#links.get(index);
  }

  #resolve(family: FamilyIndex, a: number, b: number, c: number, d: number, depth: number): Resolution | null {
    const reach = this.#reach.longestMatch(family, a, b, c, d, this.#isThere);
    if (reach === undefined || depth > 3) return null;
    for (const interfaceIndex of reach.connected) {
      const link = this.#links.get(interfaceIndex);
      if (link !== undefined && isUsable(link) && this.isInScope(link))
        return { cost: 0, gateway: null, interfaceIndex };
    }
    if (reach.via !== null) {
      const via = this.#resolve(reach.via.family, reach.via.a, reach.via.b, reach.via.c, reach.via.d, depth + 1);
      // Only a gateway on a connected subnet makes the route active (section 4.8 of Calico's semantics).
      if (via !== null && via.gateway === null) {
        return { cost: INDIRECT_COST, gateway: reach.via, interfaceIndex: via.interfaceIndex };
      }
    }
    const { foreign } = reach;
    if (foreign === null || foreign.type !== 'unicast') return null;
    for (const hop of foreign.hops) {
      const link = this.#links.get(hop.interfaceIndex);
      if (link === undefined || !isUsable(link)) continue;
      return hop.gateway === null
        ? { cost: 0, gateway: null, interfaceIndex: hop.interfaceIndex }
        : { cost: INDIRECT_COST, gateway: hop.gateway, interfaceIndex: hop.interfaceIndex };
    }
    return null;
  }

  /** The kernel takes connected routes away with an interface that is set down, but not with its carrier. */
  #hasConnectedRoute(interfaceIndex: number): boolean {
    const link = this.#links.get(interfaceIndex);
    return link?.up === true && this.isInScope(link);
  }

  #reachOf(prefix: Prefix): Reach {
    let reach = this.#reach.get(prefix);
    if (reach === undefined) {
      reach = { connected: [], foreign: null, via: null };
      this.#reach.set(prefix, reach);
    }
    return reach;
  }

  #dropIfEmpty(prefix: Prefix, reach: Reach): void {
    if (reach.connected.length === 0 && reach.foreign === null && reach.via === null) this.#reach.delete(prefix);
    this.#changed = true;
  }
}

export function isUsable(link: KernelLink): boolean {
  return link.up && link.running;
}

/** The prefix that an interface address makes directly reachable. */
export function connectedPrefix({ address, peer, prefixLength }: InterfaceAddress): Prefix {
  return prefixOf(peer ?? address, prefixLength);
}

function addressKey({ interfaceIndex, address, prefixLength }: InterfaceAddress): string {
  return `${interfaceIndex} ${address.family} ${key(address.a, address.b, address.c, address.d)}/${prefixLength}`;
}

function routeKey(prefix: Prefix): string {
  return `${prefix.family} ${key(prefix.a, prefix.b, prefix.c, prefix.d)}/${prefix.length}`;
}
