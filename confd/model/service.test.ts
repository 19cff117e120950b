import { describe, expect, test } from 'vitest';
import { decodeObject, formatKey, type Resource } from './resource.ts';
import { formatPath } from './schema.ts';

function decode(input: unknown): { resource: Resource | null; key: string; fields: string[] } {
  const decoded = decodeObject(input);
  if (decoded.outcome === 'ignored') throw new Error('ignored');
  const key = decoded.outcome === 'accepted' ? decoded.resource : decoded.key;
  return {
    resource: decoded.outcome === 'accepted' ? decoded.resource : null,
    key: key === null ? '' : formatKey(key),
    fields: decoded.issues.map((issue) => formatPath(issue.path)),
  };
}

function service(spec: object, status: object = {}, metadata: object = { name: 'web', namespace: 'shop' }): object {
  return { apiVersion: 'v1', kind: 'Service', metadata, spec, status };
}

describe('Service', () => {
  test.each<[sentence: string, input: object, expected: object | null, fields: string[]]>([
    [
      'as the API server prints it',
      service(
        {
          type: 'LoadBalancer',
          clusterIP: '10.96.0.10',
          clusterIPs: ['10.96.0.10', 'fd00:96::a'],
          externalIPs: ['203.0.113.9'],
          loadBalancerIP: '198.51.100.1',
          externalTrafficPolicy: 'Local',
          ipFamilies: ['IPv4', 'IPv6'],
          ports: [{ port: 80 }],
        },
        { loadBalancer: { ingress: [{ ip: '198.51.100.1' }, { hostname: 'lb.example' }] } },
      ),
      {
        kind: 'Service',
        name: 'shop/web',
        type: 'LoadBalancer',
        clusterIps: ['10.96.0.10', 'fd00:96::a'],
        externalIps: ['203.0.113.9'],
        loadBalancerIp: '198.51.100.1',
        ingressIps: ['198.51.100.1'],
        externalTrafficPolicy: 'Local',
        families: ['ipv4-unicast', 'ipv6-unicast'],
      },
      [],
    ],
    [
      'from a file that never went through an API server',
      service({ clusterIP: '10.96.0.10' }),
      {
        type: 'ClusterIP',
        clusterIps: ['10.96.0.10'],
        externalIps: [],
        externalTrafficPolicy: null,
        families: ['ipv4-unicast'],
      },
      [],
    ],
    [
      'that can be reached from outside follows the cluster policy unless it says otherwise',
      service({ clusterIP: '10.96.0.10', externalIPs: ['203.0.113.9'] }),
      { externalTrafficPolicy: 'Cluster' },
      [],
    ],
    [
      'that is headless has no cluster IP',
      service({ clusterIP: 'None', clusterIPs: ['None'] }),
      { clusterIps: [] },
      [],
    ],
    ['without cluster IP yet', service({ type: 'NodePort' }), { clusterIps: [] }, []],
    ['with addresses in any form', service({ clusterIP: 'FD00:96::000A' }), { clusterIps: ['fd00:96::a'] }, []],
    [
      'with a bad external address loses it alone',
      service({ clusterIP: '10.96.0.10', externalIPs: ['203.0.113.9', '203.0.113.9/32'] }),
      { externalIps: ['203.0.113.9'] },
      ['spec.externalIPs[1]'],
    ],
    [
      'with a bad address in its status loses it alone',
      service({ clusterIP: '10.96.0.10' }, { loadBalancer: { ingress: [{ ip: 'x' }, { ip: '198.51.100.1' }] } }),
      { ingressIps: ['198.51.100.1'] },
      ['status.loadBalancer.ingress[0].ip'],
    ],
    [
      'with an unknown traffic policy is refused: guessing could draw traffic to a node without endpoints',
      service({ clusterIP: '10.96.0.10', externalTrafficPolicy: 'Near' }),
      null,
      ['spec.externalTrafficPolicy'],
    ],
    ['of a type that is not known yet is kept as it says', service({ type: 'Mesh' }), { type: 'Mesh' }, []],
  ])('%s', (_sentence, input, expected, fields) => {
    const decoded = decode(input);
    if (expected === null) expect(decoded.resource).toBeNull();
    else expect(decoded.resource).toMatchObject(expected);
    expect(decoded.fields).toEqual(fields);
    expect(decoded.key).toBe('Service/shop/web');
  });

  test('without namespace is in `default`, refused or not', () => {
    expect(decode(service({}, {}, { name: 'web' })).key).toBe('Service/default/web');
    expect(decode(service({ externalTrafficPolicy: 'Near' }, {}, { name: 'web' })).key).toBe('Service/default/web');
  });
});

function slice(content: object, labels: object = { 'kubernetes.io/service-name': 'web' }): object {
  const metadata = { name: 'web-x7k', namespace: 'shop', labels };
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4', ...content };
}

describe('EndpointSlice', () => {
  test.each<[sentence: string, input: object, expected: object | null, fields: string[]]>([
    [
      'says on which nodes there are endpoints, not how many',
      slice({
        endpoints: [
          { addresses: ['10.244.1.2'], nodeName: 'n2', conditions: { ready: true, serving: false } },
          { addresses: ['10.244.1.3'], nodeName: 'n2', conditions: { ready: false } },
          { addresses: ['10.244.1.4'], nodeName: 'n1', conditions: { terminating: true } },
          { addresses: ['10.244.1.5'], nodeName: 'n2' },
        ],
      }),
      {
        kind: 'EndpointSlice',
        name: 'shop/web-x7k',
        service: 'shop/web',
        family: 'ipv4-unicast',
        readyNodes: ['n1', 'n2'],
        unreadyNodes: ['n2'],
      },
      [],
    ],
    [
      'without readiness counts as ready',
      slice({ endpoints: [{ conditions: { ready: null } }] }),
      { readyNodes: [''] },
      [],
    ],
    ['without endpoints', slice({ endpoints: null }), { readyNodes: [], unreadyNodes: [] }, []],
    ['of no Service', slice({}, {}), { service: null }, []],
    ['of host names has no family', slice({ addressType: 'FQDN' }), { family: null }, []],
    [
      'with a bad endpoint loses it alone',
      slice({ endpoints: [{ nodeName: 'n1', conditions: { ready: 'maybe' } }, { nodeName: 'n2' }] }),
      { readyNodes: ['n2'] },
      ['endpoints[0].conditions.ready'],
    ],
    ['without address type is refused', slice({ addressType: undefined }), null, ['addressType']],
  ])('%s', (_sentence, input, expected, fields) => {
    const decoded = decode(input);
    if (expected === null) expect(decoded.resource).toBeNull();
    else expect(decoded.resource).toMatchObject(expected);
    expect(decoded.fields).toEqual(fields);
  });
});
