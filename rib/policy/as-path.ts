/**
 * AS_PATH values of canonical blocks (four-octet AS numbers), read and rewritten as octets.
 *
 * `AS_PATH := segment... ; segment := type(1) count(1) AS(4)...`, sizes in octets: RFC 4271 4.3 b) and 5.1.2, RFC 6793,
 * and the confederation segments of RFC 5065. Values are already validated: no overrun, no empty segment.
 */

import {
  SEGMENT_AS_CONFED_SEQUENCE,
  SEGMENT_AS_CONFED_SET,
  SEGMENT_AS_SEQUENCE,
  SEGMENT_AS_SET,
} from '../../bgp/iana.ts';
import { uint32 } from '../../bgp/wire/octets.ts';
import { MASK_ANY_ONE, MASK_ANY_RUN } from './compiled.ts';

const SEGMENT_LIMIT = 255;

/** Private Use AS numbers, RFC 6996. */
export function isPrivateAs(as: number): boolean {
  return (as >= 64512 && as <= 65534) || (as >= 4200000000 && as <= 4294967294);
}

/**
 * True when the path consisting of `front[0 .. frontCount)` and then the AS_PATH value in [start, end) begins with
 * `asns`. An AS_SET is one position, which matches when it holds the AS; confederation segments are no positions.
 */
export function asPathStartsWith(
  front: Uint32Array,
  frontCount: number,
  octets: Uint8Array,
  start: number,
  end: number,
  asns: readonly number[],
): boolean {
  let wanted = 0;
  for (; wanted < asns.length && wanted < frontCount; wanted++) if (front[wanted] !== asns[wanted]) return false;
  let at = start;
  while (wanted < asns.length) {
    if (at >= end) return false;
    const type = octets[at];
    const count = octets[at + 1];
    const next = at + 2 + count * 4;
    if (type === SEGMENT_AS_SEQUENCE) {
      for (let as = at + 2; as < next && wanted < asns.length; as += 4)
        if (uint32(octets, as) !== asns[wanted++]) return false;
    } else if (type === SEGMENT_AS_SET) {
      let holds = false;
      for (let as = at + 2; as < next && !holds; as += 4) holds = uint32(octets, as) === asns[wanted];
      if (!holds) return false;
      wanted++;
    }
    at = next;
  }
  return true;
}

/** True when some AS of the path is within one of the ranges: `low, high, low, high, ...`. */
export function asPathHolds(
  front: Uint32Array,
  frontCount: number,
  octets: Uint8Array,
  start: number,
  end: number,
  ranges: readonly number[],
): boolean {
  for (let i = 0; i < frontCount; i++) if (isInRanges(front[i], ranges)) return true;
  let next = start;
  for (let at = start; at < end; at = next) {
    next = at + 2 + octets[at + 1] * 4;
    if (octets[at] !== SEGMENT_AS_SEQUENCE && octets[at] !== SEGMENT_AS_SET) continue;
    for (let as = at + 2; as < next; as += 4) if (isInRanges(uint32(octets, as), ranges)) return true;
  }
  return false;
}

function isInRanges(as: number, ranges: readonly number[]): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (as >= ranges[i] && as <= ranges[i + 1]) return true;
  return false;
}

/** Whether the segment at `at` says that the position `index` in it is `as`. */
function positionIs(octets: Uint8Array, at: number, index: number, as: number): boolean {
  if (octets[at] === SEGMENT_AS_SEQUENCE) return uint32(octets, at + 2 + index * 4) === as;
  const next = at + 2 + octets[at + 1] * 4;
  for (let member = at + 2; member < next; member += 4) if (uint32(octets, member) === as) return true;
  return false;
}

/** How many positions the segment at `at` is. */
function positionsOf(octets: Uint8Array, at: number): number {
  if (octets[at] === SEGMENT_AS_SEQUENCE) return octets[at + 1];
  return octets[at] === SEGMENT_AS_SET ? 1 : 0;
}

