/**
 * What is wrong with a fully decoded UPDATE and what follows from it (RFC 4271 §6.3, RFC 7606): findings of single
 * attributes, of the set of them, and which of them matter for what the UPDATE announces.
 */

import type { FamilyIndex } from '../family.ts';
import {
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_FLAGS_ERROR,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ORIGIN,
  ERROR_UPDATE_MESSAGE,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
  INVALID_NEXT_HOP,
  MALFORMED_ATTRIBUTE_LIST,
  MISSING_WELL_KNOWN_ATTRIBUTE,
  OTHER_OPTIONAL_ATTRIBUTES,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
} from '../iana.ts';
import { quoteAttribute } from './attribute/canonical.ts';
import { attributeEnd, attributeValueStart } from './attribute/frame.ts';
import { negotiatedFamilyAt } from './attribute/multiprotocol.ts';
import { nextHopProblem } from './attribute/next-hop.ts';
import { ATTRIBUTE_TABLE, attributeName, isAcceptedFrom } from './attribute/table.ts';
import {
  type Finding,
  TREATMENT_ATTRIBUTE_DISCARD,
  TREATMENT_RESET,
  TREATMENT_WITHDRAW,
  type Treatment,
  worstFinding,
} from './error.ts';
import type { AttributeValue, DecodedAttribute, MultiprotocolValue } from './message-types.ts';
import { toHex } from './octets.ts';
import type { UpdateContext } from './update-context.ts';

/** One attribute with its place in the message. */
export interface PlacedAttribute extends DecodedAttribute {
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** A finding with the notification of RFC 4271 §6.3. */
export function finding(
  attribute: number | null,
  treatment: Treatment,
  subcode: number,
  reason: string,
  data = '',
): Finding {
  return { attribute, treatment, reason, notification: { code: ERROR_UPDATE_MESSAGE, subcode, data } };
}

/** What is wrong with one attribute by itself, or null. */
export function attributeFinding(octets: Uint8Array, at: number, context: UpdateContext): Finding | null {
  const flags = octets[at];
  const code = octets[at + 1];
  const end = attributeEnd(octets, at);
  const name = attributeName(code);
  const report = (treatment: Treatment, subcode: number, reason: string): Finding =>
    finding(code, treatment, subcode, reason, quoteAttribute(octets, at, end));
  const descriptor = ATTRIBUTE_TABLE[code];
  if (descriptor === undefined) {
    if ((flags & FLAG_OPTIONAL) !== 0)
      return code === 0
        ? report(TREATMENT_ATTRIBUTE_DISCARD, MALFORMED_ATTRIBUTE_LIST, 'Attribute 0 is reserved')
        : null;
    return OTHER_OPTIONAL_ATTRIBUTES[code] === undefined
      ? report(TREATMENT_RESET, UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, `The well-known attribute ${code} is not recognised`)
      : report(TREATMENT_WITHDRAW, ATTRIBUTE_FLAGS_ERROR, `${name} is marked well-known`);
  }
  const problem = descriptor.problem(octets, attributeValueStart(octets, at), end, context);
  // A broken MP_REACH_NLRI resets the session whatever its flags are.
  if (problem !== null && descriptor.onMalformed === TREATMENT_RESET)
    return report(TREATMENT_RESET, descriptor.subcode, `${name} is malformed: ${problem}`);
  if (((flags ^ descriptor.flags) & (FLAG_OPTIONAL | FLAG_TRANSITIVE)) !== 0)
    return report(descriptor.onWrongFlags, ATTRIBUTE_FLAGS_ERROR, `${name} has wrong flags`);
  if (!isAcceptedFrom(descriptor, context))
    return descriptor.whenNotAccepted === null
      ? null
      : report(descriptor.whenNotAccepted, descriptor.subcode, `${name} is not accepted from this kind of peer`);
  return problem === null
    ? null
    : report(descriptor.onMalformed, descriptor.subcode, `${name} is malformed: ${problem}`);
}

/**
 * The findings that matter, given those of the single attributes. A session reset among them is final: one that
 * doubts the NLRI comes alone, before everything else.
 */
export function judge(
  octets: Uint8Array,
  attributes: readonly PlacedAttribute[],
  classic: { readonly hasClassicNlri: boolean; readonly nlriCount: number },
  context: UpdateContext,
  attributeFindings: readonly Finding[],
): readonly Finding[] {
  const fatal = multiprotocolFatality(attributes, attributeFindings);
  if (fatal !== null) return [fatal];
  const findings = [...attributeFindings];
  // Their frames are broken, or what carries NLRI has wrong flags: the attributes are not used.
  const isLost = findings.some((found) => isAboutNlri(found) && found.treatment === TREATMENT_WITHDRAW);

  const mpReach = attributes.find(({ code }) => code === ATTRIBUTE_MP_REACH_NLRI);
  const mpReachFamily = mpReach === undefined ? -1 : familyOfPlaced(octets, mpReach, context);
  const announcesMultiprotocol = mpReachFamily !== -1 && hasNlri(mpReach?.value);
  const announcesClassic = classic.nlriCount > 0;
  if (announcesMultiprotocol || announcesClassic)
    checkAnnouncement(octets, attributes, announcesClassic, mpReachFamily, context, findings);

  const isReachable =
    classic.hasClassicNlri || announcesMultiprotocol || (mpReach !== undefined && mpReachFamily === -1);
  if (!isReachable) return withoutReachableNlri(attributes, findings);
  // What is wrong in attributes does not matter when none of what is announced is ours, or when they are not used.
  if (isLost || (!announcesMultiprotocol && !announcesClassic)) return findings.filter(isAboutNlri);
  // RFC 4760 §3: NEXT_HOP is ignored when only MP_REACH_NLRI announces.
  return findings.filter(
    ({ attribute, treatment }) =>
      announcesClassic || attribute !== ATTRIBUTE_NEXT_HOP || treatment < TREATMENT_WITHDRAW,
  );
}

/** RFC 7606 §5.2: an error in attributes that announce nothing may hide prefixes, and resets the session. */
function withoutReachableNlri(
  attributes: readonly PlacedAttribute[],
  findings: readonly Finding[],
): readonly Finding[] {
  const isOnlyUnreach =
    attributes.every(({ code }) => code === ATTRIBUTE_MP_UNREACH_NLRI) &&
    !findings.some(({ attribute }) => attribute === null);
  const worst = worstFinding(findings);
  if (worst === null || worst.treatment !== TREATMENT_WITHDRAW || isOnlyUnreach) return findings;
  return [{ ...worst, treatment: TREATMENT_RESET }];
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
