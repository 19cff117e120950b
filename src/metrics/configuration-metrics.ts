/** Whether what is wanted is what runs: datastore, revisions, what was refused, and how long changes take. */

import { CONVERGENCE_STAGES } from '../speaker/convergence.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { type MetricFamily, single } from './family.ts';

const CONVERGENCE = 'peregrine_convergence_seconds';

export function configurationMetrics(speaker: Speaker): MetricFamily[] {
  return [
    single(
      'peregrine_datastore_in_sync',
      '1 while everything in the datastore is known here; 0 while it cannot be reached or is read anew.',
      'gauge',
      () => (speaker.source.inSync ? 1 : 0),
    ),
    single(
      'peregrine_config_applied',
      '1 while the state that was derived last is in force; 0: a newer one waits, or cannot be applied.',
      'gauge',
      () => (speaker.running !== null && speaker.running.revision === speaker.desiredRevision ? 1 : 0),
    ),
    single(
      'peregrine_config_applied_timestamp_seconds',
      'When a configuration was applied last, 0 before the first one.',
      'gauge',
      () => Math.floor(speaker.appliedWallMs / 1000),
    ),
    {
      name: 'peregrine_config_conditions',
      help: 'Things in the configuration that were refused (error) or are doubtful (warning). `peregrine show status` names them.',
      type: 'gauge',
      samples: () => {
        const { conditions } = speaker.views.status();
        return (['error', 'warning'] as const).map((severity) => ({
          labels: { severity },
          value: conditions.filter((condition) => condition.severity === severity).length,
        }));
      },
    },
    {
      name: CONVERGENCE,
      help: 'From a change in the datastore until it was applied, its UPDATEs were sent, its routes were in the kernel.',
      type: 'histogram',
      samples: () =>
        CONVERGENCE_STAGES.flatMap((stage) => speaker.convergence.histograms[stage].samples(CONVERGENCE, { stage })),
    },
  ];
}
