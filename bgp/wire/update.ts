/**
 * UPDATE messages decoded in full to plain values (RFC 4271 §4.3): for the API, tests and recordings. It applies the
 * same rules as the hot path (update-reader.ts) in the plainest way, and the conformance tests hold the two against
 * each other.
 */

import { FAMILY_ADDRESS_BITS, FAMILY_AFI, FAMILY_IPV4, SAFI_UNICAST } from '../family.ts';
import {
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  INVALID_NETWORK_FIELD,
  MALFORMED_ATTRIBUTE_LIST,
} from '../iana.ts';
import { attributeEnd, attributeValueStart } from './attribute/frame.ts';
import { ATTRIBUTE_TABLE, attributeName } from './attribute/table.ts';
import {
  type Finding,
  type NotificationError,
  TREATMENT_ATTRIBUTE_DISCARD,
  TREATMENT_OK,
  TREATMENT_RESET,
  TREATMENT_WITHDRAW,
  worstFinding,
} from './error.ts';
import { HEADER_OCTETS } from './framer.ts';
import type { Nlri, UpdateMessage } from './message-types.ts';
import { checkNlri, decodeNlri, NLRI_OK, NLRI_REASONS } from './nlri.ts';
import { toHex, uint16 } from './octets.ts';
import type { UpdateContext } from './update-context.ts';
import { attributeFinding, finding, judge, type PlacedAttribute } from './update-findings.ts';

export type UpdateResult =
  | { readonly ok: true; readonly message: UpdateMessage }
  | { readonly ok: false; readonly error: NotificationError };

function resetFor({ reason, notification }: Finding): UpdateResult {
  return { ok: false, error: { ...notification, reason } };
}

/** Decodes the UPDATE at [start, end), header included; the header has been checked. */
export function decodeUpdate(octets: Uint8Array, start: number, end: number, context: UpdateContext): UpdateResult {
  const malformedList = (reason: string): UpdateResult =>
    resetFor(finding(null, TREATMENT_RESET, MALFORMED_ATTRIBUTE_LIST, reason));
  const withdrawnStart = start + HEADER_OCTETS + 2;
  const withdrawnEnd = withdrawnStart + uint16(octets, withdrawnStart - 2);
  if (withdrawnEnd + 2 > end) return malformedList('The withdrawn routes exceed the message');
  const attributesEnd = withdrawnEnd + 2 + uint16(octets, withdrawnEnd);
  if (attributesEnd > end) return malformedList('The attributes exceed the message');

  const withdrawn = decodeClassic(octets, withdrawnStart, withdrawnEnd, context);
  if (typeof withdrawn === 'string')
    return resetFor(finding(null, TREATMENT_RESET, INVALID_NETWORK_FIELD, `In the withdrawn routes ${withdrawn}`));
  const nlri = decodeClassic(octets, attributesEnd, end, context);
  if (typeof nlri === 'string')
    return resetFor(finding(null, TREATMENT_RESET, INVALID_NETWORK_FIELD, `In the NLRI ${nlri}`));

  const findings: Finding[] = [];
  const attributes = decodeAttributeList(octets, withdrawnEnd + 2, attributesEnd, context, findings);
  const hasClassicNlri = attributesEnd < end;
  const judgement = judge(octets, attributes, { hasClassicNlri, nlriCount: nlri.length }, context, findings);
  const worst = worstFinding(judgement);
  if (worst !== null && worst.treatment === TREATMENT_RESET) return resetFor(worst);
  const endOfRib = findEndOfRib(octets, start, end, attributes, withdrawn.length > 0 || hasClassicNlri);
  return {
    ok: true,
    message: {
      type: 'update',
      withdrawn,
      attributes: attributes.map(({ code, name, flags, value, octets: hex }) => ({
        code,
        name,
        flags,
        value,
        octets: hex,
      })),
      nlri,
      ...(endOfRib === null ? {} : { endOfRib }),
      treatment: worst?.treatment ?? TREATMENT_OK,
      findings: judgement,
    },
  };
}

/** Prefixes of a field of IPv4 unicast (none when that was not negotiated), or what is wrong with it. */
function decodeClassic(
  octets: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
): readonly Nlri[] | string {
  if (!context.families[FAMILY_IPV4]) return [];
  const hasPathIds = context.addPathReceive[FAMILY_IPV4];
  const result = checkNlri(octets, start, end, FAMILY_ADDRESS_BITS[FAMILY_IPV4], hasPathIds);
  return result === NLRI_OK ? decodeNlri(FAMILY_IPV4, octets, start, end, hasPathIds) : NLRI_REASONS[result];
}

function decodeAttributeList(
  octets: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
  findings: Finding[],
): PlacedAttribute[] {
  const attributes: PlacedAttribute[] = [];
  const seen = new Set<number>();
  let at = start;
  while (at < end) {
    const valueStart = attributeValueStart(octets, at);
    const valueEnd = valueStart > end ? valueStart : attributeEnd(octets, at);
    if (valueEnd > end) {
      const reason = 'The last attribute exceeds the attributes';
      findings.unshift(finding(null, TREATMENT_WITHDRAW, MALFORMED_ATTRIBUTE_LIST, reason));
      break;
    }
    const code = octets[at + 1];
    const problem = attributeFinding(octets, at, context);
    const isMultiprotocol = code === ATTRIBUTE_MP_REACH_NLRI || code === ATTRIBUTE_MP_UNREACH_NLRI;
    if (seen.has(code) && !isMultiprotocol) {
      const reason = `${attributeName(code)} occurs again; all but the first are discarded`;
      findings.push(finding(code, TREATMENT_ATTRIBUTE_DISCARD, MALFORMED_ATTRIBUTE_LIST, reason));
    } else if (problem !== null) findings.push(problem);
    seen.add(code);
    const descriptor = ATTRIBUTE_TABLE[code];
    const isReadable = descriptor !== undefined && descriptor.problem(octets, valueStart, valueEnd, context) === null;
    attributes.push({
      code,
      name: attributeName(code),
      flags: octets[at],
      value: isReadable ? descriptor.decode(octets, valueStart, valueEnd, context) : null,
      octets: toHex(octets, valueStart, valueEnd),
      valueStart,
      valueEnd,
    });
    at = valueEnd;
  }
  return attributes;
}

/** RFC 4724 §2: nothing at all, or an MP_UNREACH_NLRI without NLRI and nothing else. Of any family. */
function findEndOfRib(
  octets: Uint8Array,
  start: number,
  end: number,
  attributes: readonly PlacedAttribute[],
  hasClassicPrefixes: boolean,
): { readonly afi: number; readonly safi: number } | null {
  if (end - start === 23) return { afi: FAMILY_AFI[FAMILY_IPV4], safi: SAFI_UNICAST };
  if (hasClassicPrefixes || attributes.length !== 1 || attributes[0].code !== ATTRIBUTE_MP_UNREACH_NLRI) return null;
  const { valueStart, valueEnd } = attributes[0];
  return valueEnd - valueStart === 3 ? { afi: uint16(octets, valueStart), safi: octets[valueStart + 2] } : null;
}
