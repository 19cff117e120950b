/**
 * All BFD sessions of the worker: which packet belongs to which (RFC 5880 section 6.3, RFC 5881 section 3, RFC 5883
 * section 3), what is refused on the way (RFC 5881 section 5: the TTL), when somebody has to do something next, and the
 * farewell of sessions that are removed. Sockets, time and chance are given to it.
 */

import {
  BFD_PACKET_OCTETS,
  type BfdPacket,
  type BfdRefusal,
  decodeBfdPacket,
  encodeBfdPacket,
} from '../../bgp/bfd/packet.ts';
import { type BfdChange, type BfdResume, BfdSession, type BfdSnapshot } from '../../bgp/bfd/session.ts';
import { FAMILY_IPV4 } from '../../bgp/family.ts';
import { parseAddress } from '../../bgp/ip.ts';
import { isLinkLocal } from '../net/socket-address.ts';
import type { Datagram } from './datagrams.ts';
import type { BfdProblem, BfdSpec } from './messages.ts';
import { addressKey, addressOfKey, MAX_SESSIONS, type ReceiverSpec, type Transmitter } from './sockets.ts';

/** What failed to open is tried again after this. */
const RETRY_MS = 1000;
/** A refused packet is told once in this time for each session and reason. */
const REFUSAL_QUIET_MS = 60_000;
/** A removed session says AdminDown for its Detection Time, but not longer than this. */
const MAX_FAREWELL_MS = 10_000;

export interface EngineIo {
  listen(wanted: readonly ReceiverSpec[]): string[];
  drain(): void;
  openTransmitter(
    spec: BfdSpec,
  ): { readonly ok: true; readonly value: Transmitter } | { readonly ok: false; readonly problem: string };
}

export interface EngineEvents {
  changed(key: string, change: BfdChange | null, snapshot: BfdSnapshot): void;
  problem(key: string | null, problem: BfdProblem, detail: string): void;
}

export interface EngineClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  random(): number;
}

type Refusal = BfdRefusal | 'ttl' | 'wrong-address' | 'unknown-discriminator';

const REFUSAL_WORDS: { readonly [R in Refusal]: string } = {
  'too-short': 'shorter than 24 octets',
  'wrong-version': 'not of BFD version 1',
  'wrong-length': 'its length field is wrong',
  'zero-multiplier': 'its Detect Mult is 0',
  multipoint: 'it has the Multipoint bit',
  'zero-discriminator': 'its My Discriminator is 0',
  'no-discriminator': 'its Your Discriminator is 0 in state Init or Up',
  authentication: 'it is authenticated, which is not supported',
  ttl: 'its TTL is too low for the configured distance (is the peer more than one hop away? then set multihop)',
  'wrong-address': 'it has the discriminator of a session with another address or interface',
  'unknown-discriminator': 'its Your Discriminator is of no session here',
};

class EngineSession {
  spec: BfdSpec;
  readonly machine: BfdSession;
  readonly peer: string;
  readonly local: string | null;
  transmitter: Transmitter | null = null;
  retryAtMs = 0;
  /** Told, so that it is told again only after it was over. */
  problem: string | null = null;
  received = 0;
  sent = 0;
  refused = 0;
  sendErrors = 0;
  readonly refusalTold = new Map<Refusal, number>();
  /** Says AdminDown until then; infinite: lives. */
  endsAtMs = Number.POSITIVE_INFINITY;
  /** Of the values that were told last. */
  readonly told = { version: -1 };

  constructor(spec: BfdSpec, machine: BfdSession) {
    this.spec = spec;
    this.machine = machine;
    this.peer = addressKey(spec.peerAddress);
    this.local = spec.localAddress === null ? null : addressKey(spec.localAddress);
  }
}

