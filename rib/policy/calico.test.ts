/**
 * Shows that policy data can say what Calico's filters say: BGPFilter rules (semantics 2.3), the export policy of a
 * node (4.3, with its table of typical routes), import with elevated preference (4.6) and kernel programming (5.2).
 */

import { describe, expect, test } from 'vitest';
import type { PathAttributes } from '../../bgp/wire/path-attributes.ts';
import type { ExportSettings } from '../export-rules.ts';
import { ExportBench, LOCAL_AS } from '../export-test-support.ts';
import { VERDICT_ACCEPT } from './compiled.ts';
import { evaluate, MAX_PRIORITY } from './evaluate.ts';
import type { Match, Policy, Statement } from './policy.ts';
import { compiled, only, prefix, type TestRoute, TestTables } from './test-support.ts';

const NORMAL = 1024;
const ELEVATED = 512;

function bitsOf(text: string): number {
  return text.includes(':') ? 128 : 32;
}

function inside(...cidrs: string[]): Match {
  return {
    kind: 'prefix',
    ranges: cidrs.map((cidr) => ({ prefix: cidr, minLength: prefix(cidr).length, maxLength: bitsOf(cidr) })),
    negate: false,
  };
}

function exactly(...cidrs: string[]): Match {
  return {
    kind: 'prefix',
    ranges: cidrs.map((cidr) => ({ prefix: cidr, minLength: prefix(cidr).length, maxLength: prefix(cidr).length })),
    negate: false,
  };
}

function statement(
  name: string,
  verdict: Statement['verdict'],
  matches: readonly Match[],
  actions: Statement['actions'] = [],
): Statement {
  return { name, verdict, matches, actions };
}

/** Semantics 4.3 for one node. */
interface Node {
  readonly filters?: readonly Statement[];
  readonly disabledPools?: readonly string[];
  readonly communities?: ReadonlyArray<readonly [cidr: string, community: string]>;
  readonly blocks?: readonly string[];
  readonly services?: readonly string[];
  readonly reflectedServices?: readonly string[];
  readonly pools?: readonly string[];
  readonly ownsIpip?: boolean;
}

function exportPolicy(node: Node): Policy {
  const internal: Match = { kind: 'peer-type', peerType: 'ibgp' };
  const onInterface = (pattern: string): Match => ({ kind: 'interface', pattern });
  const blocks = node.blocks ?? [];
  return {
    name: 'calico-export',
    statements: [
      statement('0-priority', 'next', [], [{ kind: 'normalise-priority', normal: NORMAL }]),
      ...(node.filters ?? []),
      statement('2-disabled-pools', 'reject', [inside(...(node.disabledPools ?? []))]),
      statement('3-cali', 'reject', [internal, onInterface('*.cali')]),
      statement('3-calico', 'reject', [internal, onInterface('*.calico')]),
      ...(node.ownsIpip ? [] : [statement('3-tunl0', 'reject', [internal, onInterface('tunl0')])]),
      statement('4-bpf', 'reject', [onInterface('bpf*.cali')]),
      ...(node.communities ?? []).map(([cidr, community]) =>
        statement('5-communities', 'next', [inside(cidr)], [{ kind: 'add-community', community }]),
      ),
      statement('6-blocks', 'accept', [exactly(...blocks)]),
      statement('6-elevated', 'accept', [inside(...blocks), { kind: 'metric', min: 0, max: NORMAL - 1 }]),
      statement('6-inside', 'reject', [inside(...blocks)]),
      statement('7-services', 'accept', [inside(...(node.services ?? []))]),
      statement('7b-services', 'accept', [inside(...(node.reflectedServices ?? []))]),
      statement('8-pools', 'accept', [inside(...(node.pools ?? []))]),
    ],
    otherwise: 'reject',
  };
}

const NODE: Node = {
  blocks: ['10.244.1.0/26'],
  services: ['10.96.0.0/12', '203.0.113.7/32'],
  pools: ['10.244.0.0/16'],
  disabledPools: ['10.245.0.0/16'],
  communities: [['10.244.0.0/16', '64512:100']],
};
const REFLECTOR: Node = { ...NODE, reflectedServices: ['198.51.100.0/24'] };

