/**
 * V8 interprets what it runs for the first times; the first table that a fresh daemon receives therefore takes up to twice
 * as long as the second. So a daemon that has just started rehearses while it waits for its peers: a small table of its
 * own making is received, decided, encoded and written, by the same code, into tables and a netlink socket that lead
 * nowhere and are thrown away. It happens in pieces of a few milliseconds, and ends as soon as real routes arrive.
 */

import { parseAddress } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import { updateContextOf } from '../../bgp/wire/update-context.ts';
import { UpdateReader } from '../../bgp/wire/update-reader.ts';
import type { GroupSettings } from '../../rib/export-hook.ts';
import { ExportContext } from '../../rib/export-rules.ts';
import { exportKey, exportSettingsOf } from '../../rib/export-settings.ts';
import { FibDesired } from '../../rib/fib.ts';
import { importPolicyCompiler } from '../../rib/import-policy.ts';
import type { PeerIndex } from '../../rib/peer-table.ts';
import { compilePolicy } from '../../rib/policy/compile.ts';
import type { CompiledPolicy, PolicyUse } from '../../rib/policy/compiled.ts';
import { ACCEPT_ALL } from '../../rib/policy/policy.ts';
import { Rib } from '../../rib/rib.ts';
import { UpdateGroups } from '../../rib/update-groups.ts';
import type { Fib, KernelListener } from '../kernel/fib.ts';
import { openSilentSocket } from '../kernel/silent-socket.ts';
import type { Clock } from './clock.ts';
import type { SpeakerCore } from './core.ts';

const SLICE_MS = 2;
const PAUSE_MS = 10;
const LATE_MS = 3;
/** A daemon that is still busy then will not need it any more. */
const PATIENCE_MS = 20_000;
/** With as many routes of its own the speaker is in the middle of the real thing. */
const REAL_PREFIXES = 2000;
const LOCAL_AS = 64512;
const PREFIXES_PER_UPDATE = 40;
const UPDATES_PER_ROUND = 30;
const ROUNDS = 5;
const HEADER_OCTETS = 23;
const POLICY = {
  importPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  exportPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  nextHopMode: 'auto',
  isRouteReflectorClient: true,
  clusterId: null,
  usesOwnCluster: false,
  allowOwnAs: 0,
  maxPrefixes: null,
  tellsLinkLocal: true,
  removePrivateAs: false,
} as const;
const SESSION: NegotiatedSession = {
  localAs: LOCAL_AS,
  peerAs: LOCAL_AS,
  localBgpIdentifier: 1,
  peerBgpIdentifier: 2,
  isInternal: true,
  asn4: true,
  extendedMessage: false,
  maxMessageLengthOctets: 4096,
  families: [true, false],
  addPathReceive: [false, false],
  addPathSend: [false, false],
  extendedNextHop: false,
  routeRefresh: true,
  enhancedRouteRefresh: false,
  holdTimeSeconds: 90,
  keepaliveTimeSeconds: 30,
  sendHoldTimeSeconds: 480,
  gracefulRestart: null,
  longLivedGracefulRestart: null,
  role: null,
};

/**
 * Runs the rehearsal. `pause` is awaited after every few milliseconds of work and says whether to go on; `openFib` gives a
 * back end that reaches no kernel, or null when no routes are to be written.
 */
export async function rehearse(
  pause: () => Promise<boolean>,
  openFib: ((listener: KernelListener) => Promise<Fib>) | null,
): Promise<void> {
  const stage = new Stage();
  const fib = openFib === null ? null : await openFib(DEAF);
  if (fib !== null) await fib.start();
  let isOver = false;
  for (let round = 0; round < ROUNDS && !isOver; round++) {
    // Announced by one, by another with other attributes, and withdrawn by both.
    for (const [peer, isWithdrawal] of [
      [0, false],
      [1, false],
      [0, true],
      [1, true],
    ] as const) {
      for (let update = 0; update < UPDATES_PER_ROUND && !isOver; update++) {
        stage.receive(peer, message(peer, update, isWithdrawal));
        if (update % 10 !== 9) continue;
        stage.work(fib);
        isOver = !(await pause());
      }
      if (isOver) break;
    }
  }
  fib?.close();
}

/** Rehearses beside a running speaker, as long as that has hardly any routes. */
export async function rehearseWhileIdle(core: SpeakerCore, clock: Clock): Promise<void> {
  const { rib } = core;
  let sliceStartMs = clock.nowMs();
  const endMs = sliceStartMs + PATIENCE_MS;
  let fib: Fib | null = null;
  const pause = async (): Promise<boolean> => {
    if (clock.nowMs() - sliceStartMs >= SLICE_MS) {
      for (let isBusy = true; isBusy; ) {
        const dueMs = clock.nowMs() + PAUSE_MS;
        await new Promise<void>((resolve) => void clock.setTimer(PAUSE_MS, resolve));
        // Late: the loop has sessions to bring up, or the machine is busy.
        sliceStartMs = clock.nowMs();
        isBusy = sliceStartMs - dueMs > LATE_MS && sliceStartMs < endMs;
      }
      if (sliceStartMs >= endMs) return false;
    }
    // Inside a slice as well: what was wished is written now, as it would be.
    await fib?.settled();
    return rib.prefixes[0].count + rib.prefixes[1].count < REAL_PREFIXES;
  };
  const { createFibNetlink } = await import('../kernel/fib-netlink.ts');
  await rehearse(pause, (listener) => {
    fib = createFibNetlink({ listener, openSocket: openSilentSocket });
    return Promise.resolve(fib);
  });
}

