/**
 * Taking a node, or the session with one peer, out of use without losing a packet (RFC 8326): first every route is told
 * again with GRACEFUL_SHUTDOWN and in last place, a little later service addresses are withdrawn (others have them too),
 * and only after that, if at all, sessions end with Cease / Administrative Shutdown, as a Hard Reset (RFC 8538) so that
 * nobody keeps the routes. Routes to pods stay to the end. The opposite of a restart, which peers are to overlook.
 */

import type { Log } from '../log/log.ts';
import type { Clock, TimerHandle } from './clock.ts';
import type { PeerDriver } from './peer-driver.ts';

/** Others have this long to turn to other ways before service addresses go. */
const SERVICES_DELAY_MS = 5000;

export interface DrainOrder {
  /** Who or what asks for it, for people. */
  readonly reason: string;
  /** Sessions end after so long; null: they stay. */
  readonly closeAfterSeconds: number | null;
  /** Shutdown communication of the Cease (RFC 9003); null: the reason. */
  readonly text: string | null;
}

export type DrainStage = 'avoided' | 'services-withdrawn' | 'closed';

export interface DrainView {
  readonly stage: DrainStage;
  readonly reason: string;
  readonly sinceMs: number;
  /** Wall clock; null: sessions stay. */
  readonly closesAtMs: number | null;
}

/** What drains need of the speaker. */
export interface DrainHost {
  readonly log: Log;
  readonly clock: Clock;
  readonly drivers: ReadonlyMap<string, PeerDriver>;
  /** What these peers are told has changed. */
  regroup(drivers: readonly PeerDriver[]): void;
}

/** One order that is being carried out, for one peer or for all. */
class Drain {
  readonly order: DrainOrder;
  stage: DrainStage = 'avoided';
  readonly timers: TimerHandle[] = [];
  readonly #clock: Clock;
  readonly #sinceWallMs: number;
  /** Monotonic: setting the wall clock moves what people are told, not the end. */
  readonly #closesMs: number | null;

  constructor(order: DrainOrder, clock: Clock) {
    const { closeAfterSeconds } = order;
    this.order = order;
    this.#clock = clock;
    this.#sinceWallMs = clock.wallMs();
    this.#closesMs = closeAfterSeconds === null ? null : clock.nowMs() + closeAfterSeconds * 1000;
  }

  get view(): DrainView {
    const clock = this.#clock;
    const closesAtMs = this.#closesMs === null ? null : clock.wallMs() + this.#closesMs - clock.nowMs();
    return { stage: this.stage, reason: this.order.reason, sinceMs: this.#sinceWallMs, closesAtMs };
  }

  cancel(): void {
    for (const timer of this.timers) timer.cancel();
  }
}

/** Keys of drains of the whole node, by hand and by configuration (a cordon): each is ended where it began. */
const BY_HAND = '';
const BY_CONFIGURATION = '\n';
const NODE: readonly string[] = [BY_HAND, BY_CONFIGURATION];
const STAGES: readonly DrainStage[] = ['avoided', 'services-withdrawn', 'closed'];

export class Drains {
  readonly #host: DrainHost;
  readonly #drains = new Map<string, Drain>();

  constructor(host: DrainHost) {
    this.#host = host;
  }

