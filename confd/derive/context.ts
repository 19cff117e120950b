/**
 * What the steps of derive share: the own node, what the two BGPConfigurations say about it, the generation of Calico,
 * AS numbers and ports of nodes (sections 3.1 to 3.3 and 3.7 of Calico's semantics), and where conditions go.
 *
 * Everything in it that is not an index over other resources stays as it is for its lifetime: when the own node or one
 * of the two BGPConfigurations changes, there is a new context, and everything is looked at anew.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { Condition } from '../desired-state.ts';
import {
  type BgpConfigurationResource,
  DEFAULT_AS_NUMBER,
  DEFAULT_CONFIGURATION_NAME,
  DEFAULT_NORMAL_ROUTE_PRIORITY,
  nodeConfigurationName,
  type ProgramClusterRoutes,
} from '../model/bgp-configuration.ts';
import { CLUSTER_INFORMATION_NAME } from '../model/cluster-information.ts';
import type { NodeResource } from '../model/node.ts';
import type { Resource } from '../model/resource.ts';
import type { Resources } from '../resource-store.ts';
import {
  felixGenerationOf,
  GENERATION_TRAITS,
  type GenerationDecision,
  type GenerationTraits,
} from './felix-generation.ts';
import type { NodeIndex } from './node-index.ts';
import type { DeriveOptions } from './options.ts';

export class DeriveContext {
  resources: Resources;
  readonly nodes: NodeIndex;
  readonly options: DeriveOptions;
  readonly ownNode: NodeResource;
  readonly routerId: string;
  /** BGPConfiguration `default`. */
  readonly configuration: BgpConfigurationResource | null;
  /** BGPConfiguration `node.<own name>`. */
  readonly ownConfiguration: BgpConfigurationResource | null;
  readonly generation: GenerationDecision;
  readonly traits: GenerationTraits;
  /** AS of nodes that have none of their own. */
  readonly globalAs: number;
  readonly ownAs: number;
  #sink: Condition[] = [];

  constructor(resources: Resources, nodes: NodeIndex, options: DeriveOptions, ownNode: NodeResource, routerId: string) {
    this.resources = resources;
    this.nodes = nodes;
    this.options = options;
    this.ownNode = ownNode;
    this.routerId = routerId;
    this.configuration = resources.bgpConfigurations.get(DEFAULT_CONFIGURATION_NAME) ?? null;
    this.ownConfiguration = resources.bgpConfigurations.get(nodeConfigurationName(ownNode.name)) ?? null;
    this.generation = felixGenerationOf(resources, options.felixGeneration);
    this.traits = GENERATION_TRAITS[this.generation.generation];
    this.globalAs = this.configuration?.asNumber ?? DEFAULT_AS_NUMBER;
    this.ownAs = this.asOf(ownNode);
  }

  /** AS number of a node: its own, else the cluster's. */
  asOf(node: NodeResource): number {
    return node.asNumber ?? this.globalAs;
  }

  /** The port that a node listens on; 0: not configured anywhere (179). */
  listenPortOf(node: NodeResource): number {
    const own = this.resources.bgpConfigurations.get(nodeConfigurationName(node.name));
    return own?.listenPort ?? this.configuration?.listenPort ?? 0;
  }

  normalPriority(family: FamilyName): number {
    const { configuration } = this;
    if (configuration === null) return DEFAULT_NORMAL_ROUTE_PRIORITY;
    return family === 'ipv4-unicast' ? configuration.ipv4NormalRoutePriority : configuration.ipv6NormalRoutePriority;
  }

  /** Who writes cluster routes: what is configured, if the generation knows it, else the generation's default. */
  get programClusterRoutes(): ProgramClusterRoutes {
    const known = this.traits.programClusterRoutes;
    return known.find((value) => value === this.configuration?.programClusterRoutes) ?? known[0];
  }

  report(
    resource: Pick<Resource, 'kind' | 'name'>,
    field: string,
    message: string,
    severity: Condition['severity'] = 'error',
  ): void {
    this.reportAt(`${resource.kind}/${resource.name}`, field, message, severity);
  }

  /** For what is no resource, such as the environment. */
  reportAt(place: string, field: string, message: string, severity: Condition['severity'] = 'error'): void {
    this.#sink.push({ resource: place, field, message, severity });
  }

  /** Runs a step, and gives what it reported along with its result. */
  collect<T>(step: () => T): { readonly value: T; readonly conditions: readonly Condition[] } {
    const conditions: Condition[] = [];
    this.#sink = conditions;
    const value = step();
    this.#sink = [];
    return { value, conditions };
  }

  /** What is doubtful about the configuration of the generation, reported. */
  checkGeneration(): void {
    const { configuration, traits, generation } = this;
    if (generation.doubt !== null) {
      const place = { kind: 'ClusterInformation', name: CLUSTER_INFORMATION_NAME } as const;
      this.report(place, 'spec.calicoVersion', generation.doubt, 'warning');
    }
    const wanted = configuration?.programClusterRoutes ?? null;
    if (configuration !== null && wanted !== null && !traits.programClusterRoutes.includes(wanted)) {
      this.report(
        configuration,
        'spec.programClusterRoutes',
        `Calico ${generation.generation} does not know "${wanted}" (${generation.because}): ${this.programClusterRoutes} counts`,
        'warning',
      );
    }
  }
}
