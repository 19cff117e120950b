/** The rules of export, import and kernel policy, by behaviour: routes through the evaluator of the RIB. */

import { describe, expect, test } from 'vitest';
import type { ProbeRoute } from '../../test/conformance/calico/calico-case.ts';
import { type ProbeResult, runProbe } from '../../test/conformance/calico/probe.ts';
import {
  affinity,
  configuration,
  deriveN1,
  filter,
  node,
  nodes,
  peer,
  pool,
} from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';

const MAX = 2147483647;
const EXTERNAL = peer('tor', { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001, filters: ['f'] });
const INTERNAL = peer('rr', { node: 'n1', peerIP: '192.0.2.2', asNumber: 64512, filters: ['f'] });
const BASE = [
  ...nodes(1),
  EXTERNAL,
  INTERNAL,
  affinity('n1', '10.244.1.0/26', 'confirmed'),
  pool('p', { cidr: '10.244.0.0/16' }),
];

const BLOCK: ProbeRoute = { prefix: '10.244.1.0/26', source: 'static' };
const workload = (prefix: string, more: Partial<ProbeRoute> = {}): ProbeRoute => ({
  prefix,
  source: 'kernel',
  interface: 'cali123',
  metric: 1024,
  ...more,
});
const learned = (prefix: string, more: Partial<ProbeRoute> = {}): ProbeRoute => ({
  prefix,
  source: 'bgp',
  interface: 'eth0',
  localPref: MAX - 1024,
  asPath: [],
  ...more,
});

function exported(resources: readonly Resource[], peerName: string, route: ProbeRoute): ProbeResult {
  const state = deriveN1([...BASE, ...resources]);
  const found = state.peers.find((one) => one.session.name === peerName);
  if (found === undefined) throw new Error(peerName);
  const isInternal = found.session.localAs === found.session.peerAs;
  return runProbe(found.policy.exportPolicy['ipv4-unicast'], 'export', isInternal, route);
}

const TO_EXTERNAL = 'Node_192_0_2_1';
const TO_INTERNAL = 'Node_192_0_2_2';

