/**
 * The NOTIFICATION message (RFC 4271 §4.5) and the shutdown communication that Cease/2 and Cease/4 carry (RFC 9003,
 * which replaces RFC 8203). A NOTIFICATION is never answered, whatever is wrong with it (RFC 4271 §6.4), so decoding
 * cannot fail: one too short for its codes is decoded with code 0.
 */

import {
  CEASE_ADMINISTRATIVE_RESET,
  CEASE_ADMINISTRATIVE_SHUTDOWN,
  CEASE_HARD_RESET,
  ERROR_CEASE,
  formatNotificationCode,
  MESSAGE_NOTIFICATION,
} from '../iana.ts';
import { decodeUtf8, encodeUtf8Truncated } from '../utf8.ts';
import { HEADER_OCTETS, MAX_MESSAGE_OCTETS } from './framer.ts';
import { finishMessage, startMessage } from './header.ts';
import type { NotificationMessage } from './message-types.ts';
import { fromHex, toHex } from './octets.ts';

/** RFC 9003 §2: the length octet allows 255. */
const MAX_SHUTDOWN_COMMUNICATION_OCTETS = 255;

/* notification := code(1) subcode(1) data(rest) */

/** Decodes the NOTIFICATION at [start, end), header included. */
export function decodeNotification(octets: Uint8Array, start: number, end: number): NotificationMessage {
  const at = start + HEADER_OCTETS;
  if (at + 2 > end) return { type: 'notification', code: 0, subcode: 0, data: toHex(octets, at, end) };
  const code = octets[at];
  const subcode = octets[at + 1];
  const message = { type: 'notification', code, subcode, data: toHex(octets, at + 2, end) } as const;
  if (code !== ERROR_CEASE) return message;
  if (subcode === CEASE_HARD_RESET) {
    // RFC 8538 §3.1: the data is the code, subcode and data of what would have been sent otherwise.
    if (at + 4 > end || octets[at + 2] !== ERROR_CEASE || !carriesText(octets[at + 3])) return message;
    return withText(message, decodeShutdownCommunication(octets, at + 4, end));
  }
  return carriesText(subcode) ? withText(message, decodeShutdownCommunication(octets, at + 2, end)) : message;
}

function carriesText(ceaseSubcode: number): boolean {
  return ceaseSubcode === CEASE_ADMINISTRATIVE_SHUTDOWN || ceaseSubcode === CEASE_ADMINISTRATIVE_RESET;
}

function withText(message: NotificationMessage, text: string | null): NotificationMessage {
  return text === null ? message : { ...message, shutdownCommunication: text };
}

/* shutdown-communication := length(1) utf-8-text(length) */
function decodeShutdownCommunication(octets: Uint8Array, start: number, end: number): string | null {
  if (start === end) return null;
  const textEnd = start + 1 + octets[start];
  return textEnd > end ? null : decodeUtf8(octets, start + 1, textEnd);
}

/** Encodes a NOTIFICATION from its code, subcode and hexadecimal data, which is cut where a message ends. */
export function encodeNotification(notification: {
  readonly code: number;
  readonly subcode: number;
  readonly data: string;
}): Uint8Array {
  const whole = fromHex(notification.data) ?? new Uint8Array(0);
  const data = whole.subarray(0, MAX_MESSAGE_OCTETS - HEADER_OCTETS - 2);
  return finishMessage(
    startMessage(MESSAGE_NOTIFICATION, 64 + data.length)
      .uint8(notification.code)
      .uint8(notification.subcode)
      .bytes(data),
  );
}

/** Data field of a Cease/2 or Cease/4 with a text for the peer's operator, as hexadecimal; the text may be cut. */
export function shutdownCommunicationData(text: string): string {
  if (text === '') return '';
  const octets = encodeUtf8Truncated(text, MAX_SHUTDOWN_COMMUNICATION_OCTETS);
  return toHex(Uint8Array.of(octets.length)) + toHex(octets);
}

/** Data field of a Cease/9 Hard Reset around the Cease it stands for (RFC 8538 §3.1), as hexadecimal. */
export function hardResetData(inner: {
  readonly code: number;
  readonly subcode: number;
  readonly data: string;
}): string {
  return toHex(Uint8Array.of(inner.code, inner.subcode)) + inner.data;
}

/**
 * One line for logs and the API: codes in words and the shutdown communication, control characters escaped so that a
 * peer cannot write to the terminal (RFC 9003 §5).
 */
export function formatNotification(notification: NotificationMessage): string {
  const text = notification.shutdownCommunication;
  const codes = formatNotificationCode(notification.code, notification.subcode);
  return text === undefined || text === '' ? codes : `${codes}: ${escapeControls(text)}`;
}

function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (control) => `\\u{${(control.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