const FROM_NODE: PathAttributes = {
  origin: 'igp',
  asPath: [],
  nextHop: '10.0.0.2',
  localPref: MAX_PRIORITY - NORMAL,
};
const FROM_TOR: PathAttributes = {
  origin: 'igp',
  asPath: [{ type: 'sequence', asns: [65000] }],
  nextHop: '10.0.0.254',
};

type Source = 'node' | 'client' | 'tor' | 'local';

/** The deciding statement, or the rule before policy that kept the route back. */
function decision(node: Node, route: TestRoute, from: Source, peerType: 'ibgp' | 'ebgp'): string {
  const bench = new ExportBench();
  const group = bench.group(groupSettings(node, peerType));
  const peer =
    from === 'tor' ? bench.addPeer('tor', 65000) : bench.addPeer('node-2', LOCAL_AS, { client: from === 'client' });
  const set = group.explainPath(bench.addPath(route, peer));
  const decided = group.statement === '' ? 'not offered' : group.statement;
  const isDefault = group.evaluation.statement < 0 && group.reason === 9;
  return `${set === 0 ? 'reject' : 'accept'}: ${isDefault ? '9' : decided}`;
}

function groupSettings(node: Node, peerType: 'ibgp' | 'ebgp'): Partial<ExportSettings> {
  const policy = compiled(exportPolicy(node), 'export');
  return peerType === 'ibgp' ? { policy, isInternal: true, peerAs: LOCAL_AS } : { policy };
}

/** What such a group is told. */
function told(node: Node, route: TestRoute, from: Source, peerType: 'ibgp' | 'ebgp'): PathAttributes {
  const bench = new ExportBench();
  const peer = from === 'tor' ? bench.addPeer('tor', 65000) : bench.addPeer('node-2', LOCAL_AS);
  const answer = bench.tell(bench.group(groupSettings(node, peerType)), bench.addPath(route, peer));
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}

const kernel = (text: string, interfaceName: string, metric = NORMAL): TestRoute => ({
  prefix: text,
  source: 'kernel',
  interfaceName,
  metric,
});
const BLACKHOLE: TestRoute = { prefix: '10.244.1.0/26', source: 'static' };
const REMOTE_BLOCK: TestRoute = { prefix: '10.244.2.0/26', attributes: FROM_NODE };
const REMOTE_SERVICE: TestRoute = { prefix: '10.96.4.4/32', attributes: FROM_NODE };
const REMOTE_LOAD_BALANCER: TestRoute = { prefix: '198.51.100.9/32', attributes: FROM_NODE };

