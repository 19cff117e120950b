/**
 * Which of two connections to the same peer survives (RFC 4271 section 6.8 and RFC 6286 section 2.3): the one that was
 * opened by the speaker with the higher BGP Identifier, or, the identifiers being equal, by the one with the higher AS
 * number. Both ends compare the same values and so keep the same connection, whoever looks first.
 */

export type ConnectionDirection =
  /** We dialled. */
  | 'outgoing'
  /** The peer dialled. */
  | 'incoming';

export interface CollisionParties {
  /** Unsigned 32-bit. */
  readonly localBgpIdentifier: number;
  readonly peerBgpIdentifier: number;
  readonly localAs: number;
  readonly peerAs: number;
}

/**
 * The direction, seen from here, of the connection to keep. Equal identifiers in the same AS never get so far:
 * negotiation refuses them.
 */
export function survivingDirection(parties: CollisionParties): ConnectionDirection {
  if (parties.localBgpIdentifier !== parties.peerBgpIdentifier)
    return parties.localBgpIdentifier > parties.peerBgpIdentifier ? 'outgoing' : 'incoming';
  return parties.localAs > parties.peerAs ? 'outgoing' : 'incoming';
}
