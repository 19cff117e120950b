/**
 * Attributes for a peer that knows only AS numbers of two octets (RFC 6793 4.2.2): AS_PATH and AGGREGATOR with AS_TRANS
 * in the place of larger ones, and the whole truth in AS4_PATH and AS4_AGGREGATOR when there was a larger one.
 */

import { ATTRIBUTE_AS_PATH } from './attribute-parser.ts';

const ATTRIBUTE_AGGREGATOR = 7;
const ATTRIBUTE_AS4_PATH = 17;
const ATTRIBUTE_AS4_AGGREGATOR = 18;
const AS_TRANS = 23456;
const AS_CONFED_SEQUENCE = 3;
const FLAGS_OPTIONAL_TRANSITIVE = 0xc0;
const FLAG_EXTENDED_LENGTH = 0x10;
/** AS4_PATH and AS4_AGGREGATOR have their place behind this code. */
const LAST_CODE_BEFORE_AS4 = 16;

/** The most that a block of `octets` can grow to: each AS number of AS_PATH adds two octets, headers ten. */
export function twoOctetBlockLimit(octets: number): number {
  return octets + (octets >>> 1) + 32;
}

/**
 * Writes the attributes in [start, end) of `source` to `into` from 0 on, with AS numbers of two octets; returns how
 * many octets were written. `into` must have room for twoOctetBlockLimit(end - start).
 */
export function writeTwoOctetBlock(source: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let pathAt = -1;
  let pathEnd = -1;
  let aggregatorAt = -1;
  let written = 0;
  let as4Written = false;
  for (let at = start; at < end; ) {
    const extended = (source[at] & FLAG_EXTENDED_LENGTH) !== 0;
    const code = source[at + 1];
    const value = at + (extended ? 4 : 3);
    const next = value + (extended ? (source[at + 2] << 8) | source[at + 3] : source[at + 2]);
    if (code > LAST_CODE_BEFORE_AS4 && !as4Written) {
      written = writeAs4Attributes(source, pathAt, pathEnd, aggregatorAt, into, written);
      as4Written = true;
    }
    if (code === ATTRIBUTE_AS_PATH) {
      if (hasLargeAs(source, value, next)) {
        pathAt = value;
        pathEnd = next;
      }
      written = writeAsPath(source, source[at], value, next, into, written);
    } else if (code === ATTRIBUTE_AGGREGATOR && next - value === 8) {
      if (isLarge(source, value)) aggregatorAt = value;
      into[written++] = source[at] & ~FLAG_EXTENDED_LENGTH;
      into[written++] = code;
      into[written++] = 6;
      written = writeAs(source, value, into, written);
      for (let i = 4; i < 8; i++) into[written++] = source[value + i];
    } else {
      for (let i = at; i < next; i++) into[written++] = source[i];
    }
    at = next;
  }
  return as4Written ? written : writeAs4Attributes(source, pathAt, pathEnd, aggregatorAt, into, written);
}

function writeAs4Attributes(
  source: Uint8Array,
  pathAt: number,
  pathEnd: number,
  aggregatorAt: number,
  into: Uint8Array,
  start: number,
): number {
  let written = start;
  if (pathAt >= 0) {
    // Segments of confederations are not part of AS4_PATH (RFC 6793 3).
    let octets = 0;
    for (let at = pathAt; at < pathEnd; at += 2 + source[at + 1] * 4) {
      if (source[at] < AS_CONFED_SEQUENCE) octets += 2 + source[at + 1] * 4;
    }
    if (octets > 0) {
      written = writeHeader(FLAGS_OPTIONAL_TRANSITIVE, ATTRIBUTE_AS4_PATH, octets, into, written);
      for (let at = pathAt; at < pathEnd; ) {
        const next = at + 2 + source[at + 1] * 4;
        if (source[at] < AS_CONFED_SEQUENCE) for (let i = at; i < next; i++) into[written++] = source[i];
        at = next;
      }
    }
  }
  if (aggregatorAt >= 0) {
    written = writeHeader(FLAGS_OPTIONAL_TRANSITIVE, ATTRIBUTE_AS4_AGGREGATOR, 8, into, written);
    for (let i = 0; i < 8; i++) into[written++] = source[aggregatorAt + i];
  }
  return written;
}

function writeAsPath(
  source: Uint8Array,
  flags: number,
  start: number,
  end: number,
  into: Uint8Array,
  written: number,
): number {
  let octets = 0;
  for (let at = start; at < end; at += 2 + source[at + 1] * 4) octets += 2 + source[at + 1] * 2;
  let to = writeHeader(flags & ~FLAG_EXTENDED_LENGTH, ATTRIBUTE_AS_PATH, octets, into, written);
  for (let at = start; at < end; ) {
    const next = at + 2 + source[at + 1] * 4;
    into[to++] = source[at];
    into[to++] = source[at + 1];
    for (let as = at + 2; as < next; as += 4) to = writeAs(source, as, into, to);
    at = next;
  }
  return to;
}

function writeHeader(flags: number, code: number, octets: number, into: Uint8Array, written: number): number {
  let to = written;
  into[to++] = octets > 255 ? flags | FLAG_EXTENDED_LENGTH : flags;
  into[to++] = code;
  if (octets > 255) into[to++] = octets >>> 8;
  into[to++] = octets & 255;
  return to;
}

function isLarge(source: Uint8Array, at: number): boolean {
  return (source[at] | source[at + 1]) !== 0;
}

function writeAs(source: Uint8Array, at: number, into: Uint8Array, written: number): number {
  const large = isLarge(source, at);
  into[written] = large ? AS_TRANS >>> 8 : source[at + 2];
  into[written + 1] = large ? AS_TRANS & 255 : source[at + 3];
  return written + 2;
}

function hasLargeAs(source: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = at + 2 + source[at + 1] * 4;
    for (let as = at + 2; as < next; as += 4) if (isLarge(source, as)) return true;
    at = next;
  }
  return false;
}
