/** For tests of export: real tables with peers and paths in them, and groups to export to. */

import { parseAddress, parseIpv4 } from '../bgp/ip.ts';
import { decodeAttributes, type PathAttributes } from '../bgp/wire/path-attributes.ts';
import { AttributeStore, type SetHandle } from './attribute-store.ts';
import { ExportContext, type ExportSettings, type ExportTables } from './export-rules.ts';
import { NextHopTable } from './next-hop.ts';
import { type PathRow, PathTable } from './paths.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC, type PeerIndex, PeerTable } from './peer-table.ts';
import { ACCEPT_ALL } from './policy/policy.ts';
import { blockOf, compiled, prefix, type TestRoute } from './policy/test-support.ts';
import { PrefixTable } from './prefix-table.ts';
import { NOT_ADVERTISED_REASON_NAMES } from './reason.ts';

export const OPEN_POLICY: PeerPolicyConfig = {
  importPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  exportPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  nextHopMode: 'auto',
  isRouteReflectorClient: false,
  clusterId: null,
  allowOwnAs: 0,
  maxPrefixes: null,
  usesOwnCluster: false,
  tellsLinkLocal: true,
  removePrivateAs: false,
};

export const LOCAL_AS = 64512;
export const CLUSTER = '10.0.0.100';

/** What a group was told about a path: the attributes, or why not. */
export type Told = PathAttributes | string;

export function address(text: string): NonNullable<ReturnType<typeof parseAddress>> {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

export class ExportBench implements ExportTables {
  readonly nextHops = new NextHopTable();
  readonly sets = new AttributeStore(this.nextHops);
  readonly peers = new PeerTable();
  readonly prefixes: readonly [PrefixTable, PrefixTable] = [new PrefixTable(0), new PrefixTable(1)];
  readonly paths: readonly [PathTable, PathTable] = [new PathTable(), new PathTable()];
  readonly #interfaces: string[] = [''];

  /** A peer that paths can come from. */
  addPeer(
    name: string,
    peerAs: number,
    options: { client?: boolean; localAs?: number; identifier?: string; tellsLinkLocal?: boolean } = {},
  ): PeerIndex {
    const { client = false, tellsLinkLocal = true } = options;
    const policy = { ...OPEN_POLICY, isRouteReflectorClient: client, tellsLinkLocal };
    const peer = this.peers.add({ name, localAs: options.localAs ?? LOCAL_AS, peerAs, policy }, parseIpv4(CLUSTER));
    this.peers.bgpIdentifier[peer] = parseIpv4(options.identifier ?? '10.0.0.77');
    return peer;
  }

  /** A path of the peer, or of the local source that the route names. */
  addPath(route: TestRoute, peer: PeerIndex = 0): PathRow {
    const { family, a, b, c, d, length } = prefix(route.prefix);
    const block = blockOf(route, this.interfaceIndex(route.interfaceName ?? ''));
    const set = this.sets.intern(block, 0, block.length);
    this.sets.retain(set);
    const handle = this.prefixes[family].insert(a, b, c, d, length);
    const local = { bgp: peer, static: PEER_STATIC, kernel: PEER_KERNEL, direct: PEER_DIRECT }[route.source ?? 'bgp'];
    const row = this.paths[family].allocate(handle, local, 0);
    this.paths[family].rowSet[row] = set;
    this.paths[family].rowEffective[row] = set;
    return row;
  }

  interfaceIndex(name: string): number {
    const known = this.#interfaces.indexOf(name);
    return known >= 0 ? known : this.#interfaces.push(name) - 1;
  }

  group(settings: Partial<ExportSettings> = {}): ExportContext {
    return new ExportContext(
      this,
      {
        family: 0,
        isInternal: false,
        localAs: LOCAL_AS,
        peerAs: 65000,
        isRouteReflectorClient: false,
        clusterId: parseIpv4(CLUSTER),
        nextHopMode: 'auto',
        localAddress: address('10.0.0.1'),
        otherAddresses: [],
        localLinkLocal: null,
        extendedNextHop: false,
        isLlgrAware: true,
        role: null,
        removePrivateAs: false,
        drain: 'none',
        policy: compiled(ACCEPT_ALL, 'export'),
        ...settings,
      },
      (index) => this.#interfaces[index] ?? '',
    );
  }

  attributesOf(set: SetHandle): PathAttributes {
    return decodeAttributes(this.sets.octetsOf(set));
  }

  tell(group: ExportContext, row: PathRow): Told {
    const set = group.exportPath(row);
    return set === 0 ? NOT_ADVERTISED_REASON_NAMES[group.reason] : this.attributesOf(set);
  }
}
