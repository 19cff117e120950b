/**
 * Which kinds are followed, and where: Nodes and Calico's own kinds always, Services and EndpointSlices when some of
 * their addresses may be advertised, Secrets when sessions of this node refer to them.
 *
 * Calico's kinds are in one of two API groups (section 1.4.1 of Calico's semantics). Which one is found out before they
 * are listed, and asked again while one of them is missing: CRDs may be installed, or migrated, while we run.
 */

import type { BgpConfigurationResource } from '../../model/bgp-configuration.ts';
import type { BgpPeerResource } from '../../model/bgp-peer.ts';
import type { NodeResource } from '../../model/node.ts';
import type { Resource } from '../../model/resource.ts';
import type { ResourceEvent } from '../../resource-store.ts';
import type { Timers } from '../datastore.ts';
import type { ApiClient } from './api-client.ts';
import { type ApiFailure, classify } from './api-failure.ts';
import { discoverGroup } from './discovery.ts';
import { Mirror } from './mirror.ts';
import { type NeedySources, needsOf } from './needs.ts';
import type { KindStatus } from './phase.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorTuning } from './reflector-state.ts';
import * as targets from './target.ts';

export interface FeedOptions {
  /** Calico's kinds are kept elsewhere: only Services, EndpointSlices and Secrets are followed here. */
  readonly isSupplement: boolean;
  /** Name of the own node. */
  readonly node: string;
  /** USE_POD_CIDR: pod CIDRs take the place of BlockAffinities. */
  readonly usePodCidr: boolean;
  /** PEREGRINE_DRAIN_ON: whether the own node is cordoned or tainted is in its spec. */
  readonly readsNodeSpec?: boolean;
  /** CALICO_API_GROUP; null: discovered. */
  readonly group: targets.CalicoGroup | null;
  /** Where Secrets with passwords are. */
  readonly secretNamespace: string;
  /** CALICO_ADVERTISE_CLUSTER_IPS is set: Services are needed without a word in the resources. */
  readonly advertisesClusterIps: boolean;
}

export interface FeedSurroundings {
  readonly client: ApiClient;
  readonly timers: Timers;
  readonly tuning: ReflectorTuning;
  readonly now: () => number;
  readonly onEvents: (events: readonly ResourceEvent[], resourceVersion: string) => void;
  /** Some kind is doing better or worse; `isBack`: it is followed again after an interruption. */
  readonly onHealth: (isBack: boolean) => void;
}

interface Feed {
  readonly reflector: Reflector;
  readonly mirror: Mirror;
  readonly isEssential: boolean;
  readonly isCalico: boolean;
  /** Followed only while something asks for it. */
  readonly isOnDemand: boolean;
}

const CALICO_KINDS: readonly targets.CalicoKind[] = ['BGPConfiguration', 'BGPPeer', 'BGPFilter', 'IPPool'];
/** Discovery is repeated no sooner, however many kinds are missing. */
const REDISCOVERY_MS = 5_000;
const DISCOVERY_RETRY_MS = 2_000;
const LASTING_DISCOVERY_FAILURES = 2;

export class Feeds {
  readonly #options: FeedOptions;
  readonly #surroundings: FeedSurroundings;
  readonly #feeds = new Map<string, Feed>();
  #group: targets.CalicoGroup;
  #isGroupKnown: boolean;
  #isDiscovering = false;
  /** Why it could not be told which group it is, how often in a row; null: nothing wrong. */
  #discoveryTrouble: { readonly failure: ApiFailure; readonly times: number } | null = null;
  #cancelDiscovery: (() => void) | null = null;
  #isStopped = false;

