import { describe, expect, test } from 'vitest';
import { decodeObject, type Resource } from '../../model/resource.ts';
import { chooseGroup, groupOfSetting } from './discovery.ts';
import { needsOf } from './needs.ts';
import { conditionsOf, judge, type KindStatus } from './phase.ts';

function kind(health: KindStatus['health'], parts: Partial<KindStatus> = {}): KindStatus {
  const hasOutcome = health !== 'listing' && health !== 'interrupted';
  return {
    name: health,
    health,
    message: health === 'synced' ? '' : `why ${health}`,
    isEssential: true,
    isLasting: false,
    concernsServer: false,
    hasOutcome,
    ...parts,
  };
}
const optional = { isEssential: false } as const;
const LASTING = { isLasting: true } as const;

describe('the phase', () => {
  test.each<[string, readonly KindStatus[], boolean, string]>([
    ['everything is there', [kind('synced'), kind('synced')], false, 'in-sync'],
    ['a kind is not installed', [kind('synced'), kind('missing')], false, 'in-sync'],
    ['the first listing goes on', [kind('synced'), kind('listing')], false, 'starting'],
    ['a kind is listed anew', [kind('synced'), kind('listing')], true, 'resyncing'],
    ['the server is away', [kind('synced'), kind('interrupted')], true, 'unreachable'],
    ['the server is away at the start', [kind('interrupted', LASTING), kind('listing')], false, 'unreachable'],
    ['the server is busy for a moment at the start', [kind('interrupted'), kind('listing')], false, 'starting'],
    ['we may not read a kind', [kind('synced'), kind('refused')], false, 'unreachable'],
    ['we may not read secrets', [kind('synced'), kind('refused', optional)], false, 'in-sync'],
    ['secrets are awaited at the start', [kind('synced'), kind('listing', optional)], false, 'starting'],
    ['secrets are awaited later', [kind('synced'), kind('listing', optional)], true, 'in-sync'],
    [
      'services were listed and are interrupted',
      [kind('interrupted', { ...optional, hasOutcome: true })],
      true,
      'in-sync',
    ],
  ])('when %s', (_name, kinds, hasBeenInSync, phase) => {
    const verdict = judge(kinds, hasBeenInSync);
    expect(verdict.phase).toBe(phase);
    expect(verdict.message === '').toBe(phase === 'in-sync');
  });

  test.each<[string, readonly KindStatus[], string]>([
    ['what all have in common once', [kind('interrupted'), kind('interrupted')], 'why interrupted'],
    [
      'each kind with its reason',
      [kind('interrupted', { name: 'a' }), kind('interrupted', { name: 'b', message: 'x' })],
      'a: why interrupted; b: x',
    ],
    [
      'who may not read what',
      ['nodes', 'bgppeers', 'bgppeers'].map((name) =>
        kind('refused', { name, message: `${name} is forbidden: User "calico-node" cannot list resource "${name}"` }),
      ),
      'user "calico-node" may not read nodes, bgppeers: list and watch are needed',
    ],
    [
      'that there are no credentials',
      [kind('refused', { name: 'nodes', message: 'User "system:anonymous" cannot list resource "nodes"' })],
      'who comes without credentials may not read nodes: list and watch are needed',
    ],
    [
      'what is the matter with the server without the kind',
      [kind('interrupted', { name: 'a', message: 'http://x: y', concernsServer: true }), kind('listing')],
      'http://x: y',
    ],
    [
      'refusals rather than interruptions',
      [kind('interrupted'), kind('refused', { name: 'nodes' })],
      'nodes: why refused',
    ],
    ['what is being listed', [kind('listing', { name: 'a' }), kind('listing', { name: 'b' })], 'listing a, b'],
  ])('says %s', (_name, kinds, message) => {
    expect(judge(kinds, true).message).toBe(message);
  });
});

test('conditions name what cannot be had, and nothing that is all right', () => {
  const kinds = [
    kind('synced'),
    kind('missing', { name: 'bgpfilters.crd.projectcalico.org' }),
    kind('interrupted', { ...optional, name: 'services' }),
    kind('interrupted', { ...optional, name: 'endpointslices', isLasting: true }),
    kind('interrupted', { name: 'nodes', isLasting: true }),
    kind('refused', { ...optional, name: 'secrets/kube-system/bgp', message: 'secrets "bgp" is forbidden' }),
  ];
  expect(conditionsOf(kinds)).toMatchObject([
    { resource: 'bgpfilters.crd.projectcalico.org', severity: 'warning' },
    { resource: 'endpointslices', severity: 'warning' },
    { resource: 'secrets/kube-system/bgp', severity: 'error', message: expect.stringContaining('is forbidden') },
  ]);
});

