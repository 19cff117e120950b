import { expect, test } from 'vitest';
import { LATENCY_BUCKETS_SECONDS, LatencyHistogram } from './latency-histogram.ts';

test('buckets are cumulative, and end with everything', () => {
  const histogram = new LatencyHistogram();
  for (const seconds of [0.0005, 0.001, 0.002, 0.2, 60]) histogram.observe(seconds);
  const samples = histogram.samples('x_seconds', { stage: 'kernel' });
  const bucket = (le: string) => samples.find(({ labels }) => labels.le === le)?.value;
  expect(samples).toHaveLength(LATENCY_BUCKETS_SECONDS.length + 3);
  expect([bucket('0.001'), bucket('0.0025'), bucket('0.1'), bucket('0.25'), bucket('10'), bucket('+Inf')]).toEqual([
    2, 3, 3, 4, 4, 5,
  ]);
  expect(samples.slice(-2)).toEqual([
    { name: 'x_seconds_sum', labels: { stage: 'kernel' }, value: expect.closeTo(60.2035) },
    { name: 'x_seconds_count', labels: { stage: 'kernel' }, value: 5 },
  ]);
});
