/**
 * The status file that Felix writes for each workload endpoint of its node that is up (section 3.8 of Calico's
 * semantics). It comes from a directory of this host, not from the datastore; `datastore/endpoint-status.ts` reads it.
 *
 * What matters: which BGPPeer the workload is a peer of, and its first address in each family. A workload that is not
 * a BGP peer is of no interest. A bad address costs its family.
 */

import * as z from 'zod';
import { field, type LenientResult, list, parseLeniently, type Shape, text } from './schema.ts';
import { parseInterfaceAddress } from './values.ts';

export interface WorkloadEndpointResource {
  readonly kind: 'WorkloadEndpoint';
  /** Name of the file, opaque. */
  readonly name: string;
  /** Name of the BGPPeer with localWorkloadSelector that chose it; null: not a BGP peer. */
  readonly bgpPeerName: string | null;
  /** Bare addresses, canonical; null: none in this family. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  /** For people. */
  readonly interfaceName: string;
}

const ipv4Net = field((value) => parseInterfaceAddress(value, 'ipv4-unicast'), 'an IPv4 CIDR', null);
const ipv6Net = field((value) => parseInterfaceAddress(value, 'ipv6-unicast'), 'an IPv6 CIDR', null);

const shape: Shape<Omit<WorkloadEndpointResource, 'name'>> = {
  schema: z
    .object({
      ifaceName: text(''),
      ipv4Nets: list(ipv4Net),
      ipv6Nets: list(ipv6Net),
      bgpPeerName: text(null),
    })
    .transform((status) => ({
      kind: 'WorkloadEndpoint' as const,
      bgpPeerName: status.bgpPeerName,
      ipv4: status.ipv4Nets[0]?.address ?? null,
      ipv6: status.ipv6Nets[0]?.address ?? null,
      interfaceName: status.ifaceName,
    })),
  // The first address counts; when it is bad the second must not take its place.
  dispensable: ['ipv4Nets', 'ipv6Nets', 'ifaceName'],
};

/** Reads the parsed content of a status file. */
export function readWorkloadEndpoint(name: string, input: unknown): LenientResult<WorkloadEndpointResource> {
  const { value, issues } = parseLeniently(shape, input);
  return { value: value === null ? null : { ...value, name }, issues };
}
