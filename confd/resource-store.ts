/**
 * The in-memory mirror of the datastore: what every resource says now, by kind and name, with what was wrong with it.
 *
 * A datastore back end feeds it with batches; derive reads the resources. A resource that is refused keeps its last good
 * form, so that a typing error in an edit does not take down what works; the refusal is a condition until it is mended.
 * A resource that is said again without a difference that matters to routing (a heartbeat in a Node's status) keeps its
 * identity, so that nothing is derived from it anew.
 */

import type { Condition } from './desired-state.ts';
import { formatKey, type Resource, type ResourceKey, type ResourceKind, type ResourceOf } from './model/resource.ts';
import { same } from './same.ts';

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

/** What derive works on. The order of iteration means nothing. */
export interface Resources {
  readonly nodes: ReadonlyMap<string, ResourceOf<'Node'>>;
  readonly bgpConfigurations: ReadonlyMap<string, ResourceOf<'BGPConfiguration'>>;
  readonly bgpPeers: ReadonlyMap<string, ResourceOf<'BGPPeer'>>;
  readonly bgpFilters: ReadonlyMap<string, ResourceOf<'BGPFilter'>>;
  readonly ipPools: ReadonlyMap<string, ResourceOf<'IPPool'>>;
  readonly blockAffinities: ReadonlyMap<string, ResourceOf<'BlockAffinity'>>;
  readonly services: ReadonlyMap<string, ResourceOf<'Service'>>;
  readonly endpointSlices: ReadonlyMap<string, ResourceOf<'EndpointSlice'>>;
  readonly secrets: ReadonlyMap<string, ResourceOf<'Secret'>>;
  readonly clusterInformations: ReadonlyMap<string, ResourceOf<'ClusterInformation'>>;
  readonly workloadEndpoints: ReadonlyMap<string, ResourceOf<'WorkloadEndpoint'>>;
  readonly revision: string;
  /** What the readers of the resources and of the datastore found wrong. */
  readonly conditions: readonly Condition[];
}

/** A resource that is another one than before. At least one of the two is there. */
export interface ResourceChange {
  readonly before: Resource | null;
  readonly after: Resource | null;
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
    Service: new Map(),
    EndpointSlice: new Map(),
    Secret: new Map(),
    ClusterInformation: new Map(),
    WorkloadEndpoint: new Map(),
  };
}

/** One batch after another, in the order of the datastore. */
export class ResourceStore {
  readonly #maps = emptyMaps();
  readonly #conditions = new Map<string, readonly Condition[]>();
  #datastoreConditions: readonly Condition[] = [];
  /** All conditions in one list; null: to be gathered anew. The list itself is never changed. */
  #allConditions: readonly Condition[] | null = null;
  #revision = '';

  /** Takes a batch, and says what is different afterwards. */
  apply(batch: ResourceBatch): ResourceChange[] {
    const changes: ResourceChange[] = [];
    for (const event of batch.events) {
      const { kind, name } = event.type === 'set' ? event.resource : event.key;
      const map = this.#maps[kind] as Map<string, Resource>;
      const before = map.get(name) ?? null;
      if (event.type === 'set') {
        if (before === null || !same(before, event.resource)) {
          map.set(name, event.resource);
          changes.push({ before, after: event.resource });
        }
      } else if (event.type === 'deleted' && before !== null) {
        map.delete(name);
        changes.push({ before, after: null });
      }
      this.#hold(formatKey({ kind, name }), event.type === 'deleted' ? [] : event.conditions);
    }
    if (!same(this.#datastoreConditions, batch.conditions)) {
      this.#datastoreConditions = batch.conditions;
      this.#allConditions = null;
    }
    this.#revision = batch.revision;
    return changes;
  }

  /** What there is now, without copying: later batches change it. */
  live(): Resources {
    const maps = this.#maps;
    this.#allConditions ??= [...this.#datastoreConditions, ...[...this.#conditions.values()].flat()];
    return {
      nodes: maps.Node,
      bgpConfigurations: maps.BGPConfiguration,
      bgpPeers: maps.BGPPeer,
      bgpFilters: maps.BGPFilter,
      ipPools: maps.IPPool,
      blockAffinities: maps.BlockAffinity,
      services: maps.Service,
      endpointSlices: maps.EndpointSlice,
      secrets: maps.Secret,
      clusterInformations: maps.ClusterInformation,
      workloadEndpoints: maps.WorkloadEndpoint,
      revision: this.#revision,
      conditions: this.#allConditions,
    };
  }

  /** A copy that later batches do not change. */
  snapshot(): Resources {
    const live = this.live();
    return {
      nodes: new Map(live.nodes),
      bgpConfigurations: new Map(live.bgpConfigurations),
      bgpPeers: new Map(live.bgpPeers),
      bgpFilters: new Map(live.bgpFilters),
      ipPools: new Map(live.ipPools),
      blockAffinities: new Map(live.blockAffinities),
      services: new Map(live.services),
      endpointSlices: new Map(live.endpointSlices),
      secrets: new Map(live.secrets),
      clusterInformations: new Map(live.clusterInformations),
      workloadEndpoints: new Map(live.workloadEndpoints),
      revision: live.revision,
      conditions: live.conditions,
    };
  }

  #hold(key: string, conditions: readonly Condition[]): void {
    if (conditions.length > 0) this.#conditions.set(key, conditions);
    else if (!this.#conditions.delete(key)) return;
    this.#allConditions = null;
  }
}

/** Every resource as one that was not there before. */
export function asAdditions(resources: Resources): ResourceChange[] {
  const all: Iterable<Resource>[] = [
    resources.nodes.values(),
    resources.bgpConfigurations.values(),
    resources.bgpPeers.values(),
    resources.bgpFilters.values(),
    resources.ipPools.values(),
    resources.blockAffinities.values(),
    resources.services.values(),
    resources.endpointSlices.values(),
    resources.secrets.values(),
    resources.clusterInformations.values(),
    resources.workloadEndpoints.values(),
  ];
  return all.flatMap((some) => [...some].map((after) => ({ before: null, after })));
}

/** Resources from a plain list, for offline use and tests; a later one of the same kind and name replaces an earlier. */
export function resourcesOf(resources: Iterable<Resource>, revision = ''): Resources {
  const store = new ResourceStore();
  const events = [...resources].map((resource): ResourceEvent => ({ type: 'set', resource, conditions: [] }));
  store.apply({ events, revision, conditions: [] });
  return store.live();
}
