/**
 * UPDATE messages as plain values, decoded and encoded in full (RFC 4271 §4.3): for the API, tests, recordings and
 * messages that are made one at a time. It applies the same rules as the hot path (update-reader.ts) in the plainest
 * way, and the conformance tests hold the two against each other.
 */

import { FAMILY_ADDRESS_BITS, FAMILY_AFI, FAMILY_IPV4, type FamilyIndex, SAFI_UNICAST } from '../family.ts';
import {
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_FLAGS_ERROR,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ORIGIN,
  ERROR_UPDATE_MESSAGE,
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
  INVALID_NETWORK_FIELD,
  INVALID_NEXT_HOP,
  MALFORMED_ATTRIBUTE_LIST,
  MESSAGE_UPDATE,
  MISSING_WELL_KNOWN_ATTRIBUTE,
  OTHER_OPTIONAL_ATTRIBUTES,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
} from '../iana.ts';
import { quoteAttribute } from './attribute/canonical.ts';
import { attributeEnd, attributeValueStart } from './attribute/frame.ts';
import { negotiatedFamilyAt, writeNlri } from './attribute/multiprotocol.ts';
import { nextHopProblem } from './attribute/next-hop.ts';
import { ATTRIBUTE_TABLE, attributeName, isAcceptedFrom } from './attribute/table.ts';
import {
  type Finding,
  type NotificationError,
  TREATMENT_ATTRIBUTE_DISCARD,
  TREATMENT_OK,
  TREATMENT_RESET,
  TREATMENT_WITHDRAW,
  type Treatment,
  worstFinding,
} from './error.ts';
import { HEADER_OCTETS } from './framer.ts';
import { finishMessage, startMessage } from './header.ts';
import type { AttributeValue, DecodedAttribute, MultiprotocolValue, Nlri, UpdateMessage } from './message-types.ts';
import { checkNlri, decodeNlri, NLRI_OK, NLRI_REASONS } from './nlri.ts';
import { fromHex, OctetWriter, toHex, uint16 } from './octets.ts';
import type { UpdateContext } from './update-context.ts';

export type UpdateResult =
  | { readonly ok: true; readonly message: UpdateMessage }
  | { readonly ok: false; readonly error: NotificationError };

function finding(attribute: number | null, treatment: Treatment, subcode: number, reason: string, data = ''): Finding {
  return { attribute, treatment, reason, notification: { code: ERROR_UPDATE_MESSAGE, subcode, data } };
}

function resetFor({ reason, notification }: Finding): UpdateResult {
  return { ok: false, error: { ...notification, reason } };
}

/** One attribute with its place in the message. */
interface PlacedAttribute extends DecodedAttribute {
  readonly at: number;
  readonly valueStart: number;
  readonly valueEnd: number;
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
  const fatal = multiprotocolFatality(attributes, findings);
  if (fatal !== null) return resetFor(fatal);

  // Their frames are broken, or what carries NLRI has wrong flags: the attributes are not used.
  const isLost = findings.some((found) => isAboutNlri(found) && found.treatment === TREATMENT_WITHDRAW);

  const mpReach = attributes.find(({ code }) => code === ATTRIBUTE_MP_REACH_NLRI);
  const mpReachFamily = mpReach === undefined ? -1 : familyOfPlaced(octets, mpReach, context);
  const announcesMultiprotocol = mpReachFamily !== -1 && hasNlri(mpReach?.value);
  if (announcesMultiprotocol || nlri.length > 0)
    checkAnnouncement(octets, attributes, nlri.length > 0, mpReachFamily, context, findings);

  const isOnlyUnreach =
    attributes.every(({ code }) => code === ATTRIBUTE_MP_UNREACH_NLRI) &&
    !findings.some(({ attribute }) => attribute === null);
  const isReachable = hasClassicNlri || announcesMultiprotocol || (mpReach !== undefined && mpReachFamily === -1);
  // What is wrong in attributes does not matter when none of what is announced is ours, or when they are not used.
  const isIgnored = isReachable && (isLost || (!announcesMultiprotocol && nlri.length === 0));
  // RFC 4760 §3: NEXT_HOP is ignored when only MP_REACH_NLRI announces.
  const needsNextHop = !isReachable || nlri.length > 0;
  const relevant = findings.filter((found) =>
    isIgnored
      ? isAboutNlri(found)
      : needsNextHop || found.attribute !== ATTRIBUTE_NEXT_HOP || found.treatment < TREATMENT_WITHDRAW,
  );
  const worst = worstFinding(relevant);
  const treatment = worst?.treatment ?? TREATMENT_OK;
  // RFC 7606 §5.2: an error in attributes that announce nothing may hide prefixes.
  if (
    worst !== null &&
    (treatment === TREATMENT_RESET || (treatment === TREATMENT_WITHDRAW && !isReachable && !isOnlyUnreach))
  )
    return resetFor(worst);
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
      treatment,
      findings: relevant,
    },
  };
}

