/**
 * The IPAM blocks of the own node (sections 1.4.4, 2.6 and 4.5 of Calico's semantics): which are originated as
 * blackholes, and which hide the routes inside them from peers.
 *
 * A block being deleted is still originated, so that its remaining addresses stay reachable, but no longer hides its
 * inside. A host block (/32, /128) has nothing inside: the workload's own route is advertised instead.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { OriginatedRoute } from '../desired-state.ts';
import type { BlockAffinityResource } from '../model/block-affinity.ts';
import { familyOfText, isHostPrefix } from '../model/values.ts';
import type { DeriveContext } from './context.ts';
import { byName, compareText } from './text-order.ts';

export interface OwnBlock {
  readonly cidr: string;
  /** Routes inside are aggregated away. */
  readonly isAggregated: boolean;
  /** Which resource says that it is ours. */
  readonly origin: string;
}

/** Whether an affinity makes its block one of the node's. */
export function isOwnAffinity(affinity: BlockAffinityResource, nodeName: string): boolean {
  return affinity.node === nodeName && affinity.type === 'host' && affinity.state !== 'pending';
}

/** The blocks that count, sorted by CIDR. `affinities` are those of the own node. */
export function deriveBlocks(context: DeriveContext, affinities: Iterable<BlockAffinityResource>): OwnBlock[] {
  const { ownNode, options } = context;
  const blocks = new Map<string, OwnBlock>();
  if (options.usePodCidr) {
    for (const cidr of ownNode.podCidrs) blocks.set(cidr, { cidr, isAggregated: true, origin: `Node/${ownNode.name}` });
  } else {
    for (const affinity of byName(affinities)) {
      const isAggregated = affinity.state !== 'pendingDeletion';
      // The same block under two names: confirmed by either is confirmed.
      if (blocks.get(affinity.cidr)?.isAggregated) continue;
      blocks.set(affinity.cidr, { cidr: affinity.cidr, isAggregated, origin: `BlockAffinity/${affinity.name}` });
    }
  }
  return [...blocks.values()].sort((a, b) => compareText(a.cidr, b.cidr));
}

/** Blackholes for the blocks, so that traffic to addresses that no workload has ends here. */
export function blockRoutes(blocks: readonly OwnBlock[]): OriginatedRoute[] {
  return blocks
    .filter((block) => !isHostPrefix(block.cidr))
    .map((block) => ({ prefix: block.cidr, kind: 'blackhole', gateway: null, communities: [], origin: block.origin }));
}

/** CIDRs of one family whose inside is aggregated. */
export function aggregatedBlocks(blocks: readonly OwnBlock[], family: FamilyName): string[] {
  return blocks.filter((block) => block.isAggregated && familyOfText(block.cidr) === family).map((block) => block.cidr);
}
