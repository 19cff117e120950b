/**
 * What sending costs, without sockets: export decision, Adj-RIB-Out, packing and hand-out, in nanoseconds per prefix.
 * Run with `node bench/micro/encode.ts` (Node 22 and newer) or through esbuild; figures are for people, nothing fails.
 *
 * - table: 1M prefixes, 50k attribute sets in short runs, one eBGP group with the sender and one receiver in it
 *   (scenario a of the referee), then withdrawn.
 * - reflector: 250 clients with 40 prefixes each, every client hears the others' (scenario c250), encoded at once and
 *   client by client as they arrive; then one client joins anew.
 */

import { parseAddress } from '../../bgp/ip.ts';
import type { GroupSettings } from '../../rib/export-hook.ts';
import { ExportContext, type ExportSettings } from '../../rib/export-rules.ts';
import type { PeerIndex } from '../../rib/peer-table.ts';
import { compilePolicy } from '../../rib/policy/compile.ts';
import { ACCEPT_ALL } from '../../rib/policy/policy.ts';
import { Rib } from '../../rib/rib.ts';
import { UpdateGroups } from '../../rib/update-groups.ts';
import { block, PEER_POLICY, sessionOf } from '../../test/support/rib.ts';

const LOCAL_ADDRESS = parseAddress('192.0.2.254')!;
const OUTPUT_OCTETS = 256 * 1024;
const SLICE_MS = 4;

/** CPU time of the process: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

class Bench {
  readonly rib = new Rib({ bgpIdentifier: 0x0a000001 });
  readonly groups = new UpdateGroups(this.rib);
  readonly peers: PeerIndex[] = [];
  longestSliceMs = 0;
  encodeMs = 0;
  handOutMs = 0;
  octets = 0;
  pieces = 0;

  /** A peer with its session up, in the group of its kind. */
  addPeer(as: number, isClient: boolean): PeerIndex {
    const name = `peer ${this.peers.length}`;
    const localAs = 65000;
    const policy = { ...PEER_POLICY, isRouteReflectorClient: isClient };
    const peer = this.rib.addPeer({ name, localAs, peerAs: as, policy, enforceFirstAs: false });
    const session = { ...sessionOf({ name, as }), peerBgpIdentifier: 0x0a010000 + this.peers.length };
    this.rib.sessionUp(peer, session, { localAddress: LOCAL_ADDRESS, peerAddress: LOCAL_ADDRESS, interfaceIndex: 0 });
    this.groups.join(peer, this.settings(as === localAs, isClient), false);
    this.peers.push(peer);
    return peer;
  }

  settings(isInternal: boolean, isRouteReflectorClient: boolean): GroupSettings {
    const compiled = compilePolicy(ACCEPT_ALL, 'export');
    if (!compiled.ok) throw new Error('accept-all does not compile');
    const settings: ExportSettings = {
      family: 0,
      isInternal,
      localAs: 65000,
      peerAs: 0,
      isRouteReflectorClient,
      clusterId: 0x0a000001,
      nextHopMode: 'auto',
      localAddress: LOCAL_ADDRESS,
      otherAddresses: [],
      localLinkLocal: null,
      extendedNextHop: false,
      isLlgrAware: false,
      role: null,
      removePrivateAs: false,
      policy: compiled.policy,
    };
    return {
      encoding: { family: 0, maxMessageOctets: 4096, addPath: false, fourOctetAs: true, extendedNextHop: false },
      exportKey: `${isInternal} ${isRouteReflectorClient}`,
      createDecider: () => new ExportContext(this.rib, settings, () => ''),
    };
  }

  /** One slice as the speaker runs it; false: nothing left to encode. */
  slice(): boolean {
    const start = performance.now();
    const cpu = cpuMs();
    const more = this.groups.runEncodeSlice(() => performance.now() - start >= SLICE_MS);
    const took = cpuMs() - cpu;
    this.encodeMs += took;
    this.longestSliceMs = Math.max(this.longestSliceMs, took);
    return more;
  }

  /** Hands everything that is ready to sockets that take everything. */
  handOut(): void {
    const start = cpuMs();
    this.groups.forEachReady((peer) => {
      for (;;) {
        const pieces = this.groups.nextOutput(peer, OUTPUT_OCTETS);
        if (pieces.length === 0) return;
        this.pieces += pieces.length;
        for (const piece of pieces) this.octets += piece.length;
      }
    });
    this.handOutMs += cpuMs() - start;
  }

  settle(): void {
    for (let before = -1; before !== this.octets; ) {
      before = this.octets;
      while (this.slice());
      this.handOut();
    }
  }

  report(name: string, prefixes: number): void {
    const encode = ((this.encodeMs * 1e6) / prefixes).toFixed(0).padStart(5);
    const handOut = ((this.handOutMs * 1e6) / prefixes).toFixed(0).padStart(5);
    console.log(
      `${name.padEnd(34)} ${this.encodeMs.toFixed(1).padStart(7)} ms encode (${encode} ns/prefix), ` +
        `${this.handOutMs.toFixed(1).padStart(6)} ms hand-out (${handOut} ns/prefix), ` +
        `longest slice ${this.longestSliceMs.toFixed(2)} ms, ${(this.octets / 1e6).toFixed(2)} MB in ${this.pieces} pieces`,
    );
    this.encodeMs = 0;
    this.handOutMs = 0;
    this.longestSliceMs = 0;
    this.octets = 0;
    this.pieces = 0;
  }
}

