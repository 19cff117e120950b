/** What can be done to a peer with nothing more to say about it; the CLI knows them too. */

export const PEER_ACTIONS = {
  'refresh-in': 'Asks the peer to send all its routes again (RFC 2918)',
  'refresh-out': 'Sends the peer all routes again',
  reset: 'Ends the session with Cease / Administrative Reset; it begins again',
  disable: 'Ends the session with Cease / Administrative Shutdown and lets nobody in until it is enabled',
  enable: 'Lets a disabled peer back in',
} as const;

export type PeerAction = keyof typeof PEER_ACTIONS;
