/**
 * The running speaker: takes desired states and makes them true step by step (confd/diff.ts says which steps and what
 * each costs), owns the peers. The tables and the work loop are core.ts, the sessions peer-driver.ts,
 * what the API shows views.ts, what it does speaker-api.ts.
 */

import type { Socket } from 'node:net';
import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import type { StaleRemovalCause } from '../../bgp/fsm/action.ts';
import type { FsmState } from '../../bgp/fsm/state.ts';
import { formatAddress, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { UpdateReader } from '../../bgp/wire/update-reader.ts';
import type { Condition, DesiredPeer, DesiredState, OriginatedRoute } from '../../confd/desired-state.ts';
import { type Change, diff } from '../../confd/diff.ts';
import { PEER_STATIC } from '../../rib/peer-table.ts';
import type { ReceiveOutcome } from '../../rib/rib.ts';
import type { Log } from '../log/log.ts';
import { type ConnectionFailure, openConnection, type PendingConnection } from '../net/connection.ts';
import type { MessageRecorder } from '../support/recorder.ts';
import { AgentRoutes, type OriginHost } from './agent-routes.ts';
import { boundedConditions } from './bounded-conditions.ts';
import type { Clock } from './clock.ts';
import { Convergence } from './convergence.ts';
import { type OpenFib, SpeakerCore } from './core.ts';
import { Drains } from './drain.ts';
import { EndOfRibGrace } from './end-of-rib-grace.ts';
import { EventHub } from './events/hub.ts';
import { revisionEvent } from './events/revision.ts';
import { InputTurns } from './input-turns.ts';
import { Listeners } from './listeners.ts';
import { encodeLocalPath, ROUTE_BLACKHOLE, ROUTE_UNICAST, SOURCE_STATIC } from './local-paths.ts';
import { PeerBfd } from './peer-bfd.ts';
import { PeerDriver, type PeerHost } from './peer-driver.ts';
import { DEFERRAL_SECONDS, Recovery, type RecoveryView } from './recovery.ts';
import { NO_MEMORY, type RestartMemory } from './restart-memory.ts';
import { SpeakerViews } from './views.ts';

export interface SpeakerOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  /** How long kernel routes of an earlier life, and End-of-RIB, wait for peers at most. */
  readonly deferralSeconds?: number;
  /** From the beginning of a drain to the end of the sessions, unless the order says it. */
  readonly drainSeconds?: number;
  readonly recorder?: MessageRecorder | null;
  /** A replay: nobody is listened to or dialled, and this stands for the kernel. */
  readonly offline?: { readonly openFib: OpenFib };
}

/** Steps of a new state follow each other for so long before sessions and sockets have a turn. */
const APPLY_MS = 10;

/** Time that the answer to whoever asks for the end has to leave. */
const ANSWER_LEAVES_MS = 100;
/** Time that NOTIFICATIONs of a shutdown have to leave. */
const SHUTDOWN_LINGER_MS = 300;

/** A speaker that does nothing yet: what the first desired state is compared with. */
function nothing(desired: DesiredState): DesiredState {
  const { drain: _wanted, ...rest } = desired;
  return { ...rest, revision: '', listen: [], peers: [], originated: [], conditions: [] };
}

