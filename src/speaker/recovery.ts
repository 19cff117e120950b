/**
 * The time after a start in which an earlier life still shows: its routes are in the kernel, and peers keep what it
 * announced (RFC 4724 4.1). Decides when the kernel routes that nobody asked for again are swept, when End-of-RIB goes
 * to which peer, and what R and F bits our OPENs have. recovery-debts.ts says who owes what.
 *
 * Nothing else waits: routes are installed and announced as they are selected.
 */

import { FAMILY_NAMES, type FamilyIndex, type FamilyName } from '../../bgp/family.ts';
import type { LocalRestart } from '../../bgp/fsm/state.ts';
import type { Log } from '../log/log.ts';
import type { Clock, TimerHandle } from './clock.ts';
import type { SpeakerCore } from './core.ts';
import type { PeerDriver } from './peer-driver.ts';
import { debtOf, FamilyDebts, type RecoveryPeer, type RecoveryRules } from './recovery-debts.ts';
import { type RestartMemory, restartBits } from './restart-memory.ts';

/** As BIRD's graceful restart wait time; RFC 4724 calls it the Selection_Deferral_Timer. */
export const DEFERRAL_SECONDS = 240;
/** Absent peers of which nothing is known hold End-of-RIB back for this long: a reachable one is there by then. */
const GRACE_MS = 60_000;
/** A reflector that knows of no earlier life gives each peer this long to send its End-of-RIB. */
const FIRST_TABLE_MS = 5000;
/** The last routes have this long to travel from the RIB to the kernel. */
const SETTLE_MS = 1000;
/** A thousand peers may come in a burst: they are looked at together. */
const LOOK_DELAY_MS = 50;
const FAMILIES: readonly FamilyIndex[] = [0, 1];

/** For API, control socket and metrics. */
export interface FamilyRecovery {
  /** Kernel routes of an earlier life may still be there, or some End-of-RIB of ours is held back. */
  readonly isGoingOn: boolean;
  /** Wall clock; null when it is not going on. */
  readonly untilMs: number | null;
  /** Peers that owe End-of-RIB; `connected`: they have a session. */
  readonly waitingFor: readonly { readonly peer: string; readonly connected: boolean }[];
}

export interface RecoveryView {
  /** This is a restart, and a peer with a session has not sent everything yet. Absent peers do not count. */
  readonly isGoingOn: boolean;
  /** Evidence of an earlier life was found at the start. */
  readonly isRestart: boolean;
  readonly families: { readonly [F in FamilyName]: FamilyRecovery };
}

export class Recovery {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #core: SpeakerCore;
  readonly #memory: RestartMemory;
  readonly #drivers: () => Iterable<PeerDriver>;
  readonly #isRestart: boolean;
  /** Peers of the earlier life, and of this one with graceful restart, that have not sent all that they have. */
  readonly #expected: Set<string>;
  /** When peers last had a session that came up in this life. */
  readonly #upSinceMs = new Map<string, number>();
  readonly #isSwept: [boolean, boolean] = [false, false];
  /** Nothing holds any End-of-RIB back, now or later. */
  readonly #isReleased: [boolean, boolean] = [false, false];
  readonly #settling: [TimerHandle | null, TimerHandle | null] = [null, null];
  readonly #held: readonly [Set<PeerDriver>, Set<PeerDriver>] = [new Set(), new Set()];
  readonly #endsAtMs: number;
  #localRestart: LocalRestart;
  #deferral: TimerHandle | null = null;
  #grace: TimerHandle | null = null;
  #isGraceOver = false;
  #isDeferralOver = false;
  #overdue: TimerHandle | null = null;
  #look: TimerHandle | null = null;
  #debts: { readonly atMs: number; readonly families: readonly [FamilyDebts, FamilyDebts] } | null = null;
  #isClosed = false;

