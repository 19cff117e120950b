import { describe, expect, test } from 'vitest';
import type { BfdSessionView } from '../api/schema.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { bfdMetrics } from './bfd-metrics.ts';
import { birdExporterMetrics } from './bird-exporter.ts';
import type { MetricFamily } from './family.ts';
import { peerSnapshot } from './session-metrics.ts';

const SESSION = {
  ...{ address: '192.0.2.1', localAddress: null, interface: null, multihop: false, state: 'Up', stateSeconds: 7 },
  ...{ timesUp: 1, transmitIntervalMs: 50, detectionTimeMs: 150 },
} as BfdSessionView;

class Scene {
  sessions: BfdSessionView[] = [];
  readonly #speaker = { bfd: { views: () => this.sessions } } as unknown as Speaker;
  readonly #families: readonly MetricFamily[] = [
    ...bfdMetrics(this.#speaker, () => peerSnapshot([], 'all')),
    ...birdExporterMetrics(this.#speaker, () => []),
  ];

  samples(name: string) {
    return [...this.#families.find((family) => family.name === name)!.samples()];
  }

  get downs(): number {
    return this.samples('peregrine_bfd_downs_total')[0].value;
  }
}

describe('BFD metrics', () => {
  test('losses are counted and stay so when the session is gone', () => {
    const scene = new Scene();
    expect(scene.downs).toBe(0);
    scene.sessions = [SESSION, { ...SESSION, address: '192.0.2.2' }];
    expect(scene.downs).toBe(0);
    scene.sessions = [
      { ...SESSION, state: 'Down' },
      { ...SESSION, address: '192.0.2.2' },
    ];
    expect(scene.downs).toBe(1);
    scene.sessions = [
      { ...SESSION, timesUp: 2 },
      { ...SESSION, address: '192.0.2.2', timesUp: 3, state: 'Init' },
    ];
    expect(scene.downs).toBe(4);
    scene.sessions = [];
    expect(scene.downs).toBe(4);
  });

  test('sessions that bird_exporter could not tell apart have one series, not two of one name', () => {
    const scene = new Scene();
    scene.sessions = [SESSION, { ...SESSION, multihop: true, state: 'Down' }, { ...SESSION, interface: 'eth1' }];
    expect(scene.samples('bird_bfd_session_up')).toEqual([
      { labels: { name: 'bfd1', ip: '192.0.2.1', interface: '---' }, value: 1 },
      { labels: { name: 'bfd1', ip: '192.0.2.1', interface: 'eth1' }, value: 1 },
    ]);
    expect(scene.samples('bird_bfd_session_timeout_seconds')[0].value).toBe(0.15);
  });
});
