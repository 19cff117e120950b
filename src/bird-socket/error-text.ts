/** Why a session is down in BIRD's words: class prefix and text of the info column and of `Last error`. */

import type { DownReason } from '../../bgp/fsm/reason.ts';

const NOTIFICATIONS: Readonly<Record<string, string>> = {
  '1.0': 'Invalid message header',
  '1.1': 'Connection not synchronized',
  '1.2': 'Bad message length',
  '1.3': 'Bad message type',
  '2.0': 'Invalid OPEN message',
  '2.1': 'Unsupported version number',
  '2.2': 'Bad peer AS',
  '2.3': 'Bad BGP identifier',
  '2.4': 'Unsupported optional parameter',
  '2.5': 'Authentication failure',
  '2.6': 'Unacceptable hold time',
  '2.7': 'Required capability missing',
  '2.8': 'No supported AFI/SAFI',
  '2.11': 'Role mismatch',
  '3.0': 'Invalid UPDATE message',
  '3.1': 'Malformed attribute list',
  '3.2': 'Unrecognized well-known attribute',
  '3.3': 'Missing mandatory attribute',
  '3.4': 'Invalid attribute flags',
  '3.5': 'Invalid attribute length',
  '3.6': 'Invalid ORIGIN attribute',
  '3.7': 'AS routing loop',
  '3.8': 'Invalid NEXT_HOP attribute',
  '3.9': 'Optional attribute error',
  '3.10': 'Invalid network field',
  '3.11': 'Malformed AS_PATH',
  '4.0': 'Hold timer expired',
  '5.0': 'Finite state machine error',
  '5.1': 'Unexpected message in OpenSent state',
  '5.2': 'Unexpected message in OpenConfirm state',
  '5.3': 'Unexpected message in Established state',
  '6.0': 'Cease',
  '6.1': 'Maximum number of prefixes reached',
  '6.2': 'Administrative shutdown',
  '6.3': 'Peer de-configured',
  '6.4': 'Administrative reset',
  '6.5': 'Connection rejected',
  '6.6': 'Other configuration change',
  '6.7': 'Connection collision resolution',
  '6.8': 'Out of Resources',
  '6.9': 'Hard reset',
  '6.10': 'BFD session down',
  '7.0': 'Invalid ROUTE-REFRESH message',
  '7.1': 'Invalid ROUTE-REFRESH message length',
  '8.0': 'Send hold timer expired',
};

export function notificationText(code: number, subcode: number): string {
  return NOTIFICATIONS[`${code}.${subcode}`] ?? `Unknown error ${code}.${subcode}`;
}

/** What strerror says, of the errors that TCP has. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ETIMEDOUT: 'Connection timed out',
  ENETUNREACH: 'Network is unreachable',
  ENETDOWN: 'Network is down',
  EPIPE: 'Broken pipe',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EADDRINUSE: 'Address already in use',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EINVAL: 'Invalid argument',
  ENODEV: 'No such device',
  EHOSTDOWN: 'Host is down',
  ECONNABORTED: 'Software caused connection abort',
};

function socketText(reason: DownReason): string {
  const name = /\bE[A-Z0-9]{3,}\b/.exec(reason.text)?.[0];
  if (name !== undefined) return SYSTEM_ERRORS[name] ?? reason.text;
  if (reason.kind === 'connection-lost') return 'Connection closed';
  return SYSTEM_ERRORS.ETIMEDOUT;
}

/** `CLASS: text`; empty when there is nothing that BIRD would show. */
export function errorText(reason: DownReason | null): string {
  if (reason === null) return '';
  const { code, subcode } = reason.encapsulated ?? reason;
  switch (reason.kind) {
    case 'notification-sent':
      return `BGP Error: ${notificationText(code ?? 0, subcode ?? 0)}`;
    case 'hold-timer-expired':
      return `BGP Error: ${notificationText(4, 0)}`;
    case 'send-hold-timer-expired':
      return `BGP Error: ${notificationText(8, 0)}`;
    case 'notification-received':
      return `Received: ${notificationText(code ?? 0, subcode ?? 0)}`;
    case 'connection-lost':
    case 'connection-failed':
      return `Socket: ${socketText(reason)}`;
    case 'peer-restarted':
      return 'Error: Graceful restart';
    case 'collision':
    case 'refused':
    case 'superseded':
      return '';
    case 'administrative':
      if (reason.cause === 'max-prefixes') return 'Automatic shutdown: Route limit exceeded';
      return reason.cause === 'bfd-down' ? 'Error: BFD session down' : '';
  }
}
