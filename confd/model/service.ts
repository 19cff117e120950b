/**
 * core/v1 Service (section 2.7 of Calico's semantics): whose addresses may be advertised, and when.
 *
 * What matters: type, the three sorts of addresses, externalTrafficPolicy and the address families. What the API server
 * fills in when a Service is created (clusterIPs, ipFamilies, externalTrafficPolicy) is filled in here as well, for
 * files that never went through one. A bad address costs itself; a bad externalTrafficPolicy costs the Service, because
 * guessing it could draw traffic to a node without endpoints.
 */

import * as z from 'zod';
import type { FamilyName } from '../../bgp/family.ts';
import { field, list, oneOf, requiredText, type Shape, section, text } from './schema.ts';
import { familyOfText, parseAddressText } from './values.ts';

export interface ServiceResource {
  readonly kind: 'Service';
  /** `namespace/name`. */
  readonly name: string;
  /** `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName` or something newer. */
  readonly type: string;
  /** Canonical addresses, the first is `spec.clusterIP`; empty: headless or not assigned yet. */
  readonly clusterIps: readonly string[];
  readonly externalIps: readonly string[];
  /** `spec.loadBalancerIP`, what was asked for; null: not set. */
  readonly loadBalancerIp: string | null;
  /** Addresses in `status.loadBalancer.ingress`; host names are left out. */
  readonly ingressIps: readonly string[];
  /** Null: the Service cannot be reached from outside, so the question does not arise. */
  readonly externalTrafficPolicy: 'Cluster' | 'Local' | null;
  readonly families: readonly FamilyName[];
}

export const DEFAULT_NAMESPACE = 'default';
/** A `clusterIP` of headless Services. */
const HEADLESS = 'None';

const ADDRESS_FORM = 'an IPv4 or IPv6 address';
const addressList = list(field(parseAddressText, ADDRESS_FORM, undefined)).transform((all) =>
  all.filter((one) => one !== undefined),
);

/** A cluster IP, or HEADLESS. */
const clusterIp = field(
  (value) => (value === HEADLESS ? HEADLESS : parseAddressText(value)),
  `${ADDRESS_FORM}, or "None"`,
  null,
);

const family = field(
  (value): FamilyName | null => (value === 'IPv4' ? 'ipv4-unicast' : value === 'IPv6' ? 'ipv6-unicast' : null),
  'IPv4 or IPv6',
  undefined,
);

export const serviceShape: Shape<ServiceResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText, namespace: text(DEFAULT_NAMESPACE) }),
      spec: section({
        type: text('ClusterIP'),
        clusterIP: clusterIp,
        clusterIPs: list(clusterIp).transform((all) => all.filter((one) => one !== null)),
        externalIPs: addressList,
        loadBalancerIP: field(parseAddressText, ADDRESS_FORM, null),
        externalTrafficPolicy: oneOf(['Cluster', 'Local'], null),
        ipFamilies: list(family).transform((all) => all.filter((one) => one !== undefined)),
      }),
      status: section({
        loadBalancer: section({
          ingress: list(z.object({ ip: field(parseAddressText, ADDRESS_FORM, null) })).transform((all) =>
            all.map((one) => one.ip).filter((one) => one !== null),
          ),
        }),
      }),
    })
    .transform(({ metadata, spec, status }): ServiceResource => {
      const assigned = spec.clusterIPs.length > 0 ? spec.clusterIPs : spec.clusterIP === null ? [] : [spec.clusterIP];
      const clusterIps = assigned.includes(HEADLESS) ? [] : assigned;
      const isReachable = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || spec.externalIPs.length > 0;
      return {
        kind: 'Service',
        name: `${metadata.namespace}/${metadata.name}`,
        type: spec.type,
        clusterIps,
        externalIps: spec.externalIPs,
        loadBalancerIp: spec.loadBalancerIP,
        ingressIps: status.loadBalancer.ingress,
        externalTrafficPolicy: spec.externalTrafficPolicy ?? (isReachable ? 'Cluster' : null),
        families: spec.ipFamilies.length > 0 ? spec.ipFamilies : [...new Set(clusterIps.map(familyOfText))],
      };
    }),
  dispensable: [
    'spec.clusterIPs.*',
    'spec.externalIPs.*',
    'spec.externalIPs',
    'spec.loadBalancerIP',
    'spec.ipFamilies.*',
    'spec.ipFamilies',
    'status.loadBalancer.ingress.*',
    'status',
  ],
};
