/**
 * Any message to a plain value and back: the table of message types (RFC 4271 §4). Who reads many UPDATEs uses
 * UpdateReader instead.
 */

import {
  BAD_MESSAGE_LENGTH,
  ERROR_MESSAGE_HEADER,
  MESSAGE_KEEPALIVE,
  MESSAGE_NOTIFICATION,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
} from '../iana.ts';
import { type NotificationError, notificationError } from './error.ts';
import { checkHeader, HEADER_OCTETS, MAX_EXTENDED_MESSAGE_OCTETS } from './framer.ts';
import { finishMessage, startMessage } from './header.ts';
import type { Message } from './message-types.ts';
import { decodeNotification } from './notification.ts';
import { uint16 } from './octets.ts';
import { decodeOpen } from './open.ts';
import { decodeRouteRefresh } from './route-refresh.ts';
import { decodeUpdate } from './update.ts';
import type { UpdateContext } from './update-context.ts';
import { CANONICAL_CONTEXT } from './update-context.ts';

export type DecodeResult =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly error: NotificationError };

/**
 * Decodes one whole message at [start, end), as the framer delimits it. `context` matters for UPDATEs only.
 * `maxMessageOctets` is 4096 unless RFC 8654 was negotiated; framed messages have been checked for it already.
 */
export function decodeMessage(
  octets: Uint8Array,
  context: UpdateContext = CANONICAL_CONTEXT,
  start = 0,
  end = octets.length,
  maxMessageOctets = MAX_EXTENDED_MESSAGE_OCTETS,
): DecodeResult {
  if (end - start < HEADER_OCTETS || uint16(octets, start + 16) !== end - start) {
    const error = notificationError(
      ERROR_MESSAGE_HEADER,
      BAD_MESSAGE_LENGTH,
      'The length field is not the message length',
    );
    return { ok: false, error };
  }
  const error = checkHeader(octets, start, maxMessageOctets);
  if (error !== null) return { ok: false, error };
  switch (octets[start + 18]) {
    case MESSAGE_OPEN:
      return decodeOpen(octets, start, end);
    case MESSAGE_UPDATE:
      return decodeUpdate(octets, start, end, context);
    case MESSAGE_NOTIFICATION:
      return { ok: true, message: decodeNotification(octets, start, end) };
    case MESSAGE_ROUTE_REFRESH:
      return decodeRouteRefresh(octets, start, end);
    default:
      return { ok: true, message: { type: 'keepalive' } };
  }
}

/** A KEEPALIVE; the same octets every time. */
export function encodeKeepalive(): Uint8Array {
  return finishMessage(startMessage(MESSAGE_KEEPALIVE, 19));
}
