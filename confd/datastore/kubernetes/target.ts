/**
 * What is asked of the API server for each kind: path, selectors, and how much of each object (sections 1.4.1, 1.4.2
 * and 1.4.5 of Calico's semantics). Pure.
 *
 * At 5,000 nodes every question is asked 5,000 times, so each asks for as little as will do:
 * - Of Nodes only the metadata is wanted, where BGP has its annotations and labels. Their status, with the list of all
 *   images, is most of their size and nearly all of their changes. In podCIDR mode the spec is needed too, and there is
 *   no form between the two.
 * - BlockAffinities are those of the own node, by the label that Calico puts on them. Releases before that label, and
 *   objects that have not got it yet, are covered by asking for the unlabelled ones too, which are few or none.
 * - EndpointSlices of headless Services are left out: these have no address that could be advertised.
 * - Of ClusterInformations and Secrets single objects are watched, the latter because more is not allowed.
 */

import { createHash } from 'node:crypto';
import type { ObjectKind } from '../../model/resource.ts';

/** The API group of Calico's own kinds, with its version. */
export type CalicoGroup = 'crd.projectcalico.org/v1' | 'projectcalico.org/v3';

export interface WatchTarget {
  readonly kind: ObjectKind;
  /** Of the objects. */
  readonly apiVersion: string;
  /** Path of the collection. */
  readonly path: string;
  readonly labelSelector: string | null;
  readonly fieldSelector: string | null;
  readonly isMetadataOnly: boolean;
  /** For people: `bgppeers.crd.projectcalico.org`, `secrets/kube-system/bgp-passwords`. */
  readonly name: string;
}

const PLURALS: { readonly [K in ObjectKind]: string } = {
  Node: 'nodes',
  BGPConfiguration: 'bgpconfigurations',
  BGPPeer: 'bgppeers',
  BGPFilter: 'bgpfilters',
  IPPool: 'ippools',
  BlockAffinity: 'blockaffinities',
  ClusterInformation: 'clusterinformations',
  Service: 'services',
  EndpointSlice: 'endpointslices',
  Secret: 'secrets',
};

const HOSTNAME_HASH_LABEL = 'projectcalico.org/hostname-hash';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 base32 without padding. */
function base32(octets: Uint8Array): string {
  let text = '';
  let bits = 0;
  let count = 0;
  for (const octet of octets) {
    bits = ((bits << 8) | octet) & 0xfff;
    count += 8;
    for (; count >= 5; count -= 5) text += BASE32[(bits >> (count - 5)) & 31];
  }
  return count === 0 ? text : text + BASE32[(bits << (5 - count)) & 31];
}

/** The value of the label that tells whose a block affinity is: node names may be longer than label values. */
export function hostnameHash(node: string): string {
  return base32(createHash('sha3-256').update(node).digest());
}

function target(kind: ObjectKind, groupVersion: string, parts: Partial<WatchTarget> = {}): WatchTarget {
  const isCore = !groupVersion.includes('/');
  const plural = PLURALS[kind];
  return {
    kind,
    apiVersion: groupVersion,
    path: `${isCore ? '/api' : '/apis'}/${groupVersion}/${plural}`,
    labelSelector: null,
    fieldSelector: null,
    isMetadataOnly: false,
    name: isCore ? plural : `${plural}.${groupVersion.slice(0, groupVersion.indexOf('/'))}`,
    ...parts,
  };
}

/** @param readsSpec pod CIDRs, taints and whether it is cordoned are wanted as well */
export function nodesTarget(readsSpec: boolean): WatchTarget {
  return target('Node', 'v1', { isMetadataOnly: !readsSpec });
}

export type CalicoKind = 'BGPConfiguration' | 'BGPPeer' | 'BGPFilter' | 'IPPool';

export function calicoTarget(kind: CalicoKind, group: CalicoGroup): WatchTarget {
  return target(kind, group);
}

export function clusterInformationTarget(group: CalicoGroup): WatchTarget {
  return target('ClusterInformation', group, { fieldSelector: 'metadata.name=default' });
}

/** Affinities with the label of this node, or those without the label. */
export function affinitiesTarget(group: CalicoGroup, node: string, which: 'labelled' | 'unlabelled'): WatchTarget {
  const labelSelector =
    which === 'labelled' ? `${HOSTNAME_HASH_LABEL}=${hostnameHash(node)}` : `!${HOSTNAME_HASH_LABEL}`;
  return target('BlockAffinity', group, { labelSelector });
}

export function servicesTarget(): WatchTarget {
  return target('Service', 'v1');
}

export function endpointSlicesTarget(): WatchTarget {
  return target('EndpointSlice', 'discovery.k8s.io/v1', { labelSelector: '!service.kubernetes.io/headless' });
}

export function secretTarget(namespace: string, name: string): WatchTarget {
  return target('Secret', 'v1', {
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`,
    fieldSelector: `metadata.name=${name}`,
    name: `secrets/${namespace}/${name}`,
  });
}

/** The Accept header. Servers that do not know the short form send the long one. */
export function acceptOf(target: WatchTarget, isList: boolean): string {
  if (!target.isMetadataOnly) return 'application/json';
  const form = isList ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `application/json;as=${form};g=meta.k8s.io;v=v1, application/json`;
}

/** Path and query of a request; parameters that are null are left out. */
export function requestPath(
  target: WatchTarget,
  parameters: { readonly [name: string]: string | number | boolean | null },
): string {
  const query = new URLSearchParams();
  if (target.labelSelector !== null) query.set('labelSelector', target.labelSelector);
  if (target.fieldSelector !== null) query.set('fieldSelector', target.fieldSelector);
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, String(value));
  const text = query.toString();
  return text === '' ? target.path : `${target.path}?${text}`;
}
