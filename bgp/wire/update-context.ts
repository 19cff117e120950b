/** What one side of a session has to know to read the UPDATEs of the other: the negotiated part of the codec's state. */

import type { NegotiatedSession } from '../negotiated.ts';

export interface UpdateContext {
  /** AS numbers have four octets (RFC 6793). */
  readonly asn4: boolean;
  /** The peer is in our AS. */
  readonly isInternal: boolean;
  /** The peer is in our confederation (RFC 5065), in our member AS or another. */
  readonly isConfederationMember: boolean;
  /** Negotiated families, by index. */
  readonly families: readonly [boolean, boolean];
  /** NLRI has path identifiers (RFC 7911), by family index. */
  readonly addPathReceive: readonly [boolean, boolean];
  /** IPv4 routes may have IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean;
  /** The session itself runs over loopback addresses, so that next hops may be such; absent: it does not. */
  readonly isOverLoopback?: boolean;
}

/** The context of a session without confederations. */
export function updateContextOf(session: NegotiatedSession, isOverLoopback = false): UpdateContext {
  return {
    asn4: session.asn4,
    isInternal: session.isInternal,
    isConfederationMember: false,
    families: session.families,
    addPathReceive: session.addPathReceive,
    extendedNextHop: session.extendedNextHop,
    isOverLoopback,
  };
}

/** Under which canonical attribute blocks can be read: everything is allowed, AS numbers have four octets. */
export const CANONICAL_CONTEXT: UpdateContext = {
  asn4: true,
  isInternal: true,
  isConfederationMember: true,
  families: [true, true],
  addPathReceive: [false, false],
  extendedNextHop: true,
};
