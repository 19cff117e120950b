/**
 * Real Internet streams through framer, UpdateReader and full decoder: every message is accepted as the index says, and
 * the prefixes announced and withdrawn per family are as many as bgpdump counted.
 */

import { describe, expect, test } from 'vitest';
import { TREATMENT_NAMES } from '../../bgp/wire/error.ts';
import { FRAME_ERROR, FRAME_MESSAGE, Framer } from '../../bgp/wire/framer.ts';
import { decodeUpdate } from '../../bgp/wire/update.ts';
import { UpdateReader } from '../../bgp/wire/update-reader.ts';
import { expectedAttributes } from './expected-attributes.ts';
import { loadStreamIndex, readStream, type StreamEntry, streamContext } from './real-streams.ts';
import { readOutcome } from './update-outcome.ts';

const index = loadStreamIndex();

/** Chunks as a socket might deliver them: sizes that never line up with messages. */
const CHUNK_OCTETS = 65_521;

interface Counts {
  announceV4: number;
  withdrawV4: number;
  announceV6: number;
  withdrawV6: number;
}

function replay(entry: StreamEntry): { counts: Counts; verdicts: Record<string, number>; messages: number } {
  const context = streamContext(entry);
  const reader = new UpdateReader(context);
  const framer = new Framer();
  const stream = readStream(entry);
  const counts = { announceV4: 0, withdrawV4: 0, announceV6: 0, withdrawV6: 0 };
  const verdicts: Record<string, number> = {};
  let messages = 0;
  for (let at = 0; at < stream.length; at += CHUNK_OCTETS) {
    framer.push(stream.subarray(at, at + CHUNK_OCTETS));
    let found = framer.next();
    for (; found === FRAME_MESSAGE; found = framer.next()) {
      messages++;
      const { octets, messageStart, messageEnd } = framer;
      const outcome = readOutcome(reader, octets, messageStart, messageEnd);
      const decoded = decodeUpdate(octets, messageStart, messageEnd, context);
      if (!decoded.ok) throw new Error(`message ${messages - 1}: ${decoded.error.reason}`);
      const name = TREATMENT_NAMES[outcome.treatment];
      verdicts[name] = (verdicts[name] ?? 0) + 1;
      counts.announceV4 += outcome.announced[0].length;
      counts.announceV6 += outcome.announced[1].length;
      counts.withdrawV4 += outcome.withdrawn[0].length;
      counts.withdrawV6 += outcome.withdrawn[1].length;
      // One in 16 keeps the test quick; the message corpus compares every field of every message.
      if (messages % 16 === 0 || name !== 'ok') {
        expect(TREATMENT_NAMES[decoded.message.treatment]).toBe(name);
        if (outcome.classic !== null)
          expect(outcome.classic).toEqual(expectedAttributes(decoded.message, context, 'classic'));
        if (outcome.multiprotocol !== null)
          expect(outcome.multiprotocol).toEqual(expectedAttributes(decoded.message, context, 'multiprotocol'));
      }
    }
    expect(found, framer.error?.reason).not.toBe(FRAME_ERROR);
  }
  expect(framer.pendingOctets).toBe(0);
  return { counts, verdicts, messages };
}

describe.skipIf(index === null)('real streams (skipped where ../shared/corpora/real is not installed)', () => {
  test.each((index ?? []).map((entry) => [entry.id, entry] as const))('%s decodes as bgpdump does', (_id, entry) => {
    const { counts, verdicts, messages } = replay(entry);
    expect(messages).toBe(entry.messages);
    expect(verdicts).toEqual(entry.verdicts ?? entry.verdictsEbgp);
    const { announceV4, withdrawV4, announceV6, withdrawV6, finalPrefixes } = entry.bgpdump;
    // A stream made from a table dump announces each prefix once; the index then gives the table only.
    expect(counts).toEqual({
      announceV4: announceV4 ?? finalPrefixes,
      withdrawV4: withdrawV4 ?? 0,
      announceV6: announceV6 ?? 0,
      withdrawV6: withdrawV6 ?? 0,
    });
  });
});
