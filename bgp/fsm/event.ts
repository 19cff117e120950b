/**
 * Everything that can happen to a peer, with the numbers of RFC 4271 section 8.1 (29: RFC 9687).
 *
 * Not here, because they never reach the machine: events 14 and 15 (TcpConnection_Valid, Tcp_CR_Invalid), since the
 * listener asks the configuration before it asks the machine; events 4 to 7, since being passive and damping are
 * configuration and not kinds of start; event 23 (OpenCollisionDump), since collisions are resolved within one step.
 */

import { FAMILY_NAMES, type FamilyName, familyOf } from '../family.ts';
import type { SessionConfig } from '../session-config.ts';
import type { NotificationError } from '../wire/error.ts';
import type { Message, NotificationMessage, OpenMessage } from '../wire/message-types.ts';
import type { AdministrativeCause } from './reason.ts';
import type { LocalRestart } from './state.ts';
import type { ConnectionId, Timer } from './timers.ts';

/** Where a connection runs, by id. */
interface OnConnection {
  readonly connectionId: ConnectionId;
}

export type Event =
  /** Events 1 and 3, ManualStart and AutomaticStart. In idle-hold: do not wait any longer. */
  | { readonly type: 'start' }
  /**
   * Event 2, ManualStop: close everything and stay in Idle until `start`. `silent` sends no NOTIFICATION and lets the
   * routes be, as for a process that exits and will be back: peers with graceful restart keep ours.
   */
  | {
      readonly type: 'stop';
      readonly cause: AdministrativeCause;
      /** Shutdown communication, RFC 9003. */
      readonly text: string | null;
      readonly silent: boolean;
    }
  /** Event 8, AutomaticStop: close everything and begin anew after `restartAfterSeconds` (null: as the cause asks). */
  | {
      readonly type: 'reset';
      readonly cause: AdministrativeCause;
      readonly text: string | null;
      readonly restartAfterSeconds: number | null;
    }
  /** New configuration of the same peer; config-change.ts says what becomes of the session. */
  | { readonly type: 'configure'; readonly config: SessionConfig }
  /** Our own restart began, made progress or is over: counts for OPENs from now on. */
  | { readonly type: 'localRestartChanged'; readonly localRestart: LocalRestart }
  /**
   * RFC 5882 section 3.2: the path to the peer is gone. `isIndependent`: the peer's BFD does not share fate with its
   * control plane (C bit), so that this is more than a restart of it.
   */
  | { readonly type: 'bfdDown'; readonly isIndependent: boolean }
  /** RFC 5882 section 4.1: no session may be begun (any longer, again) before BFD is Up; one that is up stays. */
  | { readonly type: 'bfdHoldChanged'; readonly holds: boolean }
  /** Event 9. */
  | { readonly type: 'connectRetryTimerExpired' }
  /** Event 10. */
  | ({ readonly type: 'holdTimerExpired' } & OnConnection)
  /** Event 11. */
  | ({ readonly type: 'keepaliveTimerExpired' } & OnConnection)
  /** Event 12. */
  | ({ readonly type: 'delayOpenTimerExpired' } & OnConnection)
  /** Event 13. */
  | { readonly type: 'idleHoldTimerExpired' }
  /** Event 29, RFC 9687. */
  | ({ readonly type: 'sendHoldTimerExpired' } & OnConnection)
  /** No error for `idleHold.forgetSeconds`. */
  | { readonly type: 'errorForgetTimerExpired' }
  /** RFC 4724 section 4.2: the peer is not back within its Restart Time. */
  | { readonly type: 'restartTimerExpired' }
  /** RFC 8538 section 4.1: the peer is back but has not sent End-of-RIB. */
  | { readonly type: 'staleTimerExpired' }
  /** RFC 9494 section 4.2. */
  | { readonly type: 'longLivedStaleTimerExpired'; readonly family: FamilyName }
  /** Event 16, Tcp_CR_Acked: a dialled connection is open. */
  | ({ readonly type: 'outgoingConnectionOpened' } & OnConnection)
  /** Event 17, TcpConnectionConfirmed: a connection of this peer came in. */
  | { readonly type: 'incomingConnectionOpened'; readonly connectionId: `in-${number}` }
  /** Event 18, TcpConnectionFails: the dial failed, or an open connection ended (`error` null: closed in order). */
  | ({ readonly type: 'connectionFailed'; readonly error: string | null } & OnConnection)
  /** Events 19 and 20. */
  | ({ readonly type: 'openReceived'; readonly open: OpenMessage } & OnConnection)
  /** Event 26. */
  | ({ readonly type: 'keepaliveReceived' } & OnConnection)
  /** Event 27; only that it came matters here. */
  | ({ readonly type: 'updateReceived' } & OnConnection)
  /** RFC 2918, RFC 7313; only that it came matters here. */
  | ({ readonly type: 'routeRefreshReceived' } & OnConnection)
  /** Events 24 and 25. */
  | ({ readonly type: 'notificationReceived'; readonly notification: NotificationMessage } & OnConnection)
  /** Events 21, 22 and 28, and RFC 7313 section 5: a message that asks for a session reset. */
  | ({ readonly type: 'messageMalformed'; readonly error: NotificationError } & OnConnection)
  /** RFC 4724 section 2: the End-of-RIB marker of a family. */
  | ({ readonly type: 'endOfRibReceived'; readonly family: FamilyName } & OnConnection);

