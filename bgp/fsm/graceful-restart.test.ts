import { describe, expect, test } from 'vitest';
import type { SessionConfig } from '../session-config.ts';
import type { Capability } from '../wire/capability.ts';
import type { Event } from './event.ts';
import { peerOpen, TestDriver, testConfig } from './test-support.ts';

const IPV6: Capability = { kind: 'multiprotocol', afi: 2, safi: 1 };
const BOTH = { families: ['ipv4-unicast', 'ipv6-unicast'] } as const;

interface Offer {
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly notification?: boolean;
  readonly restartTimeSeconds?: number;
  /** F bit of every family listed. */
  readonly forwardingPreserved?: boolean;
  readonly longLivedSeconds?: number;
}

function offered({ ipv4 = true, ipv6 = false, forwardingPreserved = true, ...more }: Offer): Capability[] {
  const afis = [...(ipv4 ? [1] : []), ...(ipv6 ? [2] : [])];
  const restart: Capability = {
    kind: 'graceful-restart',
    restarted: false,
    notification: more.notification ?? true,
    restartTimeSeconds: more.restartTimeSeconds ?? 120,
    families: afis.map((afi) => ({ afi, safi: 1, forwardingPreserved })),
  };
  if (more.longLivedSeconds === undefined) return [IPV6, restart];
  const staleTimeSeconds = more.longLivedSeconds;
  const families = afis.map((afi) => ({ afi, safi: 1, forwardingPreserved, staleTimeSeconds }));
  return [IPV6, restart, { kind: 'long-lived-graceful-restart', families }];
}

/** Brings the passive peer's session up on a new incoming connection, whose id is returned. */
function comeUp(driver: TestDriver, capabilities: readonly Capability[]): `in-${number}` {
  const connectionId = `in-${driver.state.establishedCount + 1}` as const;
  driver.apply(
    { type: 'incomingConnectionOpened', connectionId },
    { type: 'openReceived', connectionId, open: peerOpen({}, capabilities) },
    { type: 'keepaliveReceived', connectionId },
  );
  expect(driver.peerState).toBe('Established');
  return connectionId;
}

function passive(given: Partial<SessionConfig> = {}): TestDriver {
  const driver = new TestDriver(testConfig({ ...BOTH, passive: true, ...given }));
  driver.apply({ type: 'start' });
  return driver;
}

const LONG_LIVED = {
  gracefulRestart: { mode: 'helper', restartTimeSeconds: 120, notification: true, longLivedStaleTimeSeconds: 600 },
} as const;

const lost: Event = { type: 'connectionFailed', connectionId: 'in-1', error: 'ECONNRESET' };
const notified = (code: number, subcode: number, data = ''): Event => ({
  type: 'notificationReceived',
  connectionId: 'in-1',
  notification: { type: 'notification', code, subcode, data },
});