export class Speaker implements PeerHost, OriginHost {
  readonly log: Log;
  readonly clock: Clock;
  readonly inputTurns: InputTurns;
  readonly version: string;
  readonly startedWallMs: number;
  readonly startedMs: number;
  readonly convergence: Convergence;
  /** When a configuration was applied last; 0: never. */
  appliedWallMs = 0;
  readonly drivers = new Map<string, PeerDriver>();
  core: SpeakerCore | null = null;
  /** What is in force. */
  running: DesiredState | null = null;
  /** Of the state that was derived last, whether it could be applied or not. */
  desiredRevision = '';
  desiredConditions: readonly Condition[] = [];
  source = { kind: '', inSync: false, detail: 'starting' };
  /** When each state that was in force came; one that comes back has the time that it had. */
  readonly #loadedAt = new WeakMap<DesiredState, number>();
  /** Resolves when a first configuration is in force. */
  readonly started: Promise<void>;
  #begun: () => void = () => {};
  /** Addresses that could not be listened on. */
  listenFailures: readonly string[] = [];
  /** What the process lacks (src/descriptors.ts); null: nothing. */
  processProblem: string | null = null;
  readonly listeners: Listeners;
  readonly events = new EventHub();
  readonly agentRoutes = new AgentRoutes(this);
  readonly views: SpeakerViews;
  readonly drains: Drains;
  readonly #grace: EndOfRibGrace<PeerDriver>;
  readonly drainSeconds: number;
  readonly recorder: MessageRecorder | null;
  readonly #offline: { readonly openFib: OpenFib } | null;
  /** Ends the process as SIGTERM does in its first meaning; null: nobody can. */
  onRestartRequest: (() => void) | null = null;
  #memory: RestartMemory = NO_MEMORY;
  /** How long a recovery after a restart may take. */
  readonly deferralSeconds: number;
  #recovery: Recovery | null = null;
  readonly bfd: PeerBfd;
  /** Made when it is asked for; null after peers have changed. */
  #byAddress: Map<string, PeerDriver[]> | null = null;
  /** Peers that the state which is being applied has made or changed. */
  readonly #mayStart = new Set<string>();
  /** The shutdown has begun: a configuration that is just being applied must not open anything again. */
  #isOver = false;
  /** States are applied one after the other. */
  #applying: Promise<unknown> = Promise.resolve();

