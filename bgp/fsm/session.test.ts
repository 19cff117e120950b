import { describe, expect, test } from 'vitest';
import { peerIn, peerOpen, TestDriver, testConfig } from './test-support.ts';

describe('bringing a session up', () => {
  test('by dialling', () => {
    const driver = new TestDriver();
    driver.apply({ type: 'start' });
    expect(driver.actions).toEqual([
      { type: 'connect', connectionId: 'out-1' },
      { type: 'startTimer', timer: { name: 'connectRetry' }, seconds: 5, jitter: true },
    ]);
    driver.apply({ type: 'outgoingConnectionOpened', connectionId: 'out-1' });
    expect(driver.actions).toMatchObject([
      { type: 'stopTimer', timer: { name: 'connectRetry' } },
      { type: 'send', connectionId: 'out-1', message: { type: 'open', myAs: 64512, holdTimeSeconds: 240 } },
      { type: 'startTimer', timer: { name: 'hold', connectionId: 'out-1' }, seconds: 240, jitter: false },
    ]);
    driver.apply({ type: 'openReceived', connectionId: 'out-1', open: peerOpen() });
    expect(driver.actions).toMatchObject([
      { type: 'send', connectionId: 'out-1', message: { type: 'keepalive' } },
      { type: 'startTimer', timer: { name: 'hold', connectionId: 'out-1' }, seconds: 90, jitter: false },
      { type: 'startTimer', timer: { name: 'keepalive', connectionId: 'out-1' }, seconds: 30, jitter: true },
    ]);
    driver.apply({ type: 'keepaliveReceived', connectionId: 'out-1' });
    expect(driver.actions).toMatchObject([
      { type: 'startTimer', timer: { name: 'hold', connectionId: 'out-1' }, seconds: 90 },
      { type: 'startTimer', timer: { name: 'sendHold', connectionId: 'out-1' }, seconds: 480 },
      { type: 'sessionEstablished', connectionId: 'out-1', session: { peerAs: 64512, families: [true, false] } },
    ]);
    expect(driver.state).toMatchObject({ establishedCount: 1, lastDownReason: null, connectRetryCounter: 0 });
  });

  test('passively: never dials, whatever happens', () => {
    const driver = peerIn('Active, passive');
    expect(driver.actions).toEqual([]);
    driver.apply(
      { type: 'incomingConnectionOpened', connectionId: 'in-1' },
      { type: 'openReceived', connectionId: 'in-1', open: peerOpen() },
      { type: 'keepaliveReceived', connectionId: 'in-1' },
      { type: 'connectionFailed', connectionId: 'in-1', error: null },
    );
    expect(driver.peerState).toBe('Active');
    expect(driver.timers.size).toBe(0);
    expect(driver.dialling.size).toBe(0);
  });

  test('with a wait before the first dial only', () => {
    const driver = new TestDriver(testConfig({ connectDelaySeconds: 2 }));
    driver.apply({ type: 'start' });
    expect(driver.peerState).toBe('Active');
    expect(driver.timers.get('connectRetry')).toMatchObject({ seconds: 2, jitter: true });
    driver.expire('connectRetry');
    driver.apply({ type: 'connectionFailed', connectionId: 'out-1', error: 'ECONNREFUSED' });
    expect(driver.timers.get('connectRetry')).toMatchObject({ seconds: 5, jitter: true });
  });

  test('without a hold time: no hold timer, no KEEPALIVEs after the first', () => {
    const driver = peerIn('OpenSent, outgoing');
    driver.apply(
      { type: 'openReceived', connectionId: 'out-1', open: peerOpen({ holdTimeSeconds: 0 }) },
      { type: 'keepaliveReceived', connectionId: 'out-1' },
      { type: 'updateReceived', connectionId: 'out-1' },
    );
    expect([...driver.timers.keys()]).toEqual(['sendHold out-1']);
  });

  test('without send hold', () => {
    const driver = new TestDriver(testConfig({ sendHoldTimeSeconds: 0 }));
    driver.apply(
      { type: 'start' },
      { type: 'outgoingConnectionOpened', connectionId: 'out-1' },
      { type: 'openReceived', connectionId: 'out-1', open: peerOpen() },
      { type: 'keepaliveReceived', connectionId: 'out-1' },
    );
    expect(driver.timers.has('sendHold out-1')).toBe(false);
  });

  test('with DelayOpen: our OPEN waits for its timer', () => {
    const driver = peerIn('Connect, outgoing waits for DelayOpen');
    expect(driver.sent).toBe('');
    expect(driver.timers.get('delayOpen out-1')).toMatchObject({ seconds: 2, jitter: false });
    expect(driver.timers.has('connectRetry')).toBe(false);
    driver.expire('delayOpen');
    expect(driver.sent).toBe('open');
    expect(driver.peerState).toBe('OpenSent');
  });

  test('with DelayOpen: the OPEN of the peer ends the wait (event 20)', () => {
    const driver = peerIn('Active, passive, incoming waits for DelayOpen');
    driver.apply({ type: 'openReceived', connectionId: 'in-1', open: peerOpen() });
    expect(driver.sent).toBe('open keepalive');
    expect(driver.timers.has('delayOpen in-1')).toBe(false);
    expect(driver.timers.get('hold in-1')?.seconds).toBe(90);
  });

  test('a peer that refuses capabilities gets an OPEN without, once (RFC 5492)', () => {
    const driver = new TestDriver();
    driver.apply({ type: 'start' });
    const capabilityCounts: number[] = [];
    const errors = [4, 6, 4];
    for (const [i, subcode] of errors.entries()) {
      const connectionId = `out-${i + 1}` as const;
      driver.apply({ type: 'outgoingConnectionOpened', connectionId });
      for (const { message } of driver.of('send'))
        if (message.type === 'open') capabilityCounts.push(message.capabilities.length);
      const notification = { type: 'notification', code: 2, subcode, data: '' } as const;
      driver.apply({ type: 'notificationReceived', connectionId, notification });
      driver.expire('idleHold');
    }
    expect(capabilityCounts).toEqual([6, 0, 6]);
  });
});

