/**
 * BIRD 2 as the BGP side of a Calico node: configuration of the meaning of Calico's templates, written by hand from
 * sections 4 and 5 of its semantics, and from nothing that Peregrine derives. What differs from a node to the next is
 * said in a few words; the rules are the same for all.
 *
 * BIRD 1.6 puts the own AS in front before the export filter, BIRD 2 after it: a filter that prepends can only prepend
 * the own AS here, where the order does not show.
 *
 * BIRD 2 has no tunnel attribute as Calico's BIRD 1.6 has, but lets the kernel's filter say gateway and interface.
 */

const MAX = 2_147_483_647;
const NORMAL = 1024;

export interface BirdPool {
  readonly cidr: string;
  readonly isExported: boolean;
  /** `plain`: without encapsulation; else the statements that put a route into the tunnel, or not. */
  readonly encapsulation: 'plain' | 'tunnel' | 'cross-subnet';
}

export interface BirdSession {
  readonly name: string;
  readonly address: string;
  readonly as: number;
  readonly passive?: boolean;
  readonly isClient?: boolean;
  /** Statements of BGPFilters, which end with a verdict where they match. */
  readonly importFilter?: string;
  readonly exportFilter?: string;
}

/** One node; lists hold both families. */
export interface BirdNode {
  readonly routerId: string;
  readonly as: number;
  readonly ipv4: string;
  readonly ipv6: string;
  /** What CrossSubnet calls the node's own subnet. */
  readonly subnet: string;
  readonly clusterId?: string;
  readonly blocks: readonly string[];
  readonly pools: readonly BirdPool[];
  /** Ranges of Services: originated, not written to the kernel. */
  readonly serviceRanges: readonly string[];
  /** Single addresses of Services. */
  readonly serviceAddresses: readonly string[];
  /** Ranges that a route reflector passes on. */
  readonly reflectedRanges?: readonly string[];
  readonly communities: readonly { readonly cidr: string; readonly add: readonly string[] }[];
  readonly sessions: readonly BirdSession[];
}

type Version = 4 | 6;
const versionOf = (text: string): Version => (text.includes(':') ? 6 : 4);
const isHost = (cidr: string): boolean => cidr.endsWith(versionOf(cidr) === 4 ? '/32' : '/128');

function community(text: string): string {
  const parts = text.split(':');
  const list = parts.length === 2 ? 'bgp_community' : 'bgp_large_community';
  return `${list}.add((${parts.join(', ')}));`;
}

/** Section 4.3, rules 0 and 2 to 9; the session's own statements (rule 1) stand between. */
function exportRules(node: BirdNode, version: Version, session: BirdSession): string[] {
  const mine = <T>(all: readonly T[], text: (one: T) => string): T[] =>
    all.filter((one) => versionOf(text(one)) === version);
  const pools = mine(node.pools, (pool) => pool.cidr);
  const isInternal = session.as === node.as;
  return [
    // 0: what is no BGP route has the kernel's metric, or the normal one.
    `if source = RTS_BGP then krt_metric = ${MAX} - bgp_local_pref;`,
    `else { if !defined(krt_metric) then krt_metric = ${NORMAL}; bgp_local_pref = ${MAX} - krt_metric; }`,
    session.exportFilter ?? '',
    ...pools.filter((pool) => !pool.isExported).map(({ cidr }) => `if net ~ [ ${cidr}+ ] then reject;`),
    isInternal ? 'if ifname ~ "*.cali" then reject; if ifname ~ "*.calico" then reject;' : '',
    'if ifname ~ "bpf*.cali" then reject;',
    ...mine(node.communities, (one) => one.cidr).map(
      ({ cidr, add }) => `if net ~ [ ${cidr}+ ] then { ${add.map(community).join(' ')} }`,
    ),
    ...mine(node.blocks, (block) => block).flatMap((block) => [
      `if net = ${block} then accept;`,
      `if net ~ [ ${block}+ ] then { if krt_metric < ${NORMAL} then accept; reject; }`,
    ]),
    ...mine([...node.serviceRanges, ...node.serviceAddresses, ...(node.reflectedRanges ?? [])], (one) => one).map(
      (cidr) => `if net ~ [ ${cidr}+ ] then accept;`,
    ),
    ...pools.filter((pool) => pool.isExported).map(({ cidr }) => `if net ~ [ ${cidr}+ ] then accept;`),
    'reject;',
  ];
}

