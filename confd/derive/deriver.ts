/**
 * From resources to what this node should be doing, change by change.
 *
 * Each stage keeps what it derived, and makes anew what a change concerns; parts of the state for which nothing changed
 * stay the same objects, so that diff need not look into them. The result is always what deriving everything from the
 * resources at hand would give: that is the meaning of the stages, and their test.
 *
 * When the node itself is not (yet) known there is nothing to derive, and what runs must go on running.
 */

import type { Condition, DesiredState, OriginatedRoute } from '../desired-state.ts';
import { DEFAULT_CONFIGURATION_NAME, nodeConfigurationName } from '../model/bgp-configuration.ts';
import type { BlockAffinityResource } from '../model/block-affinity.ts';
import type { ResourceChange, Resources } from '../resource-store.ts';
import { same } from '../same.ts';
import { blockRoutes, deriveBlocks, isOwnAffinity, type OwnBlock } from './blocks.ts';
import { deriveCommunities } from './communities.ts';
import { ConditionTable } from './condition-table.ts';
import { DeriveContext } from './context.ts';
import { drainReason } from './drain.ts';
import type { GenerationDecision } from './felix-generation.ts';
import { InputWatch, Memo } from './memo.ts';
import { addressesOf, NodeIndex } from './node-index.ts';
import { DECISION, deriveKernel, deriveListen, deriveLogLevel, incompleteState } from './node-state.ts';
import type { DeriveOptions } from './options.ts';
import { PeerPolicies } from './peer-policies.ts';
import { PeerStage } from './peer-stage.ts';
import { derivePools } from './pools.ts';
import { routerIdOf } from './router-id.ts';
import { ServiceStage } from './services.ts';
import { SortedTable } from './sorted-table.ts';