describe('trying again', () => {
  test('a dial that takes longer than the ConnectRetryTime is begun anew (event 9)', () => {
    const driver = peerIn('Connect, dialling');
    driver.expire('connectRetry');
    expect(driver.actions.map(({ type }) => type)).toEqual(['close', 'attemptFailed', 'connect', 'startTimer']);
    expect(driver.of('connect')[0].connectionId).toBe('out-2');
    expect(driver.state.connectRetryCounter).toBe(1);
    // What the first dial still brings is not taken for the second.
    driver.apply({ type: 'connectionFailed', connectionId: 'out-1', error: 'ETIMEDOUT' });
    expect(driver.of('ignored')[0].reason).toContain('out-1');
    expect(driver.peerState).toBe('Connect');
  });

  test('a ConnectRetryTime of 0 does not spin', () => {
    const driver = new TestDriver(testConfig({ connectRetryTimeSeconds: 0 }));
    driver.apply({ type: 'start' }, { type: 'connectionFailed', connectionId: 'out-1', error: 'ECONNREFUSED' });
    expect(driver.timers.get('connectRetry')?.seconds).toBe(1);
  });

  test('the peer dials again: its newer connection replaces one that is not confirmed', () => {
    const driver = peerIn('OpenSent, incoming');
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-2' });
    expect(driver.closedNow).toBe('in-1');
    expect(driver.of('attemptFailed')[0].reason.kind).toBe('superseded');
    expect(driver.state.incoming?.id).toBe('in-2');
    expect(driver.sent).toBe('notification 6/5 open');
  });

  test('the peer dials again: not in the way of one that is', () => {
    const driver = peerIn('OpenConfirm, incoming');
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-2' });
    expect(driver.closedNow).toBe('in-2');
    expect(driver.sent).toBe('notification 6/5');
    expect(driver.of('attemptFailed')[0].reason.kind).toBe('refused');
  });

  test('an id that is in use is not taken twice', () => {
    const driver = peerIn('OpenSent, incoming');
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-1' });
    expect(driver.of('ignored')).toHaveLength(1);
    expect(driver.state.incoming?.state).toBe('OpenSent');
  });
});

