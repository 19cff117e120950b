/**
 * The canonical attributes of an UPDATE as they follow from its full decode by the words of the RFCs, worked out on
 * plain values: the other opinion that UpdateReader's octet work is compared with.
 */

import { FAMILY_NAMES, familyOf } from '../../bgp/family.ts';
import { mergeAs4Path } from '../../bgp/wire/attribute/as-path.ts';
import { ATTRIBUTE_TABLE, isAcceptedFrom } from '../../bgp/wire/attribute/table.ts';
import type { AsPathSegment, MultiprotocolValue, UpdateMessage } from '../../bgp/wire/message-types.ts';
import type { OtherAttribute, PathAttributes } from '../../bgp/wire/path-attributes.ts';
import type { UpdateContext } from '../../bgp/wire/update-context.ts';

const PROPERTY_OF_CODE: Readonly<Record<number, keyof PathAttributes>> = {
  1: 'origin',
  2: 'asPath',
  3: 'nextHop',
  4: 'med',
  5: 'localPref',
  6: 'atomicAggregate',
  7: 'aggregator',
  8: 'communities',
  9: 'originatorId',
  10: 'clusterList',
  16: 'extendedCommunities',
  25: 'ipv6ExtendedCommunities',
  26: 'aigp',
  32: 'largeCommunities',
  35: 'onlyToCustomer',
};

const OPTIONAL_TRANSITIVE = 0xc0;
const PARTIAL = 0x20;
const AS_TRANS = 23456;

interface Aggregator {
  readonly as: number;
  readonly address: string;
}

/** What the RIB should hold for the prefixes of one carrier. */
export function expectedAttributes(
  message: UpdateMessage,
  context: UpdateContext,
  carrier: 'classic' | 'multiprotocol',
): PathAttributes {
  const values = new Map<number, unknown>();
  const seen = new Set<number>();
  const others: OtherAttribute[] = [];
  const partial: number[] = [];
  for (const { code, flags, value, octets } of message.attributes) {
    if (seen.has(code)) continue;
    seen.add(code);
    const descriptor = ATTRIBUTE_TABLE[code];
    if (descriptor === undefined) {
      const isTransitive = (flags & OPTIONAL_TRANSITIVE) === OPTIONAL_TRANSITIVE;
      const extendedLength = octets.length / 2 > 255 ? 0x10 : 0;
      if (isTransitive && code !== 0)
        others.push({ code, flags: OPTIONAL_TRANSITIVE | PARTIAL | extendedLength, octets });
    } else if (
      value !== null &&
      isAcceptedFrom(descriptor, context) &&
      (flags & OPTIONAL_TRANSITIVE) === descriptor.flags
    ) {
      values.set(code, value);
      if (descriptor.flags === OPTIONAL_TRANSITIVE && (flags & PARTIAL) !== 0 && PROPERTY_OF_CODE[code] !== undefined)
        partial.push(code);
    }
  }
  if (!context.asn4) mergeFourOctetAs(values);
  const result: Record<string, unknown> = {};
  for (const [code, value] of values) {
    const property = PROPERTY_OF_CODE[code];
    if (property !== undefined && !(carrier === 'multiprotocol' && code === 3)) result[property] = value;
  }
  if (carrier === 'multiprotocol') {
    const { afi, safi, nextHops } = values.get(14) as MultiprotocolValue;
    const family = familyOf(afi, safi);
    result.mpNextHop = { family: FAMILY_NAMES[family === -1 ? 0 : family], addresses: nextHops };
  }
  if (others.length > 0) result.others = others.sort((x, y) => x.code - y.code);
  if (partial.length > 0) result.partial = partial.sort((x, y) => x - y);
  return result as PathAttributes;
}

/** RFC 6793 §4.2.3. */
function mergeFourOctetAs(values: Map<number, unknown>): void {
  const aggregator = values.get(7) as Aggregator | undefined;
  const as4Aggregator = values.get(18) as Aggregator | undefined;
  const as4Path = values.get(17) as readonly AsPathSegment[] | undefined;
  const asPath = values.get(2) as readonly AsPathSegment[] | undefined;
  if (aggregator !== undefined && as4Aggregator !== undefined && aggregator.as !== AS_TRANS) return;
  if (aggregator !== undefined && as4Aggregator !== undefined) values.set(7, as4Aggregator);
  if (asPath !== undefined && as4Path !== undefined) values.set(2, mergeAs4Path(asPath, as4Path));
}