  constructor(options: SpeakerOptions) {
    this.log = options.log;
    this.clock = options.clock;
    this.inputTurns = new InputTurns(options.clock);
    this.version = options.version;
    this.deferralSeconds = options.deferralSeconds ?? DEFERRAL_SECONDS;
    this.startedWallMs = options.clock.wallMs();
    this.startedMs = options.clock.nowMs();
    this.convergence = new Convergence(options.clock);
    this.drainSeconds = options.drainSeconds ?? 30;
    this.#offline = options.offline ?? null;
    this.recorder = options.recorder ?? null;
    this.#grace = new EndOfRibGrace(this.clock, (driver, family) => {
      this.core?.rib.sweepStale(driver.ribIndex, family);
      this.core?.schedule();
    });
    this.drains = new Drains({
      log: this.log,
      clock: this.clock,
      drivers: this.drivers,
      regroup: (drivers) => this.core?.regroup(drivers),
    });
    this.started = new Promise((resolve) => {
      this.#begun = resolve;
    });
    this.listeners = new Listeners(this.log, this.clock, (address) => this.#peerAt(address));
    this.bfd = new PeerBfd({
      log: this.log,
      clock: this.clock,
      memory: () => this.#memory,
      driverOf: (name) => this.drivers.get(name),
    });
    this.views = new SpeakerViews(this);
  }

  /** What an earlier life left, and where what the next one should know is kept; before the start. */
  useMemory(memory: RestartMemory): void {
    this.#memory = memory;
  }

  /** Wall-clock time at which the configuration in force was read. */
  get reconfiguredWallMs(): number {
    return (this.running === null ? undefined : this.#loadedAt.get(this.running)) ?? this.startedWallMs;
  }

  setSource(kind: string): void {
    this.source = { kind, inSync: false, detail: 'starting' };
  }

  setSourceStatus(inSync: boolean, detail: string): void {
    this.source = { ...this.source, inSync, detail };
  }

  setDesiredRevision(revision: string, conditions: readonly Condition[]): void {
    this.desiredRevision = revision;
    this.desiredConditions = boundedConditions(conditions);
  }

  /** Begins with a first state; the reason when that is impossible (then nothing runs). */
  async start(desired: DesiredState): Promise<string | null> {
    this.setDesiredRevision(desired.revision, desired.conditions);
    const core = new SpeakerCore(desired, this.log, this.clock, this.#offline?.openFib);
    const failure = await core.startKernel();
    if (failure !== null) {
      core.close();
      return `cannot use the kernel's routes: ${failure}`;
    }
    this.core = core;
    core.sync.events = this.events;
    this.running = nothing(desired);
    this.#recovery = new Recovery(this.clock, this.log, core, this.#memory, this.deferralSeconds, () =>
      this.drivers.values(),
    );
    await this.#applyAll(desired);
    if (this.source.kind.startsWith('file:')) this.setSourceStatus(true, '');
    this.#recovery.begin();
    this.#begun();
    return null;
  }

  /**
   * Makes a new state true. Sessions and routes that the change does not touch notice nothing. `changedAtMs`: when the
   * first of the changes came that it holds, if anybody knows.
   */
  apply(desired: DesiredState, changedAtMs: number | null = null): Promise<void> {
    this.setDesiredRevision(desired.revision, desired.conditions);
    const applied = this.#applying.then(() => this.#applyAll(desired, changedAtMs));
    this.#applying = applied.catch(() => {});
    if (this.source.kind.startsWith('file:')) this.setSourceStatus(true, '');
    return applied;
  }

  async #applyAll(desired: DesiredState, changedAtMs: number | null = null): Promise<void> {
    const { core, running } = this;
    if (core === null || running === null || this.#isOver) return;
    const isFirst = running.revision === '';
    const changes = diff(running, desired);
    const regroup: PeerDriver[] = [];
    this.#mayStart.clear();
    this.#byAddress = null;
    let turnEndMs = this.clock.nowMs() + APPLY_MS;
    for (const change of changes) {
      const quiet = isFirst || change.kind === 'metadata';
      this.log[quiet ? 'debug' : 'info']('APPLY', { change: change.kind, impact: change.impact }, change.reason);
      await this.#applyChange(core, change, regroup);
      // Before the first state there is nobody to hold up.
      if (isFirst || this.clock.nowMs() < turnEndMs) continue;
      // Sessions and sockets have their turn; whoever looks for a peer meanwhile makes the index anew afterwards.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#byAddress = null;
      turnEndMs = this.clock.nowMs() + APPLY_MS;
    }
    this.#byAddress = null;
    this.#recovery?.peersChanged();
    core.regroup(regroup);
    this.agentRoutes.configured(desired.originated);
    this.running = desired;
    if (this.events.isWatched) this.events.emit(revisionEvent(this));
    if (!this.#loadedAt.has(desired)) this.#loadedAt.set(desired, this.clock.wallMs());
    this.log.setLevel(desired.logLevel);
    if (this.#offline !== null) return;
    this.listenFailures = await this.listeners.apply(desired.listen, desired.peers);
    if (this.#isOver) return this.listeners.close();
    this.bfd.apply(desired.peers);
    // Only now may anybody be dialled: the other side may dial back at once.
    for (const name of this.#mayStart) {
      const driver = this.drivers.get(name);
      if (driver === undefined || !driver.config.enabled || driver.state.isStarted || driver.isKeptDown) continue;
      driver.dispatch({ type: 'start' });
    }
    this.appliedWallMs = this.clock.wallMs();
    core.schedule();
    // What changes nothing but the revision is there at once; the first state waits for sessions, not for us.
    const isMeasured = !isFirst && changes.some(({ kind }) => kind !== 'metadata');
    if (changedAtMs !== null && isMeasured) {
      void this.convergence.follow(changedAtMs, { idle: () => core.idle(), written: () => core.fib.settled() });
    }
  }

  async #applyChange(core: SpeakerCore, change: Change, regroup: PeerDriver[]): Promise<void> {
    switch (change.kind) {
      case 'peer-add':
        this.#addPeer(core, change.peer);
        return;
      case 'peer-remove':
        this.#removePeer(core, change.name);
        return;
      case 'peer-replace':
        this.#removePeer(core, change.replaced);
        this.#addPeer(core, change.peer);
        return;
      case 'peer-rename':
        this.#renamePeer(core, change.replaced, change.peer, regroup);
        return;
      case 'peer-restart':
        this.#restartPeer(core, change.peer);
        return;
      case 'peer-adjust':
        this.drivers.get(change.peer.session.name)?.configure(change.peer.session);
        this.#mayStart.add(change.peer.session.name);
        return;
      case 'peer-policy': {
        const driver = this.drivers.get(change.peer.session.name);
        if (driver === undefined) return;
        core.rib.updatePeer(driver.ribIndex, change.peer.policy);
        regroup.push(driver);
        return;
      }
      case 'originate-add':
      case 'originate-replace':
        this.#originate(core, change.route);
        return;
      case 'originate-remove':
        this.#withdraw(core, change.prefix);
        return;
      case 'kernel':
        await core.configureKernel(change.kernel);
        this.#recovery?.kernelReopened();
        return;
      case 'decision':
        core.rib.setDecisionOptions(change.decision);
        return;
      case 'identity':
        core.setBgpIdentifier(change.identity.routerId);
        return;
      case 'drain':
        this.drains.configure(change.drain);
        return;
      case 'log-level':
      case 'metadata':
      case 'listen-add':
      case 'listen-remove':
        // Done for the state as a whole.
        return;
    }
  }

  #addPeer(core: SpeakerCore, { session, policy }: DesiredPeer): void {
    const { name, localAs, peerAs } = session;
    this.#mayStart.add(name);
    const driver = new PeerDriver(session, this, this.#recovery?.localRestart);
    const index = core.rib.addPeer({ name, localAs, peerAs, policy });
    if (index === 0) {
      this.log.error(
        'PEER_REFUSED',
        { peer: name },
        'the peer cannot be added: the name is taken or there are too many',
      );
      return;
    }
    this.drivers.set(name, driver);
    this.drains.peerAdded(driver);
    core.addPeer(driver, index);
  }

  #removePeer(core: SpeakerCore, name: string): void {
    const driver = this.drivers.get(name);
    if (driver === undefined) return;
    driver.dispatch({ type: 'stop', cause: 'deconfigured', text: null, silent: false });
    driver.dispose();
    this.drivers.delete(name);
    this.log.setPeerLevel(name, null);
    this.drains.peerRemoved(name);
    core.removePeer(driver);
  }

  /** The session goes on as another peer's. */
  #renamePeer(core: SpeakerCore, replaced: string, { session, policy }: DesiredPeer, regroup: PeerDriver[]): void {
    const driver = this.drivers.get(replaced);
    if (driver === undefined || driver.isKeptDown || !core.rib.renamePeer(driver.ribIndex, session.name)) {
      // What was switched off by hand was that peer, not this one.
      this.#removePeer(core, replaced);
      this.#addPeer(core, { session, policy });
      return;
    }
    this.drivers.delete(replaced);
    this.log.setPeerLevel(replaced, null);
    this.drains.peerRemoved(replaced);
    driver.configure(session);
    this.drivers.set(session.name, driver);
    this.log.setPeerLevel(session.name, driver.logLevel);
    this.drains.peerAdded(driver);
    core.rib.updatePeer(driver.ribIndex, policy);
    regroup.push(driver);
    this.#mayStart.add(session.name);
  }

  /** The session ends with Cease / Other Configuration Change and a new one begins under the new values. */
  #restartPeer(core: SpeakerCore, peer: DesiredPeer): void {
    const driver = this.drivers.get(peer.session.name);
    if (driver === undefined) {
      this.#addPeer(core, peer);
      return;
    }
    const { localAs, peerAs } = driver.config;
    if (localAs !== peer.session.localAs || peerAs !== peer.session.peerAs) {
      // What the tables know of the peer is bound to its AS numbers.
      driver.dispatch({ type: 'stop', cause: 'configuration-change', text: null, silent: false });
      driver.dispose();
      this.drivers.delete(peer.session.name);
      this.log.setPeerLevel(peer.session.name, null);
      core.removePeer(driver);
      this.#addPeer(core, peer);
      return;
    }
    core.rib.updatePeer(driver.ribIndex, peer.policy);
    driver.configure(peer.session);
    this.#mayStart.add(peer.session.name);
  }

  // --- OriginHost ---

  originate(route: OriginatedRoute): void {
    if (this.core === null) return;
    this.#originate(this.core, route);
    this.core.schedule();
  }

  withdraw(prefix: string): void {
    if (this.core === null) return;
    this.#withdraw(this.core, prefix);
    this.core.schedule();
  }

  #originate(core: SpeakerCore, route: OriginatedRoute): void {
    const prefix = parsePrefix(route.prefix);
    if (prefix === null) return;
    const gateway = route.gateway === null ? null : parseAddress(route.gateway);
    const isVia = route.kind === 'via' && gateway !== null;
    core.sync.view.setVia(prefix, isVia ? gateway : null);
    const block = encodeLocalPath({
      source: SOURCE_STATIC,
      routeType: isVia ? ROUTE_UNICAST : ROUTE_BLACKHOLE,
      isService: route.isService === true,
      metric: 0,
      interfaceIndex: 0,
      gateway: isVia ? gateway : null,
      communities: route.communities,
    });
    const { family, a, b, c, d, length } = prefix;
    core.rib.setLocalPath(PEER_STATIC, family, a, b, c, d, length, block);
  }

  #withdraw(core: SpeakerCore, text: string): void {
    const prefix = parsePrefix(text);
    if (prefix === null) return;
    const { family, a, b, c, d, length } = prefix;
    core.sync.view.setVia(prefix, null);
    core.rib.removeLocalPath(PEER_STATIC, family, a, b, c, d, length);
  }

  /** Link-local peers are known by `address%interface`; of several peers with one address the first by name comes. */
  #peerAt(address: string): PeerDriver | null {
    this.#byAddress ??= this.#indexByAddress();
    for (const driver of this.#byAddress.get(address) ?? []) {
      if (driver.config.enabled && !driver.isKeptDown) return driver;
    }
    return null;
  }

  #indexByAddress(): Map<string, PeerDriver[]> {
    const index = new Map<string, PeerDriver[]>();
    const sorted = [...this.drivers.values()].sort((x, y) => (x.name < y.name ? -1 : 1));
    for (const driver of sorted) {
      const { peerAddress, interfaceName } = driver.config;
      const isLinkLocal = /^fe[89ab]/.test(peerAddress);
      const key = isLinkLocal ? `${peerAddress}%${interfaceName}` : peerAddress;
      index.set(key, [...(index.get(key) ?? []), driver]);
    }
    return index;
  }

  /**
   * Ends everything; kernel routes stay. `silent`: peers are told nothing, so that graceful restart keeps our routes;
   * `administrative`: Cease / Administrative Shutdown.
   */
  async shutdown(mode: 'silent' | 'administrative'): Promise<void> {
    this.#isOver = true;
    this.#recovery?.remember();
    this.#recovery?.end();
    this.drains.close();
    await this.listeners.close();
    // Before sessions end: peers must not take our silence for a failure of the path.
    await this.bfd.close(mode);
    // Peers that are told goodbye drop our routes: the next start is no restart to them.
    const remembered = mode === 'silent' ? this.#memory.flush() : this.#memory.forget();
    for (const driver of this.drivers.values()) {
      driver.dispatch({ type: 'stop', cause: 'shutdown', text: null, silent: mode === 'silent' });
      driver.dispose();
    }
    if (mode === 'administrative') await new Promise((resolve) => setTimeout(resolve, SHUTDOWN_LINGER_MS));
    this.core?.close();
    await remembered;
  }

  /** Ends the process soon, silently; false: it cannot be ended from here. */
  requestRestart(): boolean {
    const end = this.onRestartRequest;
    if (end === null) return false;
    this.clock.setTimer(ANSWER_LEAVES_MS, end);
    return true;
  }

  /** Whether an earlier life still shows, and per family until when; null before the start. */
  recovery(): RecoveryView | null {
    return this.#recovery?.view() ?? null;
  }

  // --- PeerHost ---

  dial(
    driver: PeerDriver,
    timeoutMs: number,
    handlers: { connected(socket: Socket): void; failed(failure: ConnectionFailure): void },
  ): PendingConnection {
    const { peerAddress, peerPort, localAddress, interfaceName, ttl, password } = driver.config;
    return openConnection({ peerAddress, peerPort, localAddress, interfaceName, ttl, password, timeoutMs }, handlers);
  }

  stateChanged(driver: PeerDriver, from: FsmState): void {
    if (!this.events.isWatched) return;
    const { name, fsmState: to, lastError } = driver;
    const isDown = from === 'Established' || to === 'Idle';
    this.events.emit({
      kind: 'peer',
      data: { peer: name, from, to, reason: (isDown && lastError?.reason.text) || null },
    });
  }

  sessionEstablished(driver: PeerDriver, session: NegotiatedSession, socket: Socket): void {
    const local =
      SpeakerCore.addressOf(socket.localAddress) ?? SpeakerCore.addressOf(driver.config.localAddress ?? undefined);
    const peer = SpeakerCore.addressOf(driver.config.peerAddress);
    if (local === null || peer === null) return;
    this.log.debug('SESSION_ENDS', { peer: driver.name, local: formatAddress(local) }, 'ends of the session');
    const holdsEndOfRib = this.#recovery?.holdsEndOfRib(driver) ?? [false, false];
    this.core?.sessionUp(driver, session, local, peer, holdsEndOfRib);
    this.#recovery?.peersChanged();
  }

  sessionDown(driver: PeerDriver, retain: readonly [boolean, boolean], retainOlder: readonly [boolean, boolean]): void {
    this.core?.sessionDown(driver, retain, retainOlder);
    this.#recovery?.peersChanged();
  }

  removeStaleRoutes(driver: PeerDriver, family: FamilyIndex, cause: StaleRemovalCause): void {
    this.#grace.removeStale(driver, family, cause);
  }

  markLongLivedStale(driver: PeerDriver, family: FamilyIndex): void {
    this.core?.rib.beginLongLivedStale(driver.ribIndex, family);
    this.core?.schedule();
  }

  updateReceived(driver: PeerDriver, reader: UpdateReader, treatment: number): ReceiveOutcome {
    const { core } = this;
    if (core === null) throw new Error('an UPDATE without a RIB');
    const outcome = core.rib.receiveUpdate(driver.ribIndex, reader, treatment);
    if (outcome.endOfRib >= 0) {
      driver.endOfRibReceived[outcome.endOfRib as FamilyIndex] = true;
      this.#recovery?.peersChanged();
    }
    return outcome;
  }

  refreshReceived(driver: PeerDriver, family: FamilyIndex, subtype: 'request' | 'begin' | 'end'): void {
    const { core } = this;
    if (core === null) return;
    this.log.debug(
      'ROUTE_REFRESH',
      { peer: driver.name, family: FAMILY_NAMES[family], subtype },
      'ROUTE-REFRESH received',
    );
    if (subtype === 'request') core.groups.requestFullRefresh(driver.ribIndex, family);
    else if (subtype === 'begin') core.rib.beginRefresh(driver.ribIndex, family);
    else core.rib.endRefresh(driver.ribIndex, family);
    core.schedule();
  }

  peerHasWork(driver: PeerDriver): void {
    this.core?.peerHasWork(driver);
  }

  // --- what API and metrics show ---

  status = () => this.views.status();
  peers = () => this.views.peers();
}
