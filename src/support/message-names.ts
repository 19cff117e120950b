/** Types of BGP messages by number, as the RFCs name them (RFC 4271 4.1, RFC 2918). */

export const MESSAGE_NAMES: Readonly<Record<number, string>> = {
  1: 'OPEN',
  2: 'UPDATE',
  3: 'NOTIFICATION',
  4: 'KEEPALIVE',
  5: 'ROUTE-REFRESH',
};

/** @param octets a whole message with its header */
export const messageType = (octets: Uint8Array): number => octets[18];
