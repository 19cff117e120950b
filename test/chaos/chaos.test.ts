/**
 * The chaos proof in short: one row for each kind of peer that forwards, 1,000 packets a second in each direction, none of
 * them lost. All rows: `npm run chaos`, docs/chaos.md.
 */

import { expect, test } from 'vitest';
import { describeInterop } from '../support/requirements.ts';
import { runScenario, SCENARIOS } from './scenarios.ts';
import { type PeerKind, Scene } from './scene.ts';

const ROWS: readonly (readonly [string, PeerKind])[] = [
  ['sigkill-twice', 'peregrine'],
  ['upgrade', 'bird'],
  ['sigterm', 'frr'],
];

describeInterop('packets between nodes and through a ToR', ['bird', 'frr'], () => {
  test.each(ROWS)('%s, peers are %s: none is lost', async (name, peers) => {
    const scenario = SCENARIOS.find((one) => one.name === name)!;
    const { sent, lost } = await runScenario((options) => Scene.create(options), scenario, peers);
    expect(sent).toBeGreaterThan(1000);
    expect(lost).toBeLessThanOrEqual(0);
  });
});