/** RFC 7606 §3 g), §7.11, §7.12: the first reason in the message to doubt its NLRI, or null. */
function multiprotocolFatality(attributes: readonly PlacedAttribute[], findings: readonly Finding[]): Finding | null {
  const seen = new Set<number>();
  for (const { code } of attributes) {
    if (code !== ATTRIBUTE_MP_REACH_NLRI && code !== ATTRIBUTE_MP_UNREACH_NLRI) continue;
    if (seen.has(code))
      return finding(code, TREATMENT_RESET, MALFORMED_ATTRIBUTE_LIST, `${attributeName(code)} occurs twice`);
    const found = findings.find(({ attribute, treatment }) => attribute === code && treatment === TREATMENT_RESET);
    if (found !== undefined) return found;
    seen.add(code);
  }
  return null;
}

/** Findings in the frame of the message or in the attributes that carry NLRI. */
function isAboutNlri({ attribute }: Finding): boolean {
  return attribute === null || attribute === ATTRIBUTE_MP_REACH_NLRI || attribute === ATTRIBUTE_MP_UNREACH_NLRI;
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
      at,
      valueStart,
      valueEnd,
    });
    at = valueEnd;
  }
  return attributes;
}

/** What is wrong with one attribute by itself, or null. */
function attributeFinding(octets: Uint8Array, at: number, context: UpdateContext): Finding | null {
  const flags = octets[at];
  const code = octets[at + 1];
  const end = attributeEnd(octets, at);
  const quoted = quoteAttribute(octets, at, end);
  const name = attributeName(code);
  const descriptor = ATTRIBUTE_TABLE[code];
  if (descriptor === undefined) {
    if ((flags & FLAG_OPTIONAL) !== 0)
      return code === 0
        ? finding(code, TREATMENT_ATTRIBUTE_DISCARD, MALFORMED_ATTRIBUTE_LIST, 'Attribute 0 is reserved', quoted)
        : null;
    return OTHER_OPTIONAL_ATTRIBUTES[code] === undefined
      ? finding(code, TREATMENT_RESET, UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, `${name} ${code} is not recognised`, quoted)
      : finding(code, TREATMENT_WITHDRAW, ATTRIBUTE_FLAGS_ERROR, `${name} is marked well-known`, quoted);
  }
  const problem = descriptor.problem(octets, attributeValueStart(octets, at), end, context);
  // A broken MP_REACH_NLRI resets the session whatever its flags are.
  if (problem !== null && descriptor.onMalformed === TREATMENT_RESET)
    return finding(code, TREATMENT_RESET, descriptor.subcode, `${name} is malformed: ${problem}`, quoted);
  if (((flags ^ descriptor.flags) & (FLAG_OPTIONAL | FLAG_TRANSITIVE)) !== 0)
    return finding(code, descriptor.onWrongFlags, ATTRIBUTE_FLAGS_ERROR, `${name} has wrong flags`, quoted);
  if (!isAcceptedFrom(descriptor, context)) {
    const reason = `${name} is not accepted from this kind of peer`;
    const { whenNotAccepted } = descriptor;
    return whenNotAccepted === null ? null : finding(code, whenNotAccepted, descriptor.subcode, reason, quoted);
  }
  return problem === null
    ? null
    : finding(code, descriptor.onMalformed, descriptor.subcode, `${name} is malformed: ${problem}`, quoted);
}

function familyOfPlaced(octets: Uint8Array, attribute: PlacedAttribute, context: UpdateContext): FamilyIndex | -1 {
  return attribute.valueEnd - attribute.valueStart < 3 ? -1 : negotiatedFamilyAt(octets, attribute.valueStart, context);
}

function hasNlri(value: AttributeValue | null | undefined): boolean {
  const nlri = (value as MultiprotocolValue | null | undefined)?.nlri;
  return nlri !== undefined && nlri.length > 0;
}

