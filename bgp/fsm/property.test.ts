import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SessionConfig } from '../session-config.ts';
import type { Capability } from '../wire/capability.ts';
import type { Event } from './event.ts';
import { timerExpired } from './event.ts';
import { connectionsOf, peerStateOf } from './state.ts';
import {
  allEvents,
  HIGH_IDENTIFIER,
  LOW_IDENTIFIER,
  PEER_RESTART,
  peerOpen,
  TestDriver,
  testConfig,
} from './test-support.ts';
import { type ConnectionId, timerKey } from './timers.ts';

const LONG_LIVED: Capability = {
  kind: 'long-lived-graceful-restart',
  families: [{ afi: 1, safi: 1, forwardingPreserved: true, staleTimeSeconds: 3600 }],
};

const configs: fc.Arbitrary<Partial<SessionConfig>> = fc.record({
  passive: fc.boolean(),
  delayOpenTimeSeconds: fc.constantFrom(0, 2),
  connectDelaySeconds: fc.constantFrom(0, 2),
  holdTimeSeconds: fc.constantFrom(0, 3, 240),
  gracefulRestart: fc.record({
    mode: fc.constantFrom('off', 'helper', 'full'),
    restartTimeSeconds: fc.constant(120),
    notification: fc.boolean(),
    longLivedStaleTimeSeconds: fc.constantFrom(null, 600),
  }),
});

/** What a working peer and a working network would do next, so that random walks get anywhere. */
function progress(driver: TestDriver, choice: number, serial: number): Event {
  const extras = [[], [PEER_RESTART], [PEER_RESTART, LONG_LIVED]][choice % 3];
  const bgpIdentifier = choice % 2 === 0 ? HIGH_IDENTIFIER : LOW_IDENTIFIER;
  const events: Event[] = [];
  if (!driver.state.isStarted) events.push({ type: 'start' });
  else events.push({ type: 'incomingConnectionOpened', connectionId: `in-${serial}` });
  for (const { id: connectionId, state, isOpen } of connectionsOf(driver.state)) {
    if (!isOpen) events.push({ type: 'outgoingConnectionOpened', connectionId });
    else if (state === 'OpenConfirm' || state === 'Established')
      events.push({ type: 'keepaliveReceived', connectionId });
    else events.push({ type: 'openReceived', connectionId, open: peerOpen({ bgpIdentifier }, extras) });
  }
  for (const timer of driver.state.timers) events.push(timerExpired(timer));
  return events[choice % events.length];
}

function anyEvent(driver: TestDriver, choice: number, serial: number): Event {
  const events = allEvents(driver).filter(({ type }) => type !== 'incomingConnectionOpened');
  events.push({ type: 'incomingConnectionOpened', connectionId: `in-${serial}` });
  return events[choice % events.length];
}

/** One step of a walk: whether it is a sensible one, and which. */
const walks = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(10_000)), { maxLength: 80 });

function walk(driver: TestDriver, steps: readonly (readonly [number, number])[]): void {
  for (const [i, [kind, choice]] of steps.entries())
    driver.apply(kind < 7 ? progress(driver, choice, 100 + i) : anyEvent(driver, choice, 100 + i));
}

describe('any sequence of events', () => {
  test('keeps every rule of the machine', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(configs, walks, (config, steps) => {
        const driver = new TestDriver(testConfig(config));
        for (const [i, step] of steps.entries()) {
          walk(
            driver,
            [step].map(([kind, choice]) => [kind, choice + i * 7919] as const),
          );
          reached.add(peerStateOf(driver.state));
        }
        expect(driver.violations).toEqual([]);
      }),
      { numRuns: 400 },
    );
    // A walk that never gets anywhere would prove nothing.
    expect(reached.size).toBe(6);
  });

  test('leaves a peer that a working network can bring up', () => {
    fc.assert(
      fc.property(configs, walks, (config, steps) => {
        const driver = new TestDriver(testConfig(config));
        walk(driver, steps);
        driver.apply({ type: 'configure', config: testConfig({ ...config, passive: false }) }, { type: 'start' });
        driver.apply({ type: 'bfdHoldChanged', holds: false });
        for (let i = 0; i < 20 && driver.peerState !== 'Established'; i++) {
          // Only what is under way is carried on; the peer does not dial.
          const [connection] = connectionsOf(driver.state).sort((x, y) => Number(y.isOpen) - Number(x.isOpen));
          if (connection === undefined) {
            driver.expire(driver.timers.has('idleHold') ? 'idleHold' : 'connectRetry');
            continue;
          }
          const connectionId: ConnectionId = connection.id;
          if (!connection.isOpen) driver.apply({ type: 'outgoingConnectionOpened', connectionId });
          else if (connection.state === 'OpenConfirm') driver.apply({ type: 'keepaliveReceived', connectionId });
          else driver.apply({ type: 'openReceived', connectionId, open: peerOpen() });
        }
        expect(driver.peerState).toBe('Established');
        expect(driver.violations).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('is answered the same way from a state that went through JSON', () => {
    fc.assert(
      fc.property(configs, walks, fc.nat(10_000), (config, steps, choice) => {
        const driver = new TestDriver(testConfig(config));
        walk(driver, steps);
        const copy = new TestDriver(testConfig(config));
        copy.state = JSON.parse(JSON.stringify(driver.state));
        for (const id of driver.open) copy.open.add(id);
        for (const id of driver.dialling) copy.dialling.add(id);
        for (const [key, timer] of driver.timers) copy.timers.set(key, timer);
        copy.isEstablished = driver.isEstablished;
        const event = anyEvent(driver, choice, 9_999);
        expect(copy.apply(event)).toEqual(driver.apply(event));
        expect(copy.state.timers.map(timerKey)).toEqual(driver.state.timers.map(timerKey));
      }),
      { numRuns: 100 },
    );
  });
});
