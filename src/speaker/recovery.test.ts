import { describe, expect, test } from 'vitest';
import type { Event } from '../../bgp/fsm/event.ts';
import type { LocalRestart } from '../../bgp/fsm/state.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import { type SessionConfig, sessionConfig } from '../../bgp/session-config.ts';
import { SILENT_LOG } from '../log/log.ts';
import { JumpingClock, VirtualClock } from './clock.ts';
import type { SpeakerCore } from './core.ts';
import type { PeerDriver } from './peer-driver.ts';
import { Recovery } from './recovery.ts';
import { NO_MEMORY, type RememberedRestart, type RestartMemory } from './restart-memory.ts';

const SETTLE_MS = 1000;
const SOON_MS = 50;

class FakeDriver {
  readonly name: string;
  readonly config: SessionConfig;
  readonly isKeptDown = false;
  readonly ribIndex: number;
  session: Pick<NegotiatedSession, 'families' | 'gracefulRestart'> | null = null;
  endOfRibReceived: [boolean, boolean] = [false, false];
  readonly state = { retained: [null, null] };
  localRestart: LocalRestart | null = null;

  constructor(name: string, ribIndex: number, peerAs: number) {
    this.name = name;
    this.ribIndex = ribIndex;
    this.config = sessionConfig({
      name,
      peerAddress: '10.0.0.1',
      localAs: 65000,
      peerAs,
      bgpIdentifier: '10.0.0.9',
      families: ['ipv4-unicast', 'ipv6-unicast'],
    });
  }

  dispatch(event: Event): void {
    if (event.type === 'localRestartChanged') this.localRestart = event.localRestart;
  }
}

/** A speaker's recovery among these peers; everything that it decides is in `done`. */
class Scene {
  readonly clock: VirtualClock;
  readonly drivers: FakeDriver[];
  readonly done: string[] = [];
  readonly recovery: Recovery;
  remembered: unknown = null;

  constructor(
    peers: readonly string[],
    start: { adopted: [number, number]; earlier: RememberedRestart | null },
    clock = new VirtualClock(),
  ) {
    this.clock = clock;
    this.drivers = peers.map((name, index) => new FakeDriver(name, index + 4, name.startsWith('tor') ? 65001 : 65000));
    const core = {
      adopted: start.adopted,
      programsRoutes: true,
      fib: {
        sweepStale: (family: number) => {
          this.done.push(`sweep ${family}`);
          return start.adopted[family];
        },
        counters: () => ({ installed: start.adopted }),
      },
      groups: {
        releaseEndOfRib: (peer: number, family: number) =>
          this.done.push(`End-of-RIB ${family} to ${this.drivers[peer - 4].name}`),
      },
      rib: {
        peers: {
          isClient: [0, 0, 0, 0].concat(peers.map((name) => (name.startsWith('client') ? 1 : 0))),
        },
      },
      schedule: () => {},
    } as unknown as SpeakerCore;
    const memory: RestartMemory = {
      ...NO_MEMORY,
      place: 'here',
      earlier: start.earlier,
      remember: (state) => {
        this.remembered = state;
      },
    };
    const drivers = (): Iterable<PeerDriver> => this.drivers as unknown as PeerDriver[];
    this.recovery = new Recovery(this.clock, SILENT_LOG, core, memory, 240, drivers);
    this.recovery.begin();
  }

  /** @param restarted the peer's R bit; null: no graceful restart */
  up(name: string, restarted: boolean | null = false): readonly [boolean, boolean] {
    const driver = this.#driver(name);
    driver.endOfRibReceived = [false, false];
    const gracefulRestart =
      restarted === null ? null : { restarted, notification: false, restartTimeSeconds: 120, families: [] };
    driver.session = { families: [true, true], gracefulRestart };
    const holds = this.recovery.holdsEndOfRib(driver as unknown as PeerDriver);
    this.recovery.peersChanged();
    return holds;
  }

  down(name: string): void {
    this.#driver(name).session = null;
    this.recovery.peersChanged();
  }