/** A speaker without peers, sockets and time. */
class Stage {
  readonly #rib = new Rib({
    bgpIdentifier: 1,
    policyCompiler: (rib) =>
      importPolicyCompiler(rib, { honoursGracefulShutdown: true, interfaceName: () => '', onProblem: () => {} }),
  });
  readonly #groups = new UpdateGroups(this.#rib);
  readonly #fibDesired = new FibDesired(this.#rib, { interfaceIndex: () => 0, interfaceName: () => '' });
  readonly #reader = new UpdateReader(updateContextOf(SESSION));
  readonly #peers: PeerIndex[] = [];

  constructor() {
    this.#rib.nextHops.setResolver(() => ({ cost: 0, gateway: null, interfaceIndex: 1 }));
    const policy = compiled('kernel');
    this.#fibDesired.configure({ policies: [policy, policy], defaultMetric: null, maxPaths: 1 });
    for (const host of [1, 2, 3]) this.#addPeer(host);
  }

  #addPeer(host: number): void {
    const name = `rehearsal ${host}`;
    const peer = this.#rib.addPeer({
      name,
      localAs: LOCAL_AS,
      peerAs: LOCAL_AS,
      policy: POLICY,
      enforceFirstAs: false,
    });
    const address = parseAddress(`192.0.2.${host}`);
    if (address === null) throw new Error('not an address');
    const ends = { localAddress: address, peerAddress: address, interfaceIndex: 1 };
    this.#rib.sessionUp(peer, { ...SESSION, peerBgpIdentifier: host }, ends);
    const settings = this.#groupSettings(peer);
    if (settings !== null) this.#groups.join(peer, settings, false);
    this.#peers.push(peer);
  }

  #groupSettings(index: PeerIndex): GroupSettings | null {
    const peer = this.#rib.peers.get(index);
    if (peer === null) return null;
    const settings = exportSettingsOf(
      peer,
      0,
      compiled('export'),
      { otherAddresses: [], localLinkLocal: null },
      'none',
    );
    if (settings === null) return null;
    return {
      encoding: { family: 0, maxMessageOctets: 4096, addPath: false, fourOctetAs: true, extendedNextHop: false },
      exportKey: exportKey(settings),
      createDecider: () => new ExportContext(this.#rib, settings, () => ''),
    };
  }

  receive(peer: number, octets: Uint8Array): void {
    const treatment = this.#reader.read(octets, 0, octets.length);
    this.#rib.receiveUpdate(this.#peers[peer], this.#reader, treatment);
  }

  /** What the work loop does, without a limit: there is little. */
  work(fib: Fib | null): void {
    while (this.#rib.runSlice(() => false));
    while (this.#groups.runEncodeSlice(() => false));
    this.#groups.forEachReady((peer) => {
      while (this.#groups.nextOutput(peer, 65536).length > 0);
    });
    if (fib !== null) while (this.#fibDesired.drain(2048, fib));
  }
}

function compiled(use: PolicyUse): CompiledPolicy {
  const result = compilePolicy(ACCEPT_ALL, use);
  if (!result.ok) throw new Error('accept-all always compiles');
  return result.policy;
}

/** An UPDATE of one node's blocks, as Calico's nodes send them, or their withdrawal. */
function message(peer: number, update: number, isWithdrawal: boolean): Uint8Array {
  const prefixOctets = PREFIXES_PER_UPDATE * 5;
  const attributes = isWithdrawal
    ? []
    : [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 10 + update, 0x40, 5, 4, 0, 0, 0, 100 + peer];
  const octets = new Uint8Array(HEADER_OCTETS + attributes.length + prefixOctets);
  octets.fill(255, 0, 16);
  const withdrawn = isWithdrawal ? prefixOctets : 0;
  octets.set([octets.length >>> 8, octets.length & 255, 2, withdrawn >>> 8, withdrawn & 255], 16);
  let at = 21 + withdrawn;
  octets.set([attributes.length >>> 8, attributes.length & 255, ...attributes], at);
  at = isWithdrawal ? 21 : at + 2 + attributes.length;
  for (let i = 0; i < PREFIXES_PER_UPDATE; i++, at += 5) {
    const block = update * PREFIXES_PER_UPDATE + i;
    octets.set([26, 10, block >>> 10, (block >>> 2) & 255, (block & 3) << 6], at);
  }
  return octets;
}

const DEAF: KernelListener = {
  linkChanged: () => {},
  linkRemoved: () => {},
  addressAdded: () => {},
  addressRemoved: () => {},
  routeLearned: () => {},
  routeLost: () => {},
  routeFailed: () => {},
  routeDisturbed: () => {},
  troubled: () => {},
  resynced: () => {},
};
