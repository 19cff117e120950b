import { describe, expect, test } from 'vitest';
import { countsAsError, nextIdleHoldSeconds } from './idle-hold.ts';
import { administrativeReason, downReason, receivedReason, sentReason } from './reason.ts';
import { peerIn, peerOpen, TestDriver, testConfig } from './test-support.ts';

const LIMITS = { minSeconds: 5, maxSeconds: 30, forgetSeconds: 300 };

describe('nextIdleHoldSeconds', () => {
  test.each([
    ['first error: the minimum', LIMITS, 0, 5],
    ['doubles', LIMITS, 5, 10],
    ['doubles again', LIMITS, 10, 20],
    ['is cut at the maximum', LIMITS, 20, 30],
    ['stays there', LIMITS, 30, 30],
    ['a raised minimum counts at once', { ...LIMITS, minSeconds: 25 }, 5, 25],
    ['a maximum below the minimum is the minimum', { ...LIMITS, maxSeconds: 1 }, 5, 5],
  ])('%s', (_, limits, previous, expected) => {
    expect(nextIdleHoldSeconds(limits, previous)).toBe(expected);
  });
});

const cease = (subcode: number, data = '') => receivedReason({ type: 'notification', code: 6, subcode, data });

describe('countsAsError', () => {
  test.each([
    ['a refused dial', downReason('connection-failed', ''), 'Connect', false],
    ['a connection lost in OpenSent', downReason('connection-lost', ''), 'OpenSent', false],
    ['a connection lost in OpenConfirm', downReason('connection-lost', ''), 'OpenConfirm', true],
    ['a session lost', downReason('connection-lost', ''), 'Established', false],
    [
      'an error that we found',
      sentReason('notification-sent', { code: 2, subcode: 2, data: '', reason: '' }),
      'OpenSent',
      true,
    ],
    [
      'the hold timer',
      sentReason('hold-timer-expired', { code: 4, subcode: 0, data: '', reason: '' }),
      'Established',
      true,
    ],
    ['the send hold timer', downReason('send-hold-timer-expired', ''), 'Established', true],
    [
      'the peer found an error',
      receivedReason({ type: 'notification', code: 2, subcode: 2, data: '' }),
      'OpenSent',
      true,
    ],
    ['the peer was shut down', cease(2), 'Established', true],
    ['the peer was reset', cease(4), 'Established', false],
    ['the peer refuses the connection for now', cease(5), 'OpenSent', false],
    ['the peer has a new configuration', cease(6), 'Established', false],
    ['a collision, as the peer sees it', cease(7), 'OpenConfirm', false],
    ['a Hard Reset around a shutdown', cease(9, '0602'), 'Established', true],
    ['a Hard Reset around a reset', cease(9, '0604'), 'Established', false],
    ['a Hard Reset that says nothing', cease(9), 'Established', true],
    ['a collision', downReason('collision', ''), 'OpenConfirm', false],
    ['a restart of the peer', downReason('peer-restarted', ''), 'Established', false],
    ['our own reset', administrativeReason('reset', null, null), 'Established', false],
    ['too many prefixes', administrativeReason('max-prefixes', null, null), 'Established', true],
  ] as const)('%s: %#', (_, reason, state, expected) => {
    expect(countsAsError(reason, state)).toBe(expected);
  });
});

describe('the machine in idle-hold', () => {
  /** One attempt that ends with Bad Peer AS. */
  function failOnce(driver: TestDriver): number | undefined {
    const dial = driver.state.outgoing?.id;
    if (dial === undefined) throw new Error('not dialling');
    driver.apply(
      { type: 'outgoingConnectionOpened', connectionId: dial },
      { type: 'openReceived', connectionId: dial, open: peerOpen({ as: 1 }) },
    );
    return driver.timers.get('idleHold')?.seconds;
  }

  test('waits longer after each error and starts over once errors are forgotten', () => {
    const driver = new TestDriver();
    driver.apply({ type: 'start' });
    const waits: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      waits.push(failOnce(driver));
      expect(driver.peerState).toBe('Idle');
      driver.expire('idleHold');
      expect(driver.peerState).toBe('Connect');
    }
    expect(waits).toEqual([5, 10, 20, 30, 30]);
    expect(driver.timers.get('errorForget')?.seconds).toBe(300);
    driver.expire('errorForget');
    expect(failOnce(driver)).toBe(5);
    expect(driver.violations).toEqual([]);
  });

  test('uses the times of its configuration', () => {
    const driver = new TestDriver(testConfig({ idleHold: { minSeconds: 60, maxSeconds: 300, forgetSeconds: 900 } }));
    driver.apply({ type: 'start' });
    expect(failOnce(driver)).toBe(60);
    expect(driver.timers.get('errorForget')?.seconds).toBe(900);
  });

  test('a session does not wipe out the memory of errors', () => {
    const driver = new TestDriver();
    driver.apply({ type: 'start' });
    failOnce(driver);
    driver.expire('idleHold');
    const connectionId = driver.state.outgoing?.id ?? 'out-0';
    driver.apply(
      { type: 'outgoingConnectionOpened', connectionId },
      { type: 'openReceived', connectionId, open: peerOpen() },
      { type: 'keepaliveReceived', connectionId },
      { type: 'holdTimerExpired', connectionId },
    );
    expect(driver.timers.get('idleHold')?.seconds).toBe(10);
  });

  test('both connections failing are one error', () => {
    const driver = peerIn('OpenSent, both');
    driver.apply(
      { type: 'openReceived', connectionId: 'out-1', open: peerOpen({ as: 1 }) },
      { type: 'openReceived', connectionId: 'in-1', open: peerOpen({ as: 1 }) },
    );
    expect(driver.peerState).toBe('Idle');
    expect(driver.state.lastIdleHoldSeconds).toBe(5);
  });

  test('an open connection may still make it while the other is held', () => {
    const driver = peerIn('OpenSent, incoming, idle-hold for the other');
    driver.apply(
      { type: 'openReceived', connectionId: 'in-1', open: peerOpen() },
      { type: 'keepaliveReceived', connectionId: 'in-1' },
    );
    expect(driver.peerState).toBe('Established');
    expect(driver.timers.has('idleHold')).toBe(false);
  });

  test('new connections are refused, also while another may still make it', () => {
    const driver = peerIn('OpenSent, incoming, idle-hold for the other');
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-2' });
    expect(driver.sent).toBe('notification 6/5');
    expect(driver.closedNow).toBe('in-2');
    expect(driver.state.incoming?.id).toBe('in-1');
  });

  test('a stop forgets errors, a start does not wait for idle-hold', () => {
    const driver = peerIn('Idle, in idle-hold');
    driver.apply({ type: 'start' });
    expect(driver.peerState).toBe('Connect');
    expect(failOnce(driver)).toBe(10);
    driver.apply({ type: 'stop', cause: 'shutdown', text: null, silent: false }, { type: 'start' });
    expect(failOnce(driver)).toBe(5);
  });
});