/** Section 5.2, while the BGP side owns all pools. */
function kernelRules(node: BirdNode, version: Version): string[] {
  // In this order: what is set last is looked up through what was set before.
  const tunnel = 'ifname = "tunl0"; onlink = true; gw = bgp_next_hop;';
  const ofPool = ({ cidr, encapsulation }: BirdPool): string => {
    const inside = `if net ~ [ ${cidr}+ ] then`;
    if (encapsulation === 'plain') return `${inside} accept;`;
    if (encapsulation === 'tunnel') return `${inside} { if source = RTS_BGP then { ${tunnel} } accept; }`;
    return `${inside} { if source = RTS_BGP then { if !(bgp_next_hop ~ ${node.subnet}) then { ${tunnel} } } accept; }`;
  };
  const ranges = node.serviceRanges.filter((one) => versionOf(one) === version && !isHost(one));
  return [
    // Calico's BIRD never writes what it knows from interfaces (5.1).
    'if source = RTS_DEVICE then reject;',
    ...ranges.map((cidr) => `if net ~ [ ${cidr}+ ] then reject;`),
    `if source = RTS_BGP then krt_metric = ${MAX} - bgp_local_pref;`,
    ...node.pools.filter(({ cidr }) => versionOf(cidr) === version).map(ofPool),
    'accept;',
  ];
}

/** Section 4.6. */
function importRules(session: BirdSession): string[] {
  return [session.importFilter ?? '', `if bgp_local_pref > ${MAX - NORMAL} then preference = 200;`, 'accept;'];
}

const indented = (lines: readonly string[]): string[] => lines.filter((line) => line !== '').map((line) => `  ${line}`);

export function calicoBirdConfiguration(node: BirdNode): string {
  const lines = [`router id ${node.routerId};`, 'protocol device { scan time 2; }'];
  lines.push('protocol direct { ipv4; ipv6; interface -"cali*", -"kube-ipvs*", "*"; }');
  for (const version of [4, 6] as const) {
    const channel = `ipv${version}`;
    const own = [...node.blocks, ...node.serviceRanges, ...node.serviceAddresses];
    const originated = own.filter((cidr) => versionOf(cidr) === version);
    lines.push(`protocol static originated_${channel} { ${channel};`);
    lines.push(...indented(originated.map((cidr) => `route ${cidr} blackhole;`)), '}');
    lines.push(`filter to_kernel_${channel} {`, ...indented(kernelRules(node, version)), '}');
    lines.push(
      `protocol kernel kernel_${channel} {`,
      '  learn; persist; scan time 1; merge paths on limit 16; metric 0;',
    );
    lines.push(`  ${channel} { import all; export filter to_kernel_${channel}; };`, '}');
  }
  for (const session of node.sessions) {
    const version = versionOf(session.address);
    const source = version === 4 ? node.ipv4 : node.ipv6;
    lines.push(`filter to_${session.name} {`, ...indented(exportRules(node, version, session)), '}');
    lines.push(`filter from_${session.name} {`, ...indented(importRules(session)), '}');
    lines.push(`protocol bgp ${session.name} {`, `  local ${source} as ${node.as};`);
    lines.push(`  neighbor ${session.address} as ${session.as};`, '  multihop 64; hold time 240;');
    lines.push('  connect delay time 1; connect retry time 2; error wait time 1, 2; graceful restart on;');
    if (session.passive) lines.push('  passive on;');
    if (session.isClient) lines.push(`  rr client; rr cluster id ${node.clusterId};`);
    lines.push(`  ipv${version} { import filter from_${session.name}; export filter to_${session.name};`);
    lines.push('    add paths on; gateway recursive; };', '}');
  }
  return `${lines.join('\n')}\n`;
}
