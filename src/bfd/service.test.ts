import { describe, expect, test } from 'vitest';
import type { BfdChange, BfdSnapshot } from '../../bgp/bfd/session.ts';
import { BFD_DEFAULTS, type SessionConfig, sessionConfig } from '../../bgp/session-config.ts';
import { SILENT_LOG } from '../log/log.ts';
import { VirtualClock } from '../speaker/clock.ts';
import type { BfdSpec, ToWorker } from './messages.ts';
import { BfdService, type BfdWorkerEvents } from './service.ts';

const SNAPSHOT: BfdSnapshot = {
  state: 'Up',
  diagnostic: 0,
  localDiscriminator: 7,
  remoteDiscriminator: 99,
  remoteState: 'Up',
  remoteDiagnostic: 0,
  remoteMinRxMicroseconds: 300_000,
  remoteMinTxMicroseconds: 300_000,
  remoteDetectMultiplier: 3,
  remoteDemand: false,
  remoteControlPlaneIndependent: false,
  desiredMinTxMicroseconds: 300_000,
  requiredMinRxMicroseconds: 300_000,
  detectMultiplier: 3,
  transmitIntervalMicroseconds: 300_000,
  detectionTimeMicroseconds: 900_000,
  polling: false,
};

const UP: BfdChange = { from: 'Init', to: 'Up', cause: 'handshake' };
const DOWN: BfdChange = { from: 'Up', to: 'Down', cause: 'detection-time-expired' };

function peer(name: string, peerAddress: string, more: Partial<SessionConfig> = {}): SessionConfig {
  const base = { name, peerAddress, localAs: 65001, peerAs: 65002, bgpIdentifier: '192.0.2.9' };
  return sessionConfig({ ...base, bfd: BFD_DEFAULTS, ...more });
}

class Bench {
  readonly clock = new VirtualClock();
  readonly workers: { readonly events: BfdWorkerEvents; readonly told: ToWorker[]; isTerminated: boolean }[] = [];
  readonly changes: string[] = [];
  readonly log: string[] = [];
  earlier: Readonly<Record<string, BfdSnapshot>> = {};
  remembered: Readonly<Record<string, BfdSnapshot>> = {};
  readonly service = new BfdService({
    log: { ...SILENT_LOG, error: (msgid) => void this.log.push(msgid) },
    clock: this.clock,
    startWorker: (events) => {
      const worker = { events, told: [] as ToWorker[], isTerminated: false };
      this.workers.push(worker);
      return {
        post: (message) => void worker.told.push(message),
        terminate: () => {
          worker.isTerminated = true;
        },
      };
    },
    earlier: () => this.earlier,
    remember: (snapshots) => {
      this.remembered = snapshots;
    },
    changed: (name, change) => void this.changes.push(`${name} ${change.to}`),
  });

  get specs(): readonly BfdSpec[] {
    const message = this.workers.at(-1)?.told.at(-1);
    return message?.type === 'configure' ? message.sessions : [];
  }

  say(change: BfdChange | null, snapshot = SNAPSHOT, key = this.specs[0].key): void {
    this.workers.at(-1)?.events.message({ type: 'changed', key, change, snapshot });
  }
}

