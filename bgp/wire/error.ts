/**
 * What can be wrong with a message and what is done about it: the treatments of RFC 7606 §2, and the NOTIFICATION
 * (RFC 4271 §4.5, §6) that goes with a session reset. Errors are values; nothing in bgp/wire throws on input.
 */

/** Nothing is wrong. */
export const TREATMENT_OK = 0;
/** RFC 7606 "attribute discard": the attribute is dropped, the rest of the UPDATE is used. */
export const TREATMENT_ATTRIBUTE_DISCARD = 1;
/** RFC 7606 "treat-as-withdraw": the announced prefixes are handled as if they had been withdrawn. */
export const TREATMENT_WITHDRAW = 2;
/** RFC 7606 "session reset": a NOTIFICATION is sent and the session ends. */
export const TREATMENT_RESET = 3;

/** Treatments in ascending severity, so that the worst of several is their maximum. */
export type Treatment = 0 | 1 | 2 | 3;

export const TREATMENT_NAMES = ['ok', 'attribute-discard', 'treat-as-withdraw', 'session-reset'] as const;

/** Content of a NOTIFICATION that reports an error. `data` is hexadecimal text so that the value stays JSON-able. */
export interface NotificationError {
  readonly code: number;
  readonly subcode: number;
  /** Data field of the NOTIFICATION, as hexadecimal text. */
  readonly data: string;
  /** For logs and the API: what was found, in words. Not sent. */
  readonly reason: string;
}

/** One thing wrong with an UPDATE. */
export interface Finding {
  /** Attribute type code, or null when the error is in the frame of the message. */
  readonly attribute: number | null;
  readonly treatment: Treatment;
  readonly reason: string;
  /** What RFC 4271 §6.3 would send; sent only when the treatment is a session reset. */
  readonly notification: { readonly code: number; readonly subcode: number; readonly data: string };
}

export function notificationError(code: number, subcode: number, reason: string, data = ''): NotificationError {
  return { code, subcode, data, reason };
}

/** The first of the most severe findings, or null when there is none. */
export function worstFinding(findings: readonly Finding[]): Finding | null {
  let worst: Finding | null = null;
  for (const finding of findings) if (worst === null || finding.treatment > worst.treatment) worst = finding;
  return worst;
}
