import { describe, expect, test } from 'vitest';
import type { SessionConfig } from '../session-config.ts';
import { CONNECTION_TABLE } from './connection-table.ts';
import { type Event, timerOf } from './event.ts';
import { PEER_TABLE } from './peer-table.ts';
import { FSM_STATES, type FsmState, NO_RESTART } from './state.ts';
import {
  allEvents,
  peerIn,
  peerOpen,
  SITUATIONS,
  type Situation,
  type TestDriver,
  testConfig,
} from './test-support.ts';
import { timerKey } from './timers.ts';

const FSM_COLUMNS = [
  ['Idle', 'Idle, stopped'],
  ['Active', 'Active, passive, incoming waits for DelayOpen'],
  ['Connect', 'Connect, outgoing waits for DelayOpen'],
  ['OpenSent', 'OpenSent, outgoing'],
  ['OpenConfirm', 'OpenConfirm, outgoing'],
  ['Established', 'Established, outgoing'],
] as const satisfies readonly (readonly [FsmState, Situation])[];

type EventFor = (connectionId: 'out-1' | 'in-1', config: SessionConfig) => Event;

const notificationReceived =
  (code: number, subcode: number): EventFor =>
  (connectionId) => ({
    type: 'notificationReceived',
    connectionId,
    notification: { type: 'notification', code, subcode, data: '' },
  });
const malformed =
  (code: number, subcode: number): EventFor =>
  (connectionId) => ({ type: 'messageMalformed', connectionId, error: { code, subcode, data: '', reason: 'test' } });

/** The events, with the numbers and names of RFC 4271 section 8.1 where it has them. */
const EVENTS: { readonly [name: string]: EventFor } = {
  '1 ManualStart': () => ({ type: 'start' }),
  '2 ManualStop': () => ({ type: 'stop', cause: 'shutdown', text: null, silent: false }),
  '2 ManualStop, deconfigured': () => ({ type: 'stop', cause: 'deconfigured', text: null, silent: false }),
  '2 ManualStop, silent': () => ({ type: 'stop', cause: 'shutdown', text: null, silent: true }),
  '8 AutomaticStop, reset': () => ({ type: 'reset', cause: 'reset', text: null, restartAfterSeconds: null }),
  '8 AutomaticStop, max-prefixes': () => ({
    type: 'reset',
    cause: 'max-prefixes',
    text: null,
    restartAfterSeconds: null,
  }),
  '8 AutomaticStop, bfd-down': () => ({ type: 'reset', cause: 'bfd-down', text: null, restartAfterSeconds: 5 }),
  'BFD down': () => ({ type: 'bfdDown', isIndependent: false }),
  'BFD down, independent': () => ({ type: 'bfdDown', isIndependent: true }),
  'strict BFD holds': () => ({ type: 'bfdHoldChanged', holds: true }),
  'strict BFD lets go': () => ({ type: 'bfdHoldChanged', holds: false }),
  'new description': (_, config) => ({ type: 'configure', config: { ...config, description: 'new' } }),
  'own restart over': () => ({ type: 'localRestartChanged', localRestart: NO_RESTART }),
  '9 ConnectRetryTimer_Expires': () => ({ type: 'connectRetryTimerExpired' }),
  '10 HoldTimer_Expires': (connectionId) => ({ type: 'holdTimerExpired', connectionId }),
  '11 KeepaliveTimer_Expires': (connectionId) => ({ type: 'keepaliveTimerExpired', connectionId }),
  '12 DelayOpenTimer_Expires': (connectionId) => ({ type: 'delayOpenTimerExpired', connectionId }),
  '13 IdleHoldTimer_Expires': () => ({ type: 'idleHoldTimerExpired' }),
  '29 SendHoldTimer_Expires': (connectionId) => ({ type: 'sendHoldTimerExpired', connectionId }),
  'error forget timer': () => ({ type: 'errorForgetTimerExpired' }),
  'restart timer': () => ({ type: 'restartTimerExpired' }),
  'stale timer': () => ({ type: 'staleTimerExpired' }),
  'long-lived stale timer': () => ({ type: 'longLivedStaleTimerExpired', family: 'ipv4-unicast' }),
  '16 Tcp_CR_Acked': (connectionId) => ({ type: 'outgoingConnectionOpened', connectionId }),
  '17 TcpConnectionConfirmed': () => ({ type: 'incomingConnectionOpened', connectionId: 'in-7' }),
  '18 TcpConnectionFails': (connectionId) => ({ type: 'connectionFailed', connectionId, error: null }),
  '19, 20 BGPOpen': (connectionId) => ({ type: 'openReceived', connectionId, open: peerOpen() }),
  '22 BGPOpenMsgErr, AS': (connectionId) => ({ type: 'openReceived', connectionId, open: peerOpen({ as: 7 }) }),
  '21 BGPHeaderErr': malformed(1, 1),
  '22 BGPOpenMsgErr': malformed(2, 4),
  '24 NotifMsgVerErr': notificationReceived(2, 1),
  '25 NotifMsg': notificationReceived(6, 2),
  '25 NotifMsg, collision': notificationReceived(6, 7),
  '26 KeepAliveMsg': (connectionId) => ({ type: 'keepaliveReceived', connectionId }),
  '27 UpdateMsg': (connectionId) => ({ type: 'updateReceived', connectionId }),
  '27 UpdateMsg, End-of-RIB': (connectionId) => ({ type: 'endOfRibReceived', connectionId, family: 'ipv4-unicast' }),
  '28 UpdateMsgErr': malformed(3, 1),
  'ROUTE-REFRESH': (connectionId) => ({ type: 'routeRefreshReceived', connectionId }),
  'ROUTE-REFRESH error': malformed(7, 1),
};

