/**
 * The parts of a node's state that are neither sessions nor originated routes: what it listens on, what it does with
 * the kernel, how much it logs (sections 3.7, 5 and 6.2 of Calico's semantics).
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import { ACCEPT_ALL, REJECT_ALL } from '../../rib/policy/policy.ts';
import type { Condition, DecisionConfig, DesiredState, KernelConfig, ListenAddress } from '../desired-state.ts';
import type { LogSeverity } from '../model/bgp-configuration.ts';
import type { IpPoolResource } from '../model/ip-pool.ts';
import type { Resources } from '../resource-store.ts';
import { sortedConditions } from './condition-table.ts';
import type { DeriveContext } from './context.ts';
import { deriveKernelPolicy } from './kernel-policy.ts';
import { bgpAddress } from './node-index.ts';
import type { DeriveOptions } from './options.ts';
import type { ServicePolicyInputs } from './services.ts';

/** What every Calico node does when choosing paths; `multipathRelax`: BIRD merges paths whatever their AS_PATHs say. */
export const DECISION: DecisionConfig = {
  alwaysCompareMed: false,
  multipathRelax: true,
  multipath: true,
};

/** Interfaces whose addresses are workloads' or kube-proxy's, not ours. */
const IGNORED_INTERFACES = ['-cali*', '-kube-ipvs*', '*'];
const BIRD_ROUTE_PROTOCOL = 12;
const MAX_ECMP_PATHS = 16;
const DEFAULT_PORT = 179;
const WILDCARD_ADDRESS = { 'ipv4-unicast': '0.0.0.0', 'ipv6-unicast': '::' };

const LOG_LEVELS: { readonly [S in LogSeverity]: DesiredState['logLevel'] } = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

/** A listening socket for each family that has sessions. */
export function deriveListen(context: DeriveContext, hasSessions: (family: FamilyName) => boolean): ListenAddress[] {
  const port = context.listenPortOf(context.ownNode) || DEFAULT_PORT;
  const bindsToNode = context.configuration?.bindMode === 'NodeIP';
  return FAMILY_NAMES.filter(hasSessions).map((family) => {
    const own = bindsToNode ? bgpAddress(context.ownNode, family)?.address : undefined;
    return { address: own ?? WILDCARD_ADDRESS[family], port };
  });
}

export function deriveKernel(
  context: DeriveContext,
  pools: readonly IpPoolResource[],
  services: ServicePolicyInputs,
): KernelConfig {
  const { options, configuration } = context;
  const hasKernel = options.kernelBackend === 'netlink';
  return {
    backend: options.kernelBackend,
    programRoutes: hasKernel,
    table: options.kernelTable,
    protocol: BIRD_ROUTE_PROTOCOL,
    policy: hasKernel
      ? {
          'ipv4-unicast': deriveKernelPolicy(context, pools, services, 'ipv4-unicast'),
          'ipv6-unicast': deriveKernelPolicy(context, pools, services, 'ipv6-unicast'),
        }
      : { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
    learnRoutes: hasKernel,
    directInterfaces: [
      ...(configuration?.ignoredInterfaces ?? []).map((pattern) => `-${pattern}`),
      ...IGNORED_INTERFACES,
    ],
    defaultMetric: null,
    maxPaths: MAX_ECMP_PATHS,
    nextHopObjects: options.nextHopObjects,
  };
}

export function deriveLogLevel({ configuration, ownConfiguration }: DeriveContext): DesiredState['logLevel'] {
  return LOG_LEVELS[ownConfiguration?.logSeverityScreen ?? configuration?.logSeverityScreen ?? 'info'];
}

/** The state of a node of which nothing can be said: nothing is done, and `incomplete` says why. */
export function incompleteState(
  resources: Resources,
  nodeName: string,
  options: DeriveOptions,
  why: Condition,
): DesiredState {
  return {
    revision: resources.revision,
    incomplete: why.message,
    nodeName,
    routerId: '0.0.0.0',
    localAs: 0,
    listen: [],
    peers: [],
    originated: [],
    kernel: {
      backend: options.kernelBackend,
      programRoutes: false,
      table: options.kernelTable,
      protocol: BIRD_ROUTE_PROTOCOL,
      policy: { 'ipv4-unicast': REJECT_ALL, 'ipv6-unicast': REJECT_ALL },
      learnRoutes: false,
      directInterfaces: IGNORED_INTERFACES,
      defaultMetric: null,
      maxPaths: MAX_ECMP_PATHS,
      nextHopObjects: options.nextHopObjects,
    },
    decision: DECISION,
    logLevel: 'info',
    conditions: sortedConditions([...resources.conditions, why]),
  };
}
