/** Calico resources for tests, in few words, through the same readers that datastores use. */

import { derive } from '../../confd/derive/derive.ts';
import { DEFAULT_DERIVE_OPTIONS, type DeriveOptions } from '../../confd/derive/options.ts';
import type { DesiredPeer, DesiredState } from '../../confd/desired-state.ts';
import { decodeObject, type Resource } from '../../confd/model/resource.ts';
import { readWorkloadEndpoint } from '../../confd/model/workload-endpoint.ts';
import { resourcesOf } from '../../confd/resource-store.ts';

/** Reads an object; throws when anything about it is wrong. */
export function resource(object: unknown): Resource {
  const decoded = decodeObject(object);
  if (decoded.outcome !== 'accepted' || decoded.issues.some((issue) => issue.severity === 'error')) {
    throw new Error(`${JSON.stringify(object)}: ${JSON.stringify(decoded)}`);
  }
  return decoded.resource;
}

function calico(kind: string, name: string, spec: object, labels: object = {}): Resource {
  return resource({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, labels }, spec });
}

/** A node; `bgp` as in its spec. */
export function node(name: string, bgp: object, labels: object = {}, more: object = {}, status: object = {}): Resource {
  return resource({
    apiVersion: 'projectcalico.org/v3',
    kind: 'Node',
    metadata: { name, labels },
    spec: { bgp, ...more },
    status,
  });
}

/** Nodes `n1` ... with addresses 10.0.0.1/24 and fd00::1/64 ... */
export function nodes(count: number): Resource[] {
  return Array.from({ length: count }, (_, i) =>
    node(`n${i + 1}`, { ipv4Address: `10.0.0.${i + 1}/24`, ipv6Address: `fd00::${(i + 1).toString(16)}/64` }),
  );
}

export function configuration(spec: object, name = 'default'): Resource {
  return calico('BGPConfiguration', name, spec);
}

/** Turns the mesh off, which is in the way of most tests. */
export const NO_MESH = configuration({ nodeToNodeMeshEnabled: false });

export function peer(name: string, spec: object): Resource {
  return calico('BGPPeer', name, spec);
}

export function filter(name: string, spec: object): Resource {
  return calico('BGPFilter', name, spec);
}

export function pool(name: string, spec: object): Resource {
  return calico('IPPool', name, spec);
}

export function affinity(nodeName: string, cidr: string, state?: string, type?: string): Resource {
  const name = `${nodeName}-${cidr.replaceAll(/[.:/]/g, '-')}${type ?? ''}`;
  return calico('BlockAffinity', name, { node: nodeName, cidr, state, type });
}

export function secret(name: string, values: { readonly [key: string]: string }, namespace = 'kube-system'): Resource {
  return resource({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: values });
}

/** A Service `default/NAME`; LoadBalancer with a cluster IP unless `spec` says otherwise. */
export function service(name: string, spec: object, ingressIps: readonly string[] = []): Resource {
  return resource({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', ...spec },
    status: { loadBalancer: { ingress: ingressIps.map((ip) => ({ ip })) } },
  });
}

/** A slice of `default/SERVICE` with endpoints on these nodes; a node name with `!` before it stands for one not ready. */
export function slice(name: string, ofService: string, nodeNames: readonly string[], addressType = 'IPv4'): Resource {
  return resource({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': ofService } },
    addressType,
    endpoints: nodeNames.map((one) => ({
      nodeName: one.replace(/^!/, ''),
      conditions: one.startsWith('!') ? { ready: false } : {},
    })),
  });
}

/** A workload of this host that is a BGP peer. */
export function workload(name: string, status: object): Resource {
  const { value, issues } = readWorkloadEndpoint(name, status);
  if (value === null || issues.length > 0) throw new Error(JSON.stringify(issues));
  return value;
}

/** What Calico says its version is. */
export function calicoVersion(version: string): Resource {
  return calico('ClusterInformation', 'default', { calicoVersion: version });
}

/** What `n1` should do. */
export function deriveN1(resources: readonly Resource[], options: Partial<DeriveOptions> = {}): DesiredState {
  return deriveNode('n1', resources, options);
}

export function deriveNode(
  nodeName: string,
  resources: readonly Resource[],
  options: Partial<DeriveOptions> = {},
): DesiredState {
  return derive(resourcesOf(resources), nodeName, { ...DEFAULT_DERIVE_OPTIONS, ...options });
}

export function names(state: DesiredState): string[] {
  return state.peers.map((one) => one.session.name);
}

export function peerNamed(state: DesiredState, name: string): DesiredPeer {
  const found = state.peers.find((one) => one.session.name === name);
  if (found === undefined) throw new Error(`no ${name} in ${names(state).join(' ')}`);
  return found;
}

/** Conditions as `resource field` texts. */
export function complaints(state: DesiredState): string[] {
  return state.conditions.map((one) => `${one.resource} ${one.field}`);
}
