/**
 * Import and export policy of sessions, in the exact order of Calico's rules (sections 4.3 to 4.6 of its semantics).
 *
 * The rules are the same for every session of a node, except for the BGPFilters of the peer: sessions with the same
 * filters share one policy object. What depends on the type of session is a match, so that iBGP and eBGP sessions
 * share as well.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { Policy, PrefixRange, Statement } from '../../rib/policy/policy.ts';
import { MAX_ROUTE_PRIORITY } from '../model/bgp-configuration.ts';
import type { IpPoolResource } from '../model/ip-pool.ts';
import { aggregatedBlocks, type OwnBlock } from './blocks.ts';
import { type CommunityAdvertisement, communityStatements } from './communities.ts';
import type { DeriveContext } from './context.ts';
import { type FilterDirection, filterStatements } from './filters.ts';
import { writesIpip } from './kernel-policy.ts';
import { exactMatch, insideMatch, insideRange } from './matches.ts';
import { poolsOfFamily } from './pools.ts';
import { ofFamily, type ServicePolicyInputs } from './services.ts';

/** Preference of imported routes whose priority is better than normal (live migration, section 4.14). */
const ELEVATED_PREFERENCE = 200;
const MAX_UINT32 = 0xffffffff;

export interface PolicyInputs {
  readonly context: DeriveContext;
  readonly blocks: readonly OwnBlock[];
  readonly pools: readonly IpPoolResource[];
  readonly services: ServicePolicyInputs;
  readonly communities: readonly CommunityAdvertisement[];
}

/** Statements of the named filters in order; names that do not exist do nothing. */
function statementsOfFilters(
  context: DeriveContext,
  names: readonly string[],
  direction: FilterDirection,
  family: FamilyName,
): Statement[] {
  return names.flatMap((name) => {
    const filter = context.resources.bgpFilters.get(name);
    return filter === undefined ? [] : filterStatements(filter, direction, family);
  });
}

function elevatedStatements(context: DeriveContext, family: FamilyName): Statement[] {
  if (!context.traits.mapsPriorities) return [];
  return [
    {
      name: 'elevated priority',
      matches: [{ kind: 'local-pref', min: MAX_ROUTE_PRIORITY - context.normalPriority(family) + 1, max: MAX_UINT32 }],
      actions: [{ kind: 'set-preference', value: ELEVATED_PREFERENCE }],
      verdict: 'accept',
    },
  ];
}

/** What is taken from a peer (section 4.6). */
export function importPolicy(inputs: PolicyInputs, family: FamilyName, filters: readonly string[]): Policy {
  const { context } = inputs;
  return {
    name: `import ${family}${filters.length === 0 ? '' : ` ${filters.join(' ')}`}`,
    statements: [...statementsOfFilters(context, filters, 'import', family), ...elevatedStatements(context, family)],
    otherwise: 'accept',
  };
}

/** Rule 0: priorities travel as LOCAL_PREF. */
function priorityStatements(context: DeriveContext, family: FamilyName): Statement[] {
  if (!context.traits.mapsPriorities) return [];
  return [
    {
      name: 'priority to LOCAL_PREF',
      matches: [],
      actions: [{ kind: 'normalise-priority', normal: context.normalPriority(family) }],
      verdict: 'next',
    },
  ];
}

/** Rules 3 and 4: routes over Felix's own devices stay on the node, or at least inside the cluster's iBGP. */
function deviceStatements(context: DeriveContext): Statement[] {
  const isGuarded = context.traits.guardsFelixIpip && !writesIpip(context);
  const patterns = ['*.cali', '*.calico', ...(isGuarded ? ['tunl0'] : [])];
  return [
    ...patterns.map(
      (pattern): Statement => ({
        name: `tunnel route over ${pattern} to iBGP`,
        matches: [
          { kind: 'peer-type', peerType: 'ibgp' },
          { kind: 'interface', pattern },
        ],
        actions: [],
        verdict: 'reject',
      }),
    ),
    {
      name: 'route over bpf*.cali',
      matches: [{ kind: 'interface', pattern: 'bpf*.cali' }],
      actions: [],
      verdict: 'reject',
    },
  ];
}

/** Rule 6. Blocks of a node do not overlap, so one statement holds them all. */
function blockStatements(context: DeriveContext, blocks: readonly string[], family: FamilyName): Statement[] {
  if (blocks.length === 0) return [];
  const elevated: Statement = {
    name: 'elevated route inside own block',
    matches: [insideMatch(blocks), { kind: 'metric', min: 0, max: context.normalPriority(family) - 1 }],
    actions: [],
    verdict: 'accept',
  };
  return [
    { name: 'own block', matches: [exactMatch(blocks)], actions: [], verdict: 'accept' },
    ...(context.traits.mapsPriorities ? [elevated] : []),
    { name: 'inside own block', matches: [insideMatch(blocks)], actions: [], verdict: 'reject' },
  ];
}

function rangeStatements(name: string, ranges: readonly PrefixRange[], verdict: 'accept' | 'reject'): Statement[] {
  if (ranges.length === 0) return [];
  return [{ name, matches: [{ kind: 'prefix', ranges, negate: false }], actions: [], verdict }];
}

/** What a peer is told (section 4.3). */
export function exportPolicy(inputs: PolicyInputs, family: FamilyName, filters: readonly string[]): Policy {
  const { context, services } = inputs;
  const pools = poolsOfFamily(inputs.pools, family);
  const poolRanges = (isDisabled: boolean): PrefixRange[] =>
    pools.filter((pool) => pool.disableBgpExport === isDisabled).map((pool) => insideRange(pool.cidr));
  return {
    name: `export ${family}${filters.length === 0 ? '' : ` ${filters.join(' ')}`}`,
    statements: [
      // Rule 0
      ...priorityStatements(context, family),
      // Rule 1
      ...statementsOfFilters(context, filters, 'export', family),
      // Rule 2
      ...rangeStatements('IPPool with disableBGPExport', poolRanges(true), 'reject'),
      // Rules 3 and 4
      ...deviceStatements(context),
      // Rule 5
      ...communityStatements(inputs.communities, family),
      // Rule 6
      ...blockStatements(context, aggregatedBlocks(inputs.blocks, family), family),
      // Rules 7 and 7b
      ...rangeStatements('service address', services.originated[family], 'accept'),
      ...rangeStatements('reflected service address', ofFamily(services.reflected, family).map(insideRange), 'accept'),
      // Rule 8
      ...rangeStatements('IPPool', poolRanges(false), 'accept'),
    ],
    // Rule 9
    otherwise: 'reject',
  };
}
