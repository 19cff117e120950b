/**
 * The lab's cluster as Calico resources and the ToR's configuration in the words of whoever plays it: what a cluster
 * of three nodes with one IP pool per family, an iBGP full mesh and one global eBGP peer looks like.
 */

export interface LabNode {
  readonly name: string;
  readonly ipv4: string;
  /** Absent in the unprivileged lab, which has loopback IPv4 only. */
  readonly ipv6: string | null;
  readonly block4: string;
  readonly block6: string | null;
  readonly workload4: string;
  readonly workload6: string | null;
}

export interface LabPlan {
  readonly nodes: readonly LabNode[];
  readonly clusterAs: number;
  readonly torAs: number;
  readonly tor4: string;
  readonly tor6: string | null;
  readonly port: number;
  readonly prefixLength4: number;
  /** What the ToR announces to the nodes, and the address in it that answers pings. */
  readonly external4: string;
  readonly externalAddress4: string;
  readonly external6: string | null;
}

export const PRIVILEGED_PLAN: LabPlan = {
  nodes: [1, 2, 3].map((n) => ({
    name: `node-${n}`,
    ipv4: `10.77.0.${n}`,
    ipv6: `fd77::${n}`,
    block4: `192.168.${n}.0/26`,
    block6: `fd88:${n}::/122`,
    workload4: `192.168.${n}.2`,
    workload6: `fd88:${n}::2`,
  })),
  clusterAs: 64512,
  torAs: 65000,
  tor4: '10.77.0.254',
  tor6: 'fd77::fe',
  port: 179,
  prefixLength4: 24,
  external4: '198.51.100.0/24',
  externalAddress4: '198.51.100.1',
  external6: '2001:db8:77::/48',
};

export const LOOPBACK_PLAN: LabPlan = {
  nodes: [1, 2, 3].map((n) => ({
    name: `node-${n}`,
    ipv4: `127.77.0.${n}`,
    ipv6: null,
    block4: `192.168.${n}.0/26`,
    block6: null,
    workload4: `192.168.${n}.2`,
    workload6: null,
  })),
  clusterAs: 64512,
  torAs: 65000,
  tor4: '127.77.0.254',
  tor6: null,
  port: 11790,
  prefixLength4: 8,
  external4: '198.51.100.0/24',
  externalAddress4: '198.51.100.1',
  external6: null,
};

/** File name to content: the shared directory datastore. */
export function clusterResources(plan: LabPlan): Record<string, string> {
  const files: Record<string, string> = {
    'bgp-configuration.yaml': `apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata:
  name: default
spec:
  asNumber: ${plan.clusterAs}
  nodeToNodeMeshEnabled: true
${plan.port === 179 ? '' : `  listenPort: ${plan.port}\n  bindMode: NodeIP\n`}`,
    'ip-pools.yaml': [
      pool('pods-ipv4', '192.168.0.0/16'),
      ...(plan.tor6 === null ? [] : [pool('pods-ipv6', 'fd88::/16')]),
    ].join('---\n'),
    'tor.yaml': [
      torPeer('tor-ipv4', plan.tor4, plan),
      ...(plan.tor6 === null ? [] : [torPeer('tor-ipv6', plan.tor6, plan)]),
    ].join('---\n'),
  };
  for (const node of plan.nodes) {
    files[`nodes/${node.name}.yaml`] = [
      `apiVersion: projectcalico.org/v3
kind: Node
metadata:
  name: ${node.name}
spec:
  bgp:
    ipv4Address: ${node.ipv4}/${plan.prefixLength4}
${node.ipv6 === null ? '' : `    ipv6Address: ${node.ipv6}/64\n`}`,
      affinity(node.name, node.block4),
      ...(node.block6 === null ? [] : [affinity(node.name, node.block6)]),
    ].join('---\n');
  }
  return files;
}

function pool(name: string, cidr: string): string {
  return `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: ${name}
spec:
  cidr: ${cidr}
  ipipMode: Never
  vxlanMode: Never
`;
}

function torPeer(name: string, address: string, plan: LabPlan): string {
  const peerIp = plan.port === 179 ? address : `${address}:${plan.port}`;
  return `apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata:
  name: ${name}
spec:
  peerIP: "${peerIp}"
  asNumber: ${plan.torAs}
`;
}

function affinity(node: string, cidr: string): string {
  return `apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata:
  name: ${node}-${cidr.replace(/[.:/]+/g, '-')}
spec:
  node: ${node}
  cidr: ${cidr}
  state: confirmed
`;
}

export function birdTor(plan: LabPlan): string {
  const families: ['ipv4' | 'ipv6', string, string, (node: LabNode) => string | null][] = [
    ['ipv4', plan.tor4, plan.external4, (node) => node.ipv4],
  ];
  if (plan.tor6 !== null && plan.external6 !== null)
    families.push(['ipv6', plan.tor6, plan.external6, (node) => node.ipv6]);
  const lines = [`router id ${plan.tor4};`, 'log stderr { warning, error, fatal };', 'protocol device { }'];
  for (const [family, address, external, ofNode] of families) {
    lines.push(
      `protocol kernel { ${family} { import none; export where source = RTS_BGP; }; }`,
      `protocol direct { ${family}; interface "eth*"; }`,
      `protocol static { ${family}; route ${external} blackhole; }`,
    );
    for (const node of plan.nodes) {
      lines.push(
        `protocol bgp ${node.name.replace('-', '')}_${family} { local ${address} as ${plan.torAs}; neighbor ${ofNode(node)} as ${plan.clusterAs};`,
        `  ${family} { import all; export where source = RTS_STATIC; }; }`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

export function peregrineTor(plan: LabPlan, kernel: boolean, controlSocket: string): string {
  const peers = plan.nodes.flatMap((node) => [
    { name: `${node.name}-ipv4`, address: node.ipv4 },
    ...(node.ipv6 === null ? [] : [{ name: `${node.name}-ipv6`, address: node.ipv6 }]),
  ]);
  const own = [plan.tor4, ...(plan.tor6 === null ? [] : [plan.tor6])];
  return `routerId: ${plan.tor4}
as: ${plan.torAs}
controlSocket: ${controlSocket}
listen:
${own.map((address) => `  - { address: "${address}", port: ${plan.port} }`).join('\n')}
kernel:
  enabled: ${kernel}
${kernel ? '' : '  resolveNextHops: always\n'}peerGroups:
  nodes: { as: ${plan.clusterAs}, passive: true, export: own-routes }
policies:
  own-routes:
    statements:
      - match: { source: static }
        then: accept
peers:
${peers.map(({ name, address }) => `  - { name: ${name}, address: "${address}", group: nodes }`).join('\n')}
originate:
  - prefix: ${plan.external4}
${plan.external6 === null ? '' : `  - prefix: ${plan.external6}\n`}`;
}
