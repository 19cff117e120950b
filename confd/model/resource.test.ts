import { describe, expect, test } from 'vitest';
import { readDocuments } from '../datastore/documents.ts';
import { decodeObject, type Resource } from './resource.ts';
import { formatPath } from './schema.ts';

const V3 = 'projectcalico.org/v3';

function object(kind: string, spec: object, name = 'x', apiVersion = V3): object {
  return { apiVersion, kind, metadata: { name }, spec };
}

/** The resource, or null when it is refused, and the field paths that were complained about. */
function decode(input: unknown): { resource: Resource | null; fields: string[]; messages: string[] } {
  const decoded = decodeObject(input);
  if (decoded.outcome === 'ignored') throw new Error('ignored');
  return {
    resource: decoded.outcome === 'accepted' ? decoded.resource : null,
    fields: decoded.issues.map((issue) => formatPath(issue.path)),
    messages: decoded.issues.map((issue) => issue.message),
  };
}

function fromYaml(text: string): ReturnType<typeof decode> {
  const content = readDocuments(text);
  if (!content.ok) throw new Error(JSON.stringify(content.errors));
  return decode(content.objects[0].value);
}

describe('which objects are ours', () => {
  test.each<[sentence: string, input: unknown, outcome: string]>([
    ['Calico v3', object('IPPool', { cidr: '10.0.0.0/8' }), 'accepted'],
    ['Calico v1 CRD', object('IPPool', { cidr: '10.0.0.0/8' }, 'x', 'crd.projectcalico.org/v1'), 'accepted'],
    ["MetalLB's BGPPeer", object('BGPPeer', { peerASN: 1 }, 'x', 'metallb.io/v1beta2'), 'ignored'],
    ['a kind that routing does not depend on', object('Pod', {}, 'x', 'v1'), 'ignored'],
    ['no object', 'text', 'ignored'],
    ['a kind of ours without group', { kind: 'IPPool', metadata: { name: 'x' } }, 'refused'],
    ['no name', { apiVersion: V3, kind: 'IPPool', metadata: {}, spec: { cidr: '10.0.0.0/8' } }, 'refused'],
    ['no metadata', { apiVersion: V3, kind: 'IPPool', spec: { cidr: '10.0.0.0/8' } }, 'refused'],
  ])('%s', (_sentence, input, outcome) => {
    expect(decodeObject(input).outcome).toBe(outcome);
  });
});

