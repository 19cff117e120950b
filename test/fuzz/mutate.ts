/**
 * Seeds and mutations for fuzzing the decoder: deterministic from a number, so that a failure can be run again.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fromHex } from '../../bgp/wire/octets.ts';

const FUZZ_SEEDS = new URL('../../../shared/corpora/fuzz-seeds/', import.meta.url);

/** Complete messages of every type, for machines without the corpus. */
const BUILT_IN_SEEDS = [
  // OPEN with most capabilities, OPEN in extended form
  '00420104fde900b40a0000022502230104000100010104000200010200400280784104000000fde94504000101030600',
  '00260104fde900b40a000002ffff000902000601040001000100',
  // UPDATEs: all classic attributes, IPv6, ADD-PATH, withdrawals, End-of-RIB
  '007a02000000594001010040020a02020000fde90000fdea4003040a00000280040400000001400504000000644006' +
    '00c007080000fde90a000002c00804fde900018009040a000001800a040a000001c010080002fde900000064c0200c0000fde90000000100000002180a0000',
  '0050020000003980' +
    '0e26000201102001' +
    '0db80000000000000000000000010040fd00000000000001203000000140010100400206020100' +
    '00fde9180a00',
  '001d02000000064001010040020000',
  '00200200000009800f060001011' + '00a01',
  '0017020000' + '0000',
  // NOTIFICATION with text, KEEPALIVE, ROUTE-REFRESH
  '001a0306020474657374',
  '001304',
  '00170500010001',
];

const BUILT_IN_TOKENS = [
  'ffffffff',
  '0000',
  '40010100',
  '400200',
  '02010000fde9',
  '800e',
  '800f',
  'c010',
  '00020110',
  'd0',
  '80',
  '20',
];

function withHeader(text: string): Uint8Array {
  const octets = fromHex('ff'.repeat(16) + text) ?? new Uint8Array(19);
  octets[16] = octets.length >>> 8;
  octets[17] = octets.length & 255;
  return octets;
}

export interface FuzzInput {
  readonly seeds: readonly Uint8Array[];
  readonly tokens: readonly Uint8Array[];
}

/** Built-in seeds and, where it is installed, the seed corpus with its dictionary. */
export function loadFuzzInput(): FuzzInput {
  const seeds = BUILT_IN_SEEDS.map(withHeader);
  const tokens = BUILT_IN_TOKENS.map((text) => fromHex(text) ?? new Uint8Array(0));
  if (existsSync(FUZZ_SEEDS)) {
    for (const folder of ['valid', 'malformed', 'crashers'])
      for (const name of readdirSync(new URL(`${folder}/`, FUZZ_SEEDS)))
        seeds.push(new Uint8Array(readFileSync(new URL(`${folder}/${name}`, FUZZ_SEEDS))));
    for (const line of readFileSync(new URL('bgp.dict', FUZZ_SEEDS), 'utf8').split('\n')) {
      const quoted = /^[^#"]*"(.*)"$/.exec(line)?.[1];
      if (quoted !== undefined)
        tokens.push(
          Uint8Array.from(quoted.match(/\\x[0-9a-f]{2}|./gi) ?? [], (part) =>
            part.length === 4 ? Number.parseInt(part.slice(2), 16) : part.charCodeAt(0),
          ),
        );
    }
  }
  return { seeds, tokens };
}

/** A pseudo-random generator (mulberry32): integers in [0, bound). */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const INTERESTING = [0, 1, 2, 3, 4, 15, 16, 32, 33, 64, 127, 128, 129, 192, 254, 255];

function spliced(octets: Uint8Array, from: number, to: number, insert: Uint8Array): Uint8Array {
  const result = new Uint8Array(octets.length - (to - from) + insert.length);
  result.set(octets.subarray(0, from));
  result.set(insert, from);
  result.set(octets.subarray(to), from + insert.length);
  return result;
}

/** A seed with one to six changes; mostly with its marker and length put right again, so that the body is reached. */
export function mutate({ seeds, tokens }: FuzzInput, random: (bound: number) => number): Uint8Array {
  let octets = seeds[random(seeds.length)].slice();
  for (let changes = 1 + random(6); changes > 0; changes--) {
    const body = Math.max(1, octets.length - 19);
    const at = Math.min(octets.length, 19 + random(body));
    switch (random(8)) {
      case 0:
        if (at < octets.length) octets[at] ^= 1 << random(8);
        break;
      case 1:
        if (at < octets.length) octets[at] = INTERESTING[random(INTERESTING.length)];
        break;
      case 2:
        if (at < octets.length) octets[at] = random(256);
        break;
      case 3:
        octets = spliced(octets, at, at, tokens[random(tokens.length)]);
        break;
      case 4:
        octets = spliced(octets, at, Math.min(octets.length, at + 1 + random(8)), new Uint8Array(0));
        break;
      case 5: {
        const end = Math.min(octets.length, at + 1 + random(24));
        octets = spliced(octets, at, at, octets.slice(at, end));
        break;
      }
      case 6: {
        const other = seeds[random(seeds.length)];
        const from = Math.min(other.length, 19 + random(Math.max(1, other.length - 19)));
        octets = spliced(octets, at, octets.length, other.slice(from));
        break;
      }
      default:
        // Lengths are where parsers break: the two length fields of an UPDATE.
        if (octets.length >= 23) octets[random(2) === 0 ? 20 : 22] = random(256);
    }
  }
  if (octets.length >= 19 && octets.length <= 65535 && random(16) !== 0) {
    octets.fill(0xff, 0, 16);
    octets[16] = octets.length >>> 8;
    octets[17] = octets.length & 255;
  }
  return octets;
}
