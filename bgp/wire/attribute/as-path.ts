/**
 * AS_PATH and AS4_PATH (RFC 4271 §4.3 and §5.1.2, confederation segments RFC 5065 §3): syntax, values, text, and the
 * reconstruction of four-octet paths from speakers that know two octets only (RFC 6793 §4.2.3).
 */

import { SEGMENT_AS_CONFED_SEQUENCE, SEGMENT_AS_CONFED_SET, SEGMENT_AS_SET } from '../../iana.ts';
import type { AsPathSegment } from '../message-types.ts';
import { type OctetWriter, uint16, uint32 } from '../octets.ts';

const SEGMENT_TYPE_NAMES: readonly AsPathSegment['type'][] = [
  'set',
  'sequence',
  'confederation-sequence',
  'confederation-set',
];

/** A segment counts its AS numbers in one octet. */
const MAX_SEGMENT_ASNS = 255;

/* as-path := (segment-type(1) count(1) as(2 or 4)*count)* */

/**
 * What is wrong with the path in [start, end), or null. RFC 7606 §7.2: unknown types, segments that run over the end
 * or leave a rest, empty segments; RFC 7607: AS 0; RFC 5065 §5: confederation segments from outside.
 */
export function asPathProblem(
  octets: Uint8Array,
  start: number,
  end: number,
  asOctets: 2 | 4,
  allowsConfederation: boolean,
): string | null {
  let at = start;
  while (at < end) {
    if (end - at < 2) return 'a segment header is cut off';
    const type = octets[at];
    const count = octets[at + 1];
    if (type < SEGMENT_AS_SET || type > SEGMENT_AS_CONFED_SET) return `segment type ${type} is unknown`;
    if (count === 0) return 'a segment is empty';
    if (type >= SEGMENT_AS_CONFED_SEQUENCE && !allowsConfederation)
      return 'a confederation segment comes from outside of the confederation';
    at += 2;
    const segmentEnd = at + count * asOctets;
    if (segmentEnd > end) return `a segment of ${count} AS numbers exceeds ${end - at} remaining octets`;
    for (; at < segmentEnd; at += asOctets) {
      if (octets[at] !== 0 || octets[at + 1] !== 0) continue;
      if (asOctets === 2 || (octets[at + 2] === 0 && octets[at + 3] === 0)) return 'it contains AS 0 (RFC 7607)';
    }
  }
  return null;
}

/** The segments of a path in which `asPathProblem` found nothing. */
export function decodeAsPath(octets: Uint8Array, start: number, end: number, asOctets: 2 | 4): AsPathSegment[] {
  const segments: AsPathSegment[] = [];
  let at = start;
  while (at < end) {
    const type = SEGMENT_TYPE_NAMES[octets[at] - 1];
    const segmentEnd = at + 2 + octets[at + 1] * asOctets;
    const asns: number[] = [];
    for (at += 2; at < segmentEnd; at += asOctets) asns.push(asOctets === 2 ? uint16(octets, at) : uint32(octets, at));
    segments.push({ type, asns });
  }
  return segments;
}

/** Appends a path; a segment of more than 255 AS numbers is written as several. */
export function writeAsPath(writer: OctetWriter, segments: readonly AsPathSegment[], asOctets: 2 | 4): void {
  for (const segment of segments) {
    for (let from = 0; from < segment.asns.length; from += MAX_SEGMENT_ASNS) {
      const asns = segment.asns.slice(from, from + MAX_SEGMENT_ASNS);
      writer.uint8(SEGMENT_TYPE_NAMES.indexOf(segment.type) + 1).uint8(asns.length);
      for (const as of asns) {
        if (asOctets === 2) writer.uint16(as);
        else writer.uint32(as);
      }
    }
  }
}

function isConfederationSegment(segment: AsPathSegment): boolean {
  return segment.type === 'confederation-sequence' || segment.type === 'confederation-set';
}

/** Length as RFC 4271 §9.1.2.2 a) and RFC 5065 §5.3 count it: a set is 1, confederation segments are 0. */
export function asPathLength(segments: readonly AsPathSegment[]): number {
  let length = 0;
  for (const segment of segments)
    length += segment.type === 'sequence' ? segment.asns.length : segment.type === 'set' ? 1 : 0;
  return length;
}

/**
 * RFC 6793 §4.2.3: the path of a two-octet speaker with AS_TRANS replaced by what AS4_PATH remembers. The leading AS
 * numbers of AS_PATH that AS4_PATH lacks are kept in front of it; a longer AS4_PATH is ignored. Confederation segments
 * of AS4_PATH have no meaning (RFC 6793 §3) and are dropped.
 */
export function mergeAs4Path(
  asPath: readonly AsPathSegment[],
  as4Path: readonly AsPathSegment[],
): readonly AsPathSegment[] {
  const tail = as4Path.filter((segment) => !isConfederationSegment(segment));
  const tailLength = asPathLength(tail);
  let missing = asPathLength(asPath) - tailLength;
  if (tailLength === 0 || missing < 0) return asPath;
  const merged: AsPathSegment[] = [];
  for (const segment of asPath) {
    // Confederation segments count nothing: those that stand before the replaced part are kept with it.
    if (isConfederationSegment(segment)) {
      merged.push(segment);
      continue;
    }
    if (missing === 0) break;
    if (segment.type === 'set') {
      merged.push(segment);
      missing -= 1;
    } else {
      merged.push({ type: 'sequence', asns: segment.asns.slice(0, missing) });
      if (segment.asns.length > missing) break;
      missing -= segment.asns.length;
    }
  }
  // A sequence that was cut in two by the replacement becomes one again, so that the path looks as it was sent.
  const last = merged.at(-1);
  const first = tail[0];
  if (
    last?.type === 'sequence' &&
    first.type === 'sequence' &&
    last.asns.length + first.asns.length <= MAX_SEGMENT_ASNS
  ) {
    merged[merged.length - 1] = { type: 'sequence', asns: [...last.asns, ...first.asns] };
    return [...merged, ...tail.slice(1)];
  }
  return [...merged, ...tail];
}

const SEGMENT_TEXT: Readonly<Record<AsPathSegment['type'], readonly [string, string, string]>> = {
  sequence: ['', ' ', ''],
  set: ['{', ',', '}'],
  'confederation-sequence': ['(', ' ', ')'],
  'confederation-set': ['[', ',', ']'],
};

/** `65001 65002 {65003,65004}`; confederation sequences in (), confederation sets in []. */
export function formatAsPath(segments: readonly AsPathSegment[]): string {
  return segments
    .map((segment) => {
      const [open, separator, close] = SEGMENT_TEXT[segment.type];
      return open + segment.asns.join(separator) + close;
    })
    .join(' ');
}
