/**
 * What reading costs, without tables: framing, UpdateReader and the full decoder, in nanoseconds per message and per
 * prefix, over a synthetic table (1M IPv4 prefixes, 20 to an attribute set) in chunks as a socket delivers them.
 * Run with `npm run bench -- micro codec`; figures are for people, nothing fails.
 */

import { MESSAGE_UPDATE } from '../../bgp/iana.ts';
import { prefixOf } from '../../bgp/ip.ts';
import { FRAME_MESSAGE, Framer } from '../../bgp/wire/framer.ts';
import { finishMessage, startMessage } from '../../bgp/wire/header.ts';
import { decodeMessage } from '../../bgp/wire/message.ts';
import { writePrefix } from '../../bgp/wire/nlri.ts';
import { OctetWriter } from '../../bgp/wire/octets.ts';
import { encodeAttributes } from '../../bgp/wire/path-attributes.ts';
import type { UpdateContext } from '../../bgp/wire/update-context.ts';
import { UpdateReader } from '../../bgp/wire/update-reader.ts';

const CONTEXT: UpdateContext = {
  asn4: true,
  isInternal: false,
  isConfederationMember: false,
  families: [true, true],
  addPathReceive: [false, false],
  extendedNextHop: false,
};
const CHUNK_OCTETS = 65536;
const MESSAGES = 50_000;
const PREFIXES_PER_MESSAGE = 20;
const ROUNDS = 5;

/** One UPDATE per attribute set, one after the other. */
function table(): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let message = 0; message < MESSAGES; message++) {
    const nlri = [];
    for (let i = 0; i < PREFIXES_PER_MESSAGE; i++) {
      const n = message * PREFIXES_PER_MESSAGE + i;
      nlri.push(
        prefixOf(
          { family: 0, a: (((1 + ((n >>> 16) % 220)) << 24) | ((n & 0xffff) << 8)) >>> 0, b: 0, c: 0, d: 0 },
          24,
        ),
      );
    }
    const block = encodeAttributes({
      origin: 'igp',
      asPath: [{ type: 'sequence', asns: [65001, 4200000000 + (message % 5000), 65100 + (message % 100)] }],
      nextHop: '192.0.2.1',
      communities: [`65001:${message % 65536}`],
    });
    const body = new OctetWriter(256).uint16(0).uint16(block.length).bytes(block);
    for (const prefix of nlri) writePrefix(body, prefix, null);
    const octets = finishMessage(startMessage(MESSAGE_UPDATE, 256).bytes(body.take()));
    parts.push(octets);
    total += octets.length;
  }
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function eachMessage(stream: Uint8Array, use: (octets: Uint8Array, start: number, end: number) => void): void {
  const framer = new Framer();
  for (let at = 0; at < stream.length; at += CHUNK_OCTETS) {
    framer.push(stream.subarray(at, at + CHUNK_OCTETS));
    while (framer.next() === FRAME_MESSAGE) use(framer.octets, framer.messageStart, framer.messageEnd);
  }
}

const stream = table();
const reader = new UpdateReader(CONTEXT);
const ways: readonly [string, (octets: Uint8Array, start: number, end: number) => void][] = [
  ['framing only', () => {}],
  ['UpdateReader.read', (octets, start, end) => void reader.read(octets, start, end)],
  [
    'read and selectBlock',

    (octets, start, end) => {
      reader.read(octets, start, end);
      reader.selectBlock(0);
    },
  ],
  [
    'read, selectBlock and canonicalise',

    (octets, start, end) => {
      reader.read(octets, start, end);
      reader.selectBlock(0);
      reader.canonicalise();
    },
  ],
  ['full decoder (API, tests)', (octets, start, end) => void decodeMessage(octets, CONTEXT, start, end)],
];

process.stdout.write(`${MESSAGES} UPDATEs, ${PREFIXES_PER_MESSAGE} prefixes each, ${stream.length} octets\n`);
for (const [name, use] of ways) {
  let best = Number.POSITIVE_INFINITY;
  let first = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    eachMessage(stream, use);
    const ms = performance.now() - started;
    if (round === 0) first = ms;
    best = Math.min(best, ms);
  }
  const perMessage = (ms: number): string => ((ms * 1e6) / MESSAGES).toFixed(0).padStart(6);
  const perPrefix = ((best * 1e6) / MESSAGES / PREFIXES_PER_MESSAGE).toFixed(1).padStart(7);
  process.stdout.write(
    `${name.padEnd(36)} ${perMessage(first)} ns/message cold, ${perMessage(best)} warm, ${perPrefix} ns/prefix\n`,
  );
}
