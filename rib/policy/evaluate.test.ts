import { describe, expect, test } from 'vitest';
import type { PathAttributes } from '../../bgp/wire/path-attributes.ts';
import { VERDICT_ACCEPT, VERDICT_REJECT } from './compiled.ts';
import { evaluate, globMatches } from './evaluate.ts';
import type { Action, Match, Policy } from './policy.ts';
import { compiled, only, type TestRoute, TestTables } from './test-support.ts';

const ATTRIBUTES: PathAttributes = {
  origin: 'igp',
  asPath: [{ type: 'sequence', asns: [65001, 65002] }],
  nextHop: '10.0.0.1',
  med: 50,
  localPref: 200,
  communities: ['65001:1', '65001:2'],
  extendedCommunities: ['rt:65001:9'],
  largeCommunities: ['65001:1:2'],
};
const BGP: TestRoute = { prefix: '192.168.1.0/26', attributes: ATTRIBUTES };
const BLACKHOLE: TestRoute = { prefix: '192.168.1.0/26', source: 'static' };
const WORKLOAD: TestRoute = { prefix: '192.168.1.7/32', source: 'kernel', metric: 1024, interfaceName: 'cali123' };

describe('matches', () => {
  test.each<[string, Match, TestRoute, boolean]>([
    [
      'prefix in a range',
      { kind: 'prefix', ranges: [{ prefix: '192.168.0.0/16', minLength: 16, maxLength: 32 }], negate: false },
      BGP,
      true,
    ],
    [
      'prefix not in a range',
      { kind: 'prefix', ranges: [{ prefix: '192.168.0.0/16', minLength: 16, maxLength: 32 }], negate: true },
      BGP,
      false,
    ],
    ['no range holds anything', { kind: 'prefix', ranges: [], negate: false }, BGP, false],
    ['not in no range', { kind: 'prefix', ranges: [], negate: true }, BGP, true],
    ['source bgp', { kind: 'source', sources: ['bgp'] }, BGP, true],
    ['source kernel or static', { kind: 'source', sources: ['kernel', 'static'] }, BLACKHOLE, true],
    ['source direct', { kind: 'source', sources: ['direct'] }, WORKLOAD, false],
    ['the session is internal', { kind: 'peer-type', peerType: 'ibgp' }, BGP, true],
    ['the session is not external', { kind: 'peer-type', peerType: 'ebgp' }, BGP, false],
    ['interface of a kernel route', { kind: 'interface', pattern: 'cali*' }, WORKLOAD, true],
    ['interface that the next hop resolves through', { kind: 'interface', pattern: 'eth0' }, BGP, true],
    ['any interface includes none', { kind: 'interface', pattern: '*' }, BLACKHOLE, true],
    ['no interface has the empty name', { kind: 'interface', pattern: '?*' }, BLACKHOLE, false],
    ['standard community', { kind: 'community', community: '65001:2' }, BGP, true],
    ['another standard community', { kind: 'community', community: '65001:3' }, BGP, false],
    ['large community', { kind: 'community', community: '65001:1:2' }, BGP, true],
    ['another large community', { kind: 'community', community: '65001:1:3' }, BGP, false],
    ['extended community', { kind: 'community', community: 'rt:65001:9' }, BGP, true],
    ['another extended community', { kind: 'community', community: 'ro:65001:9' }, BGP, false],
    ['community of a route without any', { kind: 'community', community: '65001:1' }, BLACKHOLE, false],
    ['AS path begins so', { kind: 'as-path-prefix', asns: [65001] }, BGP, true],
    ['AS path begins otherwise', { kind: 'as-path-prefix', asns: [65002] }, BGP, false],
    ['AS path of a route without one', { kind: 'as-path-prefix', asns: [65001] }, WORKLOAD, false],
    ['AS path length', { kind: 'as-path-length', min: 2, max: 2 }, BGP, true],
    ['AS path length out of range', { kind: 'as-path-length', min: 3, max: 9 }, BGP, false],
    ['metric of a kernel route', { kind: 'metric', min: 1024, max: 1024 }, WORKLOAD, true],
    ['metric out of range', { kind: 'metric', min: 0, max: 1023 }, WORKLOAD, false],
    ['metric of a route without one', { kind: 'metric', min: 0, max: 0xffffffff }, BLACKHOLE, false],
    ['metric of a BGP route before it is normalised', { kind: 'metric', min: 0, max: 0xffffffff }, BGP, false],
    ['LOCAL_PREF', { kind: 'local-pref', min: 200, max: 200 }, BGP, true],
    ['LOCAL_PREF of a route without one is 100', { kind: 'local-pref', min: 100, max: 100 }, BLACKHOLE, true],
    ['MED', { kind: 'med', min: 50, max: 60 }, BGP, true],
    ['MED of a route without one is 0', { kind: 'med', min: 0, max: 0 }, WORKLOAD, true],
    ['next hop in a prefix', { kind: 'next-hop', prefixes: ['fd00::/8', '10.0.0.0/30'] }, BGP, true],
    ['next hop outside', { kind: 'next-hop', prefixes: ['10.0.0.2/32'] }, BGP, false],
    ['a route without next hop', { kind: 'next-hop', prefixes: ['0.0.0.0/0', '::/0'] }, BLACKHOLE, false],
    ['learned from a peer', { kind: 'learned-from', peers: ['tor', 'other'] }, BGP, true],
    ['learned from somebody else', { kind: 'learned-from', peers: ['other'] }, BGP, false],
  ])('%s', (_case, match, route, expected) => {
    const tables = new TestTables({ '10.0.0.1': 'eth0' });
    tables.peerNames = ['', '', '', '', 'tor'];
    const context = tables.contextOf(route, true);
    context.sourcePeer = 4;
    const policy = compiled(only({ matches: [match] }), 'export');
    expect(evaluate(policy, context)).toBe(expected ? VERDICT_ACCEPT : VERDICT_REJECT);
    expect(context.statement).toBe(expected ? 0 : -1);
  });

  test('the interface follows the resolution of the next hop', () => {
    const policy = compiled(only({ matches: [{ kind: 'interface', pattern: 'eth0' }] }), 'import');
    expect(evaluate(policy, new TestTables().contextOf(BGP))).toBe(VERDICT_REJECT);
  });
});

