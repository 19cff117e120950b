import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCluster } from '../../test/support/calico-arbitrary.ts';
import {
  affinity,
  complaints,
  configuration,
  deriveN1,
  NO_MESH,
  node,
  nodes,
  peer,
  pool,
} from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';
import type { DeriveOptions } from './options.ts';
import { hashRouterId } from './router-id.ts';

describe('the own node', () => {
  test('that is not there gives a state that says so and does nothing', () => {
    const state = deriveN1(nodes(3).slice(1));
    expect(state).toMatchObject({
      incomplete: 'this node is not in the datastore',
      peers: [],
      listen: [],
      originated: [],
    });
    expect(state.kernel).toMatchObject({ programRoutes: false, learnRoutes: false });
    expect(complaints(state)).toEqual(['Node/n1 metadata.name']);
  });

  test.each<[sentence: string, own: object, options: Partial<DeriveOptions>, routerId: string | null]>([
    ['its IPv4 address', { ipv4Address: '10.0.0.1/24' }, {}, '10.0.0.1'],
    ['what is given', { ipv4Address: '10.0.0.1/24' }, { routerId: '1.2.3.4' }, '1.2.3.4'],
    ['one made from its name', {}, { routerId: 'hash' }, hashRouterId('n1')],
    ['none without IPv4 address', { ipv6Address: 'fd00::1/64' }, {}, null],
    ['none when what is given is no dotted quad', { ipv4Address: '10.0.0.1/24' }, { routerId: 'me' }, null],
    ['none when what is given is zero', { ipv4Address: '10.0.0.1/24' }, { routerId: '0.0.0.0' }, null],
  ])('router id: %s', (_sentence, own, options, routerId) => {
    const state = deriveN1([node('n1', own), ...nodes(2).slice(1)], options);
    if (routerId !== null) expect(state).toMatchObject({ routerId });
    else expect(state).toMatchObject({ peers: [], incomplete: expect.stringContaining('router id') });
  });

  test.each([
    ['Testrobin123', '207.94.5.27'],
    ['nodeTest', '109.174.215.226'],
    ['kube-master', '25.79.212.8'],
  ])('router id made from %s', (name, routerId) => {
    expect(hashRouterId(name)).toBe(routerId);
  });
});

describe('listening', () => {
  test.each<[sentence: string, resources: Resource[], listen: object[]]>([
    [
      'on both families',
      nodes(2),
      [
        { address: '0.0.0.0', port: 179 },
        { address: '::', port: 179 },
      ],
    ],
    ['not without sessions', [...nodes(2), NO_MESH], []],
    [
      'not for a family without sessions',
      [nodes(1)[0], node('n2', { ipv4Address: '10.0.0.2' })],
      [{ address: '0.0.0.0', port: 179 }],
    ],
    [
      "on the node's own port",
      [...nodes(2), configuration({ listenPort: 1790 }), configuration({ listenPort: 1791 }, 'node.n1')],
      [
        { address: '0.0.0.0', port: 1791 },
        { address: '::', port: 1791 },
      ],
    ],
    [
      'on the node address only',
      [...nodes(2), configuration({ bindMode: 'NodeIP' })],
      [
        { address: '10.0.0.1', port: 179 },
        { address: 'fd00::1', port: 179 },
      ],
    ],
  ])('%s', (_sentence, resources, listen) => {
    expect(deriveN1(resources).listen).toEqual(listen);
  });
});

