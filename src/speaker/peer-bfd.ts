/**
 * What BFD means for BGP sessions (RFC 5882): a session that BFD has seen Up ends when its path goes Down; a BFD session
 * that never was Up ends nothing; strict peers wait for it. src/bfd runs the sessions, bgp/fsm does what is decided here.
 *
 * Not every Down is a failure of the path. A peer that has switched BFD off says nothing about it (section 3.2). One whose
 * BFD starts anew can reach us: with graceful restart in use that is the restart, or follows it, and the BGP session that
 * has come up again meanwhile must not pay for it (section 4.3.2).
 */

import { diagnosticText } from '../../bgp/bfd/packet.ts';
import type { BfdChange } from '../../bgp/bfd/session.ts';
import type { DesiredPeer } from '../../confd/desired-state.ts';
import type { BfdSessionView } from '../api/schema.ts';
import { BfdService, type BfdState, type StartBfdWorker } from '../bfd/service.ts';
import type { Log } from '../log/log.ts';
import type { Clock } from './clock.ts';
import type { PeerDriver } from './peer-driver.ts';
import type { RestartMemory } from './restart-memory.ts';

const RELEASED = 'no longer configured: answered until the peer ends it, since many would end the BGP session too';

export interface PeerBfdOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly startWorker?: StartBfdWorker;
  /** What an earlier life left, and where what another one should know is kept. */
  memory(): RestartMemory;
  driverOf(name: string): PeerDriver | undefined;
}

export class PeerBfd {
  readonly #options: PeerBfdOptions;
  readonly #service: BfdService;
  /** Some peer had a BFD session when peers were applied last; at first because an earlier life may have had some. */
  #wasConcerned = true;

