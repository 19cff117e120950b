/**
 * Seeds and mutations for fuzzing the decoder: deterministic from a number, so that a failure can be run again.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { finishMessage, startMessage } from '../../bgp/wire/header.ts';
import { encodeKeepalive } from '../../bgp/wire/message.ts';
import { encodeNotification, shutdownCommunicationData } from '../../bgp/wire/notification.ts';
import { fromHex } from '../../bgp/wire/octets.ts';
import { encodeOpen } from '../../bgp/wire/open.ts';
import { encodeAttributes } from '../../bgp/wire/path-attributes.ts';
import { encodeRouteRefresh } from '../../bgp/wire/route-refresh.ts';
import { encodeEndOfRib, encodeUpdate } from '../../bgp/wire/update-encode.ts';

const FUZZ_SEEDS = new URL('../../../shared/corpora/fuzz-seeds/', import.meta.url);

/** Right messages of every type, for machines without the corpus. */
export function builtInSeeds(): Uint8Array[] {
  const nlri = [{ prefix: '10.0.0.0/24' }, { prefix: '192.0.2.1/32' }, { prefix: '0.0.0.0/0' }];
  const classic = encodeAttributes({
    origin: 'igp',
    asPath: [
      { type: 'sequence', asns: [65001, 4200000000] },
      { type: 'set', asns: [1, 2] },
    ],
    nextHop: '10.0.0.2',
    med: 1,
    localPref: 100,
    atomicAggregate: true,
    aggregator: { as: 65001, address: '10.0.0.2' },
    communities: ['65001:1', '65535:65281'],
    originatorId: '10.0.0.1',
    clusterList: ['10.0.0.1', '10.0.0.3'],
    extendedCommunities: ['rt:65001:100'],
    ipv6ExtendedCommunities: [`0x${'00'.repeat(20)}`],
    aigp: '10',
    largeCommunities: ['65001:1:2'],
    onlyToCustomer: 65001,
    others: [{ code: 254, flags: 0xe0, octets: 'deadbeef' }],
  });
  const multiprotocol = [
    { code: 14, value: { afi: 2, safi: 1, nextHops: ['2001:db8::1', 'fe80::1'], nlri: [{ prefix: '2001:db8::/32' }] } },
    { code: 15, value: { afi: 2, safi: 1, nlri: [{ prefix: 'fd00::/8' }] } },
    { code: 1, value: 'egp' },
    { code: 2, value: [{ type: 'sequence' as const, asns: [65001] }] },
  ];
  return [
    encodeOpen({
      type: 'open',
      version: 4,
      as: 65001,
      myAs: 65001,
      holdTimeSeconds: 180,
      bgpIdentifier: 0x0a000002,
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'multiprotocol', afi: 2, safi: 1 },
        { kind: 'four-octet-as', as: 65001 },
        { kind: 'route-refresh' },
        { kind: 'role', role: 'customer' },
        { kind: 'add-path', families: [{ afi: 1, safi: 1, receive: true, send: true }] },
      ],
    }),
    finishMessage(startMessage(2).uint16(0).uint16(classic.length).bytes(classic).uint16(0x080a)),
    encodeUpdate({ attributes: multiprotocol }),
    encodeUpdate({ withdrawn: nlri.map(({ prefix }, pathId) => ({ prefix, pathId })) }),
    encodeUpdate({ withdrawn: nlri }),
    encodeEndOfRib(0),
    encodeEndOfRib(1),
    encodeNotification({ code: 6, subcode: 2, data: shutdownCommunicationData('test') }),
    encodeKeepalive(),
    encodeRouteRefresh(0, 'begin'),
  ];
}

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

export interface FuzzInput {
  readonly seeds: readonly Uint8Array[];
  readonly tokens: readonly Uint8Array[];
}

/** Built-in seeds and, where it is installed, the seed corpus with its dictionary. */
export function loadFuzzInput(): FuzzInput {
  const seeds = builtInSeeds();
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
  let octets: Uint8Array = seeds[random(seeds.length)].slice();
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
