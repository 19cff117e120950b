/**
 * What the tests of this folder share: messages of a usual peer, a driver without sockets and clock that checks after
 * every step what must always hold, and the situations that a peer can be in.
 */

import { type SessionConfig, sessionConfig } from '../session-config.ts';
import type { Capability } from '../wire/capability.ts';
import type { OpenMessage } from '../wire/message-types.ts';
import type { Action, ActionType } from './action.ts';
import { type Event, timerExpired } from './event.ts';
import { connectionsOf, createPeer, type FsmState, type LocalRestart, type PeerState, peerStateOf } from './state.ts';
import { type ConnectionId, type Timer, timerKey } from './timers.ts';
import { step } from './transition.ts';

export const LOCAL_IDENTIFIER = 0x0a000001;
/** Lower than ours, so that the connection that we dial wins a collision. */
export const LOW_IDENTIFIER = 0x0a000000;
/** Higher than ours, so that the connection that the peer dials wins. */
export const HIGH_IDENTIFIER = 0x0a000002;

export function testConfig(given: Partial<SessionConfig> = {}): SessionConfig {
  return sessionConfig({
    name: 'peer',
    peerAddress: '10.0.0.2',
    localAs: 64512,
    peerAs: 64512,
    bgpIdentifier: '10.0.0.1',
    ...given,
  });
}

export const PEER_RESTART: Capability = {
  kind: 'graceful-restart',
  restarted: false,
  notification: true,
  restartTimeSeconds: 120,
  families: [{ afi: 1, safi: 1, forwardingPreserved: true }],
};

/** The OPEN of a peer in AS 64512 with IPv4, four-octet AS numbers and whatever else is given. */
export function peerOpen(given: Partial<OpenMessage> = {}, more: readonly Capability[] = []): OpenMessage {
  return {
    type: 'open',
    version: 4,
    as: 64512,
    myAs: 64512,
    holdTimeSeconds: 90,
    bgpIdentifier: HIGH_IDENTIFIER,
    capabilities: [
      { kind: 'multiprotocol', afi: 1, safi: 1 },
      { kind: 'four-octet-as', as: 64512 },
      { kind: 'route-refresh' },
      ...more,
    ],
    ...given,
  };
}

/** A driver without sockets and clock. `apply` returns the actions and notes every broken rule in `violations`. */
export class TestDriver {
  state: PeerState;
  readonly violations: string[] = [];
  readonly timers = new Map<string, { readonly timer: Timer; readonly seconds: number; readonly jitter: boolean }>();
  readonly dialling = new Set<ConnectionId>();
  readonly open = new Set<ConnectionId>();
  readonly closed = new Set<ConnectionId>();
  isEstablished = false;
  actions: readonly Action[] = [];

  constructor(config: SessionConfig = testConfig(), localRestart?: LocalRestart) {
    this.state = createPeer(config, localRestart);
  }

  apply(...events: readonly Event[]): readonly Action[] {
    for (const event of events) this.#applyOne(event);
    return this.actions;
  }

