/**
 * Between the kernel and the RIB: what the kernel tells becomes next-hop resolution, own addresses and local paths
 * (sources `kernel` and `direct`). What the RIB wants written goes the other way in core.ts.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { formatPrefix, type IpAddress, type Prefix } from '../../bgp/ip.ts';
import type { KernelConfig } from '../../confd/desired-state.ts';
import { PEER_DIRECT, PEER_KERNEL } from '../../rib/peer-table.ts';
import type {
  FibFailure,
  InterfaceAddress,
  KernelLink,
  KernelListener,
  KernelRoute,
  ResyncReason,
  RouteDisturbance,
} from '../kernel/fib.ts';
import type { Log } from '../log/log.ts';
import type { Clock } from './clock.ts';
import type { EventHub } from './events/hub.ts';
import { KernelLog } from './kernel-log.ts';
import { encodeLocalPath, ROUTE_BLACKHOLE, ROUTE_UNICAST, SOURCE_DIRECT, SOURCE_KERNEL } from './local-paths.ts';
import { connectedPrefix, isUsable, Reachability } from './reachability.ts';

/** The calls into the RIB that this file makes. */
export interface LocalPathTable {
  setLocalPath(
    source: number,
    family: FamilyIndex,
    a: number,
    b: number,
    c: number,
    d: number,
    length: number,
    block: Uint8Array,
  ): void;
  removeLocalPath(
    source: number,
    family: FamilyIndex,
    a: number,
    b: number,
    c: number,
    d: number,
    length: number,
  ): void;
  setOwnAddresses(addresses: readonly IpAddress[]): void;
  resolutionChanged(): void;
}

type LearningConfig = Pick<KernelConfig, 'learnRoutes' | 'directInterfaces'>;

export class KernelSync implements KernelListener {
  readonly view = new Reachability();
  /** Who follows what happens; null: nobody yet. */
  events: EventHub | null = null;
  readonly #table: LocalPathTable;
  readonly #log: Log;
  readonly #workPending: () => void;
  readonly #kernelLog: KernelLog;
  #config: LearningConfig = { learnRoutes: false, directInterfaces: [] };
  /** Connected prefixes that are in the RIB, by text. */
  readonly #direct = new Map<string, { readonly prefix: Prefix; readonly interfaceIndex: number }>();
  #addressesChanged = false;
  /** An interface is new, gone, renamed, up or down. */
  #linksChanged = false;

  constructor(table: LocalPathTable, log: Log, clock: Clock, workPending: () => void) {
    this.#table = table;
    this.#log = log;
    this.#workPending = workPending;
    this.#kernelLog = new KernelLog(log, clock, (index) => this.view.link(index)?.name ?? '');
  }

  configure(config: LearningConfig): void {
    const before = this.#config;
    this.#config = config;
    if (before.learnRoutes !== config.learnRoutes) {
      for (const route of this.view.routes()) {
        if (config.learnRoutes) this.#setKernelPath(route);
        else this.#removeLocal(PEER_KERNEL, route.prefix);
      }
    }
    this.#addressesChanged = true;
    this.#workPending();
  }

