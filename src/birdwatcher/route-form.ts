/**
 * A path as birdwatcher has it. Numbers of BGP are text there (`local_pref`, `med`, the AS path), communities are lists of
 * numbers, and unknown ones are the form that Alice-LG can still show.
 */

import { WELL_KNOWN_COMMUNITY_NAMES } from '../../bgp/iana.ts';
import type { AttributesView } from '../api/schema.ts';

const WELL_KNOWN = new Map([...WELL_KNOWN_COMMUNITY_NAMES].map(([value, name]) => [name, value]));
/** BIRD's preference of BGP; birdwatcher calls it metric. */
const BGP_PREFERENCE = 100;
const STATIC_PREFERENCE = 200;

/** Where a path comes from. */
export interface RouteOrigin {
  readonly protocol: string;
  /** null: not from a peer. */
  readonly neighbour: string | null;
  /** UTC, as BIRD writes it. */
  readonly since: string;
}

export function birdRoute(
  prefix: string,
  attributes: AttributesView,
  { protocol, neighbour, since }: RouteOrigin,
  isPrimary: boolean,
): object {
  const isBgp = neighbour !== null;
  return {
    network: prefix,
    // Alice-LG takes those as a peer's whose gateway is its address; the next hop is in `bgp`.
    gateway: neighbour ?? '',
    interface: '',
    from_protocol: protocol,
    age: since,
    learnt_from: neighbour ?? '',
    primary: isPrimary,
    metric: isBgp ? BGP_PREFERENCE : STATIC_PREFERENCE,
    type: isBgp ? ['BGP', 'univ'] : [protocol, 'univ'],
    bgp: bgpOf(attributes),
  };
}

function bgpOf(attributes: AttributesView): object {
  const { origin, asPath, nextHop, localPref, med, communities, largeCommunities, extendedCommunities } = attributes;
  return {
    origin: origin === 'igp' ? 'IGP' : origin === 'egp' ? 'EGP' : 'Incomplete',
    // Sets and confederations lose their brackets: Alice-LG knows numbers only.
    as_path: asPath.match(/\d+/g) ?? [],
    next_hop: nextHop ?? '',
    ...(localPref === null ? {} : { local_pref: String(localPref) }),
    ...(med === null ? {} : { med: String(med) }),
    ...(communities.length === 0 ? {} : { communities: communities.map(communityPair) }),
    ...(largeCommunities.length === 0
      ? {}
      : { large_communities: largeCommunities.map((text) => text.split(':').map(Number)) }),
    ...(extendedCommunities.length === 0 ? {} : { ext_communities: extendedCommunities.map(extendedTriple) }),
    ...(attributes.originatorId === null ? {} : { originator_id: attributes.originatorId }),
    ...(attributes.clusterList.length === 0 ? {} : { cluster_list: attributes.clusterList.join(' ') }),
    ...(attributes.aggregator === null ? {} : { aggregator: attributes.aggregator }),
  };
}

/** `65000:1` is [65000, 1], `no-export` [65535, 65281]. */
export function communityPair(text: string): readonly number[] {
  const value = WELL_KNOWN.get(text);
  return value === undefined ? text.split(':').map(Number) : [value >>> 16, value & 0xffff];
}

/** `rt:65000:1` is ["rt", "65000", "1"]; one of another type is ["generic", ...] with its two halves, as in BIRD. */
export function extendedTriple(text: string): readonly string[] {
  const hex = /^0x([0-9a-f]{8})([0-9a-f]{8})$/.exec(text);
  if (hex !== null) return ['generic', `0x${hex[1]}`, `0x${hex[2]}`];
  const parts = text.split(':');
  return parts.length === 3 ? parts : ['generic', text, '0'];
}
