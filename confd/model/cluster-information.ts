/**
 * ClusterInformation `default`: what Calico says about itself. What matters: the version, from which the generation of
 * Felix is told when nobody configured it (derive/felix-generation.ts). Not being there is normal.
 */

import * as z from 'zod';
import { requiredText, type Shape, section, text } from './schema.ts';

export interface ClusterInformationResource {
  readonly kind: 'ClusterInformation';
  readonly name: string;
  /** Such as `v3.31.2`; null: not said. */
  readonly calicoVersion: string | null;
}

export const CLUSTER_INFORMATION_NAME = 'default';

export const clusterInformationShape: Shape<ClusterInformationResource> = {
  schema: z
    .object({ metadata: z.object({ name: requiredText }), spec: section({ calicoVersion: text(null) }) })
    .transform(
      ({ metadata, spec }): ClusterInformationResource => ({
        kind: 'ClusterInformation',
        name: metadata.name,
        calicoVersion: spec.calicoVersion,
      }),
    ),
  dispensable: ['spec.calicoVersion'],
};
