import { describe, expect, test } from 'vitest';
import { overlayMetadata } from '../../model/metadata.ts';
import type { Resource } from '../../model/resource.ts';
import { readObject } from './object.ts';
import * as targets from './target.ts';

const CONTEXT = { node: 'node-a', usePodCidr: false };

function read(target: targets.WatchTarget, object: object, context = CONTEXT): Resource | null {
  const event = readObject(target, object, context);
  return event?.type === 'set' ? event.resource : null;
}

describe('what is asked for', () => {
  test('the label of a block affinity is that of Calico', () => {
    // From Python: base64.b32encode(hashlib.sha3_256(b'abc').digest()), without its padding.
    expect(targets.hostnameHash('abc')).toBe('HKMF3J2P4IS3EBC4C4WWXU4QXWCV6CDOH2OVEW2GX7REKEKDCUZA');
  });

  test.each<[string, targets.WatchTarget, string]>([
    ['nodes', targets.nodesTarget(false), '/api/v1/nodes'],
    [
      'peers in v1 CRDs',
      targets.calicoTarget('BGPPeer', 'crd.projectcalico.org/v1'),
      '/apis/crd.projectcalico.org/v1/bgppeers',
    ],
    ['pools in v3 CRDs', targets.calicoTarget('IPPool', 'projectcalico.org/v3'), '/apis/projectcalico.org/v3/ippools'],
    [
      'affinities of this node',
      targets.affinitiesTarget('projectcalico.org/v3', 'abc', 'labelled'),
      '/apis/projectcalico.org/v3/blockaffinities?labelSelector=projectcalico.org%2Fhostname-hash%3DHKMF3J2P4IS3EBC4C4WWXU4QXWCV6CDOH2OVEW2GX7REKEKDCUZA',
    ],
    [
      'affinities without label',
      targets.affinitiesTarget('projectcalico.org/v3', 'abc', 'unlabelled'),
      '/apis/projectcalico.org/v3/blockaffinities?labelSelector=%21projectcalico.org%2Fhostname-hash',
    ],
    [
      'one secret',
      targets.secretTarget('kube-system', 'bgp'),
      '/api/v1/namespaces/kube-system/secrets?fieldSelector=metadata.name%3Dbgp',
    ],
    [
      'slices',
      targets.endpointSlicesTarget(),
      '/apis/discovery.k8s.io/v1/endpointslices?labelSelector=%21service.kubernetes.io%2Fheadless',
    ],
  ])('%s', (_name, target, path) => {
    expect(targets.requestPath(target, { limit: null })).toBe(path);
  });

  test('parameters follow the selectors', () => {
    const path = targets.requestPath(targets.servicesTarget(), { watch: true, limit: null, continue: 'a&b' });
    expect(path).toBe('/api/v1/services?watch=true&continue=a%26b');
  });

  test('of nodes only the metadata, but in podCIDR mode', () => {
    expect(targets.acceptOf(targets.nodesTarget(false), true)).toContain('as=PartialObjectMetadataList');
    expect(targets.acceptOf(targets.nodesTarget(false), false)).toContain('as=PartialObjectMetadata;');
    expect(targets.acceptOf(targets.nodesTarget(true), true)).toBe('application/json');
  });
});

