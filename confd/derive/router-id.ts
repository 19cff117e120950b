/**
 * The BGP Identifier (section 6.1 of Calico's semantics): the node's IPv4 address, or one made from the node's name,
 * or one given. The same identifier serves both families.
 */

import { createHash } from 'node:crypto';
import { formatIpv4, parseIpv4 } from '../../bgp/ip.ts';
import type { NodeResource } from '../model/node.ts';

/** CALICO_ROUTER_ID that asks for one made from the node's name. */
export const HASHED_ROUTER_ID = 'hash';

/** First four octets of SHA-256 of the name, kept out of class D and E as Calico does. */
export function hashRouterId(nodeName: string): string {
  const [first, ...rest] = createHash('sha256').update(nodeName, 'utf8').digest().subarray(0, 4);
  return [first > 223 ? first - 32 : first, ...rest].join('.');
}

/** Dotted quad, or null with the reason. An identifier of 0 is not one (RFC 6286 2.1). */
export function routerIdOf(
  node: NodeResource,
  wanted: string | null,
): { readonly id: string } | { readonly reason: string } {
  if (wanted === HASHED_ROUTER_ID) return { id: hashRouterId(node.name) };
  if (wanted !== null && wanted !== '') {
    const value = parseIpv4(wanted);
    return value > 0
      ? { id: formatIpv4(value) }
      : { reason: `router id "${wanted}" must be a dotted quad, not zero, or "hash"` };
  }
  if (node.ipv4 !== null) return { id: node.ipv4.address };
  return {
    reason: 'the node has no IPv4 address to take as router id; set the router id (CALICO_ROUTER_ID), "hash" makes one',
  };
}
