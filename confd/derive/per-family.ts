/** Values by address family: Calico's sessions carry one each. */

import type { FamilyName } from '../../bgp/family.ts';

export type PerFamily<T> = { readonly [F in FamilyName]: T };

/** A value for one family, and another for the other. */
export function onlyFamily<T>(family: FamilyName, value: T, other: T): PerFamily<T> {
  return family === 'ipv4-unicast'
    ? { 'ipv4-unicast': value, 'ipv6-unicast': other }
    : { 'ipv4-unicast': other, 'ipv6-unicast': value };
}
