/**
 * Makes a received attribute block canonical and decides what RFC 7606 does with what is wrong in it. Canonical is what
 * would go on the wire again to an internal peer: ascending codes, flags as specified, four-octet AS numbers (RFC 6793
 * merged), nothing that is malformed, unaccepted from this peer or unknown and not transitive. Equal attributes give
 * equal octets, which makes the block the identity of an attribute set in the RIB.
 */

import {
  ATTRIBUTE_AGGREGATOR,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_AS4_AGGREGATOR,
  ATTRIBUTE_AS4_PATH,
  ATTRIBUTE_FLAGS_ERROR,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ORIGIN,
  ERROR_UPDATE_MESSAGE,
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_PARTIAL,
  FLAG_TRANSITIVE,
  INVALID_NEXT_HOP,
  MALFORMED_ATTRIBUTE_LIST,
  MISSING_WELL_KNOWN_ATTRIBUTE,
  OTHER_OPTIONAL_ATTRIBUTES,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
} from '../../iana.ts';
import {
  type Finding,
  TREATMENT_ATTRIBUTE_DISCARD,
  TREATMENT_OK,
  TREATMENT_RESET,
  TREATMENT_WITHDRAW,
  type Treatment,
} from '../error.ts';
import { MAX_MESSAGE_OCTETS } from '../framer.ts';
import { toHex } from '../octets.ts';
import { Scratch } from '../scratch.ts';
import type { UpdateContext } from '../update-context.ts';
import { type As4Memory, appendWideAggregator, appendWideAsPath, findAs4Memory } from './four-octet-as.ts';
import { attributeEnd, attributeValueStart } from './frame.ts';
import { nextHopProblem } from './next-hop.ts';
import { ATTRIBUTE_TABLE, type AttributeDescriptor, attributeName, isAcceptedFrom } from './table.ts';

/** What the block has to carry: routes in the classic NLRI field, routes in MP_REACH_NLRI, or no route at all. */
export const CARRIER_CLASSIC = 0;
export const CARRIER_MULTIPROTOCOL = 1;
export const CARRIER_NONE = 2;
export type Carrier = 0 | 1 | 2;

/** No UPDATE can carry more, so no set of attributes may grow beyond it. */
const MAX_BLOCK_OCTETS = 65535;
/** Attributes quoted in a NOTIFICATION are cut here, so that it stays within 4096 octets. */
const MAX_QUOTED_OCTETS = MAX_MESSAGE_OCTETS - 21;

const OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE;

const SEEN_ORIGIN = 1;
const SEEN_AS_PATH = 2;
const SEEN_NEXT_HOP = 4;

/** The attribute at [start, end) as hexadecimal, for the data field of a NOTIFICATION. */
export function quoteAttribute(octets: Uint8Array, start: number, end: number): string {
  return toHex(octets, start, Math.min(end, start + MAX_QUOTED_OCTETS));
}

/** One per UpdateReader. `run` may be called again and again; results are valid until the next call. */
export class Canonicaliser {
  octets: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** The canonical block is [start, end) of the octets that `run` was given, unchanged. */
  isVerbatim = true;
  #scratch = new Scratch();
  #treatment: Treatment = TREATMENT_OK;
  #findings: Finding[] = [];

