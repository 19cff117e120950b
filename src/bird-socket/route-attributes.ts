/** The lines of `show route all` below a row: codes 1008 (type) and 1012 (attributes), each beginning with a TAB. */

import type { FamilyIndex } from '../../bgp/family.ts';
import { formatAsPath } from '../../bgp/wire/attribute/as-path.ts';
import { decodeAttributes } from '../../bgp/wire/path-attributes.ts';
import { SOURCE_BGP, SOURCE_DIRECT, SOURCE_KERNEL } from '../../rib/attribute-columns.ts';
import type { SetHandle } from '../../rib/attribute-store.ts';
import type { SpeakerCore } from '../speaker/core.ts';
import type { Dialect } from './dialect.ts';
import { type Line, line } from './framing.ts';

const ORIGINS = { igp: 'IGP', egp: 'EGP', incomplete: 'Incomplete' } as const;

/** `65000:100` as `(65000,100)`, `65000:1:2` as `(65000, 1, 2)`. */
function pair(text: string): string {
  return `(${text.split(':').join(',')})`;
}

function triple(text: string): string {
  return `(${text.split(':').join(', ')})`;
}

function extended(text: string): string {
  if (!text.startsWith('0x')) return triple(text);
  return `(generic, 0x${text.slice(2, 10).replace(/^0+(?=.)/, '')}, 0x${text.slice(10).replace(/^0+(?=.)/, '')})`;
}

/** Hexadecimal octets with blanks between. */
function spaced(hex: string): string {
  return hex.match(/../g)?.join(' ') ?? '';
}

function bgpAttributes(core: SpeakerCore, set: SetHandle): string[] {
  const { sets } = core.rib;
  const value = decodeAttributes(sets.octetsOf(set));
  const nextHops = value.mpNextHop?.addresses.join(' ') ?? value.nextHop;
  const isBgp = sets.source[set] === SOURCE_BGP;
  const out: string[] = [];
  const add = (name: string, text: string | number | undefined): void => {
    if (text !== undefined) out.push(`BGP.${name}: ${text}`);
  };
  if (isBgp) {
    add('origin', ORIGINS[value.origin ?? 'igp']);
    add('as_path', formatAsPath(value.asPath ?? []).replaceAll(',', ' '));
    add('next_hop', nextHops);
    add('med', value.med);
    add('local_pref', sets.localPref[set]);
  }
  if (value.atomicAggregate) add('atomic_aggr', '');
  if (value.aggregator !== undefined) add('aggregator', `${value.aggregator.address} AS${value.aggregator.as}`);
  if (value.communities?.length) add('community', value.communities.map(pair).join(' '));
  add('originator_id', value.originatorId);
  if (value.clusterList?.length) add('cluster_list', value.clusterList.join(' '));
  if (value.extendedCommunities?.length) add('ext_community', value.extendedCommunities.map(extended).join(' '));
  add('aigp', value.aigp);
  if (value.largeCommunities?.length) add('large_community', value.largeCommunities.map(triple).join(' '));
  add('otc', value.onlyToCustomer);
  for (const { code, octets } of isBgp ? (value.others ?? []) : []) {
    add(code.toString(16).padStart(2, '0'), spaced(octets));
  }
  return out;
}

export function attributeLines(
  core: SpeakerCore,
  dialect: Dialect,
  family: FamilyIndex,
  prefix: number,
  set: SetHandle,
): Line[] {
  const { sets, prefixes } = core.rib;
  const source = sets.source[set];
  const word =
    source === SOURCE_BGP
      ? 'BGP'
      : source === SOURCE_KERNEL
        ? 'inherit'
        : source === SOURCE_DIRECT
          ? 'device'
          : 'static';
  const out = [line(1008, `\tType: ${word}${dialect.name === '1.6' ? ' unicast' : ''} univ`)];
  if (source === SOURCE_KERNEL) {
    const route = core.sync.view.route(prefixes[family].describe(prefix));
    if (route !== undefined) out.push(line(1012, `\tKernel.source: ${route.protocol}`));
    out.push(line(1012, `\tKernel.metric: ${sets.metric[set]}`));
  }
  return [...out, ...bgpAttributes(core, set).map((text) => line(1012, `\t${text}`))];
}
