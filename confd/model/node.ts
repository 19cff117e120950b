/**
 * Node: Calico's own kind (projectcalico.org/v3) or the Kubernetes core/v1 Node whose annotations carry the same
 * (sections 1.4.3 and 2.5 of Calico's semantics).
 *
 * What matters: name, labels (selectors), BGP addresses with their networks (sessions, CrossSubnet), AS number, route
 * reflector cluster id, WireGuard addresses (kernel policy), pod CIDRs (host-local IPAM). A bad address, AS number or
 * annotation costs only itself: the node then has none.
 */

import * as z from 'zod';
import { field, type LenientResult, list, parseLeniently, requiredText, type Shape, section } from './schema.ts';
import {
  type InterfaceAddress,
  parseAsNumber,
  parseCidr,
  parseFamilyAddress,
  parseInterfaceAddress,
  parseLabelValue,
} from './values.ts';

export interface NodeResource {
  readonly kind: 'Node';
  readonly name: string;
  readonly labels: { readonly [label: string]: string };
  readonly ipv4: InterfaceAddress | null;
  readonly ipv6: InterfaceAddress | null;
  readonly asNumber: number | null;
  /** Dotted quad; a node that has one is a route reflector. */
  readonly routeReflectorClusterId: string | null;
  readonly wireguardIpv4: string | null;
  readonly wireguardIpv6: string | null;
  readonly podCidrs: readonly string[];
  /** Absent: nothing of it. */
  readonly upkeep?: NodeUpkeep;
}

/** That the node is to be taken out of use, by whatever says so. */
export interface NodeUpkeep {
  /** Annotation `peregrine.io/drain`: why, in words; null: not there. */
  readonly annotation: string | null;
  /** Cordoned: `spec.unschedulable` of a Kubernetes Node. */
  readonly isUnschedulable: boolean;
  readonly taints: readonly NodeTaint[];
}

export interface NodeTaint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

export const DRAIN_ANNOTATION = 'peregrine.io/drain';

const ipv4Interface = field((v) => parseInterfaceAddress(v, 'ipv4-unicast'), 'an IPv4 address or CIDR', null);
const ipv6Interface = field((v) => parseInterfaceAddress(v, 'ipv6-unicast'), 'an IPv6 address or CIDR', null);
const ipv4Address = field((v) => parseFamilyAddress(v, 'ipv4-unicast'), 'an IPv4 address', null);
const ipv6Address = field((v) => parseFamilyAddress(v, 'ipv6-unicast'), 'an IPv6 address', null);
// 0 is how API clients write "not set".
const asNumber = field(parseAsNumber, 'an AS number (1 to 4294967295, or "high.low")', null).transform(
  (as) => as || null,
);
const clusterId = field((v) => parseFamilyAddress(v, 'ipv4-unicast'), 'a cluster id in dotted-quad form', null);
const podCidrs = list(field(parseCidr, 'a CIDR', undefined)).transform((all) => all.filter((one) => one !== undefined));

const text = field((v) => (typeof v === 'string' ? v : null), 'a text', '');
const drainAnnotation = field((v) => (typeof v === 'string' ? v : null), 'the reason in words', null);
const unschedulable = field((v) => (typeof v === 'boolean' ? v : null), 'true or false', false);
const taints = list(section({ key: text, value: text, effect: text }));

/** Nothing at all for the many nodes that are in use, so that a change of it is one of the node. */
function upkeepOf(
  annotation: string | null,
  isUnschedulable: boolean,
  all: readonly NodeTaint[],
): Pick<NodeResource, 'upkeep'> {
  if (annotation === null && !isUnschedulable && all.length === 0) return {};
  return { upkeep: { annotation, isUnschedulable, taints: all } };
}

const labels = z
  .record(z.string(), field(parseLabelValue, 'a label value (text)', ''))
  .nullish()
  .transform((all) => all ?? {});

