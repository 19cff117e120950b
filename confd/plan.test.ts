import { describe, expect, test } from 'vitest';
import { affinity, configuration, deriveN1, nodes, peer, pool, secret } from '../test/support/calico-resources.ts';
import type { Resource } from './model/resource.ts';
import { plan } from './plan.ts';

const PASSWORD = { password: { secretKeyRef: { name: 's', key: 'a' } } };
const TOR = peer('tor', { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001, ...PASSWORD });

function lines(before: readonly Resource[], after: readonly Resource[]): string[] {
  return plan(deriveN1(before), deriveN1(after)).steps.map(
    ({ step, impact, kind, subject }) => `${step} ${impact} ${kind} ${subject}`,
  );
}

describe('what a change would do', () => {
  test.each<[sentence: string, before: Resource[], after: Resource[], steps: string[]]>([
    ['nothing, when nothing that matters changes', nodes(2), nodes(2), []],
    [
      'a node joins',
      nodes(1),
      nodes(2),
      [
        '1 hitless listen-add 0.0.0.0 port 179',
        '2 hitless listen-add :: port 179',
        '3 hitless peer-add Mesh_10_0_0_2',
        '4 hitless peer-add Mesh_fd00__2',
      ],
    ],
    [
      'another AS number resets the session',
      [...nodes(1), peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 })],
      [...nodes(1), peer('tor', { peerIP: '192.0.2.1', asNumber: 65002 })],
      ['1 reset peer-restart Global_192_0_2_1'],
    ],
    [
      'a block and a pool',
      [...nodes(1), affinity('n1', '10.244.2.0/26')],
      [...nodes(1), affinity('n1', '10.244.1.0/26'), pool('pods', { cidr: '10.244.0.0/16', ipipMode: 'Always' })],
      ['1 soft originate-add 10.244.1.0/26', '2 soft kernel kernel routes', '3 soft originate-remove 10.244.2.0/26'],
    ],
    [
      'the peer takes another name',
      [...nodes(1), peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 })],
      [...nodes(1), peer('tor', { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001 })],
      ['1 hitless peer-rename Global_192_0_2_1, Node_192_0_2_1'],
    ],
    [
      'the log level',
      nodes(1),
      [...nodes(1), configuration({ logSeverityScreen: 'Debug' })],
      ['1 hitless log-level this speaker'],
    ],
  ])('%s', (_sentence, before, after, steps) => {
    expect(lines(before, after)).toEqual(steps);
  });

  test('counts what it costs', () => {
    const planned = plan(deriveN1(nodes(2)), deriveN1([...nodes(3).slice(0, 1), ...nodes(3).slice(2)]));
    expect(planned.counts).toEqual({ hitless: 2, soft: 0, reset: 2 });
  });

  test('a new password is seen, and neither is shown', () => {
    const before = deriveN1([...nodes(1), TOR, secret('s', { a: 'old-one' })]);
    const planned = plan(before, deriveN1([...nodes(1), TOR, secret('s', { a: 'new-one' })]));
    expect(planned.steps).toMatchObject([
      { impact: 'reset', kind: 'peer-restart', reason: expect.stringContaining('password') },
    ]);
    expect(JSON.stringify(planned)).not.toMatch(/old-one|new-one/);
    expect(JSON.stringify(plan(deriveN1(nodes(1)), before))).not.toContain('old-one');
  });

  test.each<[sentence: string, before: Resource[], after: Resource[], details: string[]]>([
    [
      'values of a session before and after',
      [...nodes(1), peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 })],
      [...nodes(1), peer('tor', { peerIP: '192.0.2.1', asNumber: 65002, ttlSecurity: 1 })],
      ['peerAs: 65001 -> 65002', 'ttl: {"kind":"multihop","ttl":64} -> {"kind":"gtsm","hops":1}'],
    ],
    [
      'a password never',
      [...nodes(1), peer('tor', { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001 }), secret('s', { a: 'x' })],
      [...nodes(1), TOR, secret('s', { a: 'x' })],
      ['password: none -> (hidden)'],
    ],
    [
      'statements of policies by name',
      [...nodes(1), peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 }), pool('a', { cidr: '10.1.0.0/16' })],
      [
        ...nodes(1),
        peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 }),
        pool('a', { cidr: '10.1.0.0/16', disableBGPExport: true }),
      ],
      ['exportPolicy: + IPPool with disableBGPExport, - IPPool'],
    ],
  ])('details: %s', (_sentence, before, after, details) => {
    expect(plan(deriveN1(before), deriveN1(after)).steps[0].details).toEqual(details);
  });

  test('a condition at another place of another file is the same condition', () => {
    const at = (place: string) => ({
      ...deriveN1(nodes(1)),
      conditions: [{ resource: 'IPPool/p', field: 'spec.cidr', message: `bad (${place})`, severity: 'error' as const }],
    });
    expect(plan(at('/a/x.yaml:1:2'), at('/b/y.yaml:7:1')).newConditions).toEqual([]);
  });

  test('what is newly refused is said, what was refused before is not', () => {
    const bad = peer('bad', { node: 'n1', peerIP: '192.0.2.7' });
    const worse = peer('worse', { node: 'n1', peerIP: '192.0.2.8' });
    const planned = plan(deriveN1([...nodes(1), bad]), deriveN1([...nodes(1), bad, worse]));
    expect(planned.newConditions.map((one) => one.resource)).toEqual(['BGPPeer/worse']);
    expect(planned.steps).toEqual([]);
  });

  test('a state that is not known changes nothing', () => {
    const planned = plan(deriveN1(nodes(2)), deriveN1(nodes(2).slice(1)));
    expect(planned).toMatchObject({ withheld: 'this node is not in the datastore', steps: [] });
  });
});
