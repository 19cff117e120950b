import { describe, expect, test } from 'vitest';
import type { ProbeRoute } from '../../test/conformance/calico/calico-case.ts';
import { type ProbeResult, runProbe } from '../../test/conformance/calico/probe.ts';
import {
  affinity,
  calicoVersion,
  complaints,
  configuration,
  deriveN1,
  node,
  nodes,
  peer,
  pool,
  service,
  slice,
} from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';
import { resourcesOf } from '../resource-store.ts';
import {
  FELIX_GENERATIONS,
  type FelixGeneration,
  type FelixGenerationOption,
  felixGenerationOf,
} from './felix-generation.ts';

describe('which generation counts', () => {
  test.each<
    [sentence: string, option: FelixGenerationOption, version: string | null, generation: string, hasDoubt: boolean]
  >([
    ['what is configured, whatever the cluster says', '3.30', 'v3.32.1', '3.30', false],
    ['the newest when nothing tells', 'auto', null, '3.33', false],
    ['the version of the cluster', 'auto', 'v3.31.7', '3.31', false],
    ['without v and with more behind it', 'auto', '3.32.0-0.dev-67-gabcdef', '3.32', false],
    ['the newest for something newer', 'auto', 'v3.40.0', '3.33', false],
    ['the newest for a later major version', 'auto', 'v4.0.1', '3.33', false],
    ['the oldest for something older', 'auto', 'v3.27.4', '3.28', true],
    ['the newest for a build without version', 'auto', 'master', '3.33', true],
  ])('%s', (_sentence, option, version, generation, hasDoubt) => {
    const resources = resourcesOf(version === null ? [] : [calicoVersion(version)]);
    const decision = felixGenerationOf(resources, option);
    expect(decision.generation).toBe(generation);
    expect(decision.doubt !== null).toBe(hasDoubt);
  });

  test('a doubt is reported, and a value that the generation does not know', () => {
    const state = deriveN1([
      ...nodes(1),
      calicoVersion('v3.27.4'),
      configuration({ programClusterRoutes: 'Disabled' }),
    ]);
    expect(complaints(state)).toEqual([
      'BGPConfiguration/default spec.programClusterRoutes',
      'ClusterInformation/default spec.calicoVersion',
    ]);
    expect(complaints(deriveN1([...nodes(1), configuration({ programClusterRoutes: 'Disabled' })]))).toEqual([]);
  });
});

/** For each generation what `ask` finds. */
function across<T>(ask: (felixGeneration: FelixGeneration) => T): { readonly [G in FelixGeneration]?: T } {
  return Object.fromEntries(FELIX_GENERATIONS.map((generation) => [generation, ask(generation)]));
}

