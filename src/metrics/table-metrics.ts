/** The RIB, and the kernel's routes. */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { INELIGIBLE_REASON_NAMES } from '../../rib/reason.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { type MetricFamily, type Sample, single } from './family.ts';

const FAMILIES: readonly FamilyIndex[] = [0, 1];

function byFamily(value: (family: FamilyIndex) => number): Sample[] {
  return FAMILIES.map((family) => ({ labels: { family: FAMILY_NAMES[family] }, value: value(family) }));
}

export function tableMetrics(speaker: Speaker): MetricFamily[] {
  return [
    {
      name: 'peregrine_rib_prefixes',
      help: 'Prefixes with at least one path.',
      type: 'gauge',
      samples: () => byFamily((family) => speaker.core?.rib.prefixes[family].count ?? 0),
    },
    {
      name: 'peregrine_rib_paths',
      help: 'Paths of all peers and local sources.',
      type: 'gauge',
      samples: () => byFamily((family) => speaker.core?.rib.paths[family].count ?? 0),
    },
    {
      name: 'peregrine_rib_paths_ineligible',
      help: 'Paths that may not be selected, by the reason that `peregrine show received` gives.',
      type: 'gauge',
      samples: () => ineligible(speaker),
    },
    {
      name: 'peregrine_rib_paths_stale',
      help: 'Paths kept for peers that restart (RFC 4724, RFC 9494) or send everything anew (RFC 7313).',
      type: 'gauge',
      samples: () =>
        byFamily((family) => sumOverPeers(speaker, (index) => speaker.core?.rib.counters(index, family).stale ?? 0)),
    },
    single('peregrine_rib_attribute_sets', 'Different sets of path attributes.', 'gauge', () => {
      return speaker.core?.rib.sets.count ?? 0;
    }),
    {
      name: 'peregrine_recovery',
      help: '1 after a restart, while kernel routes of the earlier run or an End-of-RIB of ours wait for peers.',
      type: 'gauge',
      samples: () =>
        byFamily((family) => (speaker.recovery()?.families[FAMILY_NAMES[family]].isGoingOn === true ? 1 : 0)),
    },
    {
      name: 'peregrine_kernel_routes',
      help: 'Our routes in the kernel.',
      type: 'gauge',
      samples: () => byFamily((family) => speaker.core?.fib.counters().installed[family] ?? 0),
    },
    single(
      'peregrine_kernel_routes_stale',
      'Kernel routes of an earlier run that nobody has asked for yet.',
      'gauge',
      () => {
        return speaker.core?.fib.counters().stale ?? 0;
      },
    ),
    {
      name: 'peregrine_kernel_routes_refused',
      help: 'Wanted routes that the kernel does not take, by reason.',
      type: 'gauge',
      samples: () => refused(speaker),
    },
    {
      name: 'peregrine_kernel_route_changes_total',
      help: 'What was done to kernel routes; `restored`: somebody else had changed or removed them.',
      type: 'counter',
      samples: () => {
        const counters = speaker.core?.fib.counters();
        return (['added', 'changed', 'deleted', 'failed', 'restored'] as const).map((change) => ({
          labels: { change },
          value: counters?.[change] ?? 0,
        }));
      },
    },
    single(
      'peregrine_kernel_requests_total',
      'Requests sent to the kernel about routes and next-hop objects.',
      'counter',
      () => {
        return speaker.core?.fib.counters().requests ?? 0;
      },
    ),
    single('peregrine_kernel_next_hop_objects', 'Our next-hop objects in the kernel.', 'gauge', () => {
      return speaker.core?.fib.counters().nextHopObjects ?? 0;
    }),
    single('peregrine_kernel_resyncs_total', 'Times the kernel tables were read as a whole.', 'counter', () => {
      return speaker.core?.fib.counters().resyncs ?? 0;
    }),
  ];
}

function sumOverPeers(speaker: Speaker, value: (index: number) => number): number {
  let sum = 0;
  for (const { ribIndex } of speaker.drivers.values()) sum += value(ribIndex);
  return sum;
}

function ineligible(speaker: Speaker): Sample[] {
  const { core } = speaker;
  const samples: Sample[] = [];
  for (const family of FAMILIES) {
    const sums = new Array<number>(INELIGIBLE_REASON_NAMES.length).fill(0);
    for (const { ribIndex } of speaker.drivers.values()) {
      const counts = core?.rib.counters(ribIndex, family).byReason ?? [];
      for (const [reason, count] of counts.entries()) sums[reason] += count;
    }
    for (let reason = 1; reason < sums.length; reason++) {
      const labels = { family: FAMILY_NAMES[family], reason: INELIGIBLE_REASON_NAMES[reason] };
      samples.push({ labels, value: sums[reason] });
    }
  }
  return samples;
}

function refused(speaker: Speaker): Sample[] {
  const counts = new Map<string, number>();
  for (const { reason } of speaker.core?.fib.failures() ?? []) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, value]) => ({ labels: { reason }, value }));
}
