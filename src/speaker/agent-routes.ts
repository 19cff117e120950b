/**
 * Prefixes that other programs on this machine ask us to originate, each owned by a named agent. An agent may die, so a
 * prefix can have a lease that the agent renews by asking again; without one it stays until it is withdrawn or the daemon
 * ends. What the configuration originates comes before what agents do: the agent's waits meanwhile.
 */

import { formatPrefix, parseAddress, parsePrefix, sameAddress } from '../../bgp/ip.ts';
import type { OriginatedRoute } from '../../confd/desired-state.ts';
import { parseCommunity } from '../../rib/policy/community.ts';
import type { ApiRefusal } from '../api/refusal.ts';
import type { View } from '../api/schema.ts';
import type { Log } from '../log/log.ts';
import type { Clock, TimerHandle } from './clock.ts';

/** Prefixes of all agents together. */
const MAX_AGENT_PREFIXES = 1000;

export interface AgentRequest {
  readonly prefix: string;
  readonly communities?: readonly string[] | undefined;
  readonly leaseSeconds?: number | undefined;
  /** As of a service address: withdrawn while this speaker is drained. */
  readonly service?: boolean | undefined;
}

/** The part of the speaker that puts paths into the RIB. */
export interface OriginHost {
  readonly clock: Clock;
  readonly log: Log;
  originate(route: OriginatedRoute): void;
  withdraw(prefix: string): void;
}

interface AgentRoute {
  readonly owner: string;
  readonly route: OriginatedRoute;
  readonly leaseSeconds: number | null;
  readonly timer: TimerHandle | null;
  /** Monotonic: setting the wall clock moves what people are told, not the lease. */
  readonly expiresMs: number | null;
}

export class AgentRoutes {
  readonly #host: OriginHost;
  readonly #routes = new Map<string, AgentRoute>();
  /** What the configuration originates, by prefix. */
  #configured: ReadonlyMap<string, OriginatedRoute> = new Map();

  constructor(host: OriginHost) {
    this.#host = host;
  }

