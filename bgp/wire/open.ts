/**
 * The OPEN message (RFC 4271 §4.2) with optional parameters of both forms (RFC 5492, RFC 9072). Decides what is wrong
 * with an OPEN as such (RFC 4271 §6.2); whether its AS number, identifier or capabilities suit this session is decided
 * by the session machine.
 */

import {
  AS_TRANS,
  BAD_BGP_IDENTIFIER,
  BAD_PEER_AS,
  ERROR_OPEN_MESSAGE,
  MESSAGE_OPEN,
  OPEN_UNSPECIFIC,
  UNACCEPTABLE_HOLD_TIME,
  UNSUPPORTED_OPTIONAL_PARAMETER,
  UNSUPPORTED_VERSION_NUMBER,
} from '../iana.ts';
import { type Capability, decodeCapability, encodeCapability } from './capability.ts';
import { type NotificationError, notificationError } from './error.ts';
import { finishMessage, startMessage } from './header.ts';
import type { OpenMessage } from './message-types.ts';
import { OctetWriter, uint16, uint32 } from './octets.ts';

export const BGP_VERSION = 4;

const PARAMETER_CAPABILITIES = 2;
/** RFC 9072 §2: as the first parameter type it says that lengths have two octets. */
const PARAMETER_EXTENDED_LENGTH = 255;

export type OpenResult =
  | { readonly ok: true; readonly message: OpenMessage }
  | { readonly ok: false; readonly error: NotificationError };

function openError(subcode: number, reason: string, data = ''): OpenResult {
  return { ok: false, error: notificationError(ERROR_OPEN_MESSAGE, subcode, reason, data) };
}

/*
 * open := version(1) my-as(2) hold-time(2) bgp-identifier(4) parameters-length(1) parameter*
 * parameter := type(1) length(1) value(length)
 * extended, when the first parameter's type is 255: parameters-length(1) 255(1) length(2) (type(1) length(2) value)*
 */

/** Decodes the OPEN at [start, end), header included; the header has been checked. */
export function decodeOpen(octets: Uint8Array, start: number, end: number): OpenResult {
  const version = octets[start + 19];
  if (version !== BGP_VERSION) return openError(UNSUPPORTED_VERSION_NUMBER, `Version ${version} is not 4`, '0004');
  const myAs = uint16(octets, start + 20);
  const holdTimeSeconds = uint16(octets, start + 22);
  const bgpIdentifier = uint32(octets, start + 24);

  const capabilities: Capability[] = [];
  const malformed = decodeParameters(octets, start + 28, end, capabilities);
  if (malformed !== null) return malformed;

  let as = myAs;
  for (const capability of capabilities) if (capability.kind === 'four-octet-as') as = capability.as;
  // RFC 7607 §2: whatever AS number the session is for.
  if (as === 0) return openError(BAD_PEER_AS, 'The AS number is 0');
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2)
    return openError(UNACCEPTABLE_HOLD_TIME, `A hold time of ${holdTimeSeconds} seconds is neither 0 nor at least 3`);
  // RFC 6286 §2.1: any value but 0.
  if (bgpIdentifier === 0) return openError(BAD_BGP_IDENTIFIER, 'The BGP Identifier is 0');
  return {
    ok: true,
    message: { type: 'open', version, as, myAs, holdTimeSeconds, bgpIdentifier, capabilities },
  };
}

/** Reads the optional parameters whose length octet is at `offset`; returns an error or null. */
function decodeParameters(
  octets: Uint8Array,
  offset: number,
  end: number,
  capabilities: Capability[],
): OpenResult | null {
  const declared = octets[offset];
  let at = offset + 1;
  // RFC 9072 §2: a length of 0 means none; otherwise the type octet decides, whatever the length octet says.
  const isExtended = declared !== 0 && at < end && octets[at] === PARAMETER_EXTENDED_LENGTH;
  let length = declared;
  if (isExtended) {
    if (at + 3 > end)
      return openError(OPEN_UNSPECIFIC, 'Cannot decode optional parameters: the extended length is cut off');
    length = uint16(octets, at + 1);
    at += 3;
  }
  if (at + length !== end)
    return openError(
      OPEN_UNSPECIFIC,
      `Cannot decode optional parameters: length ${length} does not match ${end - at} octets`,
    );
  const headerOctets = isExtended ? 3 : 2;
  while (at < end) {
    if (at + headerOctets > end)
      return openError(OPEN_UNSPECIFIC, `Cannot decode optional parameter: ${end - at} trailing octets`);
    const type = octets[at];
    const valueStart = at + headerOctets;
    const valueEnd = valueStart + (isExtended ? uint16(octets, at + 1) : octets[at + 1]);
    if (valueEnd > end)
      return openError(
        OPEN_UNSPECIFIC,
        `Cannot decode optional parameter ${type}: length ${valueEnd - valueStart} exceeds ${end - valueStart} remaining octets`,
      );
    if (type !== PARAMETER_CAPABILITIES)
      return openError(UNSUPPORTED_OPTIONAL_PARAMETER, `Optional parameter ${type} is not supported`);
    const malformed = decodeCapabilities(octets, valueStart, valueEnd, capabilities);
    if (malformed !== null) return malformed;
    at = valueEnd;
  }
  return null;
}

/* capability := code(1) length(1) value(length) */
function decodeCapabilities(
  octets: Uint8Array,
  start: number,
  end: number,
  capabilities: Capability[],
): OpenResult | null {
  let at = start;
  while (at < end) {
    const valueStart = at + 2;
    const valueEnd = valueStart > end ? valueStart : valueStart + octets[at + 1];
    if (valueEnd > end)
      return openError(OPEN_UNSPECIFIC, `Cannot decode capability ${octets[at]}: it exceeds its optional parameter`);
    capabilities.push(decodeCapability(octets[at], octets, valueStart, valueEnd));
    at = valueEnd;
  }
  return null;
}

/**
 * Encodes an OPEN. All capabilities go into one optional parameter, in the extended form (RFC 9072) only when they do
 * not fit the old one. `myAs` is written as given; use `twoOctetAs(as)`.
 */
export function encodeOpen(open: OpenMessage): Uint8Array {
  const values = new OctetWriter();
  for (const capability of open.capabilities) {
    const { code, value } = encodeCapability(capability);
    values.uint8(code).uint8(value.length).bytes(value);
  }
  const capabilities = values.take();
  const writer = startMessage(MESSAGE_OPEN, 64 + capabilities.length)
    .uint8(open.version)
    .uint16(open.myAs)
    .uint16(open.holdTimeSeconds)
    .uint32(open.bgpIdentifier);
  if (capabilities.length === 0) writer.uint8(0);
  else if (capabilities.length + 2 <= 255)
    writer
      .uint8(capabilities.length + 2)
      .uint8(PARAMETER_CAPABILITIES)
      .uint8(capabilities.length)
      .bytes(capabilities);
  else
    writer
      .uint8(255)
      .uint8(PARAMETER_EXTENDED_LENGTH)
      .uint16(capabilities.length + 3)
      .uint8(PARAMETER_CAPABILITIES)
      .uint16(capabilities.length)
      .bytes(capabilities);
  return finishMessage(writer);
}

/** What stands in the My Autonomous System field for an AS number (RFC 6793 §4.2.1). */
export function twoOctetAs(as: number): number {
  return as > 0xffff ? AS_TRANS : as;
}