describe('what 4.3 yields for typical routes', () => {
  test.each<[string, Node, TestRoute, Source, string, string]>([
    ['own block, blackhole', NODE, BLACKHOLE, 'local', 'accept: 6-blocks', 'accept: 6-blocks'],
    [
      'local workload in own block',
      NODE,
      kernel('10.244.1.7/32', 'cali123'),
      'local',
      'reject: 6-inside',
      'reject: 6-inside',
    ],
    [
      'elevated local workload in own block',
      NODE,
      kernel('10.244.1.7/32', 'cali123', ELEVATED),
      'local',
      'accept: 6-elevated',
      'accept: 6-elevated',
    ],
    [
      'metric 0 in own block counts as elevated',
      NODE,
      kernel('10.244.1.7/32', 'cali123', 0),
      'local',
      'accept: 6-elevated',
      'accept: 6-elevated',
    ],
    [
      'local workload outside own blocks',
      NODE,
      kernel('10.244.9.7/32', 'cali123'),
      'local',
      'accept: 8-pools',
      'accept: 8-pools',
    ],
    ['remote block learned by iBGP', NODE, REMOTE_BLOCK, 'node', 'reject: not offered', 'accept: 8-pools'],
    ['remote block learned from a client', REFLECTOR, REMOTE_BLOCK, 'client', 'accept: 8-pools', 'accept: 8-pools'],
    [
      'remote block as kernel route via vxlan.calico',
      NODE,
      kernel('10.244.2.0/26', 'vxlan.calico'),
      'local',
      'reject: 3-calico',
      'accept: 8-pools',
    ],
    [
      'remote block via wireguard.cali',
      NODE,
      kernel('10.244.2.0/26', 'wireguard.cali'),
      'local',
      'reject: 3-cali',
      'accept: 8-pools',
    ],
    [
      'remote block via tunl0 of Felix',
      NODE,
      kernel('10.244.2.0/26', 'tunl0'),
      'local',
      'reject: 3-tunl0',
      'accept: 8-pools',
    ],
    [
      'remote block via our own tunl0',
      { ...NODE, ownsIpip: true },
      kernel('10.244.2.0/26', 'tunl0'),
      'local',
      'accept: 8-pools',
      'accept: 8-pools',
    ],
    [
      'remote block without encapsulation by Felix',
      NODE,
      kernel('10.244.2.0/26', 'eth0'),
      'local',
      'accept: 8-pools',
      'accept: 8-pools',
    ],
    [
      'anything via bpfin.cali',
      NODE,
      kernel('10.244.9.0/26', 'bpfin.cali'),
      'local',
      'reject: 3-cali',
      'reject: 4-bpf',
    ],
    [
      'service prefix',
      NODE,
      { prefix: '10.96.0.0/12', source: 'static' },
      'local',
      'accept: 7-services',
      'accept: 7-services',
    ],
    [
      'service prefix learned from another node',
      NODE,
      REMOTE_SERVICE,
      'node',
      'reject: not offered',
      'accept: 7-services',
    ],
    [
      'the same at a reflector that originates a covering prefix',
      REFLECTOR,
      REMOTE_SERVICE,
      'client',
      'accept: 7-services',
      'accept: 7-services',
    ],
    ['load balancer address of another node', NODE, REMOTE_LOAD_BALANCER, 'node', 'reject: not offered', 'reject: 9'],
    [
      'the same at a reflector',
      REFLECTOR,
      REMOTE_LOAD_BALANCER,
      'client',
      'accept: 7b-services',
      'accept: 7b-services',
    ],
    [
      'node network',
      NODE,
      { prefix: '10.0.0.0/24', source: 'direct', interfaceName: 'eth0' },
      'local',
      'reject: 9',
      'reject: 9',
    ],
    ['default route', NODE, kernel('0.0.0.0/0', 'eth0', 100), 'local', 'reject: 9', 'reject: 9'],
    [
      'docker0',
      NODE,
      { prefix: '172.17.0.0/16', source: 'direct', interfaceName: 'docker0' },
      'local',
      'reject: 9',
      'reject: 9',
    ],
    [
      'a bridge of another CNI inside a pool',
      NODE,
      { prefix: '10.244.7.0/24', source: 'direct', interfaceName: 'cni0' },
      'local',
      'accept: 8-pools',
      'accept: 8-pools',
    ],
    [
      'external route learned by eBGP',
      NODE,
      { prefix: '192.0.2.0/24', attributes: FROM_TOR },
      'tor',
      'reject: 9',
      'reject: 9',
    ],
    [
      'pool with export disabled',
      NODE,
      kernel('10.245.1.1/32', 'cali123'),
      'local',
      'reject: 2-disabled-pools',
      'reject: 2-disabled-pools',
    ],
  ])('%s', (_case, node, route, from, internal, external) => {
    expect({ ibgp: decision(node, route, from, 'ibgp'), ebgp: decision(node, route, from, 'ebgp') }).toEqual({
      ibgp: internal,
      ebgp: external,
    });
  });

  test.each<[string, TestRoute, Source, 'ibgp' | 'ebgp', PathAttributes]>([
    [
      'a block to the mesh has normal priority',
      BLACKHOLE,
      'local',
      'ibgp',
      { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 2147482623, communities: ['64512:100'] },
    ],
    [
      'an elevated workload has elevated priority',
      kernel('10.244.1.7/32', 'cali123', ELEVATED),
      'local',
      'ibgp',
      { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 2147483135, communities: ['64512:100'] },
    ],
    [
      'a remote block to the ToR has us as next hop',
      REMOTE_BLOCK,
      'node',
      'ebgp',
      {
        origin: 'igp',
        asPath: [{ type: 'sequence', asns: [LOCAL_AS] }],
        nextHop: '10.0.0.1',
        communities: ['64512:100'],
      },
    ],
  ])('on the wire: %s', (_case, route, from, peerType, expected) => {
    expect(told(NODE, route, from, peerType)).toEqual(expected);
  });

  test('a BGPFilter Accept bypasses disabled pools, tunnels, communities and aggregation', () => {
    const node = { ...NODE, filters: [statement('filter', 'accept', [])] };
    const route = kernel('10.244.1.7/32', 'tunl0');
    expect(decision(node, route, 'local', 'ibgp')).toBe('accept: filter');
    expect(told(node, route, 'local', 'ibgp')).not.toHaveProperty('communities');
    expect(decision(node, kernel('10.245.1.1/32', 'eth0'), 'local', 'ebgp')).toBe('accept: filter');
  });

  test('a BGPFilter Reject as last rule turns our own advertisements off', () => {
    const node = { ...NODE, filters: [statement('filter', 'reject', [])] };
    expect(decision(node, BLACKHOLE, 'local', 'ebgp')).toBe('reject: filter');
  });
});