describe('export, rule by rule', () => {
  const acceptAll = filter('f', { exportV4: [{ action: 'Accept' }] });
  const noExport = pool('no-export', { cidr: '10.99.0.0/16', disableBGPExport: true });

  test.each<[sentence: string, resources: Resource[], peer: string, route: ProbeRoute, accepted: boolean]>([
    ['1: a filter accepts what nothing else would', [acceptAll], TO_EXTERNAL, learned('203.0.113.0/24'), true],
    [
      '1: a filter goes before a pool without export',
      [acceptAll, noExport],
      TO_EXTERNAL,
      learned('10.99.1.0/24'),
      true,
    ],
    [
      '1: a filter goes before the tunnel rule',
      [acceptAll],
      TO_INTERNAL,
      workload('10.244.9.0/26', { interface: 'vxlan.calico' }),
      true,
    ],
    ['2: a pool without export', [noExport], TO_EXTERNAL, learned('10.99.1.0/24'), false],
    [
      '2: a pool without export goes before own blocks',
      [noExport, affinity('n1', '10.99.0.0/26')],
      TO_EXTERNAL,
      { prefix: '10.99.0.0/26', source: 'static' },
      false,
    ],
    ['3: a VXLAN route to iBGP', [], TO_INTERNAL, workload('10.244.9.0/26', { interface: 'vxlan.calico' }), false],
    ['3: a VXLAN route to eBGP', [], TO_EXTERNAL, workload('10.244.9.0/26', { interface: 'vxlan.calico' }), true],
    [
      '3: a WireGuard route to iBGP',
      [],
      TO_INTERNAL,
      workload('10.244.9.0/26', { interface: 'wireguard.cali' }),
      false,
    ],
    ["3: Felix's IPIP route to iBGP", [], TO_INTERNAL, workload('10.244.9.0/26', { interface: 'tunl0' }), false],
    [
      '3: our own IPIP route to iBGP',
      [configuration({ programClusterRoutes: 'Enabled' })],
      TO_INTERNAL,
      workload('10.244.9.0/26', { interface: 'tunl0' }),
      true,
    ],
    ['4: an eBPF device to anybody', [], TO_EXTERNAL, workload('10.244.9.0/26', { interface: 'bpfout.cali' }), false],
    ['6: an own block', [], TO_INTERNAL, BLOCK, true],
    ['6: a workload inside', [], TO_INTERNAL, workload('10.244.1.7/32'), false],
    ['6: an elevated workload inside', [], TO_INTERNAL, workload('10.244.1.7/32', { metric: 512 }), true],
    [
      '6: elevated means better than the configured normal',
      [configuration({ ipv4NormalRoutePriority: 512 })],
      TO_INTERNAL,
      workload('10.244.1.7/32', { metric: 512 }),
      false,
    ],
    [
      '6: inside a block that is being deleted',
      [affinity('n1', '10.244.2.0/26', 'pendingDeletion')],
      TO_INTERNAL,
      workload('10.244.2.7/32'),
      true,
    ],
    [
      '6: a block of one address is its workload',
      [affinity('n1', '10.5.5.5/32', '')],
      TO_INTERNAL,
      workload('10.5.5.5/32'),
      true,
    ],
    [
      "6: inside another node's block",
      [affinity('n2', '10.244.2.0/26', 'confirmed')],
      TO_INTERNAL,
      workload('10.244.2.7/32'),
      true,
    ],
    [
      '7: a service range',
      [configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })],
      TO_EXTERNAL,
      { prefix: '10.96.0.0/12', source: 'static' },
      true,
    ],
    [
      '7: an address inside a service range',
      [configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })],
      TO_EXTERNAL,
      learned('10.96.0.7/32'),
      true,
    ],
    [
      '7b: only reflectors pass on load-balancer addresses',
      [configuration({ serviceLoadBalancerIPs: [{ cidr: '203.0.113.7/32' }] })],
      TO_EXTERNAL,
      learned('203.0.113.7/32'),
      false,
    ],
    ['8: inside a pool', [], TO_EXTERNAL, learned('10.244.77.0/26'), true],
    [
      '8: a disabled pool is like any other',
      [pool('d', { cidr: '10.50.0.0/16', disabled: true })],
      TO_EXTERNAL,
      learned('10.50.1.0/26'),
      true,
    ],
    ['9: anything else', [], TO_EXTERNAL, learned('203.0.113.0/24'), false],
    ['9: the default route', [], TO_EXTERNAL, workload('0.0.0.0/0', { interface: 'eth0' }), false],
  ])('%s', (_sentence, resources, peerName, route, accepted) => {
    expect(exported(resources, peerName, route).verdict).toBe(accepted ? 'accept' : 'reject');
  });

  test('7b: a reflector passes on load-balancer and external addresses, not cluster addresses', () => {
    const reflector = node('n1', { ipv4Address: '10.0.0.1/24', routeReflectorClusterID: '1.0.0.1' });
    const services = configuration({
      serviceLoadBalancerIPs: [{ cidr: '203.0.113.7/32' }],
      serviceExternalIPs: [{ cidr: '203.0.113.8/32' }],
      serviceClusterIPs: [],
    });
    const verdicts = ['203.0.113.7/32', '203.0.113.8/32', '10.96.0.7/32'].map(
      (prefix) => exported([reflector, services], TO_INTERNAL, learned(prefix)).verdict,
    );
    expect(verdicts).toEqual(['accept', 'accept', 'reject']);
  });

  test.each<[sentence: string, route: ProbeRoute, localPref: number, metric: number]>([
    ['0: what we originate has normal priority', BLOCK, MAX - 1024, 1024],
    ["0: a kernel route's metric is its priority", workload('10.244.1.7/32', { metric: 512 }), MAX - 512, 512],
    ['0: a kernel route of metric 0 is the best', workload('10.244.1.7/32', { metric: 0 }), MAX, 0],
    ['0: a BGP route keeps its LOCAL_PREF', learned('10.244.7.0/26', { localPref: 100 }), 100, MAX - 100],
  ])('%s', (_sentence, route, localPref, metric) => {
    expect(exported([], TO_INTERNAL, route)).toMatchObject({ verdict: 'accept', localPref, metric });
  });
});

