/**
 * discovery.k8s.io/v1 EndpointSlice (section 2.7 of Calico's semantics): on which nodes a Service has endpoints.
 *
 * What matters: the label that names the Service, the address type, and the node and readiness of each endpoint; of
 * these only which nodes there are, so that an endpoint that is replaced by another on the same node changes nothing.
 * An endpoint without `ready` condition is ready. Addresses, ports, hints and the other conditions have no effect. A bad
 * endpoint costs itself.
 */

import * as z from 'zod';
import type { FamilyName } from '../../bgp/family.ts';
import { flag, list, requiredText, type Shape, section, text } from './schema.ts';
import { DEFAULT_NAMESPACE } from './service.ts';

export interface EndpointSliceResource {
  readonly kind: 'EndpointSlice';
  /** `namespace/name`. */
  readonly name: string;
  /** `namespace/name` of the Service; null: of none. */
  readonly service: string | null;
  /** Null: host names (`FQDN`), which are nobody's to route to. */
  readonly family: FamilyName | null;
  /** Names of nodes with ready endpoints, sorted; the empty name stands for endpoints without a node. */
  readonly readyNodes: readonly string[];
  /** Names of nodes with endpoints that are not ready, sorted. */
  readonly unreadyNodes: readonly string[];
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const endpoint = z.object({ nodeName: text(''), conditions: section({ ready: flag(true) }) });

export const endpointSliceShape: Shape<EndpointSliceResource> = {
  schema: z
    .object({
      metadata: z.object({
        name: requiredText,
        namespace: text(DEFAULT_NAMESPACE),
        labels: section({ [SERVICE_NAME_LABEL]: text(null) }),
      }),
      addressType: requiredText,
      endpoints: list(endpoint),
    })
    .transform(({ metadata, addressType, endpoints }): EndpointSliceResource => {
      const nodesWhere = (isReady: boolean): string[] => {
        const chosen = endpoints.filter((one) => one.conditions.ready === isReady);
        return [...new Set(chosen.map((one) => one.nodeName))].sort();
      };
      const service = metadata.labels[SERVICE_NAME_LABEL];
      return {
        kind: 'EndpointSlice',
        name: `${metadata.namespace}/${metadata.name}`,
        service: service === null ? null : `${metadata.namespace}/${service}`,
        family: addressType === 'IPv4' ? 'ipv4-unicast' : addressType === 'IPv6' ? 'ipv6-unicast' : null,
        readyNodes: nodesWhere(true),
        unreadyNodes: nodesWhere(false),
      };
    }),
  dispensable: ['endpoints.*'],
};