  endOfRib(name: string, ...families: readonly (0 | 1)[]): void {
    for (const family of families) this.#driver(name).endOfRibReceived[family] = true;
    this.recovery.peersChanged();
  }

  /** What has been done since the last call, after this time. */
  after(ms: number): string[] {
    this.clock.advance(ms);
    return this.done.splice(0);
  }

  #driver(name: string): FakeDriver {
    const found = this.drivers.find((driver) => driver.name === name);
    if (found === undefined) throw new Error(name);
    return found;
  }
}

const earlier = (...peers: readonly string[]): RememberedRestart => ({
  place: 'here',
  hadKernelRoutes: [true, true],
  peers,
  bfd: {},
});

describe('after a restart', () => {
  test('kernel routes go when all have sent End-of-RIB, family by family', () => {
    const scene = new Scene(['node-a', 'node-b'], { adopted: [3, 3], earlier: earlier('node-a', 'node-b') });
    expect(scene.recovery.localRestart).toEqual({ isRestarting: true, forwardingPreserved: [true, true] });
    expect([scene.up('node-a'), scene.up('node-b')]).toEqual([
      [false, false],
      [false, false],
    ]);
    scene.endOfRib('node-a', 0, 1);
    scene.endOfRib('node-b', 1);
    expect(scene.after(SOON_MS + SETTLE_MS)).toEqual(['sweep 1']);
    expect(scene.recovery.view()).toMatchObject({
      isGoingOn: true,
      families: {
        'ipv4-unicast': { isGoingOn: true, untilMs: 240_000, waitingFor: [{ peer: 'node-b', connected: true }] },
        'ipv6-unicast': { isGoingOn: false, untilMs: null, waitingFor: [] },
      },
    });
    scene.endOfRib('node-b', 0);
    expect(scene.after(SOON_MS + SETTLE_MS)).toEqual(['sweep 0']);
    expect(scene.recovery.view().isGoingOn).toBe(false);
    expect(scene.drivers.map(({ localRestart }) => localRestart?.isRestarting)).toEqual([false, false]);
    expect(scene.after(300_000)).toEqual([]);
  });

  test('a peer without graceful restart, and one never seen before, are not waited for', () => {
    const scene = new Scene(['node-a', 'node-new'], { adopted: [3, 3], earlier: earlier('node-a') });
    scene.up('node-a', null);
    expect(scene.after(SOON_MS + SETTLE_MS)).toEqual(['sweep 0', 'sweep 1']);
  });

  test('an absent peer of the earlier life is waited for until the deferral time, but is not shown as recovery', () => {
    const scene = new Scene(['node-a'], { adopted: [3, 0], earlier: earlier('node-a') });
    expect(scene.after(239_000)).toEqual(['sweep 1']);
    expect(scene.recovery.view()).toMatchObject({
      isGoingOn: false,
      families: { 'ipv4-unicast': { isGoingOn: true, waitingFor: [{ peer: 'node-a', connected: false }] } },
    });
    expect(scene.after(1000)).toEqual(['sweep 0']);
  });

  test('a peer that goes again before it has sent all is waited for; the routes settle for a second', () => {
    const scene = new Scene(['node-a'], { adopted: [3, 3], earlier: null });
    scene.up('node-a');
    scene.after(SOON_MS);
    scene.down('node-a');
    expect(scene.after(60_000)).toEqual([]);
    scene.up('node-a');
    scene.endOfRib('node-a', 0, 1);
    expect(scene.after(SOON_MS + SETTLE_MS - 1)).toEqual([]);
    scene.down('node-a');
    scene.up('node-a');
    expect(scene.after(60_000)).toEqual([]);
    scene.endOfRib('node-a', 0, 1);
    expect(scene.after(SOON_MS + SETTLE_MS)).toEqual(['sweep 0', 'sweep 1']);
  });

  test('a reflector holds End-of-RIB until all its clients are heard; those that restart themselves do not wait', () => {
    const clients = ['client-a', 'client-b', 'client-c'];
    const scene = new Scene(clients, { adopted: [0, 0], earlier: earlier(...clients) });
    scene.after(0);
    expect(clients.map((name) => scene.up(name, name === 'client-c'))).toEqual([
      [true, true],
      [true, true],
      [true, true],
    ]);
    scene.endOfRib('client-a', 0, 1);
    expect(scene.after(SOON_MS)).toEqual(['End-of-RIB 0 to client-b', 'End-of-RIB 1 to client-b']);
    scene.endOfRib('client-b', 0, 1);
    expect(scene.after(SOON_MS)).toEqual([
      'End-of-RIB 0 to client-a',
      'End-of-RIB 0 to client-c',
      'End-of-RIB 1 to client-a',
      'End-of-RIB 1 to client-c',
    ]);
  });

  test('... and nobody knows of absent ones: for a minute', () => {
    const scene = new Scene(['client-a', 'client-b'], { adopted: [0, 0], earlier: null });
    scene.after(0);
    expect(scene.up('client-a')).toEqual([true, true]);
    scene.endOfRib('client-a', 0, 1);
    expect(scene.after(59_999)).toEqual([]);
    expect(scene.after(1)).toEqual(['End-of-RIB 0 to client-a', 'End-of-RIB 1 to client-a']);
  });

  test.each<[string, VirtualClock]>([
    ['runs', new VirtualClock()],
    ...JumpingClock.PHASES.map((phase): [string, VirtualClock] => [`jumps (${phase})`, new JumpingClock(phase)]),
  ])('... and one that sends no End-of-RIB: for five seconds; the wall clock %s', (_what, clock) => {
    const scene = new Scene(['client-a', 'client-b'], { adopted: [0, 0], earlier: null }, clock);
    scene.after(0);
    expect([scene.up('client-a'), scene.up('client-b')].flat()).toEqual([true, true, true, true]);
    scene.endOfRib('client-a', 0, 1);
    expect(scene.after(4999)).toEqual(['End-of-RIB 0 to client-b', 'End-of-RIB 1 to client-b']);
    expect(scene.after(1)).toEqual(['End-of-RIB 0 to client-a', 'End-of-RIB 1 to client-a']);
  });

  test('... and two that know of no earlier life do not wait for each other for ever', () => {
    const scene = new Scene(['client-a', 'client-b'], { adopted: [0, 0], earlier: null });
    scene.after(0);
    expect([scene.up('client-a'), scene.up('client-b')]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(scene.after(4999)).toEqual([]);
    expect(scene.after(1)).toHaveLength(4);
  });

  test('the deferral time lets everything go', () => {
    const scene = new Scene(['tor-a', 'node-b'], { adopted: [1, 0], earlier: earlier('tor-a', 'node-b') });
    scene.after(0);
    expect(scene.up('node-b')).toEqual([true, true]);
    expect(scene.after(239_999)).toEqual([]);
    expect(scene.after(1)).toEqual(['End-of-RIB 0 to node-b', 'sweep 0', 'End-of-RIB 1 to node-b']);
    expect(scene.up('tor-a')).toEqual([false, false]);
  });
});

test('a first start: nothing is adopted, R is not set', () => {
  const scene = new Scene(['node-a'], { adopted: [0, 0], earlier: null });
  expect(scene.recovery.localRestart).toEqual({ isRestarting: false, forwardingPreserved: [false, false] });
  expect(scene.after(0)).toEqual(['sweep 0', 'sweep 1']);
  expect(scene.up('node-a')).toEqual([false, false]);
  expect(scene.recovery.view()).toMatchObject({ isGoingOn: false, isRestart: false });
});

test('what the next life is to know: peers with graceful restart, and those not heard of yet', () => {
  const scene = new Scene(['node-a', 'node-b', 'node-c'], { adopted: [3, 0], earlier: earlier('node-c', 'gone') });
  scene.up('node-a');
  scene.up('node-b', null);
  scene.after(SOON_MS);
  expect(scene.remembered).toEqual({ hadKernelRoutes: [true, false], peers: ['gone', 'node-a', 'node-c'] });
  scene.after(240_000);
  expect(scene.remembered).toEqual({ hadKernelRoutes: [true, false], peers: ['node-a'] });
});
