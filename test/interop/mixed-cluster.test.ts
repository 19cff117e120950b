/**
 * One Calico cluster, run by BIRD alone and by BIRD and Peregrine in every mixture that gives each node both: the kernel
 * of every node ends with the same routes, and routers outside are told the same by every node.
 *
 * BIRD's configuration is written by hand from the semantics (test/support/calico-bird.ts), Peregrine gets the
 * resources of the same meaning. The clusters have everything that decides about routes: IPAM blocks, workload routes
 * of normal and of better priority, borrowed addresses, pools with and without IPIP and one that must not be exported,
 * service ranges and single addresses, communities, BGPFilters, priorities as LOCAL_PREF, a node without subnet.
 */

import { expect, test } from 'vitest';
import { type BirdNode, type BirdSession, calicoBirdConfiguration } from '../support/calico-bird.ts';
import { CalicoDaemon, type CalicoObject, calicoObject } from '../support/calico-daemon.ts';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { birdEstablished, runBird } from '../support/peers/bird.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { announcement, FAMILIES, type Family, neighbour, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { addressOf, kernelRoutes, placeOf } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const AS = 64_512;
const TOR_AS = 65_000;
const DEADLINE_MS = 90_000;
const TEST_TIMEOUT_MS = 240_000;
const CLUSTER_ID = '1.0.0.1';
/** The node that Calico knows by a bare address: no other node is in its subnet. */
const LONELY = 3;

type Software = 'bird' | 'peregrine';

const LABELS = ['n1', 'n2', 'n3', 'n4', 'tor', 'tor2'] as const;
const NODES = [1, 2, 3, 4] as const;
type NodeNumber = (typeof NODES)[number];

const blocksOf = (n: NodeNumber): string[] => [
  `10.244.${n}.0/26`,
  `10.245.${n}.0/26`,
  `10.246.${n}.0/26`,
  `fd00:10:244:${n}::/122`,
];
const SERVICE_RANGES = ['10.96.0.0/16', '203.0.113.0/24', 'fd00:10:96::/112'];
/** Of a Service whose only endpoint is on node 2. */
const SERVICE_ADDRESSES = ['10.96.0.10/32', '203.0.113.10/32'];
const COMMUNITIES = [
  { cidr: '10.244.0.0/16', add: ['64512:1:2', '64512:244'] },
  { cidr: 'fd00:10:244::/48', add: ['64512:246'] },
];

const MOVING_AT_SOURCE = '10.244.1.7/32 dev cali1 proto boot metric 1024';
const MOVING_AT_TARGET = '10.244.1.7/32 dev cali1 proto boot metric 512';

/** What Felix would have put into the kernel of a node; cali1 is the interface of a workload. */
const workloadRoutes = (n: NodeNumber): string[] => [
  // Inside the own block: hidden behind it.
  `10.244.${n}.5/32 dev cali1 proto boot metric 1024`,
  `fd00:10:244:${n}::5/128 dev cali1 proto boot metric 1024`,
  // A virtual machine that has just moved here.
  `10.244.${n}.6/32 dev cali1 proto boot metric 512`,
  `fd00:10:244:${n}::6/128 dev cali1 proto boot metric 512`,
  // Addresses from blocks of nobody here.
  `10.244.99.${n}/32 dev cali1 proto boot metric 1024`,
  `10.245.99.${n}/32 dev cali1 proto boot metric 1024`,
  `fd00:10:244:99::${n}/128 dev cali1 proto boot metric 1024`,
  // A virtual machine that moves from node 1 to node 2: both have it, the latter's is preferred.
  ...(n === 1 ? [MOVING_AT_SOURCE] : []),
  ...(n === 2 ? [MOVING_AT_TARGET] : []),
  // In no pool.
  `192.0.2.${n}/32 dev cali1 proto boot metric 1024`,
];

