/**
 * A case of the Calico corpus (layout of /work/shared/corpora/calico-cases): its resources after all steps, as our
 * own readers see them, and what is expected of each family.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileObject, readDocuments } from '../../../confd/datastore/documents.ts';
import type { DeriveOptions } from '../../../confd/derive/options.ts';
import { DEFAULT_DERIVE_OPTIONS } from '../../../confd/derive/options.ts';
import type { Condition } from '../../../confd/desired-state.ts';
import { decodeObject, type Resource, toCondition } from '../../../confd/model/resource.ts';
import { type Resources, resourcesOf } from '../../../confd/resource-store.ts';
import { workloadsOfCase } from './endpoint-status.ts';

interface Mutation {
  readonly op: 'create' | 'replace' | 'mergePatch' | 'delete';
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly patch?: unknown;
  readonly stringData?: { readonly [key: string]: string };
  readonly data?: { readonly [key: string]: string };
  /** The whole object, for kinds other than Secret. */
  readonly object?: unknown;
}

interface CaseFile {
  readonly case: string;
  readonly node: string;
  readonly env: { readonly [name: string]: string };
  readonly standardBlockAffinities: boolean;
  readonly apply: readonly string[];
  readonly mutations?: readonly Mutation[];
  readonly expectPeeringCount?: number;
}

export interface ExpectedSession {
  readonly name: string;
  readonly peerIp: string;
  readonly port: number;
  readonly peerAs: number;
  readonly localAs: number;
  readonly sourceAddress: string | null;
  readonly ttlSecurity: boolean;
  readonly multihop: boolean | number;
  readonly rrClient: boolean;
  readonly clusterId: string | null;
  readonly password: string | null;
  readonly passive: boolean;
  readonly gracefulRestart: boolean;
  readonly restartTime: number | null;
  readonly nextHopSelf: boolean;
  readonly nextHopKeep: boolean;
  readonly allowLocalAs: number;
  readonly addPaths: boolean;
  readonly ibgp: boolean;
  readonly importPolicy: string;
  readonly exportPolicy: string;
}

export interface ProbeRoute {
  readonly prefix: string;
  readonly source: 'static' | 'kernel' | 'bgp';
  readonly interface?: string;
  readonly metric?: number;
  readonly localPref?: number;
  readonly asPath?: readonly number[];
  readonly communities?: readonly string[];
  readonly largeCommunities?: readonly string[];
  readonly nextHop?: string;
}

export interface Probe {
  readonly route: ProbeRoute;
  readonly expect: {
    readonly verdict: 'accept' | 'reject';
    readonly set?: {
      readonly preference?: number;
      readonly localPref?: number;
      readonly metric?: number;
      readonly tunnelDevice?: string;
      readonly asPath?: readonly number[];
      readonly communities?: readonly string[];
      readonly largeCommunities?: readonly string[];
    };
  };
}

export interface Expectation {
  readonly routerId: string;
  readonly listen: { readonly port?: number; readonly address?: string } | null;
  readonly bgpEnabled: boolean;
  readonly asn: number;
  readonly directRoutesFromInterfaces: readonly string[];
  readonly originated: {
    readonly blackholeBlocks: readonly string[];
    readonly staticBlackholes: readonly string[];
    readonly staticRoutesVia: readonly { readonly prefix: string; readonly via: string }[];
  };
  readonly sessions: readonly ExpectedSession[];
  readonly policies: { readonly [key: string]: { readonly probes: readonly Probe[] } };
  readonly kernelExport: { readonly probes: readonly Probe[] };
}

export interface CalicoCase {
  readonly name: string;
  /** Where its files are; what confd rendered is in `golden`. */
  readonly folder: string;
  readonly nodeName: string;
  readonly options: DeriveOptions;
  readonly resources: Resources;
  /** What our readers refused. */
  readonly conditions: readonly Condition[];
  readonly expectPeeringCount: number | null;
  readonly expected: { readonly v4: Expectation | null; readonly v6: Expectation | null };
}

type Json = { [name: string]: unknown };

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

function objectsOf(path: string): readonly FileObject[] {
  const content = readDocuments(readFileSync(path, 'utf8'));
  if (!content.ok) throw new Error(`${path}: ${JSON.stringify(content.errors)}`);
  return content.objects;
}