export class Deriver {
  readonly #nodeName: string;
  readonly #options: DeriveOptions;
  /** How often each of these changed, as an input of what is made of them. */
  readonly #versions = { context: 0, affinities: 0, pools: 0, filters: 0 };
  readonly #nodes = new NodeIndex();
  /** Those that make blocks of the own node. */
  readonly #affinities = new Map<string, BlockAffinityResource>();
  readonly #conditions = new ConditionTable();
  readonly #services = new ServiceStage();
  readonly #peers = new PeerStage(this.#conditions);
  readonly #originated = new SortedTable<OriginatedRoute>();
  #blockRoutes: ReadonlyMap<string, OriginatedRoute> = new Map();
  #context: DeriveContext | null = null;
  #policies: PeerPolicies | null = null;
  readonly #watchContext = new InputWatch();
  readonly #watchBlocks = new InputWatch();
  readonly #watchPolicies = new InputWatch();
  readonly #memo = {
    blocks: new Memo<readonly OwnBlock[]>(),
    pools: new Memo<ReturnType<typeof derivePools>>(),
    communities: new Memo<ReturnType<typeof deriveCommunities>>(),
    kernel: new Memo<DesiredState['kernel']>(),
    listen: new Memo<DesiredState['listen']>(),
  };

  constructor(nodeName: string, options: DeriveOptions) {
    this.#nodeName = nodeName;
    this.#options = options;
  }

  /** Which generation of Calico counted in the last state; null before there was one. */
  get generation(): GenerationDecision | null {
    return this.#context?.generation ?? null;
  }

  /** `changes` are all differences of `resources` from those of the call before, in order. */
  derive(resources: Resources, changes: readonly ResourceChange[]): DesiredState {
    for (const change of changes) this.#note(resources, change);
    const ownNode = resources.nodes.get(this.#nodeName);
    if (ownNode === undefined) {
      return this.#incomplete(resources, 'metadata.name', 'this node is not in the datastore');
    }
    const routerId = routerIdOf(ownNode, this.#options.routerId);
    if ('reason' in routerId) return this.#incomplete(resources, 'spec.bgp.ipv4Address', routerId.reason);
    const isNewContext = this.#watchContext.changed(this.#versions.context);
    if (isNewContext || this.#context === null) {
      this.#context = new DeriveContext(resources, this.#nodes, this.#options, ownNode, routerId.id);
    } else this.#context.resources = resources;
    return this.#refresh(this.#context, isNewContext);
  }

  /** Tells the stages what a change concerns. They act on it when the node is known. */
  #note(resources: Resources, change: ResourceChange): void {
    const { before, after } = change;
    const resource = after ?? before;
    switch (resource?.kind) {
      case 'Node':
        this.#nodes.replace(before?.kind === 'Node' ? before : null, after?.kind === 'Node' ? after : null);
        if (resource.name === this.#nodeName) this.#versions.context++;
        break;
      case 'BGPConfiguration': {
        const ownName = nodeConfigurationName(this.#nodeName);
        if (resource.name === DEFAULT_CONFIGURATION_NAME || resource.name === ownName) this.#versions.context++;
        break;
      }
      case 'ClusterInformation':
        this.#versions.context++;
        return;
      case 'BlockAffinity':
        if (this.#affinities.delete(resource.name)) this.#versions.affinities++;
        if (after?.kind === 'BlockAffinity' && isOwnAffinity(after, this.#nodeName)) {
          this.#affinities.set(after.name, after);
          this.#versions.affinities++;
        }
        return;
      case 'IPPool':
        this.#versions.pools++;
        return;
      case 'BGPFilter':
        this.#versions.filters++;
        break;
      case 'Service':
      case 'EndpointSlice':
        this.#services.note(change);
        return;
    }
    this.#peers.note(change, (name) => {
      const node = resources.nodes.get(name);
      return node === undefined ? [] : addressesOf(node);
    });
  }

  #refresh(context: DeriveContext, isNewContext: boolean): DesiredState {
    const versions = this.#versions;
    const memo = this.#memo;
    if (isNewContext) this.#step(context, 'generation', () => context.checkGeneration());
    const blocks = memo.blocks.get([context, versions.affinities], () =>
      deriveBlocks(context, this.#affinities.values()),
    );
    const pools = memo.pools.get([context, versions.pools], () =>
      this.#step(context, 'pools', () => derivePools(context)),
    );
    const communities = memo.communities.get([context], () =>
      this.#step(context, 'communities', () => deriveCommunities(context)),
    );
    this.#refreshServices(context, isNewContext);
    const services = this.#services.policyInputs;

    const inputs = { context, blocks, pools, services, communities };
    const haveRulesChanged = this.#watchPolicies.changed(context, blocks, pools, services, versions.filters);
    if (this.#policies === null) this.#policies = new PeerPolicies(inputs);
    else if (haveRulesChanged) {
      this.#peers.replacePolicies(this.#policies.refresh(inputs, this.#peers.policiesInUse()));
    }
    this.#peers.refresh(context, isNewContext, this.#policies);

    if (this.#watchBlocks.changed(blocks)) this.#placeBlocks(blocks);
    this.#place(this.#services.changedPrefixes);
    this.#place(this.#peers.changedPrefixes);
    const { resources, ownNode, options } = context;
    const drain = drainReason(ownNode, options.drainOn);
    this.#conditions.replace('resources', resources.conditions);
    return {
      revision: resources.revision,
      nodeName: this.#nodeName,
      routerId: context.routerId,
      localAs: context.ownAs,
      listen: memo.listen.get(
        [context, this.#peers.hasSessions('ipv4-unicast'), this.#peers.hasSessions('ipv6-unicast')],
        () => deriveListen(context, (family) => this.#peers.hasSessions(family)),
      ),
      peers: this.#peers.peers,
      originated: this.#originated.list(),
      kernel: memo.kernel.get([context, pools, services.kernelRejected, this.#nodes.wireguardVersion], () =>
        deriveKernel(context, pools, services),
      ),
      decision: DECISION,
      logLevel: deriveLogLevel(context),
      ...(drain === null ? {} : { drain }),
      conditions: this.#conditions.list(),
    };
  }

  /** Runs a step, and keeps what it reports as said by `owner`. */
  #step<T>(context: DeriveContext, owner: string, step: () => T): T {
    const { value, conditions } = context.collect(step);
    this.#conditions.replace(owner, conditions);
    return value;
  }

  #refreshServices(context: DeriveContext, isNewContext: boolean): void {
    const { conditions } = context.collect(() => this.#services.refresh(context, isNewContext));
    // The rules of services, which only a new context changes, are all that is reported.
    if (isNewContext) this.#conditions.replace('services', conditions);
  }

  #placeBlocks(blocks: readonly OwnBlock[]): void {
    const before = this.#blockRoutes;
    this.#blockRoutes = new Map(blockRoutes(blocks).map((route) => [route.prefix, route]));
    this.#place(new Set([...before.keys(), ...this.#blockRoutes.keys()]));
  }

  /** Originates what is to be at these prefixes: blocks go before services, these before host routes to peers. */
  #place(prefixes: Set<string>): void {
    for (const prefix of prefixes) {
      const route =
        this.#blockRoutes.get(prefix) ?? this.#services.routes.get(prefix) ?? this.#peers.routes.get(prefix);
      if (route === undefined) this.#originated.delete(prefix);
      else if (!same(this.#originated.get(prefix), route)) this.#originated.set(prefix, route);
    }
    prefixes.clear();
  }

  #incomplete(resources: Resources, field: string, message: string): DesiredState {
    const why: Condition = { resource: `Node/${this.#nodeName}`, field, message, severity: 'error' };
    return incompleteState(resources, this.#nodeName, this.#options, why);
  }
}
