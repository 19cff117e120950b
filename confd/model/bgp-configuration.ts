/**
 * BGPConfiguration (section 2.1 of Calico's semantics): `default` for the cluster, `node.<name>` for one node.
 *
 * What matters of `node.<name>`: listenPort, logSeverityScreen, prefixAdvertisements with communities; the rest is
 * honoured in `default` only, and said so when it is set elsewhere. Every field has a default, so an object that is not
 * there at all is normal, and a bad field costs only itself.
 */

import * as z from 'zod';
import { type FieldIssue, field, flag, list, oneOf, requiredText, type Shape, section } from './schema.ts';
import { passwordReference, type SecretKeyRef } from './secret.ts';
import { parseAsNumber, parseCidr, parseDurationSeconds, parseInteger } from './values.ts';

export type ProgramClusterRoutes = 'Enabled' | 'Disabled' | 'EnabledIPIPOnly' | 'EnabledNoEncapOnly';

export type LogSeverity = 'debug' | 'info' | 'warning' | 'error';

export interface PrefixAdvertisement {
  readonly cidr: string;
  /** Literal values or names. */
  readonly communities: readonly string[];
}

export interface BgpConfigurationResource {
  readonly kind: 'BGPConfiguration';
  readonly name: string;
  readonly logSeverityScreen: LogSeverity | null;
  readonly nodeToNodeMeshEnabled: boolean;
  readonly asNumber: number | null;
  readonly listenPort: number | null;
  readonly bindMode: 'None' | 'NodeIP';
  readonly serviceClusterIps: readonly string[];
  readonly serviceExternalIps: readonly string[];
  readonly serviceLoadBalancerIps: readonly string[];
  readonly serviceLoadBalancerAggregation: 'Enabled' | 'Disabled';
  readonly communities: readonly { readonly name: string; readonly value: string }[];
  /** Null: the field is absent (which lets the default's list show through a node's object). */
  readonly prefixAdvertisements: readonly PrefixAdvertisement[] | null;
  readonly nodeMeshPassword: SecretKeyRef | null;
  readonly nodeMeshMaxRestartTimeSeconds: number | null;
  readonly ignoredInterfaces: readonly string[];
  /** Null: not set. */
  readonly programClusterRoutes: ProgramClusterRoutes | null;
  readonly ipv4NormalRoutePriority: number;
  readonly ipv6NormalRoutePriority: number;
}

export const DEFAULT_CONFIGURATION_NAME = 'default';
export const DEFAULT_AS_NUMBER = 64512;
export const DEFAULT_NORMAL_ROUTE_PRIORITY = 1024;
/** LOCAL_PREF and route priority add up to this (2^31 - 1). */
export const MAX_ROUTE_PRIORITY = 2147483647;

/** Name of the object that overrides the default for one node. */
export function nodeConfigurationName(nodeName: string): string {
  return `node.${nodeName}`;
}

const LOG_SEVERITIES = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warning',
  error: 'error',
  fatal: 'error',
} as const;

function parseLogSeverity(value: unknown): LogSeverity | null {
  const key = typeof value === 'string' ? value.toLowerCase() : '';
  return key in LOG_SEVERITIES ? LOG_SEVERITIES[key as keyof typeof LOG_SEVERITIES] : null;
}

/** A glob of interface names; the bare `*` would ignore every interface and is refused, as Calico does. */
function parseInterfacePattern(value: unknown): string | null {
  return typeof value === 'string' && /^[a-zA-Z0-9_.*-]{1,15}$/.test(value) && value !== '*' ? value : null;
}

const CIDR_FORM = 'a CIDR such as 10.96.0.0/12 or fd00:96::/112';

const cidrList = list(z.object({ cidr: field(parseCidr, CIDR_FORM, null) })).transform((entries) =>
  entries.map((entry) => entry.cidr).filter((cidr) => cidr !== null),
);

const priority = field(
  (value) => parseInteger(value, 1, MAX_ROUTE_PRIORITY - 1),
  'a whole number from 1 to 2147483646',
  DEFAULT_NORMAL_ROUTE_PRIORITY,
);

const prefixAdvertisement = z
  .object({ cidr: field(parseCidr, CIDR_FORM, null), communities: list(z.string()) })
  .transform((entry): PrefixAdvertisement | undefined =>
    entry.cidr === null ? undefined : { cidr: entry.cidr, communities: entry.communities },
  );