/** What an UPDATE that announces prefixes must have: RFC 7606 §3 d), RFC 4271 §6.3 on next hops. */
function checkAnnouncement(
  octets: Uint8Array,
  attributes: readonly PlacedAttribute[],
  isClassic: boolean,
  mpReachFamily: FamilyIndex | -1,
  context: UpdateContext,
  findings: Finding[],
): void {
  const first = (code: number): PlacedAttribute | undefined => attributes.find((attribute) => attribute.code === code);
  const mandatory = isClassic
    ? [ATTRIBUTE_ORIGIN, ATTRIBUTE_AS_PATH, ATTRIBUTE_NEXT_HOP]
    : [ATTRIBUTE_ORIGIN, ATTRIBUTE_AS_PATH];
  for (const code of mandatory)
    if (first(code) === undefined)
      findings.push(
        finding(
          code,
          TREATMENT_WITHDRAW,
          MISSING_WELL_KNOWN_ATTRIBUTE,
          `${attributeName(code)} is missing`,
          toHex(Uint8Array.of(code)),
        ),
      );
  const report = (code: number, problem: string | null): void => {
    if (problem !== null) findings.push(finding(code, TREATMENT_WITHDRAW, INVALID_NEXT_HOP, `The next hop ${problem}`));
  };
  const nextHop = first(ATTRIBUTE_NEXT_HOP);
  if (isClassic && nextHop !== undefined && nextHop.value !== null)
    report(
      ATTRIBUTE_NEXT_HOP,
      nextHopProblem(octets, nextHop.valueStart, nextHop.valueEnd, context.isOverLoopback === true),
    );
  const mpReach = first(ATTRIBUTE_MP_REACH_NLRI);
  if (mpReachFamily !== -1 && mpReach !== undefined && hasNlri(mpReach.value)) {
    const nextHopStart = mpReach.valueStart + 4;
    report(
      ATTRIBUTE_MP_REACH_NLRI,
      nextHopProblem(octets, nextHopStart, nextHopStart + octets[nextHopStart - 1], context.isOverLoopback === true),
    );
  }
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

/** One attribute to send. Flags default to those of the table; `octets` (hexadecimal) is used when `value` is null. */
export interface AttributeContent {
  readonly code: number;
  readonly flags?: number;
  readonly value: AttributeValue | null;
  readonly octets?: string;
}

export interface UpdateContent {
  readonly withdrawn?: readonly Nlri[];
  readonly attributes?: readonly AttributeContent[];
  readonly nlri?: readonly Nlri[];
}

/** Encodes an UPDATE with attributes in the given order. The caller keeps it within the session's message length. */
export function encodeUpdate(content: UpdateContent, asn4 = true): Uint8Array {
  const withdrawn = new OctetWriter();
  writeNlri(withdrawn, content.withdrawn ?? []);
  const attributes = new OctetWriter();
  for (const attribute of content.attributes ?? []) writeAttribute(attributes, attribute, asn4);
  const writer = startMessage(MESSAGE_UPDATE, 256);
  writer.uint16(withdrawn.length).bytes(withdrawn.take());
  writer.uint16(attributes.length).bytes(attributes.take());
  writeNlri(writer, content.nlri ?? []);
  return finishMessage(writer);
}

function writeAttribute(writer: OctetWriter, attribute: AttributeContent, asn4: boolean): void {
  const descriptor = ATTRIBUTE_TABLE[attribute.code];
  const value = new OctetWriter();
  if (descriptor !== undefined && attribute.value !== null) descriptor.write(value, attribute.value, asn4);
  else value.bytes(fromHex(attribute.octets ?? '') ?? new Uint8Array(0));
  const flags = attribute.flags ?? descriptor?.flags ?? FLAG_OPTIONAL | FLAG_TRANSITIVE;
  const isExtended = value.length > 255 || (flags & FLAG_EXTENDED_LENGTH) !== 0;
  writer.uint8(isExtended ? flags | FLAG_EXTENDED_LENGTH : flags).uint8(attribute.code);
  if (isExtended) writer.uint16(value.length);
  else writer.uint8(value.length);
  writer.bytes(value.take());
}

/** End-of-RIB marker of a family (RFC 4724 §2). */
export function encodeEndOfRib(family: FamilyIndex): Uint8Array {
  if (family === FAMILY_IPV4) return encodeUpdate({});
  const value = { afi: FAMILY_AFI[family], safi: SAFI_UNICAST, nlri: [] };
  return encodeUpdate({ attributes: [{ code: ATTRIBUTE_MP_UNREACH_NLRI, value }] });
}