describe('what it changes', () => {
  const WIREGUARD = (name: string, last: number): Resource =>
    node(name, { ipv4Address: `10.0.0.${last}/24` }, {}, { wireguard: { interfaceIPv4Address: `10.9.0.${last}` } });
  const BASE = [WIREGUARD('n1', 1), WIREGUARD('n2', 2), affinity('n1', '10.244.1.0/26', 'confirmed')];

  function statements(
    generation: FelixGeneration,
    which: 'import' | 'export' | 'kernel',
    more: Resource[] = [],
  ): string[] {
    const { peers, kernel } = deriveN1([...BASE, ...more], { felixGeneration: generation });
    const policies = {
      import: peers[0].policy.importPolicy,
      export: peers[0].policy.exportPolicy,
      kernel: kernel.policy,
    };
    return policies[which]['ipv4-unicast'].statements.map((one) => one.name);
  }
  const has = (which: 'import' | 'export' | 'kernel', name: string, more: Resource[] = []) =>
    across((generation) => statements(generation, which, more).includes(name));
  const since = (first: FelixGeneration) => across((generation) => generation >= first);

  test.each<['import' | 'export' | 'kernel', string]>([
    ['export', 'priority to LOCAL_PREF'],
    ['export', 'elevated route inside own block'],
    ['import', 'elevated priority'],
    ['kernel', 'LOCAL_PREF to metric'],
  ])('priorities are mapped since 3.32: %s, %s', (which, name) => {
    expect(has(which, name)).toEqual(since('3.32'));
  });

  test('routes to WireGuard peers are left to Felix since 3.33', () => {
    expect(has('kernel', 'next hop is a WireGuard peer')).toEqual(since('3.33'));
  });

  test('routes over tunl0 stay off iBGP since 3.33, unless BIRD owns IPIP', () => {
    expect(has('export', 'tunnel route over tunl0 to iBGP')).toEqual(since('3.33'));
    const owning = [configuration({ programClusterRoutes: 'Enabled' })];
    expect(has('export', 'tunnel route over tunl0 to iBGP', owning)).toEqual(across(() => false));
  });

  test.each<[value: string | undefined, ipip: string[], noEncap: string[]]>([
    [undefined, ['3.28', '3.29', '3.30', '3.31', '3.32'], [...FELIX_GENERATIONS]],
    ['Enabled', [...FELIX_GENERATIONS], [...FELIX_GENERATIONS]],
    ['Disabled', ['3.28', '3.29', '3.30', '3.31'], ['3.28', '3.29', '3.30', '3.31']],
    ['EnabledIPIPOnly', [...FELIX_GENERATIONS], ['3.28', '3.29', '3.30', '3.31', '3.32']],
    ['EnabledNoEncapOnly', ['3.28', '3.29', '3.30', '3.31', '3.32'], [...FELIX_GENERATIONS]],
  ])('who writes cluster routes with programClusterRoutes %s', (value, ipip, noEncap) => {
    const more = [
      configuration({ programClusterRoutes: value }),
      pool('ipip', { cidr: '10.244.0.0/16', ipipMode: 'Always' }),
      pool('plain', { cidr: '10.245.0.0/16' }),
    ];
    const written = (name: string) => FELIX_GENERATIONS.filter((one) => statements(one, 'kernel', more).includes(name));
    expect(written('IPPool/ipip (IPIP)')).toEqual(ipip);
    expect(written('IPPool/plain')).toEqual(noEncap);
  });

  test('route reflectors pass external service addresses on since 3.33, load-balancer addresses always', () => {
    const reflector = node('n1', { ipv4Address: '10.0.0.1/24', routeReflectorClusterID: '1.0.0.1' });
    const ranges = configuration({
      nodeToNodeMeshEnabled: false,
      serviceExternalIPs: [{ cidr: '203.0.113.0/24' }],
      serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }],
    });
    const tor = peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 });
    const reflected = across((felixGeneration) => {
      const { peers } = deriveN1([reflector, ranges, tor], { felixGeneration });
      const statement = peers[0].policy.exportPolicy['ipv4-unicast'].statements.find(
        (one) => one.name === 'reflected service address',
      );
      return (statement?.matches ?? []).flatMap((one) =>
        one.kind === 'prefix' ? one.ranges.map((range) => range.prefix) : [],
      );
    });
    expect(reflected).toEqual(
      across((generation) => (generation >= '3.33' ? ['198.51.100.0/24', '203.0.113.0/24'] : ['198.51.100.0/24'])),
    );
  });

  const RANGES = configuration({
    serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    serviceExternalIPs: [{ cidr: '203.0.113.200/32' }],
    serviceLoadBalancerIPs: [{ cidr: '198.51.100.200/32' }],
    serviceLoadBalancerAggregation: 'Disabled',
  });
  const LOCAL = { clusterIPs: ['10.96.0.1', '10.96.0.2'], externalTrafficPolicy: 'Local' };
  const CLUSTER = { clusterIP: '10.96.0.1', externalTrafficPolicy: 'Cluster' };

  test.each<[sentence: string, resources: Resource[], prefix: string, generations: string[]]>([
    [
      'endpoints that are not ready count before 3.31 and in 3.32',
      [service('web', LOCAL), slice('a', 'web', ['!n1'])],
      '10.96.0.1/32',
      ['3.28', '3.29', '3.30', '3.32'],
    ],
    [
      'the second cluster IP is advertised since 3.31',
      [service('web', LOCAL), slice('a', 'web', ['n1'])],
      '10.96.0.2/32',
      ['3.31', '3.32', '3.33'],
    ],
    [
      'a single load-balancer address in the status counts since 3.30',
      [service('web', CLUSTER, ['198.51.100.200'])],
      '198.51.100.200/32',
      ['3.30', '3.31', '3.32', '3.33'],
    ],
    [
      'one that is asked for always did',
      [service('web', { ...CLUSTER, loadBalancerIP: '198.51.100.200' }, ['198.51.100.200'])],
      '198.51.100.200/32',
      [...FELIX_GENERATIONS],
    ],
    [
      'a single external address of type ClusterIP counts since 3.30',
      [service('web', { ...CLUSTER, type: 'ClusterIP', externalIPs: ['203.0.113.200'] })],
      '203.0.113.200/32',
      ['3.30', '3.31', '3.32', '3.33'],
    ],
    [
      'aggregation can be turned off since 3.31',
      [service('web', CLUSTER), slice('a', 'web', ['n2'])],
      '10.96.0.1/32',
      ['3.31', '3.32', '3.33'],
    ],
  ])('%s', (_sentence, resources, prefix, generations) => {
    const advertising = FELIX_GENERATIONS.filter((felixGeneration) =>
      deriveN1([...nodes(1), RANGES, ...resources], { felixGeneration }).originated.some(
        (one) => one.prefix === prefix,
      ),
    );
    expect(advertising).toEqual(generations);
  });
});

