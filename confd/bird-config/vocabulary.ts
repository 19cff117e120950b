/** Words of BIRD 1.6's language that mean something: attributes, values with names, types, keywords. */

export type AttributeType = 'prefix' | 'enum' | 'string' | 'int' | 'ip' | 'path' | 'clist' | 'lclist' | 'eclist';

/** Attributes of routes, and what they hold. */
export const ATTRIBUTES: ReadonlyMap<string, AttributeType> = new Map([
  ['net', 'prefix'],
  ['source', 'enum'],
  ['proto', 'string'],
  ['ifname', 'string'],
  ['preference', 'int'],
  ['from', 'ip'],
  ['gw', 'ip'],
  ['dest', 'enum'],
  ['scope', 'enum'],
  ['cast', 'enum'],
  ['ifindex', 'int'],
  ['bgp_next_hop', 'ip'],
  ['bgp_local_pref', 'int'],
  ['bgp_med', 'int'],
  ['bgp_origin', 'enum'],
  ['bgp_path', 'path'],
  ['bgp_community', 'clist'],
  ['bgp_large_community', 'lclist'],
  ['bgp_ext_community', 'eclist'],
  ['bgp_atomic_aggr', 'int'],
  ['bgp_aggregator', 'int'],
  ['bgp_originator_id', 'int'],
  ['bgp_cluster_list', 'clist'],
  ['krt_metric', 'int'],
  ['krt_source', 'int'],
  ['krt_tunnel', 'string'],
  ['krt_prefsrc', 'ip'],
  ['krt_realm', 'int'],
  ['igp_metric', 'int'],
]);

/** Attributes that are always there and that no filter writes. */
export const READ_ONLY: ReadonlySet<string> = new Set(['net', 'source', 'proto', 'ifname', 'ifindex', 'from', 'cast']);

/** Values with names, of BIRD 1.6. */
const ENUMS: ReadonlySet<string> = new Set([
  ...['RTS_DUMMY', 'RTS_STATIC', 'RTS_INHERIT', 'RTS_DEVICE', 'RTS_STATIC_DEVICE', 'RTS_REDIRECT', 'RTS_RIP'],
  ...['RTS_OSPF', 'RTS_OSPF_IA', 'RTS_OSPF_EXT1', 'RTS_OSPF_EXT2', 'RTS_BGP', 'RTS_PIPE', 'RTS_BABEL'],
  ...['RTD_ROUTER', 'RTD_DEVICE', 'RTD_BLACKHOLE', 'RTD_UNREACHABLE', 'RTD_PROHIBIT', 'RTD_MULTIPATH'],
  ...['RTC_UNICAST', 'RTC_BROADCAST', 'RTC_MULTICAST', 'RTC_ANYCAST'],
  ...['SCOPE_HOST', 'SCOPE_LINK', 'SCOPE_SITE', 'SCOPE_ORGANIZATION', 'SCOPE_UNIVERSE', 'SCOPE_UNDEFINED'],
  ...['ORIGIN_IGP', 'ORIGIN_EGP', 'ORIGIN_INCOMPLETE', 'ROA_UNKNOWN', 'ROA_VALID', 'ROA_INVALID'],
]);

export function isEnumName(word: string): boolean {
  return ENUMS.has(word);
}

export const TYPES: ReadonlySet<string> = new Set([
  ...['bool', 'int', 'ip', 'prefix', 'pair', 'quad', 'ec', 'lc', 'string'],
  ...['bgpmask', 'bgppath', 'clist', 'eclist', 'lclist', 'enum'],
]);

export const TRUE_WORDS: ReadonlySet<string> = new Set(['on', 'yes', 'true']);
export const FALSE_WORDS: ReadonlySet<string> = new Set(['off', 'no', 'false']);

/** Types of extended communities that we know (RFC 4360). */
export const EC_TYPES: ReadonlySet<string> = new Set(['rt', 'ro', 'generic']);

/** Words that cannot be names; attributes, types and booleans neither. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...['accept', 'reject', 'error', 'return', 'if', 'then', 'else', 'case', 'print', 'printn', 'unset', 'defined'],
  ...[
    'function',
    'filter',
    'template',
    'protocol',
    'define',
    'table',
    'include',
    'from',
    'where',
    'all',
    'none',
    'set',
  ],
  ...['router', 'id', 'listen', 'log', 'debug', 'bgp', 'kernel', 'device', 'direct', 'static', 'pipe', 'bfd', 'ospf'],
  ...['rip', 'radv', 'import', 'export', 'neighbor', 'local', 'as', 'port', 'route', 'via', 'preference', 'disabled'],
  ...['description', 'limit', 'action', 'interface', 'multihop', 'password', 'passive', 'address', 'learn', 'persist'],
]);

export function isReserved(word: string): boolean {
  return (
    KEYWORDS.has(word) ||
    ATTRIBUTES.has(word) ||
    TYPES.has(word) ||
    TRUE_WORDS.has(word) ||
    FALSE_WORDS.has(word) ||
    isEnumName(word)
  );
}