describe('the BFD service', () => {
  test('starts a worker when the first peer needs it, not before', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1', { bfd: null })]);
    expect(one.workers).toHaveLength(0);
    one.service.apply([peer('a', '192.0.2.1')]);
    expect(one.workers).toHaveLength(1);
    expect(one.specs).toMatchObject([{ peerAddress: '192.0.2.1', minimumTtl: 255, multihop: false }]);
  });

  test('peers of one address share a session: the more demanding timers count, both are told', () => {
    const one = new Bench();
    one.service.apply([
      peer('a', '192.0.2.1', { bfd: { ...BFD_DEFAULTS, minTxMs: 500, multiplier: 3 } }),
      peer('b', '192.0.2.1', { bfd: { ...BFD_DEFAULTS, minRxMs: 50, multiplier: 5 } }),
    ]);
    expect(one.specs.map(({ timers }) => timers)).toEqual([
      { desiredMinTxMicroseconds: 300_000, requiredMinRxMicroseconds: 50_000, detectMultiplier: 3 },
    ]);
    one.say(UP);
    expect(one.changes).toEqual(['a Up', 'b Up']);
  });

  test.each([
    ['another local address', { localAddress: '192.0.2.9' }],
    ['another interface', { interfaceName: 'eth1' }],
    ['several hops', { bfd: { ...BFD_DEFAULTS, multihop: true } }],
  ])('%s is another session', (_what, more) => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1'), peer('b', '192.0.2.1', more)]);
    expect(one.specs).toHaveLength(2);
  });

  test("several hops take the BGP session's GTSM for their least TTL", () => {
    const one = new Bench();
    const bfd = { ...BFD_DEFAULTS, multihop: true };
    one.service.apply([
      peer('a', '192.0.2.1', { bfd, ttl: { kind: 'gtsm', hops: 5 } }),
      peer('b', '192.0.2.2', { bfd }),
    ]);
    expect(one.specs.map(({ minimumTtl }) => minimumTtl)).toEqual([251, 0]);
  });

  test('a worker that ends is started again with what sessions were; nobody is told that they are down', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    one.say(UP);
    one.changes.length = 0;
    one.workers[0].events.ended('exit code 1');
    expect(one.log).toEqual(['BFD_WORKER']);
    one.clock.advance(100);
    expect(one.workers).toHaveLength(2);
    expect(one.workers[1].told[0]).toMatchObject({
      type: 'configure',
      resume: { [one.specs[0].key]: { snapshot: SNAPSHOT, isSameLife: true } },
    });
    expect(one.changes).toEqual([]);
    // What the old one says now is of no interest.
    one.workers[0].events.message({ type: 'changed', key: one.specs[0].key, change: DOWN, snapshot: SNAPSHOT });
    expect(one.changes).toEqual([]);
  });

  test('sessions that were up are remembered, and another life goes on with them', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1'), peer('b', '192.0.2.2')]);
    one.say(UP);
    one.clock.advance(200);
    expect(one.remembered).toEqual({ '192.0.2.1': SNAPSHOT });
    const next = new Bench();
    next.earlier = one.remembered;
    next.service.apply([peer('a', '192.0.2.1')]);
    expect(next.workers[0].told[0]).toMatchObject({
      resume: { '192.0.2.1': { snapshot: SNAPSHOT, isSameLife: false } },
    });
    next.say(null);
    expect(next.service.stateOf('a')).toMatchObject({ timesUp: 1, snapshot: { state: 'Up' } });
    one.say(DOWN, { ...SNAPSHOT, state: 'Down' });
    one.clock.advance(200);
    expect(one.remembered).toEqual({});
  });

  test('one that ends again and again is waited for longer each time, up to ten seconds', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    const startedAtMs: number[] = [];
    for (let i = 0; i < 10; i++) {
      const count = one.workers.length;
      one.workers.at(-1)?.events.ended('again');
      const fromMs = one.clock.nowMs();
      while (one.workers.length === count) one.clock.advance(100);
      startedAtMs.push(one.clock.nowMs() - fromMs);
    }
    expect(startedAtMs).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
  });

  test('one that gives no sign of life is replaced; one that counts is not', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    for (let i = 0; i < 60; i++) {
      one.clock.advance(1000);
      one.workers[0].events.message({ type: 'counters', sessions: [], strangers: 0 });
    }
    expect(one.workers).toHaveLength(1);
    one.clock.advance(20_000);
    expect(one.workers).toHaveLength(2);
    expect(one.workers[0].isTerminated).toBe(true);
  });

  test('a peer that does without BFD now keeps a session that is up, for nobody, until the peer ends it', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    one.say(UP);
    one.service.apply([peer('a', '192.0.2.1', { bfd: null })]);
    expect(one.specs).toHaveLength(1);
    expect(one.service.stateOf('a')).toBe(null);
    expect(one.service.states()).toMatchObject([{ clients: [] }]);
    one.changes.length = 0;
    one.say(DOWN, { ...SNAPSHOT, state: 'Down' });
    expect(one.changes).toEqual([]);
    expect(one.specs).toEqual([]);
  });

  test.each([
    ['a session that is not up goes at once', false, [peer('a', '192.0.2.1', { bfd: null })]],
    ['a peer that is removed takes its session with it', true, []],
    ['so does one that is disabled', true, [peer('a', '192.0.2.1', { bfd: null, enabled: false })]],
  ])('%s', (_what, isUp, peers) => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    if (isUp) one.say(UP);
    one.service.apply(peers);
    expect(one.specs).toEqual([]);
  });

  test('remembers why and how often', () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    one.say(null, { ...SNAPSHOT, state: 'Down' });
    one.say(UP);
    one.say(DOWN, { ...SNAPSHOT, state: 'Down', diagnostic: 1 });
    one.say(UP);
    const state = one.service.stateOf('a');
    expect(state).toMatchObject({ timesUp: 2, lastDown: { cause: 'detection-time-expired', diagnostic: 1 } });
  });

  test('closing waits for the farewells, but not for ever', async () => {
    const one = new Bench();
    one.service.apply([peer('a', '192.0.2.1')]);
    const closed = one.service.close({ '192.0.2.1': 120_000 });
    expect(one.workers[0].told.at(-1)).toEqual({ type: 'end', patience: { '192.0.2.1': 120_000 } });
    one.clock.advance(500);
    await closed;
    expect(one.workers[0].isTerminated).toBe(true);
  });
});
