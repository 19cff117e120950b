/**
 * Links and addresses of this machine as the kernel reports them. A full read replaces what is known and tells only the
 * differences.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { formatAddress, type IpAddress, sameAddress } from '../../bgp/ip.ts';
import type { InterfaceAddress, KernelLink, KernelListener } from './fib.ts';

export class Interfaces {
  private readonly listener: KernelListener;
  private readonly linksByIndex = new Map<number, KernelLink>();
  private readonly addressesByKey = new Map<string, InterfaceAddress>();
  private seenLinks: Set<number> | null = null;
  private seenAddresses: Set<string> | null = null;

  constructor(listener: KernelListener) {
    this.listener = listener;
  }

  links(): KernelLink[] {
    return [...this.linksByIndex.values()];
  }

  addresses(): InterfaceAddress[] {
    return [...this.addressesByKey.values()];
  }

  link(index: number): KernelLink | null {
    return this.linksByIndex.get(index) ?? null;
  }

  indexOf(name: string): number {
    for (const link of this.linksByIndex.values()) if (link.name === name) return link.index;
    return 0;
  }

  isLocalAddress(address: IpAddress): boolean {
    for (const known of this.addressesByKey.values()) if (sameAddress(known.address, address)) return true;
    return false;
  }

  /** A link is there, in this state; returns what it was before. */
  linkSeen(link: KernelLink): KernelLink | null {
    this.seenLinks?.add(link.index);
    const before = this.linksByIndex.get(link.index) ?? null;
    if (before !== null && isSameLink(before, link)) return before;
    this.linksByIndex.set(link.index, link);
    this.listener.linkChanged(link);
    return before;
  }

  linkGone(index: number): KernelLink | null {
    const before = this.linksByIndex.get(index);
    if (before === undefined) return null;
    this.linksByIndex.delete(index);
    // Its addresses go with it; should the kernel say so later, nothing is left to tell.
    for (const [key, address] of this.addressesByKey) if (address.interfaceIndex === index) this.addressGone(key);
    this.listener.linkRemoved(before);
    return before;
  }

  /** True when it was not known (so). */
  addressSeen(address: InterfaceAddress): boolean {
    const key = addressKey(address);
    this.seenAddresses?.add(key);
    if (this.addressesByKey.has(key)) return false;
    this.addressesByKey.set(key, address);
    this.listener.addressAdded(address);
    return true;
  }

  /** True when it was known. */
  addressRemoved(address: InterfaceAddress): boolean {
    return this.addressGone(addressKey(address));
  }

  hasAddress(interfaceIndex: number, family: FamilyIndex): boolean {
    for (const known of this.addressesByKey.values()) {
      if (known.interfaceIndex === interfaceIndex && known.address.family === family) return true;
    }
    return false;
  }

  beginScan(): void {
    this.seenLinks = new Set();
    this.seenAddresses = new Set();
  }

  endScan(): void {
    const { seenLinks, seenAddresses } = this;
    this.seenLinks = null;
    this.seenAddresses = null;
    for (const key of this.addressesByKey.keys()) if (seenAddresses?.has(key) === false) this.addressGone(key);
    for (const index of this.linksByIndex.keys()) if (seenLinks?.has(index) === false) this.linkGone(index);
  }

  private addressGone(key: string): boolean {
    const known = this.addressesByKey.get(key);
    if (known === undefined) return false;
    this.addressesByKey.delete(key);
    this.listener.addressRemoved(known);
    return true;
  }
}

function isSameLink(x: KernelLink, y: KernelLink): boolean {
  if (x.master !== y.master || x.vrfTable !== y.vrfTable) return false;
  return x.name === y.name && x.up === y.up && x.running === y.running && x.mtuOctets === y.mtuOctets;
}

function addressKey(address: InterfaceAddress): string {
  const peer = address.peer === null ? '' : formatAddress(address.peer);
  return `${address.interfaceIndex} ${formatAddress(address.address)}/${address.prefixLength} ${peer}`;
}