describe('a v1 CRD object', () => {
  test('has the metadata that its annotation says, over its own', () => {
    const meant = JSON.stringify({ name: 'other', labels: { a: 'meant', b: '2' }, annotations: { x: 'y' }, uid: 'u' });
    expect(
      overlayMetadata({
        name: 'n',
        uid: 'own',
        labels: { a: 'own', c: '3' },
        annotations: { 'projectcalico.org/metadata': meant, z: '1' },
      }),
    ).toEqual({ name: 'n', uid: 'own', labels: { a: 'meant', b: '2', c: '3' }, annotations: { x: 'y', z: '1' } });
  });

  test.each(['not JSON', '7', '[]', 'null'])('with %s there keeps its own', (written) => {
    const annotations = { 'projectcalico.org/metadata': written };
    expect(overlayMetadata({ name: 'n', annotations })).toEqual({ name: 'n', labels: {}, annotations: {} });
  });

  test('is read without kind and version, which lists leave out', () => {
    const target = targets.calicoTarget('IPPool', 'crd.projectcalico.org/v1');
    expect(read(target, { metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/16' } })).toMatchObject({ name: 'p' });
  });

  test('that is bad is refused by its name', () => {
    const target = targets.calicoTarget('IPPool', 'crd.projectcalico.org/v1');
    expect(readObject(target, { metadata: { name: 'p' }, spec: { cidr: 'x' } }, CONTEXT)).toMatchObject({
      type: 'refused',
      key: { kind: 'IPPool', name: 'p' },
      conditions: [{ resource: 'IPPool/p', field: 'spec.cidr' }],
    });
  });
});

describe('a block affinity', () => {
  const target = targets.affinitiesTarget('crd.projectcalico.org/v1', 'node-a', 'unlabelled');
  const affinity = (node: string, deleted: unknown) => ({
    metadata: { name: 'x' },
    spec: { node, cidr: '10.0.0.0/26', state: 'confirmed', deleted },
  });

  test('of this node counts, marked as deleted or not', () => {
    expect(read(target, affinity('node-a', 'false'))).toMatchObject({ node: 'node-a' });
    expect(read(target, affinity('node-a', 'true'))).toMatchObject({ node: 'node-a' });
  });

  test('of another node is none of ours', () => {
    expect(readObject(target, affinity('node-b', 'false'), CONTEXT)).toBeNull();
    expect(readObject(target, { metadata: { name: 'x' } }, CONTEXT)).toBeNull();
  });
});

describe('a node', () => {
  const node = (annotations: object, podCIDR = '10.244.3.0/24') => ({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { name: 'node-a', annotations: { 'projectcalico.org/IPv4Address': '10.0.0.1/24', ...annotations } },
    spec: { podCIDR, podCIDRs: [podCIDR] },
  });
  const WIREGUARD = { 'projectcalico.org/WireguardPublicKey': 'key' };

  test('is read from its metadata alone', () => {
    const { spec: _spec, ...metadataOnly } = node({});
    expect(read(targets.nodesTarget(false), metadataOnly)).toMatchObject({
      ipv4: { address: '10.0.0.1' },
      podCidrs: [],
    });
  });

  test.each<[string, object, string, boolean, string | null]>([
    ['with a WireGuard key', WIREGUARD, '10.244.3.0/24', true, '10.244.3.1'],
    ['with a CIDR that is not masked', WIREGUARD, '10.244.3.77/24', true, '10.244.3.1'],
    ['with a CIDR at the top of the range', WIREGUARD, '255.255.255.0/24', true, '255.255.255.1'],
    ['with an IPv6 CIDR', WIREGUARD, 'fd00::/64', true, null],
    ['with no CIDR', WIREGUARD, 'none/24', true, null],
    ['without a key', {}, '10.244.3.0/24', true, null],
    ['without podCIDR mode', WIREGUARD, '10.244.3.0/24', false, null],
  ])('%s has the WireGuard address that follows', (_name, annotations, podCidr, usePodCidr, address) => {
    const context = { ...CONTEXT, usePodCidr };
    const resource = read(targets.nodesTarget(usePodCidr), node(annotations, podCidr), context);
    expect(resource).toMatchObject({ kind: 'Node', wireguardIpv4: address });
  });
});

test.each<[string, targets.WatchTarget, object, string]>([
  ['a service', targets.servicesTarget(), { metadata: { name: 's', namespace: 'web' }, spec: {} }, 'web/s'],
  [
    'a slice',
    targets.endpointSlicesTarget(),
    { metadata: { name: 'e', namespace: 'web' }, addressType: 'IPv4', endpoints: [] },
    'web/e',
  ],
  [
    'a secret',
    targets.secretTarget('kube-system', 'x'),
    { metadata: { name: 'x', namespace: 'kube-system' } },
    'kube-system/x',
  ],
])('%s is named with its namespace', (_name, target, object, name) => {
  expect(read(target, object)).toMatchObject({ name });
});
