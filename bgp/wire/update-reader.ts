/**
 * The hot path of UPDATEs (RFC 4271 §4.3, RFC 4760, RFC 7606): finds and checks the fields of a message in place and
 * hands out ranges. `read` decides on structure: what cannot be parsed and what RFC 7606 §5 resets the session for.
 * `selectBlock` gives the attributes that go with one NLRI field, in an order that can be looked up in a table of known
 * sets; `canonicalise` validates them, only when they are not known yet. Nothing is allocated for a sane message.
 */

import { FAMILY_ADDRESS_BITS, FAMILY_IPV4, type FamilyIndex } from '../family.ts';
import {
  ATTRIBUTE_FLAGS_ERROR,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  ATTRIBUTE_NEXT_HOP,
  ERROR_UPDATE_MESSAGE,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
  INVALID_NETWORK_FIELD,
  MALFORMED_ATTRIBUTE_LIST,
  OPTIONAL_ATTRIBUTE_ERROR,
} from '../iana.ts';
import { CARRIER_CLASSIC, CARRIER_NONE, Canonicaliser, quoteAttribute } from './attribute/canonical.ts';
import { attributeEnd, attributeValueStart } from './attribute/frame.ts';
import { mpReachProblem, mpUnreachProblem, negotiatedFamilyAt } from './attribute/multiprotocol.ts';
import { attributeName } from './attribute/table.ts';
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
import { checkNlri, NLRI_OK, NLRI_REASONS } from './nlri.ts';
import { uint16 } from './octets.ts';
import { Scratch } from './scratch.ts';
import type { UpdateContext } from './update-context.ts';

export { CARRIER_CLASSIC, CARRIER_MULTIPROTOCOL } from './attribute/canonical.ts';

const NO_OCTETS = new Uint8Array(0);

/** UPDATE without anything in it: End-of-RIB of IPv4 unicast (RFC 4724 §2). */
const EMPTY_UPDATE_OCTETS = 23;

/** One per connection, used again for every UPDATE. Results are valid until the next `read`. */
export class UpdateReader {
  context: UpdateContext;

  octets: Uint8Array = NO_OCTETS;
  /** Withdrawn Routes field, IPv4 unicast. All NLRI ranges hold whole prefixes only; start === end: none. */
  withdrawnStart = 0;
  withdrawnEnd = 0;
  /** Classic NLRI field, IPv4 unicast. */
  nlriStart = 0;
  nlriEnd = 0;
  /** -1: no MP_REACH_NLRI, or of a family that was not negotiated. */
  mpReachFamily: FamilyIndex | -1 = -1;
  mpReachStart = 0;
  mpReachEnd = 0;
  mpUnreachFamily: FamilyIndex | -1 = -1;
  mpUnreachStart = 0;
  mpUnreachEnd = 0;
  /** Family that the peer has sent its whole table of, or -1. */
  endOfRib: FamilyIndex | -1 = -1;

  /** After `selectBlock`: the attributes; after `canonicalise`: the canonical attributes. */
  blockOctets: Uint8Array = NO_OCTETS;
  blockStart = 0;
  blockEnd = 0;
  /** After `canonicalise`: the block did not change, so the same octets from a peer of the same kind are right again. */
  blockIsVerbatimCanonical = false;

  /** Everything wrong with the message that has been found so far. */
  findings: Finding[] = [];
  /** Set when `read` or `canonicalise` returned TREATMENT_RESET. */
  notification: NotificationError | null = null;

  #attributesStart = 0;
  #attributesEnd = 0;
  #isAscending = true;
  /** The message has MP_REACH_NLRI or MP_UNREACH_NLRI, which the classic block leaves out. */
  #hasMultiprotocol = false;
  #mpReachValueStart = 0;
  #carrier: 0 | 1 = CARRIER_CLASSIC;
  #droppedDuplicates = false;
  #scratch = new Scratch();
  #firstWithCode = new Int32Array(256);
  #canonicaliser = new Canonicaliser();

  constructor(context: UpdateContext) {
    this.context = context;
  }

