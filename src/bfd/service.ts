/**
 * BFD as the speaker sees it: which sessions its peers need, the worker that runs them, and what became of them. Several
 * peers of one address share a session; the most demanding timers count. A worker that ends by itself or hangs is
 * reported and started again with what the sessions were, so that neither side notices when it is quick enough; that it
 * ended takes no BGP session down.
 */

import { Worker } from 'node:worker_threads';
import type { BfdChange, BfdResume, BfdSnapshot } from '../../bgp/bfd/session.ts';
import type { BfdConfig, SessionConfig } from '../../bgp/session-config.ts';
import type { Log } from '../log/log.ts';
import { syscalls, tryLoadSyscalls } from '../net/syscalls.ts';
import type { Clock, TimerHandle } from '../speaker/clock.ts';
import { BFD_COUNTERS, type BfdSpec, type FromWorker, type ToWorker } from './messages.ts';

/** A worker that has ended is started again after this, doubling while it happens again within the time below. */
const RESTART_FIRST_MS = 100;
const RESTART_LAST_MS = 10_000;
const RESTART_FORGET_MS = 60_000;
/** The worker counts once a second; silent for so long while this thread runs, it hangs. */
const HANG_MS = 10_000;
/** Changes are kept for another life after this: a thousand sessions may come up together. */
const REMEMBER_MS = 200;
/** Farewells of a shutdown, and the answers of peers that are asked to wait (worker.ts). */
const END_MS = 500;

/** The worker thread, or what stands for it in a test. */
export interface BfdWorker {
  post(message: ToWorker): void;
  terminate(): void;
}

export interface BfdWorkerEvents {
  message(message: FromWorker): void;
  /** It has ended, however; once. */
  ended(reason: string): void;
}

export type StartBfdWorker = (events: BfdWorkerEvents) => BfdWorker;

/** A session with everything that views show. */
export interface BfdState {
  readonly spec: BfdSpec;
  /** Names of the peers that it is for. */
  clients: readonly string[];
  /** null: the worker has not said anything yet. */
  snapshot: BfdSnapshot | null;
  sinceMs: number;
  sinceWallMs: number;
  /** Of the last time that the session left Up. */
  lastDown: { readonly cause: string; readonly diagnostic: number; readonly atWallMs: number } | null;
  timesUp: number;
  /** Why packets cannot be sent; null: nothing known. */
  problem: string | null;
  /** In the order of BFD_COUNTERS. */
  counters: readonly number[];
}

export interface BfdServiceOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly startWorker?: StartBfdWorker;
  /** Sessions of an earlier life of this process, by key. */
  earlier(): Readonly<Record<string, BfdSnapshot>>;
  /** What another life would go on from is another value now. */
  remember(snapshots: Readonly<Record<string, BfdSnapshot>>): void;
  /** The state of a peer's session is another one. */
  changed(peer: string, change: BfdChange, state: BfdState): void;
}

function startThread(events: BfdWorkerEvents): BfdWorker {
  // Loaded by the worker alone, koffi would be unmapped with it while its handles are still being closed: a segmentation
  // fault of the whole process.
  const problem = tryLoadSyscalls();
  if (problem !== null) throw new Error(problem);
  const worker = new Worker(new URL('./bfd-worker.js', import.meta.url), { name: 'bfd' });
  let isOver = false;
  const over = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    events.ended(reason);
  };
  worker.on('message', (message: FromWorker) => events.message(message));
  worker.on('error', (error) => over(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  worker.on('exit', (code) => over(`exit code ${code}`));
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
  };
}

export class BfdService {
  readonly #options: BfdServiceOptions;
  readonly #states = new Map<string, BfdState>();
  readonly #keyOfPeer = new Map<string, string>();
  #worker: BfdWorker | null = null;
  /** What the worker was told last. */
  #told = '';
  #restartMs = 0;
  #startedMs = Number.NEGATIVE_INFINITY;
  #restart: TimerHandle | null = null;
  #watch: TimerHandle | null = null;
  #remembering: TimerHandle | null = null;
  #lastSignMs = 0;
  #ended: (() => void) | null = null;
  /** Of the worker; they outlive it. */
  readonly #descriptors = new Set<number>();
  /** Why packets of all sessions may not arrive; null: nothing known. */
  listenProblem: string | null = null;
  strangers = 0;
  restarts = 0;

  constructor(options: BfdServiceOptions) {
    this.#options = options;
  }

