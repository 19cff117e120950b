import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BfdPacket, BfdState } from './packet.ts';
import { type BfdChange, type BfdResume, BfdSession, type BfdTimers } from './session.ts';

const MS = 1000;
const TIMERS: BfdTimers = {
  desiredMinTxMicroseconds: 300 * MS,
  requiredMinRxMicroseconds: 300 * MS,
  detectMultiplier: 3,
};

/** A session and all it has said, with jitter at a fixed place. */
class Probe {
  readonly sent: BfdPacket[] = [];
  readonly changes: BfdChange[] = [];
  readonly session: BfdSession;

  constructor(timers = TIMERS, random = 0.5, resume: BfdResume | null = null, nowMs = 0) {
    const port = {
      send: (packet: BfdPacket) => void this.sent.push(packet),
      changed: (change: BfdChange) => void this.changes.push(change),
      random: () => random,
    };
    this.session = new BfdSession(7, timers, port, nowMs, resume);
  }

  get last(): BfdPacket {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error('nothing was sent');
    return last;
  }

  /** Up by a peer with the same timers, its Poll answered. */
  up(nowMs = 0, more: Partial<BfdPacket> = {}): this {
    this.session.receive(packet({ state: 'Down', yourDiscriminator: 0, ...more }), nowMs);
    this.session.receive(packet({ state: 'Up', ...more }), nowMs);
    this.session.receive(packet({ state: 'Up', final: true, ...more }), nowMs);
    return this;
  }
}

function packet(more: Partial<BfdPacket> = {}): BfdPacket {
  return {
    diagnostic: 0,
    state: 'Up',
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: 99,
    yourDiscriminator: 7,
    desiredMinTxMicroseconds: 300 * MS,
    requiredMinRxMicroseconds: 300 * MS,
    requiredMinEchoRxMicroseconds: 0,
    ...more,
  };
}

/** Brings a fresh session into a state by the shortest way. */
function inState(state: BfdState): Probe {
  const probe = new Probe();
  if (state === 'AdminDown') probe.session.disable(0);
  if (state === 'Init') probe.session.receive(packet({ state: 'Down', yourDiscriminator: 0 }), 0);
  if (state === 'Up') probe.up();
  probe.changes.length = 0;
  return probe;
}

describe('the state machine of RFC 5880 section 6.8.6', () => {
  test.each<[BfdState, BfdState, BfdState, string]>([
    ['Down', 'AdminDown', 'Down', ''],
    ['Down', 'Down', 'Init', 'handshake'],
    ['Down', 'Init', 'Up', 'handshake'],
    ['Down', 'Up', 'Down', ''],
    ['Init', 'AdminDown', 'Down', 'neighbor-admin-down'],
    ['Init', 'Down', 'Init', ''],
    ['Init', 'Init', 'Up', 'handshake'],
    ['Init', 'Up', 'Up', 'handshake'],
    ['Up', 'AdminDown', 'Down', 'neighbor-admin-down'],
    ['Up', 'Down', 'Down', 'neighbor-down'],
    ['Up', 'Init', 'Up', ''],
    ['Up', 'Up', 'Up', ''],
    ['AdminDown', 'AdminDown', 'AdminDown', ''],
    ['AdminDown', 'Down', 'AdminDown', ''],
    ['AdminDown', 'Init', 'AdminDown', ''],
    ['AdminDown', 'Up', 'AdminDown', ''],
  ])('%s hears %s: %s %s', (before, heard, after, cause) => {
    const probe = inState(before);
    probe.session.receive(packet({ state: heard }), 10);
    expect(probe.session.state).toBe(after);
    expect(probe.changes.map((change) => change.cause)).toEqual(cause === '' ? [] : [cause]);
  });

  test.each<[BfdState, BfdState, readonly string[]]>([
    ['Down', 'Down', []],
    ['Init', 'Down', ['detection-time-expired']],
    ['Up', 'Down', ['detection-time-expired']],
    ['AdminDown', 'AdminDown', []],
  ])('%s hears nothing for the Detection Time: %s', (before, after, causes) => {
    const probe = inState(before);
    probe.session.advance(100_000);
    expect(probe.session.state).toBe(after);
    expect(probe.changes.map((change) => change.cause)).toEqual(causes);
    if (before !== 'AdminDown') expect(probe.last.yourDiscriminator).toBe(0);
  });

  test('the diagnostic says why the session went down last', () => {
    const expired = inState('Up');
    expired.session.advance(900);
    expect(expired.last).toMatchObject({ state: 'Down', diagnostic: 1, yourDiscriminator: 0 });
    const signaled = inState('Up');
    signaled.session.receive(packet({ state: 'Down', diagnostic: 1 }), 10);
    expect(signaled.last).toMatchObject({ state: 'Down', diagnostic: 3, yourDiscriminator: 99 });
    const disabled = inState('Up');
    disabled.session.disable(10);
    expect(disabled.last).toMatchObject({ state: 'AdminDown', diagnostic: 7 });
    disabled.session.enable(20);
    expect(disabled.last).toMatchObject({ state: 'Down', diagnostic: 0 });
  });

  test('a peer that says Down under another discriminator and without a diagnostic has started anew', () => {
    const probe = inState('Up');
    probe.session.receive(packet({ state: 'Down', myDiscriminator: 100, yourDiscriminator: 0 }), 10);
    expect(probe.changes).toEqual([{ from: 'Up', to: 'Down', cause: 'neighbor-restarted' }]);
    const timedOut = inState('Up');
    timedOut.session.receive(packet({ state: 'Down', myDiscriminator: 100, yourDiscriminator: 0, diagnostic: 1 }), 10);
    expect(timedOut.changes).toEqual([{ from: 'Up', to: 'Down', cause: 'neighbor-down' }]);
  });
});

