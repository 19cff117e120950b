/**
 * The etcd v3 datastore: which member is talked to, what is tried when it cannot be, and what is said about it
 * (sections 1.1, 1.3.2 and 7.1 of Calico's semantics; docs/datastore-etcd.md). What is read over a connection: view.ts.
 *
 * Members are tried in an order of chance, without pause until each had its turn, then with pauses that grow and are
 * shortened by chance: a thousand nodes that lost the same member must not return at the same moment. While none can
 * be reached everything stays; only the status changes, and that after a while.
 */

import type { ResourceEvent } from '../../resource-store.ts';
import type { Datastore, DatastoreListener, DatastorePhase, DatastoreStatus } from '../datastore.ts';
import { SYSTEM_TIMERS } from '../system-timers.ts';
import { EtcdClient, type Identity } from './client.ts';
import { type ConnectionOptions, type Endpoint, EtcdConnection } from './connection.ts';
import { discoverEndpoints, type ResolveSrv, readTlsFiles } from './discovery.ts';
import type { GrpcFailure } from './grpc.ts';
import { watchedRanges } from './keys.ts';
import type { EtcdSettings } from './settings.ts';
import { EtcdView, type ViewOptions } from './view.ts';

export interface EtcdOptions extends ConnectionOptions, ViewOptions {
  /** How long etcd may be away before the status says so. */
  readonly unreachableAfterMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** From 0 up to and without 1. */
  readonly random: () => number;
  /** Null: the system's resolver. */
  readonly resolveSrv: ResolveSrv | null;
}

/**
 * Dial and keep-alive times are those of Calico's client. etcd looks after late watches every 100 ms, and sends a note
 * about progress every 10 to 11 minutes.
 */
export const ETCD_DEFAULTS: EtcdOptions = {
  dialTimeoutMs: 10_000,
  callTimeoutMs: 20_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  unreachableAfterMs: 10_000,
  firstPauseMs: 50,
  longestPauseMs: 5_000,
  pageLimit: 500,
  gatherMs: 10,
  quietMs: 150,
  catchUpLimitMs: 5_000,
  silenceMs: 900_000,
  timers: SYSTEM_TIMERS,
  random: Math.random,
  resolveSrv: null,
};

export class EtcdDatastore implements Datastore {
  readonly description: string;
  readonly #settings: EtcdSettings;
  readonly #options: EtcdOptions;
  readonly #view: EtcdView;
  readonly #identity: Identity;
  readonly #stopping = new AbortController();
  /** Why each endpoint could not be used, since everything was well. */
  readonly #failures = new Map<string, string>();
  #listener: DatastoreListener | null = null;
  #status: DatastoreStatus = { phase: 'starting', message: 'not started', revision: '' };
  #running: Promise<void> = Promise.resolve();
  #cancelUnreachable: (() => void) | null = null;