  /** Originates a prefix, changes it, or renews its lease. */
  originate(owner: string, request: AgentRequest): View<'Originated'> | ApiRefusal {
    const prefix = canonicalPrefix(request.prefix);
    if (typeof prefix !== 'string') return prefix;
    const { communities = [], leaseSeconds = null, service = false } = request;
    const wrong = communities.find((text) => parseCommunity(text) === null);
    if (wrong !== undefined) {
      return { refused: `community "${wrong}": wanted 65000:1, 65000:1:2, no-export or the like`, status: 400 };
    }
    const known = this.#routes.get(prefix);
    if (known !== undefined && known.owner !== owner) {
      return { refused: `${prefix} is originated by agent ${known.owner} already`, status: 409 };
    }
    const configured = this.#configured.get(prefix);
    if (known === undefined && configured !== undefined) {
      return { refused: `${prefix} is originated by the configuration (${configured.origin})`, status: 409 };
    }
    if (known === undefined && this.#routes.size >= MAX_AGENT_PREFIXES) {
      return { refused: `agents originate ${MAX_AGENT_PREFIXES} prefixes already, no more are taken`, status: 409 };
    }
    const route: OriginatedRoute = {
      ...{ prefix, kind: 'blackhole', gateway: null, communities, origin: `agent ${owner}` },
      ...(service ? { isService: true } : {}),
    };
    const isNew = JSON.stringify(known?.route) !== JSON.stringify(route);
    known?.timer?.cancel();
    const entry = { owner, route, ...this.#lease(prefix, leaseSeconds) };
    this.#routes.set(prefix, entry);
    if (isNew && configured === undefined) this.#host.originate(route);
    if (isNew) this.#host.log.info('AGENT_ROUTE', { owner, prefix, leaseSeconds }, 'an agent has a prefix originated');
    return this.#view(entry);
  }

  /** Withdraws one prefix of an owner, or all of them. */
  withdraw(owner: string, text: string | undefined): View<'Done'> | ApiRefusal {
    if (text === undefined) {
      const owned = [...this.#routes.values()].filter((entry) => entry.owner === owner);
      for (const entry of owned) this.#remove(entry, 'withdrawn by its agent');
      return { done: `withdrew ${owned.length === 1 ? 'one prefix' : `${owned.length} prefixes`} of agent ${owner}` };
    }
    const prefix = canonicalPrefix(text);
    if (typeof prefix !== 'string') return prefix;
    const entry = this.#routes.get(prefix);
    if (entry?.owner !== owner) return { refused: `agent ${owner} does not originate ${prefix}`, status: 404 };
    this.#remove(entry, 'withdrawn by its agent');
    return { done: `withdrew ${prefix} of agent ${owner}` };
  }

  /** The configuration has changed: what it originates is in the RIB by now, what it no longer does has gone. */
  configured(originated: readonly OriginatedRoute[]): void {
    const before = this.#configured;
    this.#configured = new Map(originated.map((route) => [route.prefix, route]));
    for (const [prefix, { route }] of this.#routes) {
      if (before.has(prefix) && !this.#configured.has(prefix)) this.#host.originate(route);
    }
  }

  /** What is originated, by the configuration and by agents, in the order of prefixes as text. */
  *views(): Generator<View<'Originated'>> {
    for (const { prefix, communities, origin, isService } of this.#configured.values()) {
      yield {
        ...{ prefix, owner: null, origin, communities, service: isService === true },
        ...{ leaseSeconds: null, expiresAt: null, inForce: true },
      };
    }
    for (const entry of this.#routes.values()) yield this.#view(entry);
  }

  /** Who originates a prefix, in words; null: nobody does. */
  originOf(prefix: string): string | null {
    return (this.#configured.get(prefix) ?? this.#routes.get(prefix)?.route)?.origin ?? null;
  }

  #lease(prefix: string, seconds: number | null): Pick<AgentRoute, 'leaseSeconds' | 'timer' | 'expiresMs'> {
    if (seconds === null) return { leaseSeconds: null, timer: null, expiresMs: null };
    const timer = this.#host.clock.setTimer(seconds * 1000, () => {
      const entry = this.#routes.get(prefix);
      if (entry !== undefined) this.#remove(entry, 'its lease has ended: the agent did not renew it');
    });
    return { leaseSeconds: seconds, timer, expiresMs: this.#host.clock.nowMs() + seconds * 1000 };
  }

  #remove({ owner, route, timer }: AgentRoute, why: string): void {
    timer?.cancel();
    const { prefix } = route;
    this.#routes.delete(prefix);
    if (!this.#configured.has(prefix)) this.#host.withdraw(prefix);
    this.#host.log.info('AGENT_ROUTE', { owner, prefix }, `a prefix is no longer originated: ${why}`);
  }

  #view({ owner, route, leaseSeconds, expiresMs }: AgentRoute): View<'Originated'> {
    const { prefix, origin, communities, isService } = route;
    const { clock } = this.#host;
    return {
      ...{ prefix, owner, origin, communities, service: isService === true, leaseSeconds },
      expiresAt: expiresMs === null ? null : new Date(clock.wallMs() + expiresMs - clock.nowMs()).toISOString(),
      inForce: !this.#configured.has(prefix),
    };
  }
}

/** With its length, and no bits set beyond it: which of the two were meant cannot be known. */
function canonicalPrefix(text: string): string | ApiRefusal {
  const parsed = text.includes('/') ? parsePrefix(text) : null;
  if (parsed === null) {
    return { refused: `"${text}": wanted a prefix such as 192.0.2.0/24 or 2001:db8::/32`, status: 400 };
  }
  const address = parseAddress(text.slice(0, text.indexOf('/')));
  if (address === null || sameAddress(address, parsed)) return formatPrefix(parsed);
  return {
    refused: `"${text}" has bits set beyond its length: wanted ${formatPrefix(parsed)}, or a longer one`,
    status: 400,
  };
}