export const bgpConfigurationShape: Shape<BgpConfigurationResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText }),
      spec: section({
        logSeverityScreen: field(parseLogSeverity, 'one of Trace, Debug, Info, Warning, Error, Fatal', null),
        nodeToNodeMeshEnabled: flag(true),
        asNumber: field(parseAsNumber, 'an AS number (1 to 4294967295, or "high.low")', null),
        listenPort: field((value) => parseInteger(value, 0, 65535), 'a port from 1 to 65535', null),
        bindMode: oneOf(['None', 'NodeIP'], 'None'),
        serviceClusterIPs: cidrList,
        serviceExternalIPs: cidrList,
        serviceLoadBalancerIPs: cidrList,
        serviceLoadBalancerAggregation: oneOf(['Enabled', 'Disabled'], 'Enabled'),
        communities: list(z.object({ name: requiredText, value: requiredText })),
        prefixAdvertisements: z
          .array(prefixAdvertisement.optional())
          .nullish()
          .transform((entries) => entries?.filter((one) => one !== undefined) ?? null),
        nodeMeshPassword: passwordReference,
        nodeMeshMaxRestartTime: field(parseDurationSeconds, 'a duration such as 120s or 2m', null),
        ignoredInterfaces: list(
          field(parseInterfacePattern, 'an interface name or glob of up to 15 characters, not "*" alone', undefined),
        ).transform((all) => all.filter((one) => one !== undefined)),
        programClusterRoutes: oneOf(['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'], null),
        ipv4NormalRoutePriority: priority,
        ipv6NormalRoutePriority: priority,
      }),
    })
    .transform(
      ({ metadata, spec }): BgpConfigurationResource => ({
        kind: 'BGPConfiguration',
        name: metadata.name,
        logSeverityScreen: spec.logSeverityScreen,
        nodeToNodeMeshEnabled: spec.nodeToNodeMeshEnabled,
        asNumber: spec.asNumber || null,
        listenPort: spec.listenPort || null,
        bindMode: spec.bindMode,
        serviceClusterIps: spec.serviceClusterIPs,
        serviceExternalIps: spec.serviceExternalIPs,
        serviceLoadBalancerIps: spec.serviceLoadBalancerIPs,
        serviceLoadBalancerAggregation: spec.serviceLoadBalancerAggregation,
        communities: spec.communities,
        prefixAdvertisements: spec.prefixAdvertisements,
        nodeMeshPassword: spec.nodeMeshPassword,
        nodeMeshMaxRestartTimeSeconds: spec.nodeMeshMaxRestartTime,
        ignoredInterfaces: spec.ignoredInterfaces,
        programClusterRoutes: spec.programClusterRoutes,
        ipv4NormalRoutePriority: spec.ipv4NormalRoutePriority,
        ipv6NormalRoutePriority: spec.ipv6NormalRoutePriority,
      }),
    ),
  dispensable: [
    'spec.logSeverityScreen',
    'spec.nodeToNodeMeshEnabled',
    'spec.asNumber',
    'spec.listenPort',
    'spec.bindMode',
    'spec.serviceClusterIPs.*',
    'spec.serviceClusterIPs',
    'spec.serviceExternalIPs.*',
    'spec.serviceExternalIPs',
    'spec.serviceLoadBalancerIPs.*',
    'spec.serviceLoadBalancerIPs',
    'spec.serviceLoadBalancerAggregation',
    'spec.communities.*',
    'spec.communities',
    'spec.prefixAdvertisements.*.communities.*',
    'spec.prefixAdvertisements.*',
    'spec.prefixAdvertisements',
    'spec.nodeMeshMaxRestartTime',
    'spec.ignoredInterfaces.*',
    'spec.ignoredInterfaces',
    'spec.programClusterRoutes',
    'spec.ipv4NormalRoutePriority',
    'spec.ipv6NormalRoutePriority',
  ],
};

/** Fields that count in `default` only, as they are written, with the value that says nothing. */
const DEFAULT_ONLY: readonly (readonly [field: string, isSet: (one: BgpConfigurationResource) => boolean])[] = [
  ['nodeToNodeMeshEnabled', (one) => !one.nodeToNodeMeshEnabled],
  ['asNumber', (one) => one.asNumber !== null],
  ['bindMode', (one) => one.bindMode !== 'None'],
  ['serviceClusterIPs', (one) => one.serviceClusterIps.length > 0],
  ['serviceExternalIPs', (one) => one.serviceExternalIps.length > 0],
  ['serviceLoadBalancerIPs', (one) => one.serviceLoadBalancerIps.length > 0],
  ['serviceLoadBalancerAggregation', (one) => one.serviceLoadBalancerAggregation !== 'Enabled'],
  ['nodeMeshPassword', (one) => one.nodeMeshPassword !== null],
  ['nodeMeshMaxRestartTime', (one) => one.nodeMeshMaxRestartTimeSeconds !== null],
  ['ignoredInterfaces', (one) => one.ignoredInterfaces.length > 0],
  ['programClusterRoutes', (one) => one.programClusterRoutes !== null],
  ['ipv4NormalRoutePriority', (one) => one.ipv4NormalRoutePriority !== DEFAULT_NORMAL_ROUTE_PRIORITY],
  ['ipv6NormalRoutePriority', (one) => one.ipv6NormalRoutePriority !== DEFAULT_NORMAL_ROUTE_PRIORITY],
];

/** An object whose name nobody reads does nothing, nor does a field that counts elsewhere; that is worth saying. */
export function checkBgpConfiguration(configuration: BgpConfigurationResource): FieldIssue[] {
  const { name } = configuration;
  if (name === DEFAULT_CONFIGURATION_NAME) return [];
  if (name.startsWith('node.')) {
    return DEFAULT_ONLY.filter(([, isSet]) => isSet(configuration)).map(([field]) => ({
      path: ['spec', field],
      message: 'has no effect here: it counts in BGPConfiguration/default only',
      severity: 'warning',
    }));
  }
  return [
    {
      path: ['metadata', 'name'],
      message: 'must be "default" or "node.<node name>"; this object has no effect',
      severity: 'warning',
    },
  ];
}