  constructor(node: string, settings: EtcdSettings, options: Partial<EtcdOptions> = {}) {
    this.#settings = settings;
    this.#options = { ...ETCD_DEFAULTS, ...options };
    this.#identity = { credentials: settings.credentials, token: null };
    const { endpoints, discoveryDomain } = settings;
    this.description =
      discoveryDomain === null
        ? `etcd:${endpoints.map((endpoint) => endpoint.url).join(',')}`
        : `etcd: SRV records of ${discoveryDomain}`;
    this.#view = new EtcdView(node, watchedRanges(node, settings.usePodCidr), this.#options, {
      deliver: (events, revision, isComplete) => this.#deliver(events, revision, isComplete),
      relisting: (reason) => this.#setStatus('resyncing', reason),
      caughtUp: () => this.#caughtUp(),
    });
  }

  get status(): DatastoreStatus {
    return this.#status;
  }

  start(listener: DatastoreListener): void {
    if (this.#listener !== null) throw new Error('A datastore is started once');
    this.#listener = listener;
    this.#status = { phase: 'starting', message: 'connecting to etcd', revision: '' };
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelUnreachable?.();
    this.#view.stop();
    await this.#running;
    this.#view.stop();
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    let endpoints: readonly Endpoint[] = [];
    let turn = 0;
    /** Attempts since the last one that brought something. */
    let vain = 0;
    while (!this.#isStopped) {
      const isNewRound = vain === 0 || vain >= endpoints.length;
      if (endpoints.length === 0 || (isNewRound && this.#settings.discoveryDomain !== null)) {
        endpoints = await this.#findEndpoints();
      }
      if (this.#isStopped) return;
      if (endpoints.length > 0) {
        const endpoint = endpoints[turn++ % endpoints.length];
        const before = this.#view.progress;
        const failure = await this.#visit(endpoint);
        if (this.#isStopped) return;
        vain = this.#view.progress > before ? 0 : vain + 1;
        this.#failures.set(endpoint.url, failure.message);
      } else vain++;
      const members = Math.max(endpoints.length, 1);
      this.#lost(vain >= members);
      if (vain % members === 0) await this.#pause(vain / members);
    }
  }

  /** The members, in an order of chance. */
  async #findEndpoints(): Promise<readonly Endpoint[]> {
    const { discoveryDomain } = this.#settings;
    let found = this.#settings.endpoints;
    if (discoveryDomain !== null) {
      this.#failures.clear();
      const { resolveSrv } = this.#options;
      const lookup =
        resolveSrv === null ? discoverEndpoints(discoveryDomain) : discoverEndpoints(discoveryDomain, resolveSrv);
      const outcome = await Promise.race([lookup, this.#whenStopping()]);
      if (outcome === null) return [];
      if (outcome.ok) found = outcome.value;
      else this.#failures.set(discoveryDomain, outcome.failure.message);
    }
    const order = found.map((endpoint) => ({ endpoint, lot: this.#options.random() }));
    return order.sort((a, b) => a.lot - b.lot).map(({ endpoint }) => endpoint);
  }

  #whenStopping(): Promise<null> {
    return new Promise((resolve) => {
      this.#stopping.signal.addEventListener('abort', () => resolve(null), { once: true });
    });
  }

  /** One connection to one member, until it is of no more use. */
  async #visit(endpoint: Endpoint): Promise<GrpcFailure> {
    const { signal } = this.#stopping;
    const material = await readTlsFiles(this.#settings.tls);
    if (!material.ok) return material.failure;
    const opened = await EtcdConnection.open(endpoint, material.value, this.#options, signal);
    if (!opened.ok) return opened.failure;
    const connection = opened.value;
    const close = (): void => connection.close();
    signal.addEventListener('abort', close);
    if (signal.aborted) close();
    const failure = await this.#view.follow(new EtcdClient(connection, this.#identity));
    signal.removeEventListener('abort', close);
    close();
    return failure;
  }

  /** Resolves after a pause that depends on how many rounds were in vain, or when stopping. */
  #pause(vainRounds: number): Promise<void> {
    const { firstPauseMs, longestPauseMs, random, timers } = this.#options;
    const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(vainRounds - 1, 0));
    return new Promise((resolve) => {
      const end = (): void => {
        this.#stopping.signal.removeEventListener('abort', end);
        cancel();
        resolve();
      };
      const cancel = timers.schedule(longest * (0.5 + random() / 2), end);
      this.#stopping.signal.addEventListener('abort', end);
    });
  }

  /** `byAll`: no member could be used since the last success. */
  #lost(byAll: boolean): void {
    const { phase, revision } = this.#status;
    // Before anything was delivered there is nothing that could be taken for a short interruption.
    if (phase === 'unreachable' || (revision === '' && byAll)) return this.#sayUnreachable();
    if (revision === '') return;
    this.#cancelUnreachable ??= this.#options.timers.schedule(this.#options.unreachableAfterMs, () =>
      this.#sayUnreachable(),
    );
  }

  #sayUnreachable(): void {
    const message = [...this.#failures].map(([where, why]) => `${where}: ${why}`).sort();
    this.#setStatus('unreachable', message.join('; '));
  }

  #deliver(events: readonly ResourceEvent[], revision: number, isComplete: boolean): void {
    if (this.#isStopped) return;
    const isFirst = this.#status.revision === '';
    this.#status = { ...this.#status, revision: String(revision) };
    // Something came, so it is not away, whatever becomes of this connection.
    this.#cancelUnreachable?.();
    this.#cancelUnreachable = null;
    if (events.length === 0 && !(isComplete && isFirst)) return;
    this.#listener?.changed({ events, revision: String(revision), conditions: [] });
  }

  #caughtUp(): void {
    this.#cancelUnreachable?.();
    this.#cancelUnreachable = null;
    this.#failures.clear();
    this.#setStatus('in-sync', '');
  }

  #setStatus(phase: DatastorePhase, message: string): void {
    if (this.#isStopped) return;
    const before = this.#status;
    this.#status = { ...before, phase, message };
    if (before.phase !== phase || before.message !== message) this.#listener?.statusChanged(this.#status);
  }
}
