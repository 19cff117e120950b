/**
 * Which keys of etcd routing depends on, and what is behind one (section 1.3.1 of Calico's semantics). Pure.
 *
 * Resources lie under `/calico/resources/v3/projectcalico.org/<plural>/<name>` as JSON of the v3 object. What the key
 * says counts more than what the value says of itself: kind and name are taken from it. The blocks of a node lie under
 * `/calico/ipam/v2/host/<node>/`, with the CIDR in the key; an empty value there was written before states existed.
 */

import type { Condition } from '../../desired-state.ts';
import { decodeObject, formatKey, type ObjectKind, type ResourceKey, toCondition } from '../../model/resource.ts';
import type { ResourceEvent } from '../../resource-store.ts';
import type { KeyRange } from './messages.ts';

export interface WatchedRange extends KeyRange {
  /** The prefix, for people. */
  readonly prefix: string;
}

const RESOURCES = '/calico/resources/v3/projectcalico.org/';
const PLURALS: { readonly [plural: string]: ObjectKind } = {
  nodes: 'Node',
  bgpconfigurations: 'BGPConfiguration',
  bgppeers: 'BGPPeer',
  bgpfilters: 'BGPFilter',
  ippools: 'IPPool',
  clusterinformations: 'ClusterInformation',
};
const BLOCK_KEY = /^ipv[46]\/block\/(.+)-(\d+)$/;

const fromUtf8 = new TextDecoder();
const toUtf8 = new TextEncoder();

/** All keys that begin with `prefix`; it ends with `/`, so that `node1` does not match `node10`. */
function rangeOf(prefix: string): WatchedRange {
  const start = toUtf8.encode(prefix);
  const end = start.slice();
  end[end.length - 1]++;
  return { prefix, start, end };
}

function blocksPrefix(node: string): string {
  return `/calico/ipam/v2/host/${node}/`;
}

/** What the daemon of `node` lists and watches. With USE_POD_CIDR nobody reads blocks. */
export function watchedRanges(node: string, usePodCidr: boolean): readonly WatchedRange[] {
  const ranges = Object.keys(PLURALS).map((plural) => rangeOf(`${RESOURCES}${plural}/`));
  return usePodCidr ? ranges : [...ranges, rangeOf(blocksPrefix(node))];
}

/** The first key after `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/** What a key of a watched range is about. */
interface KeySubject {
  readonly key: ResourceKey;
  /** Of a block. */
  readonly cidr: string | null;
}

function subjectOf(key: Uint8Array, node: string): KeySubject | null {
  const text = fromUtf8.decode(key);
  if (text.startsWith(RESOURCES)) {
    const [plural, name, ...more] = text.slice(RESOURCES.length).split('/');
    if (!Object.hasOwn(PLURALS, plural) || !name || more.length > 0) return null;
    return { key: { kind: PLURALS[plural], name }, cidr: null };
  }
  const block = text.startsWith(blocksPrefix(node)) ? BLOCK_KEY.exec(text.slice(blocksPrefix(node).length)) : null;
  if (block === null) return null;
  const cidr = `${block[1]}/${block[2]}`;
  // The name that the same affinity has in Kubernetes.
  return { key: { kind: 'BlockAffinity', name: `${node}-${cidr.replaceAll(/[.:/]/g, '-')}` }, cidr };
}

/** The resource that a key stands for; null: none of ours. */
export function resourceKeyOf(key: Uint8Array, node: string): ResourceKey | null {
  return subjectOf(key, node)?.key ?? null;
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a key as an object, completed with what the key says; null: it is none. */
function objectOf(subject: KeySubject, node: string, value: Uint8Array): unknown {
  const { key, cidr } = subject;
  let content: unknown;
  try {
    content = cidr !== null && value.length === 0 ? {} : JSON.parse(fromUtf8.decode(value));
  } catch {
    return null;
  }
  if (!isObject(content)) return null;
  const apiVersion = 'projectcalico.org/v3';
  if (cidr !== null)
    return { apiVersion, kind: key.kind, metadata: { name: key.name }, spec: { ...content, node, cidr } };
  const metadata = isObject(content.metadata) ? content.metadata : {};
  return { ...content, apiVersion, kind: key.kind, metadata: { ...metadata, name: key.name } };
}

/** The event that a written key makes; null: none of ours. Values are never repeated: they may be secret. */
export function readEntry(key: Uint8Array, value: Uint8Array, node: string): ResourceEvent | null {
  const subject = subjectOf(key, node);
  if (subject === null) return null;
  const object = objectOf(subject, node, value);
  if (object === null) {
    const condition: Condition = {
      resource: formatKey(subject.key),
      field: '',
      message: `must be a JSON object; the ${value.length} octets in etcd are none; resource not used`,
      severity: 'error',
    };
    return { type: 'refused', key: subject.key, conditions: [condition] };
  }
  const decoded = decodeObject(object);
  if (decoded.outcome === 'ignored') return null;
  const conditions = decoded.issues.map((issue) => toCondition(subject.key, issue));
  return decoded.outcome === 'accepted'
    ? { type: 'set', resource: decoded.resource, conditions }
    : { type: 'refused', key: subject.key, conditions };
}