/** Puts a path straight into the Loc-RIB; decoding has a benchmark of its own. */
function announce(bench: Bench, peer: PeerIndex, set: number, prefix: number, length: number): void {
  bench.rib.receiveUpdate(peer, updateOf(bench, set, prefix, length, true));
}

function withdraw(bench: Bench, peer: PeerIndex, prefix: number, length: number): void {
  bench.rib.receiveUpdate(peer, updateOf(bench, 0, prefix, length, false));
}

const octets = new Uint8Array(5);
/** One message object, filled again and again. */
const message = {
  octets,
  withdrawnStart: 0,
  withdrawnEnd: 0,
  nlriStart: 0,
  nlriEnd: 0,
  mpReachFamily: -1 as const,
  mpReachStart: 0,
  mpReachEnd: 0,
  mpUnreachFamily: -1 as const,
  mpUnreachStart: 0,
  mpUnreachEnd: 0,
  endOfRib: -1 as const,
  blockOctets: octets,
  blockStart: 0,
  blockEnd: 0,
  blockIsVerbatimCanonical: true,
  selectBlock(): void {},
  canonicalise: () => 0,
};

function updateOf(bench: Bench, set: number, prefix: number, length: number, isReachable: boolean): typeof message {
  octets[0] = length;
  octets[1] = prefix >>> 24;
  octets[2] = (prefix >>> 16) & 255;
  octets[3] = (prefix >>> 8) & 255;
  octets[4] = prefix & 255;
  const size = 1 + ((length + 7) >>> 3);
  message.withdrawnEnd = isReachable ? 0 : size;
  message.nlriEnd = isReachable ? size : 0;
  if (isReachable) {
    message.blockOctets = bench.rib.sets.arena;
    message.blockStart = bench.rib.sets.offset[set];
    message.blockEnd = message.blockStart + bench.rib.sets.length[set];
  }
  return message;
}

/** Short runs of neighbouring /24s, spread over the address space. */
function prefixAt(i: number): number {
  return (0x01000000 + (((i >>> 2) * 40503) % 262144) * 1024 + (i & 3) * 256) >>> 0;
}

function fullTable(prefixes: number, sets: number): void {
  const bench = new Bench();
  const sender = bench.addPeer(65001, false);
  bench.addPeer(65002, false);
  bench.settle();
  // As routers send it: all prefixes of a set together, half of the sets with few of them.
  let announced = 0;
  for (let i = 0; announced < prefixes; i++) {
    const octets = block({ asPath: [65001, 3356, 1000 + i, 20000 + (i % 977)], communities: [i, i + 1, i + 2] });
    const set = bench.rib.sets.intern(octets, 0, octets.length);
    const size = i % 2 === 0 ? 1 + (i % 4) : Math.ceil((2 * prefixes) / sets) - 2;
    for (let left = size; left > 0 && announced < prefixes; left--)
      announce(bench, sender, set, prefixAt(announced++), 24);
  }
  bench.settle();
  bench.report(`table, ${prefixes} prefixes, ${sets} sets`, prefixes);
  const [{ advertised }] = bench.groups.summaries();
  if (advertised !== prefixes) throw new Error(`${advertised} advertised`);
  for (let i = 0; i < prefixes; i++) withdraw(bench, sender, prefixAt(i), 24);
  bench.settle();
  bench.report('the same withdrawn', prefixes);
}

function reflector(clients: number, prefixesEach: number, atOnce: boolean): void {
  const bench = new Bench();
  for (let i = 0; i < clients; i++) bench.addPeer(65000, true);
  bench.settle();
  bench.report('joining an empty group', clients);
  for (let client = 0; client < clients; client++) {
    const octets = block({ asPath: [], localPref: 100, nextHop: `10.1.${client >>> 8}.${client & 255}` });
    const set = bench.rib.sets.intern(octets, 0, octets.length);
    for (let i = 0; i < prefixesEach; i++) {
      announce(bench, bench.peers[client], set, (0x0a800000 + (client * prefixesEach + i) * 64) >>> 0, 26);
    }
    if (!atOnce) bench.settle();
  }
  bench.settle();
  bench.report(`reflector, ${clients} clients${atOnce ? '' : ', one by one'}`, clients * prefixesEach);
  bench.groups.leave(bench.peers[0]);
  bench.groups.join(bench.peers[0], bench.settings(true, true), false);
  bench.settle();
  bench.report('one client joins anew', clients * prefixesEach);
}

for (let round = 0; round < 3; round++) {
  fullTable(1_000_000, 50_000);
  reflector(250, 40, true);
  reflector(250, 40, false);
  console.log(`heap and buffers: ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`);
}
