/**
 * What all views share: the peers, kept up to date by the event stream, and the latest events. Counters have no events
 * of their own; they are asked for again at a pace that keeps the daemon idle however many peers there are.
 */

import type { View } from '../../api/schema.ts';
import {
  ApiProblem,
  type EventData,
  follow,
  getDocument,
  getList,
  getStatus,
  type PeerView,
  type StatusView,
} from './api.ts';
import { formatPlace } from './format.ts';

export interface Change {
  readonly number: number;
  readonly kind: string;
  readonly at: string;
  readonly about: string;
  readonly text: string;
  /** Where to look. */
  readonly link: string | null;
}

/** Older ones are forgotten. */
const MAX_CHANGES = 500;
const LEAST_REFRESH_MS = 5000;
/** Asking for all peers may take this part of the time at most. */
const REFRESH_SHARE = 30;
/** More changed peers than this are one question for all of them. */
const MAX_SINGLE_QUESTIONS = 8;
const GATHER_MS = 300;

type Part = 'peers' | 'status' | 'changes' | 'live';

export class Store {
  readonly peers = new Map<string, PeerView>();
  status: StatusView | null = null;
  /** null: nothing is known yet. */
  peersProblem: ApiProblem | null = null;
  arePeersKnown = false;
  /** The latest first. */
  changes: Change[] = [];
  /** null: live; else why not. */
  streamProblem: string | null = 'connecting';
  followsRoutes = false;
  #number = 0;
  #stop = new AbortController();
  readonly #listeners = new Set<(part: Part) => void>();
  readonly #stale = new Set<string>();
  #gathering = false;
  #refreshing: Promise<void> | null = null;

  /** Returns how to stop listening. */
  listen(listener: (part: Part) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(part: Part): void {
    for (const listener of this.#listeners) listener(part);
  }

  /** Begins anew: at the start, and with another token. */
  start(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    void this.#keepFresh(signal);
    this.#follow(signal);
  }

  setFollowsRoutes(wanted: boolean): void {
    if (wanted === this.followsRoutes) return;
    this.followsRoutes = wanted;
    this.start();
  }

  forgetChanges(): void {
    this.changes = [];
    this.#tell('changes');
  }

  #follow(signal: AbortSignal): void {
    const kinds = ['peer', 'revision', 'kernel', ...(this.followsRoutes ? ['route'] : [])].join(',');
    let wasLive = false;
    void follow(`v1/events?kinds=${kinds}`, signal, {
      event: ({ kind, data }) => this.#event(kind, data),
      state: (problem) => {
        // What happened while nobody listened.
        if (problem === null && wasLive) void this.refresh();
        if (problem === null) wasLive = true;
        this.streamProblem = problem;
        this.#tell('live');
      },
    });
  }

  #event(kind: string, text: string): void {
    if (kind === 'lost') {
      void this.refresh();
      return;
    }
    const change = describeChange(kind, JSON.parse(text) as EventData, ++this.#number);
    if (change === null) return;
    this.changes = [change, ...this.changes.slice(0, MAX_CHANGES - 1)];
    this.#tell('changes');
    if (kind !== 'peer') return;
    const { peer: name, to } = JSON.parse(text) as View<'PeerEvent'>;
    const known = this.peers.get(name);
    if (known !== undefined) {
      this.peers.set(name, { ...known, state: to, stateSeconds: 0 });
      this.#tell('peers');
    }
    this.#stale.add(name);
    this.#gather();
  }

  /** Asks for the peers that have changed, together. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    setTimeout(async () => {
      this.#gathering = false;
      const names = [...this.#stale];
      this.#stale.clear();
      if (names.length > MAX_SINGLE_QUESTIONS) return this.refresh();
      for (const name of names) await this.#ask(name);
      this.#tell('peers');
    }, GATHER_MS);
  }

  async #ask(name: string): Promise<void> {
    try {
      this.peers.set(name, await getDocument<View<'PeerDetail'>>(`v1/peers/${encodeURIComponent(name)}`));
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 404) this.peers.delete(name);
    }
  }

  /** All peers and the status. One question at a time. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#readAll().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #readAll(): Promise<void> {
    try {
      const [status, { items }] = await Promise.all([getStatus(), getList<PeerView>('v1/peers')]);
      this.status = status;
      this.peers.clear();
      for (const peer of items) this.peers.set(peer.name, peer);
      this.arePeersKnown = true;
      this.peersProblem = null;
    } catch (error) {
      this.peersProblem = error instanceof ApiProblem ? error : new ApiProblem(0, String(error));
    }
    this.#tell('status');
    this.#tell('peers');
  }

  async #keepFresh(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const begin = performance.now();
      // Nobody looks at a hidden page.
      if (document.visibilityState === 'visible') await this.refresh();
      const pauseMs = Math.max(LEAST_REFRESH_MS, (performance.now() - begin) * REFRESH_SHARE);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** An event in words; null: of a kind that this page does not know. */
export function describeChange(kind: string, data: EventData, number: number): Change | null {
  const at = 'at' in data ? data.at : new Date().toISOString();
  const common = { number, kind, at };
  switch (kind) {
    case 'peer': {
      const { peer, from, to, reason } = data as View<'PeerEvent'>;
      const why = reason === null ? '' : `: ${reason}`;
      const text = from === null ? `is ${to}${why}` : `${from} → ${to}${why}`;
      return { ...common, about: peer, text, link: formatPlace('peer', peer) };
    }
    case 'revision': {
      const { applied, refused } = data as View<'RevisionEvent'>;
      const text = refused === 0 ? 'is in force' : `is in force; ${refused} of it refused`;
      return { ...common, about: `revision ${applied}`, text, link: null };
    }
    case 'kernel': {
      const { what, prefix, text } = data as View<'KernelEvent'>;
      const link = prefix === null ? null : formatPlace('explain', 'kernel', { prefix });
      return { ...common, about: prefix ?? 'kernel', text: `${what}: ${text}`, link };
    }
    case 'route': {
      const { prefix, best } = data as View<'RouteEvent'>;
      const text =
        best === null
          ? 'no path any more'
          : `best path from ${best.source}, AS path ${best.attributes.asPath || '(empty)'}`;
      return { ...common, about: prefix, text, link: formatPlace('explain', 'route', { prefix }) };
    }
    default:
      return null;
  }
}
