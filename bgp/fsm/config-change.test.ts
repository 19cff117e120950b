import { describe, expect, test } from 'vitest';
import { compareConfigs } from './config-change.ts';
import { peerIn, testConfig } from './test-support.ts';

const RESTART = {
  mode: 'helper',
  restartTimeSeconds: 120,
  notification: true,
  longLivedStaleTimeSeconds: 600,
} as const;

describe('compareConfigs', () => {
  test.each([
    ['nothing', {}, 'none'],
    ['an equal value made anew', { families: ['ipv4-unicast'] as const }, 'none'],
    ['the description', { description: 'x' }, 'hitless'],
    ['the port to dial', { peerPort: 1179 }, 'hitless'],
    ['the keepalive time', { keepaliveTimeSeconds: 20 }, 'hitless'],
    ['back-off', { idleHold: { minSeconds: 60, maxSeconds: 300, forgetSeconds: 300 } }, 'hitless'],
    ['passive', { passive: true }, 'hitless'],
    ['the hold time', { holdTimeSeconds: 90 }, 'reset'],
    ['families', { families: ['ipv4-unicast', 'ipv6-unicast'] as const }, 'reset'],
    ['the password', { password: 'secret' }, 'reset'],
    ['the AS number', { peerAs: 1 }, 'reset'],
    ['the restart time', { gracefulRestart: { ...RESTART, restartTimeSeconds: 7 } }, 'hitless'],
    ['the long-lived stale time', { gracefulRestart: { ...RESTART, longLivedStaleTimeSeconds: 0 } }, 'hitless'],
    ['no long-lived graceful restart', { gracefulRestart: { ...RESTART, longLivedStaleTimeSeconds: null } }, 'reset'],
    ['graceful restart in both roles', { gracefulRestart: { ...RESTART, mode: 'full' as const } }, 'reset'],
    ['graceful restart without the N bit', { gracefulRestart: { ...RESTART, notification: false } }, 'reset'],
    [
      'ADD-PATH',
      {
        addPath: { 'ipv4-unicast': { send: true, receive: false }, 'ipv6-unicast': { send: false, receive: false } },
      },
      'reset',
    ],
  ])('%s', (_, given, effect) => {
    const change = compareConfigs(
      testConfig({ gracefulRestart: RESTART }),
      testConfig({ gracefulRestart: RESTART, ...given }),
    );
    expect(change.effect).toBe(effect);
    expect(change.fields).toEqual(effect === 'none' ? [] : Object.keys(given));
    expect(change.resetFields).toEqual(effect === 'reset' ? Object.keys(given) : []);
  });
});

describe('a new configuration', () => {
  test('in place: the session lives and its times change', () => {
    const driver = peerIn('Established, outgoing');
    const config = { ...driver.state.config, keepaliveTimeSeconds: 10, sendHoldTimeSeconds: 600 };
    driver.apply({ type: 'configure', config });
    expect(driver.peerState).toBe('Established');
    expect(driver.of('sessionUpdated')[0].session).toMatchObject({
      keepaliveTimeSeconds: 10,
      sendHoldTimeSeconds: 600,
    });
    expect(driver.timers.get('keepalive out-1')?.seconds).toBe(10);
    expect(driver.timers.get('sendHold out-1')?.seconds).toBe(600);
    driver.apply({ type: 'configure', config: { ...config, sendHoldTimeSeconds: 0 } });
    expect(driver.timers.has('sendHold out-1')).toBe(false);
    expect(driver.violations).toEqual([]);
  });

  test('that shows in the OPEN: Cease/6, then a new attempt with it', () => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type: 'configure', config: { ...driver.state.config, holdTimeSeconds: 30 } });
    expect(driver.sent).toBe('notification 6/6');
    expect(driver.of('sessionDown')[0].reason).toMatchObject({ kind: 'administrative', cause: 'configuration-change' });
    expect(driver.of('report')[0].text).toBe('reset: holdTimeSeconds changed');
    driver.expire('connectRetry');
    driver.apply({ type: 'outgoingConnectionOpened', connectionId: 'out-2' });
    expect(driver.of('send')[0].message).toMatchObject({ type: 'open', holdTimeSeconds: 30 });
    expect(driver.violations).toEqual([]);
  });

  test('of the restart time: the session lives, the next OPEN has it', () => {
    const driver = peerIn('Established, outgoing');
    const { config } = driver.state;
    const gracefulRestart = { ...config.gracefulRestart, restartTimeSeconds: 7 };
    driver.apply({ type: 'configure', config: { ...config, gracefulRestart } });
    expect([driver.peerState, driver.sent]).toEqual(['Established', '']);
    driver.apply({ type: 'connectionFailed', connectionId: 'out-1', error: null });
    driver.expire('connectRetry');
    driver.apply({ type: 'outgoingConnectionOpened', connectionId: 'out-2' });
    const [{ message }] = driver.of('send');
    expect(
      message.type === 'open' && message.capabilities.find(({ kind }) => kind === 'graceful-restart'),
    ).toMatchObject({
      restartTimeSeconds: 7,
    });
  });

  test('ends idle-hold: it may be the correction', () => {
    const driver = peerIn('Idle, in idle-hold');
    driver.apply({ type: 'configure', config: { ...driver.state.config, peerAs: 1 } });
    expect(driver.peerState).toBe('Active');
    expect(driver.state.lastIdleHoldSeconds).toBe(0);
    expect(driver.timers.get('connectRetry')?.seconds).toBe(1);
  });

  test('disabled: shut down; enabled again: started', () => {
    const driver = peerIn('Established, outgoing');
    const { config } = driver.state;
    driver.apply({ type: 'configure', config: { ...config, enabled: false } });
    expect(driver.sent).toBe('notification 6/2');
    expect(driver.peerState).toBe('Idle');
    driver.apply({ type: 'start' });
    expect(driver.of('ignored')[0].reason).toContain('disabled');
    driver.apply({ type: 'configure', config });
    expect(driver.peerState).toBe('Connect');
  });

  test('passive: no more dialling, and back', () => {
    const driver = peerIn('Connect, dialling');
    const { config } = driver.state;
    driver.apply({ type: 'configure', config: { ...config, passive: true } });
    expect(driver.closedNow).toBe('out-1');
    expect(driver.peerState).toBe('Active');
    expect(driver.timers.size).toBe(0);
    driver.apply({ type: 'configure', config });
    expect(driver.of('connect')[0].connectionId).toBe('out-2');
  });

  test('the same again: nothing', () => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type: 'configure', config: { ...driver.state.config } });
    expect(driver.actions).toEqual([]);
  });
});