describe('BGPFilter rules (2.3)', () => {
  /** How derive says a cidr with operator and lengths. */
  function cidrMatch(cidr: string, operator: string, min?: number, max?: number): Match {
    const { length } = prefix(cidr);
    const negate = operator.startsWith('Not');
    if (operator.endsWith('Equal')) {
      const lengths = min === undefined && max === undefined;
      return {
        kind: 'prefix',
        ranges: lengths ? [{ prefix: cidr, minLength: length, maxLength: length }] : [],
        negate,
      };
    }
    const range = {
      prefix: cidr,
      minLength: Math.max(min ?? 0, length),
      maxLength: Math.min(max ?? 128, bitsOf(cidr)),
    };
    return { kind: 'prefix', ranges: [range], negate };
  }

  test.each<[string, string, string, number | undefined, number | undefined, string, boolean]>([
    ['Equal: the prefix', '10.1.0.0/16', 'Equal', undefined, undefined, '10.1.0.0/16', true],
    ['Equal: a longer one', '10.1.0.0/16', 'Equal', undefined, undefined, '10.1.1.0/24', false],
    ['NotEqual: the prefix', '10.1.0.0/16', 'NotEqual', undefined, undefined, '10.1.0.0/16', false],
    ['NotEqual: a longer one', '10.1.0.0/16', 'NotEqual', undefined, undefined, '10.1.1.0/24', true],
    ['In: the prefix', '10.1.0.0/16', 'In', undefined, undefined, '10.1.0.0/16', true],
    ['In: a host', '10.1.0.0/16', 'In', undefined, undefined, '10.1.2.3/32', true],
    ['In: outside', '10.1.0.0/16', 'In', undefined, undefined, '10.2.0.0/16', false],
    ['NotIn: inside', '10.1.0.0/16', 'NotIn', undefined, undefined, '10.1.2.3/32', false],
    ['NotIn: outside', '10.1.0.0/16', 'NotIn', undefined, undefined, '10.2.0.0/16', true],
    ['In with lengths: at the end', '10.1.0.0/16', 'In', 24, 26, '10.1.0.0/26', true],
    ['In with lengths: beyond', '10.1.0.0/16', 'In', 24, 26, '10.1.0.0/27', false],
    ['In with min only', '10.1.0.0/16', 'In', 24, undefined, '10.1.0.0/32', true],
    ['In with max only: from the prefix on', '10.1.0.0/16', 'In', undefined, 24, '10.1.0.0/16', true],
    ['In with min below the prefix', '10.1.0.0/16', 'In', 8, 24, '10.0.0.0/8', false],
    ['In with max below the prefix: nothing', '10.1.0.0/28', 'In', undefined, 26, '10.1.0.0/28', false],
    ['NotIn with lengths: inside but of another length', '10.1.0.0/16', 'NotIn', 24, 26, '10.1.0.0/27', true],
    ['NotIn with lengths: inside', '10.1.0.0/16', 'NotIn', 24, 26, '10.1.0.0/25', false],
    ['Equal with lengths never matches', '10.1.0.0/16', 'Equal', 16, 32, '10.1.0.0/16', false],
    ['NotEqual with lengths always matches', '10.1.0.0/16', 'NotEqual', 16, 32, '10.1.0.0/16', true],
    ['IPv6 In', 'fd00:1::/32', 'In', 64, 122, 'fd00:1:2:3::/64', true],
    ['IPv6 NotIn', 'fd00:1::/32', 'NotIn', 64, 122, 'fd00:1:2:3::/63', true],
  ])('%s', (_case, cidr, operator, min, max, text, expected) => {
    const policy = compiled(only({ matches: [cidrMatch(cidr, operator, min, max)] }), 'import');
    const context = new TestTables().contextOf({ prefix: text, attributes: FROM_TOR });
    expect(evaluate(policy, context) === VERDICT_ACCEPT).toBe(expected);
  });

  test.each<[string, number, boolean]>([
    ['of that priority', MAX_PRIORITY - 512, true],
    ['of another', MAX_PRIORITY - 513, false],
  ])('priority 512 matches LOCAL_PREF %s', (_case, localPref, expected) => {
    const match: Match = { kind: 'local-pref', min: MAX_PRIORITY - 512, max: MAX_PRIORITY - 512 };
    const policy = compiled(only({ matches: [match] }), 'export');
    const context = new TestTables().contextOf({ prefix: '10.0.0.0/8', attributes: { ...FROM_NODE, localPref } });
    expect(evaluate(policy, context) === VERDICT_ACCEPT).toBe(expected);
  });

  test('operations run in order, then accept: addCommunity, prependASPath, setPriority', () => {
    const filters = [
      statement(
        'filter',
        'accept',
        [{ kind: 'source', sources: ['bgp'] }],
        [
          { kind: 'add-community', community: '65000:1' },
          { kind: 'prepend-as-path', asns: [65100, 65101] },
          { kind: 'set-local-pref', value: MAX_PRIORITY - 600 },
        ],
      ),
    ];
    const route = { prefix: '192.0.2.0/24', attributes: FROM_TOR };
    expect(told({ ...NODE, filters }, route, 'tor', 'ibgp')).toEqual({
      ...FROM_TOR,
      asPath: [{ type: 'sequence', asns: [65100, 65101, 65000] }],
      communities: ['65000:1'],
      localPref: MAX_PRIORITY - 600,
    });
  });

  test('a communities match sees what was added before in the same pass', () => {
    const filters = [
      statement(
        'mark',
        'next',
        [{ kind: 'source', sources: ['static'] }],
        [{ kind: 'add-community', community: '1:1' }],
      ),
      statement('marked', 'reject', [{ kind: 'community', community: '1:1' }]),
    ];
    expect(decision({ ...NODE, filters }, BLACKHOLE, 'local', 'ebgp')).toBe('reject: marked');
  });

  test('an export filter sees our own AS first on eBGP sessions only', () => {
    const filters = [statement('filter', 'accept', [{ kind: 'as-path-prefix', asns: [LOCAL_AS, 65000] }])];
    const route = { prefix: '192.0.2.0/24', attributes: FROM_TOR };
    expect(decision({ ...NODE, filters }, route, 'tor', 'ebgp')).toBe('accept: filter');
    expect(decision({ ...NODE, filters }, route, 'tor', 'ibgp')).toBe('reject: 9');
  });
});

