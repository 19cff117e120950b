/**
 * When to dial: at once, after the ConnectRetryTime, or not at all. RFC 4271 section 8.2.2, states Idle and Active.
 */

import { isAwake, type PeerState } from './state.ts';
import { act, putConnection, startTimer, type Turn } from './turn.ts';

/** Whether a dial could be begun now. */
function mayDial(peer: PeerState): boolean {
  return isAwake(peer) && !peer.config.passive && peer.session === null && peer.outgoing === null;
}

/** Dials, unless the peer is passive, asleep, already being dialled or in session. */
export function dial(turn: Turn): void {
  const { peer } = turn;
  if (!mayDial(peer)) return;
  const connectionId = `out-${peer.nextDialNumber}` as const;
  peer.nextDialNumber++;
  putConnection(turn, {
    id: connectionId,
    direction: 'outgoing',
    state: 'Connect',
    isOpen: false,
    sentOpen: null,
    negotiated: null,
  });
  act(turn, { type: 'connect', connectionId });
  startConnectRetryTimer(turn);
}

/** Dials after the given time, or at once when it is 0; unless it must not. */
export function dialAfter(turn: Turn, seconds: number): void {
  if (!mayDial(turn.peer)) return;
  // Jittered as the timer always is, so that peers that were configured together are not dialled in one instant.
  if (seconds > 0) startTimer(turn, { name: 'connectRetry' }, seconds, true);
  else dial(turn);
}

/** Dials again after the ConnectRetryTime. */
export function dialLater(turn: Turn): void {
  if (mayDial(turn.peer)) startConnectRetryTimer(turn);
}

function startConnectRetryTimer(turn: Turn): void {
  // Never 0: a peer that refuses at once would make us spin.
  startTimer(turn, { name: 'connectRetry' }, Math.max(1, turn.peer.config.connectRetryTimeSeconds), true);
}
