/**
 * The BFD control packet (RFC 5880 section 4.1) and the checks of section 6.8.6 that need nothing but the packet. Which
 * session a packet belongs to, and whether it came from near enough, is decided where sockets and sessions are known.
 *
 * Authentication (section 4.2 to 4.4) is not implemented: packets with the A bit are refused, as section 6.8.6 asks of a
 * system whose sessions use none.
 */

export const BFD_VERSION = 1;
/** Of a packet without authentication; ours are always this long. */
export const BFD_PACKET_OCTETS = 24;

/** RFC 5880 section 4.1, Sta: at its code. */
export const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const;
export type BfdState = (typeof BFD_STATES)[number];

export const DIAGNOSTIC_NONE = 0;
export const DIAGNOSTIC_TIME_EXPIRED = 1;
export const DIAGNOSTIC_NEIGHBOR_DOWN = 3;
export const DIAGNOSTIC_ADMIN_DOWN = 7;

const DIAGNOSTICS: readonly string[] = [
  'No Diagnostic',
  'Control Detection Time Expired',
  'Echo Function Failed',
  'Neighbor Signaled Session Down',
  'Forwarding Plane Reset',
  'Path Down',
  'Concatenated Path Down',
  'Administratively Down',
  'Reverse Concatenated Path Down',
];

/** The registry's words for a diagnostic code. */
export function diagnosticText(code: number): string {
  return DIAGNOSTICS[code] ?? `diagnostic ${code}`;
}

export interface BfdPacket {
  /** 0..31 */
  readonly diagnostic: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  /** C: the sender's BFD does not share fate with its control plane. */
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  readonly detectMultiplier: number;
  readonly myDiscriminator: number;
  /** 0: not known. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxMicroseconds: number;
  readonly requiredMinRxMicroseconds: number;
  readonly requiredMinEchoRxMicroseconds: number;
}

/** Why a packet was discarded; the names are counters in the API. */
export type BfdRefusal =
  | 'too-short'
  | 'wrong-version'
  | 'wrong-length'
  | 'zero-multiplier'
  | 'multipoint'
  | 'zero-discriminator'
  | 'no-discriminator'
  | 'authentication';

export type BfdPacketResult =
  | { readonly ok: true; readonly packet: BfdPacket }
  | { readonly ok: false; readonly refusal: BfdRefusal };

const POLL = 0x20;
const FINAL = 0x10;
const CONTROL_PLANE_INDEPENDENT = 0x08;
const AUTHENTICATION = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;

function uint32(octets: Uint8Array, at: number): number {
  return ((octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]) >>> 0;
}

function putUint32(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 24;
  octets[at + 1] = value >>> 16;
  octets[at + 2] = value >>> 8;
  octets[at + 3] = value;
}

function refused(refusal: BfdRefusal): BfdPacketResult {
  return { ok: false, refusal };
}

/*
 * packet := version(3 bits) diagnostic(5) state(2) P F C A D M multiplier(8) length(8) my-discriminator(32)
 *           your-discriminator(32) desired-min-tx(32) required-min-rx(32) required-min-echo-rx(32)
 */

/** Reads the payload of a datagram, the first `length` octets; checks in the order of RFC 5880 section 6.8.6. */
export function decodeBfdPacket(octets: Uint8Array, length: number): BfdPacketResult {
  if (length < BFD_PACKET_OCTETS) return refused('too-short');
  if (octets[0] >>> 5 !== BFD_VERSION) return refused('wrong-version');
  const flags = octets[1];
  const stated = octets[3];
  if (stated < BFD_PACKET_OCTETS || stated > length) return refused('wrong-length');
  const detectMultiplier = octets[2];
  if (detectMultiplier === 0) return refused('zero-multiplier');
  if ((flags & MULTIPOINT) !== 0) return refused('multipoint');
  const myDiscriminator = uint32(octets, 4);
  if (myDiscriminator === 0) return refused('zero-discriminator');
  const yourDiscriminator = uint32(octets, 8);
  const state = BFD_STATES[flags >>> 6];
  if (yourDiscriminator === 0 && state !== 'Down' && state !== 'AdminDown') return refused('no-discriminator');
  if ((flags & AUTHENTICATION) !== 0) return refused('authentication');
  return {
    ok: true,
    packet: {
      diagnostic: octets[0] & 0x1f,
      state,
      poll: (flags & POLL) !== 0,
      final: (flags & FINAL) !== 0,
      controlPlaneIndependent: (flags & CONTROL_PLANE_INDEPENDENT) !== 0,
      demand: (flags & DEMAND) !== 0,
      detectMultiplier,
      myDiscriminator,
      yourDiscriminator,
      desiredMinTxMicroseconds: uint32(octets, 12),
      requiredMinRxMicroseconds: uint32(octets, 16),
      requiredMinEchoRxMicroseconds: uint32(octets, 20),
    },
  };
}

/** Writes the packet into the first 24 octets. */
export function encodeBfdPacket(packet: BfdPacket, octets: Uint8Array): void {
  octets[0] = (BFD_VERSION << 5) | packet.diagnostic;
  octets[1] =
    (BFD_STATES.indexOf(packet.state) << 6) |
    (packet.poll ? POLL : 0) |
    (packet.final ? FINAL : 0) |
    (packet.controlPlaneIndependent ? CONTROL_PLANE_INDEPENDENT : 0) |
    (packet.demand ? DEMAND : 0);
  octets[2] = packet.detectMultiplier;
  octets[3] = BFD_PACKET_OCTETS;
  putUint32(octets, 4, packet.myDiscriminator);
  putUint32(octets, 8, packet.yourDiscriminator);
  putUint32(octets, 12, packet.desiredMinTxMicroseconds);
  putUint32(octets, 16, packet.requiredMinRxMicroseconds);
  putUint32(octets, 20, packet.requiredMinEchoRxMicroseconds);
}
