import { describe, expect, test } from 'vitest';
import {
  complaints,
  configuration,
  deriveN1,
  deriveNode,
  filter,
  NO_MESH,
  names,
  node,
  nodes,
  peer,
  peerNamed,
  workload,
} from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';

const V4_NODES = [1, 2, 3].map((i) =>
  node(`n${i}`, { ipv4Address: `10.0.0.${i}/24` }, { [`is-n${i}`]: 'true', all: 'yes' }),
);
const TOR = { peerIP: '192.0.2.1', asNumber: 65001 };

function namesWith(...resources: Resource[]): string[] {
  return names(deriveN1([NO_MESH, ...V4_NODES, ...resources]));
}

describe('pass 1: global peers', () => {
  test.each<[sentence: string, peers: Resource[], sessions: string[]]>([
    ['by address', [peer('tor', TOR)], ['Global_192_0_2_1']],
    ['by address and port', [peer('tor', { ...TOR, peerIP: '192.0.2.1:1790' })], ['Global_192_0_2_1_port_1790']],
    ['port 179 is not part of the name', [peer('tor', { ...TOR, peerIP: '192.0.2.1:179' })], ['Global_192_0_2_1']],
    ['by selector, never ourselves', [peer('all', { peerSelector: 'all()' })], ['Global_10_0_0_2', 'Global_10_0_0_3']],
    [
      'two ports of one address are two sessions',
      [peer('a', TOR), peer('b', { ...TOR, peerIP: '192.0.2.1:1790' })],
      ['Global_192_0_2_1', 'Global_192_0_2_1_port_1790'],
    ],
    ['of a family that we do not have', [peer('tor', { ...TOR, peerIP: 'fd00::99' })], []],
  ])('%s', (_sentence, peers, sessions) => {
    expect(namesWith(...peers)).toEqual(sessions);
  });

  test('one that is a node takes its listening port, and waits when its text is greater', () => {
    const state = deriveN1([
      NO_MESH,
      ...V4_NODES,
      configuration({ listenPort: 1790 }, 'node.n2'),
      peer('n2', { peerIP: '10.0.0.2', asNumber: 64512 }),
    ]);
    expect(peerNamed(state, 'Global_10_0_0_2_port_1790').session).toMatchObject({ peerPort: 1790, passive: true });
  });

  test('one that is a node of another AS takes no port from it', () => {
    const state = deriveN1([
      NO_MESH,
      ...V4_NODES,
      configuration({ listenPort: 1790 }, 'node.n2'),
      peer('n2', { peerIP: '10.0.0.2', asNumber: 65002 }),
    ]);
    expect(names(state)).toEqual(['Global_10_0_0_2']);
  });

  test('without AS number it has to be a node, and has the AS of the cluster', () => {
    const asless = (ip: string): Resource => peer('asless', { peerIP: ip });
    expect(peerNamed(deriveN1([NO_MESH, ...V4_NODES, asless('10.0.0.3')]), 'Global_10_0_0_3').session.peerAs).toBe(
      64512,
    );
    const stranger = deriveN1([NO_MESH, ...V4_NODES, asless('192.0.2.1')]);
    expect(names(stranger)).toEqual([]);
    expect(complaints(stranger)).toEqual(['BGPPeer/asless spec.asNumber']);
  });
});

describe('pass 2: peers of particular nodes', () => {
  test.each<[sentence: string, peers: Resource[], sessions: string[]]>([
    ['named', [peer('tor', { ...TOR, node: 'n1' })], ['Node_192_0_2_1']],
    ['named, another node', [peer('tor', { ...TOR, node: 'n2' })], []],
    ['selected', [peer('tor', { ...TOR, nodeSelector: 'has(is-n1)' })], ['Node_192_0_2_1']],
    ['not selected', [peer('tor', { ...TOR, nodeSelector: 'has(is-n2)' })], []],
    [
      'selected on both sides',
      [peer('some', { nodeSelector: 'has(is-n1)', peerSelector: 'has(is-n3)' })],
      ['Node_10_0_0_3'],
    ],
    [
      'a global peer keeps out a particular one',
      [peer('z-global', TOR), peer('a', { ...TOR, node: 'n1' })],
      ['Global_192_0_2_1'],
    ],
    [
      'on another port it does not',
      [peer('global', TOR), peer('own', { ...TOR, peerIP: '192.0.2.1:1790', node: 'n1' })],
      ['Global_192_0_2_1', 'Node_192_0_2_1_port_1790'],
    ],
  ])('%s', (_sentence, peers, sessions) => {
    expect(namesWith(...peers)).toEqual(sessions);
  });

  test('of two with one address the first by name wins, in whatever order they come, and the other is reported', () => {
    const a = peer('a', { ...TOR, node: 'n1', asNumber: 65001 });
    const b = peer('b', { ...TOR, node: 'n1', asNumber: 65002 });
    for (const both of [
      [a, b],
      [b, a],
    ]) {
      const state = deriveN1([NO_MESH, ...V4_NODES, ...both]);
      expect(peerNamed(state, 'Node_192_0_2_1').session.peerAs).toBe(65001);
      expect(complaints(state)).toEqual(['BGPPeer/b spec']);
    }
  });

  test('is never passive of itself', () => {
    const state = deriveN1([NO_MESH, ...V4_NODES, peer('n2', { node: 'n1', peerIP: '10.0.0.2', asNumber: 64512 })]);
    expect(peerNamed(state, 'Node_10_0_0_2').session.passive).toBe(false);
  });

  test('of a family that the node does not have is reported when it is not a node', () => {
    const state = deriveN1([NO_MESH, ...V4_NODES, peer('tor', { node: 'n1', peerIP: 'fd00::99', asNumber: 65001 })]);
    expect(names(state)).toEqual([]);
    expect(complaints(state)).toEqual(['BGPPeer/tor spec.peerIP']);
  });
});

