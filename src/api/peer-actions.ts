/** What can be done to a peer with nothing more to say about it; the CLI knows them too. */

export const PEER_ACTIONS = {
  'refresh-in': 'Asks the peer to send all its routes again (RFC 2918)',
  'refresh-out': 'Sends the peer all routes again',
  reset: 'Ends the session with Cease / Administrative Reset; it begins again',
  disable: 'Ends the session with Cease / Administrative Shutdown and lets nobody in until it is enabled',
  enable: 'Lets a disabled peer back in',
  drain: 'Has the peer prefer others (RFC 8326), then ends the session with Cease / Administrative Shutdown',
  undrain: 'Ends the drain of this session; it begins again',
} as const;

export type PeerAction = keyof typeof PEER_ACTIONS;