describe('transmission', () => {
  test('a new session speaks at once and then every second less jitter, whatever is configured', () => {
    const probe = new Probe(TIMERS, 0);
    probe.session.advance(0);
    expect(probe.last).toMatchObject({ state: 'Down', desiredMinTxMicroseconds: 1_000_000, yourDiscriminator: 0 });
    expect(probe.session.nextAtMs).toBe(750);
    const late = new Probe(TIMERS, 1);
    late.session.advance(0);
    expect(late.session.nextAtMs).toBe(900);
  });

  test.each<[string, number, number, number]>([
    ['the peer takes them faster: our interval counts', 300, 50, 300],
    ['the peer wants them slower: its interval counts', 50, 400, 400],
  ])('when Up, %s', (_what, ours, theirs, expected) => {
    const timers = { ...TIMERS, desiredMinTxMicroseconds: ours * MS };
    const probe = new Probe(timers).up(0, { requiredMinRxMicroseconds: theirs * MS });
    expect(probe.session.transmitIntervalMicroseconds).toBe(expected * MS);
  });

  test('every state that is new is told at once', () => {
    const probe = new Probe();
    probe.session.advance(0);
    probe.session.receive(packet({ state: 'Down', yourDiscriminator: 0 }), 10);
    expect(probe.last).toMatchObject({ state: 'Init', yourDiscriminator: 99 });
    probe.session.receive(packet({ state: 'Init' }), 20);
    expect(probe.last.state).toBe('Up');
  });

  test('a peer that wants no packets (Required Min RX 0) is sent none by time', () => {
    const probe = new Probe().up(0, { requiredMinRxMicroseconds: 0 });
    expect(probe.session.transmitIntervalMicroseconds).toBe(0);
    const count = probe.sent.length;
    probe.session.advance(890);
    expect(probe.sent.length).toBe(count);
  });

  test('a peer in demand mode is sent none by time, but Polls and answers (section 6.6)', () => {
    const probe = new Probe().up(0, { demand: true });
    expect(probe.session.transmitIntervalMicroseconds).toBe(0);
    probe.session.receive(packet({ demand: true, poll: true }), 10);
    expect(probe.last).toMatchObject({ final: true, poll: false });
    probe.session.setTimers({ ...TIMERS, desiredMinTxMicroseconds: 400 * MS }, 20);
    expect(probe.session.transmitIntervalMicroseconds).toBeGreaterThan(0);
    probe.session.advance(1000);
  });
});