const RESOURCES = (lab: Laboratory): CalicoObject[] => [
  ...NODES.map((n) => nodeObject(lab.router(`n${n}`), n)),
  calicoObject('IPPool', 'plain', { cidr: '10.244.0.0/16' }),
  calicoObject('IPPool', 'ipip', { cidr: '10.245.0.0/16', ipipMode: 'CrossSubnet' }),
  calicoObject('IPPool', 'hidden', { cidr: '10.246.0.0/16', disableBGPExport: true }),
  calicoObject('IPPool', 'plain6', { cidr: 'fd00:10:244::/48' }),
  ...NODES.flatMap((n) =>
    blocksOf(n).map((cidr) =>
      calicoObject('BlockAffinity', `n${n}-${cidr.replaceAll(/[.:/]/g, '-')}`, {
        node: `n${n}`,
        cidr,
        state: 'confirmed',
      }),
    ),
  ),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.10',
      externalIPs: ['203.0.113.10'],
      externalTrafficPolicy: 'Local',
    },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [{ nodeName: 'n2', addresses: ['10.244.2.5'] }],
  },
  calicoObject('BGPFilter', 'tor', {
    exportV4: [
      { cidr: '10.244.99.0/24', matchOperator: 'In', action: 'Reject' },
      {
        priority: 512,
        peerType: 'eBGP',
        action: 'Accept',
        operations: [{ addCommunity: { value: '65000:512' } }, { prependASPath: { prefix: [AS] } }],
      },
    ],
    importV4: [
      {
        cidr: '172.16.1.0/24',
        matchOperator: 'Equal',
        action: 'Accept',
        operations: [{ setPriority: { value: 300 } }],
      },
      { cidr: '172.16.3.0/24', matchOperator: 'In', source: 'RemotePeers', action: 'Reject' },
    ],
    exportV6: [{ cidr: 'fd00:10:244:99::/64', matchOperator: 'In', action: 'Reject' }],
  }),
];

/** The statements of the filter `tor`, as its resource above says. */
const TOR_FILTER = {
  'ipv4-unicast': {
    importFilter:
      'if net = 172.16.1.0/24 then { bgp_local_pref = 2147483347; accept; } if net ~ [ 172.16.3.0/24+ ] then reject;',
    exportFilter:
      'if net ~ [ 10.244.99.0/24+ ] then reject; ' +
      'if bgp_local_pref = 2147483135 then { bgp_community.add((65000, 512)); bgp_path.prepend(64512); accept; }',
  },
  'ipv6-unicast': { exportFilter: 'if net ~ [ fd00:10:244:99::/64+ ] then reject;' },
} as const;

function nodeObject(place: Namespace, n: NodeNumber): CalicoObject {
  const bits = n === LONELY ? '' : '/24';
  const bgp = { ipv4Address: `${place.ipv4}${bits}`, ipv6Address: `${place.ipv6}/64` };
  const isReflector = n === 1;
  return calicoObject('Node', `n${n}`, { bgp }, isReflector ? { reflector: 'true' } : {});
}

const COMMON_CONFIGURATION = {
  // Felix leaves all routes to the BGP side.
  programClusterRoutes: 'Enabled',
  serviceClusterIPs: [{ cidr: '10.96.0.0/16' }, { cidr: 'fd00:10:96::/112' }],
  serviceExternalIPs: [{ cidr: '203.0.113.0/24' }],
  communities: [{ name: 'pods', value: '64512:244' }],
  prefixAdvertisements: [
    { cidr: '10.244.0.0/16', communities: ['pods', '64512:1:2'] },
    { cidr: 'fd00:10:244::/48', communities: ['64512:246'] },
  ],
};

const underscored = (address: string): string => address.replaceAll(/[.:]/g, '_');

/** Who has sessions with whom, and the resources that say so. */
interface Scenario {
  readonly what: string;
  readonly objects: (lab: Laboratory) => readonly CalicoObject[];
  readonly sessions: (lab: Laboratory, n: NodeNumber, family: Family) => readonly BirdSession[];
  readonly isReflector: (n: NodeNumber) => boolean;
  /** Nodes that peer with the routers outside. */
  readonly withTor: readonly NodeNumber[];
  readonly mixtures: readonly (readonly [Software, Software, Software, Software])[];
}

const torSessions = (lab: Laboratory, family: Family): BirdSession[] => [
  {
    name: `Global_${underscored(addressOf(lab.router('tor'), family))}`,
    address: addressOf(lab.router('tor'), family),
    as: TOR_AS,
    ...TOR_FILTER[family],
  },
];
const torPeers = (lab: Laboratory, more: object = {}): CalicoObject[] =>
  FAMILIES.map((family) =>
    calicoObject('BGPPeer', family === 'ipv4-unicast' ? 'tor4' : 'tor6', {
      peerIP: addressOf(lab.router('tor'), family),
      asNumber: TOR_AS,
      filters: ['tor'],
      ...more,
    }),
  );