  /**
   * Reads the block [start, end): attributes in ascending code order whose frames have been checked. Errors are added
   * to `findings`. Returns the worst treatment.
   */
  run(
    octets: Uint8Array,
    start: number,
    end: number,
    context: UpdateContext,
    carrier: Carrier,
    findings: Finding[],
  ): Treatment {
    this.#treatment = TREATMENT_OK;
    this.#findings = findings;
    this.octets = octets;
    this.start = start;
    this.end = end;
    this.isVerbatim = true;
    const memory = context.asn4 ? null : findAs4Memory(octets, start, end, context);

    let seen = 0;
    for (let at = start; at < end; ) {
      const code = octets[at + 1];
      const valueStart = attributeValueStart(octets, at);
      const valueEnd = attributeEnd(octets, at);
      const descriptor = ATTRIBUTE_TABLE[code];
      if (descriptor === undefined) {
        // RFC 4271 §5: the Partial bit says that someone on the way did not know the attribute: now we are one of them.
        if (this.#isPassedOn(octets, at, valueEnd))
          this.#keep(octets, at, valueStart, valueEnd, OPTIONAL_TRANSITIVE | FLAG_PARTIAL);
        else this.#diverge(at);
      } else {
        seen |= code === ATTRIBUTE_ORIGIN ? SEEN_ORIGIN : code === ATTRIBUTE_AS_PATH ? SEEN_AS_PATH : 0;
        if (code === ATTRIBUTE_NEXT_HOP) seen |= SEEN_NEXT_HOP;
        if (!this.#isUsable(descriptor, octets, at, valueStart, valueEnd, context)) this.#diverge(at);
        else {
          if (carrier !== CARRIER_NONE) this.#checkNextHop(code, octets, at, valueStart, valueEnd, context);
          const partial = descriptor.flags === OPTIONAL_TRANSITIVE ? octets[at] & FLAG_PARTIAL : 0;
          if (memory === null || !this.#widen(code, octets, at, memory))
            this.#keep(octets, at, valueStart, valueEnd, descriptor.flags | partial);
        }
      }
      at = valueEnd;
    }
    if (carrier !== CARRIER_NONE) this.#checkMandatory(seen, carrier);
    if (!this.isVerbatim) {
      this.octets = this.#scratch.octets;
      this.start = 0;
      this.end = this.#scratch.length;
    }
    if (this.end - this.start > MAX_BLOCK_OCTETS)
      this.#report(null, TREATMENT_WITHDRAW, MALFORMED_ATTRIBUTE_LIST, '', 'The attributes exceed every UPDATE');
    return this.#treatment;
  }

  /** RFC 4271 §5: an attribute that no row of the table describes. True when it is to be passed on. */
  #isPassedOn(octets: Uint8Array, at: number, end: number): boolean {
    const flags = octets[at];
    const code = octets[at + 1];
    if ((flags & FLAG_OPTIONAL) === 0) {
      const quoted = quoteAttribute(octets, at, end);
      // What the registry lists as optional is recognised well enough to know that only its flags are wrong.
      if (OTHER_OPTIONAL_ATTRIBUTES[code] !== undefined) {
        const reason = `${attributeName(code)} is marked well-known`;
        this.#report(code, TREATMENT_WITHDRAW, ATTRIBUTE_FLAGS_ERROR, quoted, reason);
      } else {
        const reason = `The well-known attribute ${code} is not recognised`;
        this.#report(code, TREATMENT_RESET, UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, quoted, reason);
      }
      return false;
    }
    if (code === 0) {
      // Reserved by IANA, and by the RIB for routes that are not of BGP: never let in.
      const reason = 'Attribute 0 is reserved';
      this.#report(0, TREATMENT_ATTRIBUTE_DISCARD, MALFORMED_ATTRIBUTE_LIST, quoteAttribute(octets, at, end), reason);
      return false;
    }
    return (flags & FLAG_TRANSITIVE) !== 0;
  }

  #isUsable(
    descriptor: AttributeDescriptor,
    octets: Uint8Array,
    at: number,
    valueStart: number,
    valueEnd: number,
    context: UpdateContext,
  ): boolean {
    const { code, name } = descriptor;
    // RFC 7606 §3 c): only these two bits; a Partial bit where none belongs is put right without a word.
    if (((octets[at] ^ descriptor.flags) & (FLAG_OPTIONAL | FLAG_TRANSITIVE)) !== 0) {
      const reason = `${name} has the flags 0x${toHex(octets, at, at + 1)}`;
      const quoted = quoteAttribute(octets, at, valueEnd);
      this.#report(code, descriptor.onWrongFlags, ATTRIBUTE_FLAGS_ERROR, quoted, reason);
      return false;
    }
    if (!isAcceptedFrom(descriptor, context)) {
      if (descriptor.whenNotAccepted !== null) {
        const reason = `${name} is not accepted from this kind of peer`;
        const quoted = quoteAttribute(octets, at, valueEnd);
        this.#report(code, descriptor.whenNotAccepted, descriptor.subcode, quoted, reason);
      }
      return false;
    }
    const problem = descriptor.problem(octets, valueStart, valueEnd, context);
    if (problem === null) return true;
    const quoted = quoteAttribute(octets, at, valueEnd);
    this.#report(code, descriptor.onMalformed, descriptor.subcode, quoted, `${name} is malformed: ${problem}`);
    return false;
  }

  /** RFC 4271 §6.3: a next hop that no host can have. RFC 7606 keeps the session; the routes are withdrawn. */
  #checkNextHop(
    code: number,
    octets: Uint8Array,
    at: number,
    valueStart: number,
    valueEnd: number,
    context: UpdateContext,
  ): void {
    const isOverLoopback = context.isOverLoopback === true;
    let problem: string | null = null;
    if (code === ATTRIBUTE_NEXT_HOP) problem = nextHopProblem(octets, valueStart, valueEnd, isOverLoopback);
    else if (code === ATTRIBUTE_MP_REACH_NLRI)
      problem = nextHopProblem(octets, valueStart + 4, valueStart + 4 + octets[valueStart + 3], isOverLoopback);
    if (problem === null) return;
    const reason = `The next hop ${problem}`;
    this.#report(code, TREATMENT_WITHDRAW, INVALID_NEXT_HOP, quoteAttribute(octets, at, valueEnd), reason);
  }

