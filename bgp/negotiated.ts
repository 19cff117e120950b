/**
 * What two OPEN messages agreed on (RFC 5492 and the capabilities' own RFCs): the contract between the session
 * machine that makes it, the codec that reads UPDATEs under it and the RIB that sends under it.
 */

import type { FamilyIndex } from './family.ts';
import type { BgpRole } from './session-config.ts';

export interface PeerGracefulRestart {
  /** R bit: the peer has restarted. */
  readonly restarted: boolean;
  /** N bit, RFC 8538. */
  readonly notification: boolean;
  readonly restartTimeSeconds: number;
  /** Families that the peer listed, by family index; forwardingPreserved is its F bit. */
  readonly families: ReadonlyArray<{ readonly family: FamilyIndex; readonly forwardingPreserved: boolean }>;
}

export interface PeerLongLivedGracefulRestart {
  readonly families: ReadonlyArray<{
    readonly family: FamilyIndex;
    readonly forwardingPreserved: boolean;
    readonly staleTimeSeconds: number;
  }>;
}

export interface NegotiatedSession {
  readonly localAs: number;
  readonly peerAs: number;
  /** Unsigned 32-bit. */
  readonly localBgpIdentifier: number;
  readonly peerBgpIdentifier: number;
  readonly isInternal: boolean;
  readonly asn4: boolean;
  readonly extendedMessage: boolean;
  /** 4096 or 65535 octets. */
  readonly maxMessageLengthOctets: number;
  /** Negotiated families, by index: [ipv4, ipv6]. */
  readonly families: readonly [boolean, boolean];
  /** We must read path ids in what the peer sends, by family index. */
  readonly addPathReceive: readonly [boolean, boolean];
  /** We must write path ids, by family index. */
  readonly addPathSend: readonly [boolean, boolean];
  readonly extendedNextHop: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly holdTimeSeconds: number;
  readonly keepaliveTimeSeconds: number;
  readonly sendHoldTimeSeconds: number;
  readonly gracefulRestart: PeerGracefulRestart | null;
  readonly longLivedGracefulRestart: PeerLongLivedGracefulRestart | null;
  readonly role: { readonly local: BgpRole; readonly peer: BgpRole | null } | null;
}