/** An internal router outside the cluster, without filters: iBGP as a fabric's route server would have it. */
const insideSession = (lab: Laboratory, family: Family): BirdSession => ({
  name: `Global_${underscored(addressOf(lab.router('tor2'), family))}`,
  address: addressOf(lab.router('tor2'), family),
  as: AS,
});
const insidePeers = (lab: Laboratory, more: object = {}): CalicoObject[] =>
  FAMILIES.map((family) =>
    calicoObject('BGPPeer', family === 'ipv4-unicast' ? 'inside4' : 'inside6', {
      peerIP: addressOf(lab.router('tor2'), family),
      asNumber: AS,
      ...more,
    }),
  );

const MESH: Scenario = {
  what: 'a mesh, every node with a ToR',
  objects: (lab) => [
    calicoObject('BGPConfiguration', 'default', COMMON_CONFIGURATION),
    ...torPeers(lab),
    ...insidePeers(lab),
  ],
  sessions: (lab, n, family) => {
    const own = addressOf(lab.router(`n${n}`), family);
    const mesh = NODES.filter((other) => other !== n).map((other): BirdSession => {
      const address = addressOf(lab.router(`n${other}`), family);
      return { name: `Mesh_${underscored(address)}`, address, as: AS, passive: address > own };
    });
    return [...mesh, ...torSessions(lab, family), insideSession(lab, family)];
  },
  isReflector: () => false,
  withTor: NODES,
  mixtures: [
    ['peregrine', 'bird', 'peregrine', 'bird'],
    ['bird', 'peregrine', 'bird', 'peregrine'],
  ],
};

const REFLECTED: Scenario = {
  what: 'a route reflector, which alone has a ToR',
  objects: (lab) => {
    const only = { nodeSelector: 'has(reflector)' };
    return [
      calicoObject('BGPConfiguration', 'default', { ...COMMON_CONFIGURATION, nodeToNodeMeshEnabled: false }),
      calicoObject('BGPPeer', 'reflectors', { nodeSelector: 'all()', peerSelector: 'has(reflector)' }),
      ...torPeers(lab, only),
      ...insidePeers(lab, only),
    ];
  },
  sessions: (lab, n, family) => {
    const towards = (other: NodeNumber, isClient: boolean): BirdSession => {
      const address = addressOf(lab.router(`n${other}`), family);
      return { name: `Node_${underscored(address)}`, address, as: AS, isClient };
    };
    if (n !== 1) return [towards(1, false)];
    const outside = [...torSessions(lab, family), insideSession(lab, family)];
    // An external iBGP peer given by address is a client as well: its cluster is not known.
    const named = outside.map((one) => ({ ...one, name: one.name.replace('Global', 'Node'), isClient: one.as === AS }));
    return [towards(2, true), towards(3, true), towards(4, true), ...named];
  },
  isReflector: (n) => n === 1,
  withTor: [1],
  mixtures: [
    ['peregrine', 'bird', 'bird', 'bird'],
    ['bird', 'peregrine', 'peregrine', 'peregrine'],
  ],
};

function birdNode(scenario: Scenario, lab: Laboratory, n: NodeNumber): BirdNode {
  const place = lab.router(`n${n}`);
  return {
    routerId: place.ipv4,
    as: AS,
    ipv4: place.ipv4,
    ipv6: place.ipv6,
    subnet: n === LONELY ? `${place.ipv4}/32` : '198.18.0.0/24',
    blocks: blocksOf(n),
    pools: [
      { cidr: '10.244.0.0/16', isExported: true, encapsulation: 'plain' },
      { cidr: '10.245.0.0/16', isExported: true, encapsulation: 'cross-subnet' },
      { cidr: '10.246.0.0/16', isExported: false, encapsulation: 'plain' },
      { cidr: 'fd00:10:244::/48', isExported: true, encapsulation: 'plain' },
    ],
    serviceRanges: SERVICE_RANGES,
    serviceAddresses: n === 2 ? SERVICE_ADDRESSES : [],
    communities: COMMUNITIES,
    sessions: FAMILIES.flatMap((family) => scenario.sessions(lab, n, family)),
    ...(scenario.isReflector(n) ? { clusterId: CLUSTER_ID, reflectedRanges: ['203.0.113.0/24'] } : {}),
  };
}

