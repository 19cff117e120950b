import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SessionConfig } from '../session-config.ts';
import type { OutgoingMessage } from './action.ts';
import type { Event } from './event.ts';
import { timerExpired } from './event.ts';
import { TestDriver, testConfig } from './test-support.ts';
import type { ConnectionId } from './timers.ts';

/** One TCP connection: what is under way to each end, and the ends' own names for it (null: closed there). */
interface Link {
  readonly dialler: 0 | 1;
  readonly ids: [ConnectionId | null, ConnectionId | null];
  readonly toEnd: [(OutgoingMessage | 'opened' | 'closed')[], (OutgoingMessage | 'opened' | 'closed')[]];
}

/** Two machines that know each other, and a network between them whose timing is the caller's. */
class TwoPeers {
  readonly ends: readonly [TestDriver, TestDriver];
  readonly links: Link[] = [];
  #accepted = 0;

  constructor(first: Partial<SessionConfig>, second: Partial<SessionConfig>) {
    this.ends = [
      new TestDriver(testConfig({ bgpIdentifier: '10.0.0.1', ...first })),
      new TestDriver(testConfig({ bgpIdentifier: '10.0.0.2', ...second })),
    ];
  }

  apply(end: 0 | 1, event: Event): void {
    const other = end === 0 ? 1 : 0;
    for (const action of this.ends[end].apply(event)) {
      if (action.type === 'connect') {
        const link: Link = { dialler: end, ids: [null, null], toEnd: [[], []] };
        link.ids[end] = action.connectionId;
        link.toEnd[other].push('opened');
        this.links.push(link);
      } else if (action.type === 'send' || action.type === 'close') {
        const link = this.links.find(({ ids }) => ids[end] === action.connectionId);
        if (link === undefined) continue;
        link.toEnd[other].push(action.type === 'send' ? action.message : 'closed');
        if (action.type === 'close') link.ids[end] = null;
      }
    }
  }

  /** All that could happen next: each link's next delivery to each end, and timers that wait for an attempt. */
  options(withTimers: boolean): (() => void)[] {
    const options: (() => void)[] = [];
    for (const link of this.links)
      for (const end of [0, 1] as const) if (link.toEnd[end].length > 0) options.push(() => this.#deliver(link, end));
    if (!withTimers) return options;
    for (const end of [0, 1] as const)
      for (const { timer } of this.ends[end].timers.values())
        if (['connectRetry', 'idleHold', 'delayOpen'].includes(timer.name))
          options.push(() => this.apply(end, timerExpired(timer)));
    return options;
  }

  #deliver(link: Link, end: 0 | 1): void {
    const other = end === 0 ? 1 : 0;
    const item = link.toEnd[end].shift();
    if (item === 'opened' && end !== link.dialler) {
      if (link.ids[other] === null) return;
      const id = `in-${++this.#accepted}` as const;
      link.ids[end] = id;
      this.apply(end, { type: 'incomingConnectionOpened', connectionId: id });
      // The dialling end hears of it in its own time, ahead of anything else.
      link.toEnd[other].unshift('opened');
      return;
    }
    const connectionId = link.ids[end];
    if (connectionId === null || item === undefined) return;
    if (item === 'opened') this.apply(end, { type: 'outgoingConnectionOpened', connectionId });
    else if (item === 'closed') {
      this.apply(end, { type: 'connectionFailed', connectionId, error: null });
      link.ids[end] = null;
    } else if (item.type === 'open') this.apply(end, { type: 'openReceived', connectionId, open: item });
    else if (item.type === 'keepalive') this.apply(end, { type: 'keepaliveReceived', connectionId });
    else this.apply(end, { type: 'notificationReceived', connectionId, notification: item });
  }

  /** Delivers in the order that the choices ask for. */
  run(choices: readonly number[], withTimers: boolean): void {
    for (const choice of choices) {
      const options = this.options(withTimers);
      if (options.length > 0) options[choice % options.length]();
    }
  }