describe('a bad value costs the smallest unit', () => {
  test.each<[sentence: string, input: object, expected: object | null, fields: string[]]>([
    [
      "a node's bad IPv4 address costs that address",
      object('Node', { bgp: { ipv4Address: '10.0.0.300/24', ipv6Address: 'fd00::1/64' } }),
      { ipv4: null, ipv6: { address: 'fd00::1' } },
      ['spec.bgp.ipv4Address'],
    ],
    [
      'a bad AS number of a node costs it',
      object('Node', { bgp: { ipv4Address: '10.0.0.1', asNumber: 'many' } }),
      { asNumber: null, ipv4: { address: '10.0.0.1' } },
      ['spec.bgp.asNumber'],
    ],
    [
      'a bad listen port costs it, the rest of the configuration stays',
      object('BGPConfiguration', { listenPort: 70000, asNumber: 65001 }, 'default'),
      { listenPort: null, asNumber: 65001 },
      ['spec.listenPort'],
    ],
    [
      'a bad service CIDR costs that entry; an empty one means nothing',
      object('BGPConfiguration', { serviceClusterIPs: [{ cidr: 'x' }, {}, { cidr: '10.96.0.0/12' }] }, 'default'),
      { serviceClusterIps: ['10.96.0.0/12'] },
      ['spec.serviceClusterIPs[0].cidr'],
    ],
    [
      'an unknown programClusterRoutes is as if not set',
      object('BGPConfiguration', { programClusterRoutes: 'Sometimes' }, 'default'),
      { programClusterRoutes: null },
      ['spec.programClusterRoutes'],
    ],
    [
      'a bad keepalive costs it',
      object('BGPPeer', { peerIP: '10.0.0.9', asNumber: 65001, keepaliveTime: 'often' }),
      { keepaliveTimeSeconds: null, peerIp: { address: '10.0.0.9' } },
      ['spec.keepaliveTime'],
    ],
    [
      'a bad selector costs the peer: without it every node would peer',
      object('BGPPeer', { nodeSelector: 'rack ==', peerIP: '10.0.0.9', asNumber: 65001 }),
      null,
      ['spec.nodeSelector'],
    ],
    ['a bad peerIP costs the peer', object('BGPPeer', { peerIP: 'tor', asNumber: 65001 }), null, ['spec.peerIP']],
    ['a peer with nobody at the other end', object('BGPPeer', { asNumber: 65001 }), null, ['spec.peerIP']],
    [
      'GTSM hops that make no sense cost the peer',
      object('BGPPeer', { peerIP: '10.0.0.9', ttlSecurity: 256 }),
      null,
      ['spec.ttlSecurity'],
    ],
    [
      'reachableBy of the other family costs the peer',
      object('BGPPeer', { peerIP: '10.0.0.9', asNumber: 1, reachableBy: 'fd00::1' }),
      null,
      ['spec.reachableBy'],
    ],
    [
      'a bad match costs the rule of the filter, not only the match',
      object('BGPFilter', {
        importV4: [
          { action: 'Accept', cidr: '10.0.0.0/33', matchOperator: 'In' },
          { action: 'Reject', cidr: '10.0.0.0/8', matchOperator: 'In' },
        ],
      }),
      { importV4: [{ index: 1, action: 'Reject' }] },
      ['spec.importV4[0].cidr'],
    ],
    [
      'a CIDR of the wrong family costs the rule',
      object('BGPFilter', { exportV6: [{ action: 'Accept', cidr: '10.0.0.0/8', matchOperator: 'In' }] }),
      { exportV6: [] },
      ['spec.exportV6[0].cidr'],
    ],
    [
      'operations on a Reject cost the rule',
      object('BGPFilter', { exportV4: [{ action: 'Reject', operations: [{ setPriority: { value: 5 } }] }] }),
      { exportV4: [] },
      ['spec.exportV4[0].operations'],
    ],
    [
      'an operation that is two costs the rule',
      object('BGPFilter', {
        exportV4: [
          { action: 'Accept', operations: [{ setPriority: { value: 5 }, addCommunity: { value: '1:2' } }] },
          { action: 'Accept' },
        ],
      }),
      { exportV4: [{ index: 1 }] },
      ['spec.exportV4[0].operations[0]'],
    ],
    [
      'an action that there is not',
      object('BGPFilter', { importV4: [{ action: 'Drop' }] }),
      { importV4: [] },
      ['spec.importV4[0].action'],
    ],
    ['a bad CIDR costs the pool', object('IPPool', { cidr: '10.0.0.0' }), null, ['spec.cidr']],
    [
      'a bad encapsulation costs the pool',
      object('IPPool', { cidr: '10.0.0.0/8', ipipMode: 'always' }),
      null,
      ['spec.ipipMode'],
    ],
    [
      'a bad state costs the affinity',
      object('BlockAffinity', { node: 'n', cidr: '10.0.0.0/26', state: 'soon' }),
      null,
      ['spec.state'],
    ],
    [
      'a spec that is not an object',
      { apiVersion: V3, kind: 'IPPool', metadata: { name: 'x' }, spec: 7 },
      null,
      ['spec'],
    ],
  ])('%s', (_sentence, input, expected, fields) => {
    const before = structuredClone(input);
    const decoded = decode(input);
    if (expected === null) expect(decoded.resource).toBeNull();
    else expect(decoded.resource).toMatchObject(expected);
    expect(decoded.fields).toEqual(fields);
    expect(input).toEqual(before);
  });

  test('the message says the wanted form, where, and what was done', () => {
    const { messages } = decode(object('BGPConfiguration', { listenPort: 0.5 }, 'default'));
    expect(messages).toEqual(['must be a port from 1 to 65535; spec.listenPort left out']);
  });

  test('a selector is complained about with its column', () => {
    const { messages } = decode(object('BGPPeer', { nodeSelector: "rack = 'r1'", peerIP: '10.0.0.9' }));
    expect(messages[0]).toContain('column 6');
  });
});

describe('what is only worth saying', () => {
  test.each<[sentence: string, input: object, fields: string[]]>([
    ['a configuration that nobody reads', object('BGPConfiguration', {}, 'mine'), ['metadata.name']],
    [
      "what counts for the cluster in a node's configuration",
      object(
        'BGPConfiguration',
        { listenPort: 1790, nodeToNodeMeshEnabled: false, asNumber: 1, serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] },
        'node.n1',
      ),
      ['spec.nodeToNodeMeshEnabled', 'spec.asNumber', 'spec.serviceClusterIPs'],
    ],
    [
      "what counts in a node's configuration",
      object(
        'BGPConfiguration',
        {
          listenPort: 1790,
          logSeverityScreen: 'Debug',
          prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['1:2'] }],
        },
        'node.n1',
      ),
      [],
    ],
    [
      'both node and nodeSelector',
      object('BGPPeer', { node: 'n', nodeSelector: 'all()', peerIP: '10.0.0.9', asNumber: 1 }),
      ['spec.node'],
    ],
    [
      'an AS number beside peerSelector',
      object('BGPPeer', { peerSelector: 'all()', asNumber: 65001 }),
      ['spec.asNumber'],
    ],
  ])('%s', (_sentence, input, fields) => {
    const decoded = decode(input);
    expect(decoded.resource).not.toBeNull();
    expect(decoded.fields).toEqual(fields);
  });
});

