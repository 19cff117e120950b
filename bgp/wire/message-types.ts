/**
 * BGP messages as plain, JSON-able values: what the session machine, the API and the tests see. The hot path of
 * UPDATEs does not build these (update-reader.ts). Octet strings are hexadecimal text, addresses and prefixes
 * canonical text, AS numbers and BGP Identifiers unsigned 32-bit integers.
 */

import type { FamilyName } from '../family.ts';
import type { Capability } from './capability.ts';
import type { Finding, Treatment } from './error.ts';

export interface OpenMessage {
  readonly type: 'open';
  readonly version: number;
  /** The sender's AS number: that of the four-octet capability (RFC 6793) when present, else the two-octet field. */
  readonly as: number;
  /** The two-octet My Autonomous System field; AS_TRANS (23456) when `as` does not fit. */
  readonly myAs: number;
  readonly holdTimeSeconds: number;
  /** Unsigned 32-bit. */
  readonly bgpIdentifier: number;
  readonly capabilities: readonly Capability[];
}

export interface KeepaliveMessage {
  readonly type: 'keepalive';
}

export interface NotificationMessage {
  readonly type: 'notification';
  readonly code: number;
  readonly subcode: number;
  /** Data field as hexadecimal text. */
  readonly data: string;
  /** Shutdown communication (RFC 9003) of Cease/2 and Cease/4; absent when there is none or it is malformed. */
  readonly shutdownCommunication?: string;
}

/** RFC 7313 message subtypes: 0 is the request of RFC 2918, 1 and 2 mark begin and end of the route refresh. */
export type RouteRefreshSubtype = 'request' | 'begin' | 'end' | 'unknown';

export interface RouteRefreshMessage {
  readonly type: 'route-refresh';
  readonly afi: number;
  readonly safi: number;
  /** Null when the AFI/SAFI is none of ours. */
  readonly family: FamilyName | null;
  readonly subtype: RouteRefreshSubtype;
  readonly subtypeCode: number;
  /** Octets after the SAFI (an outbound route filter, RFC 5291, that we never asked for), hexadecimal; ignored. */
  readonly rest: string;
}

export interface AsPathSegment {
  readonly type: 'sequence' | 'set' | 'confederation-sequence' | 'confederation-set';
  readonly asns: readonly number[];
}

export interface Nlri {
  /** Canonical `address/length`. */
  readonly prefix: string;
  /** RFC 7911; only where ADD-PATH is received. */
  readonly pathId?: number;
}

/** MP_REACH_NLRI or MP_UNREACH_NLRI. NLRI of families other than IPv4 and IPv6 unicast or multicast stay octets. */
export interface MultiprotocolValue {
  readonly afi: number;
  readonly safi: number;
  /** MP_REACH_NLRI only: one or two addresses; empty when the length is 0 or not that of addresses. */
  readonly nextHops?: readonly string[];
  /** MP_REACH_NLRI only: the next hop field in hexadecimal. */
  readonly nextHopOctets?: string;
  readonly nlri?: readonly Nlri[];
  /** Hexadecimal, instead of `nlri`, for other families. */
  readonly nlriOctets?: string;
}

/** Value of one attribute; which of them it is follows from the attribute's code (attribute/table.ts). */
export type AttributeValue =
  | number
  | string
  | true
  | readonly string[]
  | readonly AsPathSegment[]
  | { readonly as: number; readonly address: string }
  | MultiprotocolValue;

/** One attribute as it arrived. */
export interface DecodedAttribute {
  readonly code: number;
  readonly name: string;
  readonly flags: number;
  /** Null when the attribute is malformed or unknown; then see `octets`. */
  readonly value: AttributeValue | null;
  /** Value field in hexadecimal. */
  readonly octets: string;
}

export interface UpdateMessage {
  readonly type: 'update';
  readonly withdrawn: readonly Nlri[];
  /** In the order of the message, duplicates included. */
  readonly attributes: readonly DecodedAttribute[];
  readonly nlri: readonly Nlri[];
  /** AFI/SAFI that this End-of-RIB marker (RFC 4724 §2) is for; absent when it is none. */
  readonly endOfRib?: { readonly afi: number; readonly safi: number };
  /** What RFC 7606 says to do with the message as a whole; never `session-reset`, which is a decoding error. */
  readonly treatment: Treatment;
  readonly findings: readonly Finding[];
}

export type Message = OpenMessage | UpdateMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage;

export type MessageTypeName = Message['type'];
