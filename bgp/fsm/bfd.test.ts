/** What BFD does to a session, to kept routes and, in strict mode, to a peer that has none (RFC 5882, RFC 9384). */

import { describe, expect, test } from 'vitest';
import { peerIn, peerOpen, TestDriver, testConfig } from './test-support.ts';

const STRICT = { minTxMs: 300, minRxMs: 300, multiplier: 3, multihop: false, strict: true };

describe('BFD goes down', () => {
  test('the session ends with Cease / BFD Down, nothing is kept, and the next attempt waits', () => {
    const driver = peerIn('Established, graceful restart');
    driver.apply({ type: 'bfdDown', isIndependent: false });
    expect(driver.sent).toContain('6/');
    const [down] = driver.of('sessionDown');
    expect(down.reason).toMatchObject({ kind: 'administrative', cause: 'bfd-down' });
    expect(down.retain).toEqual([false, false]);
    expect(driver.peerState).toBe('Idle');
    expect(driver.timers.has('idleHold')).toBe(true);
    expect(driver.violations).toEqual([]);
  });

  test.each([
    ['shares fate with its control plane: the restart may be all there is to it', false, []],
    ['is independent: the path is gone', true, ['bfd-down']],
  ])('while the peer restarts, and its BFD %s', (_what, isIndependent, removed) => {
    const driver = peerIn('Active, waiting to dial, routes kept');
    driver.apply({ type: 'bfdDown', isIndependent });
    expect([...new Set(driver.of('removeStaleRoutes').map(({ cause }) => cause))]).toEqual(removed);
    expect(driver.state.retained.some((kept) => kept !== null)).toBe(!isIndependent);
    expect(driver.timers.has('restart')).toBe(!isIndependent);
    expect(driver.violations).toEqual([]);
  });

  test('a path that comes and goes is damped: idle-hold doubles', () => {
    const driver = peerIn('Established, outgoing');
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      driver.apply({ type: 'bfdDown', isIndependent: false });
      waits.push(driver.state.lastIdleHoldSeconds);
      driver.expire('idleHold');
      const dial = driver.state.outgoing?.id ?? 'out-0';
      driver.apply({ type: 'outgoingConnectionOpened', connectionId: dial });
      driver.apply({ type: 'openReceived', connectionId: dial, open: peerOpen() });
      driver.apply({ type: 'keepaliveReceived', connectionId: dial });
      expect(driver.peerState).toBe('Established');
    }
    expect(waits).toEqual([5, 10, 20]);
  });
});

describe('strict mode', () => {
  test('a peer is not dialled and not accepted before BFD is up', () => {
    const driver = new TestDriver(testConfig({ bfd: STRICT }));
    driver.apply({ type: 'start' });
    expect(driver.peerState).toBe('Idle');
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-1' });
    expect(driver.sent).toContain('6/5');
    driver.apply({ type: 'bfdHoldChanged', holds: false });
    expect(driver.peerState).toBe('Connect');
    expect(driver.violations).toEqual([]);
  });

  test('without it BFD holds nobody', () => {
    const driver = new TestDriver(testConfig({ bfd: { ...STRICT, strict: false } }));
    driver.apply({ type: 'start' });
    expect(driver.peerState).toBe('Connect');
  });

  test('after a loss the peer waits for both, BFD and idle-hold', () => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type: 'bfdDown', isIndependent: false }, { type: 'bfdHoldChanged', holds: true });
    driver.expire('idleHold');
    expect(driver.peerState).toBe('Idle');
    driver.apply({ type: 'bfdHoldChanged', holds: false });
    expect(driver.peerState).toBe('Connect');
    expect(driver.violations).toEqual([]);
  });
});