export type EventType = Event['type'];

/** The event of one type. */
export type EventOf<T extends EventType> = Extract<Event, { readonly type: T }>;

/** The event that a decoded message is, on the connection that brought it. */
export function messageReceived(connectionId: ConnectionId, message: Message): Event {
  switch (message.type) {
    case 'open':
      return { type: 'openReceived', connectionId, open: message };
    case 'keepalive':
      return { type: 'keepaliveReceived', connectionId };
    case 'notification':
      return { type: 'notificationReceived', connectionId, notification: message };
    case 'route-refresh':
      return { type: 'routeRefreshReceived', connectionId };
    case 'update': {
      const { endOfRib } = message;
      const family = endOfRib === undefined ? -1 : familyOf(endOfRib.afi, endOfRib.safi);
      return family === -1
        ? { type: 'updateReceived', connectionId }
        : { type: 'endOfRibReceived', connectionId, family: FAMILY_NAMES[family] };
    }
  }
}

/** The event that says that a timer has run out. */
export function timerExpired(timer: Timer): Event {
  switch (timer.name) {
    case 'connectRetry':
      return { type: 'connectRetryTimerExpired' };
    case 'idleHold':
      return { type: 'idleHoldTimerExpired' };
    case 'errorForget':
      return { type: 'errorForgetTimerExpired' };
    case 'restart':
      return { type: 'restartTimerExpired' };
    case 'stale':
      return { type: 'staleTimerExpired' };
    case 'longLivedStale':
      return { type: 'longLivedStaleTimerExpired', family: timer.family };
    case 'hold':
      return { type: 'holdTimerExpired', connectionId: timer.connectionId };
    case 'keepalive':
      return { type: 'keepaliveTimerExpired', connectionId: timer.connectionId };
    case 'sendHold':
      return { type: 'sendHoldTimerExpired', connectionId: timer.connectionId };
    case 'delayOpen':
      return { type: 'delayOpenTimerExpired', connectionId: timer.connectionId };
  }
}

/** The timer whose end an event reports; null for all other events. */
export function timerOf(event: Event): Timer | null {
  switch (event.type) {
    case 'connectRetryTimerExpired':
      return { name: 'connectRetry' };
    case 'idleHoldTimerExpired':
      return { name: 'idleHold' };
    case 'errorForgetTimerExpired':
      return { name: 'errorForget' };
    case 'restartTimerExpired':
      return { name: 'restart' };
    case 'staleTimerExpired':
      return { name: 'stale' };
    case 'longLivedStaleTimerExpired':
      return { name: 'longLivedStale', family: event.family };
    case 'holdTimerExpired':
      return { name: 'hold', connectionId: event.connectionId };
    case 'keepaliveTimerExpired':
      return { name: 'keepalive', connectionId: event.connectionId };
    case 'sendHoldTimerExpired':
      return { name: 'sendHold', connectionId: event.connectionId };
    case 'delayOpenTimerExpired':
      return { name: 'delayOpen', connectionId: event.connectionId };
    default:
      return null;
  }
}
