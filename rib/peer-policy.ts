/**
 * What a peer's routes are allowed to do: everything about a peer that may change without touching its session.
 * A change of anything here is soft: routes are re-evaluated, the session stays.
 */

import type { FamilyName } from '../bgp/family.ts';
import type { Policy } from './policy/policy.ts';

export interface PeerPolicyConfig {
  readonly importPolicy: { readonly [F in FamilyName]: Policy };
  readonly exportPolicy: { readonly [F in FamilyName]: Policy };
  /** `auto`: self towards eBGP and for own routes, unchanged for reflected and plain iBGP. */
  readonly nextHopMode: 'auto' | 'self' | 'keep';
  readonly isRouteReflectorClient: boolean;
  /** Dotted quad; null: our BGP Identifier. */
  readonly clusterId: string | null;
  /** A route that has passed our own cluster is used all the same (RFC 4456 8 says that it should not be). */
  readonly usesOwnCluster: boolean;
  /** How often our own AS may occur in a received AS_PATH. */
  readonly allowOwnAs: number;
  /** Largest number of prefixes accepted per family before the session is closed with Cease/1 (RFC 4486); null: no limit. */
  readonly maxPrefixes: number | null;
  /** Our link-local address goes along with our global one as IPv6 next hop, to peers on the same link (RFC 2545 3). */
  readonly tellsLinkLocal: boolean;
  /** RFC 8212 is stated by the configuration layer; here an absent policy does not exist. */
  readonly removePrivateAs: boolean;
}
