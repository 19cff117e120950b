import { describe, expect, test } from 'vitest';
import { configuration, deriveN1, node, nodes, service, slice } from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';
import type { ResourceEvent } from '../resource-store.ts';
import { IncrementalDeriver } from './derive.ts';
import { DEFAULT_DERIVE_OPTIONS, type DeriveOptions } from './options.ts';

const EXCLUDED = { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' };
const RANGES = {
  serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
  serviceExternalIPs: [{ cidr: '203.0.113.0/25' }, { cidr: '203.0.113.200/32' }],
  serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/25' }, { cidr: '198.51.100.200/32' }],
};
const RANGE_PREFIXES = ['10.96.0.0/12', '198.51.100.0/25', '203.0.113.0/25'];
const NOT_AGGREGATING = { ...RANGES, serviceLoadBalancerAggregation: 'Disabled' };

/** Prefixes of single Services that n1 originates. */
function advertised(resources: readonly Resource[], options: Partial<DeriveOptions> = {}, config: object = RANGES) {
  const { originated } = deriveN1([...nodes(2), configuration(config), ...resources], options);
  return originated.map((route) => route.prefix).filter((prefix) => !RANGE_PREFIXES.includes(prefix));
}

const LOCAL = { clusterIP: '10.96.0.1', externalTrafficPolicy: 'Local' };
const CLUSTER = { clusterIP: '10.96.0.1', externalTrafficPolicy: 'Cluster' };

describe('externalTrafficPolicy Local: where there is an endpoint', () => {
  test.each<[sentence: string, resources: Resource[], prefixes: string[]]>([
    ['on this node', [service('web', LOCAL), slice('a', 'web', ['n1'])], ['10.96.0.1/32']],
    ['on another node only', [service('web', LOCAL), slice('a', 'web', ['n2'])], []],
    ['on this node, but not ready', [service('web', LOCAL), slice('a', 'web', ['!n1'])], []],
    ['ready elsewhere, not ready here', [service('web', LOCAL), slice('a', 'web', ['!n1', 'n2'])], []],
    ['one ready and one not, both here', [service('web', LOCAL), slice('a', 'web', ['!n1', 'n1'])], ['10.96.0.1/32']],
    [
      'in one of several slices',
      [service('web', LOCAL), slice('a', 'web', []), slice('b', 'web', ['n1'])],
      ['10.96.0.1/32'],
    ],
    ['without any slice', [service('web', LOCAL)], []],
    ['in a slice of another Service', [service('web', LOCAL), slice('a', 'api', ['n1'])], []],
    ['in a slice of the other family', [service('web', LOCAL), slice('a', 'web', ['n1'], 'IPv6')], []],
    [
      'of a dual-stack Service in either family',
      [
        service('web', { ...LOCAL, clusterIPs: ['10.96.0.1', 'fd00:96::1'], ipFamilies: ['IPv4', 'IPv6'] }),
        slice('a', 'web', ['n1'], 'IPv6'),
      ],
      ['10.96.0.1/32', 'fd00:96::1/128'],
    ],
    ['in a slice of host names', [service('web', LOCAL), slice('a', 'web', ['n1'], 'FQDN')], []],
    [
      'of a headless Service, external addresses or not',
      [service('web', { ...LOCAL, clusterIP: 'None', externalIPs: ['203.0.113.5'] }), slice('a', 'web', ['n1'])],
      [],
    ],
    [
      'of a Service without cluster IP',
      [service('web', { externalTrafficPolicy: 'Local' }), slice('a', 'web', ['n1'])],
      [],
    ],
    ['of an ExternalName', [service('web', { ...LOCAL, type: 'ExternalName' }), slice('a', 'web', ['n1'])], []],
    ['of a NodePort', [service('web', { ...LOCAL, type: 'NodePort' }), slice('a', 'web', ['n1'])], ['10.96.0.1/32']],
  ])('%s', (_sentence, resources, prefixes) => {
    expect(advertised(resources)).toEqual(prefixes);
  });

  test('the node may have another name in Kubernetes', () => {
    const resources = [service('web', LOCAL), slice('a', 'web', ['ip-10-0-0-1'])];
    expect(advertised(resources)).toEqual([]);
    expect(advertised(resources, { kubernetesNodeName: 'ip-10-0-0-1' })).toEqual(['10.96.0.1/32']);
  });
});

describe('which addresses', () => {
  const HERE = slice('a', 'web', ['n1']);
  test.each<[sentence: string, service: Resource, config: object, prefixes: string[]]>([
    [
      'external and ingress addresses inside their ranges, cluster IPs wherever they are',
      service(
        'web',
        {
          ...LOCAL,
          clusterIP: '172.16.0.1',
          externalIPs: ['203.0.113.5', '203.0.113.200', '192.0.2.1'],
          loadBalancerIP: '198.51.100.9',
        },
        ['198.51.100.5', '198.51.100.200', '192.0.2.2'],
      ),
      RANGES,
      ['172.16.0.1/32', '198.51.100.200/32', '198.51.100.5/32', '203.0.113.200/32', '203.0.113.5/32'],
    ],
    [
      'no cluster IPs without a cluster range',
      service('web', { ...LOCAL, externalIPs: ['203.0.113.5'] }),
      { serviceExternalIPs: RANGES.serviceExternalIPs },
      ['203.0.113.5/32'],
    ],
    ['none without ranges', service('web', { ...LOCAL, externalIPs: ['203.0.113.5'] }, ['198.51.100.5']), {}, []],
    [
      'all cluster IPs',
      service('web', { ...LOCAL, clusterIPs: ['10.96.0.1', 'fd00:96::1'] }),
      RANGES,
      ['10.96.0.1/32', 'fd00:96::1/128'],
    ],
  ])('%s', (_sentence, one, config, prefixes) => {
    expect(advertised([one, HERE], {}, config)).toEqual(prefixes);
  });
});

describe('externalTrafficPolicy Cluster', () => {
  test.each<[sentence: string, service: Resource, nodeNames: string[] | null, config: object, prefixes: string[]]>([
    ['is covered by the ranges', service('web', CLUSTER), ['n1'], RANGES, []],
    [
      'but not a load-balancer range of one, asked for',
      service('web', { ...CLUSTER, loadBalancerIP: '198.51.100.200' }),
      null,
      RANGES,
      ['10.96.0.1/32'],
    ],
    [
      'nor one in the status',
      service('web', CLUSTER, ['198.51.100.200']),
      null,
      RANGES,
      ['10.96.0.1/32', '198.51.100.200/32'],
    ],
    [
      'nor an external range of one',
      service('web', { ...CLUSTER, externalIPs: ['203.0.113.200'] }),
      null,
      RANGES,
      ['10.96.0.1/32', '203.0.113.200/32'],
    ],
    [
      'for type ClusterIP too',
      service('web', { ...CLUSTER, type: 'ClusterIP', externalIPs: ['203.0.113.200'] }),
      null,
      RANGES,
      ['10.96.0.1/32', '203.0.113.200/32'],
    ],
    [
      'a load-balancer address of a NodePort is not asked about',
      service('web', { ...CLUSTER, type: 'NodePort', loadBalancerIP: '198.51.100.200' }),
      null,
      RANGES,
      [],
    ],
    [
      'without aggregation a ready endpoint anywhere is enough',
      service('web', CLUSTER, ['198.51.100.5']),
      ['!n1', 'n2'],
      NOT_AGGREGATING,
      ['10.96.0.1/32', '198.51.100.5/32'],
    ],
    ['without aggregation and without ready endpoint', service('web', CLUSTER), ['!n1'], NOT_AGGREGATING, []],
    ['without aggregation and without slices', service('web', CLUSTER), null, NOT_AGGREGATING, []],
    [
      'without aggregation for a Service that only the cluster reaches',
      service('web', { type: 'ClusterIP', clusterIP: '10.96.0.1' }),
      ['n2'],
      NOT_AGGREGATING,
      ['10.96.0.1/32'],
    ],
  ])('%s', (_sentence, one, nodeNames, config, prefixes) => {
    const slices = nodeNames === null ? [] : [slice('a', 'web', nodeNames)];
    const ranges = config === NOT_AGGREGATING ? ['198.51.100.0/25'] : [];
    expect(advertised([one, ...slices], {}, config).filter((prefix) => !ranges.includes(prefix))).toEqual(prefixes);
  });
});

describe('an excluded node', () => {
  test('originates nothing, and writes no routes of others to the kernel', () => {
    const own = node('n1', { ipv4Address: '10.0.0.1/24' }, EXCLUDED);
    const resources = [own, configuration(RANGES), service('web', LOCAL), slice('a', 'web', ['n1'])];
    const state = deriveN1(resources);
    expect(state.originated).toEqual([]);
    expect(state.kernel.policy['ipv4-unicast'].statements[0]).toMatchObject({
      name: 'service address',
      matches: [{ ranges: RANGE_PREFIXES.map((prefix) => ({ prefix })) }],
    });
    const peerState = deriveN1([...nodes(2).slice(1), ...resources]);
    const names = peerState.peers[0].policy.exportPolicy['ipv4-unicast'].statements.map((one) => one.name);
    expect(names).not.toContain('service address');
  });
});

describe('rule 7 of the export policy', () => {
  function acceptedRanges(resources: readonly Resource[]): string[] {
    const { peers } = deriveN1([...nodes(2), ...resources]);
    const statement = peers[0].policy.exportPolicy['ipv4-unicast'].statements.find(
      (one) => one.name === 'service address',
    );
    return (statement?.matches ?? []).flatMap((one) =>
      one.kind === 'prefix' ? one.ranges.map((range) => range.prefix) : [],
    );
  }

  test('a prefix inside an accepted range needs no line of its own', () => {
    const web = service('web', { ...LOCAL, externalIPs: ['203.0.113.200'] });
    expect(acceptedRanges([configuration(RANGES), web, slice('a', 'web', ['n1'])])).toEqual([
      ...['10.96.0.0/12', '203.0.113.0/25', '198.51.100.0/25'],
      '203.0.113.200/32',
    ]);
  });
});

describe('what happens to a Service', () => {
  function follower(resources: readonly Resource[]) {
    const deriver = new IncrementalDeriver('n1', DEFAULT_DERIVE_OPTIONS);
    return (...events: ResourceEvent[]) => {
      const all: ResourceEvent[] = resources.map((resource) => ({ type: 'set', resource, conditions: [] }));
      deriver.apply({ events: [...all, ...events], revision: 'r', conditions: [] });
      const state = deriver.derive();
      return state.originated
        .filter((route) => !RANGE_PREFIXES.includes(route.prefix))
        .map((route) => `${route.prefix} ${route.origin}`);
    };
  }
  const set = (resource: Resource): ResourceEvent => ({ type: 'set', resource, conditions: [] });
  const gone = ({ kind, name }: Resource): ResourceEvent => ({ type: 'deleted', key: { kind, name } });
  const SHARED = { ...LOCAL, externalIPs: ['203.0.113.5'] };

  test('the last slice goes, and with it the route', () => {
    const apply = follower([...nodes(1), configuration(RANGES), service('web', LOCAL)]);
    const slices = [slice('web-x7k', 'web', ['n1']), slice('web-p2q', 'web', ['n1'])];
    expect(apply(...slices.map(set))).toEqual(['10.96.0.1/32 Service/default/web']);
    expect(apply(gone(slices[0]))).toEqual(['10.96.0.1/32 Service/default/web']);
    expect(apply(gone(slices[1]))).toEqual([]);
  });

  test('the Service goes and comes while its slices stay', () => {
    const web = service('web', LOCAL);
    const apply = follower([...nodes(1), configuration(RANGES), slice('a', 'web', ['n1'])]);
    expect(apply(set(web))).toHaveLength(1);
    expect(apply(gone(web))).toEqual([]);
    expect(apply(set(web))).toHaveLength(1);
    expect(apply(set(service('web', { ...LOCAL, type: 'ExternalName' })))).toEqual([]);
  });

  test('an address that two Services share stays until both are gone', () => {
    const [a, b] = [
      service('a', { ...SHARED, clusterIP: '10.96.0.1' }),
      service('b', { ...SHARED, clusterIP: '10.96.0.2' }),
    ];
    const apply = follower([...nodes(1), configuration(RANGES), slice('sa', 'a', ['n1']), slice('sb', 'b', ['n1'])]);
    expect(apply(set(b), set(a))).toContain('203.0.113.5/32 Service/default/a');
    expect(apply(gone(a))).toEqual(['10.96.0.2/32 Service/default/b', '203.0.113.5/32 Service/default/b']);
    expect(apply(gone(b))).toEqual([]);
  });

  test('a slice changes hands', () => {
    const apply = follower([
      ...nodes(1),
      configuration(RANGES),
      service('a', LOCAL),
      service('b', { ...LOCAL, clusterIP: '10.96.0.2' }),
    ]);
    expect(apply(set(slice('s', 'a', ['n1'])))).toEqual(['10.96.0.1/32 Service/default/a']);
    expect(apply(set(slice('s', 'b', ['n1'])))).toEqual(['10.96.0.2/32 Service/default/b']);
  });

  test('the ranges change: a prefix that loses its range gets a line of its own in the policies', () => {
    const resources = [...nodes(2), service('web', LOCAL), slice('a', 'web', ['n1'])];
    const deriver = new IncrementalDeriver('n1', DEFAULT_DERIVE_OPTIONS);
    const lines = (range: string): unknown => {
      const events = [...resources, configuration({ serviceClusterIPs: [{ cidr: range }] })].map(set);
      deriver.apply({ events, revision: range, conditions: [] });
      const { statements } = deriver.derive().peers[0].policy.exportPolicy['ipv4-unicast'];
      return statements.find((one) => one.name === 'service address')?.matches;
    };
    expect(lines('10.96.0.0/12')).toMatchObject([{ ranges: [{ prefix: '10.96.0.0/12' }] }]);
    expect(lines('10.200.0.0/16')).toMatchObject([
      { ranges: [{ prefix: '10.200.0.0/16' }, { prefix: '10.96.0.1/32' }] },
    ]);
    expect(lines('10.96.0.0/12')).toMatchObject([{ ranges: [{ prefix: '10.96.0.0/12' }] }]);
  });
});