/**
 * RFC 4271 section 8.2.2 for a peer whose only connection is in the state of the column (in Active and Connect it is
 * open and waits for the DelayOpenTimer). A cell is the peer's next state and what is sent, a NOTIFICATION as
 * code/subcode; "-" is an event that is ignored, with a reason reported.
 */
const TABLE = `
event                         | Idle     | Active                     | Connect                    | OpenSent              | OpenConfirm           | Established
1 ManualStart                 | Connect  | -                          | -                          | -                     | -                     | -
2 ManualStop                  | Idle     | Idle                       | Idle                       | Idle 6/2              | Idle 6/2              | Idle 6/2
2 ManualStop, deconfigured    | Idle     | Idle                       | Idle                       | Idle 6/3              | Idle 6/3              | Idle 6/3
2 ManualStop, silent          | Idle     | Idle                       | Idle                       | Idle                  | Idle                  | Idle
8 AutomaticStop, reset        | -        | Active                     | Active                     | Active 6/4            | Active 6/4            | Active 6/4
8 AutomaticStop, max-prefixes | -        | Idle                       | Idle                       | Idle 6/1              | Idle 6/1              | Idle 6/1
8 AutomaticStop, bfd-down     | -        | Idle                       | Idle                       | Idle 6/10             | Idle 6/10             | Idle 6/10
BFD down                      | -        | -                          | -                          | -                     | -                     | Idle 6/10
BFD down, independent         | -        | -                          | -                          | -                     | -                     | Idle 6/10
strict BFD holds              | Idle     | Idle                       | Idle                       | Idle 6/10             | Idle 6/10             | Established
strict BFD lets go            | Idle     | Active                     | Connect                    | OpenSent              | OpenConfirm           | Established
new description               | Idle     | Active                     | Connect                    | OpenSent              | OpenConfirm           | Established
own restart over              | Idle     | Active                     | Connect                    | OpenSent              | OpenConfirm           | Established
9 ConnectRetryTimer_Expires   | -        | -                          | -                          | -                     | -                     | -
10 HoldTimer_Expires          | -        | -                          | -                          | Idle 4/0              | Idle 4/0              | Idle 4/0
11 KeepaliveTimer_Expires     | -        | -                          | -                          | -                     | OpenConfirm keepalive | Established keepalive
12 DelayOpenTimer_Expires     | -        | OpenSent open              | OpenSent open              | -                     | -                     | -
13 IdleHoldTimer_Expires      | -        | -                          | -                          | -                     | -                     | -
29 SendHoldTimer_Expires      | -        | -                          | -                          | -                     | -                     | Idle
error forget timer            | -        | -                          | -                          | -                     | -                     | -
restart timer                 | -        | -                          | -                          | -                     | -                     | -
stale timer                   | -        | -                          | -                          | -                     | -                     | -
long-lived stale timer        | -        | -                          | -                          | -                     | -                     | -
16 Tcp_CR_Acked               | -        | -                          | -                          | -                     | -                     | -
17 TcpConnectionConfirmed     | Idle 6/5 | Active                     | Connect                    | OpenSent open         | OpenConfirm open      | Established 6/7
18 TcpConnectionFails         | -        | Active                     | Active                     | Active                | Idle                  | Active
19, 20 BGPOpen                | -        | OpenConfirm open keepalive | OpenConfirm open keepalive | OpenConfirm keepalive | Idle 5/2              | Idle 5/3
22 BGPOpenMsgErr, AS          | -        | Idle open 2/2              | Idle open 2/2              | Idle 2/2              | Idle 5/2              | Idle 5/3
21 BGPHeaderErr               | -        | Idle 1/1                   | Idle 1/1                   | Idle 1/1              | Idle 1/1              | Idle 1/1
22 BGPOpenMsgErr              | -        | Idle 2/4                   | Idle 2/4                   | Idle 2/4              | Idle 2/4              | Idle 2/4
24 NotifMsgVerErr             | -        | Idle                       | Idle                       | Idle                  | Idle                  | Idle
25 NotifMsg                   | -        | Idle                       | Idle                       | Idle                  | Idle                  | Idle
25 NotifMsg, collision        | -        | Active                     | Active                     | Active                | Active                | Active
26 KeepAliveMsg               | -        | Idle 5/0                   | Idle 5/0                   | Idle 5/1              | Established           | Established
27 UpdateMsg                  | -        | Idle 5/0                   | Idle 5/0                   | Idle 5/1              | Idle 5/2              | Established
27 UpdateMsg, End-of-RIB      | -        | Idle 5/0                   | Idle 5/0                   | Idle 5/1              | Idle 5/2              | Established
28 UpdateMsgErr               | -        | Idle 3/1                   | Idle 3/1                   | Idle 3/1              | Idle 3/1              | Idle 3/1
ROUTE-REFRESH                 | -        | Idle 5/0                   | Idle 5/0                   | Idle 5/1              | Idle 5/2              | Established
ROUTE-REFRESH error           | -        | Idle 7/1                   | Idle 7/1                   | Idle 7/1              | Idle 7/1              | Idle 7/1
`;