describe('forms that mean the same', () => {
  test('absent, null and empty text are the default', () => {
    const empty = decode(object('BGPPeer', { peerIP: '10.0.0.9', asNumber: 1 }));
    const written = decode(
      object('BGPPeer', { peerIP: '10.0.0.9', asNumber: 1, node: '', nodeSelector: null, filters: null, password: {} }),
    );
    expect(written).toEqual(empty);
  });

  test('a configuration without spec has all defaults', () => {
    const bare = decode({ apiVersion: V3, kind: 'BGPConfiguration', metadata: { name: 'default' } });
    expect(bare.fields).toEqual([]);
    expect(bare.resource).toMatchObject({
      nodeToNodeMeshEnabled: true,
      ipv4NormalRoutePriority: 1024,
      listenPort: null,
    });
  });

  test('prefixAdvertisements that are absent differ from none', () => {
    expect(decode(object('BGPConfiguration', {})).resource).toMatchObject({ prefixAdvertisements: null });
    expect(decode(object('BGPConfiguration', { prefixAdvertisements: [] })).resource).toMatchObject({
      prefixAdvertisements: [],
    });
  });

  test('deleted of an affinity may be a text, as in the v1 CRD', () => {
    const spec = { node: 'n', cidr: '10.0.0.0/26', state: 'confirmed', deleted: 'false' };
    expect(decode(object('BlockAffinity', spec)).resource).toMatchObject({ state: 'confirmed', type: 'host' });
  });

  test('unquoted labels of YAML are the texts that Calico makes of them', () => {
    const { resource } = fromYaml(
      `apiVersion: ${V3}\nkind: Node\nmetadata: {name: 17, labels: {a: yes, b: "yes", c: 1, d: on}}\n`,
    );
    expect(resource).toMatchObject({ name: '17', labels: { a: 'true', b: 'yes', c: '1', d: 'true' } });
  });

  test('a Kubernetes Node says the same in annotations', () => {
    const kubernetes = decode({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: 'n',
        labels: { rack: 'r1' },
        annotations: {
          'projectcalico.org/labels': '{"rack":"r0","zone":"z"}',
          'projectcalico.org/IPv4Address': '10.0.0.1/24',
          'projectcalico.org/IPv6Address': 'fd00::1/64',
          'projectcalico.org/ASNumber': '1.10',
          'projectcalico.org/RouteReflectorClusterID': '1.0.0.1',
          'projectcalico.org/IPv4WireguardInterfaceAddr': '192.168.9.9',
        },
      },
      spec: { podCIDRs: ['10.65.0.0/24'] },
    });
    const calico = decode({
      apiVersion: V3,
      kind: 'Node',
      metadata: { name: 'n', labels: { rack: 'r1', zone: 'z' } },
      spec: {
        bgp: {
          ipv4Address: '10.0.0.1/24',
          ipv6Address: 'fd00::1/64',
          asNumber: 65546,
          routeReflectorClusterID: '1.0.0.1',
        },
        wireguard: { interfaceIPv4Address: '192.168.9.9' },
      },
      status: { podCIDRs: ['10.65.0.0/24'] },
    });
    expect(kubernetes).toEqual(calico);
  });

  test('a bad annotation costs only itself', () => {
    const { resource, fields } = decode({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: 'n',
        annotations: { 'projectcalico.org/labels': '{', 'projectcalico.org/IPv4Address': '10.0.0.1/24' },
      },
    });
    expect(resource).toMatchObject({ labels: {}, ipv4: { address: '10.0.0.1' } });
    expect(fields).toEqual(['metadata.annotations.projectcalico.org/labels']);
  });
});

describe('secrets', () => {
  const secret = (content: object): Resource | null =>
    decode({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'kube-system' }, ...content })
      .resource;

  test.each<[sentence: string, content: object, values: object]>([
    ['base64, trailing newline kept', { data: { a: 'c2VjcmV0Cg==' } }, { a: 'secret\n' }],
    ['plain text', { stringData: { a: 'b' } }, { a: 'b' }],
    ['plain text goes before base64', { data: { a: 'eA==' }, stringData: { a: 'y' } }, { a: 'y' }],
    ['what is not UTF-8 is no password', { data: { a: '/w==' } }, { a: null }],
  ])('%s', (_sentence, content, values) => {
    expect(secret(content)).toMatchObject({ name: 'kube-system/s', values });
  });
});
