/**
 * BFD sessions (RFC 5880): how many are in each state and how often one was lost, whatever their number; up or not for
 * peers that have series of their own (peer-kind.ts).
 */

import type { BfdSessionView } from '../api/schema.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { CounterSums } from './counter-sums.ts';
import type { MetricFamily } from './family.ts';
import type { PeerSnapshot } from './session-metrics.ts';

/** RFC 5880 section 4.1, by their numbers there. */
const STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const;

export function bfdMetrics(speaker: Speaker, snapshot: () => PeerSnapshot): MetricFamily[] {
  const downs = new CounterSums();
  return [
    {
      name: 'peregrine_bfd_sessions',
      help: 'BFD sessions by state (RFC 5880, section 4.1); peers of one address share one.',
      type: 'gauge',
      samples: () => {
        const sessions = speaker.bfd.views();
        return STATES.map((state) => ({
          labels: { state },
          value: sessions.filter((session) => session.state === state).length,
        }));
      },
    },
    {
      name: 'peregrine_bfd_downs_total',
      help: 'How often a BFD session left Up, for whatever reason.',
      type: 'counter',
      samples: () => {
        downs.update(speaker.bfd.views().map((one) => ({ key: keyOf(one), sum: '', count: timesDown(one) })));
        return [{ labels: {}, value: downs.of('') }];
      },
    },
    {
      name: 'peregrine_bfd_session_up',
      help: '1 while the BFD session of the peer is Up; no series for peers without BFD.',
      type: 'gauge',
      samples: () =>
        snapshot().detailed.shown.flatMap(({ name, bfd }) =>
          bfd === null ? [] : [{ labels: { peer: name }, value: bfd.state === 'Up' ? 1 : 0 }],
        ),
    },
  ];
}

/** It was lost as often as it came up, but for the time that still lasts. */
function timesDown({ timesUp, state }: BfdSessionView): number {
  return timesUp - (state === 'Up' ? 1 : 0);
}

function keyOf({ address, localAddress, interface: name, multihop }: BfdSessionView): string {
  return [address, localAddress, name, multihop].join(' ');
}
