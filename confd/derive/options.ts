/**
 * What derive needs to know besides the resources: the environment of the process (section 6.3 of Calico's semantics)
 * and deployment choices. Read from flags and variables by the shell, never here.
 */

import { DEFAULT_SECRET_NAMESPACE } from '../model/secret.ts';
import type { DrainTrigger } from './drain.ts';
import type { FelixGenerationOption } from './felix-generation.ts';

export interface DeriveOptions {
  /** CALICO_ROUTER_ID: null takes the node's IPv4 address, `hash` makes one from the node name, else a dotted quad. */
  readonly routerId: string | null;
  /** USE_POD_CIDR: the node's pod CIDRs play the role of IPAM blocks. */
  readonly usePodCidr: boolean;
  /** NAMESPACE: where BGP password secrets live. */
  readonly secretNamespace: string;
  /**
   * What becomes of a session whose password cannot be had because the secret or its key is missing: Calico runs it
   * without one (section 3.10), which is reported as an error; `withhold` keeps it down instead.
   */
  readonly missingPassword: 'unauthenticated' | 'withhold';
  /** CALICO_ADVERTISE_CLUSTER_IPS: replaces serviceClusterIPs. */
  readonly advertiseClusterIps: string | null;
  /** CALICO_K8S_NODE_REF: what EndpointSlices call this node; null: the same as Calico does. */
  readonly kubernetesNodeName: string | null;
  /** The generation of Calico around this daemon. */
  readonly felixGeneration: FelixGenerationOption;
  /** What of the own node counts as a wish to be drained, beside its annotation. */
  readonly drainOn: readonly DrainTrigger[];
  readonly kernelBackend: 'netlink' | 'none';
  /** Main table of Linux. */
  readonly kernelTable: number;
  /** Felix and people on nodes delete routes by gateway, which does not hit routes through objects. */
  readonly nextHopObjects: 'off' | 'auto';
}

export const DEFAULT_DERIVE_OPTIONS: DeriveOptions = {
  routerId: null,
  usePodCidr: false,
  secretNamespace: DEFAULT_SECRET_NAMESPACE,
  missingPassword: 'unauthenticated',
  advertiseClusterIps: null,
  kubernetesNodeName: null,
  felixGeneration: 'auto',
  drainOn: [],
  kernelBackend: 'netlink',
  kernelTable: 254,
  nextHopObjects: 'off',
};
