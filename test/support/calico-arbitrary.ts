/** Arbitrary Calico clusters: few names and addresses, so that resources meet each other often. */

import fc from 'fast-check';
import type { Condition } from '../../confd/desired-state.ts';
import type { Resource } from '../../confd/model/resource.ts';
import type { ResourceEvent } from '../../confd/resource-store.ts';
import {
  affinity,
  calicoVersion,
  configuration,
  filter,
  node,
  peer,
  pool,
  secret,
  service,
  slice,
  workload,
} from './calico-resources.ts';

const nodeName = fc.constantFrom('n1', 'n2', 'n3', 'n4');
const ipv4 = fc.integer({ min: 1, max: 5 }).map((last) => `10.0.0.${last}`);
const ipv6 = fc.integer({ min: 1, max: 5 }).map((last) => `fd00::${last}`);
const asNumber = fc.constantFrom(64512, 65001, 65002);
const port = fc.constantFrom(179, 1790, 1791);
const selector = fc.constantFrom('all()', "rack == 'a'", "rack != 'a'", 'has(rr)', '!has(rr)');
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const labels = fc
  .record(
    { rack: fc.constantFrom('a', 'b'), rr: fc.constantFrom('true'), excluded: fc.constantFrom('true') },
    { requiredKeys: [] },
  )
  .map(({ excluded, ...rest }) => (excluded === undefined ? rest : { ...rest, [EXCLUDE_LABEL]: excluded }));
const password = fc.record({
  secretKeyRef: fc.record({ name: fc.constantFrom('s1', 's2'), key: fc.constantFrom('a', 'b') }),
});
const cidr = fc.constantFrom(
  '10.244.0.0/16',
  '10.244.1.0/26',
  '10.244.2.0/26',
  '10.96.0.0/12',
  'fd00:1::/48',
  'fd00:1::/122',
);

const serviceCidr = fc.constantFrom('203.0.113.0/24', '203.0.113.1/32', '203.0.113.2/32', 'fd00:2::/64');
const serviceAddress = fc.constantFrom('203.0.113.1', '203.0.113.2', '203.0.113.3', 'fd00:2::1');

const aNode = fc
  .record({
    name: nodeName,
    bgp: fc.record(
      {
        ipv4Address: ipv4.map((address) => `${address}/24`),
        ipv6Address: ipv6.map((address) => `${address}/64`),
        asNumber,
        routeReflectorClusterID: fc.constantFrom('1.0.0.1', '1.0.0.2'),
      },
      { requiredKeys: [] },
    ),
    labels,
    wireguard: fc.record({ interfaceIPv4Address: fc.constant('10.9.0.1') }, { requiredKeys: [] }),
    podCIDRs: fc.uniqueArray(fc.constantFrom('10.65.1.0/24', '10.65.2.0/24', 'fd00:65::/64'), { maxLength: 2 }),
  })
  .map(({ name, bgp, labels: all, wireguard, podCIDRs }) => node(name, bgp, all, { wireguard }, { podCIDRs }));

const aConfiguration = fc
  .record({
    name: fc.constantFrom('default', 'default', 'node.n1', 'node.n2'),
    spec: fc.record(
      {
        nodeToNodeMeshEnabled: fc.boolean(),
        asNumber,
        listenPort: port,
        bindMode: fc.constantFrom('None', 'NodeIP'),
        programClusterRoutes: fc.constantFrom('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'),
        nodeMeshPassword: password,
        nodeMeshMaxRestartTime: fc.constantFrom('10s', '2h'),
        serviceClusterIPs: fc.array(fc.record({ cidr }), { maxLength: 2 }),
        serviceExternalIPs: fc.array(fc.record({ cidr: serviceCidr }), { maxLength: 2 }),
        serviceLoadBalancerIPs: fc.array(fc.record({ cidr: serviceCidr }), { maxLength: 2 }),
        serviceLoadBalancerAggregation: fc.constantFrom('Enabled', 'Disabled'),
        communities: fc.constant([{ name: 'name', value: '64512:7' }]),
        ignoredInterfaces: fc.uniqueArray(fc.constantFrom('eth1', 'docker*'), { maxLength: 2 }),
        ipv6NormalRoutePriority: fc.constantFrom(512, 1024),
        prefixAdvertisements: fc.array(fc.record({ cidr, communities: fc.constant(['1:2', 'name']) }), {
          maxLength: 2,
        }),
        logSeverityScreen: fc.constantFrom('Debug', 'Info', 'Error'),
        ipv4NormalRoutePriority: fc.constantFrom(512, 1024),
      },
      { requiredKeys: [] },
    ),
  })
  .map((one) => configuration(one.spec, one.name));