describe('communities of prefixAdvertisements', () => {
  const advertise = (entries: object[], communities: object[] = []) =>
    configuration({ prefixAdvertisements: entries, communities });
  const named = [
    { name: 'gold', value: '65000:1' },
    { name: 'big', value: '65000:1:2' },
  ];

  test.each<[sentence: string, resources: Resource[], route: ProbeRoute, standard: string[], large: string[]]>([
    ['literal', [advertise([{ cidr: '10.244.0.0/16', communities: ['65000:9'] }])], BLOCK, ['65000:9'], []],
    [
      'by name, both kinds',
      [advertise([{ cidr: '10.244.0.0/16', communities: ['gold', 'big'] }], named)],
      BLOCK,
      ['65000:1'],
      ['65000:1:2'],
    ],
    ['not on other prefixes', [advertise([{ cidr: '10.245.0.0/16', communities: ['65000:9'] }])], BLOCK, [], []],
    [
      'every entry that fits adds its own',
      [
        advertise([
          { cidr: '10.0.0.0/8', communities: ['1:1'] },
          { cidr: '10.244.1.0/26', communities: ['2:2'] },
        ]),
      ],
      BLOCK,
      ['1:1', '2:2'],
      [],
    ],
    [
      'added to those that are there',
      [advertise([{ cidr: '10.0.0.0/8', communities: ['1:1'] }])],
      learned('10.244.7.0/26', { communities: ['3:3'] }),
      ['3:3', '1:1'],
      [],
    ],
    [
      "the node's own list replaces the cluster's",
      [
        advertise([{ cidr: '10.0.0.0/8', communities: ['1:1'] }]),
        configuration({ prefixAdvertisements: [{ cidr: 'fd00::/8', communities: ['2:2'] }] }, 'node.n1'),
      ],
      BLOCK,
      [],
      [],
    ],
    [
      'a filter that accepts leaves none',
      [filter('f', { exportV4: [{ action: 'Accept' }] }), advertise([{ cidr: '10.0.0.0/8', communities: ['1:1'] }])],
      BLOCK,
      [],
      [],
    ],
  ])('%s', (_sentence, resources, route, communities, largeCommunities) => {
    expect(exported(resources, TO_EXTERNAL, route)).toMatchObject({ verdict: 'accept', communities, largeCommunities });
  });

  test('a name that is not there is reported', () => {
    const state = deriveN1([
      ...BASE,
      filter('f', {}),
      advertise([{ cidr: '10.0.0.0/8', communities: ['silver', '1:1'] }], named),
    ]);
    expect(state.conditions).toMatchObject([
      { resource: 'BGPConfiguration/default', field: 'spec.prefixAdvertisements[0].communities' },
    ]);
  });
});

