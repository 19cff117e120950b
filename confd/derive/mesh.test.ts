import { describe, expect, test } from 'vitest';
import {
  complaints,
  configuration,
  deriveN1,
  deriveNode,
  NO_MESH,
  names,
  node,
  nodes,
  peerNamed,
} from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';

const RR = { routeReflectorClusterID: '1.0.0.1' };

describe('who is in the mesh', () => {
  test.each<[sentence: string, resources: Resource[], sessions: string[]]>([
    ['every other node, once per family', nodes(3), ['Mesh_10_0_0_2', 'Mesh_10_0_0_3', 'Mesh_fd00__2', 'Mesh_fd00__3']],
    ['nobody when it is turned off', [...nodes(3), NO_MESH], []],
    ['nobody for a route reflector', [node('n1', { ipv4Address: '10.0.0.1/24', ...RR }), ...nodes(3).slice(1)], []],
    [
      'no route reflectors',
      [...nodes(2), node('n3', { ipv4Address: '10.0.0.3/24', ...RR })],
      ['Mesh_10_0_0_2', 'Mesh_fd00__2'],
    ],
    ['only families that the peer has', [...nodes(1), node('n2', { ipv4Address: '10.0.0.2/24' })], ['Mesh_10_0_0_2']],
    [
      'only families that the node has',
      [node('n1', { ipv4Address: '10.0.0.1' }), ...nodes(2).slice(1)],
      ['Mesh_10_0_0_2'],
    ],
    ['nodes without address are not there', [...nodes(1), node('n2', {})], []],
  ])('%s', (_sentence, resources, sessions) => {
    expect(names(deriveN1(resources))).toEqual(sessions);
  });

  test('two nodes with one address: the first by name peers, the other is reported', () => {
    const state = deriveN1([
      ...nodes(1),
      node('b', { ipv4Address: '10.0.0.2/24' }),
      node('a', { ipv4Address: '10.0.0.2/24' }),
    ]);
    expect(peerNamed(state, 'Mesh_10_0_0_2').session.description).toBe('mesh with a');
    expect(complaints(state)).toEqual(['Node/b spec']);
  });

  test('a node with our own address is reported, not dialled', () => {
    const state = deriveN1([...nodes(1), node('n2', { ipv4Address: '10.0.0.1/24' })]);
    expect(names(state)).toEqual([]);
    expect(complaints(state)).toEqual(['Node/n2 spec.bgp']);
  });
});

describe('a mesh session', () => {
  test('has the parameters of Calico', () => {
    const { session, policy } = peerNamed(deriveN1(nodes(2)), 'Mesh_10_0_0_2');
    expect(session).toMatchObject({
      peerAddress: '10.0.0.2',
      peerPort: 179,
      localAddress: '10.0.0.1',
      localAs: 64512,
      peerAs: 64512,
      bgpIdentifier: '10.0.0.1',
      families: ['ipv4-unicast'],
      holdTimeSeconds: 240,
      keepaliveTimeSeconds: null,
      connectDelaySeconds: 2,
      connectRetryTimeSeconds: 5,
      ttl: { kind: 'multihop', ttl: 64 },
      password: null,
      extendedMessage: false,
      enhancedRouteRefresh: true,
      addPath: { 'ipv4-unicast': { send: true, receive: true }, 'ipv6-unicast': { send: false, receive: false } },
      gracefulRestart: { mode: 'full', restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: 0 },
    });
    expect(policy).toMatchObject({ nextHopMode: 'auto', isRouteReflectorClient: false, allowOwnAs: 0 });
  });

  test.each<[sentence: string, own: string, other: string, passive: boolean]>([
    ['the lesser number waits', '10.0.0.2', '10.0.0.3', true],
    ['the greater number connects', '10.0.0.3', '10.0.0.2', false],
    ['.9 is greater than .10 as text, so .10 waits', '10.0.0.10', '10.0.0.9', true],
    ['and .9 connects', '10.0.0.9', '10.0.0.10', false],
    ['IPv6 by canonical text', 'fd00::9', 'FD00:0::a', true],
  ])('%s', (_sentence, own, other, passive) => {
    const bgp = (address: string) => (address.includes(':') ? { ipv6Address: address } : { ipv4Address: address });
    const state = deriveN1([node('n1', bgp(own)), node('n2', bgp(other))], { routerId: '1.1.1.1' });
    expect(state.peers[0].session.passive).toBe(passive);
  });

  test('exactly one of any two nodes waits', () => {
    const all = [2, 9, 10, 11, 100, 101, 200].map((last) => node(`n${last}`, { ipv4Address: `10.0.0.${last}/24` }));
    const passiveAt = (own: number, other: number): boolean =>
      peerNamed(deriveNode(`n${own}`, all), `Mesh_10_0_0_${other}`).session.passive;
    for (const a of [2, 9, 10, 11, 100]) for (const b of [101, 200]) expect(passiveAt(a, b)).toBe(!passiveAt(b, a));
  });

  test.each<[sentence: string, resources: Resource[], port: number]>([
    ['the port of the cluster', [configuration({ listenPort: 1790 })], 1790],
    [
      "the peer's own port first",
      [configuration({ listenPort: 1790 }), configuration({ listenPort: 1791 }, 'node.n2')],
      1791,
    ],
    ['not our own port', [configuration({ listenPort: 1792 }, 'node.n1')], 179],
  ])('dials %s', (_sentence, resources, port) => {
    expect(peerNamed(deriveN1([...nodes(2), ...resources]), 'Mesh_10_0_0_2').session.peerPort).toBe(port);
  });

  test("expects the AS that the peer announces: its own, else the cluster's", () => {
    const own = node('n1', { ipv4Address: '10.0.0.1/24', asNumber: 65001 });
    const other = node('n3', { ipv4Address: '10.0.0.3/24', asNumber: 65003 });
    const state = deriveN1([own, nodes(2)[1], other, configuration({ asNumber: 65000 })]);
    expect(peerNamed(state, 'Mesh_10_0_0_2').session).toMatchObject({ localAs: 65001, peerAs: 65000 });
    expect(peerNamed(state, 'Mesh_10_0_0_3').session).toMatchObject({ localAs: 65001, peerAs: 65003 });
  });

  test('takes the restart time of the mesh', () => {
    const state = deriveN1([...nodes(2), configuration({ nodeMeshMaxRestartTime: '9.6s' })]);
    expect(peerNamed(state, 'Mesh_10_0_0_2').session.gracefulRestart.restartTimeSeconds).toBe(10);
  });
});