test.each([
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['*.cali', 'bpfin.cali', true],
  ['*.cali', 'bpfin.calico', false],
  ['bpf*.cali', 'bpfout.cali', true],
  ['bpf*.cali', 'wireguard.cali', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['*a*b', 'xaxbxb', true],
  ['*a*b', 'xaxbxc', false],
  ['**', 'x', true],
  ['tunl0', 'tunl01', false],
])('glob %j against %j: %s', (pattern, text, expected) => {
  expect(globMatches(pattern, text)).toBe(expected);
});

describe('the order of things', () => {
  const reject: Match = { kind: 'metric', min: 7, max: 7 };
  test.each<[string, Policy['statements'], 'accept' | 'reject', number, number]>([
    [
      'the first that applies decides',
      [
        { name: 'a', matches: [reject], actions: [], verdict: 'reject' },
        { name: 'b', matches: [], actions: [], verdict: 'accept' },
        { name: 'c', matches: [], actions: [], verdict: 'reject' },
      ],
      'reject',
      VERDICT_ACCEPT,
      1,
    ],
    [
      'nothing applies',
      [{ name: 'a', matches: [reject], actions: [], verdict: 'reject' }],
      'accept',
      VERDICT_ACCEPT,
      -1,
    ],
    [
      'all matches must hold',
      [{ name: 'a', matches: [{ kind: 'source', sources: ['bgp'] }, reject], actions: [], verdict: 'accept' }],
      'reject',
      VERDICT_REJECT,
      -1,
    ],
    [
      'next goes on, and its actions are seen',
      [
        { name: 'a', matches: [], actions: [{ kind: 'set-metric', value: 7 }], verdict: 'next' },
        { name: 'b', matches: [reject], actions: [], verdict: 'accept' },
      ],
      'reject',
      VERDICT_ACCEPT,
      1,
    ],
    [
      'only next: the end decides',
      [{ name: 'a', matches: [], actions: [], verdict: 'next' }],
      'reject',
      VERDICT_REJECT,
      -1,
    ],
  ])('%s', (_case, statements, otherwise, verdict, statement) => {
    const context = new TestTables().contextOf(BGP);
    expect(evaluate(compiled({ name: 'test', statements, otherwise }, 'export'), context)).toBe(verdict);
    expect(context.statement).toBe(statement);
  });
});

describe('actions are seen by later matches', () => {
  test.each<[string, Action[], Match, TestRoute, boolean]>([
    ['LOCAL_PREF', [{ kind: 'set-local-pref', value: 7 }], { kind: 'local-pref', min: 7, max: 7 }, BGP, true],
    ['MED', [{ kind: 'set-med', value: 7 }], { kind: 'med', min: 7, max: 7 }, BGP, true],
    ['no MED counts as 0', [{ kind: 'set-med', value: null }], { kind: 'med', min: 0, max: 0 }, BGP, true],
    [
      'an added community',
      [{ kind: 'add-community', community: '1:1:1' }],
      { kind: 'community', community: '1:1:1' },
      BLACKHOLE,
      true,
    ],
    [
      'a removed community',
      [{ kind: 'remove-community', community: '65001:1' }],
      { kind: 'community', community: '65001:1' },
      BGP,
      false,
    ],
    [
      'others stay',
      [{ kind: 'remove-community', community: '65001:1' }],
      { kind: 'community', community: '65001:2' },
      BGP,
      true,
    ],
    [
      'all communities removed',
      [{ kind: 'remove-community', community: 'all' }],
      { kind: 'community', community: 'rt:65001:9' },
      BGP,
      false,
    ],
    [
      'removed and added',
      [
        { kind: 'remove-community', community: 'all' },
        { kind: 'add-community', community: '65001:1' },
      ],
      { kind: 'community', community: '65001:1' },
      BGP,
      true,
    ],
    [
      'added and removed',
      [
        { kind: 'add-community', community: '9:9' },
        { kind: 'remove-community', community: '9:9' },
      ],
      { kind: 'community', community: '9:9' },
      BGP,
      false,
    ],
    [
      'a prepended path',
      [{ kind: 'prepend-as-path', asns: [7, 8] }],
      { kind: 'as-path-prefix', asns: [7, 8, 65001] },
      BGP,
      true,
    ],
    [
      'two prepends: the later one is in front',
      [
        { kind: 'prepend-as-path', asns: [7] },
        { kind: 'prepend-as-path', asns: [8] },
      ],
      { kind: 'as-path-prefix', asns: [8, 7, 65001] },
      BGP,
      true,
    ],
    [
      'the length of a prepended path',
      [{ kind: 'prepend-as-path', asns: [7, 8] }],
      { kind: 'as-path-length', min: 4, max: 4 },
      BGP,
      true,
    ],
    [
      'a next hop',
      [{ kind: 'set-next-hop', value: '10.9.9.9' }],
      { kind: 'next-hop', prefixes: ['10.9.9.9/32'] },
      BGP,
      true,
    ],
    [
      'priority of a BGP route',
      [{ kind: 'normalise-priority', normal: 1024 }],
      { kind: 'metric', min: 2147483447, max: 2147483447 },
      BGP,
      true,
    ],
    [
      'LOCAL_PREF of a BGP route stays',
      [{ kind: 'normalise-priority', normal: 1024 }],
      { kind: 'local-pref', min: 200, max: 200 },
      BGP,
      true,
    ],
    [
      'priority of a route without metric',
      [{ kind: 'normalise-priority', normal: 1024 }],
      { kind: 'local-pref', min: 2147482623, max: 2147482623 },
      BLACKHOLE,
      true,
    ],
    [
      'priority of a kernel route',
      [
        { kind: 'set-metric', value: 512 },
        { kind: 'normalise-priority', normal: 1024 },
      ],
      { kind: 'local-pref', min: 2147483135, max: 2147483135 },
      WORKLOAD,
      true,
    ],
    [
      'LOCAL_PREF above 2^31: unsigned arithmetic',
      [
        { kind: 'set-local-pref', value: 0xffffffff },
        { kind: 'normalise-priority', normal: 1 },
      ],
      { kind: 'metric', min: 0x80000000, max: 0x80000000 },
      BGP,
      true,
    ],
  ])('%s', (_case, actions, match, route, expected) => {
    const policy = compiled(
      {
        name: 'test',
        statements: [
          { name: 'change', matches: [], actions, verdict: 'next' },
          { name: 'look', matches: [match], actions: [], verdict: 'accept' },
        ],
        otherwise: 'reject',
      },
      'export',
    );
    expect(evaluate(policy, new TestTables().contextOf(route))).toBe(expected ? VERDICT_ACCEPT : VERDICT_REJECT);
  });
});

test('our own AS stands in front of the path on export to external peers', () => {
  const context = new TestTables().contextOf(BGP);
  context.ownAsInFront = 64512;
  const policy = compiled(
    only({
      matches: [{ kind: 'as-path-prefix', asns: [64512, 65001] }],
      actions: [{ kind: 'prepend-as-path', asns: [1, 2] }],
    }),
    'export',
  );
  expect(evaluate(policy, context)).toBe(VERDICT_ACCEPT);
  expect([...context.front.subarray(0, context.frontCount)]).toEqual([1, 2, 64512]);
});

test('many prepends make room', () => {
  const actions: Action[] = Array.from({ length: 5 }, (_, i) => ({
    kind: 'prepend-as-path',
    asns: Array.from({ length: 10 }, (_, j) => i * 10 + j + 1),
  }));
  const context = new TestTables().contextOf(BGP);
  evaluate(compiled(only({ actions }), 'export'), context);
  expect(context.frontCount).toBe(50);
  expect(context.front[0]).toBe(41);
  expect(context.front[49]).toBe(10);
});

describe('programs', () => {
  const policy = compiled(
    {
      name: 'test',
      statements: [
        {
          name: 'a',
          matches: [{ kind: 'community', community: '65001:1' }],
          actions: [{ kind: 'set-med', value: 1 }],
          verdict: 'next',
        },
        {
          name: 'b',
          matches: [{ kind: 'source', sources: ['bgp'] }],
          actions: [{ kind: 'set-preference', value: 200 }],
          verdict: 'next',
        },
        {
          name: 'c',
          matches: [{ kind: 'metric', min: 1024, max: 1024 }],
          actions: [{ kind: 'add-community', community: '1:1' }],
          verdict: 'next',
        },
      ],
      otherwise: 'accept',
    },
    'import',
  );
  const tables = new TestTables();
  const programOf = (route: TestRoute): number => {
    const context = tables.contextOf(route);
    evaluate(policy, context);
    return context.program;
  };

  test('equal edits have equal numbers, no edit has 0', () => {
    expect(programOf(BGP)).toBe(programOf({ ...BGP, prefix: '10.0.0.0/8' }));
    expect(programOf(BGP)).not.toBe(0);
    expect(programOf(WORKLOAD)).not.toBe(programOf(BGP));
    expect(programOf(BLACKHOLE)).toBe(0);
  });

  test('a preference is not an edit', () => {
    expect(programOf({ prefix: '10.0.0.0/8', attributes: { origin: 'igp' } })).toBe(0);
  });

  test('numbers are not used again when they have run out', () => {
    const actions: Action[] = Array.from({ length: 5000 }, (_, value) => ({ kind: 'set-med', value }));
    const long = compiled(only({ actions }), 'import');
    const seen = new Set<number>();
    const context = tables.contextOf(BGP);
    for (let i = 0; i < 3; i++) {
      evaluate(long, context);
      expect(context.med).toBe(4999);
      expect(seen.has(context.program)).toBe(false);
      seen.add(context.program);
      expect(long.programs.sequence(context.program)).toHaveLength(5000);
    }
  });
});
