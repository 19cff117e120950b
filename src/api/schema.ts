/**
 * What the daemon tells about itself: the shapes of its API, shared by the server and its clients (the CLI first).
 * Durations are whole seconds, times are ISO 8601 UTC text, AS numbers and metrics unsigned 32-bit numbers.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { Condition } from '../../confd/desired-state.ts';

export interface FamilyCounters {
  /** Paths held from the peer, before policy. */
  readonly received: number;
  /** Of these, the ones that may be selected. */
  readonly accepted: number;
  /** Prefixes whose best path is this peer's. */
  readonly best: number;
  /** Prefixes told to the peer. */
  readonly advertised: number;
}

export interface StatusView {
  readonly version: string;
  readonly nodeName: string | null;
  readonly routerId: string;
  readonly localAs: number;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  /** Revision of the configuration that was read last, and of the one that is in force. */
  readonly desiredRevision: string;
  readonly appliedRevision: string;
  readonly datastore: { readonly kind: string; readonly inSync: boolean; readonly detail: string };
  readonly peers: { readonly configured: number; readonly established: number };
  readonly tables: { readonly [F in FamilyName]: { readonly prefixes: number; readonly paths: number } };
  readonly attributeSets: number;
  readonly kernel: {
    readonly backend: string;
    readonly installed: number;
    readonly failed: number;
    readonly stale: number;
  };
  readonly eventLoopDelay: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly memory: { readonly rssOctets: number; readonly heapOctets: number; readonly externalOctets: number };
  readonly conditions: readonly Condition[];
}

export interface PeerErrorView {
  readonly at: string;
  readonly kind: string;
  readonly code: number | null;
  readonly subcode: number | null;
  readonly text: string;
}

export interface PeerView {
  readonly name: string;
  readonly description: string;
  readonly address: string;
  readonly port: number;
  readonly localAddress: string | null;
  readonly localAs: number;
  readonly peerAs: number;
  readonly type: 'ibgp' | 'ebgp';
  readonly routeReflectorClient: boolean;
  readonly passive: boolean;
  readonly state: string;
  /** How long the peer has been in this state. */
  readonly stateSeconds: number;
  readonly families: { readonly [F in FamilyName]?: FamilyCounters };
  readonly negotiated: NegotiatedSession | null;
  readonly messages: {
    readonly received: number;
    readonly sent: number;
    readonly updatesReceived: number;
    readonly octetsReceived: number;
    readonly octetsSent: number;
  };
  readonly sessionsEstablished: number;
  /** What the session waits for while it is down, in words. */
  readonly waitingFor: string | null;
  readonly lastError: PeerErrorView | null;
}

export interface AttributesView {
  readonly origin: string;
  readonly asPath: string;
  readonly nextHop: string | null;
  readonly localPref: number | null;
  readonly med: number | null;
  readonly communities: readonly string[];
  readonly extendedCommunities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly originatorId: string | null;
  readonly clusterList: readonly string[];
  readonly aggregator: string | null;
  readonly atomicAggregate: boolean;
  readonly onlyToCustomer: number | null;
  /** Everything else as `code: hex`. */
  readonly other: readonly string[];
}

export interface PathView {
  /** Session name, or `static`, `kernel`, `direct`. */
  readonly source: string;
  readonly pathId: number | null;
  readonly best: boolean;
  readonly multipath: boolean;
  readonly stale: boolean;
  readonly eligible: boolean;
  /** Why the path is not eligible, or the step at which it lost to the best one; null for the best. */
  readonly reason: string | null;
  readonly attributes: AttributesView;
}

export interface RouteView {
  readonly prefix: string;
  readonly family: FamilyName;
  readonly paths: readonly PathView[];
}

export interface AdvertisedView {
  readonly prefix: string;
  readonly pathId: number | null;
  readonly source: string;
  readonly attributes: AttributesView;
}

export interface ReceivedView {
  readonly prefix: string;
  readonly pathId: number | null;
  readonly eligible: boolean;
  readonly reason: string | null;
  /** As received, before policy. */
  readonly attributes: AttributesView;
}

export interface KernelRouteView {
  readonly prefix: string;
  readonly type: 'unicast' | 'blackhole';
  readonly metric: number | null;
  readonly hops: readonly { readonly gateway: string | null; readonly interface: string; readonly onlink: boolean }[];
  readonly state: 'installed' | 'pending' | 'failed';
  readonly reason: string | null;
}

/** RFC 9457. */
export interface ProblemView {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

export const DEFAULT_CONTROL_SOCKET = '/run/peregrine/peregrine.sock';