const peerName = fc.constantFrom('p1', 'p2', 'p3', 'p4', 'p5');
const how = fc.record(
  {
    keepOriginalNextHop: fc.boolean(),
    nextHopMode: fc.constantFrom('Auto', 'Self', 'Keep'),
    password,
    sourceAddress: fc.constantFrom('UseNodeIP', 'None'),
    maxRestartTime: fc.constantFrom('10s', '5000s'),
    numAllowedLocalASNumbers: fc.constantFrom(0, 2),
    keepaliveTime: fc.constantFrom('0s', '10s', '10m'),
    ttlSecurity: fc.constantFrom(0, 1, 255),
    filters: fc.array(fc.constantFrom('f1', 'f2'), { maxLength: 2 }),
    reversePeering: fc.constantFrom('Auto', 'Manual'),
  },
  { requiredKeys: [] },
);
const localSide = fc.oneof(
  fc.constant({}),
  nodeName.map((name) => ({ node: name })),
  selector.map((nodeSelector) => ({ nodeSelector })),
);
const remoteSide = fc.oneof(
  selector.map((peerSelector) => ({ peerSelector })),
  fc.record({
    peerIP: fc.oneof(
      ipv4,
      ipv6,
      ipv4.map((address) => `${address}:1790`),
    ),
    asNumber,
    localASNumber: asNumber,
  }),
  fc.record({ peerIP: ipv4 }),
  fc.record({ localWorkloadSelector: fc.constant('all()'), asNumber }),
  fc.record({ peerIP: ipv4, asNumber, reachableBy: fc.constantFrom('10.0.0.254', '10.0.0.253') }),
);
const aPeer = fc
  .tuple(peerName, localSide, remoteSide, how)
  .map(([name, local, remote, rest]) => peer(name, { ...local, ...remote, ...rest }));

const aRule = fc.record(
  {
    action: fc.constantFrom('Accept', 'Reject'),
    match: fc.constantFrom(
      { cidr: '10.0.0.0/8', matchOperator: 'In' },
      { cidr: '10.244.0.0/16', matchOperator: 'NotIn', prefixLength: { min: 24, max: 28 } },
      { cidr: '10.244.0.0/16', matchOperator: 'Equal' },
    ),
    source: fc.constant('RemotePeers'),
    peerType: fc.constantFrom('eBGP', 'iBGP'),
    priority: fc.constantFrom(512, 1024),
  },
  { requiredKeys: ['action'] },
);
const aFilter = fc
  .record({
    name: fc.constantFrom('f1', 'f2'),
    rules: fc.array(aRule, { maxLength: 2 }),
    lists: fc.uniqueArray(fc.constantFrom('importV4', 'exportV4'), { minLength: 1 }),
  })
  .map(({ name, rules, lists }) => {
    const written = rules.map(({ match, ...rest }) => ({ ...match, ...rest }));
    return filter(name, Object.fromEntries(lists.map((list) => [list, written])));
  });