describe('Poll Sequences (section 6.5)', () => {
  test('a Poll is answered at once with Final, also while ours runs', () => {
    const probe = new Probe();
    probe.session.receive(packet({ state: 'Down', yourDiscriminator: 0 }), 0);
    probe.session.receive(packet({ state: 'Up', poll: true }), 10);
    expect(probe.last).toMatchObject({ state: 'Up', final: true, poll: false });
    expect(probe.session.polling).toBe(true);
  });

  test('coming up begins one for the configured interval, until the Final', () => {
    const probe = new Probe();
    probe.session.receive(packet({ state: 'Down', yourDiscriminator: 0 }), 0);
    probe.session.receive(packet({ state: 'Init' }), 10);
    expect(probe.last).toMatchObject({ poll: true, desiredMinTxMicroseconds: 300 * MS });
    probe.session.advance(400);
    expect(probe.last.poll).toBe(true);
    probe.session.receive(packet({ final: true }), 410);
    probe.session.advance(800);
    expect(probe.last.poll).toBe(false);
  });

  test('a longer interval is used only after the Final, a shorter one at once', () => {
    const probe = new Probe().up();
    probe.session.setTimers({ ...TIMERS, desiredMinTxMicroseconds: 500 * MS }, 10);
    expect(probe.session.transmitIntervalMicroseconds).toBe(300 * MS);
    probe.session.advance(300);
    expect(probe.last).toMatchObject({ poll: true, desiredMinTxMicroseconds: 500 * MS });
    probe.session.receive(packet({ final: true }), 310);
    expect(probe.session.transmitIntervalMicroseconds).toBe(500 * MS);
    // The peer still wants no more than one in 300 ms.
    probe.session.setTimers({ ...TIMERS, desiredMinTxMicroseconds: 50 * MS }, 320);
    expect(probe.session.transmitIntervalMicroseconds).toBe(300 * MS);
  });

  test('a shorter Detection Time is used only after the Final, a longer one at once', () => {
    const probe = new Probe().up(0, { desiredMinTxMicroseconds: 50 * MS });
    expect(probe.session.detectionTimeMicroseconds).toBe(900 * MS);
    probe.session.setTimers({ ...TIMERS, requiredMinRxMicroseconds: 100 * MS }, 10);
    expect(probe.session.detectionTimeMicroseconds).toBe(900 * MS);
    probe.session.receive(packet({ final: true, desiredMinTxMicroseconds: 50 * MS }), 20);
    expect(probe.session.detectionTimeMicroseconds).toBe(300 * MS);
    probe.session.setTimers({ ...TIMERS, requiredMinRxMicroseconds: 1000 * MS }, 30);
    expect(probe.session.detectionTimeMicroseconds).toBe(3000 * MS);
  });

  test('a change under a Poll Sequence is polled for again: its Final may be older', () => {
    const probe = new Probe().up();
    probe.session.setTimers({ ...TIMERS, desiredMinTxMicroseconds: 500 * MS }, 10);
    probe.session.setTimers({ ...TIMERS, desiredMinTxMicroseconds: 600 * MS }, 20);
    probe.session.receive(packet({ final: true }), 30);
    expect(probe.session.polling).toBe(true);
    probe.session.receive(packet({ final: true }), 40);
    expect(probe.session.polling).toBe(false);
  });

  test('a multiplier is only told', () => {
    const probe = new Probe().up();
    probe.session.setTimers({ ...TIMERS, detectMultiplier: 5 }, 10);
    expect(probe.session.polling).toBe(false);
    probe.session.advance(300);
    expect(probe.last.detectMultiplier).toBe(5);
  });
});

describe('detection (section 6.8.4)', () => {
  test.each<[string, number, number, number, number]>([
    ['the peer sends slower than we take', 300, 1000, 3, 3000],
    ['we take slower than it sends', 300, 50, 3, 900],
    ["the multiplier is the peer's", 300, 300, 10, 3000],
    ['50 ms x 3', 50, 50, 3, 150],
  ])('%s', (_what, ourRx, theirTx, multiplier, expectedMs) => {
    const timers = { ...TIMERS, requiredMinRxMicroseconds: ourRx * MS };
    const more = { desiredMinTxMicroseconds: theirTx * MS, detectMultiplier: multiplier };
    const probe = new Probe(timers).up(0, more);
    probe.session.advance(expectedMs - 1);
    expect(probe.session.state).toBe('Up');
    expect(probe.session.isOverdue(expectedMs - 1)).toBe(false);
    expect(probe.session.isOverdue(expectedMs)).toBe(true);
    probe.session.advance(expectedMs);
    expect(probe.session.state).toBe('Down');
  });

  test('every packet begins it anew', () => {
    const probe = new Probe().up();
    for (let now = 0; now < 10_000; now += 800) {
      probe.session.receive(packet(), now);
      probe.session.advance(now + 790);
    }
    expect(probe.session.state).toBe('Up');
  });
});

