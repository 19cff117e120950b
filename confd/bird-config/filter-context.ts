/** What a filter is translated for: where it is attached, and what its configuration knows by name. */

import type { FamilyName } from '../../bgp/family.ts';
import type { PolicyUse } from '../../rib/policy/compiled.ts';
import type { FunctionDefinition, Protocol } from './ast.ts';

export interface FilterContext {
  readonly use: PolicyUse;
  readonly family: FamilyName;
  /** The filter sees the next hop that a peer will be sent, which is not the one that the route has. */
  readonly replacesNextHop: boolean;
  /** BIRD sets the MED that a route came with to 0 before the filter: towards external peers. */
  readonly clearsMed: boolean;
  /** BIRD's preference of routes before the import filter. */
  readonly preference: number;
  readonly functions: ReadonlyMap<string, FunctionDefinition>;
  readonly protocols: readonly Protocol[];
  /** Names of BGP protocols and the addresses of their neighbours. */
  readonly peers: readonly { readonly name: string; readonly address: string }[];
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['bgp_next_hop', 'towards this peer it is what will be sent, not what the route has'],
  ['dest', 'only the kernel export filter knows where routes go'],
  ['preference', 'only import filters know it'],
  ['bgp_origin', 'policies do not look at ORIGIN'],
  ['gw', 'policies know the BGP next hop only, wanted: bgp_next_hop'],
]);

export function reasonAgainst(attribute: string): string {
  return REASONS.get(attribute) ?? 'policies do not know it';
}