  #applyOne(event: Event): void {
    const before = JSON.stringify(this.state);
    if (event.type === 'incomingConnectionOpened') this.open.add(event.connectionId);
    if (event.type === 'outgoingConnectionOpened' && this.dialling.delete(event.connectionId))
      this.open.add(event.connectionId);
    for (const [key, { timer }] of this.timers)
      if (JSON.stringify(timerExpired(timer)) === JSON.stringify(event)) this.timers.delete(key);
    const result = step(this.state, event);
    if (JSON.stringify(this.state) !== before) this.#violated(event, 'the given state was changed');
    this.state = result.state;
    this.actions = result.actions;
    let sentNotifications = 0;
    for (const action of result.actions) {
      this.#perform(event, action);
      if (action.type !== 'send' || action.message.type !== 'notification') continue;
      if (event.type === 'notificationReceived' && action.connectionId === event.connectionId) sentNotifications++;
    }
    if (sentNotifications > 0) this.#violated(event, 'a NOTIFICATION was answered with one');
    this.#checkState(event);
  }

  #perform(event: Event, action: Action): void {
    switch (action.type) {
      case 'connect':
        if (this.dialling.has(action.connectionId) || this.closed.has(action.connectionId))
          this.#violated(event, `${action.connectionId} was dialled twice`);
        this.dialling.add(action.connectionId);
        break;
      case 'send':
        if (!this.open.has(action.connectionId)) this.#violated(event, `sent on ${action.connectionId}, not open`);
        break;
      case 'close':
        if (!this.open.delete(action.connectionId) && !this.dialling.delete(action.connectionId))
          this.#violated(event, `closed ${action.connectionId}, which is not there`);
        this.closed.add(action.connectionId);
        for (const { timer } of this.timers.values())
          if ('connectionId' in timer && timer.connectionId === action.connectionId)
            this.#violated(event, `${timerKey(timer)} outlived its connection`);
        break;
      case 'startTimer':
        if (!(action.seconds > 0)) this.#violated(event, `${timerKey(action.timer)} started with ${action.seconds} s`);
        if ('connectionId' in action.timer && !this.open.has(action.timer.connectionId))
          this.#violated(event, `${timerKey(action.timer)} started on a closed connection`);
        this.timers.set(timerKey(action.timer), action);
        break;
      case 'stopTimer':
        if (!this.timers.delete(timerKey(action.timer)))
          this.#violated(event, `stopped ${timerKey(action.timer)}, which does not run`);
        break;
      case 'sessionEstablished':
        if (this.isEstablished) this.#violated(event, 'two sessions at once');
        this.isEstablished = true;
        break;
      case 'sessionDown':
        if (!this.isEstablished) this.#violated(event, 'no session to go down');
        this.isEstablished = false;
        break;
      default:
        break;
    }
  }

  #checkState(event: Event): void {
    const { state } = this;
    const running = [...this.timers.keys()].sort().join();
    const claimed = state.timers.map(timerKey).sort().join();
    if (running !== claimed) this.#violated(event, `timers ${claimed} claimed but ${running} run`);
    const connections = connectionsOf(state);
    const there = [...this.open, ...this.dialling].sort().join();
    const known = connections.map(({ id }) => id).sort();
    if (there !== known.join()) this.#violated(event, `connections ${known.join()} known but ${there} there`);
    if (connections.filter((connection) => connection.state === 'Established').length > 1)
      this.#violated(event, 'two connections are Established');
    if ((state.session !== null) !== this.isEstablished) this.#violated(event, 'session and actions disagree');
    if (peerStateOf(state) === 'Idle') {
      if (connections.length > 0) this.#violated(event, 'Idle with a connection');
      const allowed = ['idleHold', 'errorForget', 'restart', 'longLivedStale'];
      for (const timer of state.timers)
        if (!allowed.includes(timer.name)) this.#violated(event, `${timerKey(timer)} runs in Idle`);
    }
    if (!state.isStarted && (state.timers.length > 0 || connections.length > 0))
      this.#violated(event, 'a stopped peer still does something');
    if (state.timers.some(({ name }) => name === 'connectRetry') && (state.config.passive || state.session !== null))
      this.#violated(event, 'connectRetry runs though there is nothing to dial for');
    // Whoever is awake, not passive and without a session must have a dial under way or ahead.
    const waits = state.timers.some(({ name }) => name === 'connectRetry' || name === 'idleHold');
    const isFree = state.isStarted && !state.isHeldByBfd && !state.config.passive;
    if (isFree && state.session === null && state.outgoing === null && !waits)
      this.#violated(event, 'nothing will ever dial again');
    if (JSON.stringify(JSON.parse(JSON.stringify(state))) !== JSON.stringify(state))
      this.#violated(event, 'the state is not plain data');
  }

  #violated(event: Event, rule: string): void {
    this.violations.push(`${event.type} in ${peerStateOf(this.state)}: ${rule}`);
  }

  /** Lets the timer of this name run out, which must be running. */
  expire(name: Timer['name']): readonly Action[] {
    for (const { timer } of this.timers.values()) if (timer.name === name) return this.apply(timerExpired(timer));
    throw new Error(`no timer ${name} runs`);
  }

  get peerState(): FsmState {
    return peerStateOf(this.state);
  }

  /** The actions of the last step of one type. */
  of<T extends ActionType>(type: T): Extract<Action, { readonly type: T }>[] {
    return this.actions.filter((action): action is Extract<Action, { readonly type: T }> => action.type === type);
  }

  /** What the last step sent, in short: `open keepalive notification 6/2`. */
  get sent(): string {
    return this.of('send')
      .map(({ message }) =>
        message.type === 'notification' ? `notification ${message.code}/${message.subcode}` : message.type,
      )
      .join(' ');
  }

  get closedNow(): string {
    return this.of('close')
      .map(({ connectionId }) => connectionId)
      .join(' ');
  }
}

