/** Attribute sets as the API shows them. */

import { formatAsPath } from '../../bgp/wire/attribute/as-path.ts';
import { decodeAttributes } from '../../bgp/wire/path-attributes.ts';
import type { AttributesView } from '../api/schema.ts';

/** The view of a canonical block; `nextHop` null: what the block itself says. */
export function attributesView(octets: Uint8Array): AttributesView {
  const value = decodeAttributes(octets);
  const { aggregator, mpNextHop } = value;
  const other = [
    ...(value.aigp === undefined ? [] : [`aigp: ${value.aigp}`]),
    ...(value.ipv6ExtendedCommunities ?? []).map((community) => `ipv6-extended-community: ${community}`),
    ...(value.others ?? []).map(({ code, octets: hex }) => `${code}: ${hex}`),
  ];
  return {
    origin: value.origin ?? 'igp',
    asPath: formatAsPath(value.asPath ?? []),
    nextHop: value.nextHop ?? mpNextHop?.addresses[0] ?? null,
    localPref: value.localPref ?? null,
    med: value.med ?? null,
    communities: value.communities ?? [],
    extendedCommunities: value.extendedCommunities ?? [],
    largeCommunities: value.largeCommunities ?? [],
    originatorId: value.originatorId ?? null,
    clusterList: value.clusterList ?? [],
    aggregator: aggregator === undefined ? null : `${aggregator.as} ${aggregator.address}`,
    atomicAggregate: value.atomicAggregate ?? false,
    onlyToCustomer: value.onlyToCustomer ?? null,
    other,
  };
}
