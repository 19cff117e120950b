/**
 * The speaker as the API's source: what it shows is made in views.ts, what can be done to it is done here. Loaded with
 * the API, after the sessions have been started.
 */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { encodeRouteRefresh } from '../../bgp/wire/route-refresh.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC, type PeerIndex } from '../../rib/peer-table.ts';
import type { EventStream } from '../api/event-stream.ts';
import type { Items } from '../api/items.ts';
import type { PeerAction } from '../api/peer-actions.ts';
import { type ApiRefusal, isRefusal } from '../api/refusal.ts';
import type { Listed } from '../api/route.ts';
import {
  differentPasswords,
  type PasswordsAnswer,
  type PasswordsQuestion,
  type RunningPart,
  runningParts,
} from '../api/running.ts';
import type { AcceptedView, AdvertisedView, DoneView, ReceivedView, RouteView, View } from '../api/schema.ts';
import type { ApiSource, DrainRequest, EventRequest, RouteFilter } from '../api/source.ts';
import { type Readiness, type ReadyPolicy, readiness } from '../health/readiness.ts';
import type { LogLevel } from '../log/log.ts';
import type { RecentLog } from '../log/recent.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { DEFAULT_MONITOR, type MonitorSettings } from '../monitor/settings.ts';
import { type DumpPart, dumpParts } from '../support/dump.ts';
import type { AgentRequest } from './agent-routes.ts';
import type { SpeakerCore } from './core.ts';
import { connectEvents } from './events/stream.ts';
import { explainAdvertised } from './explain/advertised.ts';
import { explainKernel } from './explain/kernel.ts';
import { explainPeer } from './explain/peer.ts';
import { explainRoute } from './explain/route.ts';
import { TcpDropCounters } from './explain/tcp-counters.ts';
import { acceptedViews, advertisedViews, receivedViews } from './lists/adj-ribs.ts';
import { ListFilter } from './lists/filter.ts';
import { routeViews } from './lists/loc-rib.ts';
import { listed, type Position } from './lists/position.ts';
import { interfaceViews, nextHopViews, policyViews } from './lists/surroundings.ts';
import type { Speaker } from './speaker.ts';
import { noPeer } from './views.ts';

const NOTHING_RUNS: ApiRefusal = { refused: 'no configuration is in force yet', status: 409 };

export class SpeakerApi implements ApiSource {
  readonly #speaker: Speaker;
  readonly #monitor: MonitorSettings;
  /** Made when somebody asks for figures the first time. */
  #metrics: Promise<Metrics> | null = null;
  readonly #tcpDrops: TcpDropCounters;

  readonly #recent: RecentLog | null;

  constructor(speaker: Speaker, monitor: MonitorSettings = DEFAULT_MONITOR, recent: RecentLog | null = null) {
    this.#speaker = speaker;
    this.#recent = recent;
    this.#monitor = monitor;
    this.#tcpDrops = new TcpDropCounters(() => speaker.clock.nowMs());
    this.#tcpDrops.start();
  }

