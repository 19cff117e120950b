/** Arbitrary Calico clusters: few names and addresses, so that resources meet each other often. */

import fc from 'fast-check';
import type { Resource } from '../../confd/model/resource.ts';
import { affinity, configuration, filter, node, peer, pool, secret } from './calico-resources.ts';

const nodeName = fc.constantFrom('n1', 'n2', 'n3', 'n4');
const ipv4 = fc.integer({ min: 1, max: 5 }).map((last) => `10.0.0.${last}`);
const ipv6 = fc.integer({ min: 1, max: 5 }).map((last) => `fd00::${last}`);
const asNumber = fc.constantFrom(64512, 65001, 65002);
const port = fc.constantFrom(179, 1790, 1791);
const selector = fc.constantFrom('all()', "rack == 'a'", "rack != 'a'", 'has(rr)', '!has(rr)');
const labels = fc.record({ rack: fc.constantFrom('a', 'b'), rr: fc.constantFrom('true') }, { requiredKeys: [] });
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
  })
  .map((one) => node(one.name, one.bgp, one.labels));

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
  fc.record({ peerIP: ipv4, asNumber, reachableBy: fc.constantFrom('10.0.0.254', '10.0.0.253') }),
);
const aPeer = fc
  .tuple(peerName, localSide, remoteSide, how)
  .map(([name, local, remote, rest]) => peer(name, { ...local, ...remote, ...rest }));

const aFilter = fc
  .record({
    name: fc.constantFrom('f1', 'f2'),
    action: fc.constantFrom('Accept', 'Reject'),
    cidr: fc.constantFrom('10.0.0.0/8', '10.244.0.0/16'),
  })
  .map((one) => filter(one.name, { exportV4: [{ action: one.action, cidr: one.cidr, matchOperator: 'In' }] }));

const aPool = fc
  .record({
    name: fc.constantFrom('pool1', 'pool2', 'pool3'),
    spec: fc.record({
      cidr,
      ipipMode: fc.constantFrom('Never', 'Always', 'CrossSubnet'),
      disableBGPExport: fc.boolean(),
    }),
  })
  .map((one) => pool(one.name, one.spec));

const anAffinity = fc
  .record({ node: nodeName, cidr, state: fc.constantFrom('confirmed', 'pending', 'pendingDeletion') })
  .map((one) => affinity(one.node, one.cidr, one.state));

const aSecret = fc
  .record({
    name: fc.constantFrom('s1', 's2'),
    values: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y', '')),
  })
  .map((one) => secret(one.name, one.values));

/** Any one resource. */
export const anyResource: fc.Arbitrary<Resource> = fc.oneof(
  { arbitrary: aNode, weight: 4 },
  { arbitrary: aPeer, weight: 4 },
  { arbitrary: aConfiguration, weight: 2 },
  aFilter,
  aPool,
  anAffinity,
  aSecret,
);

/** A cluster: resources with different names. */
export const anyCluster: fc.Arbitrary<Resource[]> = fc
  .uniqueArray(anyResource, { selector: (one) => `${one.kind}/${one.name}`, maxLength: 25 })
  .map((resources) => resources);
