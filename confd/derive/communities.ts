/**
 * Communities of `prefixAdvertisements` (section 4.4 of Calico's semantics): which are added to which of the routes
 * that we advertise. The own node's object replaces the default's list completely when it has one; names are looked
 * up in the same object.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { Statement } from '../../rib/policy/policy.ts';
import type { BgpConfigurationResource } from '../model/bgp-configuration.ts';
import { familyOfText, parseCommunity } from '../model/values.ts';
import type { DeriveContext } from './context.ts';
import { insideMatch } from './matches.ts';
import { compareText } from './text-order.ts';

export interface CommunityAdvertisement {
  readonly cidr: string;
  /** Literal values, sorted as text, no duplicates. */
  readonly communities: readonly string[];
}

function resolve(configuration: BgpConfigurationResource, community: string): string | null {
  const literal = parseCommunity(community);
  if (literal !== null) return literal;
  const named = configuration.communities.find((one) => one.name === community);
  return named === undefined ? null : parseCommunity(named.value);
}

/** The entries that apply to the own node, unusable ones reported and left out. */
export function deriveCommunities(context: DeriveContext): CommunityAdvertisement[] {
  const { configuration, ownConfiguration } = context;
  const holder = ownConfiguration?.prefixAdvertisements != null ? ownConfiguration : configuration;
  if (holder?.prefixAdvertisements == null) return [];
  return holder.prefixAdvertisements.flatMap((entry, index) => {
    const communities = new Set<string>();
    for (const written of entry.communities) {
      const community = resolve(holder, written);
      if (community !== null) communities.add(community);
      else {
        context.report(
          holder,
          `spec.prefixAdvertisements[${index}].communities`,
          `"${written}" must be a community (aa:nn or aa:nn:mm) or a name in spec.communities that has one`,
        );
      }
    }
    return communities.size === 0 ? [] : [{ cidr: entry.cidr, communities: [...communities].sort(compareText) }];
  });
}

/** Rule 5 of the export policy: adds communities and goes on. */
export function communityStatements(
  advertisements: readonly CommunityAdvertisement[],
  family: FamilyName,
): Statement[] {
  return advertisements
    .filter((one) => familyOfText(one.cidr) === family)
    .map((one) => ({
      name: `prefixAdvertisements ${one.cidr}`,
      matches: [insideMatch([one.cidr])],
      actions: one.communities.map((community) => ({ kind: 'add-community', community })),
      verdict: 'next',
    }));
}
