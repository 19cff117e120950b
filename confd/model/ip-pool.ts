/**
 * IPPool (section 2.4 of Calico's semantics).
 *
 * What matters: the CIDR, the encapsulation (which kernel routes are ours to write) and `disableBGPExport` (routes
 * inside are never advertised, unless a BGPFilter accepts them first). `disabled`, `blockSize`, `allowedUses`,
 * selectors and NAT have no effect on routing. A bad CIDR costs the pool; so does a bad encapsulation mode, because
 * guessing it would send traffic the wrong way.
 */

import * as z from 'zod';
import { flag, oneOf, requiredField, requiredText, type Shape } from './schema.ts';
import { parseCidr } from './values.ts';

export type EncapsulationMode = 'Never' | 'Always' | 'CrossSubnet';

export interface IpPoolResource {
  readonly kind: 'IPPool';
  readonly name: string;
  readonly cidr: string;
  readonly ipipMode: EncapsulationMode;
  readonly vxlanMode: EncapsulationMode;
  readonly disableBgpExport: boolean;
}

const encapsulation = oneOf(['Never', 'Always', 'CrossSubnet'], 'Never');

export const ipPoolShape: Shape<IpPoolResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText }),
      spec: z.object({
        cidr: requiredField(parseCidr, 'a CIDR such as 192.168.0.0/16 or fd00::/48'),
        ipipMode: encapsulation,
        vxlanMode: encapsulation,
        disableBGPExport: flag(false),
      }),
    })
    .transform(
      ({ metadata, spec }): IpPoolResource => ({
        kind: 'IPPool',
        name: metadata.name,
        cidr: spec.cidr,
        ipipMode: spec.ipipMode,
        vxlanMode: spec.vxlanMode,
        disableBgpExport: spec.disableBGPExport,
      }),
    ),
  dispensable: [],
};