export type Situation = (typeof SITUATIONS)[number];

/** All kinds of states that differ for some event. */
export const SITUATIONS = [
  'Idle, stopped',
  'Idle, in idle-hold',
  'Idle, in idle-hold, routes kept',
  'Active, waiting to dial',
  'Active, passive',
  'Active, passive, incoming waits for DelayOpen',
  'Active, waiting to dial, routes kept',
  'Connect, dialling',
  'Connect, outgoing waits for DelayOpen',
  'OpenSent, outgoing',
  'OpenSent, incoming',
  'OpenSent, both',
  'OpenSent, incoming, dialling',
  'OpenSent, incoming, idle-hold for the other',
  'OpenConfirm, outgoing',
  'OpenConfirm, incoming',
  'OpenConfirm, outgoing, incoming in OpenSent',
  'OpenConfirm, incoming, waiting to dial',
  'Established, outgoing',
  'Established, incoming',
  'Established, graceful restart',
  'Established, graceful restart, newer incoming in OpenSent',
  'Established, graceful restart, newer incoming in OpenConfirm',
  'Established, awaiting End-of-RIB',
] as const;

const START: Event = { type: 'start' };

/** A peer that has been brought into the situation by events. */
export function peerIn(situation: Situation): TestDriver {
  const passive = () => new TestDriver(testConfig({ passive: true }));
  const established = (more: readonly Capability[]): TestDriver => {
    const driver = peerIn('OpenSent, outgoing');
    driver.apply(
      { type: 'openReceived', connectionId: 'out-1', open: peerOpen({}, more) },
      { type: 'keepaliveReceived', connectionId: 'out-1' },
    );
    return driver;
  };
  const driver = situation.startsWith('Established') ? established([]) : new TestDriver();
  switch (situation) {
    case 'Idle, stopped':
      return driver;
    case 'Idle, in idle-hold':
      driver.apply(
        START,
        { type: 'outgoingConnectionOpened', connectionId: 'out-1' },
        { type: 'openReceived', connectionId: 'out-1', open: peerOpen({ as: 1 }) },
      );
      return driver;
    case 'Idle, in idle-hold, routes kept': {
      const gone = established([PEER_RESTART]);
      gone.apply({ type: 'holdTimerExpired', connectionId: 'out-1' });
      return gone;
    }
    case 'Active, waiting to dial':
      driver.apply(START, { type: 'connectionFailed', connectionId: 'out-1', error: 'ECONNREFUSED' });
      return driver;
    case 'Active, passive': {
      const waiting = passive();
      waiting.apply(START);
      return waiting;
    }
    case 'Active, passive, incoming waits for DelayOpen': {
      const waiting = new TestDriver(testConfig({ passive: true, delayOpenTimeSeconds: 2 }));
      waiting.apply(START, { type: 'incomingConnectionOpened', connectionId: 'in-1' });
      return waiting;
    }
    case 'Active, waiting to dial, routes kept': {
      const gone = established([PEER_RESTART]);
      gone.apply({ type: 'connectionFailed', connectionId: 'out-1', error: null });
      return gone;
    }
    case 'Connect, dialling':
      driver.apply(START);
      return driver;
    case 'Connect, outgoing waits for DelayOpen': {
      const waiting = new TestDriver(testConfig({ delayOpenTimeSeconds: 2 }));
      waiting.apply(START, { type: 'outgoingConnectionOpened', connectionId: 'out-1' });
      return waiting;
    }
    case 'OpenSent, outgoing':
      driver.apply(START, { type: 'outgoingConnectionOpened', connectionId: 'out-1' });
      return driver;
    case 'OpenSent, incoming': {
      const waiting = passive();
      waiting.apply(START, { type: 'incomingConnectionOpened', connectionId: 'in-1' });
      return waiting;
    }
    case 'OpenSent, both':
      driver.apply(
        START,
        { type: 'outgoingConnectionOpened', connectionId: 'out-1' },
        { type: 'incomingConnectionOpened', connectionId: 'in-1' },
      );
      return driver;
    case 'OpenSent, incoming, dialling':
      driver.apply(START, { type: 'incomingConnectionOpened', connectionId: 'in-1' });
      return driver;
    case 'OpenSent, incoming, idle-hold for the other': {
      const both = peerIn('OpenSent, both');
      both.apply({ type: 'openReceived', connectionId: 'out-1', open: peerOpen({ as: 1 }) });
      return both;
    }
    case 'OpenConfirm, outgoing':
      driver.apply(
        START,
        { type: 'outgoingConnectionOpened', connectionId: 'out-1' },
        { type: 'openReceived', connectionId: 'out-1', open: peerOpen() },
      );
      return driver;
    case 'OpenConfirm, incoming': {
      const waiting = peerIn('OpenSent, incoming');
      waiting.apply({ type: 'openReceived', connectionId: 'in-1', open: peerOpen() });
      return waiting;
    }
    case 'OpenConfirm, outgoing, incoming in OpenSent': {
      const both = peerIn('OpenSent, both');
      both.apply({ type: 'openReceived', connectionId: 'out-1', open: peerOpen() });
      return both;
    }
    case 'OpenConfirm, incoming, waiting to dial':
      driver.apply(
        START,
        { type: 'connectionFailed', connectionId: 'out-1', error: 'ECONNREFUSED' },
        { type: 'incomingConnectionOpened', connectionId: 'in-1' },
        { type: 'openReceived', connectionId: 'in-1', open: peerOpen() },
      );
      return driver;
    case 'Established, outgoing':
      return driver;
    case 'Established, incoming': {
      const waiting = peerIn('OpenConfirm, incoming');
      waiting.apply({ type: 'keepaliveReceived', connectionId: 'in-1' });
      return waiting;
    }
    case 'Established, graceful restart':
      return established([PEER_RESTART]);
    case 'Established, graceful restart, newer incoming in OpenSent': {
      const back = established([PEER_RESTART]);
      back.apply({ type: 'incomingConnectionOpened', connectionId: 'in-1' });
      return back;
    }
    case 'Established, graceful restart, newer incoming in OpenConfirm': {
      const back = peerIn('Established, graceful restart, newer incoming in OpenSent');
      back.apply({ type: 'openReceived', connectionId: 'in-1', open: peerOpen({}, [PEER_RESTART]) });
      return back;
    }
    case 'Established, awaiting End-of-RIB': {
      const back = peerIn('Established, graceful restart, newer incoming in OpenConfirm');
      back.apply({ type: 'keepaliveReceived', connectionId: 'in-1' });
      return back;
    }
  }
}

