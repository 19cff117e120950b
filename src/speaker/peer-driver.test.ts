import { connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type SessionConfig, sessionConfig } from '../../bgp/session-config.ts';
import { TREATMENT_OK } from '../../bgp/wire/error.ts';
import { SILENT_LOG } from '../log/log.ts';
import { VirtualClock } from './clock.ts';
import { InputTurns } from './input-turns.ts';
import { MAX_LINGERING, PeerDriver, type PeerHost } from './peer-driver.ts';

/** Both ends of a session in one process, on loopback sockets and a clock that the test turns. */
class End implements PeerHost {
  readonly clock = new VirtualClock();
  readonly inputTurns = new InputTurns(this.clock);
  readonly log = SILENT_LOG;
  readonly driver: PeerDriver;
  readonly calls: string[] = [];
  updates = 0;
  dialPort = 0;
  readonly sockets: Socket[] = [];

  constructor(config: SessionConfig) {
    this.driver = new PeerDriver(config, this);
  }

  dial(_driver: PeerDriver, _timeoutMs: number, handlers: Parameters<PeerHost['dial']>[2]) {
    const socket = connect(this.dialPort, '127.0.0.1');
    this.sockets.push(socket);
    socket.once('connect', () => handlers.connected(socket));
    socket.once('error', (error) => handlers.failed({ code: 'ECONNREFUSED', message: error.message }));
    return { abort: () => socket.destroy() };
  }

  sessionEstablished(): void {
    this.calls.push('up');
  }
  sessionDown(_driver: PeerDriver, retain: readonly [boolean, boolean]): void {
    this.calls.push(`down ${retain}`);
  }
  removeStaleRoutes(): void {
    this.calls.push('remove stale');
  }
  markLongLivedStale(): void {}
  updateReceived() {
    this.updates++;
    return { treatment: TREATMENT_OK, announced: 0, withdrawn: 0, endOfRib: -1, maxPrefixesExceeded: -1 } as const;
  }
  refreshReceived(): void {
    this.calls.push('refresh');
  }
  peerHasWork(): void {}
}

/** A connection whose peer reads nothing and closes nothing: what is written stays until `finishWrite`. */
class DeafSocket extends Duplex {
  writes = 0;
  #taken: () => void = () => {};

  override _read(): void {}

  override _write(_octets: unknown, _encoding: string, done: () => void): void {
    this.writes++;
    this.#taken = done;
  }

  destroySoon(): void {
    this.destroy();
  }

  finishWrite(): void {
    this.#taken();
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
    if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`never happened: ${what}`);
}

