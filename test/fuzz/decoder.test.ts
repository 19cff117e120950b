/**
 * Mutation fuzzing of the decoder for FUZZ_SECONDS (default 5), from FUZZ_SEED (default: another one each time,
 * printed): nothing throws, nothing takes long, memory does not grow, the two decoders agree, the framer finds the same
 * messages however the stream is cut, and canonical blocks are canonical.
 */

import { describe, expect, test } from 'vitest';
import { TREATMENT_NAMES, TREATMENT_WITHDRAW } from '../../bgp/wire/error.ts';
import { FRAME_MESSAGE, Framer, MAX_EXTENDED_MESSAGE_OCTETS } from '../../bgp/wire/framer.ts';
import { finishMessage, startMessage } from '../../bgp/wire/header.ts';
import { decodeMessage, encodeKeepalive } from '../../bgp/wire/message.ts';
import { toHex } from '../../bgp/wire/octets.ts';
import { CANONICAL_CONTEXT, type UpdateContext } from '../../bgp/wire/update-context.ts';
import { CARRIER_CLASSIC, UpdateReader } from '../../bgp/wire/update-reader.ts';
import { expectedAttributes } from '../conformance/expected-attributes.ts';
import { readOutcome } from '../conformance/update-outcome.ts';
import { builtInSeeds, loadFuzzInput, mutate, randomFrom } from './mutate.ts';

const FUZZ_SECONDS = Number(process.env.FUZZ_SECONDS ?? 5);
const FUZZ_SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 4294967296));
/** Far above what any message needs, far below what would delay a keepalive. */
const MAX_MILLISECONDS_PER_MESSAGE = 1000;
const MAX_HEAP_GROWTH_OCTETS = 200 * 1024 * 1024;

function randomContext(random: (bound: number) => number): UpdateContext {
  const bits = random(256);
  const bit = (index: number): boolean => (bits & (1 << index)) !== 0;
  return {
    asn4: bit(0) || bit(1),
    isInternal: bit(2),
    isConfederationMember: bit(3) && bit(2),
    families: [random(8) !== 0, random(8) !== 0],
    addPathReceive: [bit(4) && bit(5), bit(6) && bit(5)],
    extendedNextHop: bit(7),
  };
}

/** Messages and final error of a stream that arrives in chunks of these sizes. */
function frameAll(stream: Uint8Array, chunkSize: () => number): string[] {
  const framer = new Framer(64);
  framer.maxMessageOctets = MAX_EXTENDED_MESSAGE_OCTETS;
  const found: string[] = [];
  for (let at = 0; at < stream.length; ) {
    const size = chunkSize();
    framer.push(stream.subarray(at, at + size));
    at += size;
    while (framer.next() === FRAME_MESSAGE) found.push(toHex(framer.octets, framer.messageStart, framer.messageEnd));
  }
  if (framer.error !== null) found.push(`${framer.error.code}/${framer.error.subcode} ${framer.error.data}`);
  return found;
}

function checkFraming(octets: Uint8Array, random: (bound: number) => number): void {
  const keepalive = encodeKeepalive();
  const stream = new Uint8Array(octets.length + 2 * keepalive.length);
  stream.set(keepalive);
  stream.set(octets, keepalive.length);
  stream.set(keepalive, keepalive.length + octets.length);
  const whole = frameAll(stream, () => stream.length);
  expect(frameAll(stream, () => 1 + random(40))).toEqual(whole);
}

/** The canonical block, sent by an internal peer with four-octet AS numbers, is the same block again. */
function checkCanonical(block: Uint8Array): void {
  const message = finishMessage(startMessage(2).uint16(0).uint16(block.length).bytes(block).uint16(0x0801));
  const reader = new UpdateReader(CANONICAL_CONTEXT);
  expect(reader.read(message, 0, message.length)).toBe(0);
  reader.selectBlock(CARRIER_CLASSIC);
  expect(reader.canonicalise()).toBe(0);
  expect(reader.blockIsVerbatimCanonical).toBe(true);
  expect(toHex(reader.blockOctets, reader.blockStart, reader.blockEnd)).toBe(toHex(block));
}

function checkUpdate(octets: Uint8Array, context: UpdateContext): void {
  const decoded = decodeMessage(octets, context);
  const outcome = readOutcome(new UpdateReader(context), octets, 0, octets.length);
  const expected = decoded.ok
    ? decoded.message.type === 'update' && TREATMENT_NAMES[decoded.message.treatment]
    : 'session-reset';
  expect(TREATMENT_NAMES[outcome.treatment]).toBe(expected);
  if (!decoded.ok || decoded.message.type !== 'update' || outcome.treatment >= TREATMENT_WITHDRAW) return;
  if (outcome.classic !== null)
    expect(outcome.classic).toEqual(expectedAttributes(decoded.message, context, 'classic'));
  if (outcome.multiprotocol !== null)
    expect(outcome.multiprotocol).toEqual(expectedAttributes(decoded.message, context, 'multiprotocol'));
  // A block of two-octet AS numbers may grow beyond what one message holds.
  if (outcome.classicBlock !== null && outcome.classicBlock.length < 60000) checkCanonical(outcome.classicBlock);
}

describe('fuzzing the decoder', () => {
  test(`for ${FUZZ_SECONDS} s from seed ${FUZZ_SEED}`, { timeout: (FUZZ_SECONDS + 60) * 1000 }, () => {
    const input = loadFuzzInput();
    const random = randomFrom(FUZZ_SEED);
    const deadline = performance.now() + FUZZ_SECONDS * 1000;
    const heapBefore = process.memoryUsage().heapUsed;
    let messages = 0;
    let updatesUsed = 0;
    let slowest = 0;
    while (performance.now() < deadline) {
      const octets = mutate(input, random);
      const context = randomContext(random);
      const started = performance.now();
      try {
        const { ok } = decodeMessage(octets, context);
        if (
          octets.length >= 23 &&
          octets[18] === 2 &&
          (octets[16] << 8) + octets[17] === octets.length &&
          octets[0] === 255
        ) {
          checkUpdate(octets, context);
          if (ok) updatesUsed++;
        }
        checkFraming(octets, random);
      } catch (error) {
        const where = `FUZZ_SEED=${FUZZ_SEED}, message ${messages}: ${toHex(octets)} under ${JSON.stringify(context)}`;
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${where}`, { cause: error });
      }
      slowest = Math.max(slowest, performance.now() - started);
      messages++;
    }
    console.info(`${messages} messages, ${updatesUsed} of them UPDATEs that decode; slowest ${slowest.toFixed(1)} ms`);
    expect(slowest).toBeLessThan(MAX_MILLISECONDS_PER_MESSAGE);
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(MAX_HEAP_GROWTH_OCTETS);
    expect(updatesUsed).toBeGreaterThan(0);
  });

  test('starts from messages that are right', () => {
    const withPathIds = { ...CANONICAL_CONTEXT, addPathReceive: [true, false] as const };
    for (const seed of builtInSeeds())
      expect([decodeMessage(seed).ok, decodeMessage(seed, withPathIds).ok], toHex(seed)).toContain(true);
  });

  test('is the same from the same seed', () => {
    const input = loadFuzzInput();
    const run = (): string => {
      const random = randomFrom(42);
      return Array.from({ length: 50 }, () => toHex(mutate(input, random))).join();
    };
    expect(run()).toBe(run());
  });
});
