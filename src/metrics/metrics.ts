/**
 * What Prometheus is told. Loaded when somebody asks for it the first time; every figure is read from the speaker then,
 * so a daemon that nobody scrapes pays nothing.
 */

import type { Speaker } from '../speaker/speaker.ts';
import { bfdMetrics } from './bfd-metrics.ts';
import { birdExporterMetrics } from './bird-exporter.ts';
import { configurationMetrics } from './configuration-metrics.ts';
import { createRegistry } from './family.ts';
import type { PeerDetail } from './peer-kind.ts';
import { processMetrics } from './process-metrics.ts';
import { type PeerSnapshot, peerSnapshot, sessionMetrics } from './session-metrics.ts';
import { tableMetrics } from './table-metrics.ts';

export interface MetricsOptions {
  readonly peers: PeerDetail;
  /** Also the names of czerwonk/bird_exporter, for dashboards that know them. */
  readonly birdExporter: boolean;
}

export interface Metrics {
  readonly contentType: string;
  /** The exposition. Calls that overlap see the same peers. */
  text(): Promise<string>;
}

export function createMetrics(speaker: Speaker, options: MetricsOptions): Metrics {
  let snapshot: PeerSnapshot = peerSnapshot([], options.peers);
  const registry = createRegistry([
    ...processMetrics(speaker),
    ...configurationMetrics(speaker),
    ...sessionMetrics(() => snapshot),
    ...bfdMetrics(speaker, () => snapshot),
    ...tableMetrics(speaker),
    ...(options.birdExporter ? birdExporterMetrics(speaker, () => snapshot.peers) : []),
  ]);
  return {
    contentType: registry.contentType,
    text: () => {
      snapshot = peerSnapshot(speaker.views.peers(), options.peers);
      return registry.metrics();
    },
  };
}