const calicoNode: Shape<NodeResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText, labels, annotations: section({ [DRAIN_ANNOTATION]: drainAnnotation }) }),
      spec: section({
        bgp: section({
          ipv4Address: ipv4Interface,
          ipv6Address: ipv6Interface,
          asNumber,
          routeReflectorClusterID: clusterId,
        }),
        wireguard: section({ interfaceIPv4Address: ipv4Address, interfaceIPv6Address: ipv6Address }),
      }),
      status: section({ podCIDRs: podCidrs }),
    })
    .transform(
      ({ metadata, spec, status }): NodeResource => ({
        kind: 'Node',
        name: metadata.name,
        labels: metadata.labels,
        ipv4: spec.bgp.ipv4Address,
        ipv6: spec.bgp.ipv6Address,
        asNumber: spec.bgp.asNumber,
        routeReflectorClusterId: spec.bgp.routeReflectorClusterID,
        wireguardIpv4: spec.wireguard.interfaceIPv4Address,
        wireguardIpv6: spec.wireguard.interfaceIPv6Address,
        podCidrs: status.podCIDRs,
        ...upkeepOf(metadata.annotations[DRAIN_ANNOTATION], false, []),
      }),
    ),
  dispensable: [
    'metadata.labels.*',
    'metadata.labels',
    'metadata.annotations.*',
    'metadata.annotations',
    'spec.bgp.*',
    'spec.bgp',
    'spec.wireguard.*',
    'spec.wireguard',
    'status.podCIDRs.*',
    'status',
  ],
};

/** The labels that calicoctl keeps in an annotation as JSON; Kubernetes' own labels win over them. */
const labelAnnotation = field(
  (value): { readonly [label: string]: string } | null => {
    if (typeof value !== 'string') return null;
    try {
      const parsed = z.record(z.string(), z.string()).safeParse(JSON.parse(value));
      return parsed.success ? parsed.data : null;
    } catch {
      return null;
    }
  },
  'a JSON map of texts',
  {},
);

const kubernetesNode: Shape<NodeResource> = {
  schema: z
    .object({
      metadata: z.object({
        name: requiredText,
        labels,
        annotations: section({
          'projectcalico.org/labels': labelAnnotation,
          'projectcalico.org/IPv4Address': ipv4Interface,
          'projectcalico.org/IPv6Address': ipv6Interface,
          'projectcalico.org/ASNumber': asNumber,
          'projectcalico.org/RouteReflectorClusterID': clusterId,
          'projectcalico.org/IPv4WireguardInterfaceAddr': ipv4Address,
          'projectcalico.org/IPv6WireguardInterfaceAddr': ipv6Address,
          [DRAIN_ANNOTATION]: drainAnnotation,
        }),
      }),
      spec: section({ podCIDRs: podCidrs, unschedulable, taints }),
    })
    .transform(({ metadata, spec }): NodeResource => {
      const { annotations } = metadata;
      return {
        kind: 'Node',
        name: metadata.name,
        labels: { ...annotations['projectcalico.org/labels'], ...metadata.labels },
        ipv4: annotations['projectcalico.org/IPv4Address'],
        ipv6: annotations['projectcalico.org/IPv6Address'],
        asNumber: annotations['projectcalico.org/ASNumber'],
        routeReflectorClusterId: annotations['projectcalico.org/RouteReflectorClusterID'],
        wireguardIpv4: annotations['projectcalico.org/IPv4WireguardInterfaceAddr'],
        wireguardIpv6: annotations['projectcalico.org/IPv6WireguardInterfaceAddr'],
        podCidrs: spec.podCIDRs,
        ...upkeepOf(annotations[DRAIN_ANNOTATION], spec.unschedulable, spec.taints),
      };
    }),
  dispensable: [
    'metadata.labels.*',
    'metadata.labels',
    'metadata.annotations.*',
    'metadata.annotations',
    'spec.podCIDRs.*',
    'spec.taints.*.*',
    'spec.taints.*',
    'spec.taints',
    'spec.unschedulable',
    'spec',
  ],
};

/** Reads either form of a node. */
export function readNode(input: unknown, isKubernetesCore: boolean): LenientResult<NodeResource> {
  return parseLeniently(isKubernetesCore ? kubernetesNode : calicoNode, input);
}
