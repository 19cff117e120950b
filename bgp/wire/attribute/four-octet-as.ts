/**
 * From speakers without four-octet AS numbers (RFC 6793 §4.2.3): AS_PATH and AGGREGATOR are widened, with what AS4_PATH
 * and AS4_AGGREGATOR remember in the place of AS_TRANS. Slow path: only sessions with old speakers come here. The way
 * back, for sending to them, is the RIB's (rib/two-octet-as.ts).
 */

import {
  AS_TRANS,
  ATTRIBUTE_AGGREGATOR,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_AS4_AGGREGATOR,
  ATTRIBUTE_AS4_PATH,
  FLAG_OPTIONAL,
  FLAG_PARTIAL,
  FLAG_TRANSITIVE,
} from '../../iana.ts';
import type { AsPathSegment } from '../message-types.ts';
import { OctetWriter, uint16 } from '../octets.ts';
import type { Scratch } from '../scratch.ts';
import type { UpdateContext } from '../update-context.ts';
import { decodeAsPath, mergeAs4Path, writeAsPath } from './as-path.ts';
import { attributeEnd, attributeValueStart, findAttribute } from './frame.ts';
import { ATTRIBUTE_TABLE } from './table.ts';

/** What a two-octet speaker's block remembers of four-octet AS numbers: offsets of attributes, -1 where absent. */
export interface As4Memory {
  readonly path: number;
  readonly aggregator: number;
}

const NOTHING_REMEMBERED: As4Memory = { path: -1, aggregator: -1 };

/** Finds usable AS4_PATH and AS4_AGGREGATOR in the block [start, end) of a two-octet speaker. */
export function findAs4Memory(octets: Uint8Array, start: number, end: number, context: UpdateContext): As4Memory {
  const path = findUsable(octets, start, end, ATTRIBUTE_AS4_PATH, context);
  const aggregator = findUsable(octets, start, end, ATTRIBUTE_AS4_AGGREGATOR, context);
  const narrowAggregator = findUsable(octets, start, end, ATTRIBUTE_AGGREGATOR, context);
  // RFC 6793 §4.2.3: an aggregator other than AS_TRANS is one that did not know of AS4_*, which are outdated then.
  if (
    aggregator !== -1 &&
    narrowAggregator !== -1 &&
    uint16(octets, attributeValueStart(octets, narrowAggregator)) !== AS_TRANS
  )
    return NOTHING_REMEMBERED;
  return { path, aggregator };
}

function findUsable(octets: Uint8Array, start: number, end: number, code: number, context: UpdateContext): number {
  const at = findAttribute(octets, start, end, code);
  const descriptor = ATTRIBUTE_TABLE[code];
  if (at === -1 || descriptor === undefined) return -1;
  if (((octets[at] ^ descriptor.flags) & (FLAG_OPTIONAL | FLAG_TRANSITIVE)) !== 0) return -1;
  const problem = descriptor.problem(octets, attributeValueStart(octets, at), attributeEnd(octets, at), context);
  return problem === null ? at : -1;
}

/** Appends the two-octet AS_PATH at `at` as a four-octet one. */
export function appendWideAsPath(scratch: Scratch, octets: Uint8Array, at: number, memory: As4Memory): void {
  let path: readonly AsPathSegment[] = decodeAsPath(
    octets,
    attributeValueStart(octets, at),
    attributeEnd(octets, at),
    2,
  );
  if (memory.path !== -1) {
    const valueStart = attributeValueStart(octets, memory.path);
    path = mergeAs4Path(path, decodeAsPath(octets, valueStart, attributeEnd(octets, memory.path), 4));
  }
  const writer = new OctetWriter();
  writeAsPath(writer, path, 4);
  const value = writer.take();
  scratch.attributeHeader(FLAG_TRANSITIVE, ATTRIBUTE_AS_PATH, value.length);
  scratch.append(value, 0, value.length);
}

/** Appends the two-octet AGGREGATOR at `at` as a four-octet one. */
export function appendWideAggregator(scratch: Scratch, octets: Uint8Array, at: number, memory: As4Memory): void {
  const valueStart = attributeValueStart(octets, at);
  const flags = FLAG_OPTIONAL | FLAG_TRANSITIVE | (octets[at] & FLAG_PARTIAL);
  scratch.attributeHeader(flags, ATTRIBUTE_AGGREGATOR, 8);
  if (memory.aggregator !== -1 && uint16(octets, valueStart) === AS_TRANS) {
    const remembered = attributeValueStart(octets, memory.aggregator);
    scratch.append(octets, remembered, remembered + 8);
  } else {
    scratch.uint16(0);
    scratch.append(octets, valueStart, valueStart + 6);
  }
}
