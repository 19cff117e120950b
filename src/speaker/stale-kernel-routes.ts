/**
 * When the routes that an earlier run left in the kernel may go: after every peer that owes an End-of-RIB has sent it,
 * or after a deferral time (RFC 4724 4.1). Peers that do not speak graceful restart owe nothing once they are
 * established; peers that are down are waited for until the deferral time ends.
 */

import type { Log } from '../log/log.ts';
import type { Clock, TimerHandle } from './clock.ts';
import type { SpeakerCore } from './core.ts';
import type { PeerDriver } from './peer-driver.ts';

/** As BIRD's graceful restart wait time. */
const DEFERRAL_MS = 240_000;
/** The last routes have this long to travel from the RIB to the kernel. */
const SETTLE_MS = 1000;

export class StaleKernelRoutes {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #core: SpeakerCore;
  readonly #drivers: () => Iterable<PeerDriver>;
  #deferral: TimerHandle | null = null;
  #settling: TimerHandle | null = null;
  #isOver = false;

  constructor(clock: Clock, log: Log, core: SpeakerCore, drivers: () => Iterable<PeerDriver>) {
    this.#clock = clock;
    this.#log = log;
    this.#core = core;
    this.#drivers = drivers;
  }

  begin(): void {
    this.#deferral = this.#clock.setTimer(DEFERRAL_MS, () => this.#sweep('the deferral time is over'));
    this.sessionsChanged();
  }

  /** A session came up or went down, or End-of-RIB arrived. */
  sessionsChanged(): void {
    if (this.#isOver) return;
    if (!this.#isComplete()) {
      this.#settling?.cancel();
      this.#settling = null;
      return;
    }
    this.#settling ??= this.#clock.setTimer(SETTLE_MS, () => this.#sweep('all peers have sent their routes'));
  }

  end(): void {
    this.#isOver = true;
    this.#deferral?.cancel();
    this.#settling?.cancel();
  }

  #isComplete(): boolean {
    for (const { config, isDisabled, session, endOfRibReceived } of this.#drivers()) {
      if (!config.enabled || isDisabled) continue;
      if (session === null) return false;
      if (session.gracefulRestart === null) continue;
      for (const [family, negotiated] of session.families.entries()) {
        if (negotiated && !endOfRibReceived[family as 0 | 1]) return false;
      }
    }
    return true;
  }

  #sweep(why: string): void {
    if (this.#isOver) return;
    this.end();
    const removed = this.#core.fib.sweepStale();
    if (removed > 0) this.#log.info('KERNEL_SWEPT', { removed }, `removed kernel routes of an earlier run: ${why}`);
  }
}