/**
 * True when the whole path, `front[0 .. frontCount)` and then the AS_PATH value in [start, end), is as `mask` says (AS
 * numbers and MASK_ items). Positions are those of asPathStartsWith. A run is found by going back to the last one.
 */
export function asPathMatchesMask(
  front: Uint32Array,
  frontCount: number,
  octets: Uint8Array,
  start: number,
  end: number,
  mask: readonly number[],
): boolean {
  // The position that is looked at: in front while there is one, else `index` in the segment `at`.
  let infront = 0;
  let at = start;
  let index = 0;
  let wanted = 0;
  // Where the last run of the mask is, and the position up to which it has eaten.
  let run = -1;
  let runInfront = 0;
  let runAt = 0;
  let runIndex = 0;
  for (;;) {
    if (infront >= frontCount) {
      while (at < end && index >= positionsOf(octets, at)) {
        at += 2 + octets[at + 1] * 4;
        index = 0;
      }
    }
    const item = wanted < mask.length ? mask[wanted] : undefined;
    if (item === MASK_ANY_RUN) {
      run = wanted++;
      runInfront = infront;
      runAt = at;
      runIndex = index;
      continue;
    }
    const isEnd = infront >= frontCount && at >= end;
    if (isEnd) return item === undefined;
    const fits =
      item !== undefined &&
      (item === MASK_ANY_ONE || (infront < frontCount ? front[infront] === item : positionIs(octets, at, index, item)));
    if (fits) wanted++;
    else if (run < 0) return false;
    else {
      // The run eats one position more: look at it again, one further.
      wanted = run;
      infront = runInfront;
      at = runAt;
      index = runIndex;
    }
    if (infront < frontCount) infront++;
    else index++;
  }
}

/**
 * Copies the AS_PATH value in [start, end) to `target` at `to` without confederation segments (RFC 5065 section 4: they
 * never leave the confederation) and, when asked, without Private Use AS numbers, except `keepAs`: without that one
 * its owner could not see the loop. Emptied segments go. Returns the end of the copy, which is never longer.
 */
export function copyFilteredAsPath(
  octets: Uint8Array,
  start: number,
  end: number,
  removePrivate: boolean,
  keepAs: number,
  target: Uint8Array,
  to: number,
): number {
  let out = to;
  let next = start;
  for (let at = start; at < end; at = next) {
    const type = octets[at];
    next = at + 2 + octets[at + 1] * 4;
    if (type === SEGMENT_AS_CONFED_SEQUENCE || type === SEGMENT_AS_CONFED_SET) continue;
    let kept = 0;
    for (let as = at + 2; as < next; as += 4) {
      const value = uint32(octets, as);
      if (removePrivate && value !== keepAs && isPrivateAs(value)) continue;
      const put = out + 2 + kept * 4;
      target[put] = octets[as];
      target[put + 1] = octets[as + 1];
      target[put + 2] = octets[as + 2];
      target[put + 3] = octets[as + 3];
      kept++;
    }
    if (kept === 0) continue;
    target[out] = type;
    target[out + 1] = kept;
    out += 2 + kept * 4;
  }
  return out;
}

/**
 * Puts `as` in front of the AS_PATH value [start, end) in place, growing towards lower offsets: into the first segment
 * when it is an AS_SEQUENCE with room, else as an AS_SEQUENCE of its own (RFC 4271 5.1.2). Returns the new start; the
 * caller has reserved six octets before the old one.
 */
export function prependAs(octets: Uint8Array, start: number, end: number, as: number): number {
  const extend = start < end && octets[start] === SEGMENT_AS_SEQUENCE && octets[start + 1] < SEGMENT_LIMIT;
  const count = extend ? octets[start + 1] + 1 : 1;
  const head = extend ? start - 4 : start - 6;
  octets[head] = SEGMENT_AS_SEQUENCE;
  octets[head + 1] = count;
  octets[head + 2] = as >>> 24;
  octets[head + 3] = (as >>> 16) & 255;
  octets[head + 4] = (as >>> 8) & 255;
  octets[head + 5] = as & 255;
  return head;
}