describe('the end of a session', () => {
  const reasonOf = (driver: TestDriver) => driver.of('sessionDown')[0].reason;

  test('the hold timer: 4/0 and idle-hold', () => {
    const driver = peerIn('Established, outgoing');
    driver.expire('hold');
    expect(driver.sent).toBe('notification 4/0');
    expect(reasonOf(driver)).toMatchObject({ kind: 'hold-timer-expired', code: 4, subcode: 0 });
    expect(driver.timers.get('idleHold')?.seconds).toBe(5);
    expect(driver.state.lastDownReason).toEqual(reasonOf(driver));
  });

  test('the send hold timer: nothing is sent, what is unsent is dropped (RFC 9687)', () => {
    const driver = peerIn('Established, outgoing');
    driver.expire('sendHold');
    expect(driver.sent).toBe('');
    expect(driver.of('close')).toEqual([{ type: 'close', connectionId: 'out-1', discard: true }]);
    expect(reasonOf(driver)).toMatchObject({ kind: 'send-hold-timer-expired', code: 8, subcode: 0 });
  });

  test.each([
    ['KEEPALIVE', 'keepaliveReceived'],
    ['UPDATE', 'updateReceived'],
    ['ROUTE-REFRESH', 'routeRefreshReceived'],
  ] as const)('%s restarts the hold timer', (_, type) => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type, connectionId: 'out-1' });
    expect(driver.actions).toEqual([
      { type: 'startTimer', timer: { name: 'hold', connectionId: 'out-1' }, seconds: 90, jitter: false },
    ]);
  });

  test('the connection is lost: dialled again soon, without idle-hold', () => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type: 'connectionFailed', connectionId: 'out-1', error: 'ECONNRESET' });
    expect(reasonOf(driver)).toMatchObject({ kind: 'connection-lost', code: null, text: 'ECONNRESET' });
    expect(driver.closedNow).toBe('out-1');
    expect(driver.timers.has('idleHold')).toBe(false);
    expect(driver.timers.has('connectRetry')).toBe(true);
  });

  test('a shutdown with a text', () => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type: 'stop', cause: 'shutdown', text: 'maintenance', silent: false });
    expect(driver.of('send')[0].message).toEqual({
      type: 'notification',
      code: 6,
      subcode: 2,
      data: '0b6d61696e74656e616e6365',
    });
    expect(reasonOf(driver)).toMatchObject({ cause: 'shutdown', communication: 'maintenance', silent: false });
    expect(driver.timers.size).toBe(0);
  });

  test('a silent stop closes without a word', () => {
    const driver = peerIn('Established, graceful restart');
    driver.apply({ type: 'stop', cause: 'shutdown', text: null, silent: true });
    expect(driver.sent).toBe('');
    expect(driver.closedNow).toBe('out-1');
    expect(reasonOf(driver).silent).toBe(true);
    expect(driver.of('removeStaleRoutes')).toEqual([]);
  });

  test('too many prefixes: again after the time given', () => {
    const driver = peerIn('Established, outgoing');
    driver.apply({ type: 'reset', cause: 'max-prefixes', text: null, restartAfterSeconds: 600 });
    expect(driver.sent).toBe('notification 6/1');
    expect(driver.timers.get('idleHold')?.seconds).toBe(600);
    expect(driver.state.lastIdleHoldSeconds).toBe(0);
    driver.expire('idleHold');
    expect(driver.peerState).toBe('Connect');
  });

  test('a malformed UPDATE: its NOTIFICATION with its data', () => {
    const driver = peerIn('Established, outgoing');
    const error = { code: 3, subcode: 5, data: '40010200', reason: 'ORIGIN has 2 octets' };
    driver.apply({ type: 'messageMalformed', connectionId: 'out-1', error });
    expect(driver.of('send')[0].message).toEqual({ type: 'notification', code: 3, subcode: 5, data: '40010200' });
    expect(reasonOf(driver).text).toContain('ORIGIN has 2 octets');
  });

  test.each([
    ['OpenSent, outgoing', 1],
    ['OpenConfirm, outgoing', 2],
  ] as const)('an UPDATE out of turn in %s names its type (RFC 6608)', (situation, subcode) => {
    const driver = peerIn(situation);
    driver.apply({ type: 'updateReceived', connectionId: 'out-1' });
    expect(driver.of('send')[0].message).toEqual({ type: 'notification', code: 5, subcode, data: '02' });
  });

  test('keepalives go on and on', () => {
    const driver = peerIn('Established, outgoing');
    for (let i = 0; i < 3; i++) {
      driver.expire('keepalive');
      expect(driver.sent).toBe('keepalive');
      expect(driver.timers.get('keepalive out-1')).toMatchObject({ seconds: 30, jitter: true });
    }
  });

  test('our own restart shows in the next OPEN only', () => {
    const driver = new TestDriver(testConfig(), { isRestarting: true, forwardingPreserved: [true, true] });
    const bits = () =>
      driver
        .of('send')
        .map(({ message }) =>
          message.type === 'open' ? message.capabilities.find(({ kind }) => kind === 'graceful-restart') : null,
        );
    driver.apply({ type: 'start' }, { type: 'outgoingConnectionOpened', connectionId: 'out-1' });
    expect(bits()).toMatchObject([{ restarted: true }]);
    const localRestart = { isRestarting: false, forwardingPreserved: [true, true] } as const;
    driver.apply({ type: 'localRestartChanged', localRestart });
    expect(driver.actions).toEqual([]);
    driver.apply({ type: 'connectionFailed', connectionId: 'out-1', error: null });
    driver.expire('connectRetry');
    driver.apply({ type: 'outgoingConnectionOpened', connectionId: 'out-2' });
    expect(bits()).toMatchObject([{ restarted: false }]);
  });
});
