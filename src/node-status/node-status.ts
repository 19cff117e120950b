/**
 * Puts together what a node writes to the Kubernetes API about itself. It has a connection of its own: what is followed
 * must not wait for what is written, and most daemons write nothing.
 */

import { ApiClient } from '../../confd/datastore/kubernetes/api-client.ts';
import { discoverGroup } from '../../confd/datastore/kubernetes/discovery.ts';
import { readKubernetesSettings } from '../../confd/datastore/kubernetes/settings.ts';
import { readIfThere } from '../../confd/datastore/open.ts';
import { SYSTEM_TIMERS } from '../../confd/datastore/system-timers.ts';
import type { Log } from '../log/log.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { NetworkUnavailable } from './network-unavailable.ts';
import { NodeStatusReporter } from './reporter.ts';
import type { NodeStatusSettings } from './settings.ts';
import { buildStatus } from './status.ts';

const DISCOVERY_RETRY_MS = 5_000;

export interface NodeStatusOptions {
  readonly node: string;
  readonly settings: NodeStatusSettings;
  readonly speaker: Speaker;
  readonly isReady: () => boolean;
  readonly log: Log;
}

export class NodeStatusWriter {
  readonly #client: ApiClient;
  readonly #options: NodeStatusOptions;
  #reporter: NodeStatusReporter | null = null;
  #condition: NetworkUnavailable | null = null;
  #cancel: () => void = () => {};
  #isStopped = false;

  private constructor(client: ApiClient, options: NodeStatusOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** A text: why there is no way to the API server. */
  static start(options: NodeStatusOptions): NodeStatusWriter | string {
    const read = readKubernetesSettings(options.node, process.env, readIfThere);
    if (!read.ok) return read.problems.join('; ');
    const client = new ApiClient(read.options.access, {
      timers: SYSTEM_TIMERS,
      onConnected: () => {},
      userAgent: 'peregrine-node-status',
    });
    const writer = new NodeStatusWriter(client, options);
    const { settings, log, speaker, isReady } = options;
    const wallMs = (): number => speaker.clock.wallMs();
    if (settings.managesNetworkUnavailable) {
      const node = process.env.CALICO_K8S_NODE_REF || options.node;
      writer.#condition = new NetworkUnavailable({ client, node, isReady, log, timers: SYSTEM_TIMERS, wallMs });
      writer.#condition.start();
    }
    if (settings.reportsNodeStatus) void writer.#report(read.options.group);
    return writer;
  }

  /** `isForGood`: the daemon does not come back, as after a drain or an administrative end. */
  async stop(isForGood: boolean): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    this.#reporter?.stop();
    this.#condition?.stop();
    if (isForGood) await this.#condition?.down();
    this.#client.close();
  }

  async #report(known: string | null): Promise<void> {
    const outcome = known === null ? await discoverGroup(this.#client) : { ok: true as const, group: known };
    if (this.#isStopped) return;
    if (!outcome.ok) {
      const wait = DISCOVERY_RETRY_MS * (0.5 + Math.random());
      this.#cancel = SYSTEM_TIMERS.schedule(wait, () => void this.#report(null));
      return;
    }
    const { node, speaker, log } = this.#options;
    this.#reporter = new NodeStatusReporter({
      client: this.#client,
      path: `/apis/${outcome.group}/caliconodestatuses`,
      node,
      build: (classes) => buildStatus(speaker, classes),
      log,
      timers: SYSTEM_TIMERS,
      random: Math.random,
      wallMs: () => speaker.clock.wallMs(),
    });
    this.#reporter.start();
  }
}
