/**
 * What a peer's session machine remembers: plain values that can be printed, compared and replayed.
 *
 * RFC 4271 section 8.2.1 wants a state machine per connection until it is known which one will carry the session. A
 * peer therefore has three places: the connection that we dial, the one that came in, and the session, which is the
 * connection that reached Established. Each connection is in an RFC 4271 state of its own; the peer's state is that of
 * the one furthest along, or Active or Idle when there is none.
 */

import type { FamilyName } from '../family.ts';
import type { NegotiatedSession } from '../negotiated.ts';
import type { SessionConfig } from '../session-config.ts';
import type { OpenMessage } from '../wire/message-types.ts';
import type { ConnectionDirection } from './collision.ts';
import type { DownReason } from './reason.ts';
import type { ConnectionId, Timer } from './timers.ts';

/** RFC 4271 section 8.2.2. */
export type FsmState = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established';

/** In ascending order of progress. */
export const FSM_STATES: readonly FsmState[] = ['Idle', 'Active', 'Connect', 'OpenSent', 'OpenConfirm', 'Established'];

export interface Connection {
  readonly id: ConnectionId;
  readonly direction: ConnectionDirection;
  /**
   * Connect: being dialled, or open and waiting for the DelayOpenTimer. Active: came in and waits for the
   * DelayOpenTimer. A connection is never Idle: then it is not there.
   */
  readonly state: Exclude<FsmState, 'Idle'>;
  /** False only while being dialled. */
  readonly isOpen: boolean;
  /** The OPEN that we sent on it; null before. */
  readonly sentOpen: OpenMessage | null;
  /** From OpenConfirm on. */
  readonly negotiated: NegotiatedSession | null;
}

/** What of our own restart the OPENs tell (RFC 4724 section 3); the same for all peers of a speaker. */
export interface LocalRestart {
  /** R bit: this process restarted and has not yet converged. */
  readonly isRestarting: boolean;
  /** F bits by family index: routes of an earlier life of this process are still in the kernel. */
  readonly forwardingPreserved: readonly [boolean, boolean];
}

export const NO_RESTART: LocalRestart = { isRestarting: false, forwardingPreserved: [false, false] };

/** A family whose routes from the peer outlive the session (helper side of graceful restart). */
export interface RetainedFamily {
  readonly phase: /** Session down, RFC 4724. */
    | 'restarting'
    /** Session down or up again, RFC 9494: the routes are least preferred. */
    | 'long-lived'
    /** Session up again, End-of-RIB has not come. */
    | 'refreshing';
  /** RFC 9494 stale time that follows the restart time; 0: none. */
  readonly longLivedStaleTimeSeconds: number;
  /** Losses of the session before End-of-RIB that the oldest of these routes have outlived. */
  readonly lossesOutlived: number;
}

export interface PeerState {
  readonly config: SessionConfig;
  readonly localRestart: LocalRestart;
  /** Between `start` and `stop`. */
  readonly isStarted: boolean;
  /** Strict BFD: the peer sleeps until BFD is Up. */
  readonly isHeldByBfd: boolean;
  /** Connect, OpenSent or OpenConfirm. */
  readonly outgoing: Connection | null;
  /** Active, OpenSent or OpenConfirm. */
  readonly incoming: Connection | null;
  /** Established. */
  readonly session: Connection | null;
  /** Those that run, in the order they were started. */
  readonly timers: readonly Timer[];
  /** Number of the next connection that we dial. */
  readonly nextDialNumber: number;
  /** RFC 4271 ConnectRetryCounter: attempts that failed since the last start or session. */
  readonly connectRetryCounter: number;
  /** Idle-hold time of the last error; 0 when none is remembered. */
  readonly lastIdleHoldSeconds: number;
  /** The peer refused the Capabilities parameter (2/4): the next attempt goes without it (RFC 5492 section 3). */
  readonly omitCapabilities: boolean;
  /** Sessions that reached Established since the peer was created. */
  readonly establishedCount: number;
  /** Families whose routes are kept without a session, by family index. */
  readonly retained: readonly [RetainedFamily | null, RetainedFamily | null];
  /** Why the last connection or session ended; null after the peer is created or a session is established. */
  readonly lastDownReason: DownReason | null;
}

/** A new peer: Idle until its `start`. */
export function createPeer(config: SessionConfig, localRestart: LocalRestart = NO_RESTART): PeerState {
  return {
    config,
    localRestart,
    isStarted: false,
    isHeldByBfd: config.bfd?.strict === true,
    outgoing: null,
    incoming: null,
    session: null,
    timers: [],
    nextDialNumber: 1,
    connectRetryCounter: 0,
    lastIdleHoldSeconds: 0,
    omitCapabilities: false,
    establishedCount: 0,
    retained: [null, null],
    lastDownReason: null,
  };
}

/** The peer's state as RFC 4271 and every show command name it. */
export function peerStateOf(peer: PeerState): FsmState {
  if (peer.session !== null) return 'Established';
  const outgoing = peer.outgoing === null ? 0 : FSM_STATES.indexOf(peer.outgoing.state);
  const incoming = peer.incoming === null ? 0 : FSM_STATES.indexOf(peer.incoming.state);
  const furthest = FSM_STATES[Math.max(outgoing, incoming)];
  return furthest === 'Idle' && isAwake(peer) ? 'Active' : furthest;
}

/** Started, not in idle-hold and not waiting for BFD. */
export function isAwake(peer: PeerState): boolean {
  return peer.isStarted && !peer.isHeldByBfd && !peer.timers.some((timer) => timer.name === 'idleHold');
}

/** State of the side of the machine that dials: Active while it waits for the ConnectRetryTimer. */
export function dialStateOf(peer: PeerState): FsmState {
  if (peer.outgoing !== null) return peer.outgoing.state;
  return isAwake(peer) && peer.session === null && !peer.config.passive ? 'Active' : 'Idle';
}

/** The connection with this id, wherever it stands; null when it is closed or was never there. */
export function connectionOf(peer: PeerState, id: ConnectionId): Connection | null {
  if (peer.session?.id === id) return peer.session;
  if (peer.outgoing?.id === id) return peer.outgoing;
  return peer.incoming?.id === id ? peer.incoming : null;
}

/** All connections that are not closed. */
export function connectionsOf(peer: PeerState): Connection[] {
  return [peer.session, peer.outgoing, peer.incoming].filter((connection) => connection !== null);
}

/** Names of the families whose routes are kept without a session. */
export function retainedFamilies(peer: PeerState): FamilyName[] {
  const names: FamilyName[] = [];
  if (peer.retained[0] !== null) names.push('ipv4-unicast');
  if (peer.retained[1] !== null) names.push('ipv6-unicast');
  return names;
}
