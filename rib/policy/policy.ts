/**
 * Policy as plain, serialisable data. One evaluator (evaluate.ts) runs it for import, export and kernel programming.
 *
 * A policy is a list of statements, tried in order. A statement applies when all of its matches hold; then its
 * actions run in order and its verdict ends the evaluation, or goes on with the next statement (`next`). When no
 * statement ends it, `otherwise` does. A statement that goes on may skip some of those behind it: with that, the
 * branches of another router's filter language can be said (confd/bird-config). Metric is the route priority that Calico maps to LOCAL_PREF (section 4.3 of
 * its semantics): for BGP routes MAX - LOCAL_PREF, for others the kernel's metric.
 */

/** Where a route comes from. `static` is what we originate ourselves. */
export type RouteSource = 'bgp' | 'static' | 'kernel' | 'direct';

/** Matches prefixes inside `prefix` whose length is within [min, max]; negated by the match that holds it. */
export interface PrefixRange {
  /** Canonical `address/length`. */
  readonly prefix: string;
  readonly minLength: number;
  readonly maxLength: number;
}

/** `aa:nn` standard, `aa:nn:mm` large, `rt:aa:nn`, `ro:aa:nn` or `0x` and 16 hex digits: extended. */
export type CommunityText = string;

/** `negate`: holds when it would not. */
export type Match = MatchKind & { readonly negate?: boolean };

/** How a position of an AS path mask may look: an AS number, any run of positions, any one. */
export type AsPathMaskItem = number | '*' | '?';

/** The numbers of a route that can be computed with. */
export type RouteNumber = 'local-pref' | 'med' | 'metric';

type MatchKind =
  | { readonly kind: 'prefix'; readonly ranges: readonly PrefixRange[]; readonly negate: boolean }
  | { readonly kind: 'source'; readonly sources: readonly RouteSource[] }
  /** Type of the session that the policy is attached to. */
  | { readonly kind: 'peer-type'; readonly peerType: 'ibgp' | 'ebgp' }
  /** Glob (`*`, `?`) against the route's outgoing interface; a route without interface has the empty name. */
  | { readonly kind: 'interface'; readonly pattern: string }
  | { readonly kind: 'community'; readonly community: CommunityText }
  /** Some standard or large community with each of its numbers within those of `from` and `to`. */
  | { readonly kind: 'community-in'; readonly from: CommunityText; readonly to: CommunityText }
  /** AS_PATH starts with exactly this sequence (an AS_SET at a position matches when it holds that AS). */
  | { readonly kind: 'as-path-prefix'; readonly asns: readonly number[] }
  /** The whole AS_PATH is as the mask says (an AS_SET is one position, as above). */
  | { readonly kind: 'as-path-mask'; readonly mask: readonly AsPathMaskItem[] }
  /** Some AS of the AS_PATH, members of AS_SETs too, is within one of the ranges. */
  | { readonly kind: 'as-path-holds'; readonly ranges: readonly { readonly min: number; readonly max: number }[] }
  | { readonly kind: 'as-path-length'; readonly min: number; readonly max: number }
  | { readonly kind: 'metric'; readonly min: number; readonly max: number }
  | { readonly kind: 'local-pref'; readonly min: number; readonly max: number }
  | { readonly kind: 'med'; readonly min: number; readonly max: number }
  /** The route has a MED, for `med` takes an absent one for 0. */
  | { readonly kind: 'med-present' }
  /** BGP NEXT_HOP (or gateway) inside one of the prefixes. */
  | { readonly kind: 'next-hop'; readonly prefixes: readonly string[] }
  /** Name of the session that the route was learned from. */
  | { readonly kind: 'learned-from'; readonly peers: readonly string[] };

export type Action =
  | { readonly kind: 'set-local-pref'; readonly value: number }
  | { readonly kind: 'set-med'; readonly value: number | null }
  /** Kernel metric of the route that is written, or the metric that LOCAL_PREF is made of. */
  | { readonly kind: 'set-metric'; readonly value: number }
  /** Calico: metric := MAX - LOCAL_PREF for BGP routes, else metric (or `normal`), then LOCAL_PREF := MAX - metric. */
  | { readonly kind: 'normalise-priority'; readonly normal: number }
  /** target := offset + from, or offset - from, as unsigned 32-bit number; what is absent counts as 0. */
  | {
      readonly kind: 'compute';
      readonly target: RouteNumber;
      readonly offset: number;
      readonly sign: 1 | -1;
      readonly from: RouteNumber;
    }
  /** Preference among sources (higher wins, before RFC 4271 9.1): bgp 100, static 200, direct 240, kernel 10. */
  | { readonly kind: 'set-preference'; readonly value: number }
  | { readonly kind: 'set-next-hop'; readonly value: string | 'self' | 'peer' | 'unchanged' }
  | { readonly kind: 'add-community'; readonly community: CommunityText }
  | { readonly kind: 'remove-community'; readonly community: CommunityText | 'all' }
  /** Removes all communities that `community-in` would find. */
  | { readonly kind: 'remove-communities-in'; readonly from: CommunityText; readonly to: CommunityText }
  | { readonly kind: 'prepend-as-path'; readonly asns: readonly number[] }
  /** Kernel only: send through this tunnel device, onlink, gateway = BGP NEXT_HOP. */
  | { readonly kind: 'set-tunnel'; readonly interfaceName: string };

export interface Statement {
  /** Shown by explain and refusal reasons. */
  readonly name: string;
  readonly matches: readonly Match[];
  readonly actions: readonly Action[];
  readonly verdict: 'accept' | 'reject' | 'next';
  /** With `next`: how many of the following statements are passed over; none when absent. */
  readonly skip?: number;
}

export interface Policy {
  readonly name: string;
  readonly statements: readonly Statement[];
  readonly otherwise: 'accept' | 'reject';
}

export const ACCEPT_ALL: Policy = { name: 'accept-all', statements: [], otherwise: 'accept' };
export const REJECT_ALL: Policy = { name: 'reject-all', statements: [], otherwise: 'reject' };