describe('filters', () => {
  const verdictOf = (rules: object[], route: ProbeRoute, peerName = TO_EXTERNAL): string =>
    exported([filter('f', { exportV4: [...rules, { action: 'Reject' }] })], peerName, route).verdict;
  const cidr = '10.0.0.0/8';
  const route = (prefix: string) => learned(prefix);

  test.each<[sentence: string, rule: object, route: ProbeRoute, holds: boolean]>([
    ['Equal', { cidr, matchOperator: 'Equal' }, route('10.0.0.0/8'), true],
    ['Equal, inside', { cidr, matchOperator: 'Equal' }, route('10.0.0.0/9'), false],
    ['NotEqual', { cidr, matchOperator: 'NotEqual' }, route('10.0.0.0/9'), true],
    ['NotEqual, equal', { cidr, matchOperator: 'NotEqual' }, route('10.0.0.0/8'), false],
    ['In', { cidr, matchOperator: 'In' }, route('10.1.0.0/16'), true],
    ['In, equal', { cidr, matchOperator: 'In' }, route('10.0.0.0/8'), true],
    ['In, around', { cidr, matchOperator: 'In' }, route('0.0.0.0/0'), false],
    ['NotIn', { cidr, matchOperator: 'NotIn' }, route('11.0.0.0/16'), true],
    ['NotIn, inside', { cidr, matchOperator: 'NotIn' }, route('10.1.0.0/16'), false],
    ['In with lengths', { cidr, matchOperator: 'In', prefixLength: { min: 16, max: 24 } }, route('10.1.0.0/16'), true],
    [
      'In with lengths, too short',
      { cidr, matchOperator: 'In', prefixLength: { min: 16, max: 24 } },
      route('10.0.0.0/15'),
      false,
    ],
    [
      'In with lengths, too long',
      { cidr, matchOperator: 'In', prefixLength: { max: 24 } },
      route('10.0.0.0/25'),
      false,
    ],
    [
      'In with a minimum below the CIDR',
      { cidr, matchOperator: 'In', prefixLength: { min: 4 } },
      route('10.0.0.0/8'),
      true,
    ],
    [
      'In with no length left never holds',
      { cidr, matchOperator: 'In', prefixLength: { max: 7 } },
      route('10.0.0.0/8'),
      false,
    ],
    [
      'NotIn with no length left always holds',
      { cidr, matchOperator: 'NotIn', prefixLength: { max: 7 } },
      route('10.0.0.0/8'),
      true,
    ],
    [
      'Equal with a length that it has',
      { cidr, matchOperator: 'Equal', prefixLength: { min: 8 } },
      route('10.0.0.0/8'),
      true,
    ],
    [
      'Equal with a length that it has not',
      { cidr, matchOperator: 'Equal', prefixLength: { min: 9 } },
      route('10.0.0.0/8'),
      false,
    ],
    ['RemotePeers', { source: 'RemotePeers' }, route('10.0.0.0/8'), true],
    ['RemotePeers, not learned', { source: 'RemotePeers' }, workload('10.0.0.0/8'), false],
    ['interface glob', { interface: 'eth*' }, route('10.0.0.0/8'), true],
    ['interface glob, other', { interface: 'cali*' }, route('10.0.0.0/8'), false],
    ['eBGP', { peerType: 'eBGP' }, route('10.0.0.0/8'), true],
    ['iBGP to an external peer', { peerType: 'iBGP' }, route('10.0.0.0/8'), false],
    ['community', { communities: { values: ['1:2'] } }, learned('10.0.0.0/8', { communities: ['1:2'] }), true],
    [
      'community that is not there',
      { communities: { values: ['1:2'] } },
      learned('10.0.0.0/8', { communities: ['1:3'] }),
      false,
    ],
    [
      'large community',
      { communities: { values: ['1:2:3'] } },
      learned('10.0.0.0/8', { largeCommunities: ['1:2:3'] }),
      true,
    ],
    [
      'AS path prefix',
      { asPathPrefix: [65001, 65002] },
      learned('10.0.0.0/8', { asPath: [65001, 65002, 65003] }),
      true,
    ],
    [
      'AS path shorter than the prefix',
      { asPathPrefix: [65001, 65002] },
      learned('10.0.0.0/8', { asPath: [65001] }),
      false,
    ],
    ['priority', { priority: 512 }, learned('10.0.0.0/8', { localPref: MAX - 512 }), true],
    ['priority of a kernel route', { priority: 512 }, workload('10.0.0.0/8', { metric: 512 }), true],
    ['another priority', { priority: 512 }, workload('10.0.0.0/8', { metric: 513 }), false],
    ['all matches have to hold', { cidr, matchOperator: 'In', interface: 'cali*' }, route('10.1.0.0/16'), false],
    ['no match takes everything', {}, route('203.0.113.0/24'), true],
  ])('%s', (_sentence, rule, given, holds) => {
    expect(verdictOf([{ ...rule, action: 'Accept' }], given)).toBe(holds ? 'accept' : 'reject');
  });

  test('the first rule that holds decides', () => {
    const rules = [
      { action: 'Reject', cidr: '10.1.0.0/16', matchOperator: 'In' },
      { action: 'Accept', cidr, matchOperator: 'In' },
    ];
    expect([verdictOf(rules, route('10.1.2.0/24')), verdictOf(rules, route('10.2.2.0/24'))]).toEqual([
      'reject',
      'accept',
    ]);
  });

  test('operations run in order', () => {
    const operations = [
      { addCommunity: { value: '1:2' } },
      { addCommunity: { value: '1:2:3' } },
      { prependASPath: { prefix: [65007, 65008] } },
      { setPriority: { value: 100 } },
    ];
    const state = filter('f', { exportV4: [{ action: 'Accept', operations }] });
    expect(exported([state], TO_EXTERNAL, learned('10.244.7.0/26', { asPath: [65009] }))).toMatchObject({
      communities: ['1:2'],
      largeCommunities: ['1:2:3'],
      asPath: [65007, 65008, 65009],
      localPref: MAX - 100,
    });
  });

  test('filters of a peer are tried in the order of its list', () => {
    const resources = [
      peer('two', { node: 'n1', peerIP: '192.0.2.3', asNumber: 65001, filters: ['g', 'f'] }),
      filter('f', { exportV4: [{ action: 'Accept' }] }),
      filter('g', { exportV4: [{ action: 'Reject', cidr, matchOperator: 'In' }] }),
    ];
    expect(exported(resources, 'Node_192_0_2_3', learned('10.1.0.0/16')).verdict).toBe('reject');
    expect(exported(resources, 'Node_192_0_2_3', learned('11.1.0.0/16')).verdict).toBe('accept');
  });
});