describe('going on with a session', () => {
  const before = new Probe().up().session.snapshot();

  test('Up stays Up, with the same discriminators and a full Detection Time', () => {
    const probe = new Probe(TIMERS, 0.5, { snapshot: before, isSameLife: true }, 5000);
    expect(probe.session.snapshot()).toEqual(before);
    probe.session.advance(5000);
    expect(probe.last).toMatchObject({ state: 'Up', yourDiscriminator: 99, desiredMinTxMicroseconds: 300 * MS });
    probe.session.advance(5899);
    expect(probe.session.state).toBe('Up');
    probe.session.advance(5900);
    expect(probe.session.state).toBe('Down');
  });

  test('and is told when the timers are other ones by now', () => {
    const timers = { ...TIMERS, desiredMinTxMicroseconds: 500 * MS };
    const probe = new Probe(timers, 0.5, { snapshot: before, isSameLife: true }, 0);
    probe.session.advance(0);
    expect(probe.last).toMatchObject({ poll: true, desiredMinTxMicroseconds: 500 * MS });
  });

  test.each<[string, boolean, 'silence' | 'Down', boolean, string]>([
    ['another thread, the peer is silent: it is lost', true, 'silence', false, 'detection-time-expired'],
    ['another thread, the peer has given us up: nothing was lost', true, 'Down', false, 'not-resumed'],
    ['another life, the peer is silent: it may have no BFD any more', false, 'silence', false, 'not-resumed'],
    ['another life, the peer has given us up', false, 'Down', false, 'not-resumed'],
    ['another life that the peer goes on with, then silence', false, 'silence', true, 'detection-time-expired'],
    ['another life that the peer goes on with, then Down', false, 'Down', true, 'neighbor-down'],
  ])('%s', (_what, isSameLife, then, isConfirmed, cause) => {
    const probe = new Probe(TIMERS, 0.5, { snapshot: before, isSameLife }, 0);
    if (isConfirmed) probe.session.receive(packet(), 10);
    if (then === 'Down') probe.session.receive(packet({ state: 'Down', diagnostic: 1 }), 20);
    else probe.session.advance(5000);
    expect(probe.changes).toEqual([{ from: 'Up', to: 'Down', cause }]);
  });

  test('a planned restart asks for patience at once, and the next life takes it back', () => {
    const probe = new Probe().up();
    probe.session.suspend(120_000, 10);
    expect(probe.last).toMatchObject({ state: 'Up', poll: true, desiredMinTxMicroseconds: 40_000 * MS });
    expect(probe.session.polling).toBe(true);
    probe.session.receive(packet({ final: true }), 20);
    expect(probe.session.polling).toBe(false);
    const next = new Probe(TIMERS, 0.5, { snapshot: probe.session.snapshot(), isSameLife: false }, 60_000);
    next.session.advance(60_000);
    expect(next.last).toMatchObject({ state: 'Up', poll: true, desiredMinTxMicroseconds: 300 * MS });
    next.session.receive(packet({ final: true }), 60_010);
    expect(next.session.transmitIntervalMicroseconds).toBe(300 * MS);
    expect(next.changes).toEqual([]);
  });
});

/** Two sessions joined by a network that delays each packet as it likes and loses some; virtual time. */
class Pair {
  nowMs = 0;
  isCut = false;
  readonly ends: readonly [Probe, Probe];
  readonly longestSilenceMs = [0, 0];
  readonly #inFlight: { readonly to: 0 | 1; readonly atMs: number; readonly packet: BfdPacket }[] = [];
  readonly #taken = [0, 0];
  readonly #delays: () => number;

