/**
 * How long a change of the datastore takes to arrive: until it is applied (`applied`), until the UPDATEs that it makes
 * have been handed to all sockets that take them (`updates`), and until its routes are in the kernel (`kernel`).
 */

import { LatencyHistogram } from '../metrics/latency-histogram.ts';
import type { Clock } from './clock.ts';

export type ConvergenceStage = 'applied' | 'updates' | 'kernel';
export const CONVERGENCE_STAGES: readonly ConvergenceStage[] = ['applied', 'updates', 'kernel'];

/** What has to come to rest. */
export interface Settling {
  /** Resolves when there is nothing left to encode or to send, other than to peers that do not take it. */
  idle(): Promise<void>;
  /** Resolves when the kernel has what it was asked for. */
  written(): Promise<void>;
}

export class Convergence {
  readonly histograms: Readonly<Record<ConvergenceStage, LatencyHistogram>> = {
    applied: new LatencyHistogram(),
    updates: new LatencyHistogram(),
    kernel: new LatencyHistogram(),
  };
  readonly #clock: Clock;
  /** When the first change came that is not part of an applied state yet. */
  #changedAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something in the datastore changed. */
  changed(): void {
    this.#changedAtMs ??= this.#clock.nowMs();
  }

  /** A state is derived from all changes so far; the result is when the first of them came. */
  take(): number | null {
    const changedAtMs = this.#changedAtMs;
    this.#changedAtMs = null;
    return changedAtMs;
  }

  /** The state that holds the change was applied. */
  async follow(changedAtMs: number, settling: Settling): Promise<void> {
    this.#observe('applied', changedAtMs);
    await settling.idle();
    this.#observe('updates', changedAtMs);
    await settling.written();
    this.#observe('kernel', changedAtMs);
  }

  #observe(stage: ConvergenceStage, changedAtMs: number): void {
    this.histograms[stage].observe((this.#clock.nowMs() - changedAtMs) / 1000);
  }
}
