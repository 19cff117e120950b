/**
 * Every kind of resource that routing depends on, and the one way in: an object as a datastore holds it becomes a
 * typed resource, or a refusal with reasons, or is none of ours.
 *
 * Kinds are recognised together with their API group, because others (MetalLB, for one) have kinds of the same name.
 */

import type { Condition } from '../desired-state.ts';
import { checkBfdAnnotations } from './bfd-annotations.ts';
import { type BgpConfigurationResource, bgpConfigurationShape, checkBgpConfiguration } from './bgp-configuration.ts';
import { type BgpFilterResource, bgpFilterShape } from './bgp-filter.ts';
import { type BgpPeerResource, bgpPeerShape, checkBgpPeer } from './bgp-peer.ts';
import { type BlockAffinityResource, blockAffinityShape } from './block-affinity.ts';
import { type ClusterInformationResource, clusterInformationShape } from './cluster-information.ts';
import { type EndpointSliceResource, endpointSliceShape } from './endpoint-slice.ts';
import { type IpPoolResource, ipPoolShape } from './ip-pool.ts';
import { withMeantMetadata } from './metadata.ts';
import { type NodeResource, readNode } from './node.ts';
import { type FieldIssue, formatPath, type LenientResult, parseLeniently, parseText, type Shape } from './schema.ts';
import { DEFAULT_SECRET_NAMESPACE, type SecretResource, secretShape } from './secret.ts';
import { DEFAULT_NAMESPACE, type ServiceResource, serviceShape } from './service.ts';
import type { WorkloadEndpointResource } from './workload-endpoint.ts';

export type Resource =
  | NodeResource
  | BgpConfigurationResource
  | BgpPeerResource
  | BgpFilterResource
  | IpPoolResource
  | BlockAffinityResource
  | ServiceResource
  | EndpointSliceResource
  | SecretResource
  | ClusterInformationResource
  | WorkloadEndpointResource;

export type ResourceKind = Resource['kind'];

/** Kinds that are objects in a datastore; the others come from this host. */
export type ObjectKind = Exclude<ResourceKind, 'WorkloadEndpoint'>;

/** The resource type of a kind. */
export type ResourceOf<K extends ResourceKind> = Extract<Resource, { readonly kind: K }>;

/** Identity of a resource; for namespaced kinds the name is `namespace/name`. */
export interface ResourceKey {
  readonly kind: ResourceKind;
  readonly name: string;
}

export type DecodedObject =
  /** Not a kind that routing depends on. */
  | { readonly outcome: 'ignored' }
  /** Ours, but unusable. `key` is null when not even its name can be read. */
  | { readonly outcome: 'refused'; readonly key: ResourceKey | null; readonly issues: readonly FieldIssue[] }
  | { readonly outcome: 'accepted'; readonly resource: Resource; readonly issues: readonly FieldIssue[] };

interface KindReader {
  readonly groups: readonly string[];
  /** Where an object that does not say is; null: objects of the kind are in no namespace. */
  readonly defaultNamespace: string | null;
  readonly read: (input: unknown, apiVersion: string) => LenientResult<Resource>;
}

const CALICO_GROUPS: readonly string[] = ['projectcalico.org/v3', 'crd.projectcalico.org/v1'];

/** Adds to a good result what a check of the whole finds. */
function checked<R extends Resource>(result: LenientResult<R>, check: (resource: R) => FieldIssue[]): LenientResult<R> {
  return result.value === null ? result : { value: result.value, issues: [...result.issues, ...check(result.value)] };
}

function calicoReader<R extends Resource>(shape: Shape<R>): KindReader {
  return { groups: CALICO_GROUPS, defaultNamespace: null, read: (input) => parseLeniently(shape, input) };
}

/** To add a kind: its schema file, a line here, and a map in resource-store.ts. */
const READERS: { readonly [K in ObjectKind]: KindReader } = {
  Node: {
    groups: ['v1', 'projectcalico.org/v3'],
    defaultNamespace: null,
    read: (input, apiVersion) => readNode(input, apiVersion === 'v1'),
  },
  BGPConfiguration: {
    groups: CALICO_GROUPS,
    defaultNamespace: null,
    read: (input) => checked(parseLeniently(bgpConfigurationShape, input), checkBgpConfiguration),
  },
  BGPPeer: {
    groups: CALICO_GROUPS,
    defaultNamespace: null,
    read: (input) => {
      const object = withMeantMetadata(input);
      const issues = checkBfdAnnotations(object);
      return checked(parseLeniently(bgpPeerShape, object), (peer) => [...checkBgpPeer(peer), ...issues]);
    },
  },
  BGPFilter: calicoReader(bgpFilterShape),
  IPPool: calicoReader(ipPoolShape),
  BlockAffinity: calicoReader(blockAffinityShape),
  ClusterInformation: calicoReader(clusterInformationShape),
  Service: {
    groups: ['v1'],
    defaultNamespace: DEFAULT_NAMESPACE,
    read: (input) => parseLeniently(serviceShape, input),
  },
  EndpointSlice: {
    groups: ['discovery.k8s.io/v1'],
    defaultNamespace: DEFAULT_NAMESPACE,
    read: (input) => parseLeniently(endpointSliceShape, input),
  },
  Secret: {
    groups: ['v1'],
    defaultNamespace: DEFAULT_SECRET_NAMESPACE,
    read: (input) => parseLeniently(secretShape, input),
  },
};

export const OBJECT_KINDS = Object.keys(READERS) as readonly ObjectKind[];

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function keyOf(kind: ObjectKind, input: unknown): ResourceKey | null {
  const metadata = property(input, 'metadata');
  const name = parseText(property(metadata, 'name'));
  if (name === null || name === '') return null;
  const { defaultNamespace } = READERS[kind];
  if (defaultNamespace === null) return { kind, name };
  return { kind, name: `${parseText(property(metadata, 'namespace')) || defaultNamespace}/${name}` };
}

/** Reads one object as calicoctl and kubectl print it, or as etcd and the Kubernetes API hold it. */
export function decodeObject(input: unknown): DecodedObject {
  const kind = property(input, 'kind');
  const apiVersion = property(input, 'apiVersion');
  if (typeof kind !== 'string' || !Object.hasOwn(READERS, kind)) return { outcome: 'ignored' };
  const reader = READERS[kind as ObjectKind];
  if (typeof apiVersion !== 'string') {
    const message = `must be one of ${reader.groups.join(', ')}; resource not used`;
    return {
      outcome: 'refused',
      key: keyOf(kind as ObjectKind, input),
      issues: [{ path: ['apiVersion'], message, severity: 'error' }],
    };
  }
  if (!reader.groups.includes(apiVersion)) return { outcome: 'ignored' };
  const { value, issues } = reader.read(input, apiVersion);
  return value === null
    ? { outcome: 'refused', key: keyOf(kind as ObjectKind, input), issues }
    : { outcome: 'accepted', resource: value, issues };
}

/** `BGPPeer/tor` */
export function formatKey(key: ResourceKey): string {
  return `${key.kind}/${key.name}`;
}

/** A field issue as a condition; `where` is the place in a file, when known. */
export function toCondition(key: ResourceKey, issue: FieldIssue, where: string | null = null): Condition {
  return {
    resource: formatKey(key),
    field: formatPath(issue.path),
    message: where === null ? issue.message : `${issue.message} (${where})`,
    severity: issue.severity,
  };
}
