/**
 * Metric families as plain values that are read when somebody scrapes: nothing is counted twice, and nothing is kept for
 * a Prometheus that never asks. prom-client writes the text (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */

import { Registry } from 'prom-client';

export type MetricType = 'gauge' | 'counter' | 'histogram';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Only where it is not that of the family: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly name?: string;
}

export interface MetricFamily {
  /** Prometheus' spelling, unit last; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: () => Iterable<Sample>;
}

/** A family without labels. */
export function single(name: string, help: string, type: 'gauge' | 'counter', value: () => number): MetricFamily {
  return { name, help, type, samples: () => [{ labels: {}, value: value() }] };
}

/** The families as Prometheus text. Two with one name are a mistake in the code, and throw. */
export function createRegistry(families: readonly MetricFamily[]): Registry {
  const registry = new Registry();
  for (const { name, help, type, samples } of families) {
    const metric = {
      name,
      help,
      type,
      aggregator: 'sum',
      async get() {
        const values = [...samples()].map((sample) => ({
          labels: sample.labels,
          value: sample.value,
          ...(sample.name === undefined ? {} : { metricName: sample.name }),
        }));
        return { name, help, type, aggregator: 'sum', values };
      },
      reset() {},
    };
    // The registry asks for no more than this of its metrics; its types name the classes of its own.
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
  }
  return registry;
}