  /** Forgets what the kernel told; for a back end that is opened anew. */
  reset(): void {
    if (this.#config.learnRoutes) for (const route of this.view.routes()) this.#removeLocal(PEER_KERNEL, route.prefix);
    this.view.clear();
    this.#addressesChanged = true;
  }

  /** Passes on what changed since the last call; says what did. */
  flush(): { readonly addresses: boolean; readonly links: boolean } {
    const changed = { addresses: this.#addressesChanged, links: this.#linksChanged };
    this.#linksChanged = false;
    if (changed.addresses || changed.links) {
      this.#addressesChanged = false;
      this.#table.setOwnAddresses(this.view.ownAddresses());
      this.#updateDirect();
    }
    if (this.view.takeChanged()) this.#table.resolutionChanged();
    return changed;
  }

  // --- KernelListener ---

  linkChanged(link: KernelLink): void {
    const before = this.view.link(link.index);
    this.view.setLink(link);
    if (before !== undefined && isUsable(before) !== isUsable(link)) {
      this.#log.info('LINK_CHANGED', { interface: link.name, up: link.up, running: link.running }, 'interface changed');
    }
    // Counters and MTUs change all the time.
    const isMoved = before?.master !== link.master || before.vrfTable !== link.vrfTable;
    if (before === undefined || before.name !== link.name || isMoved || isUsable(before) !== isUsable(link)) {
      this.#linksChanged = true;
    }
    this.#workPending();
  }

  linkRemoved(link: KernelLink): void {
    this.view.removeLink(link);
    this.#linksChanged = true;
    this.#workPending();
  }

  addressAdded(address: InterfaceAddress): void {
    this.view.addAddress(address);
    this.#addressesChanged = true;
    this.#workPending();
  }

  addressRemoved(address: InterfaceAddress): void {
    this.view.removeAddress(address);
    this.#addressesChanged = true;
    this.#workPending();
  }

  routeLearned(route: KernelRoute): void {
    this.view.learn(route);
    if (this.#config.learnRoutes) this.#setKernelPath(route);
    this.#workPending();
  }

  routeLost(route: KernelRoute): void {
    this.view.lose(route);
    if (this.#config.learnRoutes) this.#removeLocal(PEER_KERNEL, route.prefix);
    this.#workPending();
  }

  routeFailed(failure: FibFailure): void {
    this.#kernelLog.failed(failure);
    const { prefix, reason, message } = failure;
    this.#tell('failed', prefix, `${reason}: ${message}`);
  }

  routeDisturbed(disturbance: RouteDisturbance): void {
    this.#kernelLog.disturbed(disturbance);
    this.#tell('disturbed', disturbance.prefix, disturbance.kind);
  }

  #tell(what: 'failed' | 'disturbed' | 'resynced', prefix: Prefix | null, text: string): void {
    if (this.events?.isWatched !== true) return;
    this.events.emit({ kind: 'kernel', data: { what, prefix: prefix === null ? null : formatPrefix(prefix), text } });
  }

  troubled(problem: string | null): void {
    if (problem === null) this.#log.info('KERNEL_TROUBLE', {}, "the kernel's tables can be read again");
    else this.#log.error('KERNEL_TROUBLE', {}, `${problem}; no routes are written until it works again`);
  }

  resynced(reason: ResyncReason): void {
    // From time to time, for nothing in particular: what it finds has lines of its own.
    this.#log[reason === 'periodic' ? 'debug' : 'info'](
      'KERNEL_RESYNC',
      { reason },
      'the kernel tables were read as a whole',
    );
    this.#tell('resynced', null, reason);
    this.#workPending();
  }

  // --- local paths ---

  #setKernelPath(route: KernelRoute): void {
    const { prefix } = route;
    const [hop] = route.hops;
    const block = encodeLocalPath({
      source: SOURCE_KERNEL,
      routeType: route.type === 'unicast' ? ROUTE_UNICAST : ROUTE_BLACKHOLE,
      metric: route.metric,
      interfaceIndex: hop?.interfaceIndex ?? 0,
      gateway: hop?.gateway ?? null,
      communities: [],
    });
    this.#table.setLocalPath(PEER_KERNEL, prefix.family, prefix.a, prefix.b, prefix.c, prefix.d, prefix.length, block);
  }

  #removeLocal(source: number, prefix: Prefix): void {
    this.#table.removeLocalPath(source, prefix.family, prefix.a, prefix.b, prefix.c, prefix.d, prefix.length);
  }

  #updateDirect(): void {
    const wanted = new Map<string, { readonly prefix: Prefix; readonly interfaceIndex: number }>();
    for (const address of this.view.addresses()) {
      const link = this.view.link(address.interfaceIndex);
      if (link === undefined || !link.up || link.loopback || !this.view.isInScope(link)) continue;
      const prefix = connectedPrefix(address);
      // fe80::/10 means something on its own link only.
      if (prefix.family === 1 && prefix.a >>> 22 === 0x3fa) continue;
      if (!selectsInterface(this.#config.directInterfaces, link.name)) continue;
      const key = formatPrefix(prefix);
      if (!wanted.has(key)) wanted.set(key, { prefix, interfaceIndex: address.interfaceIndex });
    }
    for (const [key, { prefix }] of this.#direct) {
      if (wanted.has(key)) continue;
      this.#direct.delete(key);
      this.#removeLocal(PEER_DIRECT, prefix);
    }
    for (const [key, entry] of wanted) {
      if (this.#direct.get(key)?.interfaceIndex === entry.interfaceIndex) continue;
      this.#direct.set(key, entry);
      const { prefix, interfaceIndex } = entry;
      const block = encodeLocalPath({
        source: SOURCE_DIRECT,
        routeType: ROUTE_UNICAST,
        metric: 0,
        interfaceIndex,
        gateway: null,
        communities: [],
      });
      this.#table.setLocalPath(
        PEER_DIRECT,
        prefix.family,
        prefix.a,
        prefix.b,
        prefix.c,
        prefix.d,
        prefix.length,
        block,
      );
    }
  }
}

/** BIRD's interface patterns: globs tried in order, the first that matches decides, a leading `-` excludes. */
export function selectsInterface(patterns: readonly string[], name: string): boolean {
  for (const pattern of patterns) {
    const excludes = pattern.startsWith('-');
    if (globMatches(excludes ? pattern.slice(1) : pattern, name)) return !excludes;
  }
  return false;
}

function globMatches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`).test(text);
}