describe('two peer drivers on loopback sockets', () => {
  let left: End;
  let right: End;
  let server: Server;

  const config = (name: string, as: number, peerAs: number, id: string, more: Partial<SessionConfig>): SessionConfig =>
    sessionConfig({
      name,
      peerAddress: '127.0.0.1',
      localAs: as,
      peerAs,
      bgpIdentifier: id,
      holdTimeSeconds: 90,
      ...more,
    });

  beforeEach(async () => {
    left = new End(config('left', 65001, 65002, '10.0.0.1', {}));
    right = new End(config('right', 65002, 65001, '10.0.0.2', { passive: true }));
    server = createServer((socket) => right.driver.accept(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    left.dialPort = typeof bound === 'object' && bound !== null ? bound.port : 0;
    right.driver.dispatch({ type: 'start' });
    left.driver.dispatch({ type: 'start' });
  });

  afterEach(() => {
    left.driver.dispose();
    right.driver.dispose();
    for (const socket of left.sockets) socket.destroy();
    server.close();
  });

  const established = (): boolean => left.driver.connection !== null && right.driver.connection !== null;
  const turn = (ms: number): void => {
    left.clock.advance(ms);
    right.clock.advance(ms);
  };

  test('they establish a session and agree on its parameters', async () => {
    await until(established, 'established');
    expect(left.driver.session).toMatchObject({ peerAs: 65002, isInternal: false, asn4: true, holdTimeSeconds: 90 });
    expect(left.calls).toEqual(['up']);
    expect(right.calls).toEqual(['up']);
  });

  test('keepalives hold the session up over many hold times', async () => {
    await until(established, 'established');
    for (let second = 0; second < 400; second += 10) {
      const before = left.driver.messagesReceived + right.driver.messagesReceived;
      turn(10_000);
      if (second % 30 === 20)
        await until(() => left.driver.messagesReceived + right.driver.messagesReceived > before, 'keepalive');
    }
    expect(left.calls).toEqual(['up']);
    expect(right.calls).toEqual(['up']);
  });

  test('a silent peer is dropped when the hold time is over, and told so', async () => {
    await until(established, 'established');
    left.clock.advance(91_000);
    expect(left.driver.lastError?.reason.kind).toBe('hold-timer-expired');
    await until(() => right.driver.connection === null, 'the other side hears of it');
    expect(right.driver.lastError?.reason).toMatchObject({ kind: 'notification-received', code: 4 });
  });

  test('received octets restart the hold timer without an event of the machine', async () => {
    await until(established, 'established');
    left.clock.advance(60_000);
    right.clock.advance(30_000);
    await until(() => left.driver.messagesReceived >= 3, 'a keepalive from the right');
    left.clock.advance(60_000);
    expect(left.driver.connection).not.toBeNull();
    left.clock.advance(31_000);
    expect(left.driver.connection).toBeNull();
  });

  test('an administrative stop reaches the other side as Cease/2 with its text', async () => {
    await until(established, 'established');
    left.driver.dispatch({ type: 'stop', cause: 'shutdown', text: 'maintenance', silent: false });
    await until(() => right.driver.connection === null, 'right is down');
    expect(right.driver.lastError?.reason).toMatchObject({
      kind: 'notification-received',
      communication: 'maintenance',
    });
    expect(left.driver.fsmState).toBe('Idle');
  });

  test('a peer that opens connections in a loop: so many are told why they are refused, the others only closed', async () => {
    await until(established, 'established');
    const calls = Array.from({ length: 5 * MAX_LINGERING }, () => {
      const call = new DeafSocket();
      right.driver.accept(call as unknown as Socket);
      return call;
    });
    const lingering = () => calls.filter((call) => !call.destroyed);
    // A NOTIFICATION that the peer does not take holds a descriptor.
    expect(lingering()).toEqual(calls.slice(0, MAX_LINGERING));
    expect(calls.map(({ writes }) => writes)).toEqual(calls.map(() => 1));

    // One of them is taken: there is room for one more, and no more than that.
    calls[0].finishWrite();
    await until(() => calls[0].destroyed, 'what has been taken is closed');
    const later = [new DeafSocket(), new DeafSocket()];
    for (const call of later) right.driver.accept(call as unknown as Socket);
    expect(later.map(({ destroyed }) => destroyed)).toEqual([false, true]);
    for (const call of [...calls, ...later]) call.destroy();
    expect(right.driver.connection).not.toBeNull();
    expect(right.calls).toEqual(['up']);
  });

  test('garbage instead of a header ends only this session', async () => {
    await until(established, 'established');
    right.driver.connection?.socket.write(Buffer.alloc(19));
    await until(() => left.driver.connection === null, 'left resets');
    expect(left.driver.lastError?.reason).toMatchObject({ kind: 'notification-sent', code: 1, subcode: 1 });
  });

  test('a connection lost in the middle of a message is a lost connection', async () => {
    await until(established, 'established');
    right.driver.connection?.socket.write(Buffer.concat([Buffer.alloc(16, 255), Buffer.from([0, 100, 2, 0, 0])]));
    right.driver.connection?.socket.destroySoon();
    await until(() => left.driver.connection === null, 'left notices');
    expect(left.driver.lastError?.reason.kind).toBe('connection-lost');
  });
});
