import { describe, expect, test } from 'vitest';
import {
  complaints,
  configuration,
  deriveN1,
  NO_MESH,
  names,
  node,
  nodes,
  peer,
  peerNamed,
  secret,
} from '../../test/support/calico-resources.ts';
import type { Resource } from '../model/resource.ts';
import type { DeriveOptions } from './options.ts';

const TOR = { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001 };
const INTERNAL = { node: 'n1', peerIP: '192.0.2.1', asNumber: 64512 };

function session(spec: object, ...more: Resource[]) {
  return peerNamed(deriveN1([NO_MESH, ...nodes(2), peer('p', spec), ...more]), 'Node_192_0_2_1');
}

describe('what a BGPPeer says about its session', () => {
  test.each<[sentence: string, spec: object, expected: object]>([
    ['AS numbers', TOR, { localAs: 64512, peerAs: 65001 }],
    ['a local AS of its own', { ...TOR, localASNumber: '1.10' }, { localAs: 65546, peerAs: 65001 }],
    ['source address', TOR, { localAddress: '10.0.0.1' }],
    ['no source address', { ...TOR, sourceAddress: 'None' }, { localAddress: null }],
    ['GTSM', { ...TOR, ttlSecurity: 3 }, { ttl: { kind: 'gtsm', hops: 3 } }],
    ['GTSM off', { ...TOR, ttlSecurity: 0 }, { ttl: { kind: 'multihop', ttl: 64 } }],
    ['keepalive time', { ...TOR, keepaliveTime: '15s' }, { keepaliveTimeSeconds: 15 }],
    ['keepalive time 0s is the default', { ...TOR, keepaliveTime: '0s' }, { keepaliveTimeSeconds: null }],
    ['restart time', { ...TOR, maxRestartTime: '2m' }, { gracefulRestart: { restartTimeSeconds: 120 } }],
    [
      'a restart time that does not fit the capability',
      { ...TOR, maxRestartTime: '2h' },
      { gracefulRestart: { restartTimeSeconds: 4095 } },
    ],
  ])('%s', (_sentence, spec, expected) => {
    expect(session(spec).session).toMatchObject(expected);
  });

  test.each<[sentence: string, spec: object, mode: string]>([
    ['nothing said', TOR, 'auto'],
    ['Self', { ...TOR, nextHopMode: 'Self' }, 'self'],
    ['Self on iBGP', { ...INTERNAL, nextHopMode: 'Self' }, 'self'],
    ['Keep on iBGP', { ...INTERNAL, nextHopMode: 'Keep' }, 'keep'],
    ['the old field on eBGP', { ...TOR, keepOriginalNextHop: true }, 'keep'],
    ['the old field does nothing on iBGP', { ...INTERNAL, keepOriginalNextHop: true }, 'auto'],
    ['Auto overrides the old field', { ...TOR, keepOriginalNextHop: true, nextHopMode: 'Auto' }, 'auto'],
    [
      'the type goes by the local AS of the session',
      { ...TOR, localASNumber: 65001, keepOriginalNextHop: true },
      'auto',
    ],
  ])('next hop: %s', (_sentence, spec, mode) => {
    expect(session(spec).policy.nextHopMode).toBe(mode);
  });

  test('own AS allowance', () => {
    expect(session({ ...TOR, numAllowedLocalASNumbers: 2 }).policy.allowOwnAs).toBe(2);
  });

  test('a keepalive time that the session cannot live with is refused', () => {
    const state = deriveN1([NO_MESH, ...nodes(1), peer('p', { ...TOR, keepaliveTime: '5m' })]);
    expect(peerNamed(state, 'Node_192_0_2_1').session.keepaliveTimeSeconds).toBeNull();
    expect(complaints(state)).toEqual(['BGPPeer/p spec.keepaliveTime']);
  });

  test('a filter that is not there is skipped and reported', () => {
    const state = deriveN1([NO_MESH, ...nodes(1), peer('p', { ...TOR, filters: ['gone'] })]);
    expect(names(state)).toEqual(['Node_192_0_2_1']);
    expect(complaints(state)).toEqual(['BGPPeer/p spec.filters']);
  });
});

