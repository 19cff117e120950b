/**
 * The Kubernetes datastore: reflectors over one connection, behind the one interface of all datastores.
 *
 * Decides when what has come is told: in batches, and only while every essential kind is complete, because a node that
 * sees half of a change must not act on it. A connection that breaks and is back in a moment is nobody's business; one
 * that stays away freezes what was told, and what was missed comes as one batch when it is back.
 */

import type { ResourceEvent } from '../../resource-store.ts';
import type { Datastore, DatastoreListener, DatastoreStatus, Timers } from '../datastore.ts';
import { SYSTEM_TIMERS } from '../system-timers.ts';
import type { ClusterAccess } from './access.ts';
import { ApiClient, type ApiClientOptions } from './api-client.ts';
import { classify } from './api-failure.ts';
import { type FeedOptions, Feeds } from './feeds.ts';
import type { NeedySources } from './needs.ts';
import { objectVersion } from './object.ts';
import { isLater, Outbox } from './outbox.ts';
import { conditionsOf, judge } from './phase.ts';
import { requestPath } from './target.ts';

export interface KubernetesOptions extends FeedOptions {
  readonly access: ClusterAccess;
}

/** What tests change. */
export interface KubernetesTuning {
  readonly timers: Timers;
  readonly random: () => number;
  /** Milliseconds of a clock that only runs forward. */
  readonly now: () => number;
  readonly pageSize: number;
  /** Re-listings that the server causes for all nodes at once are spread over this time. */
  readonly relistSpreadMs: number;
  /** Changes that come within this time are one batch. */
  readonly gatherMs: number;
  /** A kind that is followed again within this time was never away. */
  readonly graceMs: number;
  /** A watch that is back is taken to have caught up when nothing came for so long. */
  readonly settleMs: number;
  /** A batch waits for a Secret or for Services that it is the first to ask for, but no longer than this. */
  readonly holdMs: number;
  readonly client: Partial<ApiClientOptions>;
}

export const KUBERNETES_TUNING: KubernetesTuning = {
  timers: SYSTEM_TIMERS,
  random: Math.random,
  now: () => performance.now(),
  pageSize: 500,
  relistSpreadMs: 5_000,
  gatherMs: 10,
  graceMs: 2_000,
  settleMs: 200,
  holdMs: 500,
  client: {},
};

/** A server that lags behind the one before it has caught up by then. */
const LAG_MS = 5_000;
/** Another reason for the same phase is told when it has lasted so long. */
const MESSAGE_MS = 1_000;
/** Settling takes no longer than this many times its time, however much comes. */
const MAX_SETTLING = 10;

/** What a timer is for; there is one of each. */
type Purpose = 'tell' | 'judge' | 'grace' | 'settle' | 'hold' | 'history' | 'message';

export class KubernetesDatastore implements Datastore {
  readonly description: string;
  readonly #node: string;
  readonly #tuning: KubernetesTuning;
  readonly #client: ApiClient;
  readonly #feeds: Feeds;
  readonly #outbox = new Outbox();
  readonly #cancels = new Map<Purpose, () => void>();
  #listener: DatastoreListener | null = null;
  #status: DatastoreStatus = { phase: 'starting', message: 'not started', revision: '' };
  #hasConnected = false;
  #hasBeenInSync = false;
  #toldConditions = '';
  /** How often settling was put off; null: nothing has to settle. */
  #settlingRounds: number | null = null;
  /** In a supplement: what the other datastore says; null: nothing yet. */
  #foreignSources: NeedySources | null = null;
  readonly #isSupplement: boolean;
  #isStopped = false;

