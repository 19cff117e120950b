/**
 * What the API shows of the running speaker: values made from the tables on demand. Lists of routes are
 * in lists/.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { FAMILY_NAMES, type FamilyIndex, type FamilyName } from '../../bgp/family.ts';
import { formatLanes, formatPrefix } from '../../bgp/ip.ts';
import type { ApiRefusal } from '../api/refusal.ts';
import type { FamilyCounters, KernelRouteView, PeerView, StatusView, View } from '../api/schema.ts';
import type { FibRouteStatus } from '../kernel/fib.ts';
import { describeKernelRoute } from '../kernel/route-text.ts';
import type { DrainView as DrainState } from './drain.ts';
import { peerDetail } from './peer-detail.ts';
import type { PeerDriver } from './peer-driver.ts';
import type { RecoveryView } from './recovery.ts';
import type { Speaker } from './speaker.ts';

const FAMILIES: readonly FamilyIndex[] = [0, 1];

export class SpeakerViews {
  readonly #speaker: Speaker;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(speaker: Speaker) {
    this.#speaker = speaker;
    this.#delay.enable();
  }

  status(): StatusView {
    const speaker = this.#speaker;
    const { core, running, source } = speaker;
    const counters = core?.fib.counters();
    const memory = process.memoryUsage();
    const drivers = [...speaker.drivers.values()];
    const ms = (nanoseconds: number): number =>
      Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - 20) : 0;
    const table = (family: FamilyIndex) => ({
      prefixes: core?.rib.prefixes[family].count ?? 0,
      paths: core?.rib.paths[family].count ?? 0,
    });
    const condition = (resource: string) => (message: string) => ({
      resource,
      field: '',
      message,
      severity: 'error' as const,
    });
    const failures = speaker.listenFailures.map(condition('listen'));
    const kernelProblem = core?.fib.problem() ?? null;
    if (kernelProblem !== null) failures.push(condition('kernel')(kernelProblem));
    if (speaker.processProblem !== null) failures.push(condition('process')(speaker.processProblem));
    return {
      version: speaker.version,
      nodeName: running?.nodeName ?? null,
      routerId: running?.routerId ?? '0.0.0.0',
      localAs: running?.localAs ?? 0,
      startedAt: new Date(speaker.startedWallMs).toISOString(),
      uptimeSeconds: Math.floor((speaker.clock.nowMs() - speaker.startedMs) / 1000),
      desiredRevision: speaker.desiredRevision,
      appliedRevision: running?.revision ?? '',
      datastore: source,
      peers: {
        configured: drivers.length,
        established: drivers.filter((driver) => driver.session !== null).length,
      },
      tables: { 'ipv4-unicast': table(0), 'ipv6-unicast': table(1) },
      attributeSets: core?.rib.sets.count ?? 0,
      kernel: {
        backend: core?.fib.backend ?? 'none',
        installed: (counters?.installed[0] ?? 0) + (counters?.installed[1] ?? 0),
        failed: core?.fib.failures().length ?? 0,
        stale: counters?.stale ?? 0,
      },
      eventLoopDelay: {
        p50Ms: ms(this.#delay.percentile(50)),
        p99Ms: ms(this.#delay.percentile(99)),
        maxMs: ms(this.#delay.max),
      },
      memory: { rssOctets: memory.rss, heapOctets: memory.heapUsed, externalOctets: memory.external },
      log: { droppedLines: speaker.log.droppedLines },
      recovery: recoveryView(speaker.recovery()),
      drain: drainView(speaker.drains.node),
      conditions: [...speaker.desiredConditions, ...failures],
    };
  }

  peers(): PeerView[] {
    return [...this.#speaker.drivers.values()]
      .sort((x, y) => (x.name < y.name ? -1 : 1))
      .map((driver) => this.#peer(driver));
  }

  /** The same, made as they are asked for. */
  *peerList(): Generator<PeerView> {
    const names = [...this.#speaker.drivers.keys()].sort();
    for (const name of names) {
      // Time passes between items: the peer may be gone by now.
      const driver = this.#speaker.drivers.get(name);
      if (driver !== undefined) yield this.#peer(driver);
    }
  }

  peer(name: string): View<'PeerDetail'> | ApiRefusal {
    const driver = this.#speaker.drivers.get(name);
    if (driver === undefined) return noPeer(name, this.#speaker);
    return { ...this.#peer(driver), ...peerDetail(driver) };
  }

  #peer(driver: PeerDriver): PeerView {
    const { config, session, lastError } = driver;
    const { core, clock } = this.#speaker;
    const families: { [F in FamilyName]?: FamilyCounters } = {};
    for (const family of FAMILIES) {
      if (core === null || !config.families.includes(FAMILY_NAMES[family])) continue;
      const { received, eligible, best } = core.rib.counters(driver.ribIndex, family);
      const advertised = core.groups.advertisedCount(driver.ribIndex, family);
      families[FAMILY_NAMES[family]] = { received, accepted: eligible, best, advertised };
    }
    return {
      name: driver.name,
      description: config.description,
      address: config.peerAddress,
      port: config.peerPort,
      localAddress: config.localAddress,
      localAs: config.localAs,
      peerAs: config.peerAs,
      type: config.localAs === config.peerAs ? 'ibgp' : 'ebgp',
      routeReflectorClient: core?.rib.peers.isClient[driver.ribIndex] === 1,
      passive: config.passive,
      state: driver.fsmState,
      stateSeconds: Math.floor((clock.nowMs() - driver.stateSinceMs) / 1000),
      families,
      negotiated: session,
      messages: {
        received: driver.messagesReceived,
        sent: driver.messagesSent,
        updatesReceived: driver.updatesReceived,
        updatesMalformed: driver.updatesMalformed,
        octetsReceived: driver.octetsReceived,
        octetsSent: driver.octetsSent,
      },
      sessionsEstablished: driver.state.establishedCount,
      drain: drainView(this.#speaker.drains.peer(driver.name)),
      waitingFor: waitingFor(driver),
      lastError:
        lastError === null
          ? null
          : {
              at: new Date(lastError.atWallMs).toISOString(),
              kind: lastError.reason.kind,
              code: lastError.reason.code,
              subcode: lastError.reason.subcode,
              text: lastError.reason.text,
            },
      bfd: this.#speaker.bfd.view(driver.name),
    };
  }

  *kernel(): Generator<KernelRouteView> {
    const { core } = this.#speaker;
    if (core === null || core.fib.backend === 'none') return;
    for (const family of FAMILIES) {
      for (const { prefix, entry } of core.fibDesired.desired(family)) {
        const status = core.fib.status(prefix);
        yield {
          prefix: formatPrefix(prefix),
          type: entry.type,
          metric: entry.metric === 0 ? null : entry.metric,
          hops: entry.hops.map(({ gateway, interfaceIndex, onlink }) => ({
            gateway: gateway === null ? null : formatLanes(gateway.family, gateway.a, gateway.b, gateway.c, gateway.d),
            interface: core.fib.interfaceName(interfaceIndex),
            onlink,
          })),
          state: status.state,
          reason: kernelReason(status, (index) => core.fib.interfaceName(index)),
        };
      }
    }
  }
}

/** Why a route is not in the kernel, or not used there; null: it is. */
export function kernelReason(
  { failure, rival }: FibRouteStatus,
  interfaceName: (index: number) => string,
): string | null {
  const other = rival === null ? null : describeKernelRoute(rival, interfaceName);
  if (failure === null) return other === null ? null : `the kernel prefers ${other}`;
  const why = failure.reason === 'foreign-route-exists' && other !== null ? `${other} is there` : failure.message;
  return `${failure.reason}: ${why}`;
}

export function noPeer(name: string, speaker: Speaker): ApiRefusal {
  const known = [...speaker.drivers.keys()].sort();
  const list = known.length === 0 ? 'none' : `${known.slice(0, 10).join(', ')}${known.length > 10 ? ', ...' : ''}`;
  return { refused: `there is no peer "${name}"; there are: ${list}`, status: 404 };
}

function isoTime(wallMs: number | null): string | null {
  return wallMs === null ? null : new Date(wallMs).toISOString();
}

function drainView(drain: DrainState | null): PeerView['drain'] {
  if (drain === null) return null;
  const { stage, reason, sinceMs, closesAtMs } = drain;
  return { stage, reason, since: new Date(sinceMs).toISOString(), closesAt: isoTime(closesAtMs) };
}

function recoveryView(recovery: RecoveryView | null): StatusView['recovery'] {
  if (recovery === null) return null;
  const family = ({ isGoingOn, untilMs, waitingFor: peers }: RecoveryView['families'][FamilyName]) => ({
    isGoingOn,
    until: isoTime(untilMs),
    waitingFor: [...peers],
  });
  const { isRestart, isGoingOn, families } = recovery;
  const [ipv4, ipv6] = FAMILY_NAMES.map((name) => family(families[name]));
  return { isRestart, isGoingOn, families: { 'ipv4-unicast': ipv4, 'ipv6-unicast': ipv6 } };
}

export function waitingFor(driver: PeerDriver): string | null {
  if (driver.session !== null) return null;
  if (!driver.config.enabled || driver.isDisabled) return 'disabled';
  if (driver.isDrained) return 'drained';
  switch (driver.fsmState) {
    case 'Idle':
      if (driver.state.isHeldByBfd) return 'BFD to come up (strict)';
      return 'pause after an error';
    case 'Active':
      return driver.config.passive ? 'the peer to connect' : 'the next attempt to connect';
    case 'Connect':
      return `an answer from ${driver.config.peerAddress} port ${driver.config.peerPort}`;
    case 'OpenSent':
      return "the peer's OPEN";
    default:
      return "the peer's KEEPALIVE";
  }
}
