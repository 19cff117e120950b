/**
 * Why a connection or a session ended, as one flat value for the API, the logs and graceful restart; and the reasons
 * for which this side ends a session, with the Cease subcode of each (RFC 4486, RFC 8538, RFC 9003, RFC 9384).
 */

import {
  CEASE_ADMINISTRATIVE_RESET,
  CEASE_ADMINISTRATIVE_SHUTDOWN,
  CEASE_BFD_DOWN,
  CEASE_HARD_RESET,
  CEASE_MAXIMUM_PREFIXES_REACHED,
  CEASE_OTHER_CONFIGURATION_CHANGE,
  CEASE_OUT_OF_RESOURCES,
  CEASE_PEER_DECONFIGURED,
  ERROR_CEASE,
  formatNotificationCode,
} from '../iana.ts';
import type { NotificationError } from '../wire/error.ts';
import type { NotificationMessage } from '../wire/message-types.ts';
import { formatNotification, hardResetData, shutdownCommunicationData } from '../wire/notification.ts';
import { fromHex } from '../wire/octets.ts';

/** Why this side wants a session to end. */
export type AdministrativeCause =
  | 'max-prefixes'
  | 'shutdown'
  | 'deconfigured'
  | 'reset'
  | 'configuration-change'
  | 'out-of-resources'
  | 'hard-reset'
  | 'bfd-down';

const CAUSE_SUBCODE: { readonly [C in AdministrativeCause]: number } = {
  'max-prefixes': CEASE_MAXIMUM_PREFIXES_REACHED,
  shutdown: CEASE_ADMINISTRATIVE_SHUTDOWN,
  deconfigured: CEASE_PEER_DECONFIGURED,
  reset: CEASE_ADMINISTRATIVE_RESET,
  'configuration-change': CEASE_OTHER_CONFIGURATION_CHANGE,
  'out-of-resources': CEASE_OUT_OF_RESOURCES,
  'hard-reset': CEASE_ADMINISTRATIVE_RESET,
  'bfd-down': CEASE_BFD_DOWN,
};

/**
 * Causes after which the peer must not keep our routes: where the peer would keep them over a NOTIFICATION (N bit),
 * they go out inside a Hard Reset (RFC 8538 sections 3 and 5). The others leave its forwarding alone.
 */
const HARD_CAUSES: readonly AdministrativeCause[] = [
  'max-prefixes',
  'shutdown',
  'deconfigured',
  'hard-reset',
  'bfd-down',
];

export function isHardCause(cause: AdministrativeCause): boolean {
  return HARD_CAUSES.includes(cause);
}

export type DownKind =
  /** We found an error and said so. */
  | 'notification-sent'
  | 'notification-received'
  | 'hold-timer-expired'
  | 'send-hold-timer-expired'
  /** The transport connection ended without a NOTIFICATION. */
  | 'connection-lost'
  /** The dial did not come up. */
  | 'connection-failed'
  /** Lost against the other connection of the same peer (RFC 4271 section 6.8). */
  | 'collision'
  /** Came in when it could not be accepted, and was closed at once. */
  | 'refused'
  /** Given up through no fault of its own: for a newer connection of the peer, or because of idle-hold. */
  | 'superseded'
  /** The peer opened a new connection under an established session: it has restarted (RFC 4724 section 5). */
  | 'peer-restarted'
  /** This side wanted it. */
  | 'administrative';

export interface DownReason {
  readonly kind: DownKind;
  /** Of the NOTIFICATION, or of what would have been sent; null when no NOTIFICATION belongs to the reason. */
  readonly code: number | null;
  readonly subcode: number | null;
  /** One line for people; everything that comes from the peer in it is printable. */
  readonly text: string;
  /** Shutdown communication (RFC 9003) as it was, ours or the peer's (not made printable); null when there is none. */
  readonly communication: string | null;
  /** Only of kind `administrative`. */
  readonly cause: AdministrativeCause | null;
  /** The connection was closed without a NOTIFICATION on purpose, so that the peer keeps our routes. */
  readonly silent: boolean;
  /** A Hard Reset (RFC 8538 section 3) was sent or received: no routes are kept. */
  readonly hardReset: boolean;
  /** What a Hard Reset carried. */
  readonly encapsulated: { readonly code: number; readonly subcode: number } | null;
}

