/**
 * An object as the API server holds it, as a resource event (sections 1.4.1 to 1.4.4 of Calico's semantics). Pure.
 *
 * Here is decided what is special to Kubernetes: lists do not repeat what their items are; v1 CRDs keep Calico's
 * metadata in an annotation; another node's BlockAffinity is none of ours; in podCIDR mode a node's WireGuard address is
 * made of its pod CIDR. Everything else is the same as in any datastore, and is read by model/resource.ts.
 */

import { asObject, overlayMetadata } from '../../model/metadata.ts';
import { decodeObject, type ObjectKind, type ResourceKey, toCondition } from '../../model/resource.ts';
import { DEFAULT_NAMESPACE } from '../../model/service.ts';
import type { ResourceEvent } from '../../resource-store.ts';
import type { WatchTarget } from './target.ts';

export interface ObjectContext {
  readonly node: string;
  readonly usePodCidr: boolean;
}

type PlainObject = { readonly [name: string]: unknown };

const POD_CIDR_WIREGUARD = {
  key: 'projectcalico.org/WireguardPublicKey',
  address: 'projectcalico.org/IPv4WireguardInterfaceAddr',
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The first address of an IPv4 CIDR, plus one; null for anything else. */
function firstPodAddress(podCidr: string): string | null {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(podCidr);
  if (match === null) return null;
  const [a, b, c, d, length] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || length > 32) return null;
  const network = ((a << 24) | (b << 16) | (c << 8) | d) & (length === 0 ? 0 : -1 << (32 - length));
  const address = (network + 1) >>> 0;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** With host-local IPAM WireGuard's address is not written anywhere: it follows from the pod CIDR. */
function withPodCidrAddresses(object: PlainObject): PlainObject {
  const metadata = asObject(object.metadata);
  const annotations = asObject(metadata.annotations);
  const address = firstPodAddress(textOf(asObject(object.spec).podCIDR));
  if (address === null || textOf(annotations[POD_CIDR_WIREGUARD.key]) === '') return object;
  return {
    ...object,
    metadata: { ...metadata, annotations: { ...annotations, [POD_CIDR_WIREGUARD.address]: address } },
  };
}

/** Name of an object of a kind, with its namespace where the kind has one; null: it has none. */
export function objectKey(kind: ObjectKind, object: unknown): ResourceKey | null {
  const metadata = asObject(asObject(object).metadata);
  const name = textOf(metadata.name);
  if (name === '') return null;
  const isNamespaced = kind === 'Service' || kind === 'EndpointSlice' || kind === 'Secret';
  return { kind, name: isNamespaced ? `${textOf(metadata.namespace) || DEFAULT_NAMESPACE}/${name}` : name };
}

/** resourceVersion of an object; empty: it says none. */
export function objectVersion(object: unknown): string {
  return textOf(asObject(asObject(object).metadata).resourceVersion);
}

/** What an object means; null: nothing to this node. */
export function readObject(target: WatchTarget, object: unknown, context: ObjectContext): ResourceEvent | null {
  const { kind, apiVersion } = target;
  const key = objectKey(kind, object);
  if (key === null) return null;
  if (kind === 'BlockAffinity' && asObject(asObject(object).spec).node !== context.node) return null;
  let input: PlainObject = { ...asObject(object), apiVersion, kind };
  if (apiVersion === 'crd.projectcalico.org/v1')
    input = { ...input, metadata: overlayMetadata(asObject(input.metadata)) };
  if (kind === 'Node' && context.usePodCidr) input = withPodCidrAddresses(input);
  const decoded = decodeObject(input);
  switch (decoded.outcome) {
    case 'ignored':
      return null;
    case 'refused':
      return { type: 'refused', key, conditions: decoded.issues.map((issue) => toCondition(key, issue)) };
    case 'accepted':
      return {
        type: 'set',
        resource: decoded.resource,
        conditions: decoded.issues.map((issue) => toCondition(key, issue)),
      };
  }
}