describe('import (4.6)', () => {
  const elevated: Match = { kind: 'local-pref', min: MAX_PRIORITY - NORMAL + 1, max: 0xffffffff };
  const policyOf = (...filters: Statement[]): Policy => ({
    name: 'calico-import',
    statements: [...filters, statement('elevated', 'accept', [elevated], [{ kind: 'set-preference', value: 200 }])],
    otherwise: 'accept',
  });

  test.each<[string, Policy, number, string, number]>([
    ['normal priority keeps its preference', policyOf(), MAX_PRIORITY - NORMAL, 'accept', -1],
    ['elevated priority gets 200', policyOf(), MAX_PRIORITY - ELEVATED, 'accept', 200],
    ['just above normal', policyOf(), MAX_PRIORITY - NORMAL + 1, 'accept', 200],
    [
      'a filter that accepts skips the step',
      policyOf(statement('filter', 'accept', [])),
      MAX_PRIORITY - ELEVATED,
      'accept',
      -1,
    ],
    ['a filter that rejects', policyOf(statement('filter', 'reject', [])), MAX_PRIORITY - ELEVATED, 'reject', -1],
  ])('%s', (_case, policy, localPref, verdict, preference) => {
    const context = new TestTables().contextOf(
      { prefix: '10.244.2.0/26', attributes: { ...FROM_NODE, localPref } },
      true,
    );
    expect(evaluate(compiled(policy, 'import'), context) === VERDICT_ACCEPT ? 'accept' : 'reject').toBe(verdict);
    expect(context.preference).toBe(preference);
  });
});