/** A reason with everything that is not given empty. */
export function downReason(kind: DownKind, text: string, more: Partial<DownReason> = {}): DownReason {
  return {
    kind,
    code: null,
    subcode: null,
    text,
    communication: null,
    cause: null,
    silent: false,
    hardReset: false,
    encapsulated: null,
    ...more,
  };
}

/** A NOTIFICATION to send; `data` in hexadecimal. */
export function notification(code: number, subcode: number, data = ''): NotificationMessage {
  return { type: 'notification', code, subcode, data };
}

/**
 * The Cease for a cause, as sent to a peer that keeps our routes over NOTIFICATIONs (`peerKeepsRoutes`: N bit
 * negotiated) or not. Only Cease/2 and Cease/4 take a text (RFC 9003 section 2).
 */
export function ceaseFor(
  cause: AdministrativeCause,
  text: string | null,
  peerKeepsRoutes: boolean,
): NotificationMessage {
  const subcode = CAUSE_SUBCODE[cause];
  const takesText = subcode === CEASE_ADMINISTRATIVE_SHUTDOWN || subcode === CEASE_ADMINISTRATIVE_RESET;
  const inner = notification(ERROR_CEASE, subcode, takesText ? shutdownCommunicationData(text ?? '') : '');
  if (!peerKeepsRoutes || !isHardCause(cause)) return inner;
  return notification(ERROR_CEASE, CEASE_HARD_RESET, hardResetData(inner));
}

/** The reason that goes with ending a session for a cause; `sent` is null when nothing could or should be said. */
export function administrativeReason(
  cause: AdministrativeCause,
  text: string | null,
  sent: NotificationMessage | null,
  silent = false,
): DownReason {
  const words = formatNotification({
    type: 'notification',
    code: ERROR_CEASE,
    subcode: CAUSE_SUBCODE[cause],
    data: '',
    ...(text === null ? {} : { shutdownCommunication: text }),
  });
  const hardReset = sent !== null && sent.subcode === CEASE_HARD_RESET;
  return downReason('administrative', sent === null ? `${words} (not sent)` : words, {
    code: sent === null ? null : sent.code,
    subcode: sent === null ? null : sent.subcode,
    communication: text,
    cause,
    silent,
    hardReset,
    encapsulated: hardReset ? { code: ERROR_CEASE, subcode: CAUSE_SUBCODE[cause] } : null,
  });
}

/** The reason that goes with an error that we found and report to the peer. */
export function sentReason(kind: 'notification-sent' | 'hold-timer-expired', error: NotificationError): DownReason {
  const words = formatNotificationCode(error.code, error.subcode);
  return downReason(kind, error.reason === '' ? words : `${words}: ${error.reason}`, {
    code: error.code,
    subcode: error.subcode,
  });
}

/** The reason that goes with a NOTIFICATION from the peer, Hard Resets and shutdown communications read. */
export function receivedReason(message: NotificationMessage): DownReason {
  const hardReset = message.code === ERROR_CEASE && message.subcode === CEASE_HARD_RESET;
  const data = fromHex(message.data.slice(0, 4)) ?? new Uint8Array(0);
  const encapsulated = hardReset && data.length === 2 ? { code: data[0], subcode: data[1] } : null;
  const words = formatNotification(message);
  return downReason(
    'notification-received',
    encapsulated === null ? words : `${words} [${formatNotificationCode(encapsulated.code, encapsulated.subcode)}]`,
    {
      code: message.code,
      subcode: message.subcode,
      communication: message.shutdownCommunication ?? null,
      hardReset,
      encapsulated,
    },
  );
}