  /**
   * RFC 7606 §3 d). LOCAL_PREF, which RFC 4271 §5.1.5 wants from internal peers, may be missing: the decision process
   * then uses the default, as other speakers do.
   */
  #checkMandatory(seen: number, carrier: Carrier): void {
    if ((seen & SEEN_ORIGIN) === 0) this.#reportMissing(ATTRIBUTE_ORIGIN);
    if ((seen & SEEN_AS_PATH) === 0) this.#reportMissing(ATTRIBUTE_AS_PATH);
    if ((seen & SEEN_NEXT_HOP) === 0 && carrier === CARRIER_CLASSIC) this.#reportMissing(ATTRIBUTE_NEXT_HOP);
  }

  #reportMissing(code: number): void {
    const reason = `${attributeName(code)} is missing`;
    this.#report(code, TREATMENT_WITHDRAW, MISSING_WELL_KNOWN_ATTRIBUTE, toHex(Uint8Array.of(code)), reason);
  }

  #report(attribute: number | null, treatment: Treatment, subcode: number, data: string, reason: string): void {
    if (treatment > this.#treatment) this.#treatment = treatment;
    this.#findings.push({ attribute, treatment, reason, notification: { code: ERROR_UPDATE_MESSAGE, subcode, data } });
  }

  /** From here on the canonical block is another one: what came before `at` was canonical and is copied. */
  #diverge(at: number): void {
    if (!this.isVerbatim) return;
    this.isVerbatim = false;
    // Widening AS numbers at most doubles an attribute and may make its length extended.
    this.#scratch.restart(2 * (this.end - this.start) + 64);
    this.#scratch.append(this.octets, this.start, at);
  }

  /** From a two-octet speaker: replaces what holds AS numbers. False when the attribute is none of these. */
  #widen(code: number, octets: Uint8Array, at: number, memory: As4Memory): boolean {
    switch (code) {
      case ATTRIBUTE_AS_PATH:
        this.#diverge(at);
        appendWideAsPath(this.#scratch, octets, at, memory);
        return true;
      case ATTRIBUTE_AGGREGATOR:
        this.#diverge(at);
        appendWideAggregator(this.#scratch, octets, at, memory);
        return true;
      case ATTRIBUTE_AS4_PATH:
      case ATTRIBUTE_AS4_AGGREGATOR:
        this.#diverge(at);
        return true;
      default:
        return false;
    }
  }

  #keep(octets: Uint8Array, at: number, valueStart: number, valueEnd: number, flags: number): void {
    const length = valueEnd - valueStart;
    if (this.isVerbatim) {
      if (octets[at] === (length > 255 ? flags | FLAG_EXTENDED_LENGTH : flags)) return;
      this.#diverge(at);
    }
    this.#scratch.attributeHeader(flags, octets[at + 1], length);
    this.#scratch.append(octets, valueStart, valueEnd);
  }
}
