/**
 * Micro-benchmark of the RIB alone: a million IPv4 prefixes with fifty thousand attribute sets received, interned,
 * inserted and decided, in messages of 4,096 octets fed 64 KiB at a time. Prints figures, judges nothing.
 *
 * npx esbuild bench/micro/rib.ts --bundle --format=esm --platform=node --target=node20 --outfile=build/bench-rib.mjs
 * node build/bench-rib.mjs [prefixes] [sets] [spread]
 */

import { performance } from 'node:perf_hooks';
import { parseAddress } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import { ACCEPT_ALL } from '../../rib/policy/policy.ts';
import type { PrefixConsumer } from '../../rib/prefix-consumer.ts';
import { Rib } from '../../rib/rib.ts';
import type { UpdateSource } from '../../rib/update-source.ts';

const PREFIXES = Number(process.argv[2] ?? 1_000_000);
const SETS = Number(process.argv[3] ?? 50_000);
/** `dense`: consecutive /24; `spread`: lengths 16 to 24 all over the address space, in random order within a set. */
const SPREAD = (process.argv[4] ?? 'dense') === 'spread';
const CHUNK_OCTETS = 65536;
const HEADER_OCTETS = 23;

/** Reads messages made by encodeTable: classic attributes and NLRI only, already canonical. */
class BenchReader implements UpdateSource {
  octets = new Uint8Array(0);
  withdrawnStart = 0;
  withdrawnEnd = 0;
  nlriStart = 0;
  nlriEnd = 0;
  readonly mpReachFamily = -1;
  readonly mpReachStart = 0;
  readonly mpReachEnd = 0;
  readonly mpUnreachFamily = -1;
  readonly mpUnreachStart = 0;
  readonly mpUnreachEnd = 0;
  readonly endOfRib = -1;
  blockOctets = new Uint8Array(0);
  blockStart = 0;
  blockEnd = 0;
  readonly blockIsVerbatimCanonical = true;

  read(octets: Uint8Array, start: number, end: number): void {
    this.octets = octets;
    this.blockOctets = octets;
    const withdrawn = (octets[start + 19] << 8) | octets[start + 20];
    this.withdrawnStart = start + 21;
    this.withdrawnEnd = this.withdrawnStart + withdrawn;
    const attributes = (octets[this.withdrawnEnd] << 8) | octets[this.withdrawnEnd + 1];
    this.blockStart = this.withdrawnEnd + 2;
    this.blockEnd = this.blockStart + attributes;
    this.nlriStart = this.blockEnd;
    this.nlriEnd = end;
  }

  selectBlock(): void {}

  canonicalise(): number {
    return 0;
  }
}