  /** Delivers everything; when nothing is under way and there is no session yet, the next timer runs out. */
  settle(pick: (count: number) => number): void {
    for (let i = 0; i < 400; i++) {
      const deliveries = this.options(false);
      if (deliveries.length > 0) deliveries[pick(deliveries.length)]();
      else if (this.ends.every(({ peerState }) => peerState === 'Established')) return;
      else {
        const options = this.options(true);
        if (options.length === 0) return;
        options[pick(options.length)]();
      }
    }
  }

  /** Both ends are Established on the same link, and nothing else is left. */
  expectOneSession(): void {
    expect(this.ends.map(({ peerState }) => peerState)).toEqual(['Established', 'Established']);
    const alive = this.links.filter(({ ids }) => ids[0] !== null || ids[1] !== null);
    expect(alive).toHaveLength(1);
    expect(alive[0].ids).toEqual(this.ends.map(({ state }) => state.session?.id));
    for (const end of this.ends) expect(end.violations).toEqual([]);
    // Collisions are nobody's fault: they never put a peer into idle-hold.
    expect(this.ends.map(({ state }) => state.lastIdleHoldSeconds)).toEqual([0, 0]);
  }
}

/** Numbers below `count` that differ from call to call, the same for the same seed (Marsaglia's xorshift). */
function pseudoRandom(seed: number): (count: number) => number {
  let state = seed + 1;
  return (count) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % count;
  };
}

const START: Event = { type: 'start' };

const kinds = fc.constantFrom<readonly [string, Partial<SessionConfig>, Partial<SessionConfig>]>(
  ['both dial, inside an AS', {}, {}],
  ['one is passive', { passive: true }, {}],
  [
    'both dial, equal identifiers in two ASes',
    { bgpIdentifier: '10.0.0.9', localAs: 65001, peerAs: 65002 },
    { bgpIdentifier: '10.0.0.9', localAs: 65002, peerAs: 65001 },
  ],
  ['both dial and delay their OPEN', { delayOpenTimeSeconds: 1 }, { delayOpenTimeSeconds: 1 }],
  [
    'both dial, graceful restart',
    { gracefulRestart: { mode: 'full', restartTimeSeconds: 120, notification: true, longLivedStaleTimeSeconds: null } },
    { gracefulRestart: { mode: 'full', restartTimeSeconds: 120, notification: true, longLivedStaleTimeSeconds: null } },
  ],
);

describe('two peers', () => {
  test('end up with one session on one connection, whatever the timing', () => {
    fc.assert(
      fc.property(
        kinds,
        fc.array(fc.nat(1000), { maxLength: 60 }),
        fc.nat(1000),
        ([, first, second], choices, salt) => {
          const network = new TwoPeers(first, second);
          network.apply(0, START);
          network.apply(1, START);
          network.run(choices, true);
          network.settle(pseudoRandom(salt));
          network.expectOneSession();
        },
      ),
      { numRuns: 600 },
    );
  });

  test('a connection that the peer began before the session was up does not disturb it, with graceful restart', () => {
    const full = {
      gracefulRestart: { mode: 'full', restartTimeSeconds: 120, notification: true, longLivedStaleTimeSeconds: null },
    } as const;
    const network = new TwoPeers(full, full);
    network.apply(0, START);
    network.apply(1, START);
    // The dial of the second is slow; that of the first makes the session.
    const [fast, slow] = network.links;
    for (let i = 0; i < 20; i++)
      for (const end of [1, 0] as const) if (fast.toEnd[end].length > 0) network.options(false)[0]();
    expect(network.ends[0].state.session?.id).toBe('out-1');
    const sessions = network.ends.map(({ state }) => state.establishedCount);
    expect(slow.toEnd[0].length).toBeGreaterThan(0);
    network.settle(() => 0);
    network.expectOneSession();
    expect(network.ends.map(({ state }) => state.establishedCount)).toEqual(sessions);
  });
});
