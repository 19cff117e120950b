/**
 * From resources to what this node should be doing: the pure function at the heart of confd/.
 *
 * Each step is a file of its own; this one only puts them together and says what happens when the node itself is not
 * (yet) known: then there is nothing to derive, and what runs must go on running.
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import { ACCEPT_ALL, REJECT_ALL } from '../../rib/policy/policy.ts';
import type {
  Condition,
  DecisionConfig,
  DesiredPeer,
  DesiredState,
  KernelConfig,
  ListenAddress,
  OriginatedRoute,
} from '../desired-state.ts';
import type { LogSeverity } from '../model/bgp-configuration.ts';
import { hostPrefix } from '../model/values.ts';
import type { Resources } from '../resource-store.ts';
import { blockRoutes, deriveBlocks } from './blocks.ts';
import { deriveCommunities } from './communities.ts';
import { bgpAddress, compareText, DeriveContext } from './context.ts';
import { deriveKernelPolicy } from './kernel-policy.ts';
import { deriveMesh } from './mesh.ts';
import type { DeriveOptions } from './options.ts';
import type { PeerEntry } from './peer-entry.ts';
import { deriveExplicitPeers } from './peers.ts';
import { derivePools } from './pools.ts';
import { routerIdOf } from './router-id.ts';
import { deriveServices, serviceRoutes } from './services.ts';
import { sessionPolicies } from './session-policies.ts';
import { deriveSessions } from './sessions.ts';

/** What every Calico node does when choosing paths; `multipathRelax`: BIRD merges paths whatever their AS_PATHs say. */
const DECISION: DecisionConfig = {
  alwaysCompareMed: false,
  multipathRelax: true,
  multipath: true,
};

/** Interfaces whose addresses are workloads' or kube-proxy's, not ours. */
const IGNORED_INTERFACES = ['-cali*', '-kube-ipvs*', '*'];
const BIRD_ROUTE_PROTOCOL = 12;
const MAX_ECMP_PATHS = 16;

const LOG_LEVELS: { readonly [S in LogSeverity]: DesiredState['logLevel'] } = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

function sortedConditions(conditions: readonly Condition[]): Condition[] {
  const key = (one: Condition): string => `${one.resource}\0${one.field}\0${one.severity}\0${one.message}`;
  const unique = new Map(conditions.map((one) => [key(one), one]));
  return [...unique].sort(([a], [b]) => compareText(a, b)).map(([, condition]) => condition);
}

/** A listening socket for each family that has sessions. */
function deriveListen(context: DeriveContext, peers: readonly DesiredPeer[]): ListenAddress[] {
  const port = context.listenPortOf(context.ownNode) || 179;
  const wildcard = { 'ipv4-unicast': '0.0.0.0', 'ipv6-unicast': '::' };
  return FAMILY_NAMES.filter((family) => peers.some((peer) => peer.session.families.includes(family))).map((family) => {
    const own = context.configuration?.bindMode === 'NodeIP' ? bgpAddress(context.ownNode, family)?.address : undefined;
    return { address: own ?? wildcard[family], port };
  });
}

/** Host routes to peers that are reached through a given gateway (section 4.8). */
function reachableByRoutes(context: DeriveContext, entries: readonly PeerEntry[]): OriginatedRoute[] {
  const routes = new Map<string, OriginatedRoute>();
  for (const entry of entries) {
    if (entry.reachableBy === null) continue;
    const prefix = hostPrefix(entry.address);
    const other = routes.get(prefix);
    if (other === undefined) {
      const origin = `${entry.source.kind}/${entry.source.name}`;
      routes.set(prefix, { prefix, kind: 'via', gateway: entry.reachableBy, communities: [], origin });
    } else if (other.gateway !== entry.reachableBy) {
      context.report(entry.source, 'spec.reachableBy', `${prefix} already goes via ${other.gateway} (${other.origin})`);
    }
  }
  return [...routes.values()];
}

/** One route per prefix, in order of precedence; sorted by prefix. */
function mergeOriginated(...groups: readonly OriginatedRoute[][]): OriginatedRoute[] {
  const routes = new Map<string, OriginatedRoute>();
  for (const route of groups.flat()) if (!routes.has(route.prefix)) routes.set(route.prefix, route);
  return [...routes.values()].sort((a, b) => compareText(a.prefix, b.prefix));
}

/** The state of a node of which nothing can be said: nothing is done, and `incomplete` says why. */
function emptyState(resources: Resources, nodeName: string, options: DeriveOptions, why: Condition): DesiredState {
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
    },
    decision: DECISION,
    logLevel: 'info',
    conditions: sortedConditions([...resources.conditions, why]),
  };
}

/** What the node should be doing. The same resources give the same state, whatever order they came in. */
export function derive(resources: Resources, nodeName: string, options: DeriveOptions): DesiredState {
  const ownNode = resources.nodes.get(nodeName);
  const nodeCondition = (field: string, message: string): Condition => ({
    resource: `Node/${nodeName}`,
    field,
    message,
    severity: 'error',
  });
  if (ownNode === undefined) {
    return emptyState(
      resources,
      nodeName,
      options,
      nodeCondition('metadata.name', 'this node is not in the datastore'),
    );
  }
  const routerId = routerIdOf(ownNode, options.routerId);
  if ('reason' in routerId) {
    return emptyState(resources, nodeName, options, nodeCondition('spec.bgp.ipv4Address', routerId.reason));
  }
  const context = new DeriveContext(resources, ownNode, options);
  const blocks = deriveBlocks(context);
  const pools = derivePools(context);
  const services = deriveServices(context);
  const communities = deriveCommunities(context);
  const policies = sessionPolicies({ context, blocks, pools, services, communities });
  const explicit = deriveExplicitPeers(context);
  const peers = deriveSessions(context, [...explicit, ...deriveMesh(context)], routerId.id, policies);
  const kernelPolicy = (family: FamilyName) => deriveKernelPolicy(context, pools, services, family);
  const hasKernel = options.kernelBackend === 'netlink';
  const kernel: KernelConfig = {
    backend: options.kernelBackend,
    programRoutes: hasKernel,
    table: options.kernelTable,
    protocol: BIRD_ROUTE_PROTOCOL,
    policy: hasKernel
      ? { 'ipv4-unicast': kernelPolicy('ipv4-unicast'), 'ipv6-unicast': kernelPolicy('ipv6-unicast') }
      : { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
    learnRoutes: hasKernel,
    directInterfaces: [
      ...(context.configuration?.ignoredInterfaces ?? []).map((pattern) => `-${pattern}`),
      ...IGNORED_INTERFACES,
    ],
    defaultMetric: null,
    maxPaths: MAX_ECMP_PATHS,
  };
  const severity = context.ownConfiguration?.logSeverityScreen ?? context.configuration?.logSeverityScreen ?? 'info';
  return {
    revision: resources.revision,
    nodeName,
    routerId: routerId.id,
    localAs: context.ownAs,
    listen: deriveListen(context, peers),
    peers,
    originated: mergeOriginated(blockRoutes(blocks), serviceRoutes(services), reachableByRoutes(context, explicit)),
    kernel,
    decision: DECISION,
    logLevel: LOG_LEVELS[severity],
    conditions: sortedConditions([...resources.conditions, ...context.conditions]),
  };
}
