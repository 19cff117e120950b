/**
 * Import and export policy of sessions, in the exact order of Calico's rules (sections 4.3 to 4.6 of its semantics).
 *
 * The rules are the same for every session of a node, except for the BGPFilters of the peer: sessions with the same
 * filters share one policy object. What depends on the type of session is a match, so that iBGP and eBGP sessions
 * share as well.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { Policy, Statement } from '../../rib/policy/policy.ts';
import { MAX_ROUTE_PRIORITY } from '../model/bgp-configuration.ts';
import type { IpPoolResource } from '../model/ip-pool.ts';
import { aggregatedBlocks, type OwnBlock } from './blocks.ts';
import { type CommunityAdvertisement, communityStatements } from './communities.ts';
import type { DeriveContext } from './context.ts';
import { type FilterDirection, filterStatements } from './filters.ts';
import { writesIpip } from './kernel-policy.ts';
import { exactMatch, insideMatch } from './matches.ts';
import { poolsOfFamily } from './pools.ts';
import { ofFamily, type ServiceRoutes } from './services.ts';
import type { SessionPolicies } from './sessions.ts';

/** Preference of imported routes whose priority is better than normal (live migration, section 4.14). */
const ELEVATED_PREFERENCE = 200;
const MAX_UINT32 = 0xffffffff;

export interface PolicyInputs {
  readonly context: DeriveContext;
  readonly blocks: readonly OwnBlock[];
  readonly pools: readonly IpPoolResource[];
  readonly services: ServiceRoutes;
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

function importPolicy(inputs: PolicyInputs, family: FamilyName, filters: readonly string[]): Policy {
  const { context } = inputs;
  return {
    name: `import ${family}${filters.length === 0 ? '' : ` ${filters.join(' ')}`}`,
    statements: [
      ...statementsOfFilters(context, filters, 'import', family),
      {
        name: 'elevated priority',
        matches: [
          { kind: 'local-pref', min: MAX_ROUTE_PRIORITY - context.normalPriority(family) + 1, max: MAX_UINT32 },
        ],
        actions: [{ kind: 'set-preference', value: ELEVATED_PREFERENCE }],
        verdict: 'accept',
      },
    ],
    otherwise: 'accept',
  };
}

/** Rules 3 and 4: routes over Felix's own devices stay on the node, or at least inside the cluster's iBGP. */
function deviceStatements(context: DeriveContext): Statement[] {
  const patterns = ['*.cali', '*.calico', ...(writesIpip(context) ? [] : ['tunl0'])];
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
function blockStatements(blocks: readonly string[], normalPriority: number): Statement[] {
  if (blocks.length === 0) return [];
  return [
    { name: 'own block', matches: [exactMatch(blocks)], actions: [], verdict: 'accept' },
    {
      name: 'elevated route inside own block',
      matches: [insideMatch(blocks), { kind: 'metric', min: 0, max: normalPriority - 1 }],
      actions: [],
      verdict: 'accept',
    },
    { name: 'inside own block', matches: [insideMatch(blocks)], actions: [], verdict: 'reject' },
  ];
}

function insideStatements(name: string, cidrs: readonly string[], verdict: 'accept' | 'reject'): Statement[] {
  return cidrs.length === 0 ? [] : [{ name, matches: [insideMatch(cidrs)], actions: [], verdict }];
}

function exportPolicy(inputs: PolicyInputs, family: FamilyName, filters: readonly string[]): Policy {
  const { context, services } = inputs;
  const normal = context.normalPriority(family);
  const pools = poolsOfFamily(inputs.pools, family);
  const cidrsOf = (isDisabled: boolean): string[] =>
    pools.filter((pool) => pool.disableBgpExport === isDisabled).map((pool) => pool.cidr);
  return {
    name: `export ${family}${filters.length === 0 ? '' : ` ${filters.join(' ')}`}`,
    statements: [
      // Rule 0
      {
        name: 'priority to LOCAL_PREF',
        matches: [],
        actions: [{ kind: 'normalise-priority', normal }],
        verdict: 'next',
      },
      // Rule 1
      ...statementsOfFilters(context, filters, 'export', family),
      // Rule 2
      ...insideStatements('IPPool with disableBGPExport', cidrsOf(true), 'reject'),
      // Rules 3 and 4
      ...deviceStatements(context),
      // Rule 5
      ...communityStatements(inputs.communities, family),
      // Rule 6
      ...blockStatements(aggregatedBlocks(inputs.blocks, family), normal),
      // Rules 7 and 7b
      ...insideStatements('service address', ofFamily(services.originated.keys(), family), 'accept'),
      ...insideStatements('reflected service address', ofFamily(services.reflected, family), 'accept'),
      // Rule 8
      ...insideStatements('IPPool', cidrsOf(false), 'accept'),
    ],
    // Rule 9
    otherwise: 'reject',
  };
}

/** Policies made on demand, one object for each family and list of filters. */
export function sessionPolicies(inputs: PolicyInputs): SessionPolicies {
  const made = new Map<string, Policy>();
  const remember = (key: string, make: () => Policy): Policy => {
    let policy = made.get(key);
    if (policy === undefined) {
      policy = make();
      made.set(key, policy);
    }
    return policy;
  };
  const keyOf = (direction: FilterDirection, family: FamilyName, filters: readonly string[]): string =>
    JSON.stringify([direction, family, ...filters]);
  return {
    importPolicy: (family, filters) =>
      remember(keyOf('import', family, filters), () => importPolicy(inputs, family, filters)),
    exportPolicy: (family, filters) =>
      remember(keyOf('export', family, filters), () => exportPolicy(inputs, family, filters)),
  };
}