/** Every type of event, those about a connection on each connection there is and on one that is not. */
export function allEvents(driver: TestDriver): Event[] {
  const ids: ConnectionId[] = [...connectionsOf(driver.state).map(({ id }) => id), 'out-99', 'in-99'];
  const notification = (code: number, subcode: number, data = '') =>
    ({ type: 'notification', code, subcode, data }) as const;
  const events: Event[] = [
    { type: 'start' },
    { type: 'stop', cause: 'shutdown', text: 'maintenance', silent: false },
    { type: 'stop', cause: 'deconfigured', text: null, silent: false },
    { type: 'stop', cause: 'shutdown', text: null, silent: true },
    { type: 'reset', cause: 'reset', text: null, restartAfterSeconds: null },
    { type: 'reset', cause: 'hard-reset', text: null, restartAfterSeconds: 0 },
    { type: 'reset', cause: 'max-prefixes', text: null, restartAfterSeconds: null },
    { type: 'reset', cause: 'max-prefixes', text: null, restartAfterSeconds: 60 },
    { type: 'configure', config: driver.state.config },
    { type: 'configure', config: { ...driver.state.config, description: 'new' } },
    { type: 'configure', config: { ...driver.state.config, keepaliveTimeSeconds: 7 } },
    { type: 'configure', config: { ...driver.state.config, passive: !driver.state.config.passive } },
    { type: 'configure', config: { ...driver.state.config, holdTimeSeconds: 30 } },
    { type: 'configure', config: { ...driver.state.config, enabled: false } },
    { type: 'localRestartChanged', localRestart: { isRestarting: true, forwardingPreserved: [true, true] } },
    { type: 'bfdDown', isIndependent: false },
    { type: 'bfdDown', isIndependent: true },
    { type: 'bfdHoldChanged', holds: true },
    { type: 'bfdHoldChanged', holds: false },
    { type: 'connectRetryTimerExpired' },
    { type: 'idleHoldTimerExpired' },
    { type: 'errorForgetTimerExpired' },
    { type: 'restartTimerExpired' },
    { type: 'staleTimerExpired' },
    { type: 'longLivedStaleTimerExpired', family: 'ipv4-unicast' },
    { type: 'longLivedStaleTimerExpired', family: 'ipv6-unicast' },
    { type: 'incomingConnectionOpened', connectionId: 'in-50' },
  ];
  for (const connectionId of ids)
    events.push(
      { type: 'holdTimerExpired', connectionId },
      { type: 'keepaliveTimerExpired', connectionId },
      { type: 'delayOpenTimerExpired', connectionId },
      { type: 'sendHoldTimerExpired', connectionId },
      { type: 'outgoingConnectionOpened', connectionId },
      { type: 'connectionFailed', connectionId, error: null },
      { type: 'connectionFailed', connectionId, error: 'ECONNRESET' },
      { type: 'openReceived', connectionId, open: peerOpen() },
      { type: 'openReceived', connectionId, open: peerOpen({ bgpIdentifier: LOW_IDENTIFIER }, [PEER_RESTART]) },
      { type: 'openReceived', connectionId, open: peerOpen({ as: 7 }) },
      { type: 'keepaliveReceived', connectionId },
      { type: 'updateReceived', connectionId },
      { type: 'routeRefreshReceived', connectionId },
      { type: 'notificationReceived', connectionId, notification: notification(6, 2) },
      { type: 'notificationReceived', connectionId, notification: notification(6, 7) },
      { type: 'notificationReceived', connectionId, notification: notification(6, 9, '0602') },
      { type: 'notificationReceived', connectionId, notification: notification(2, 1, '0004') },
      { type: 'notificationReceived', connectionId, notification: notification(2, 4) },
      { type: 'messageMalformed', connectionId, error: { code: 1, subcode: 1, data: '', reason: 'marker' } },
      { type: 'messageMalformed', connectionId, error: { code: 2, subcode: 4, data: '', reason: 'parameter' } },
      { type: 'messageMalformed', connectionId, error: { code: 3, subcode: 1, data: '', reason: 'attributes' } },
      { type: 'messageMalformed', connectionId, error: { code: 7, subcode: 1, data: '', reason: 'length' } },
      { type: 'endOfRibReceived', connectionId, family: 'ipv4-unicast' },
      { type: 'endOfRibReceived', connectionId, family: 'ipv6-unicast' },
    );
  return events;
}