describe('which routes outlive a session', () => {
  test.each([
    ['connection lost, no graceful restart', {}, [IPV6], lost, [false, false]],
    ['connection lost, both families listed', {}, offered({ ipv6: true }), lost, [true, true]],
    ['connection lost, IPv4 listed', {}, offered({}), lost, [true, false]],
    [
      'connection lost, IPv6 listed without F bit: kept all the same',
      {},
      offered({ ipv4: false, ipv6: true, forwardingPreserved: false }),
      lost,
      [false, true],
    ],
    [
      'connection lost, graceful restart off here',
      { gracefulRestart: { ...LONG_LIVED.gracefulRestart, mode: 'off' as const } },
      offered({}),
      lost,
      [false, false],
    ],
    ['connection lost, restart time 0', {}, offered({ restartTimeSeconds: 0 }), lost, [false, false]],
    [
      'connection lost, restart time 0 but long-lived',
      LONG_LIVED,
      offered({ restartTimeSeconds: 0, longLivedSeconds: 60 }),
      lost,
      [true, false],
    ],
    [
      'connection lost, long-lived time of the peer is 0',
      LONG_LIVED,
      offered({ restartTimeSeconds: 0, longLivedSeconds: 0 }),
      lost,
      [false, false],
    ],
    ['NOTIFICATION received, N bit', {}, offered({}), notified(6, 4), [true, false]],
    ['NOTIFICATION received, no N bit', {}, offered({ notification: false }), notified(6, 4), [false, false]],
    ['Hard Reset received', {}, offered({}), notified(6, 9, '0604'), [false, false]],
    ['hold timer, N bit', {}, offered({}), { type: 'holdTimerExpired', connectionId: 'in-1' }, [true, false]],
    [
      'hold timer, no N bit',
      {},
      offered({ notification: false }),
      { type: 'holdTimerExpired', connectionId: 'in-1' },
      [false, false],
    ],
    ['send hold timer, N bit', {}, offered({}), { type: 'sendHoldTimerExpired', connectionId: 'in-1' }, [true, false]],
    [
      'send hold timer, no N bit',
      {},
      offered({ notification: false }),
      { type: 'sendHoldTimerExpired', connectionId: 'in-1' },
      [false, false],
    ],
    [
      'malformed UPDATE, N bit',
      {},
      offered({}),
      { type: 'messageMalformed', connectionId: 'in-1', error: { code: 3, subcode: 1, data: '', reason: 'x' } },
      [true, false],
    ],
    [
      'malformed UPDATE, no N bit',
      {},
      offered({ notification: false }),
      { type: 'messageMalformed', connectionId: 'in-1', error: { code: 3, subcode: 1, data: '', reason: 'x' } },
      [false, false],
    ],
    [
      'reset by us, N bit',
      {},
      offered({}),
      { type: 'reset', cause: 'reset', text: null, restartAfterSeconds: null },
      [true, false],
    ],
    [
      'reset by us, no N bit',
      {},
      offered({ notification: false }),
      { type: 'reset', cause: 'reset', text: null, restartAfterSeconds: null },
      [false, false],
    ],
    [
      'hard reset by us',
      {},
      offered({}),
      { type: 'reset', cause: 'hard-reset', text: null, restartAfterSeconds: null },
      [false, false],
    ],
    [
      'too many prefixes',
      {},
      offered({}),
      { type: 'reset', cause: 'max-prefixes', text: null, restartAfterSeconds: null },
      [false, false],
    ],
    [
      'BFD down',
      {},
      offered({}),
      { type: 'reset', cause: 'bfd-down', text: null, restartAfterSeconds: null },
      [false, false],
    ],
    ['stopped', {}, offered({}), { type: 'stop', cause: 'shutdown', text: null, silent: false }, [false, false]],
    [
      'stopped silently, as a process that exits: everything is left as it is',
      {},
      [IPV6],
      { type: 'stop', cause: 'shutdown', text: null, silent: true },
      [true, true],
    ],
  ] as const)('%s', (_, given, capabilities, event, retain) => {
    const driver = passive(given);
    comeUp(driver, capabilities);
    driver.apply(event);
    expect(driver.of('sessionDown')[0].retain).toEqual(retain);
    const isSilent = event.type === 'stop' && event.silent;
    expect(driver.state.retained.map((kept) => kept !== null)).toEqual(isSilent ? [false, false] : retain);
    expect(driver.violations).toEqual([]);
  });
});

describe('the peer does not come back', () => {
  test('after its restart time the routes go', () => {
    const driver = passive();
    comeUp(driver, offered({ ipv6: true, restartTimeSeconds: 77 }));
    driver.apply(lost);
    expect(driver.timers.get('restart')).toMatchObject({ seconds: 77, jitter: false });
    driver.expire('restart');
    expect(driver.actions).toEqual([
      { type: 'removeStaleRoutes', family: 'ipv4-unicast', cause: 'restart-time-over' },
      { type: 'removeStaleRoutes', family: 'ipv6-unicast', cause: 'restart-time-over' },
    ]);
    expect(driver.timers.size).toBe(0);
  });

  test('or are kept for longer, least preferred (RFC 9494)', () => {
    const driver = passive(LONG_LIVED);
    comeUp(driver, offered({ longLivedSeconds: 3600 }));
    driver.apply(lost);
    expect(driver.of('markLongLivedStale')).toEqual([]);
    driver.expire('restart');
    expect(driver.actions).toMatchObject([
      { type: 'markLongLivedStale', family: 'ipv4-unicast' },
      { type: 'startTimer', timer: { name: 'longLivedStale', family: 'ipv4-unicast' }, seconds: 3600 },
    ]);
    driver.expire('longLivedStale');
    expect(driver.actions).toEqual([
      { type: 'removeStaleRoutes', family: 'ipv4-unicast', cause: 'long-lived-stale-time-over' },
    ]);
    expect(driver.violations).toEqual([]);
  });

  test('a restart time of 0 goes to the long-lived time at once', () => {
    const driver = passive(LONG_LIVED);
    comeUp(driver, offered({ restartTimeSeconds: 0, longLivedSeconds: 3600 }));
    driver.apply(lost);
    expect(driver.of('markLongLivedStale')).toHaveLength(1);
    expect([...driver.timers.keys()]).toEqual(['longLivedStale ipv4-unicast']);
  });

  test('stopping the peer removes what was kept', () => {
    const driver = passive();
    comeUp(driver, offered({}));
    driver.apply(lost, { type: 'stop', cause: 'deconfigured', text: null, silent: false });
    expect(driver.of('removeStaleRoutes')).toEqual([
      { type: 'removeStaleRoutes', family: 'ipv4-unicast', cause: 'stopped' },
    ]);
    expect(driver.timers.size).toBe(0);
  });
});

