/**
 * What the steps of derive share: the own node and what the two BGPConfigurations say about it, nodes by address, AS
 * numbers and ports of nodes (sections 3.1 to 3.3 and 3.7 of Calico's semantics), and the list of conditions.
 *
 * Everything is walked in order of name, so that the same resources give the same state in whatever order they came.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { Condition } from '../desired-state.ts';
import {
  type BgpConfigurationResource,
  DEFAULT_AS_NUMBER,
  DEFAULT_CONFIGURATION_NAME,
  DEFAULT_NORMAL_ROUTE_PRIORITY,
  nodeConfigurationName,
} from '../model/bgp-configuration.ts';
import type { NodeResource } from '../model/node.ts';
import type { Resource } from '../model/resource.ts';
import type { InterfaceAddress } from '../model/values.ts';
import type { Resources } from '../resource-store.ts';
import { type Selector, selects } from '../selector.ts';
import type { DeriveOptions } from './options.ts';

/** Byte order of names, which is what every "first by name" of Calico's semantics means. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Resources of one kind, first name first. */
export function byName<R extends { readonly name: string }>(resources: ReadonlyMap<string, R>): R[] {
  return [...resources.values()].sort((a, b) => compareText(a.name, b.name));
}

/** The BGP address of a node in one family. */
export function bgpAddress(node: NodeResource, family: FamilyName): InterfaceAddress | null {
  return family === 'ipv4-unicast' ? node.ipv4 : node.ipv6;
}

export class DeriveContext {
  readonly resources: Resources;
  readonly options: DeriveOptions;
  readonly ownNode: NodeResource;
  readonly nodes: readonly NodeResource[];
  /** BGPConfiguration `default`. */
  readonly configuration: BgpConfigurationResource | null;
  /** BGPConfiguration `node.<own name>`. */
  readonly ownConfiguration: BgpConfigurationResource | null;
  /** AS of nodes that have none of their own. */
  readonly globalAs: number;
  readonly ownAs: number;
  readonly conditions: Condition[] = [];
  readonly #nodesByAddress = new Map<string, NodeResource[]>();

  constructor(resources: Resources, ownNode: NodeResource, options: DeriveOptions) {
    this.resources = resources;
    this.options = options;
    this.ownNode = ownNode;
    this.nodes = byName(resources.nodes);
    this.configuration = resources.bgpConfigurations.get(DEFAULT_CONFIGURATION_NAME) ?? null;
    this.ownConfiguration = resources.bgpConfigurations.get(nodeConfigurationName(ownNode.name)) ?? null;
    this.globalAs = this.configuration?.asNumber ?? DEFAULT_AS_NUMBER;
    this.ownAs = this.asOf(ownNode);
    for (const node of this.nodes) {
      for (const own of [node.ipv4, node.ipv6]) {
        if (own === null) continue;
        const sharers = this.#nodesByAddress.get(own.address);
        if (sharers === undefined) this.#nodesByAddress.set(own.address, [node]);
        else sharers.push(node);
      }
    }
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

  /** Nodes with this BGP address (canonical text), first name first; more than one is a mistake in the cluster. */
  nodesWithAddress(address: string): readonly NodeResource[] {
    return this.#nodesByAddress.get(address) ?? [];
  }

  nodesSelectedBy(selector: Selector): NodeResource[] {
    return this.nodes.filter((node) => selects(selector, node.labels));
  }

  normalPriority(family: FamilyName): number {
    const { configuration } = this;
    if (configuration === null) return DEFAULT_NORMAL_ROUTE_PRIORITY;
    return family === 'ipv4-unicast' ? configuration.ipv4NormalRoutePriority : configuration.ipv6NormalRoutePriority;
  }

  report(
    resource: Pick<Resource, 'kind' | 'name'>,
    field: string,
    message: string,
    severity: Condition['severity'] = 'error',
  ): void {
    this.conditions.push({ resource: `${resource.kind}/${resource.name}`, field, message, severity });
  }
}
