/**
 * Which generation of Calico this daemon lives next to, and what that changes (the version matrix, section 0.2 of
 * Calico's semantics).
 *
 * Felix on this node writes the workload routes that we learn, and owns the routes that we must not write; other nodes
 * may still run BIRD of the same release. So the rules of the release count: beside a Felix that does not set route
 * priorities, every workload route would look elevated and leak out of its block. A release stands for its last patch.
 * docs/felix-generation.md is the same for people.
 */

import type { ProgramClusterRoutes } from '../model/bgp-configuration.ts';
import { CLUSTER_INFORMATION_NAME } from '../model/cluster-information.ts';
import type { Resources } from '../resource-store.ts';

export const FELIX_GENERATIONS = ['3.28', '3.29', '3.30', '3.31', '3.32', '3.33'] as const;
export type FelixGeneration = (typeof FELIX_GENERATIONS)[number];
/** `auto`: the version in ClusterInformation when there is one, else the newest. */
export type FelixGenerationOption = 'auto' | FelixGeneration;

const NEWEST: FelixGeneration = '3.33';

export interface GenerationTraits {
  /**
   * Workload routes carry a priority as kernel metric, LOCAL_PREF and metric are mapped to each other, and routes of a
   * better priority than normal escape aggregation (sections 4.3 to 4.6, 4.14 and 5.2).
   */
  readonly mapsPriorities: boolean;
  /** Values of programClusterRoutes, the first being the default; with only one the field does not exist yet. */
  readonly programClusterRoutes: readonly [ProgramClusterRoutes, ...ProgramClusterRoutes[]];
  /** Routes towards WireGuard nodes are not written to the kernel (section 5.2, rule 3). */
  readonly rejectsWireguardNextHops: boolean;
  /** While Felix writes IPIP routes, those over tunl0 are not advertised over iBGP (section 4.3, rule 3). */
  readonly guardsFelixIpip: boolean;
  /** Route reflectors pass service external addresses on (section 4.3, rule 7b). */
  readonly reflectsExternalIps: boolean;
  /** Endpoints that are not ready are no reason to advertise a Service (section 4.7). */
  readonly ignoresUnreadyEndpoints: boolean;
  /** All cluster IPs of a Service are advertised, not only the first. */
  readonly advertisesAllClusterIps: boolean;
  /** Single load-balancer addresses count by status too, single external ones for type ClusterIP too. */
  readonly knowsSingleAddressesEverywhere: boolean;
  /** BGPConfiguration has serviceLoadBalancerAggregation. */
  readonly knowsLoadBalancerAggregation: boolean;
}

const V3_28: GenerationTraits = {
  mapsPriorities: false,
  programClusterRoutes: ['Enabled'],
  rejectsWireguardNextHops: false,
  guardsFelixIpip: false,
  reflectsExternalIps: false,
  ignoresUnreadyEndpoints: false,
  advertisesAllClusterIps: false,
  knowsSingleAddressesEverywhere: false,
  knowsLoadBalancerAggregation: false,
};
const V3_30: GenerationTraits = { ...V3_28, knowsSingleAddressesEverywhere: true };
const V3_31: GenerationTraits = {
  ...V3_30,
  ignoresUnreadyEndpoints: true,
  advertisesAllClusterIps: true,
  knowsLoadBalancerAggregation: true,
};
const V3_32: GenerationTraits = {
  ...V3_31,
  mapsPriorities: true,
  programClusterRoutes: ['Enabled', 'Disabled'],
  // The fix was made for 3.31.7 and 3.33 only.
  ignoresUnreadyEndpoints: false,
};
const V3_33: GenerationTraits = {
  ...V3_32,
  programClusterRoutes: ['EnabledNoEncapOnly', 'Enabled', 'Disabled', 'EnabledIPIPOnly'],
  rejectsWireguardNextHops: true,
  guardsFelixIpip: true,
  reflectsExternalIps: true,
  ignoresUnreadyEndpoints: true,
};

export const GENERATION_TRAITS: { readonly [G in FelixGeneration]: GenerationTraits } = {
  '3.28': V3_28,
  '3.29': V3_28,
  '3.30': V3_30,
  '3.31': V3_31,
  '3.32': V3_32,
  '3.33': V3_33,
};

export interface GenerationDecision {
  readonly generation: FelixGeneration;
  /** How it is known, for people. */
  readonly because: string;
  /** Something about it that the operator should look at. */
  readonly doubt: string | null;
}

/** The generation that a version of Calico belongs to; null when the text is no version (`master`). */
function generationOfVersion(
  version: string,
): { readonly generation: FelixGeneration; readonly isExact: boolean } | null {
  const parts = /^v?([0-9]{1,4})\.([0-9]{1,4})(?:[.+-]|$)/.exec(version);
  if (parts === null) return null;
  const major = Number(parts[1]);
  const minor = Number(parts[2]);
  if (major > 3) return { generation: NEWEST, isExact: true };
  const exact = FELIX_GENERATIONS.find((one) => one === `${major}.${minor}`);
  if (exact !== undefined) return { generation: exact, isExact: true };
  const isNewer = major === 3 && minor > Number(NEWEST.slice(2));
  return isNewer ? { generation: NEWEST, isExact: true } : { generation: FELIX_GENERATIONS[0], isExact: false };
}

/** Which generation counts for a node. */
export function felixGenerationOf(
  resources: Pick<Resources, 'clusterInformations'>,
  option: FelixGenerationOption,
): GenerationDecision {
  if (option !== 'auto') return { generation: option, because: 'it is configured', doubt: null };
  const version = resources.clusterInformations.get(CLUSTER_INFORMATION_NAME)?.calicoVersion ?? null;
  if (version === null) {
    return { generation: NEWEST, because: 'nothing tells the version of Calico', doubt: null };
  }
  const found = generationOfVersion(version);
  if (found === null) {
    const doubt = `"${version}" is no version of Calico that is known: ${NEWEST} is assumed`;
    return { generation: NEWEST, because: doubt, doubt };
  }
  return {
    generation: found.generation,
    because: `the cluster runs Calico ${version}`,
    doubt: found.isExact ? null : `Calico ${version} is older than what is supported: ${found.generation} is assumed`,
  };
}
