/**
 * The small notations inside Calico resources: AS numbers, durations, peer addresses with ports, CIDRs, communities,
 * labels. Each parser takes what YAML or JSON gave and returns the value in the one form that the rest of confd/ uses,
 * or null when it is not in the wanted form (the schemas say which form that is). Sections 2.0 to 2.5 of Calico's
 * semantics.
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import { formatAddress, formatPrefix, type IpAddress, type Prefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';

/** An address with the network that its prefix length says, both canonical text. */
export interface InterfaceAddress {
  readonly address: string;
  /** Masked; a bare address is its own network (/32 or /128). */
  readonly network: string;
}

/** What `peerIP` of a BGPPeer says. Port 0: not given. */
export interface PeerEndpoint {
  readonly address: string;
  readonly family: FamilyName;
  readonly port: number;
}

const MAX_AS_NUMBER = 4294967295;

/** A whole number written as JSON number or as decimal digits, within [min, max]. */
export function parseInteger(value: unknown, min: number, max: number): number | null {
  const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max ? number : null;
}

/** An AS number: JSON number, decimal text, or `high.low` text of two 16-bit halves (RFC 5396 asdot+). */
export function parseAsNumber(value: unknown): number | null {
  if (typeof value === 'string') {
    const halves = /^([0-9]{1,5})\.([0-9]{1,5})$/.exec(value);
    if (halves !== null) {
      const high = Number(halves[1]);
      const low = Number(halves[2]);
      return high <= 65535 && low <= 65535 ? high * 65536 + low : null;
    }
  }
  return parseInteger(value, 0, MAX_AS_NUMBER);
}

const DURATION_UNIT_SECONDS: { readonly [unit: string]: number } = {
  h: 3600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ns: 1e-9,
};

/** A duration in Go's notation (`15s`, `1h30m`, `1.5m`, `0`), rounded to whole seconds. Negative ones are refused. */
export function parseDurationSeconds(value: unknown): number | null {
  if (value === 0 || value === '0') return 0;
  if (typeof value !== 'string') return null;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)/y;
  let seconds = 0;
  const start = value.startsWith('+') ? 1 : 0;
  if (start === value.length) return null;
  part.lastIndex = start;
  while (part.lastIndex < value.length) {
    const match = part.exec(value);
    if (match === null) return null;
    seconds += Number(match[1]) * DURATION_UNIT_SECONDS[match[2]];
  }
  return Math.round(seconds);
}

export function familyNameOf(value: IpAddress): FamilyName {
  return FAMILY_NAMES[value.family];
}

/** Family of a text that is known to be an address or prefix. */
export function familyOfText(text: string): FamilyName {
  return text.includes(':') ? 'ipv6-unicast' : 'ipv4-unicast';
}

/** A bare address as canonical text. */
export function parseAddressText(value: unknown): string | null {
  const address = typeof value === 'string' ? parseAddress(value) : null;
  return address === null ? null : formatAddress(address);
}

/** A bare address of one family as canonical text. */
export function parseFamilyAddress(value: unknown, family: FamilyName): string | null {
  const address = typeof value === 'string' ? parseAddress(value) : null;
  return address === null || familyNameOf(address) !== family ? null : formatAddress(address);
}

/** `address` or `address/length` of one family, as nodes carry it. */
export function parseInterfaceAddress(value: unknown, family: FamilyName): InterfaceAddress | null {
  if (typeof value !== 'string') return null;
  const network = parsePrefix(value);
  const address = parseAddress(value.split('/', 1)[0]);
  if (network === null || address === null || familyNameOf(address) !== family) return null;
  return { address: formatAddress(address), network: formatPrefix(network) };
}

/** A CIDR (`address/length`, host bits cleared) as canonical text; a bare address is not one. */
export function parseCidr(value: unknown): string | null {
  const prefix = typeof value === 'string' && value.includes('/') ? parsePrefix(value) : null;
  return prefix === null ? null : formatPrefix(prefix);
}

/** A CIDR of one family as canonical text. */
export function parseFamilyCidr(value: unknown, family: FamilyName): string | null {
  const cidr = parseCidr(value);
  return cidr === null || familyOfText(cidr) !== family ? null : cidr;
}

/** A prefix from text that this module has made canonical. */
export function prefixFromText(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new Error(`Not a canonical prefix: ${text}`);
  return prefix;
}

/** The host prefix (/32 or /128) of a canonical address. */
export function hostPrefix(address: string): string {
  return `${address}/${familyOfText(address) === 'ipv4-unicast' ? 32 : 128}`;
}

/** True for /32 and /128. */
export function isHostPrefix(cidr: string): boolean {
  return cidr.endsWith(familyOfText(cidr) === 'ipv4-unicast' ? '/32' : '/128');
}

/**
 * `1.2.3.4`, `1.2.3.4:179`, `fd00::1` or `[fd00::1]:179`. Ports are 1..65535; a bracketed IPv6 address without port
 * is refused, as Calico's validation and Go's SplitHostPort do.
 */
export function parsePeerEndpoint(value: unknown): PeerEndpoint | null {
  if (typeof value !== 'string') return null;
  const bare = parseAddress(value);
  if (bare !== null) return { address: formatAddress(bare), family: familyNameOf(bare), port: 0 };
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(value);
  if (parts === null) return null;
  const address = parseAddress(parts[1] ?? parts[2]);
  const port = parseInteger(parts[3], 1, 65535);
  if (address === null || port === null || (parts[1] === undefined) !== (address.family === 0)) return null;
  return { address: formatAddress(address), family: familyNameOf(address), port };
}

/** A literal community, `aa:nn` (16-bit parts) or `aa:nn:mm` (32-bit parts), without leading zeros; null otherwise. */
export function parseCommunity(value: unknown): string | null {
  if (typeof value !== 'string' || !/^[0-9]{1,10}(:[0-9]{1,10}){1,2}$/.test(value)) return null;
  const parts = value.split(':').map(Number);
  const limit = parts.length === 2 ? 65535 : MAX_AS_NUMBER;
  return parts.every((part) => part <= limit) ? parts.join(':') : null;
}

/**
 * Labels as a map of strings. YAML 1.1 turns unquoted `yes` into true and Calico's loader turns that into the string
 * `true`, so scalars are taken as their text; anything else is not a label.
 */
export function parseLabelValue(value: unknown): string | null {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || typeof value === 'number' ? String(value) : null;
}
