/**
 * The IANA registries that this speaker uses, each row with the RFC that made it. Names are the registries' own, so
 * that logs, API and documentation speak the RFCs' language.
 */

/** Message types, RFC 4271 §4.1 and RFC 2918 §3. */
export const MESSAGE_OPEN = 1;
export const MESSAGE_UPDATE = 2;
export const MESSAGE_NOTIFICATION = 3;
export const MESSAGE_KEEPALIVE = 4;
export const MESSAGE_ROUTE_REFRESH = 5;

/** NOTIFICATION error codes, RFC 4271 §4.5, RFC 7313 §5, RFC 9687 §4. */
export const ERROR_MESSAGE_HEADER = 1;
export const ERROR_OPEN_MESSAGE = 2;
export const ERROR_UPDATE_MESSAGE = 3;
export const ERROR_HOLD_TIMER_EXPIRED = 4;
export const ERROR_FINITE_STATE_MACHINE = 5;
export const ERROR_CEASE = 6;
export const ERROR_ROUTE_REFRESH_MESSAGE = 7;
export const ERROR_SEND_HOLD_TIMER_EXPIRED = 8;

/** Subcodes of ERROR_MESSAGE_HEADER, RFC 4271 §6.1. */
export const CONNECTION_NOT_SYNCHRONIZED = 1;
export const BAD_MESSAGE_LENGTH = 2;
export const BAD_MESSAGE_TYPE = 3;

/** Subcodes of ERROR_OPEN_MESSAGE, RFC 4271 §6.2, RFC 5492 §5, RFC 9234 §4.2. */
export const OPEN_UNSPECIFIC = 0;
export const UNSUPPORTED_VERSION_NUMBER = 1;
export const BAD_PEER_AS = 2;
export const BAD_BGP_IDENTIFIER = 3;
export const UNSUPPORTED_OPTIONAL_PARAMETER = 4;
export const UNACCEPTABLE_HOLD_TIME = 6;
export const UNSUPPORTED_CAPABILITY = 7;
export const ROLE_MISMATCH = 11;

/** Subcodes of ERROR_UPDATE_MESSAGE, RFC 4271 §6.3. */
export const MALFORMED_ATTRIBUTE_LIST = 1;
export const UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE = 2;
export const MISSING_WELL_KNOWN_ATTRIBUTE = 3;
export const ATTRIBUTE_FLAGS_ERROR = 4;
export const ATTRIBUTE_LENGTH_ERROR = 5;
export const INVALID_ORIGIN = 6;
export const INVALID_NEXT_HOP = 8;
export const OPTIONAL_ATTRIBUTE_ERROR = 9;
export const INVALID_NETWORK_FIELD = 10;
export const MALFORMED_AS_PATH = 11;

/** Subcodes of ERROR_CEASE, RFC 4486, RFC 8538 §3.1, RFC 9384. */
export const CEASE_MAXIMUM_PREFIXES_REACHED = 1;
export const CEASE_ADMINISTRATIVE_SHUTDOWN = 2;
export const CEASE_PEER_DECONFIGURED = 3;
export const CEASE_ADMINISTRATIVE_RESET = 4;
export const CEASE_CONNECTION_REJECTED = 5;
export const CEASE_OTHER_CONFIGURATION_CHANGE = 6;
export const CEASE_CONNECTION_COLLISION_RESOLUTION = 7;
export const CEASE_OUT_OF_RESOURCES = 8;
export const CEASE_HARD_RESET = 9;
export const CEASE_BFD_DOWN = 10;

/** Subcode of ERROR_ROUTE_REFRESH_MESSAGE, RFC 7313 §5. */
export const INVALID_ROUTE_REFRESH_LENGTH = 1;

/** Capability codes. */
export const CAPABILITY_MULTIPROTOCOL = 1; // RFC 4760
export const CAPABILITY_ROUTE_REFRESH = 2; // RFC 2918
export const CAPABILITY_EXTENDED_NEXT_HOP = 5; // RFC 8950
export const CAPABILITY_EXTENDED_MESSAGE = 6; // RFC 8654
export const CAPABILITY_ROLE = 9; // RFC 9234
export const CAPABILITY_GRACEFUL_RESTART = 64; // RFC 4724
export const CAPABILITY_FOUR_OCTET_AS = 65; // RFC 6793
export const CAPABILITY_ADD_PATH = 69; // RFC 7911
export const CAPABILITY_ENHANCED_ROUTE_REFRESH = 70; // RFC 7313
export const CAPABILITY_LONG_LIVED_GRACEFUL_RESTART = 71; // RFC 9494
export const CAPABILITY_FQDN = 73; // draft-walton-bgp-hostname-capability
export const CAPABILITY_SOFTWARE_VERSION = 75; // draft-abraitis-bgp-version-capability