  constructor(options: PeerBfdOptions) {
    this.#options = options;
    this.#service = new BfdService({
      ...options,
      earlier: () => {
        const { earlier, place } = options.memory();
        return earlier !== null && earlier.place === place ? earlier.bfd : {};
      },
      remember: (bfd) => options.memory().remember({ bfd }),
      changed: (peer, change, state) => this.#changed(peer, change, state),
    });
  }

  /** These peers, after their drivers know their configuration and before they are started. */
  apply(peers: readonly DesiredPeer[]): void {
    // Thousands of sessions without BFD cost no more than a look, at every change of any of them.
    const concerned = peers.some(({ session }) => session.bfd !== null);
    if (!concerned && !this.#wasConcerned && this.#service.states().length === 0) return;
    this.#wasConcerned = concerned;
    this.#service.apply(peers.map(({ session }) => session));
    for (const { session } of peers) this.#hold(session.name);
  }

  /**
   * `silent`: this process will be back. Peers that keep our routes meanwhile are asked for as much patience with BFD, and
   * the next life goes on with the sessions (RFC 5882 section 4.3.2.2); BIRD 2.0 and FRR 8 would else drop the routes.
   */
  close(mode: 'silent' | 'administrative'): Promise<void> {
    const patience: Record<string, number> = {};
    for (const { spec, clients } of this.#service.states()) {
      const drivers = clients.map((name) => this.#options.driverOf(name));
      const keeps = (driver: PeerDriver | undefined): boolean =>
        driver?.config.gracefulRestart.mode === 'full' && driver.session?.gracefulRestart != null;
      if (mode !== 'silent' || drivers.length === 0 || !drivers.every(keeps)) continue;
      const seconds = drivers.map((driver) => driver?.config.gracefulRestart.restartTimeSeconds ?? 0);
      patience[spec.key] = Math.min(...seconds) * 1000;
    }
    return this.#service.close(patience);
  }

  /** The peer's BFD session; null: it has none. */
  view(peer: string): BfdSessionView | null {
    const state = this.#service.stateOf(peer);
    return state === null ? null : this.#viewOf(state);
  }

  views(): BfdSessionView[] {
    return this.#service.states().map((state) => this.#viewOf(state));
  }

  #changed(peer: string, change: BfdChange, state: BfdState): void {
    const { log } = this.#options;
    const driver = this.#options.driverOf(peer);
    if (driver === undefined) return;
    const fields = { peer, address: state.spec.peerAddress, state: change.to, cause: change.cause };
    if (change.to === 'Up') log.info('BFD_UP', fields, 'BFD session is up');
    if (change.from === 'Up') this.#left(driver, change, state, fields);
    this.#hold(peer);
  }

  #left(driver: PeerDriver, change: BfdChange, state: BfdState, fields: object): void {
    const { log } = this.#options;
    const words = diagnosticText(state.snapshot?.diagnostic ?? 0);
    const keeps = whatKeepsBgp(driver, change);
    if (keeps !== null) {
      log.info('BFD_DOWN', fields, `BFD session is down: ${keeps}; the BGP session stays`);
      return;
    }
    log.warn('BFD_DOWN', fields, `BFD session is down: ${words}`);
    driver.dispatch({ type: 'bfdDown', isIndependent: state.snapshot?.remoteControlPlaneIndependent === true });
  }

  /** RFC 5882 section 4.1: a side that is AdminDown holds nobody up. */
  #hold(peer: string): void {
    const driver = this.#options.driverOf(peer);
    if (driver === undefined) return;
    const snapshot = this.#service.stateOf(peer)?.snapshot ?? null;
    const isFree = snapshot !== null && (snapshot.state === 'Up' || snapshot.remoteState === 'AdminDown');
    const holds = driver.config.bfd?.strict === true && !isFree;
    if (driver.state.isHeldByBfd !== holds) driver.dispatch({ type: 'bfdHoldChanged', holds });
  }

  #viewOf(state: BfdState): BfdSessionView {
    const { spec, snapshot, lastDown, counters } = state;
    const ms = (microseconds: number): number => microseconds / 1000;
    const [received, sent, refused, sendErrors] = counters;
    const isKnown = snapshot !== null && snapshot.remoteDiscriminator !== 0;
    return {
      peers: [...state.clients],
      address: spec.peerAddress,
      localAddress: spec.localAddress,
      interface: spec.interfaceName,
      multihop: spec.multihop,
      state: snapshot?.state ?? 'Down',
      stateSeconds: Math.floor((this.#options.clock.nowMs() - state.sinceMs) / 1000),
      diagnostic: diagnosticText(snapshot?.diagnostic ?? 0),
      localDiscriminator: snapshot?.localDiscriminator ?? 0,
      minTxMs: ms(spec.timers.desiredMinTxMicroseconds),
      minRxMs: ms(spec.timers.requiredMinRxMicroseconds),
      multiplier: spec.timers.detectMultiplier,
      transmitIntervalMs: ms(snapshot?.transmitIntervalMicroseconds ?? 0),
      detectionTimeMs: ms(snapshot?.detectionTimeMicroseconds ?? 0),
      remote: isKnown
        ? {
            state: snapshot.remoteState,
            diagnostic: diagnosticText(snapshot.remoteDiagnostic),
            discriminator: snapshot.remoteDiscriminator,
            minTxMs: ms(snapshot.remoteMinTxMicroseconds),
            minRxMs: ms(snapshot.remoteMinRxMicroseconds),
            multiplier: snapshot.remoteDetectMultiplier,
            controlPlaneIndependent: snapshot.remoteControlPlaneIndependent,
          }
        : null,
      timesUp: state.timesUp,
      lastDown:
        lastDown === null
          ? null
          : {
              at: new Date(lastDown.atWallMs).toISOString(),
              cause: lastDown.cause,
              diagnostic: diagnosticText(lastDown.diagnostic),
            },
      packets: { received, sent, refused, sendErrors },
      problem: state.problem ?? this.#service.listenProblem ?? (state.clients.length === 0 ? RELEASED : null),
    };
  }
}

/** Why a Down does not end the BGP session; null: it does. */
function whatKeepsBgp(driver: PeerDriver, { cause }: BfdChange): string | null {
  if (cause === 'neighbor-admin-down') return 'the peer has switched it off';
  if (cause === 'not-resumed') return 'the peer does not go on with the session of an earlier life';
  if (cause === 'admin-down') return 'it was switched off here';
  const usesRestart = driver.config.gracefulRestart.mode !== 'off' && driver.session?.gracefulRestart != null;
  if (cause === 'neighbor-restarted' && usesRestart) return "the peer's BFD has started anew (graceful restart)";
  return null;
}
