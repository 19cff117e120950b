/**
 * The ROUTE-REFRESH message (RFC 2918 §3) with the subtypes of RFC 7313 §3.2. Requests for families that were not
 * negotiated and unknown subtypes are decoded all the same: the session machine ignores them, as the RFCs say.
 */

import { FAMILY_AFI, FAMILY_NAMES, type FamilyIndex, familyOf, SAFI_UNICAST } from '../family.ts';
import { ERROR_ROUTE_REFRESH_MESSAGE, INVALID_ROUTE_REFRESH_LENGTH, MESSAGE_ROUTE_REFRESH } from '../iana.ts';
import { type NotificationError, notificationError } from './error.ts';
import { HEADER_OCTETS } from './framer.ts';
import { finishMessage, startMessage } from './header.ts';
import type { RouteRefreshMessage, RouteRefreshSubtype } from './message-types.ts';
import { toHex, uint16 } from './octets.ts';

const SUBTYPES: readonly RouteRefreshSubtype[] = ['request', 'begin', 'end'];

export type RouteRefreshResult =
  | { readonly ok: true; readonly message: RouteRefreshMessage }
  | { readonly ok: false; readonly error: NotificationError };

/* route-refresh := afi(2) subtype(1) safi(1) */

/** Decodes the ROUTE-REFRESH at [start, end), header included. */
export function decodeRouteRefresh(octets: Uint8Array, start: number, end: number): RouteRefreshResult {
  const at = start + HEADER_OCTETS;
  const length = end - at;
  const subtypeCode = length >= 3 ? octets[at + 2] : 0;
  // RFC 7313 §5. A longer request (subtype 0) holds an outbound route filter (RFC 5291), which we did not ask for.
  if (length < 4 || (length > 4 && (subtypeCode === 1 || subtypeCode === 2))) {
    const reason = `A ROUTE-REFRESH body of subtype ${subtypeCode} has ${length} octets instead of 4`;
    const data = toHex(octets, start, end);
    return {
      ok: false,
      error: notificationError(ERROR_ROUTE_REFRESH_MESSAGE, INVALID_ROUTE_REFRESH_LENGTH, reason, data),
    };
  }
  const afi = uint16(octets, at);
  const safi = octets[at + 3];
  const family = familyOf(afi, safi);
  return {
    ok: true,
    message: {
      type: 'route-refresh',
      afi,
      safi,
      family: family === -1 ? null : FAMILY_NAMES[family],
      subtype: SUBTYPES[subtypeCode] ?? 'unknown',
      subtypeCode,
      rest: toHex(octets, at + 4, end),
    },
  };
}

/** A ROUTE-REFRESH for one of our families. */
export function encodeRouteRefresh(family: FamilyIndex, subtype: 'request' | 'begin' | 'end'): Uint8Array {
  return finishMessage(
    startMessage(MESSAGE_ROUTE_REFRESH).uint16(FAMILY_AFI[family]).uint8(SUBTYPES.indexOf(subtype)).uint8(SAFI_UNICAST),
  );
}
