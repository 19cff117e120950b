/**
 * What this node should be doing: the one value that every source of configuration (Calico resources, a stand-alone
 * file) produces and that the speaker is driven by. Plain JSON-able data, sorted, with no reference to where it came
 * from except names and reasons, so that two of them can be compared (diff.ts) and shown.
 */

import type { FamilyName } from '../bgp/family.ts';
import type { SessionConfig } from '../bgp/session-config.ts';
import type { PeerPolicyConfig } from '../rib/peer-policy.ts';
import type { Policy } from '../rib/policy/policy.ts';

export interface DesiredPeer {
  readonly session: SessionConfig;
  readonly policy: PeerPolicyConfig;
}

/** A route that we originate (RFC 4271 9.4). Preference 200, source `static`. */
export interface OriginatedRoute {
  /** Canonical prefix. */
  readonly prefix: string;
  /** `blackhole`: no next hop, written to the kernel as blackhole; `via`: host route through a gateway. */
  readonly kind: 'blackhole' | 'via';
  readonly gateway: string | null;
  readonly communities: readonly string[];
  /** Which resource asked for it, for people. */
  readonly origin: string;
  /** An address that other nodes serve too: withdrawn when this one is drained. Absent: no. */
  readonly isService?: boolean;
}

export interface ListenAddress {
  /** Canonical address; `0.0.0.0` or `::` for all. */
  readonly address: string;
  readonly port: number;
}

export interface KernelConfig {
  /** `none`: never touch or read the kernel; every next hop counts as resolvable. */
  readonly backend: 'netlink' | 'none';
  /** False: read links, addresses and routes (to resolve next hops), write nothing. */
  readonly programRoutes: boolean;
  readonly table: number;
  /** Route protocol number; 12 is RTPROT_BIRD, which Felix and tests rely on. */
  readonly protocol: number;
  /** Routes of the other family are another process's, which shares our protocol number; absent: both are ours. */
  readonly onlyFamily?: FamilyName;
  /** Decides which best routes are written, by family name. */
  readonly policy: { readonly 'ipv4-unicast': Policy; readonly 'ipv6-unicast': Policy };
  /** Learn foreign routes of the table as source `kernel`. */
  readonly learnRoutes: boolean;
  /** Import connected prefixes as source `direct`; patterns are globs, first match wins, leading `-` excludes. */
  readonly directInterfaces: readonly string[];
  /** Metric of routes that policy leaves without one; null: the kernel's default. */
  readonly defaultMetric: number | null;
  readonly maxPaths: number;
  /** `auto`: routes name next-hop objects where the kernel can (src/kernel/next-hop-objects.ts). */
  readonly nextHopObjects: 'off' | 'auto';
}

export interface DecisionConfig {
  readonly alwaysCompareMed: boolean;
  /** Different neighbour ASes may share a multipath set. */
  readonly multipathRelax: boolean;
  readonly multipath: boolean;
}

/** Something in the input that was refused: the smallest unit that had to be left out. */
export interface Condition {
  /** `BGPPeer/tor` or `FILE:line:column`. */
  readonly resource: string;
  readonly field: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

export interface DesiredState {
  /** Datastore revision or content hash that this was derived from. */
  readonly revision: string;
  /**
   * Why this says nothing about what should be done (own node unknown, no router id): such a state must not replace a
   * running one. Absent when the state is complete.
   */
  readonly incomplete?: string;
  readonly nodeName: string | null;
  /** Dotted quad. */
  readonly routerId: string;
  readonly localAs: number;
  readonly listen: readonly ListenAddress[];
  /** Sorted by session name; names are unique. */
  readonly peers: readonly DesiredPeer[];
  /** Sorted by prefix text; prefixes are unique. */
  readonly originated: readonly OriginatedRoute[];
  readonly kernel: KernelConfig;
  readonly decision: DecisionConfig;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Why this node is to be drained (RFC 8326), in words; absent: it is not. Sessions stay. */
  readonly drain?: string;
  readonly conditions: readonly Condition[];
}
