/**
 * Custom resource definitions for Calico's kinds: Calico's own where a copy of them is at hand (CALICO_CRDS, or the
 * reference material beside the project), else ours with the same names and a schema that takes anything, so that a test
 * can store what Calico's own validation would refuse.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

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

const CALICO_CRDS = process.env.CALICO_CRDS ?? resolve(import.meta.dirname, '../../../shared/servers/calico-crds');

/** Calico's own definition of a kind, or ours when there is none at hand. */
export function calicoCrdOf(kind: string, groupVersion: TestGroup): object {
  const [group, version] = groupVersion.split('/');
  const path = join(CALICO_CRDS, version, `${group}_${CALICO_PLURALS[kind]}.yaml`);
  return existsSync(path) ? parse(readFileSync(path, 'utf8')) : crdOf(kind, groupVersion);
}

/** A definition of one kind in one group that takes anything. */
export function crdOf(kind: string, groupVersion: TestGroup): object {
  const [group, version] = groupVersion.split('/');
  const plural = CALICO_PLURALS[kind];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: crdName(kind, groupVersion) },
    spec: {
      group,
      scope: 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: ANYTHING } }],
    },
  };
}