describe('import', () => {
  const imported = (resources: readonly Resource[], route: ProbeRoute): ProbeResult => {
    const state = deriveN1([...BASE, ...resources]);
    const [found] = state.peers.filter((one) => one.session.name === TO_INTERNAL);
    return runProbe(found.policy.importPolicy['ipv4-unicast'], 'import', true, route);
  };

  test.each<[sentence: string, resources: Resource[], route: ProbeRoute, verdict: string, preference: number | null]>([
    ['everything is accepted', [], learned('0.0.0.0/0'), 'accept', null],
    ['normal priority is nothing special', [], learned('10.1.0.0/16', { localPref: MAX - 1024 }), 'accept', null],
    ['elevated priority is preferred', [], learned('10.1.0.0/16', { localPref: MAX - 1023 }), 'accept', 200],
    [
      'against the configured normal',
      [configuration({ ipv4NormalRoutePriority: 2000 })],
      learned('10.1.0.0/16', { localPref: MAX - 1999 }),
      'accept',
      200,
    ],
    [
      'the normal of the other family does not count',
      [configuration({ ipv6NormalRoutePriority: 2000 })],
      learned('10.1.0.0/16', { localPref: MAX - 1999 }),
      'accept',
      null,
    ],
    ['a filter rejects', [filter('f', { importV4: [{ action: 'Reject' }] })], learned('10.1.0.0/16'), 'reject', null],
    [
      'a filter that accepts skips elevation',
      [filter('f', { importV4: [{ action: 'Accept' }] })],
      learned('10.1.0.0/16', { localPref: MAX - 1 }),
      'accept',
      null,
    ],
    [
      'rules of the other family and direction do nothing',
      [filter('f', { importV6: [{ action: 'Reject' }], exportV4: [{ action: 'Reject' }] })],
      learned('10.1.0.0/16'),
      'accept',
      null,
    ],
  ])('%s', (_sentence, resources, route, verdict, preference) => {
    const result = imported(resources, route);
    expect(result.verdict).toBe(verdict);
    if (verdict === 'accept') expect(result.preference).toBe(preference);
  });
});