export class BfdEngine {
  readonly #io: EngineIo;
  readonly #events: EngineEvents;
  readonly #clock: EngineClock;
  readonly #sessions = new Map<string, EngineSession>();
  readonly #byDiscriminator = new Map<number, EngineSession>();
  readonly #byPeer = new Map<string, EngineSession[]>();
  readonly #octets = new Uint8Array(BFD_PACKET_OCTETS);
  #listenRetryAtMs = Number.POSITIVE_INFINITY;
  #listenProblem = '';
  #strangers = 0;
  #strangerToldMs = Number.NEGATIVE_INFINITY;

  constructor(io: EngineIo, events: EngineEvents, clock: EngineClock) {
    this.#io = io;
    this.#events = events;
    this.#clock = clock;
  }

  /** These sessions and no others. Those that stay go on; their timers may change. */
  configure(specs: readonly BfdSpec[], resume: Readonly<Record<string, BfdResume>>): void {
    const nowMs = this.#clock.nowMs();
    const wanted = new Set(specs.map(({ key }) => key));
    for (const [key, session] of this.#sessions) if (!wanted.has(key)) this.#dismiss(session, nowMs);
    for (const spec of specs) {
      const session = this.#sessions.get(spec.key);
      if (session === undefined) {
        this.#add(spec, resume[spec.key] ?? null, nowMs);
        continue;
      }
      session.spec = spec;
      session.endsAtMs = Number.POSITIVE_INFINITY;
      session.machine.enable(nowMs);
      session.machine.setTimers(spec.timers, nowMs);
      this.#tellValues(session);
    }
    this.#listen(nowMs);
  }

  /** One packet that came to the port of this kind. */
  receive(datagram: Datagram, multihop: boolean): void {
    const result = decodeBfdPacket(datagram.octets, datagram.length);
    if (!result.ok) return this.#refuse(this.#match(datagram, multihop), result.refusal, datagram);
    const { packet } = result;
    const { yourDiscriminator } = packet;
    const byAddress = this.#match(datagram, multihop);
    let session = byAddress;
    if (yourDiscriminator !== 0) {
      session = this.#byDiscriminator.get(yourDiscriminator) ?? null;
      if (session === null) return this.#refuse(byAddress, 'unknown-discriminator', datagram);
      if (!matches(session, datagram, multihop)) return this.#refuse(byAddress, 'wrong-address', datagram);
    }
    if (session === null) return this.#refuse(null, 'unknown-discriminator', datagram);
    if (datagram.ttl < session.spec.minimumTtl) return this.#refuse(session, 'ttl', datagram);
    session.received++;
    session.machine.receive(packet, this.#clock.nowMs());
    this.#tellValues(session);
  }

  /** Does what is due; when it has to be called again at the latest. */
  advance(): number {
    let nowMs = this.#clock.nowMs();
    for (const { machine } of this.#sessions.values()) {
      if (!machine.isOverdue(nowMs)) continue;
      // What came while this thread had no processor counts: it is not the peer that was late.
      this.#io.drain();
      nowMs = this.#clock.nowMs();
      break;
    }
    if (nowMs >= this.#listenRetryAtMs) this.#listen(nowMs);
    let nextMs = this.#listenRetryAtMs;
    for (const session of this.#sessions.values()) {
      if (nowMs >= session.endsAtMs) {
        this.#forget(session);
        continue;
      }
      const { machine } = session;
      if (machine.nextAtMs <= nowMs) {
        machine.advance(nowMs);
        this.#tellValues(session);
      }
      nextMs = Math.min(nextMs, machine.nextAtMs, session.endsAtMs);
    }
    return nextMs;
  }

  /**
   * Begins the end: peers of sessions in `patience` are asked to wait so many milliseconds for the next life, the others
   * hear once that BFD is switched off. `isUnderstood` says when it may end.
   */
  beginEnd(patience: Readonly<Record<string, number>>): void {
    const nowMs = this.#clock.nowMs();
    for (const session of [...this.#sessions.values()]) {
      const forMs = patience[session.spec.key] ?? 0;
      if (forMs > 0 && session.machine.state === 'Up') {
        session.machine.suspend(forMs, nowMs);
        continue;
      }
      session.machine.disable(nowMs);
      this.#forget(session);
    }
  }

  /** No peer that is asked to wait has its answer still to give. */
  get isUnderstood(): boolean {
    return [...this.#sessions.values()].every(({ machine }) => !machine.polling);
  }

  /** Counters by key (see BFD_COUNTERS), and packets of nobody. */
  counters(): { readonly sessions: readonly (readonly [string, readonly number[]])[]; readonly strangers: number } {
    const sessions = [...this.#sessions.values()].map(
      ({ spec, received, sent, refused, sendErrors }) => [spec.key, [received, sent, refused, sendErrors]] as const,
    );
    return { sessions, strangers: this.#strangers };
  }

  #add(spec: BfdSpec, resume: BfdResume | null, nowMs: number): void {
    if (this.#sessions.size >= MAX_SESSIONS) {
      this.#events.problem(spec.key, 'send', `there are ${MAX_SESSIONS} BFD sessions already`);
      return;
    }
    let session: EngineSession;
    const machine = new BfdSession(
      resume?.snapshot.localDiscriminator ?? this.#newDiscriminator(),
      spec.timers,
      {
        send: (packet) => this.#send(session, packet),
        changed: (change) => this.#events.changed(session.spec.key, change, session.machine.snapshot()),
        random: () => this.#clock.random(),
      },
      nowMs,
      resume,
    );
    session = new EngineSession(spec, machine);
    this.#sessions.set(spec.key, session);
    this.#byDiscriminator.set(machine.localDiscriminator, session);
    this.#byPeer.set(session.peer, [...(this.#byPeer.get(session.peer) ?? []), session]);
    this.#open(session, nowMs);
    this.#tellValues(session);
  }

  /** Section 6.8.1: unique and not 0. */
  #newDiscriminator(): number {
    for (;;) {
      const value = Math.floor(this.#clock.random() * 0x1_0000_0000);
      if (value !== 0 && !this.#byDiscriminator.has(value)) return value;
    }
  }

  /** RFC 5880 section 6.8.16: packets go on for a Detection Time, so that the peer learns that this is no failure. */
  #dismiss(session: EngineSession, nowMs: number): void {
    if (session.endsAtMs !== Number.POSITIVE_INFINITY) return;
    const isKnownToPeer = session.machine.remoteDiscriminator !== 0;
    const farewellMs = Math.min(session.machine.detectionTimeMicroseconds / 1000, MAX_FAREWELL_MS);
    session.machine.disable(nowMs);
    if (isKnownToPeer) session.endsAtMs = nowMs + farewellMs;
    else this.#forget(session);
  }

  #forget(session: EngineSession): void {
    session.transmitter?.close();
    session.transmitter = null;
    this.#sessions.delete(session.spec.key);
    this.#byDiscriminator.delete(session.machine.localDiscriminator);
    const others = (this.#byPeer.get(session.peer) ?? []).filter((other) => other !== session);
    if (others.length > 0) this.#byPeer.set(session.peer, others);
    else this.#byPeer.delete(session.peer);
  }

  #match(datagram: Datagram, multihop: boolean): EngineSession | null {
    for (const session of this.#byPeer.get(datagram.peer) ?? [])
      if (matches(session, datagram, multihop)) return session;
    return null;
  }

  #send(session: EngineSession, packet: BfdPacket): void {
    const nowMs = this.#clock.nowMs();
    if (session.transmitter === null && nowMs >= session.retryAtMs) this.#open(session, nowMs);
    if (session.transmitter === null) {
      session.sendErrors++;
      return;
    }
    encodeBfdPacket(packet, this.#octets);
    const problem = session.transmitter.send(this.#octets, BFD_PACKET_OCTETS);
    if (problem === null) {
      session.sent++;
      this.#recovered(session);
      return;
    }
    session.sendErrors++;
    this.#failed(session, problem);
    // The interface or the address may be another one by now: a new socket finds out, once a second.
    if (nowMs < session.retryAtMs) return;
    session.transmitter.close();
    session.transmitter = null;
    session.retryAtMs = nowMs + RETRY_MS;
  }

  #open(session: EngineSession, nowMs: number): void {
    const opened = this.#io.openTransmitter(session.spec);
    session.retryAtMs = nowMs + RETRY_MS;
    if (opened.ok) session.transmitter = opened.value;
    else this.#failed(session, opened.problem);
  }

  #failed(session: EngineSession, problem: string): void {
    if (session.problem === problem) return;
    session.problem = problem;
    this.#events.problem(session.spec.key, 'send', problem);
  }

  #recovered(session: EngineSession): void {
    if (session.problem === null) return;
    session.problem = null;
    this.#events.problem(session.spec.key, 'recovered', 'packets leave again');
  }

  #listen(nowMs: number): void {
    const problems = this.#io.listen(receivers([...this.#sessions.values()].map(({ spec }) => spec)));
    this.#listenRetryAtMs = problems.length > 0 ? nowMs + RETRY_MS : Number.POSITIVE_INFINITY;
    const problem = problems.join('; ');
    if (problem === this.#listenProblem) return;
    this.#listenProblem = problem;
    if (problem === '') this.#events.problem(null, 'recovered', 'BFD packets are received again');
    else this.#events.problem(null, 'listen', problem);
  }

  #refuse(session: EngineSession | null, refusal: Refusal, datagram: Datagram): void {
    const nowMs = this.#clock.nowMs();
    const detail = (): string =>
      `from ${addressOfKey(datagram.peer)} with TTL ${datagram.ttl}: ${REFUSAL_WORDS[refusal]}`;
    if (session === null) {
      this.#strangers++;
      if (nowMs - this.#strangerToldMs < REFUSAL_QUIET_MS) return;
      this.#strangerToldMs = nowMs;
      this.#events.problem(null, 'refused', detail());
      return;
    }
    session.refused++;
    if (nowMs - (session.refusalTold.get(refusal) ?? Number.NEGATIVE_INFINITY) < REFUSAL_QUIET_MS) return;
    session.refusalTold.set(refusal, nowMs);
    this.#events.problem(session.spec.key, 'refused', detail());
  }

  /** Values that views show and that another thread would need, when they are other ones than before. */
  #tellValues({ spec, machine, told }: EngineSession): void {
    if (machine.version === told.version) return;
    told.version = machine.version;
    this.#events.changed(spec.key, null, machine.snapshot());
  }
}

/** Whether the circumstances of a packet are those of the session. */
function matches({ spec, peer, local, transmitter }: EngineSession, datagram: Datagram, multihop: boolean): boolean {
  if (spec.multihop !== multihop || peer !== datagram.peer) return false;
  if (local !== null && local !== datagram.local) return false;
  return spec.interfaceName === null || transmitter?.interfaceIndex === datagram.interfaceIndex;
}

/**
 * Where to listen for these sessions: at their own addresses when all of one kind have one, so that nothing else of the
 * machine is touched; else at all addresses of the family.
 */
export function receivers(specs: readonly BfdSpec[]): ReceiverSpec[] {
  const wanted: ReceiverSpec[] = [];
  for (const family of [0, 1] as const) {
    for (const multihop of [false, true]) {
      const ours = specs.filter(
        (spec) => spec.multihop === multihop && (parseAddress(spec.peerAddress)?.family ?? FAMILY_IPV4) === family,
      );
      const locals = new Set(ours.map(({ localAddress }) => bindable(localAddress)));
      if (locals.has(null)) wanted.push({ family, multihop, address: null });
      else for (const address of locals) wanted.push({ family, multihop, address });
    }
  }
  return wanted;
}

/** A link-local address means nothing without its interface: packets to it are told apart when they come. */
function bindable(localAddress: string | null): string | null {
  const address = localAddress === null ? null : parseAddress(localAddress);
  return address === null || isLinkLocal(address) ? null : localAddress;
}
