/**
 * The condition NetworkUnavailable of our Kubernetes node, as calico-node keeps it: False when this node is ready for the
 * first time, True when it ends for good. Between the two it is nobody's business of ours: a node does not become
 * unavailable because a peer is down.
 */

import type { Timers } from '../../confd/datastore/datastore.ts';
import type { ApiClient } from '../../confd/datastore/kubernetes/api-client.ts';
import type { Log } from '../log/log.ts';

const LOOK_MS = 1_000;
const RETRY_LAST_MS = 60_000;

export interface NetworkUnavailableOptions {
  readonly client: Pick<ApiClient, 'write'>;
  /** Name of the Kubernetes node. */
  readonly node: string;
  readonly isReady: () => boolean;
  readonly log: Log;
  readonly timers: Timers;
  readonly wallMs: () => number;
}

export class NetworkUnavailable {
  readonly #options: NetworkUnavailableOptions;
  #cancel: () => void = () => {};
  #isStopped = false;
  #said = '';

  constructor(options: NetworkUnavailableOptions) {
    this.#options = options;
  }

  start(): void {
    const { isReady, timers } = this.#options;
    if (isReady()) void this.#clear(LOOK_MS);
    else this.#cancel = timers.schedule(LOOK_MS, () => this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** Before an end for good. Resolves when it is written, or could not be. */
  async down(): Promise<void> {
    this.stop();
    await this.#set('True', 'CalicoIsDown', 'Calico is shutting down on this node');
  }

  async #clear(retryMs: number): Promise<void> {
    const isWritten = await this.#set('False', 'CalicoIsUp', 'Calico is running on this node');
    if (isWritten || this.#isStopped) return;
    const next = Math.min(RETRY_LAST_MS, retryMs * 2);
    this.#cancel = this.#options.timers.schedule(retryMs, () => void this.#clear(next));
  }

  async #set(status: 'True' | 'False', reason: string, message: string): Promise<boolean> {
    const { client, node, log, wallMs } = this.#options;
    const now = new Date(wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const type = 'NetworkUnavailable';
    const condition = { type, status, reason, message, lastTransitionTime: now, lastHeartbeatTime: now };
    const outcome = await client.write(`/api/v1/nodes/${encodeURIComponent(node)}/status`, {
      method: 'PATCH',
      // The list of conditions is merged by type.
      contentType: 'application/strategic-merge-patch+json',
      body: JSON.stringify({ status: { conditions: [condition] } }),
    });
    if (outcome.ok) {
      log.info('NODE_CONDITION', { node, type, status }, message);
      return true;
    }
    const problem = `the condition ${type} of node ${node} cannot be written: ${outcome.failure.message}`;
    if (problem !== this.#said) log.warn('NODE_CONDITION', { node, type, status }, problem);
    this.#said = problem;
    return false;
  }
}