  /** These peers' sessions and no others. */
  apply(peers: readonly SessionConfig[]): void {
    const wanted = new Map<string, { spec: BfdSpec; clients: string[] }>();
    this.#keyOfPeer.clear();
    for (const peer of peers) {
      if (peer.bfd === null || !peer.enabled) continue;
      const spec = specOf(peer, peer.bfd);
      this.#keyOfPeer.set(peer.name, spec.key);
      const shared = wanted.get(spec.key);
      if (shared === undefined) wanted.set(spec.key, { spec, clients: [peer.name] });
      else wanted.set(spec.key, { spec: moreDemanding(shared.spec, spec), clients: [...shared.clients, peer.name] });
    }
    for (const { spec } of this.#released(peers))
      if (!wanted.has(spec.key)) wanted.set(spec.key, { spec, clients: [] });
    for (const key of this.#states.keys()) if (!wanted.has(key)) this.#states.delete(key);
    for (const [key, { spec, clients }] of wanted) {
      const known = this.#states.get(key);
      this.#states.set(key, known === undefined ? this.#newState(spec, clients) : { ...known, spec, clients });
    }
    if (this.#worker === null) {
      if (this.#states.size > 0 && this.#restart === null) this.#start();
      return;
    }
    this.#configure({});
  }

  /** The state of the peer's session; null: it has none. */
  stateOf(peer: string): BfdState | null {
    const key = this.#keyOfPeer.get(peer);
    return key === undefined ? null : (this.#states.get(key) ?? null);
  }

  states(): readonly BfdState[] {
    return [...this.#states.values()];
  }

  /**
   * Asks the peers of the sessions in `patience` (milliseconds by key) to wait for another life, tells the others that BFD
   * is switched off, so that nobody takes our silence for a failure, and ends the worker.
   */
  async close(patience: Readonly<Record<string, number>>): Promise<void> {
    this.#restart?.cancel();
    this.#watch?.cancel();
    const worker = this.#worker;
    if (worker === null) return;
    await new Promise<void>((resolve) => {
      const deadline = this.#options.clock.setTimer(END_MS, resolve);
      this.#ended = () => {
        deadline.cancel();
        resolve();
      };
      worker.post({ type: 'end', patience });
    });
    this.#worker = null;
    worker.terminate();
    this.#remember();
  }

  /**
   * Sessions whose peer is still there but does without BFD now. They go on, for nobody, until the peer ends them: BIRD 2.0
   * and FRR 8 end the BGP session when we say AdminDown, though RFC 5882 section 3.2 asks them not to.
   */
  #released(peers: readonly SessionConfig[]): BfdState[] {
    const without = peers.filter(({ bfd, enabled }) => bfd === null && enabled);
    const keys = new Set(without.flatMap((peer) => [keyOf(peer, false), keyOf(peer, true)]));
    return this.states().filter(({ spec, snapshot }) => snapshot?.state === 'Up' && keys.has(spec.key));
  }

  #newState(spec: BfdSpec, clients: readonly string[]): BfdState {
    const { clock } = this.#options;
    const counters = BFD_COUNTERS.map(() => 0);
    const [sinceMs, sinceWallMs] = [clock.nowMs(), clock.wallMs()];
    return { spec, clients, snapshot: null, sinceMs, sinceWallMs, lastDown: null, timesUp: 0, problem: null, counters };
  }

  #start(): void {
    const { clock, log } = this.#options;
    this.#restart = null;
    const isFirst = this.#startedMs === Number.NEGATIVE_INFINITY;
    this.#startedMs = clock.nowMs();
    this.#told = '';
    let worker: BfdWorker | null = null;
    try {
      worker = (this.#options.startWorker ?? startThread)({
        message: (message) => {
          if (worker !== null && worker === this.#worker) this.#received(message);
        },
        ended: (reason) => {
          if (worker !== null && worker === this.#worker) this.#workerEnded(reason);
        },
      });
    } catch (error) {
      // No thread to be had: tried again like one that ended.
      this.#worker = null;
      this.#workerEnded(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#worker = worker;
    log.info('BFD_STARTED', { sessions: this.#states.size }, 'BFD runs in a thread of its own');
    const resume: Record<string, BfdResume> = {};
    for (const [key, snapshot] of Object.entries(isFirst ? this.#options.earlier() : {}))
      if (snapshot.state === 'Up') resume[key] = { snapshot, isSameLife: false };
    for (const [key, { snapshot }] of this.#states) if (snapshot !== null) resume[key] = { snapshot, isSameLife: true };
    this.#configure(resume);
    this.#lastSignMs = clock.nowMs();
    this.#watchOver();
  }

  #configure(resume: Readonly<Record<string, BfdResume>>): void {
    const sessions = [...this.#states.values()].map(({ spec }) => spec);
    const told = JSON.stringify(sessions);
    if (told === this.#told) return;
    this.#told = told;
    this.#worker?.post({ type: 'configure', sessions, resume });
  }

  #workerEnded(reason: string): void {
    const { clock, log } = this.#options;
    this.#worker = null;
    this.#watch?.cancel();
    // Its ports must be free for the next one.
    for (const descriptor of this.#descriptors) syscalls().close(descriptor);
    this.#descriptors.clear();
    if (this.#ended !== null) return this.#ended();
    const isNew = clock.nowMs() - this.#startedMs > RESTART_FORGET_MS || this.#restartMs === 0;
    this.#restartMs = isNew ? RESTART_FIRST_MS : Math.min(this.#restartMs * 2, RESTART_LAST_MS);
    this.restarts++;
    log.error(
      'BFD_WORKER',
      { reason, restartMs: this.#restartMs },
      'the BFD thread ended: it is started again, no session ends for it',
    );
    this.#restart = clock.setTimer(this.#restartMs, () => this.#start());
  }

  /** Looks whether the worker still counts. A pause of this thread itself shows in the timer coming late. */
  #watchOver(): void {
    const { clock } = this.#options;
    const setAtMs = clock.nowMs();
    this.#watch = clock.setTimer(HANG_MS / 2, () => {
      const nowMs = clock.nowMs();
      const wasLate = nowMs - setAtMs > HANG_MS * 0.75;
      if (wasLate) this.#lastSignMs = nowMs;
      if (nowMs - this.#lastSignMs > HANG_MS) {
        const hanging = this.#worker;
        this.#workerEnded('no sign of life');
        hanging?.terminate();
        return;
      }
      this.#watchOver();
    });
  }

  #received(message: FromWorker): void {
    this.#lastSignMs = this.#options.clock.nowMs();
    switch (message.type) {
      case 'changed':
        return this.#changed(message.key, message.change, message.snapshot);
      case 'problem':
        return this.#problem(message);
      case 'counters':
        this.strangers = message.strangers;
        for (const [key, counters] of message.sessions) {
          const state = this.#states.get(key);
          if (state !== undefined) state.counters = counters;
        }
        return;
      case 'descriptor':
        if (message.isOpen) this.#descriptors.add(message.descriptor);
        else this.#descriptors.delete(message.descriptor);
        return;
      case 'ended':
        this.#ended?.();
        return;
    }
  }

  #changed(key: string, change: BfdChange | null, snapshot: BfdSnapshot): void {
    const state = this.#states.get(key);
    if (state === undefined) return;
    // Up from the start: it goes on from an earlier life.
    if (state.snapshot === null && snapshot.state === 'Up') state.timesUp = 1;
    state.snapshot = snapshot;
    this.#remembering ??= this.#options.clock.setTimer(REMEMBER_MS, () => this.#remember());
    if (change === null) return;
    const { clock } = this.#options;
    state.sinceMs = clock.nowMs();
    state.sinceWallMs = clock.wallMs();
    if (change.to === 'Up') state.timesUp++;
    if (change.from === 'Up') {
      state.lastDown = { cause: change.cause, diagnostic: snapshot.diagnostic, atWallMs: state.sinceWallMs };
    }
    for (const peer of state.clients) this.#options.changed(peer, change, state);
    if (state.clients.length > 0 || change.to === 'Up') return;
    this.#states.delete(key);
    this.#configure({});
  }

  #remember(): void {
    this.#remembering?.cancel();
    this.#remembering = null;
    const snapshots: Record<string, BfdSnapshot> = {};
    for (const [key, { snapshot }] of this.#states) if (snapshot?.state === 'Up') snapshots[key] = snapshot;
    this.#options.remember(snapshots);
  }

  #problem({ key, problem, detail }: Extract<FromWorker, { type: 'problem' }>): void {
    const { log } = this.#options;
    const state = key === null ? undefined : this.#states.get(key);
    const fields = state === undefined ? {} : { peers: state.clients };
    if (problem === 'refused') {
      log.warn('BFD_PACKET_REFUSED', fields, `BFD packet refused ${detail}`);
      return;
    }
    const isOver = problem === 'recovered';
    if (state !== undefined) state.problem = isOver ? null : detail;
    else this.listenProblem = isOver ? null : detail;
    if (isOver) log.info('BFD_SOCKET', fields, detail);
    else log.error('BFD_SOCKET', fields, `BFD: ${detail}; tried again every second`);
  }
}

function keyOf({ peerAddress, localAddress, interfaceName }: SessionConfig, multihop: boolean): string {
  return [peerAddress, localAddress ?? '', interfaceName ?? '', multihop ? 'multihop' : ''].join(' ').trimEnd();
}

function specOf(peer: SessionConfig, bfd: BfdConfig): BfdSpec {
  const { peerAddress, localAddress, interfaceName, ttl } = peer;
  const { multihop } = bfd;
  // RFC 5881 section 5 for one hop; beyond that, what the BGP session asks for (RFC 5883 section 5 leaves it open).
  const minimumTtl = !multihop ? 255 : ttl.kind === 'gtsm' ? 256 - ttl.hops : 0;
  return {
    key: keyOf(peer, multihop),
    peerAddress,
    localAddress,
    interfaceName,
    multihop,
    minimumTtl,
    timers: {
      desiredMinTxMicroseconds: bfd.minTxMs * 1000,
      requiredMinRxMicroseconds: bfd.minRxMs * 1000,
      detectMultiplier: bfd.multiplier,
    },
  };
}

/** One session for two peers: the shorter intervals and the smaller multiplier, the stricter TTL. */
function moreDemanding(x: BfdSpec, y: BfdSpec): BfdSpec {
  return {
    ...x,
    minimumTtl: Math.max(x.minimumTtl, y.minimumTtl),
    timers: {
      desiredMinTxMicroseconds: Math.min(x.timers.desiredMinTxMicroseconds, y.timers.desiredMinTxMicroseconds),
      requiredMinRxMicroseconds: Math.min(x.timers.requiredMinRxMicroseconds, y.timers.requiredMinRxMicroseconds),
      detectMultiplier: Math.min(x.timers.detectMultiplier, y.timers.detectMultiplier),
    },
  };
}