  constructor(
    clock: Clock,
    log: Log,
    core: SpeakerCore,
    memory: RestartMemory,
    deferralSeconds: number,
    drivers: () => Iterable<PeerDriver>,
  ) {
    this.#clock = clock;
    this.#log = log;
    this.#core = core;
    this.#memory = memory;
    this.#drivers = drivers;
    const { adopted } = core;
    const { earlier, place } = memory;
    this.#localRestart = restartBits({ adopted, programsRoutes: core.programsRoutes, earlier, place });
    this.#isRestart = this.#localRestart.isRestarting;
    this.#expected = new Set(earlier?.peers);
    this.#endsAtMs = clock.nowMs() + deferralSeconds * 1000;
    if (this.#isRestart) {
      const { forwardingPreserved } = this.#localRestart;
      log.info(
        'RECOVERY',
        { adopted, forwardingPreserved, expectedPeers: this.#expected.size, deferralSeconds },
        'this is a restart: peers are asked to keep our routes, kernel routes stay until theirs have come',
      );
    }
  }

  /** For the OPENs from now on. */
  get localRestart(): LocalRestart {
    return this.#localRestart;
  }

  begin(): void {
    for (const family of FAMILIES) if (this.#core.adopted[family] === 0) this.#sweep(family, 'there are none');
    const leftMs = Math.max(0, this.#endsAtMs - this.#clock.nowMs());
    this.#deferral = this.#clock.setTimer(leftMs, () => {
      this.#isDeferralOver = true;
      this.#lookNow();
    });
    this.#grace = this.#clock.setTimer(Math.min(leftMs, GRACE_MS), () => {
      this.#isGraceOver = true;
      this.#lookNow();
    });
    this.#lookNow();
  }

  end(): void {
    this.#isClosed = true;
    for (const timer of [this.#deferral, this.#grace, this.#overdue, this.#look, ...this.#settling]) timer?.cancel();
  }

  /** Must End-of-RIB to a peer whose session has just come up be held back? */
  holdsEndOfRib(driver: PeerDriver): readonly [boolean, boolean] {
    this.#upSinceMs.set(driver.name, this.#clock.nowMs());
    if (!this.#isRestart && !this.#isOver) this.#lookWhenOverdue();
    if (driver.session?.gracefulRestart) this.#expected.add(driver.name);
    if (this.#isOver) return [false, false];
    const own = this.#peerOf(driver);
    const debts = this.#recentDebts();
    const holds = FAMILIES.map((family) => {
      const isHeld = !this.#isReleased[family] && debts[family].holdsEndOfRib(own);
      if (isHeld) this.#held[family].add(driver);
      return isHeld;
    });
    return [holds[0], holds[1]];
  }

  /** One timer for all: a look that is a little early is followed by another. */
  #lookWhenOverdue(): void {
    this.#overdue ??= this.#clock.setTimer(FIRST_TABLE_MS, () => {
      this.#overdue = null;
      this.#lookNow();
      if (!this.#isOver) this.#lookWhenOverdue();
    });
  }

  /** A session came up or went down, End-of-RIB arrived, or peers were configured. */
  peersChanged(): void {
    if (this.#isClosed) return;
    this.#look ??= this.#clock.setTimer(LOOK_DELAY_MS, () => this.#lookNow());
  }

  /** The kernel's tables were opened anew and everything that is wanted was said again. */
  kernelReopened(): void {
    for (const family of FAMILIES) if (this.#isSwept[family]) this.#core.fib.sweepStale(family);
  }

  view(): RecoveryView {
    const rules = this.#rules;
    const peers = this.#peers();
    let isGoingOn = false;
    const familyView = (family: FamilyIndex): FamilyRecovery => {
      const isFamilyGoingOn = !this.#isOver && (!this.#isSwept[family] || !this.#isReleased[family]);
      const waitingFor = isFamilyGoingOn
        ? peers
            .filter((peer) => debtOf(peer, family, rules) !== 'nothing')
            .map((peer) => ({ peer: peer.name, connected: peer.session !== null }))
        : [];
      if (this.#isRestart && waitingFor.some(({ connected }) => connected)) isGoingOn = true;
      const untilMs = this.#clock.wallMs() + Math.max(0, this.#endsAtMs - this.#clock.nowMs());
      return { isGoingOn: isFamilyGoingOn, untilMs: isFamilyGoingOn ? untilMs : null, waitingFor };
    };
    const families = { 'ipv4-unicast': familyView(0), 'ipv6-unicast': familyView(1) };
    return { isGoingOn, isRestart: this.#isRestart, families };
  }

  /** What the next life should know; after every change, and at the end. */
  remember(): void {
    const peers = new Set(this.#isOver ? [] : this.#expected);
    for (const driver of this.#drivers()) {
      const isRetaining = driver.state.retained.some((kept) => kept !== null);
      if (driver.session?.gracefulRestart || isRetaining) peers.add(driver.name);
    }
    const { installed } = this.#core.fib.counters();
    this.#memory.remember({ hadKernelRoutes: [installed[0] > 0, installed[1] > 0], peers: [...peers].sort() });
  }

  get #isOver(): boolean {
    return this.#isDeferralOver || FAMILIES.every((family) => this.#isSwept[family] && this.#isReleased[family]);
  }

  get #rules(): RecoveryRules {
    return { isRestart: this.#isRestart, knowsPeers: this.#memory.earlier !== null, isGraceOver: this.#isGraceOver };
  }

  #peers(): RecoveryPeer[] {
    return [...this.#drivers()].map((driver) => this.#peerOf(driver));
  }

  /** Thousands of sessions come up one after the other: they are not all looked at for each. The next look is soon. */
  #recentDebts(): readonly [FamilyDebts, FamilyDebts] {
    const nowMs = this.#clock.nowMs();
    if (this.#debts === null || nowMs - this.#debts.atMs >= LOOK_DELAY_MS) {
      const peers = this.#peers();
      const rules = this.#rules;
      this.#debts = { atMs: nowMs, families: [new FamilyDebts(peers, 0, rules), new FamilyDebts(peers, 1, rules)] };
    }
    return this.#debts.families;
  }

  #peerOf(driver: PeerDriver): RecoveryPeer {
    const { config, session } = driver;
    const upSinceMs = this.#upSinceMs.get(driver.name);
    return {
      name: driver.name,
      isWanted: config.enabled && !driver.isKeptDown,
      usesGracefulRestart: config.gracefulRestart.mode !== 'off',
      isInternal: config.localAs === config.peerAs,
      isClient: this.#core.rib.peers.isClient[driver.ribIndex] === 1,
      families: [config.families.includes('ipv4-unicast'), config.families.includes('ipv6-unicast')],
      session,
      endOfRibReceived: driver.endOfRibReceived,
      isExpected: this.#expected.has(driver.name),
      wasUp: upSinceMs !== undefined,
      isOverdue: upSinceMs !== undefined && this.#clock.nowMs() - upSinceMs >= FIRST_TABLE_MS,
    };
  }

  #lookNow(): void {
    this.#look?.cancel();
    this.#look = null;
    if (this.#isClosed) return;
    for (const { name, session, endOfRibReceived } of this.#drivers()) {
      if (session === null) continue;
      const isComplete = session.families.every(
        (isThere, family) => !isThere || endOfRibReceived[family as FamilyIndex],
      );
      if (session.gracefulRestart === null || isComplete) this.#expected.delete(name);
    }
    this.remember();
    const wasOver = !this.#localRestart.isRestarting;
    const left = FAMILIES.filter((family) => !this.#isSwept[family] || !this.#isReleased[family]);
    const peers = left.length > 0 ? this.#peers() : [];
    for (const family of left) this.#lookAt(family, new FamilyDebts(peers, family, this.#rules));
    if (!wasOver && this.#isOver) this.#over();
  }

  #lookAt(family: FamilyIndex, debts: FamilyDebts): void {
    for (const driver of this.#held[family]) {
      const isGone = driver.session === null;
      if (!isGone && !this.#isDeferralOver && debts.holdsEndOfRib(this.#peerOf(driver))) continue;
      this.#held[family].delete(driver);
      if (!isGone) this.#core.groups.releaseEndOfRib(driver.ribIndex, family);
    }
    if (debts.toAnnounce === 0 || this.#isDeferralOver) this.#isReleased[family] = true;
    this.#core.schedule();
    if (this.#isSwept[family]) return;
    if (this.#isDeferralOver) this.#sweep(family, 'the deferral time is over');
    else if (debts.owing > 0) {
      this.#settling[family]?.cancel();
      this.#settling[family] = null;
    } else {
      this.#settling[family] ??= this.#clock.setTimer(SETTLE_MS, () => {
        this.#settling[family] = null;
        const { owing } = new FamilyDebts(this.#peers(), family, this.#rules);
        if (owing === 0) this.#sweep(family, 'all peers have sent their routes');
        this.#lookNow();
      });
    }
  }

  #sweep(family: FamilyIndex, why: string): void {
    if (this.#isClosed || this.#isSwept[family]) return;
    this.#isSwept[family] = true;
    this.#settling[family]?.cancel();
    const removed = this.#core.fib.sweepStale(family);
    if (removed === 0) return;
    const fields = { family: FAMILY_NAMES[family], removed };
    this.#log.info('KERNEL_SWEPT', fields, `removed kernel routes of an earlier run: ${why}`);
  }

  /** R is for a speaker that has restarted and not yet converged. */
  #over(): void {
    this.#localRestart = { ...this.#localRestart, isRestarting: false };
    for (const driver of this.#drivers()) {
      driver.dispatch({ type: 'localRestartChanged', localRestart: this.#localRestart });
    }
    const absent = [...this.#expected].filter((name) => [...this.#drivers()].some((driver) => driver.name === name));
    this.#expected.clear();
    this.#deferral?.cancel();
    this.#grace?.cancel();
    this.#log.info('RECOVERY_OVER', { absent }, 'the restart is over');
    this.remember();
  }
}