  /**
   * Parses the message at [start, end), header included; the header has been checked. Returns TREATMENT_OK,
   * TREATMENT_WITHDRAW (announced prefixes must be handled as withdrawn, the attributes must not be used) or
   * TREATMENT_RESET (`notification` is set).
   */
  read(octets: Uint8Array, start: number, end: number): Treatment {
    this.#clear(octets);
    const context = this.context;

    /* update := withdrawn-length(2) withdrawn attributes-length(2) attributes nlri */
    const withdrawnStart = start + HEADER_OCTETS + 2;
    const withdrawnEnd = withdrawnStart + uint16(octets, withdrawnStart - 2);
    if (withdrawnEnd + 2 > end)
      return this.#reset(MALFORMED_ATTRIBUTE_LIST, '', 'The withdrawn routes exceed the message');
    const attributesStart = withdrawnEnd + 2;
    const attributesEnd = attributesStart + uint16(octets, withdrawnEnd);
    if (attributesEnd > end) return this.#reset(MALFORMED_ATTRIBUTE_LIST, '', 'The attributes exceed the message');
    const hasClassicNlri = attributesEnd < end;

    const hasPathIds = context.addPathReceive[FAMILY_IPV4];
    if (withdrawnStart < withdrawnEnd && context.families[FAMILY_IPV4]) {
      const result = checkNlri(octets, withdrawnStart, withdrawnEnd, FAMILY_ADDRESS_BITS[FAMILY_IPV4], hasPathIds);
      if (result !== NLRI_OK)
        return this.#reset(INVALID_NETWORK_FIELD, '', `In the withdrawn routes ${NLRI_REASONS[result]}`);
      this.withdrawnStart = withdrawnStart;
      this.withdrawnEnd = withdrawnEnd;
    }
    if (hasClassicNlri && context.families[FAMILY_IPV4]) {
      const result = checkNlri(octets, attributesEnd, end, FAMILY_ADDRESS_BITS[FAMILY_IPV4], hasPathIds);
      if (result !== NLRI_OK) return this.#reset(INVALID_NETWORK_FIELD, '', `In the NLRI ${NLRI_REASONS[result]}`);
      this.nlriStart = attributesEnd;
      this.nlriEnd = end;
    }
    if (end - start === EMPTY_UPDATE_OCTETS) {
      if (context.families[FAMILY_IPV4]) this.endOfRib = FAMILY_IPV4;
      return TREATMENT_OK;
    }
    this.#attributesStart = attributesStart;
    this.#attributesEnd = attributesEnd;
    return attributesStart === attributesEnd ? TREATMENT_OK : this.#readAttributes(hasClassicNlri);
  }

