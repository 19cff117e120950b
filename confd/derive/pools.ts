/**
 * IPPools as routing sees them: one per CIDR (the first by name, when several say the same), in order of CIDR text.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { IpPoolResource } from '../model/ip-pool.ts';
import { familyOfText } from '../model/values.ts';
import type { DeriveContext } from './context.ts';
import { byName, compareText } from './text-order.ts';

export function derivePools(context: DeriveContext): IpPoolResource[] {
  const pools = new Map<string, IpPoolResource>();
  for (const pool of byName(context.resources.ipPools.values())) {
    const winner = pools.get(pool.cidr);
    if (winner === undefined) pools.set(pool.cidr, pool);
    else
      context.report(pool, 'spec.cidr', `${pool.cidr} is already IPPool/${winner.name}, which goes first`, 'warning');
  }
  return [...pools.values()].sort((a, b) => compareText(a.cidr, b.cidr));
}

export function poolsOfFamily(pools: readonly IpPoolResource[], family: FamilyName): IpPoolResource[] {
  return pools.filter((pool) => familyOfText(pool.cidr) === family);
}
