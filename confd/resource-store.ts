/**
 * The in-memory mirror of the datastore: what every resource says now, by kind and name, with what was wrong with it.
 *
 * A datastore back end feeds it with batches; derive reads snapshots. A resource that is refused keeps its last good
 * form, so that a typing error in an edit does not take down what works; the refusal is a condition until it is mended.
 */

import type { Condition } from './desired-state.ts';
import { formatKey, type Resource, type ResourceKey, type ResourceKind, type ResourceOf } from './model/resource.ts';

export type ResourceEvent =
  | { readonly type: 'set'; readonly resource: Resource; readonly conditions: readonly Condition[] }
  | { readonly type: 'refused'; readonly key: ResourceKey; readonly conditions: readonly Condition[] }
  | { readonly type: 'deleted'; readonly key: ResourceKey };

/** Changes that belong together: nothing in between them is to be acted upon. */
export interface ResourceBatch {
  readonly events: readonly ResourceEvent[];
  /** Revision of the datastore after this batch. */
  readonly revision: string;
  /** Everything wrong with the datastore itself (broken files, duplicates), complete: it replaces what was said before. */
  readonly conditions: readonly Condition[];
}

/** What derive works on. Nothing in it changes; the order of iteration means nothing. */
export interface Resources {
  readonly nodes: ReadonlyMap<string, ResourceOf<'Node'>>;
  readonly bgpConfigurations: ReadonlyMap<string, ResourceOf<'BGPConfiguration'>>;
  readonly bgpPeers: ReadonlyMap<string, ResourceOf<'BGPPeer'>>;
  readonly bgpFilters: ReadonlyMap<string, ResourceOf<'BGPFilter'>>;
  readonly ipPools: ReadonlyMap<string, ResourceOf<'IPPool'>>;
  readonly blockAffinities: ReadonlyMap<string, ResourceOf<'BlockAffinity'>>;
  readonly secrets: ReadonlyMap<string, ResourceOf<'Secret'>>;
  readonly revision: string;
  /** What the readers of the resources and of the datastore found wrong. */
  readonly conditions: readonly Condition[];
}

type KindMaps = { [K in ResourceKind]: Map<string, ResourceOf<K>> };

function emptyMaps(): KindMaps {
  return {
    Node: new Map(),
    BGPConfiguration: new Map(),
    BGPPeer: new Map(),
    BGPFilter: new Map(),
    IPPool: new Map(),
    BlockAffinity: new Map(),
    Secret: new Map(),
  };
}

/** One batch after another, in the order of the datastore. */
export class ResourceStore {
  readonly #maps = emptyMaps();
  readonly #conditions = new Map<string, readonly Condition[]>();
  #datastoreConditions: readonly Condition[] = [];
  #revision = '';

  apply(batch: ResourceBatch): void {
    for (const event of batch.events) {
      const key = event.type === 'set' ? event.resource : event.key;
      if (event.type === 'set') this.#map(key.kind).set(key.name, event.resource);
      else if (event.type === 'deleted') this.#map(key.kind).delete(key.name);
      if (event.type === 'deleted' || event.conditions.length === 0) this.#conditions.delete(formatKey(key));
      else this.#conditions.set(formatKey(key), event.conditions);
    }
    this.#datastoreConditions = batch.conditions;
    this.#revision = batch.revision;
  }

  /** A copy that later batches do not change. */
  snapshot(): Resources {
    const maps = this.#maps;
    return {
      nodes: new Map(maps.Node),
      bgpConfigurations: new Map(maps.BGPConfiguration),
      bgpPeers: new Map(maps.BGPPeer),
      bgpFilters: new Map(maps.BGPFilter),
      ipPools: new Map(maps.IPPool),
      blockAffinities: new Map(maps.BlockAffinity),
      secrets: new Map(maps.Secret),
      revision: this.#revision,
      conditions: [...this.#datastoreConditions, ...[...this.#conditions.values()].flat()],
    };
  }

  #map(kind: ResourceKind): Map<string, Resource> {
    return this.#maps[kind] as Map<string, Resource>;
  }
}

/** Resources from a plain list, for offline use and tests; a later one of the same kind and name replaces an earlier. */
export function resourcesOf(resources: Iterable<Resource>, revision = ''): Resources {
  const store = new ResourceStore();
  const events = [...resources].map((resource): ResourceEvent => ({ type: 'set', resource, conditions: [] }));
  store.apply({ events, revision, conditions: [] });
  return store.snapshot();
}