describe('the API group', () => {
  const groups = (...names: string[]): object => ({ groups: names.map((name) => ({ name })) });

  test.each<[string, unknown, string]>([
    ['only the v3 group', groups('apps', 'projectcalico.org'), 'projectcalico.org/v3'],
    [
      'both: the v3 one is an API server on top',
      groups('projectcalico.org', 'crd.projectcalico.org'),
      'crd.projectcalico.org/v1',
    ],
    ['only the v1 group', groups('crd.projectcalico.org'), 'crd.projectcalico.org/v1'],
    ['neither', groups('apps'), 'crd.projectcalico.org/v1'],
    ['an answer of another kind', { groups: 7 }, 'crd.projectcalico.org/v1'],
    ['nothing', null, 'crd.projectcalico.org/v1'],
  ])('with %s', (_name, list, group) => {
    expect(chooseGroup(list)).toBe(group);
  });

  test.each([
    ['', null],
    ['projectcalico.org/v3', 'projectcalico.org/v3'],
    ['ProjectCalico.org/V3', 'projectcalico.org/v3'],
    ['crd.projectcalico.org/v1', 'crd.projectcalico.org/v1'],
    ['anything', 'crd.projectcalico.org/v1'],
  ])('set to "%s"', (setting, group) => {
    expect(groupOfSetting(setting)).toBe(group);
  });
});

describe('what is needed', () => {
  function resource<K extends Resource['kind']>(kind: K, name: string, spec: object, metadata = {}) {
    const apiVersion = 'projectcalico.org/v3';
    const decoded = decodeObject({ apiVersion, kind, metadata: { name, ...metadata }, spec });
    if (decoded.outcome !== 'accepted') throw new Error(JSON.stringify(decoded));
    return decoded.resource as Extract<Resource, { readonly kind: K }>;
  }
  const own = resource('Node', 'me', { bgp: { ipv4Address: '10.0.0.1/24' } }, { labels: { rack: '1' } });
  const secretRef = { secretKeyRef: { name: 'pw', key: 'k' } };
  const needs = (peer: object, ownNode: typeof own | null = own) =>
    needsOf(
      { ownNode, peers: [resource('BGPPeer', 'p', { password: secretRef, ...peer })], configurations: [] },
      false,
    );

  test.each<[string, object, boolean]>([
    ['a peer of all nodes', { peerIP: '192.0.2.1' }, true],
    ['a peer of this node', { node: 'me', peerIP: '192.0.2.1' }, true],
    ['a peer of another node', { node: 'you', peerIP: '192.0.2.1' }, false],
    ['a peer of nodes like this', { nodeSelector: "rack == '1'", peerIP: '192.0.2.1' }, true],
    ['a peer of nodes unlike this', { nodeSelector: "rack == '2'", peerIP: '192.0.2.1' }, false],
    ['a peer of another node with nodes like this', { node: 'you', peerSelector: "rack == '1'" }, true],
    ['a peer of another node with us', { node: 'you', peerIP: '10.0.0.1' }, true],
    ['the same, to be made by hand on our side', { node: 'you', peerIP: '10.0.0.1', reversePeering: 'Manual' }, false],
    ['workloads of other nodes', { nodeSelector: "rack == '2'", localWorkloadSelector: 'all()' }, false],
    ['a reference to nothing', { peerIP: '192.0.2.1', password: { secretKeyRef: { name: '', key: 'k' } } }, false],
  ])('the secret of %s: %s', (_name, peer, isNeeded) => {
    expect([...needs(peer).secrets]).toEqual(isNeeded ? ['pw'] : []);
  });

  test('no secret before the own node is known', () => {
    expect(needs({ peerIP: '192.0.2.1' }, null).secrets.size).toBe(0);
  });

  test.each<[string, string, object, boolean, boolean]>([
    ['cluster addresses', 'default', { serviceClusterIPs: [{ cidr: '10.96.0.0/16' }] }, false, true],
    ['external addresses', 'default', { serviceExternalIPs: [{ cidr: '192.0.2.0/24' }] }, false, true],
    ['load balancer addresses', 'default', { serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] }, false, true],
    ['none', 'default', {}, false, false],
    [
      'some in an object where they have no effect',
      'node.me',
      { serviceClusterIPs: [{ cidr: '10.96.0.0/16' }] },
      false,
      false,
    ],
    ['those of the environment', 'default', {}, true, true],
  ])('services when %s are advertised', (_name, name, spec, advertises, isNeeded) => {
    const configurations = [resource('BGPConfiguration', name, spec)];
    expect(needsOf({ ownNode: own, peers: [], configurations }, advertises).services).toBe(isNeeded);
  });

  test('the password of the mesh', () => {
    const configurations = [resource('BGPConfiguration', 'default', { nodeMeshPassword: secretRef })];
    expect([...needsOf({ ownNode: own, peers: [], configurations }, false).secrets]).toEqual(['pw']);
  });
});