/** Path attribute type codes. */
export const ATTRIBUTE_ORIGIN = 1; // RFC 4271
export const ATTRIBUTE_AS_PATH = 2; // RFC 4271
export const ATTRIBUTE_NEXT_HOP = 3; // RFC 4271
export const ATTRIBUTE_MULTI_EXIT_DISC = 4; // RFC 4271
export const ATTRIBUTE_LOCAL_PREF = 5; // RFC 4271
export const ATTRIBUTE_ATOMIC_AGGREGATE = 6; // RFC 4271
export const ATTRIBUTE_AGGREGATOR = 7; // RFC 4271
export const ATTRIBUTE_COMMUNITIES = 8; // RFC 1997
export const ATTRIBUTE_ORIGINATOR_ID = 9; // RFC 4456
export const ATTRIBUTE_CLUSTER_LIST = 10; // RFC 4456
export const ATTRIBUTE_MP_REACH_NLRI = 14; // RFC 4760
export const ATTRIBUTE_MP_UNREACH_NLRI = 15; // RFC 4760
export const ATTRIBUTE_EXTENDED_COMMUNITIES = 16; // RFC 4360
export const ATTRIBUTE_AS4_PATH = 17; // RFC 6793
export const ATTRIBUTE_AS4_AGGREGATOR = 18; // RFC 6793
export const ATTRIBUTE_IPV6_EXTENDED_COMMUNITIES = 25; // RFC 5701
export const ATTRIBUTE_AIGP = 26; // RFC 7311
export const ATTRIBUTE_LARGE_COMMUNITIES = 32; // RFC 8092
export const ATTRIBUTE_ONLY_TO_CUSTOMER = 35; // RFC 9234

/** Attributes that the registry knows as optional and that this speaker only passes on or drops by their flags. */
export const OTHER_OPTIONAL_ATTRIBUTES: Readonly<Record<number, string>> = {
  22: 'PMSI_TUNNEL', // RFC 6514
  23: 'TUNNEL_ENCAP', // RFC 9012
  24: 'TRAFFIC_ENGINEERING', // RFC 5543
  27: 'PE_DISTINGUISHER_LABELS', // RFC 6514
  29: 'BGP_LS', // RFC 9552
  33: 'BGPSEC_PATH', // RFC 8205
  36: 'D_PATH', // draft-ietf-bess-evpn-ipvpn-interworking
  37: 'SFP', // RFC 9015
  38: 'BFD_DISCRIMINATOR', // RFC 9026
  40: 'PREFIX_SID', // RFC 8669
  128: 'ATTR_SET', // RFC 6368
};

/** Attribute Flags octet, RFC 4271 §4.3. */
export const FLAG_OPTIONAL = 0x80;
export const FLAG_TRANSITIVE = 0x40;
export const FLAG_PARTIAL = 0x20;
export const FLAG_EXTENDED_LENGTH = 0x10;

/** AS_PATH segment types, RFC 4271 §4.3 and RFC 5065 §3. */
export const SEGMENT_AS_SET = 1;
export const SEGMENT_AS_SEQUENCE = 2;
export const SEGMENT_AS_CONFED_SEQUENCE = 3;
export const SEGMENT_AS_CONFED_SET = 4;

/** Stands for an AS number that does not fit two octets, RFC 6793 §9. */
export const AS_TRANS = 23456;

/** Well-known communities by value (unsigned 32-bit). */
export const COMMUNITY_GRACEFUL_SHUTDOWN = 0xffff0000; // RFC 8326
export const COMMUNITY_LLGR_STALE = 0xffff0006; // RFC 9494
export const COMMUNITY_NO_LLGR = 0xffff0007; // RFC 9494
export const COMMUNITY_BLACKHOLE = 0xffff029a; // RFC 7999
export const COMMUNITY_NO_EXPORT = 0xffffff01; // RFC 1997
export const COMMUNITY_NO_ADVERTISE = 0xffffff02; // RFC 1997
export const COMMUNITY_NO_EXPORT_SUBCONFED = 0xffffff03; // RFC 1997
export const COMMUNITY_NO_PEER = 0xffffff04; // RFC 3765

export const WELL_KNOWN_COMMUNITY_NAMES: ReadonlyMap<number, string> = new Map([
  [COMMUNITY_GRACEFUL_SHUTDOWN, 'graceful-shutdown'],
  [COMMUNITY_LLGR_STALE, 'llgr-stale'],
  [COMMUNITY_NO_LLGR, 'no-llgr'],
  [COMMUNITY_BLACKHOLE, 'blackhole'],
  [COMMUNITY_NO_EXPORT, 'no-export'],
  [COMMUNITY_NO_ADVERTISE, 'no-advertise'],
  [COMMUNITY_NO_EXPORT_SUBCONFED, 'no-export-subconfed'],
  [COMMUNITY_NO_PEER, 'no-peer'],
]);

const ERROR_NAMES: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  [ERROR_MESSAGE_HEADER]: [
    'Message Header Error',
    { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
  ],
  [ERROR_OPEN_MESSAGE]: [
    'OPEN Message Error',
    {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  ],
  [ERROR_UPDATE_MESSAGE]: [
    'UPDATE Message Error',
    {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  ],
  [ERROR_HOLD_TIMER_EXPIRED]: ['Hold Timer Expired', {}],
  [ERROR_FINITE_STATE_MACHINE]: [
    'Finite State Machine Error',
    {
      1: 'Receive Unexpected Message in OpenSent State',
      2: 'Receive Unexpected Message in OpenConfirm State',
      3: 'Receive Unexpected Message in Established State',
    },
  ],
  [ERROR_CEASE]: [
    'Cease',
    {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  ],
  [ERROR_ROUTE_REFRESH_MESSAGE]: ['ROUTE-REFRESH Message Error', { 1: 'Invalid Message Length' }],
  [ERROR_SEND_HOLD_TIMER_EXPIRED]: ['Send Hold Timer Expired', {}],
};

/** `Cease (6), Administrative Shutdown (2)`: an error code and subcode in the registry's words. */
export function formatNotificationCode(code: number, subcode: number): string {
  const entry = ERROR_NAMES[code];
  const codeText = `${entry?.[0] ?? 'Unknown Error'} (${code})`;
  if (subcode === 0) return codeText;
  return `${codeText}, ${entry?.[1][subcode] ?? 'Unknown Subcode'} (${subcode})`;
}
