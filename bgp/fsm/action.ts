/**
 * What the machine asks the driver to do, to be done in the order given.
 *
 * Rules that the machine keeps: a connection that it knows of is always closed by a `close`, also when the peer closed
 * it first; after it nothing more is sent on that id and its timers are stopped. `sessionEstablished` and
 * `sessionDown` alternate.
 */

import type { FamilyName } from '../family.ts';
import type { NegotiatedSession } from '../negotiated.ts';
import type { KeepaliveMessage, NotificationMessage, OpenMessage } from '../wire/message-types.ts';
import type { EventType } from './event.ts';
import type { DownReason } from './reason.ts';
import type { ConnectionId, Timer } from './timers.ts';

export type OutgoingMessage = OpenMessage | KeepaliveMessage | NotificationMessage;

export type StaleRemovalCause =
  /** Restart Time over, and no long-lived retention (RFC 4724 section 4.2). */
  | 'restart-time-over'
  /** Long-lived Stale Time over (RFC 9494 section 4.2). */
  | 'long-lived-stale-time-over'
  /** The peer is back without having kept its forwarding state for the family. */
  | 'forwarding-not-preserved'
  /** The peer is back and has sent all that it has. */
  | 'end-of-rib'
  /** The peer is back but End-of-RIB never came. */
  | 'stale-time-over'
  /** The path to the peer is gone, and it says that this is no effect of its restart (RFC 5882 section 4.3.1). */
  | 'bfd-down'
  /** The peer was stopped here. */
  | 'stopped';

export type Action =
  /** Dial the peer under this id; answer with `outgoingConnectionOpened` or `connectionFailed`. */
  | { readonly type: 'connect'; readonly connectionId: ConnectionId }
  /**
   * Close, or give up dialling. What was handed over for sending goes out first, for a bounded time, unless `discard`:
   * then the connection is dropped with all that is unsent.
   */
  | { readonly type: 'close'; readonly connectionId: ConnectionId; readonly discard: boolean }
  | { readonly type: 'send'; readonly connectionId: ConnectionId; readonly message: OutgoingMessage }
  /** (Re)start; `jitter`: multiply by a random factor of 0.75 to 1 (RFC 4271 section 10). */
  | { readonly type: 'startTimer'; readonly timer: Timer; readonly seconds: number; readonly jitter: boolean }
  | { readonly type: 'stopTimer'; readonly timer: Timer }
  | {
      readonly type: 'sessionEstablished';
      readonly connectionId: ConnectionId;
      readonly session: NegotiatedSession;
    }
  /** Times of the established session changed with the configuration; everything else is as before. */
  | {
      readonly type: 'sessionUpdated';
      readonly connectionId: ConnectionId;
      readonly session: NegotiatedSession;
    }
  /**
   * The session is over. Families in `retain` (by family index) keep the peer's routes, marked stale; of those that
   * were still stale from an earlier restart only where `retainOlder` says so. All other routes go.
   */
  | {
      readonly type: 'sessionDown';
      readonly connectionId: ConnectionId;
      readonly reason: DownReason;
      readonly retain: readonly [boolean, boolean];
      readonly retainOlder: readonly [boolean, boolean];
    }
  /** A connection ended that never carried the session. */
  | { readonly type: 'attemptFailed'; readonly connectionId: ConnectionId; readonly reason: DownReason }
  /** Remove the peer's routes that are still stale in the family. */
  | { readonly type: 'removeStaleRoutes'; readonly family: FamilyName; readonly cause: StaleRemovalCause }
  /** RFC 9494 section 4.2: remove stale routes with NO_LLGR, make the others least preferred and LLGR_STALE. */
  | { readonly type: 'markLongLivedStale'; readonly family: FamilyName }
  /** Nothing to do but to log it. */
  | { readonly type: 'report'; readonly topic: ReportTopic; readonly text: string }
  /** The event came too late, or means nothing in this state. */
  | { readonly type: 'ignored'; readonly event: EventType; readonly reason: string };

export type ReportTopic =
  /** Something of the configuration or of the peer's OPEN could not be used as it is. */
  'negotiation' | 'idle-hold' | 'configuration';

export type ActionType = Action['type'];
