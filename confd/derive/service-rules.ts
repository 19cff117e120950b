/**
 * Which addresses of a Service the own node advertises, and when (section 4.7 of Calico's semantics).
 *
 * Ranges of BGPConfiguration `default` are advertised as such by every node that is not excluded. An address of its
 * own is for what a range cannot say: that only nodes with endpoints want the traffic (externalTrafficPolicy Local), or
 * that the range is a single address or is not advertised as a whole.
 */

import { type Prefix, parsePrefix, prefixContains } from '../../bgp/ip.ts';
import type { EndpointSliceResource } from '../model/endpoint-slice.ts';
import type { ServiceResource } from '../model/service.ts';
import { hostPrefix, isHostPrefix, parseCidr, prefixFromText } from '../model/values.ts';
import type { DeriveContext } from './context.ts';
import type { GenerationTraits } from './felix-generation.ts';

/** The label that keeps a node from advertising services, when it is exactly `true`. */
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

const ADVERTISED_TYPES: readonly string[] = ['ClusterIP', 'NodePort', 'LoadBalancer'];

/** Everything that the decision about a Service depends on, besides the Service and its endpoints. Plain data. */
export interface ServiceRules {
  /** This node advertises no service address at all. */
  readonly isExcluded: boolean;
  /** What EndpointSlices call this node. */
  readonly nodeName: string;
  readonly clusterIps: readonly string[];
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
  /** Load-balancer ranges are advertised as a whole. */
  readonly isAggregating: boolean;
  readonly traits: GenerationTraits;
}

function clusterCidrs(context: DeriveContext): readonly string[] {
  const { advertiseClusterIps } = context.options;
  if (advertiseClusterIps === null || advertiseClusterIps === '') return context.configuration?.serviceClusterIps ?? [];
  const cidr = parseCidr(advertiseClusterIps);
  if (cidr !== null) return [cidr];
  context.reportAt('environment', 'CALICO_ADVERTISE_CLUSTER_IPS', 'must be a CIDR; no cluster IPs are advertised');
  return [];
}

export function deriveServiceRules(context: DeriveContext): ServiceRules {
  const { configuration, ownNode, options, traits } = context;
  return {
    isExcluded: ownNode.labels[EXCLUDE_LABEL] === 'true',
    nodeName: options.kubernetesNodeName || ownNode.name,
    clusterIps: clusterCidrs(context),
    externalIps: configuration?.serviceExternalIps ?? [],
    loadBalancerIps: configuration?.serviceLoadBalancerIps ?? [],
    isAggregating: !traits.knowsLoadBalancerAggregation || configuration?.serviceLoadBalancerAggregation !== 'Disabled',
    traits,
  };
}

/**
 * Ranges that are advertised as a whole. Their routes are never written to the kernel, on excluded nodes too: kube-proxy
 * handles these addresses.
 */
export function advertisedRanges(rules: ServiceRules): string[] {
  const isRange = (cidr: string): boolean => !isHostPrefix(cidr);
  return [
    ...new Set([
      ...rules.clusterIps,
      ...rules.externalIps.filter(isRange),
      ...(rules.isAggregating ? rules.loadBalancerIps.filter(isRange) : []),
    ]),
  ];
}

/** Decides about one Service after another under the same rules. */
export class ServiceDecision {
  readonly #rules: ServiceRules;
  readonly #externalRanges: readonly Prefix[];
  readonly #loadBalancerRanges: readonly Prefix[];
  readonly #singleExternal: ReadonlySet<string>;
  readonly #singleLoadBalancer: ReadonlySet<string>;

  constructor(rules: ServiceRules) {
    this.#rules = rules;
    this.#externalRanges = rules.externalIps.map(prefixFromText);
    this.#loadBalancerRanges = rules.loadBalancerIps.map(prefixFromText);
    this.#singleExternal = new Set(rules.externalIps.filter(isHostPrefix));
    this.#singleLoadBalancer = new Set(rules.loadBalancerIps.filter(isHostPrefix));
  }

  /** Host prefixes that this node advertises for the Service. */
  prefixesOf(service: ServiceResource, slices: Iterable<EndpointSliceResource>): string[] {
    if (!this.#isAdvertised(service, slices)) return [];
    const { clusterIps, traits } = this.#rules;
    const own = traits.advertisesAllClusterIps ? service.clusterIps : service.clusterIps.slice(0, 1);
    const addresses = [
      // Calico does not ask whether they lie in a configured range, only whether there is one.
      ...(clusterIps.length === 0 ? [] : own),
      ...service.externalIps.filter((address) => isInside(address, this.#externalRanges)),
      ...service.ingressIps.filter((address) => isInside(address, this.#loadBalancerRanges)),
    ];
    return [...new Set(addresses.map(hostPrefix))];
  }

  #isAdvertised(service: ServiceResource, slices: Iterable<EndpointSliceResource>): boolean {
    const { isExcluded, isAggregating } = this.#rules;
    if (isExcluded || !ADVERTISED_TYPES.includes(service.type) || service.clusterIps.length === 0) return false;
    const isLocal = service.externalTrafficPolicy === 'Local';
    if (service.externalTrafficPolicy === 'Cluster' && this.#hasSingleAddress(service)) return true;
    if (!isLocal && isAggregating) return false;
    for (const slice of slices) {
      if (slice.family !== null && service.families.includes(slice.family) && this.#hasEndpoint(slice, isLocal)) {
        return true;
      }
    }
    return false;
  }

  /** Whether one of its addresses is configured as a range of one, which no range covers. */
  #hasSingleAddress(service: ServiceResource): boolean {
    const { knowsSingleAddressesEverywhere } = this.#rules.traits;
    if (service.type === 'LoadBalancer') {
      const fromStatus = knowsSingleAddressesEverywhere ? service.ingressIps : [];
      const asked = service.loadBalancerIp === null ? fromStatus : [service.loadBalancerIp, ...fromStatus];
      if (asked.some((address) => this.#singleLoadBalancer.has(hostPrefix(address)))) return true;
    }
    if (service.type === 'ClusterIP' && !knowsSingleAddressesEverywhere) return false;
    return service.externalIps.some((address) => this.#singleExternal.has(hostPrefix(address)));
  }

  #hasEndpoint(slice: EndpointSliceResource, isLocal: boolean): boolean {
    const { nodeName, traits } = this.#rules;
    const nodes = traits.ignoresUnreadyEndpoints ? slice.readyNodes : [...slice.readyNodes, ...slice.unreadyNodes];
    return isLocal ? nodes.includes(nodeName) : nodes.length > 0;
  }
}

function isInside(address: string, ranges: readonly Prefix[]): boolean {
  const prefix = parsePrefix(address);
  return prefix !== null && ranges.some((range) => prefixContains(range, prefix));
}