  constructor(options: FeedOptions, surroundings: FeedSurroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#group = options.group ?? 'crd.projectcalico.org/v1';
    this.#isGroupKnown = options.group !== null || options.isSupplement;
    if (options.isSupplement) return;
    const essential = { isEssential: true, isCalico: true, isOnDemand: false };
    this.#add('Node', () => targets.nodesTarget(options.usePodCidr || options.readsNodeSpec === true), {
      ...essential,
      isCalico: false,
    });
    for (const kind of CALICO_KINDS) this.#add(kind, () => targets.calicoTarget(kind, this.#group), essential);
    const information = { ...essential, isEssential: false };
    this.#add('ClusterInformation', () => targets.clusterInformationTarget(this.#group), information);
    if (options.usePodCidr) return;
    // An affinity that gets its label moves from one to the other.
    const mirror = new Mirror(options, 1);
    for (const [source, which] of (['labelled', 'unlabelled'] as const).entries()) {
      const target = (): targets.WatchTarget => targets.affinitiesTarget(this.#group, options.node, which);
      this.#add(`BlockAffinity/${which}`, target, essential, mirror, source);
    }
  }

  start(): void {
    this.#feeds.get('Node')?.reflector.start();
    if (this.#isGroupKnown) this.#startCalico();
    else void this.#discover();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelDiscovery?.();
    for (const { reflector } of this.#feeds.values()) reflector.stop();
  }

  /** A connection was made: whoever waits for it goes on. */
  connected(): void {
    for (const { reflector } of this.#feeds.values()) reflector.connected();
    if (!this.#isGroupKnown && !this.#isDiscovering) this.#discoverIn(0);
  }

  /** Nothing of what was known of positions holds any more. */
  restart(message: string): void {
    for (const { reflector } of this.#feeds.values()) reflector.restart('store', message);
  }

  /** A small kind, to ask the server how far it is. */
  get probe(): targets.WatchTarget {
    if (this.#options.isSupplement) return targets.servicesTarget();
    return targets.calicoTarget('BGPConfiguration', this.#group);
  }

  statuses(): KindStatus[] {
    const kinds = [...this.#feeds.values()].map(({ reflector, isEssential }) => ({
      name: reflector.target.name,
      health: reflector.health,
      message: reflector.message,
      isEssential,
      hasOutcome: reflector.hasOutcome,
      isLasting: reflector.isLasting,
      concernsServer: reflector.concernsServer,
    }));
    const trouble = this.#discoveryTrouble;
    if (trouble === null) return kinds;
    const discovery = {
      name: 'the API groups (/apis)',
      health: 'interrupted',
      message: trouble.failure.message,
      isEssential: true,
      hasOutcome: false,
      isLasting: trouble.times >= LASTING_DISCOVERY_FAILURES,
      concernsServer: classify(trouble.failure) === 'transport',
    } as const;
    return [discovery, ...kinds];
  }

  /** Something that was asked for is not known yet. */
  get isAwaiting(): boolean {
    return [...this.#feeds.values()].some(({ isOnDemand, reflector }) => isOnDemand && !reflector.hasOutcome);
  }

  /** What was read that says what else is needed. */
  get sources(): NeedySources {
    const nodes = this.#resources('Node') as NodeResource[];
    return {
      ownNode: nodes.find((one) => one.name === this.#options.node) ?? null,
      peers: this.#resources('BGPPeer') as BgpPeerResource[],
      configurations: this.#resources('BGPConfiguration') as BgpConfigurationResource[],
    };
  }

  /** Follows what the resources refer to, and no longer what they do not. */
  meetNeeds(sources: NeedySources): void {
    const { secretNamespace, advertisesClusterIps } = this.#options;
    const needs = needsOf(sources, advertisesClusterIps);
    const wanted = new Map<string, () => targets.WatchTarget>();
    if (needs.services) {
      wanted.set('Service', targets.servicesTarget);
      wanted.set('EndpointSlice', targets.endpointSlicesTarget);
    }
    for (const name of needs.secrets) wanted.set(`Secret/${name}`, () => targets.secretTarget(secretNamespace, name));
    for (const [id, { reflector, mirror, isOnDemand }] of this.#feeds) {
      if (!isOnDemand || wanted.has(id)) continue;
      reflector.stop();
      this.#feeds.delete(id);
      this.#surroundings.onEvents(mirror.clear(0).events, '');
    }
    for (const [id, target] of wanted) {
      if (this.#feeds.has(id)) continue;
      this.#add(id, target, { isEssential: false, isCalico: false, isOnDemand: true }).start();
    }
  }

  #resources(id: string): Resource[] {
    return [...(this.#feeds.get(id)?.mirror.resources() ?? [])];
  }

  #add(
    id: string,
    target: () => targets.WatchTarget,
    traits: Omit<Feed, 'reflector' | 'mirror'>,
    mirror = new Mirror(this.#options),
    source = 0,
  ): Reflector {
    const { onEvents, onHealth, ...surroundings } = this.#surroundings;
    const reflector = new Reflector({
      ...surroundings,
      mirror,
      source,
      target,
      onEvents: (events, resourceVersion) => {
        if (!this.#isStopped) onEvents(events, resourceVersion);
      },
      onHealth: (before) => {
        if (this.#isStopped) return;
        const isMissing = reflector.health === 'missing';
        if (traits.isCalico && isMissing && this.#options.group === null) this.#discoverIn(REDISCOVERY_MS);
        onHealth(before === 'interrupted' && reflector.health === 'synced');
      },
    });
    this.#feeds.set(id, { ...traits, reflector, mirror });
    return reflector;
  }

  #startCalico(): void {
    for (const { reflector, isCalico } of this.#feeds.values()) if (isCalico) reflector.start();
  }

  #discoverIn(milliseconds: number): void {
    if (this.#cancelDiscovery !== null && milliseconds > 0) return;
    this.#cancelDiscovery?.();
    this.#cancelDiscovery = this.#surroundings.timers.schedule(milliseconds, () => {
      this.#cancelDiscovery = null;
      void this.#discover();
    });
  }

  async #discover(): Promise<void> {
    if (this.#isDiscovering || this.#isStopped) return;
    this.#isDiscovering = true;
    const outcome = await discoverGroup(this.#surroundings.client);
    this.#isDiscovering = false;
    if (this.#isStopped) return;
    if (!outcome.ok && !this.#isGroupKnown) {
      this.#discoveryTrouble = { failure: outcome.failure, times: (this.#discoveryTrouble?.times ?? 0) + 1 };
      this.#surroundings.onHealth(false);
    } else this.#discoveryTrouble = null;
    if (!outcome.ok) {
      if (!this.#isGroupKnown) this.#discoverIn(DISCOVERY_RETRY_MS * (0.5 + this.#surroundings.tuning.random()));
      return;
    }
    const isOther = outcome.group !== this.#group;
    this.#group = outcome.group;
    if (!this.#isGroupKnown) {
      this.#isGroupKnown = true;
      this.#startCalico();
    } else if (isOther) {
      for (const { reflector, isCalico } of this.#feeds.values()) {
        if (isCalico) reflector.restart('cache', `Calico's kinds are in ${outcome.group} now`);
      }
    }
  }
}