  async metrics(): Promise<string> {
    this.#metrics ??= import('../metrics/metrics.ts').then(({ createMetrics }) =>
      createMetrics(this.#speaker, this.#monitor),
    );
    return (await this.#metrics).text();
  }

  readiness(policy: ReadyPolicy = this.#monitor.readyPolicy): Readiness {
    const { views, listenFailures, core } = this.#speaker;
    const input = {
      status: views.status(),
      peers: views.peers(),
      listenFailures,
      kernelFailure: core?.kernelFailure ?? null,
    };
    return readiness({ ...input, recovery: this.#recovery() }, policy);
  }

  #recovery(): { secondsLeft: number } | null {
    const view = this.#speaker.recovery();
    if (view === null || !view.isGoingOn) return null;
    const untilMs = Math.max(...Object.values(view.families).map((family) => family.untilMs ?? 0));
    return { secondsLeft: Math.max(0, Math.ceil((untilMs - this.#speaker.clock.wallMs()) / 1000)) };
  }

  status = () => this.#speaker.views.status();
  peers = () => this.#speaker.views.peerList();
  peer = (name: string) => this.#speaker.views.peer(name);

  routes(filter: RouteFilter): Listed<RouteView> {
    const { core } = this.#speaker;
    if (core === null) return [];
    const read = ListFilter.read(core.rib, filter, (name) => this.#sourceOf(name));
    const originOf = (prefix: string): string | null => this.#speaker.agentRoutes.originOf(prefix);
    return isRefusal(read) ? read : listed(filter, (position) => routeViews(core.rib, read, position, originOf));
  }

  received(peer: string, filter: RouteFilter): Listed<ReceivedView> {
    return this.#ofPeer(peer, filter, (core, index, read, position) => receivedViews(core.rib, index, read, position));
  }

  accepted(peer: string, filter: RouteFilter): Listed<AcceptedView> {
    return this.#ofPeer(peer, filter, (core, index, read, position) => acceptedViews(core.rib, index, read, position));
  }

  advertised(peer: string, filter: RouteFilter): Listed<AdvertisedView> {
    return this.#ofPeer(peer, filter, advertisedViews);
  }

  #ofPeer<T>(
    name: string,
    filter: RouteFilter,
    list: (core: SpeakerCore, peer: PeerIndex, filter: ListFilter, position: Position | null) => Items<T>,
  ): Listed<T> {
    const { core, drivers } = this.#speaker;
    const driver = drivers.get(name);
    if (core === null || driver === undefined) return noPeer(name, this.#speaker);
    const read = ListFilter.read(core.rib, filter, (source) => this.#sourceOf(source));
    return isRefusal(read) ? read : listed(filter, (position) => list(core, driver.ribIndex, read, position));
  }

  #sourceOf(name: string): PeerIndex | null {
    const local = { static: PEER_STATIC, kernel: PEER_KERNEL, direct: PEER_DIRECT }[name];
    return local ?? this.#speaker.drivers.get(name)?.ribIndex ?? null;
  }

  nextHops = () => (this.#speaker.core === null ? [] : nextHopViews(this.#speaker.core));
  interfaces = () => (this.#speaker.core === null ? [] : interfaceViews(this.#speaker.core));
  policies = () => (this.#speaker.running === null ? [] : policyViews(this.#speaker.running));

  updateGroups(): View<'UpdateGroup'>[] {
    const { core } = this.#speaker;
    if (core === null) return [];
    return core.groups.summaries().map(({ key: _, family, members, ...counts }) => ({
      family: FAMILY_NAMES[family],
      members: members.map((peer) => core.rib.peers.nameOf(peer)),
      ...counts,
    }));
  }

  kernel = () => this.#speaker.views.kernel();
  *recent(): Generator<View<'RecentLine'>> {
    for (const { atWallMs, ...line } of this.#recent?.lines() ?? []) {
      yield { at: new Date(atWallMs).toISOString(), ...line, fields: { ...line.fields } };
    }
  }

  messages = (): Items<View<'RecordedMessage'>> => this.#speaker.recorder?.views() ?? [];

  supportDump = (): Items<DumpPart> => dumpParts(this.#speaker, this.nextHops(), this.#recent?.lines() ?? []);

  bfd = () => this.#speaker.bfd.views();

  explainRoute(prefix: string): View<'RouteExplanation'> | ApiRefusal {
    const { core } = this.#speaker;
    return core === null ? NOTHING_RUNS : explainRoute(core, prefix);
  }

  explainAdvertised(peer: string, prefix: string): View<'AdvertisedExplanation'> | ApiRefusal {
    const { core, drivers } = this.#speaker;
    const driver = drivers.get(peer);
    if (core === null || driver === undefined) return noPeer(peer, this.#speaker);
    return explainAdvertised(core, driver, prefix);
  }

  explainKernel(prefix: string): View<'KernelExplanation'> | ApiRefusal {
    const { core, running } = this.#speaker;
    if (core === null || running === null) return NOTHING_RUNS;
    return explainKernel(core, running.kernel.programRoutes, prefix);
  }

  async explainPeer(peer: string): Promise<View<'PeerExplanation'> | ApiRefusal> {
    const drops = await this.#tcpDrops.lately();
    const driver = this.#speaker.drivers.get(peer);
    return driver === undefined ? noPeer(peer, this.#speaker) : explainPeer(this.#speaker, driver, drops);
  }

  follow(request: EventRequest, stream: EventStream): ApiRefusal | null {
    return connectEvents(this.#speaker, request, (name) => this.#sourceOf(name), stream);
  }

  originated = () => this.#speaker.agentRoutes.views();
  withdraw = (owner: string, prefix: string | undefined) => this.#speaker.agentRoutes.withdraw(owner, prefix);

  originate(owner: string, request: AgentRequest): View<'Originated'> | ApiRefusal {
    return this.#speaker.running === null ? NOTHING_RUNS : this.#speaker.agentRoutes.originate(owner, request);
  }

  setPeerLogLevel(name: string, level: LogLevel | null): DoneView | ApiRefusal {
    const driver = this.#speaker.drivers.get(name);
    if (driver === undefined) return noPeer(name, this.#speaker);
    driver.logLevel = level;
    this.#speaker.log.setPeerLevel(name, level);
    return { done: level === null ? `${name} is logged like everything else` : `${name} is logged from ${level} on` };
  }

  runningState(): Items<RunningPart> | ApiRefusal {
    const { running } = this.#speaker;
    return running === null ? NOTHING_RUNS : runningParts(running);
  }

  differentPasswords(question: PasswordsQuestion): PasswordsAnswer | ApiRefusal {
    const { running } = this.#speaker;
    return running === null ? NOTHING_RUNS : differentPasswords(running, question);
  }

  drain({ reason = 'drain by hand', closeAfterSeconds, text = undefined }: DrainRequest): DoneView {
    const { drains, drainSeconds } = this.#speaker;
    const closeAfter = closeAfterSeconds === undefined ? drainSeconds : closeAfterSeconds;
    drains.drainNode({ reason, closeAfterSeconds: closeAfter, text: text ?? null });
    return { done: `draining: ${closeAfter === null ? 'sessions stay' : `sessions end in ${closeAfter} s`}` };
  }

  undrain(): DoneView | ApiRefusal {
    const { drains } = this.#speaker;
    if (!drains.undrainNode()) {
      const why =
        drains.node === null ? 'it is not drained' : `it is drained by its configuration: ${drains.node.reason}`;
      return { refused: why, status: 409 };
    }
    return { done: drains.node === null ? 'no longer drained' : `still drained: ${drains.node.reason}` };
  }

  restart(): DoneView | ApiRefusal {
    if (!this.#speaker.requestRestart()) return { refused: 'this speaker is not a process of its own', status: 409 };
    return { done: 'ending without a word to the peers; they keep our routes for the restart time' };
  }

  /** @param text for the peer, with `reset` and `disable` (RFC 9003) */
  act(name: string, action: PeerAction, text: string | null = null): DoneView | ApiRefusal {
    const driver = this.#speaker.drivers.get(name);
    const { core } = this.#speaker;
    if (driver === undefined || core === null) return noPeer(name, this.#speaker);
    const needsSession = action === 'refresh-in' || action === 'refresh-out';
    if (needsSession && driver.session === null) {
      return { refused: `${name} has no session (${driver.fsmState})`, status: 409 };
    }
    switch (action) {
      case 'refresh-in':
        if (driver.session?.routeRefresh !== true)
          return { refused: `${name} does not know ROUTE-REFRESH`, status: 409 };
        for (const [index, negotiated] of driver.session.families.entries()) {
          if (negotiated) driver.connection?.send(encodeRouteRefresh(index as FamilyIndex, 'request'));
        }
        return { done: `asked ${name} to send its routes again` };
      case 'refresh-out':
        for (const [index, negotiated] of (driver.session?.families ?? []).entries()) {
          if (negotiated) core.groups.requestFullRefresh(driver.ribIndex, index as FamilyIndex);
        }
        core.schedule();
        return { done: `sending all routes to ${name} again` };
      case 'reset':
        driver.dispatch({ type: 'reset', cause: 'reset', text, restartAfterSeconds: null });
        return { done: `reset the session with ${name}` };
      case 'disable':
        driver.isDisabled = true;
        driver.dispatch({ type: 'stop', cause: 'shutdown', text, silent: false });
        return { done: `disabled ${name} until it is enabled again or the daemon restarts` };
      case 'enable':
        driver.isDisabled = false;
        if (driver.isDrained) return { done: `enabled ${name}; it stays down as long as it is drained` };
        driver.dispatch({ type: 'start' });
        return { done: `enabled ${name}` };
      case 'drain': {
        const { drains, drainSeconds } = this.#speaker;
        drains.drainPeer(name, { reason: 'drain by hand', closeAfterSeconds: drainSeconds, text: null });
        return { done: `draining ${name}: the session ends in ${drainSeconds} s` };
      }
      case 'undrain':
        if (!this.#speaker.drains.undrainPeer(name))
          return { refused: `${name} is not drained by itself`, status: 409 };
        return { done: `no longer drained: ${name}` };
    }
  }
}