describe('the peer comes back', () => {
  function backAfterLoss(before: Offer, after: readonly Capability[], given: Partial<SessionConfig> = {}): TestDriver {
    const driver = passive(given);
    comeUp(driver, offered(before));
    driver.apply(lost);
    comeUp(driver, after);
    return driver;
  }

  test('with its forwarding state: routes wait for End-of-RIB, family by family', () => {
    const driver = backAfterLoss({ ipv6: true }, offered({ ipv6: true }));
    expect(driver.of('removeStaleRoutes')).toEqual([]);
    expect([...driver.timers.keys()].sort()).toEqual(['hold in-2', 'keepalive in-2', 'sendHold in-2', 'stale']);
    driver.apply({ type: 'endOfRibReceived', connectionId: 'in-2', family: 'ipv6-unicast' });
    expect(driver.of('removeStaleRoutes')).toEqual([
      { type: 'removeStaleRoutes', family: 'ipv6-unicast', cause: 'end-of-rib' },
    ]);
    expect(driver.timers.has('stale')).toBe(true);
    driver.apply({ type: 'endOfRibReceived', connectionId: 'in-2', family: 'ipv4-unicast' });
    expect(driver.timers.has('stale')).toBe(false);
    driver.apply({ type: 'endOfRibReceived', connectionId: 'in-2', family: 'ipv4-unicast' });
    expect(driver.of('removeStaleRoutes')).toEqual([]);
    expect(driver.violations).toEqual([]);
  });

  test.each([
    ['without the F bit', offered({ forwardingPreserved: false })],
    ['without the family in its capability', offered({ ipv4: false, ipv6: true })],
    ['without the capability', [IPV6]],
  ])('%s: the routes go at once', (_, after) => {
    const driver = backAfterLoss({}, after);
    expect(driver.of('removeStaleRoutes')).toEqual([
      { type: 'removeStaleRoutes', family: 'ipv4-unicast', cause: 'forwarding-not-preserved' },
    ]);
    expect(driver.timers.has('stale')).toBe(false);
    // The session is told of first, so that the table knows which routes are new.
    const order = driver.actions.map(({ type }) => type);
    expect(order.indexOf('sessionEstablished')).toBeLessThan(order.indexOf('removeStaleRoutes'));
  });

  test('but never sends End-of-RIB: the routes go after the stale time', () => {
    const driver = backAfterLoss({ ipv6: true }, offered({ ipv6: true }));
    driver.expire('stale');
    expect(driver.of('removeStaleRoutes').map(({ family, cause }) => [family, cause])).toEqual([
      ['ipv4-unicast', 'stale-time-over'],
      ['ipv6-unicast', 'stale-time-over'],
    ]);
  });

  test('and goes again before End-of-RIB: the wait begins anew', () => {
    const driver = backAfterLoss({}, offered({}));
    driver.apply({ type: 'connectionFailed', connectionId: 'in-2', error: null });
    expect(driver.of('sessionDown')[0]).toMatchObject({ retain: [true, false], retainOlder: [true, false] });
    expect([...driver.timers.keys()]).toEqual(['restart']);
  });

  test('and goes again and again: what was stale before outlives three of these losses, not a fourth', () => {
    const driver = passive();
    const kept: (readonly boolean[])[] = [];
    for (let life = 0; life < 6; life++) {
      const connectionId = comeUp(driver, offered({}));
      driver.apply({ type: 'connectionFailed', connectionId, error: null });
      kept.push(driver.of('sessionDown')[0].retainOlder);
    }
    expect(kept.map(([ipv4]) => ipv4)).toEqual([false, true, true, true, false, true]);
    expect(driver.violations).toEqual([]);
  });

  test('End-of-RIB, then a loss: that is a first loss again', () => {
    const driver = backAfterLoss({}, offered({}));
    driver.apply({ type: 'endOfRibReceived', connectionId: 'in-2', family: 'ipv4-unicast' });
    driver.apply({ type: 'connectionFailed', connectionId: 'in-2', error: null });
    expect(driver.of('sessionDown')[0]).toMatchObject({ retain: [true, false], retainOlder: [false, false] });
  });

  test('in the long-lived time: its timer runs on, also when the peer goes again', () => {
    const driver = passive(LONG_LIVED);
    comeUp(driver, offered({ longLivedSeconds: 3600 }));
    driver.apply(lost);
    driver.expire('restart');
    comeUp(driver, offered({ longLivedSeconds: 3600 }));
    expect(driver.timers.has('longLivedStale ipv4-unicast')).toBe(true);
    driver.apply({ type: 'connectionFailed', connectionId: 'in-2', error: null });
    expect(driver.of('markLongLivedStale')).toHaveLength(1);
    expect(driver.of('sessionDown')[0]).toMatchObject({ retain: [true, false], retainOlder: [true, false] });
    expect(driver.of('startTimer').filter(({ timer }) => timer.name === 'longLivedStale')).toEqual([]);
    expect(driver.timers.has('longLivedStale ipv4-unicast')).toBe(true);
    const back = comeUp(driver, offered({ longLivedSeconds: 3600 }));
    driver.apply({ type: 'endOfRibReceived', connectionId: back, family: 'ipv4-unicast' });
    expect(driver.timers.has('longLivedStale ipv4-unicast')).toBe(false);
    expect(driver.violations).toEqual([]);
  });

  test('under the established session (RFC 4724 section 5): the old one ends when the new one is confirmed', () => {
    const driver = passive();
    comeUp(driver, offered({ restartTimeSeconds: 0 }));
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-2' });
    expect(driver.sent).toBe('open');
    driver.apply({ type: 'openReceived', connectionId: 'in-2', open: peerOpen({}, offered({})) });
    expect(driver.closed.size).toBe(0);
    driver.apply({ type: 'keepaliveReceived', connectionId: 'in-2' });
    expect(driver.closedNow).toBe('in-1');
    expect(driver.sent).toBe('');
    expect(driver.of('close')[0].discard).toBe(true);
    expect(driver.of('sessionDown')[0]).toMatchObject({
      connectionId: 'in-1',
      reason: { kind: 'peer-restarted' },
      retain: [true, false],
    });
    expect(driver.of('sessionEstablished')[0].connectionId).toBe('in-2');
    expect(driver.state.session?.id).toBe('in-2');
    expect(driver.timers.has('stale')).toBe(true);
    expect(driver.timers.has('restart')).toBe(false);
    expect(driver.violations).toEqual([]);
  });

  test.each([
    ['is closed again', { type: 'connectionFailed', connectionId: 'in-2', error: null }, ''],
    [
      'brings a wrong OPEN',
      { type: 'openReceived', connectionId: 'in-2', open: peerOpen({ as: 1 }) },
      'notification 2/2',
    ],
    ['says nothing', { type: 'holdTimerExpired', connectionId: 'in-2' }, 'notification 4/0'],
  ] as const)('under the established session, but the new connection %s: the old one lives', (_, event, sent) => {
    const driver = passive();
    comeUp(driver, offered({}));
    driver.apply({ type: 'incomingConnectionOpened', connectionId: 'in-2' }, event);
    expect(driver.state.session?.id).toBe('in-1');
    expect(driver.sent).toBe(sent);
    expect(driver.of('sessionDown')).toEqual([]);
    expect(driver.timers.has('idleHold')).toBe(false);
    expect(driver.violations).toEqual([]);
  });
});
