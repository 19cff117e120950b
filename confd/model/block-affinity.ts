/**
 * BlockAffinity: which IPAM blocks belong to which node (sections 1.4.2 and 2.6 of Calico's semantics).
 *
 * What matters: node, CIDR, state and type. `deleted` is a boolean in projectcalico.org/v3 and a text in the v1 CRD; an
 * affinity marked so still counts until it is really gone. Only type `host` (or none) is a node's own block. An affinity
 * with an unknown state is refused, which is as good as pending: nothing is originated for it.
 */

import * as z from 'zod';
import { oneOf, requiredField, requiredText, type Shape } from './schema.ts';
import { parseCidr } from './values.ts';

export interface BlockAffinityResource {
  readonly kind: 'BlockAffinity';
  readonly name: string;
  readonly node: string;
  readonly cidr: string;
  /** `''`: written before states existed, counts as confirmed. */
  readonly state: '' | 'confirmed' | 'pending' | 'pendingDeletion';
  readonly type: string;
}

export const blockAffinityShape: Shape<BlockAffinityResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText }),
      spec: z.object({
        node: requiredText,
        cidr: requiredField(parseCidr, 'a CIDR such as 192.168.1.0/26'),
        state: oneOf(['confirmed', 'pending', 'pendingDeletion'], ''),
        type: z
          .string()
          .nullish()
          .transform((type) => type || 'host'),
      }),
    })
    .transform(
      ({ metadata, spec }): BlockAffinityResource => ({
        kind: 'BlockAffinity',
        name: metadata.name,
        node: spec.node,
        cidr: spec.cidr,
        state: spec.state,
        type: spec.type,
      }),
    ),
  dispensable: [],
};