function keyOf(kind: unknown, namespace: unknown, name: unknown): string {
  return `${String(kind)}/${namespace === undefined ? '' : String(namespace)}/${String(name)}`;
}

/** kubectl, with which the cases were made, does not write the status of what it applies. */
function withoutServiceStatus(object: unknown): unknown {
  if (!isObject(object) || object.kind !== 'Service') return object;
  const { status: _notWritten, ...rest } = object;
  return rest;
}

/** Applies the files and mutations in order; the last form of every object. */
function objectsAfter(folder: string, file: CaseFile, affinities: readonly unknown[]): Map<string, unknown> {
  const objects = new Map<string, unknown>();
  const put = (object: unknown): void => {
    const metadata = isObject(object) && isObject(object.metadata) ? object.metadata : {};
    objects.set(keyOf(isObject(object) ? object.kind : '', metadata.namespace, metadata.name), object);
  };
  for (const affinity of affinities) put(affinity);
  for (const name of file.apply) {
    for (const { value } of objectsOf(join(folder, name))) put(withoutServiceStatus(value));
  }
  for (const mutation of file.mutations ?? []) {
    const { op, kind, namespace, name } = mutation;
    const key = keyOf(kind, namespace, name);
    if (op === 'delete') objects.delete(key);
    else if (op === 'mergePatch') objects.set(key, mergePatch(objects.get(key), mutation.patch));
    else {
      const { stringData, data, object } = mutation;
      put(object ?? { apiVersion: 'v1', kind, metadata: { namespace, name }, data, stringData });
    }
  }
  return objects;
}

function standardAffinities(casesFolder: string): unknown[] {
  const path = join(casesFolder, 'standard-block-affinities.json');
  return readJson<{ cidr: string; node: string; state: string | null }[]>(path).map(({ cidr, node, state }) => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'BlockAffinity',
    metadata: { name: `${node}-${cidr.replaceAll(/[.:/]/g, '-')}` },
    spec: { cidr, node, state },
  }));
}

function loadCase(casesFolder: string, name: string): CalicoCase {
  const folder = join(casesFolder, name);
  const file = readJson<CaseFile>(join(folder, 'case.json'));
  const objects = objectsAfter(folder, file, file.standardBlockAffinities ? standardAffinities(casesFolder) : []);
  const resources: Resource[] = workloadsOfCase(folder, file);
  const conditions: Condition[] = [];
  for (const object of objects.values()) {
    const decoded = decodeObject(object);
    if (decoded.outcome === 'ignored') continue;
    if (decoded.outcome === 'accepted') resources.push(decoded.resource);
    const key = decoded.outcome === 'accepted' ? decoded.resource : decoded.key;
    for (const issue of decoded.issues) conditions.push(toCondition(key ?? { kind: 'Node', name: '?' }, issue));
  }
  const expectation = (suffix: string): Expectation | null => {
    const path = join(folder, `expect-${suffix}.json`);
    return existsSync(path) ? readJson<Expectation>(path) : null;
  };
  return {
    name: file.case,
    folder,
    nodeName: file.node,
    options: {
      ...DEFAULT_DERIVE_OPTIONS,
      routerId: file.env.CALICO_ROUTER_ID ?? null,
      usePodCidr: file.env.USE_POD_CIDR === 'true',
      advertiseClusterIps: file.env.CALICO_ADVERTISE_CLUSTER_IPS ?? null,
      kubernetesNodeName: file.env.CALICO_K8S_NODE_REF ?? null,
      secretNamespace: file.env.NAMESPACE ?? DEFAULT_DERIVE_OPTIONS.secretNamespace,
    },
    resources: resourcesOf(resources, 'case'),
    conditions,
    expectPeeringCount: file.expectPeeringCount ?? null,
    expected: { v4: expectation('v4'), v6: expectation('v6') },
  };
}

/** All cases of a folder, by name. */
export function loadCases(casesFolder: string): CalicoCase[] {
  return readdirSync(casesFolder, { withFileTypes: true })
    .filter((entry) => existsSync(join(casesFolder, entry.name, 'case.json')))
    .map((entry) => loadCase(casesFolder, entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
