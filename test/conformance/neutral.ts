/**
 * Our decoded messages in the neutral form of the corpus, so that the two can be compared with one deep equality.
 * Fields of which the corpus has no opinion are left out on both sides.
 */

import { formatAddress, formatIpv4, formatPrefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import { parseExtendedCommunity } from '../../bgp/wire/attribute/community.ts';
import { type Capability, encodeCapability } from '../../bgp/wire/capability.ts';
import type {
  AsPathSegment,
  DecodedAttribute,
  Message,
  MultiprotocolValue,
  OpenMessage,
} from '../../bgp/wire/message-types.ts';
import { toHex } from '../../bgp/wire/octets.ts';
import type {
  NeutralAttribute,
  NeutralCapability,
  NeutralMessage,
  NeutralOpen,
  NeutralUpdate,
} from './messages-corpus.ts';

const SEGMENT_NAMES: Readonly<Record<AsPathSegment['type'], string>> = {
  sequence: 'sequence',
  set: 'set',
  'confederation-sequence': 'confed-sequence',
  'confederation-set': 'confed-set',
};

function hex16(text: string): string {
  const community = parseExtendedCommunity(text);
  return community === null
    ? text
    : community.high.toString(16).padStart(8, '0') + community.low.toString(16).padStart(8, '0');
}

function neutralMultiprotocol(value: MultiprotocolValue): Record<string, unknown> {
  const neutral: Record<string, unknown> = { afi: value.afi, safi: value.safi };
  if (value.nextHops !== undefined && value.nextHops.length > 0) neutral.nextHops = value.nextHops;
  else if (value.nextHopOctets !== undefined) neutral.nextHopHex = value.nextHopOctets;
  if (value.nlri !== undefined) neutral.nlri = value.nlri;
  else neutral.nlriHex = value.nlriOctets;
  return neutral;
}

/** The value as the corpus writes it; undefined when we have none. */
function neutralValue({ code, value }: DecodedAttribute): unknown {
  if (value === null) return undefined;
  switch (code) {
    case 2:
    case 17:
      return (value as readonly AsPathSegment[]).map(({ type, asns }) => ({ type: SEGMENT_NAMES[type], asns }));
    case 7:
    case 18: {
      const { as, address } = value as { as: number; address: string };
      return { asn: as, address };
    }
    case 14:
    case 15:
      return neutralMultiprotocol(value as MultiprotocolValue);
    case 16:
      return (value as readonly string[]).map(hex16);
    case 26:
      return /^[0-9]+$/.test(value as string) ? { metric: Number(value) } : undefined;
    default:
      return value;
  }
}

/**
 * One of our attributes and the corpus's idea of it, cut down to what both speak of: the value when both have one, else
 * the octets.
 */
export function comparableAttributes(
  ours: DecodedAttribute,
  theirs: NeutralAttribute,
): readonly [ours: unknown, theirs: unknown] {
  const flags = ours.flags.toString(16).padStart(2, '0');
  const value = neutralValue(ours);
  if (theirs.value !== undefined && value !== undefined)
    return [
      { code: ours.code, flags, value },
      { code: theirs.code, flags: theirs.flags, value: respelled(theirs.value) },
    ];
  if (theirs.hex !== undefined)
    return [
      { code: ours.code, flags, hex: ours.octets },
      { code: theirs.code, flags: theirs.flags, hex: theirs.hex },
    ];
  return [
    { code: ours.code, flags },
    { code: theirs.code, flags: theirs.flags },
  ];
}

function neutralCapability(capability: Capability): Record<string, unknown> {
  const { code, value } = encodeCapability(capability);
  switch (capability.kind) {
    case 'multiprotocol':
      return { code, afi: capability.afi, safi: capability.safi };
    case 'four-octet-as':
      return { code, asn: capability.as };
    case 'extended-next-hop':
      return {
        code,
        tuples: capability.families.map(({ afi, safi, nextHopAfi }) => ({ afi, safi, nhAfi: nextHopAfi })),
      };
    case 'graceful-restart':
      return {
        code,
        flags: (capability.restarted ? 8 : 0) | (capability.notification ? 4 : 0),
        restartTime: capability.restartTimeSeconds,
        families: capability.families.map(({ afi, safi, forwardingPreserved }) => ({
          afi,
          safi,
          flags: forwardingPreserved ? 0x80 : 0,
        })),
      };
    case 'add-path':
      return {
        code,
        families: capability.families.map(({ afi, safi, receive, send }) => ({
          afi,
          safi,
          sendReceive: (receive ? 1 : 0) | (send ? 2 : 0),
        })),
      };
    case 'long-lived-graceful-restart':
      return {
        code,
        families: capability.families.map(({ afi, safi, forwardingPreserved, staleTimeSeconds }) => ({
          afi,
          safi,
          flags: forwardingPreserved ? 0x80 : 0,
          staleTime: staleTimeSeconds,
        })),
      };
    case 'fqdn':
    case 'software-version':
      // The names become text, where octets that are no UTF-8 are replaced.
      return { code };
    default:
      return { code, hex: toHex(value) };
  }
}

interface NeutralFamily {
  readonly flags?: number;
  readonly sendReceive?: number;
}

/** Their capability with what has no meaning cut off: reserved flag bits, add-path tuples that must be ignored. */
function meaningfulCapability(theirs: NeutralCapability, fields: readonly string[]): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const field of fields) kept[field] = theirs[field];
  if (typeof kept.flags === 'number') kept.flags &= 0x0c;
  if (Array.isArray(kept.families))
    kept.families = (kept.families as NeutralFamily[])
      .filter(({ sendReceive }) => sendReceive === undefined || (sendReceive >= 1 && sendReceive <= 3))
      .map((family) => (family.flags === undefined ? family : { ...family, flags: family.flags & 0x80 }));
  return kept;
}