describe('pass 3: reverse peerings', () => {
  const toN1 = { nodeSelector: 'has(is-n2)', peerSelector: 'has(is-n1)' };

  test.each<[sentence: string, peers: Resource[], sessions: string[]]>([
    ['a node that selects us', [peer('p', toN1)], ['Node_10_0_0_2']],
    ['not when Manual', [peer('p', { ...toN1, reversePeering: 'Manual' })], []],
    [
      'a node that names our address',
      [peer('p', { node: 'n2', peerIP: '10.0.0.1', asNumber: 64512 })],
      ['Node_10_0_0_2'],
    ],
    ['not when it means another AS', [peer('p', { node: 'n2', peerIP: '10.0.0.1', asNumber: 65001 })], []],
    ['all nodes that name our address', [peer('p', { peerIP: '10.0.0.1' })], ['Node_10_0_0_2', 'Node_10_0_0_3']],
    [
      'a forward peering goes first',
      [peer('p', toN1), peer('q', { node: 'n1', peerSelector: 'has(is-n2)' })],
      ['Node_10_0_0_2'],
    ],
    ['a global one too', [peer('p', toN1), peer('q', { peerSelector: 'has(is-n2)' })], ['Global_10_0_0_2']],
    [
      'a port that we do not listen on is not us',
      [
        configuration({ listenPort: 1790, nodeToNodeMeshEnabled: false }),
        peer('p', { node: 'n2', peerIP: '10.0.0.1:1791', asNumber: 64512 }),
      ],
      [],
    ],
    [
      'the port that we listen on is us',
      [
        configuration({ listenPort: 1790, nodeToNodeMeshEnabled: false }),
        peer('p', { node: 'n2', peerIP: '10.0.0.1:1790', asNumber: 64512 }),
      ],
      ['Node_10_0_0_2_port_1790'],
    ],
    [
      'our own port counts, not that of the cluster',
      [
        configuration({ listenPort: 1790, nodeToNodeMeshEnabled: false }),
        configuration({ listenPort: 1791 }, 'node.n1'),
        peer('p', { node: 'n2', peerIP: '10.0.0.1:1791', asNumber: 64512 }),
      ],
      ['Node_10_0_0_2_port_1790'],
    ],
  ])('%s', (_sentence, peers, sessions) => {
    expect(namesWith(...peers)).toEqual(sessions);
  });

  test('carries the protection, filters and timers of the peering, AS and port of the node', () => {
    const state = deriveN1([
      NO_MESH,
      ...V4_NODES,
      configuration({ listenPort: 1792 }, 'node.n2'),
      peer('p', {
        ...toN1,
        ttlSecurity: 2,
        keepaliveTime: '20s',
        maxRestartTime: '30s',
        sourceAddress: 'None',
        nextHopMode: 'Self',
      }),
    ]);
    const { session, policy } = peerNamed(state, 'Node_10_0_0_2_port_1792');
    expect(session).toMatchObject({
      peerAs: 64512,
      ttl: { kind: 'gtsm', hops: 2 },
      keepaliveTimeSeconds: 20,
      gracefulRestart: { restartTimeSeconds: 30 },
      localAddress: null,
    });
    expect(policy.nextHopMode).toBe('self');
  });

  test('expects the local AS that the other side presents', () => {
    const state = deriveN1([
      NO_MESH,
      ...V4_NODES,
      peer('p', { node: 'n2', peerIP: '10.0.0.1', asNumber: 64512, localASNumber: 65010 }),
    ]);
    expect(peerNamed(state, 'Node_10_0_0_2').session).toMatchObject({ localAs: 64512, peerAs: 65010 });
  });

  test('both families when nodes are selected, one when an address is named', () => {
    const both = nodes(2);
    expect(names(deriveN1([NO_MESH, ...both, peer('p', { node: 'n2', peerSelector: 'all()' })]))).toEqual([
      'Node_10_0_0_2',
      'Node_fd00__2',
    ]);
    expect(names(deriveN1([NO_MESH, ...both, peer('p', { node: 'n2', peerIP: 'fd00::1', asNumber: 64512 })]))).toEqual([
      'Node_fd00__2',
    ]);
  });

  test('all nodes to route reflectors: each side sees what it should', () => {
    const cluster = [
      NO_MESH,
      ...V4_NODES.slice(1),
      node('n1', { ipv4Address: '10.0.0.1/24', routeReflectorClusterID: '1.0.0.1' }, { rr: 'true' }),
      peer('rr', { peerSelector: "rr == 'true'" }),
    ];
    expect(names(deriveNode('n2', cluster))).toEqual(['Global_10_0_0_1']);
    expect(names(deriveNode('n1', cluster))).toEqual(['Node_10_0_0_2', 'Node_10_0_0_3']);
  });

  test('every peering with a node has its other end', () => {
    const cluster = [
      NO_MESH,
      ...V4_NODES,
      peer('a', { nodeSelector: 'has(is-n2)', peerSelector: 'has(all)' }),
      peer('b', { peerIP: '10.0.0.3' }),
    ];
    const ends = new Set(
      [1, 2, 3].flatMap((i) =>
        deriveNode(`n${i}`, cluster).peers.map(({ session }) => `${session.localAddress} ${session.peerAddress}`),
      ),
    );
    for (const end of ends) expect(ends.has(end.split(' ').reverse().join(' ')), end).toBe(true);
    expect(ends.size).toBe(6);
  });
});

