/**
 * Every line of the message corpus: the outcome is one that the line accepts, the content is what it says, and the hot
 * path (UpdateReader) and the full decoder agree. MESSAGES=FILE checks another file of the same format.
 */

import { describe, expect, test } from 'vitest';
import { TREATMENT_NAMES, TREATMENT_RESET, TREATMENT_WITHDRAW } from '../../bgp/wire/error.ts';
import { FRAME_ERROR, FRAME_INCOMPLETE, Framer, MAX_EXTENDED_MESSAGE_OCTETS } from '../../bgp/wire/framer.ts';
import { type DecodeResult, decodeMessage } from '../../bgp/wire/message.ts';
import type { Nlri, UpdateMessage } from '../../bgp/wire/message-types.ts';
import { fromHex } from '../../bgp/wire/octets.ts';
import { encodeAttributes } from '../../bgp/wire/path-attributes.ts';
import { UpdateReader } from '../../bgp/wire/update-reader.ts';
import { expectedAttributes } from './expected-attributes.ts';
import { type CorpusLine, loadCorpus, updateContextOfLine } from './messages-corpus.ts';
import { comparable } from './neutral.ts';
import { type ReaderOutcome, readOutcome } from './update-outcome.ts';

const { lines, missing } = loadCorpus();

/** The octets as they come out of a framer, decoded; null while the framer waits for more. */
function receive(line: CorpusLine): { readonly result: DecodeResult; readonly octets: Uint8Array } | null {
  const framer = new Framer(64);
  if (line.context?.extMsg === true) framer.maxMessageOctets = MAX_EXTENDED_MESSAGE_OCTETS;
  framer.push(fromHex(line.hex) ?? new Uint8Array(0));
  const found = framer.next();
  if (found === FRAME_INCOMPLETE) return null;
  if (found === FRAME_ERROR && framer.error !== null)
    return { result: { ok: false, error: framer.error }, octets: new Uint8Array(0) };
  const octets = framer.octets.slice(framer.messageStart, framer.messageEnd);
  return { result: decodeMessage(octets, updateContextOfLine(line)), octets };
}

function outcomeOf(result: DecodeResult): string {
  if (!result.ok) return `session-reset ${result.error.code}/${result.error.subcode}`;
  if (result.message.type === 'notification') return 'close';
  return result.message.type === 'update' ? TREATMENT_NAMES[result.message.treatment] : 'ok';
}

/** Prefixes by family, from the full decode. */
function prefixesOf(message: UpdateMessage, code: 14 | 15, classic: readonly Nlri[]): Nlri[][] {
  const byFamily: Nlri[][] = [[...classic], []];
  for (const attribute of message.attributes) {
    if (attribute.code !== code || attribute.value === null) continue;
    const value = attribute.value as { afi: number; safi: number; nlri?: readonly Nlri[] };
    if (value.safi === 1 && (value.afi === 1 || value.afi === 2)) byFamily[value.afi - 1].push(...(value.nlri ?? []));
  }
  return byFamily;
}

function expectReaderAgrees(line: CorpusLine, octets: Uint8Array, result: DecodeResult): ReaderOutcome {
  const context = updateContextOfLine(line);
  // Offset and surroundings must not matter.
  const shifted = new Uint8Array(octets.length + 14).fill(0xee);
  shifted.set(octets, 7);
  const outcome = readOutcome(new UpdateReader(context), shifted, 7, 7 + octets.length);
  if (!result.ok) {
    expect(TREATMENT_NAMES[outcome.treatment]).toBe('session-reset');
    expect(outcome.notification).toBe(`${result.error.code}/${result.error.subcode}`);
    return outcome;
  }
  if (result.message.type !== 'update') throw new Error('not an UPDATE');
  const { message } = result;
  expect(TREATMENT_NAMES[outcome.treatment]).toBe(TREATMENT_NAMES[message.treatment]);
  expect(outcome.withdrawn).toEqual(prefixesOf(message, 15, message.withdrawn));
  expect(outcome.announced).toEqual(prefixesOf(message, 14, message.nlri));
  const endOfRib = message.endOfRib === undefined ? undefined : `${message.endOfRib.afi}/${message.endOfRib.safi}`;
  expect(outcome.endOfRib).toBe(['1/1', '2/1'].indexOf(endOfRib ?? ''));
  if (outcome.treatment < TREATMENT_WITHDRAW) {
    if (message.nlri.length > 0) {
      expect(outcome.classic).toEqual(expectedAttributes(message, context, 'classic'));
      expect(encodeAttributes(outcome.classic ?? {})).toEqual(outcome.classicBlock);
    }
    if (outcome.multiprotocol !== null)
      expect(outcome.multiprotocol).toEqual(expectedAttributes(message, context, 'multiprotocol'));
  }
  return outcome;
}

/** What the corpus says about passing on unknown attributes. */
function expectHandling(line: CorpusLine, outcome: ReaderOutcome): void {
  if (line.decoded?.type !== 'UPDATE' || outcome.classic === null) return;
  for (const { code, hex, handling } of line.decoded.attrs) {
    if (handling === undefined) continue;
    const passedOn = outcome.classic.others?.find((other) => other.code === code);
    if (handling === 'ignore') expect(passedOn).toBeUndefined();
    else
      expect(passedOn).toMatchObject({
        octets: hex,
        flags: expect.toSatisfy((flags: number) => (flags & 0xe0) === 0xe0),
      });
  }
}

describe.skipIf(missing !== null)(`message corpus${missing === null ? '' : ` (${missing})`}`, () => {
  test('has lines', () => expect(lines.length).toBeGreaterThan(0));

  test.each(lines.map((line) => [`${line.id} ${line.accept.join(' or ')}`, line] as const))('%s', (_name, line) => {
    const received = receive(line);
    if (received === null) {
      expect(line.accept).toContain('waits-for-rest');
      return;
    }
    const { result, octets } = received;
    expect(line.accept).toContain(outcomeOf(result));
    if (result.ok && line.decoded !== null && line.decoded !== undefined) {
      const [ours, theirs] = comparable(result.message, line.decoded);
      expect(ours).toEqual(theirs);
    }
    if (octets.length > 0 && octets[18] === 2) {
      const outcome = expectReaderAgrees(line, octets, result);
      if (outcome.treatment !== TREATMENT_RESET) expectHandling(line, outcome);
    }
  });
});
