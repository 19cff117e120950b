import { describe, expect, test } from 'vitest';
import type { Plan } from '../../confd/plan.ts';
import { formatPlan } from './plan-report.ts';

const NOTHING: Plan = {
  node: 'n1',
  from: 'a1',
  to: 'b2',
  withheld: null,
  steps: [],
  counts: { hitless: 0, soft: 0, reset: 0 },
  newConditions: [],
};

describe('a plan for people', () => {
  test('steps are aligned, with what they cost together', () => {
    const plan: Plan = {
      ...NOTHING,
      steps: [
        { step: 1, impact: 'hitless', kind: 'peer-add', subject: 'Mesh_10_0_0_2', reason: 'new peer', details: [] },
        {
          step: 2,
          impact: 'reset',
          kind: 'peer-restart',
          subject: 'Global_192_0_2_1',
          reason: 'only with a new session',
          details: ['peerAs: 65001 -> 65002', 'password: none -> (hidden)'],
        },
      ],
      counts: { hitless: 1, soft: 0, reset: 1 },
    };
    expect(formatPlan(plan).split('\n')).toEqual([
      'node n1, from revision a1 to b2',
      '2 steps: 1 hitless, 0 soft, 1 reset; 1 session would end',
      '',
      'STEP  IMPACT   CHANGE        SUBJECT           REASON                   WHAT',
      '   1  hitless  peer-add      Mesh_10_0_0_2     new peer',
      '   2  reset    peer-restart  Global_192_0_2_1  only with a new session  peerAs: 65001 -> 65002; password: none -> (hidden)',
    ]);
  });

  test.each<[sentence: string, plan: Partial<Plan>, line: string]>([
    ['nothing to do', {}, 'Nothing would change.'],
    ['nothing known', { withheld: 'no node' }, 'Nothing would be done: no node; what runs goes on running.'],
    [
      'something refused',
      { newConditions: [{ resource: 'BGPPeer/tor', field: 'spec', message: 'no', severity: 'error' }] },
      '  error: BGPPeer/tor spec: no',
    ],
  ])('%s', (_sentence, plan, line) => {
    expect(formatPlan({ ...NOTHING, ...plan }).split('\n')).toContain(line);
  });
});
