/**
 * The process, under the names that every Prometheus client uses, and the event loop: it is what everything else waits
 * for when it is late.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Speaker } from '../speaker/speaker.ts';
import { type MetricFamily, single } from './family.ts';

/** Node's monitor measures how long a timer of this period really takes. */
const RESOLUTION_MS = 10;

export function processMetrics(speaker: Speaker): MetricFamily[] {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return [
    {
      name: 'peregrine_build_info',
      help: 'Always 1; the labels say which build runs on which Node.js.',
      type: 'gauge',
      samples: () => [{ labels: { version: speaker.version, node: process.version }, value: 1 }],
    },
    single('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', 'counter', cpuSeconds),
    single('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', 'gauge', () =>
      Math.floor(speaker.startedWallMs / 1000),
    ),
    single('process_resident_memory_bytes', 'Resident memory size in bytes.', 'gauge', () => process.memoryUsage.rss()),
    single('process_open_fds', 'Number of open file descriptors.', 'gauge', openDescriptors),
    single('process_max_fds', 'Maximum number of open file descriptors.', 'gauge', maxDescriptors),
    single('nodejs_heap_size_used_bytes', "Size of the objects on V8's heap in bytes.", 'gauge', () => {
      return process.memoryUsage().heapUsed;
    }),
    single(
      'nodejs_external_memory_bytes',
      'Memory of typed arrays and buffers, where the tables are, in bytes.',
      'gauge',
      () => {
        return process.memoryUsage().external;
      },
    ),
    {
      name: 'peregrine_event_loop_delay_seconds',
      help: 'How late timers ran since the last scrape, by percentile; 100 is the worst.',
      type: 'gauge',
      samples: () => {
        const samples = (['50', '99', '100'] as const).map((percentile) => {
          const nanoseconds = delay.percentile(Number(percentile));
          return { labels: { percentile }, value: Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000) };
        });
        delay.reset();
        return samples;
      },
    },
  ];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return Number.NaN;
  }
}

function maxDescriptors(): number {
  try {
    const limit = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '';
    return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.NaN;
  }
}
