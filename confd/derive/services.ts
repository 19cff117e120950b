/**
 * Service addresses that the own node advertises (section 4.7 of Calico's semantics), at the level of CIDRs: cluster,
 * external and load-balancer ranges of BGPConfiguration `default`.
 *
 * `originated` is what rule 7 of the export policy and the originated routes are made of. The addresses of single
 * Services (externalTrafficPolicy Local, single-address ranges) are to be added to it here, once Services and
 * EndpointSlices are read.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { OriginatedRoute } from '../desired-state.ts';
import { familyOfText, isHostPrefix, parseCidr } from '../model/values.ts';
import { compareText, type DeriveContext } from './context.ts';

/** The label that keeps a node from advertising services, when it is exactly `true`. */
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

export interface ServiceRoutes {
  /** Prefixes that this node originates, with the resource that asks for each. */
  readonly originated: ReadonlyMap<string, string>;
  /** Ranges whose routes are never written to the kernel: kube-proxy handles these addresses. */
  readonly kernelRejected: readonly string[];
  /** Ranges that a route reflector passes on although it does not originate them (rule 7b), in this order. */
  readonly reflected: readonly string[];
}

function clusterCidrs(context: DeriveContext): readonly string[] {
  const { advertiseClusterIps } = context.options;
  if (advertiseClusterIps === null || advertiseClusterIps === '') return context.configuration?.serviceClusterIps ?? [];
  const cidr = parseCidr(advertiseClusterIps);
  if (cidr !== null) return [cidr];
  context.conditions.push({
    resource: 'environment',
    field: 'CALICO_ADVERTISE_CLUSTER_IPS',
    message: 'must be a CIDR; no cluster IPs are advertised',
    severity: 'error',
  });
  return [];
}

export function deriveServices(context: DeriveContext): ServiceRoutes {
  const { configuration, ownNode } = context;
  const externalIps = configuration?.serviceExternalIps ?? [];
  const loadBalancerIps = configuration?.serviceLoadBalancerIps ?? [];
  const isAggregating = configuration?.serviceLoadBalancerAggregation !== 'Disabled';
  const ranges = [
    ...clusterCidrs(context),
    ...externalIps.filter((cidr) => !isHostPrefix(cidr)),
    ...(isAggregating ? loadBalancerIps.filter((cidr) => !isHostPrefix(cidr)) : []),
  ];
  const isExcluded = ownNode.labels[EXCLUDE_LABEL] === 'true';
  return {
    originated: new Map(isExcluded ? [] : ranges.map((cidr) => [cidr, 'BGPConfiguration/default'])),
    kernelRejected: [...new Set(ranges)].sort(compareText),
    reflected: ownNode.routeReflectorClusterId === null ? [] : [...loadBalancerIps, ...externalIps],
  };
}

/** Blackholes that make the ranges known to peers. */
export function serviceRoutes(services: ServiceRoutes): OriginatedRoute[] {
  return [...services.originated].map(([prefix, origin]) => ({
    prefix,
    kind: 'blackhole',
    gateway: null,
    communities: [],
    origin,
  }));
}

/** The CIDRs of one family, in the given order. */
export function ofFamily(cidrs: Iterable<string>, family: FamilyName): string[] {
  return [...cidrs].filter((cidr) => familyOfText(cidr) === family);
}
