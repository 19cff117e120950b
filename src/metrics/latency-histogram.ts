/** A histogram of durations in Prometheus' form, cheap to feed: prom-client is only loaded when somebody scrapes. */

import type { Sample } from './family.ts';

/** Upper bounds in seconds. */
export const LATENCY_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

export class LatencyHistogram {
  /** By bucket, not yet cumulative; the last one is for what exceeds all bounds. */
  readonly #counts = new Array<number>(LATENCY_BUCKETS_SECONDS.length + 1).fill(0);
  #sumSeconds = 0;

  observe(seconds: number): void {
    const bucket = LATENCY_BUCKETS_SECONDS.findIndex((bound) => seconds <= bound);
    this.#counts[bucket < 0 ? LATENCY_BUCKETS_SECONDS.length : bucket]++;
    this.#sumSeconds += seconds;
  }

  samples(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    let total = 0;
    const samples: Sample[] = this.#counts.map((count, index) => {
      total += count;
      const bound = LATENCY_BUCKETS_SECONDS[index];
      const le = bound === undefined ? '+Inf' : String(bound);
      return { name: `${name}_bucket`, labels: { ...labels, le }, value: total };
    });
    samples.push({ name: `${name}_sum`, labels, value: this.#sumSeconds });
    samples.push({ name: `${name}_count`, labels, value: total });
    return samples;
  }
}