const aPool = fc
  .record({
    name: fc.constantFrom('pool1', 'pool2', 'pool3'),
    spec: fc.record({
      cidr,
      encapsulation: fc.constantFrom(
        {},
        { ipipMode: 'Always' },
        { ipipMode: 'CrossSubnet' },
        { vxlanMode: 'Always' },
        { vxlanMode: 'CrossSubnet' },
      ),
      disableBGPExport: fc.boolean(),
    }),
  })
  .map(({ name, spec: { encapsulation, ...spec } }) => pool(name, { ...spec, ...encapsulation }));

const anAffinity = fc
  .record({ node: nodeName, cidr, state: fc.constantFrom('confirmed', 'pending', 'pendingDeletion') })
  .map((one) => affinity(one.node, one.cidr, one.state));

const aSecret = fc
  .record({
    name: fc.constantFrom('s1', 's2'),
    values: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y', '')),
  })
  .map((one) => secret(one.name, one.values));

const serviceName = fc.constantFrom('web', 'shop');
const aService = fc
  .record({
    name: serviceName,
    spec: fc.record(
      {
        type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
        clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', 'fd00:1::1', 'None'),
        externalIPs: fc.array(serviceAddress, { maxLength: 2 }),
        externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
      },
      { requiredKeys: ['type'] },
    ),
    ingress: fc.array(serviceAddress, { maxLength: 2 }),
  })
  .map((one) => service(one.name, one.spec, one.ingress));

const aSlice = fc
  .record({
    name: fc.constantFrom('x', 'y', 'z'),
    service: serviceName,
    nodes: fc.uniqueArray(fc.constantFrom('n1', 'n2', '!n1'), { maxLength: 2 }),
    addressType: fc.constantFrom('IPv4', 'IPv4', 'IPv6'),
  })
  .map((one) => slice(one.name, one.service, one.nodes, one.addressType));

const aWorkload = fc
  .record({
    name: fc.constantFrom('w1', 'w2'),
    ipv4Nets: ipv4.map((address) => [`${address}/32`]),
    ipv6Nets: ipv6.map((address) => [`${address}/128`]),
    bgpPeerName: peerName,
  })
  .map(({ name, ...status }) => workload(name, status));

const aVersion = fc.constantFrom('v3.28.0', 'v3.31.7', 'v3.32.1', 'v3.33.0', 'master').map(calicoVersion);

/** Any one resource. */
export const anyResource: fc.Arbitrary<Resource> = fc.oneof(
  { arbitrary: aNode, weight: 4 },
  { arbitrary: aPeer, weight: 4 },
  { arbitrary: aConfiguration, weight: 2 },
  aFilter,
  aPool,
  anAffinity,
  aSecret,
  { arbitrary: aService, weight: 2 },
  { arbitrary: aSlice, weight: 2 },
  aWorkload,
  aVersion,
);

/** A cluster: resources with different names. */
export const anyCluster: fc.Arbitrary<Resource[]> = fc
  .uniqueArray(anyResource, { selector: (one) => `${one.kind}/${one.name}`, maxLength: 25 })
  .map((resources) => resources);

const doubt = (field: string): Condition[] => [
  { resource: 'somewhere', field, message: 'is doubtful', severity: 'warning' },
];

/** What a datastore may say of a resource: that it is so, that it is gone, that it cannot be read; with complaints or not. */
export const anyEvent: fc.Arbitrary<ResourceEvent> = fc.oneof(
  { arbitrary: anyResource.map((resource): ResourceEvent => ({ type: 'set', resource, conditions: [] })), weight: 6 },
  anyResource.map((resource): ResourceEvent => ({ type: 'set', resource, conditions: doubt('spec.part') })),
  anyResource.map(
    ({ kind, name }): ResourceEvent => ({ type: 'refused', key: { kind, name }, conditions: doubt('spec') }),
  ),
  {
    arbitrary: anyResource.map(({ kind, name }): ResourceEvent => ({ type: 'deleted', key: { kind, name } })),
    weight: 2,
  },
);