export function comparableOpens(ours: OpenMessage, theirs: NeutralOpen): readonly [ours: unknown, theirs: unknown] {
  const theirCapabilities = theirs.capabilities ?? [];
  const ourCapabilities = ours.capabilities.map(neutralCapability);
  return [
    {
      version: ours.version,
      myAs: ours.myAs,
      as: ours.as,
      holdTime: ours.holdTimeSeconds,
      bgpId: formatIpv4(ours.bgpIdentifier),
      capabilities: ourCapabilities,
    },
    {
      version: theirs.version,
      myAs: theirs.myAs,
      as: theirs.asn ?? theirs.myAs,
      holdTime: theirs.holdTime,
      bgpId: theirs.bgpId,
      capabilities: theirCapabilities.map((capability, index) =>
        meaningfulCapability(capability, Object.keys(ourCapabilities[index] ?? capability)),
      ),
    },
  ];
}

/** The corpus's address and prefix texts in our spelling, which keeps the dotted tail of IPv4-mapped addresses. */
function respelled(value: unknown): unknown {
  if (typeof value === 'string') {
    if (!value.startsWith('::ffff:')) return value;
    if (!value.includes('/')) {
      const address = parseAddress(value);
      return address === null ? value : formatAddress(address);
    }
    const prefix = parsePrefix(value);
    return prefix === null ? value : formatPrefix(prefix);
  }
  if (Array.isArray(value)) return value.map(respelled);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, respelled(inner)]));
}

/** Both messages cut down to what both speak of. */
export function comparable(ours: Message, theirs: NeutralMessage): readonly [ours: unknown, theirs: unknown] {
  if (ours.type === 'open' && theirs.type === 'OPEN') return comparableOpens(ours, theirs);
  if (ours.type === 'notification' && theirs.type === 'NOTIFICATION')
    return [
      {
        code: ours.code,
        subcode: ours.subcode,
        dataHex: ours.data,
        ...('shutdownCommunication' in theirs ? { text: ours.shutdownCommunication } : {}),
      },
      {
        code: theirs.code,
        subcode: theirs.subcode,
        dataHex: theirs.dataHex,
        ...('shutdownCommunication' in theirs ? { text: theirs.shutdownCommunication } : {}),
      },
    ];
  if (ours.type === 'route-refresh' && theirs.type === 'ROUTE-REFRESH')
    return [
      { afi: ours.afi, safi: ours.safi, subtype: ours.subtypeCode, orfHex: ours.rest },
      { afi: theirs.afi, safi: theirs.safi, subtype: theirs.subtype, orfHex: theirs.orfHex ?? '' },
    ];
  if (ours.type === 'update' && theirs.type === 'UPDATE') return comparableUpdates(ours, theirs);
  return [ours.type, theirs.type.toLowerCase()];
}

function comparableUpdates(
  ours: Message & { type: 'update' },
  theirs: NeutralUpdate,
): readonly [ours: unknown, theirs: unknown] {
  // The corpus leaves out what is discarded as a duplicate.
  const attributes = ours.attributes.filter(
    ({ code }, index) => ours.attributes.findIndex((other) => other.code === code) === index,
  );
  const pairs = Array.from({ length: Math.max(attributes.length, theirs.attrs.length) }, (_, index) => {
    const mine = attributes[index];
    const their = theirs.attrs[index];
    return mine === undefined || their === undefined ? ([mine, their] as const) : comparableAttributes(mine, their);
  });
  const endOfRib = ours.endOfRib === undefined ? undefined : `${ours.endOfRib.afi}/${ours.endOfRib.safi}`;
  return [
    { withdrawn: ours.withdrawn, nlri: ours.nlri, eor: endOfRib, attributes: pairs.map(([mine]) => mine) },
    { withdrawn: theirs.withdrawn, nlri: theirs.nlri, eor: theirs.eor, attributes: pairs.map(([, their]) => their) },
  ];
}