describe('route reflection', () => {
  const reflector = (spec: object, ...more: Resource[]) =>
    deriveN1([
      node('n1', { ipv4Address: '10.0.0.1/24', routeReflectorClusterID: '1.0.0.1' }),
      node('n2', { ipv4Address: '10.0.0.2/24', routeReflectorClusterID: '1.0.0.1' }),
      node('n3', { ipv4Address: '10.0.0.3/24', routeReflectorClusterID: '1.0.0.2' }),
      node('n4', { ipv4Address: '10.0.0.4/24' }),
      peer('p', spec),
      ...more,
    ]);

  test.each<[sentence: string, spec: object, name: string, isClient: boolean]>([
    ['a plain node is a client', { node: 'n1', peerSelector: 'all()' }, 'Node_10_0_0_4', true],
    ['a reflector of the same cluster is not', { node: 'n1', peerSelector: 'all()' }, 'Node_10_0_0_2', false],
    ['a reflector of another cluster is', { node: 'n1', peerSelector: 'all()' }, 'Node_10_0_0_3', true],
    ['a stranger of our AS is', INTERNAL, 'Node_192_0_2_1', true],
    ['a peer of another AS is not', TOR, 'Node_192_0_2_1', false],
  ])('%s', (_sentence, spec, name, isClient) => {
    const { policy } = peerNamed(reflector(spec), name);
    expect(policy.isRouteReflectorClient).toBe(isClient);
    expect(policy.clusterId).toBe('1.0.0.1');
  });

  test('who is no reflector has no clients', () => {
    expect(session(INTERNAL).policy).toMatchObject({ isRouteReflectorClient: false, clusterId: null });
  });
});

describe('passwords', () => {
  const reference = { password: { secretKeyRef: { name: 's', key: 'k' } } };
  const derived = (secrets: Resource[], options: Partial<DeriveOptions> = {}) =>
    deriveN1([NO_MESH, ...nodes(1), peer('p', { ...TOR, ...reference }), ...secrets], options);

  test.each<
    [
      sentence: string,
      secrets: Resource[],
      options: Partial<DeriveOptions>,
      password: string | null,
      enabled: boolean,
      reported: boolean,
    ]
  >([
    ['found', [secret('s', { k: 'sesame' })], {}, 'sesame', true, false],
    [
      'found in another namespace',
      [secret('s', { k: 'sesame' }, 'calico')],
      { secretNamespace: 'calico' },
      'sesame',
      true,
      false,
    ],
    ['no secret: as Calico does, and said aloud', [], {}, null, true, true],
    ['no key', [secret('s', { other: 'x' })], {}, null, true, true],
    ['a secret of another namespace is none', [secret('s', { k: 'x' }, 'default')], {}, null, true, true],
    ['no secret, told to withhold', [], { missingPassword: 'withhold' }, null, false, true],
    ['an empty password keeps the session down', [secret('s', { k: '' })], {}, null, false, true],
    ['one that is too long does too', [secret('s', { k: 'x'.repeat(81) })], {}, null, false, true],
    ['the longest that the kernel takes', [secret('s', { k: 'x'.repeat(80) })], {}, 'x'.repeat(80), true, false],
  ])('%s', (_sentence, secrets, options, password, enabled, reported) => {
    const state = derived(secrets, options);
    expect(peerNamed(state, 'Node_192_0_2_1').session).toMatchObject({ password, enabled });
    expect(complaints(state)).toEqual(reported ? ['BGPPeer/p spec.password'] : []);
    expect(JSON.stringify(state.conditions)).not.toContain('sesame');
  });

  test('of the mesh is that of all its sessions, complained about once', () => {
    const mesh = configuration({ nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } } });
    const good = deriveN1([...nodes(4), mesh, secret('s', { k: 'sesame' })]);
    expect(good.peers.map((one) => one.session.password)).toEqual(new Array(6).fill('sesame'));
    expect(complaints(deriveN1([...nodes(4), mesh]))).toEqual(['BGPConfiguration/default spec.nodeMeshPassword']);
  });
});

describe('two sessions with one peer', () => {
  test('an explicit one goes before the mesh, which is kept down and reported', () => {
    const state = deriveN1([...nodes(2), peer('p', { node: 'n1', peerIP: '10.0.0.2', asNumber: 64512 })]);
    expect(peerNamed(state, 'Node_10_0_0_2').session.enabled).toBe(true);
    expect(peerNamed(state, 'Mesh_10_0_0_2').session.enabled).toBe(false);
    expect(peerNamed(state, 'Mesh_fd00__2').session.enabled).toBe(true);
    expect(complaints(state)).toEqual(['Node/n2 spec']);
  });

  test('on different ports both run', () => {
    const state = deriveN1([...nodes(2), peer('p', { node: 'n1', peerIP: '10.0.0.2:1790', asNumber: 64512 })]);
    expect(state.peers.every((one) => one.session.enabled)).toBe(true);
  });
});
