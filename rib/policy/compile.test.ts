import { describe, expect, test } from 'vitest';
import { formatCommunity, parseCommunity } from './community.ts';
import { compilePolicy, formatProblem } from './compile.ts';
import { isCacheable, type PolicyUse } from './compiled.ts';
import { ACCEPT_ALL, type Action, type Match, type Policy, REJECT_ALL } from './policy.ts';
import { compiled, only } from './test-support.ts';

function problems(policy: Policy, use: PolicyUse = 'export'): string[] {
  const result = compilePolicy(policy, use);
  return result.ok ? [] : result.problems.map(formatProblem);
}

function withMatch(match: Match): Policy {
  return only({ matches: [match] });
}

function withAction(action: Action): Policy {
  return only({ actions: [action] });
}

function range(prefix: string, minLength: number, maxLength: number): Match {
  return { kind: 'prefix', ranges: [{ prefix, minLength, maxLength }], negate: false };
}

describe('what is refused', () => {
  test.each<[string, Policy, PolicyUse, string]>([
    [
      'text that is no prefix',
      withMatch(range('10.0.0.0/33', 8, 8)),
      'export',
      'matches[0].ranges[0].prefix: "10.0.0.0/33" is not a prefix',
    ],
    [
      'host bits',
      withMatch(range('10.0.0.1/8', 8, 8)),
      'export',
      'matches[0].ranges[0].prefix: 10.0.0.1/8 is not canonical, write 10.0.0.0/8',
    ],
    [
      'a length beyond the family',
      withMatch(range('10.0.0.0/8', 8, 33)),
      'export',
      'matches[0].ranges[0].maxLength: 33 is not a length of 0..32',
    ],
    [
      'a negative length',
      withMatch(range('::/0', -1, 128)),
      'export',
      'matches[0].ranges[0].minLength: -1 is not a length of 0..128',
    ],
    [
      'a fraction of a length',
      withMatch(range('::/0', 0.5, 128)),
      'export',
      'matches[0].ranges[0].minLength: 0.5 is not a length of 0..128',
    ],
    [
      'a community of three digits too many',
      withMatch({ kind: 'community', community: '65536:1' }),
      'export',
      'matches[0].community: "65536:1" is not aa:nn, aa:nn:mm, rt:aa:nn, ro:aa:nn, 0x and 16 hex digits, or a well-known name',
    ],
    [
      'AS 0 (RFC 7607)',
      withMatch({ kind: 'as-path-prefix', asns: [1, 0] }),
      'export',
      'matches[0].asns[1]: 0 is not an AS number of 1..4294967295',
    ],
    [
      'an empty AS list',
      withAction({ kind: 'prepend-as-path', asns: [] }),
      'export',
      'actions[0].asns: 0 AS numbers where 1..64 are possible',
    ],
    [
      'an interval upside down',
      withMatch({ kind: 'metric', min: 2, max: 1 }),
      'export',
      'matches[0].max: 1 is below min, 2',
    ],
    [
      'a LOCAL_PREF of 33 bits',
      withAction({ kind: 'set-local-pref', value: 2 ** 32 }),
      'export',
      'actions[0].value: 4294967296 is not in 0..4294967295',
    ],
    [
      'a preference of 9 bits',
      withAction({ kind: 'set-preference', value: 256 }),
      'import',
      'actions[0].value: 256 is not in 0..255',
    ],
    [
      'a normal priority that leaves nothing',
      withAction({ kind: 'normalise-priority', normal: 2 ** 31 }),
      'export',
      'actions[0].normal: 2147483648 is not in 0..2147483647',
    ],
    [
      'a next hop that is none',
      withAction({ kind: 'set-next-hop', value: 'router' }),
      'export',
      'actions[0].value: "router" is neither an address nor self, peer or unchanged',
    ],
    [
      'self on import',
      withAction({ kind: 'set-next-hop', value: 'self' }),
      'import',
      'actions[0].value: a received path through ourselves could not be used',
    ],
    [
      'a tunnel towards a peer',
      withAction({ kind: 'set-tunnel', interfaceName: 'tunl0' }),
      'export',
      'actions[0].interfaceName: only a kernel policy can send through a tunnel',
    ],
    [
      'a device name of 16 octets',
      withAction({ kind: 'set-tunnel', interfaceName: 'abcdefghijklmnop' }),
      'kernel',
      'actions[0].interfaceName: "abcdefghijklmnop" is not the name of a device',
    ],
    [
      'a peer type in a kernel policy',
      withMatch({ kind: 'peer-type', peerType: 'ebgp' }),
      'kernel',
      'matches[0].peerType: a kernel policy is attached to no peer',
    ],
    [
      'a source that does not exist',
      withMatch({ kind: 'source', sources: ['ospf' as 'bgp'] }),
      'export',
      'matches[0].sources: ["ospf"]: known are bgp, static, kernel, direct',
    ],
    [
      'a mask with something in it that is no AS number',
      withMatch({ kind: 'as-path-mask', mask: [65001, '+' as '*'] }),
      'export',
      'matches[0].mask[1]: + is neither an AS number nor * nor ?',
    ],
    [
      'a number that cannot be computed',
      withAction({ kind: 'compute', target: 'weight' as 'med', offset: 0, sign: 1, from: 'med' }),
      'export',
      'actions[0].target: "weight" is not one of local-pref, med, metric',
    ],
    [
      'a range of two kinds',
      withMatch({ kind: 'community-in', from: '1:1', to: '1:1:1' }),
      'export',
      'matches[0].to: 1:1:1 is not of the kind of 1:1',
    ],
    [
      'a range of extended communities',
      withAction({ kind: 'remove-communities-in', from: 'rt:1:1', to: 'rt:1:9' }),
      'export',
      'actions[0].from: there are no ranges of extended communities',
    ],
    [
      'AS numbers upside down',
      withMatch({ kind: 'as-path-holds', ranges: [{ min: 2, max: 1 }] }),
      'export',
      'matches[0].ranges[0].max: 1 is below min, 2',
    ],
    ['skipping over the end', only({ verdict: 'next', skip: 1 }), 'export', 'skip: 1 is not in 0..0'],
    [
      'skipping after a verdict',
      {
        name: 'test',
        statements: [
          { name: 'only', matches: [], actions: [], verdict: 'accept', skip: 1 },
          ...withMatch(range('::/0', 0, 0)).statements,
        ],
        otherwise: 'reject',
      },
      'export',
      'skip: means nothing with verdict accept',
    ],
    [
      'a verdict that does not exist',
      only({ verdict: 'maybe' as 'next' }),
      'export',
      'verdict: "maybe" is not one of reject, accept, next',
    ],
    [
      'a match that does not exist',
      withMatch({ kind: 'phase-of-moon' } as unknown as Match),
      'export',
      'matches[0].kind: "phase-of-moon" is not a kind of match',
    ],
    [
      'an action that does not exist',
      withAction({ kind: 'pray' } as unknown as Action),
      'export',
      'actions[0].kind: "pray" is not a kind of action',
    ],
  ])('%s', (_case, policy, use, expected) => {
    expect(problems(policy, use)).toEqual([`policy test, statement only, ${expected}`]);
  });

  test('an end that does not exist', () => {
    expect(problems({ ...ACCEPT_ALL, otherwise: 'next' as 'accept' })).toEqual([
      'policy accept-all, otherwise: "next" is neither accept nor reject',
    ]);
  });

  test('all problems are told at once', () => {
    const policy = only({
      matches: [range('x', 0, 0), { kind: 'community', community: '' }],
      actions: [{ kind: 'set-med', value: -1 }],
    });
    expect(problems(policy)).toHaveLength(3);
  });
});