  #clear(octets: Uint8Array): void {
    this.octets = octets;
    this.withdrawnStart = 0;
    this.withdrawnEnd = 0;
    this.nlriStart = 0;
    this.nlriEnd = 0;
    this.mpReachFamily = -1;
    this.mpReachStart = 0;
    this.mpReachEnd = 0;
    this.mpUnreachFamily = -1;
    this.mpUnreachStart = 0;
    this.mpUnreachEnd = 0;
    this.endOfRib = -1;
    this.blockOctets = NO_OCTETS;
    this.blockStart = 0;
    this.blockEnd = 0;
    this.blockIsVerbatimCanonical = false;
    this.notification = null;
    if (this.findings.length > 0) this.findings = [];
    this.#attributesStart = 0;
    this.#attributesEnd = 0;
    this.#isAscending = true;
    this.#hasMultiprotocol = false;
    this.#mpReachValueStart = 0;
    this.#carrier = CARRIER_CLASSIC;
    this.#droppedDuplicates = false;
  }

  /** Walks the frames of the attributes and reads MP_REACH_NLRI and MP_UNREACH_NLRI. */
  #readAttributes(hasClassicNlri: boolean): Treatment {
    const octets = this.octets;
    const end = this.#attributesEnd;
    let treatment: Treatment = TREATMENT_OK;
    let hasReach = false;
    let hasReachableNlri = hasClassicNlri;
    let hasUnreach = false;
    let hasOthers = false;
    let previousCode = -1;
    let at = this.#attributesStart;
    while (at < end) {
      const code = octets[at + 1];
      const valueStart = attributeValueStart(octets, at);
      // The length octets are inside the field only when valueStart is; what comes after is another field.
      const valueEnd = valueStart > end ? valueStart : attributeEnd(octets, at);
      if (valueEnd > end) {
        // RFC 7606 §4: the frames are lost from here on, the NLRI field is not.
        this.#attributesEnd = at;
        this.#report(
          null,
          TREATMENT_WITHDRAW,
          MALFORMED_ATTRIBUTE_LIST,
          '',
          'The last attribute exceeds the attributes',
        );
        treatment = TREATMENT_WITHDRAW;
        hasOthers = true;
        break;
      }
      if (code <= previousCode) this.#isAscending = false;
      previousCode = code;
      if (code === ATTRIBUTE_MP_REACH_NLRI || code === ATTRIBUTE_MP_UNREACH_NLRI) {
        const isReach = code === ATTRIBUTE_MP_REACH_NLRI;
        // RFC 7606 §3 g).
        if (isReach ? hasReach : hasUnreach)
          return this.#reset(MALFORMED_ATTRIBUTE_LIST, '', `${attributeName(code)} occurs twice`);
        const isRight = isReach
          ? this.#readMpReach(at, valueStart, valueEnd)
          : this.#readMpUnreach(at, valueStart, valueEnd);
        if (!isRight) return TREATMENT_RESET;
        if (((octets[at] ^ FLAG_OPTIONAL) & (FLAG_OPTIONAL | FLAG_TRANSITIVE)) !== 0) {
          const quoted = quoteAttribute(octets, at, valueEnd);
          this.#report(
            code,
            TREATMENT_WITHDRAW,
            ATTRIBUTE_FLAGS_ERROR,
            quoted,
            `${attributeName(code)} has wrong flags`,
          );
          treatment = TREATMENT_WITHDRAW;
        }
        if (isReach) {
          hasReach = true;
          hasOthers = true;
          // What a family of others announces counts: only an UPDATE that announces nothing is suspicious.
          if (this.mpReachFamily === -1 || this.mpReachStart < this.mpReachEnd) hasReachableNlri = true;
        } else hasUnreach = true;
      } else hasOthers = true;
      at = valueEnd;
    }
    this.#hasMultiprotocol = hasReach || hasUnreach;
    if (hasOthers && !hasReachableNlri) return this.#readWithoutReachableNlri();
    if (hasUnreach && !hasOthers && this.withdrawnStart === this.withdrawnEnd && !hasClassicNlri)
      this.#detectEndOfRib();
    return treatment;
  }

  /** RFC 4724 §2: an MP_UNREACH_NLRI without NLRI and nothing else. */
  #detectEndOfRib(): void {
    if (this.mpUnreachFamily !== -1 && this.mpUnreachStart === this.mpUnreachEnd) this.endOfRib = this.mpUnreachFamily;
  }

  #readMpReach(at: number, valueStart: number, valueEnd: number): boolean {
    const octets = this.octets;
    const problem = mpReachProblem(octets, valueStart, valueEnd, this.context);
    if (problem !== null) return this.#resetForMultiprotocol(ATTRIBUTE_MP_REACH_NLRI, at, valueEnd, problem);
    this.mpReachFamily = negotiatedFamilyAt(octets, valueStart, this.context);
    if (this.mpReachFamily === -1) return true;
    this.#mpReachValueStart = valueStart;
    this.mpReachStart = valueStart + 5 + octets[valueStart + 3];
    this.mpReachEnd = valueEnd;
    return true;
  }

  #readMpUnreach(at: number, valueStart: number, valueEnd: number): boolean {
    const octets = this.octets;
    const problem = mpUnreachProblem(octets, valueStart, valueEnd, this.context);
    if (problem !== null) return this.#resetForMultiprotocol(ATTRIBUTE_MP_UNREACH_NLRI, at, valueEnd, problem);
    this.mpUnreachFamily = negotiatedFamilyAt(octets, valueStart, this.context);
    if (this.mpUnreachFamily === -1) return true;
    this.mpUnreachStart = valueStart + 3;
    this.mpUnreachEnd = valueEnd;
    return true;
  }

  #resetForMultiprotocol(code: number, at: number, end: number, problem: string): false {
    const reason = `${attributeName(code)} is malformed: ${problem}`;
    this.#reset(OPTIONAL_ATTRIBUTE_ERROR, quoteAttribute(this.octets, at, end), reason, code);
    return false;
  }

  /**
   * RFC 7606 §5.2: attributes other than MP_UNREACH_NLRI with no announced prefix to withdraw. Any error worse than
   * attribute-discard means that NLRI may have been lost, and resets the session.
   */
  #readWithoutReachableNlri(): Treatment {
    this.selectBlock(CARRIER_CLASSIC);
    this.#canonicaliser.run(
      this.blockOctets,
      this.blockStart,
      this.blockEnd,
      this.context,
      CARRIER_NONE,
      this.findings,
    );
    if (this.#droppedDuplicates) this.#reportDuplicates();
    const worst = worstFinding(this.findings);
    if (worst === null || worst.treatment < TREATMENT_WITHDRAW) return TREATMENT_OK;
    const reason = `${worst.reason}, and nothing is announced that could be withdrawn`;
    return this.#reset(worst.notification.subcode, worst.notification.data, reason, worst.attribute);
  }

  /**
   * Selects the attributes of one NLRI field: CARRIER_CLASSIC all but MP_REACH_NLRI and MP_UNREACH_NLRI,
   * CARRIER_MULTIPROTOCOL all but NEXT_HOP and MP_UNREACH_NLRI, with MP_REACH_NLRI reduced to its next hop. Ascending
   * codes, first of duplicates, flags as sent: a slice of the message when it is so already.
   */
  selectBlock(carrier: 0 | 1): void {
    this.#carrier = carrier;
    this.#droppedDuplicates = false;
    this.blockIsVerbatimCanonical = false;
    if (carrier === CARRIER_CLASSIC && this.#isAscending && !this.#hasMultiprotocol) {
      this.blockOctets = this.octets;
      this.blockStart = this.#attributesStart;
      this.blockEnd = this.#attributesEnd;
      return;
    }
    const scratch = this.#scratch;
    scratch.restart(this.#attributesEnd - this.#attributesStart + 16);
    if (this.#isAscending)
      for (let at = this.#attributesStart; at < this.#attributesEnd; at = attributeEnd(this.octets, at))
        this.#appendSelected(at);
    else this.#appendSorted();
    this.blockOctets = scratch.octets;
    this.blockStart = 0;
    this.blockEnd = scratch.length;
  }

  #appendSelected(at: number): void {
    const octets = this.octets;
    const code = octets[at + 1];
    if (code === ATTRIBUTE_MP_UNREACH_NLRI) return;
    if (this.#carrier === CARRIER_CLASSIC ? code === ATTRIBUTE_MP_REACH_NLRI : code === ATTRIBUTE_NEXT_HOP) return;
    if (code === ATTRIBUTE_MP_REACH_NLRI) {
      // Without the NLRI; the reserved octet (RFC 4760 §3) is cleared so that it cannot make equal sets different.
      const valueStart = this.#mpReachValueStart;
      const nextHopEnd = valueStart + 4 + octets[valueStart + 3];
      this.#scratch.attributeHeader(FLAG_OPTIONAL, code, nextHopEnd + 1 - valueStart);
      this.#scratch.append(octets, valueStart, nextHopEnd);
      this.#scratch.octets[this.#scratch.length++] = 0;
    } else this.#scratch.append(octets, at, attributeEnd(octets, at));
  }

  /** RFC 7606 §3 g): of attributes that occur again, all but the first are discarded. */
  #appendSorted(): void {
    const first = this.#firstWithCode;
    first.fill(-1);
    for (let at = this.#attributesStart; at < this.#attributesEnd; at = attributeEnd(this.octets, at)) {
      const code = this.octets[at + 1];
      if (first[code] === -1) first[code] = at;
      else this.#droppedDuplicates = true;
    }
    for (let code = 0; code < 256; code++) if (first[code] !== -1) this.#appendSelected(first[code]);
  }

  /**
   * Validates the selected block and replaces it by its canonical form, which is usable when the treatment is
   * TREATMENT_OK or TREATMENT_ATTRIBUTE_DISCARD. TREATMENT_RESET sets `notification`.
   */
  canonicalise(): Treatment {
    const canonicaliser = this.#canonicaliser;
    let treatment = canonicaliser.run(
      this.blockOctets,
      this.blockStart,
      this.blockEnd,
      this.context,
      this.#carrier,
      this.findings,
    );
    this.blockOctets = canonicaliser.octets;
    this.blockStart = canonicaliser.start;
    this.blockEnd = canonicaliser.end;
    this.blockIsVerbatimCanonical = canonicaliser.isVerbatim && !this.#droppedDuplicates;
    if (this.#droppedDuplicates) {
      this.#reportDuplicates();
      if (treatment < TREATMENT_ATTRIBUTE_DISCARD) treatment = TREATMENT_ATTRIBUTE_DISCARD;
    }
    if (treatment === TREATMENT_RESET) {
      const worst = worstFinding(this.findings);
      if (worst !== null) this.notification = { ...worst.notification, reason: worst.reason };
    }
    return treatment;
  }

  #reportDuplicates(): void {
    const reason = 'Attributes occur again; all but the first of each are discarded';
    this.#report(null, TREATMENT_ATTRIBUTE_DISCARD, MALFORMED_ATTRIBUTE_LIST, '', reason);
  }

  #report(attribute: number | null, treatment: Treatment, subcode: number, data: string, reason: string): void {
    this.findings.push({ attribute, treatment, reason, notification: { code: ERROR_UPDATE_MESSAGE, subcode, data } });
  }

  /** Notes an error that ends the session; nothing of the message may be used. */
  #reset(subcode: number, data: string, reason: string, attribute: number | null = null): Treatment {
    this.#report(attribute, TREATMENT_RESET, subcode, data, reason);
    this.notification = { code: ERROR_UPDATE_MESSAGE, subcode, data, reason };
    return TREATMENT_RESET;
  }
}