  constructor(options: KubernetesOptions, tuning: Partial<KubernetesTuning> = {}) {
    const all = { ...KUBERNETES_TUNING, ...tuning };
    this.description = `kubernetes:${options.access.server}`;
    this.#node = options.node;
    this.#isSupplement = options.isSupplement;
    this.#tuning = all;
    this.#client = new ApiClient(options.access, {
      userAgent: 'peregrine',
      timers: all.timers,
      ...all.client,
      onConnected: () => this.#connected(),
    });
    this.#feeds = new Feeds(options, {
      client: this.#client,
      timers: all.timers,
      now: all.now,
      tuning: { random: all.random, pageSize: all.pageSize, relistSpreadMs: all.relistSpreadMs },
      onEvents: (events, resourceVersion) => this.#onEvents(events, resourceVersion),
      onHealth: (isBack) => this.#onHealth(isBack),
    });
  }

  get status(): DatastoreStatus {
    return this.#status;
  }

  start(listener: DatastoreListener): void {
    if (this.#listener !== null) throw new Error('A datastore is started once');
    this.#listener = listener;
    this.#status = { phase: 'starting', message: 'connecting', revision: '' };
    this.#feeds.start();
  }

  /** Of a supplement: what the datastore beside it says. Follows what is needed now. */
  need(sources: NeedySources): void {
    this.#foreignSources = sources;
    this.#meetNeeds();
    this.#later('judge', 0, () => this.#judge());
  }

  /** Something that was asked for is not known yet. */
  get isAwaiting(): boolean {
    return this.#feeds.isAwaiting;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#feeds.stop();
    for (const cancel of this.#cancels.values()) cancel();
    this.#client.close();
  }

  /** Runs `action` once after a while; a later call for the same purpose replaces it. */
  #later(purpose: Purpose, milliseconds: number, action: () => void): void {
    this.#cancel(purpose);
    const cancel = this.#tuning.timers.schedule(milliseconds, () => {
      this.#cancels.delete(purpose);
      if (!this.#isStopped) action();
    });
    this.#cancels.set(purpose, cancel);
  }

  #cancel(purpose: Purpose): void {
    this.#cancels.get(purpose)?.();
    this.#cancels.delete(purpose);
  }

  #connected(): void {
    if (this.#isStopped) return;
    this.#feeds.connected();
    if (this.#hasConnected && this.#hasBeenInSync) void this.#checkHistory(false);
    this.#hasConnected = true;
  }

  /**
   * After a new connection: a store that was restored from a backup counts from an earlier number, and a watch from a
   * later one would stay silent without an error.
   */
  async #checkHistory(isSecondTime: boolean): Promise<void> {
    const { revision } = this.#outbox;
    const parameters = { limit: 1, resourceVersion: revision, resourceVersionMatch: 'NotOlderThan' };
    const read = await this.#client.read(requestPath(this.#feeds.probe, parameters));
    if (this.#isStopped) return;
    const failureClass = read.ok ? null : classify(read.failure);
    // A kind that is missing or forbidden tells nothing; whoever was busy may be asked again.
    const isBusy = failureClass === 'busy' || failureClass === 'error';
    const isBehind = read.ok ? isLater(revision, objectVersion(read.value)) : failureClass === 'future';
    if (isBusy || (isBehind && !isSecondTime)) {
      this.#later('history', LAG_MS, () => void this.#checkHistory(isBehind));
    } else if (isBehind) {
      this.#outbox.resetRevision();
      this.#feeds.restart('the datastore went back in time: listing anew');
    }
  }

  #onEvents(events: readonly ResourceEvent[], resourceVersion: string): void {
    this.#outbox.add(events, resourceVersion);
    if (events.length === 0) return;
    if (this.#settlingRounds !== null) this.#settle(this.#settlingRounds + 1);
    else this.#gather();
  }

  #onHealth(isBack: boolean): void {
    // A watch that goes on after an outage: what it missed comes right behind.
    if (isBack && this.#hasBeenInSync && this.#status.phase !== 'in-sync') this.#settlingRounds = 0;
    // This is said in the middle of a step; what it means is looked at when the step is done.
    this.#later('judge', 0, () => this.#judge());
  }

  #judge(): void {
    const { phase, message } = judge(this.#feeds.statuses(), this.#hasBeenInSync);
    const isInSync = this.#status.phase === 'in-sync';
    if (phase !== 'unreachable') this.#cancel('grace');
    if (phase === 'in-sync') {
      if (isInSync) this.#gather();
      else if (this.#settlingRounds !== null) this.#settle(this.#settlingRounds);
      else this.#enterSync();
    } else if (phase === 'unreachable' && isInSync) {
      if (!this.#cancels.has('grace')) this.#later('grace', this.#tuning.graceMs, () => this.#endGrace());
    } else this.#setStatus(phase, message);
  }

  #endGrace(): void {
    const { phase, message } = judge(this.#feeds.statuses(), this.#hasBeenInSync);
    if (phase !== 'in-sync') this.#setStatus(phase, message);
  }

  /** Waits until nothing comes any more, or too much for too long. */
  #settle(rounds: number): void {
    this.#settlingRounds = rounds;
    if (this.#cancels.has('settle') && rounds >= MAX_SETTLING) return;
    this.#later('settle', this.#tuning.settleMs, () => {
      this.#settlingRounds = null;
      this.#judge();
    });
  }

  /** Everything essential is there. */
  #enterSync(): void {
    if (this.#isSupplement && this.#foreignSources === null) return;
    this.#meetNeeds();
    // The first state is to have its passwords and Services. When they have come, this is judged again.
    if (!this.#hasBeenInSync && this.#feeds.isAwaiting) return this.#judgeWaiting();
    this.#hasBeenInSync = true;
    this.#hand(true);
    this.#setStatus('in-sync', '');
  }

  #meetNeeds(): void {
    this.#feeds.meetNeeds(this.#foreignSources ?? this.#feeds.sources);
  }

  #judgeWaiting(): void {
    const { phase, message } = judge(this.#feeds.statuses(), false);
    this.#setStatus(phase, message);
  }

  #gather(): void {
    if (this.#status.phase !== 'in-sync') return;
    if (!this.#cancels.has('tell')) this.#later('tell', this.#tuning.gatherMs, () => this.#tell());
  }

  #tell(): void {
    if (this.#status.phase !== 'in-sync') return;
    const asks = (event: ResourceEvent): boolean => {
      const { kind, name } = event.type === 'set' ? event.resource : event.key;
      return kind === 'BGPPeer' || kind === 'BGPConfiguration' || (kind === 'Node' && name === this.#node);
    };
    if (this.#outbox.has(asks)) this.#meetNeeds();
    if (!this.#feeds.isAwaiting || this.#outbox.isEmpty) {
      this.#cancel('hold');
      this.#hand(false);
    } else if (!this.#cancels.has('hold')) {
      this.#later('hold', this.#tuning.holdMs, () => {
        if (this.#status.phase === 'in-sync') this.#hand(false);
      });
    }
  }

  /** Hands over what is pending, if there is anything. */
  #hand(isFirstInSync: boolean): void {
    const conditions = conditionsOf(this.#feeds.statuses());
    const written = JSON.stringify(conditions);
    const { revision } = this.#outbox;
    const isNews = !this.#outbox.isEmpty || written !== this.#toldConditions;
    if (!isNews && !(isFirstInSync && this.#status.revision === '')) return;
    this.#toldConditions = written;
    this.#status = { ...this.#status, revision };
    this.#listener?.changed({ events: this.#outbox.take(), revision, conditions });
  }

  #setStatus(phase: DatastoreStatus['phase'], message: string): void {
    const before = this.#status;
    const isConnecting = phase === 'starting' && !this.#hasConnected;
    this.#status = { ...before, phase, message: isConnecting ? 'connecting' : message };
    if (before.phase !== phase) {
      this.#cancel('message');
      this.#listener?.statusChanged(this.#status);
    } else if (before.message !== message && phase !== 'starting') {
      // Kind after kind changes its mind when a server comes or goes; how far a first listing is, those see who ask.
      this.#later('message', MESSAGE_MS, () => this.#listener?.statusChanged(this.#status));
    }
  }
}