/** The same by what becomes of routes, through the evaluator of the RIB. */
describe('what becomes of routes', () => {
  const MAX = 2147483647;
  const wireguard = (name: string, last: number): Resource =>
    node(name, { ipv4Address: `10.0.0.${last}/24` }, {}, { wireguard: { interfaceIPv4Address: `10.9.0.${last}` } });
  const CLUSTER = [
    wireguard('n1', 1),
    wireguard('n2', 2),
    affinity('n1', '10.244.1.0/26', 'confirmed'),
    pool('plain', { cidr: '10.244.0.0/16' }),
    pool('ipip', { cidr: '10.245.0.0/16', ipipMode: 'Always' }),
  ];
  const workload = (prefix: string, metric: number, device = 'cali1'): ProbeRoute => ({
    prefix,
    source: 'kernel',
    interface: device,
    metric,
  });
  const learned = (prefix: string, localPref: number, nextHop: string): ProbeRoute => ({
    prefix,
    source: 'bgp',
    interface: 'eth0',
    localPref,
    asPath: [],
    nextHop,
  });

  const outcome = (use: 'import' | 'export' | 'kernel', route: ProbeRoute, show: (result: ProbeResult) => unknown) =>
    across((felixGeneration) => {
      const { peers, kernel } = deriveN1(CLUSTER, { felixGeneration });
      const { importPolicy, exportPolicy } = peers[0].policy;
      const policy = { import: importPolicy, export: exportPolicy, kernel: kernel.policy }[use]['ipv4-unicast'];
      return show(runProbe(policy, use, true, route));
    });
  const verdict = ({ verdict: one }: ProbeResult): string => one;

  test.each<
    [
      sentence: string,
      use: 'import' | 'export' | 'kernel',
      route: ProbeRoute,
      show: (result: ProbeResult) => unknown,
      outcomes: readonly [unknown, unknown, unknown],
    ]
  >([
    [
      'a workload of a Felix without priorities stays inside its block (trap 9)',
      'export',
      workload('10.244.1.5/32', 0),
      verdict,
      ['reject', 'accept', 'accept'],
    ],
    [
      'a machine that has just moved here gets out of its block',
      'export',
      workload('10.244.1.6/32', 512),
      verdict,
      ['reject', 'accept', 'accept'],
    ],
    [
      'the priority of a borrowed address is told as LOCAL_PREF',
      'export',
      workload('10.244.9.1/32', 1024),
      (result) => result.localPref,
      [100, MAX - 1024, MAX - 1024],
    ],
    [
      'a better priority is preferred to local routes',
      'import',
      learned('10.244.1.6/32', MAX - 512, '10.0.0.3'),
      (result) => result.preference,
      [null, 200, 200],
    ],
    [
      'the metric of a default route of the ToR (trap 7)',
      'kernel',
      learned('0.0.0.0/0', 100, '10.0.0.254'),
      (result) => result.metric,
      [null, MAX - 100, MAX - 100],
    ],
    [
      'a route to a WireGuard peer',
      'kernel',
      learned('10.244.2.0/26', MAX - 1024, '10.0.0.2'),
      verdict,
      ['accept', 'accept', 'reject'],
    ],
    [
      'a route that Felix has put on tunl0',
      'export',
      workload('10.245.2.0/26', 1024, 'tunl0'),
      verdict,
      ['accept', 'accept', 'reject'],
    ],
    [
      'a route of an IPIP pool',
      'kernel',
      learned('10.245.3.0/26', MAX - 1024, '10.0.0.3'),
      (result) => (result.verdict === 'reject' ? 'left to Felix' : result.tunnelDevice),
      ['tunl0', 'tunl0', 'left to Felix'],
    ],
  ])('%s', (_sentence, use, route, show, [until331, in332, since333]) => {
    const wanted = (generation: FelixGeneration): unknown =>
      generation < '3.32' ? until331 : generation === '3.32' ? in332 : since333;
    expect(outcome(use, route, show)).toEqual(across(wanted));
  });
});
