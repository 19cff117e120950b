/**
 * The nodes of the cluster by what sessions and policies look for: their BGP addresses, and whether they run WireGuard.
 * Follows changes of Nodes one by one.
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import type { NodeResource } from '../model/node.ts';
import type { InterfaceAddress } from '../model/values.ts';
import { compareText } from './text-order.ts';

/** The BGP address of a node in one family. */
export function bgpAddress(node: NodeResource, family: FamilyName): InterfaceAddress | null {
  return family === 'ipv4-unicast' ? node.ipv4 : node.ipv6;
}

/** Addresses of a node, IPv4 first. */
export function addressesOf(node: NodeResource): string[] {
  return FAMILY_NAMES.flatMap((family) => bgpAddress(node, family)?.address ?? []);
}

function wireguardAddress(node: NodeResource, family: FamilyName): string | null {
  return family === 'ipv4-unicast' ? node.wireguardIpv4 : node.wireguardIpv6;
}

export class NodeIndex {
  readonly #byAddress = new Map<string, readonly NodeResource[]>();
  readonly #wireguard = { 'ipv4-unicast': new Map<string, string>(), 'ipv6-unicast': new Map<string, string>() };
  /** Counts changes of what `wireguardPeers` says. */
  wireguardVersion = 0;

  /** A node that comes (`before` null), changes, or goes (`after` null). */
  replace(before: NodeResource | null, after: NodeResource | null): void {
    if (before !== null) {
      for (const address of addressesOf(before)) {
        const others = this.withAddress(address).filter((node) => node.name !== before.name);
        if (others.length === 0) this.#byAddress.delete(address);
        else this.#byAddress.set(address, others);
      }
    }
    if (after !== null) {
      for (const address of addressesOf(after)) {
        const sharers = [...this.withAddress(address), after].sort((a, b) => compareText(a.name, b.name));
        this.#byAddress.set(address, sharers);
      }
    }
    for (const family of FAMILY_NAMES) this.#replaceWireguard(family, before, after);
  }

  /** Nodes with this BGP address (canonical text), first name first; more than one is a mistake in the cluster. */
  withAddress(address: string): readonly NodeResource[] {
    return this.#byAddress.get(address) ?? [];
  }

  /** Every BGP address of a node. */
  addresses(): Iterable<string> {
    return this.#byAddress.keys();
  }

  /** BGP addresses of the other nodes that run WireGuard in a family, sorted. */
  wireguardPeers(family: FamilyName, ownName: string): string[] {
    const others = [...this.#wireguard[family]].filter(([name]) => name !== ownName).map(([, address]) => address);
    return [...new Set(others)].sort(compareText);
  }

  #replaceWireguard(family: FamilyName, before: NodeResource | null, after: NodeResource | null): void {
    const name = (after ?? before)?.name;
    if (name === undefined) return;
    const map = this.#wireguard[family];
    const isPeer = after !== null && wireguardAddress(after, family) !== null;
    const address = isPeer ? bgpAddress(after, family)?.address : undefined;
    if (map.get(name) === address) return;
    if (address === undefined) map.delete(name);
    else map.set(name, address);
    this.wireguardVersion++;
  }
}
