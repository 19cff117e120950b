import { describe, expect, test } from 'vitest';
import { explainPolicy } from './explain.ts';
import type { Policy } from './policy.ts';
import { formatAction, formatMatch, printPolicy } from './print.ts';
import { compiled, TestTables } from './test-support.ts';

const POLICY: Policy = {
  name: 'tor-export',
  statements: [
    { name: 'drain', matches: [{ kind: 'community', community: '65535:0' }], actions: [], verdict: 'reject' },
    {
      name: 'mark',
      matches: [],
      actions: [
        { kind: 'normalise-priority', normal: 1024 },
        { kind: 'add-community', community: '64512:1' },
        { kind: 'prepend-as-path', asns: [64512, 64512] },
        { kind: 'set-med', value: 5 },
      ],
      verdict: 'next',
    },
    {
      name: 'pods',
      matches: [
        { kind: 'source', sources: ['static', 'kernel'] },
        {
          kind: 'prefix',
          ranges: [
            { prefix: '10.244.0.0/16', minLength: 16, maxLength: 26 },
            { prefix: '10.96.0.0/12', minLength: 12, maxLength: 12 },
          ],
          negate: false,
        },
      ],
      actions: [{ kind: 'set-next-hop', value: '10.0.0.9' }],
      verdict: 'accept',
    },
    { name: 'never tried', matches: [], actions: [], verdict: 'reject' },
  ],
  otherwise: 'reject',
};

describe('explainPolicy', () => {
  const policy = compiled(POLICY, 'export');

  test('tells every match, the deciding statement and the changes', () => {
    const context = new TestTables().contextOf({ prefix: '10.244.1.0/26', source: 'static' });
    expect(explainPolicy(policy, context)).toEqual({
      policy: 'tor-export',
      verdict: 'accept',
      decidedBy: 'pods',
      statements: [
        {
          statement: 'drain',
          applies: false,
          matches: [{ match: 'community 65535:0', holds: false }],
          actions: [],
          verdict: 'reject',
        },
        {
          statement: 'mark',
          applies: true,
          matches: [],
          actions: ['normalise priority (normal 1024)', 'add community 64512:1', 'prepend 64512 64512', 'set MED 5'],
          verdict: 'next',
        },
        {
          statement: 'pods',
          applies: true,
          matches: [
            { match: 'source in {static, kernel}', holds: true },
            { match: 'prefix in {10.244.0.0/16 le 26, 10.96.0.0/12}', holds: true },
          ],
          actions: ['set next hop 10.0.0.9'],
          verdict: 'accept',
        },
      ],
      changes: [
        { what: 'LOCAL_PREF', before: '100', after: '2147482623' },
        { what: 'MED', before: 'none', after: '5' },
        { what: 'metric', before: 'none', after: '1024' },
        { what: 'next hop', before: 'unchanged', after: '10.0.0.9' },
        { what: 'prepended', before: 'nothing', after: '64512 64512' },
        { what: 'communities', before: '', after: 'add community 64512:1' },
      ],
    });
  });

  test('tells that nothing applied', () => {
    const context = new TestTables().contextOf({
      prefix: '192.0.2.0/24',
      attributes: { origin: 'igp', communities: ['65535:0'] },
    });
    const explanation = explainPolicy(
      compiled({ ...POLICY, statements: POLICY.statements.slice(2, 3) }, 'export'),
      context,
    );
    expect(explanation).toMatchObject({ verdict: 'reject', decidedBy: 'otherwise', changes: [] });
    expect(explanation.statements[0].matches.map(({ holds }) => holds)).toEqual([false, false]);
  });
});

test('printPolicy', () => {
  expect(printPolicy(POLICY)).toBe(`policy tor-export
  drain:
    if community 65535:0
    then reject
  mark:
    always
    then normalise priority (normal 1024), add community 64512:1, prepend 64512 64512, set MED 5, next
  pods:
    if source in {static, kernel}
     and prefix in {10.244.0.0/16 le 26, 10.96.0.0/12}
    then set next hop 10.0.0.9, accept
  never tried:
    always
    then reject
  otherwise reject
`);
});

describe('words of matches and actions', () => {
  test.each([
    [
      formatMatch({ kind: 'prefix', ranges: [{ prefix: '10.0.0.0/8', minLength: 24, maxLength: 32 }], negate: true }),
      'prefix not in {10.0.0.0/8 ge 24 le 32}',
    ],
    [
      formatMatch({ kind: 'prefix', ranges: [{ prefix: '10.0.0.0/28', minLength: 28, maxLength: 26 }], negate: false }),
      'prefix in {10.0.0.0/28 of no length}',
    ],
    [formatMatch({ kind: 'next-hop', prefixes: ['a', 'b', 'c'] }, 2), 'next hop in {a, b, and 1 more}'],
    [formatMatch({ kind: 'peer-type', peerType: 'ebgp' }), 'peer is ebgp'],
    [formatMatch({ kind: 'interface', pattern: '*.cali' }), 'interface like "*.cali"'],
    [formatMatch({ kind: 'as-path-prefix', asns: [1, 2] }), 'AS path starts with 1 2'],
    [formatMatch({ kind: 'community-in', from: '1:0', to: '1:9' }), 'community in 1:0..1:9'],
    [
      formatMatch({
        kind: 'as-path-holds',
        ranges: [
          { min: 1, max: 1 },
          { min: 3, max: 5 },
        ],
      }),
      'AS path holds {1, 3..5}',
    ],
    [formatAction({ kind: 'remove-communities-in', from: '1:0', to: '1:9' }), 'remove communities 1:0..1:9'],
    [formatMatch({ kind: 'as-path-mask', mask: ['*', 1, '?'] }), 'AS path is * 1 ?'],
    [formatMatch({ kind: 'med-present', negate: true }), 'not (MED is present)'],
    [
      formatAction({ kind: 'compute', target: 'metric', offset: 9, sign: -1, from: 'local-pref' }),
      'set metric 9 - LOCAL_PREF',
    ],
    [formatAction({ kind: 'compute', target: 'med', offset: 9, sign: 1, from: 'med' }), 'set MED MED + 9'],
    [
      formatAction({ kind: 'compute', target: 'local-pref', offset: 4294967291, sign: 1, from: 'local-pref' }),
      'set LOCAL_PREF LOCAL_PREF - 5',
    ],
    [formatMatch({ kind: 'as-path-length', min: 1, max: 3 }), 'AS path length in 1..3'],
    [formatMatch({ kind: 'metric', min: 5, max: 5 }), 'metric is 5'],
    [formatMatch({ kind: 'local-pref', min: 5, max: 6 }), 'LOCAL_PREF in 5..6'],
    [formatMatch({ kind: 'med', min: 5, max: 5 }), 'MED is 5'],
    [formatMatch({ kind: 'learned-from', peers: ['a'] }), 'learned from {a}'],
    [formatAction({ kind: 'set-local-pref', value: 1 }), 'set LOCAL_PREF 1'],
    [formatAction({ kind: 'set-med', value: null }), 'remove MED'],
    [formatAction({ kind: 'set-metric', value: 1 }), 'set metric 1'],
    [formatAction({ kind: 'set-preference', value: 1 }), 'set preference 1'],
    [formatAction({ kind: 'remove-community', community: 'all' }), 'remove all communities'],
    [formatAction({ kind: 'remove-community', community: '1:2' }), 'remove community 1:2'],
    [formatAction({ kind: 'set-tunnel', interfaceName: 'tunl0' }), 'send through tunl0'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });
});