/** xorshift32. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function attributes(set: number, variant: number): number[] {
  const path = [65001, 3356 + (set % 97), 1299 + (set % 1013), 64512 + (set >> 4), 200000 + set];
  const block = [0x40, 1, 1, 0, 0x40, 2, 2 + path.length * 4, 2, path.length];
  for (const as of path) block.push(as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255);
  block.push(0x40, 3, 4, 192, 0, 2, 1 + variant, 0x80, 4, 4, 0, 0, variant, set & 255);
  block.push(0xc0, 8, 8, 0xfd, 0xe9, set >>> 8, set & 255, 0xfd, 0xe9, 0, 1);
  return block;
}

function encodeTable(variant: number, isWithdraw: boolean): Uint8Array[] {
  const random = randomSource(12345);
  const seen = new Set<number>();
  const perSet = Math.ceil(PREFIXES / SETS);
  const chunks: Uint8Array[] = [];
  let chunk = new Uint8Array(CHUNK_OCTETS);
  let used = 0;
  let made = 0;
  for (let set = 0; set < SETS && made < PREFIXES; set++) {
    const block = attributes(set, variant);
    const nlri: number[] = [];
    for (let i = 0; i < perSet && made < PREFIXES; i++, made++) {
      if (!SPREAD) {
        const key = (16 << 16) + made;
        nlri.push(24, (key >>> 16) & 255, (key >>> 8) & 255, key & 255);
        continue;
      }
      for (;;) {
        const length = 16 + (random() % 12 < 8 ? 8 : random() % 8);
        const key = ((0x01000000 + (random() % 0xdf000000)) & (-1 << (32 - length))) >>> 0;
        const id = key * 64 + length;
        if (seen.has(id)) continue;
        seen.add(id);
        nlri.push(length, key >>> 24, (key >>> 16) & 255);
        if (length > 16) nlri.push((key >>> 8) & 255);
        break;
      }
    }
    const length = HEADER_OCTETS + (isWithdraw ? 0 : block.length) + nlri.length;
    if (used + length > CHUNK_OCTETS) {
      chunks.push(chunk.subarray(0, used));
      chunk = new Uint8Array(CHUNK_OCTETS);
      used = 0;
    }
    const withdrawn = isWithdraw ? nlri.length : 0;
    chunk.fill(255, used, used + 16);
    chunk.set([length >>> 8, length & 255, 2, withdrawn >>> 8, withdrawn & 255], used + 16);
    let at = used + 21;
    if (isWithdraw) {
      chunk.set(nlri, at);
      at += nlri.length;
    }
    chunk.set(isWithdraw ? [0, 0] : [block.length >>> 8, block.length & 255], at);
    if (!isWithdraw) {
      chunk.set(block, at + 2);
      chunk.set(nlri, at + 2 + block.length);
    }
    used += length;
  }
  chunks.push(chunk.subarray(0, used));
  return chunks;
}

let worstMs = 0;
let totalMs = 0;

function feed(rib: Rib, reader: BenchReader, peer: number, chunks: readonly Uint8Array[]): number {
  worstMs = 0;
  totalMs = 0;
  let worstAt = 0;
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i];
    const start = performance.now();
    for (let at = 0; at < chunk.length; ) {
      const length = (chunk[at + 16] << 8) | chunk[at + 17];
      reader.read(chunk, at, at + length);
      rib.receiveUpdate(peer, reader);
      at += length;
    }
    const took = performance.now() - start;
    totalMs += took;
    if (took > worstMs) {
      worstMs = took;
      worstAt = i;
    }
  }
  return worstAt;
}

function slices(rib: Rib): void {
  worstMs = 0;
  totalMs = 0;
  for (let isPending = true; isPending; ) {
    const start = performance.now();
    isPending = rib.runSlice(() => performance.now() - start > 2);
    const took = performance.now() - start;
    totalMs += took;
    if (took > worstMs) worstMs = took;
  }
}

function print(what: string, detail = ''): void {
  const perPrefix = ((totalMs * 1e6) / PREFIXES).toFixed(0);
  console.log(
    `${what.padEnd(44)} ${totalMs.toFixed(0).padStart(6)} ms ${perPrefix.padStart(6)} ns/prefix   worst ${worstMs.toFixed(1)} ms ${detail}`,
  );
}

const policy = {
  importPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  exportPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  nextHopMode: 'auto',
  isRouteReflectorClient: false,
  clusterId: null,
  allowOwnAs: 0,
  maxPrefixes: null,
  usesOwnCluster: false,
  tellsLinkLocal: true,
  removePrivateAs: false,
} as const;

function session(peerAs: number, bgpIdentifier: number): NegotiatedSession {
  return {
    localAs: 65000,
    peerAs,
    localBgpIdentifier: 1,
    peerBgpIdentifier: bgpIdentifier,
    isInternal: false,
    asn4: true,
    extendedMessage: false,
    maxMessageLengthOctets: 4096,
    families: [true, true],
    addPathReceive: [false, false],
    addPathSend: [false, false],
    extendedNextHop: false,
    routeRefresh: true,
    enhancedRouteRefresh: true,
    holdTimeSeconds: 90,
    keepaliveTimeSeconds: 30,
    sendHoldTimeSeconds: 480,
    gracefulRestart: null,
    longLivedGracefulRestart: null,
    role: null,
  };
}

function run(label: string): void {
  const rib = new Rib({ bgpIdentifier: 1, seed: 7 });
  let changes = 0;
  const consumer: PrefixConsumer = {
    wantsAllPaths: false,
    wantsForwarding: false,
    prefixChanged: () => {
      changes++;
    },
    pathRemoved: () => {},
  };
  rib.addConsumer(consumer);
  const reader = new BenchReader();
  const addPeer = (name: string, address: string, bgpIdentifier: number): number => {
    const peer = rib.addPeer({ name, localAs: 65000, peerAs: 65001, policy });
    const peerAddress = parseAddress(address);
    if (peerAddress === null) throw new Error('bad address');
    rib.sessionUp(peer, session(65001, bgpIdentifier), { localAddress: peerAddress, peerAddress, interfaceIndex: 0 });
    return peer;
  };
  const one = addPeer('one', '192.0.2.1', 100);
  const two = addPeer('two', '192.0.2.2', 200);
  console.log(`-- ${label}: ${PREFIXES} prefixes, ${SETS} attribute sets, ${SPREAD ? 'spread' : 'dense'}`);
  let at = feed(rib, reader, one, tables[0]);
  print('announce', `at chunk ${at} of ${tables[0].length}`);
  const rows = rib.paths[0];
  const prefixes = rib.prefixes[0];
  console.log(
    `   octets per route at rest: ${(prefixes.octetsPerPrefix + rows.octetsPerRow).toFixed(1)} (prefix ${prefixes.octetsPerPrefix.toFixed(1)}, path ${rows.octetsPerRow}); sets: ${(rib.sets.octetsUsed / rib.sets.count).toFixed(0)} octets each; rss ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  slices(rib);
  print('sweep of sets after it');
  at = feed(rib, reader, one, tables[1]);
  print('implicit replace', `at chunk ${at}`);
  slices(rib);
  print('sweep of sets after it');
  at = feed(rib, reader, one, tables[1]);
  print('announce the same again', `at chunk ${at}`);
  at = feed(rib, reader, two, tables[2]);
  print('announce by a second peer (not best)', `at chunk ${at}`);
  at = feed(rib, reader, two, tables[0]);
  print('implicit replace that becomes best', `at chunk ${at}`);
  rib.sessionDown(two, [false, false]);
  slices(rib);
  print('second peer goes down, in slices of 2 ms');
  rib.reevaluate(one);
  slices(rib);
  print('evaluate import again');
  at = feed(rib, reader, one, withdrawals);
  print('withdraw', `at chunk ${at}`);
  slices(rib);
  print('sweep of sets after it');
  console.log(
    `   changes told: ${changes}; left: ${rib.sets.count} sets, ${prefixes.count} prefixes, ${rows.count} paths`,
  );
}

const tables = [encodeTable(0, false), encodeTable(1, false), encodeTable(2, false)];
const withdrawals = encodeTable(0, true);
run('cold');
run('warm');