describe('the transition table', () => {
  const [, ...rows] = TABLE.trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const cells = rows.flatMap(([name, ...row]) =>
    FSM_COLUMNS.map(([state, situation], column) => [name, state, situation, row[column]] as const),
  );
  test.each(cells)('%s in %s', (name, _state, situation, expected) => {
    const driver = peerIn(situation);
    const event = EVENTS[name](situation.startsWith('Active') ? 'in-1' : 'out-1', driver.state.config);
    const timer = timerOf(event);
    const isRunning = timer === null || driver.timers.has(timerKey(timer));
    driver.apply(event);
    const isIgnored = driver.of('ignored').length > 0;
    const sent = driver.sent.replaceAll('notification ', '');
    const outcome = isIgnored ? '-' : `${driver.peerState} ${sent}`.trim();
    expect(outcome).toBe(expected);
    expect(isIgnored || isRunning).toBe(true);
    expect(driver.violations).toEqual([]);
  });

  test('has a row for every event in every state', () => {
    const peerEvents = Object.keys(PEER_TABLE.Idle).sort();
    for (const state of FSM_STATES) expect(Object.keys(PEER_TABLE[state]).sort()).toEqual(peerEvents);
    const connectionEvents = Object.keys(CONNECTION_TABLE.Active).sort();
    for (const row of Object.values(CONNECTION_TABLE)) expect(Object.keys(row).sort()).toEqual(connectionEvents);
    const covered = new Set(Object.values(EVENTS).map((eventFor) => eventFor('out-1', testConfig()).type));
    expect([...covered].sort()).toEqual([...peerEvents, ...connectionEvents].sort());
    expect(rows.map(([name]) => name)).toEqual(Object.keys(EVENTS));
  });
});

describe('every event in every situation', () => {
  function apply(driver: TestDriver, event: Event): void {
    const timer = timerOf(event);
    const isLate = timer !== null && !driver.timers.has(timerKey(timer));
    driver.apply(event);
    if (isLate) expect(driver.of('ignored')).toHaveLength(1);
  }

  test.each(SITUATIONS.map((situation) => [situation]))('%s: has an answer and keeps the rules', (situation) => {
    const count = allEvents(peerIn(situation)).length;
    for (let i = 0; i < count; i++) {
      const driver = peerIn(situation);
      expect(driver.violations).toEqual([]);
      expect(driver.peerState).toBe(situation.split(',')[0]);
      const event = allEvents(driver)[i];
      apply(driver, event);
      expect(driver.violations, JSON.stringify(event)).toEqual([]);
      // Nothing may be lost for good: a stop ends everything, a start gets the peer going again.
      apply(driver, { type: 'stop', cause: 'shutdown', text: null, silent: false });
      expect(driver.peerState).toBe('Idle');
      apply(driver, { type: 'start' });
      expect(driver.peerState === 'Idle').toBe(!driver.state.config.enabled || driver.state.isHeldByBfd);
      expect(driver.violations, JSON.stringify(event)).toEqual([]);
    }
  });

  test.each(SITUATIONS.map((situation) => [situation]))(
    '%s: events of closed connections change nothing',
    (situation) => {
      const driver = peerIn(situation);
      const before = JSON.stringify(driver.state);
      for (const event of allEvents(driver)) {
        if (!('connectionId' in event) || !['out-99', 'in-99'].includes(event.connectionId)) continue;
        driver.apply(event);
        expect(JSON.stringify(driver.state)).toBe(before);
        expect(driver.actions).toEqual([{ type: 'ignored', event: event.type, reason: expect.any(String) }]);
      }
    },
  );
});