describe('local workload peers', () => {
  const w1 = workload('w1', {
    ifaceName: 'cali1',
    ipv4Nets: ['10.244.1.2/32', '10.244.1.3/32'],
    ipv6Nets: ['fd00:1::2/128'],
    bgpPeerName: 'tenants',
  });
  const OWN = node('n1', { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64' });
  const TENANTS = { localWorkloadSelector: "app == 'router'", asNumber: 64516, localASNumber: 65002, filters: ['f'] };

  test('a session with the first address of each family, always waiting for the workload', () => {
    const how = { password: { secretKeyRef: { name: 's', key: 'a' } }, ttlSecurity: 1, maxRestartTime: '10s' };
    const state = deriveN1([NO_MESH, OWN, w1, filter('f', {}), peer('tenants', { ...TENANTS, ...how })]);
    expect(names(state)).toEqual(['Local_Workload_10_244_1_2', 'Local_Workload_fd00_1__2']);
    expect(peerNamed(state, 'Local_Workload_10_244_1_2').session).toMatchObject({
      peerAddress: '10.244.1.2',
      peerAs: 64516,
      localAs: 65002,
      localAddress: null,
      passive: true,
      password: null,
      ttl: { kind: 'multihop', ttl: 64 },
      gracefulRestart: { restartTimeSeconds: 120 },
      keepaliveTimeSeconds: null,
      enabled: true,
    });
    expect(state.listen.map((one) => one.address)).toEqual(['0.0.0.0', '::']);
    expect(complaints(state)).toEqual([]);
  });

  test.each<[sentence: string, resources: Resource[], sessions: string[], fields: string[]]>([
    ['not for a BGPPeer of another node', [w1, peer('tenants', { ...TENANTS, node: 'n2' })], [], []],
    ['not for a workload that another BGPPeer chose', [w1, peer('others', TENANTS)], [], []],
    ['not for a BGPPeer that selects nodes', [w1, peer('tenants', { peerSelector: 'has(rr)' })], [], []],
    [
      'not without AS number, which is said',
      [w1, peer('tenants', { ...TENANTS, asNumber: 0 })],
      [],
      ['BGPPeer/tenants spec.asNumber'],
    ],
    [
      'for a BGPPeer of this node',
      [w1, filter('f', {}), peer('tenants', { ...TENANTS, node: 'n1' })],
      ['Local_Workload_10_244_1_2', 'Local_Workload_fd00_1__2'],
      [],
    ],
    [
      "the other sort of peer at the same address goes first when it is every node's",
      [
        w1,
        filter('f', {}),
        peer('tenants', { ...TENANTS, node: 'n1' }),
        peer('z', { peerIP: '10.244.1.2', asNumber: 1 }),
      ],
      ['Global_10_244_1_2', 'Local_Workload_fd00_1__2'],
      ['BGPPeer/tenants spec'],
    ],
  ])('%s', (_sentence, resources, sessions, fields) => {
    const state = deriveN1([NO_MESH, OWN, ...resources]);
    expect(names(state)).toEqual(sessions);
    expect(complaints(state)).toEqual(fields);
  });

  test('a route reflector reflects to workloads of its own AS', () => {
    const reflector = node('n1', { ipv4Address: '10.0.0.1/24', routeReflectorClusterID: '1.0.0.1' });
    const state = deriveN1([
      NO_MESH,
      reflector,
      w1,
      peer('tenants', { localWorkloadSelector: 'all()', asNumber: 64512 }),
    ]);
    expect(peerNamed(state, 'Local_Workload_10_244_1_2').policy).toMatchObject({ isRouteReflectorClient: true });
  });
});
