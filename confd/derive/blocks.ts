/**
 * The IPAM blocks of the own node (sections 1.4.4, 2.6 and 4.5 of Calico's semantics): which are originated as
 * blackholes, and which hide the routes inside them from peers.
 *
 * A block being deleted is still originated, so that its remaining addresses stay reachable, but no longer hides its
 * inside. A host block (/32, /128) has nothing inside: the workload's own route is advertised instead.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { OriginatedRoute } from '../desired-state.ts';
import { familyOfText, isHostPrefix } from '../model/values.ts';
import { byName, compareText, type DeriveContext } from './context.ts';

export interface OwnBlock {
  readonly cidr: string;
  /** Routes inside are aggregated away. */
  readonly isAggregated: boolean;
  /** Which resource says that it is ours. */
  readonly origin: string;
}

/** The blocks that count, by CIDR. */
export function deriveBlocks(context: DeriveContext): OwnBlock[] {
  const { ownNode, options, resources } = context;
  const blocks = new Map<string, OwnBlock>();
  if (options.usePodCidr) {
    for (const cidr of ownNode.podCidrs) blocks.set(cidr, { cidr, isAggregated: true, origin: `Node/${ownNode.name}` });
  } else {
    for (const affinity of byName(resources.blockAffinities)) {
      if (affinity.node !== ownNode.name || affinity.type !== 'host' || affinity.state === 'pending') continue;
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