/** What Felix has done before any BGP speaker starts. */
async function prepareNode(lab: Laboratory, n: NodeNumber): Promise<void> {
  const place = lab.router(`n${n}`);
  // Any device will do for tunnels: packets are not sent here, routes are.
  for (const device of ['cali1', 'tunl0']) {
    await lab.ip(place, 'link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}p`);
    await lab.ip(place, 'link', 'set', `${device}p`, 'up');
    await lab.ip(place, 'link', 'set', device, 'up');
  }
  for (const route of workloadRoutes(n)) await lab.ip(place, 'route', 'add', ...route.split(' '));
}

interface Cluster {
  readonly software: readonly Software[];
  readonly lab: Laboratory;
  readonly tor: Router;
  readonly inside: Router;
}

async function startCluster(scenario: Scenario, software: readonly Software[]): Promise<Cluster> {
  const lab = await Laboratory.create(LABELS);
  const towards = (router: Namespace, as: number) => ({
    localAs: as,
    routerId: router.ipv4,
    neighbours: scenario.withTor.flatMap((n) =>
      FAMILIES.map((family) =>
        neighbour({
          address: addressOf(lab.router(`n${n}`), family),
          localAddress: addressOf(router, family),
          as: AS,
          families: [family],
          passive: true,
        }),
      ),
    ),
    networks: [],
  });
  const [torPlace, insidePlace] = [lab.router('tor'), lab.router('tor2')];
  const networks = ['172.16.1.0/24', '172.16.2.0/24', '172.16.3.0/24', '2001:db8:172::/48'];
  const [tor, inside] = await Promise.all([
    startRouter('gobgp', lab, torPlace, {
      ...towards(torPlace, TOR_AS),
      networks: networks.map((prefix) => announcement(prefix)),
    }),
    startRouter('bird', lab, insidePlace, towards(insidePlace, AS)),
    ...NODES.map((n) => prepareNode(lab, n)),
  ]);
  const objects = [...RESOURCES(lab), ...scenario.objects(lab)].map((one) => {
    const isReflector =
      one.kind === 'Node' && NODES.some((n) => one.metadata.name === `n${n}` && scenario.isReflector(n));
    if (!isReflector) return one;
    const spec = one.spec as { readonly bgp: object };
    return { ...one, spec: { bgp: { ...spec.bgp, routeReflectorClusterID: CLUSTER_ID } } };
  });
  await Promise.all(
    NODES.map(async (n) => {
      const namespace = lab.router(`n${n}`);
      if (software[n - 1] === 'bird') {
        await runBird(placeOf(lab, namespace), calicoBirdConfiguration(birdNode(scenario, lab, n)));
      } else {
        await CalicoDaemon.start({ node: `n${n}`, objects, place: { lab, namespace }, kernel: 'netlink' });
      }
    }),
  );
  return { software, lab, tor, inside };
}

/** The virtual machine has arrived: it is gone from node 1, and a workload like any other on node 2. */
async function endMigration({ lab }: Cluster): Promise<void> {
  const [source, target] = [lab.router('n1'), lab.router('n2')];
  await lab.ip(source, 'route', 'del', ...MOVING_AT_SOURCE.split(' '));
  await lab.ip(target, 'route', 'add', ...MOVING_AT_TARGET.replace('512', '1024').split(' '));
  await lab.ip(target, 'route', 'del', ...MOVING_AT_TARGET.split(' '));
}

/** More than two looks of BIRD at the kernel's table. */
const SETTLED_MS = 2_500;

/** Asks until the answer has been the same for a while. */
async function settled(what: string, read: () => Promise<Outcome>): Promise<Outcome> {
  let last = '';
  let sinceMs = 0;
  return waitUntil(what, DEADLINE_MS, read, (outcome) => {
    const now = JSON.stringify(outcome);
    if (now !== last) sinceMs = performance.now();
    last = now;
    return performance.now() - sinceMs > SETTLED_MS;
  });
}

/** Fails with the difference when the cluster does not come to this. */
async function comesTo(expected: Outcome, what: string, read: () => Promise<Outcome>): Promise<void> {
  const wanted = JSON.stringify(expected);
  const outcome = await waitUntil(what, DEADLINE_MS, read, (one) => JSON.stringify(one) === wanted).catch(read);
  expect(outcome, what).toEqual(expected);
}

/** What a cluster has come to: the kernels of its nodes, and what the routers outside hear from each. */
interface Outcome {
  readonly [what: string]: readonly unknown[];
}

/** Attributes that go over the wire; what a router makes of them for itself is not compared. */
function told({ extendedCommunities: _, pathId: __, ...route }: ReceivedRoute): string {
  return JSON.stringify(route);
}

/**
 * When a route's metric changes, BIRD 2 leaves the route with the old one where it is (Calico's BIRD deletes first, 5.1).
 * Nodes with Peregrine are not excused.
 */
function withoutLeftovers(outcome: Outcome, { software }: Cluster): Outcome {
  const isLeftover = (line: unknown): boolean => /^10\.244\.1\.7 .* metric 512$/.test(String(line));
  const ofBird = NODES.filter((n) => software[n - 1] === 'bird').map((n) => `kernel of n${n} ipv4-unicast`);
  return Object.fromEntries(
    Object.entries(outcome).map(([what, lines]) => [
      what,
      ofBird.includes(what) ? lines.filter((line) => !isLeftover(line)) : lines,
    ]),
  );
}

async function outcomeOf(scenario: Scenario, { lab, tor, inside }: Cluster): Promise<Outcome> {
  const outcome: { [what: string]: readonly unknown[] } = {};
  for (const n of NODES) {
    const place = lab.router(`n${n}`);
    for (const family of FAMILIES) {
      outcome[`kernel of n${n} ${family}`] = await kernelRoutes(lab, place, family);
      if (!scenario.withTor.includes(n)) continue;
      const from = addressOf(place, family);
      outcome[`tor from n${n} ${family}`] = (await tor.received(from, family)).map(told);
      outcome[`inside from n${n} ${family}`] = (await inside.received(from, family)).map(told);
    }
  }
  return outcome;
}

describeInterop('a Calico cluster of BIRD and Peregrine', ['bird', 'gobgp'], () => {
  test.each([MESH, REFLECTED])(
    '$what',
    async (scenario) => {
      const mixtures: readonly (readonly Software[])[] = [['bird', 'bird', 'bird', 'bird'], ...scenario.mixtures];
      const clusters = await Promise.all(mixtures.map((software) => startCluster(scenario, software)));
      try {
        const [reference, ...mixed] = clusters;
        for (const n of NODES)
          await birdEstablished(placeOf(reference.lab, reference.lab.router(`n${n}`)), DEADLINE_MS);
        const expected = await settled('BIRD alone, at first', () => outcomeOf(scenario, reference));
        // What the reference must show for the comparison to mean something.
        expect(expected['kernel of n1 ipv4-unicast']).toEqual(
          expect.arrayContaining([
            '10.244.1.7 via 198.18.0.2 dev eth0 metric 512',
            '10.244.2.0/26 via 198.18.0.2 dev eth0 metric 1024',
            '172.16.1.0/24 via 198.18.0.5 dev eth0 metric 300',
            '172.16.2.0/24 via 198.18.0.5 dev eth0 metric 2147483547',
            'blackhole 10.246.1.0/26',
          ]),
        );
        expect(expected[`kernel of n${LONELY} ipv4-unicast`]).toContain(
          '10.245.2.0/26 via 198.18.0.2 dev tunl0 metric 1024 onlink',
        );
        for (const [index, cluster] of mixed.entries()) {
          await comesTo(expected, scenario.mixtures[index].join(' '), () => outcomeOf(scenario, cluster));
        }
        await Promise.all(clusters.map(endMigration));
        const outcomeAfterwards = async (cluster: Cluster): Promise<Outcome> =>
          withoutLeftovers(await outcomeOf(scenario, cluster), cluster);
        const afterwards = await settled('BIRD alone, afterwards', () => outcomeAfterwards(reference));
        expect(afterwards['kernel of n1 ipv4-unicast']).toContain('10.244.1.7 via 198.18.0.2 dev eth0 metric 1024');
        for (const [index, cluster] of mixed.entries()) {
          const what = `${scenario.mixtures[index].join(' ')} afterwards`;
          await comesTo(afterwards, what, () => outcomeAfterwards(cluster));
        }
      } finally {
        await Promise.all(clusters.map(({ lab }) => lab.close()));
      }
    },
    TEST_TIMEOUT_MS,
  );
});