describe('what is originated', () => {
  const TOR = { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001 };
  const EXCLUDED = { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' };
  const OWN = node('n1', { ipv4Address: '10.0.0.1/24' });

  test.each<[sentence: string, resources: Resource[], routes: string[]]>([
    ['a confirmed block', [OWN, affinity('n1', '10.244.1.0/26', 'confirmed')], ['10.244.1.0/26']],
    ['a block from before states existed', [OWN, affinity('n1', '10.244.1.0/26', '')], ['10.244.1.0/26']],
    ['a block that is being deleted', [OWN, affinity('n1', '10.244.1.0/26', 'pendingDeletion')], ['10.244.1.0/26']],
    ['no pending block', [OWN, affinity('n1', '10.244.1.0/26', 'pending')], []],
    ['no block of another node', [OWN, affinity('n10', '10.244.1.0/26', 'confirmed')], []],
    ['no virtual block', [OWN, affinity('n1', '10.244.1.0/26', 'confirmed', 'virtual')], []],
    [
      'no block of one address',
      [OWN, affinity('n1', '10.244.1.1/32', 'confirmed'), affinity('n1', 'fd00:1::1/128')],
      [],
    ],
    ['service ranges', [OWN, configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })], ['10.96.0.0/12']],
    [
      'external and load-balancer ranges, no single addresses',
      [
        OWN,
        configuration({
          serviceExternalIPs: [{ cidr: '203.0.113.0/25' }, { cidr: '203.0.113.200/32' }],
          serviceLoadBalancerIPs: [{ cidr: '203.0.113.128/26' }, { cidr: '203.0.113.201/32' }],
        }),
      ],
      ['203.0.113.0/25', '203.0.113.128/26'],
    ],
    [
      'no load-balancer ranges without aggregation',
      [
        OWN,
        configuration({
          serviceLoadBalancerAggregation: 'Disabled',
          serviceLoadBalancerIPs: [{ cidr: '203.0.113.128/26' }],
        }),
      ],
      [],
    ],
    [
      'nothing for services on an excluded node',
      [
        node('n1', { ipv4Address: '10.0.0.1/24' }, EXCLUDED),
        configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }),
      ],
      [],
    ],
    [
      'a host route to a peer',
      [OWN, peer('p', { ...TOR, reachableBy: '10.0.0.254' })],
      ['192.0.2.1/32 via 10.0.0.254'],
    ],
    [
      'no host route for a peer of another node',
      [OWN, peer('p', { ...TOR, node: 'n2', reachableBy: '10.0.0.254' })],
      [],
    ],
  ])('%s', (_sentence, resources, routes) => {
    const { originated } = deriveN1(resources);
    expect(originated.map((one) => (one.kind === 'via' ? `${one.prefix} via ${one.gateway}` : one.prefix))).toEqual(
      routes,
    );
  });

  test('pod CIDRs instead of blocks with host-local IPAM', () => {
    const own = node('n1', { ipv4Address: '10.0.0.1/24' }, {}, {});
    const withPods = { ...own, podCidrs: ['10.65.0.0/24'] } as Resource;
    const resources = [withPods, affinity('n1', '10.244.1.0/26', 'confirmed')];
    expect(deriveN1(resources, { usePodCidr: true }).originated).toMatchObject([
      { prefix: '10.65.0.0/24', origin: 'Node/n1' },
    ]);
    expect(deriveN1(resources).originated).toMatchObject([{ prefix: '10.244.1.0/26' }]);
  });

  test('the range from the environment replaces the cluster ranges', () => {
    const resources = [OWN, configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })];
    expect(deriveN1(resources, { advertiseClusterIps: '10.100.0.0/16' }).originated).toMatchObject([
      { prefix: '10.100.0.0/16' },
    ]);
    const bad = deriveN1(resources, { advertiseClusterIps: 'all' });
    expect(bad.originated).toEqual([]);
    expect(complaints(bad)).toEqual(['environment CALICO_ADVERTISE_CLUSTER_IPS']);
  });

  test('two gateways to one peer: the first by name counts', () => {
    const state = deriveN1([
      OWN,
      peer('a', { ...TOR, reachableBy: '10.0.0.253' }),
      peer('b', { ...TOR, peerIP: '192.0.2.1:1790', reachableBy: '10.0.0.254' }),
    ]);
    expect(state.originated).toMatchObject([{ gateway: '10.0.0.253' }]);
    expect(complaints(state)).toEqual(['BGPPeer/b spec.reachableBy']);
  });
});

describe('the rest', () => {
  test('two pools with one CIDR: the first by name counts, the other is reported', () => {
    const cidr = '10.244.0.0/16';
    const state = deriveN1([...nodes(2), pool('b', { cidr }), pool('a', { cidr, disableBGPExport: true })]);
    const policy = state.peers[0].policy.exportPolicy['ipv4-unicast'];
    expect(policy.statements.map((one) => one.name)).toContain('IPPool with disableBGPExport');
    expect(policy.statements.map((one) => one.name)).not.toContain('IPPool');
    expect(complaints(state)).toEqual(['IPPool/b spec.cidr']);
  });

  test('ignored interfaces go before the fixed ones', () => {
    const state = deriveN1([...nodes(1), configuration({ ignoredInterfaces: ['docker0', 'veth*'] })]);
    expect(state.kernel.directInterfaces).toEqual(['-docker0', '-veth*', '-cali*', '-kube-ipvs*', '*']);
  });

  test('a pure route reflector leaves the kernel alone', () => {
    const { kernel } = deriveN1(nodes(1), { kernelBackend: 'none' });
    expect(kernel).toMatchObject({ backend: 'none', programRoutes: false, learnRoutes: false });
  });

  test.each<[resources: Resource[], level: string]>([
    [[], 'info'],
    [[configuration({ logSeverityScreen: 'debug' })], 'debug'],
    [
      [configuration({ logSeverityScreen: 'Debug' }), configuration({ logSeverityScreen: 'Fatal' }, 'node.n1')],
      'error',
    ],
  ])('log level %#', (resources, level) => {
    expect(deriveN1([...nodes(1), ...resources]).logLevel).toBe(level);
  });

  test('sessions with the same filters share one policy', () => {
    const state = deriveN1(nodes(20));
    expect(new Set(state.peers.map((one) => one.policy.exportPolicy['ipv4-unicast'])).size).toBe(2);
  });
});

describe('any cluster', () => {
  test('in any order derives the same', () => {
    fc.assert(
      fc.property(anyCluster, fc.nat(), (cluster, seed) => {
        const shuffled = fc.sample(fc.shuffledSubarray(cluster, { minLength: cluster.length }), {
          seed,
          numRuns: 1,
        })[0];
        expect(deriveN1(shuffled)).toEqual(deriveN1(cluster));
      }),
      { numRuns: 300 },
    );
  });

  test('derives plain data with unique, sorted names and prefixes', () => {
    fc.assert(
      fc.property(anyCluster, (cluster) => {
        const state = deriveN1(cluster, { routerId: 'hash' });
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
        for (const keys of [state.peers.map((one) => one.session.name), state.originated.map((one) => one.prefix)]) {
          expect(keys).toEqual([...new Set(keys)].sort());
        }
        for (const { session } of state.peers) {
          expect(session.families).toHaveLength(1);
          expect(session.peerAddress.includes(':')).toBe(session.families[0] === 'ipv6-unicast');
          expect(session.peerAs).toBeGreaterThan(0);
        }
        const running = state.peers
          .filter((one) => one.session.enabled)
          .map(({ session }) => `${session.peerAddress} ${session.peerPort}`);
        expect(new Set(running).size).toBe(running.length);
      }),
      { numRuns: 300 },
    );
  });
});
