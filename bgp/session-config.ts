/**
 * Everything one BGP session needs to know about itself, fully defaulted: no optional fields, so that the session
 * machine, the diff and the API all see the same values. What the peer's routes are allowed to do (policy, next hop,
 * reflection) is not here but in rib/peer-policy.ts: it may change without touching the session.
 */

import type { FamilyName } from './family.ts';

/** RFC 9234 roles of this speaker on the session. */
export type BgpRole = 'provider' | 'rs-server' | 'rs-client' | 'customer' | 'peer';

export type TtlSecurity =
  /** Packets leave with this TTL, any TTL is accepted (1 = directly connected eBGP default elsewhere; Calico: 64). */
  | { readonly kind: 'multihop'; readonly ttl: number }
  /** RFC 5082: packets leave with 255 and must arrive with at least 256 - hops. */
  | { readonly kind: 'gtsm'; readonly hops: number };

export interface AddPathConfig {
  readonly send: boolean;
  readonly receive: boolean;
}

export interface GracefulRestartConfig {
  /** `helper`: keep a restarting peer's routes; `full`: also ask peers to keep ours; `off`: do not offer it. */
  readonly mode: 'off' | 'helper' | 'full';
  /** Restart time that we announce, 0..4095. */
  readonly restartTimeSeconds: number;
  /** RFC 8538: offer the N bit, so that NOTIFICATIONs do not end graceful restart. */
  readonly notification: boolean;
  /** RFC 9494 stale time in seconds; 0 announces the capability without keeping anything ("aware"), null: not offered. */
  readonly longLivedStaleTimeSeconds: number | null;
}

/** BFD for the path to the peer (RFC 5880 to 5883), as this side wants it. */
export interface BfdConfig {
  /** Shortest interval at which we want to send, and at which we can receive. */
  readonly minTxMs: number;
  readonly minRxMs: number;
  /** Packets in a row that the peer may miss before it calls the path down. */
  readonly multiplier: number;
  /** RFC 5883 instead of RFC 5881. */
  readonly multihop: boolean;
  /** No BGP session is begun while BFD is not Up (RFC 5882 section 4.1; draft-ietf-idr-bgp-bfd-strict-mode). */
  readonly strict: boolean;
}

export const BFD_MIN_INTERVAL_MS = 50;
export const BFD_MAX_INTERVAL_MS = 10_000;
export const BFD_DEFAULTS: BfdConfig = { minTxMs: 300, minRxMs: 300, multiplier: 3, multihop: false, strict: false };

export interface SessionConfig {
  /** Unique and stable; Calico's names (`Mesh_10_0_0_2`) where Calico made the peer. */
  readonly name: string;
  readonly description: string;
  /** Canonical text; link-local IPv6 needs interfaceName. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Source address of outgoing connections; null lets the kernel choose. */
  readonly localAddress: string | null;
  /** Interface that link-local peers are reached through (also bound with SO_BINDTODEVICE when set). */
  readonly interfaceName: string | null;
  readonly localAs: number;
  readonly peerAs: number;
  /** Dotted quad. */
  readonly bgpIdentifier: string;
  /** True: never connect, only accept. */
  readonly passive: boolean;
  readonly enabled: boolean;
  readonly families: readonly FamilyName[];
  /** Offered hold time: 0 or >= 3. */
  readonly holdTimeSeconds: number;
  /** Fixed interval between KEEPALIVEs; null: a third of the negotiated hold time. */
  readonly keepaliveTimeSeconds: number | null;
  /** RFC 9687; null: max(8 minutes, 2 x negotiated hold time); 0: off. */
  readonly sendHoldTimeSeconds: number | null;
  readonly connectRetryTimeSeconds: number;
  /** Wait before the first connection attempt. */
  readonly connectDelaySeconds: number;
  /** RFC 4271 DelayOpenTime; 0: DelayOpen off. */
  readonly delayOpenTimeSeconds: number;
  /** Idle-hold after an error: starts at min, doubles to max, forgotten after `forgetSeconds` without error. */
  readonly idleHold: { readonly minSeconds: number; readonly maxSeconds: number; readonly forgetSeconds: number };
  readonly ttl: TtlSecurity;
  /** TCP MD5 key (RFC 2385), 1..80 octets of UTF-8, or null. */
  readonly password: string | null;
  readonly fourOctetAs: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** RFC 8950: IPv4 routes with IPv6 next hops. */
  readonly extendedNextHop: boolean;
  readonly addPath: { readonly [F in FamilyName]: AddPathConfig };
  readonly gracefulRestart: GracefulRestartConfig;
  readonly role: { readonly local: BgpRole; readonly strict: boolean } | null;
  /** null: none. */
  readonly bfd: BfdConfig | null;
}

/** Defaults that Calico's BIRD uses (docs/differences.md lists where ours are not the same). */
export const SESSION_DEFAULTS = {
  description: '',
  peerPort: 179,
  localAddress: null,
  interfaceName: null,
  passive: false,
  enabled: true,
  families: ['ipv4-unicast'],
  holdTimeSeconds: 240,
  keepaliveTimeSeconds: null,
  sendHoldTimeSeconds: null,
  connectRetryTimeSeconds: 5,
  connectDelaySeconds: 0,
  delayOpenTimeSeconds: 0,
  idleHold: { minSeconds: 5, maxSeconds: 30, forgetSeconds: 300 },
  ttl: { kind: 'multihop', ttl: 64 },
  password: null,
  fourOctetAs: true,
  routeRefresh: true,
  enhancedRouteRefresh: true,
  extendedMessage: true,
  extendedNextHop: false,
  addPath: {
    'ipv4-unicast': { send: false, receive: false },
    'ipv6-unicast': { send: false, receive: false },
  },
  gracefulRestart: { mode: 'helper', restartTimeSeconds: 120, notification: true, longLivedStaleTimeSeconds: null },
  role: null,
  bfd: null,
} as const satisfies Partial<SessionConfig>;

/** A full configuration from what a caller must say and what it wants different from the defaults. */
export function sessionConfig(
  given: Pick<SessionConfig, 'name' | 'peerAddress' | 'localAs' | 'peerAs' | 'bgpIdentifier'> & Partial<SessionConfig>,
): SessionConfig {
  return { ...SESSION_DEFAULTS, ...given };
}