test('a range without a length in it is legal: Calico filters can say that', () => {
  expect(problems(withMatch(range('10.0.0.0/28', 28, 26)))).toEqual([]);
});

describe('what a policy depends on', () => {
  test.each<[string, Policy, { acceptsAll: boolean; cacheable: boolean; prefix: boolean; peer: boolean }]>([
    ['accept all', ACCEPT_ALL, { acceptsAll: true, cacheable: true, prefix: false, peer: false }],
    ['reject all', REJECT_ALL, { acceptsAll: false, cacheable: true, prefix: false, peer: false }],
    ['a prefix', withMatch(range('::/0', 0, 128)), { acceptsAll: false, cacheable: false, prefix: true, peer: false }],
    [
      'an interface',
      withMatch({ kind: 'interface', pattern: '*' }),
      { acceptsAll: false, cacheable: false, prefix: false, peer: false },
    ],
    [
      'the source peer',
      withMatch({ kind: 'learned-from', peers: ['a'] }),
      { acceptsAll: false, cacheable: true, prefix: false, peer: true },
    ],
    [
      'attributes',
      withMatch({ kind: 'community', community: '1:2' }),
      { acceptsAll: false, cacheable: true, prefix: false, peer: false },
    ],
    [
      'nothing, but it changes something',
      only({ actions: [{ kind: 'set-med', value: 1 }] }, 'accept'),
      { acceptsAll: false, cacheable: true, prefix: false, peer: false },
    ],
    [
      'nothing, by accepting in every way',
      only({ matches: [{ kind: 'community', community: '1:2' }] }, 'accept'),
      { acceptsAll: true, cacheable: true, prefix: false, peer: false },
    ],
  ])('%s', (_case, policy, expected) => {
    const result = compiled(policy, 'import');
    expect({
      acceptsAll: result.acceptsAll,
      cacheable: isCacheable(result),
      prefix: result.dependsOnPrefix,
      peer: result.dependsOnSourcePeer,
    }).toEqual(expected);
  });
});

describe('community texts', () => {
  test.each([
    ['standard', '65001:100', '65001:100'],
    ['large', '4200000000:1:2', '4200000000:1:2'],
    ['route target of a two-octet AS', 'rt:65001:70000', 'rt:65001:70000'],
    ['route origin of a four-octet AS', 'ro:70000:1', 'ro:70000:1'],
    ['any extended community', '0x4000000000000001', '0x4000000000000001'],
    ['a well-known name', 'graceful-shutdown', '65535:0'],
  ])('%s', (_case, text, canonical) => {
    const community = parseCommunity(text);
    expect(community === null ? null : formatCommunity(community)).toBe(canonical);
  });

  test.each(['', '1', '1:2:3:4', '65536:1', '-1:2', 'no-such-name', '1:2:4294967296', '0x12'])('%j is none', (text) => {
    expect(parseCommunity(text)).toBeNull();
  });
});