  /** Of two drains of the node the one that has gone further. */
  get node(): DrainView | null {
    const views = NODE.map((key) => this.#drains.get(key)?.view).filter((view) => view !== undefined);
    return views.sort((x, y) => STAGES.indexOf(y.stage) - STAGES.indexOf(x.stage))[0] ?? null;
  }

  peer(name: string): DrainView | null {
    return this.#drains.get(name)?.view ?? null;
  }

  /** Begins, or begins anew under another order; routes that are told in last place stay so. */
  drainNode(order: DrainOrder): void {
    this.#begin(BY_HAND, order);
  }

  /** What the configuration wants: why the node is to be drained, or null. Sessions stay. */
  configure(reason: string | null): void {
    if (reason === null) this.#end(BY_CONFIGURATION);
    else this.#begin(BY_CONFIGURATION, { reason, closeAfterSeconds: null, text: null });
  }

  drainPeer(name: string, order: DrainOrder): void {
    this.#begin(name, order);
  }

  /** Ends what was begun by hand; false: nothing was. */
  undrainNode(): boolean {
    return this.#end(BY_HAND);
  }

  undrainPeer(name: string): boolean {
    return this.#end(name);
  }

  /** A peer is new: it is told what the others are. */
  peerAdded(driver: PeerDriver): void {
    driver.drain = this.#exportFor(driver.name);
    driver.isDrained = this.#isClosed(driver.name);
  }

  peerRemoved(name: string): void {
    this.#drains.get(name)?.cancel();
    this.#drains.delete(name);
  }

  close(): void {
    for (const drain of this.#drains.values()) drain.cancel();
  }

  #begin(key: string, order: DrainOrder): void {
    const { clock, log } = this.#host;
    const before = this.#drains.get(key);
    before?.cancel();
    const drain = new Drain(order, clock);
    // Nobody is told to come back for a moment.
    if (before !== undefined) drain.stage = before.stage;
    this.#drains.set(key, drain);
    const { reason, closeAfterSeconds } = order;
    log.info('DRAIN', { peer: NODE.includes(key) ? null : key, reason, closeAfterSeconds }, `drained: ${reason}`);
    const closeMs = closeAfterSeconds === null ? null : closeAfterSeconds * 1000;
    // The services of one peer less stay reachable by the others.
    if (NODE.includes(key) && drain.stage === 'avoided') {
      const delayMs = Math.min(SERVICES_DELAY_MS, closeMs === null ? SERVICES_DELAY_MS : closeMs / 2);
      drain.timers.push(clock.setTimer(delayMs, () => this.#reach(key, drain, 'services-withdrawn')));
    }
    if (closeMs !== null && drain.stage !== 'closed') {
      drain.timers.push(clock.setTimer(closeMs, () => this.#reach(key, drain, 'closed')));
    }
    this.#tell();
  }

  #reach(key: string, drain: Drain, stage: DrainStage): void {
    drain.stage = stage;
    this.#host.log.info('DRAIN', { peer: NODE.includes(key) ? null : key, stage }, `the drain has come to: ${stage}`);
    this.#tell();
    if (stage !== 'closed') return;
    const text = drain.order.text ?? drain.order.reason;
    for (const driver of this.#host.drivers.values()) {
      if (!NODE.includes(key) && driver.name !== key) continue;
      driver.dispatch({ type: 'stop', cause: 'shutdown', text, silent: false });
    }
  }

  #end(key: string): boolean {
    const drain = this.#drains.get(key);
    if (drain === undefined) return false;
    drain.cancel();
    this.#drains.delete(key);
    this.#host.log.info('UNDRAIN', { peer: NODE.includes(key) ? null : key }, 'no longer drained');
    this.#tell();
    for (const driver of this.#host.drivers.values()) {
      if (!driver.isKeptDown && driver.config.enabled && !driver.state.isStarted) driver.dispatch({ type: 'start' });
    }
    return true;
  }

  /** Every peer is told what holds now. */
  #tell(): void {
    const changed: PeerDriver[] = [];
    for (const driver of this.#host.drivers.values()) {
      driver.isDrained = this.#isClosed(driver.name);
      const drain = this.#exportFor(driver.name);
      if (driver.drain === drain) continue;
      driver.drain = drain;
      changed.push(driver);
    }
    if (changed.length > 0) this.#host.regroup(changed);
  }

  #exportFor(name: string): PeerDriver['drain'] {
    const node = this.node;
    if (node !== null && node.stage !== 'avoided') return 'withdraw-services';
    return node !== null || this.#drains.has(name) ? 'avoid' : 'none';
  }

  #isClosed(name: string): boolean {
    return [...NODE, name].some((key) => this.#drains.get(key)?.stage === 'closed');
  }
}