describe('kernel', () => {
  const written = (resources: readonly Resource[], route: ProbeRoute, own?: Resource): ProbeResult => {
    const state = deriveN1([own ?? node('n1', { ipv4Address: '10.0.0.1/24' }), ...resources]);
    return runProbe(state.kernel.policy['ipv4-unicast'], 'kernel', false, route);
  };
  const pools = [
    pool('always', { cidr: '10.1.0.0/16', ipipMode: 'Always' }),
    pool('cross', { cidr: '10.2.0.0/16', ipipMode: 'CrossSubnet' }),
    pool('plain', { cidr: '10.3.0.0/16' }),
    pool('vxlan', { cidr: '10.4.0.0/16', vxlanMode: 'CrossSubnet' }),
  ];
  const ROUTES: { readonly [name: string]: ProbeRoute } = {
    always: learned('10.1.1.0/26', { nextHop: '10.0.0.2' }),
    'cross, same subnet': learned('10.2.1.0/26', { nextHop: '10.0.0.2' }),
    'cross, other subnet': learned('10.2.1.0/26', { nextHop: '10.0.9.2' }),
    plain: learned('10.3.1.0/26', { nextHop: '10.0.0.2' }),
    vxlan: learned('10.4.1.0/26', { nextHop: '10.0.0.2' }),
    outside: learned('203.0.113.0/24', { nextHop: '10.0.0.2' }),
  };

  test.each<[owner: string | undefined, outcomes: { [route: string]: string }]>([
    [
      undefined,
      {
        always: 'no',
        'cross, same subnet': 'no',
        'cross, other subnet': 'no',
        plain: 'yes',
        vxlan: 'no',
        outside: 'yes',
      },
    ],
    [
      'EnabledNoEncapOnly',
      {
        always: 'no',
        'cross, same subnet': 'no',
        'cross, other subnet': 'no',
        plain: 'yes',
        vxlan: 'no',
        outside: 'yes',
      },
    ],
    [
      'EnabledIPIPOnly',
      {
        always: 'tunl0',
        'cross, same subnet': 'yes',
        'cross, other subnet': 'tunl0',
        plain: 'no',
        vxlan: 'no',
        outside: 'yes',
      },
    ],
    [
      'Enabled',
      {
        always: 'tunl0',
        'cross, same subnet': 'yes',
        'cross, other subnet': 'tunl0',
        plain: 'yes',
        vxlan: 'no',
        outside: 'yes',
      },
    ],
    [
      'Disabled',
      {
        always: 'no',
        'cross, same subnet': 'no',
        'cross, other subnet': 'no',
        plain: 'no',
        vxlan: 'no',
        outside: 'yes',
      },
    ],
  ])('programClusterRoutes %s', (owner, outcomes) => {
    const actual = Object.fromEntries(
      Object.entries(ROUTES).map(([name, route]) => {
        const result = written([...pools, configuration({ programClusterRoutes: owner })], route);
        return [name, result.verdict === 'reject' ? 'no' : result.tunnelDevice || 'yes'];
      }),
    );
    expect(actual).toEqual(outcomes);
  });

  test.each<[sentence: string, route: ProbeRoute, metric: number | null]>([
    ['normal priority', learned('10.3.1.0/26'), 1024],
    ['elevated priority', learned('10.3.1.7/32', { localPref: MAX - 512 }), 512],
    ['a route of a stranger', learned('0.0.0.0/0', { localPref: 100 }), 2147483547],
    ['what we originate has none', { prefix: '10.3.1.0/26', source: 'static' }, null],
  ])('metric of %s', (_sentence, route, metric) => {
    expect(written(pools, route)).toMatchObject({ verdict: 'accept', metric });
  });

  test('a bare node address is in no subnet with anybody: everything is tunnelled', () => {
    const result = written(
      [...pools, configuration({ programClusterRoutes: 'Enabled' })],
      ROUTES['cross, same subnet'],
      node('n1', { ipv4Address: '10.0.0.1' }),
    );
    expect(result.tunnelDevice).toBe('tunl0');
  });

  test('service ranges are never written, also on a node that does not advertise them', () => {
    const services = configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] });
    const excluded = node(
      'n1',
      { ipv4Address: '10.0.0.1/24' },
      { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' },
    );
    for (const own of [node('n1', { ipv4Address: '10.0.0.1/24' }), excluded]) {
      expect(written([services], learned('10.96.0.7/32'), own).verdict).toBe('reject');
    }
  });

  test.each<[sentence: string, own: boolean, other: boolean, verdict: string]>([
    ['between WireGuard nodes nothing is written', true, true, 'reject'],
    ['to a node without WireGuard it is', true, false, 'accept'],
    ['from a node without WireGuard it is', false, true, 'accept'],
  ])('%s', (_sentence, own, other, verdict) => {
    const wireguard = (on: boolean, address: string) => (on ? { wireguard: { interfaceIPv4Address: address } } : {});
    const n1 = node('n1', { ipv4Address: '10.0.0.1/24' }, {}, wireguard(own, '192.168.9.1'));
    const n2 = node('n2', { ipv4Address: '10.0.0.2/24' }, {}, wireguard(other, '192.168.9.2'));
    expect(written([...pools, n2], ROUTES.plain, n1).verdict).toBe(verdict);
  });
});