  constructor(timers: readonly [BfdTimers, BfdTimers], jitter: readonly [number, number], delays: () => number) {
    this.ends = [new Probe(timers[0], jitter[0]), new Probe(timers[1], jitter[1])];
    this.#delays = delays;
  }

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (;;) {
      this.#collect();
      const next = Math.min(
        ...this.ends.map(({ session }) => session.nextAtMs),
        ...this.#inFlight.map(({ atMs }) => atMs),
      );
      if (next > endMs) break;
      this.nowMs = Math.max(this.nowMs, next);
      const due = this.#inFlight.filter(({ atMs }) => atMs <= this.nowMs);
      for (const one of due) {
        this.#inFlight.splice(this.#inFlight.indexOf(one), 1);
        this.ends[one.to].session.receive(one.packet, this.nowMs);
        this.#collect();
      }
      for (const { session } of this.ends) session.advance(this.nowMs);
    }
    this.nowMs = endMs;
  }

  #collect(): void {
    for (const from of [0, 1] as const) {
      for (const sent of this.ends[from].sent.slice(this.#taken[from])) {
        if (!this.isCut) {
          const to = from === 0 ? 1 : 0;
          const known = sent.yourDiscriminator === 0 || sent.yourDiscriminator === 7;
          if (known) this.#inFlight.push({ to, atMs: this.nowMs + this.#delays(), packet: sent });
        }
      }
      this.#taken[from] = this.ends[from].sent.length;
    }
  }
}

test('two sessions with any timers come up, stay up, and both notice a cut within their Detection Time', () => {
  const interval = fc.integer({ min: 50, max: 2000 }).map((ms) => ms * MS);
  const timers = fc.record<BfdTimers>({
    desiredMinTxMicroseconds: interval,
    requiredMinRxMicroseconds: interval,
    // With 1 a packet must never be later than its interval less 10 %: the delays here are small enough.
    detectMultiplier: fc.integer({ min: 2, max: 10 }),
  });
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(timers, timers, unit, unit, fc.infiniteStream(fc.integer({ min: 0, max: 5 })), (a, b, x, y, delays) => {
      const pair = new Pair([a, b], [x, y], () => delays.next().value);
      pair.run(10_000);
      for (const { session } of pair.ends) expect(session.state).toBe('Up');
      for (const { changes } of pair.ends) changes.length = 0;
      pair.run(30_000);
      for (const { changes, session } of pair.ends) {
        expect(changes).toEqual([]);
        expect(session.polling).toBe(false);
      }
      const detectionMs = pair.ends.map(({ session }) => session.detectionTimeMicroseconds / 1000);
      pair.isCut = true;
      pair.run(Math.max(...detectionMs) + 10);
      for (const { changes } of pair.ends)
        expect(changes).toEqual([{ from: 'Up', to: 'Down', cause: 'detection-time-expired' }]);
      pair.isCut = false;
      pair.run(10_000);
      for (const { session } of pair.ends) expect(session.state).toBe('Up');
    }),
    { numRuns: 60 },
  );
});

test('whatever is received, a session always has something to do next, and Up only after a handshake', () => {
  const packets = fc.record<BfdPacket>({
    diagnostic: fc.integer({ min: 0, max: 31 }),
    state: fc.constantFrom('AdminDown', 'Down', 'Init', 'Up'),
    poll: fc.boolean(),
    final: fc.boolean(),
    controlPlaneIndependent: fc.boolean(),
    demand: fc.boolean(),
    detectMultiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.integer({ min: 1, max: 3 }),
    yourDiscriminator: fc.constant(7),
    desiredMinTxMicroseconds: fc.integer({ min: 0, max: 0xffffffff }),
    requiredMinRxMicroseconds: fc.integer({ min: 0, max: 0xffffffff }),
    requiredMinEchoRxMicroseconds: fc.constant(0),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(packets, fc.integer({ min: 0, max: 3000 }))), (events) => {
      const probe = new Probe();
      let known = { snapshot: '', version: -1 };
      let now = 0;
      for (const [received, waitMs] of events) {
        now += waitMs;
        probe.session.advance(now);
        const before = probe.session.state;
        probe.session.receive(received, now);
        expect(probe.session.nextAtMs).toBeLessThan(Number.POSITIVE_INFINITY);
        if (before === 'Down') expect(probe.session.state === 'Up').toBe(received.state === 'Init');
        for (const sent of probe.sent) expect(sent.poll && sent.final).toBe(false);
        if (received.poll) expect(probe.last.final).toBe(true);
        const snapshot = JSON.stringify(probe.session.snapshot());
        if (snapshot !== known.snapshot) expect(probe.session.version).not.toBe(known.version);
        known = { snapshot, version: probe.session.version };
        probe.sent.length = 0;
      }
    }),
  );
});