describe('kernel programming (5.2)', () => {
  const bgp: Match = { kind: 'source', sources: ['bgp'] };
  const policy = compiled(
    {
      name: 'calico-kernel',
      statements: [
        statement('1-services', 'reject', [inside('10.96.0.0/12')]),
        statement('2-priority', 'next', [bgp], [{ kind: 'normalise-priority', normal: NORMAL }]),
        statement('3-wireguard', 'reject', [{ kind: 'next-hop', prefixes: ['10.0.0.66/32'] }]),
        statement('4-vxlan', 'reject', [inside('10.10.0.0/16')]),
        statement('4-ipip', 'accept', [inside('10.20.0.0/16')], [{ kind: 'set-tunnel', interfaceName: 'tunl0' }]),
        statement('4-cross-subnet-near', 'accept', [
          inside('10.30.0.0/16'),
          { kind: 'next-hop', prefixes: ['10.0.0.0/24'] },
        ]),
        statement(
          '4-cross-subnet-far',
          'accept',
          [inside('10.30.0.0/16')],
          [{ kind: 'set-tunnel', interfaceName: 'tunl0' }],
        ),
        statement('4-no-encap', 'accept', [inside('10.40.0.0/16')]),
      ],
      otherwise: 'accept',
    },
    'kernel',
  );
  const via = (text: string, nextHop = '10.0.0.2', localPref: number | null = MAX_PRIORITY - NORMAL): TestRoute => ({
    prefix: text,
    attributes: { origin: 'igp', asPath: [], nextHop, ...(localPref === null ? {} : { localPref }) },
  });

  test.each<[string, TestRoute, string, number | null, string]>([
    ['a service prefix', { prefix: '10.96.0.0/12', source: 'static' }, 'reject: 1-services', null, ''],
    ['a WireGuard peer', via('10.40.0.0/26', '10.0.0.66'), 'reject: 3-wireguard', 1024, ''],
    ['a VXLAN pool', via('10.10.0.0/26'), 'reject: 4-vxlan', 1024, ''],
    ['an own block of a VXLAN pool', { prefix: '10.10.1.0/26', source: 'static' }, 'reject: 4-vxlan', null, ''],
    ['IPIP always', via('10.20.0.0/26'), 'accept: 4-ipip', 1024, 'tunl0'],
    ['IPIP across subnets: same subnet', via('10.30.0.0/26'), 'accept: 4-cross-subnet-near', 1024, ''],
    [
      'IPIP across subnets: another subnet',
      via('10.30.0.0/26', '10.0.1.2'),
      'accept: 4-cross-subnet-far',
      1024,
      'tunl0',
    ],
    ['no encapsulation', via('10.40.0.0/26'), 'accept: 4-no-encap', 1024, ''],
    ['elevated', via('10.40.0.7/32', '10.0.0.2', MAX_PRIORITY - ELEVATED), 'accept: 4-no-encap', 512, ''],
    ['outside all pools, from a ToR', via('0.0.0.0/0', '10.0.0.254', null), 'accept: otherwise', 2147483547, ''],
    [
      'an own block without encapsulation',
      { prefix: '10.40.1.0/26', source: 'static' },
      'accept: 4-no-encap',
      null,
      '',
    ],
  ])('%s', (_case, route, expected, metric, tunnel) => {
    const context = new TestTables().contextOf(route);
    const verdict = evaluate(policy, context) === VERDICT_ACCEPT ? 'accept' : 'reject';
    const decided = context.statement < 0 ? 'otherwise' : policy.statements[context.statement].name;
    expect(`${verdict}: ${decided}`).toBe(expected);
    expect(context.hasMetric ? context.metric : null).toBe(metric);
    expect(context.tunnel).toBe(tunnel);
  });
});
