/** What to do about an error that ended a session or kept it from coming up, by its code and subcode (RFC 4271 4.5). */

import type { DownReason } from '../../../bgp/fsm/reason.ts';
import type { SessionConfig } from '../../../bgp/session-config.ts';

type HintOf = (config: SessionConfig, isSent: boolean) => string;

const MAX_PREFIX_HINT: HintOf = (config, isSent) =>
  isSent
    ? 'the peer sends more prefixes than maxPrefixes allows: raise it, or find out what the peer leaks'
    : `the peer allows us fewer prefixes than we send: an export policy, or ask them to raise their limit for AS ${config.localAs}`;

/** By `code/subcode`. */
const BY_CODE: { readonly [code: string]: HintOf } = {
  '2/1': () => 'the peer speaks another version of BGP',
  '2/2': ({ peerAs, localAs }, isSent) =>
    isSent
      ? `we expect the peer in AS ${peerAs}: correct the AS of this peer here, or the peer's own`
      : `the peer expects another AS from us than ${localAs}: correct its configuration of us, or our AS for this peer`,
  '2/3': () => 'both have the same BGP Identifier, or one is 0.0.0.0: give one of the routers another router id',
  '2/4': () => 'an optional parameter of OPEN is unknown to the other side',
  '2/6': () => 'the hold time is not acceptable to the other side: 0, or 3 seconds and more',
  '2/7': () => 'a capability is missing that the other side insists on, mostly a family: compare the families of both',
  '2/11': () =>
    'the BGP roles do not fit together (RFC 9234): provider with customer, peer with peer, rs with rs-client',
  '6/1': MAX_PREFIX_HINT,
  '6/2': (_, isSent) =>
    isSent ? 'it was ended here by hand' : 'somebody has shut the session down on the peer: it has to be enabled there',
  '6/3': (_, isSent) => (isSent ? 'the peer was removed here' : 'the peer has removed us from its configuration'),
  '6/4': () => 'somebody has reset the session; it comes back by itself',
  '6/5': (_, isSent) =>
    isSent
      ? 'we had refused its connection'
      : 'the peer refuses our connection: it does not know our address, or has another session with it',
  '6/6': () => 'the configuration of the session has changed; it comes back by itself',
  '6/7': () => 'two connections met and one was given up; the other goes on',
  '6/8': (_, isSent) => `${isSent ? 'this daemon' : 'the peer'} lacks memory or other resources`,
  '6/9': () => 'the session was ended for good, with what it carries saying why',
  '6/10': () => 'BFD says that the path to the peer is broken: look at the link and at the peer itself',
};

const BY_MAJOR: { readonly [code: number]: HintOf } = {
  1: (_, isSent) =>
    isSent
      ? 'what the peer sends is not BGP: is it the right port?'
      : 'the peer could not read what we sent: report it',
  3: (_, isSent) =>
    isSent
      ? 'the peer sent an UPDATE that cannot be read, not even by RFC 7606: its software has a fault'
      : 'the peer could not accept an UPDATE of ours: its log says which attribute; report it',
  4: (_, isSent) =>
    isSent
      ? 'nothing came from the peer for the hold time: look at the path (packets that are too large?) and its load'
      : 'the peer heard nothing from us for its hold time: look at the path, and at our event loop delay (show status)',
  5: () => 'the peer and we do not agree on the state of the session; it begins again',
};

/** Empty: there is nothing to say beyond the error itself. */
export function hintOfError({ kind, code, subcode }: DownReason, config: SessionConfig): string {
  if (code === null) return '';
  const isSent = kind !== 'notification-received';
  const hint = BY_CODE[`${code}/${subcode}`] ?? BY_MAJOR[code];
  return hint === undefined ? '' : hint(config, isSent);
}

/** What to do about a dial that failed, by the system's error name. */
export function hintOfDial(code: string, { peerAddress, peerPort, localAddress }: SessionConfig): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `port closed: nothing listens on ${peerAddress} port ${peerPort}; is BGP running there, on that address?`;
    case 'ECONNRESET':
      return 'the peer closed the connection at once: it does not know our address, or refuses it';
    case 'ETIMEDOUT':
      return 'no answer at all: the address is wrong or down, a packet filter drops it, or the peer has another password or TTL (it then drops our packets in silence)';
    case 'EHOSTUNREACH':
      return `the network says that ${peerAddress} is not there: is the host up, and the link?`;
    case 'ENETUNREACH':
      return `there is no route to ${peerAddress}: ip route get ${peerAddress}`;
    case 'EADDRNOTAVAIL':
      return localAddress === null
        ? 'this machine has no address for it'
        : `our address ${localAddress} is not on this machine: ip address, or another localAddress`;
    case 'ENODEV':
      return 'the interface of this peer is not there: ip link';
    case 'EACCES':
    case 'EPERM':
      return 'a local packet filter, or lack of CAP_NET_ADMIN or CAP_NET_RAW, forbids it';
    default:
      return '';
  }
}
