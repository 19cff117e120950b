/**
 * Why a path may not be used, why one path is better than another, and why a path is not told to a peer: small
 * integers for the tables, with the words that API and CLI show. Numbers are never reused.
 */

/** Why a received path takes no part in the decision process (RFC 4271 9.1.2); 0: it does. */
export const ELIGIBLE = 0;
export const INELIGIBLE_AS_LOOP = 1;
export const INELIGIBLE_ORIGINATOR_LOOP = 2;
export const INELIGIBLE_CLUSTER_LOOP = 3;
export const INELIGIBLE_NEXT_HOP_UNRESOLVABLE = 4;
export const INELIGIBLE_NEXT_HOP_OWN_ADDRESS = 5;
export const INELIGIBLE_ROUTE_LEAK = 6;
export const INELIGIBLE_FIRST_AS_MISMATCH = 7;
export const INELIGIBLE_POLICY = 8;
export const INELIGIBLE_NEXT_HOP_INVALID = 9;
export const INELIGIBLE_REASON_COUNT = 10;
export type IneligibleReason = number;

export const INELIGIBLE_REASON_NAMES: readonly string[] = [
  'eligible',
  'own AS in AS_PATH',
  'ORIGINATOR_ID is our BGP Identifier',
  'our cluster id in CLUSTER_LIST',
  'next hop unresolvable',
  'next hop is our own address',
  'route leak (OTC, RFC 9234)',
  'first AS of AS_PATH is not the peer AS',
  'rejected by import policy',
  'next hop is not a usable address',
];

/** The step of the decision process that made one path better than another. */
export const BEST_ONLY_PATH = 0;
export const BEST_PREFERENCE = 1;
export const BEST_LOCAL_SOURCE = 2;
export const BEST_NOT_LLGR_STALE = 3;
export const BEST_LOCAL_PREF = 4;
export const BEST_AS_PATH_LENGTH = 5;
export const BEST_ORIGIN = 6;
export const BEST_MED = 7;
export const BEST_EXTERNAL = 8;
export const BEST_IGP_COST = 9;
export const BEST_ROUTER_ID = 10;
export const BEST_CLUSTER_LIST_LENGTH = 11;
export const BEST_PEER_ADDRESS = 12;
export const BEST_PATH_ID = 13;
export const BEST_METRIC = 14;
/** The loser may not be used at all; its own reason says why. */
export const BEST_ELIGIBLE = 15;
export type BestPathReason = number;

export const BEST_PATH_REASON_NAMES: readonly string[] = [
  'only path',
  'higher preference of source',
  'local route before BGP',
  'not long-lived stale',
  'higher LOCAL_PREF',
  'shorter AS_PATH',
  'lower ORIGIN',
  'lower MULTI_EXIT_DISC',
  'external before internal',
  'lower IGP cost to next hop',
  'lower router id',
  'shorter CLUSTER_LIST',
  'lower peer address',
  'lower path id',
  'lower metric',
  'other path not eligible',
];

/** Why a best path is not advertised to a peer (rib/export-rules.ts sets it); 0: it is. */
export const ADVERTISED = 0;
export const NOT_ADVERTISED_NO_BEST_PATH = 1;
export const NOT_ADVERTISED_LEARNED_FROM_PEER = 2;
export const NOT_ADVERTISED_IBGP_TO_IBGP = 3;
export const NOT_ADVERTISED_NO_ADVERTISE = 4;
export const NOT_ADVERTISED_NO_EXPORT = 5;
export const NOT_ADVERTISED_NO_EXPORT_SUBCONFED = 6;
export const NOT_ADVERTISED_ROUTE_LEAK = 7;
export const NOT_ADVERTISED_LLGR_STALE = 8;
export const NOT_ADVERTISED_POLICY = 9;
export const NOT_ADVERTISED_NEXT_HOP = 10;
export const NOT_ADVERTISED_TOO_LONG = 11;
export const NOT_ADVERTISED_CLUSTER_LOOP = 12;
export const NOT_ADVERTISED_BLACKHOLE = 13;
export const NOT_ADVERTISED_DRAINED = 14;
export type NotAdvertisedReason = number;

export const NOT_ADVERTISED_REASON_NAMES: readonly string[] = [
  'advertised',
  'no best path',
  'learned from this peer',
  'internal path to an internal peer, neither is a route reflector client',
  'NO_ADVERTISE',
  'NO_EXPORT',
  'NO_EXPORT_SUBCONFED',
  'route leak (OTC, RFC 9234)',
  'long-lived stale and the peer does not know LLGR',
  'rejected by export policy',
  'no next hop that the peer can use',
  'attributes too long for a message',
  'the cluster id of this client is in CLUSTER_LIST',
  'BLACKHOLE is not passed on to other ASes',
  'this node is drained, and others have the address too',
];

/** Why a best path is not wanted in the kernel's table (rib/fib.ts); 0: it is. */
export const INSTALLED = 0;
export const NOT_INSTALLED_NO_BEST_PATH = 1;
export const NOT_INSTALLED_FROM_KERNEL = 2;
export const NOT_INSTALLED_CONNECTED = 3;
export const NOT_INSTALLED_POLICY = 4;
export const NOT_INSTALLED_NEXT_HOP = 5;
export type NotInstalledReason = number;

export const NOT_INSTALLED_REASON_NAMES: readonly string[] = [
  'installed',
  'no best path',
  'learned from the kernel',
  'directly connected',
  'rejected by kernel policy',
  'next hop not resolved to a gateway or interface',
];
