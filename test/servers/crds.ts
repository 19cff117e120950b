/**
 * Custom resource definitions for Calico's kinds: names and scope as Calico has them, and a schema that takes anything,
 * so that a test can store what Calico's own validation would refuse.
 */

export type TestGroup = 'crd.projectcalico.org/v1' | 'projectcalico.org/v3';

/** Kind to plural, of the kinds that the daemon reads. */
export const CALICO_PLURALS: { readonly [kind: string]: string } = {
  BGPConfiguration: 'bgpconfigurations',
  BGPPeer: 'bgppeers',
  BGPFilter: 'bgpfilters',
  IPPool: 'ippools',
  BlockAffinity: 'blockaffinities',
  ClusterInformation: 'clusterinformations',
};

const ANYTHING = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export function crdName(kind: string, groupVersion: TestGroup): string {
  return `${CALICO_PLURALS[kind]}.${groupVersion.split('/')[0]}`;
}

/** The definition of one kind in one group. */
export function crdOf(kind: string, groupVersion: TestGroup): object {
  const [group, version] = groupVersion.split('/');
  const plural = CALICO_PLURALS[kind];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    // The group projectcalico.org looks like one of Kubernetes' own only to people.
    metadata: { name: crdName(kind, groupVersion) },
    spec: {
      group,
      scope: 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: ANYTHING } }],
    },
  };
}
